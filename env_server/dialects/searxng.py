"""SearXNG: JSON and HTML on `/` and `/search`, by GET or as a posted form.

LangChain asks the bare host and needs `answers` and `results` to be lists; local-deep-research reads the HTML. CSV and
RSS are refused as upstream refuses a format that is not switched on.
"""

from __future__ import annotations

import re
from html import escape
from typing import Annotated

from pydantic import Field

from env_server.dialects.dates import since, timestamp
from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.pictures import pictures
from env_server.dialects.sites import site_hits
from env_server.dialects.url_parts import parsed_url
from env_server.errors import EnvServerError, Problem

ENGINE = "stillweb"
_ENGINES = (ENGINE,)
_NO_PICTURE = {"img_src": "", "thumbnail": "", "template": "default.html"}
_EMPTY = dict.fromkeys(("answers", "corrections", "infoboxes", "suggestions", "unresponsive_engines"), ())
_PER_PAGE = 10
_RANGES = ("", "day", "week", "month", "year")
_CATEGORIES = ("general", "news", "images", "videos", "science", "it", "files", "music", "map", "social media")
_NOTHING = frozenset({"videos", "files", "music", "map", "social media"})
"""Categories of which corpora hold nothing."""
_BANGS = re.compile(r"^(?:\s*!!?[\w+-]+\s+)+")
"""`!wp ...` chooses an engine; there is one."""
_HTML = "text/html; charset=utf-8"


class _Search(Wanted):
    q: str = ""
    format: str = "html"
    categories: str = ""
    engines: str = ""
    pageno: Annotated[int, Field(ge=1, le=1000)] = 1
    time_range: str = ""


def search(asked: Asked) -> Reply:
    wanted = asked.parse(_Search)
    if wanted.format in ("csv", "rss"):
        raise EnvServerError(403, "format_disabled", f"The format {wanted.format} is not switched on.", "Use json.")
    query = (_BANGS.sub("", wanted.q) if "!" in wanted.q else wanted.q).strip()
    if wanted.format != "json":  # upstream takes any other word for html, too
        results = _results(asked, wanted, query) if query else []
        return Reply(_page(wanted.q, results).encode("utf-8", "replace"), media_type=_HTML)
    if not query:
        raise EnvServerError(400, "missing_query", "No query.", "Send q.")
    results = _results(asked, wanted, query)
    return json_reply({"query": wanted.q, "number_of_results": len(results), "results": results} | _EMPTY)


def config(asked: Asked) -> Reply:
    """What front ends read to learn which categories and engines there are."""
    engine = {"name": ENGINE, "enabled": True, "categories": list(_CATEGORIES), "shortcut": "sw", "paging": True}
    return json_reply({"categories": list(_CATEGORIES), "engines": [engine | {"time_range_support": True}]})


def _results(asked: Asked, wanted: _Search, query: str) -> list[Values]:
    if wanted.time_range not in _RANGES:
        told = f"{wanted.time_range[:60]!r} is no time_range."
        raise EnvServerError(400, "bad_time_range", told, "Use day, week, month or year.")
    category = _category(wanted)
    if category in _NOTHING:
        return []
    after = since(asked, wanted.time_range) if wanted.time_range else None
    if category == "news":  # dated pages only: a page without a date is no news
        after = after or "0001-01-01"
    hits = site_hits(asked, query, k=_PER_PAGE, first=_PER_PAGE * (wanted.pageno - 1), after=after)
    shown = {picture.page: picture for picture in pictures(asked, hits)} if category == "images" else {}
    results = []
    for position, hit in enumerate(hits, 1):
        url = hit["url"]
        if category == "images" and url not in shown:
            continue
        result = {
            "url": url,
            "title": hit["title"],
            "content": hit["snippet"],
            "publishedDate": None if hit["date"] is None else timestamp(hit["date"])[:19],
            "engine": ENGINE,
            "engines": _ENGINES,
            "category": category,
            "parsed_url": parsed_url(url),
            "positions": [position],
            "score": hit["score"],
        }
        if category == "images":
            picture = shown[url].url
            result |= {"img_src": picture, "thumbnail_src": picture, "template": "images.html"}
        else:
            result |= _NO_PICTURE
        results.append(result)
    return results


def _category(wanted: _Search) -> str:
    """The first one known; some clients name engines alone, of which `bing images` and `youtube` tell enough."""
    if not wanted.categories and not wanted.engines:
        return _CATEGORIES[0]
    names = [name.strip() for name in wanted.categories.split(",")]
    if not wanted.categories:
        names = ["videos" if name == "youtube" else name.rpartition(" ")[2] for name in wanted.engines.split(",")]
    return next((name for name in names if name in _CATEGORIES), "general")


def _page(query: str, results: list[Values]) -> str:
    rows = "".join(
        f'<article class="result result-default category-{escape(row["category"])}">\n'
        f'<a class="url_header url" href="{escape(row["url"])}" rel="noreferrer">{escape(row["url"])}</a>\n'
        f'<h3><a href="{escape(row["url"])}" rel="noreferrer">{escape(row["title"])}</a></h3>\n'
        f'<p class="content">{escape(row["content"])}</p>\n'
        f'<div class="engines"><span>{ENGINE}</span></div>\n</article>\n'
        for row in results
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>SearXNG</title>\n</head>\n<body>\n'
        '<form id="search" method="get" action=""><input id="q" name="q" type="text" '
        f'value="{escape(query)}"><button type="submit">search</button></form>\n'
        f'<main id="results"><div id="urls">\n{rows}</div></main>\n</body>\n</html>\n'
    )


def _refuse(problem: Problem) -> Reply:
    status = 400 if problem.status == 422 else problem.status
    return json_reply({"error": f"{problem.message} {problem.remedy}"}, status)


_EITHER = "GET POST"
SEARXNG = Dialect(
    name="searxng",
    routes=(
        Route(_EITHER, "/search", search),
        Route(_EITHER, "/", search),
        Route("GET", "/config", config),
        Route("GET", "/healthz", lambda asked: Reply(b"OK", media_type="text/plain; charset=utf-8")),
    ),
    refuse=_refuse,
)
