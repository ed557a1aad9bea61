"""Whatever a client sends, it gets an answer or an error that names the thing and the remedy; never a 500."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from corpus.lexical import MAX_LUCENE_GROUPS, MAX_LUCENE_WORDS, MAX_SLOP
from env_server.app import create_app
from env_server.front import Front
from env_server.settings import ServerSettings
from tests.conftest import MakeClient

ADA = "https://tiny.example/people/ada"
JSON = {"content-type": "application/json"}
QUERY = b'{"query": "harbour", "k": 1}'
SURROGATE = b"\\ud800"

MODES = ("bm25", "dense", "hybrid")
SYNTAX = ("AND OR (", 'title:"', "*", "a^b~", "[x TO y]", "title:*", "-harbour", 'NOT "', "\\", "^~:+-!(){}[]", "/(/")
STRANGE_WORDS = ("😀", "a\0b", "\0", "שלום harbour", "\u202eruobrah", "e\u0301\u200d", "\uffff", "ß" * 8000)

Body = dict[str, Any]


@pytest.fixture(scope="module")
def app(tiny: Snapshot) -> Front:
    """One application for the hundreds of tests here; only those with settings of their own make another."""
    return create_app({"tiny": tiny}, ServerSettings(snapshots={"tiny": tiny.path}))


@pytest.fixture
async def client(app: Front) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture(scope="module")
def long_page(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """One page of 100,000 times the same letter, which no index is needed for."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "pages.jsonl").write_text(json.dumps({"url": ADA, "text": "a" * 100_000 + " ä"}) + "\n")
    build_snapshot([str(folder / "pages.jsonl")], folder / "out", BuildOptions(encoder="none"))
    return open_snapshot(folder / "out")


def problem(answer: httpx.Response, status: int | tuple[int, ...], *words: str) -> dict[str, str]:
    """The error of an answer, its status and shape as promised and `words` in its message or remedy."""
    statuses = status if isinstance(status, tuple) else (status,)
    assert answer.status_code in statuses, answer.text[:300]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-stillweb-snapshot"]
    body = answer.json()
    assert list(body) == ["error"]
    error: dict[str, str] = body["error"]
    assert list(error) == ["code", "message", "remedy"]
    assert all(error.values())
    shown = f"{error['message']} {error['remedy']}"
    for word in words:
        assert word in shown, error
    assert len(shown) < 2000, "an error does not send a whole request back"
    return error


async def ask(client: httpx.AsyncClient, body: bytes, path: str = "/v1/search", **headers: str) -> httpx.Response:
    return await client.post(path, content=body, headers=JSON | headers)


async def raw_call(
    app: Front,
    *body: bytes,
    path: str = "/v1/search",
    method: str = "POST",
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),),
) -> tuple[int, dict[str, Any]]:
    """(status, JSON) through ASGI itself: several body messages, and what no HTTP client would send."""
    parts = list(body)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": b"",
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


# Queries


@pytest.mark.parametrize("query", SYNTAX + STRANGE_WORDS, ids=ascii)
async def test_any_text_is_a_valid_plain_query(client: httpx.AsyncClient, query: str) -> None:
    for mode in MODES:
        answer = await client.post("/v1/search", json={"query": query, "mode": mode, "k": 3})
        assert answer.status_code == 200, answer.text
        assert answer.json()["query"] == query


