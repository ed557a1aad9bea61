"""Records in other formats and back: what a format says it keeps comes back equal, on every kind of record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from agent.canonical import safe_json
from agent.context import ELIDED
from agent.exports import openenv, sharegpt, trl, verifiers
from agent.exports.parts import PARTS, Unfit, values
from agent.exports.writing import FORMATS, export
from agent.failures import AgentError
from agent.formats import FORMATS as TEXTS
from agent.imports import sharegpt as from_sharegpt
from agent.imports.building import episode_of
from agent.records import Episode, decode, encode
from agent.shards import write_finished
from tests.agent.records_parts import records
from tests.agent.render_formats import PAGE, rendered
from tests.env_server.test_determinism import running_server

Back = Callable[[dict[str, Any]], dict[str, Any]]
"""What a row tells of a record, by parts."""


@pytest.fixture(scope="module")
def made(tiny_path: Path) -> Iterator[dict[str, Episode]]:
    with running_server(tiny_path) as url:
        yield asyncio.run(records(url))


def test_the_records_are_of_every_kind(made: dict[str, Episode]) -> None:
    assert {e.agent.format for e in made.values()} == set(TEXTS)
    assert {e.stop_reason for e in made.values()} >= {"answered", "max_turns", "no_tool_call", "model_error"}
    assert any(node.copy_of is not None for node in made["keep_last_k"].messages)
    assert {made[name].context_events[0].kind for name in ("discard_all", "summary", "keep_last_k")} == {
        "discard_all", "summary", "keep_last_k",
    }  # fmt: skip
    assert {event.status for event in made["refused calls"].tool_events} == {"ok", "malformed"}
    assert made["hermes"].turns[1].cut
    assert made["forced"].forced_answer
    assert made["browser"].answer is not None
    cited = made["browser"].answer.citations
    assert [citation.doc_id for citation in cited] == made["browser"].tool_events[0].doc_ids[:1]
    assert cited[0].quote


# Readers: the other way round.


def from_openai(row: dict[str, Any]) -> dict[str, Any]:
    written = [call["function"]["arguments"] for one in row["messages"] for call in one.get("tool_calls") or ()]
    messages = [values(message) for message in row["messages"]]
    return {"tools": row["tools"], "last branch": messages, "arguments as written": written}


def from_trl(row: dict[str, Any]) -> dict[str, Any]:
    return {"tools": row["tools"], "last branch": row["messages"]}


def by_import(row: dict[str, Any]) -> dict[str, Any]:
    episode = episode_of(from_sharegpt.source(row, "train.jsonl"))
    return {name: PARTS[name](episode) for name in sharegpt.KEEPS}


def from_browsecomp_plus(row: dict[str, Any]) -> dict[str, Any]:
    known = row["metadata"]["stillweb"]
    calls = [item for item in row["result"] if item["type"] == "tool_call"]
    answer = known["answer"]
    assert row["query_id"] == known["task"]["id"]
    assert row["status"] == ("incomplete" if answer is None else "completed")
    assert answer is None or answer["text"] in row["result"][-1]["output"]
    return {
        "id": known["id"],
        "question": known["task"]["question"],
        "task": [known["task"], known["group"]],
        "env, agent, model": [known["env"], known["agent"], known["model"]],
        "calls and observations": [
            [item["tool_name"], json.loads(item["arguments"]) if _is_json(item["arguments"]) else item["arguments"],
             item["output"]]
            for item in calls
        ],
        "answer": answer and answer["text"],
        "confidence, citations": answer and {name: value for name, value in answer.items() if name != "text"},
        "how it ended": [known["status"], known["stop_reason"], known["forced_answer"]],
        "usage": known["usage"],
    }  # fmt: skip


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def from_openenv(row: dict[str, Any]) -> dict[str, Any]:
    turns = row["turns"]
    return {
        "id": turns[0]["metadata"]["rollout"],
        "tools": turns[0]["request"]["tools"],
        "turns": [turn["metadata"]["turn"] for turn in turns],
        "token ids, logprobs, masks": [
            [
                turn["prompt_token_ids"],
                turn["completion_token_ids"],
                turn["per_token_logps"],
                turn["loss_mask"][len(turn["prompt_token_ids"]) :] if turn["metadata"]["masked"] else [],
            ]
            for turn in turns
        ],
    }


def from_atif(row: dict[str, Any]) -> dict[str, Any]:
    said = row["extra"]["stillweb"]
    native = TEXTS[said["agent"]["format"]].tools_in_request
    found: list[dict[str, Any]] = []
    tokens: dict[int, Any] = {}
    for step in row["steps"]:
        calls = [
            {
                "id": call["tool_call_id"],
                "type": "function",
                "function": {
                    "name": call["function_name"],
                    "arguments": call.get("extra", {}).get("stillweb", {}).get("written")
                    or safe_json(call["arguments"]).decode(),
                },
            }
            for call in step.get("tool_calls", ())
        ]
        found.append(_node(step["extra"]["stillweb"], step["message"], calls if native else []))
        metrics = step.get("metrics", {})
        if "completion_token_ids" in metrics:
            tokens[found[-1]["node_id"]] = {
                "completion_ids": metrics["completion_token_ids"],
                "logprobs": metrics.get("logprobs", []),
                **metrics["extra"]["stillweb"],
            }
        for result in step.get("observation", {}).get("results", ()):
            found.append(_node(result["extra"]["stillweb"], result["content"], []))
    for turn in said["turns"]:
        turn["tokens"] = tokens.get(turn["node_id"])
    whole = said | {"messages": sorted(found, key=lambda n: n["node_id"]), "tools": row["agent"]["tool_definitions"]}
    return _parts(decode(safe_json(whole)))


def _node(said: dict[str, Any], content: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    message = said.pop("message") | {"content": content} | ({"tool_calls": calls} if calls else {})
    return said | {"message": message if said["copy_of"] is None else None}


def from_verifiers(row: dict[str, Any]) -> dict[str, Any]:
    said = row["info"]["stillweb"]
    nodes = said.pop("nodes")
    for shape, node in zip(nodes, row["nodes"], strict=True):
        message = dict(node["message"])
        if calls := message.get("tool_calls"):
            message["tool_calls"] = [
                {"id": one["id"], "type": "function", "function": {"name": one["name"], "arguments": one["arguments"]}}
                for one in calls
            ]
        shape["message"] = message if shape["copy_of"] is None else None
    sequence: list[int] = []
    for turn in said["turns"]:
        if "tokens" not in turn:
            node = row["nodes"][turn["node_id"]]
            if "token_ids" not in node:
                turn["tokens"] = None
                continue
            before: list[int] = []
            at = node["parent"]
            while at is not None:
                before = row["nodes"][at].get("token_ids", []) + before
                at = row["nodes"][at]["parent"]
            scaffold = [token for token, drawn in zip(node["token_ids"], node["mask"], strict=True) if not drawn]
            completion = node["token_ids"][len(scaffold) :]
            turn["tokens"] = {"shared": 0, "prompt_ids": before + scaffold, "completion_ids": completion}
            turn["tokens"]["logprobs"] = node["logprobs"]
            sequence = before + node["token_ids"]
            assert sequence
    return _parts(decode(safe_json(said | {"messages": nodes})))


def _parts(episode: Episode) -> dict[str, Any]:
    return {name: part(episode) for name, part in PARTS.items()}


READERS: dict[str, Back] = {
    "openai": from_openai,
    "trl": from_trl,
    "sharegpt": by_import,
    "atif": from_atif,
    "browsecomp_plus": from_browsecomp_plus,
    "verifiers": from_verifiers,
    "openenv": from_openenv,
}
UNFIT = {
    "trl": {"refused calls"},
    "sharegpt": {"refused calls"},
    "openenv": None,  # all but those with tokens
}


@pytest.mark.parametrize("format", FORMATS)
def test_what_a_format_keeps_comes_back_equal(format: str, made: dict[str, Episode]) -> None:
    tried = set()
    for kind, episode in made.items():
        try:
            row = json.loads(safe_json(FORMATS[format].row(episode)))
        except Unfit:
            assert format in UNFIT, (format, kind)
            continue
        tried.add(kind)
        back = READERS[format](row)
        for part in FORMATS[format].keeps:
            assert back[part] == json.loads(safe_json(PARTS[part](episode))), (format, kind, part)
    if format == "openenv":
        assert tried == {"tokens", "masked tokens", "dropped tokens", "tokens on branches"}
    else:
        assert set(made) - tried == (UNFIT.get(format) or set())


def test_the_table_of_the_docs_is_that_of_the_code() -> None:
    assert rendered(PAGE.read_text()) == PAGE.read_text(), "run python -m tests.agent.render_formats"


def test_each_part_is_kept_by_some_format_and_lost_by_another() -> None:
    for part in PARTS:
        kept = [name for name, format in FORMATS.items() if part in format.keeps]
        assert kept
        assert len(kept) < len(FORMATS), part


def test_a_record_and_what_is_read_of_it_have_no_field_for_gold(made: dict[str, Episode]) -> None:
    row = sharegpt.row(made["native"])
    assert row["meta"] == {"question": made["native"].task.question, "answer": None}
    rows = [format.row(made["tokens"]) for format in FORMATS.values()]
    assert not any("gold" in str(row) for row in rows)


# Shapes that the real packages ask for; tests/clients/test_records.py asks them.


def test_steps_of_atif_are_numbered_and_observations_name_calls_of_their_step(made: dict[str, Episode]) -> None:
    for kind, episode in made.items():
        document = FORMATS["atif"].row(episode)
        assert document["schema_version"] == "ATIF-v1.7"
        assert [step["step_id"] for step in document["steps"]] == list(range(1, len(document["steps"]) + 1))
        answered = 0
        for step in document["steps"]:
            agent = step["source"] == "agent"
            assert agent or not {"tool_calls", "metrics", "reasoning_content"} & step.keys(), kind
            assert step.get("llm_call_count") != 0 or "metrics" not in step
            calls = {call["tool_call_id"] for call in step.get("tool_calls", ())}
            for result in step.get("observation", {}).get("results", ()):
                assert result.get("source_call_id", "") in calls | {""}
                answered += "source_call_id" in result
        assert answered >= len(episode.tool_events), kind


def test_what_a_branch_repeats_or_rewrites_is_marked_in_atif_and_nothing_is_sampled_twice(
    made: dict[str, Episode],
) -> None:
    for kind in ("keep_last_k", "discard_all", "summary", "hermes, keep_last_k"):
        episode = made[kind]
        steps = FORMATS["atif"].row(episode)["steps"]
        sampled = [step["extra"]["stillweb"]["node_id"] for step in steps if "metrics" in step]
        assert sampled == [turn.node_id for turn in episode.turns]
        assert not any("is_copied_context" in step for step in steps if "metrics" in step)
        copied = [step for step in steps if step["extra"]["stillweb"]["copy_of"] is not None]
        assert all(step["is_copied_context"] for step in copied)
        # Each call has one answer in each step that makes or repeats it.
        for step in steps:
            answers = [one.get("source_call_id") for one in step.get("observation", {}).get("results", ())]
            assert len(answers) == len(set(answers)), kind
    elided = [step for step in FORMATS["atif"].row(made["keep_last_k"])["steps"] if step["message"] == ELIDED]
    assert elided
    assert {(step["source"], step["is_copied_context"]) for step in elided} == {("system", True)}


def test_tokens_along_a_branch_of_a_trace_are_what_the_model_read_and_wrote(made: dict[str, Episode]) -> None:
    for kind in ("tokens", "tokens on branches"):
        episode = made[kind]
        row = verifiers.row(episode)
        for turn in episode.turns:
            at: int | None = turn.node_id
            whole: list[int] = []
            while at is not None:
                whole = row["nodes"][at].get("token_ids", []) + whole
                at = row["nodes"][at]["parent"]
            assert turn.tokens is not None
            assert whole == episode.prompt_ids(turn.index) + turn.tokens.completion_ids
            node = row["nodes"][turn.node_id]
            assert len(node["mask"]) == len(node["token_ids"])
            assert sum(node["mask"]) == len(node["logprobs"])
    assert not any("token_ids" in node for node in verifiers.row(made["dropped tokens"])["nodes"])


def test_a_trace_for_training_needs_tokens_and_logprobs(made: dict[str, Episode]) -> None:
    with pytest.raises(Unfit, match="no token ids"):
        openenv.row(made["native"])
    turn = made["tokens"].turns[0]
    assert turn.tokens is not None
    bare = turn.model_copy(update={"tokens": turn.tokens.model_copy(update={"logprobs": []})})
    with pytest.raises(Unfit, match="no logprobs"):
        openenv.row(made["tokens"].model_copy(update={"turns": [bare]}))
    for turn_ in openenv.row(made["masked tokens"])["turns"]:
        assert len(turn_["loss_mask"]) == len(turn_["prompt_token_ids"]) + len(turn_["completion_token_ids"])
        assert not any(turn_["loss_mask"][: len(turn_["prompt_token_ids"])])


def test_arguments_that_are_no_object_are_no_row_for_a_template(made: dict[str, Episode]) -> None:
    with pytest.raises(Unfit, match="no JSON object"):
        trl.row(made["refused calls"])


# Writing.


def test_lines_files_and_compressed_lines_hold_the_same_rows(made: dict[str, Episode], tmp_path: Path) -> None:
    names = ["run.jsonl", "run.jsonl.zst", "folder"]
    for name in names:
        exported = export(made.values(), "atif", tmp_path / name)
        assert exported.written == len(made) - 1
        assert dict(exported.left_out) == {"it ended in an error, and is owed again": 1}
    lines = (tmp_path / "run.jsonl").read_bytes()
    packed = zstandard.ZstdDecompressor().stream_reader((tmp_path / "run.jsonl.zst").read_bytes()).read()
    assert lines == packed
    assert {path.read_bytes() for path in (tmp_path / "folder").iterdir()} == set(lines.splitlines(keepends=True))
    assert export(made.values(), "atif", tmp_path / "all.jsonl", failed=True).written == len(made)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "all.jsonl"])


def test_samples_of_a_task_lie_in_folders_of_their_own_for_browsecomp_plus(
    made: dict[str, Episode], tmp_path: Path
) -> None:
    first = made["native"]
    second = first.model_copy(update={"id": "f" * 16, "group": first.group.model_copy(update={"sample": 1})})
    export([first, second], "browsecomp_plus", tmp_path / "runs")
    assert [path.name for path in (tmp_path / "runs").glob("run_*.json")] == [f"run_{first.id}.json"]
    (other,) = (tmp_path / "runs" / "sample_1").glob("run_*.json")
    row = json.loads(other.read_bytes())
    assert row["tool_call_counts"] == {"fetch": 1, "search": 2}
    assert row["retrieved_docids"] == list(dict.fromkeys(d for e in first.tool_events if e.ranks for d in e.doc_ids))


def test_what_cannot_be_exported_is_said_and_nothing_is_left_behind(made: dict[str, Episode], tmp_path: Path) -> None:
    one = [made["native"]]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    for format, name, told in (
        ("csv", "x.jsonl", "'csv' is no format.*openai"),
        ("browsecomp_plus", "x.jsonl", "folder"),
        ("atif", "full", "there already"),
        ("openenv", "x.jsonl", "1: a turn has no token ids"),
        ("openenv", "folder", "1: a turn has no token ids"),
    ):
        with pytest.raises(AgentError, match=told):
            export(one, format, tmp_path / name)
    with pytest.raises(AgentError, match="twice"):
        export(one * 2, "atif", tmp_path / "folder")
    with pytest.raises(AgentError, match="there is none"):
        export([], "openai", tmp_path / "x.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_row_that_came_by_import_can_be_exported_again(made: dict[str, Episode], tmp_path: Path) -> None:
    row = sharegpt.row(made["hermes"])
    again = decode(encode(episode_of(from_sharegpt.source(row, ""))))
    assert sharegpt.row(again) == row
    for name, format in FORMATS.items():
        if name != "openenv":
            assert orjson.loads(safe_json(format.row(again)))
    assert write_finished(tmp_path, [encode(again)]) == 1
