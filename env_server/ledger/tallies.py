"""Counting beside the request: a few additions in memory for each call, settled and written once a second.

    count    what a call adds, in the worker's own objects
    settle   those into Prometheus' numbers and into what is not saved yet
    flush    that into the database, where there is one; it is added to the rows that are there, so workers share them

A kill loses what was counted since the last flush, a second at most while the database answers. Without a database
each worker keeps its own sums. Calls of episodes are on record already (`episode_store.py`): they are counted here for
Prometheus alone, and the ledger reads them from their own rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from env_server.cache import CacheState, FinishedAnswer
from env_server.dialects.root import SHARED_PATHS
from env_server.ledger.counts import CHARS_A_TOKEN, OTHER_RUN, Counts, Line, Read, run_named
from env_server.trace import unpacked
from env_server.weather.groups import NATIVE, group_of, items_of

if TYPE_CHECKING:
    from env_server.metrics import Metrics

RUN, BODY, RECORDED = "stillweb_run", "stillweb_body", "stillweb_recorded"
"""What the front and the episodes leave in a request's scope: X-Stillweb-Run, the body, and that a row has the call."""
FLUSH_S = 1.0
MOST_RUNS = 1000
"""New names a worker takes for as long as it lives; the next are counted as `OTHER_RUN`."""
_MOST_PAGES = 1_000_000
_CONTROL = ("/health", "/ready", "/metrics", "/v1/episodes", "/v1/tasks", "/v1/ledger")

Key = tuple[str, str, str]
"""Run, dialect, tool."""
Scope = MutableMapping[str, Any]

logger = logging.getLogger(__name__)


class Store(Protocol):
    """Where sums are kept: `ledger/store.py`."""

    def open(self) -> Awaitable[None]: ...

    def add(self, sums: dict[Key, Counts], pages: dict[str, set[str]]) -> Awaitable[None]: ...

    def read(self, run: str | None = None, episode: str | None = None) -> Awaitable[Read]: ...

    def close(self) -> Awaitable[None]: ...


@dataclass(slots=True)
class _Tally(Counts):
    opened: set[bytes] = field(default_factory=set)
    """Pages as answers have them (`trace.packed`): the same bytes for every hit, so that to add them costs nothing."""


