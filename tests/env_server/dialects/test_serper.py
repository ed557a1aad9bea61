"""Serper's wire format: what its clients send, read, and are refused with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import Snapshot
from corpus.errors import EncoderUnavailable
from env_server.dialects.dialect import Asked, Dialect, Reply, Route
from env_server.dialects.serper import SERPER
from env_server.dialects.serper_batch import batched
from env_server.errors import problem_of
from env_server.front import Front
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.trace import begin_trace
from env_server.view import EMPTY_VIEW, View
from tests.conftest import MakeClient
from tests.env_server.dialects.telling import told as told_by

ADA, MUSEUM = "https://tiny.example/people/ada", "https://tiny.example/places/museum"
NEWS, MISSING = "https://tiny.example/news/lamp-is-lit-again", "https://tiny.example/people/nobody"
LISTS = {
    "/search": "organic",
    "/": "organic",
    "/news": "news",
    "/scholar": "organic",
    "/images": "images",
    "/videos": "videos",
    "/places": "places",
    "/maps": "places",
}
"""Where each route's list stands."""


async def ask(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/serper{path}", json=body)
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


def links(body: dict[str, Any]) -> list[str]:
    return [item["link"] for item in body["organic"]]


def refusal(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert list(body) == ["message", "statusCode"]
    assert body["statusCode"] == status
    assert body["message"].strip()
    text: str = body["message"]
    return text


def told(
    snapshot: Snapshot, path: str, body: bytes = b"", query: str = "", view: View = EMPTY_VIEW, method: str = "POST"
) -> Reply:
    """The answer as the application makes it, without HTTP."""
    service = SearchService("tiny", snapshot, ServerSettings(snapshots={"tiny": snapshot.path}))
    try:
        route, parts = SERPER.route_of(method, path)
        return route.handler(Asked(service, view, method, path, path, query, "application/json", body, {}, parts))
    except Exception as error:
        return SERPER.refuse(problem_of(error))


async def test_a_search_has_what_agents_read(client: httpx.AsyncClient) -> None:
    body = await ask(client, "/search", q="who drew the sea charts", num=3)
    assert body["searchParameters"]["q"] == "who drew the sea charts"
    assert body["searchParameters"]["type"] == "search"
    assert [item["position"] for item in body["organic"]] == [1, 2, 3]
    first = body["organic"][0]
    assert (first["title"], first["link"]) == ("Ada Quill, cartographer", ADA)
    assert "sea charts" in first["snippet"]
    assert "date" not in first
    assert "answerBox" not in body, "LangChain would read nothing else"


async def test_dates_are_words(client: httpx.AsyncClient) -> None:
    dates = {
        item["link"]: item.get("date") for item in (await ask(client, "/search", q="lamp Thorunn", num=12))["organic"]
    }
    assert dates[NEWS] == "Oct 3, 2024"
    assert dates["https://tiny.example/people/thorunn"] == "2020-02"


async def test_parameters_stand_in_the_query_or_the_body_by_get_or_post(client: httpx.AsyncClient) -> None:
    sent = {"q": "museum", "num": 2, "page": 2}
    plain = await client.post("/serper/search", json=sent)
    assert len(plain.json()["organic"]) == 2
    declared = {"content-type": "application/json"}  # LangChain: an empty body that says it is JSON
    same = [
        await client.post("/serper/search", params=sent, headers=declared),
        await client.post("/serper/search", params=sent),
        await client.post("/serper/search", params={"q": "museum"}, json={"num": 2, "page": 2}),
        await client.post("/serper/search", json={"q": "museum", "num": "2", "page": "2", "gl": "us", "hl": None}),
        await client.post("/serper/search", data={"q": "museum", "num": "2", "page": "2"}),
        await client.get("/serper/search", params=sent),
        await client.get("/serper/search", params=sent | {"api_key": "any"}),
        await client.get("/search", params=sent | {"api_key": "any"}),
        await client.post("/search", json=sent, headers={"x-api-key": "any"}),
        await client.post("/search", json=sent, headers={"host": "google.serper.dev"}),
    ]
    for answer in same:
        assert (answer.status_code, answer.content) == (200, plain.content), answer.request.url


async def test_pages_of_results_follow_each_other(client: httpx.AsyncClient) -> None:
    whole = links(await ask(client, "/search", q="harbour lighthouse museum", num=6))
    pages = [links(await ask(client, "/search", q="harbour lighthouse museum", num=2, page=page)) for page in (1, 2, 3)]
    assert [link for page in pages for link in page] == whole
    assert links(await ask(client, "/search", q="harbour", num=100, page=1000)) == []


async def test_the_list_is_there_where_nothing_is_found(client: httpx.AsyncClient) -> None:
    gone = (await client.post("/serper/news", json={"q": "harbour", "tbs": "cdr:1,cd_max:1/1/1900"})).json()
    assert gone["news"] == []
    for path in ("/videos", "/places", "/maps"):
        body = await ask(client, path, q="museum")
        assert body[LISTS[path]] == []


async def test_periods_end_where_the_snapshot_does(client: httpx.AsyncClient) -> None:
    async def found(tbs: str) -> set[str]:
        body = await ask(client, "/search", q="harbour lamp terns market", num=12, tbs=tbs)
        return {link.rpartition("/")[2] for link in links(body)}

    assert await found("qdr:w") == {"lamp-is-lit-again"}
    assert await found("qdr:m6") == {"lamp-is-lit-again", "terns"}
    assert await found("qdr:y,sbd:1") == {"lamp-is-lit-again", "terns"}
    assert await found("cdr:1,cd_min:4/1/2023,cd_max:6/20/2024") == {"market", "terns"}
    assert await found("nonsense") == await found("")


async def test_news_are_dated_pages_with_their_site(client: httpx.AsyncClient) -> None:
    body = await ask(client, "/news", q="first lamp Ada Quill", num=12)
    assert "organic" not in body
    assert {item["source"] for item in body["news"]} == {"tiny.example"}
    assert all(item["date"] for item in body["news"])
    found = [item["link"] for item in body["news"]]
    assert NEWS in found
    assert ADA not in found


async def test_scholar_has_publications_as_text_and_a_document(client: httpx.AsyncClient) -> None:
    items = {item["link"]: item for item in (await ask(client, "/scholar", q="lamp museum Ada", num=12))["organic"]}
    assert items[NEWS]["publicationInfo"] == "tiny.example, 2024"
    assert items[NEWS]["year"] == 2024
    assert items[ADA]["publicationInfo"] == "tiny.example"
    assert "year" not in items[ADA]
    assert all(item["pdfUrl"] == link and item["id"] for link, item in items.items())


async def test_images_are_those_of_the_pages_found(client: httpx.AsyncClient) -> None:
    (image,) = (await ask(client, "/images", q="old lamp museum"))["images"]
    assert image["imageUrl"] == "https://tiny.example/images/lamp.jpg"
    assert (image["title"], image["link"], image["domain"]) == ("The first lamp of 1862.", MUSEUM, "tiny.example")
    assert image["position"] == 1


async def test_scrape_gives_text_and_markdown_when_asked(client: httpx.AsyncClient) -> None:
    plain = await ask(client, "/scrape", url=MUSEUM)
    assert plain["metadata"] == {"title": "Museum of Skerrow"}
    assert "Eleven sea charts by Ada Quill" in plain["text"]
    assert "markdown" not in plain
    both = await client.post("/", json={"url": MUSEUM, "includeMarkdown": True}, headers={"host": "scrape.serper.dev"})
    assert both.json()["text"] == plain["text"]
    assert f"[Ada Quill]({ADA})" in both.json()["markdown"]


@pytest.mark.parametrize("path", [*LISTS, "/scrape"])
async def test_a_missing_parameter_is_a_400_that_names_it(client: httpx.AsyncClient, path: str) -> None:
    named = "url" if path == "/scrape" else "query parameter"
    for sent in ({}, {"q": " "}, {"q": None}, {"query": "museum"}):
        assert named in refusal(await client.post(f"/serper{path}", json=sent), 400)
    refusal(await client.post(f"/serper{path}", content=b"", headers={"content-type": "application/json"}), 400)


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({"q": "a", "num": 0}, "num"),
        ({"q": "a", "num": 101}, "num"),
        ({"q": "a", "num": "ten"}, "num"),
        ({"q": "a", "page": -1}, "page"),
        ({"q": ["a", "b"]}, "q"),
        ({"q": "a" * 8193}, "query characters"),
    ],
)
async def test_a_bad_parameter_is_a_400_that_names_it(
    client: httpx.AsyncClient, sent: dict[str, Any], named: str
) -> None:
    assert named in refusal(await client.post("/serper/search", json=sent), 400)


