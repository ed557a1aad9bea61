"""What a dialect is: other people's requests in, their answers out, and the native service in between.

A dialect is a file with a constant of type `Dialect`. Its handlers are plain functions `(Asked) -> Reply`, run in a
thread, pure: an answer is made of the snapshot, the view and the request alone. They translate; ranking, masks, limits
and reading are the service's. A handler sees only the headers that its dialect declares, since only those are in the
cache's key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from re import Pattern
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from starlette.routing import compile_path

from corpus.rankings import Scored
from env_server.errors import EnvServerError, Problem
from env_server.rendering import page_html
from env_server.schemas import FetchRequest, SearchRequest
from env_server.service import SearchService
from env_server.view import View

M = TypeVar("M", bound=BaseModel)
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, finished. `headers` come beside content type and length."""

    body: bytes
    status: int = 200
    media_type: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


def json_reply(value: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(value), status)


@dataclass(frozen=True)
class Asked:
    """A request to a dialect, its body read."""

    service: SearchService
    view: View
    method: str
    path: str
    """Behind the prefix, percent-decoded; it begins with a slash."""
    target: str
    """The same as sent: raw path, `?` and query string."""
    query_string: str
    content_type: str
    body: bytes
    headers: Mapping[str, str]
    """Those that the dialect declares, by lower-case name."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """What stands in the braces of the route's path."""

    @cached_property
    def query(self) -> Values:
        """Parameters of the query string: a string each, a list of strings where one is given several times."""
        return _collected(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def json(self) -> Values:
        """The JSON object in the body; an empty body is an empty object. Raises a 400 for anything else."""
        if not self.body.strip():
            return {}
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise EnvServerError(400, "invalid_json", "The body is not valid JSON.", "Send one JSON object.") from error
        if not isinstance(value, dict):
            raise EnvServerError(400, "invalid_json", "The body is no JSON object.", "Send one JSON object.")
        return value

    @cached_property
    def fields(self) -> Values:
        """Parameters wherever they stand: query string, form or JSON body, the body's going before."""
        if "x-www-form-urlencoded" in self.content_type:
            return self.query | _collected(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return self.query | self.json

    def parse(self, model: type[M], values: Values | None = None) -> M:
        """`fields` (or `values`) as a model. Raises a 400 that names the field."""
        try:
            return model.model_validate(self.fields if values is None else values)
        except ValidationError as error:
            raise EnvServerError(400, "invalid_request", _shown(error), "Correct the fields named.") from error

    def hits(self, query: str, *, k: int, first: int = 0, **options: Any) -> list[Values]:
        """Hits `first` to `first + k` of a native search: rank, score, url, title, snippet, date, doc_id, passage_id.

        `options` are those of `SearchOptions`, and `chosen` of `search`. At most the server's `max_k` in all; raises
        what the native route does.
        """
        last = min(first + k, self.service.settings.max_k)
        if last <= first:
            return []
        found: list[Values] = self.search(query, k=last, **options)["hits"]
        return found[first:]

    def search(self, query: str, *, chosen: Callable[[Scored], bool] | None = None, **options: Any) -> Values:
        """The body of a native search; with `chosen` of those hits alone that it takes (see `Searcher.ranked`)."""
        try:
            request = SearchRequest(query=query or " ", **options)
        except ValidationError as error:
            raise EnvServerError(400, "invalid_request", _shown(error), "Correct the fields named.") from error
        if chosen is None:
            return self.service.searcher.search(request, self.view)
        filters = self.service.sight.filters(request, self.view)
        return self.service.searcher.ranked(request.query, request, filters, self.view, chosen=chosen)

    def page(self, url: str | None = None, *, doc_id: str | None = None, format: str = "markdown") -> Values:
        """The body of a native fetch of a page, whole up to the server's `max_page_chars`; `text` is its text.

        Raises PageNotFound (also for a masked page) or BadUrl.
        """
        limit = self.service.settings.max_page_chars
        request = FetchRequest.model_validate({"url": url, "doc_id": doc_id, "format": format, "page_chars": limit})
        return self.service.reader.fetch(request, request, self.view)

    def html(self, url: str | None = None, *, doc_id: str | None = None) -> str:
        """A page as HTML: as stored, or made from its text where none is stored or masks hide pages that it links to.

        Raises as `page` does.
        """
        try:
            stored: str = self.page(url, doc_id=doc_id, format="html")["text"]
            return stored
        except EnvServerError:
            page = self.page(url, doc_id=doc_id)
        return page_html(page["title"], page["text"], page["url"], language=page["language"], date=page["date"])


class Wanted(BaseModel):
    """Base of a vendor's request: keys that nobody knows are ignored, nulls mean that the key was not given."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values  # the model says that it is no object
        return {name: value for name, value in values.items() if value is not None}


Handler = Callable[[Asked], Reply]
Wrap = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Route:
    """`path` may have parts in braces, as in `/v2/crawl/{id}` or `/{url:path}`."""

    methods: str
    """Separated by spaces: "GET POST". HEAD goes with GET."""
    path: str
    handler: Handler
    pattern: Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        # A part may hold a line break: agents send them in queries.
        object.__setattr__(self, "pattern", re.compile(compile_path(self.path)[0].pattern, re.DOTALL))


@dataclass(frozen=True)
class Dialect:
    """Another API's wire format."""

    name: str
    """Its prefix is this behind a slash."""
    routes: tuple[Route, ...]
    refuse: Callable[[Problem], Reply]
    """A native problem in the vendor's own shape, with the status that its clients know."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """The vendor's own hosts, each with what goes before its paths here: `{"s.jina.ai": "/search"}`."""
    headers: tuple[str, ...] = ()
    """Lower-case names of the headers that change an answer."""
    commercial: bool = True
    """Overload is told by 429, as vendors do; research servers' clients retry on 503."""
    unwrap: Callable[[bytes], tuple[bytes, Wrap | None]] | None = None
    """Of a body that names its request to its client alone (an id that counts up): the body without the name, which is
    what is cached, drawn for and counted, and what puts the name into the answer's body."""

    @cached_property
    def declared(self) -> frozenset[bytes]:
        """`headers`, as they stand in a request."""
        return frozenset(name.encode() for name in self.headers)

    @cached_property
    def exact(self) -> dict[str, list[Route]]:
        """Routes without parts, by path."""
        routes: dict[str, list[Route]] = {}
        for route in self.routes:
            if "{" not in route.path:
                routes.setdefault(route.path, []).append(route)
        return routes

    def route_of(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and its parts. Raises a 404 or a 405."""
        method = "GET" if method == "HEAD" else method
        allowed: list[str] = []
        for route in self.exact.get(path) or self.routes:
            match = route.pattern.fullmatch(path)
            if match is None:
                continue
            if method in route.methods.split():
                return route, match.groupdict()
            allowed += route.methods.split()
        if allowed:
            raise EnvServerError(
                405,
                "method_not_allowed",
                f"{method} is not answered here.",
                f"Use {' or '.join(sorted(set(allowed)))}.",
            )
        shown = ", ".join(route.path for route in self.routes[:12])
        raise EnvServerError(
            404, "no_such_route", f"Nothing answers at {path[:100]!r} in the dialect {self.name}.", f"Routes: {shown}."
        )


def refused(dialect: Dialect | None, problem: Problem) -> Reply:
    """A problem in the shape of a dialect, or in the native one."""
    return Reply(problem.body(), problem.status) if dialect is None else dialect.refuse(problem)


def _collected(pairs: Iterable[tuple[str, str]]) -> Values:
    values: Values = {}
    for name, value in pairs:
        if name not in values:
            values[name] = value
        elif isinstance(values[name], list):
            values[name].append(value)
        else:
            values[name] = [values[name], value]
    return values


def _shown(error: ValidationError) -> str:
    shown = []
    for detail in error.errors(include_url=False, include_context=False)[:5]:
        place = ".".join(str(part) for part in detail["loc"])
        shown.append(f"{place[:100]}: {detail['msg'].removeprefix('Value error, ')}")
    return "; ".join(shown) + "."
