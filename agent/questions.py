"""Questions to roll out on: ids and questions, and nothing that could tell an answer.

A file of tasks with answers in it is refused whole. What this floor has not read it cannot give to a model.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import zstandard

from agent.canonical import digest
from agent.failures import AgentError
from agent.records import TaskRef

ANSWER_WORDS = frozenset(
    "answer answers gold golden alias aliases evidence solution solutions label labels truth truths expected reference "
    "references target targets witness witnesses proof proofs correct prediction predictions rubric rubrics verdict "
    "supporting".split()
)
"""A key that has one of these words in it is a field that could tell the answer."""
_IDS = ("id", "task_id")
_QUESTIONS = ("question",)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True)
class Question:
    id: str
    text: str

    def ref(self) -> TaskRef:
        return TaskRef(id=self.id, digest=digest(self.text), question=self.text)


def read_questions(path: Path) -> list[Question]:
    """Questions of a JSONL file (`.zst`, too): rows with `id` or `task_id`, and `question`, in the file's order.

    Raises AgentError, naming line, field and remedy, for a field that could hold an answer at any depth, for a row
    without id or question, and for an id that comes twice.
    """
    if not path.is_file():
        raise AgentError(f"{path} is no file. --tasks takes JSON lines with id and question.")
    found: dict[str, Question] = {}
    for number, line in _lines(path):
        where = f"{path}, line {number}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise AgentError(
                f'{where} is no JSON: {error}. Write one object a line: {{"id": "1", "question": "..."}}.'
            ) from error
        if not isinstance(row, dict):
            raise AgentError(f'{where} is no object. Write one a line: {{"id": "1", "question": "..."}}.')
        if field := answer_field(row):
            raise AgentError(
                f"{where} has the field {field!r}, which could tell the answer, and the agent's side never holds one. "
                f"Keep id and question alone: jq -c '{{id: (.id // .task_id), question}}' {path.name} > questions.jsonl"
            )
        question = Question(_value(row, _IDS, where), _value(row, _QUESTIONS, where))
        if question.id in found:
            raise AgentError(f"{where} has the id {question.id!r} again. Give each question an id of its own.")
        found[question.id] = question
    if not found:
        raise AgentError(f"{path} holds no question. Write rows of id and question.")
    return list(found.values())


def answer_field(row: Any, path: str = "") -> str | None:
    """Path of the first key, at any depth, that could name an answer: `meta.goldAnswer`; None: there is none."""
    if isinstance(row, dict):
        for key, value in row.items():
            here = f"{path}.{key}" if path else str(key)
            if ANSWER_WORDS & {word.lower() for word in _WORD.findall(str(key))}:
                return here
            if inner := answer_field(value, here):
                return inner
    elif isinstance(row, list):
        for item in row:
            if inner := answer_field(item, path):
                return inner
    return None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        plain = file
        if path.suffix == ".zst":
            plain = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
        for number, line in enumerate(plain, 1):
            if line.strip():
                yield number, line


def _value(row: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    given = [row[name] for name in names if row.get(name) is not None]
    # Ids are often numbers; True is an int to Python and no id to anybody.
    text = str(given[0]) if given and isinstance(given[0], str | int) and not isinstance(given[0], bool) else ""
    if not text.strip():
        raise AgentError(f"{where} has no {' or '.join(names)} with something in it. Rows are id and question.")
    return text
