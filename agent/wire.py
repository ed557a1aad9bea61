"""HTTP/1.1 as the agent speaks it: one request at a time on a connection, the whole answer in memory, nothing else.

httptools reads the bytes. What a general client does beside that (redirects, cookies, compression, streams) the native
routes never need, and a call of the agent would pay for it every time: docs/client.md has the figures.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import cast

import httptools

MOST_HEAD_BYTES = 64 * 1024
"""Of an answer's status line and headers; more is nothing that a server of ours sends."""


class Broken(ConnectionError):
    """The connection ended before the answer did, or what came is no HTTP."""


@dataclass(slots=True)
class Response:
    """An answer, complete. `headers` by name in lower case; of a name that came twice, the first."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Connection(asyncio.Protocol):
    """Carries one request after the other. After any failure it is closed and not used again."""

    def __init__(self) -> None:
        self.is_open = False
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Response] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._is_unasked = False
        self._clear()

    def _clear(self) -> None:
        self._response, self._parts = Response(), list[bytes]()
        self._head_bytes = 0
        self._is_sized = self._is_headed = False

    def ask(self, request: bytes) -> asyncio.Future[Response]:
        """Send a request. The future raises Broken; whoever waits may cancel it or fail it, and then closes."""
        self._answer = answer = asyncio.get_running_loop().create_future()
        if self.is_open:
            self._transport.write(request)
        else:
            answer.set_exception(Broken("closed before the request"))
        return answer

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self.close()  # nobody asked: the next answer could not be told from this
            return
        if not self._is_headed:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Broken(f"no HTTP: {error}"))
        else:
            if not self._is_headed and self._head_bytes > MOST_HEAD_BYTES:
                self._fail(Broken("a head without an end"))
            elif self._is_unasked:
                self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self._answer is None:
            return
        if error is None and self._is_headed and not self._is_sized:
            self.on_message_complete()  # its length was not said: it ends where the connection does
        else:
            self._fail(Broken("closed before the answer was complete"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._is_unasked = self._answer is None

    def on_header(self, name: bytes, value: bytes) -> None:
        self._response.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        self._is_headed = True
        headers = self._response.headers
        self._is_sized = "content-length" in headers or "transfer-encoding" in headers

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._clear()  # an interim answer; the final one follows
            return
        answer, response, parts = self._answer, self._response, self._parts
        response.status = status
        response.body = parts[0] if len(parts) == 1 else b"".join(parts)
        goes_on = self._is_sized and self._parser.should_keep_alive()
        self._answer = None
        self._clear()
        if not goes_on:
            self.close()
        if answer is not None and not answer.done():
            answer.set_result(response)

    def _fail(self, error: Broken) -> None:
        answer, self._answer = self._answer, None
        self.close()
        if answer is not None and not answer.done():
            answer.set_exception(error)


async def connect(host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
    """Raises OSError (ssl.SSLError among it)."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, host, port, ssl=tls)
    return connection
