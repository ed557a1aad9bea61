"""What the Factbook's pages say in words: lists of names and goods, climates, seas, capitals, organisations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from corpus.facts.records import Statement, Value
from corpus.facts.second_factbook_table import (
    COMMON_LISTS,
    LEXICONS,
    NO_GOODS,
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
    r"Northeastern|Northwestern|Southeast|Southwest|south|north|eastern|western)[- ]?)+)?"
    r"(?:Europe|Asia|Africa|America|Oceania|Caribbean|Middle East|Balkans)"
)
_WATER = re.compile(
    r"(?:(?:North|South|East|West|Northern|Southern|Eastern|Western) )?(?:[A-Z][\w'’-]+ )*?"
    r"(?:Sea of [A-Z]\w+|Sea|Ocean|Gulf of [A-Z]\w+|Gulf|Bay of [A-Z]\w+|Bay|English Channel|Channel|"
    r"Strait of [A-Z]\w+|Strait)\b|Kattegat|Skagerrak"
)
_SHARE = re.compile(
    r"(?P<rough>[<>~] ?|(?:less than|more than|about|over|approximately|at least|nearly|almost|up to) )?"
    r"(?P<share>\d*\.?\d+)(?P<to>-\d*\.?\d+)?%"
)
# field, subfield, what of its beginning counts, relation
_BEGINNINGS = (
    ("Government type", "", re.compile(r"[a-z][^;,(\d]{3,70}(?=[;(]|$)"), "government"),
    ("Legislative branch", "legislative structure", re.compile(r"[^\s;,]+"), "legislature_structure"),
    ("Internet country code", "", re.compile(r"\.\w+(?=$| \()"), "internet_domain"),
    ("Location", "", _REGION, "located_in"),
)


def stated_words(sheet: Sheet) -> Iterator[Statement]:
    """Statements of one page whose values are words."""
    for field, item, pattern, relation in _BEGINNINGS:
        for row in sheet.fields(field, item)[:1]:
            match = pattern.match(row.text)
            if match:
                yield sheet.words(relation, match.group(), row.start, row.start + match.end())
    for relation, field, item in PROPER_LISTS:
        rows = [*sheet.fields(field), *(sheet.fields(field, item) if item else ())]
        yield from _first_of(list(_names_listed(row, relation, sheet)) for row in rows)
    for relation, field in COMMON_LISTS:
        yield from _first_of(list(_goods_listed(row, relation, sheet)) for row in sheet.fields(field))
    for row in sheet.fields("Location"):
        for match in re.finditer(r"bordering .*?(?=, (?:between|north|south|east|west|about)|$)", row.text):
            for water in _WATER.finditer(match.group()):
                at = row.start + match.start() + water.start()
                yield sheet.words("lies_on", water.group(), at, at + len(water.group()))
    for row in sheet.fields("Capital", "name"):
        for item_ in clauses(row.text, row.start, marks=";"):
            name = re.split(r"[,(]| is the ", item_.whole)[0].strip()
            if name and name[0].isupper():
                yield sheet.words("capital", name, item_.start, item_.start + len(name))
    for row in sheet.fields("International organization participation"):
        for item_ in clauses(row.text, row.start, marks=",;"):
            name = item_.name.split(": ")[-1]
            if not item_.inside and name and not name.startswith("none"):
                yield sheet.words("in_organisation", name, item_.end - len(name), item_.end)
    yield from _of_lexicons(sheet)


def _of_lexicons(sheet: Sheet) -> Iterator[Statement]:
    for relation, field, lexicon in LEXICONS:
        for row in sheet.fields(field):
            for clause in clauses(row.text, row.start, marks=";,"):
                for word, begin in _words_of(clause.whole, lexicon):
                    if word in ("no", "not", "outside"):
                        break
                    if word in lexicon:
                        at = clause.start + begin
                        yield sheet.words(relation, lexicon[word], at, at + len(word))


def _words_of(text: str, lexicon: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Words in lower case and their places, two as one where the lexicon has them.

    A compound is one word, but for "flat-to-rolling" and "monsoonal-type", which have the words in them.
    """
    tokens = [(match.group().lower(), match.start()) for match in re.finditer(r"[A-Za-z]+(?:-[A-Za-z]+)*", text)]
    for number, (token, start) in enumerate(tokens):
        pair = " ".join(word for word, _ in tokens[number : number + 2])
        parts = token.split("-")
        if pair in lexicon and text[start : start + len(pair)].lower() == pair:
            yield pair, start
        elif token in lexicon or not {"to", "like", "type"} & set(parts[1:]):
            yield token, start
        else:
            for match in re.finditer(r"[a-z]+", token):
                yield match.group(), start + match.start()


def _first_of(lists: Iterable[list[Statement]]) -> list[Statement]:
    """What the first row that lists anything says: later ones speak of parts of the land, or of other years."""
    return next((found for found in lists if found), [])


def _goods_listed(row: Row, relation: str, sheet: Sheet) -> Iterator[Statement]:
    for item in clauses(row.text, row.start, marks=",;"):
        goods = _common(item.name)
        if goods:
            yield sheet.words(relation, goods, item.start, item.end)


def _names_listed(row: Row, relation: str, sheet: Sheet) -> Iterator[Statement]:
    for item in clauses(row.text, row.start, marks=",;"):
        named = re.sub(r"^[^:]*: ", "", item.name)
        share = _SHARE.search(named)
        name = (named[: share.start()] if share else named).strip(" .")
        words = re.split(r"[ /]", name)
        if not 1 <= len(words) <= 4 or not words[0][:1].isupper() or not re.fullmatch(r"[^\W\d][^\d:;<>%]*", name):
            continue
        words += re.split(r"[ /-]", name)
        if {word.lower() for word in words} & NO_NAMES or (relation == "ethnic_group" and sheet.names.page(name)):
            continue
        exact = share and not share["rough"] and not share["to"]
        amount = number_value(float(share["share"]), "percent") if share and exact else None
        yield sheet.say(relation, Value("text", name), item.start, item.end, amount)
        if relation == "language" and any(
            re.search(r"\bofficial\b", inside) and not re.search(r"co-official|regional", inside)
            for inside in item.inside
        ):
            yield sheet.say("official_language", Value("text", name), item.start, item.end)


def _common(name: str) -> str:
    words = re.sub(r"^[^:]*: | \d[\d.]*%$", "", name.strip(" .")).removeprefix("and ")
    if words.lower() in NO_NAMES:
        return ""
    for lead in sorted(QUANTITIES, key=len, reverse=True):
        if words.startswith(lead + " "):
            words = words[len(lead) + 1 :]
    words = re.sub(r"^(?:\w+ )?(?:deposits|reserves|amounts|quantities) of ", "", words)
    parts = words.split()
    if not 1 <= len(parts) <= 3 or re.search(r"\d", words):
        return ""
    if {part.lower() for part in parts} & (SENTENCE_WORDS | NO_GOODS):
        return ""
    return words
