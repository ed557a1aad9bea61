"""The environment for SkyRL-Gym, registered and made by SkyRL-Gym itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.adapter_parts import ALPS, Played, Written
from tests.clients.environments import Environment

pytestmark = pytest.mark.clients(tier="B")


@pytest.mark.row(
    "skyrl-gym",
    "skyrl",
    pointed="`register(id='stillweb', entry_point='stillweb_skyrl:StillwebEnv')`",
    ran="an episode: search, fetch, a reply without a call, answer, the server's reward; one with too few turns",
)
def test_an_episode_searches_reads_and_is_rewarded_by_the_server(
    environment: Callable[[str], Environment], tasked: str, written: Written, played: Played
) -> None:
    project = written("skyrl")
    seen = environment("skyrl").run("adapter_skyrl.py", PYTHONPATH=str(project), STILLWEB_URL=tasked)
    assert (seen["rows"], seen["turns"]) == (1, 2)  # the stock environment gives a rollout two turns
    assert ALPS["answer"] not in str(seen["row"])
    right, again, cut = seen["rollouts"]
    assert right == again
    assert right["rewards"] == [0.0, 0.0, 0.0, 1.0]
    assert right["done"] == [False, False, False, True]
    search, fetch, lost = right["observations"]
    assert search.startswith("\n<information>1. Liechtenstein\nhttps://www.cia.gov/")
    assert "doubly landlocked" in fetch
    assert "<answer>the answer alone</answer>" in lost
    assert right["metrics"] == {"turns": 4, "correct": 1.0}
    assert (cut["rewards"], cut["done"]) == ([0.0, 0.0], [False, True])
    first, second, third = sorted(played("alps"), key=lambda one: (one["state"], len(one["calls"])))
    assert first == second
    assert [tool for tool, _, _ in first["calls"]] == ["search", "fetch"]
    assert (first["reward"], third["reward"], third["state"]) == (1.0, None, "closed")
