"""Plain links as the second extractor reads them: anchors whose words stand in the text, each target of a page once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from corpus.facts.reading import Reading
from corpus.facts.records import Relation, Statement
from corpus.records import Document, doc_id_of

PLAIN = {
    "mentions": Relation("mentions", "has a link to", (), "entity", (), "mentioned_by", typed=False),
    "mentioned_by": Relation("mentioned_by", "is linked from", (), "entity", (), "mentions", typed=False),
}


def with_links(reading: Reading, documents: Sequence[Document]) -> Reading:
    """What was read of pages, and which of them name which by a link. The span of such a statement is the anchor."""
    pages = {doc_id_of(url): page.doc_id for page in documents for url in (page.url, *page.aliases)}
    named = [said for page in documents for said in _named(page, pages)]
    return Reading(
        reading.entities,
        {**reading.relations, **PLAIN},
        [*reading.statements, *named],
        reading.links,
        reading.complete,
    )


def _named(page: Document, pages: dict[str, str]) -> Iterator[Statement]:
    found: dict[str, tuple[int, int]] = {}
    for link in page.links:
        target = pages.get(doc_id_of(link.url))
        if target is None or target == page.doc_id or link.start is None or link.end is None:
            continue
        # Offsets that hold other words than the anchor's are no place where the page names anything.
        if page.text[link.start : link.end].split() == link.anchor.split():
            found[target] = min(found.get(target, (link.start, link.end)), (link.start, link.end))
    for target, (start, end) in sorted(found.items()):
        yield Statement(page.doc_id, "mentions", target, None, page.doc_id, start, end)
