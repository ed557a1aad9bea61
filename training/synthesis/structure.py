"""The shape of tasks in figures, and what it has to do with how often agents solve them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.statistics import LEVEL, Interval, bootstrap
from training.synthesis.tool_proof import whole_of
from training.synthesis.tooling import tool_of
from training.tasks import Task

Floats = npt.NDArray[np.float64]
RESAMPLES = 1_000
_POPULARITY = (4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Association:
    """Spearman's rank correlation of a figure with the pass rate, over tasks; the interval draws families anew.

    NaN where the figure or the rate is the same for all.
    """

    figure: str
    tasks: int
    rho: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Group:
    """Mean pass rate of the tasks with one value of a figure; the interval draws families and samples anew."""

    figure: str
    value: str
    tasks: int
    rate: float
    interval: Interval


def figures_of(task: Task) -> dict[str, float]:
    """Numbers that say how a task is built; fewer for a task without a proof."""
    found: dict[str, float] = {"question words": len(task.question.split()), "evidence pages": len(task.evidence)}
    if "popularity" in task.meta:
        found["popularity of the answer"] = task.meta["popularity"]
    if task.proof is None:
        return found
    proof = whole_of(task.proof)
    spread = proof.spread
    found |= {
        # What an edit brings in hangs on one edge, which makes no graph with an edge wider.
        "treewidth": proof.base.treewidth,
        "variables": len(proof.solution),
        "edges": len(proof.asked.edges),
        "clues": len(proof.clues),
        "tool claims": len(proof.edits),
        "dispersion": spread.minimum,
        "most facts on one page": spread.most_on_one,
        "near misses": len(task.distractors),
    }
    if proof.clues:
        found["fewest candidates of a clue"] = min(clue.candidates for clue in proof.clues)
        found["steps of blur"] = sum(clue.blurred for clue in proof.clues)
    if proof.witness is not None:
        found["least calls"] = proof.witness.least_calls
    return found


def histograms(tasks: Sequence[Task]) -> dict[str, dict[str, int]]:
    """Figure -> value -> tasks (clues, for kinds and levels of clues; answers, for tasks of one answer)."""
    counts: dict[str, Counter[str]] = {}

    def add(name: str, value: object) -> None:
        counts.setdefault(name, Counter())[str(value)] += 1

    answers: Counter[str] = Counter()
    for task in tasks:
        add("language", task.language)
        answers[str(task.answer)] += 1
        if (popularity := task.meta.get("popularity")) is not None:
            add("popularity of the answer", _bin(int(popularity)))
        if task.proof is None:
            continue
        proof = whole_of(task.proof)
        add("treewidth", proof.base.treewidth)
        add("dispersion", proof.spread.minimum)
        if not proof.edits:
            add("dispersion over the task's own pages", proof.base.dispersion.constructing)
        add("variables", len(proof.solution))
        add("role of the answer", proof.base.role)
        for clue in proof.clues:
            add("kinds of clues", clue.predicate.op)
            add("levels of clues", clue.level)
        for edit in proof.edits:
            add("tools", tool_of(edit.claim))
        if proof.witness is not None:
            add("least calls", proof.witness.least_calls)
    for count in answers.values():
        add("tasks of one answer", count)
    return {name: dict(sorted(of.items(), key=_in_order)) for name, of in counts.items()}


def associations(
    tasks: Sequence[Task], rates: Mapping[str, Sequence[float]], *, seed: int = 0
) -> tuple[list[Association], list[Group]]:
    """Structure against pass rate. `rates` has a task's samples, 0 or 1 each; tasks without any are left out."""
    scored = [task for task in tasks if rates.get(task.task_id)]
    families = [task.family or task.task_id for task in scored]
    means = [float(np.mean(rates[task.task_id])) for task in scored]
    figures = [figures_of(task) for task in scored]
    names = dict.fromkeys(name for of in figures for name in of)
    found = []
    for name in names:
        rows = [at for at, of in enumerate(figures) if name in of]
        values = [figures[at][name] for at in rows]
        outcome = [means[at] for at in rows]
        interval = _rho_interval(values, outcome, [families[at] for at in rows], seed)
        found.append(Association(name, len(rows), spearman(values, outcome), interval))
    groups = []
    for name in ("treewidth", "dispersion"):
        for value in sorted({of[name] for of in figures if name in of}):
            rows = [at for at, of in enumerate(figures) if of.get(name) == value]
            interval = bootstrap(
                [rates[scored[at].task_id] for at in rows], clusters=[families[at] for at in rows], seed=seed
            )
            groups.append(Group(name, f"{value:g}", len(rows), float(np.mean([means[at] for at in rows])), interval))
    return found, groups


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Correlation of the ranks, ties with their mean rank. NaN for fewer than two values or where one is constant."""
    if len(one) < 2:
        return math.nan
    first, second = _ranks(np.array(one, np.float64)), _ranks(np.array(other, np.float64))
    first, second = first - first.mean(), second - second.mean()
    spread = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / spread if spread > 0 else math.nan


def _rho_interval(
    values: Sequence[float], outcome: Sequence[float], families: Sequence[Hashable], seed: int
) -> Interval:
    """Percentiles over draws of families; NaN where no draw has a correlation."""
    groups: dict[Hashable, list[int]] = {}
    for at, family in enumerate(families):
        groups.setdefault(family, []).append(at)
    members = [np.array(rows) for rows in groups.values()]
    one, other = np.array(values, np.float64), np.array(outcome, np.float64)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES if members else 0):
        rows = np.concatenate([members[at] for at in rng.integers(0, len(members), len(members))])
        rho = spearman(one[rows].tolist(), other[rows].tolist())
        if not math.isnan(rho):
            drawn.append(rho)
    if not drawn:
        return Interval(math.nan, math.nan)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Floats = ((ends - counts + 1 + ends) / 2)[inverse]
    return found


def _bin(number: int) -> str:
    low = 0
    for high in _POPULARITY:
        if number <= high:
            return f"{low} to {high}"
        low = high + 1
    return f"over {_POPULARITY[-1]}"


_in_order: Callable[[tuple[str, int]], tuple[float, str]] = lambda row: (_leading(row[0]), row[0])  # noqa: E731


def _leading(text: str) -> float:
    """The number that a label begins with; words come behind all numbers."""
    first = text.split()[0] if text.split() else ""
    if first == "over":
        return 1e9
    try:
        return float(first)
    except ValueError:
        return math.inf
