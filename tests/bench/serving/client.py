"""A client that costs little beside what it measures: keep-alive HTTP/1.1 on asyncio's own protocol class.

It sends bytes made beforehand and reads answers that have a Content-Length, which is all the servers here send.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import uvloop

from tests.bench.serving.processes import Server

T = TypeVar("T")
Answer = tuple[int, bytes, bytes]
"""(status, head in lower case, body)."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._end = -1
        self._head = b""
        self._waiter: asyncio.Future[Answer] | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        if self._end < 0:
            split = received.find(b"\r\n\r\n")
            if split < 0:
                return
            self._head = received[:split].lower()
            place = self._head.index(b"content-length:") + 15
            length = self._head[place : self._head.find(b"\r\n", place) if b"\r\n" in self._head[place:] else None]
            self._end = split + 4 + int(length)
        if len(received) >= self._end and self._waiter is not None:
            body = received[len(self._head) + 4 : self._end]
            waiter, self._waiter, self._received, self._end = self._waiter, None, b"", -1
            if not waiter.done():
                waiter.set_result((int(self._head[9:12]), self._head, body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error or ConnectionResetError("the server closed the connection"))

    async def ask(self, request: bytes) -> Answer:
        self._waiter = self._loop.create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        self._transport.close()


async def connect(port: int) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
    return connection


@dataclass
class Load:
    """What a run of requests took. Latencies in seconds, as the client saw them."""

    wall_s: float = 0.0
    server_cpu_s: float = 0.0
    client_cpu_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    body_bytes: int = 0

    @property
    def requests(self) -> int:
        return len(self.latencies_s)

    @property
    def errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status != 200)

    @property
    def server_us(self) -> float:
        """CPU microseconds of the server, all its processes, a request."""
        return 1e6 * self.server_cpu_s / max(1, self.requests)

    @property
    def client_us(self) -> float:
        return 1e6 * self.client_cpu_s / max(1, self.requests)

    @property
    def per_s(self) -> float:
        return self.requests / self.wall_s

    def percentile_ms(self, percent: float) -> float:
        ordered = sorted(self.latencies_s)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


async def drive(
    server: Server,
    requests: Iterable[bytes],
    clients: int,
    *,
    at_most_s: float | None = None,
    seen: Callable[[Answer], None] | None = None,
) -> Load:
    """Send requests over `clients` connections, each its next one when its last is answered.

    `at_most_s`: start no request after this time, but at least two a client. An answer that never comes counts as
    status 0. Connections are made before the clock starts.
    """
    load = Load()
    connections = [await connect(server.port) for _ in range(clients)]
    waiting = iter(requests)
    cpu_s, client_cpu_s, started = server.cpu_s(), _own_cpu_s(), time.perf_counter()
    sent = 0

    async def work(connection: Connection) -> None:
        nonlocal sent
        for request in waiting:
            sent += 1
            begun = time.perf_counter()
            try:
                answer = await connection.ask(request)
            except OSError:
                answer = (0, b"", b"")
            now = time.perf_counter()
            load.latencies_s.append(now - begun)
            load.statuses[answer[0]] += 1
            load.body_bytes += len(answer[2])
            if seen is not None:
                seen(answer)
            if answer[0] == 0 or (at_most_s is not None and now - started > at_most_s and sent >= 2 * clients):
                return

    await asyncio.gather(*(work(connection) for connection in connections))
    load.wall_s = time.perf_counter() - started
    load.server_cpu_s = server.cpu_s() - cpu_s
    load.client_cpu_s = _own_cpu_s() - client_cpu_s
    for connection in connections:
        connection.close()
    return load


def run(coroutine: Awaitable[T]) -> T:
    """On uvloop, which halves what the client costs."""

    async def main() -> T:
        return await coroutine

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
