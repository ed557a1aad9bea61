"""Which kind of thing a request asks for, told from dialect and path, before anything is read or searched.

    search   a ranking for words        find      places on a page       similar  pages like a page
    fetch    a page, or several         extract   parts for a goal       crawl    pages or addresses of a site
    links    links of a page            image     a stored picture       other    all else

One table for all dialects, since a fault is drawn above them. Of an MCP message the tool's name tells it.
"""

from __future__ import annotations

from typing import Literal, get_args

import orjson

RouteGroup = Literal["search", "fetch", "find", "extract", "links", "similar", "crawl", "image", "other"]
GROUPS: tuple[RouteGroup, ...] = get_args(RouteGroup)
NATIVE = "native"
"""What the native routes are called where dialects are named."""

_Rows = tuple[tuple[str, RouteGroup], ...]
_BY_PATH: dict[str, _Rows] = {
    NATIVE: (
        ("/v1/search", "search"),
        ("/v1/fetch", "fetch"),
        ("/v1/find", "find"),
        ("/v1/extract", "extract"),
        ("/v1/links", "links"),
        ("/v1/similar", "similar"),
        ("/v1/places", "search"),
        ("/v1/scholar", "search"),
        ("/v1/image", "image"),
        ("/", "other"),
    ),
    "asearcher": (("/access", "fetch"),),
    "browsecomp-plus": (("/get_document", "fetch"),),
    "deeptracehub": (("/crawl", "fetch"),),
    "dr-venus": (("/health", "other"),),
    "exa": (("/contents", "fetch"), ("/findSimilar", "similar")),
    "firecrawl": (
        ("/v1/scrape", "fetch"),
        ("/v2/scrape", "fetch"),
        ("/v1/batch", "fetch"),
        ("/v2/batch", "fetch"),
        ("/v1/search", "search"),
        ("/v2/search", "search"),
        ("/", "crawl"),
    ),
    "foldagent": (("/open", "fetch"),),
    "jina": (("/search", "search"), ("/svip", "search"), ("/", "fetch")),
    "literesearcher": (("/web_parser", "fetch"), ("/check_url", "fetch"), ("/batch_check_url", "fetch")),
    "nemo-gym": (("/browse", "fetch"),),
    "openresearcher": (("/get_content", "fetch"),),
    "origin": (("/", "fetch"),),
    "searxng": (("/config", "other"), ("/healthz", "other")),
    "serper": (("/scrape", "fetch"),),
    "tavily": (("/extract", "fetch"), ("/crawl", "crawl"), ("/map", "crawl"), ("/feedback", "other")),
    "uni-agent": (("/crawl", "fetch"),),
}
"""Beginnings of paths; the first that fits counts. What stands in no row of a dialect is a search."""
_LISTS = ("queries", "items", "urls", "ids")
"""What dialects call the list of a batch."""
_TOOLS: _Rows = (("search", "search"), ("find", "find"), ("link", "links"), ("extract", "extract"))


def group_of(dialect: str, path: str, body: bytes = b"") -> RouteGroup:
    """The group of a request to a dialect (or to `NATIVE`), by its path behind the prefix; the body tells for MCP."""
    if dialect == "mcp":
        return _of_message(body)
    if dialect == "pyserini" and "/doc/" in path:
        return "fetch"
    for beginning, group in _BY_PATH.get(dialect, ()):
        if path.startswith(beginning):
            return group
    return "search"


def items_of(body: bytes) -> int:
    """How many questions or pages a request asks for: a batch as many as it lists, anything else one.

    A list of them is a JSON array, or stands in an object under one name or another.
    """
    if b"[" not in body:
        return 1
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 1
    if isinstance(value, dict):
        value = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), None)
    return max(1, len(value)) if isinstance(value, list) else 1


def _of_message(body: bytes) -> RouteGroup:
    try:
        message = orjson.loads(body)
        name = message["params"]["name"] if message["method"] == "tools/call" else None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "other"
    if not isinstance(name, str):
        return "other"
    for word, group in _TOOLS:
        if word in name:
            return group
    return "fetch"
