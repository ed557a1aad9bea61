"""A live web of a few lines on loopback, and `stillweb serve` with any options; both are real servers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from corpus import build_snapshot
from tests.ports import free_port

Raw = bytes | Callable[[], bytes]


def raw(body: bytes | str, status: str = "200 OK", content_type: str = "text/html", *headers: str) -> bytes:
    data = body if isinstance(body, bytes) else body.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(data)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + data


@dataclass
class LiveWeb:
    """Answers by path, in turn where there are several; remembers what it was asked."""

    answers: dict[str, list[bytes]]
    port: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def paths(self) -> list[str]:
        return [head.split(" ")[1] for head in self.heads]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        if first in (b"", b"\x16"):  # a TLS handshake, which is not spoken here
            writer.close()
            return
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [line for line in head.split("\r\n") if line.lower().startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0].split(":")[1])) if lengths else b""
        self.heads.append(head)
        self.bodies.append(body)
        path = head.split(" ")[1].partition("?")[0]
        given = self.answers.get(path, [raw("nothing here", "404 Not Found")])
        writer.write(given.pop(0) if len(given) > 1 else given[0])
        await writer.drain()
        writer.close()


@asynccontextmanager
async def live_web(**answers: bytes | list[bytes]) -> AsyncIterator[LiveWeb]:
    """`live_web(a=raw("hello"))` answers at /a; "__" in a name is a slash."""
    named = {
        "/" + name.replace("__", "/"): given if isinstance(given, list) else [given] for name, given in answers.items()
    }
    web = LiveWeb({path.replace("/robots", "/robots.txt"): given for path, given in named.items()})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await web.serve(reader, writer)
        except (ConnectionError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        server.close()


def other_web(folder: Path) -> Path:
    """A snapshot of one page, in which nothing that is asked for is found."""
    (folder / "pages.jsonl").write_text('{"url": "https://other.example/", "title": "Other", "text": "Nothing else."}')
    build_snapshot([str(folder / "pages.jsonl")], folder / "snapshot")
    return folder / "snapshot"


@dataclass
class Served:
    url: str
    process: subprocess.Popen[str]
    log: Path

    def answered(self) -> float:
        """Requests to dialects that this server has answered, from its metrics."""
        total = 0.0
        for line in httpx.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith("stillweb_requests_total") and 'route="/' in line and 'route="/v1' not in line:
                is_dialect = any(f'route="/{name}' in line for name in ("serper", "tavily", "exa", "origin", "jina"))
                total += float(line.rsplit(" ", 1)[1]) if is_dialect else 0.0
        return total


@contextmanager
def served(snapshot: Path, log: Path, *options: str, **environment: str) -> Iterator[Served]:
    """`stillweb serve` in a process of its own, on a free port."""
    port = free_port()
    command = [sys.executable, "-m", "stillweb", "serve", str(snapshot), "--port", str(port), *options]
    with open(log, "w") as file:
        process = subprocess.Popen(
            command, stderr=file, start_new_session=True, text=True, env={**os.environ, **environment}
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if httpx.get(f"{url}/ready", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield Served(url, process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