@pytest.mark.parametrize("body", [b"{", b"3", b"\xff\xfe", b'{"q": "\\ud800"}'])
async def test_what_is_no_json_object_is_a_400(client: httpx.AsyncClient, body: bytes) -> None:
    refusal(await client.post("/serper/search", content=body), 400)


async def test_a_page_that_is_not_there_is_a_404(client: httpx.AsyncClient) -> None:
    assert MISSING in refusal(await client.post("/serper/scrape", json={"url": MISSING}), 404)
    refusal(await client.post("/serper/scrape", json={"url": "no url"}), 400)


async def test_an_unknown_route_is_a_404_and_a_wrong_method_a_405(client: httpx.AsyncClient) -> None:
    assert "/patents" in refusal(await client.post("/serper/patents", json={"q": "a"}), 404)
    refusal(await client.put("/serper/search", json={"q": "a"}), 405)


async def test_a_key_is_asked_for_where_the_server_has_one(make_client: MakeClient) -> None:
    sent = {"q": "museum", "num": 1}
    async with make_client(token="s3cret") as client:
        for headers in ({}, {"x-api-key": "wrong"}):
            assert refusal(await client.post("/serper/search", json=sent, headers=headers), 403) == "Unauthorized."
        refusal(await client.get("/serper/search", params=sent | {"api_key": "wrong"}), 403)
        admitted = [
            await client.post("/serper/search", json=sent, headers={"x-api-key": "s3cret"}),
            await client.get("/serper/search", params=sent | {"api_key": "s3cret"}),
            await client.get("/serper/search", params=sent | {"apiKey": "s3cret"}),
        ]
        assert [links(answer.json()) for answer in admitted] == [[MUSEUM]] * 3
        assert not any("s3cret" in answer.text for answer in admitted)


