"""Rows of mid-training data: one JSON object a line, `stillweb.midtrain/1`, told apart by `kind`.

Every row has `messages` in OpenAI's chat form, which is what is trained on, and beside them the fields that they were
made of, by which a checker makes them again. Sizes are reckoned without a tokenizer, on the large side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agent.canonical import safe_json
from agent.records import Episode
from training.row_files import read_lines, write_lines

SCHEMA = "stillweb.midtrain/1"
SHORT_TOKENS = 32 * 1024
"""Of grounding and plans; REDSearcher's first stage."""
LONG_TOKENS = 128 * 1024
"""Of dialogues and trajectories; its second stage."""
_PER_BYTE = 0.4
"""Tokens for a byte of UTF-8. English prose has about 0.25 in current tokenizers, coined names and figures 0.37."""

Message = dict[str, Any]


class BadData(Exception):
    """Rows cannot be made or read; the message names what is wrong and the remedy."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)


class _Row(_Part):
    schema_: Literal["stillweb.midtrain/1"] = Field(default="stillweb.midtrain/1", alias="schema")
    id: str
    """32 hex digits over what the row was made of."""
    tokens: int
    """Of the messages and tools, reckoned."""
    messages: list[Message]


class Excerpt(_Part):
    """A page, or as much of it as fits: `text` is characters from `start` on of `Document.text`."""

    doc_id: str
    url: str
    title: str
    start: int
    text: str


class Grounded(_Part):
    """A fact, and the words of a relevant page that state it: characters of `Document.text`, half-open."""

    subject: str
    relation: str
    object: str | None
    value: str | None
    doc_id: str
    start: int
    end: int
    quote: str
    """The sentence or line around the span, word for word."""


class GroundingRow(_Row):
    kind: Literal["grounding"] = "grounding"
    snapshot_id: str
    subject: str
    """doc_id."""
    variant: int
    """Which wording of the intent."""
    intent: str
    context: list[Excerpt]
    """Relevant pages and distractors, mixed; those that a fact rests on are relevant."""
    facts: list[Grounded]


class Step(_Part):
    """One goal of a plan. `candidates` is what it leaves its target, over the whole snapshot."""

    target: int
    """Variable of the proof."""
    sort: Literal["concrete", "ambiguous"]
    """Concrete: one candidate is left, so it is settled now. Ambiguous: several are, which later steps narrow."""
    uses: list[str]
    """Parts of the proof, "clue:0" or "edge:1"."""
    candidates: int
    settles: list[int] = []
    """Variables, its target or earlier ones, of which it leaves one candidate for the first time."""
    goal: str


class PlanRow(_Row):
    kind: Literal["plan"] = "plan"
    snapshot_id: str
    task_id: str
    question: str
    seed: int
    """Of the wording."""
    done: int
    """Steps that the context already tells as done; the rest is the plan to be written."""
    steps: list[Step]
    """All of them, in the order in which information flows."""


class ToolsRow(_Row):
    kind: Literal["tools"] = "tools"
    seed: int
    """The simulated service and the dialogue are made of it alone."""
    tools: list[dict[str, Any]]


class TrajectoryRow(_Row):
    kind: Literal["trajectory"] = "trajectory"
    snapshot_id: str
    task_id: str
    source: Literal["witness", "rollout"]
    calls: int
    tools: list[dict[str, Any]]
    episode: dict[str, Any]
    """The record, `stillweb.episode/1`."""


Row = Annotated[GroundingRow | PlanRow | ToolsRow | TrajectoryRow, Field(discriminator="kind")]
_ROW: TypeAdapter[GroundingRow | PlanRow | ToolsRow | TrajectoryRow] = TypeAdapter(Row)


def reckoned(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> int:
    """Tokens of messages and tools as JSON, reckoned by their bytes."""
    return int(_PER_BYTE * (len(safe_json(list(messages))) + len(safe_json(list(tools))))) + 1


def row_id(*parts: object) -> str:
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]


def write_rows(rows: Iterable[BaseModel], path: Path) -> int:
    """Write a file of rows, whole or not at all; returns how many. Raises BadData, and writes nothing, for none."""
    return write_lines((safe_json(row.model_dump(mode="json", by_alias=True)) for row in rows), path, BadData)


def read_rows(path: Path) -> Iterator[GroundingRow | PlanRow | ToolsRow | TrajectoryRow]:
    """Rows in the file's order. Raises BadData, which names the line."""
    return read_lines(path, _ROW.validate_json, BadData, "docs/mid-training.md")


def record_of(row: TrajectoryRow) -> Episode:
    """Raises ValueError where what the row holds is no record."""
    return Episode.model_validate(row.episode)
