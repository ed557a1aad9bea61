"""What a dialect is: other people's requests in, their answers out, and the native service in between.

A dialect is a file with a constant of type `Dialect`. Its handlers are plain functions `(Asked) -> Reply`, run in a
thread, pure: an answer is made of the snapshot, the view and the request alone. They translate; ranking, masks, limits
and reading are the service's. A handler sees only the headers that its dialect declares, since only those are in the
cache's key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from re import Pattern
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from starlette.routing import compile_path

from corpus.rankings import Scored
from env_server.errors import EnvServerError, Problem
from env_server.rendering import page_html
from env_server.schemas import FetchRequest, SearchOptions
from env_server.service import SearchService
from env_server.view import View

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
Values = dict[str, Any]

_KEPT_OPTIONS = 256
_FEW = frozenset({"k", "snippet_chars", "mode", "level"})
"""Options that take few values, all of them short. Agents ask in few ways, again and again."""
_ESCAPES = (("%20", " "), ("%3F", "?"), ("%2C", ","), ("%27", "'"), ("%22", '"'))
"""Nearly all that is escaped in a query: replacing them takes a quarter of the time that `unquote` does, and none of
them can become part of another escape."""
_NOTHING: tuple[object, ...] = (None, [], ())
"""What other options are where they are not given."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, finished. `headers` come beside content type and length."""

    body: bytes
    status: int = 200
    media_type: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


def json_reply(value: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(value), status)


class _Kept(Generic[T]):
    """A property that is read once: `cached_property`, whose lock costs as much again as most of these."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, owner: Any, kind: type) -> T:
        value = vars(owner)[self._name] = self._make(owner)
        return value


@dataclass(frozen=True, init=False)
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
    parts: Mapping[str, str]
    """What stands in the braces of the route's path."""

    def __init__(
        self,
        service: SearchService,
        view: View,
        method: str,
        path: str,
        target: str,
        query_string: str,
        content_type: str,
        body: bytes,
        headers: Mapping[str, str],
        parts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        # At once, since a frozen class sets field by field, which costs a cold search 8 us.
        vars(self).update(
            service=service, view=view, method=method, path=path, target=target, query_string=query_string,
            content_type=content_type, body=body, headers=headers, parts=parts,
        )  # fmt: skip

    @_Kept
    def query(self) -> Values:
        """Parameters of the query string: a string each, a list of strings where one is given several times."""
        return parameters_of(self.query_string)

    @_Kept
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

    @_Kept
    def fields(self) -> Values:
        """Parameters wherever they stand: query string, form or JSON body, the body's going before."""
        if "x-www-form-urlencoded" in self.content_type:
            return self.query | parameters_of(self.body.decode("utf-8", "replace"))
        if not self.body:
            return self.query
        return self.query | self.json if self.query_string else self.json

    def parse(self, model: type[M], values: Values | None = None) -> M:
        """`fields` (or `values`) as a model; nulls count as not given. Raises a 400 that names the field."""
        return parsed(model, self.fields if values is None else values)

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
        wanted = _options_of(options)
        filters = self.service.sight.filters(wanted, self.view)
        return self.service.searcher.ranked(query or " ", wanted, filters, self.view, chosen=chosen)

    def scored(self, query: str, **options: Any) -> list[Scored]:
        """(score, passage) of the hits of a native search, for who shows them in a way of its own and notes them."""
        wanted = _options_of(options)
        filters = self.service.sight.filters(wanted, self.view)
        return self.service.searcher.scored(query or " ", wanted, filters, self.view)[1]

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
    """Base of a vendor's request: keys that nobody knows are ignored. `Asked.parse` takes out its nulls."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class WantedWithin(Wanted):
    """Base of what may also stand within a request: nulls mean that the key was not given, there too."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        return without_nulls(values) if isinstance(values, dict) else values  # the model says that it is no object


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
    def straight(self) -> dict[tuple[str, str], Route]:
        """Routes without parts, by method and path."""
        routes = [route for routes in self.exact.values() for route in routes]
        return {(method, route.path): route for route in reversed(routes) for method in route.methods.split()}

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
        straight = self.straight.get((method, path))
        if straight is not None:
            return straight, {}
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


def parameters_of(query_string: str) -> Values:
    """The parameters of a query string or form: a string each, a list of strings where one is given several times.

    What `parse_qsl` reads, blank values too, for a third of its time: it is read before every cold search.
    """
    values: Values = {}
    for pair in query_string.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        name, value = _unescaped(name), _unescaped(value)
        if name not in values:
            values[name] = value
        elif isinstance(values[name], list):
            values[name].append(value)
        else:
            values[name] = [values[name], value]
    return values


def parsed(model: type[M], values: Values) -> M:
    """Values as a model, as `Asked.parse` has it."""
    if None in values.values():
        values = without_nulls(values)
    try:
        # What `model_validate` comes to; behind a search its own few lines take 10 us.
        made: M = model.__pydantic_validator__.validate_python(values)
        return made
    except ValidationError as error:
        raise EnvServerError(400, "invalid_request", _shown(error), "Correct the fields named.") from error


def without_nulls(values: Values) -> Values:
    return {name: value for name, value in values.items() if value is not None}


def _unescaped(text: str) -> str:
    text = text.replace("+", " ")
    if "%" in text:
        for escape, char in _ESCAPES:
            text = text.replace(escape, char)
        if "%" in text:
            text = unquote(text, errors="replace")
    return text


def _options_of(options: Values) -> SearchOptions:
    """Raises a 400 for what a native search does not take."""
    if not options.keys() <= _FEW:
        options = {name: value for name, value in options.items() if name in _FEW or value not in _NOTHING}
    try:
        return _kept_options(**options) if options.keys() <= _FEW else SearchOptions(**options)
    except ValidationError as error:
        raise EnvServerError(400, "invalid_request", _shown(error), "Correct the fields named.") from error


@lru_cache(_KEPT_OPTIONS)
def _kept_options(**options: Any) -> SearchOptions:
    """Options checked before. Checking them anew costs a cold search 20 us."""
    return SearchOptions(**options)


def _shown(error: ValidationError) -> str:
    shown = []
    for detail in error.errors(include_url=False, include_context=False)[:5]:
        place = ".".join(str(part) for part in detail["loc"])
        shown.append(f"{place[:100]}: {detail['msg'].removeprefix('Value error, ')}")
    return "; ".join(shown) + "."
