"""An OpenAI-compatible endpoint that answers what a test tells it to, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class FakeOpenAI:
    """A fake: answers with what it was given, over a real socket, and keeps what it was asked.

    It shows what our side sends and how it reads; that real servers answer like this, it does not.
    """

    def __init__(self, answer: Callable[[web.Request, Any], web.StreamResponse]) -> None:
        self._answer = answer
        self.asked: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.path, body))
        self.headers.append(dict(request.headers))
        await self.hold.wait()
        return self._answer(request, body)


@asynccontextmanager
async def fake(
    answer: Any, status: int = 200, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[FakeOpenAI, str]]:
    """The fake and its URL; `answer` is a body, or a function of (request, body)."""

    def one(request: web.Request, body: Any) -> web.StreamResponse:
        if callable(answer):
            answered: web.StreamResponse = answer(request, body)
            return answered
        if isinstance(answer, bytes):
            return web.Response(body=answer, status=status, headers=headers)
        return web.json_response(answer, status=status, headers=headers)

    server = FakeOpenAI(one)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        server.hold.set()
        await runner.cleanup()
