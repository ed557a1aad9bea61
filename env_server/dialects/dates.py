"""Dates as vendors' clients send and read them. There is no clock: "the last week" ends where the snapshot does."""

from __future__ import annotations

import datetime
from functools import lru_cache

from corpus.docstore import UNDATED
from corpus.snapshot import Snapshot
from env_server.dialects.dialect import Asked

_DAYS = {"d": 1, "w": 7, "m": 31, "y": 365}
_UNITS = {"h": "d", "day": "d", "week": "w", "month": "m", "year": "y", "d": "d", "w": "w", "m": "m", "y": "y"}


def today(asked: Asked) -> datetime.date:
    """The day that "now" is: the view's as-of day, else the day after the newest page's."""
    as_of = asked.view.as_of
    if as_of is not None:
        return datetime.date.fromisoformat((as_of + "-01-01")[:10] if len(as_of) == 4 else (as_of + "-01")[:10])
    return newest(asked.service.snapshot) + datetime.timedelta(days=1)


@lru_cache(maxsize=64)
def newest(snapshot: Snapshot) -> datetime.date:
    """The newest date of a page; 1970-01-01 where no page has one."""
    days = snapshot.store.days
    last = int(days.max()) if len(days) else UNDATED
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=0 if last == UNDATED else last)


def since(asked: Asked, period: str) -> str | None:
    """The ISO date that a period before today begins: `d`, `w2`, `m`, `year`, `week`...; None for anything else."""
    unit = _UNITS.get(period.rstrip("0123456789").lower())
    if unit is None:
        return None
    count = int(period.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")[:4] or "1")
    return days_before(asked, count * _DAYS[unit])


def days_before(asked: Asked, days: int) -> str:
    day = today(asked)
    return (day - datetime.timedelta(days=min(days, day.toordinal() - 1))).isoformat()


@lru_cache(4096)
def shown_date(date: str) -> str:
    """`2024-03-01` as `Mar 1, 2024`; a partial date as it is."""
    if len(date) < 10:
        return date
    day = datetime.date.fromisoformat(date[:10])
    return f"{day:%b} {day.day}, {day.year}"


@lru_cache(4096)
def timestamp(date: str) -> str:
    """An ISO date, partial or not, as `2024-03-01T00:00:00.000Z`."""
    return f"{(date + '-01-01')[:10] if len(date) == 4 else (date + '-01')[:10]}T00:00:00.000Z"
