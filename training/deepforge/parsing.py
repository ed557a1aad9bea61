"""What a model replied, as JSON or not at all. Nothing a model writes is ever run or evaluated."""

from __future__ import annotations

import json
from typing import Any

MAX_CHARS = 200_000


def json_object(reply: str) -> dict[str, Any] | None:
    """The first JSON object in a reply, in a fence or between words; None where there is none.

    Python's literals (single quotes, True, None), comments and calls are no JSON: such a reply is asked for again, and
    so is one with half of a surrogate pair ("\\ud83d"), which can be neither sent nor written.
    """
    text = reply[:MAX_CHARS]
    decoder = json.JSONDecoder()
    at = text.find("{")
    for _ in range(64):  # a reply full of brackets is not worth a second look
        if at < 0:
            return None
        try:
            value, _end = decoder.raw_decode(text, at)
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
        at = text.find("{", at + 1)
    return None


def texts_by_name(value: object, *, at_most: int) -> dict[str, str]:
    """An object of strings as it is meant: {name: words}. What has another form is left out."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, str] = {}
    for name, words in value.items():
        if isinstance(words, str | int | float) and not isinstance(words, bool) and name.strip():
            found[" ".join(name.split())] = " ".join(str(words).split())
        if len(found) == at_most:
            break
    return found
