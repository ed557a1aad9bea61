"""`GET /v1/ledger`: a control route, outside the promise, behind the control token where there is one."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import FastAPI, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from env_server.errors import EnvServerError
from env_server.ledger.counts import Counts
from env_server.ledger.tallies import Ledger
from env_server.schemas import ErrorAnswer

if TYPE_CHECKING:
    from env_server.ledger.prices import PriceTable, Spend

_NO_NUL = r"^[^\x00]*$"
"""PostgreSQL refuses it."""


class _Numbers(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    calls: int
    items: int
    """Questions and pages they asked for: a batch of n counts n."""
    cached: int
    billed: int
    """Items that vendors charge for: those of calls with a status under 400."""
    bytes: int
    tokens: int
    """Of observations: a quarter of their characters, rounded up for each."""
    billed_tokens: int
    faults: int
    pages: int
    """Pages opened, each time anew."""
    missed: int
    """Pages asked for that are not there: hallucinated addresses."""


class LedgerRow(_Numbers):
    dialect: str
    tool: str
    vendor: str | None
    """Whose prices these are; null: nobody's."""
    avoided_micro_usd: int | None
    """Null: unknown."""


class LedgerTotal(_Numbers):
    avoided_micro_usd: int
    """Of the calls whose price is known."""
    unpriced_calls: int
    """Items that would have been charged at a price nobody knows."""


class LedgerRun(BaseModel):
    run: str
    episodes: int
    distinct_pages: int
    total: LedgerTotal
    rows: list[LedgerRow]


class LedgerPrices(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    date: str
    """Of the table."""
    price_as: str | None = Field(alias="as")
    """Vendor as whose calls are priced that have none of their own."""


class LedgerAnswer(BaseModel):
    source: str
    """database: of all workers, whenever they ran. worker: of the one that answers, since it was started."""
    prices: LedgerPrices
    runs: list[LedgerRun]
    total: LedgerTotal


_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "No control token, or a wrong one."},
    404: {"model": ErrorAnswer, "description": "There are no episodes here."},
    422: {"model": ErrorAnswer, "description": "A value is not acceptable."},
    503: {"model": ErrorAnswer, "description": "The database does not answer."},
}


class Tariffs:
    """The server's prices, read when they are first asked for: most servers start without them."""

    def __init__(self, path: Path | None, price_as: str) -> None:
        self.price_as = price_as
        self._path = path

    @cached_property
    def table(self) -> PriceTable:
        from env_server.ledger.prices import prices_of

        return prices_of(self._path)

    def spend(self, dialect: str, tool: str, counts: Counts) -> Spend:
        from env_server.ledger.prices import spend_of

        return spend_of(self.table, dialect, tool, counts, self.price_as)


def add_ledger_route(app: FastAPI, ledger: Ledger, tariffs: Tariffs) -> None:
    @app.get("/v1/ledger", response_model=LedgerAnswer, responses=_ERRORS, tags=["about"])
    async def show_ledger(
        run: Annotated[str | None, Query(max_length=64, pattern=_NO_NUL)] = None,
        episode: Annotated[str | None, Query(max_length=128, pattern=_NO_NUL)] = None,
        vendor: Annotated[str | None, Query(alias="as", max_length=64)] = None,
    ) -> Any:
        """Calls by run, dialect and tool, and what they would have cost; `as` prices what has no vendor of its own."""
        from env_server.ledger.report import report_of, vendor_named

        stand_in = vendor_named(tariffs.table, vendor or tariffs.price_as)
        if ledger.store is None and episode is not None:
            raise EnvServerError(404, "no_episodes", "This server keeps no episodes.", "Start it with --database FILE.")
        source = "worker" if ledger.store is None else "database"
        report = report_of(await ledger.read(run, episode), tariffs.table, stand_in, source=source)
        return Response(orjson.dumps(report), media_type="application/json")
