"""All pages that state a fact, not only those an extractor reads it from.

Each sentence of each page is searched for names. One that names both ends of a fact, or its subject and its value,
beside a word that belongs to the relation, may state it; on a page about one end, that end need not be named. Such
words are kept as supports marked `scanned`: they count against the dispersion of a task, and prove nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from corpus.facts.names import Names, NameScanner, plain_name
from corpus.facts.records import Entity, Fact, Relation, Support
from corpus.records import Document

# Relation -> words of which one stands in a sentence that states it.
_CUES: Mapping[str, str] = {
    "borders": r"border|boundar|frontier|neighbo",
    "exports_to": r"\bexports?\b[^.;]{0,60}\bto\b|\bexport (?:partner|market)|\btrad(?:e|ing) partner",
    "imports_from": r"\bimports?\b[^.;]{0,60}\bfrom\b|\bimport (?:partner|source)|\btrad(?:e|ing) partner",
    "independent_from": r"independen|coloni|colony|\bruled?\b|sovereign",
    "dependency_of": r"territor|dependen|possession|collectivit|\bpart of\b|\bconstituent",
    "shares_river_with": r"\briver|\bbasin",
    "shares_lake_with": r"\blakes?\b|\bsea\b",
    "former_state": r"independen|dissol|\bruled?\b|break-?up|collapse",
    "capital": r"capital|\bcity\b|cities|urban",
    "river": r"\brivers?\b|\bbasin|\bdelta",
    "lake": r"\blakes?\b|\bsea\b",
    "highest_point": r"mountain|peak|highest|summit|volcano|\bMt\b",
    "lowest_point": r"lowest|depression|below sea",
    "language": r"languag|speak|spoke",
    "official_language": r"official",
    "religion": r"relig|church|faith|believ|follower",
    "ethnic_group": r"ethnic|people|population|minorit|trib",
    "lies_on": r"\bsea|ocean|gulf|coast|bay\b",
    "located_in": r"region|located|situated|\blies in\b",
}
_ANY = re.compile("")
_SENTENCE = re.compile(r"[^\n]+?(?:[.;!?](?= )|(?=\n)|$)")


def with_scanned(
    facts: Sequence[Fact],
    documents: Sequence[Document],
    entities: Mapping[str, Entity],
    relations: Mapping[str, Relation],
) -> tuple[Fact, ...]:
    """The facts with the supports that a search over all pages finds besides."""
    cues = {name: cue for name, relation in relations.items() for cue in [_cue(name, relation)] if cue is not None}
    wanted = [at for at, fact in enumerate(facts) if fact.relation in cues]
    if not wanted:
        return tuple(facts)
    ends: set[str] = set()
    by_ends: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at in wanted:
        fact = facts[at]
        other = fact.object or plain_name(fact.value.text if fact.value else "")
        by_ends[fact.subject, other].append(at)
        ends |= {fact.subject, other}
    values = {facts[at].value.text for at in wanted if facts[at].value is not None}  # type: ignore[union-attr]
    names = Names(
        {doc_id: entities[doc_id].name for doc_id in ends if doc_id in entities},
        {doc_id: entities[doc_id].aliases for doc_id in ends if doc_id in entities},
    )
    finder = _Finder(names, NameScanner(values))
    found: dict[int, set[Support]] = defaultdict(set)
    for document in documents:
        for start, end, here in finder.sentences(document, ends):
            for at in _stated(here, by_ends):
                fact = facts[at]
                if cues[fact.relation].search(document.text, start, end):
                    found[at].add(
                        Support(document.doc_id, start, end, inverse=fact.object == document.doc_id, scanned=True)
                    )
    scanned = list(facts)
    for at, supports in found.items():
        fact = facts[at]
        new = {support for support in supports if not any(_overlap(support, old) for old in fact.supports)}
        scanned[at] = replace(fact, supports=tuple(sorted({*fact.supports, *new})))
    return tuple(scanned)


def _cue(name: str, relation: Relation) -> re.Pattern[str] | None:
    """What a sentence must hold to state a fact of the relation; None where none is looked for.

    Rows of infoboxes have no words of their own: a sentence that names both ends is taken to say how they belong.
    """
    for known in (name, relation.inverse or ""):
        if known in _CUES:
            return re.compile(_CUES[known], re.IGNORECASE)
    if name.startswith("infobox_") and relation.value_kind == "entity":
        return _ANY
    return None


def _stated(here: Sequence[str], by_ends: Mapping[tuple[str, str], list[int]]) -> Iterator[int]:
    for subject in here:
        for other in here:
            if other != subject:
                yield from by_ends.get((subject, other), ())


def _overlap(one: Support, other: Support) -> bool:
    return one.doc_id == other.doc_id and one.start < other.end and other.start < one.end


class _Finder:
    """Names of entities and of values, sentence by sentence."""

    def __init__(self, names: Names, values: NameScanner) -> None:
        self._names = names
        self._values = values

    def sentences(self, document: Document, ends: set[str]) -> Iterator[tuple[int, int, list[str]]]:
        """(start, end, what is named in it) of sentences that name at least two, the page's own subject among them."""
        text = document.text
        hits = [(start, doc_id) for start, _, doc_id in self._names.find(text)]
        hits += [(start, plain_name(text[start:end])) for start, end in self._values.find(text)]
        if not hits:
            return
        own = [document.doc_id] if document.doc_id in ends else []
        hits.sort()
        at = 0
        for sentence in _SENTENCE.finditer(text):
            here = dict.fromkeys(own)
            while at < len(hits) and hits[at][0] < sentence.end():
                here[hits[at][1]] = None
                at += 1
            if len(here) > 1:
                yield sentence.start(), sentence.end(), list(here)
