"""What the cache must not do: answer one request with what was made for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http.server import HTTPServer
from pathlib import Path
from threading import Thread

import httpx

from corpus import BuildOptions, build_snapshot, open_snapshot
from env_server.front import Front
from tests.conftest import TINY_WEB, MakeClient
from tests.corpus.test_encoders import FakeEmbeddings

BODY = b'{"query": "lamp"}'


async def test_of_several_content_types_the_first_counts_everywhere(client: httpx.AsyncClient) -> None:
    def headers(*kinds: str) -> list[tuple[str, str]]:
        return [("content-type", kind) for kind in kinds]

    async def status(*kinds: str) -> int:
        return (await client.post("/v1/search", content=BODY, headers=headers(*kinds))).status_code

    assert await status("application/json", "text/plain") == 200
    assert await status("text/plain") == 415
    assert await status("text/plain", "application/json") == 415
    assert await status("application/json") == 200


async def test_a_part_or_a_not_modified_is_never_handed_to_others(client: httpx.AsyncClient) -> None:
    path = "/static-offline-docs/swagger-ui.css"
    asked: list[dict[str, str]] = [{"range": "bytes=0-3"}, {"if-none-match": "*"}, {}, {"range": "bytes=5-"}]
    answers = await asyncio.gather(*(client.get(path, headers=headers) for headers in asked))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


async def test_a_failure_that_may_pass_is_not_kept(
    tmp_path: Path, make_client: MakeClient, make_app: Callable[..., Front]
) -> None:
    server = HTTPServer(("127.0.0.1", 0), FakeEmbeddings)
    port = server.server_port
    Thread(target=server.serve_forever, daemon=True).start()
    build_snapshot([str(TINY_WEB)], tmp_path / "out", BuildOptions(encoder=f"http://127.0.0.1:{port}/v1#letters"))
    server.shutdown()
    server.server_close()
    batch = {"queries": ["lamp", "kelp"], "mode": "dense", "k": 2}
    async with make_client(snapshots={"web": open_snapshot(tmp_path / "out")}) as client:
        down = await client.post("/v1/search/batch", json=batch)
        assert (down.status_code, down.json()["error"]["code"]) == (503, "encoder_unavailable")
        assert (await client.post("/v1/search", json={"query": "lamp", "mode": "bm25"})).status_code == 200
        server = HTTPServer(("127.0.0.1", port), FakeEmbeddings)
        Thread(target=server.serve_forever, daemon=True).start()
        up = await client.post("/v1/search/batch", json=batch)
        server.shutdown()
        server.server_close()
        assert up.status_code == 200
        assert [len(answer["hits"]) for answer in up.json()["results"]] == [2, 2]


async def test_a_batch_is_bounded_as_a_whole(client: httpx.AsyncClient) -> None:
    many = await client.post("/v1/search/batch", json={"queries": ["lamp"] * 100, "k": 1000})
    assert (many.status_code, many.json()["error"]["code"]) == (422, "over_limit")
    item = {"url": "https://tiny.example/"}
    pages = await client.post("/v1/fetch/batch", json={"items": [item] * 100, "page_chars": 1_000_000})
    assert (pages.status_code, pages.json()["error"]["code"]) == (422, "over_limit")
