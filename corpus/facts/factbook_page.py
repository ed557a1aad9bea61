"""One page of the Factbook while it is read, and what its readers share."""

from __future__ import annotations

import re
from collections.abc import Iterator

from corpus.facts.factbook_relations import FACTBOOK_RELATIONS
from corpus.facts.fields import Line
from corpus.facts.names import Names
from corpus.facts.records import Statement, Value
from corpus.facts.values import first_number
from corpus.records import Document

_UNITS = {relation.name: relation.unit for relation in FACTBOOK_RELATIONS}
YEAR = re.compile(r"\((?:[^()]*?\b)?(\d{4})(?:-\d{2,4})?(?: est\.)?\)")
PLACE = re.compile(r"K2|[A-Z][^\s\d]*(?: (?!was\b|height\b|is\b)[^\s\d]+){0,7}")


class Page:
    """One page while it is read. By relation it keeps the year of which a number was taken, and where a list stands."""

    def __init__(self, document: Document, names: Names) -> None:
        self.document = document
        self.names = names
        self._newest: dict[str, str] = {}
        self._lists: dict[str, int] = {}

    def says(
        self, relation: str, start: int, end: int, *, value: Value | None = None, target: str | None = None,
        amount: Value | None = None,
    ) -> Iterator[Statement]:  # fmt: skip
        """One statement about the page's land, with characters of the page; none where it would be about itself."""
        doc_id = self.document.doc_id
        if target != doc_id:
            yield Statement(doc_id, relation, target, value, doc_id, start, end, amount)

    def is_list(self, relation: str, line: Line) -> bool:
        """Whether the list stands on this line: the first with an item. Later ones tell of parts, or tell it again."""
        return self._lists.setdefault(relation, line.start) == line.start

    def number(self, relation: str, line: Line, text: str, *, newest: bool = False) -> Iterator[Statement]:
        """The number that a line begins with; of a relation with a line for each year the first year's alone."""
        if newest and self._newest.setdefault(relation, line.item) != line.item:
            return  # the years of a field come newest first
        found = first_number(text, _UNITS[relation])
        if found is None or found[0].number is None:
            return
        value, start, end = found
        year = YEAR.search(text, end)
        if year and year.start() - end < 40:
            end = year.end()
        dated = Value("number", value.text, value.number, value.unit, year[1] if year else None)
        yield from self.says(relation, line.start + start, line.start + end, value=dated)


def blanked(text: str) -> str:
    """The text with brackets and what is in them as blanks, so that places stay."""
    return re.sub(r"\([^()]*\)", lambda match: " " * len(match[0]), text)
