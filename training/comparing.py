"""Runs against each other: two over the same tasks; one between a floor without tools and a ceiling with the evidence.

compare(first, second)                                  differences with p, Holm and what could have been seen
decompose(run, floor=no_tool, ceiling=oracle)           where right answers were lost
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from training import statistics as of
from training.evaluate import Evaluation, NothingScored, finite, value_of

COMPARED = ("correct", "judged", "f1", "seen", "opened", "supported", "calls")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the first run has more than the second over the tasks of both: the mean of differences a task.

    `low`, `high`: bootstrap over family and sample. `error` is clustered by family. p: exact McNemar where every task
    has one rollout in both and the part is 0 or 1, else the paired permutation test; `holm` is p corrected for all
    comparisons beside. `detectable`: what these pairs would show four times out of five.
    """

    part: str
    tasks: int
    difference: float
    low: float
    high: float
    error: float
    p: float
    test: Literal["mcnemar", "permutation"]
    holm: float
    detectable: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Loss:
    """Where right answers were lost, as shares of the rollouts over the tasks that all runs have.

    retrieval: wrong, and part of the evidence never seen; reading: all seen, not all opened; answering: all opened;
    unplaced: wrong on a task that names no evidence. right + these is 1. `recoverable` weighs each by the ceiling's
    accuracy on its task: what the agent could have had with the page in hand; the rest is beyond the model.
    from_memory: right without having seen all evidence. captured: (accuracy - floor) / (ceiling - floor), NaN where the
    ceiling is not above the floor.
    """

    tasks: int
    right: float
    retrieval: float
    reading: float
    answering: float
    unplaced: float
    recoverable: Mapping[str, float]
    from_memory: float
    floor: float
    ceiling: float
    captured: float
    detectable: float
    """Of `right`, against another such run, not paired."""

    def rounded(self) -> dict[str, Any]:
        shown = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items() if k != "recoverable"}
        found: dict[str, Any] = finite(
            {**shown, **{f"recoverable_{name}": round(v, 4) for name, v in self.recoverable.items()}}
        )
        return found


def compare(first: Evaluation, second: Evaluation, *, seed: int = 0) -> list[Comparison]:
    """Two runs over the tasks that both have, part by part. Raises NothingScored where they have none in common."""
    found: list[Comparison] = []
    for part in COMPARED:
        here, there = (one.by_task(value_of(part)) for one in (first, second))
        common = [task_id for task_id in here if task_id in there]
        if common:
            found.append(
                _compared(part, first, [here[one] for one in common], [there[one] for one in common], common, seed)
            )
    if not found:
        raise NothingScored("The two runs have no task in common. Compare runs over the same questions.")
    corrected = of.holm([one.p for one in found])
    return [replace(one, holm=p) for one, p in zip(found, corrected, strict=True)]


def decompose(run: Evaluation, *, floor: Evaluation, ceiling: Evaluation) -> Loss:
    """Where a run loses, between one without tools and one that is given the evidence. Raises NothingScored."""
    low, high = (
        {task_id: of.mean(found) for task_id, found in one.by_task(value_of(one.outcome)).items()}
        for one in (floor, ceiling)
    )
    rows = [row for row in run.rows if row.task_id in low and row.task_id in high]
    if not rows:
        raise NothingScored("Run, floor and ceiling have no task in common. All three are to be over the same tasks.")
    samples = Counter(row.task_id for row in rows)
    shares: defaultdict[str, float] = defaultdict(float)
    recoverable = dict.fromkeys(("retrieval", "reading", "answering"), 0.0)
    for row in rows:
        weight = 1 / samples[row.task_id] / len(samples)  # a task counts once, however many samples it has
        seen, opened = row.score["seen"], row.score["opened"]
        if row.score[run.outcome]:
            shares["right"] += weight
            shares["from_memory"] += weight * (seen is not None and seen < 1)
            continue
        place = (
            "unplaced" if seen is None or opened is None
            else "retrieval" if seen < 1 else "reading" if opened < 1 else "answering"
        )  # fmt: skip
        shares[place] += weight
        if place != "unplaced":
            recoverable[place] += weight * high[row.task_id]
    under, over = (of.mean([found[task_id] for task_id in samples]) for found in (low, high))
    right = shares["right"]
    return Loss(
        len(samples), right, shares["retrieval"], shares["reading"], shares["answering"],
        shares["unplaced"], recoverable,
        shares["from_memory"], under, over,
        (right - under) / (over - under) if over > under else math.nan,
        run.rates[run.outcome].detectable,
    )  # fmt: skip


def _compared(
    part: str, first: Evaluation, here: list[list[float]], there: list[list[float]], common: list[str], seed: int
) -> Comparison:
    families = {row.task_id: row.family for row in first.rows}
    clusters = [families[task_id] for task_id in common]
    differences = [of.mean(a) - of.mean(b) for a, b in zip(here, there, strict=True)]
    interval = of.bootstrap(here, against=there, clusters=clusters, seed=seed)
    error = of.clustered_error(differences, clusters)
    single = part != "calls" and all(len(one) == 1 and one[0] in (0.0, 1.0) for one in (*here, *there))
    if single:
        p = of.mcnemar(sum(one > 0 for one in differences), sum(one < 0 for one in differences))
    else:
        p = of.paired_permutation(differences, seed=seed)
    # No pair that differs: at most one in so many does, as far as these tasks tell.
    least = 1 / len(common) if part != "calls" else 0.0
    return Comparison(
        part, len(common), of.mean(differences), interval.low, interval.high, error, p,
        "mcnemar" if single else "permutation", p, of.detectable(error or least),
    )  # fmt: skip
