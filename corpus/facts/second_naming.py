"""Names of the Factbook's pages, its numbers, and one spelling for each of its words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from corpus.facts.records import Statement, Value
from corpus.facts.second_tree import rows
from corpus.records import Document, doc_id_of

_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_AMOUNT = re.compile(
    r"(?P<number>-?\$?-?\d[\d,]*(?:\.\d+)?|-?\$?\.\d+)(?: (?P<scale>thousand|million|billion|trillion))?"
)


class Names:
    """Pages by what other pages call them: titles, stated forms, anchors that always lead to one page."""

    def __init__(self, documents: Sequence[Document]) -> None:
        bearers: dict[str, set[str]] = {}
        self.titles = {page.doc_id: page.title for page in documents}
        for page in documents:
            bearers.setdefault(page.title, set()).add(page.doc_id)
            for row in rows(page.text):
                if row.path[1:2] == ("Country name",) and row.path[-1] in _FORMS:
                    for name in re.split(r"; |/", re.sub(r" \([^)]*\)", "", row.text)):
                        if name.strip() and not name.startswith("none"):
                            bearers.setdefault(name.strip(), set()).add(page.doc_id)
        anchors: dict[str, set[str]] = {}
        for page in documents:
            for link in page.links:
                target = doc_id_of(link.url)
                if target in self.titles:
                    anchors.setdefault(link.anchor, set()).add(target)
        for name, pages in anchors.items():
            bearers.setdefault(name, pages)
        self._pages = {name: next(iter(pages)) for name, pages in bearers.items() if len(pages) == 1}

    def page(self, name: str) -> str | None:
        name = re.sub(r"\s+", " ", name.replace("&", "and")).strip(" .,")
        found = self._pages.get(name) or self._pages.get(name.removeprefix("the ").removeprefix("The "))
        return found or self._pages.get(f"The {name}")

    def first_page(self, words: str) -> str | None:
        """The page that the longest beginning of the words names."""
        parts = re.findall(r"[\w.&'’-]+", words)
        for count in range(min(6, len(parts)), 0, -1):
            page = self.page(" ".join(parts[:count]))
            if page:
                return page
        return None

    def of(self, doc_id: str) -> tuple[str, ...]:
        return tuple(sorted(name for name, page in self._pages.items() if page == doc_id and name != self.titles[page]))


_FORMS = ("conventional long form", "conventional short form", "local short form", "abbreviation")


def number_in(text: str, unit: str, *, at_start: bool = True) -> Value | None:
    """A number with its scale, and the year in brackets behind it."""
    match = _AMOUNT.match(text) if at_start else _AMOUNT.search(text)
    if not match:
        return None
    # Decimal, for 2.083 times a billion is no whole number in floating point.
    number = float(Decimal(match["number"].replace(",", "").replace("$", "")) * _SCALES.get(match["scale"], 1))
    year = re.search(r"\((\d{4})(?: est\.)?\)", text)
    return number_value(number, unit, year[1] if year else None)


def number_value(number: float, unit: str, date: str | None = None) -> Value:
    digits = f"{number:.8f}".rstrip("0").rstrip(".")
    digits = "0" if digits == "-0" else digits
    return Value("number", f"{digits} {unit}".strip(), float(digits), unit, date)


def one_spelling(statements: list[Statement]) -> list[Statement]:
    """Of spellings that differ in case or a plural s, the commonest; of two the first in order."""

    def key(text: str) -> str:
        return " ".join(word.removesuffix("s") for word in text.lower().split())

    counts: dict[tuple[str, str], Counter[str]] = {}
    for said in statements:
        if said.value and said.value.kind == "text":
            counts.setdefault((said.relation, key(said.value.text)), Counter())[said.value.text] += 1
    best = {name: min(found, key=lambda text: (-found[text], text)) for name, found in counts.items()}
    return [
        replace(said, value=Value("text", best[said.relation, key(said.value.text)]))
        if said.value and said.value.kind == "text"
        else said
        for said in statements
    ]
