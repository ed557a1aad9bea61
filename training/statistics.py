"""Figures of an evaluation and how sure they are. Pure functions over numbers; what draws takes a seed.

wilson, clustered_error                       one rate; a mean over tasks that hang together
pass_at, pass_all, majority_at                of n samples a task, what k of them would give
mcnemar, paired_permutation, holm             two runs over the same tasks; many comparisons
detectable                                    the difference that a table could have shown
bootstrap                                     intervals over task and sample
calibration, legacy_calibration, brier, auroc what stated confidence is worth
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
POWER = 0.8
BINS = 10
RESAMPLES = 9999
"""Of a permutation test: p is no smaller than 1 in 10,000."""
BOOTSTRAPS = 1000
_EXACT = 16
"""Pairs up to which every assignment of signs is tried."""
_SUBSETS = 5000
"""Subsets of samples that a majority is counted over, at most."""
_LEGACY_BIN = 100


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends belong to it."""

    low: float
    high: float


def wilson(right: float, of: int, level: float = LEVEL) -> Interval:
    """Interval of a rate: Wilson, JASA 1927. Of nothing it is 0 to 1."""
    if of == 0:
        return Interval(0.0, 1.0)
    z, rate = _z(level), right / of
    middle = rate + z * z / (2 * of)
    half = z * math.sqrt(rate * (1 - rate) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return Interval(max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale))


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Standard error of a mean whose values hang together within clusters; 0.0 for fewer than two values.

    Source: Miller, "Adding error bars to evals", arXiv 2411.00640, section 2.2. With a cluster for each value it is
    the error of independent values, with n (not n - 1) below.
    """
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values have {len(clusters)} clusters. Give each value its own.")
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    sums: dict[Hashable, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + value - mean
    return math.sqrt(math.fsum(one * one for one in sums.values())) / len(values)


def detectable(error: float, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest true difference that a two-sided test at this level finds with this power, from its error."""
    return (_z(level) + NormalDist().inv_cdf(power)) * error


def pass_at(samples: int, right: int, k: int) -> float:
    """Chance that one of k samples or more is right, without bias: Chen et al., arXiv 2107.03374."""
    _check_k(samples, k)
    return float(1.0 - math.comb(samples - right, k) / math.comb(samples, k))


def pass_all(samples: int, right: int, k: int) -> float:
    """Chance that all of k samples are right (pass^k), without bias: Yao et al., arXiv 2406.12045."""
    _check_k(samples, k)
    return float(math.comb(right, k) / math.comb(samples, k))


def majority_at(answers: Sequence[Hashable], right: Sequence[bool], k: int, *, seed: int = 0) -> float:
    """Share of the subsets of k samples whose most frequent answer is right; of a tie, the earliest answer's.

    All subsets where there are 5,000 or fewer, else as many drawn by the seed. Answers that count as one are equal
    keys; None is no answer and is never in the majority. A majority is right if its first sample is.
    """
    _check_k(len(answers), k)
    if math.comb(len(answers), k) <= _SUBSETS:
        subsets = list(combinations(range(len(answers)), k))
    else:
        rng = np.random.default_rng(seed)
        draws = (rng.choice(len(answers), k, replace=False) for _ in range(_SUBSETS))
        subsets = [tuple(sorted(int(place) for place in draw)) for draw in draws]
    won = 0
    for subset in subsets:
        counts = Counter(answers[place] for place in subset if answers[place] is not None)
        if counts:
            winner = counts.most_common(1)[0][0]  # a Counter keeps ties in the order in which they came
            won += right[next(place for place in subset if answers[place] == winner)]
    return won / len(subsets)


def mcnemar(first_only: int, second_only: int) -> float:
    """Two-sided exact p that two systems differ, from the tasks that one of them alone got right. McNemar, 1947."""
    discordant = first_only + second_only
    tail = sum(math.comb(discordant, few) for few in range(min(first_only, second_only) + 1))
    return min(1.0, float(2 * tail / 2**discordant))


