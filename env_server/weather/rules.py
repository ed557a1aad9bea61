"""Kinds of faults as a profile states them: how often, where, and with which figures.

above the cache   latency, rate_limit, server_error, timeout, dead_page
in the view       truncated, stale, paywalled, captcha (pages); empty, shuffled (rankings)
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from env_server.weather.groups import GROUPS, RouteGroup

TRANSPORT_FAULTS = ("rate_limit", "server_error", "timeout", "dead_page")
"""Where several are drawn for a call, the first in this order is the one it meets."""
DRAWN_TOGETHER = (
    ("latency", "latency size", "rate_limit", "server_error", "timeout", "empty", "shuffled", "truncated"),
    ("dead_page", "stale", "paywalled", "captcha"),
)
"""Kinds whose chances are numbers of one digest, by where each stands in it. What a search may meet is in one of them,
and those that last are in the other, since they take a digest of their own anyway. A place is never given anew."""
PAGE_GROUPS: tuple[RouteGroup, ...] = ("fetch", "find", "extract", "links")
RANKING_GROUPS: tuple[RouteGroup, ...] = ("search", "similar")

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class Part(BaseModel):
    """Base of all that stands in a profile: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _ascending(name: str, span: tuple[float, float]) -> None:
    if span[0] > span[1]:
        raise ValueError(f"{name} is a span, lower end first: [{span[1]}, {span[0]}]")


class Bursts(Part):
    """Faults that come together. A request belongs to one of `groups` by its hash (None: each to its own), and
    `attempts` attempts after one another make a window; each group in each window is in a burst with the chance
    `share`. In a burst the fault's rate is `rate`, outside it what the fault says.
    """

    share: Share
    rate: Share
    groups: Annotated[int, Field(ge=1, le=10_000)] | None = None
    attempts: Annotated[int, Field(ge=1, le=1000)] = 3


class _Rule(Part):
    rate: Share
    """Chance that a call draws this fault, outside a burst."""
    routes: tuple[RouteGroup, ...] | None = None
    """Groups of routes it is drawn on; null: those that the kind is made for."""
    dialects: tuple[str, ...] = ("*",)
    """Dialects by name, `native`, or `*` for all."""
    bursts: Bursts | None = None
    lasting: bool = False
    """Drawn for the request whatever the attempt, so that a retry meets it again."""

    usual_routes: ClassVar[tuple[RouteGroup, ...]] = GROUPS

    @cached_property
    def overall_rate(self) -> float:
        """Chance over bursts and what lies between them."""
        if self.bursts is None:
            return self.rate
        return self.bursts.share * self.bursts.rate + (1 - self.bursts.share) * self.rate

    @cached_property
    def label(self) -> bytes:
        """The kind, as draws are named by it."""
        kind: str = self.kind  # type: ignore[attr-defined]  # every rule has one, each of its own type
        return kind.encode()

    @cached_property
    def place(self) -> tuple[bytes, int]:
        """(name, number) of the digest that has the kind's chance, and of its place there."""
        kind = self.label.decode()
        found = next((b"%d" % n, kinds.index(kind)) for n, kinds in enumerate(DRAWN_TOGETHER) if kind in kinds)
        return found[0] + (b" lasting" if self.lasting else b""), found[1]

    def applies(self, route: str, dialect: str) -> bool:
        routes = self.usual_routes if self.routes is None else self.routes
        return route in routes and ("*" in self.dialects or dialect in self.dialects)


class Fixed(Part):
    """Always the same."""

    shape: Literal["fixed"]
    seconds: Seconds


class LogNormal(Part):
    """Most calls near the median, some slower: exp(N(ln median, sigma)), cut at `max_s`."""

    shape: Literal["lognormal"]
    median_s: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
    sigma: Annotated[float, Field(gt=0, le=5)]
    max_s: Seconds = 60.0


class Pareto(Part):
    """A heavy tail: P(slower than x) = (min_s / x) ^ alpha, cut at `max_s`. At alpha 1 a tenth is ten times slower."""

    shape: Literal["pareto"]
    min_s: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
    alpha: Annotated[float, Field(ge=0.2, le=10)]
    max_s: Seconds = 60.0


class Latency(_Rule):
    """The answer comes later."""

    kind: Literal["latency"]
    rate: Share = 1.0
    distribution: Annotated[Fixed | LogNormal | Pareto, Field(discriminator="shape")]


class RateLimit(_Rule):
    """429 with Retry-After, a whole number of seconds drawn from a span."""

    kind: Literal["rate_limit"]
    retry_after_s: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=86_400)]] = (1, 5)

    @model_validator(mode="after")
    def _span(self) -> Self:
        _ascending("retry_after_s", self.retry_after_s)
        return self


class ServerError(_Rule):
    """The vendor's server fails; one of `statuses`, each equally often."""

    kind: Literal["server_error"]
    statuses: Annotated[tuple[Literal[500, 502, 503], ...], Field(min_length=1)] = (500, 502, 503)


class Timeout(_Rule):
    """No answer within `after_s`; then the connection is closed without one, or a gateway says so."""

    kind: Literal["timeout"]
    after_s: Seconds = 30.0
    then: Literal[504, 408, "close"] = 504


class DeadPage(_Rule):
    """The page is gone; one of `statuses`, each equally often."""

    kind: Literal["dead_page"]
    lasting: bool = True
    statuses: Annotated[tuple[Literal[404, 410], ...], Field(min_length=1)] = (404,)

    usual_routes: ClassVar[tuple[RouteGroup, ...]] = PAGE_GROUPS


class _PageRule(_Rule):
    usual_routes: ClassVar[tuple[RouteGroup, ...]] = PAGE_GROUPS


class Truncated(_PageRule):
    """Only the first part of the page's text comes, without a word about it: a share of it drawn from a span."""

    kind: Literal["truncated"]
    keep: tuple[Share, Share] = (0.2, 0.7)

    @model_validator(mode="after")
    def _span(self) -> Self:
        _ascending("keep", self.keep)
        return self


class Stale(_PageRule):
    """A copy some days old that lacks a share of the page's paragraphs, both drawn from spans."""

    kind: Literal["stale"]
    lasting: bool = True
    missing: tuple[Share, Share] = (0.1, 0.4)
    days: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=36_500)]] = (180, 1500)

    @model_validator(mode="after")
    def _spans(self) -> Self:
        _ascending("missing", self.missing)
        _ascending("days", self.days)
        return self


class Paywalled(_PageRule):
    """The first characters (of a short page half of it), then a notice."""

    kind: Literal["paywalled"]
    lasting: bool = True
    chars: Annotated[int, Field(ge=0, le=100_000)] = 600


class Captcha(_PageRule):
    """A page that wants a person comes instead of the one asked for, with status 200."""

    kind: Literal["captcha"]


class Empty(_Rule):
    """A search without results."""

    kind: Literal["empty"]

    usual_routes: ClassVar[tuple[RouteGroup, ...]] = RANKING_GROUPS


class Shuffled(_Rule):
    """Hits in another order, each page of ten among itself."""

    kind: Literal["shuffled"]

    usual_routes: ClassVar[tuple[RouteGroup, ...]] = RANKING_GROUPS


ContentRule = Truncated | Stale | Paywalled | Captcha | Empty | Shuffled
Rule = Latency | RateLimit | ServerError | Timeout | DeadPage | ContentRule
