"""What ASGI has no word for, done on uvicorn's own connection: ready bytes written at once, leaving without an answer.

ASGI takes an answer in two messages, and uvicorn writes its head anew each time, header by header: half of what a hit
costs beside raw ASGI. The head of a kept answer is made once. Where the server is another one, or of a version whose
inside nobody has looked at, answers go the usual way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from http import HTTPStatus
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

KNOWN = ("0.54.",)
"""Versions of uvicorn whose `RequestResponseCycle` is as `write_ready` takes it."""

_CYCLE = RequestResponseCycle if uvicorn.__version__.startswith(KNOWN) else None
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING = frozenset({b"transfer-encoding", b"connection"})


def head_of(status: int, headers: Iterable[tuple[bytes, bytes]], size: int) -> bytes:
    """Status line and headers of a whole answer of `size` bytes as they are sent, with the empty line.

    b"" where the server should see to them: a header that it would refuse or act upon, or a length that is not `size`.
    """
    lines, lengths = [b"HTTP/1.1 %d %b" % (status, _phrase(status))], []
    for name, value in headers:
        if name == b"content-length":
            lengths.append(value)
        elif not _is_plain(name, value):
            return b""
        lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""]) if lengths == [b"%d" % size] else b""


@cache
def _phrase(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode()


@lru_cache(maxsize=256)
def _is_plain(name: bytes, value: bytes) -> bool:
    """Whether a header may be sent as it is. Most answers have the same ones."""
    return bool(_NAME.fullmatch(name)) and not _CONTROL.search(value) and name not in _FRAMING


def write_ready(send: Any, head: bytes, body: bytes) -> bool:
    """Send a whole answer over the connection that an ASGI `send` belongs to; False where that is not known to work.

    It leaves the connection as uvicorn's `send` does after head and body.
    """
    cycle = getattr(send, "__self__", None)
    if cycle.__class__ is not _CYCLE:
        return False
    if (
        cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused  # uvicorn's waits there, or leaves
        or not cycle.keep_alive
        or cycle.default_headers
        or cycle.access_log
        or cycle.scope["method"] == "HEAD"
    ):
        return False
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.transport.writelines((head, body))
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
    return True


async def hang_up(send: Any) -> None:
    """Close the connection without an answer."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("The weather closed this connection.")
    transport.abort()
    await asyncio.sleep(0)  # the server learns of it, and does not answer 500 in our place
