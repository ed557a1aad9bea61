"""What our server is measured against: as many bytes as it answers, ready, from less and less beneath them.

    python -m tests.bench.serving.baselines PORT KIND SEARCH_BYTES FETCH_BYTES

KIND: raw (ASGI, no framework), starlette, fastapi (no body declared), fastapi-body (the body read into the model that
our route has). Each reads the body and answers with ready bytes, served by uvicorn as `stillweb serve` does.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.applications import Starlette
from starlette.routing import Route

from env_server.schemas import FetchRequest, SearchRequest

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
KINDS = ("raw", "starlette", "fastapi", "fastapi-body")


def raw(bodies: dict[str, bytes]) -> App:
    answers = {
        path: (
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                ],
            },
            {"type": "http.response.body", "body": body},
        )
        for path, body in bodies.items()
    }

    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        start, body = answers[scope["path"]]
        await send(start)
        await send(body)

    return app


def starlette(bodies: dict[str, bytes]) -> App:
    async def answer(request: Request) -> Response:
        await request.body()
        return Response(bodies[request.scope["path"]], media_type="application/json")

    methods = ["GET", "POST"]
    return Starlette(routes=[Route(path, answer, methods=methods) for path in bodies])


def fastapi(bodies: dict[str, bytes], models: bool) -> App:
    app = FastAPI()
    search_body, fetch_body, ready = bodies["/v1/search"], bodies["/v1/fetch"], bodies["/ready"]

    @app.get("/ready")
    async def is_ready() -> Response:
        return Response(ready)

    if models:

        @app.post("/v1/search")
        async def search_model(body: SearchRequest) -> Response:
            return Response(search_body, media_type="application/json")

        @app.post("/v1/fetch")
        async def fetch_model(body: FetchRequest) -> Response:
            return Response(fetch_body, media_type="application/json")

    else:

        @app.post("/v1/search")
        async def search(request: Request) -> Response:
            await request.body()
            return Response(search_body, media_type="application/json")

        @app.post("/v1/fetch")
        async def fetch(request: Request) -> Response:
            await request.body()
            return Response(fetch_body, media_type="application/json")

    return app


def main(port: int, kind: str, search_bytes: int, fetch_bytes: int) -> None:
    bodies = {"/v1/search": b"x" * search_bytes, "/v1/fetch": b"x" * fetch_bytes, "/ready": b"{}"}
    app = (
        {"raw": raw, "starlette": starlette}[kind](bodies) if "fastapi" not in kind else fastapi(bodies, "body" in kind)
    )
    # As env_server/cli.py has it.
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        backlog=4096,
        lifespan="off",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
