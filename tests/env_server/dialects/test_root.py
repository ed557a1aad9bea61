"""At the root a request means one API or none: the table in `root.py` is a function."""

from __future__ import annotations

from itertools import chain, combinations

import httpx
import pytest

from env_server.addressing import Address, Addresses, Served
from env_server.dialects import DIALECTS
from env_server.dialects.root import _PATHS, _STARTS, RULES, SHARED_PATHS, VENDOR_KEYS, by_keys, by_path

METHODS = ("GET", "POST", "POST form", "POST list")
NAMES = {
    "/": "q query url urls format engine api_key".split(),
    "/search": "q query queries engine api_key apiKey k topn limit sparse_weight numResults contents topk".split(),
    "/crawl": "url urls q query limit".split(),
}
"""What tells vendors apart on a shared path, and something that does not."""
KEYS = ("", "x-api-key")

MINIMAL: list[tuple[str, str, str, str, str]] = [
    # Serper: query string or body, GET or POST; a key in a header, in the query string, or none with POST
    ("serper", "POST", "/search", "q", ""),
    ("serper", "POST", "/search", "q num gl hl", "x-api-key"),
    ("serper", "GET", "/search", "q api_key", ""),
    ("serper", "GET", "/search", "q apiKey", ""),
    ("serper", "GET", "/search", "q", "x-api-key"),
    ("serper", "POST", "/", "q", "x-api-key"),
    ("serper", "POST list", "/search", "q num", "x-api-key"),
    ("serper", "POST list", "/", "q", ""),
    ("serper", "POST", "/news", "q", ""),
    ("serper", "POST", "/scholar", "q", "x-api-key"),
    ("serper", "POST", "/images", "q", ""),
    ("serper", "POST", "/scrape", "url", ""),
    # Tavily
    ("tavily", "POST", "/search", "query", ""),
    ("tavily", "POST", "/search", "query api_key max_results", ""),
    ("tavily", "POST", "/search", "query search_depth topic include_domains exclude_domains include_answer", ""),
    ("tavily", "POST", "/search", "query", "tavily"),
    ("tavily", "POST", "/extract", "urls", ""),
    ("tavily", "POST", "/crawl", "url max_depth limit", ""),
    ("tavily", "POST", "/map", "url", ""),
    # Exa
    ("exa", "POST", "/search", "query", "x-api-key"),
    ("exa", "POST", "/search", "query numResults", ""),
    ("exa", "POST", "/search", "query contents type", "x-api-key"),
    ("exa", "POST", "/contents", "urls text", "x-api-key"),
    ("exa", "POST", "/findSimilar", "url numResults", "x-api-key"),
    ("exa", "POST", "/answer", "query stream", "x-api-key"),
    # Jina
    ("jina", "GET", "/https://tiny.example/a", "", ""),
    ("jina", "GET", "/http://tiny.example/a", "q format", ""),
    ("jina", "GET", "/https:/tiny.example/a", "", ""),
    ("jina", "POST", "/", "url", ""),
    # Firecrawl 2
    ("firecrawl", "POST", "/v2/scrape", "url formats", ""),
    ("firecrawl", "POST", "/v2/search", "query limit", ""),
    ("firecrawl", "GET", "/v2/crawl/some-id", "", ""),
    # SearXNG
    ("searxng", "GET", "/search", "q format", ""),
    ("searxng", "GET", "/search", "q", ""),
    ("searxng", "POST form", "/search", "q format", ""),
    ("searxng", "GET", "/", "q format categories engines language", ""),
    ("searxng", "POST form", "/", "q", ""),
    # Others on the web
    ("brave", "GET", "/res/v1/web/search", "q count", "brave"),
    ("serpapi", "GET", "/search", "engine q api_key output", ""),
    ("serpapi", "GET", "/search.json", "engine q api_key", ""),
    ("bing", "GET", "/v7.0/search", "q", "bing"),
    ("ddg", "POST form", "/html", "q", ""),
    ("ddg", "POST form", "/html/", "q", ""),
    ("ddg", "GET", "/lite/", "q", ""),
    # Research servers
    ("retrieve", "POST", "/retrieve", "queries topk return_scores", ""),
    ("retrieve", "POST", "/retrieve", "query topk return_scores", ""),
    ("retrieve", "POST", "/retrieve", "query top_k", ""),
    ("retrieve", "POST", "/retrieve", "query", ""),
    ("asearcher", "POST", "/access", "urls", ""),
    ("uni-agent", "POST", "/crawl", "urls", ""),
    ("browsecomp-plus", "POST", "/get_document", "docid", ""),
    ("openresearcher", "POST", "/search", "query topn", ""),
    ("openresearcher", "POST", "/get_content", "url", ""),
    ("literesearcher", "POST", "/search", "query limit", ""),
    ("literesearcher", "POST", "/search", "query search_type", ""),
    ("literesearcher", "POST", "/search", "query limit search_type sparse_weight dense_weight", ""),
    ("literesearcher", "POST", "/batch_search", "queries limit", ""),
    ("literesearcher", "POST", "/web_parser", "url", ""),
    ("literesearcher", "POST", "/check_url", "url", ""),
    ("literesearcher", "POST", "/batch_check_url", "urls", ""),
    ("literesearcher", "POST", "/query", "url goal", ""),
    ("dr-venus", "POST", "/search", "queries topk", ""),
    ("foldagent", "POST", "/search", "query k", ""),
    ("foldagent", "POST", "/open", "url docid", ""),
    ("deepresearchgym", "GET", "/search", "query k", ""),
    ("deepresearchgym", "GET", "/search", "query k", "x-api-key"),
    ("deepresearchgym", "GET", "/fineweb/search", "query k", "x-api-key"),
    ("mcp", "POST", "/mcp", "jsonrpc method id", ""),
]
"""Of each API the smallest requests that its clients send: dialect, method, path, parameters, kind of key."""


