"""The native routes as pure functions: arguments in, a `Call` out. Nothing is sent here; `agent.client` does that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypedDict, TypeVar
from urllib.parse import urlencode

import orjson

from agent import answers, table_answers
from agent.answers import Delivery, Format, Mode, Picture, decoded

T = TypeVar("T")
Means = Literal["drive", "walk", "fly"]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how its answer is read."""

    method: str
    target: str
    """Path and query."""
    body: bytes | None
    read: Callable[[bytes, str, Delivery], T]
    """(body, media type, delivery) to the answer. Raises ValueError, TypeError or KeyError where it is another."""
    also: frozenset[int] = frozenset()
    """Statuses beside 200 whose body is an answer."""

    @property
    def route(self) -> str:
        """For errors: without the query, which may be long."""
        return f"{self.method} {self.target.partition('?')[0]}"


class Filters(TypedDict, total=False):
    """Which pages may come back; docs/api.md has the meaning."""

    include_domains: Sequence[str]
    exclude_domains: Sequence[str]
    exclude_urls: Sequence[str]
    after: str | None
    before: str | None
    include_undated: bool


class SearchOptions(Filters, total=False):
    mode: Mode | None
    syntax: Literal["plain", "lucene"]
    level: Literal["page", "passage"]
    snippet_chars: int


class SimilarOptions(Filters, total=False):
    snippet_chars: int


class Spot(TypedDict, total=False):
    """A place: one of `name`, `url` and `doc_id`, or `latitude` with `longitude`."""

    name: str
    url: str
    doc_id: str
    latitude: float
    longitude: float


class PlacesOptions(TypedDict, total=False):
    near: Spot | str | None
    """Where to look from; as a text, the place's name."""
    min_km: float | None
    max_km: float | None
    kind: str | None


class ScholarOptions(Filters, total=False):
    mode: Mode | None
    snippet_chars: int
    first_year: int | None
    last_year: int | None
    min_citations: int | None
    max_citations: int | None


class Part(TypedDict, total=False):
    """Which part of which page: `url` or `doc_id`, and `page` (from 1) or `section`."""

    url: str
    doc_id: str
    page: int
    section: str | None


def search(query: str, k: int, options: SearchOptions) -> Call[answers.SearchAnswer]:
    return _post("/v1/search", {"query": query, "k": k, **options}, answers.SearchAnswer)


def search_batch(queries: Sequence[str], k: int, options: SearchOptions) -> Call[answers.SearchBatchAnswer]:
    return _post("/v1/search/batch", {"queries": list(queries), "k": k, **options}, answers.SearchBatchAnswer)


def similar(page: str, k: int, options: SimilarOptions) -> Call[answers.SearchAnswer]:
    return _post("/v1/similar", {**of_page(page), "k": k, **options}, answers.SearchAnswer)


def fetch(page: str, number: int, section: str | None, format: Format, page_chars: int | None) -> Call[answers.Page]:
    asked = {**of_page(page), "page": number, "section": section, "format": format, "page_chars": page_chars}
    return _post("/v1/fetch", asked, answers.Page)


def fetch_batch(pages: Sequence[str | Part], format: Format, page_chars: int | None) -> Call[answers.FetchBatchAnswer]:
    items = [of_page(page) if isinstance(page, str) else dict(page) for page in pages]
    asked = {"items": items, "format": format, "page_chars": page_chars}
    return _post("/v1/fetch/batch", asked, answers.FetchBatchAnswer)


def find(page: str, pattern: str, regex: bool, context_chars: int) -> Call[answers.FindAnswer]:
    asked = {**of_page(page), "pattern": pattern, "regex": regex, "context_chars": context_chars}
    return _post("/v1/find", asked, answers.FindAnswer)


def extract(page: str, goal: str, max_chars: int) -> Call[answers.ExtractAnswer]:
    return _post("/v1/extract", {**of_page(page), "goal": goal, "max_chars": max_chars}, answers.ExtractAnswer)


def places(query: str | None, k: int, options: PlacesOptions) -> Call[table_answers.PlacesAnswer]:
    asked: dict[str, Any] = {"query": query, "k": k, **options}
    near = options.get("near")
    return _post("/v1/places", asked if near is None else {**asked, "near": of_place(near)}, table_answers.PlacesAnswer)


def route(origin: Spot | str, destination: Spot | str, means: Means) -> Call[table_answers.RouteAnswer]:
    asked = {"origin": of_place(origin), "destination": of_place(destination), "means": means}
    return _post("/v1/route", asked, table_answers.RouteAnswer)


def scholar(query: str, k: int, options: ScholarOptions) -> Call[table_answers.ScholarAnswer]:
    return _post("/v1/scholar", {"query": query, "k": k, **options}, table_answers.ScholarAnswer)


def of_place(place: Spot | str) -> dict[str, Any]:
    """A place by its parts; a text is its name."""
    return {"name": place} if isinstance(place, str) else dict(place)


def links(page: str) -> Call[answers.LinksAnswer]:
    return _get("/v1/links", of_page(page), answers.LinksAnswer)


def documents(
    cursor: str | None, limit: int, domain: str | None, url_prefix: str | None
) -> Call[answers.DocumentsAnswer]:
    asked = {"cursor": cursor, "limit": limit, "domain": domain, "url_prefix": url_prefix}
    return _get("/v1/documents", asked, answers.DocumentsAnswer)


def image(url: str) -> Call[Picture]:
    return Call("GET", "/v1/image?" + _query({"url": url}), None, Picture)


def snapshot() -> Call[answers.SnapshotAnswer]:
    return _get("/v1/snapshot", {}, answers.SnapshotAnswer)


def health() -> Call[answers.StatusAnswer]:
    return _get("/health", {}, answers.StatusAnswer)


def ready() -> Call[answers.StatusAnswer]:
    # "warming" comes with a 503, and so does overload, which is told by its body.
    return _get("/ready", {}, answers.StatusAnswer, also=frozenset({503}))


def of_page(page: str) -> dict[str, str]:
    """A page by its URL, or by its doc_id: 16 hex digits, which no URL is."""
    is_id = len(page) == 16 and not page.strip("0123456789abcdef")
    return {"doc_id": page} if is_id else {"url": page}


def _post(path: str, asked: Mapping[str, Any], kind: type[T]) -> Call[T]:
    return Call("POST", path, _json({name: v for name, v in asked.items() if v is not None}), _reading(kind))


def _get(path: str, asked: Mapping[str, Any], kind: type[T], also: frozenset[int] = frozenset()) -> Call[T]:
    query = _query(asked)
    return Call("GET", f"{path}?{query}" if query else path, None, _reading(kind), also)


def _reading(kind: type[T]) -> Callable[[bytes, str, Delivery], T]:
    return lambda body, media_type, delivery: decoded(kind, orjson.loads(body), delivery)


def _json(asked: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(asked)
    except TypeError:
        # Half a surrogate pair, which becomes "?", or an integer past 64 bits: models write both.
        return json.dumps(asked, ensure_ascii=False).encode("utf-8", "replace")


def _query(asked: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in asked.items() if value is not None}, errors="replace")
