"""What the ledger counts. Values; nothing here knows of requests, databases or prices."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields

CHARS_A_TOKEN = 4
DEFAULT_RUN = "default"
OTHER_RUN = "other"
"""Of names that cannot be one, and of the next ones where too many were given."""
RUN = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}")


@dataclass(slots=True)
class Counts:
    """Whole numbers that are added up."""

    calls: int = 0
    items: int = 0
    """Questions and pages they asked for: a batch of n counts n (`weather/groups.py`)."""
    cached: int = 0
    """Answered from the cache of finished answers."""
    billed: int = 0
    """Items of calls answered with a status under 400: what vendors charge for."""
    bytes: int = 0
    """Of bodies, before any compression."""
    tokens: int = 0
    """Of observations: a quarter of their characters, rounded up for each. An estimate, the one budgets use."""
    billed_tokens: int = 0
    faults: int = 0
    """Calls that met drawn weather; latency alone is none."""
    pages: int = 0
    """Pages opened, each time anew."""
    missed: int = 0
    """Pages asked for that are not there: hallucinated addresses, each time anew."""

    def add(self, other: Counts) -> None:
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))


NAMES = tuple(field.name for field in fields(Counts))


@dataclass(frozen=True, slots=True)
class Line:
    """The counts of one tool of one dialect in one run."""

    run: str
    dialect: str
    tool: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Read:
    """What is on record: sorted lines, and by run the number of distinct pages opened and of episodes."""

    lines: tuple[Line, ...]
    pages: dict[str, int]
    episodes: dict[str, int]


def tokens_of(body: bytes) -> int:
    """A quarter of a body's characters, rounded up; of its bytes where it is no text."""
    chars = len(body)
    if not body.isascii():
        with contextlib.suppress(UnicodeDecodeError):
            chars = len(body.decode())
    return -(-chars // CHARS_A_TOKEN)


def run_named(header: bytes) -> str:
    """The run that X-Stillweb-Run names; what cannot be a name is never refused, since it is no part of a request."""
    if not header:
        return DEFAULT_RUN
    name = header.decode("latin-1")
    return name if RUN.fullmatch(name) else OTHER_RUN


def summed(lines: Iterable[Line]) -> list[Line]:
    """One line for each run, dialect and tool, sorted."""
    sums: dict[tuple[str, str, str], Counts] = {}
    for line in lines:
        sums.setdefault((line.run, line.dialect, line.tool), Counts()).add(line.counts)
    return [Line(*key, counts) for key, counts in sorted(sums.items())]
