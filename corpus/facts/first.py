"""The first extractor: each kind of page read by the rules of its kind, told from the page's URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from corpus.facts.factbook import factbook_entity, factbook_statements, is_factbook_page
from corpus.facts.factbook_relations import FACTBOOK_RELATIONS
from corpus.facts.foldoc import FOLDOC_RELATIONS, foldoc_entity, foldoc_statements, is_foldoc_page
from corpus.facts.mentions import MENTIONS, mentions
from corpus.facts.names import Names, anchor_names
from corpus.facts.reading import Reading
from corpus.facts.records import Entity, Relation, Statement
from corpus.facts.tate import TATE_RELATIONS, is_tate_page, tate_entity, tate_statements
from corpus.facts.values import one_spelling
from corpus.facts.wikipedia import is_wikipedia_page, wikipedia_entity, wikipedia_facts
from corpus.records import Document

VERSION = 3
"""Part of the name of the files: raise it with every change of what is found."""


class _Gathered:
    """What was read so far, room by room."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.relations: dict[str, Relation] = {}
        self.statements: list[Statement] = []

    def know(self, relations: Sequence[Relation]) -> None:
        """Add relations. One of the same name is the same: it joins more kinds then, and has one value if both do.

        Raises ValueError where the two are not of the same shape.
        """
        for new in relations:
            old = self.relations.get(new.name, new)
            if (old.value_kind, old.inverse, old.unit) != (new.value_kind, new.inverse, new.unit):
                raise ValueError(f"the relation {new.name} is two things: {old} and {new}")
            self.relations[new.name] = replace(
                old,
                subject_kinds=tuple(dict.fromkeys((*old.subject_kinds, *new.subject_kinds))),
                object_kinds=tuple(dict.fromkeys((*old.object_kinds, *new.object_kinds))),
                functional=old.functional and new.functional,
            )


def read_pages(documents: Sequence[Document], worlds: Sequence[str] = ()) -> Reading:
    """Entities, links and statements of all pages; what pages of generated worlds state, the worlds know themselves.

    Pages of a kind with typed relations in every link (the museum's, a world's), or with none (manuals), have no
    `mentions`.
    """
    targets = {document.url: document.doc_id for document in documents}
    links: dict[str, tuple[str, ...]] = {}
    for document in documents:
        targets |= dict.fromkeys(document.aliases, document.doc_id)
    for document in documents:
        found = {targets[link.url] for link in document.links if link.url in targets} - {document.doc_id}
        if found:
            links[document.doc_id] = tuple(sorted(found))
    read = _Gathered()
    anchors = anchor_names((page for page in documents if not is_tate_page(page)), targets)
    _factbook(documents, anchors, read)
    _tate(documents, targets, read)
    _foldoc(documents, anchors, targets, read)
    _wikipedia(documents, anchors, targets, read)
    complete = _worlds(worlds, {document.doc_id for document in documents}, read)
    read.know(MENTIONS)
    for document in documents:
        if is_factbook_page(document) or is_foldoc_page(document) or is_wikipedia_page(document):
            read.statements += mentions(document, targets)
        if document.doc_id not in read.entities:
            names = tuple(name for name in anchors.get(document.doc_id, ()) if name != document.title)
            read.entities[document.doc_id] = Entity(document.doc_id, document.title, "page", names)
    return Reading(dict(sorted(read.entities.items())), read.relations, read.statements, links, complete)


def _factbook(documents: Sequence[Document], anchors: Mapping[str, tuple[str, ...]], read: _Gathered) -> None:
    pages = [page for page in documents if is_factbook_page(page)]
    if not pages:
        return
    read.know(FACTBOOK_RELATIONS)
    read.entities |= {page.doc_id: factbook_entity(page, anchors.get(page.doc_id, ())) for page in pages}
    aliases = {page.doc_id: read.entities[page.doc_id].aliases for page in pages}
    names = Names({page.doc_id: page.title for page in pages}, aliases)
    read.statements += one_spelling([said for page in pages for said in factbook_statements(page, names)])


def _tate(documents: Sequence[Document], targets: Mapping[str, str], read: _Gathered) -> None:
    pages = [page for page in documents if is_tate_page(page)]
    if pages:
        read.know(TATE_RELATIONS)
        read.entities |= {page.doc_id: tate_entity(page) for page in pages}
        read.statements += tate_statements(pages, targets)


def _foldoc(
    documents: Sequence[Document], anchors: Mapping[str, tuple[str, ...]], targets: Mapping[str, str], read: _Gathered
) -> None:
    pages = [page for page in documents if is_foldoc_page(page)]
    if pages:
        read.know(FOLDOC_RELATIONS)
        read.entities |= {page.doc_id: foldoc_entity(page, anchors.get(page.doc_id, ())) for page in pages}
        for page in pages:
            read.statements += foldoc_statements(page, targets)


def _wikipedia(
    documents: Sequence[Document], anchors: Mapping[str, tuple[str, ...]], targets: Mapping[str, str], read: _Gathered
) -> None:
    pages = [page for page in documents if is_wikipedia_page(page)]
    if pages:
        read.entities |= {page.doc_id: wikipedia_entity(page, anchors.get(page.doc_id, ())) for page in pages}
        relations, outside, statements = wikipedia_facts(pages, targets)
        read.know(relations)
        read.entities |= {entity.doc_id: entity for entity in outside}
        read.statements += statements


def _worlds(worlds: Sequence[str], pages: Set[str], read: _Gathered) -> frozenset[str]:
    """Take in what worlds know of pages that are there; returns those pages."""
    if not worlds:
        return frozenset()
    from corpus.world.schema import RELATIONS
    from corpus.world.truth import entities, statements

    read.know(tuple(RELATIONS.values()))
    known: set[str] = set()
    for args in worlds:
        found = {entity.doc_id: entity for entity in entities(args) if entity.doc_id in pages}
        said = [said for said in statements(args) if said.doc_id in pages]
        # What has no page here, since a later page of the same URL replaced it, is no entity.
        said = [s for s in said if s.subject in found and (s.object is None or s.object in found)]
        read.entities |= found
        read.statements += said
        known |= found.keys() | {s.doc_id for s in said}
    return frozenset(known)
