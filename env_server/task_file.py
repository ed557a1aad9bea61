"""A file of tasks that the server's operator loaded: questions to give out, answers to open episodes with.

One JSON object a line: `id` (or `task_id`), `question`, `answer`, and where wanted `aliases`, `scorer`, `evidence`
(doc_ids), `split`, `snapshot_id`. Whatever else stands there is neither read nor shown: it may be part of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from env_server.episode_reward import check_gold
from env_server.episodes import DocIds, Gold
from env_server.errors import EnvServerError


class _Line(BaseModel):
    # What does not fit is told without its value: that may be an answer.
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id: Annotated[
        str,
        StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$"),
        Field(validation_alias=AliasChoices("id", "task_id")),
    ]
    question: str
    answer: str | Annotated[tuple[str, ...], Field(min_length=1)]
    aliases: tuple[str, ...] = ()
    scorer: str | None = None
    evidence: DocIds = ()
    split: str = ""
    snapshot_id: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    task_id: str
    question: str
    split: str
    snapshot_id: str | None
    gold: Gold = field(repr=False)
    evidence: tuple[str, ...] = field(repr=False)


def read_tasks(path: Path) -> Mapping[str, Task]:
    """Tasks by id, in the order of the file. Raises EnvServerError `bad_tasks`, which names file and line."""
    tasks: dict[str, Task] = {}
    try:
        with open(path, "rb") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    task = _task(text, f"{path}, line {number}")
                    if task.task_id in tasks:
                        raise _bad(f"{path}, line {number}", f"the id {task.task_id[:80]!r} is used already")
                    tasks[task.task_id] = task
    except OSError as error:
        raise _bad(str(path), f"cannot be read: {error.strerror}") from error
    if not tasks:
        raise _bad(str(path), "holds no task")
    return tasks


def _task(text: bytes, where: str) -> Task:
    try:
        line = _Line.model_validate_json(text)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, detail['loc'])) or 'the line'}: {detail['msg']}"
            for detail in error.errors(include_url=False, include_input=False, include_context=False)[:5]
        )
        raise _bad(where, told) from None  # its cause holds the line
    gold = Gold(line.answer, line.aliases, line.scorer)
    try:
        check_gold(gold, line.evidence)
    except EnvServerError as error:
        raise _bad(where, error.problem.message.removesuffix(".")) from error
    return Task(line.id, line.question, line.split, line.snapshot_id, gold, line.evidence)


def _bad(where: str, what: str) -> EnvServerError:
    return EnvServerError(
        500,
        "bad_tasks",
        f"{where}: {what}.",
        'A task is a line {"id", "question", "answer", ...}; see docs/episodes.md.',
    )
