"""The taskset for verifiers, played by verifiers itself: its command, its null harness, tools through MCP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.adapter_parts import FakeModel, Played, Written, run_in
from tests.clients.environments import Environment

pytestmark = pytest.mark.clients(tier="B")

Get = Callable[[str], Environment]


def evaluated(home: Environment, project: Path, model: FakeModel, *words: str, **variables: str) -> list[Any]:
    """Traces that vf-eval wrote. Its harness runs a script by uv; the uv here is a fake one that runs it with the
    packages of the environment, which are those that the script asks for."""
    shim = project / "bin"
    shim.mkdir()
    (shim / "uv").write_text(
        "#!/bin/sh\n"
        'case "$*" in *--help*) echo -- --script;; sync*) ;; '
        f'"python find"*) echo "{home.bin / "python"}";; *) exit 3;; esac\n'
    )
    (shim / "uv").chmod(0o755)
    command = [str(home.bin / "vf-eval"), "stillweb_verifiers", "--env.agent.harness.id", "null", "--no-push"]
    command += [
        "--env.agent.runtime.type",
        "subprocess",
        "--no-rich",
        "--model",
        "scripted",
        "--client.base-url",
        model.url,
        "--client.api-key-var",
        "FAKE",
    ]
    path = f"{shim}:/usr/local/bin:/usr/bin:/bin"
    run_in(
        [*command, "--output-dir", str(project / "out"), "--run.dir", "run", *words],
        project, PYTHONPATH=str(project), PATH=path, HOME=str(project), FAKE="no-key", **variables,
    )  # fmt: skip
    lines = (project / "out" / "run" / "traces.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.row(
    "verifiers",
    "verifiers",
    pointed="`vf-eval stillweb_verifiers`, `ToolsetConfig(url=URL + '/e/EPISODE/mcp')`",
    ran="two rollouts of a task by the null harness: search, fetch, answer, reward",
)
def test_two_rollouts_of_a_task_see_the_same_and_are_rewarded_by_the_server(
    environment: Get, tasked: str, written: Written, played: Played
) -> None:
    with FakeModel() as model:
        options = ("-n", "1", "-r", "2", "--env.taskset.split", "test")
        traces = evaluated(environment("verifiers"), written("verifiers"), model, *options, STILLWEB_URL=tasked)
    first, second = played("alps")
    assert first == second
    assert [tool for tool, _, _ in first["calls"]] == ["search", "fetch"]
    assert (first["state"], first["reward"]) == ("answered", 1.0)
    assert len(traces) == 2
    told = json.dumps(traces)
    assert "doubly landlocked" in told
    assert 'Principality of Liechtenstein"]' not in told  # the aliases of the gold stay where they are
    offered = {tool["function"]["name"] for tool in model.asked[0]["tools"]}
    assert {"search", "fetch"} <= offered


def test_a_wrong_answer_is_worth_nothing(environment: Get, tasked: str, written: Written, played: Played) -> None:
    with FakeModel(answer="Andorra") as model:
        options = ("-n", "1", "--env.taskset.split", "test", "--env.taskset.task.max-calls", "9")
        evaluated(environment("verifiers"), written("verifiers"), model, *options, STILLWEB_URL=tasked)
    assert [one["reward"] for one in played("alps")] == [0.0]


def test_words_beside_a_call_are_no_answer_where_a_rollout_is_cut(
    environment: Get, tasked: str, written: Written, played: Played
) -> None:
    with FakeModel(beside="Liechtenstein") as model:
        options = ("-n", "1", "--env.taskset.split", "test", "--env.agent.max-turns", "1")
        evaluated(environment("verifiers"), written("verifiers"), model, *options, STILLWEB_URL=tasked)
    (cut,) = played("alps")
    assert (cut["state"], cut["reward"]) == ("closed", None)


def test_what_bites_in_this_version_of_verifiers_is_as_the_page_says(environment: Get, written: Written) -> None:
    script = (
        "import verifiers, verifiers.v1 as vf\n"
        "print([n for n in ('load_environment', 'ToolEnv', 'MultiTurnEnv', 'Rubric') if hasattr(verifiers, n)])\n"
        "print(sorted(vf.ToolsetConfig.model_fields))\n"
        "print(vf.AgentConfig.model_fields['runtime'].default.type)\n"
        "import stillweb_verifiers; print(vf.import_taskset('stillweb_verifiers').__all__)\n"
    )
    home, project = environment("verifiers"), written("verifiers")
    said = run_in([*home.command, "-c", script], project, PYTHONPATH=str(project)).splitlines()
    # A tool server's config has a URL, and no headers; an agent runs in Prime's cloud where nothing is said.
    assert said == ["[]", "['colocated', 'runtime', 'url']", "prime", "['StillwebTaskset']"]