@pytest.mark.parametrize(
    "query", [*SYNTAX, *STRANGE_WORDS[:-1], "harbour^" + "9" * 50, "day:x", "nosuchfield:x", '"a b"~10'], ids=ascii
)
async def test_lucene_syntax_is_answered_or_refused_with_a_reason(client: httpx.AsyncClient, query: str) -> None:
    for mode in ("bm25", "hybrid"):
        answer = await client.post("/v1/search", json={"query": query, "mode": mode, "syntax": "lucene"})
        if answer.status_code != 200:
            assert problem(answer, 422, "Lucene", "'plain'")["code"] == "bad_query"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("title:*", "title"),
        ("harbour^" + "9" * 50, "boosts"),
        ("harbour " * (MAX_LUCENE_WORDS + 1), f"{MAX_LUCENE_WORDS} words"),
        ("* " * (MAX_LUCENE_WORDS + 1), f"{MAX_LUCENE_WORDS} words"),
        ("+(" * 2000 + "a" + ")" * 2000, f"{MAX_LUCENE_GROUPS} groups"),
        ("+(a -b " * 40 + ")" * 40, f"{MAX_LUCENE_GROUPS} groups"),
        ('"' + "harbour " * 12 + '"~2000', f"slop (~) is greater than {MAX_SLOP}"),
        ('"harbour harbour"~' + "9" * 5000, f"slop (~) is greater than {MAX_SLOP}"),
        ("a^b^c(" * 10, "Syntax"),
    ],
    ids=lambda value: value[:20],
)
async def test_a_lucene_query_that_would_take_all_time_or_memory_is_refused_at_once(
    client: httpx.AsyncClient, query: str, word: str
) -> None:
    started = time.process_time()
    problem(await client.post("/v1/search", json={"query": query, "syntax": "lucene"}), 422, word)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("", "query"),
        (" \t\n\u3000", "query"),
        ("x" * 100_000, "100,000"),
        (None, "query"),
        (["a"], "query"),
        (7, "query"),
    ],
    ids=lambda value: repr(value)[:12],
)
async def test_a_query_that_is_none_is_refused(client: httpx.AsyncClient, query: Any, word: str) -> None:
    problem(await client.post("/v1/search", json={"query": query}), 422, word)


@pytest.mark.parametrize("body", [b'{"query":"%s"}' % SURROGATE, b'{"query":"a","%s":1}' % SURROGATE])
async def test_a_lone_surrogate_is_no_text(client: httpx.AsyncClient, body: bytes) -> None:
    problem(await ask(client, body), 422, "unicode")


@pytest.mark.parametrize(
    "k", ["0", "-1", "1000000000", "1" + "0" * 400, "1.5", "1e400", "NaN", "-Infinity", "null", "[1]"]
)
async def test_a_k_that_is_no_count_of_hits_is_refused(client: httpx.AsyncClient, k: str) -> None:
    error = problem(await ask(client, b'{"query": "harbour", "k": %s}' % k.encode()), 422)
    assert error["message"].startswith("k: ")


async def test_a_number_too_long_to_read_is_refused(client: httpx.AsyncClient) -> None:
    problem(await ask(client, b'{"query": "harbour", "k": 1%s}' % (b"0" * 5000)), 400, "JSON")


@pytest.mark.parametrize(("k", "hits"), [(b'"3"', 3), (b"3.0", 3), (b"true", 1)])
async def test_a_count_written_another_way_still_counts(client: httpx.AsyncClient, k: bytes, hits: int) -> None:
    answer = await ask(client, b'{"query": "harbour", "k": %s}' % k)
    assert len(answer.json()["hits"]) == hits


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "bm26"),
        ("mode", ""),
        ("level", "word"),
        ("syntax", "sql"),
        ("snippet_chars", -1),
        ("snippet_chars", 10**9),
        ("top_k", 3),
        ("Query", "harbour"),
        ("include_domains", "tiny.example"),
        ("include_domains", ["tiny.example"] * 1001),
        ("exclude_urls", [ADA] * 10_001),
        ("exclude_urls", [None]),
        ("include_undated", "perhaps"),
    ],
    ids=lambda value: repr(value)[:24],
)
async def test_a_field_that_is_unknown_or_unfit_is_named(client: httpx.AsyncClient, field: str, value: Any) -> None:
    problem(await client.post("/v1/search", json={"query": "harbour", field: value}), 422, field)


async def test_a_mode_without_an_index_is_refused_with_those_there_are(tmp_path: Path, make_client: MakeClient) -> None:
    (tmp_path / "pages.jsonl").write_text('{"url": "https://a.example/", "text": "harbour"}\n')
    build_snapshot([str(tmp_path / "pages.jsonl")], tmp_path / "out", BuildOptions(encoder="none"))
    async with make_client(snapshots={"words": open_snapshot(tmp_path / "out")}) as client:
        for mode in ("dense", "hybrid"):
            problem(await client.post("/v1/search", json={"query": "harbour", "mode": mode}), 422, mode, "bm25")
        problem(await client.post("/v1/similar", json={"url": "https://a.example/"}), 422, "dense", "bm25")
        problem(await client.post("/v1/fetch", json={"url": "https://a.example/", "format": "html"}), 404, "a.example")


