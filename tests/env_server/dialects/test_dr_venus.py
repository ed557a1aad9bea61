"""DR-Venus' local search server: a list of queries in, a list of passages for each out."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import Snapshot
from env_server.dialects.dr_venus import DR_VENUS
from tests.env_server.dialects.telling import told, values

QUERIES = ["who drew the sea charts", "when was the lighthouse lit"]


async def results(client: httpx.AsyncClient, path: str = "/dr-venus/search", **body: Any) -> list[Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-stillweb-dialect"] == "dr-venus"
    found: list[Any] = answer.json()["results"]
    return found


async def test_each_query_has_its_passages_in_the_order_of_the_queries(client: httpx.AsyncClient) -> None:
    both = await results(client, queries=QUERIES, topk=3)
    assert [len(item["passages"]) for item in both] == [3, 3]
    assert "measured every bay" in " ".join(passage["text"] for passage in both[0]["passages"])
    for query, item in zip(QUERIES, both, strict=True):
        assert (await results(client, queries=[query], topk=3)) == [item]
    retrieved = (await client.post("/retrieve", json={"queries": QUERIES, "topk": 3})).json()["result"]
    assert [[passage["text"] for passage in item["passages"]] for item in both] == [
        [document["text"] for document in documents] for documents in retrieved
    ]


async def test_at_the_root_a_list_of_queries_tells_it_from_all_others(client: httpx.AsyncClient) -> None:
    assert await results(client, "/search", queries=QUERIES, topk=2) == await results(client, queries=QUERIES, topk=2)
    one = await client.post("/search", json={"query": QUERIES[0]})
    assert one.headers["x-stillweb-dialect"] == "tavily"


async def test_ten_passages_come_where_no_number_is_given_and_none_for_a_query_without_words(
    client: httpx.AsyncClient,
) -> None:
    found, empty = await results(client, queries=["harbour", "  "])
    assert (len(found["passages"]), empty["passages"]) == (10, [])
    assert await results(client, queries=["harbour", " "], topk=0) == [found, empty | {"query": " "}]
    assert await results(client, queries=[]) == []


async def test_it_is_healthy_under_its_prefix(client: httpx.AsyncClient) -> None:
    assert (await client.get("/dr-venus/health")).status_code == 200


@pytest.mark.parametrize("body", [{}, {"queries": "harbour"}, {"queries": [1]}, {"queries": ["a"], "topk": -1}])
async def test_what_cannot_be_read_is_refused_as_fastapi_does(client: httpx.AsyncClient, body: Any) -> None:
    answer = await client.post("/dr-venus/search", json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"]


@settings(max_examples=60, deadline=None)
@given(body=st.fixed_dictionaries({}, optional={"queries": values, "topk": values, "x": values}))
def test_nothing_a_client_sends_is_an_error_of_the_server(tiny: Snapshot, body: Any) -> None:
    try:
        sent = orjson.dumps(body)
    except (TypeError, ValueError):
        return
    reply = told(tiny, DR_VENUS, "POST", "/search", sent)
    assert reply.status in (200, 400, 422)
    assert reply.body == told(tiny, DR_VENUS, "POST", "/search", sent).body
