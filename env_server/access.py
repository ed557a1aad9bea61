"""Whether a request may come in: the server's token, wherever its client can put a key.

Clients of vendors cannot send `Authorization: Bearer`; they send the server's token as the key that their vendor asks
for: in a header, in the query string or, two of them, in the body.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

import orjson

_KEY_NAMES = (b"api_key", b"apiKey", b"subscription-key")
_KEY_NAME = re.compile(b"|".join(_KEY_NAMES))


def is_admitted(token: bytes, authorization: bytes, vendor_key: bytes, query_string: bytes) -> bool:
    """Whether one of the keys that came along is the token; compared in constant time."""
    if hmac.compare_digest(authorization, b"Bearer " + token):  # nearly every request
        return True
    candidates = [*_of_header(authorization), vendor_key, *_of_query(query_string)]
    # All of them, so that the time taken does not tell which one it was.
    return bool(sum(hmac.compare_digest(candidate, token) for candidate in candidates))


def is_key_in_body(token: bytes, body: bytes) -> bool:
    """The same for a field `api_key` of a JSON body, where older clients of Tavily put it."""
    if b'"api_key"' not in body:
        return False
    try:
        key = orjson.loads(body)["api_key"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False
    return isinstance(key, str) and hmac.compare_digest(key.encode("utf-8", "replace"), token)


def without_keys(query_string: bytes) -> bytes:
    """A query string whose keys have lost their values: no secret goes behind the front, nor into a cache's key."""
    if not _KEY_NAME.search(query_string):
        return query_string
    parts = [part.partition(b"=") for part in query_string.split(b"&")]
    return b"&".join(name + b"=" if name in _KEY_NAMES else name + mark + value for name, mark, value in parts)


def _of_header(authorization: bytes) -> Iterator[bytes]:
    """A bearer, or the password that a browser asked its user for."""
    scheme, _, token = authorization.partition(b" ")
    token = token.strip()
    if scheme.lower() == b"bearer":
        yield token
    elif scheme.lower() == b"basic":
        try:
            yield base64.b64decode(token, validate=True).partition(b":")[2]
        except ValueError:
            return


def _of_query(query_string: bytes) -> Iterator[bytes]:
    if _KEY_NAME.search(query_string):
        for name, value in parse_qsl(query_string.decode("latin-1")):
            if name.encode() in _KEY_NAMES:
                yield value.encode()
