"""Bing's web search API, version 7, as agents written before its end in August 2025 still call it.

`/search` is www.bing.com: its page as scrapers read it, and with `format=rss` the feed that smolagents reads.
"""

from __future__ import annotations

import datetime
import re
from html import escape
from typing import Annotated, Any

from pydantic import Field

from corpus.urls import host_of
from env_server.dialects.dates import newest, since, timestamp
from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.pictures import pictures
from env_server.dialects.sites import site_hits
from env_server.errors import EnvServerError, Problem

_PERIODS = {"day": "d", "week": "w", "month": "m"}
_SPAN = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))?", re.ASCII)
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML may hold, not even escaped."""
_SUB_CODES = {"missing_query": "ParameterMissing"}


class _Search(Wanted):
    q: str = ""
    count: Annotated[int, Field(ge=1, le=50)] = 10
    offset: Annotated[int, Field(ge=0, le=100_000)] = 0
    freshness: str = ""
    responseFilter: str = ""


class _Page(Wanted):
    q: str = ""
    count: Annotated[int, Field(ge=1, le=50)] = 10
    first: Annotated[int, Field(ge=0, le=100_000)] = 1
    format: str = ""


def web(asked: Asked) -> Reply:
    wanted = _wanted(asked)
    body: Values = {"_type": "SearchResponse", "queryContext": {"originalQuery": wanted.q}}
    is_web, is_news = _kinds(wanted.responseFilter)
    if is_web:
        pages = [_item(asked, hit, number) for number, hit in enumerate(_hits(asked, wanted))]
        items = [
            {"answerType": "WebPages", "resultIndex": i, "value": {"id": page["id"]}} for i, page in enumerate(pages)
        ]
        body["webPages"] = {"totalEstimatedMatches": wanted.offset + len(pages), "value": pages}
        body["rankingResponse"] = {"mainline": {"items": items}}
    if is_news:
        body["news"] = {"value": _articles(asked, wanted)}
    return json_reply(body)


def news(asked: Asked) -> Reply:
    wanted = _wanted(asked)
    context = {"originalQuery": wanted.q}
    return json_reply({"_type": "News", "queryContext": context, "value": _articles(asked, wanted)})


def images(asked: Asked) -> Reply:
    wanted = _wanted(asked)
    value = [
        {"name": shown.title, "contentUrl": shown.url, "thumbnailUrl": shown.url, "hostPageUrl": shown.page}
        for shown in pictures(asked, _hits(asked, wanted))
    ]
    return json_reply({"_type": "Images", "queryContext": {"originalQuery": wanted.q}, "value": value})


def page(asked: Asked) -> Reply:
    """www.bing.com; without a query there is the form and nothing found."""
    wanted = asked.parse(_Page)
    search = _Search(q=wanted.q, count=wanted.count, offset=max(0, wanted.first - 1))
    hits = _hits(asked, search) if wanted.q.strip() else []
    if wanted.format == "rss":
        rows = "".join(
            f"<item><title>{escape(hit['title'])}</title><link>{escape(hit['url'])}</link>"
            f"<description>{escape(hit['snippet'])}</description></item>\n"
            for hit in hits
        )
        head = f"<title>Bing: {escape(wanted.q)}</title>\n"
        feed = f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>{head}{rows}</channel></rss>\n'
        feed = _NOT_XML.sub("", feed)
        return Reply(feed.encode("utf-8", "replace"), media_type="text/xml; charset=utf-8")
    rows = "".join(
        f'<li class="b_algo"><h2><a href="{escape(hit["url"])}">{escape(hit["title"])}</a></h2>\n'
        f'<div class="b_caption"><cite>{escape(hit["url"])}</cite><p>{escape(hit["snippet"])}</p></div></li>\n'
        for hit in hits
    )
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(wanted.q)} - Search</title>\n"
        f'</head>\n<body>\n<form action="/search"><input name="q" type="text" value="{escape(wanted.q)}"></form>\n'
        f'<ol id="b_results">\n{rows}</ol>\n</body>\n</html>\n'
    )
    return Reply(text.encode("utf-8", "replace"), media_type="text/html; charset=utf-8")


def _kinds(named: str) -> tuple[bool, bool]:
    """Whether a responseFilter lets through web pages, and news, which must be named."""
    if not named:
        return True, False
    kinds = {kind.strip().lower() for kind in named.split(",")} - {""}
    left_out = {kind[1:] for kind in kinds if kind.startswith("-")}
    is_web = "webpages" in kinds or (kinds == {f"-{kind}" for kind in left_out} and "webpages" not in left_out)
    return is_web, "news" in kinds


def _wanted(asked: Asked) -> _Search:
    wanted = asked.parse(_Search)
    if not wanted.q.strip():
        raise EnvServerError(400, "missing_query", "Required parameter is missing: q.", "Send q.")
    return wanted


def _hits(asked: Asked, wanted: _Search, after: str | None = None) -> list[Values]:
    dates: dict[str, Any] = {} if after is None else {"after": after}
    if wanted.freshness:
        dates |= _dates(asked, wanted.freshness)
    return site_hits(asked, wanted.q, k=wanted.count, first=wanted.offset, **dates)


def _dates(asked: Asked, freshness: str) -> dict[str, str | None]:
    if freshness.lower() in _PERIODS:
        return {"after": since(asked, _PERIODS[freshness.lower()])}
    span = _SPAN.fullmatch(freshness)
    try:
        if span is not None:
            first = datetime.date.fromisoformat(span[1])
            last = datetime.date.fromisoformat(span[2] or span[1]) + datetime.timedelta(days=1)
            return {"after": first.isoformat(), "before": last.isoformat()}
    except (ValueError, OverflowError):
        pass
    raise EnvServerError(
        400,
        "bad_freshness",
        f"freshness: {freshness[:60]!r} is none.",
        "Use Day, Week, Month or 2024-01-01..2024-01-31.",
    )


def _item(asked: Asked, hit: Values, number: int) -> Values:
    date, url = hit["date"], hit["url"]
    page = {
        "id": f"https://api.bing.microsoft.com/api/v7/#WebPages.{number}",
        "name": hit["title"],
        "url": url,
        "displayUrl": url,
        "snippet": hit["snippet"],
        "siteName": host_of(url),
        "dateLastCrawled": timestamp(newest(asked.service.snapshot).isoformat() if date is None else date),
        "isFamilyFriendly": True,
        "isNavigational": False,
    }
    if date is not None:
        page["datePublished"] = timestamp(date)[:19]
    return page


def _articles(asked: Asked, wanted: _Search) -> list[Values]:
    """Dated pages only: a page without a date is no news."""
    return [
        {
            "name": hit["title"],
            "url": hit["url"],
            "description": hit["snippet"],
            "datePublished": timestamp(hit["date"]),
            "provider": [{"_type": "Organization", "name": host_of(hit["url"])}],
        }
        for hit in _hits(asked, wanted, after="0001-01-01")
    ]


def _refuse(problem: Problem) -> Reply:
    status = {402: 403, 422: 400}.get(problem.status, problem.status)  # 403: out of call volume quota
    message = f"{problem.message} {problem.remedy}"
    if status in (401, 403, 404, 405, 429):  # told by the vendor's gateway, which has a shape of its own
        return json_reply({"error": {"code": str(status), "message": message}}, status)
    code = "InvalidRequest" if status < 500 else "ServerError"
    sub_code = _SUB_CODES.get(problem.code, "ParameterInvalidValue" if status < 500 else "UnexpectedError")
    error = {"code": code, "subCode": sub_code, "message": message}
    return json_reply({"_type": "ErrorResponse", "errors": [error]}, status)


BING = Dialect(
    name="bing",
    routes=(
        Route("GET", "/v7.0/search", web),
        Route("GET", "/v7.0/news/search", news),
        Route("GET", "/v7.0/images/search", images),
        Route("GET", "/search", page),
        Route("GET", "/", page),
    ),
    refuse=_refuse,
    hosts={"api.bing.microsoft.com": "", "www.bing.com": "", "bing.com": ""},
)
