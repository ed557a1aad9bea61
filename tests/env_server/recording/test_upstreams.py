"""What each live API's answers hold, read from the answers of the dialect that speaks as it does."""

from __future__ import annotations

import httpx
import orjson
import pytest

from env_server.dialects import DIALECTS
from env_server.recording.answers import Answer
from env_server.recording.requests import outgoing
from env_server.recording.upstreams import UPSTREAMS

JSON = "application/json"
PAGE = "https://tiny.example/places/lighthouse"
SEARCHES = [
    ("serper", "POST", "/search", {"q": "lighthouse"}),
    ("serper", "POST", "/news", {"q": "lamp"}),
    ("serper", "POST", "/scholar", {"q": "lighthouse"}),
    ("tavily", "POST", "/search", {"query": "lighthouse"}),
    ("exa", "POST", "/search", {"query": "lighthouse", "contents": {"highlights": True}}),
    ("exa", "POST", "/findSimilar", {"url": PAGE, "contents": {"text": True}}),
    ("jina", "GET", "/search/lighthouse", None),
    ("jina", "POST", "/svip", {"q": "lighthouse"}),
    ("firecrawl", "POST", "/v2/search", {"query": "lighthouse"}),
    ("firecrawl", "POST", "/v1/search", {"query": "lighthouse"}),
    ("brave", "GET", "/res/v1/web/search?q=lighthouse", None),
    ("brave", "GET", "/res/v1/news/search?q=lamp", None),
    ("searxng", "GET", "/search?q=lighthouse&format=json", None),
]
PAGES = [
    ("serper", "POST", "/scrape", {"url": PAGE, "includeMarkdown": True}),
    ("tavily", "POST", "/extract", {"urls": [PAGE]}),
    ("tavily", "POST", "/search", {"query": "lighthouse", "include_raw_content": True, "max_results": 1}),
    ("exa", "POST", "/contents", {"urls": [PAGE], "text": True}),
    ("jina", "GET", f"/{PAGE}", None),
    ("jina", "POST", "/", {"url": PAGE}),
    ("firecrawl", "POST", "/v2/scrape", {"url": PAGE, "formats": ["markdown"]}),
    ("firecrawl", "POST", "/v2/scrape", {"url": PAGE, "formats": ["rawHtml"]}),
]
Case = tuple[str, str, str, dict[str, object] | None]


async def answered(client: httpx.AsyncClient, case: Case, accept: str = JSON) -> tuple[object, Answer]:
    dialect, method, target, body = case
    response = await client.request(method, f"/{dialect}{target}", json=body, headers={"accept": accept})
    assert response.status_code == 200, response.text
    path, _, query = target.partition("?")
    asked = outgoing(
        dialect,
        method,
        path,
        query=query,
        content_type=JSON,
        body=orjson.dumps(body) if body else b"",
        headers=[("accept", accept)],
    )
    return asked, Answer(200, response.headers["content-type"], response.content)


@pytest.mark.parametrize("case", SEARCHES, ids=lambda case: f"{case[0]}{case[2]}")
async def test_the_results_of_a_search_are_read(client: httpx.AsyncClient, case: Case) -> None:
    asked, answer = await answered(client, case)
    findings = UPSTREAMS[case[0]].read(asked, answer)  # type: ignore[arg-type]
    assert findings
    assert len(findings.results) > 0
    for result in findings.results:
        assert result.url.startswith("https://tiny.example/")
        assert result.title
    assert any(result.snippet for result in findings.results) or "/scholar" in case[2] or "/svip" in case[2]


@pytest.mark.parametrize("case", PAGES, ids=lambda case: f"{case[0]}{case[2]}")
async def test_the_pages_of_an_answer_are_read(client: httpx.AsyncClient, case: Case) -> None:
    asked, answer = await answered(client, case)
    findings = UPSTREAMS[case[0]].read(asked, answer)  # type: ignore[arg-type]
    assert findings
    [page] = findings.pages
    assert page.url == PAGE
    assert page.title
    assert "lighthouse" in (page.text or page.html or "").lower()


async def test_a_batch_is_read_and_an_empty_answer_to_it_has_an_item_for_each_question(
    client: httpx.AsyncClient,
) -> None:
    questions = [{"q": "lighthouse", "num": 2}, {"q": "terns", "num": 3}]
    given = await client.post("/serper/search", json=questions)
    asked = outgoing("serper", "POST", "/search", content_type=JSON, body=orjson.dumps(questions))
    findings = UPSTREAMS["serper"].read(asked, Answer(200, JSON, given.content))
    assert findings
    assert [result.url for result in findings.results] == [
        hit["link"] for item in given.json() for hit in item["organic"]
    ]
    empty = UPSTREAMS["serper"].empty(asked)
    assert [item["organic"] for item in empty] == [[], []]
    assert [item["searchParameters"]["q"] for item in empty] == ["lighthouse", "terns"]
    assert not UPSTREAMS["serper"].read(asked, Answer(200, JSON, orjson.dumps(empty)))
    page = outgoing("serper", "POST", "/scrape", content_type=JSON, body=orjson.dumps([{"url": PAGE}]))
    assert UPSTREAMS["serper"].empty(page) is None


async def test_a_page_that_jina_gives_as_text_is_read(client: httpx.AsyncClient) -> None:
    asked, answer = await answered(client, ("jina", "GET", f"/{PAGE}", None), "text/plain")
    findings = UPSTREAMS["jina"].read(asked, answer)  # type: ignore[arg-type]
    assert findings
    assert [page.url for page in findings.pages] == [PAGE]
    assert "Markdown Content" not in (findings.pages[0].text or "")


@pytest.mark.parametrize("case", [*SEARCHES, *PAGES], ids=lambda case: f"{case[0]}{case[2]}")
def test_an_empty_answer_has_the_form_of_a_full_one_and_nothing_in_it(case: Case) -> None:
    dialect, method, target, body = case
    path, _, query = target.partition("?")
    asked = outgoing(dialect, method, path, query=query, content_type=JSON, body=orjson.dumps(body) if body else b"")
    empty = UPSTREAMS[dialect].empty(asked)
    if empty is not None:
        assert not UPSTREAMS[dialect].read(asked, Answer(200, JSON, orjson.dumps(empty)))


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"[1]", b'{"results":3}', b'{"results":[3,{"url":4}]}', b'{"data":{"web":[[]]}}', b"\xff"],
)
def test_an_answer_of_a_shape_that_nobody_foresaw_holds_nothing(body: bytes) -> None:
    for dialect, method, target, _ in [*SEARCHES, *PAGES]:
        asked = outgoing(dialect, method, target.partition("?")[0])
        assert not UPSTREAMS[dialect].read(asked, Answer(200, JSON, body)), dialect


def test_every_upstream_speaks_a_dialect() -> None:
    assert set(UPSTREAMS) <= set(DIALECTS)
    for upstream in UPSTREAMS.values():
        assert not upstream.needs_key or upstream.key_variables
