"""A kept answer is written at once over uvicorn's connection: the same bytes as uvicorn itself writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from env_server.connection import head_of, write_ready
from env_server.front import App, Front, Message, Receive, Scope, Send

MakeApp = Callable[..., Front]
BODY = b'{"query": "harbour", "k": 2}'
SEARCH = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
TAVILY, NATIVE, SHARED = b"/tavily/search", b"/v1/search", b"/search"


def post(path: bytes, more: bytes = b"", body: bytes = BODY) -> bytes:
    return SEARCH % (path, len(body), more, body)


def get(path: bytes, more: bytes = b"", method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return b"%b %b HTTP/%b\r\nHost: 127.0.0.1\r\n%b\r\n" % (method, path, version, more)


class Usual:
    """An application behind a `send` that is no one's connection, so that answers go the usual way."""

    def __init__(self, behind: App) -> None:
        self.behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def plain(message: Message) -> None:
            await send(message)

        await self.behind(scope, receive, plain)


@asynccontextmanager
async def served(app: App) -> AsyncIterator[int]:
    """The port of a uvicorn in this loop."""
    quiet: dict[str, Any] = {"server_header": False, "date_header": False, "access_log": False, "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", **quiet))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


async def said(port: int, *requests: bytes, ends: bool = False) -> list[bytes]:
    """What one connection answers to each request, head and body; `ends` that the server closes it after the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        size = 0 if request.startswith(b"HEAD") or b" 304 " in head[:15] else int(sizes[0].partition(b":")[2])
        answers.append(head + await reader.readexactly(size))
    if ends:
        assert await reader.read() == b""
    writer.close()
    return answers


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        (post(NATIVE), False),
        (post(TAVILY), False),
        (post(SHARED, b"X-API-KEY: a\r\n", b'{"q": "harbour"}'), False),
        (get(b"/jina/search?q=harbour", b"Accept: application/json\r\n"), False),
        (get(b"/v1/snapshot"), False),
        (get(b"/ddg/html?q=harbour", method=b"HEAD"), False),
        (post(NATIVE, b"Connection: close\r\n"), True),
        (get(b"/v1/snapshot", version=b"1.0"), True),
    ],
)
async def test_a_hit_is_on_the_wire_what_uvicorn_writes_of_it(make_app: MakeApp, asked: bytes, ends: bool) -> None:
    front = make_app()
    async with served(front) as ready, served(Usual(front)) as usual:
        await said(ready, asked, ends=ends)  # which keeps the answer
        at_once, in_two = await said(ready, asked, ends=ends), await said(usual, asked, ends=ends)
    assert at_once == in_two
    assert b"x-stillweb-cache: hit\r\n" in at_once[0]


async def test_the_installed_uvicorn_is_one_whose_inside_is_known(make_app: MakeApp) -> None:
    """Else hits cost a third more: look whether `RequestResponseCycle.send` still does what `write_ready` does."""
    sends: list[Message] = []
    front = make_app()

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        cycle = send.__self__  # type: ignore[attr-defined]
        before = cycle.send

        async def noted(message: Message) -> None:
            sends.append(message)
            await before(message)

        noted.__self__ = cycle  # type: ignore[attr-defined]
        await front(scope, receive, noted)

    async with served(watched) as port:
        await said(port, post(NATIVE), post(NATIVE), post(NATIVE))
    assert not sends  # neither for the first, which was no hit, nor for the others


async def test_hits_and_others_take_turns_on_one_connection(make_app: MakeApp) -> None:
    front, other = make_app(), post(NATIVE, body=b'{"query": "lamp"}')
    async with served(front) as port:
        (kept,) = (await said(port, post(NATIVE), post(NATIVE)))[1:]
        answers = await said(port, post(NATIVE), other, post(NATIVE), other, post(NATIVE))
        assert answers[0] == answers[2] == answers[4] == kept
        assert answers[1].replace(b"cache: miss", b"cache: hit") == answers[3]
        # All asked before one is answered: in their order.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write((post(NATIVE) + other) * 20)
        expected = (kept + answers[3]) * 20
        assert await reader.readexactly(len(expected)) == expected
        writer.close()


async def test_thousands_asked_before_one_is_answered_are_answered_in_their_order(make_app: MakeApp) -> None:
    front = make_app()
    async with served(front) as port:
        (kept,) = (await said(port, post(NATIVE), post(NATIVE)))[1:]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(NATIVE) * 3000)
        assert await reader.readexactly(len(kept) * 3000) == kept * 3000
        writer.close()


@pytest.mark.parametrize("cut", [20, 90, len(post(NATIVE)) - 1])
async def test_a_request_may_come_in_pieces(make_app: MakeApp, cut: int) -> None:
    front, asked = make_app(), post(NATIVE)
    async with served(front) as port:
        (kept,) = (await said(port, asked, asked))[1:]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in (asked[:cut], asked[cut:]):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        assert await reader.readexactly(len(kept)) == kept
        writer.close()


async def test_a_body_that_waits_to_be_asked_for_is_asked_for(make_app: MakeApp) -> None:
    front = make_app()
    head, _, body = post(NATIVE, b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    async with served(front) as port:
        (kept,) = (await said(port, post(NATIVE), post(NATIVE)))[1:]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert await reader.readexactly(len(kept)) == kept
        writer.close()


async def test_a_large_body_is_read_and_the_next_request_after_it(make_app: MakeApp) -> None:
    front = make_app()
    large = post(NATIVE, body=b'{"query": "harbour"%b}' % (b" " * 300_000))
    async with served(front) as port:
        first, second, third = await said(port, large, large, post(NATIVE))
    assert b" 200 OK" in first
    assert first.replace(b"cache: miss", b"cache: hit") == second
    assert b" 200 OK" in third


async def test_a_client_that_does_not_read_holds_nobody_up(make_app: MakeApp) -> None:
    front = make_app()
    page = get(b"/openapi.json")
    async with served(front) as port:
        (answer,) = (await said(port, page, page))[1:]
        lazy_reader, lazy = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        lazy.write(page * 200)
        assert (await said(port, page)) == [answer]
        assert await lazy_reader.readexactly(len(answer) * 200) == answer * 200
        lazy.close()


async def test_a_hit_in_the_weather_tells_of_it(make_app: MakeApp) -> None:
    told = 0
    async with served(make_app(weather="only-latency", virtual_time=True)) as port:
        for number in range(12):
            asked = post(NATIVE, body=b'{"query": "harbour %d"}' % number)
            first, second = await said(port, asked, asked)
            assert sorted(first.replace(b"cache: miss", b"cache: hit").splitlines()) == sorted(second.splitlines())
            told += b"x-stillweb-latency-s: " in second
    assert told


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-length", b"4")],
        [(b"content-length", b"3"), (b"content-length", b"3")],
        [(b"content-length", b"3"), (b"connection", b"close")],
        [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"3"), (b"location", b"/\r\nset-cookie: a=b")],
        [(b"content-length", b"3"), (b"a b", b"")],
        [(b"Content-Length", b"3")],
    ],
)
def test_headers_that_the_server_must_see_to_have_no_ready_head(headers: list[tuple[bytes, bytes]]) -> None:
    assert head_of(200, headers, 3) == b""


def test_another_server_is_not_touched() -> None:
    class Cycle:
        async def send(self, message: Message) -> None:
            raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    assert not write_ready(send, b"head", b"body")
    assert not write_ready(Cycle().send, b"head", b"body")
