"""Which pages an answer shows, which it opens and which are not there: noted where the service gives them, kept beside
the finished bytes.

Episodes and the ledger ask for it. It is no part of an answer, and it holds the snapshot's own ids whatever the view
calls them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar


class Trace:
    """doc_ids in the order of their first showing."""

    __slots__ = ("looked_at", "missed", "opened", "seen")

    def __init__(self) -> None:
        self.seen: dict[str, None] = {}
        self.opened: dict[str, None] = {}
        self.missed: dict[str, None] = {}
        self.looked_at = 0
        """Hits that some were chosen from; it bounds what one request may cost."""


def packed(doc_ids: Iterable[str]) -> bytes:
    """doc_ids in eight bytes each: kept answers are many."""
    return bytes.fromhex("".join(doc_ids))


def unpacked(doc_ids: bytes) -> tuple[str, ...]:
    """The inverse of `packed`."""
    digits = doc_ids.hex()
    return tuple(digits[place : place + 16] for place in range(0, len(digits), 16))


_CURRENT: ContextVar[Trace | None] = ContextVar("stillweb_trace", default=None)


def begin_trace() -> Trace:
    """A trace for the request that this task answers; `Threads.run` takes it along into the thread."""
    trace = Trace()
    _CURRENT.set(trace)
    return trace


def note_seen(doc_ids: Iterable[str]) -> None:
    """Pages that a ranking shows."""
    trace = _CURRENT.get()
    if trace is not None:
        trace.seen.update(dict.fromkeys(doc_ids))


def note_opened(doc_id: str) -> None:
    """A page whose text is read."""
    trace = _CURRENT.get()
    if trace is not None:
        trace.opened[doc_id] = None


def note_missed(page: str) -> None:
    """A page asked for, by URL or id, that is not there for whoever asks."""
    trace = _CURRENT.get()
    if trace is not None:
        trace.missed[page] = None


def note_found(page: str) -> None:
    """What is not there as a page and was something else after all."""
    trace = _CURRENT.get()
    if trace is not None:
        trace.missed.pop(page, None)


def note_looked_at(hits: int = 0) -> int:
    """Hits that some are chosen from; how many those are in this request by now, 0 outside of one."""
    trace = _CURRENT.get()
    if trace is None:
        return 0
    trace.looked_at += hits
    return trace.looked_at
