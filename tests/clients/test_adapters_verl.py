"""The tools, the rows and the reward for verl, in verl's own agent loop, data set and reward manager."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.adapter_parts import ALPS, Played, Watch, Written, project_of, run_in
from tests.clients.environments import Environment
from training.adapters.catalogue import ADAPTERS

pytestmark = pytest.mark.clients(tier="B")

Get = Callable[[str], Environment]
LINES = re.findall(r"((?:data|actor_rollout_ref|reward)\.[\w.]+=[\w./-]+)", ADAPTERS["verl"].lines)
TOOLS = "actor_rollout_ref.rollout.multi_turn."


def trajectories(home: Environment, project: Path, lines: list[str], **variables: str) -> Any:
    about = {"PYTHONPATH": str(project), "HOME": str(project), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [*home.command, str(home.scripts / "adapter_verl.py"), *lines]
    return json.loads(run_in(command, project, 300, **about, **variables).splitlines()[-1])


@pytest.fixture(scope="module")
def played_by_verl(environment: Get, tasked: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Any]]:
    """What the script saw with the lines of `stillweb adapters verl`, and the episodes that it left."""
    watch = Watch(tasked)
    project = project_of("verl", tmp_path_factory.mktemp("verl"))
    return trajectories(environment("verl"), project, LINES, STILLWEB_URL=tasked), watch("alps")


@pytest.mark.row(
    "verl",
    "verl",
    pointed="`multi_turn.tool_config_path=stillweb_verl.yaml`, `reward.custom_reward_function.path=stillweb_verl.py`",
    ran="`ToolAgentLoop`, `RLHFDataset`, `NaiveRewardManager`: an episode a trajectory, two calls at once, the reward",
)
def test_a_trajectory_is_one_episode_and_is_rewarded_for_it(played_by_verl: tuple[Any, list[Any]]) -> None:
    told, episodes = played_by_verl
    assert told["rows"] == 1
    assert ALPS["answer"] not in json.dumps(told["row"])
    first, second = told["trajectories"]
    assert first == second
    assert first["reward"] == 1.0
    assert first["about"] == {"score": 1.0, "acc": 1.0, "answered": 1.0, "stillweb_failed": 0.0}
    seen = first["seen"][-1]
    assert "1. Liechtenstein\nhttps://www.cia.gov/" in seen
    assert "doubly landlocked" in seen.rpartition("<tool_response>")[2]
    assert "doubly landlocked countries" not in first["learnt"]
    assert told["wrong"]["reward"] == 0.0
    assert "Error: the arguments cannot be read" in told["wrong"]["seen"][-1]
    one, other = [episode for episode in episodes if len(episode["calls"]) == 2]
    assert sorted(one["calls"]) == sorted(other["calls"])  # calls made at once are numbered as they come
    assert sorted(tool for tool, _, _ in one["calls"]) == ["fetch", "search"]
    assert (one["reward"], other["reward"]) == (1.0, 1.0)
    assert all(episode["state"] != "open" for episode in episodes)


def test_the_traps_of_verl_bite_where_the_lines_are_left_out(played_by_verl: tuple[Any, list[Any]]) -> None:
    told, _ = played_by_verl
    assert told["defaults"] == [256, "middle", 1, 512, ["native"]]  # and no tools by MCP
    # 256 characters out of the middle, and one call of two: the other is dropped in silence.
    (response,) = _responses(told["plain"])
    assert len(response) == 256 + len("...(truncated)...")
    search, fetch = _responses(told["trajectories"][0])
    assert min(len(search), len(fetch)) > 1000
    assert "truncated" not in search + fetch
    # What does not fit into the response is left out, and the trajectory ends without an answer.
    assert told["small"]["about"]["answered"] == 0.0
    assert "tool_response" not in told["small"]["response"]
    # The reward sees the words of pages too: without tags nothing is an answer.
    assert told["untagged"]["about"]["answered"] == 0.0
    assert (told["untagged"]["reward"], told["direct"]["reward"]) == (0.0, 1.0)


@pytest.mark.row(
    "verl",
    "verl",
    pointed="`multi_turn.function_tool_path=stillweb_verl_functions.py`",
    ran="`ToolAgentLoop` with function tools, outside episodes",
)
def test_function_tools_give_the_same_words_without_an_episode(
    environment: Get, tasked: str, written: Written, played: Played
) -> None:
    lines = [line for line in LINES if "tool_config_path" not in line]
    lines.append(f"{TOOLS}function_tool_path=stillweb_verl_functions.py")
    told = trajectories(environment("verl"), written("verl"), lines, STILLWEB_URL=tasked)
    first, second = told["trajectories"]
    assert first == second
    assert first["reward"] == 1.0
    assert "doubly landlocked" in first["seen"][-1].rpartition("<tool_response>")[2]
    assert all(not episode["calls"] for episode in played("alps"))


def test_where_the_server_is_gone_the_model_is_told_and_the_reward_does_not_say_zero(
    environment: Get, written: Written
) -> None:
    script = (
        "import asyncio, types, stillweb_verl as s\n"
        "from verl.tools.schemas import OpenAIFunctionToolSchema as Schema\n"
        "schema = Schema.model_validate({'type': 'function', 'function': {'name': 'search', 'description': ''}})\n"
        "data = types.SimpleNamespace(extra_fields={}, tools_kwargs={'search': {'create_kwargs': {'task': 'alps'}}})\n"
        "told = asyncio.run(s.SearchTool({}, schema).execute('1', {'query': 'x'}, agent_data=data))\n"
        "print(told[0].text, data.extra_fields)\n"
        "try: s.compute_score('stillweb', '<answer>x</answer>', '', {'task_id': 'alps'})\n"
        "except s.WebError as error: print('raised', error.code)\n"
    )
    home, project = environment("verl"), written("verl")
    about = {"PYTHONPATH": str(project), "STILLWEB_URL": "http://127.0.0.1:9", "HOME": str(project)}
    *_, shown, raised = run_in([*home.command, "-c", script], project, **about).splitlines()
    assert shown.startswith("Error: ")
    assert "{'stillweb_failed': True}" in shown
    assert raised == "raised unreachable"


def test_function_tools_cannot_be_loaded_twice_and_the_rest_can(environment: Get, written: Written) -> None:
    script = (
        "from verl.utils.import_utils import load_extern_object\n"
        "from verl.tools.function_tool import load_function_tools_from_path\n"
        "import shutil, stillweb_verl\n"
        "load_extern_object('stillweb_verl.py', 'compute_score')\n"
        "assert len(load_function_tools_from_path('stillweb_verl_functions.py')) == 2\n"
        "shutil.copy('stillweb_verl_functions.py', 'again.py')\n"
        "try: load_function_tools_from_path('again.py')\n"
        "except ValueError as error: print(error)\n"
    )
    home, project = environment("verl"), written("verl")
    said = run_in([*home.command, "-c", script], project, PYTHONPATH=str(project), HOME=str(project))
    assert "already registered" in said.splitlines()[-1]


def _responses(trajectory: Any) -> list[str]:
    found: list[str] = re.findall(r"<tool_response>\n(.*?)\n</tool_response>", trajectory["seen"][-1], re.DOTALL)
    return found
