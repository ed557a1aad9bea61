"""JSON and digests of whatever a model wrote: equal values are equal bytes, and nothing cannot be written."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson


def digest(value: Any) -> str:
    """32 hex digits over a text, or over a value's JSON with sorted keys."""
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else canonical(value)
    return hashlib.sha256(data).hexdigest()[:32]


def canonical(value: Any) -> bytes:
    """JSON in which equal values are equal bytes."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # integers past 64 bits, lone surrogates: a model may write either
        return json.dumps(value, sort_keys=True).encode()


def safe_json(value: Any) -> bytes:
    """JSON of whatever a model wrote: lone surrogates become U+FFFD, integers past 64 bits become strings."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(tame(value))


def tame(value: Any) -> Any:
    """The value as `safe_json` writes it."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {tame(str(key)): tame(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tame(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return str(value)
    return value
