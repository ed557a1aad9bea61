"""What a server's bytes become, however they come, and how calls share connections."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from agent.calls import Call
from agent.client import AsyncClient
from agent.errors import EnvTimeout, EnvUnreachable
from agent.wire import MOST_HEAD_BYTES, Broken, connect
from env_server.redirect.authority import Authority

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server whose connections `serve` has."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def saying(pieces: Sequence[bytes], *, stays: bool) -> Serve:
    """Each request is answered with the pieces, one write after the other; then the connection ends, or stays."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if not stays:
                return

    return serve


def cut(data: bytes, at: int) -> list[bytes]:
    return [data[start : start + at] for start in range(0, len(data), at)]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nX-Twice: first\r\nx-twice: second\r\nContent-Length: 11\r\n\r\nhello world"
TO_THE_END = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello world"
AFTER_INTERIM = b"HTTP/1.1 100 Continue\r\nX-Early: yes\r\n\r\n" + SIZED


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("data", "stays"), [(CHUNKED, True), (SIZED, True), (AFTER_INTERIM, True), (TO_THE_END, False)]
)
async def test_an_answer_is_the_same_however_it_is_cut(data: bytes, stays: bool, size: int) -> None:
    async with serving(saying(cut(data, size), stays=stays)) as port:
        connection = await connect("127.0.0.1", port, None)
        for _ in range(3 if stays else 1):
            response = await connection.ask(ASKED)
            assert (response.status, response.body) == (200, b"hello world")
            assert "x-early" not in response.headers
            assert response.headers.get("x-twice", "first") == "first"
        assert connection.is_open is stays
        connection.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        SIZED[:-1],
        CHUNKED[:-5],
        b"HTTP/1.1 200 OK\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Filler: x\r\n" * (MOST_HEAD_BYTES // 10),
    ],
)
async def test_what_is_no_whole_answer_breaks_and_is_never_waited_for(data: bytes) -> None:
    async with serving(saying([data], stays=False)) as port, asyncio.timeout(10):
        connection = await connect("127.0.0.1", port, None)
        with pytest.raises(Broken):
            await connection.ask(ASKED)
        assert not connection.is_open
        with pytest.raises(Broken):
            await connection.ask(ASKED)


async def test_bytes_that_nobody_asked_for_are_nobody_s_answer() -> None:
    async with serving(saying([SIZED + SIZED], stays=True)) as port, asyncio.timeout(10):
        connection = await connect("127.0.0.1", port, None)
        assert (await connection.ask(ASKED)).body == b"hello world"
        assert not connection.is_open


def echo(seen: list[str]) -> Serve:
    """Answers with the path that was asked for; "/wait..." waits for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split()[1].decode()
            seen.append(path)
            if "wait" in path:
                await asyncio.Event().wait()
            await asyncio.sleep(0.001)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(path)}\r\n\r\n{path}".encode())
            await writer.drain()

    return serve


def asking(path: str) -> Call[str]:
    return Call("GET", path, None, lambda body, kind, delivery: body.decode())


async def test_calls_wait_for_a_connection_and_each_gets_its_own_answer() -> None:
    seen: list[str] = []
    async with serving(echo(seen)) as port, AsyncClient(f"http://127.0.0.1:{port}", connections=3) as env:
        paths = [f"/{number}" for number in range(60)]
        assert await asyncio.gather(*(env.ask(asking(path)) for path in paths)) == paths
        # Cancelled while they wait, connect or are answered, and the places they held are free again.
        tasks = [asyncio.create_task(env.ask(asking(f"/wait/{number}"))) for number in range(9)]
        for turns in range(9):
            await asyncio.sleep(0.002 * (turns % 3))
            tasks[turns].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)
        async with asyncio.timeout(10):
            assert await asyncio.gather(*(env.ask(asking(path)) for path in paths)) == paths


async def test_the_time_allowed_is_that_of_waiting_and_answer_together() -> None:
    async with (
        serving(echo([])) as port,
        AsyncClient(f"http://127.0.0.1:{port}", connections=1, timeout_s=0.3) as env,
    ):
        calls = env.ask(asking("/wait")), env.ask(asking("/never-reached"))
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(end) for end in ends] == [EnvTimeout, EnvTimeout]
        # The one place is free again. On a busy machine that, too, may take longer than the time allowed.
        after = ""
        async with asyncio.timeout(30):
            while not after:
                with suppress(EnvTimeout):
                    after = await env.ask(asking("/after"))
        assert after == "/after"


async def test_closing_ends_what_is_under_way() -> None:
    async with serving(echo([])) as port, asyncio.timeout(10):
        env = AsyncClient(f"http://127.0.0.1:{port}")
        await env.ask(asking("/first"))
        task = asyncio.create_task(env.ask(asking("/wait")))
        await asyncio.sleep(0.05)
        await env.close()
        with pytest.raises(EnvUnreachable):
            await task


async def test_a_path_cannot_break_out_of_its_line() -> None:
    async with AsyncClient("http://127.0.0.1:1") as env:
        for path in ("/a b", "/a\r\nX-Other: 1", "/é"):
            with pytest.raises(ValueError, match="cannot stand in a request"):
                await env.ask(asking(path))


@pytest.mark.parametrize("url", ["http://h/a b", "http://hé/", "http://h/\r\nX: 1"])
def test_nor_can_the_url(url: str) -> None:
    with pytest.raises(ValueError, match="no server's URL"):
        AsyncClient(url)


def test_a_derived_client_is_of_the_same_server() -> None:
    with pytest.raises(TypeError, match="url"):
        AsyncClient("http://127.0.0.1:1").using(url="http://127.0.0.1:2")


async def test_https_is_spoken_and_a_certificate_that_nobody_vouches_for_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    async with serving(echo([]), authority.context()) as port:
        url = f"https://localhost:{port}"
        async with AsyncClient(url) as env:
            with pytest.raises(EnvUnreachable):
                await env.ask(asking("/secret"))
        (tmp_path / "authority.pem").write_bytes(authority.certificate_pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        async with AsyncClient(url) as env:
            assert [await env.ask(asking("/secret")) for _ in range(3)] == ["/secret"] * 3


async def test_a_host_of_ipv6_is_named_in_brackets() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(SIZED)
        await writer.drain()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with AsyncClient(f"http://[::1]:{port}") as env:
            await env.ask(asking("/"))
    assert re.search(rf"Host: \[::1\]:{port}\r\n".encode(), heads[0])
