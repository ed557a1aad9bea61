"""Which dialect a request at the root means, where no prefix says so.

A vendor's Host wins over everything and is looked up in `front.py`. Then come the rules below, in two steps, since the
outer layers do not look at content: `by_path` needs the path and the authorization headers, `by_keys` the names of the
parameters too. The rules of one path exclude each other, so their order does not matter; a test holds them to that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

VENDOR_KEYS = {
    b"x-api-key": "x-api-key",
    b"x-subscription-token": "brave",
    b"ocp-apim-subscription-key": "bing",
    b"x-tavily-access-mode": "tavily",
}
"""Headers that carry a vendor's key. Three vendors share x-api-key (Serper, Exa, DeepResearchGym)."""

_PATHS = {
    "/extract": "tavily",
    "/map": "tavily",
    "/contents": "exa",
    "/findSimilar": "exa",
    "/answer": "exa",
    "/news": "serper",
    "/scholar": "serper",
    "/images": "serper",
    "/videos": "serper",
    "/places": "serper",
    "/maps": "serper",
    "/scrape": "serper",
    "/search.json": "serpapi",
    "/html": "ddg",
    "/html/": "ddg",
    "/lite": "ddg",
    "/lite/": "ddg",
    "/retrieve": "retrieve",
    "/access": "asearcher",
    "/get_content": "openresearcher",
    "/batch_search": "literesearcher",
    "/web_parser": "literesearcher",
    "/check_url": "literesearcher",
    "/batch_check_url": "literesearcher",
    "/query": "literesearcher",
    "/open": "foldagent",
    "/get_document": "browsecomp-plus",
    "/fineweb/search": "deepresearchgym",
    "/clueweb22/search": "deepresearchgym",
    "/mcp": "mcp",
}
_STARTS = {
    "/v2/": "firecrawl",
    "/res/v1/": "brave",
    "/v7.0/": "bing",
    "/http://": "jina",
    "/https://": "jina",
    "/http:/": "jina",  # some clients and proxies fold the two slashes
    "/https:/": "jina",
}

SHARED_PATHS = frozenset({"/", "/search", "/crawl"})
"""Paths that several dialects have: parameters tell."""


def by_path(path: str, key: str) -> str | None:
    """The dialect that the path alone, or the authorization header with a shared path, tells; else None.

    `key` is a value of VENDOR_KEYS, or "".
    """
    found = _PATHS.get(path)
    if found is not None:
        return found
    for start, dialect in _STARTS.items():
        if path.startswith(start):
            return dialect
    if path == "/search" and key and key != "x-api-key":
        return key
    return None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: what a request must look like, in words and as a test."""

    dialect: str
    method: str
    path: str
    words: str
    fits: Callable[[frozenset[str], str], bool]
    """Of the names of the parameters and the key ("" or "x-api-key")."""


_EXA = frozenset(
    "numResults includeDomains excludeDomains startPublishedDate endPublishedDate startCrawlDate endCrawlDate "
    "includeText excludeText contents useAutoprompt category type additionalQueries".split()
)
_LITE = frozenset({"limit", "search_type", "sparse_weight", "dense_weight"})


def _exa(names: frozenset[str], key: str) -> bool:
    return "query" in names and not names & {"topn", "k"} and not names & _LITE and bool(key or names & _EXA)


RULES = (
    Rule("serper", "GET", "/search", "`q` with `api_key`, `apiKey` or X-API-KEY, without `engine`",
         lambda n, key: "q" in n and "engine" not in n and bool(key or n & {"api_key", "apiKey"})),
    Rule("serpapi", "GET", "/search", "`engine`", lambda n, key: "engine" in n),
    Rule("searxng", "GET", "/search", "`q` alone or with SearXNG's parameters",
         lambda n, key: "q" in n and "engine" not in n and not (key or n & {"api_key", "apiKey"})),
    Rule("deepresearchgym", "GET", "/search", "`query`", lambda n, key: "query" in n and not n & {"q", "engine"}),
    Rule("searxng", "POST form", "/search", "`q`", lambda n, key: "q" in n),
    Rule("serper", "POST", "/search", "`q`", lambda n, key: "q" in n),
    Rule("openresearcher", "POST", "/search", "`query`, `topn`",
         lambda n, key: {"query", "topn"} <= n and "q" not in n),
    Rule("foldagent", "POST", "/search", "`query`, `k`",
         lambda n, key: {"query", "k"} <= n and not n & {"q", "topn"}),
    Rule("literesearcher", "POST", "/search", "`query` and one of `limit`, `search_type`, `sparse_weight`, …",
         lambda n, key: "query" in n and bool(n & _LITE) and not n & {"q", "topn", "k"}),
    Rule("exa", "POST", "/search", "`query` with x-api-key or one of Exa's parameters, such as `numResults`",
         lambda n, key: "q" not in n and _exa(n, key)),
    Rule("tavily", "POST", "/search", "`query`, alone or with Tavily's parameters",
         lambda n, key: "query" in n and not n & {"q", "topn", "k"} and not n & _LITE and not _exa(n, key)),
    Rule("dr-venus", "POST", "/search", "`queries`, without `q` and `query`",
         lambda n, key: "queries" in n and not n & {"q", "query"}),
    Rule("serper", "POST list", "/search", "`q` in each item", lambda n, key: "q" in n),
    Rule("uni-agent", "POST", "/crawl", "`urls`", lambda n, key: "urls" in n),
    Rule("tavily", "POST", "/crawl", "`url`", lambda n, key: "url" in n and "urls" not in n),
    Rule("searxng", "GET", "/", "`q` and `format`", lambda n, key: {"q", "format"} <= n),
    Rule("searxng", "POST form", "/", "`q`", lambda n, key: "q" in n),
    Rule("jina", "POST", "/", "`url`", lambda n, key: "url" in n and "q" not in n),
    Rule("serper", "POST", "/", "`q`", lambda n, key: "q" in n),
    Rule("serper", "POST list", "/", "`q` in each item", lambda n, key: "q" in n),
)  # fmt: skip
"""The shared paths. "POST form" is a POST with a form for a body, "POST list" one with a JSON array (names are those of
all items), "POST" one with other JSON or none."""


def by_keys(method: str, path: str, names: frozenset[str], key: str) -> str | None:
    """The dialect of a request to one of SHARED_PATHS, or None where no rule fits. `method` as in RULES."""
    for rule in RULES:
        if rule.method == method and rule.path == path and rule.fits(names, key):
            return rule.dialect
    return None
