"""A fetch is answered by copying what was rendered when the page was stored, and no byte tells it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from corpus.snapshot import Snapshot
from env_server.cache import CacheStats
from env_server.errors import EnvServerError
from env_server.front import Front
from env_server.reading import Reader
from env_server.schemas import FetchRequest, FindRequest, PageRef
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.view import EMPTY_VIEW, View
from tests.corpus.test_rendered import earlier

MakeApp = Callable[..., Front]
BY_FASTAPI = {"content-type": "application/json; charset=utf-8"}
HARBOUR = "https://tiny.example/places/harbour"


def service_of(web: Snapshot) -> SearchService:
    return SearchService("web", web, ServerSettings(snapshots={"web": web.path}), threads=None)


@pytest.mark.parametrize("page_chars", [100, 1000, 20_000])
def test_every_part_of_every_page_has_the_bytes_of_reading_it(
    tiny: Snapshot, factbook: Snapshot, page_chars: int
) -> None:
    for web in (tiny, factbook):
        reader = service_of(web).reader
        for number in range(0, len(web.store), 1 if web is tiny else 9):
            doc_id, pages = web.store.doc_id(number), 1
            for part in itertools.count(1):
                request = FetchRequest(doc_id=doc_id, page_chars=page_chars, page=part)
                ready = reader.ready(request, number)
                if part > pages:
                    assert ready is None
                    break
                answer = reader.fetch(request, request, EMPTY_VIEW)
                pages = answer["pages"]
                assert ready == orjson.dumps(answer)


def test_what_is_not_a_part_of_the_plain_page_is_left_to_reading(tiny: Snapshot) -> None:
    reader: Reader = service_of(tiny).reader
    number = tiny.store.require(url=HARBOUR)
    for other in ({"format": "text"}, {"format": "html"}, {"section": "#1"}, {"page": 2}, {"page_chars": 10**9}):
        assert reader.ready(FetchRequest.model_validate({"url": HARBOUR, **other}), number) is None


async def test_a_snapshot_of_an_earlier_version_gives_the_same_bytes(
    tiny: Snapshot, tiny_path: Path, tmp_path: Path
) -> None:
    now, old = service_of(tiny), service_of(earlier(tiny_path, tmp_path / "old"))
    for number in range(len(tiny.store)):
        doc_id = tiny.store.doc_id(number)
        for request in (FetchRequest(doc_id=doc_id), FetchRequest(doc_id=doc_id, page_chars=150, page=1)):
            assert await now.fetch(request) == await old.fetch(request)
        find = FindRequest(doc_id=doc_id, pattern="the")
        assert await now.find(find) == await old.find(find)


def test_under_a_view_nothing_is_answered_at_once(tiny: Snapshot) -> None:
    service = service_of(tiny)
    request = FetchRequest(url=HARBOUR)
    assert service.fetch_now(request, EMPTY_VIEW) is not None
    assert service.fetch_now(request, View(as_of="2030")) is None
    disguised = View(obfuscation_seed=3)
    shown = service.under(disguised)
    page = shown.snapshot.store.head(0)[0]
    assert shown.snapshot.store.rendered(0) is None  # it has the real addresses
    assert shown.reader.short(PageRef(url=page), rendered=True) == 0


async def test_an_answer_at_once_is_counted_kept_and_traced_as_any_other(make_app: MakeApp, tiny: Snapshot) -> None:
    front = make_app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver") as client:
        first = await client.post("/v1/fetch", json={"url": HARBOUR})
        second = await client.post("/v1/fetch", json={"url": HARBOUR})
        usual = await client.post("/v1/fetch", json={"url": HARBOUR}, headers=BY_FASTAPI)
    assert first.content == second.content == usual.content
    states = [answer.headers["x-stillweb-cache"] for answer in (first, second, usual)]
    assert states == ["miss", "hit", "miss"]
    assert front.cache.stats == CacheStats(hits=1, misses=2)
    number = tiny.store.require(url=HARBOUR)
    kept = list(front.cache._kept.values())
    assert [answer.opened.hex() for answer in kept] == [tiny.store.doc_id(number)] * 2
    assert kept[0].tokens == kept[1].tokens == -(-len(first.text) // 4)


@pytest.mark.parametrize(
    "body", [{"url": "https://tiny.example/nope"}, {"url": HARBOUR, "page": 99}, {"url": HARBOUR, "page_chars": 10**9}]
)
async def test_a_failure_is_told_as_the_application_tells_it(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await client.post("/v1/fetch", json=body)
    usual = await client.post("/v1/fetch", json=body, headers=BY_FASTAPI)
    assert answer.status_code == usual.status_code >= 400
    assert answer.content == usual.content


def test_too_large_a_part_is_refused_where_it_is_read(tiny: Snapshot) -> None:
    request = FetchRequest(url=HARBOUR, page_chars=10**9)
    with pytest.raises(EnvServerError, match="over the limit"):
        service_of(tiny).fetch_now(request, EMPTY_VIEW)
