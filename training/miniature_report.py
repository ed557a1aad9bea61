"""The report of the miniature: every run on the held-out tasks, against the base, with what it cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from corpus.resume import write_last
from training.ablate.analysis import crossed_bootstrap, crossed_error
from training.comparing import compare
from training.evaluate import Evaluation, NothingScored, evaluate, finite
from training.miniature_rollouts import episodes_of
from training.tasks import Task, read_tasks


def write_report(out: Path, tasks: Sequence[Task], names: Sequence[str], seed: int) -> dict[str, Any]:
    """`out/report.json`: rates with intervals, paired differences to the base, calls, stages with their ledgers."""
    scored: dict[str, Evaluation] = {}
    for name in names:
        try:
            if not (out / "rollouts" / f"{name}-held-out").is_dir():
                continue
            scored[name] = evaluate(episodes_of(out / "rollouts" / f"{name}-held-out"), tasks, seed=seed)
        except NothingScored:
            continue
    told = {name: _row(one, scored.get("base"), seed) for name, one in scored.items()}
    stages = [orjson.loads(path.read_bytes()) for path in (out / "stages").glob("*.json")]
    stages.sort(key=lambda one: (out / "stages" / f"{one['stage']}.json").stat().st_mtime_ns)
    spent = {key: sum(one["ledger"].get(key, 0) for one in stages) for key in ("calls", "avoided_usd")}
    spent["cpu_minutes"] = sum(one["cpu_s"] for one in stages) / 60
    spent["wall_minutes"] = sum(one["wall_s"] for one in stages) / 60
    report: dict[str, Any] = finite(
        {
            **orjson.loads((out / "run.json").read_bytes()),
            "held_out": told,
            "claim": _claim(told),
            "stages": {one.pop("stage"): one for one in stages},
            "ledger": {name: round(value, 4) for name, value in spent.items()},
        }
    )
    write_json(report, out / "report.json")
    return report


def write_json(value: Any, path: Path) -> None:
    """Whole or not at all."""
    write_last(path, orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


class UnlikeRuns(Exception):
    """Runs that cannot be held together; the message says why."""


def pooled(outs: Sequence[Path], tasks: Sequence[Task], names: Sequence[str]) -> dict[str, Any]:
    """Runs of one form with several seeds as one table: seeds by tasks, the same tasks in all.

    Of each model `correct` (mean, low, high over seeds and tasks drawn anew, error), `seeds` (a mean each), calls a
    rollout and evidence seen; against the base, and against SFT for what went on from it, the same of the differences,
    cell by cell. Raises UnlikeRuns.
    """
    runs = [orjson.loads((out / "report.json").read_bytes()) for out in outs]
    if len({orjson.dumps(run["form"]) for run in runs}) > 1 or len({run["seed"] for run in runs}) < len(runs):
        raise UnlikeRuns("The runs are not of one form with a seed each. Name the folders of one form.")
    for out, run in zip(outs, runs, strict=True):
        if list(read_tasks(out / "tasks" / "held-out.jsonl")) != list(tasks):
            raise UnlikeRuns(f"The held-out tasks of {out} are others. Pool runs of one version of the miniature.")
        if missing := [name for name in names if name not in run["held_out"]]:
            raise UnlikeRuns(f"{out} has no rollouts of {', '.join(missing)}. Finish that run, or leave it out.")
    order = [task.task_id for task in tasks]
    tables = {
        name: np.array([_correct(out / "rollouts" / f"{name}-held-out", tasks) for out in outs]) for name in names
    }
    whole = ~np.isnan(np.stack(list(tables.values()))).any(axis=(0, 1))
    clusters = [task for task, kept in zip(order, whole, strict=True) if kept]
    if not clusters:
        raise UnlikeRuns("No task was answered by every model in every run. Finish the runs first.")
    told = {}
    for name, table in tables.items():
        ours, rest = table[:, whole], [run["held_out"][name] for run in runs]
        told[name] = {
            "correct": _over(ours, clusters),
            "seeds": [round(float(mean), 4) for mean in ours.mean(axis=1)],
            "calls": round(float(np.mean([row["calls"] for row in rest])), 3),
            "seen": round(float(np.mean([row["seen"] for row in rest])), 4),
        }
        if name != "base":
            told[name]["against_base"] = _over(ours - tables["base"][:, whole], clusters)
        if name.startswith("sft-") and "sft" in tables:
            told[name]["against_sft"] = _over(ours - tables["sft"][:, whole], clusters)
    ledger = {key: round(sum(run["ledger"][key] for run in runs), 4) for key in runs[0]["ledger"]}
    return {
        "form": runs[0]["form"],
        "seeds": [run["seed"] for run in runs],
        "tasks": len(clusters),
        "left_out": len(order) - len(clusters),
        "held_out": told,
        "runs": runs,
        "ledger": ledger,
    }


def _correct(rollouts: Path, tasks: Sequence[Task]) -> list[float]:
    """A value a task, in their order; NaN for one that has none."""
    found = evaluate(episodes_of(rollouts), tasks).by_task(lambda row: row.score["correct"])
    return [float(found[task.task_id][0]) if task.task_id in found else math.nan for task in tasks]


def _over(table: Any, clusters: Sequence[str]) -> dict[str, float]:
    interval = crossed_bootstrap(table, clusters)
    values = {"mean": float(table.mean()), "low": interval.low, "high": interval.high}
    return {name: round(value, 4) for name, value in (values | {"error": crossed_error(table, clusters)}).items()}


def _row(one: Evaluation, base: Evaluation | None, seed: int) -> dict[str, Any]:
    rate = one.rates["correct"]
    row: dict[str, Any] = {
        "tasks": one.tasks,
        "correct": rate.rounded(),
        "answered": round(one.rates["answered"].mean, 4),
        "seen": round(one.rates["seen"].mean, 4),
        "calls": round(one.calls.mean, 3),
        "tokens": round(one.tokens.mean, 1),
        "stop_reasons": dict(one.stop_reasons),
    }
    if base is not None and base is not one:
        try:
            found = next(part for part in compare(one, base, seed=seed) if part.part == "correct")
        except (NothingScored, StopIteration):
            return row
        row["against_base"] = {
            name: round(value, 4) if isinstance(value, float) else value for name, value in found.to_json().items()
        }
    return row


def _claim(told: dict[str, Any]) -> str:
    """What the run says of the one claim that it is to settle, in words that the figures bear out."""
    found = told.get("sft", {}).get("against_base")
    if found is None:
        return "The run does not say whether SFT beats its base: one of the two was not evaluated."
    if found["low"] > 0:
        verdict = "beats its base: the interval excludes zero"
    elif found["high"] < 0:
        verdict = "is worse than its base: the interval excludes zero"
    else:
        verdict = "is not told apart from its base: the interval holds zero"
    shown = f"{found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
    return f"SFT {verdict} ({shown} over {found['tasks']} held-out tasks)."
