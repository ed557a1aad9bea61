"""What the cells say: an ablation's figures, each with what it rests on. Pure.

Held-out values lie in a table of seeds by tasks, the same of both for every arm, and a difference between two arms is
taken cell by cell (the arms share every draw that is not the knob's).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training import statistics as of
from training.ablate.cells import Cell
from training.ablate.config import Config
from training.ablate.running import Made
from training.evaluate import finite

SCHEMA = "stillweb.ablation/1"
_FEWEST_FAMILIES = 8
SMOOTHED = 3
"""Steps of the mean that is held against the threshold."""
Floats = npt.NDArray[np.float64]


def crossed_bootstrap(table: Floats, clusters: Sequence[str], *, seed: int = 0, resamples: int = 2000) -> of.Interval:
    """95 % interval of a table's mean, seeds (rows) and clusters of tasks (columns) drawn anew, each by itself.

    Both are drawn because both could have been others; one drawn within the other would count the same task as new in
    every seed. Source: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007; a little too wide rather
    than too narrow, except over very few seeds, of which no bootstrap can tell how much they vary.
    """
    groups: dict[str, list[int]] = {}
    for column, cluster in enumerate(clusters):
        groups.setdefault(cluster, []).append(column)
    members = [np.array(columns) for columns in groups.values()]
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for turn in range(resamples):
        rows = rng.integers(0, len(table), len(table))
        columns = np.concatenate([members[group] for group in rng.integers(0, len(members), len(members))])
        means[turn] = table[np.ix_(rows, columns)].mean()
    low, high = np.quantile(means, [(1 - of.LEVEL) / 2, (1 + of.LEVEL) / 2])
    return of.Interval(float(low), float(high))


def crossed_error(table: Floats, clusters: Sequence[str]) -> float:
    """Standard error of the table's mean: that over tasks, by cluster, and that over seeds, in quadrature."""
    over_tasks = of.clustered_error([float(one) for one in table.mean(axis=0)], clusters)
    over_seeds = float(table.mean(axis=1).std(ddof=1)) / math.sqrt(len(table)) if len(table) > 1 else 0.0
    return math.hypot(over_tasks, over_seeds)


def report_of(made: Made) -> dict[str, Any]:
    """The whole report, as JSON has it: null where there is nothing to tell."""
    config = made.config
    told = {
        "schema": SCHEMA,
        "name": config.name,
        "question": config.question,
        "backend": config.backend,
        "metric": config.metric,
        "base": config.base_arm,
        "evaluate_in": config.evaluate_in,
        "threshold": config.threshold,
        "seeds": list(config.seeds),
        "tasks": made.tasks,
        "measured_tasks": made.measured,
        "samples": config.samples,
        "arms": {name: _arm(made, name) for name in config.arms},
        "differences": differences(config, made.cells),
        "total": _total(made),
        "failures": [{"arm": a, "seed": s, "reason": why} for (a, s), why in sorted(made.failures.items())],
        "owed": [{"arm": arm, "seed": seed} for arm, seed in made.owed],
    }
    found: dict[str, Any] = finite(told)
    return found


