"""The second extractor: written apart from the first, by other means, so that what both read is surer than either.

    pages of a generated world   names by gazetteer, sentences by a regular grammar over typed names   second_world
    the Factbook                 a tree of labelled rows, lists within brackets                        second_factbook
    Wikipedia                    infoboxes and tables as blocks of rows of cells                       second_web
    tate, foldoc                 labelled lines, sentences of one form, anchors in lists               second_records

It shares records and relations' names with the first (docs/facts.md), and no code. The truth of a generated world is
not read. Plain links of the Factbook, Wikipedia and foldoc are read by their anchors (second_links).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from corpus.facts.reading import Reading
from corpus.facts.records import Entity, Relation, Statement
from corpus.facts.second_factbook import read_factbook_pages
from corpus.facts.second_links import with_links
from corpus.facts.second_records import read_foldoc_pages, read_tate_pages
from corpus.facts.second_web import read_wikipedia_pages
from corpus.facts.second_world import read_world_pages
from corpus.records import Document

VERSION = "3"


def read_pages(documents: Sequence[Document], worlds: Sequence[str] = ()) -> Reading:
    """Read all pages, each by the reader of its host. `worlds` is not looked at: the second reads words alone."""
    del worlds
    groups: dict[str, list[Document]] = {}
    rest: list[Document] = []
    for page in documents:
        host = urlsplit(page.url).hostname or ""
        kind = next((kind for kind in _READERS if host == kind or host.endswith("." + kind)), None)
        (rest if kind is None else groups.setdefault(kind, [])).append(page)
    entities: dict[str, Entity] = {page.doc_id: Entity(page.doc_id, page.title, "page") for page in rest}
    relations: dict[str, Relation] = {}
    statements: list[Statement] = []
    for kind in sorted(groups):
        reading = _READERS[kind](groups[kind])
        entities |= reading.entities
        relations |= reading.relations
        statements += reading.statements
    whole = Reading(entities, relations, statements, {}, frozenset(entities))
    linking = [page for kind in _LINKING for page in groups.get(kind, ())]
    return with_links(whole, linking) if linking else whole


_READERS: dict[str, Callable[[Sequence[Document]], Reading]] = {
    "cia.gov": read_factbook_pages,
    "wikipedia.org": read_wikipedia_pages,
    "tate.org.uk": read_tate_pages,
    "foldoc.org": read_foldoc_pages,
    "example": read_world_pages,
}
_LINKING = ("cia.gov", "foldoc.org", "wikipedia.org")
"""Hosts whose pages have links that no relation explains: a museum's records and a world's pages type them all."""