# Filters


@pytest.mark.parametrize("date", ["", "yesterday", "2014-13-45", "0000", "-1", "٢٠١٤", "99999", "2014\0", "x" * 9999])
async def test_a_date_that_is_none_is_refused(client: httpx.AsyncClient, date: str) -> None:
    for field in ("after", "before"):
        answer = await client.post("/v1/search", json={"query": "harbour", field: date})
        assert problem(answer, 422, field, "2014-06")["code"] == "bad_date"


@pytest.mark.parametrize(
    "dates",
    [
        {"after": "2020", "before": "2010"},
        {"after": "9999-12-31"},
        {"before": "0001"},
        {"after": "2019", "before": "2019"},
    ],
)
async def test_a_range_with_no_day_in_it_has_no_hits(client: httpx.AsyncClient, dates: Body) -> None:
    for mode in MODES:
        answer = await client.post("/v1/search", json={"query": "harbour", "mode": mode, **dates})
        assert (answer.status_code, answer.json()["hits"]) == (200, [])


@pytest.mark.parametrize(
    "domain",
    ["", " ", ".", "a b", "http://", "a\0b", "tiny.example:99999", "[::1", "x" * 254, "x" * 100_000, "%zz"],
    ids=ascii,
)
async def test_a_domain_that_is_none_is_refused(client: httpx.AsyncClient, domain: str) -> None:
    for field in ("include_domains", "exclude_domains"):
        answer = await client.post("/v1/search", json={"query": "harbour", field: ["tiny.example", domain]})
        assert problem(answer, 422, "example.org")["code"] == "bad_domain"


@pytest.mark.parametrize("domain", ["ü.example", "1.2", "[::1]", "*", "xn--a", "localhost", "a..b", "com"])
async def test_a_domain_the_snapshot_does_not_hold_has_no_hits(client: httpx.AsyncClient, domain: str) -> None:
    for mode in MODES:
        body = {"query": "harbour", "mode": mode, "include_domains": [domain]}
        assert (await client.post("/v1/search", json=body)).json()["hits"] == []


