"""`site:` in a query, in the dialects whose vendors read it: a condition on hosts and paths, and no word."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from env_server.dialects import DIALECTS
from env_server.dialects.sites import Sited, _joining, is_under, places_of, sited, under
from env_server.trace import begin_trace
from env_server.view import View
from tests.conftest import MakeClient
from tests.env_server.dialects.telling import told

HOSTS = {
    "org": "https://example.org/notes",
    "news": "https://news.example.org/notes",
    "blog": "https://example.org/blog/notes",
    "deep": "https://example.org/blog/2024/notes",
    "blogger": "https://example.org/blogger/notes",
    "net": "https://other.net/notes",
    "edu": "https://school.edu/notes",
    "badexample": "https://badexample.org/notes",
}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("hosts")
    words = "Harbour notes of the lamp keeper, written by hand and read by few."
    rows = [{"url": url, "title": f"Notes {name}", "text": f"{words} {name.title()}."} for name, url in HOSTS.items()]
    (folder / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    build_snapshot([str(folder / "pages.jsonl")], folder / "out", BuildOptions(encoder="none"))
    return open_snapshot(folder / "out")


def urls_of(value: Any) -> list[str]:
    """Addresses of hits, in order, wherever a vendor puts them."""
    if isinstance(value, str):
        return list(dict.fromkeys(re.findall(r"https?://[a-z.]+/[\w/]*notes", value)))
    if isinstance(value, dict):
        own = [value[name] for name in ("link", "url") if isinstance(value.get(name), str)]
        return list(dict.fromkeys(own + [url for each in value.values() for url in urls_of(each) if url not in own]))
    return list(dict.fromkeys(url for each in value for url in urls_of(each))) if isinstance(value, list) else []


def get(path: str, parameter: str = "q", more: str = "") -> Callable[[Snapshot, str], set[str]]:
    name, _, route = path.partition("/")

    def ask(hosts: Snapshot, query: str) -> set[str]:
        reply = told(hosts, DIALECTS[name], "GET", f"/{route}?{parameter}={quote(query)}{more}")
        assert reply.status == 200, reply.body
        is_json = reply.media_type == "application/json"
        found = urls_of(orjson.loads(reply.body) if is_json else reply.body.decode())
        return {known for known, url in HOSTS.items() if url in found}

    return ask


def post(path: str, parameter: str) -> Callable[[Snapshot, str], set[str]]:
    name, _, route = path.partition("/")

    def ask(hosts: Snapshot, query: str) -> set[str]:
        reply = told(hosts, DIALECTS[name], "POST", f"/{route}", orjson.dumps({parameter: query, "limit": 20}))
        assert reply.status == 200, reply.body
        found = urls_of(orjson.loads(reply.body))
        return {known for known, url in HOSTS.items() if url in found}

    return ask


DIALECTS_WITH_SITES = {
    "serper": get("serper/search", more="&num=20"),
    "serper scholar": get("serper/scholar", more="&num=20"),
    "serpapi": get("serpapi/search", more="&engine=google&num=20"),
    "serpapi yahoo": get("serpapi/search", "p", "&engine=yahoo&num=20"),
    "bing": get("bing/v7.0/search", more="&count=20"),
    "bing page": get("bing/search", more="&count=20"),
    "brave": get("brave/res/v1/web/search"),
    "ddg html": get("ddg/html/"),
    "ddg lite": get("ddg/lite/"),
    "searxng": get("searxng/search", more="&format=json"),
    "searxng page": get("searxng/search"),
    "firecrawl": post("firecrawl/v2/search", "query"),
    "jina list": post("jina/svip", "q"),
}
CASES: list[tuple[str, set[str]]] = [
    ("harbour site:example.org", {"org", "news", "blog", "deep", "blogger"}),
    ("site:news.example.org harbour", {"news"}),
    ("site:other.net site:school.edu harbour", {"net", "edu"}),
    ("(site:other.net OR site:school.edu) harbour", {"net", "edu"}),
    ("harbour -site:example.org", {"net", "edu", "badexample"}),
    ("harbour site:example.org -site:news.example.org", {"org", "blog", "deep", "blogger"}),
    ("harbour NOT site:example.org", {"net", "edu", "badexample"}),
    ("harbour site:example.org/blog", {"blog", "deep"}),
    ("harbour site:example.org -site:example.org/blog", {"org", "news", "blogger"}),
    ("harbour site:.edu", {"edu"}),
    ("harbour SITE:https://Other.net/", {"net"}),
    ("harbour site:nowhere.example", set()),
    ("harbour site:", set(HOSTS)),
    ("harbour site: other.net", set(HOSTS)),
]


@pytest.mark.parametrize("name", DIALECTS_WITH_SITES)
def test_hits_stand_where_site_says(hosts: Snapshot, name: str) -> None:
    ask = DIALECTS_WITH_SITES[name]
    wrong = {query: found for query, wanted in CASES if (found := ask(hosts, query)) != wanted}
    assert wrong == {}


def test_a_query_without_it_and_one_that_has_it_as_a_word_are_left_as_they_are() -> None:
    for query in (
        "harbour  notes ",
        "site:",
        "-site:",
        "site: a.org",
        "website:a.org",
        "site:!!",
        "site:a.org:80",
        "a:b",
    ):
        assert sited(query) == Sited(query)


@pytest.mark.parametrize(
    ("query", "text", "wanted", "barred"),
    [
        ("(site:a.org OR site:B.org) lamp OR oil", "lamp OR oil", ("a.org", "b.org"), ()),
        ("lamp OR site:a.org", "lamp", ("a.org",), ()),
        ("lamp AND (NOT site:a.org)", "lamp", (), ("a.org",)),
        ("site:a.org", "a.org", ("a.org",), ()),
        ("site:a.org -site:b.org", "a.org", ("a.org",), ("b.org",)),
        ("-site:b.org/x", "b.org", (), ("b.org/x",)),
        ("site:a.org site:a.org lamp", "lamp", ("a.org",), ()),
        ("site:münchen.de lamp", "lamp", ("xn--mnchen-3ya.de",), ()),
        ("site:*.a.org lamp", "lamp", ("a.org",), ()),
        ('site:"a.org/Blog/" lamp', "lamp", ("a.org/Blog",), ()),
        ("lamp site:a.org, oil", "lamp oil", ("a.org",), ()),
        ("lamp -(site:a.org OR site:b.org) site:c.org", "lamp", ("c.org",), ("a.org", "b.org")),
        ("lamp NOT (site:a.org OR (site:b.org)) oil", "lamp oil", (), ("a.org", "b.org")),
        ("(NOT (site:a.org) lamp OR site:b.org)", "lamp", ("b.org",), ("a.org",)),
        ("lamp (site:a.org/Mercury_(planet))", "lamp", ("a.org/Mercury_(planet)",), ()),
        ("lamp site:a.org/Zürich", "lamp", ("a.org/Z%C3%BCrich",), ()),
        ("lamp site:a.org/z%c3%bcrich/../%41#x", "lamp", ("a.org/A",), ()),
    ],
)
def test_what_a_query_says(query: str, text: str, wanted: tuple[str, ...], barred: tuple[str, ...]) -> None:
    assert sited(query) == Sited(text, wanted, barred)


def test_a_place_is_a_domain_with_those_below_it_or_a_path_of_it() -> None:
    assert is_under("https://a.example.org/blog/x", "example.org")
    assert is_under("https://example.org/blog", "example.org/blog")
    assert not is_under("https://example.org/blogger", "example.org/blog")
    assert not is_under("https://badexample.org/", "example.org")
    assert is_under("https://example.org/blog?page=2", "example.org/blog")
    assert is_under("https://example.org/blog?page=2", "example.org/blog?page=2")
    assert not is_under("https://example.org/blog?page=2", "example.org/blog?page=3")
    assert is_under("https://example.org/a/b/?x=/c", "example.org/a/b")
    assert is_under("https://example.org/a/b/?x=/c", "example.org/a/b/?x=")
    assert not is_under("https://example.org/a/b", "example.org/b")


def test_a_path_is_met_however_it_is_spelled(tmp_path: Path) -> None:
    url = "https://example.org/wiki/Zürich_(city)"
    (tmp_path / "pages.jsonl").write_text(json.dumps({"url": url, "title": "City", "text": "A harbour."}), "utf-8")
    build_snapshot([str(tmp_path / "pages.jsonl")], tmp_path / "out", BuildOptions(encoder="none"))
    snapshot = open_snapshot(tmp_path / "out")
    for place in ("example.org/wiki/Zürich_(city)", "example.org/wiki/Z%c3%bcrich_%28city%29", "example.org/wiki"):
        reply = told(snapshot, DIALECTS["serper"], "POST", "/search", orjson.dumps({"q": f"harbour site:{place}"}))
        assert len(orjson.loads(reply.body)["organic"]) == 1, place


def test_a_url_is_taken_apart_once_however_many_places_a_query_names() -> None:
    assert places_of("https://a.example.org/blog/x?page=2") == {
        *("a.example.org", "example.org", "org"),
        *(f"{domain}/{path}" for domain in ("a.example.org", "example.org", "org")
          for path in ("blog", "blog/x", "blog/x?page=2")),
    }  # fmt: skip
    assert places_of("http://[::1]:8080/") == {"[::1]"}


def test_a_query_of_joining_words_is_read_once() -> None:
    looked = 0

    class Word(str):
        def strip(self, chars: str | None = None, /) -> str:
            nonlocal looked
            looked += 1
            return super().strip(chars)

    words = [*[Word("OR")] * 500, Word("site:a.org")]
    assert _joining(words, [*[None] * 500, "a.org"]) == set(range(500))
    assert looked <= 2 * len(words)


async def test_a_host_alone_is_looked_for_by_its_name(hosts: Snapshot, make_client: MakeClient) -> None:
    async with make_client(snapshots={"hosts": hosts}) as client:
        alone = (await client.post("/serper/search", json={"q": "site:school.edu"})).json()
        named = await client.post("/v1/search", json={"query": "school.edu", "include_domains": ["school.edu"]})
    assert alone["searchParameters"]["q"] == "site:school.edu"
    assert [hit["link"] for hit in alone["organic"]] == [hit["url"] for hit in named.json()["hits"]]


async def test_it_is_the_native_search_under_domains(hosts: Snapshot, make_client: MakeClient) -> None:
    async with make_client(snapshots={"hosts": hosts}) as client:
        found = await client.post("/serper/search", json={"q": "lamp keeper site:example.org", "num": 3, "page": 2})
        native = await client.post(
            "/v1/search", json={"query": "lamp keeper", "k": 6, "include_domains": ["example.org"]}
        )
    hits = native.json()["hits"][3:]
    assert [(item["link"], item["snippet"]) for item in found.json()["organic"]] == [
        (hit["url"], hit["snippet"]) for hit in hits
    ]


def test_it_narrows_the_domains_that_a_field_names(hosts: Snapshot) -> None:
    def found(query: str, **more: Any) -> set[str]:
        body = orjson.dumps({"query": query, "limit": 20, **more})
        shown = urls_of(orjson.loads(told(hosts, DIALECTS["firecrawl"], "POST", "/v2/search", body).body))
        return {name for name, url in HOSTS.items() if url in shown}

    assert found("harbour site:news.example.org", includeDomains=["example.org"]) == {"news"}
    assert found("harbour site:example.org", includeDomains=["news.example.org", "other.net"]) == {"news"}
    assert found("harbour site:other.net", includeDomains=["example.org"]) == set()
    assert found("harbour -site:other.net", excludeDomains=["example.org"]) == {"edu", "badexample"}


def test_a_query_that_is_too_long_is_refused_for_its_length_whatever_operators_it_has(hosts: Snapshot) -> None:
    for query in ("OR " * 200_000 + "site:a.org", "site:a.org " * 50_000):
        reply = told(hosts, DIALECTS["serper"], "POST", "/search", orjson.dumps({"q": query}))
        assert reply.status == 400
        assert "query characters" in orjson.loads(reply.body)["message"]


def test_only_what_is_shown_counts_as_seen(hosts: Snapshot) -> None:
    trace = begin_trace()
    assert DIALECTS_WITH_SITES["serper"](hosts, "harbour site:example.org/blog") == {"blog", "deep"}
    assert len(trace.seen) == 2


def test_a_masked_page_is_not_found_by_its_host(hosts: Snapshot) -> None:
    view = View(exclude_urls=(HOSTS["net"],))
    reply = told(hosts, DIALECTS["serper"], "GET", "/search?q=harbour%20site:other.net", view=view)
    assert orjson.loads(reply.body)["organic"] == []


async def test_under_disguise_the_disguised_host_is_meant_and_the_real_one_is_unknown(
    hosts: Snapshot, make_client: MakeClient
) -> None:
    async with make_client(snapshots={"hosts": hosts}, obfuscation_seed=7) as client:

        async def found(query: str) -> list[str]:
            body = (await client.post("/serper/search", json={"q": query, "num": 20})).json()
            return [item["link"] for item in body["organic"]]

        every = await found("harbour")
        assert len(every) == len(HOSTS)
        assert not set(every) & set(HOSTS.values())
        for url in every:
            host = url.split("/")[2]
            below = [other for other in every if f".{other.split('/')[2]}".endswith("." + host)]
            assert await found(f"harbour site:{host}") == below
            assert url in await found(f"harbour site:{url.split('://')[1]}")
        assert await found("harbour site:school.edu") == []


parts = st.sampled_from(
    ["site:", "-site:", "site:a.org", "site:example.org/blog", "(", ")", "OR", "NOT", "|", "\x00", "é", "site:\u202e",
     "site:" + "a" * 300, "site:a..b", "site:-", "site:.", "site:*", "site:/", "site:[::1]", "site:1", "harbour", "AND",
     "-(site:a.org", "site:b.org)", "((", "))", "site:a.org/(x", "site:%", "site:a.org/%zz", "-("]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(words=st.lists(parts | st.text(max_size=8), max_size=8))
def test_no_query_with_it_is_an_error_of_the_server(hosts: Snapshot, words: list[str]) -> None:
    query = " ".join(words)
    try:
        body = orjson.dumps({"q": query})
    except (TypeError, ValueError):
        return
    first = told(hosts, DIALECTS["serper"], "POST", "/search", body)
    assert first.status in (200, 400)
    assert first == told(hosts, DIALECTS["serper"], "POST", "/search", body)


def test_where_no_vendor_reads_it_it_is_text(hosts: Snapshot) -> None:
    query = "harbour site:other.net"
    for name, path, body in [
        ("tavily", "/search", {"query": query, "max_results": 20}),
        ("exa", "/search", {"query": query, "numResults": 20}),
        ("retrieve", "/retrieve", {"queries": [query], "topk": 20}),
    ]:
        reply = told(hosts, DIALECTS[name], "POST", path, orjson.dumps(body))
        assert len(urls_of(orjson.loads(reply.body))) == len(HOSTS), name
    assert get("custom/search", "query", "&max_results=20")(hosts, query) == set(HOSTS)


def test_thousands_of_places_cost_a_hit_no_more_than_one(hosts: Snapshot) -> None:
    looked = 0

    class Place(str):
        def partition(self, sep: str, /) -> tuple[str, str, str]:
            nonlocal looked
            looked += 1
            return super().partition(sep)

        def removeprefix(self, prefix: str, /) -> Place:
            return self

    tells = under([Place(f"site{number}.org/blog") for number in range(2_000)])
    assert [tells(url) for url in HOSTS.values()] == [False] * len(HOSTS)
    assert tells("https://a.site7.org/blog/x")
    assert looked == 2_000
    barred = [f"site{number}.org/blog" for number in range(1_999)] + ["example.org/blog"]
    body = orjson.dumps({"query": "harbour", "numResults": 20, "excludeDomains": barred})
    found = urls_of(orjson.loads(told(hosts, DIALECTS["exa"], "POST", "/search", body).body))
    assert set(found) == set(HOSTS.values()) - {HOSTS["blog"], HOSTS["deep"]}
