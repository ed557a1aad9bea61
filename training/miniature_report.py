"""The report of the miniature: every run on the held-out tasks, against the base, with what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from training.comparing import compare
from training.evaluate import Evaluation, NothingScored, evaluate, finite
from training.miniature_rollouts import episodes_of
from training.tasks import Task


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
    part = out / "report.json.part"
    part.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    part.replace(out / "report.json")
    return report


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
