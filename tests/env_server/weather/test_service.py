"""Weather in the service: every route that reads a page shows the same page, and rankings are seen through the view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from corpus import Snapshot
from corpus.errors import CorpusError
from env_server import schemas
from env_server.dialects import DIALECTS
from env_server.dialects.dialect import Asked
from env_server.errors import EnvServerError
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.trace import begin_trace
from env_server.view import EMPTY_VIEW, View
from env_server.weather.content import CAPTCHA_TEXT, PAGE_FAULTS, PAYWALL_NOTICE, ContentFault
from env_server.weather.profiles import profile_of, ready_made
from env_server.weather.ranking import ranks_of
from env_server.weather.views import view_of_episode, view_under

LEVELS = {"truncated": 0.5, "stale": 0.5, "paywalled": 120.0, "captcha": 0.0}


@pytest.fixture
def service(tiny: Snapshot, tiny_path: Path) -> SearchService:
    return SearchService("tiny", tiny, ServerSettings(snapshots={"tiny": tiny_path}))


def faulted(kind: str) -> View:
    return View(content_fault=ContentFault(kind, LEVELS.get(kind, 0.0), 30, 1))


async def fetched(service: SearchService, view: View, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(await service.fetch(schemas.FetchRequest(**asked), view))
    schemas.FetchAnswer.model_validate(answer)
    return answer


@pytest.mark.parametrize("kind", PAGE_FAULTS)
async def test_fetch_find_extract_and_links_show_the_same_faulted_page(
    service: SearchService, tiny: Snapshot, kind: str
) -> None:
    view = faulted(kind)
    changed = 0
    for number in range(len(tiny.store)):
        doc_id = tiny.store.doc_id(number)
        text = (await fetched(service, view, doc_id=doc_id, format="text"))["text"]
        plain = (await fetched(service, EMPTY_VIEW, doc_id=doc_id, format="text"))["text"]
        changed += text != plain
        for word in sorted({*plain.split(), *text.split()}):
            found = orjson.loads(await service.find(schemas.FindRequest(doc_id=doc_id, pattern=word), view))
            schemas.FindAnswer.model_validate(found)
            assert found["total"] == text.lower().count(word.lower())
            assert all(text[match["start"] : match["end"]] == match["text"] for match in found["matches"])
        goal = " ".join(plain.split()[:40])
        parts = orjson.loads(await service.extract(schemas.ExtractRequest(doc_id=doc_id, goal=goal), view))["passages"]
        assert all(text[part["start"] : part["end"]] == part["text"] for part in parts)
        markdown = (await fetched(service, view, doc_id=doc_id))["text"]
        links = orjson.loads(await service.links(schemas.PageRef(doc_id=doc_id), view))
        schemas.LinksAnswer.model_validate(links)
        assert all(f"]({link['url']})" in markdown for link in links["out"])
        assert markdown.count("](http") == len(links["out"])
    assert changed == len(tiny.store)


@pytest.mark.parametrize("kind", PAGE_FAULTS)
async def test_stored_html_shows_the_faulted_page_too(service: SearchService, tiny: Snapshot, kind: str) -> None:
    numbers = [number for number in range(len(tiny.store)) if tiny.store.html(number) is not None]
    assert numbers
    for number in numbers:
        whole = tiny.store.text(number)
        html = (await fetched(service, faulted(kind), doc_id=tiny.store.doc_id(number), format="html"))["text"]
        last = [line for line in whole.splitlines() if line.strip()][-1]
        assert html.startswith("<!doctype html>")
        if kind != "stale":
            assert last not in html


async def test_a_faulted_page_is_no_near_duplicate_and_a_captcha_has_no_trace_of_it(service: SearchService) -> None:
    answer = await fetched(service, faulted("captcha"), url="https://tiny.example/places/museum")
    assert answer["text"] == CAPTCHA_TEXT
    assert (answer["images"], answer["near_duplicate_of"], answer["date"]) == ([], None, None)
    assert answer["pages"] == 1
    asked = {"url": "https://tiny.example/places/museum", "page": 7, "section": "Visiting"}
    assert await fetched(service, faulted("captcha"), **asked) == answer, "it stands before every part"


async def test_a_page_behind_a_captcha_was_not_opened_and_a_truncated_one_was(service: SearchService) -> None:
    for kind, opened in (("captcha", 0), ("truncated", 3)):
        trace = begin_trace()
        view = faulted(kind)
        service.reader.find(schemas.FindRequest(url="https://tiny.example/places/museum", pattern="lamp"), view)
        request = schemas.FetchRequest(url="https://tiny.example/people/ada")
        service.reader.fetch(request, request, view)
        service.reader.extract(schemas.ExtractRequest(url="https://tiny.example/nature/terns", goal="terns"), view)
        assert len(trace.opened) == opened


async def test_a_paywalled_page_reaches_dialects_through_their_own_road(service: SearchService) -> None:
    body = orjson.dumps({"url": "https://tiny.example/places/museum"})
    asked = Asked(service, faulted("paywalled"), "POST", "/scrape", "/scrape", "", "application/json", body, {})
    route, _ = DIALECTS["serper"].route_of("POST", "/scrape")
    assert PAYWALL_NOTICE.strip().splitlines()[-1] in orjson.loads(route.handler(asked).body)["text"]


async def test_a_batch_of_pages_meets_the_fault_on_each(service: SearchService) -> None:
    items = [schemas.FetchItem(url=f"https://tiny.example/{path}") for path in ("places/museum", "people/ada")]
    answer = orjson.loads(await service.fetch_batch(schemas.FetchBatchRequest(items=items), faulted("captcha")))
    assert [page["text"] for page in answer["results"]] == [CAPTCHA_TEXT] * 2


@pytest.mark.parametrize("mode", ["bm25", "dense", "hybrid"])
async def test_faults_of_rankings_reach_search_batch_and_similar(service: SearchService, mode: Any) -> None:
    async def ids(view: View) -> list[list[str]]:
        one = schemas.SearchRequest(query="lamp keeper museum", k=12, mode=mode)
        several = schemas.SearchBatchRequest(queries=["lamp keeper museum"], k=12, mode=mode)
        near = schemas.SimilarRequest(url="https://tiny.example/places/museum", k=12)
        answers = [
            orjson.loads(await service.search(one, view)),
            orjson.loads(await service.search_batch(several, view))["results"][0],
            orjson.loads(await service.similar(near, view)),
        ]
        for answer in answers:
            schemas.SearchAnswer.model_validate(answer)
            assert [hit["rank"] for hit in answer["hits"]] == list(range(1, len(answer["hits"]) + 1))
        return [[hit["doc_id"] for hit in answer["hits"]] for answer in answers]

    plain = await ids(EMPTY_VIEW)
    assert await ids(faulted("empty")) == [[], [], []]
    shuffled = await ids(faulted("shuffled"))
    assert shuffled != plain
    assert [sorted(hits) for hits in shuffled] == [sorted(hits) for hits in plain]
    degraded = await ids(View(degradation=0.5, seed=1))
    assert all(set(few) < set(all_) for few, all_ in zip(degraded, plain, strict=True))
    assert await ids(faulted("captcha")) == plain, "a fault of pages leaves rankings alone"


async def test_distractors_are_mixed_in_and_the_rank_of_gold_is_told(service: SearchService, tiny: Snapshot) -> None:
    def ids(view: View, **options: Any) -> list[str]:
        request = schemas.SearchRequest(query="keeper of the lamp", k=5, mode="bm25", **options)
        return [hit["doc_id"] for hit in service.searcher.search(request, view)["hits"]]

    plain = ids(EMPTY_VIEW)
    others = tuple(tiny.store.doc_id(n) for n in range(len(tiny.store)) if tiny.store.doc_id(n) not in plain)
    view = View(distractors=others, distractor_level=0.4, seed=2)
    mixed = ids(view)
    assert len(set(mixed) & set(others)) == 2
    assert [doc_id for doc_id in mixed if doc_id in plain] == plain[:3]
    ranks = ranks_of(plain[:1], plain, mixed)
    assert ranks[plain[0]] == (1, mixed.index(plain[0]) + 1)
    url = tiny.store.head(tiny.store.require(doc_id=others[0]))[0]
    assert others[0] not in ids(view, exclude_urls=[url]), "what a request leaves out is not mixed in"
    masked = View(distractors=others, distractor_level=1.0, dropped=others)
    assert not set(ids(masked)) & set(others), "nor what the view hides"


async def test_snippets_and_pages_keep_to_the_limits_of_the_view(service: SearchService) -> None:
    view = View(snippet_words=4, page_chars=150)
    found = orjson.loads(await service.search(schemas.SearchRequest(query="lamp", k=5, mode="bm25"), view))
    assert {len(hit["snippet"].split()) for hit in found["hits"]} == {4}
    page = await fetched(service, view, url="https://tiny.example/places/museum", format="text")
    assert len(page["text"]) == 150


def words_of(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("mode", ["bm25", "dense", "hybrid"])
@pytest.mark.parametrize("page_chars", [100, 250])
async def test_a_snippet_shows_nothing_that_a_fetch_of_the_bounded_page_does_not(
    service: SearchService, tiny: Snapshot, mode: Any, page_chars: int
) -> None:
    view, cut = View(page_chars=page_chars), 0
    ends = [words_of(tiny.store.text(number))[-60:] for number in range(len(tiny.store))]
    for query in ends:
        asked = schemas.SearchRequest(query=query, mode=mode, k=10, level="passage", snippet_chars=200)
        clear = orjson.loads(await service.search(asked, EMPTY_VIEW))["hits"]
        bounded = orjson.loads(await service.search(asked, view))["hits"]
        assert [hit["passage_id"] for hit in bounded] == [hit["passage_id"] for hit in clear]
        for hit, before in zip(bounded, clear, strict=True):
            page = words_of((await fetched(service, view, doc_id=hit["doc_id"], format="text"))["text"])
            assert hit["snippet"].strip("…").strip() in page
            assert hit["snippet"] or not page
            cut += hit["snippet"] != before["snippet"]
    assert cut > 0, "no snippet was cut, so this shows nothing"


async def test_a_bound_that_no_page_reaches_changes_no_byte_of_a_search(service: SearchService) -> None:
    for query in ("lamp", "harbour charts"):
        asked = schemas.SearchRequest(query=query, k=10)
        assert await service.search(asked, View(page_chars=1_000_000)) == await service.search(asked, EMPTY_VIEW)


def test_snippets_of_dialects_end_where_the_page_ends(service: SearchService) -> None:
    view = View(page_chars=120)

    def asked(name: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        route, parts = DIALECTS[name].route_of("POST", path)
        sent = Asked(service, view, "POST", path, path, "", "application/json", orjson.dumps(body), {}, parts)
        found: dict[str, Any] = orjson.loads(route.handler(sent).body)
        return found

    hits = asked("serper", "/search", {"q": "who keeps the lamp and the harbour", "num": 10})["organic"]
    assert len(hits) == 10
    for hit in hits:
        page = words_of(asked("serper", "/scrape", {"url": hit["link"]})["text"])
        assert len(page) <= 120
        assert hit["snippet"].strip("…").strip() in page


def test_views_under_faults_are_kept_and_differ_in_their_digest() -> None:
    faults = [ContentFault("truncated", 0.5), ContentFault("truncated", 0.4), ContentFault("captcha")]
    views = [view_under(EMPTY_VIEW, fault) for fault in faults]
    assert len({view.digest for view in (EMPTY_VIEW, *views)}) == 4
    assert view_under(EMPTY_VIEW, ContentFault("captcha")) is views[2]
    assert view_under(EMPTY_VIEW, None) is EMPTY_VIEW


async def test_an_unknown_page_is_unknown_under_any_fault(service: SearchService) -> None:
    with pytest.raises((CorpusError, EnvServerError)):
        await service.fetch(schemas.FetchRequest(url="https://tiny.example/none"), faulted("captcha"))


def test_an_episode_s_view_has_what_its_profile_says_and_no_seed_where_none_is_needed() -> None:
    evidence, others = [f"{n:016x}" for n in range(20)], [f"{n:016x}" for n in range(50, 60)]
    assert view_of_episode(EMPTY_VIEW, ready_made("calm"), 7, evidence=evidence, distractors=others) == EMPTY_VIEW
    assert view_of_episode(EMPTY_VIEW, ready_made("only-captcha"), 7, distractors=others) == EMPTY_VIEW
    short = view_of_episode(EMPTY_VIEW, ready_made("only-short-snippets"), 7)
    assert short == View(snippet_words=40, snippet_cjk_chars=25)
    mixed = view_of_episode(EMPTY_VIEW, ready_made("only-distractors"), 7, evidence=evidence, distractors=others)
    assert mixed == View(distractors=tuple(others), distractor_level=0.3, seed=7)
    dropped = view_of_episode(View(as_of="2020"), ready_made("only-dropped-gold"), 7, evidence=evidence)
    assert (dropped.as_of, dropped.seed) == ("2020", 0)
    assert 0 < len(dropped.dropped) < 20
    assert set(dropped.dropped) < set(evidence)
    profile = profile_of({"name": "a", "retrieval": {"keep": 0.5}, "limits": {"page_chars": 900}})
    own = view_of_episode(View(degradation=0.9, page_chars=500), profile, 7)
    assert own == View(degradation=0.9, page_chars=500, seed=7), "what the opener sets stands before the profile"
