"""Drawing weather: a pure function of profile, seed, canonical request and attempt.

The order of calls, their time and their neighbours are no ingredients, nor is an episode's id. Each kind of fault has
numbers of its own (`streams.py`, by its place in `rules.DRAWN_TOGETHER`): turning one on moves no other's draws, and
raising a rate only adds faults.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from env_server.errors import Problem
from env_server.weather.content import ContentFault
from env_server.weather.profiles import Profile
from env_server.weather.rules import (
    Bursts,
    ContentRule,
    DeadPage,
    Fixed,
    Latency,
    LogNormal,
    Pareto,
    Paywalled,
    RateLimit,
    Rule,
    ServerError,
    Shuffled,
    Stale,
    Timeout,
    Truncated,
)
from env_server.weather.streams import base_of, choice, pick, raw_numbers, unit, unit_of

VARIANTS = 16
"""Seeds and steps of a content fault: few, so that calls with the same request share finished answers."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class TransportFault:
    """What a call meets instead of its answer. `status` None: the connection is closed without one."""

    kind: str
    status: int | None
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Weather:
    """What one call meets: seconds it takes longer, at most one fault in place of the answer, at most one inside it.

    `drawn` has every kind of fault that came up, also those that another went before; latency is none of them.
    """

    latency_s: float = 0.0
    fault: TransportFault | None = None
    content: ContentFault | None = None
    drawn: tuple[str, ...] = ()


CLEAR = Weather()


def draw(profile: Profile, seed: int, route: str, dialect: str, canonical_request: bytes, attempt: int = 1) -> Weather:
    """The weather of a call.

    `route` is of `groups.GROUPS`, `dialect` a name or "native"; they choose the faults and are no ingredient.
    `canonical_request` is what the cache's key is made of, without snapshot and view. `attempt` counts from 1.
    Raises ValueError for a route that is no group or an attempt below 1.
    """
    above, below = profile.rules(route, dialect)
    if attempt < 1:
        raise ValueError(f"Attempts count from 1, not {attempt}.")
    if not above and not below:
        return CLEAR
    base = base_of(seed, canonical_request)
    now = b" 1 " if attempt == 1 else b" %d " % attempt
    latency_s, fault, content = 0.0, None, None
    drawn: list[str] = []
    digests: dict[bytes, tuple[int, ...]] = {}
    for rule in above + below:
        digest, place = rule.place
        when = b" 0 " if rule.lasting else now
        numbers = digests.get(digest)
        if numbers is None:
            numbers = digests[digest] = raw_numbers(base, digest + when)
        chance, bursts = unit_of(numbers[place]), rule.bursts
        if bursts is None:
            if chance >= rule.rate:
                continue
        elif chance >= max(rule.rate, bursts.rate) or chance >= _rate(rule, bursts, base, seed, attempt):
            continue
        if isinstance(rule, Latency):
            latency_s = _seconds(rule, unit_of(numbers[place + 1]))
            continue
        drawn.append(rule.kind)
        if isinstance(rule, ContentRule):
            if fault is None and content is None:
                name = rule.label + when
                content = _content(rule, unit(base, name + b"size"), unit(base, name + b"seed"))
        elif fault is None:
            fault = _fault(rule, unit(base, rule.label + when + b"size"))
            if isinstance(rule, Timeout):
                latency_s = rule.after_s
    return Weather(latency_s, fault, content, tuple(drawn)) if drawn or latency_s else CLEAR


def _rate(rule: Rule, bursts: Bursts, base: bytes, seed: int, attempt: int) -> float:
    """The rate of a fault that comes in bursts, for one attempt of one request."""
    kind = rule.label
    window = 0 if rule.lasting else (attempt - 1) // bursts.attempts
    if bursts.groups is None:
        burst = unit(base, b"%s burst %d" % (kind, window))
    else:
        group = int(unit(base, kind + b" group") * bursts.groups)
        burst = _burst(seed, kind, group, window)
    return bursts.rate if burst < bursts.share else rule.rate


@lru_cache(maxsize=16_384)
def _burst(seed: int, kind: bytes, group: int, window: int) -> float:
    """The number of a group in a window. Kept, since the calls of a seed share a few, and two digests are dear."""
    return unit(base_of(seed, b"burst", kind), b"%d %d" % (group, window))


def _seconds(rule: Latency, share: float) -> float:
    shape = rule.distribution
    if isinstance(shape, Fixed):
        return shape.seconds
    if isinstance(shape, LogNormal):
        seconds = shape.median_s * math.exp(shape.sigma * _NORMAL.inv_cdf(share))
    else:
        assert isinstance(shape, Pareto)
        seconds = shape.min_s * (1 - share) ** (-1 / shape.alpha)
    return round(min(seconds, shape.max_s), 4)  # the last digits of exp and pow may differ between machines


def _fault(rule: Rule, share: float) -> TransportFault:
    if isinstance(rule, RateLimit):
        return TransportFault(rule.kind, 429, pick(share, *rule.retry_after_s))
    if isinstance(rule, Timeout):
        return TransportFault(rule.kind, None if rule.then == "close" else rule.then)
    assert isinstance(rule, ServerError | DeadPage)
    return TransportFault(rule.kind, choice(share, rule.statuses))


def _content(rule: ContentRule | Rule, share: float, variant: float) -> ContentFault:
    step = int(share * VARIANTS) / (VARIANTS - 1)
    seed = int(variant * VARIANTS)
    if isinstance(rule, Truncated):
        return ContentFault(rule.kind, _between(rule.keep, step))
    if isinstance(rule, Stale):
        days = rule.days[0] + round(step * (rule.days[1] - rule.days[0]))
        return ContentFault(rule.kind, _between(rule.missing, step), days, seed)
    if isinstance(rule, Paywalled):
        return ContentFault(rule.kind, float(rule.chars))
    return ContentFault(rule.kind, seed=seed if isinstance(rule, Shuffled) else 0)


def _between(span: tuple[float, float], step: float) -> float:
    return round(span[0] + step * (span[1] - span[0]), 6)


def dropped_gold(rate: float, seed: int, evidence: Iterable[str]) -> tuple[str, ...]:
    """Evidence pages (doc_ids) that an episode never sees: for `View.dropped`. A higher rate adds pages."""
    base = base_of(seed, b"dropped_gold")
    return tuple(sorted(doc_id for doc_id in set(evidence) if unit(base, doc_id.encode()) < rate))


_PROBLEMS = {
    "rate_limit": ("rate_limited", "Too many requests.", "Wait as long as Retry-After says, then try again."),
    "server_error": ("upstream_error", "The server had an error.", "Try again."),
    "timeout": ("timeout", "No answer came in time.", "Try again."),
    "dead_page": ("page_not_found", "The page is not there any more.", "Try another page."),
}


def problem_of_fault(fault: TransportFault) -> Problem | None:
    """What stands in the answer of a call that met a fault, for the dialect to put in the vendor's shape.

    None where the connection is closed instead.
    """
    if fault.status is None:
        return None
    return Problem(fault.status, *_PROBLEMS[fault.kind])
