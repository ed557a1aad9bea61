"""The bytes of a call, there and back: connections of our own on an event loop, http.client without one.

tests/bench/bench_client.py measures both and the alternatives; docs/client.md has the figures.
"""

from __future__ import annotations

import asyncio
import http.client
import select
import socket
import ssl
import time
from collections import deque
from typing import Any, TypeVar

from agent.calls import Call
from agent.errors import EnvTimeout, EnvUnreachable
from agent.target import Target, answer_of
from agent.wire import Connection, Response, connect

T = TypeVar("T")

_KEPT_S = 60.0
"""How long an idle connection is kept; the server keeps it 75 s, so it is never the one to close first."""


class AsyncPool:
    """Connections of one event loop. Opened as they are needed, the one used last first."""

    def __init__(self, timeout_s: float, connections: int) -> None:
        self.timeout_s = timeout_s
        self._places = asyncio.Semaphore(connections)
        """One for each call: another connection is opened where none is idle, so that there are never more."""
        self._idle: deque[tuple[Connection, float]] = deque()
        self._asked: dict[asyncio.Future[Response], tuple[float, Connection]] = {}
        """Answers under way, with when their time is up: in about that order, since all have the same time."""
        self._clock: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None

    async def ask(self, target: Target, call: Call[T]) -> T:
        started = time.perf_counter()
        try:
            response = await self._response(target, request_of(target, call))
        except TimeoutError as error:
            raise EnvTimeout(target.base, call.route, self.timeout_s) from error
        except OSError as error:
            raise EnvUnreachable(target.base, call.route) from error
        latency_s = time.perf_counter() - started
        return answer_of(
            target, call, response.status, lambda name: response.headers.get(name.lower()), response.body, latency_s
        )

    async def _response(self, target: Target, request: bytes) -> Response:
        until = asyncio.get_running_loop().time() + self.timeout_s
        # A time-out costs a timer: where nobody waits there is none.
        if self._places.locked():
            async with asyncio.timeout_at(until):
                await self._places.acquire()
        else:
            await self._places.acquire()
        try:
            connection = self._kept()
            if connection is None:
                async with asyncio.timeout_at(until):
                    connection = await self._another(target)
            return await self._answer(connection, request, until)
        finally:
            self._places.release()

    async def _answer(self, connection: Connection, request: bytes, until: float) -> Response:
        answer = connection.ask(request)
        self._asked[answer] = until, connection
        if self._clock is None:
            self._clock = asyncio.get_running_loop().call_at(until, self._strike)
        try:
            response = await answer
        except BaseException:
            connection.close()  # half an answer would be the next call's beginning
            raise
        finally:
            self._asked.pop(answer, None)
        if connection.is_open:
            now = time.monotonic()
            self._idle.append((connection, now))
            while now - self._idle[0][1] >= _KEPT_S or not self._idle[0][0].is_open:
                self._idle.popleft()[0].close()
        return response

    def _kept(self) -> Connection | None:
        """The idle connection used last. Those that are too old go."""
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_open and time.monotonic() - since < _KEPT_S:
                return connection
            connection.close()
        return None

    async def _another(self, target: Target) -> Connection:
        if target.is_tls and self._tls is None:
            self._tls = ssl.create_default_context()
        return await connect(target.host, target.port, self._tls if target.is_tls else None)

    def _strike(self) -> None:
        """One clock for all calls, set to the first whose time is up: a timer for each costs more than all this."""
        loop = asyncio.get_running_loop()
        self._clock, now = None, loop.time()
        for answer, (until, _) in self._asked.items():
            if until > now:
                self._clock = loop.call_at(until, self._strike)
                return
            if not answer.done():
                answer.set_exception(TimeoutError())

    async def close(self) -> None:
        """A call that is under way ends as one that reached nobody."""
        while self._idle:
            self._idle.pop()[0].close()
        for _, connection in self._asked.values():
            connection.close()
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        await asyncio.sleep(0)  # the loop ends its transports in its next round


def request_of(target: Target, call: Call[Any]) -> bytes:
    """A request's bytes. Raises ValueError where what should be one line is not."""
    path = call.target
    if not (path.isascii() and path.isprintable()) or " " in path:
        raise ValueError(f"{path!r:.200} cannot stand in a request.")
    body = call.body
    length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
    head = f"{call.method} {target.prefix}{path} HTTP/1.1\r\n{length}{target.head}"
    return head.encode("ascii") + (body or b"")


class SyncPool:
    """Connections that threads take and give back."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._idle: deque[tuple[http.client.HTTPConnection, float]] = deque()

    def ask(self, target: Target, call: Call[T]) -> T:
        connection = self._take(target)
        started = time.perf_counter()
        try:
            connection.request(call.method, target.prefix + call.target, call.body, target.headers)
            response = connection.getresponse()
            body = response.read()
        except TimeoutError as error:
            connection.close()
            raise EnvTimeout(target.base, call.route, self.timeout_s) from error
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            raise EnvUnreachable(target.base, call.route) from error
        except BaseException:
            connection.close()  # half an answer would be the next call's beginning
            raise
        latency_s = time.perf_counter() - started
        if response.will_close:
            connection.close()
        else:
            self._idle.append((connection, time.monotonic()))
        return answer_of(target, call, response.status, response.headers.get, body, latency_s)

    def _take(self, target: Target) -> http.client.HTTPConnection:
        """The connection used last, if the server has not closed it; clients over one pool ask one server."""
        while self._idle:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                break  # another thread was faster
            if time.monotonic() - since < _KEPT_S and _is_open(connection.sock):
                return connection
            connection.close()
        kind = http.client.HTTPSConnection if target.is_tls else http.client.HTTPConnection
        return kind(target.host, target.port, timeout=self.timeout_s)

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()


def _is_open(sock: socket.socket | None) -> bool:
    """Nothing to read: what an idle connection has to say is that it ends."""
    if sock is None:
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)
