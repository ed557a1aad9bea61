"""`stillweb ledger`: a thin verb over the ledger's report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import orjson
import typer

from env_server.errors import EnvServerError
from env_server.ledger.counts import Read
from env_server.ledger.prices import NO_VENDOR, prices_of
from env_server.ledger.report import Report, read_of, report_of, vendor_named
from env_server.terminal import DEFAULT_SERVER, ServerOption

_WIDTH = 110


def ledger(
    database: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="Read this database, that of `stillweb serve --database`.")
    ] = None,
    server: ServerOption = DEFAULT_SERVER,
    token: Annotated[
        str | None, typer.Option(envvar=["STILLWEB_CONTROL_TOKEN", "STILLWEB_TOKEN"], help="Token of the server.")
    ] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="This run alone.")] = None,
    episode: Annotated[str | None, typer.Option(metavar="ID", help="This episode alone.")] = None,
    prices: Annotated[Path | None, typer.Option(metavar="FILE", help="A price table of your own (YAML).")] = None,
    price_as: Annotated[
        str, typer.Option("--as", metavar="VENDOR", help="Price what has no vendor of its own as this one; or none.")
    ] = "serper",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Tell what was asked, and what it would have cost elsewhere. Without --database a running server is asked."""
    try:
        table = prices_of(prices)
        vendor = vendor_named(table, price_as)
        if database is not None:
            from env_server.ledger.store import read_ledger

            read, source = read_ledger(database, run, episode), "database"
        else:
            read, source = _asked(server, token, run, episode)
        report = report_of(read, table, vendor, source=source)
    except EnvServerError as error:
        _fail(f"{error.problem.message} {error.problem.remedy}")
    if as_json:
        print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(report)


def _asked(server: str, token: str | None, run: str | None, episode: str | None) -> tuple[Read, str]:
    import httpx

    given = {name: value for name, value in (("run", run), ("episode", episode)) if value is not None}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.get(f"{server.rstrip('/')}/v1/ledger", params=given, headers=headers, timeout=60)
        told = answer.json()
        if answer.status_code != 200:
            _fail(f"{told['error']['message']} {told['error']['remedy']}")
        return read_of(told), str(told["source"])
    except httpx.HTTPError as error:
        _fail(f"{server} does not answer ({type(error).__name__}). Start a server, or name a --database.")
    except (ValueError, KeyError, TypeError):
        _fail(f"{server} is no Stillweb with a ledger. Name another --server, or a --database.")


def _print(report: Report) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console(width=max(_WIDTH, Console().width))  # a number that is cut short is none
    if not report["runs"]:
        console.print("Nothing is counted yet.")
        return
    for run in report["runs"]:
        of_episodes = f", episodes: {run['episodes']:,}" if run["episodes"] else ""
        console.print(f"run {run['run']}: {run['distinct_pages']:,} different pages opened{of_episodes}", markup=False)
        shown = Table(box=SIMPLE)
        for name in ("dialect", "tool"):
            shown.add_column(name)
        for name in ("calls", "items", "cached", "tokens", "pages", "made up", "faults", "avoided $"):
            shown.add_column(name, justify="right")
        shown.add_column("priced as")
        for row in run["rows"]:
            shown.add_row(row["dialect"], row["tool"], *_cells(row), _vendor(row))
        shown.add_section()
        shown.add_row("all", "", *_cells(run["total"]), "")
        console.print(shown)
    total, prices = report["total"], report["prices"]
    stand_in = prices["as"] or NO_VENDOR
    console.print(
        f"Avoided: ${total['avoided_micro_usd'] / 1e6:,.6f}, by prices of {prices['date']}; what has no vendor of its "
        f"own is priced as {stand_in} (--as). Tokens are characters / 4.",
        highlight=False,
    )
    if total["unpriced_calls"]:
        console.print(f"Not in it: {total['unpriced_calls']:,} items whose price is unknown (--prices FILE tells one).")
    if report["source"] == "worker":
        console.print("Of one worker since its start: with `stillweb serve --database` the ledger is kept.")


def _cells(row: Report) -> list[str]:
    numbers = [f"{row[name]:,}" for name in ("calls", "items", "cached", "tokens", "pages", "missed", "faults")]
    spend = row["avoided_micro_usd"]
    return [*numbers, "unknown" if spend is None else f"{spend / 1e6:,.6f}"]


def _vendor(row: Report) -> str:
    return str(row["vendor"] or "-")


def _fail(message: str) -> NoReturn:
    print(f"stillweb: {message}", file=sys.stderr)
    raise typer.Exit(2)
