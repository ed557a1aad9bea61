"""The task for inspect-ai, evaluated by its own command against a scripted endpoint."""

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


def evaluated(home: Environment, project: Path, model: FakeModel, *words: str, **variables: str) -> Any:
    """The log of `inspect eval`."""
    command = [str(home.bin / "inspect"), "eval", "stillweb_inspect.py@stillweb", "-T", "split=test", "--display"]
    command += ["none", "--model", "openai-api/fake/scripted", "--log-format", "json", "--log-dir", "logs", *words]
    about = {"FAKE_BASE_URL": model.url, "FAKE_API_KEY": "no-key", "HOME": str(project)}
    run_in(command, project, **about, **variables)
    (log,) = (project / "logs").glob("*.json")
    return json.loads(log.read_text())


@pytest.mark.row(
    "inspect-ai",
    "inspect",
    pointed="`inspect eval stillweb_inspect.py@stillweb`",
    ran="two epochs of a task: search, fetch, submit, score",
)
def test_two_epochs_see_the_same_and_are_scored_by_the_server(
    environment: Get, tasked: str, written: Written, played: Played
) -> None:
    with FakeModel() as model:
        log = evaluated(environment("inspect"), written("inspect"), model, "--epochs", "2", STILLWEB_URL=tasked)
    assert log["status"] == "success"
    first, second = played("alps")
    assert first == second
    assert [tool for tool, _, _ in first["calls"]] == ["search", "fetch"]
    assert first["reward"] == 1.0
    scores = [sample["scores"]["reward"] for sample in log["samples"]]
    # `react` puts what is submitted behind what was said beside the call; only the former is the answer.
    assert [(score["value"], score["answer"]) for score in scores] == [(1.0, "Liechtenstein")] * 2
    read = [message for message in log["samples"][0]["messages"] if message["role"] == "tool"]
    assert "doubly landlocked" in json.dumps(read)


def test_words_beside_a_call_are_no_answer_where_a_sample_is_cut(
    environment: Get, tasked: str, written: Written, played: Played
) -> None:
    with FakeModel(beside="Liechtenstein") as model:
        words = ("-T", "message_limit=3")
        log = evaluated(environment("inspect"), written("inspect"), model, *words, STILLWEB_URL=tasked)
    (sample,) = log["samples"]
    assert sample["limit"]["type"] == "message"
    assert sample["scores"]["reward"]["value"] == 0.0
    (cut,) = played("alps")
    assert (cut["state"], cut["reward"]) == ("closed", None)


def test_where_the_server_ends_a_sample_is_an_error_and_no_wrong_answer(
    environment: Get, tasked: str, written: Written
) -> None:
    project = written("inspect")
    file = project / "stillweb_inspect.py"
    # The server goes away after the sample's episode was opened: its tools are asked for at a port that is closed.
    file.write_text(file.read_text().replace("        web, episode = web_from_environment(), store()",
                                             "        web, episode = Web('http://127.0.0.1:9'), store()"))  # fmt: skip
    with FakeModel() as model:
        log = evaluated(environment("inspect"), project, model, "--no-fail-on-error", STILLWEB_URL=tasked)
    (sample,) = log["samples"]
    assert "WebError" in sample["error"]["message"]
    assert not sample.get("scores")