async def test_overload_is_a_429_that_says_when_to_come_back(make_app: Callable[..., Front]) -> None:
    front = make_app(max_queue=1)
    behind, opened, reached = front.app, asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):  # type: ignore[no-untyped-def]
        reached.set()
        await opened.wait()
        await behind(scope, receive, send)

    front.app = slow
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver") as client:
        held = asyncio.create_task(client.post("/serper/search", json={"q": "harbour"}))
        await reached.wait()
        refused = await client.post("/serper/search", json={"q": "museum"})
        refusal(refused, 429)
        assert refused.headers["retry-after"] == "1"
        opened.set()
        assert (await held).status_code == 200


@pytest.mark.parametrize("path", LISTS)
async def test_the_same_request_has_the_same_bytes(make_client: MakeClient, path: str) -> None:
    answers = set()
    for _ in range(2):
        async with make_client(cache_bytes=0) as client:
            answers |= {(await client.post(f"/serper{path}", json={"q": "lamp"})).content for _ in range(2)}
    assert len(answers) == 1


@pytest.mark.parametrize("path", ["/search", "/scholar", "/news", "/images"])
def test_a_masked_page_vanishes(tiny: Snapshot, path: str) -> None:
    body = json.dumps({"q": "museum first lamp", "num": 12}).encode()
    assert MUSEUM in told(tiny, path, body).body.decode()
    masked = told(tiny, path, body, view=View(exclude_urls=(MUSEUM,)))
    assert masked.status == 200
    assert MUSEUM not in masked.body.decode()
    assert "Museum of Skerrow" not in masked.body.decode()