async def test_an_excluded_url_that_is_no_url_is_named(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/search", json={"query": "a", "exclude_urls": ["people/ada"]}), 422, "people/ada")


# Pages


@pytest.mark.parametrize(
    ("url", "status", "word"),
    [
        ("https://tiny.example/nobody", 404, "tiny.example/nobody"),
        ("https://tiny.example/%zz%", 404, "%zz%"),
        ("https://пример.рф/", 404, "пример.рф"),
        ("https://tiny.example:0/", 404, ":0"),
        ("https://xn--a/", 404, "xn--a"),
        ("https://" + "a" * 300 + "/", 404, "aaa"),
        ("/people/ada", 422, "/people/ada"),
        ("people/ada", 422, "people/ada"),
        ("javascript:alert(1)", 422, "javascript:"),
        ("file:///etc/passwd", 422, "file:"),
        ("data:text/html,x", 422, "data:"),
        ("https://", 422, "https://"),
        ("https://[::1", 422, "[::1"),
        ("https://tiny.example:99999/", 422, "99999"),
        ("https://a b/", 422, "a b"),
        ("https://\ud7ff\uffff/", 422, "absolute"),
        ("https://tiny.example/" + "a" * 1_000_000, 422, "1,000,021 characters"),
        ("", 422, "''"),
        ("\0", 422, "\\x00"),
    ],
    ids=lambda value: ascii(value)[:24],
)
async def test_a_url_without_a_page_is_named(
    make_client: MakeClient, client: httpx.AsyncClient, url: str, status: int, word: str
) -> None:
    async with make_client(max_body_bytes=2 * 1024**2) as wide:
        for path, rest in (("/v1/fetch", {}), ("/v1/find", {"pattern": "a"}), ("/v1/extract", {"goal": "a"})):
            problem(await wide.post(path, json={"url": url, **rest}), status, word)
        problem(await wide.post("/v1/similar", json={"url": url}), status, word)
    if len(url) < 10_000:
        problem(await client.get("/v1/links", params={"url": url}), status, word)


@pytest.mark.parametrize("url", ["https://user:pw@tiny.example/people/ada", ADA + "\0", "\t" + ADA + "\n", ADA + "#\0"])
async def test_what_the_web_s_own_parser_forgives_is_forgiven(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.post("/v1/fetch", json={"url": url})
    assert (answer.status_code, answer.json().get("url")) in [(200, ADA), (404, None)]
    assert "pw" not in answer.text


async def test_a_url_with_a_lone_surrogate_is_refused(client: httpx.AsyncClient) -> None:
    problem(await ask(client, b'{"url": "https://tiny.example/%s"}' % SURROGATE, "/v1/fetch"), 422, "\\ud800")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "0",
        "f" * 15,
        "f" * 17,
        "g" * 16,
        "-" + "0" * 14 + "1",
        "+" + "0" * 15,
        "0x" + "0" * 14,
        "0_" * 8,
        "١" * 16,
        "\0" * 16,
    ],
    ids=ascii,
)
async def test_an_id_that_is_none_has_no_page_and_is_no_cursor(client: httpx.AsyncClient, name: str) -> None:
    problem(await client.post("/v1/fetch", json={"doc_id": name}), 404, "No page")
    problem(await client.get("/v1/links", params={"doc_id": name}), 404, "No page")
    problem(await client.get("/v1/documents", params={"cursor": name}), 422, "cursor")


