"""The resources server for NeMo Gym, over NeMo Gym's own base class, routes and models.

NeMo Gym asks for Python 3.13.14. Its servers' modules run in 3.11 as well, so what is tested here is the real package,
installed without regard to that: the contract of a resources server, and no training.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.clients.adapter_parts import ALPS, Played, Written, run_in
from tests.clients.environments import Environment

pytestmark = pytest.mark.clients(tier="B")


@pytest.mark.row(
    "nemo-gym",
    "nemo_gym",
    pointed="`resources_servers/stillweb`, `STILLWEB_URL=URL`",
    ran="`/seed_session`, `/search`, `/fetch`, `/verify` by cookie; a rollout without an answer; a server that is gone",
)
def test_a_session_is_an_episode_and_is_verified_by_the_server(
    environment: Callable[[str], Environment], tasked: str, written: Written, played: Played
) -> None:
    home, project = environment("nemo_gym"), written("nemo-gym")
    command = [*home.command, str(home.scripts / "adapter_nemo_gym.py")]
    told = json.loads(run_in(command, project, STILLWEB_URL=tasked, HOME=str(project)).splitlines()[-1])
    assert ALPS["answer"] not in json.dumps(told["row"])
    assert told["python"] == ">=3.13.14"
    first, second = told["rollouts"]
    assert first == second
    assert (first["status"], first["cookies"]) == (200, 1)
    search, fetch, missing = first["texts"]
    assert search.startswith("1. Liechtenstein\n")
    assert "doubly landlocked" in fetch
    assert missing.startswith("Error: ")
    scored = {"reward": 1.0, "correct": True, "answered": True, "mask_sample": False, "failure_reason": None}
    assert first["verified"] == {**scored, "task_id": "alps"}
    assert (told["call"]["verified"]["reward"], told["call"]["verified"]["answered"]) == (0.0, False)
    assert told["open"] == 0
    assert told["again"] == 1.0
    assert told["gone"]["mask_sample"] is True
    assert "no complete answer" in told["gone"]["failure_reason"]
    names = {tool["name"] for tool in told["row"]["responses_create_params"]["tools"]}
    assert names == {"search", "fetch"}
    agent = told["config"]["stillweb_simple_agent"]["responses_api_agents"]["simple_agent"]
    assert agent["resources_server"]["name"] in told["config"]
    whole = [one for one in played("alps") if len(one["calls"]) == 3 and one["reward"] is not None]
    assert whole[0] == whole[1]
    assert [tool for tool, _, _ in whole[0]["calls"]] == ["search", "fetch", "fetch"]
