"""Sentences of a generated world with slots for names, numbers and dates.

A slot is written ‹k12›: a letter for its kind and its place in the list of slots; # is a number, @ a date. Pronouns and
words such as "the town" become slots of what the page speaks of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from corpus.facts.second_gazetteer import Gazetteer, Thing, short_forms
from corpus.facts.second_grammar import MONTHS
from corpus.records import Document, doc_id_of

KINDS = (
    "country", "region", "town", "river", "company", "university", "museum", "society", "person", "novel", "painting",
    "film", "opera", "event", "award", "paper", "product",
)  # fmt: skip
LETTERS: Mapping[str, str] = {kind: chr(ord("a") + at) for at, kind in enumerate(KINDS)}
SLOT = re.compile(r"‹([a-z#@])(\d+)›")
_MONTH = "|".join(MONTHS)
_DATE = re.compile(
    rf"(?P<d>\d{{1,2}}) (?P<m>{_MONTH}) (?P<y>\d{{4}})|(?P<m2>{_MONTH}) (?:(?P<d2>\d{{1,2}}), )?(?P<y2>\d{{4}})"
    r"|(?P<iso>\d{4}-\d\d(?:-\d\d)?)|(?<![\d.,-])(?P<year>[1-2]\d{3})(?![\d°]|[.,]\d)"
)
_NUMBER = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?")
_NAME_START = re.compile(r"(?<![^\W_])[^\W_]")


@dataclass(frozen=True, slots=True)
class Slot:
    """A name, number or date of a sentence. `doc_id` is "" where several things bear a name."""

    kind: str
    doc_id: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """`form` has slots in place of names; `slots` are what they stand for. Offsets into the page's text."""

    start: int
    end: int
    form: str
    slots: tuple[Slot, ...]


def date_of(text: str) -> str | None:
    """ISO 8601 of a date that stands at the beginning, as precise as written."""
    match = _DATE.match(text.strip())
    return _iso(match) if match else None


def number_of(text: str) -> str | None:
    """The first number of a text, without commas."""
    match = _NUMBER.search(text)
    return match.group().replace(",", "") if match else None


def names_in(page: Document, names: Gazetteer, topic: Thing | None) -> list[Slot]:
    """The names of a page, in order, without overlap: anchors first, then names in full, then short forms."""
    text = page.text
    taken: dict[int, Slot] = {}
    seen: dict[str, set[str]] = {}
    shorts: dict[str, set[str]] = {}

    def met(thing: Thing) -> None:
        for name in (thing.name, *thing.aliases):
            seen.setdefault(name, set()).add(thing.doc_id)
        for short in short_forms(thing):
            shorts.setdefault(short, set()).add(thing.doc_id)

    if topic:
        met(topic)
    for link in page.links:
        thing = names.things.get(doc_id_of(link.url))
        if thing and link.start is not None and link.end is not None:
            taken[link.start] = Slot(thing.kind, thing.doc_id, link.anchor, link.start, link.end)
            met(thing)
    at = 0
    for match in _NAME_START.finditer(text):
        start = match.start()
        if start < at:
            continue
        if start in taken:
            at = taken[start].end
            continue
        for name in names.candidates(text, start):
            bearers = set(names.bearers[name])
            known = bearers & seen.get(name, set())
            sure = bearers if len(bearers) == 1 else known
            if topic and topic.doc_id in bearers:
                sure = {topic.doc_id}
            doc_id = next(iter(sure)) if len(sure) == 1 else ""
            kind = names.things[doc_id or min(bearers)].kind
            taken[start] = Slot(kind, doc_id, name, start, start + len(name))
            if doc_id:
                met(names.things[doc_id])
            at = start + len(name)
            break
        else:
            short = _short_at(text, start, shorts)
            if short:
                bearers = shorts[short]
                own = topic.doc_id if topic and topic.doc_id in bearers else ""
                doc_id = own or (next(iter(bearers)) if len(bearers) == 1 else "")
                taken[start] = Slot(names.things[doc_id or min(bearers)].kind, doc_id, short, start, start + len(short))
                at = start + len(short)
    return [taken[start] for start in sorted(taken)]


def _short_at(text: str, at: int, shorts: Mapping[str, set[str]]) -> str | None:
    best = None
    for short in shorts:
        end = at + len(short)
        if text.startswith(short, at) and not text[end : end + 1].isalnum() and (not best or len(short) > len(best)):
            best = short
    return best


def sentences(text: str, names: list[Slot]) -> Iterator[Sentence]:
    """Cut a text at full stops and line ends outside names, and write slots for names, numbers and dates."""
    inside = [(slot.start, slot.end) for slot in names]
    cuts: list[int] = []
    at = 0
    for match in re.finditer(r"[.!?][”\"]?(?=\s)|\n+", text):
        while at < len(inside) and inside[at][1] <= match.start():
            at += 1
        if at < len(inside) and inside[at][0] <= match.start() < inside[at][1]:
            continue
        cuts.append(match.end())
    start = 0
    for end in [*cuts, len(text)]:
        stop = start + len(text[start:end].rstrip())
        begin = start + len(text[start:end]) - len(text[start:end].lstrip())
        if begin < stop:
            within = [slot for slot in names if begin <= slot.start < stop]
            yield _formed(text, begin, stop, within)
        start = end


def _formed(text: str, start: int, end: int, names: list[Slot]) -> Sentence:
    parts: list[str] = []
    slots: list[Slot] = []

    def plain(begin: int, stop: int) -> None:
        at = begin
        while at < stop:
            date, number = _DATE.search(text, at, stop), _NUMBER.search(text, at, stop)
            first = date if date and (not number or date.start() <= number.start()) else number
            if not first:
                break
            parts.append(text[at : first.start()])
            sign, said = ("@", _iso(first)) if first is date else ("#", first.group().replace(",", ""))
            parts.append(f"‹{sign}{len(slots)}›")
            slots.append(Slot(sign, "", said, first.start(), first.end()))
            at = first.end()
        parts.append(text[at:stop])

    at = start
    for slot in names:
        plain(at, slot.start)
        parts.append(f"‹{LETTERS[slot.kind]}{len(slots)}›")
        slots.append(slot)
        at = slot.end
    plain(at, end)
    form = re.sub(r"[*“”]", "", "".join(parts))
    form = re.sub(r"\b[Tt]he (?=‹[a-z])", "", form)
    return Sentence(start, end, form, tuple(slots))


def _iso(match: re.Match[str]) -> str:
    if match["iso"] or match["year"]:
        return match["iso"] or match["year"]
    month = MONTHS.index(match["m"] or match["m2"]) + 1
    day = match["d"] or match["d2"]
    return f"{match['y'] or match['y2']}-{month:02}" + (f"-{int(day):02}" if day else "")
