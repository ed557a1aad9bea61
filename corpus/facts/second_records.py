"""Tate's records and foldoc's cross-references: labelled lines, sentences of one form, anchors in unbroken lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from corpus.facts.reading import Reading
from corpus.facts.records import Entity, Relation, Statement, Value
from corpus.facts.second_web import Anchors
from corpus.records import Document, doc_id_of

_TATE = (
    ("created_by", "was created by", "created"), ("depicts", "shows", "depicted_in"),
    ("movement", "belongs to the movement", "movement_of"), ("born_in", "was born in", "birthplace_of"),
    ("died_in", "died in", "deathplace_of"), ("active_in", "was active in", "workplace_of"),
    ("under_subject", "is under", "over_subject"),
)  # fmt: skip
_TATE_VALUES: tuple[tuple[str, str], ...] = (
    ("born_on", "date"), ("died_on", "date"), ("made_in", "date"), ("acquired_in", "date"), ("medium", "text"),
    ("series", "text"), ("accession_number", "text"), ("era", "text"), ("works_held", "number"),
    ("works_depicting", "number"),
)  # fmt: skip
# label of a line of anchors -> relation; "~" in front: the page is the object
_TATE_LINES = {
    "Depicts": "depicts", "Movements": "movement", "Parent subject": "under_subject",
    "Narrower subjects": "over_subject", "Artists": "movement_of", "Artists who were born here": "birthplace_of",
    "Artists who died here": "deathplace_of", "Artists who were active here": "workplace_of",
    "Artists who worked here": "workplace_of", "Artists active here": "workplace_of",
}  # fmt: skip
_TATE_WORDS = {"Medium": "medium", "Part of": "series", "Accession number": "accession_number"}
_TATE_KIND = {"artworks": "artwork", "artists": "artist", "subjects": "subject", "movements": "movement",
              "places": "artist's place"}  # fmt: skip


def tate_relations() -> dict[str, Relation]:
    found = {}
    for name, label, inverse in _TATE:
        found[name] = Relation(name, label, (), "entity", (), inverse)
        found[inverse] = Relation(inverse, inverse.replace("_", " "), (), "entity", (), name)
    for name, kind in _TATE_VALUES:
        found[name] = Relation(name, name.replace("_", " "), (), kind)  # type: ignore[arg-type]
    return found


def read_tate_pages(documents: Sequence[Document]) -> Reading:
    """Read the museum's records: labelled lines, sentences of one form, and lists of works."""
    kinds = {page.doc_id: _TATE_KIND.get(page.url.split("/")[4], "page") for page in documents}
    entities = {page.doc_id: Entity(page.doc_id, page.title, kinds[page.doc_id]) for page in documents}
    statements = [said for page in documents for said in _tate_page(page, kinds)]
    return Reading(entities, tate_relations(), statements, {}, frozenset(entities))


def _tate_page(page: Document, kinds: dict[str, str]) -> Iterator[Statement]:
    me, kind, anchors = page.doc_id, kinds[page.doc_id], Anchors(page)

    def linked(relation: str, start: int, end: int, wanted: str = "") -> Iterator[Statement]:
        for link in anchors.within(start, end):
            target = doc_id_of(link.url)
            if target in kinds and target != me and (not wanted or kinds[target] == wanted):
                yield Statement(me, relation, target, None, me, link.start or 0, link.end or 0)

    def said(relation: str, match: re.Match[str], group: int, value_kind: str) -> Statement:
        words = match[group]
        number = float(words) if value_kind == "number" else None
        value = Value(value_kind, words, number, "", words if value_kind == "date" else None)  # type: ignore[arg-type]
        return Statement(me, relation, None, value, me, match.start(group), match.end(group))

    at = 0
    for line in page.text.split("\n"):
        start, at = at, at + len(line) + 1
        end = start + len(line)
        label, colon, _ = line.partition(": ")
        if colon and label in _TATE_LINES:
            yield from linked(_TATE_LINES[label], start + len(label), end)
        elif colon and label in _TATE_WORDS and kind == "artwork":
            match = re.compile(r"(.+?)\.?$").match(page.text, start + len(label) + 2, end)
            if match:
                yield said(_TATE_WORDS[label], match, 1, "text")
        elif label == "Contributors":
            for artist in re.finditer(r"(?:; |: )((?:(?!; ).)*?), artist(?=[.;]|$|,)", line):
                names = page.text[start + artist.start(1) : start + artist.end(1)].partition(" (")[0]
                anchor = next((link for link in anchors.within(0, start) if link.anchor == names), None)
                found = [anchor] if anchor else anchors.within(start + artist.start(1), start + artist.end(1))
                for link in found:
                    if kinds.get(doc_id_of(link.url)) == "artist":
                        yield Statement(me, "created_by", doc_id_of(link.url), None, me, link.start or 0, link.end or 0)
        elif line.startswith("- ") and kind == "artist":
            continue
        elif line.startswith("- ") and kind in ("subject", "movement"):
            yield from linked("depicted_in" if kind == "subject" else "movement_of", start, end, "artwork")
        elif kind in ("artwork", "artist", "movement", "subject"):
            yield from _tate_sentence(page, kind, start, end, linked, said)


