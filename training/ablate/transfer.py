"""Whether an ablation on one web says anything of another: the order of the same arms on both, by Kendall's tau.

told = transfer(report_a, report_b, cells_a, cells_b)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from training import statistics as of
from training.ablate.cells import Cell
from training.ablate.config import BadConfig
from training.evaluate import finite

RESAMPLES = 2000
_MOST_ORDERS = 7
"""Arms up to which every order is tried for p: 5,040."""
Cells = Mapping[tuple[str, int], Cell]
Floats = npt.NDArray[np.float64]


def kendall(first: Sequence[float], second: Sequence[float]) -> float:
    """Tau-b of two lists of values: 1 for the same order, -1 for the reverse. NaN where all of one are equal.

    Source: Kendall, Biometrika 1945 (b: corrected for ties).
    """
    signs = [
        (np.sign(first[i] - first[j]), np.sign(second[i] - second[j])) for i, j in combinations(range(len(first)), 2)
    ]
    agreed = float(sum(a * b for a, b in signs))
    untied = math.sqrt(sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs))
    return agreed / untied if untied else math.nan


def transfer(first: Cells, second: Cells, metric: str, *, seed: int = 0) -> dict[str, Any]:
    """The arms that both have, by `metric`. Raises BadConfig where these are fewer than two.

    `low`, `high`: seeds and tasks of each drawn anew, the same for all arms of a draw, so that what arms share moves
    none of them past another. `p`: the chance of a tau as high among all orders, where there are seven arms or fewer.
    `same_best`: share of the draws in which both put the same arm first.
    """
    arms = [arm for arm in dict.fromkeys(arm for arm, _ in first) if any(arm == other for other, _ in second)]
    if len(arms) < 2:
        raise BadConfig("The two ablations have fewer than two arms in common. Run the same config on both.")
    tables = [_table(cells, arms, metric) for cells in (first, second)]
    means = [table.mean(axis=(1, 2)) for table in tables]
    tau = kendall(means[0].tolist(), means[1].tolist())
    rng = np.random.default_rng(seed)
    taus, best = [], 0
    for _ in range(RESAMPLES):
        drawn = [_drawn(table, rng) for table in tables]
        taus.append(kendall(drawn[0].tolist(), drawn[1].tolist()))
        best += int(np.argmax(drawn[0]) == np.argmax(drawn[1]))
    known = [one for one in taus if not math.isnan(one)]
    low, high = (of.quantile(known, share) for share in ((1 - of.LEVEL) / 2, (1 + of.LEVEL) / 2))
    told: dict[str, Any] = finite(
        {
            "schema": "stillweb.ablation.transfer/1",
            "metric": metric,
            "arms": {arm: {"first": float(means[0][at]), "second": float(means[1][at])} for at, arm in enumerate(arms)},
            "tau": tau,
            "low": low,
            "high": high,
            "p": _p(means, tau) if len(arms) <= _MOST_ORDERS else math.nan,
            "same_best": best / RESAMPLES,
            "undecided_draws": 1 - len(known) / RESAMPLES,
            "seeds": [int(table.shape[1]) for table in tables],
            "tasks": [int(table.shape[2]) for table in tables],
            "snapshots": [sorted({cell.snapshot_id for cell in cells.values()}) for cells in (first, second)],
        }
    )
    return told


def _table(cells: Cells, arms: Sequence[str], metric: str) -> Floats:
    """(arms, seeds, tasks): those seeds and tasks that all these arms have. Raises BadConfig."""
    by_arm = {arm: {seed: cell for (name, seed), cell in cells.items() if name == arm} for arm in arms}
    seeds = sorted(set.intersection(*(set(found) for found in by_arm.values())))
    chosen = [[by_arm[arm][seed] for seed in seeds] for arm in arms]
    if not seeds or any(metric not in cell.held_out for row in chosen for cell in row):
        raise BadConfig(f"The arms {', '.join(arms)} have no seed in common, or no {metric!r}. Run what is owed first.")
    values = [[cell.tasks_of(metric) for cell in row] for row in chosen]
    tasks = sorted(set.intersection(*(set(one) for row in values for one in row)))
    if not tasks:
        raise BadConfig(f"The arms {', '.join(arms)} have no task in common. Run one config for all of them.")
    return np.array([[[one[task] for task in tasks] for one in row] for row in values])


def _drawn(table: Floats, rng: np.random.Generator) -> Floats:
    _, seeds, tasks = table.shape
    means: Floats = table[:, rng.integers(0, seeds, seeds)][:, :, rng.integers(0, tasks, tasks)].mean(axis=(1, 2))
    return means


def _p(means: Sequence[Floats], tau: float) -> float:
    if math.isnan(tau):
        return math.nan
    first, second = means[0].tolist(), means[1].tolist()
    orders = list(permutations(second)) if len(second) <= _MOST_ORDERS else []
    return sum(kendall(first, order) >= tau - 1e-12 for order in orders) / len(orders)
