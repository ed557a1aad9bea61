"""Exported records, read by the packages whose formats they are in: every kind of record, made by the real loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.exports.writing import export
from agent.records import Episode
from tests.agent.records_parts import records
from tests.clients.environments import Environment
from tests.env_server.test_determinism import running_server

pytestmark = pytest.mark.clients(tier="B")

Get = Callable[[str], Environment]


@pytest.fixture(scope="module")
def made(tiny_path: Path) -> Iterator[dict[str, Episode]]:
    with running_server(tiny_path) as url:
        yield asyncio.run(records(url))


@pytest.fixture
def written(made: dict[str, Episode], tmp_path: Path) -> Callable[[str], tuple[Path, list[Any]]]:
    def write(format: str) -> tuple[Path, list[Any]]:
        path = tmp_path / f"{format}.jsonl"
        export(made.values(), format, path, failed=True)
        return path, [json.loads(line) for line in path.read_bytes().splitlines()]

    return write


Written = Callable[[str], tuple[Path, list[Any]]]


def test_verifiers_reads_every_trace_and_its_branches_hold_the_tokens(
    environment: Get, written: Written, made: dict[str, Episode]
) -> None:
    path, rows = written("verifiers")
    read = {trace["id"]: trace for trace in environment("verifiers").run("read_verifiers.py", str(path))}
    assert len(read) == len(rows) == len(made)
    for episode in made.values():
        trace = read[episode.id]
        assert (trace["ok"], trace["stop"]) == (episode.status == "ok", episode.stop_reason)
        assert trace["turns"] == len(episode.turns)
        assert trace["roles"] == [message["role"] for message in episode.path()]
        assert trace["tools"] == [tool["function"]["name"] for tool in episode.tools]
        assert (trace["prompt"], trace["model"]) == (episode.task.question, episode.model.name)
        if episode.turns:
            assert trace["usage"] == [episode.usage.prompt_tokens, episode.usage.completion_tokens]
        ends = {node.parent_id for node in episode.messages}
        assert trace["branches"] == sum(node.node_id not in ends for node in episode.messages)
    for kind in ("tokens", "tokens on branches"):
        turn = made[kind].turns[-1]
        assert turn.tokens is not None
        trace = read[made[kind].id]
        assert trace["token_ids"] == made[kind].prompt_ids(turn.index) + turn.tokens.completion_ids
        assert trace["mask"][-2:] == [True, True]
        assert trace["logprobs"][-2:] == [-0.5, -0.25]


def test_openenv_takes_every_trace_as_it_is(environment: Get, written: Written) -> None:
    path, rows = written("openenv")
    assert len(rows) == 4
    assert environment("openenv").run("read_openenv_trace.py", str(path)) == rows


def test_harbor_takes_every_trajectory_as_it_is(environment: Get, written: Written, made: dict[str, Episode]) -> None:
    path, rows = written("atif")
    assert len(rows) == len(made)
    read = environment("harbor").run("read_atif.py", str(path))
    assert _without_nulls(read) == _without_nulls(rows)


@pytest.mark.parametrize("format", ["trl", "openai", "sharegpt"])
def test_datasets_loads_rows_as_they_were_written(
    environment: Get, written: Written, format: str, tmp_path: Path
) -> None:
    path, rows = written(format)
    read = environment("datasets").run("read_datasets.py", str(path), str(tmp_path / "cache"), HF_HUB_OFFLINE="1")
    assert read == _without_nulls(rows)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
