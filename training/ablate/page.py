"""The report for people: one HTML file that needs nothing else, and tables for the terminal. Pure."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from training.ablate.drawing import Row, curves, dots
from training.tables import table

Report = Mapping[str, Any]
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}"
    "td,th{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}.note{color:#666}"
)
ARM_HEAD = ("arm", "runs", "mean", "95 % interval", "untrained", "first reward", "last reward", "steps to threshold")
COST_HEAD = (
    "arm", "rollouts", "calls", "failures", "faults", "zero advantage", "avoided $", "unpriced calls", "wall s",
)  # fmt: skip
DIFFERENCE_HEAD = ("arm", "less", "difference", "95 % interval", "p", "Holm", "detectable", "by seed", "decided")


def as_html(report: Report) -> str:
    """Everything of the report, with plots."""
    plots = pictures(report)
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{_e(report['name'])}</title><style>{_STYLE}</style>",
        f"<h1>{_e(report['name'])}</h1><p>{_e(report['question'])}</p><p class=note>{_e(summary(report))}</p>",
        *(f"<p><b>{_e(line)}</b></p>" for line in troubles(report)),
        f"<h2>Held out: {_e(report['metric'])}</h2>{plots.get('arms', '')}",
        _html_table(ARM_HEAD, arm_rows(report)),
        "<p class=note>Diamond: mean over seeds and tasks; bar: 95 % bootstrap over seeds and tasks; ring: a seed.</p>",
        f"<h2>Differences from {_e(report['base'])}</h2>{plots.get('differences', '')}",
        _html_table(DIFFERENCE_HEAD, difference_rows(report)),
        "<p class=note>Arms share tasks, their order, and every draw of weather and policy. p: signs of tasks "
        "permuted, given these seeds; detectable: what such a table shows four times out of five; decided: the "
        "interval leaves out 0, Holm is below 0.05 and all seeds agree.</p>",
    ]
    if plots.get("curves"):
        parts.append(f"<h2>Reward over steps</h2>{plots['curves']}")
    parts += [
        "<h2>What it took</h2>",
        _html_table(COST_HEAD, cost_rows(report)),
        "<p class=note>Avoided: what the calls would have cost at the vendor whose prices the server has "
        "(docs/ledger.md).</p></html>\n",
    ]
    return "\n".join(parts)


def pictures(report: Report) -> dict[str, str]:
    """SVG by name: arms, differences, curves; without those that there is nothing to draw for."""
    colours = {name: place for place, name in enumerate(report["arms"])}
    done = {name: arm for name, arm in report["arms"].items() if arm["runs"]}
    found = {}
    if done:
        rows = [
            Row(
                name,
                arm["mean"],
                arm["low"],
                arm["high"],
                [one["mean"] for one in arm["seeds"].values()],
                colours[name],
            )
            for name, arm in done.items()
        ]
        found["arms"] = dots(rows, label=f"{report['metric']}, held-out tasks")
        steps = {name: [one["rewards"] for one in arm["seeds"].values()] for name, arm in done.items()}
        if any(curve for seeds in steps.values() for curve in seeds):
            found["curves"] = curves(
                steps, label="reward by step of training", colours=colours, threshold=report["threshold"]
            )
    if report["differences"]:
        rows = [
            Row(name, one["difference"], one["low"], one["high"], list(one["by_seed"].values()), colours[name])
            for name, one in report["differences"].items()
        ]
        found["differences"] = dots(rows, label=f"{report['metric']}, less that of {report['base']}", zero=True)
    return found


def as_text(report: Report) -> str:
    """The tables in plain text."""
    parts = [summary(report), *troubles(report), table(ARM_HEAD, arm_rows(report))]
    if report["differences"]:
        parts.append(table(DIFFERENCE_HEAD, difference_rows(report)))
    return "\n\n".join([*parts, table(COST_HEAD, cost_rows(report))])


def transfer_text(found: Report) -> str:
    """What `stillweb ablate transfer` found, in plain text."""
    rows = [[name, _f(one["first"]), _f(one["second"])] for name, one in found["arms"].items()]
    tau = "cannot be told: all arms of one are equal" if found["tau"] is None else f"{found['tau']:+.2f}"
    interval = "" if found["low"] is None else f", 95 % interval {found['low']:+.2f} to {found['high']:+.2f}"
    chance = "" if found["p"] is None else f", p {found['p']:.3f} of a tau as high by chance"
    draws = f"Both put the same arm first in {found['same_best']:.0%} of the draws."
    few = f"{len(rows)} arms can be put in {math.factorial(len(rows))} orders." if len(rows) < 6 else ""
    return "\n\n".join(
        [
            table(["arm", f"{found['metric']}, A", "B"], rows),
            f"Kendall's tau {tau}{interval}{chance}. {draws} {few}".rstrip(),
        ]
    )


def summary(report: Report) -> str:
    seeds = len(report["seeds"])
    return (
        f"{report['name']}: {len(report['arms'])} arms under {seeds} {'seed' if seeds == 1 else 'seeds'}, "
        f"{report['metric']} over {report['measured_tasks']} tasks, backend {report['backend']}."
    )


def troubles(report: Report) -> list[str]:
    told = [f"{one['arm']}, seed {one['seed']} failed: {one['reason']}" for one in report["failures"]]
    if report["owed"]:
        owed = ", ".join(f"{one['arm']} under seed {one['seed']}" for one in report["owed"])
        told.append(f"The budget is spent. Owed: {owed}.")
    return told


def arm_rows(report: Report) -> list[list[str]]:
    rows = []
    for name, arm in report["arms"].items():
        if not arm["runs"]:
            rows.append([name, "0", *["-"] * (len(ARM_HEAD) - 2)])
            continue
        seeds = list(arm["seeds"].values())
        reached = [one["steps_to_threshold"] for one in seeds]
        rows.append(
            [
                name, str(arm["runs"]), _f(arm["mean"]), f"{_f(arm['low'])} to {_f(arm['high'])}", _f(arm["before"]),
                _f(_mean([one["first_reward"] for one in seeds])), _f(_mean([one["last_reward"] for one in seeds])),
                "-" if report["threshold"] is None else ", ".join("never" if n is None else str(n) for n in reached),
            ]
        )  # fmt: skip
    return rows


def difference_rows(report: Report) -> list[list[str]]:
    return [
        [
            name, one["against"], _signed(one["difference"]), f"{_signed(one['low'])} to {_signed(one['high'])}",
            f"{one['p']:.4f}", f"{one['holm']:.4f}", _f(one["detectable"]),
            " ".join(_signed(value) for value in one["by_seed"].values()), "yes" if one["decided"] else "no",
        ]
        for name, one in report["differences"].items()
    ]  # fmt: skip


def cost_rows(report: Report) -> list[list[str]]:
    return [
        [
            name, f"{arm['rollouts']:,}", f"{arm['calls']:,}", f"{arm['failures']:,}", f"{arm['faults']:,}",
            _f(arm.get("zero_advantage")), f"{arm['avoided_dollars']:,.2f}", f"{arm['unpriced_calls']:,}",
            f"{arm['wall_s']:.1f}",
        ]
        for name, arm in [*report["arms"].items(), ("all", report["total"])]
    ]  # fmt: skip


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _f(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{_e(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _e(text: object) -> str:
    return html.escape(str(text))