async def test_a_cursor_behind_the_last_page_gives_an_empty_list(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v1/documents", params={"cursor": "f" * 16})).json()
    assert (answer["documents"], answer["next"]) == ([], None)


@pytest.mark.parametrize("page", [{}, {"url": ADA, "doc_id": "0" * 16}, {"url": None, "doc_id": None}])
async def test_a_page_is_given_by_url_or_by_id(client: httpx.AsyncClient, page: Body) -> None:
    for path, rest in (("/v1/fetch", {}), ("/v1/find", {"pattern": "a"}), ("/v1/extract", {"goal": "a"})):
        problem(await client.post(path, json={**page, **rest}), 422, "either url or doc_id")
    problem(await client.post("/v1/similar", json=page), 422, "either url or doc_id")
    problem(await client.post("/v1/fetch/batch", json={"items": [{"url": ADA}, page]}), 422, "items.1", "either")
    problem(await client.get("/v1/links", params={k: v for k, v in page.items() if v}), 422, "either url or doc_id")


@pytest.mark.parametrize(
    ("field", "value", "status", "word"),
    [
        ("page", 0, 422, "page"),
        ("page", 99, 404, "Ask for page 1 to 1"),
        ("page", 10**400, 404, "Ask for page 1 to 1"),
        ("page_chars", 0, 422, "page_chars"),
        ("page_chars", 10**9, 422, "page_chars"),
        ("section", "Nowhere", 404, "'Nowhere'"),
        ("section", "", 404, "Its sections"),
        ("section", "#0", 404, "'#0'"),
        ("section", "#-1", 404, "'#-1'"),
        ("section", "#٣", 404, "Its sections"),
        ("section", "#0000012", 404, "'#0000012'"),
        ("section", "#" + "9" * 9999, 404, "Its sections"),
        ("format", "pdf", 422, "format"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_a_part_of_a_page_that_is_not_there_is_named(
    client: httpx.AsyncClient, field: str, value: Any, status: int, word: str
) -> None:
    problem(await client.post("/v1/fetch", json={"url": ADA, field: value}), status, word)


async def test_html_has_no_sections(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/fetch", json={"url": ADA, "format": "html", "section": "Life"}), 422, "markdown")


@pytest.mark.parametrize(
    ("pattern", "regex", "word"),
    [
        ("", False, "pattern"),
        ("", True, "pattern"),
        ("x" * 8193, False, "8,193"),
        ("(", True, "missing )"),
        ("(?=a)a", True, "look-around"),
        ("(?<!a)b", True, "look-around"),
        (r"(a)\1", True, "back-references"),
        ("a{1001}", True, "repetition"),
        ("((a{100}){100}){100}", True, "repetition"),
        ("\\C\\", True, "RE2"),
        ("[z-a]", True, "range"),
    ],
    ids=lambda value: repr(value)[:24],
)
async def test_a_pattern_that_cannot_be_found_with_is_refused(
    client: httpx.AsyncClient, pattern: str, regex: bool, word: str
) -> None:
    problem(await client.post("/v1/find", json={"url": ADA, "pattern": pattern, "regex": regex}), 422, word)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "(x+x+)+y", "(.*)*\\d", "([a-z]+)*!", ".", "x*", "^", "(?s).*"]
)
async def test_no_pattern_takes_long(long_page: Snapshot, make_client: MakeClient, pattern: str) -> None:
    async with make_client(snapshots={"long": long_page}) as client:
        started = time.process_time()
        answer = await client.post("/v1/find", json={"url": ADA, "pattern": pattern, "regex": True})
        assert answer.status_code == 200
        assert time.process_time() - started < 2


async def test_an_extract_needs_a_goal_and_room(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/extract", json={"url": ADA, "goal": ""}), 422, "goal")
    problem(await client.post("/v1/extract", json={"url": ADA, "goal": "x" * 8193}), 422, "goal", "8,193")
    problem(await client.post("/v1/extract", json={"url": ADA, "goal": "a", "max_chars": 0}), 422, "max_chars")
    assert (await client.post("/v1/extract", json={"url": ADA, "goal": "😀\0"})).json()["passages"] == []


# Batches


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/v1/search/batch", {"queries": []}, "queries"),
        ("/v1/search/batch", {"queries": ["a"] * 129}, "129"),
        ("/v1/search/batch", {"queries": "harbour"}, "queries"),
        ("/v1/search/batch", {"queries": ["harbour", 1]}, "queries.1"),
        ("/v1/search/batch", {"queries": ["harbour"], "exclude_domains": [""]}, "domain"),
        ("/v1/fetch/batch", {"items": []}, "items"),
        ("/v1/fetch/batch", {"items": [{"url": ADA}] * 129}, "129"),
        ("/v1/fetch/batch", {"items": [ADA]}, "items.0"),
        ("/v1/fetch/batch", {"items": [{"url": ADA, "format": "text"}]}, "items.0.format"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_batch_that_is_none_is_refused_as_a_whole(
    client: httpx.AsyncClient, path: str, body: Body, word: str
) -> None:
    problem(await client.post(path, json=body), 422, word)


async def test_a_bad_item_of_a_batch_is_an_error_in_its_own_place(client: httpx.AsyncClient) -> None:
    queries = ["harbour", "", "x" * 9000, "title:(", "harbour"]
    answer = await client.post("/v1/search/batch", json={"queries": queries, "syntax": "lucene", "mode": "bm25"})
    results = answer.json()["results"]
    assert [result.get("error", {}).get("code") for result in results] == [
        None,
        "empty_query",
        "over_limit",
        "bad_query",
        None,
    ]
    alone = await client.post("/v1/search", json={"query": "harbour", "syntax": "lucene", "mode": "bm25"})
    assert results[0] == results[4] == alone.json()
    items = [{"url": ADA}, {"url": "nowhere"}, {"doc_id": "x"}, {"url": ADA, "page": 9}, {"url": ADA, "section": "No"}]
    results = (await client.post("/v1/fetch/batch", json={"items": items})).json()["results"]
    assert [result.get("error", {}).get("code") for result in results] == [
        None,
        "bad_url",
        "page_not_found",
        "no_such_part",
        "no_such_section",
    ]


# Bodies


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"", 422, "body"),
        (b"{", 400, "JSON"),
        (QUERY + b" x", 400, "JSON"),
        (b"query=harbour", 400, "JSON"),
        (b"[]", 422, "object"),
        (b"null", 422, "object"),
        (b"7", 422, "object"),
        (b'"harbour"', 422, "object"),
        (b"NaN", 422, "object"),
        (b"[" * 100_000, 400, "JSON"),
        (b'{"query":' * 100_000, 400, "JSON"),
        (b'{"query": ' + b"[" * 900 + b"]" * 900 + b"}", 422, "query"),
        (b'{"query": "\xff"}', 400, "UTF-8"),
        (b"\x80abc", 400, "JSON"),
        (b"{}", 422, "query"),
        (b'{"' + b"a" * 5000 + b'": 1, "query": "a"}', 422, "aaaa"),
        (QUERY + b" " * 1024**2, 413, "1,048,576 bytes"),
    ],
    ids=lambda value: repr(value)[:24],
)
async def test_a_body_that_is_no_request_is_refused(
    client: httpx.AsyncClient, body: bytes, status: int, word: str
) -> None:
    for path in ("/v1/search", "/v1/search/batch", "/v1/fetch", "/v1/find"):
        words = [word] if path == "/v1/search" else []
        problem(await ask(client, body, path), (status, 422) if path != "/v1/search" else status, *words)


@pytest.mark.parametrize("body", [b'{"query": "x", "query": "harbour", "k": 1}', b"\xef\xbb\xbf" + QUERY])
async def test_of_keys_given_twice_the_last_counts_and_a_byte_order_mark_is_passed_over(
    client: httpx.AsyncClient, body: bytes
) -> None:
    assert (await ask(client, body)).content == (await ask(client, QUERY)).content


@pytest.mark.parametrize(
    "declared",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", ";", "\x7f/\x01"],
)
async def test_a_body_not_declared_as_json_is_refused_with_the_header_to_send(app: Front, declared: str | None) -> None:
    headers = () if declared is None else ((b"content-type", declared.encode()),)
    status, answer = await raw_call(app, QUERY, headers=headers)
    assert (status, answer["error"]["code"]) == (415, "not_json")
    assert "Content-Type: application/json" in answer["error"]["remedy"]


@pytest.mark.parametrize(
    "declared", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json"]
)
async def test_json_may_be_declared_in_any_spelling(client: httpx.AsyncClient, declared: str) -> None:
    assert (await client.post("/v1/search", content=QUERY, headers={"content-type": declared})).status_code == 200


async def test_a_body_over_the_limit_is_refused_however_it_comes(make_app: Callable[..., Front]) -> None:
    app = make_app(max_body_bytes=100)
    json_type = (b"content-type", b"application/json")
    for parts in ([b" " * 101], [b" " * 60, b" " * 60], [b" "] * 101):
        status, answer = await raw_call(app, *parts)
        assert (status, answer["error"]["code"]) == (413, "body_too_large")
        assert "100 bytes" in answer["error"]["message"]
    for length in (b"101", b"9" * 18, b"9" * 5000):
        status, _ = await raw_call(app, QUERY, headers=(json_type, (b"content-length", length)))
        assert status == 413


@pytest.mark.parametrize("length", [b"", b"-5", b"abc", b"1e9", b"+1", "\u0661".encode()])
async def test_a_content_length_that_is_no_number_is_not_believed(app: Front, length: bytes) -> None:
    headers = ((b"content-type", b"application/json"), (b"content-length", length))
    status, _ = await raw_call(app, QUERY, headers=headers)
    assert status == 200


async def test_a_body_in_pieces_is_one_body(app: Front) -> None:
    whole = await raw_call(app, QUERY)
    assert whole[0] == 200
    assert await raw_call(app, *(QUERY[i : i + 1] for i in range(len(QUERY))), b"") == whole


# Routes


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/nope", "/nope"),
        ("/v1", "/v1"),
        ("/v1/", "/v1/"),
        ("/v3/search", "/v3/search"),
        ("/v1/search/", "/v1/search/"),
        ("//v1/search", "//v1/search"),
        ("/v1//search", "/v1//search"),
        ("/V1/SEARCH", "/V1/SEARCH"),
        ("/v1/search;x", "/v1/search;x"),
        ("/v1/search%00", "/v1/search"),
        ("/v1%2Fsearch%2F", "/v1"),
        ("/%FF%FE", "/"),
        ("/s", "/s"),
        ("/s/", "tiny"),
        ("/s//v1/search", "tiny"),
        ("/s/unknown/v1/search", "'unknown'"),
        ("/s/%2e%2e/v1/search", "'..'"),
        ("/s/" + "x" * 5000 + "/v1/search", "'xxx"),
        ("/s/tiny/s/tiny/v1/search", "/s/tiny/v1/search"),
        ("/s/tiny/nope", "/nope"),
        ("/e/", "''"),
        ("/e/abc/v1/search", "'abc'"),
        ("/s/tiny/e/abc/v1/search", "'abc'"),
        ("/" + "x" * 5000, "/xxx"),
    ],
    ids=lambda value: value[:24],
)
async def test_a_path_where_nothing_is_gets_a_404_that_names_it(
    client: httpx.AsyncClient, path: str, word: str
) -> None:
    for method in ("GET", "POST"):
        problem(await client.request(method, httpx.URL("http://testserver" + path), content=QUERY), 404, word)


