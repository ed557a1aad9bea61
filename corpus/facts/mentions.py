"""Plain links: that one page names another, in which words, and nothing of why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from corpus.facts.records import Relation, Statement
from corpus.records import Document

MENTIONS = (
    Relation("mentions", "mentions", (), "entity", (), "mentioned_by", typed=False),
    Relation("mentioned_by", "is mentioned by", (), "entity", (), "mentions", typed=False),
)
_SENTENCE_CHARS = 300


def mentions(document: Document, targets: Mapping[str, str]) -> Iterator[Statement]:
    """The first link to each page, with the sentence around it. `targets` is {url: doc_id}."""
    seen: set[str] = {document.doc_id}
    for link in document.links:
        target = targets.get(link.url)
        if target is None or target in seen or link.start is None or link.end is None:
            continue
        seen.add(target)
        start, end = sentence_around(document.text, link.start, link.end)
        yield Statement(document.doc_id, "mentions", target, None, document.doc_id, start, end)


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence of a span, on its line, at most some hundred characters to either side."""
    low, high = max(0, start - _SENTENCE_CHARS), min(len(text), end + _SENTENCE_CHARS)
    begin = max(text.rfind(mark, low, start) + len(mark) for mark in ("\n", ". ", "; ") if mark)
    begin = begin if begin > low and begin <= start else low
    stops = [at + len(mark) - 1 for mark in (". ", "; ") for at in [text.find(mark, end, high)] if at >= 0]
    stops += [at for at in [text.find("\n", end, high)] if at >= 0]
    return begin, min(stops, default=high)
