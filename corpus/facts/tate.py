"""Facts of a museum's records: pages made from them name artworks, artists, subjects, movements and places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from corpus.facts.lines import LinkedLine, linked_lines
from corpus.facts.records import Entity, Relation, Statement, Value
from corpus.facts.values import number_value, text_value
from corpus.records import Document, Link

BASE = "http://www.tate.org.uk/art/"
_KINDS = {
    "artworks": "artwork",
    "artists": "artist",
    "subjects": "subject",
    "movements": "movement",
    "places": "artist's place",
}
_ANY = tuple(_KINDS.values())


def _pair(
    name: str, label: str, inverse: str, back: str, subjects: tuple[str, ...], objects: tuple[str, ...]
) -> tuple[Relation, ...]:
    return (
        Relation(name, label, subjects, "entity", objects, inverse),
        Relation(inverse, back, objects, "entity", subjects, name),
    )


_PLACE = ("artist's place",)
TATE_RELATIONS: tuple[Relation, ...] = (
    *_pair("created_by", "is a work by", "created", "is the artist of", ("artwork",), ("artist",)),
    *_pair("depicts", "depicts", "depicted_in", "is depicted in", ("artwork",), ("subject",)),
    *_pair(
        "movement", "belongs to the movement", "movement_of", "is the movement of", ("artwork", "artist"), ("movement",)
    ),
    *_pair("born_in", "was born in", "birthplace_of", "is the birthplace of", ("artist",), _PLACE),
    *_pair("died_in", "died in", "deathplace_of", "is where there died", ("artist",), _PLACE),
    *_pair("active_in", "was active in", "workplace_of", "is where there worked", ("artist",), _PLACE),
    *_pair("under_subject", "is a narrower subject than", "over_subject", "is a wider subject than", ("subject",),
           ("subject",)),
    Relation("medium", "is made of", ("artwork",), "text", functional=True),
    Relation("series", "is part of the series", ("artwork",), "text"),
    Relation("accession_number", "has the accession number", ("artwork",), "text", functional=True),
    Relation("era", "is of the", ("movement",), "text", functional=True),
    Relation("made_in", "was made in", ("artwork",), "date", functional=True),
    Relation("acquired_in", "was acquired in", ("artwork",), "date", functional=True),
    Relation("born_on", "was born in the year", ("artist",), "date", functional=True),
    Relation("died_on", "died in the year", ("artist",), "date", functional=True),
    Relation("works_held", "has works in the collection, in number", ("artist",), "number", functional=True),
    Relation("works_depicting", "is depicted in works, in number", ("subject",), "number", functional=True),
)  # fmt: skip

_ROLE = re.compile(r"(?: \((?:[^()]|\([^()]*\))*\))?, (?P<role>[^;,.]+)")
_BORN = re.compile(r"(?:He|She|They) (?P<what>was born|died)(?: in (?P<place>.+?))??(?: in (?P<year>\d{4}))?\.$")
_LABELS: Mapping[str, str] = {
    "Movements": "movement",
    "Active in": "active_in",
    "Depicts": "depicts",
    "Parent subject": "under_subject",
}
# Label of a line -> relation that its links stand in the other way round.
_BACK: Mapping[str, str] = {
    "Artists who were born here": "born_in",
    "Artists who died here": "died_in",
    "Artists who were active here": "active_in",
    "Narrower subjects": "under_subject",
    "Artists": "movement",
}
_LISTED: Mapping[str, str] = {"artist": "created_by", "subject": "depicts", "movement": "movement"}
_TEXTS: Mapping[str, str] = {"Medium": "medium", "Part of": "series", "Accession number": "accession_number"}


def is_tate_page(document: Document) -> bool:
    return document.url.startswith(BASE)


def tate_kind(url: str) -> str:
    """Kind of the page at a URL: its folder says so."""
    return _KINDS.get(url.removeprefix(BASE).partition("/")[0], "")


def tate_entity(document: Document) -> Entity:
    """An artwork goes by its title without the artist's name, a subject by its own name."""
    name = document.title.removeprefix("Subject: ")
    kind = tate_kind(document.url) or "page"
    if kind == "artwork":
        name = name.rpartition(" – ")[0] or name
    return Entity(document.doc_id, name, kind)


def tate_statements(documents: Sequence[Document], targets: Mapping[str, str]) -> Iterator[Statement]:
    """What the pages say. An artist's list holds works of others after him too, so it supports only what the works'
    own pages say: those are read first. `targets` is {url: doc_id}."""
    made: set[tuple[str, str]] = set()
    for document in documents:
        if tate_kind(document.url) == "artwork":
            for said in _artwork(document, targets):
                if said.relation == "created_by":
                    made.add((said.subject, said.object or ""))
                yield said
    for document in documents:
        if tate_kind(document.url) != "artwork":
            for said in _other(document, targets):
                if said.relation != "created_by" or (said.subject, said.object) in made:
                    yield said


