"""The way past FastAPI gives what the way through it gives: status, headers and bytes."""

from __future__ import annotations

import json
from typing import Any, cast

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from env_server.application import _LANES
from env_server.front import Front
from tests.conftest import MakeClient

PAGE = "https://tiny.example/places/harbour"
BODIES: dict[str, dict[str, Any]] = {
    "/v1/search": {"query": "harbour", "k": 2},
    "/v1/search/batch": {"queries": ["harbour", "lighthouse"], "k": 2},
    "/v1/fetch": {"url": PAGE},
    "/v1/fetch/batch": {"items": [{"url": PAGE}, {"url": "https://tiny.example/nope"}]},
    "/v1/find": {"url": PAGE, "pattern": "the"},
    "/v1/extract": {"url": PAGE, "goal": "ships"},
    "/v1/similar": {"url": PAGE, "k": 2},
    "/v1/places": {"near": {"latitude": 50, "longitude": 0.5}, "max_km": 100},
    "/v1/route": {"origin": {"latitude": 50, "longitude": 0}, "destination": {"latitude": 1, "longitude": 1}},
    "/v1/scholar": {"query": "ships", "min_citations": 3},
}
ODD_BODIES = [
    b"",
    b"null",
    b"[]",
    b'{"query": "harbour", "k": 3.0}',
    b'{"query": "harbour", "k": "3"}',
    b'{"query": "harbour", "k": true}',
    b'{"query": "harbour", "k": 1e2}',
    b'{"query": "harbour", "k": NaN}',
    b'{"query": "harbour", "k": 99999999999999999999999}',
    b'{"query": "harbour", "query": "lighthouse"}',
    b'{"query": "\\ud800"}',
    b'{"query": "\\u0000 \xc3\xa9"}',
    b'{"query": "\xff"}',
    b'\xef\xbb\xbf{"query": "harbour"}',
    '{"query": "harbour"}'.encode("utf-16"),
    b'{"query": "harbour"} x',
    b' \n{"query": "harbour", "k": null}',
    b'{"query": 3}',
    b'{"query": "harbour", "include_domains": "tiny.example"}',
    b'{"query": "harbour", "include_domains": ["tiny.example"], "after": "2014"}',
    b'{"query": "harbour", "mode": "BM25"}',
    b'{"query": "   "}',
    b'{"query": "harbour", "k": 100000}',
    b'{"query": "harbour", "extra": 1}',
    b"{" * 5000,
]


async def both_ways(client: httpx.AsyncClient, path: str, body: bytes) -> tuple[httpx.Response, httpx.Response]:
    """The answer by the lane, and by FastAPI: a charset is enough to be sent there."""
    kinds = ("application/json", "application/json; charset=utf-8")
    first, second = [await client.post(path, content=body, headers={"content-type": kind}) for kind in kinds]
    return first, second


def equal(first: httpx.Response, second: httpx.Response) -> None:
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert dict(first.headers) == dict(second.headers)


def test_every_lane_is_tried_here() -> None:
    assert set(_LANES) == set(BODIES)


@pytest.mark.parametrize("path", BODIES)
async def test_a_plain_request_is_answered_alike(make_client: MakeClient, path: str) -> None:
    async with make_client(cache_bytes=0) as client:
        first, second = await both_ways(client, path, json.dumps(BODIES[path]).encode())
    assert first.status_code == 200, first.text
    equal(first, second)


@pytest.mark.parametrize("body", ODD_BODIES)
async def test_an_odd_body_is_answered_alike(make_client: MakeClient, body: bytes) -> None:
    async with make_client(cache_bytes=0) as client:
        for path in BODIES:
            equal(*await both_ways(client, path, body))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(
        st.sampled_from(["query", "k", "mode", "syntax", "level", "snippet_chars", "after", "include_undated", "x"]),
        st.none() | st.booleans() | st.integers(-5, 2000) | st.floats() | st.text(max_size=8) | st.just("bm25"),
    )
)
async def test_any_body_is_answered_alike(make_client: MakeClient, values: dict[str, Any]) -> None:
    async with make_client(cache_bytes=0) as client:
        equal(*await both_ways(client, "/v1/search", json.dumps(values).encode()))


async def test_the_lane_is_taken_by_a_plain_request_and_by_no_other(make_app: Any) -> None:
    front: Front = make_app(cache_bytes=0)
    application = cast(Any, front.app)
    behind, seen = application.framework, []

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await behind(scope, receive, send)

    application.framework = counted
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver") as client:
        for path, body in BODIES.items():
            await client.post(path, json=body)
        assert seen == []
        await client.post("/v1/search", json={"query": ""})
        await client.post("/v1/search?x=1", json={"query": "harbour"})
        await client.post("/v1/search", content=b'{"query": "harbour"}')
        assert seen == ["/v1/search"] * 3
