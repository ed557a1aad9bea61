"""Which rollouts are fit to imitate, and why the others are not: every reason is told, not the first alone.

    told = inspect(episode, task, sieve)     told.reasons is empty for a rollout that passes
    left = chosen(all of them, per_task=2)   of those that pass, the ones too many or too much alike

Each figure of a `Sieve` is a starting value of ours unless its line names a paper.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.records import Episode
from training.data.reading import context_tokens, is_fault, shown_by, states, steps_of
from training.rubric import score_episode
from training.tasks import Task


@dataclass(frozen=True)
class Sieve:
    calls: int = 3
    """Distinct calls, at least."""
    duplicates: float = 0.1
    """Share of calls that were made before and went well, at most."""
    failures: float = 0.5
    """Share of calls that failed, at most. REDSearcher drops "a substantial number" and gives none."""
    last_turns: int = 3
    """In so many turns at the end no call met weather."""
    tokens: int = 131_072
    """Of the longest prompt and its reply, at most: REDSearcher's context; what is longer is dropped, not cut."""
    per_task: int = 2
    """Rollouts of a task, at most; REDSearcher keeps one."""
    snippets: bool = False
    """What search results showed supports an answer, too: for agents that open no pages."""


FILTERS = {
    "error": "the rollout ended in an error",
    "wrong": "its answer is not right",
    "unsupported": "no page that it opened (nor search result, if those count) states the answer",
    "few_calls": "it made too few distinct calls",
    "malformed": "a call could not be read",
    "duplicates": "it repeated calls",
    "failures": "too many of its calls failed",
    "late_fault": "a call met weather near its end",
    "too_long": "its context is too long",
    "leaked": "it asked for the answer by name before it had read it",
}
"""In the order in which the first reason is told."""
CHOICES = {
    "same_pages": "it opened the same pages as one that is kept",
    "surplus": "its task has enough others",
}


@dataclass(frozen=True)
class Told:
    """A rollout against the sieve."""

    episode_id: str
    task_id: str
    correct: bool
    reasons: tuple[str, ...]
    """Names of `FILTERS`, all that apply."""
    opened: frozenset[str]
    calls: int
    """Distinct ones that could be read."""
    tokens: int


def inspect(episode: Episode, task: Task, sieve: Sieve = Sieve(), *, verdict: bool | None = None) -> Told:
    """`verdict`: a judge's, which then says what is right. Raises ValueError where the record is of another task."""
    score = score_episode(episode, task, verdict=verdict)
    correct = bool(score["correct"] if verdict is None else verdict)
    events, turns = episode.tool_events, len(episode.turns)
    readable = {event.args_digest for event in events if event.status != "malformed"}
    made = max(1, len(events))
    tokens = context_tokens(episode)
    fails = {
        "error": episode.status != "ok",
        "wrong": not correct,
        "unsupported": not any(
            (event.opened or (sieve.snippets and event.doc_ids)) and states(task, shown_by(episode, event))
            for event in events
        ),
        "few_calls": len(readable) < sieve.calls,
        "malformed": any(event.status == "malformed" for event in events)
        or any(turn.problems for turn in episode.turns),
        "duplicates": sum(event.repeat_of is not None for event in events) / made > sieve.duplicates,
        "failures": sum(event.status == "error" for event in events) / made > sieve.failures,
        "late_fault": any(is_fault(event) and event.turn >= turns - sieve.last_turns for event in events),
        "too_long": tokens > sieve.tokens,
        "leaked": any(step.leaks for step in steps_of(episode, task)),
    }
    opened = frozenset(doc_id for event in events for doc_id in event.opened)
    return Told(
        episode.id, task.task_id, correct, tuple(name for name in FILTERS if fails[name]), opened, len(readable), tokens
    )


def chosen(told: Iterable[Told], per_task: int) -> dict[str, str]:
    """episode_id -> name of `CHOICES`, for those that pass the filters and are not kept.

    Of a task the rollout with the fewest calls is kept first, then again and again the one whose opened pages differ
    most from those of the kept ones (Jaccard distance to the nearest; ties by fewer calls, then by id).
    """
    groups: dict[str, list[Told]] = {}
    for one in told:
        if not one.reasons:
            groups.setdefault(one.task_id, []).append(one)
    left: dict[str, str] = {}
    for group in groups.values():
        waiting = sorted(group, key=lambda one: (one.calls, one.episode_id))
        kept = [waiting.pop(0)]
        while waiting:
            apart = [min(_distance(one.opened, other.opened) for other in kept) for one in waiting]
            farthest = max(apart)
            if len(kept) == per_task or farthest == 0.0:
                same = zip(waiting, apart, strict=True)
                left |= {one.episode_id: "surplus" if gap else "same_pages" for one, gap in same}
                break
            kept.append(waiting.pop(apart.index(farthest)))
    return left


def _distance(one: frozenset[str], other: frozenset[str]) -> float:
    return 1.0 - len(one & other) / len(one | other) if one | other else 0.0