def test_a_masked_page_is_scraped_as_one_that_never_was(tiny: Snapshot) -> None:
    body = json.dumps({"url": MUSEUM}).encode()
    assert told(tiny, "/scrape", body).status == 200
    masked = told(tiny, "/scrape", body, view=View(exclude_urls=(MUSEUM,)))
    never = told(tiny, "/scrape", json.dumps({"url": MISSING}).encode())
    assert masked.status == never.status == 404
    assert masked.body.decode().replace(MUSEUM, MISSING) == never.body.decode()


_KEYS = "q num page tbs gl hl type autocorrect location url includeMarkdown".split()
_strange = st.sampled_from(
    ["\x00", "\ud800", "𝒽", "a" * 9000, "1e400", "qdr:w99999", "qdr:²", "cdr:1,cd_min:13/45/0000", MUSEUM, "http://["]
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | _strange
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=4), max_leaves=6)
_likely = st.fixed_dictionaries({"q": st.text(min_size=1, max_size=30)}, optional=dict.fromkeys(_KEYS[1:], _values))
_texts = st.dictionaries(st.sampled_from(_KEYS), st.text(max_size=20).filter(str.isprintable), max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    body=(_likely | st.dictionaries(st.sampled_from(_KEYS), _values) | _values).map(json.dumps).map(str.encode)
    | st.binary(max_size=60),
    query=_texts.map(urlencode),
    method=st.sampled_from(["GET", "POST"]),
)
def test_nothing_that_is_sent_ends_in_a_5xx(tiny: Snapshot, body: bytes, query: str, method: str) -> None:
    for path in (*LISTS, "/scrape"):
        reply = told(tiny, path, body, query, method=method)
        assert reply.status < 500, (path, body, query, reply.body)
        json.loads(reply.body)


# Batches


BATCH: list[Any] = [
    {"q": "who drew the sea charts", "num": 3},
    {"q": "lighthouse", "num": 2, "page": 2},
    {"q": "who drew the sea charts", "num": 3},
    {"q": "sea charts", "tbs": "qdr:y"},
]


@pytest.mark.parametrize("path", LISTS)
async def test_each_item_of_a_batch_is_what_it_would_be_alone_byte_for_byte(
    client: httpx.AsyncClient, path: str
) -> None:
    together = await client.post(f"/serper{path}", json=BATCH)
    assert together.status_code == 200, together.text
    assert together.headers["content-type"] == "application/json"
    alone = [(await client.post(f"/serper{path}", json=question)).content for question in BATCH]
    assert together.content == b"[" + b",".join(alone) + b"]"
    assert (await client.post(f"/serper{path}", json=BATCH)).content == together.content


async def test_a_bad_question_takes_no_other_of_its_batch_along(client: httpx.AsyncClient) -> None:
    bad: list[Any] = [{"q": " "}, {"q": "lamp", "num": "many"}, {}, {"q": "lamp", "num": 10_000}]
    good, *refused, last = (await client.post("/serper/search", json=[BATCH[0], *bad, "lamp", BATCH[1]])).json()
    assert [len(body["organic"]) for body in (good, last)] == [3, 2]
    assert [list(body) for body in refused] == [["message", "statusCode"]] * 5
    assert {body["statusCode"] for body in refused} == {400}
    for question, body in zip(bad, refused, strict=False):
        assert (await client.post("/serper/search", json=question)).json() == body


async def test_a_batch_has_bounds_and_a_key_in_the_query_string_holds_for_all(make_client: MakeClient) -> None:
    async with make_client(max_batch=3, max_batch_hits=40, token="secret") as client:

        async def ask(batch: list[Any], key: str = "secret") -> httpx.Response:
            return await client.post("/serper/search", params={"api_key": key}, json=batch)

        assert (await ask([{"q": "lamp"}] * 3)).status_code == 200
        refusal(await ask([{"q": "lamp"}] * 4), 400)
        refusal(await ask([{"q": "lamp", "num": 21}] * 2), 400)
        refusal(await ask([]), 400)
        refusal(await ask([{"q": "lamp"}], key="another"), 403)


