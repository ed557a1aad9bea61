"""What answers behind the cache: dialects, the hot native routes, and FastAPI for all else.

FastAPI costs a request more than a page read does, so a POST to a hot route with a valid body goes straight to the
service. Whatever is not plainly so (another content type, a parameter, a body that does not fit) goes through FastAPI,
which answers the same or says what is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ValidationError

from env_server import schemas, table_schemas
from env_server.cache import Headers
from env_server.calls import Call
from env_server.dialects.dialect import Asked, Dialect, Reply
from env_server.dialects.root import RULES, SHARED_PATHS, by_keys
from env_server.errors import EnvServerError, problem_of
from env_server.front import App, Message, Receive, Scope, Send
from env_server.service import SearchService
from env_server.view import View

if TYPE_CHECKING:
    from env_server.recording.modes import Recorder

_Lane = tuple[type[BaseModel], Callable[[SearchService, Any, View], Awaitable[bytes]]]
_LANES: dict[str, _Lane] = {
    "/v1/search": (schemas.SearchRequest, SearchService.search),
    "/v1/search/batch": (schemas.SearchBatchRequest, SearchService.search_batch),
    "/v1/fetch": (schemas.FetchRequest, SearchService.fetch),
    "/v1/fetch/batch": (schemas.FetchBatchRequest, SearchService.fetch_batch),
    "/v1/find": (schemas.FindRequest, SearchService.find),
    "/v1/extract": (schemas.ExtractRequest, SearchService.extract),
    "/v1/similar": (schemas.SimilarRequest, SearchService.similar),
    "/v1/places": (table_schemas.PlacesRequest, SearchService.places),
    "/v1/route": (table_schemas.RouteRequest, SearchService.route),
    "/v1/scholar": (table_schemas.ScholarRequest, SearchService.papers),
}
_NOW: dict[str, tuple[type[BaseModel], Callable[[SearchService, Any, View], bytes | None]]] = {
    "/v1/fetch": (schemas.FetchRequest, SearchService.fetch_now),
    "/v1/find": (schemas.FindRequest, SearchService.find_now),
}
"""What of the lanes may be answered where it is asked, without a task or a thread."""


class Application:
    """ASGI application over the services. The front gives it whole bodies."""

    def __init__(
        self,
        framework: App,
        services: Mapping[str, SearchService],
        dialects: Mapping[str, Dialect],
        recorder: Recorder | None = None,
    ) -> None:
        self.framework = framework
        self._services = services
        self._dialects = dialects
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.framework(scope, receive, send)
            return
        call: Call = scope["stillweb"]
        path: str = scope["path"]
        if call.dialect is not None:
            await _send(await self._translated(call.dialect, call, scope, await _body(receive)), send, call.dialect)
            return
        if scope["method"] == "POST" and path in _LANES and _is_plain_json(scope):
            body = await _body(receive)
            model, method = _LANES[path]
            try:
                request = model.model_validate_json(body)
            except ValidationError:
                await self.framework(scope, _again(body), send)
                return
            await _send(Reply(await method(self._services[call.snapshot].under(call.view), request, call.view)), send)
            return
        if path in SHARED_PATHS:
            body = await _body(receive)
            dialect = self._told_by_keys(call, scope, body)
            if dialect is not None:
                await _send(await self._translated(dialect, call, scope, body), send, dialect)
                return
            receive = _again(body)
        await self.framework(scope, receive, send)

    def now(self, scope: Scope, body: bytes) -> tuple[Headers, bytes] | None:
        """Headers and body of an answer with status 200 that takes no waiting; None: call the application.

        Raises what the application would answer as a problem.
        """
        lane = _NOW.get(scope["path"])
        call: Call = scope["stillweb"]
        if lane is None or call.dialect is not None or scope["method"] != "POST" or not _is_plain_json(scope):
            return None
        model, method = lane
        try:
            request = model.model_validate_json(body)
        except ValidationError:
            return None
        made = method(self._services[call.snapshot].under(call.view), request, call.view)
        return None if made is None else (_headers_of(made, "application/json"), made)

    async def _translated(self, dialect: Dialect, call: Call, scope: Scope, body: bytes) -> Reply:
        query_string = scope["query_string"].decode("latin-1")
        target = scope["raw_path"].decode("latin-1") + (f"?{query_string}" if query_string else "")
        known = dialect.declared
        declared = {
            name.decode(): value.decode("latin-1") for name, value in scope["headers"] if known and name in known
        }
        service = self._services[call.snapshot].under(call.view)
        path, content_type = scope["path"], _content_type(scope)
        headers = declared | ({"host": call.host} if call.host else {})

        def work() -> Reply:
            try:
                route, parts = dialect.route_of(scope["method"], path)
                asked = Asked(
                    service=service,
                    view=call.view,
                    method=scope["method"],
                    path=path,
                    target=target,
                    query_string=query_string,
                    content_type=content_type,
                    body=body,
                    headers=headers,
                    parts=parts,
                )
                return route.handler(asked)
            except Exception as error:
                return dialect.refuse(problem_of(error))

        if self._recorder is None or not self._recorder.takes(dialect, path):
            return await service.run(work)
        return await self._recorder.answer(dialect, call.view, scope, body, headers, lambda: service.run(work))

    def _told_by_keys(self, call: Call, scope: Scope, body: bytes) -> Dialect | None:
        """The dialect that the names of the parameters tell. Raises a 400 at /search, which has no other meaning."""
        path, method = scope["path"], scope["method"]
        method = "GET" if method == "HEAD" else method
        names = {name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)}
        if method == "POST":
            if "x-www-form-urlencoded" in _content_type(scope):
                method = "POST form"
                names |= {name for name, _ in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)}
            else:
                try:
                    given = orjson.loads(body or b"{}")
                except orjson.JSONDecodeError:
                    given = None
                if isinstance(given, list):
                    method = "POST list"
                    each = [set(item) if isinstance(item, dict) else set() for item in given]
                    names |= set.intersection(*each) if each else set()
                names |= set(given) if isinstance(given, dict) else set()
        name = by_keys(method, path, frozenset(names), call.key)
        if name is not None:
            return self._dialects.get(name)
        if path == "/" and method == "GET":
            return None
        known = [rule for rule in RULES if rule.path == path and rule.method == method]
        if not known:
            return None
        told = "; ".join(f"{rule.words}: {rule.dialect}" for rule in known)
        raise EnvServerError(400, "unknown_dialect", f"No API's {method} {path} looks like this.", f"Known are {told}.")


async def _body(receive: Receive) -> bytes:
    body: bytes = (await receive())["body"]  # whole: the front has read it
    return body


def _again(body: bytes) -> Receive:
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Event().wait()  # nobody leaves: see the front
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _send(reply: Reply, send: Send, dialect: Dialect | None = None) -> None:
    headers = [*_headers_of(reply.body, reply.media_type), *reply.headers]
    if dialect is not None:
        headers.append((b"x-stillweb-dialect", dialect.name.encode()))  # tells how a request at the root was taken
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _headers_of(body: bytes, media_type: str) -> Headers:
    return [(b"content-length", b"%d" % len(body)), (b"content-type", media_type.encode())]


def _content_type(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"content-type":
            text: str = value.decode("latin-1").lower()
            return text
    return ""


def _is_plain_json(scope: Scope) -> bool:
    if scope["query_string"]:
        return False
    for name, value in scope["headers"]:
        if name == b"content-type":
            return bool(value == b"application/json")
    return False
