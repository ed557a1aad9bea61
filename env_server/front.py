"""The way in, before the framework: limits, access, episode, cache. Ready bytes are answered from here.

    limits   body size, bounded queue          never looks at content
    access   token, /s and /e taken off, pin checked
    episode  view chosen                       episodes come with a later version: an /e/ path is answered 404
    cache    finished bytes, single-flight     key: snapshot and name, view, method, path, query, content type, body

Nothing below the cache knows of tokens, episodes or load.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from env_server.cache import Cache, CacheState, FinishedAnswer, Headers
from env_server.errors import Problem, problem_of
from env_server.metrics import Metrics
from env_server.settings import ServerSettings
from env_server.view import EMPTY_VIEW, View

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)
access_logger = logging.getLogger("env_server.access")

CONTROL_ROUTES = frozenset({"/health", "/ready", "/metrics"})
"""Not part of the promise: never cached, and never queued behind searches."""
OPEN_ROUTES = frozenset({"/health", "/ready"})
"""Answered without a token, so that whatever starts the server can ask."""

_PER_CLIENT = frozenset({b"range", b"if-range", b"if-none-match", b"if-match", b"if-modified-since"})
_HIT: tuple[bytes, bytes] = (b"x-stillweb-cache", b"hit")


@dataclass(frozen=True, slots=True)
class Served:
    """What the front knows of a snapshot."""

    name: str
    snapshot_id: str
    content_id: str


@dataclass(frozen=True, slots=True)
class Call:
    """What the application learns of a request beside HTTP: which snapshot, seen how. In scope["stillweb"]."""

    snapshot: str
    view: View


class Front:
    """ASGI application around another. One per worker."""

    def __init__(
        self,
        app: App,
        snapshots: Mapping[str, Served],
        settings: ServerSettings,
        *,
        routes: frozenset[str],
        cache: Cache | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.app = app
        self.cache = Cache(settings.cache_bytes // settings.workers) if cache is None else cache
        self.metrics = metrics or Metrics()
        self._snapshots = snapshots
        self._default = next(iter(snapshots.values()))
        self._settings = settings
        self._routes = routes
        self._token = settings.token.get_secret_value().encode() if settings.token else None
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
            return
        started = time.perf_counter()
        try:
            answer, state = await self._answer(scope, receive)
        except _Left:
            return
        headers = answer.hit_headers if state == "hit" else [*answer.headers, (b"x-stillweb-cache", state.encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})
        path = scope["path"]
        call = scope.get("stillweb")
        name = call.snapshot if call is not None else self._default.name
        self.metrics.answered(name, path if path in self._routes else "other", answer.status, state, started)
        if state != "hit":
            self.metrics.state(self.cache.size_bytes, self._busy)
        if self._settings.access_log:
            duration_s = round(time.perf_counter() - started, 6)
            fields = {"method": scope["method"], "path": path, "status": answer.status, "cache": state}
            # Quoted, since a path may hold a line break, and a line is a request.
            line = f"{scope['method']} {quote(path)} {answer.status} {state}"
            access_logger.info("%s", line, extra={**fields, "duration_s": duration_s})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[FinishedAnswer, CacheState]:
        authorization = pin = content_type = length = b""
        per_client = False
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"x-stillweb-snapshot":
                pin = value
            elif name == b"content-type":
                content_type = content_type or value  # the first of several counts, as in the application
            elif name in _PER_CLIENT:
                per_client = True
            elif name == b"content-length":
                length = value
        served = self._default
        path: str = scope["path"]
        if self._token is not None and path not in OPEN_ROUTES and not self._admitted(authorization):
            return self._problem(
                served,
                Problem(401, "unauthorized", "This server asks for a token.", "Send `Authorization: Bearer TOKEN`."),
            )
        if path.startswith(("/s/", "/e/")):
            path, served_or_problem = self._take_off(path)
            if isinstance(served_or_problem, Problem):
                return self._problem(served, served_or_problem)
            served = served_or_problem
            scope["path"] = path
            scope["raw_path"] = path.encode()
        if per_client:
            # What asks for a part, or for what changed, would get an answer that is no one else's; it gets the whole.
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in _PER_CLIENT]
        view = EMPTY_VIEW
        if pin and pin.decode("latin-1") not in (served.snapshot_id, served.content_id):
            return self._problem(
                served,
                Problem(
                    409,
                    "snapshot_mismatch",
                    f"The request pins {pin.decode('latin-1')[:80]!r}; {served.name!r} is {served.snapshot_id}.",
                    "Serve the snapshot you pinned, or send the id of this one (content_id is taken too).",
                ),
            )
        body = await self._body(receive, length)
        if body is None:
            limit = self._settings.max_body_bytes
            return self._problem(
                served,
                Problem(
                    413, "body_too_large", f"The body is over {limit:,} bytes.", "Send less, or in several requests."
                ),
            )
        scope["stillweb"] = Call(served.name, view)
        if path in CONTROL_ROUTES:
            return await self._run(scope, body, served), "bypass"
        key = b"\0".join(
            (
                served.snapshot_id.encode(),
                served.name.encode(),  # one snapshot under two names describes itself by each
                view.digest.encode(),
                scope["method"].encode(),
                path.encode("unicode_escape"),  # a NUL in it would move the borders between these parts
                scope["query_string"],
                content_type,
                body,
            )
        )
        if len(key) > 512:
            key = hashlib.sha256(key).digest()
        answer = self.cache.get(key)
        if answer is not None:
            return answer, "hit"
        if not self.cache.in_flight(key):
            if self._busy >= self._settings.max_queue:
                return self._problem(
                    served,
                    Problem(503, "overloaded", f"{self._busy} requests are waiting already.", "Retry after a second."),
                    (b"retry-after", b"1"),
                )
            self._busy += 1  # now, not when the task first runs: others are admitted in between
        return await self.cache.compute(key, lambda: self._counted(scope, body, served))

    def _admitted(self, authorization: bytes) -> bool:
        """Whether a request carries the token: as a bearer, or as the password a browser asked its user for."""
        scheme, _, token = authorization.partition(b" ")
        token = token.strip()
        if scheme.lower() == b"basic":
            try:
                token = base64.b64decode(token, validate=True).partition(b":")[2]
            except ValueError:
                return False
        elif scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(token, self._token or b"")

    def _take_off(self, path: str) -> tuple[str, Served | Problem]:
        """(the path behind /s/NAME and /e/ID, the snapshot or what is wrong)."""
        served = self._default
        if path.startswith("/s/"):
            name, _, rest = path[3:].partition("/")
            path = "/" + rest
            found = self._snapshots.get(name)
            if found is None:
                names = ", ".join(self._snapshots)
                return path, Problem(
                    404, "unknown_snapshot", f"No snapshot {name[:80]!r} is served here.", f"Served are: {names}."
                )
            served = found
        if path.startswith("/e/"):
            name = path[3:].partition("/")[0]
            return path, Problem(
                404, "unknown_episode", f"No episode {name[:80]!r} is open.", "Leave /e/ID out of the path."
            )
        return path, served

    async def _body(self, receive: Receive, length: bytes) -> bytes | None:
        """The whole body, or None where it is over the limit. What a header announces is not even read."""
        limit = self._settings.max_body_bytes
        if length.isdigit() and (len(length) > 18 or int(length) > limit):  # int() itself refuses thousands of digits
            return None
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Left
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                return None
            if not message.get("more_body"):
                return part if not parts else b"".join([*parts, part])
            parts.append(part)

    async def _counted(self, scope: Scope, body: bytes, served: Served) -> FinishedAnswer:
        try:
            return await self._run(scope, body, served)
        finally:
            self._busy -= 1

    async def _run(self, scope: Scope, body: bytes, served: Served) -> FinishedAnswer:
        """The application's answer to a body already read, taken up whole."""
        start: Message = {}
        parts: list[bytes] = []
        given = False

        async def receive() -> Message:
            nonlocal given
            if given:
                await asyncio.Event().wait()  # nobody leaves: the answer is made for whoever asks next, too
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        try:
            await self.app(scope, receive, send)
        except Exception as error:
            return self._finished(served, problem_of(error))
        headers = [*start["headers"], (b"x-stillweb-snapshot", served.snapshot_id.encode())]
        return FinishedAnswer(start["status"], headers, b"".join(parts), [*headers, _HIT])

    def _problem(
        self, served: Served, problem: Problem, *headers: tuple[bytes, bytes]
    ) -> tuple[FinishedAnswer, CacheState]:
        return self._finished(served, problem, *headers), "bypass"

    @staticmethod
    def _finished(served: Served, problem: Problem, *extra: tuple[bytes, bytes]) -> FinishedAnswer:
        body = problem.body()
        headers: Headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-stillweb-snapshot", served.snapshot_id.encode()),
            *extra,
        ]
        if problem.status == 401:
            headers.append((b"www-authenticate", b'Bearer, Basic realm="Stillweb token", charset="UTF-8"'))
        return FinishedAnswer(problem.status, headers, body, [*headers, _HIT])


class _Left(Exception):
    """The client went away before its request was complete."""