async def test_a_batch_is_bounded_however_its_numbers_are_written(make_client: MakeClient) -> None:
    async with make_client(max_batch_hits=40) as client:

        async def ask(question: dict[str, Any], query: str = "") -> int:
            return (await client.post(f"/serper/search{query}", json=[question] * 2)).status_code

        assert await ask({"q": "lamp", "num": "20"}) == 200
        assert await ask({"q": "lamp", "num": "21"}) == 400
        assert await ask({"q": "lamp", "num": 21.0}) == 400
        assert await ask({"q": "lamp"}, "?num=21") == 400
        assert await ask({"q": "lamp", "num": 20}, "?num=21") == 200
        assert await ask({"q": "lamp", "num": None}, "?num=21") == 200
        # What is ranked for a later page are the pages before it, too.
        assert await ask({"q": "lamp", "num": 10, "page": 3}) == 400
        # What is refused is not ranked.
        assert await ask({"q": "lamp", "num": 10_000}) == 200


def test_what_is_nested_deeply_is_ignored_in_a_batch_as_it_is_alone(tiny: Snapshot) -> None:
    question = b'{"q": "lamp", "num": 2, "else": ' + b"[" * 900 + b"]" * 900 + b"}"
    alone = told(tiny, "/search", question)
    assert alone.status == 200
    assert told(tiny, "/search", b"[" + question + b"]").body == b"[" + alone.body + b"]"


def test_a_batch_that_meets_a_failure_that_may_pass_is_no_answer(tiny: Snapshot) -> None:
    def fails(asked: Asked) -> Reply:
        if asked.json["q"] == "kelp":
            raise EncoderUnavailable("The encoder does not answer.")
        return SERPER.exact["/search"][0].handler(asked)

    failing = Dialect("serper", (Route("POST", "/search", batched(fails, SERPER.refuse)),), SERPER.refuse)
    reply = told_by(tiny, failing, "POST", "/search", b'[{"q": "lamp"}, {"q": "kelp"}]')
    assert (reply.status, orjson.loads(reply.body)["statusCode"]) == (503, 503)


async def test_a_batch_is_known_at_the_root_by_the_q_of_its_items(client: httpx.AsyncClient) -> None:
    under_prefix = (await client.post("/serper/search", json=BATCH)).content
    for path in ("/search", "/"):
        found = await client.post(path, json=BATCH)
        assert (found.content, found.headers["x-stillweb-dialect"]) == (under_prefix, "serper")
    for batch in ([], [{"query": "lamp"}], [{"q": "lamp"}, {}], ["lamp"]):
        assert (await client.post("/search", json=batch)).status_code == 400


def test_what_a_batch_shows_is_what_its_questions_show(tiny: Snapshot) -> None:
    alone: dict[str, None] = {}
    for question in BATCH:
        trace = begin_trace()
        told(tiny, "/search", json.dumps(question).encode())
        alone |= trace.seen
    trace = begin_trace()
    told(tiny, "/search", json.dumps(BATCH).encode())
    assert list(trace.seen) == list(alone)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12) | st.just("lamp"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["q", "num", "page", "tbs", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(batch=st.lists(_json, max_size=4))
def test_no_batch_is_an_error_of_the_server(tiny: Snapshot, batch: list[Any]) -> None:
    reply = told(tiny, "/search", json.dumps(batch).encode())
    assert reply.status in (200, 400)
    if reply.status == 200:
        items = json.loads(reply.body)
        assert len(items) == len(batch)
        for question, item in zip(batch, items, strict=True):
            if isinstance(question, dict):
                assert json.loads(told(tiny, "/search", json.dumps(question).encode()).body) == item
