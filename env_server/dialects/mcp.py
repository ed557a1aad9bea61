"""MCP at /mcp: streamable HTTP without sessions, each POST answered with JSON. The SDK's part is `mcp_server.py`.

It takes half a second and 23 MB to import, so the first request imports it, not the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Wrap, json_reply
from env_server.errors import EnvServerError, Problem
from env_server.mcp_tools import PROFILES
from env_server.service import SearchService
from env_server.view import View

_PARSE_ERROR, _INVALID_REQUEST, _SERVER_ERROR = -32700, -32600, -32000

_OPENENV_SESSION = "stateless"
"""OpenEnv's client asks for a session before it calls a tool; all sessions are one, since nothing is kept in them."""


def _of(profile: str) -> Callable[[Asked], Reply]:
    return lambda asked: _answer(asked, profile)


def _answer(asked: Asked, profile: str) -> Reply:
    if asked.content_type.partition(";")[0].strip() != "application/json":
        declared = asked.content_type[:80] or "nothing"
        raise EnvServerError(
            415, "not_json", f"The body is declared as {declared}.", "Send it with `Content-Type: application/json`."
        )
    try:
        message = orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        return _error(400, _PARSE_ERROR, "Parse error: the body is not valid JSON.")
    return answered(asked.service, asked.view, profile, asked.headers, message)


def answered(service: SearchService, view: View, profile: str, headers: Mapping[str, str], message: Any) -> Reply:
    """The answer to one JSON-RPC message, whatever it came by. Raises what may pass, so that it is not kept."""
    if isinstance(message, list):
        return _error(400, _INVALID_REQUEST, "Batches are not part of MCP: send one message in a request.")
    if not isinstance(message, dict):
        return _error(400, _INVALID_REQUEST, "The body is no JSON-RPC message: send one JSON object.")
    if "method" not in message and "result" not in message and "error" not in message:
        # Status 200: so does OpenEnv's own server, and its validation asks for it.
        return _error(200, _INVALID_REQUEST, "The body is no JSON-RPC message: it names no method.")
    if message.get("method") in ("openenv/session/create", "openenv/session/close"):
        closed = {} if message["method"].endswith("create") else {"closed": True}
        result = {"session_id": _OPENENV_SESSION} | closed
        return json_reply({"jsonrpc": "2.0", "id": message.get("id"), "result": result})
    try:
        from env_server import mcp_server
    except ImportError as error:
        raise EnvServerError(
            501, "mcp_unavailable", f"The MCP SDK cannot be loaded: {error}.", "Install mcp>=2,<3 beside Stillweb."
        ) from error
    return mcp_server.exchange(service, view, profile, headers, message)


def _error(status: int, code: int, message: str, data: Any = None) -> Reply:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return json_reply({"jsonrpc": "2.0", "id": None, "error": error}, status)


def _unwrap(body: bytes) -> tuple[bytes, Wrap | None]:
    """A request without its id, which its client counts up, and without the token that nobody reports progress on."""
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body, None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        return body, None
    id, params = message.get("id"), message.get("params")
    if type(id) not in (int, str):
        return body, None
    if isinstance(params, dict) and isinstance(meta := params.get("_meta"), dict):
        meta.pop("progressToken", None)
        if not meta:
            del params["_meta"]
    named = b'{"jsonrpc":"2.0","id":%b,' % orjson.dumps(id)

    def wrap(answer: bytes) -> bytes:
        start = next((start for start in _UNNAMED if answer.startswith(start)), None)
        return answer if start is None else named + answer[len(start) :]

    return orjson.dumps({**message, "id": 0}), wrap


_UNNAMED = (b'{"jsonrpc":"2.0","id":0,', b'{"jsonrpc":"2.0","id":null,')
"""Answers to a request that has lost its id, and refusals above the dialect, which never had one."""


def _refuse(problem: Problem) -> Reply:
    if problem.code == "budget_exhausted":
        # For the model to read: clients make an exception of an HTTP status or of an error of the protocol.
        text = {"type": "text", "text": f"{problem.message} {problem.remedy}"}
        return json_reply({"jsonrpc": "2.0", "id": None, "result": {"content": [text], "isError": True}})
    code = _INVALID_REQUEST if problem.status < 500 and problem.status != 429 else _SERVER_ERROR
    reply = _error(problem.status, code, f"{problem.message} {problem.remedy}", {"code": problem.code})
    return Reply(reply.body, reply.status, headers=((b"allow", b"POST"),) if problem.status == 405 else ())


MCP = Dialect(
    name="mcp",
    routes=tuple(Route("POST", f"/{profile}", _of(profile)) for profile in PROFILES),
    refuse=_refuse,
    headers=("mcp-protocol-version", "mcp-method", "mcp-name"),
    commercial=False,
    unwrap=_unwrap,
)
