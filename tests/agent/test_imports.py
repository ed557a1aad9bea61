"""Other people's trajectories as records: rows as their agents write them, made here by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from agent.canonical import digest
from agent.exports.parts import exchanges
from agent.exports.writing import export
from agent.failures import AgentError
from agent.imports.reading import Imported, import_
from agent.records import Episode, decode
from agent.shards import rows
from agent.shown import readable
from agent.stats import stats

QUESTION = "Which harbour did the cartographer of 1921 draw first?"
GOLD = "Sandvik, the golden one"
SEARCH_TOOL = {
    "type": "function",
    "function": {"name": "search", "description": "Search.", "parameters": {"type": "object", "properties": {}}},
}
SYSTEM = f"You are a researcher.\n\n<tools>\n{json.dumps(SEARCH_TOOL)}\n</tools>\n\nAnswer in <answer></answer>."


def call(name: str, **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def response(text: str) -> str:
    return f"<tool_response>\n{text}\n</tool_response>"


SEARCHED = f"<think>\nI should look.\n</think>\n{call('search', query=['harbour 1921'], topn=5, source='web')}"
COMPUTED = (
    '<think>\nHow long ago?\n</think>\n<tool_call>\n{"name": "PythonInterpreter", "arguments": {}}\n'
    "<code>\nprint(2026 - 1921)\n</code>\n</tool_call>"
)
ANSWERED = "<think>\nThat is it.\n</think>\n<answer>Sandvik</answer>"
REDSEARCHER = {
    "meta": {"question": QUESTION, "answer": GOLD},
    "system_prompt": SYSTEM,
    "messages": [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": SEARCHED},
        {"role": "user", "content": response("A Google search for 'harbour 1921' found 1 results:\n\n1. Sandvik")},
        {"role": "assistant", "content": COMPUTED},
        {"role": "user", "content": response("105")},
        {"role": "assistant", "content": SEARCHED},
        {"role": "user", "content": response("A Google search for 'harbour 1921' found 1 results:\n\n1. Sandvik")},
        {"role": "assistant", "content": ANSWERED},
    ],
}
"""As REDSearcher_SFT_10K has its rows."""


def timed(role: str, content: str, *seconds: float) -> dict[str, Any]:
    spans = [{"name": "x", "elapsed_time": one} for one in seconds]
    time = {"time": spans[0] if len(spans) == 1 else spans} if spans else {}
    return {"role": role, "content": content, **time}


DEEPTRACEHUB = {
    "idx": 17,
    "dataset_id": "bc_zh",
    "question": QUESTION,
    "answer": GOLD,
    "messages": [
        timed("system", SYSTEM),
        timed("user", QUESTION),
        timed("assistant", SEARCHED, 2.5),
        timed("tool", response("1. Sandvik"), 0.5),
        timed("assistant", call("visit", url=["https://x.example/a"], goal="harbours"), 1.5),
        timed("tool", response("Evidence in page: \nSandvik"), 3.0, 1.0),
        timed("user", "The context length reached the maximum. Please answer.", ),
        timed("assistant", ANSWERED, 1.0),
    ],
    "prediction": "Sandvik",
    "termination": "max_iter",
    "processing_time_seconds": 8.5,
    "time_summary": {},
    "llm_as_judge": {"correct": True, "gold": GOLD},
    "turns": 3,
    "tokens_count": 900,
}  # fmt: skip


def brought(tmp_path: Path, format: str, *given: Any, name: str = "rows.jsonl") -> tuple[Imported, list[Episode]]:
    file, out = tmp_path / name, tmp_path / "out"
    file.write_text("".join(json.dumps(row) + "\n" for row in given))
    imported = import_(file, format, out)
    return imported, [decode(row) for row in rows(out)]


def test_a_row_of_redsearcher_is_a_record_with_its_calls(tmp_path: Path) -> None:
    _, (episode,) = brought(tmp_path, "sharegpt", REDSEARCHER)
    assert (episode.task.question, episode.stop_reason) == (QUESTION, "answered")
    assert episode.answer is not None
    assert episode.answer.text == "Sandvik"
    assert episode.tools == [SEARCH_TOOL]
    assert [message["content"] for message in episode.path()] == [
        SYSTEM, *(message["content"] for message in REDSEARCHER["messages"]),  # type: ignore[index]
    ]  # fmt: skip
    assert [(event.name, event.args) for event in episode.tool_events] == [
        ("search", {"query": ["harbour 1921"], "topn": 5, "source": "web"}),
        ("PythonInterpreter", {"code": "print(2026 - 1921)"}),
        ("search", {"query": ["harbour 1921"], "topn": 5, "source": "web"}),
    ]
    first, computed, again = episode.tool_events
    assert (computed.observation_digest, computed.chars) == (digest("105"), 3)
    assert (first.repeat_of, again.repeat_of) == (None, first.call_id)
    assert [one.reasoning for one in exchanges(episode).exchanges] == [
        "I should look.", "How long ago?", "I should look.", "That is it.",
    ]  # fmt: skip
    assert [node.sampled for node in episode.messages] == [False, False, True, False, True, False, True, False, True]


@pytest.mark.parametrize(("format", "row"), [("sharegpt", REDSEARCHER), ("deeptracehub", DEEPTRACEHUB)])
def test_the_gold_answer_stays_outside_and_changes_nothing(format: str, row: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    other = json.loads(json.dumps(row).replace(GOLD, "something else"))
    assert other != row
    brought(tmp_path / "a", format, row)
    brought(tmp_path / "b", format, other)
    (one,), (two,) = rows(tmp_path / "a" / "out"), rows(tmp_path / "b" / "out")
    assert one == two
    assert GOLD.encode() not in one


@pytest.mark.parametrize(("format", "row"), [("sharegpt", REDSEARCHER), ("deeptracehub", DEEPTRACEHUB)])
def test_what_is_unknown_is_said_to_be(format: str, row: dict[str, Any], tmp_path: Path) -> None:
    _, (episode,) = brought(tmp_path, format, row)
    assert episode.origin is not None
    assert episode.origin.format == format
    unknown = set(episode.origin.unknown)
    assert {
        "env",
        "model",
        "usage",
        "turns.usage",
        "turns.tokens",
        "tool_events.doc_ids",
        "tool_events.status",
    } <= unknown
    assert ("timing.wall_s" in unknown, "group.sample" in unknown, "task.id" in unknown) == (
        (True, True, True) if format == "sharegpt" else (False, False, False)
    )
    assert ("turns.duration_ms" in unknown) == (format == "sharegpt")
    assert "stop_reason" not in unknown
    fields = json.loads(episode.model_dump_json(by_alias=True))
    for path in unknown:
        first, _, second = path.partition(".")
        inside = fields[first]
        assert not second or all(second in one for one in (inside if isinstance(inside, list) else [inside])), path
    assert episode.env.snapshot_id == "unknown"


def test_a_trajectory_of_deeptracehub_has_its_times_its_limit_and_its_sample(tmp_path: Path) -> None:
    _, (episode,) = brought(tmp_path, "deeptracehub", DEEPTRACEHUB, name="problem_17_sample_3.json")
    assert (episode.task.id, episode.group.sample, episode.agent.name) == ("bc_zh/17", 3, "DeepTraceHub")
    assert (episode.stop_reason, episode.forced_answer) == ("max_turns", True)
    assert [turn.purpose for turn in episode.turns] == ["act", "act", "final"]
    assert [turn.duration_ms for turn in episode.turns] == [2500.0, 1500.0, 1000.0]
    assert [event.latency_ms for event in episode.tool_events] == [500.0, 3000.0]
    assert (episode.timing.wall_s, episode.timing.model_s, episode.timing.env_s) == (8.5, 5.0, 3.5)
    assert {message["role"] for message in episode.path()} == {"system", "user", "assistant"}
    assert episode.tool_events[1].args == {"url": ["https://x.example/a"], "goal": "harbours"}


def test_rows_in_the_other_spelling_of_sharegpt_are_read_too(tmp_path: Path) -> None:
    row = {
        "system": "Be brief.",
        "conversations": [
            {"from": "human", "value": QUESTION},
            {"from": "function_call", "value": '{"name": "search", "arguments": {"query": "harbour"}}'},
            {"from": "observation", "value": "1. Sandvik"},
            {"from": "gpt", "value": "<answer>Sandvik</answer>"},
        ],
    }
    _, (episode,) = brought(tmp_path, "sharegpt", row)
    (event,) = episode.tool_events
    assert (event.name, event.args, event.observation_digest) == ("search", {"query": "harbour"}, digest("1. Sandvik"))
    assert episode.origin is not None
    assert "tools" in episode.origin.unknown


def test_several_calls_of_one_message_are_several_events(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": f"{call('search', query='a')}\n{call('search', query='b')}"},
        {"role": "tool", "content": f"{response('of a')}\n{response('of b')}"},
        {"role": "assistant", "content": f"{call('search', query='c')}\n{call('search', query='d')}"},
        {"role": "tool", "content": "both at once"},
        {"role": "assistant", "content": "I do not know."},
    ]
    _, (episode,) = brought(tmp_path, "sharegpt", {"messages": messages})
    found = [(event.args, event.observation_digest) for event in episode.tool_events]
    assert found == [
        ({"query": "a"}, digest("of a")), ({"query": "b"}, digest("of b")), ({"query": "c"}, digest("both at once")),
    ]  # fmt: skip
    assert (episode.answer, episode.stop_reason) == (None, "no_tool_call")
    assert episode.origin is not None
    assert "stop_reason" in episode.origin.unknown


def test_a_call_that_cannot_be_read_but_was_answered_keeps_its_text(tmp_path: Path) -> None:
    broken = "<tool_call>\n{name: 'search', arguments: {query: ['a']}}\n</tool_call>"
    messages = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": broken},
        {"role": "user", "content": response("1. Sandvik")},
        {"role": "assistant", "content": ANSWERED},
    ]
    _, (episode,) = brought(tmp_path, "sharegpt", {"messages": messages})
    (event,) = episode.tool_events
    assert (event.name, event.args) == ("unknown", broken)
    assert episode.turns[0].problems


def test_rows_that_are_none_are_left_out_and_counted(tmp_path: Path) -> None:
    checkpoint = DEEPTRACEHUB | {"resume": True, "prediction": None}
    imported, found = brought(
        tmp_path, "deeptracehub", DEEPTRACEHUB, checkpoint, {"idx": 1}, DEEPTRACEHUB, DEEPTRACEHUB | {"messages": [{}]}
    )
    assert (imported.written, len(found)) == (1, 1)
    assert sorted(imported.left_out.values()) == [1, 1, 1, 1]
    assert "it is a checkpoint of a rollout that had not ended" in imported.left_out


def test_folders_compressed_lines_and_parquet_are_read(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    other = REDSEARCHER | {"meta": {"question": "Another?", "answer": GOLD}, "messages": [
        {"role": "user", "content": "Another?"}, {"role": "assistant", "content": ANSWERED}]}  # fmt: skip
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([REDSEARCHER]), folder / "train-00000.parquet")
    (folder / "deep" / "b.jsonl.zst").write_bytes(zstandard.compress(json.dumps(other).encode() + b"\n"))
    (folder / "deep" / "c.json").write_text(json.dumps([REDSEARCHER, other]))
    (folder / "README.md").write_text("not a row")
    imported = import_(folder, "sharegpt", tmp_path / "out")
    assert imported.written == 2
    assert dict(imported.left_out) == {"a row that came before": 2}
    found = [decode(row) for row in rows(tmp_path / "out")]
    assert {episode.task.question for episode in found} == {QUESTION, "Another?"}


def test_imported_records_are_shown_counted_and_exported_as_others_are(tmp_path: Path) -> None:
    _, found = brought(tmp_path, "deeptracehub", DEEPTRACEHUB)
    assert "Sandvik" in readable(found[0])
    assert stats(found)["tools"] == {"search": 1, "visit": 1}
    assert export(found, "verifiers", tmp_path / "v.jsonl").written == 1


def test_what_cannot_be_imported_is_said(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(json.dumps(REDSEARCHER))
    bad.write_text('{"messages": [')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    (tmp_path / "rows.csv").write_text("a,b")
    (tmp_path / "empty.jsonl").write_text("")
    import_(good, "sharegpt", tmp_path / "taken")
    for file, format, out, told in (
        (good, "csv", "o", "'csv' is no format.*sharegpt"),
        (good, "sharegpt", "taken", "holds records already"),
        (tmp_path / "none.jsonl", "sharegpt", "o", "not there"),
        (bad, "sharegpt", "o", "cannot be read as JSON"),
        (tmp_path / "list.json", "sharegpt", "o", "something else than JSON objects"),
        (tmp_path / "bad.parquet", "sharegpt", "o", "Parquet"),
        (tmp_path / "rows.csv", "sharegpt", "o", "take .jsonl"),
        (tmp_path / "empty.jsonl", "sharegpt", "o", "it is empty"),
        (good, "deeptracehub", "o", "1: it has no `messages` or no `question`"),
    ):
        with pytest.raises(AgentError, match=told):
            import_(file, format, tmp_path / out)
    assert not (tmp_path / "o").exists()
