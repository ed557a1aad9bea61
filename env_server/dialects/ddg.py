"""DuckDuckGo's pages without scripts: html.duckduckgo.com and lite.duckduckgo.com, as scrapers read them.

Links are the pages' own addresses: the vendor answers a posted form so, and a GET with links over a redirect of its
own, which scrapers take either way. The first page has ten results and those after it fifteen, at `s=10`, `s=25`, ....
"""

from __future__ import annotations

import datetime
import re
from html import escape
from typing import Annotated, Any

from pydantic import Field

from env_server.dialects.dates import since
from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted
from env_server.dialects.sites import site_hits
from env_server.errors import Problem

_FIRST_PAGE = 10
_NEXT_PAGES = 15
_SPAN = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})", re.ASCII)
_HTML = "text/html; charset=utf-8"


class _Search(Wanted):
    q: str = ""
    s: Annotated[int, Field(ge=0, le=100_000)] = 0
    df: str = ""
    """d, w, m, y, or two days as 2024-01-01..2024-01-31."""


def html(asked: Asked) -> Reply:
    wanted, hits = _found(asked)
    rows = "".join(
        '<div class="result results_links results_links_deep web-result">\n'
        '<div class="links_main links_deep result__body">\n'
        f'<h2 class="result__title"><a rel="nofollow" class="result__a" href="{escape(hit["url"])}">'
        f"{escape(hit['title'])}</a></h2>\n"
        '<div class="result__extras"><div class="result__extras__url">'
        f'<a class="result__url" href="{escape(hit["url"])}">{escape(_bare(hit["url"]))}</a></div></div>\n'
        f'<a class="result__snippet" href="{escape(hit["url"])}">{escape(hit["snippet"])}</a>\n</div>\n</div>\n'
        for hit in hits
    )
    none = '<div class="no-results">No results.</div>\n'
    form = '<form id="search_form_homepage" action="/html/" method="post">'
    return _page(wanted.q, form, f'<div id="links" class="results">\n{rows or none}</div>\n')


def lite(asked: Asked) -> Reply:
    wanted, hits = _found(asked)
    rows = "".join(
        f'<tr><td valign="top">{wanted.s + position}.&nbsp;</td><td>'
        f'<a rel="nofollow" href="{escape(hit["url"])}" class=\'result-link\'>{escape(hit["title"])}</a></td></tr>\n'
        f"<tr><td>&nbsp;&nbsp;&nbsp;</td><td class='result-snippet'>{escape(hit['snippet'])}</td></tr>\n"
        f"<tr><td>&nbsp;&nbsp;&nbsp;</td><td><span class='link-text'>{escape(_bare(hit['url']))}</span></td></tr>\n"
        for position, hit in enumerate(hits, 1)
    )
    none = "<tr><td><span class='no-results'>No results.</span></td></tr>\n"
    return _page(wanted.q, '<form action="/lite/" method="post">', f"<table>\n{rows or none}</table>\n")


def _found(asked: Asked) -> tuple[_Search, list[Values]]:
    """Without a query there is the form and nothing found."""
    wanted = asked.parse(_Search)
    if not wanted.q.strip():
        return wanted, []
    k = _NEXT_PAGES if wanted.s else _FIRST_PAGE
    dates = _dates(asked, wanted.df) if wanted.df else {}
    return wanted, site_hits(asked, wanted.q, k=k, first=wanted.s, **dates)


def _dates(asked: Asked, df: str) -> dict[str, Any]:
    """Whatever is no period is no bound, as with the vendor."""
    span = _SPAN.fullmatch(df)
    if span is None:
        return {"after": since(asked, df)} if df in ("d", "w", "m", "y") else {}
    try:
        last = datetime.date.fromisoformat(span[2]) + datetime.timedelta(days=1)
        return {"after": datetime.date.fromisoformat(span[1]).isoformat(), "before": last.isoformat()}
    except (ValueError, OverflowError):
        return {}


def _bare(url: str) -> str:
    return url.partition("://")[2]


def _page(query: str, form: str, found: str, status: int = 200) -> Reply:
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(query)} at DuckDuckGo</title>\n</head>\n<body>\n"
        f'{form}<input name="q" type="text" value="{escape(query)}"><input type="submit" value="Search"></form>\n'
        f"{found}</body>\n</html>\n"
    )
    return Reply(text.encode("utf-8", "replace"), status, _HTML)


def _refuse(problem: Problem) -> Reply:
    told = f'<p class="error">{escape(f"{problem.message} {problem.remedy}")}</p>\n'
    return _page("", '<form action="" method="get">', told, 400 if problem.status == 422 else problem.status)


_EITHER = "GET POST"
DDG = Dialect(
    name="ddg",
    routes=(
        Route(_EITHER, "/html", html),
        Route(_EITHER, "/html/", html),
        Route(_EITHER, "/lite", lite),
        Route(_EITHER, "/lite/", lite),
        Route(_EITHER, "/", html),
    ),
    refuse=_refuse,
    hosts={"html.duckduckgo.com": "", "lite.duckduckgo.com": "", "duckduckgo.com": ""},
)
