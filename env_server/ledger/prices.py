"""Counts into micro-dollars, by a dated table of what vendors charge. Pure, in whole numbers."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from env_server.errors import EnvServerError
from env_server.ledger.counts import Counts

NO_VENDOR = "none"
"""In place of a vendor's name: what has no vendor of its own stays without a price."""
_FREE = "other"
"""The tool that is none, such as a health check of a vendor's."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Price(_Data):
    """`usd` dollars for `per` units."""

    usd: Annotated[Decimal, Field(ge=0, le=10**6)]
    per: Annotated[int, Field(gt=0)]
    unit: Literal["call", "page", "token"]

    def micro_usd(self, counts: Counts) -> int:
        """Rounded to a whole millionth, halves to the even one."""
        units = {"call": counts.billed, "page": counts.pages, "token": counts.billed_tokens}[self.unit]
        whole, part = self._micro_usd
        dollars, left = divmod(units * whole, part)  # a call in an episode has no time for fractions
        return dollars + (2 * left > part or (2 * left == part and dollars % 2))

    @cached_property
    def _micro_usd(self) -> tuple[int, int]:
        """Of a unit, as a fraction."""
        return (Fraction(self.usd) * 1_000_000 / self.per).as_integer_ratio()


class Vendor(_Data):
    source: Annotated[tuple[str, ...], Field(min_length=1)]
    """Pages that tell the prices."""
    read: datetime.date
    note: str = ""
    prices: dict[str, Price | None]
    """By tool; null: unknown."""


class PriceTable(_Data):
    """A file of prices."""

    date: datetime.date
    like: dict[str, str] = {}
    vendors: dict[str, Vendor]
    """By the name of the dialect that speaks for them."""

    def price(self, vendor: str, tool: str) -> Price | None:
        """None: unknown."""
        if tool == _FREE:
            return Price(usd=Decimal(0), per=1, unit="call")
        prices = self.vendors[vendor].prices
        return prices[tool] if tool in prices else prices.get(self.like.get(tool, tool))


@dataclass(frozen=True, slots=True)
class Spend:
    """What calls would have cost at a vendor's. None: there is none, or the price is unknown."""

    vendor: str | None
    micro_usd: int | None


def spend_of(table: PriceTable, dialect: str, tool: str, counts: Counts, price_as: str | None = None) -> Spend:
    """What counts would have cost at the dialect's vendor; at `price_as` where it has none."""
    vendor = dialect if dialect in table.vendors else price_as
    if vendor is None:
        return Spend(None, None)
    price = table.price(vendor, tool)
    return Spend(vendor, None if price is None else price.micro_usd(counts))


def check_vendor(table: PriceTable, vendor: str | None) -> None:
    """Raise a 422 for a vendor whom the table does not know."""
    if vendor is not None and vendor not in table.vendors:
        known = ", ".join(sorted(table.vendors))
        raise EnvServerError(
            422, "unknown_vendor", f"The price table has no vendor {vendor[:80]!r}.", f"It has {known}; or {NO_VENDOR}."
        )


class Tariff:
    """What a call costs an episode that has a budget of dollars.

    A budget has to end, so a call without a known price is charged as one of `price_as`, who must have a price for
    searches and pages.
    """

    def __init__(self, table: PriceTable, price_as: str) -> None:
        check_vendor(table, price_as)
        lacking = [tool for tool in ("search", "fetch") if table.price(price_as, tool) is None]
        if lacking:
            raise EnvServerError(
                422,
                "no_price",
                f"No price of {' and '.join(lacking)} at {price_as} is known.",
                "Name a vendor with both, or give them in a table of your own (--prices FILE).",
            )
        self._table = table
        self._price_as = price_as
        self._known: dict[tuple[str, str], Price] = {}

    def micro_usd(self, dialect: str, tool: str, counts: Counts) -> int:
        """Of one call, by what it counts for."""
        known = self._known.get((dialect, tool))
        if known is None:
            known = self._known[dialect, tool] = self._price(dialect, tool)
        return known.micro_usd(counts)

    def _price(self, dialect: str, tool: str) -> Price:
        own = self._table.price(dialect, tool) if dialect in self._table.vendors else None
        # What neither has a line for (a crawl, say) costs what reading a page does.
        found = own or self._table.price(self._price_as, tool) or self._table.price(self._price_as, "fetch")
        assert found is not None
        return found


def read_prices(path: Path) -> PriceTable:
    """Raises a 422 that names the file and the field."""
    try:
        return PriceTable.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except OSError as error:
        raise EnvServerError(422, "bad_prices", f"{path} cannot be read: {error.strerror}.", _REMEDY) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EnvServerError(422, "bad_prices", f"{path} is no YAML.", _REMEDY) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise EnvServerError(422, "bad_prices", f"{path}, {place}: {first['msg']}.", _REMEDY) from error


@cache
def ready_prices() -> PriceTable:
    """The table that comes along."""
    with files("env_server.ledger").joinpath("prices.yaml").open("rb") as file:
        return PriceTable.model_validate(yaml.safe_load(file))


def prices_of(path: Path | None) -> PriceTable:
    return ready_prices() if path is None else read_prices(path)


_REMEDY = "docs/ledger.md shows what a table looks like."
