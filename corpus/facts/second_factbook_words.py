"""What the Factbook's pages say in words: lists of names and goods, climates, seas, capitals, organisations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from corpus.facts.records import Statement, Value
from corpus.facts.second_factbook_table import (
    COMMON_LISTS,
    LEXICONS,
    NO_NAMES,
    PROPER_LISTS,
    QUANTITIES,
    SENTENCE_WORDS,
)
from corpus.facts.second_naming import number_value
from corpus.facts.second_sheet import Sheet
from corpus.facts.second_tree import Row, clauses

_REGION = re.compile(
    r"(?:(?:(?:North|South|East|West|Central|Middle|Northern|Southern|Eastern|Western|Southeastern|Southwestern|"
    r"Northeastern|Northwestern|Southeast|Southwest|south|north)[- ]?)+)?(?:Europe|Asia|Africa|America|Oceania|"
    r"Caribbean|Middle East|Balkans)"
)
_WATER = re.compile(
    r"(?:(?:North|South|East|West|Northern|Southern|Eastern|Western) )?(?:[A-Z][\w'’-]+ )*?"
    r"(?:Sea of [A-Z]\w+|Sea|Ocean|Gulf of [A-Z]\w+|Gulf|Bay of [A-Z]\w+|Bay|English Channel|Channel|"
    r"Strait of [A-Z]\w+|Strait)\b"
)
# field, subfield, what of its beginning counts, relation
_BEGINNINGS = (
    ("Government type", "", re.compile(r"[a-z][^;,(\d]*"), "government"),
    ("Legislative branch", "legislative structure", re.compile(r"[^\s;,]+"), "legislature_structure"),
    ("Internet country code", "", re.compile(r"\.\w+(?=$| \()"), "internet_domain"),
    ("Location", "", _REGION, "located_in"),
)


def stated_words(sheet: Sheet) -> Iterator[Statement]:
    """Statements of one page whose values are words."""
    for field, item, pattern, relation in _BEGINNINGS:
        for row in sheet.fields(field, item):
            match = pattern.match(row.text)
            if match:
                yield sheet.words(relation, match.group(), row.start, row.start + match.end())
    for relation, field, item in PROPER_LISTS:
        for row in [*sheet.fields(field), *(sheet.fields(field, item) if item else ())]:
            yield from _names_listed(row, relation, sheet)
    # The languages of a page with samples stand in a line of their own that begins with a dash and has no label.
    for match in re.finditer(r"^### Languages\n\n- (?![a-z-]+[^,]*: )(?P<list>.+)$", sheet.page.text, re.MULTILINE):
        row = Row(("", "Languages"), match["list"], match.start("list"))
        yield from _names_listed(row, "language", sheet)
    for relation, field in COMMON_LISTS:
        for row in sheet.fields(field):
            for item_ in clauses(row.text, row.start, marks=",;"):
                goods = _common(item_.name)
                if goods:
                    yield sheet.words(relation, goods, item_.start, item_.end)
    for row in sheet.fields("Location"):
        for match in re.finditer(r"bordering .*?(?=, (?:between|north|south|east|west|about)|$)", row.text):
            for water in _WATER.finditer(match.group()):
                at = row.start + match.start() + water.start()
                yield sheet.words("lies_on", water.group(), at, at + len(water.group()))
    for row in sheet.fields("Capital", "name"):
        for item_ in clauses(row.text, row.start, marks=";"):
            name = re.split(r"[,(]", item_.whole)[0].strip()
            if name and name[0].isupper():
                yield sheet.words("capital", name, item_.start, item_.start + len(name))
    for row in sheet.fields("International organization participation"):
        for item_ in clauses(row.text, row.start, marks=",;"):
            if not item_.inside and item_.name and not item_.name.startswith("none"):
                yield sheet.words("in_organisation", item_.name, item_.start, item_.end)
    yield from _of_lexicons(sheet)


def _of_lexicons(sheet: Sheet) -> Iterator[Statement]:
    for relation, field, lexicon in LEXICONS:
        for row in sheet.fields(field):
            for clause in clauses(row.text, row.start, marks=";,"):
                for match in re.finditer(r"[A-Za-z-]+", clause.whole):
                    word = match.group().lower()
                    if word in ("no", "not", "outside"):
                        break
                    if word in lexicon:
                        at = clause.start + match.start()
                        yield sheet.words(relation, lexicon[word], at, at + len(word))


def _names_listed(row: Row, relation: str, sheet: Sheet) -> Iterator[Statement]:
    for item in clauses(row.text, row.start, marks=",;"):
        share = re.search(r"(?P<rough>[<>~]|less than |about |over |approximately )?(?P<share>\d[\d.]*)%", item.name)
        name = re.sub(r"\s*[<>~]?\d[\d.]*(?:-[\d.]+)?%.*", "", item.name).strip()
        words = name.split()
        if not 1 <= len(words) <= 4 or not words[0][:1].isupper() or re.search(r"\d", name):
            continue
        if {word.lower() for word in words} & NO_NAMES or (relation == "ethnic_group" and sheet.names.page(name)):
            continue
        amount = number_value(float(share["share"]), "percent") if share and not share["rough"] else None
        yield sheet.say(relation, Value("text", name), item.start, item.end, amount)
        if relation == "language" and any(
            "official" in inside and not re.search(r"co-official|regional", inside) for inside in item.inside
        ):
            yield sheet.say("official_language", Value("text", name), item.start, item.end)


def _common(name: str) -> str:
    words = name.strip(" .").removeprefix("and ")
    if words.lower() in NO_NAMES:
        return ""
    for lead in sorted(QUANTITIES, key=len, reverse=True):
        if words.startswith(lead + " "):
            words = words[len(lead) + 1 :]
    parts = words.split()
    if not 1 <= len(parts) <= 3 or re.search(r"\d", words) or {part.lower() for part in parts} & SENTENCE_WORDS:
        return ""
    return words
