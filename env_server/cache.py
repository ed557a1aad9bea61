"""Finished answers, kept as bytes; identical requests in flight are computed once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from env_server.shared_answers import SharedAnswers

Headers = list[tuple[bytes, bytes]]
CacheState = Literal["hit", "miss", "coalesced", "bypass", "weather"]

CACHE_BYTES = 512 * 1024**2
"""Of finished answers that a server keeps unless told otherwise. At 5 kB a search this is 100,000."""
_ENTRY_OVERHEAD_BYTES = 1000
"""What an entry costs beside key and body: headers, containers, the dictionary's slot; measured with tracemalloc."""

HIT: tuple[bytes, bytes] = (b"x-stillweb-cache", b"hit")
_NO_STORE = (b"cache-control", b"no-store")
"""Of an answer of the live web in mode live, which is not to be had a second time."""


@dataclass(frozen=True, slots=True)
class FinishedAnswer:
    """Status, headers as the application set them, and the whole body."""

    status: int
    headers: Headers
    body: bytes
    hit_headers: Headers
    """The headers of a hit, made once."""
    seen: bytes = b""
    """Pages that the answer shows in a ranking, as `trace.packed` has them."""
    opened: bytes = b""
    """Pages whose text it was made of."""
    hit_head: bytes = b""
    """`hit_headers` as they are sent, `HIT` last, where they are no other server's business."""
    tokens: int = 0
    """Of the body as an observation; 0 where nobody counted. This and the rest are for the ledger."""
    missed: int = 0
    """Pages asked for that are not there."""
    fault: str = ""
    """What the weather drew for this answer to this call."""


@dataclass(slots=True)
class CacheStats:
    hits: int = 0
    misses: int = 0
    coalesced: int = 0


class Cache:
    """At most `max_bytes` of answers, the least recently used leaving first. For one event loop; not thread-safe.

    Answers that took a task are put into `shared`, too, for other workers. What was there at once is not: making it
    costs about as much as copying it.
    """

    def __init__(self, max_bytes: int, shared: SharedAnswers | None = None) -> None:
        self.max_bytes = max_bytes
        self._shared = shared
        self.size_bytes = 0
        self.stats = CacheStats()
        self._kept: OrderedDict[bytes, FinishedAnswer] = OrderedDict()
        self._flights: dict[bytes, asyncio.Task[FinishedAnswer]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> FinishedAnswer | None:
        answer = self._kept.get(key)
        if answer is not None:
            self._kept.move_to_end(key)
            self.stats.hits += 1
        return answer

    def from_others(self, key: bytes) -> FinishedAnswer | None:
        """What is not kept here, where another worker has made it; it is kept here from now on."""
        fields = None if self._shared is None else self._shared.get(key)
        if fields is None:
            return None
        answer = FinishedAnswer(*fields)
        self.stats.hits += 1
        self._keep(key, answer)
        return answer

    def in_flight(self, key: bytes) -> bool:
        return key in self._flights

    async def compute(
        self, key: bytes, make: Callable[[], Awaitable[FinishedAnswer]]
    ) -> tuple[FinishedAnswer, CacheState]:
        """The answer for a key that is not kept; whoever asks while it is made waits for the same one.

        Only answers of status 200 are kept, none that says `no-store`.
        The work goes on when its first asker leaves, since others may wait.
        """
        flight = self._flights.get(key)
        state: CacheState = "coalesced"
        if flight is None:
            state = "miss"
            self.stats.misses += 1

            async def run() -> FinishedAnswer:
                try:
                    answer = await make()
                    fields = _fields(answer)
                    if self._keep(key, FinishedAnswer(*fields)) and self._shared is not None:
                        self._shared.put(key, fields)
                    return answer
                finally:
                    del self._flights[key]

            flight = self._flights[key] = asyncio.create_task(run())
        else:
            self.stats.coalesced += 1
        return await asyncio.shield(flight), state

    def computed(self, key: bytes, answer: FinishedAnswer) -> FinishedAnswer:
        """The same for an answer that was there at once, so that nobody else can have asked for it meanwhile."""
        self.stats.misses += 1
        self._keep(key, FinishedAnswer(*_fields(answer)))
        return answer

    def _keep(self, key: bytes, answer: FinishedAnswer) -> bool:
        """Whether it was kept: not where it may be another the next time, nor where there is no room for it."""
        if answer.status != 200 or _NO_STORE in answer.headers:
            return False
        cost = _cost(key, answer)
        if cost > self.max_bytes:
            return False
        self._kept[key] = answer
        self.size_bytes += cost
        while self.size_bytes > self.max_bytes:
            old_key, old = self._kept.popitem(last=False)
            self.size_bytes -= _cost(old_key, old)
        return True


def _fields(answer: FinishedAnswer) -> tuple[int, Headers, bytes, Headers, bytes, bytes, bytes, int, int]:
    """What is kept of an answer: all but what the weather drew for one call."""
    # JSON comes in the room it grew into, up to twice its size; what is kept is cut to measure.
    body = bytes(memoryview(answer.body))
    return (
        answer.status,
        answer.headers,
        body,
        answer.hit_headers,
        answer.seen,
        answer.opened,
        answer.hit_head,
        answer.tokens,
        answer.missed,
    )


def _cost(key: bytes, answer: FinishedAnswer) -> int:
    parts = (key, answer.body, answer.seen, answer.opened, answer.hit_head)
    return sum(map(len, parts)) + _ENTRY_OVERHEAD_BYTES
