"""The OpenEnv environment: its server under uvicorn, its client and OpenEnv's own, in OpenEnv's environment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.adapter_parts import ALPS, Played, Written
from tests.clients.environments import Environment

pytestmark = pytest.mark.clients(tier="B")


@pytest.mark.row(
    "openenv",
    "openenv",
    pointed="`stillweb_openenv:app` (a server before URL), `StillwebEnv(base_url=...)`, `GenericEnvClient(...)`",
    ran="reset, search, fetch, answer, reward, state; two sessions at once; a task by seed; wrong arguments",
)
def test_sessions_at_once_see_the_same_and_are_rewarded_by_the_server(
    environment: Callable[[str], Environment], tasked: str, written: Written, played: Played
) -> None:
    project = written("openenv")
    seen = environment("openenv").run("adapter_openenv.py", PYTHONPATH=str(project), STILLWEB_URL=tasked)
    first, second = seen["sessions"]
    assert first == second
    assert first["question"] == ALPS["question"]
    assert "doubly landlocked" in first["texts"][1]
    assert first["texts"][2].startswith("Error: the arguments cannot be read")
    assert (first["rewards"], first["done"]) == ([0.0, 0.0, 0.0, 1.0], [False, False, False, True])
    assert first["steps"] == 4
    assert "over: reset first" in seen["after"]
    assert seen["by_seed"] == "danube"  # the second of two
    assert seen["unknown"].count("nothing") == 1
    assert seen["generic"] == {"reward": 0.0, "done": True}
    assert "CAPACITY_REACHED" in seen["refused"]  # one session, where nothing is said of their number
    one, other, wrong = sorted(played("alps"), key=lambda one: -len(one["calls"]))
    assert one == other
    assert [tool for tool, _, _ in one["calls"]] == ["search", "fetch"]
    assert (one["reward"], wrong["reward"]) == (1.0, 0.0)