def _tate_sentence(page: Document, kind: str, start: int, end: int, linked, said) -> Iterator[Statement]:  # type: ignore[no-untyped-def]
    def found(pattern: str) -> re.Match[str] | None:
        return re.compile(pattern).search(page.text, start, end)

    if kind == "artwork":
        for relation, pattern in (("made_in", r", dated (\d{4})\.$"), ("acquired_in", r"^Acquired in (\d{4})")):
            match = re.compile(pattern, re.MULTILINE).search(page.text, start, end)
            if match:
                yield said(relation, match, 1, "date")
    elif kind == "artist":
        for relation, dated, verb in (("born_in", "born_on", "was born"), ("died_in", "died_on", "died"),
                                      ("active_in", "", "[Aa]ctive")):  # fmt: skip
            match = found(rf"\b{verb} in ")
            if match:
                yield from linked(relation, match.end(), end)
            match = (
                found(rf"\b{verb} in (?:.*?in )?(\d{{4}})\.$|\b{verb} in (?:.*?in )?(\d{{4}})\.(?=\n)")
                if dated
                else None
            )
            if match:
                yield said(dated, match, 1 if match[1] else 2, "date")
        match = found(r"Works in the collection: (\d+)")
        if match:
            yield said("works_held", match, 1, "number")
    elif kind == "movement":
        match = found(r"is an art movement of the (.+?) era")
        if match:
            yield said("era", match, 1, "text")
    else:
        match = found(r"(\d+) works depict this subject")
        if match:
            yield said("works_depicting", match, 1, "number")


def foldoc_relations() -> dict[str, Relation]:
    found = {"category": Relation("category", "belongs to the subject", (), "text")}
    for name, label, inverse in (("see_also", "see also", "seen_from"), ("compare", "compare", "compared_from")):
        found[name] = Relation(name, label, (), "entity", (), inverse)
        found[inverse] = Relation(inverse, inverse.replace("_", " "), (), "entity", (), name)
    return found


def read_foldoc_pages(documents: Sequence[Document]) -> Reading:
    """Read categories in angle brackets and lists of anchors behind "See also" and "Compare"."""
    entities = {page.doc_id: Entity(page.doc_id, page.title, "term") for page in documents}
    statements: list[Statement] = []
    for page in documents:
        anchors, me = Anchors(page), page.doc_id
        tags = 0
        for match in re.finditer(r"^(\d+\. )?<([^<>\n]+)>", page.text, re.MULTILINE):
            # Marked-up examples have quotes; speakers of a log come behind the category, and have no number.
            if re.search(r"[=\"!?:]", match[2]):
                continue
            tags += 1
            if tags > 1 and not match[1]:
                continue
            for name in re.finditer(r"[^,]+", match[2]):
                words = name.group().strip()
                at = match.start(2) + name.start()
                if words:
                    statements.append(
                        Statement(me, "category", None, Value("text", words), me, at, at + len(name.group()))
                    )
        for match in re.finditer(r"\b(?:(See also)|(Compare)):?\s(?:with |the )*", page.text):
            relation = "see_also" if match[1] else "compare"
            at = match.end()
            for link in anchors.within(at, at + 400):
                # The list is unbroken as long as nothing but commas and "and" stands between its anchors.
                if not re.fullmatch(r"[\s,;]*(?:and |or )?", page.text[at : link.start]):
                    break
                at = link.end or at
                if doc_id_of(link.url) in entities and doc_id_of(link.url) != me:
                    statements.append(
                        Statement(me, relation, doc_id_of(link.url), None, me, link.start or 0, link.end or 0)
                    )
    return Reading(entities, foldoc_relations(), statements, {}, frozenset(entities))
