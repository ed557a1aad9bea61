"""Firecrawl, versions 1 and 2: scrape, search, map, and crawl and batch scrape as jobs.

Version 1 searches into a list and maps to strings, version 2 into lists by source and to objects; the rest is alike.
Formats that take a language model or a browser (json, screenshot, changeTracking) are refused by name.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

import numpy as np
from pydantic import Field

from corpus.filters import allowed_documents
from corpus.urls import canonical_url, host_of
from env_server.dialects import firecrawl_jobs as jobs
from env_server.dialects.dates import shown_date
from env_server.dialects.dialect import Asked, Dialect, Handler, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.firecrawl_jobs import Version
from env_server.dialects.firecrawl_pages import ScrapeOptions, check_formats, document, whole_url
from env_server.dialects.google_dates import bounds
from env_server.dialects.pictures import pictures
from env_server.dialects.sites import site_hits
from env_server.errors import EnvServerError, Problem
from env_server.schemas import FilterFields

_SOURCES = ("web", "news", "images")
_MAPPED = 100_000
"""Pages of one site that a map looks through, which is also the most links that the vendor gives."""
_CODES = {400: "BAD_REQUEST", 401: "UNAUTHORIZED", 404: "NOT_FOUND", 429: "RATE_LIMITED", 500: "UNKNOWN_ERROR"}


class _Scrape(ScrapeOptions):
    url: str


class _Search(Wanted):
    query: str
    limit: Annotated[int, Field(ge=1, le=100)] = 5
    sources: list[str | Values] = Field(default_factory=lambda: list[str | Values](["web"]))
    tbs: str = ""
    includeDomains: list[str] = Field(default_factory=list)
    excludeDomains: list[str] = Field(default_factory=list)
    scrapeOptions: ScrapeOptions | None = None


class _Map(Wanted):
    url: str
    search: str = ""
    limit: Annotated[int, Field(ge=1)] = 5000
    includeSubdomains: bool | None = None
    filterByPath: bool = True


def scrape(asked: Asked) -> Reply:
    wanted = asked.parse(_Scrape, asked.json)
    return json_reply({"success": True, "data": document(asked, wanted.url, wanted.formats)})


def search(version: Version) -> Handler:
    def found(asked: Asked) -> Reply:
        wanted = asked.parse(_Search, asked.json)
        formats = [] if wanted.scrapeOptions is None else wanted.scrapeOptions.formats
        check_formats(formats)
        names = [_source(source) for source in wanted.sources]
        data = {name: _SEARCHES[name](asked, wanted, formats) for name in dict.fromkeys(names)}
        credits = sum(map(len, data.values()))
        if version == "v1":
            shown = [{key: value for key, value in item.items() if key != "position"} for item in data.get("web", [])]
            return json_reply({"success": True, "data": shown})
        return json_reply({"success": True, "data": data, "creditsUsed": credits})

    return found


def site_map(version: Version) -> Handler:
    """Pages of a site, by URL, or with `search` the best first. With a path in the URL: those under it."""

    def mapped(asked: Asked) -> Reply:
        wanted = asked.parse(_Map, asked.json)
        subdomains = version == "v2" if wanted.includeSubdomains is None else wanted.includeSubdomains
        links = _links(asked, wanted, subdomains)
        return json_reply({"success": True, "links": [link["url"] for link in links] if version == "v1" else links})

    return mapped


def _web(asked: Asked, wanted: _Search, formats: list[str | Values]) -> list[Values]:
    items = []
    for position, hit in enumerate(_hits(asked, wanted), 1):
        item = {"url": hit["url"], "title": hit["title"], "description": hit["snippet"], "position": position}
        items.append(item | document(asked, hit["url"], formats) if formats else item)
    return items


def _news(asked: Asked, wanted: _Search, formats: list[str | Values]) -> list[Values]:
    """Dated pages only: a page without a date is no news."""
    items = []
    for position, hit in enumerate(_hits(asked, wanted, after="0001-01-01"), 1):
        item = {"title": hit["title"], "url": hit["url"], "snippet": hit["snippet"], "date": shown_date(hit["date"])}
        item |= {"position": position}
        items.append(item | (document(asked, hit["url"], formats) if formats else {}))
    return items


def _images(asked: Asked, wanted: _Search, formats: list[str | Values]) -> list[Values]:
    shown = enumerate(pictures(asked, _hits(asked, wanted)), 1)
    return [
        {"title": picture.title, "imageUrl": picture.url, "url": picture.page, "position": position}
        for position, picture in shown
    ]


_SEARCHES = {"web": _web, "news": _news, "images": _images}


def _hits(asked: Asked, wanted: _Search, after: str | None = None) -> list[Values]:
    dates: dict[str, Any] = ({} if after is None else {"after": after}) | bounds(asked, wanted.tbs)
    if wanted.includeDomains or wanted.excludeDomains:
        dates |= {"include_domains": wanted.includeDomains, "exclude_domains": wanted.excludeDomains}
    return site_hits(asked, wanted.query, k=wanted.limit, **dates)


def _source(source: str | Values) -> str:
    name = source if isinstance(source, str) else str(source.get("type", ""))
    if name not in _SEARCHES:
        raise EnvServerError(
            400, "bad_source", f"There is no source {name[:60]!r}.", f"Sources are {', '.join(_SOURCES)}."
        )
    return name


def _links(asked: Asked, wanted: _Map, subdomains: bool) -> list[Values]:
    start = canonical_url(whole_url(wanted.url))
    site, path = host_of(start).removeprefix("www."), urlsplit(start).path if wanted.filterByPath else "/"

    def is_mapped(url: str) -> bool:
        return (subdomains or host_of(url).removeprefix("www.") == site) and urlsplit(url).path.startswith(path)

    if wanted.search.strip():
        most = asked.service.settings.max_k
        k = min(wanted.limit, most) if subdomains and path == "/" else most
        hits = asked.hits(wanted.search, k=k, include_domains=[site])
        found = [hit for hit in hits if is_mapped(hit["url"])][: wanted.limit]
        return [{"url": hit["url"], "title": hit["title"], "description": hit["snippet"]} for hit in found]
    store = asked.service.snapshot.store
    filters = asked.service.sight.filters(FilterFields(include_domains=[site]), asked.view)
    numbers = np.flatnonzero(allowed_documents(store, filters))[:_MAPPED].tolist()
    heads = sorted(head for head in map(store.head, numbers) if is_mapped(head[0]))
    return [{"url": url, "title": title} for url, title, _ in heads[: wanted.limit]]


def _refuse(problem: Problem) -> Reply:
    status = 400 if problem.status == 422 else problem.status
    code = _CODES.get(status, problem.code.upper())
    return json_reply({"success": False, "code": code, "error": f"{problem.message} {problem.remedy}"}, status)


def _routes(version: Version) -> tuple[Route, ...]:
    return (
        Route("POST", f"/{version}/scrape", scrape),
        Route("POST", f"/{version}/search", search(version)),
        Route("POST", f"/{version}/map", site_map(version)),
        Route("POST", f"/{version}/crawl", jobs.start_crawl(version)),
        Route("GET", f"/{version}/crawl/active", jobs.active),
        Route("GET", f"/{version}/crawl/ongoing", jobs.active),
        Route("GET", f"/{version}/crawl/{{id}}", jobs.crawl_status(version)),
        Route("DELETE", f"/{version}/crawl/{{id}}", jobs.cancel),
        Route("GET", f"/{version}/crawl/{{id}}/errors", jobs.errors),
        Route("POST", f"/{version}/batch/scrape", jobs.start_batch(version)),
        Route("GET", f"/{version}/batch/scrape/{{id}}", jobs.batch_status(version)),
        Route("DELETE", f"/{version}/batch/scrape/{{id}}", jobs.cancel),
        Route("GET", f"/{version}/batch/scrape/{{id}}/errors", jobs.errors),
    )


FIRECRAWL = Dialect(
    name="firecrawl",
    routes=(*_routes("v2"), *_routes("v1")),
    refuse=_refuse,
    hosts={"api.firecrawl.dev": ""},
)
