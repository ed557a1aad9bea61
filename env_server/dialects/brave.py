"""Brave search: web, news and images. Errors, also a missing token, are Brave's ErrorResponse."""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from corpus.urls import host_of
from env_server.dialects.dates import newest, since, timestamp
from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.pictures import pictures
from env_server.dialects.sites import site_hits, sited
from env_server.dialects.url_parts import split_url
from env_server.errors import EnvServerError, Problem
from env_server.schemas import ExtractRequest

_MAX_QUERY_CHARS = 400
_MAX_QUERY_WORDS = 50
_EXTRA_SNIPPETS = 5
_EXTRA_CHARS = 300
_ENGLISH = ["", "en"]
"""Languages of a store that knows of no other."""
_PERIODS = {"pd": "d", "pw": "w", "pm": "m", "py": "y"}
_SPAN = re.compile(r"(\d{4}-\d{2}-\d{2})to(\d{4}-\d{2}-\d{2})", re.ASCII)
_CODES = {401: "SUBSCRIPTION_TOKEN_INVALID", 422: "VALIDATION", 429: "RATE_LIMITED", 404: "NOT_FOUND"}


_MAX_COUNT = 20
_PLACES = tuple({"type": "web", "index": index, "all": False} for index in range(_MAX_COUNT))
_MIXED = tuple(
    orjson.Fragment(orjson.dumps({"type": "mixed", "main": _PLACES[:count], "top": [], "side": []}))
    for count in range(_MAX_COUNT + 1)
)
"""By how many results there are: written once, since with cold caches each small object costs a microsecond."""


class _Search(Wanted):
    q: str = ""
    count: Annotated[int, Field(ge=1, le=_MAX_COUNT)] = 20
    offset: Annotated[int, Field(ge=0, le=9)] = 0
    freshness: str = ""
    extra_snippets: bool = False
    result_filter: str = "web"


class _News(_Search):
    count: Annotated[int, Field(ge=1, le=50)] = 20


class _Images(_Search):
    count: Annotated[int, Field(ge=1, le=200)] = 50
    offset: Literal[0] = 0


def web(asked: Asked) -> Reply:
    wanted = _wanted(asked, _Search)
    kinds = {"web"} if wanted.result_filter == "web" else {kind.strip() for kind in wanted.result_filter.split(",")}
    body: Values = {"type": "search", "query": {"original": wanted.q, "more_results_available": False}}
    if "web" in kinds:
        knows_english_alone = asked.service.snapshot.store.languages == _ENGLISH
        found = _hits(asked, wanted)
        results = [_item(asked, wanted, hit, "search_result", is_english=knows_english_alone) for hit in found]
        body["query"]["more_results_available"] = len(results) == wanted.count
        body["mixed"] = _MIXED[len(results)]
        body["web"] = {"type": "search", "results": results, "family_friendly": True}
    if "news" in kinds:
        hits = _hits(asked, wanted, after="0001-01-01")
        body["news"] = {"type": "news", "results": [_item(asked, wanted, hit, "news_result") for hit in hits]}
    return json_reply(body)


def news(asked: Asked) -> Reply:
    """Dated pages only: a page without a date is no news."""
    wanted = _wanted(asked, _News)
    results = [_item(asked, wanted, hit, "news_result") for hit in _hits(asked, wanted, after="0001-01-01")]
    return json_reply({"type": "news", "query": {"original": wanted.q}, "results": results})


def images(asked: Asked) -> Reply:
    wanted = _wanted(asked, _Images)
    results = [
        {
            "type": "image_result",
            "title": picture.title,
            "url": picture.page,
            "source": host_of(picture.page),
            "thumbnail": {"src": picture.url},
            "properties": {"url": picture.url, "placeholder": picture.url},
            "page_fetched": timestamp(newest(asked.service.snapshot).isoformat()),
            "meta_url": _meta_url(picture.page),
        }
        for picture in pictures(asked, _hits(asked, wanted))
    ]
    return json_reply({"type": "images", "query": {"original": wanted.q, "spellcheck_off": True}, "results": results})


def _wanted(asked: Asked, model: type[_Search]) -> _Search:
    wanted = asked.parse(model)
    query = wanted.q
    if not query.strip():
        raise EnvServerError(422, "missing_query", "q: the query is missing.", "Send q.")
    # One of fewer letters than twice the words is within both bounds.
    if len(query) > 2 * _MAX_QUERY_WORDS and (len(query) > _MAX_QUERY_CHARS or len(query.split()) > _MAX_QUERY_WORDS):
        limits = f"{_MAX_QUERY_CHARS} characters and {_MAX_QUERY_WORDS} words"
        raise EnvServerError(422, "query_too_long", f"q: a query has at most {limits}.", "Shorten it.")
    return wanted


