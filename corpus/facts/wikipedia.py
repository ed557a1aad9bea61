"""Facts of Wikipedia pages: rows of infoboxes, and links in the columns of tables.

Keys and headers are as many as editors; those that at least `LEAST_PAGES` pages have become relations.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from corpus.facts.lines import LinkedLine, linked_lines
from corpus.facts.records import Entity, Relation, Statement
from corpus.facts.values import date_value, text_value
from corpus.records import Document, Link, doc_id_of
from corpus.scoring.dates import find_dates

LEAST_PAGES = 5
_BASE = re.compile(r"https?://[a-z-]+\.wikipedia\.org/wiki/")
_SPECIAL = re.compile(r"/wiki/(?:[A-Z][a-z]+(?:_talk)?:|List_of_)")
_DATED = frozenset({"born", "died", "released", "founded", "established", "opened", "formation", "incorporated"})
_COMMON_WORDS = frozenset(
    {
        "occupation",
        "occupations",
        "genre",
        "genres",
        "instruments",
        "sport",
        "language",
        "original_language",
        "industry",
    }
)
# Rows that hold pictures, addresses and codes, or another page's neighbours.
_UNUSED = re.compile(
    r"website|official_website|image|caption|logo|flag|coordinates|signature|map|references?|links?|notes?|ref"
    r"|details|description|summary|comments?|remarks|report|sources?|info|information|wins|losses|goals|assists|points"
    r"|goals_against_average|penalties_in_minutes|place|record|other|type|title|name|venue_and_date"
    r"|previous_season|next_season|no|num|number|total|points|pts|rank|pos|score|result|time|w|l|d|pct|gp|year|\d*"
)
# Lines of a cell run together: more than one thing in brackets, a list, four names in a row.
_SEVERAL = re.compile(r"\).*\)| - |•|\b(?:[A-Z][\w.'’-]+ ){3,}[A-Z]|\d{4}.*\d{4}.*\d{4}")
_MAX_CELL = 60
# How many table rows of a page are read: the longest lists say the same thing hundreds of times.
_MAX_ROWS = 400


@dataclass(frozen=True, slots=True)
class _Cell:
    """One cell with the key or header it stands under."""

    table: bool
    key: str
    text: str
    start: int
    links: tuple[Link, ...]


def is_wikipedia_page(document: Document) -> bool:
    return _BASE.match(document.url) is not None


def wikipedia_entity(document: Document, aliases: Sequence[str]) -> Entity:
    """A page's title without what tells it from its namesakes is an alias."""
    plain = re.sub(r" \([^()]*\)$", "", document.title)
    names = dict.fromkeys(([plain] if plain != document.title else []) + list(aliases))
    names.pop(document.title, None)
    return Entity(document.doc_id, document.title, "article", tuple(names))


def wikipedia_facts(
    documents: Sequence[Document], targets: Mapping[str, str]
) -> tuple[list[Relation], list[Entity], list[Statement]]:
    """(relations, pages outside that two pages or more name, statements). `targets` is {url: doc_id}."""
    kept = _kept_keys(documents)
    said: list[tuple[Statement, str]] = []
    for document in documents:
        for cell in _cells(document):
            if (cell.table, cell.key) in kept:
                said += _said(document, cell, targets)
    # A page outside is worth naming where two pages meet in it.
    naming: dict[str, set[str]] = {}
    for statement, url in said:
        if url and url not in targets:
            naming.setdefault(url, set()).add(statement.subject)
    outside = {url for url, subjects in naming.items() if len(subjects) > 1}
    statements = [statement for statement, url in said if not url or url in targets or url in outside]
    entities = [Entity(doc_id_of(url), _title(url), "outside") for url in sorted(outside)]
    return _relations(statements), entities, statements


def _kept_keys(documents: Sequence[Document]) -> set[tuple[bool, str]]:
    """Keys and headers of enough pages. What stands in more pages as a cell of its own is no header: "Finland" at the
    top of a table says that the table has none."""
    pages: Counter[tuple[bool, str]] = Counter()
    bodies: Counter[str] = Counter()
    for document in documents:
        cells = list(_cells(document))
        pages.update({(cell.table, cell.key) for cell in cells})
        bodies.update({_slug(cell.text) for cell in cells if len(cell.text) < 40})
    return {
        (table, key)
        for (table, key), count in pages.items()
        if count >= LEAST_PAGES and not _UNUSED.fullmatch(key) and (not table or bodies[key] <= count)
    }


