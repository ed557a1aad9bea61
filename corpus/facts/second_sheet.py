"""One page of the Factbook as rows, and how to state what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from corpus.facts.records import Statement, Value
from corpus.facts.second_naming import Names
from corpus.facts.second_tree import Row, rows
from corpus.records import Document


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page, its rows, and the names of all pages."""

    page: Document
    names: Names
    rows: tuple[Row, ...]

    def fields(self, field: str, item: str = "") -> list[Row]:
        """Rows under a field, or under a subfield ("a: b" is b under a)."""
        path = (field, *filter(None, item.split(": ")))
        return [row for row in self.rows if row.path[1:] == path and row.text]

    def newest(self, field: str) -> list[Row]:
        """Of subfields that are years the last one."""
        years = [row for row in self.rows if len(row.path) == 3 and row.path[1] == field and row.path[2].isdigit()]
        return sorted(years, key=lambda row: -int(row.path[2]))[:1]

    def say(self, relation: str, said: str | Value, start: int, end: int, amount: Value | None = None) -> Statement:
        """A statement about the page: `said` is a doc_id or a value."""
        me = self.page.doc_id
        if isinstance(said, Value):
            return Statement(me, relation, None, said, me, start, end, amount)
        return Statement(me, relation, said, None, me, start, end, amount)

    def words(self, relation: str, words: str, start: int, end: int, amount: Value | None = None) -> Statement:
        """The same of words."""
        return self.say(relation, Value("text", re.sub(r"\s+", " ", words).strip()), start, end, amount)


def sheet_of(page: Document, names: Names) -> Sheet:
    return Sheet(page, names, tuple(rows(page.text)))
