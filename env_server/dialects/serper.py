"""Serper: google.serper.dev (search, news, scholar, images, videos, places, maps) and scrape.serper.dev.

Parameters stand in the query string or in the body, by GET or POST: LangChain posts an empty body declared as JSON, and
smolagents asks by GET. An array in the body is a batch (`serper_batch.py`). The list of results is always there, since
clients read it without asking.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import Field

from corpus.urls import host_of
from env_server.dialects.dates import shown_date
from env_server.dialects.dialect import Asked, Dialect, Handler, Reply, Route, Wanted, json_reply
from env_server.dialects.google_dates import bounds
from env_server.dialects.serper_batch import batched
from env_server.dialects.serper_tables import papers, places
from env_server.dialects.sites import site_hits
from env_server.errors import EnvServerError, Problem


class _Search(Wanted):
    q: str = ""
    num: Annotated[int, Field(ge=1, le=100)] = 10
    page: Annotated[int, Field(ge=1, le=1000)] = 1
    tbs: str = ""
    """How old a page may be, counted back from the snapshot's newest, or between which days: see `google_dates`."""


W = TypeVar("W", bound=_Search)


class _Places(_Search):
    ll: str = ""
    """Where to look from: "@46.05,14.5,10z"; the zoom is left aside."""


class _Papers(_Search):
    as_ylo: int | None = None
    """First year wanted."""


class _Scrape(Wanted):
    url: str
    includeMarkdown: bool = False


def search(asked: Asked) -> Reply:
    wanted = _wanted(asked)
    return _answer(wanted, "search", "organic", [_item(hit) for hit in _hits(asked, wanted)])


def news(asked: Asked) -> Reply:
    """Dated pages only: a page without a date is no news."""
    wanted = _wanted(asked)
    hits = _hits(asked, wanted, after="0001-01-01")
    return _answer(wanted, "news", "news", [_item(hit) | {"source": host_of(hit["url"])} for hit in hits])


def scholar(asked: Asked) -> Reply:
    """Papers of the snapshot's table. Where it has none, pages as if they were papers: published on their site, in
    their year, with themselves as the document."""
    wanted = _wanted_as(asked, _Papers)
    listed = papers(asked, wanted.q, num=wanted.num, page=wanted.page, first_year=wanted.as_ylo)
    if listed is not None:
        return _answer(wanted, "scholar", "organic", listed)
    items = []
    for hit in _hits(asked, wanted):
        year = {} if hit["date"] is None else {"year": int(hit["date"][:4])}
        told = ", ".join([host_of(hit["url"]), *map(str, year.values())])
        link = {"title": hit["title"], "link": hit["url"], "snippet": hit["snippet"], "publicationInfo": told}
        items.append(link | year | {"citedBy": 0, "pdfUrl": hit["url"], "id": hit["doc_id"]})
    return _answer(wanted, "scholar", "organic", items)


def images(asked: Asked) -> Reply:
    """The first picture of each page found."""
    wanted = _wanted(asked)
    items = []
    for hit in _hits(asked, wanted):
        shown = asked.page(hit["url"], format="text")["images"]
        if shown:
            first = shown[0]
            items.append(
                {
                    "title": first["caption"] or first["alt"] or hit["title"],
                    "imageUrl": first["url"],
                    "thumbnailUrl": first["url"],
                    "source": hit["title"],
                    "domain": host_of(hit["url"]),
                    "link": hit["url"],
                }
            )
    return _answer(wanted, "images", "images", items)


def _map(kind: str) -> Handler:
    """Places of the snapshot's table; none where it has no such table."""

    def answer(asked: Asked) -> Reply:
        wanted = _wanted_as(asked, _Places)
        found = places(asked, wanted.q, num=wanted.num, page=wanted.page, ll=wanted.ll)
        return _answer(wanted, kind, "places", found)

    return answer


def _nothing(kind: str) -> Handler:
    """Corpora hold no videos: a valid answer without any."""
    return lambda asked: _answer(_wanted(asked), kind, kind, [])


def scrape(asked: Asked) -> Reply:
    wanted = asked.parse(_Scrape)
    page = asked.page(wanted.url, format="text")
    body: dict[str, Any] = {"text": page["text"], "metadata": {"title": page["title"]}}
    if wanted.includeMarkdown:
        body["markdown"] = asked.page(wanted.url)["text"]
    return json_reply(body | {"credits": 2})


def _wanted(asked: Asked) -> _Search:
    return _wanted_as(asked, _Search)


def _wanted_as(asked: Asked, kind: type[W]) -> W:
    wanted = asked.parse(kind)
    if not wanted.q.strip():
        raise EnvServerError(400, "missing_query", "Missing query parameter.", "Send q.")
    return wanted


def _hits(asked: Asked, wanted: _Search, after: str | None = None) -> list[dict[str, Any]]:
    first = wanted.num * (wanted.page - 1)
    dates: dict[str, Any] = ({} if after is None else {"after": after}) | bounds(asked, wanted.tbs)
    return site_hits(asked, wanted.q, k=wanted.num, first=first, **dates)


def _item(hit: dict[str, Any]) -> dict[str, Any]:
    item = {"title": hit["title"], "link": hit["url"], "snippet": hit["snippet"]}
    if hit["date"] is not None:
        item["date"] = shown_date(hit["date"])
    return item


def _answer(wanted: _Search, kind: str, name: str, items: list[dict[str, Any]]) -> Reply:
    asked_for = {"q": wanted.q, "type": kind, "num": wanted.num, "page": wanted.page, "engine": "google"}
    for position, item in enumerate(items, 1):
        item["position"] = position
    return json_reply({"searchParameters": asked_for, name: items, "credits": 1})


def _refuse(problem: Problem) -> Reply:
    status = {401: 403, 422: 400}.get(problem.status, problem.status)
    message = "Unauthorized." if problem.status == 401 else f"{problem.message} {problem.remedy}"
    return json_reply({"message": message, "statusCode": status}, status)


def _searches(path: str, handler: Handler) -> Route:
    return Route(_EITHER, path, batched(handler, _refuse))


_EITHER = "GET POST"
SERPER = Dialect(
    name="serper",
    routes=(
        _searches("/search", search),
        _searches("/", search),
        _searches("/news", news),
        _searches("/scholar", scholar),
        _searches("/images", images),
        _searches("/videos", _nothing("videos")),
        _searches("/places", _map("places")),
        _searches("/maps", _map("maps")),
        Route(_EITHER, "/scrape", scrape),
        Route(_EITHER, "/scrape/", scrape),
    ),
    refuse=_refuse,
    hosts={"google.serper.dev": "", "scrape.serper.dev": "/scrape"},
)
