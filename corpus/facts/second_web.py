"""Wikipedia's infoboxes and tables, read as blocks of rows of cells."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from corpus.facts.reading import Reading
from corpus.facts.records import Entity, Relation, Statement, Value
from corpus.facts.second_sentences import date_of
from corpus.records import Document, Link, doc_id_of

PAGES_FOR_A_RELATION = 5
ROWS_READ = 400
_DATED = frozenset("born died released founded established opened formation incorporated opening".split())
_COMMON = frozenset("genre genres occupation occupations instruments sport industry".split())
_UNREAD = re.compile(r"website|url|address|image|picture|photo|rank|result|score|^\d|^no$", re.IGNORECASE)
_YEAR_END = re.compile(r"\d{4}$|\d{2}[–-]\d{2}$")


class Anchors:
    """A page's links by where they stand."""

    def __init__(self, page: Document) -> None:
        self._links = sorted(
            (link for link in page.links if link.start is not None and link.end is not None),
            key=lambda link: link.start or 0,
        )
        self._starts = [link.start or 0 for link in self._links]

    def within(self, start: int, end: int) -> list[Link]:
        at = bisect_left(self._starts, start)
        found = []
        while at < len(self._links) and self._starts[at] < end:
            found.append(self._links[at])
            at += 1
        return found


def label_of(words: str) -> str:
    """A key or header as part of a relation's name."""
    return re.sub(r"[^a-z0-9]+", "_", words.lower().replace("(s)", "")).strip("_")


def read_wikipedia_pages(documents: Sequence[Document]) -> Reading:
    """Read infoboxes and tables whose labels at least five pages have."""
    boxes: dict[str, set[str]] = {}
    headers: dict[str, set[str]] = {}
    cells: Counter[str] = Counter()
    for page in documents:
        box, tables = _blocks(page.text)
        for key, _, _ in box:
            boxes.setdefault(label_of(key), set()).add(page.doc_id)
        for header, body in tables:
            for name in header:
                headers.setdefault(label_of(name), set()).add(page.doc_id)
            cells.update({label_of(cell) for row in body for cell, _, _ in row})
    keys = {
        key for key, pages in boxes.items() if key and len(pages) >= PAGES_FOR_A_RELATION and not _UNREAD.search(key)
    }
    columns = {
        name for name, pages in headers.items()
        if name and len(pages) >= PAGES_FOR_A_RELATION and len(pages) > cells[name] and not _UNREAD.search(name)
    }  # fmt: skip
    statements = [said for page in documents for said in _wikipedia_page(page, keys, columns)]
    relations: dict[str, Relation] = {}
    for said in statements:
        if said.relation not in relations:
            relations |= _relation(said.relation, said.value)
    entities = {page.doc_id: Entity(page.doc_id, page.title, "article") for page in documents}
    # What one page alone leads to has no page here and is no bridge either.
    leading: dict[str, set[str]] = {}
    for said in statements:
        if said.object and said.object not in entities:
            leading.setdefault(said.object, set()).add(said.subject)
    known = {target for target, pages in leading.items() if len(pages) > 1} | entities.keys()
    names = {doc_id_of(link.url): link.anchor for page in documents for link in page.links}
    kept = [said for said in statements if said.object is None or said.object in known]
    entities |= {target: Entity(target, names[target], "outside") for target in sorted(known - entities.keys())}
    return Reading(entities, relations, kept, {}, frozenset(entities))


Cell = tuple[str, int, int]


def _blocks(text: str) -> tuple[list[tuple[str, int, int]], list[tuple[list[str], list[list[Cell]]]]]:
    """An infobox as (key, start and end of its value), and tables as header and rows of cells."""
    box: list[tuple[str, int, int]] = []
    tables: list[tuple[list[str], list[list[Cell]]]] = []
    header: list[Cell] = []
    body: list[list[Cell]] = []
    at = 0
    blanks = 0
    for line in [*text.split("\n"), ""]:
        start, at = at, at + len(line) + 1
        blanks += not line.strip()
        cells = _cells(line, start) if " | " in line else []
        if len(cells) == 2 and not header and not blanks and cells[0][0]:
            box.append((cells[0][0], cells[1][1], cells[1][2]))
        # A coloured cell without words may stand in front of a row.
        if header and len(cells) == len(header) + 1 and not cells[0][0]:
            cells = cells[1:]
        if len(cells) >= 3 and not header:
            header = cells
        elif header and len(cells) == len(header):
            body.append(cells)
        elif header and len(cells) < 2:
            tables.append(([cell[0] for cell in header], body))
            header, body = [], []
    return box, tables


def _cells(line: str, start: int) -> list[Cell]:
    found = []
    at = start
    for part in line.split("|"):
        lead = len(part) - len(part.lstrip())
        found.append((part.strip(), at + lead, at + lead + len(part.strip())))
        at += len(part) + 1
    return found


def _wikipedia_page(page: Document, keys: set[str], columns: set[str]) -> Iterator[Statement]:
    anchors = Anchors(page)
    box, tables = _blocks(page.text)
    me = page.doc_id
    for words, start, end in box:
        key = label_of(words)
        if key not in keys:
            continue
        for link in anchors.within(start, end):
            if (link.anchor[:1].isupper() or key in _COMMON) and not _YEAR_END.search(link.anchor):
                target = doc_id_of(link.url)
                if target != me and "wikipedia.org/wiki/" in link.url:
                    yield Statement(me, f"infobox_{key}", target, None, me, link.start or 0, link.end or 0)
        value = page.text[start:end]
        date = _first_date(value) if key in _DATED else None
        if date:
            yield Statement(me, f"infobox_{key}_date", None, Value("date", date, date=date), me, start, end)
        if 0 < len(value) <= 60 and not re.search(r"[a-z][A-Z]", value):
            said = re.sub(r"\s+", " ", value)
            yield Statement(me, f"infobox_{key}_text", None, Value("text", said), me, start, end)
    for header, body in tables:
        for row in body[:ROWS_READ]:
            for name, (_, start, end) in zip(map(label_of, header), row, strict=True):
                if name in columns:
                    for link in anchors.within(start, end):
                        target = doc_id_of(link.url)
                        if target != me and "wikipedia.org/wiki/" in link.url:
                            yield Statement(me, f"table_{name}", target, None, me, link.start or 0, link.end or 0)


def _first_date(text: str) -> str | None:
    for match in re.finditer(r"\b\w", text):
        date = date_of(text[match.start() :])
        if date:
            return date
    return None


def _relation(name: str, value: Value | None) -> dict[str, Relation]:
    label = name.replace("_", " ")
    if value:
        return {name: Relation(name, label, ("page",), value.kind)}
    inverse = f"{name}_of"
    there = Relation(name, label, ("page",), "entity", ("page",), inverse)
    return {name: there, inverse: Relation(inverse, f"{label} of", ("page",), "entity", ("page",), name)}
