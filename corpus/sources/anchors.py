"""Finding the place of each link in a text that came without places."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from corpus.records import Link

_FEW = 24
"""So many tokens are looked for one by one, which a string does faster than cutting all of its text into tokens."""
MAX_CHECKS = 500_000
"""Places tried on one page, a tenth of a second; links after that stay without a place."""

# Scripts written without spaces: there every character may begin and end a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+|[^\w\s]")
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_SPACED_TOKEN = re.compile(r"\w+|[^\w\s]")
"""What _TOKEN finds where no such script is, in a third of the time."""
_INSIDE_WORD = re.compile(rf"(?![{_UNSPACED}])\w(?![{_UNSPACED}])\w")


def place_links(text: str, links: Sequence[Link]) -> tuple[Link, ...]:
    """The links with exact spans, in reading order, then those whose anchor is not in the text, as they came.

    A span a link brings along stands if it is exact and free. Else the anchor is looked for as whole words after the
    link before it, then from the beginning; no two spans overlap.
    """
    taken = bytearray(len(text))
    spans: list[int | None] = [_take(text, taken, link.anchor, link.start) for link in links]
    firsts = {link.anchor: match.group() for link in links if (match := _TOKEN.match(link.anchor))}
    places = _places(text, set(firsts.values()) if None in spans else set())
    checks, after = MAX_CHECKS, 0
    for number, link in enumerate(links):
        here = places.get(firsts.get(link.anchor, ""), [])
        begin = bisect_left(here, after)
        for step in range(len(here) if spans[number] is None else 0):
            checks -= 1
            if checks < 0:
                break
            start = here[(begin + step) % len(here)]
            if not _INSIDE_WORD.match(text, start + len(link.anchor) - 1):
                spans[number] = _take(text, taken, link.anchor, start)
            if spans[number] is not None:
                break
        if (found := spans[number]) is not None:
            after = found + len(link.anchor)
    placed = [
        Link(link.url, link.anchor, start, start + len(link.anchor))
        for link, start in zip(links, spans, strict=True)
        if start is not None
    ]
    placed.sort(key=lambda link: link.start or 0)
    return (
        *placed,
        *(Link(link.url, link.anchor) for link, start in zip(links, spans, strict=True) if start is None),
    )


def _take(text: str, taken: bytearray, anchor: str, start: int | None) -> int | None:
    """Reserve the anchor's place, if it is there and free."""
    if start is None or start < 0 or not anchor or not text.startswith(anchor, start):
        return None
    end = start + len(anchor)
    if taken.find(1, start, end) >= 0:
        return None
    taken[start:end] = b"\1" * len(anchor)
    return start


def _places(text: str, tokens: set[str]) -> dict[str, list[int]]:
    """Where each of the tokens stands in the text, in one pass."""
    places: dict[str, list[int]] = {}
    if tokens:
        spaced = text.isascii() or not _HAS_UNSPACED.search(text)
        if spaced and len(tokens) <= _FEW:
            return {token: found for token in tokens if (found := _occurrences(text, token))}
        for match in (_SPACED_TOKEN if spaced else _TOKEN).finditer(text):
            if (token := match.group()) in tokens:
                places.setdefault(token, []).append(match.start())
    return places


def _occurrences(text: str, token: str) -> list[int]:
    """Where a token stands as a word of its own, or anywhere if it is a sign."""
    found: list[int] = []
    is_word, size, length = _is_word(token[0]), len(token), len(text)
    at = text.find(token)
    while at >= 0:
        end = at + size
        if not is_word or not ((at and _is_word(text[at - 1])) or (end < length and _is_word(text[end]))):
            found.append(at)
        at = text.find(token, at + 1)
    return found


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
