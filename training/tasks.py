"""A task: a question with its gold answer, its evidence and its proof. One JSON object a line, `stillweb.task/1`.

The server reads such a file with `--tasks`; agents never do: they get ids and questions (`write_questions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

SCHEMA = "stillweb.task/1"


class BadTasks(Exception):
    """A file of tasks cannot be read; the message names file, line and remedy."""


class Task(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)

    schema_: Literal["stillweb.task/1"] = Field(default="stillweb.task/1", alias="schema")
    task_id: str
    """32 hex digits over snapshot, predicates and answer; two tasks of one id are the same task."""
    question: str
    answer: str | tuple[str, ...]
    """The gold answer: a name, a number with unit, a date; several where all of them are wanted."""
    aliases: tuple[str, ...] = ()
    scorer: str | None = None
    """One of `corpus.answers.SCORERS`; None: told from the answer."""
    evidence: tuple[str, ...] = ()
    """doc_ids of the pages a solver has to see, sorted."""
    distractors: tuple[str, ...] = ()
    """doc_ids of near misses, sorted: pages of entities that satisfy all but one constraint."""
    wrong_answers: tuple[str, ...] = ()
    """Names of those near misses."""
    snapshot_id: str | None = None
    content_id: str | None = None
    language: str = "en"
    split: str = ""
    family: str = ""
    """Tasks of one family share structure or evidence: errors are clustered by it."""
    proof: dict[str, Any] | None = None
    """What `training.synthesis` proves by; see docs/tasks.md. None for tasks that people wrote."""
    meta: dict[str, Any] = {}
    """Figures that are no part of the proof: popularity, treewidth, dispersion, pass rates."""


def read_tasks(path: Path) -> Iterator[Task]:
    """Tasks in the file's order. Raises BadTasks, which names the line."""
    seen: set[str] = set()
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    task = Task.model_validate_json(line)
                except ValidationError as error:
                    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
                    where = ".".join(map(str, first["loc"])) or "the line"
                    raise BadTasks(
                        f"{path}, line {number}: {where}: {first['msg']}. "
                        f"A task is a line of {SCHEMA}; see docs/tasks.md."
                    ) from None  # the cause quotes the answer
                if task.task_id in seen:
                    raise BadTasks(f"{path}, line {number}: the id {task.task_id[:80]!r} is used already. Remove one.")
                seen.add(task.task_id)
                yield task
    except OSError as error:
        raise BadTasks(f"{path} cannot be read: {error.strerror}. Check the path.") from error


def write_tasks(tasks: Iterable[Task], path: Path) -> int:
    """Write a file of tasks, whole or not at all; returns how many."""
    count = 0
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        for task in tasks:
            file.write(orjson.dumps(task.model_dump(mode="json", by_alias=True), option=orjson.OPT_SORT_KEYS) + b"\n")
            count += 1
    part.replace(path)
    return count


def write_questions(tasks: Iterable[Task], path: Path) -> int:
    """Write ids and questions alone: what an agent may read."""
    count = 0
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        for task in tasks:
            file.write(orjson.dumps({"id": task.task_id, "question": task.question}) + b"\n")
            count += 1
    part.replace(path)
    return count