def paired_permutation(differences: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Two-sided p of a mean difference: each sign may as well be the other. Every assignment for 16 pairs or fewer.

    Differences of 0 change nothing and are left out.
    """
    values = np.array([value for value in differences if value], dtype=np.float64)
    if not len(values):
        return 1.0
    least = abs(float(values.sum())) - 1e-9 * float(np.abs(values).sum())
    if len(values) <= _EXACT:
        signs = 1 - 2 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
        return float(np.mean(np.abs(signs @ values) >= least))
    rng = np.random.default_rng(seed)
    hits = 0
    for start in range(0, resamples, 1000):
        signs = 1 - 2 * rng.integers(0, 2, (min(1000, resamples - start), len(values)))
        hits += int(np.sum(np.abs(signs @ values) >= least))
    return (hits + 1) / (resamples + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """p corrected for so many comparisons, in their order. Holm, Scandinavian Journal of Statistics 1979."""
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def bootstrap(
    tasks: Sequence[Sequence[float]],
    *,
    against: Sequence[Sequence[float]] | None = None,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = BOOTSTRAPS,
    level: float = LEVEL,
) -> Interval:
    """Interval of the mean over tasks of the mean over samples: clusters of tasks are drawn anew, then samples.

    `tasks` has a list of values for each task, none of them empty; `against` the same tasks' values in another run,
    and the interval is then of the difference: both runs get the same tasks in a draw, each its own samples. Without
    `clusters` every task is its own. Percentile; of nothing it is 0 to 1.
    """
    if not tasks:
        return Interval(0.0, 1.0)
    groups: dict[Hashable, list[int]] = {}
    for row, cluster in enumerate(clusters if clusters is not None else range(len(tasks))):
        groups.setdefault(cluster, []).append(row)
    members = [np.array(rows) for rows in groups.values()]
    here, there = _Samples(tasks), None if against is None else _Samples(against)
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for turn in range(resamples):
        drawn = rng.integers(0, len(members), len(members))
        rows = np.concatenate([members[group] for group in drawn])
        means[turn] = here.drawn(rows, rng) - (there.drawn(rows, rng) if there else 0.0)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


class _Samples:
    """Values of tasks in one array, so that a draw is a few calls of numpy."""

    def __init__(self, tasks: Sequence[Sequence[float]]) -> None:
        self.counts = np.array([len(values) for values in tasks])
        self.values = np.zeros((len(tasks), int(self.counts.max())))
        for row, values in enumerate(tasks):
            self.values[row, : len(values)] = values
        self.used = np.arange(self.values.shape[1]) < self.counts[:, None]

    def drawn(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> float:
        """Mean over the tasks `rows`, samples of each drawn anew."""
        counts = self.counts[rows, None]
        places = (rng.random((len(rows), self.values.shape[1])) * counts).astype(np.int64)
        values = np.where(self.used[rows], self.values[rows[:, None], places], 0.0)
        return float(np.mean(values.sum(axis=1, keepdims=True) / counts))


def calibration(confidence: Sequence[float], right: Sequence[bool], bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass, all of them: mean of |confidence - accuracy|, by mass.

    Bins have as many values as each other, or one more; equal confidences may part. NaN for no values.
    """
    stated, correct = _by_confidence(confidence, right)
    if not len(stated):
        return math.nan
    parts = zip(np.array_split(stated, bins), np.array_split(correct, bins), strict=True)
    return math.fsum(abs(float(a.mean() - b.mean())) * len(a) for a, b in parts if len(a)) / len(stated)


def legacy_calibration(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """The figure that BrowseComp-Plus and HLE report, for comparison: bins of 100, the last one left out, root of the
    mean square; so it is 0.0 for fewer than 200 values, whatever they are."""
    stated, correct = _by_confidence(confidence, right)
    kept = max(0, len(stated) // _LEGACY_BIN - 1)
    square = 0.0
    for number in range(kept):
        part = slice(number * _LEGACY_BIN, (number + 1) * _LEGACY_BIN)
        square += float(stated[part].mean() - correct[part].mean()) ** 2 * _LEGACY_BIN / len(stated)
    return math.sqrt(square)


def brier(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Mean square of confidence minus outcome. NaN for no values. Brier, Monthly Weather Review 1950."""
    if not confidence:
        return math.nan
    return math.fsum((one - is_right) ** 2 for one, is_right in zip(confidence, right, strict=True)) / len(confidence)


def auroc(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Chance that a right answer is stated with more confidence than a wrong one; ties count half. NaN without both."""
    good: Floats = np.array(
        [one for one, is_right in zip(confidence, right, strict=True) if is_right], dtype=np.float64
    )
    bad: Floats = np.sort(
        np.array([one for one, yes in zip(confidence, right, strict=True) if not yes], dtype=np.float64)
    )
    if not len(good) or not len(bad):
        return math.nan
    twice = np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")
    return float(np.sum(twice)) / (2 * len(good) * len(bad))


def kappa(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Agreement of two graders beyond chance: Cohen 1960. NaN for no values, and where both say one thing alone."""
    if not first:
        return math.nan
    n = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    yes_first, yes_second = sum(first) / n, sum(second) / n
    chance = yes_first * yes_second + (1 - yes_first) * (1 - yes_second)
    return math.nan if chance == 1 else (agreed - chance) / (1 - chance)


def quantile(values: Sequence[float], share: float) -> float:
    """Linear between the nearest values. NaN for none."""
    return float(np.quantile(values, share)) if len(values) else math.nan


def mean(values: Sequence[float]) -> float:
    """NaN for none."""
    return math.fsum(values) / len(values) if values else math.nan


def _by_confidence(confidence: Sequence[float], right: Sequence[bool]) -> tuple[Floats, Floats]:
    stated = np.array(confidence, dtype=np.float64)
    correct = np.array(right, dtype=np.float64)
    if stated.shape != correct.shape:
        raise ValueError(f"{len(stated)} confidences have {len(correct)} outcomes.")
    # Stable, so that equal confidences stand in the order of the records.
    order = np.argsort(stated, kind="stable")
    return stated[order], correct[order]


def _check_k(samples: int, k: int) -> None:
    if not 1 <= k <= samples:
        raise ValueError(f"Of {samples} samples no {k} can be drawn. Take k from 1 to {samples}.")


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