def meant(method: str, path: str, names: frozenset[str], key: str) -> str | None:
    """What the front and the application find out, one after the other."""
    found = by_path(path, key)
    return by_keys(method, path, names, key) if found is None and path in SHARED_PATHS else found


@pytest.mark.parametrize("path", sorted(SHARED_PATHS))
@pytest.mark.parametrize("method", METHODS)
def test_no_request_means_two_apis(method: str, path: str) -> None:
    rules = [rule for rule in RULES if rule.method == method and rule.path == path]
    clashes = []
    words = NAMES[path]
    for some in chain.from_iterable(combinations(words, count) for count in range(len(words) + 1)):
        names = frozenset(some)
        for key in KEYS:
            fitting = [rule.dialect for rule in rules if rule.fits(names, key)]
            if len(fitting) > 1:
                clashes.append((some, key, fitting))
    assert clashes[:3] == []


def test_every_rule_is_for_a_shared_path_and_can_be_met() -> None:
    for rule in RULES:
        assert rule.path in SHARED_PATHS
        assert rule.method in METHODS
        met = [(d, m, p) for d, m, p, names, key in MINIMAL if rule.fits(frozenset(names.split()), key)]
        assert (rule.dialect, rule.method, rule.path) in met, f"no documented request shows the rule {rule.words}"


@pytest.mark.parametrize(
    ("dialect", "method", "path", "names", "key"), MINIMAL, ids=[" ".join(row).strip() for row in MINIMAL]
)
def test_a_documented_request_means_its_api(dialect: str, method: str, path: str, names: str, key: str) -> None:
    assert meant(method, path, frozenset(names.split()), key) == dialect