def _artwork(document: Document, targets: Mapping[str, str]) -> Iterator[Statement]:
    doc_id = document.doc_id
    lines = list(linked_lines(document))
    if not lines:
        return
    # A year alone: "c.1849", "1905–7" and "exhibited 1915" are no years in which a work was made.
    dated = re.search(r", dated (?P<year>\d{4})\.$", lines[0].text)
    if dated:
        span = lines[0].start + dated.start("year"), lines[0].start + dated.end("year")
        yield Statement(doc_id, "made_in", None, Value("date", dated["year"], date=dated["year"]), doc_id, *span)
    contributors = next((line for line in lines if line.text.startswith("Contributors: ")), None)
    for line in lines:
        label, _, words = line.text.partition(": ")
        for link in line.links:
            target = targets.get(link.url)
            if target is None or link.end is None or link.start is None:
                continue
            if tate_kind(link.url) == "artist" and contributors is not None:
                if _role_of(link.anchor, contributors) == "artist":
                    yield Statement(doc_id, "created_by", target, None, doc_id, link.start, link.end)
            elif label in _LABELS:
                yield Statement(doc_id, _LABELS[label], target, None, doc_id, link.start, link.end)
        if label in _TEXTS and words.strip("."):
            start = line.start + len(label) + 2
            value = text_value(words.rstrip("."))
            yield Statement(doc_id, _TEXTS[label], None, value, doc_id, start, start + len(words.rstrip(".")))
        acquired = re.fullmatch(r"Acquired in (\d{4})\.", line.text)
        if acquired:
            value = Value("date", acquired[1], date=acquired[1])
            span = line.start + acquired.start(1), line.start + acquired.end(1)
            yield Statement(doc_id, "acquired_in", None, value, doc_id, *span)


def _role_of(name: str, contributors: LinkedLine) -> str:
    at = contributors.text.find(name)
    role = _ROLE.match(contributors.text, at + len(name)) if at >= 0 else None
    return role["role"].strip() if role else ""


def _other(document: Document, targets: Mapping[str, str]) -> Iterator[Statement]:
    doc_id, kind = document.doc_id, tate_kind(document.url)
    for line in linked_lines(document):
        label = line.text.partition(": ")[0]
        links = [(targets[link.url], link) for link in line.links if link.url in targets]
        life = _BORN.match(line.text) if kind == "artist" else None
        if life:
            yield from _life(doc_id, line, life, links)
        elif line.text.startswith("- ") and kind in _LISTED:
            for target, link in links[:1]:
                if tate_kind(link.url) == "artwork":
                    yield Statement(target, _LISTED[kind], doc_id, None, doc_id, link.start or 0, link.end or 0)
        elif label in _BACK:
            for target, link in links:
                yield Statement(target, _BACK[label], doc_id, None, doc_id, link.start or 0, link.end or 0)
        elif label in _LABELS:
            for target, link in links:
                yield Statement(doc_id, _LABELS[label], target, None, doc_id, link.start or 0, link.end or 0)
        yield from _counted(doc_id, line)


def _life(doc_id: str, line: LinkedLine, life: re.Match[str], links: Sequence[tuple[str, Link]]) -> Iterator[Statement]:
    born = life["what"] == "was born"
    for target, link in links:
        yield Statement(doc_id, "born_in" if born else "died_in", target, None, doc_id, link.start or 0, link.end or 0)
    if life["year"]:
        value = Value("date", life["year"], date=life["year"])
        span = line.start + life.start("year"), line.start + life.end("year")
        yield Statement(doc_id, "born_on" if born else "died_on", None, value, doc_id, *span)


def _counted(doc_id: str, line: LinkedLine) -> Iterator[Statement]:
    for relation, pattern in (
        ("works_held", r"Works in the collection: (\d+)\.$"),
        ("works_depicting", r"(\d+) works depict this subject\.$"),
    ):
        count = re.match(pattern, line.text)
        if count:
            span = line.start + count.start(1), line.start + count.end(1)
            yield Statement(doc_id, relation, None, number_value(Fraction(count[1])), doc_id, *span)
    era = re.search(r" is an art movement of the (.+) era\.$", line.text)
    if era:
        span = line.start + era.start(1), line.start + era.end(1)
        yield Statement(doc_id, "era", None, text_value(era[1]), doc_id, *span)
