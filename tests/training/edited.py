"""Tasks of the small world with a claim each that only a tool settles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from training.synthesis.evolving import Editor, generator_of
from training.synthesis.tool_proof import ToolProof
from training.synthesis.tool_verify import ToolGround
from training.synthesis.tooling import ToolIndex
from training.synthesis.verify import Ground
from training.tasks import Task


@dataclass(frozen=True)
class Edited:
    ground: ToolGround
    tasks: tuple[Task, ...]
    reasons: Counter[str]

    @property
    def index(self) -> ToolIndex:
        return self.ground.index()


def edited(ground: Ground, tasks: tuple[Task, ...], *, min_candidates: int | None = None, **options: int) -> Edited:
    on = ToolGround(ground)
    editor = Editor(on.index(), ground.leaks, min_candidates=min_candidates)
    reasons: Counter[str] = Counter()
    made = []
    for task in tasks:
        found, reason = editor.evolved(task, generator_of(0, task.task_id), **options)
        reasons[reason] += 1
        if found is not None:
            made.append(found)
    return Edited(on, tuple(made), reasons)


def proof_of(task: Task) -> ToolProof:
    return ToolProof.model_validate(task.proof)