def differences(config: Config, cells: Mapping[tuple[str, int], Cell]) -> dict[str, Any]:
    """Every arm against the base, over the seeds and tasks that both have.

    p: permutation of signs over tasks, of the means over seeds, so given these seeds; `holm`: corrected for the arms
    beside. `detectable`: the smallest difference that such a table shows four times out of five. `decided`: the
    interval leaves out 0, holm is below 0.05 and every seed points the same way.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in config.arms:
        seeds = [seed for seed in config.seeds if (name, seed) in cells and (config.base_arm, seed) in cells]
        if name == config.base_arm or not seeds:
            continue
        here = [cells[name, seed].tasks_of(config.metric) for seed in seeds]
        there = [cells[config.base_arm, seed].tasks_of(config.metric) for seed in seeds]
        tasks = sorted(set.intersection(*(set(row) for row in (*here, *there))))
        if not tasks:
            continue
        table = np.array([[a[task] - b[task] for task in tasks] for a, b in zip(here, there, strict=True)])
        clusters = _clusters(cells[name, seeds[0]], tasks)
        interval = crossed_bootstrap(table, clusters)
        by_seed = [float(one) for one in table.mean(axis=1)]
        error = crossed_error(table, clusters)
        found[name] = {
            "against": config.base_arm,
            "tasks": len(tasks),
            "difference": float(table.mean()),
            "low": interval.low,
            "high": interval.high,
            "error": error,
            # No pair that differs: at most one in so many does, as far as these tasks tell.
            "detectable": of.detectable(error or 1 / len(tasks)),
            "p": of.paired_permutation([float(one) for one in table.mean(axis=0)]),
            "by_seed": dict(zip(map(str, seeds), by_seed, strict=True)),
        }
    corrected = of.holm([one["p"] for one in found.values()])
    for one, p in zip(found.values(), corrected, strict=True):
        one["holm"] = p
        signs = {np.sign(value) for value in one["by_seed"].values()}
        one["decided"] = bool(p < 1 - of.LEVEL and (one["low"] > 0 or one["high"] < 0) and len(signs) == 1)
    return found


def first_step_above(curve: Sequence[float], threshold: float) -> int | None:
    """The first step, from 1, whose mean over the last three rewards reaches the threshold."""
    for end in range(SMOOTHED, len(curve) + 1):
        if sum(curve[end - SMOOTHED : end]) / SMOOTHED >= threshold:
            return end
    return None


def slope(curve: Sequence[float]) -> float:
    """Least-squares slope of reward over steps; NaN of fewer than two."""
    if len(curve) < 2:
        return math.nan
    return float(np.polyfit(np.arange(len(curve)), np.array(curve), 1)[0])


def _arm(made: Made, name: str) -> dict[str, Any]:
    config = made.config
    cells = {seed: made.cells[name, seed] for seed in config.seeds if (name, seed) in made.cells}
    told: dict[str, Any] = {"seeds": {}, "runs": len(cells), **_sums(list(cells.values()))}
    if not cells:
        return told
    values = [cell.tasks_of(config.metric) for cell in cells.values()]
    tasks = sorted(set.intersection(*(set(row) for row in values)))
    table = np.array([[row[task] for task in tasks] for row in values])
    clusters = _clusters(next(iter(cells.values())), tasks)
    interval = crossed_bootstrap(table, clusters)
    curves = {seed: [step.reward for step in cell.curve] for seed, cell in cells.items()}
    steps = [step for cell in cells.values() for step in cell.curve]
    silent = [step.zero_advantage for step in steps if step.zero_advantage is not None]
    metrics = sorted(set.intersection(*(set(cell.held_out) for cell in cells.values())))
    quarter = {seed: max(1, len(curve) // 4) for seed, curve in curves.items()}
    return told | {
        "mean": float(table.mean()),
        "low": interval.low,
        "high": interval.high,
        "error": crossed_error(table, clusters),
        "before": of.mean([cell.before[config.metric] for cell in cells.values() if config.metric in cell.before]),
        "metrics": {metric: of.mean([cell.mean(metric) for cell in cells.values()]) for metric in metrics},
        "zero_advantage": of.mean(silent),
        "seeds": {
            str(seed): {
                "mean": cell.mean(config.metric),
                "first_reward": of.mean(curves[seed][: quarter[seed]]),
                "last_reward": of.mean(curves[seed][-quarter[seed] :]) if curves[seed] else math.nan,
                "slope": slope(curves[seed]),
                "steps_to_threshold": (
                    None if config.threshold is None else first_step_above(curves[seed], config.threshold)
                ),
                "rewards": curves[seed],
                "wall_s": cell.wall_s,
                "calls": cell.spent.calls,
                "snapshot_id": cell.snapshot_id,
            }
            for seed, cell in cells.items()
        },
    }  # fmt: skip


def _sums(cells: Sequence[Cell]) -> dict[str, Any]:
    def total(name: str) -> int:
        return sum(getattr(cell.spent, name) for cell in cells)

    calls = total("calls")
    return {
        "rollouts": total("rollouts"),
        "calls": calls,
        "tokens": total("tokens"),
        "failures": total("failures"),
        "failure_share": total("failures") / calls if calls else math.nan,
        "faults": total("faults"),
        "avoided_dollars": total("avoided_micro_usd") / 1e6,
        "unpriced_calls": total("unpriced_calls"),
        "wall_s": sum(cell.wall_s for cell in cells),
    }


def _total(made: Made) -> dict[str, Any]:
    return {"runs": len(made.cells), **_sums(list(made.cells.values()))}


def _clusters(cell: Cell, tasks: Sequence[str]) -> list[str]:
    """Families, where there are enough of them to draw from; else every task is its own."""
    families = [cell.families.get(task) or task for task in tasks]
    return families if len(set(families)) >= _FEWEST_FAMILIES else list(tasks)
