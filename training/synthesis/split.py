"""Train and test that share no page of evidence and no answer.

Tasks hang together that share one; the parts that hang together are dealt out whole. Where nearly all do, as in a small
corpus, no such split has a test set of the size that was asked for: `cut` then leaves out the tasks that join the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from corpus.scoring.words import key
from training.tasks import Task

TRAIN, TEST = "train", "test"


@dataclass(frozen=True, slots=True)
class Split:
    """Tasks in the order in which they came. `left_out` join train and test; empty without `cut`."""

    train: tuple[Task, ...]
    test: tuple[Task, ...]
    left_out: tuple[Task, ...]
    parts: int
    """Sets of tasks that hang together."""
    largest: int
    """Tasks of the largest."""


def held_of(task: Task) -> frozenset[str]:
    """What a task shares with no task of the other side: its pages and its answers, other names too."""
    answers = (task.answer,) if isinstance(task.answer, str) else task.answer
    return frozenset(task.evidence) | {f"answer {key(name)}" for name in (*answers, *task.aliases)}


def parts_of(tasks: Sequence[Task]) -> list[list[int]]:
    """Places of the tasks that hang together, by union-find; each part ascending, parts by their first."""
    parent = list(range(len(tasks)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    first: dict[str, int] = {}
    for at, task in enumerate(tasks):
        for held in sorted(held_of(task)):
            parent[root(at)] = root(first.setdefault(held, at))
    parts: dict[int, list[int]] = {}
    for at in range(len(tasks)):
        parts.setdefault(root(at), []).append(at)
    return sorted(parts.values())


def split(tasks: Sequence[Task], *, test: int, seed: int = 0, cut: bool = False) -> Split:
    """At most `test` tasks for test, the others for train, which order and seed decide.

    Whole parts go to the test set while they fit, in an order drawn by the seed. With `cut` and room left, a part that
    does not fit gives the tasks that add fewest pages to those of the test set; tasks that share pages with both sides
    are left out. Raises ValueError for a `test` below 1 or not below the number of tasks.
    """
    if not 0 < test < len(tasks):
        raise ValueError(f"{test} of {len(tasks)} tasks for the test set leave no two sets.")
    parts = parts_of(tasks)
    chosen: set[int] = set()
    torn: set[int] = set()
    rest: list[list[int]] = []
    for part in sorted(parts, key=lambda part: _drawn(seed, tasks[part[0]].task_id)):
        if len(chosen) + len(part) <= test:
            chosen.update(part)
        else:
            rest.append(part)
    if cut and len(chosen) < test and rest:
        largest = max(rest, key=lambda part: (len(part), -part[0]))
        taken = _grown([tasks[at] for at in largest], test - len(chosen), seed)
        inside = {largest[at] for at in taken}
        held = frozenset().union(*(held_of(tasks[at]) for at in inside))
        chosen |= inside
        torn = {at for at in largest if at not in inside and held & held_of(tasks[at])}
    return Split(
        tuple(task for at, task in enumerate(tasks) if at not in chosen and at not in torn),
        tuple(task for at, task in enumerate(tasks) if at in chosen),
        tuple(task for at, task in enumerate(tasks) if at in torn),
        len(parts),
        max(map(len, parts)),
    )


def shared(one: Iterable[Task], other: Iterable[Task]) -> frozenset[str]:
    """Pages and answers of both."""
    held = [frozenset().union(*map(held_of, tasks)) for tasks in (one, other)]
    return held[0] & held[1]


def _grown(tasks: Sequence[Task], size: int, seed: int) -> list[int]:
    """Places of tasks that lie close together: each next one adds fewest pages and answers."""
    held = [held_of(task) for task in tasks]
    order = sorted(range(len(tasks)), key=lambda at: _drawn(seed, tasks[at].task_id))
    taken: list[int] = [order[0]]
    have = set(held[order[0]])
    left = order[1:]
    while left and len(taken) < size:
        at = min(left, key=lambda at: (len(held[at] - have), _drawn(seed, tasks[at].task_id)))
        left.remove(at)
        taken.append(at)
        have |= held[at]
    return taken


def _drawn(seed: int, task_id: str) -> str:
    return hashlib.sha256(f"{seed}\0{task_id}".encode()).hexdigest()
