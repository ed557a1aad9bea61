"""The way in, before the framework: limits, access, episode, cache. Ready bytes are answered from here.

    limits   body size, bounded queue          never looks at content
    access   token, /s and /e taken off, pin checked
    episode  turn, weather, record             `skies.py`; none of it for most requests
    cache    finished bytes, single-flight     key: snapshot and name, view, dialect, method, path, query, content type,
                                               headers that the dialect declares, body

Problems found here leave in the shape of the dialect, where path, Host and authorization header tell it. Nothing below
the cache knows of tokens, episodes or load.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import copy_context
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from env_server.access import is_admitted, is_key_in_body, without_keys
from env_server.addressing import Address, Addresses, Served, raw_path_of
from env_server.asking import Asking, canonical_of
from env_server.cache import HIT, Cache, CacheState, FinishedAnswer, Headers
from env_server.calls import Call as Call
from env_server.calls import Calls
from env_server.connection import hang_up, head_of, write_ready
from env_server.dialects.dialect import Dialect, refused
from env_server.dialects.root import VENDOR_KEYS
from env_server.errors import Problem, problem_of
from env_server.ledger.counts import tokens_of
from env_server.ledger.tallies import BODY, RUN, Ledger
from env_server.metrics import Metrics
from env_server.settings import ServerSettings
from env_server.trace import Trace, begin_trace, packed
from env_server.view import EMPTY_VIEW, View
from env_server.wrapping import WRAP, wrapped

if TYPE_CHECKING:
    from env_server.episode_turns import Episodes  # SQLAlchemy comes with it, for those who keep episodes
    from env_server.skies import Skies

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AtOnce = Callable[[Scope, bytes], tuple[Headers, bytes] | None]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)
access_logger = logging.getLogger("env_server.access")

AT_ONCE = frozenset({"/v1/fetch", "/v1/find"})
"""Routes of which `Application.now` may know an answer."""
CONTROL_ROUTES = frozenset({"/health", "/ready", "/metrics"})
"""Not part of the promise: never cached, and never queued behind searches."""
CONTROL_PATHS = ("/v1/episodes", "/v1/tasks", "/v1/ledger")
"""What begins so is a control route, too; an episode's id that comes along is ignored there."""
OPEN_ROUTES = frozenset({"/health", "/ready"})
"""Answered without a token, so that whatever starts the server can ask."""

_PER_CLIENT = frozenset({b"range", b"if-range", b"if-none-match", b"if-match", b"if-modified-since"})
_READ = frozenset(
    {b"host", b"content-length", b"content-type", b"authorization", b"x-stillweb-snapshot", b"x-stillweb-origin"}
    | {b"x-stillweb-episode", b"x-stillweb-attempt", b"x-stillweb-seed", b"x-stillweb-run"}
    | _PER_CLIENT
    | VENDOR_KEYS.keys()
)
_ELSEWHERE = Problem(
    404,
    "another_port",
    "Control routes have a port of their own here, and nothing else is answered there.",
    "Send episodes, tasks, ledger and metrics to the control port, and all else to the other.",
)
_NO_TOKEN = Problem(401, "unauthorized", "This server asks for a token.", "Send `Authorization: Bearer TOKEN`.")
_HIT_ENDS = -len(b"hit\r\n\r\n")