def _said(document: Document, cell: _Cell, targets: Mapping[str, str]) -> Iterator[tuple[Statement, str]]:
    doc_id = document.doc_id
    prefix = "table" if cell.table else "infobox"
    for link in cell.links:
        if link.start is None or link.end is None or _SPECIAL.search(link.url) or not _BASE.match(link.url):
            continue
        target = targets.get(link.url) or doc_id_of(link.url)
        if target != doc_id and _names_something(link.anchor, cell.key):
            yield Statement(doc_id, f"{prefix}_{cell.key}", target, None, doc_id, link.start, link.end), link.url
    if cell.table:
        return
    if cell.key in _DATED:
        found = find_dates(cell.text) if cell.text.isascii() else []
        value = date_value(found[0].date) if found else None
        if value is not None:
            span = cell.start + found[0].start, cell.start + found[0].end
            yield Statement(doc_id, f"infobox_{cell.key}_date", None, value, doc_id, *span), ""
    if cell.text and len(cell.text) <= _MAX_CELL:
        value = text_value(re.sub(r"\[\d+\]", "", cell.text))
        if value.text and not _SEVERAL.search(value.text):
            span = cell.start, cell.start + len(cell.text)
            yield Statement(doc_id, f"infobox_{cell.key}_text", None, value, doc_id, *span), ""


def _names_something(anchor: str, key: str) -> bool:
    """Whether a linked word is a name, or a common word where such words are what the key is about; no date."""
    if re.search(r"\b\d{4}(?: in .*)?$", anchor):
        return False
    return anchor[:1].isupper() or (anchor[:1].isalpha() and key in _COMMON_WORDS)


def _cells(document: Document) -> Iterator[_Cell]:
    """Cells of the infobox (lines of two cells at the top) and of tables (lines of three or more under a header)."""
    header: list[str] = []
    top, rows = True, 0
    previous = -1
    for line in linked_lines(document):
        cells = line.text.split(" | ")
        follows = previous >= 0 and line.start == previous + 1
        previous = line.start + len(line.text)
        if top and line.start > 0 and not follows:
            top = False
        if len(cells) < 2:
            header = []
            if line.text.startswith("#"):
                top = False
        elif top and len(cells) == 2:
            yield from _row(line, ["", cells[0]], cells, table=False)
        elif len(cells) >= 3 and not top:
            if not header or not follows or len(header) != len(cells):
                # A header is plain words: where cells are links, it is a row of a table that has none.
                header = cells if not header and len(line.links) * 3 <= len(cells) else []
            elif rows < _MAX_ROWS:
                rows += 1
                yield from _row(line, header, cells, table=True)


def _row(line: LinkedLine, header: Sequence[str], cells: Sequence[str], *, table: bool) -> Iterator[_Cell]:
    at = line.start
    for place, text in enumerate(cells):
        key = _slug(header[place])
        links = tuple(link for link in line.links if at <= (link.start or 0) < at + len(text))
        if key and (table or place == 1):
            start = at + len(text) - len(text.lstrip())
            yield _Cell(table, key, text.strip(), start, links)
        at += len(text) + 3


def _slug(key: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", re.sub(r"\(s\)|\[\d+\]", "", key).lower()).strip("_")
    return "" if slug[:1].isdigit() else slug  # "200 metres" heads a row, not a column


def _relations(statements: Sequence[Statement]) -> list[Relation]:
    relations = []
    for name in sorted({said.relation for said in statements}):
        prefix, _, key = name.partition("_")
        where = "infobox" if prefix == "infobox" else "tables"
        words = re.sub(r"_(?:date|text)$", "", key).replace("_", " ")
        if name.endswith("_date") and prefix == "infobox":
            relations.append(Relation(name, f"has the date of '{words}'", ("article",), "date", functional=True))
        elif name.endswith("_text") and prefix == "infobox":
            relations.append(Relation(name, f"has, as '{words}' in its infobox,", ("article",), "text"))
        else:
            pages = ("article", "outside")
            label, back = f"has, as '{words}' in its {where},", f"is, in the {where}, the '{words}' of"
            relations += [
                Relation(name, label, ("article",), "entity", pages, f"{name}_of"),
                Relation(f"{name}_of", back, pages, "entity", ("article",), name),
            ]
    return relations


def _title(url: str) -> str:
    return unquote(url.rpartition("/wiki/")[2]).replace("_", " ")