@pytest.mark.parametrize("path", ["/v1/search", "/s/tiny/v1/search", "/v1/%73earch", "/s/tiny//v1/search"])
async def test_the_paths_of_a_search(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=QUERY, headers=JSON)
    assert answer.status_code == (404 if "//" in path else 200)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO"])
async def test_a_method_a_route_does_not_answer_gets_the_one_it_does(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/v1/search")
    problem(answer, 405, method, "Use POST")
    assert answer.headers["allow"] == "POST"
    if method != "GET":
        problem(await client.request(method, "/v1/snapshot"), 405, method, "Use GET")


async def test_head_is_refused_without_a_body(client: httpx.AsyncClient) -> None:
    for path, status in (("/v1/snapshot", 405), ("/v1/search", 405), ("/nope", 404), ("/s/nope/", 404)):
        answer = await client.head(path)
        assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/v1/documents?limit=0", "limit"),
        ("/v1/documents?limit=1000000000", "limit"),
        ("/v1/documents?limit=1" + "0" * 400, "limit"),
        ("/v1/documents?limit=1.5", "limit"),
        ("/v1/documents?limit=", "limit"),
        ("/v1/documents?limit=1&limit=2", "'limit' is given twice"),
        ("/v1/documents?lmit=1", "'lmit'"),
        ("/v1/documents?cursor=", "cursor"),
        ("/v1/documents?domain=", "domain"),
        ("/v1/documents?domain=%00", "domain"),
        ("/v1/links", "doc_id"),
        (f"/v1/links?url={ADA}&x=1", "'x'"),
        (f"/v1/links?url={ADA}&url={ADA}", "'url' is given twice"),
        ("/v1/snapshot?name=tiny", "'name'"),
    ],
    ids=lambda value: value[:36],
)
async def test_a_query_parameter_that_is_unknown_or_unfit_is_named(
    client: httpx.AsyncClient, path: str, word: str
) -> None:
    problem(await client.get(path), 422, word)


async def test_options_of_a_post_are_not_looked_for_in_its_url(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/search?k=3", content=QUERY, headers=JSON), 422, "'k'", "body")


@pytest.mark.parametrize("host", ["[::1", "a b", "", ":", "x" * 5000, "\xff"])
async def test_the_host_a_client_names_does_not_matter(app: Front, host: str) -> None:
    headers = ((b"content-type", b"application/json"), (b"host", host.encode("latin-1")))
    assert (await raw_call(app, QUERY, headers=headers))[0] == 200
    assert (await raw_call(app, QUERY, path="/nope", headers=headers))[0] == 404


@pytest.mark.parametrize("path", ["", "*", "\r\n", "/\0", "http://x/y"])
async def test_a_path_no_server_should_pass_on_is_still_answered(app: Front, path: str) -> None:
    status, answer = await raw_call(app, QUERY, path=path)
    assert status == 404, answer
    assert answer["error"]["remedy"]
