"""Hypothesis looks for a request whose answer depends on its neighbours: alone, beside others, in a batch."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import Snapshot
from env_server.app import create_app
from env_server.settings import ServerSettings
from tests.env_server.mixed_requests import LUCENE, SPELLINGS, TREES, HardWeb, Request, build_hard_web, mixed_requests
from tests.env_server.test_determinism import Answer, ask, described

T = TypeVar("T")

EXAMPLES = int(os.environ.get("STILLWEB_EXAMPLES", "100"))
"""Examples of each property. The same ones every time, so that a run is no lottery; raise it to search further."""
SEARCHING = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> HardWeb:
    return build_hard_web(tmp_path_factory.mktemp("hard"))


@pytest.fixture(scope="module")
def pool(hard: HardWeb) -> list[Request]:
    """Requests to draw from: every route, hits and errors."""
    return mixed_requests({"": hard.one}, 400, seed=31)


words = st.sampled_from([*TREES, "harbour", "lamp", "the", *(word for text in SPELLINGS for word in text.split())])
queries = st.one_of(
    st.lists(words, min_size=1, max_size=8).map(" ".join),
    st.sampled_from(SPELLINGS),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
)
filters = st.one_of(
    st.sampled_from(
        [{}, {"after": "2001"}, {"after": "2010-05"}, {"before": "2010"}, {"before": "2010", "after": "2003"}]
    ),
    st.sampled_from([{"include_domains": [domain]} for domain in ("a.example", "example", "long.example")]),
    st.sampled_from([{"exclude_domains": ["b.example"]}, {"exclude_urls": ["https://a.example/tree/0"]}]),
    st.just({"after": "2005", "include_undated": True}),
)
options = st.builds(
    lambda how, which: {**how, **which},
    st.fixed_dictionaries(
        {"k": st.integers(1, 130), "mode": st.sampled_from(["bm25", "dense", "hybrid"])},
        optional={"level": st.sampled_from(["page", "passage"]), "snippet_chars": st.integers(0, 400)},
    ),
    filters,
)
plain_searches = st.builds(lambda query, how: {"query": query, **how}, queries, options)
lucene_searches = st.builds(
    lambda query, how: {"query": query, "syntax": "lucene", **how}, st.sampled_from(LUCENE), options
)
searches = st.one_of(plain_searches, lucene_searches).map(lambda body: ("POST", "/v1/search", body))


def variations(target: Request) -> st.SearchStrategy[Request]:
    """Requests nearly like one: where an answer leaks, it leaks to those that look alike."""
    method, path, body = target
    if method == "GET" or "query" not in body:
        return st.just(target)
    query = body["query"]
    queries_like_it = [f"{query} lamp", f"{query[:5]} of the birch", query.upper(), unicodedata.normalize("NFD", query)]
    changes = st.one_of(
        st.sampled_from(queries_like_it).map(lambda other: {"query": other}),
        filters,
        options,
        st.builds(lambda some, more: {**some, **more}, filters, options),
        st.fixed_dictionaries({"k": st.integers(1, 130)}),
        st.sampled_from([{"mode": mode} for mode in ("bm25", "dense", "hybrid")]),
    )
    return changes.map(lambda change: (method, path, {**body, **change}))


def served(snapshot: Snapshot, cache_bytes: int, work: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """Do some work with a client of an application of its own: no cache entry, mask or vector is left from before."""

    async def run() -> T:
        own = Snapshot(snapshot.path, snapshot.manifest)
        own.dense._queries._encoder = (
            snapshot.dense._queries._open()
        )  # the model alone; the vectors it gave are not kept
        app = create_app({"web": own}, ServerSettings(snapshots={"web": own.path}, cache_bytes=cache_bytes, threads=4))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await work(client)

    return asyncio.run(run())


def alone(snapshot: Snapshot, request: Request) -> Answer:
    return served(snapshot, 0, lambda client: ask(client, request))


@SEARCHING
@given(data=st.data(), cache_bytes=st.sampled_from([0, 20_000, 512 * 1024**2]))
def test_no_answer_depends_on_what_is_asked_beside_it(
    hard: HardWeb, pool: list[Request], data: st.DataObject, cache_bytes: int
) -> None:
    """A target among neighbours that run at once and before it, some of them the same; on an index in segments."""
    drawn = st.one_of(searches, st.sampled_from(pool))
    target = data.draw(st.one_of(searches, drawn), label="target")
    neighbours = st.one_of(variations(target), drawn, st.just(target))
    before = data.draw(st.lists(st.one_of(variations(target), drawn), max_size=6), label="before")
    beside = data.draw(st.lists(neighbours, max_size=10), label="beside")
    place = data.draw(st.integers(0, len(beside)), label="place")

    async def together(client: httpx.AsyncClient) -> list[Answer]:
        for request in before:
            await ask(client, request)
        asked = [*beside[:place], target, *beside[place:]]
        answers = await asyncio.gather(*(ask(client, request) for request in asked))
        return [answer for request, answer in zip(asked, answers, strict=True) if request == target]

    expected = alone(hard.one, target)
    for answer in served(hard.split, cache_bytes, together):
        assert answer == expected, described(target, expected, answer)


@settings(SEARCHING, max_examples=max(10, EXAMPLES // 3))  # each asks up to six applications of their own
@given(many=st.lists(queries, min_size=1, max_size=6), how=options, order=st.randoms(use_true_random=False))
def test_no_item_of_a_batch_depends_on_the_others(
    hard: HardWeb, many: list[str], how: dict[str, Any], order: Any
) -> None:
    """Each item is the answer to its query alone, in whatever order the batch has them, and beside another batch."""
    shuffled = list(many)
    order.shuffle(shuffled)

    async def together(client: httpx.AsyncClient) -> list[Answer]:
        batches = [("POST", "/v1/search/batch", {"queries": asked, **how}) for asked in (many, shuffled)]
        return list(await asyncio.gather(*(ask(client, request) for request in batches)))

    expected = {query: alone(hard.one, ("POST", "/v1/search", {"query": query, **how})) for query in many}
    for queries_asked, (_, body) in zip((many, shuffled), served(hard.split, 0, together), strict=True):
        for query, item in zip(queries_asked, orjson.loads(body)["results"], strict=True):
            assert orjson.dumps(item) == expected[query][1], (query, how)


@SEARCHING
@given(search=searches, fewer=st.integers(1, 130))
def test_fewer_hits_are_the_beginning_of_more(hard: HardWeb, search: Request, fewer: int) -> None:
    method, path, body = search
    few = (method, path, {**body, "k": fewer})
    more = (method, path, {**body, "k": fewer + body["k"]})

    async def both(client: httpx.AsyncClient) -> list[Answer]:
        return [await ask(client, request) for request in (few, more)]

    (status, one), (other_status, two) = served(hard.split, 0, both)
    assert status == other_status
    if status == 200:
        assert orjson.loads(one)["hits"] == orjson.loads(two)["hits"][:fewer], (few, more)
