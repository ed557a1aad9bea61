"""Labelled rows of a generated world's pages: what they state, and the vocabularies that they and definitions teach."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from corpus.facts.records import Statement, Value
from corpus.facts.second_gazetteer import Gazetteer, Thing
from corpus.facts.second_grammar import ROWS, TERMS, Kinds
from corpus.facts.second_sentences import Slot, date_of, number_of
from corpus.records import Document
from corpus.world.schema import RELATIONS

_DEFINITION = re.compile(
    r"(?: is| was|,) (?:the |an? )(?P<noun>[a-z][a-z' -]*?)(?= of | that | with | who | whose | for |[.,])"
)


@dataclass(slots=True)
class Words:
    """Vocabularies that labelled rows and definitions teach: {relation: terms}, and what products are called."""

    terms: dict[str, set[str]] = field(default_factory=dict)
    nouns: dict[str, Kinds] = field(default_factory=dict)


def stated_in_rows(page: Document, names: list[Slot], topic: Thing | None, known: Gazetteer) -> Iterator[Statement]:
    header: list[str] = []
    for match in re.finditer(r"^\|(.*)\|$", page.text, re.MULTILINE):
        cells = list(_cells(page.text, match))
        if set(match[1]) <= set("-| "):
            continue
        if cells[0][0].lower() == "name":
            header = [text.lower() for text, _, _ in cells]
            continue
        if header and len(cells) == len(header):
            subject = next((slot for slot in names if cells[0][1] <= slot.start < cells[0][2] and slot.doc_id), None)
            labelled = [(label, cell) for label, cell in zip(header[1:], cells[1:], strict=True)] if subject else []
            owner = subject.doc_id if subject else ""
        else:
            labelled = [(cells[0][0].lower(), cells[1])] if len(cells) == 2 else []
            owner = topic.doc_id if topic else ""
        for label, (text, start, end) in labelled:
            relation = ROWS.get(label)
            if not relation or not text or not owner:
                continue
            schema = RELATIONS[relation]
            if known.things[owner].kind not in schema.subject_kinds:
                continue
            span = (start, end) if header else match.span()
            if schema.value_kind == "entity":
                for slot in names:
                    if start <= slot.start < end and slot.doc_id and slot.kind in schema.object_kinds:
                        yield Statement(owner, relation, slot.doc_id, None, page.doc_id, *span)
                continue
            value = row_value(relation, text)
            if value:
                yield Statement(owner, relation, None, value, page.doc_id, *span)


def row_value(relation: str, text: str) -> Value | None:
    """The value of a cell, as its relation takes it."""
    kind = RELATIONS[relation].value_kind
    if kind == "number":
        number = number_of(text)
        return number_value(relation, number) if number else None
    if kind == "date":
        date = date_of(text)
        return Value("date", date, date=date) if date else None
    return Value("text", text)


def number_value(relation: str, digits: str) -> Value:
    """A number in its relation's unit."""
    unit = RELATIONS[relation].unit
    plain = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return Value("number", f"{plain} {unit}".strip(), float(digits), unit)


def _cells(text: str, row: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    at = row.start(1)
    for cell in row[1].split("|"):
        start = at + len(cell) - len(cell.lstrip())
        yield cell.strip(), start, start + len(cell.strip())
        at += len(cell) + 1


def vocabulary(documents: Sequence[Document], names: Gazetteer) -> Words:
    words = Words()
    learned = {relation for relation, _, _ in TERMS}
    for page in documents:
        thing = names.things.get(page.doc_id)
        header: list[str] = []
        for match in re.finditer(r"^\|(.*)\|$", page.text, re.MULTILINE):
            cells = [cell.strip() for cell in match[1].split("|")]
            header = [cell.lower() for cell in cells] if cells[0] == "Name" else header
            pairs = zip(header, cells, strict=False) if header else [(cells[0].lower(), cells[1])]
            for label, cell in pairs:
                if ROWS.get(label) in learned and cell and cell.lower() != label:
                    words.terms.setdefault(ROWS[label], set()).add(cell)
        if thing and thing.kind in ("product", "person", "novel", "painting", "film", "opera"):
            found = next(_definitions(page.text, thing.name), None)
            if found:
                noun = found["noun"]
                if thing.kind == "product":
                    words.nouns[noun] = ("product",)
                elif thing.kind == "person":
                    words.terms.setdefault("occupation", set()).add(noun)
                else:
                    words.terms.setdefault("genre", set()).add(noun)
    for occupation in words.terms.get("occupation", ()):
        words.nouns[occupation] = ("person",)
    for genre in words.terms.get("genre", ()):
        words.nouns.setdefault(genre, ("novel", "painting", "film", "opera"))
    return words


def _definitions(text: str, name: str) -> Iterator[re.Match[str]]:
    plain = text.replace("*", "")
    for match in re.finditer(re.escape(re.sub(r" \(.*\)$", "", name)), plain):
        found = _DEFINITION.match(plain, match.end())
        if found:
            yield found


def term_patterns(words: Words) -> dict[str, re.Pattern[str]]:
    patterns = {}
    for relation, _, template in TERMS:
        terms = sorted(words.terms.get(relation, ()), key=lambda term: (-len(term), term))
        listed = "(" + "|".join(map(re.escape, terms)) + r")(?![\w-])"
        # Rows of countries are too few to teach what currencies there are.
        said = r"([A-Z]\w+ [a-z]+)" if relation == "currency" else listed
        if terms or relation == "currency":
            patterns[relation] = re.compile(template.replace("{W}", said))
    return patterns
