"""Rewards of rollouts, as functions that TRL's GRPO takes, and which rollouts are abnormal.

They read what `training.rollouts` says of each rollout (`Told`), one list a column. None leaves a rollout out: the
environment or the model failed, which says nothing of the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from agent.records import Episode
from training.rubric import score_episode
from training.tasks import Task

Reward = Callable[..., list[float | None]]

LIMITS = frozenset(
    "max_turns max_tool_calls context_overflow token_budget wall_time malformed_limit repeated_call_limit".split()
)
"""Stop reasons of rollouts that were ended rather than ended themselves: repetition and excessive length."""


class Told(TypedDict):
    """What rewards know of a rollout; each is a column of a batch."""

    correct: float | None
    """1.0 or 0.0; None: the rollout ended in an error."""
    answered: bool
    seen: float | None
    """Share of the evidence that a search showed or a call opened; None: the task names none."""
    calls: int
    failed: int
    """Calls that the environment answered with an error."""
    malformed: int
    """Turns that could not be read."""
    stop_reason: str
    abnormal: bool


def told_of(episode: Episode, task: Task) -> Told:
    """Score a rollout. Pure: no model, no network."""
    score = score_episode(episode, task)
    return Told(
        correct=None if episode.status == "error" else score["correct"],
        answered=bool(score["answered"]),
        seen=score["seen"],
        calls=len(episode.tool_events),
        failed=sum(event.status == "error" for event in episode.tool_events),
        malformed=sum(bool(turn.problems) for turn in episode.turns),
        stop_reason=episode.stop_reason,
        abnormal=is_abnormal(episode),
    )


def is_abnormal(episode: Episode, *, failures: float = 0.5, least: int = 3) -> bool:
    """Whether a rollout is to be kept out of the gradient: it repeated itself, ran into a limit, was cut in a reply, or
    of `least` or more calls at least the share `failures` failed.

    Source: REDSearcher masks repetition, excessive length and frequent tool failures; it gives no numbers, these are
    ours.
    """
    if episode.stop_reason in LIMITS or any(turn.finish_reason == "length" for turn in episode.turns):
        return True
    failed = sum(event.status == "error" for event in episode.tool_events)
    return len(episode.tool_events) >= least and failed >= failures * len(episode.tool_events)


def binary(correct: Sequence[float | None], **rest: Any) -> list[float | None]:
    """1 for a right answer, 0 for any other: REDSearcher's."""
    return list(correct)


@dataclass(frozen=True)
class Shape:
    """Weights of a shaped reward; a right answer weighs 1."""

    seen: float = 0.2
    """All of the evidence seen, or the share of it."""
    answered: float = 0.1
    call: float = -0.01
    """Each call."""
    malformed: float = -0.1
    """Each turn that could not be read."""


def shaped(shape: Shape = Shape()) -> Reward:
    """Outcome, evidence, form and thrift in one number."""

    def reward(
        correct: Sequence[float | None],
        seen: Sequence[float | None],
        answered: Sequence[bool],
        calls: Sequence[int],
        malformed: Sequence[int],
        **rest: Any,
    ) -> list[float | None]:
        rows = zip(correct, seen, answered, calls, malformed, strict=True)
        return [
            None
            if right is None
            else right
            + shape.seen * (met or 0.0)
            + shape.answered * bool(said)
            + shape.call * made
            + shape.malformed * broken
            for right, met, said, made, broken in rows
        ]

    reward.__name__ = "shaped"  # TRL logs it under this name
    return reward


def reward_of(name: str) -> Reward:
    """Raises ValueError for a name that is neither `binary` nor `shaped`."""
    if name not in ("binary", "shaped"):
        raise ValueError(f"{name!r} is no reward. Use binary or shaped.")
    return binary if name == "binary" else shaped()