@pytest.mark.parametrize(
    ("method", "path", "names", "expected"),
    [
        ("POST", "/search", "query", "tavily"),  # NeMo-Gym's too: it has its prefix
        ("POST", "/search", "query k", "foldagent"),  # DeepTraceHub's too: it has its prefix
        ("POST", "/crawl", "url", "tavily"),  # and DeepTraceHub's
        ("POST", "/search", "queries query", "tavily"),
        ("POST list", "/search", "query", None),
        ("POST list", "/crawl", "urls", None),
        ("POST", "/search", "", None),
        ("POST form", "/search", "query", None),
        ("GET", "/search", "", None),
        ("GET", "/crawl", "url", None),
        ("GET", "/", "q", None),
        ("GET", "/", "format", None),
        ("GET", "/", "url", None),
        ("POST", "/browse", "url", None),
        ("POST", "/v1/search", "query limit", None),
        ("POST", "/v1/scrape", "url formats", None),
        ("GET", "/v1/wiki/search", "query hits", None),
        ("GET", "/v1/wiki/doc/7", "", None),
        ("GET", "/health", "", None),
    ],
)
def test_what_several_apis_could_mean_is_decided(method: str, path: str, names: str, expected: str | None) -> None:
    for key in KEYS:
        found = meant(method, path, frozenset(names.split()), key)
        assert found == ("exa" if expected == "tavily" and key and path == "/search" else expected)


def test_every_path_of_the_table_is_a_route_of_its_dialect() -> None:
    for path, name in _PATHS.items():
        assert name in DIALECTS, f"{path} means {name}, which is no dialect"
        there = "/" if path == f"/{name}" else path  # a prefix goes before the table
        assert any(route.pattern.fullmatch(there) for route in DIALECTS[name].routes), f"{name} has no {path}"
    for name in {*_STARTS.values(), *(rule.dialect for rule in RULES), *VENDOR_KEYS.values()} - {"x-api-key"}:
        assert name in DIALECTS, f"the table tells of {name}, which is no dialect"
    for rule in RULES:
        route, _ = DIALECTS[rule.dialect].route_of(rule.method.split()[0], rule.path)
        assert route.path == rule.path or "{" in route.path


def test_no_path_has_two_meanings() -> None:
    assert not SHARED_PATHS & _PATHS.keys()
    for path in _PATHS:
        assert not any(path.startswith(start) for start in _STARTS)
        assert not path.startswith("/v1/"), "those are native"
    assert not any(path[1:] in DIALECTS for path in _PATHS if path not in ("/retrieve", "/mcp")), "prefixes go before"


def test_a_vendor_s_host_wins_over_path_and_key() -> None:
    addresses = Addresses({"tiny": Served("tiny", "id", "content", frozenset({"tiny.example"}))}, DIALECTS)
    hosts = {host: (name, before) for name, dialect in DIALECTS.items() for host, before in dialect.hosts.items()}
    assert len(hosts) == sum(len(dialect.hosts) for dialect in DIALECTS.values()), "a host belongs to one vendor"
    for host, (name, before) in hosts.items():
        for path in ("/", "/search", "/crawl", "/retrieve", "/v1/search", "/v2/scrape", "/serper/search"):
            for key in ("", *VENDOR_KEYS.values()):
                found = addresses.read(host.encode(), path, path.encode(), key)
                assert isinstance(found, Address)
                assert found.dialect is DIALECTS[name]
                assert found.path == before + path


async def test_the_host_decides_what_the_keys_would_tell_otherwise(client: httpx.AsyncClient) -> None:
    body = {"query": "harbour", "k": 2}
    assert "took_ms" in (await client.post("/search", json=body)).json(), "FoldAgent's"
    answer = await client.post("/search", json=body, headers={"host": "api.tavily.com"})
    assert "response_time" in answer.json(), "Tavily's"


async def test_the_root_page_is_for_people_unless_searxng_is_asked(client: httpx.AsyncClient) -> None:
    for params in ({}, {"q": "harbour"}, {"format": "json"}):
        page = await client.get("/", params=params)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
    answer = await client.get("/", params={"q": "harbour", "format": "json"})
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["results"]
