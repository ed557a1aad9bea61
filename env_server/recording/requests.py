"""What of a request says which answer it gets, in one spelling: the identity of a recorded answer.

Dialect, method, host (of a page), path as sent, query sorted, the headers that the dialect declares, and the body: JSON
with sorted names, a form sorted, anything else as it came. Keys are in none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson

_VERSION = "1"
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_SAFE_IN_PATH = "/%:@!$&'()*+,;=~"

SECRETS = frozenset({"api_key", "apikey", "api-key", "subscription-key", "token", "access_token"})
"""Names, in lower case, of parameters and fields that hold keys. They are part of no request here."""


@dataclass(frozen=True)
class Outgoing:
    """A request as it goes upstream, but for the key."""

    dialect: str
    method: str
    path: str
    """Percent-encoded ASCII, with a slash in front; of a page: as its site has it."""
    query: str = ""
    """Percent-encoded ASCII."""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    body: bytes = b""
    host: str = ""
    """Of a page: its site, with the port if one was given."""

    @cached_property
    def digest(self) -> str:
        """sha256 over all of it; what an answer is kept under."""
        parts = [_VERSION, self.dialect, self.method, self.host, self.path, self.query, self.content_type]
        parts += [f"{name}:{value}" for name, value in self.headers]
        lengths = ",".join(str(len(part)) for part in parts)
        text = "\0".join([lengths, *parts]).encode("utf-8", "surrogatepass")
        return hashlib.sha256(text + b"\0" + self.body).hexdigest()

    @property
    def target(self) -> str:
        return self.path + (f"?{self.query}" if self.query else "")

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Parameters wherever they stand: query, form or JSON body, the body's going before."""
        values: dict[str, Any] = dict(parse_qsl(self.query, keep_blank_values=True))
        if self.content_type == _FORM:
            values |= dict(parse_qsl(self.body.decode("ascii"), keep_blank_values=True))
        elif self.content_type == _JSON:
            given = orjson.loads(self.body)
            values |= given if isinstance(given, dict) else {}
        return values

    @cached_property
    def items(self) -> list[Any] | None:
        """Those of a JSON array in the body: a batch of requests. None where it is none."""
        given = orjson.loads(self.body) if self.content_type == _JSON else None
        return given if isinstance(given, list) else None


def outgoing(
    dialect: str,
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Iterable[tuple[str, str]] = (),
    content_type: str = "",
    body: bytes = b"",
    host: str = "",
    ignored: Collection[str] = (),
    is_query_verbatim: bool = False,
) -> Outgoing:
    """The canonical form of a request. HEAD is GET.

    `ignored` are fields that change no answer, such as an SDK's name. `is_query_verbatim` keeps a query as it came:
    for those that belong to a page's own address.
    """
    dropped = {name.lower() for name in ignored} | SECRETS
    is_kept: Callable[[str], bool] = lambda name: name.lower() not in dropped  # noqa: E731
    content_type, body = _body(content_type, body, is_kept)
    method = "GET" if method == "HEAD" else method
    said = {name.lower(): value.strip() for name, value in headers}
    # What a library sends where nobody asked for anything.
    shown = sorted((name, value) for name, value in said.items() if (name, value) != ("accept", "*/*") and value)
    return Outgoing(
        dialect=dialect,
        method=method,
        path=quote(path.encode("utf-8", "surrogateescape"), safe=_SAFE_IN_PATH) or "/",
        query=_ascii(query) if is_query_verbatim else _pairs(query, is_kept),
        headers=tuple(shown),
        content_type=content_type if body else "",
        body=b"" if method == "GET" and not body.strip(b"{} ") else body,
        host=host.lower(),
    )


def _body(content_type: str, body: bytes, is_kept: Callable[[str], bool]) -> tuple[str, bytes]:
    kind = content_type.partition(";")[0].strip().lower()
    if not body.strip():
        return "", b""
    if kind == _FORM:
        return _FORM, _pairs(body.decode("utf-8", "surrogateescape"), is_kept).encode()
    # Whatever its declared type: some clients declare none, and vendors take it as JSON all the same.
    try:
        value = orjson.loads(body)
        if isinstance(value, dict):
            value = _without(value, is_kept)
        elif isinstance(value, list):  # a batch of requests
            value = [_without(item, is_kept) if isinstance(item, dict) else item for item in value]
        return _JSON, orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return kind, body


def _without(values: dict[str, Any], is_kept: Callable[[str], bool]) -> dict[str, Any]:
    return {name: given for name, given in values.items() if is_kept(name)}


def _pairs(text: str, is_kept: Callable[[str], bool]) -> str:
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    # Stable: several values of one name keep their order.
    kept = sorted(((name, value) for name, value in pairs if is_kept(name)), key=lambda pair: pair[0])
    return urlencode(kept, errors="surrogateescape")


def _ascii(text: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=_SAFE_IN_PATH + "?")