class Ledger:
    """One per worker, for one event loop. Its tables are bounded, whatever clients send."""

    def __init__(self, metrics: Metrics, store: Store | None = None) -> None:
        self.store = store
        self._metrics = metrics
        self._tallies: dict[tuple[Key, bool], _Tally] = {}
        self._known: dict[tuple[bytes | None, str, bool | None], _Tally] = {}
        self._ignored = _Tally()
        self._runs: set[str] = set()
        self._sums: dict[Key, Counts] = {}
        self._pages: dict[str, set[str]] = {}
        self._page_count = 0
        self._saving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect now, where there is a database."""
        if self.store is not None:
            await self.store.open()

    def count(self, scope: Scope, label: str, answer: FinishedAnswer, state: CacheState) -> None:
        """Count a call by the label that metrics have for its route. What was not let in is not counted."""
        if "stillweb" not in scope:
            return
        known = (scope.get(RUN), label, scope.get(RECORDED))
        tally = self._known.get(known) or self._find(known, scope, answer)
        size = len(answer.body)
        tokens = answer.tokens or -(-size // CHARS_A_TOKEN)
        items = items_of(scope.get(BODY, b""))
        tally.calls += 1
        tally.items += items
        tally.bytes += size
        tally.tokens += tokens
        if state == "hit":
            tally.cached += 1
        if 200 <= answer.status < 400:
            tally.billed += items
            tally.billed_tokens += tokens
        if answer.opened:
            tally.pages += len(answer.opened) // 8
            tally.opened.add(answer.opened)
        if answer.missed:
            tally.missed += answer.missed
        if answer.fault:
            tally.faults += 1

    def settle(self) -> None:
        """Take what was counted over: into Prometheus' numbers, and into what is not saved."""
        tallies, self._tallies, self._known = self._tallies, {}, {}
        for (key, is_recorded), tally in tallies.items():
            self._metrics.called(key[1], key[2], tally)
            if not is_recorded:
                self._sums.setdefault(key, Counts()).add(tally)
                self._note_pages(key[0], {doc_id for opened in tally.opened for doc_id in unpacked(opened)})

    async def flush(self) -> None:
        """Settle, and write what is not saved. Where the database does not answer it waits for the next time."""
        while self._saving is not None:
            await asyncio.shield(self._saving)
        self.settle()
        if self.store is not None and self._sums:
            # A task of its own: whoever waits for it may be cancelled, and it must know what became of it.
            self._saving = asyncio.create_task(self._save(self.store))
            await asyncio.shield(self._saving)

    async def watch(self) -> None:
        """Flush once a second, for as long as the server runs."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def close(self) -> None:
        """Write what is left, and let go of the database."""
        await self.flush()
        if self.store is not None:
            await self.store.close()

    async def read(self, run: str | None = None, episode: str | None = None) -> Read:
        """What the database has on record, this moment's calls among it; without one, what this worker has counted."""
        await self.flush()
        if self.store is not None:
            return await self.store.read(run, episode)
        lines = tuple(Line(*key, sums) for key, sums in sorted(self._sums.items()) if run is None or key[0] == run)
        return Read(lines, {name: len(pages) for name, pages in self._pages.items()}, {})

    async def _save(self, store: Store) -> None:
        sums, pages = self._sums, self._pages
        self._sums, self._pages, self._page_count = {}, {}, 0
        try:
            await store.add(sums, pages)
        except Exception as error:
            # Without its words: a driver's may hold an address with a password.
            logger.error("the ledger is not saved, and tried again: %s", type(error).__name__)
            for key, counts in sums.items():
                self._sums.setdefault(key, Counts()).add(counts)
            for run, opened in pages.items():
                self._note_pages(run, opened)
        finally:
            self._saving = None

    def _note_pages(self, run: str, doc_ids: set[str]) -> None:
        if not doc_ids or self._page_count >= _MOST_PAGES:
            return
        pages = self._pages.setdefault(run, set())
        before = len(pages)
        pages |= doc_ids
        self._page_count += len(pages) - before

    def _find(self, known: tuple[bytes | None, str, bool | None], scope: Scope, answer: FinishedAnswer) -> _Tally:
        """The tally of a call, made where there is none; remembered where the label tells the tool by itself."""
        header, label, is_recorded = known
        dialect = scope["stillweb"].dialect
        path: str = scope["path"]
        if dialect is None and path.startswith(_CONTROL):
            return self._ignored
        name = dialect_of(scope, answer)
        key = (self._run(header or b""), name, group_of(name, path, scope.get(BODY, b"")))
        tally = self._tallies.setdefault((key, bool(is_recorded)), _Tally())
        is_fixed = label != "other" and not label.endswith("/...") and label not in SHARED_PATHS and name != "mcp"
        if is_fixed and (not header or key[0] != OTHER_RUN):
            self._known[known] = tally
        return tally

    def _run(self, header: bytes) -> str:
        run = run_named(header)
        if run not in self._runs:
            if len(self._runs) >= MOST_RUNS:
                return OTHER_RUN
            self._runs.add(run)
            if len(self._runs) == MOST_RUNS:
                logger.warning("%d runs are named; the next are counted as %s", MOST_RUNS, OTHER_RUN)
        return run


def dialect_of(scope: Scope, answer: FinishedAnswer) -> str:
    """The dialect that answered; at the root its answer tells."""
    dialect = scope["stillweb"].dialect
    if dialect is not None:
        return str(dialect.name)
    if scope["path"] in SHARED_PATHS:
        for name, value in answer.headers:
            if name == b"x-stillweb-dialect":
                return value.decode()
    return NATIVE