def _hits(asked: Asked, wanted: _Search, *, after: str | None = None) -> list[Values]:
    dates: dict[str, Any] = {} if after is None else {"after": after}
    if wanted.freshness:
        dates |= _dates(asked, wanted.freshness)
    return site_hits(asked, wanted.q, k=wanted.count, first=wanted.count * wanted.offset, **dates)


def _dates(asked: Asked, freshness: str) -> dict[str, str | None]:
    if freshness in _PERIODS:
        return {"after": since(asked, _PERIODS[freshness])}
    span = _SPAN.fullmatch(freshness)
    try:
        if span is not None:
            last = datetime.date.fromisoformat(span[2]) + datetime.timedelta(days=1)
            return {"after": datetime.date.fromisoformat(span[1]).isoformat(), "before": last.isoformat()}
    except (ValueError, OverflowError):
        pass
    raise EnvServerError(
        422, "bad_freshness", f"freshness: {freshness[:60]!r} is none.", "Use pd, pw, pm, py or 2024-01-01to2024-01-31."
    )


@lru_cache(4096)
def _age(date: str) -> tuple[str, str]:
    """An ISO date, partial or not, as `March 1, 2024` and as `2024-03-01T00:00:00`."""
    at = timestamp(date)[:19]
    day = datetime.date.fromisoformat(at[:10])
    return f"{day:%B} {day.day}, {day.year}", at


def _item(asked: Asked, wanted: _Search, hit: Values, kind: str, *, is_english: bool = False) -> Values:
    url, date = hit["url"], hit["date"]
    # The same as in `_meta_url`, and a row in one piece: ten rows are written with cold caches.
    scheme, netloc, path, _ = split_url(url)
    host = host_of(url) if ":" in netloc else netloc
    item: Values = {
        "type": kind,
        "title": hit["title"],
        "url": url,
        "description": hit["snippet"],
        "profile": {"name": host, "long_name": host, "url": url, "img": ""},
        "meta_url": {"scheme": scheme, "netloc": netloc, "hostname": host, "favicon": "", "path": path},
        "family_friendly": True,
    }
    if kind == "search_result":
        item["subtype"] = "generic"
        item["language"] = "en" if is_english else _language(asked, hit)
    if date is not None:
        item["age"], item["page_age"] = _age(date)
    if wanted.extra_snippets:
        item["extra_snippets"] = _extra(asked, wanted.q, hit)
    return item


def _meta_url(url: str) -> Values:
    scheme, netloc, path, _ = split_url(url)
    host = host_of(url) if ":" in netloc else netloc
    return {"scheme": scheme, "netloc": netloc, "hostname": host, "favicon": "", "path": path}


def _language(asked: Asked, hit: Values) -> str:
    """Clients need one; where the page's is not known, the vendor's own default."""
    store = asked.service.snapshot.store
    number = store.find_id(hit["doc_id"])
    return (None if number is None else store.language(number)) or "en"


def _extra(asked: Asked, query: str, hit: Values) -> list[str]:
    """Other passages of the page that speak of the query."""
    request = ExtractRequest(url=hit["url"], goal=sited(query).text, max_chars=_EXTRA_SNIPPETS * 2 * _EXTRA_CHARS)
    passages = asked.service.reader.extract(request, asked.view)["passages"]
    texts = (" ".join(passage["text"].split())[:_EXTRA_CHARS] for passage in passages)
    return [text for text in texts if text and text not in hit["snippet"]][:_EXTRA_SNIPPETS]


def _refuse(problem: Problem) -> Reply:
    status = 422 if problem.status in (400, 401) else problem.status
    code = _CODES[401] if problem.status == 401 else _CODES.get(status, problem.code.upper())
    error = {"code": code, "status": status, "detail": f"{problem.message} {problem.remedy}"}
    return json_reply({"type": "ErrorResponse", "error": error}, status)


_EITHER = "GET POST"
BRAVE = Dialect(
    name="brave",
    routes=(
        Route(_EITHER, "/res/v1/web/search", web),
        Route(_EITHER, "/res/v1/news/search", news),
        Route(_EITHER, "/res/v1/images/search", images),
    ),
    refuse=_refuse,
    hosts={"api.search.brave.com": ""},
)
