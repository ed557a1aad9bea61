"""What the calls of an episode cost it, where its budget is in dollars."""

from __future__ import annotations

from collections.abc import Callable

from env_server.episodes import Row
from env_server.ledger.counts import Counts
from env_server.ledger.prices import PriceTable, Tariff


def counts_of(row: Row) -> Counts:
    """What a call's row counts for; the ledger sums the same in SQL (`ledger/store.py`)."""
    is_billed = 200 <= row.status < 400
    return Counts(
        calls=1,
        items=row.items,
        cached=row.cached,
        billed=row.items if is_billed else 0,
        bytes=row.bytes,
        tokens=row.tokens,
        billed_tokens=row.tokens if is_billed else 0,
        faults=int(bool(row.fault)),
        pages=len(row.opened),
        missed=row.missed,
    )


def charge_by(table: PriceTable, price_as: str) -> Callable[[Row], int]:
    """What a call costs, in millionths of a dollar. Raises a 422 for a `price_as` without prices."""
    tariff = Tariff(table, price_as)
    return lambda row: tariff.micro_usd(row.dialect, row.tool, counts_of(row))
