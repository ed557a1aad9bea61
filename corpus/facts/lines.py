"""Lines of a page with the links that stand in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from corpus.records import Document, Link


@dataclass(frozen=True, slots=True)
class LinkedLine:
    """One line, where it starts in the page, and its links in order."""

    text: str
    start: int
    links: tuple[Link, ...]


def linked_lines(document: Document) -> Iterator[LinkedLine]:
    """Lines that are not empty; links without a place are in none of them."""
    placed = sorted((link for link in document.links if link.start is not None), key=lambda link: link.start or 0)
    at = next_link = 0
    for text in document.text.split("\n"):
        end = at + len(text)
        first = next_link
        while next_link < len(placed) and (placed[next_link].start or 0) < end:
            next_link += 1
        if text.strip():
            yield LinkedLine(text, at, tuple(placed[first:next_link]))
        at = end + 1
