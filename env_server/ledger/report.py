"""What the ledger tells: counts with what they would have cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from env_server.ledger.counts import NAMES, Counts, Line, Read
from env_server.ledger.prices import NO_VENDOR, PriceTable, check_vendor, spend_of

Report = dict[str, Any]


def vendor_named(table: PriceTable, name: str) -> str | None:
    """The vendor that stands in for those who have none; None for `none`. Raises a 422 for a stranger."""
    vendor = None if name == NO_VENDOR else name
    check_vendor(table, vendor)
    return vendor


def report_of(read: Read, table: PriceTable, price_as: str | None, *, source: str) -> Report:
    """Runs by name, each with a row for each tool of each dialect, and totals; as JSON has it."""
    runs: dict[str, list[Line]] = {}
    for line in read.lines:
        runs.setdefault(line.run, []).append(line)
    return {
        "source": source,
        "prices": {"date": table.date.isoformat(), "as": price_as},
        "runs": [
            {
                "run": run,
                "episodes": read.episodes.get(run, 0),
                "distinct_pages": read.pages.get(run, 0),
                "total": _total(lines, table, price_as),
                "rows": [_row(line, table, price_as) for line in lines],
            }
            for run, lines in sorted(runs.items())
        ],
        "total": _total(read.lines, table, price_as),
    }


def read_of(report: Report) -> Read:
    """The inverse of `report_of`, without the money: to price what a server tells by another table."""
    lines = [
        Line(run["run"], row["dialect"], row["tool"], Counts(**{name: row[name] for name in NAMES}))
        for run in report["runs"]
        for row in run["rows"]
    ]
    pages = {run["run"]: run["distinct_pages"] for run in report["runs"]}
    return Read(tuple(lines), pages, {run["run"]: run["episodes"] for run in report["runs"]})


def _row(line: Line, table: PriceTable, price_as: str | None) -> Report:
    spend = spend_of(table, line.dialect, line.tool, line.counts, price_as)
    shown = {"dialect": line.dialect, "tool": line.tool} | _numbers(line.counts)
    return shown | {"vendor": spend.vendor, "avoided_micro_usd": spend.micro_usd}


def _total(lines: Iterable[Line], table: PriceTable, price_as: str | None) -> Report:
    sums, micro_usd, unpriced = Counts(), 0, 0
    for line in lines:
        sums.add(line.counts)
        spend = spend_of(table, line.dialect, line.tool, line.counts, price_as).micro_usd
        micro_usd += spend or 0
        unpriced += line.counts.billed if spend is None else 0
    return _numbers(sums) | {"avoided_micro_usd": micro_usd, "unpriced_calls": unpriced}


def _numbers(counts: Counts) -> Report:
    return {name: getattr(counts, name) for name in NAMES}