class Front:
    """ASGI application around another. One per worker."""

    def __init__(
        self,
        app: App,
        snapshots: Mapping[str, Served],
        settings: ServerSettings,
        *,
        routes: frozenset[str],
        dialects: Mapping[str, Dialect] | None = None,
        cache: Cache | None = None,
        episodes: Episodes | None = None,
        metrics: Metrics | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.app = app
        self.cache = _cache_of(settings) if cache is None else cache
        self.metrics = metrics or Metrics()
        self.ledger = ledger or Ledger(self.metrics)
        self._default = next(iter(snapshots.values()))
        # One snapshot under two names describes itself by each.
        self._key_starts = {s.name: f"{s.snapshot_id}\0{s.name}".encode() for s in snapshots.values()}
        # The very same object where nothing is asked for: it is recognised without being compared.
        view = settings.view
        self._clear = EMPTY_VIEW if view == EMPTY_VIEW else view
        self._addresses = Addresses(snapshots, dialects or {})
        self._calls = Calls(self._addresses, self._clear)
        self._native = self._calls.native(self._default.name)
        self._settings = settings
        self._routes = routes
        self._token = settings.token.get_secret_value().encode() if settings.token else None
        control = settings.control_token
        self._control_token = control.get_secret_value().encode() if control else self._token
        self._control_port = settings.control_port
        self._keeps_episodes = episodes is not None
        self._skies: Skies | None = None
        if episodes is not None or settings.weather is not None:
            from env_server.skies import Skies  # here, since most servers have neither and start without it

            self._skies = Skies(self._cached, self._problem, settings, episodes)
        self._at_once: AtOnce | None = getattr(app, "now", None)
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._session(scope, receive, send)
            return
        started = time.perf_counter()
        try:
            answer, state = await self._answer(scope, receive)
        except _Left:
            return
        if answer.status == 0:
            self._count(scope, answer, state, started)
            await hang_up(send)
            return
        if WRAP in scope:
            answer = wrapped(answer, scope[WRAP])
        head = answer.hit_head
        if head and state != "hit":
            head = b"%b%b\r\n\r\n" % (head[:_HIT_ENDS], state.encode())
        if not (head and write_ready(send, head, answer.body)):
            headers = answer.hit_headers if state == "hit" else [*answer.headers, (b"x-stillweb-cache", state.encode())]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
        self._count(scope, answer, state, started)
        if state != "hit":
            self.metrics.state(self.cache.size_bytes, self._busy)
        if self._settings.access_log:
            duration_s = round(time.perf_counter() - started, 6)
            path = scope["path"]
            fields = {"method": scope["method"], "path": path, "status": answer.status, "cache": state}
            # Quoted, since a path may hold a line break, and a line is a request.
            line = f"{scope['method']} {quote(path)} {answer.status} {state}"
            access_logger.info("%s", line, extra={**fields, "duration_s": duration_s})

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a WebSocket at /ws to the application. It needs the token, may pin and may have a prefix, as a request.

        Refused before it is open, which its client sees as a 403. What is said in it is neither cached nor counted.
        """
        headers = dict(scope["headers"])
        bearer, pin = headers.get(b"authorization", b""), headers.get(b"x-stillweb-snapshot", b"").decode("latin-1")
        admitted = self._token is None or is_admitted(self._token, bearer, b"", scope["query_string"])
        address = self._addresses.read(headers.get(b"host", b""), scope["path"], raw_path_of(scope), "")
        served = address.served if isinstance(address, Address) and _names_session(address) else None
        if (
            served is None
            or not admitted
            or self._is_control_port(scope)
            or pin not in ("", served.snapshot_id, served.content_id)
        ):
            await send({"type": "websocket.close", "code": 1003})
            return
        scope["path"], scope["raw_path"] = "/ws", b"/ws"
        scope["query_string"] = without_keys(scope["query_string"])
        scope["stillweb"] = self._calls.native(served.name)
        await self.app(scope, receive, send)

    def _count(self, scope: Scope, answer: FinishedAnswer, state: CacheState, started: float) -> None:
        call = scope.get("stillweb", self._native)
        route = self._route(call, scope["path"])
        self.metrics.answered(call.snapshot, route, answer.status, state, started)
        self.ledger.count(scope, route, answer, state)

    def _is_control_port(self, scope: Scope) -> bool:
        """Whether a request came by the port that the control routes have to themselves."""
        return self._control_port is not None and (scope.get("server") or ("", None))[1] == self._control_port

    def _route(self, call: Call, path: str) -> str:
        """A label for metrics, from a fixed set."""
        if call.dialect is not None:
            return f"/{call.dialect.name}{path if path in call.dialect.exact else '/...'}"
        return path if path in self._routes else "other"

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[FinishedAnswer, CacheState]:
        authorization = pin = content_type = length = host = vendor_key = etag = b""
        episode = attempt = seed = b""
        key_kind, per_client, page = "", False, ""
        for name, value in scope["headers"]:
            if name not in _READ:
                continue
            if name == b"host":
                host = value
            elif name == b"content-length":
                length = value
            elif name == b"content-type":
                content_type = content_type or value  # the first of several counts, as in the application
            elif name == b"authorization":
                authorization = value
            elif name == b"x-stillweb-snapshot":
                pin = value
            elif name == b"x-stillweb-origin":
                page = value.decode("latin-1") or "/"
            elif name == b"x-stillweb-episode":
                episode = value
            elif name == b"x-stillweb-attempt":
                attempt = value
            elif name == b"x-stillweb-seed":
                seed = value
            elif name == b"x-stillweb-run":
                scope[RUN] = value
            elif name in VENDOR_KEYS:
                key_kind, vendor_key = VENDOR_KEYS[name], value
            else:
                per_client = True
                etag = value if name == b"if-none-match" else etag
        path: str = scope["path"]
        served, dialect, query = self._default, None, scope["query_string"]
        call, wrong = self._native, None
        told: tuple[bytes, ...] = ()
        is_open = path in OPEN_ROUTES
        only = self._settings.also_at.get(scope["server"][1]) if self._settings.also else None
        if page or only or not (path.startswith("/v1/") and self._addresses.is_native(host)):
            called = self._calls.read(host, path, raw_path_of(scope), key_kind, page, only)
            if isinstance(called, Problem):
                wrong = called  # told only to those who may come in
            else:
                address, call = called.address, called.call
                served, dialect, path = address.served, address.dialect, address.path
                episode = called.episode or episode
                scope["path"], scope["raw_path"] = path, address.raw_path
                if query:
                    scope["query_string"] = without_keys(query)
                told = called.told_with(scope["headers"])
        body: bytes | None = None
        is_control = dialect is None and (path in CONTROL_ROUTES or path.startswith(CONTROL_PATHS))
        token = self._control_token if is_control else self._token
        if token is not None and (dialect is not None or not is_open):
            admitted = is_admitted(token, authorization, vendor_key, query)
            if not admitted and dialect is not None and dialect.commercial:
                body = await self._body(receive, length)
                admitted = is_key_in_body(token, body or b"")
            if not admitted:
                return self._problem(served, dialect, _NO_TOKEN)
        if self._control_port is not None and not is_open and is_control is not self._is_control_port(scope):
            wrong = _ELSEWHERE
        if wrong is not None:
            return self._problem(served, None, wrong)
        if per_client:
            # What asks for a part, or for what changed, would get an answer that is no one else's; it gets the whole.
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in _PER_CLIENT]
        if pin and pin.decode("latin-1") not in (served.snapshot_id, served.content_id):
            return self._problem(
                served,
                dialect,
                Problem(
                    409,
                    "snapshot_mismatch",
                    f"The request pins {pin.decode('latin-1')[:80]!r}; {served.name!r} is {served.snapshot_id}.",
                    "Serve the snapshot you pinned, or send the id of this one (content_id is taken too).",
                ),
            )
        if body is None:
            body = await self._body(receive, length)
        if body is None:
            limit = self._settings.max_body_bytes
            return self._problem(
                served,
                dialect,
                Problem(
                    413, "body_too_large", f"The body is over {limit:,} bytes.", "Send less, or in several requests."
                ),
            )
        scope["stillweb"] = call
        scope[BODY] = body
        if is_control:
            return await self._run(scope, body, served), "bypass"
        if dialect is not None and dialect.unwrap is not None:
            body, wrap = dialect.unwrap(body)
            if wrap is not None:
                scope[WRAP] = wrap
        if episode and not self._keeps_episodes:
            return self._problem(served, dialect, _no_episode(episode))
        if self._skies is None or (not episode and self._settings.weather is None):
            # What most requests are, and most of those are hits: nothing is made that a hit does not need.
            key = self._key(served, call.view, canonical_of(scope, content_type, told, body))
            kept = self.cache.get(key)
            if kept is not None:
                return (_not_modified(kept) if etag and (b"etag", etag) in kept.headers else kept), "hit"
            now = self._now(key, scope, body, served)
            if now is not None:
                return now, "miss"
            answer, state = await self._computed(key, Asking(scope, body, served, dialect, content_type, told), call)
        else:
            asked = Asking(scope, body, served, dialect, content_type, told)
            answer, state = await self._skies.answer(asked, call, episode.decode("latin-1"), attempt, seed)
        if etag and (b"etag", etag) in answer.headers:
            return _not_modified(answer), state
        return answer, state

    def _key(self, served: Served, view: View, canonical: bytes) -> bytes:
        key = b"\0".join((self._key_starts[served.name], view.digest.encode(), canonical))
        return key if len(key) <= 512 else hashlib.sha256(key).digest()

    def _now(self, key: bytes, scope: Scope, body: bytes, served: Served) -> FinishedAnswer | None:
        """The answer where the application has it at once: a task, a future and the queue would cost half as much."""
        if self._at_once is None or scope["path"] not in AT_ONCE or self._busy >= self._settings.max_queue:
            return None
        context = copy_context()  # whoever calls the front may trace a request of its own
        trace = context.run(begin_trace)
        try:
            made = context.run(self._at_once, scope, body)
        except Exception:
            return None  # the application meets it again, and says what it is
        if made is None:
            return None
        return self.cache.computed(key, _finished(200, *made, served, trace))

    async def _cached(self, asked: Asking, call: Call) -> tuple[FinishedAnswer, CacheState]:
        """The answer to a request under the view of a call."""
        key = self._key(asked.served, call.view, asked.canonical)
        answer = self.cache.get(key)
        return (answer, "hit") if answer is not None else await self._computed(key, asked, call)

    async def _computed(self, key: bytes, asked: Asking, call: Call) -> tuple[FinishedAnswer, CacheState]:
        if not self.cache.in_flight(key):
            kept = self.cache.from_others(key)
            if kept is not None:
                self.metrics.state(self.cache.size_bytes, self._busy)
                return kept, "hit"
            if self._busy >= self._settings.max_queue:
                status = 429 if asked.dialect is not None and asked.dialect.commercial else 503
                waiting = f"{self._busy} requests are waiting already."
                problem = Problem(status, "overloaded", waiting, "Retry after a second.")
                return self._problem(asked.served, asked.dialect, problem, (b"retry-after", b"1"))
            self._busy += 1  # now, not when the task first runs: others are admitted in between
        # Of its own: the same request may be asked again under another view, in an episode whose state moved on.
        scope = asked.scope if call is asked.scope["stillweb"] else {**asked.scope, "stillweb": call}
        return await self.cache.compute(key, lambda: self._counted(scope, asked.body, asked.served))

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

        trace = begin_trace()
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            return replace(self._problem(served, None, problem_of(error))[0], missed=len(trace.missed))
        return _finished(start["status"], start["headers"], b"".join(parts), served, trace)

    @staticmethod
    def _problem(
        served: Served, dialect: Dialect | None, problem: Problem, *extra: tuple[bytes, bytes]
    ) -> tuple[FinishedAnswer, CacheState]:
        """A problem in the shape of the dialect, as an answer that is not kept."""
        reply = refused(dialect, problem)
        headers: Headers = [
            (b"content-type", reply.media_type.encode()),
            (b"content-length", str(len(reply.body)).encode()),
            (b"x-stillweb-snapshot", served.snapshot_id.encode()),
            *reply.headers,
            *extra,
        ]
        if dialect is not None:
            headers.append((b"x-stillweb-dialect", dialect.name.encode()))
        if problem.status == 401:
            headers.append((b"www-authenticate", b'Bearer, Basic realm="Stillweb token", charset="UTF-8"'))
        return FinishedAnswer(reply.status, headers, reply.body, [*headers, HIT]), "bypass"


def _cache_of(settings: ServerSettings) -> Cache:
    """One worker's: half of its share of the bytes where the other half is common to all."""
    own = settings.cache_bytes // settings.workers
    if settings.shared_answers is None:
        return Cache(own)
    from importlib.metadata import version  # both here, since one worker alone has no use for them

    from env_server.shared_answers import SharedAnswers

    writer = f"{version('stillweb')} {FinishedAnswer.__slots__}"
    try:
        return Cache(own // 2, SharedAnswers(settings.shared_answers, writer))
    except OSError as error:
        logger.warning("workers cannot see each other's answers (%s); each keeps its own", error)
        return Cache(own)


def _finished(status: int, headers: Headers, body: bytes, served: Served, trace: Trace) -> FinishedAnswer:
    headers = [*headers, (b"x-stillweb-snapshot", served.snapshot_id.encode())]
    hit_headers = [*headers, HIT]
    return FinishedAnswer(
        status, headers, body, hit_headers, packed(trace.seen), packed(trace.opened),
        head_of(status, hit_headers, len(body)), tokens_of(body), len(trace.missed),
    )  # fmt: skip


def _no_episode(episode_id: bytes) -> Problem:
    name = episode_id.decode("latin-1")[:80].strip("/")
    remedy = "Leave the episode out, or have the server started with --database."
    return Problem(404, "unknown_episode", f"No episode {name!r} is open: this server keeps none.", remedy)


def _names_session(address: Address) -> bool:
    return address.dialect is None and address.path == "/ws"


def _not_modified(answer: FinishedAnswer) -> FinishedAnswer:
    """The answer for a client that has it already."""
    headers = [(name, value) for name, value in answer.headers if name not in (b"content-length", b"content-type")]
    return FinishedAnswer(304, headers, b"", [*headers, HIT])


class _Left(Exception):
    """The client went away before its request was complete."""
