"""Sizes of the miniature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

_CAPS = ("sft_minutes", "own_minutes", "dpo_minutes", "grpo_minutes", "eval_minutes")


@dataclass(frozen=True)
class Form:
    """Minutes are caps of wall time: a stage that reaches one ends with what it has and says so."""

    pages: int
    candidates: int
    """Questions played by the witness before the split."""
    train_tasks: int
    held_out: int
    sft_steps: int
    own_tasks: int
    own_samples: int
    dpo_steps: int
    grpo_steps: int
    sft_batch: int = 4
    dpo_batch: int = 2
    own_temperature: float = 1.0
    world_seed: int = 7
    sft_minutes: float = 20
    own_minutes: float = 10
    dpo_minutes: float = 10
    grpo_minutes: float = 15
    eval_minutes: float = 8
    """Of each of the four models."""

    def identity(self) -> dict[str, Any]:
        """All but the caps."""
        return {name: value for name, value in asdict(self).items() if name not in _CAPS}

    def within(self, minutes: float) -> Form:
        """The same with its caps shared out over so many minutes."""
        whole = sum(getattr(self, name) for name in _CAPS) + 3 * self.eval_minutes
        return replace(self, **{name: getattr(self, name) * minutes / whole for name in _CAPS})


FORMS: Mapping[str, Form] = {
    "smoke": Form(
        pages=400, candidates=60, train_tasks=12, held_out=5, sft_steps=2, own_tasks=3, own_samples=2, dpo_steps=2,
        grpo_steps=2, sft_batch=2, dpo_batch=1, sft_minutes=1, own_minutes=1, dpo_minutes=1, grpo_minutes=1,
        eval_minutes=0.4,
    ),
    "cpu": Form(
        pages=5000, candidates=700, train_tasks=240, held_out=60, sft_steps=40, own_tasks=50, own_samples=3,
        dpo_steps=40, grpo_steps=30,
    ),
    "long": Form(
        pages=5000, candidates=1400, train_tasks=480, held_out=100, sft_steps=60, own_tasks=50, own_samples=3,
        dpo_steps=40, grpo_steps=30, sft_minutes=120, own_minutes=60, dpo_minutes=60, grpo_minutes=120, eval_minutes=60,
    ),
    "gpu": Form(
        pages=5000, candidates=2500, train_tasks=1200, held_out=300, sft_steps=200, own_tasks=300, own_samples=4,
        dpo_steps=200, grpo_steps=200, sft_batch=8, sft_minutes=600, own_minutes=600, dpo_minutes=600,
        grpo_minutes=1200, eval_minutes=300,
    ),
}  # fmt: skip
"""smoke is for CI; cpu has one seed; long has more tasks, once for each of three seeds; gpu is larger, with five."""
