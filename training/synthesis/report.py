"""What a file of tasks is like: yields of every gate, histograms, structure against pass rate; as text and HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from training.synthesis.structure import Association, Group, associations, histograms
from training.synthesis.yields import Yields
from training.tables import table
from training.tasks import Task

_BAR = 40
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{padding:.15em .8em .15em 0;text-align:right}
td:first-child,th:first-child{text-align:left}th{border-bottom:1px solid #999}
.bar{display:inline-block;height:.8em;background:#4a7ab5;vertical-align:middle}h2{margin-top:1.6em}"""


@dataclass(frozen=True)
class Report:
    tasks: int
    proven: int
    witnessed: int
    yields: Yields
    histograms: Mapping[str, Mapping[str, int]]
    associations: Sequence[Association]
    groups: Sequence[Group]
    scored: int
    """Tasks that the run has samples of."""


def report_on(
    tasks: Sequence[Task], yields: Yields, rates: Mapping[str, Sequence[float]] | None = None, *, seed: int = 0
) -> Report:
    """`rates`: samples of each task by task_id, 1.0 right and 0.0 wrong; None without a run."""
    rates = rates or {}
    found, groups = associations(tasks, rates, seed=seed) if rates else ([], [])
    return Report(
        len(tasks),
        sum(task.proof is not None for task in tasks),
        sum(task.proof is not None and task.proof.get("witness") is not None for task in tasks),
        yields,
        histograms(tasks),
        found,
        groups,
        sum(bool(rates.get(task.task_id)) for task in tasks),
    )


def as_text(report: Report) -> str:
    """For a terminal."""
    parts = [_summary(report)]
    for title, head, rows in _tables(report):
        parts.append(f"{title}\n{table(head, rows)}")
    for name, counts in report.histograms.items():
        most = max(counts.values())
        width = max(map(len, counts))
        bars = [
            f"  {value:<{width}}  {count:>6}  {'#' * max(1, round(_BAR * count / most))}"
            for value, count in counts.items()
        ]
        parts.append("\n".join([name, *bars]))
    return "\n\n".join(parts)


def as_html(report: Report, title: str) -> str:
    """One static page that needs nothing beside it."""
    parts = [f"<h1>{html.escape(title)}</h1><p>{html.escape(_summary(report))}</p>"]
    for name, head, rows in _tables(report):
        parts.append(f"<h2>{html.escape(name)}</h2>{_html_table(head, rows)}")
    for name, counts in report.histograms.items():
        most = max(counts.values())
        bars = "".join(
            f"<tr><td>{html.escape(value)}</td><td>{count:,}</td>"
            f'<td style="text-align:left"><span class="bar" style="width:{20 * count / most:.2f}em"></span></td></tr>'
            for value, count in counts.items()
        )
        parts.append(f"<h2>{html.escape(name.capitalize())}</h2><table>{bars}</table>")
    top = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{top}</head><body>{"".join(parts)}</body></html>\n'


def _summary(report: Report) -> str:
    told = f"{report.tasks:,} tasks, {report.proven:,} with a proof, {report.witnessed:,} with a witness."
    return f"{told} A run has samples of {report.scored:,}." if report.scored else told


def _tables(report: Report) -> Iterable[tuple[str, list[str], list[list[str]]]]:
    for stage, gates in report.yields.items():
        yield f"Yields: {stage}", ["gate", "count"], [[gate, f"{count:,}"] for gate, count in gates.items()]
    if report.associations:
        rows = [
            [
                one.figure,
                str(one.tasks),
                _number(one.rho),
                f"{_number(one.interval.low)} to {_number(one.interval.high)}",
            ]
            for one in report.associations
        ]
        yield "Structure against pass rate (Spearman)", ["figure", "tasks", "rho", "95 % interval"], rows
    if report.groups:
        rows = [
            [
                f"{one.figure} {one.value}", str(one.tasks), f"{one.rate:.1%}",
                f"{one.interval.low:.1%} to {one.interval.high:.1%}",
            ]
            for one in report.groups
        ]  # fmt: skip
        yield "Pass rate", ["tasks of", "tasks", "mean", "95 % interval"], rows


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{lines}</table>"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.2f}"
