"""The Factbook's pages, read as trees of labelled rows with lists in brackets: numbers, places, other countries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from corpus.facts.reading import Reading
from corpus.facts.records import Entity, Statement, Value
from corpus.facts.second_factbook_table import NUMBERS, RELATIONS
from corpus.facts.second_factbook_words import stated_words
from corpus.facts.second_naming import Names, number_in, number_value, one_spelling
from corpus.facts.second_sentences import date_of
from corpus.facts.second_sheet import Sheet, sheet_of
from corpus.facts.second_tree import Row, clauses, rows
from corpus.records import Document

_COORDINATES = re.compile(r"(\d+) (\d+)(?: (\d+))? ([NS]), ?(\d+) (\d+)(?: (\d+))? ([EW])")
_STATUS = re.compile(
    r"(?i:territory|territories|collectivity|dependency|part|country|countries|area|division|commonwealth|land|"
    r"possession|sovereignty|department|region)s?,? (?:of|with|within) (?:the )?(?:Kingdom of (?:the )?)?"
    r"(?P<name>[A-Z].*)"
)


def read_factbook_pages(documents: Sequence[Document]) -> Reading:
    """Read every page of the Factbook."""
    names = Names(documents)
    sheets = [sheet_of(page, names) for page in documents]
    statements = [
        said
        for sheet in sheets
        for part in (_numbers, _neighbours, _history, _shared_waters, _places, stated_words)
        for said in part(sheet)
    ]
    entities = {page.doc_id: Entity(page.doc_id, page.title, _kind(page), names.of(page.doc_id)) for page in documents}
    return Reading(entities, RELATIONS, one_spelling(statements), {}, frozenset(entities))


def _numbers(sheet: Sheet) -> Iterator[Statement]:
    for relation, field, item, unit in NUMBERS:
        for row in sheet.newest(field) if item == "YYYY" else sheet.fields(field, item):
            value = number_in(row.text, unit)
            if value:
                yield sheet.say(relation, value, row.start, row.end)


def _neighbours(sheet: Sheet) -> Iterator[Statement]:
    for row in sheet.fields("Land boundaries", "border countries") if sheet.page.title != "European Union" else ():
        found = [
            (other, match)
            for match in re.finditer(r"(?P<name>[A-Z][^\d;]*?),? (?P<km>\d[\d,.]*) km", _unbracketed(row.text))
            if (other := sheet.names.page(re.sub(r"^(?:.*,|and) ", "", match["name"].strip())))
            and other != sheet.page.doc_id
        ]
        parts = Counter(other for other, _ in found)
        for other, match in found:
            start, end = row.start + match.start(), row.start + match.end()
            # A border in two parts has two lengths, and neither is its own.
            length = number_in(match["km"], "km") if parts[other] == 1 else None
            yield sheet.say("borders", other, start, end, length)
    for relation, field in (("exports_to", "Exports - partners"), ("imports_from", "Imports - partners")):
        for row in sheet.fields(field):
            year = re.search(r"\((\d{4})", row.text)
            for item in clauses(row.text, row.start, marks=",;"):
                share = re.match(r"(.+?) ([\d.]+)%", item.name)
                other = sheet.names.page(share[1]) if share else None
                if share and other and float(share[2]) > 0:
                    amount = number_value(float(share[2]), "percent", year[1] if year else None)
                    yield sheet.say(relation, other, item.start, item.end, amount)


def _history(sheet: Sheet) -> Iterator[Statement]:
    for row in sheet.fields("Independence")[:1]:
        yield from _independence(row, sheet)
    for row in sheet.fields("Dependency status")[:1]:
        clause = next(clauses(row.text, row.start, marks=";"))
        status = _STATUS.search(clause.whole)
        other = sheet.names.first_page(status["name"]) if status else None
        # "British crown dependency", "a special form of UK overseas territory"
        if not other and re.search(r"\bBritish\b|\bUK\b", clause.whole):
            other = sheet.names.page("United Kingdom")
        if other:
            yield sheet.say("dependency_of", other, clause.start, clause.end)


def _shared_waters(sheet: Sheet) -> Iterator[Statement]:
    for row in sheet.fields("Major rivers (by length in km)"):
        yield from _waters(row, "shares_river_with", "river", sheet)
    for kind in ("fresh water lake(s)", "salt water lake(s)"):
        for row in sheet.fields("Major lakes (area sq km)", kind):
            yield from _waters(row, "shares_lake_with", "lake", sheet)


def _places(sheet: Sheet) -> Iterator[Statement]:
    for which in ("highest", "lowest"):
        for row in sheet.fields("Elevation", f"{which} point"):
            yield from _point(row, which, sheet)
    for prefix, places in (
        ("", sheet.fields("Geographic coordinates")),
        ("capital_", sheet.fields("Capital", "geographic coordinates")),
    ):
        for row in places[:1]:
            match = _COORDINATES.match(row.text)  # a label before it would say whose part it is
            for name, at, minus in (("latitude", 1, "S"), ("longitude", 5, "W")) if match else ():
                assert match
                degrees = int(match[at]) + int(match[at + 1]) / 60 + int(match[at + 2] or 0) / 3600
                value = number_value(round(-degrees if match[at + 3] == minus else degrees, 4), "degrees")
                yield sheet.say(prefix + name, value, row.start + match.start(), row.start + match.end())


def _independence(row: Row, sheet: Sheet) -> Iterator[Statement]:
    clause = next(clauses(row.text, row.start, marks=";"))
    date = date_of(clause.name)
    inside = " ".join(clause.inside)
    if (
        date
        and re.match(r"\d", clause.name)
        and (not inside or re.search(r"^from\b|independ|declar|proclaim|recogni|sovereign", inside))
    ):
        yield sheet.say("independence", Value("date", date, date=date), clause.start, clause.end)
    match = re.search(r"\(from (?:the )?(?P<name>[A-Z].*?)[),;]", clause.whole + ")")
    if match:
        start = clause.start + match.start("name")
        powers = 0
        for part in re.finditer(r"(?:(?!,? and |, ).)+", match["name"]):
            power = re.sub(r"^(?:,? ?and |, )?(?:the )?", "", part.group())
            other = sheet.names.page(power) or sheet.names.first_page(power)
            if not other:
                break
            powers += 1
            at = start + part.end() - len(power)
            yield sheet.say("independent_from", other, at, at + len(power))
        if not powers and re.fullmatch(r"(?:(?:[A-Z][\w-]*\w)(?: (?:of|and))? ?){1,5}", match["name"]):
            yield sheet.say("former_state", Value("text", match["name"]), start, start + len(match["name"]))


def _waters(row: Row, relation: str, thing: str, sheet: Sheet) -> Iterator[Statement]:
    for item in clauses(row.text, row.start, marks=";"):
        shared = re.search(r"\((?:[\w ]+ )?shared with (?P<names>(?:[^()]|\([^()]*\))*)\)", item.whole)
        if shared:
            at = item.start + shared.start("names")
            for other in re.finditer(r"(?:(?!, | and |, and )[^\[\]])+(?:\[[sm]\])?", shared["names"]):
                page = sheet.names.page(re.sub(r"\[.\]", "", other.group()).removeprefix("and ").removeprefix(", "))
                if page:
                    yield sheet.say(relation, page, at + other.start(), at + other.end())
        if sheet.page.title == "World":
            continue
        match = re.match(r"(?P<own>[^(]+?)(?: \((?P<also>(?!shared)[A-Z][^()]*)\))?"
            r"(?: river| source| mouth| and| \[[sm/]+\])*"
                         r"\*?(?= \(| [-–] | \d[\d,]* sq|$)", item.whole)  # fmt: skip
        if match and match["own"][0].isupper():
            said = match["also"] or match["own"]
            said = re.sub(r" river\b.*$", "", said).strip()
            amount = re.search(r"(?:[-–]|(?<=[a-z])) ([\d,]+)(?![\d,-])", item.whole)
            yield sheet.say(thing, Value("text", said), item.start, item.end,
                      number_in(amount[1], "km" if thing == "river" else "km2") if amount else None)  # fmt: skip


def _point(row: Row, which: str, sheet: Sheet) -> Iterator[Statement]:
    said = _unbracketed(row.text).split(";")[0]
    # Greedy: before the height there may be distances ("200 m NNW of lighthouse 85 m").
    match = re.match(r"(?:(?P<name>.*)\s)?(?P<height>-?\d[\d,]*(?:\.\d+)?)(?: m\b|\s*$)", said)
    if match:
        name = re.sub(r"\s+", " ", match["name"] or "").strip(" ,-")
        rough = re.search(r" (?:more|less) than$", name)
        height = None if rough else number_in(match["height"], "m")
        name = name[: rough.start()] if rough else name
        if name[:1].isupper() and len(name.split()) <= 8 and not re.search(r"(?<!\S)\d| (?:was|is|height)\b", name):
            yield sheet.say(f"{which}_point", Value("text", name), row.start, row.start + match.end(), height)
        if height:
            yield sheet.say(f"{which}_elevation", height, row.start, row.start + match.end())


def _unbracketed(text: str) -> str:
    """The text with brackets and what is in them as blanks, so that places stay."""
    return re.sub(r"\([^()]*\)", lambda match: " " * len(match.group()), text)


def _kind(page: Document) -> str:
    if page.title in ("World", "European Union"):
        return "world" if page.title == "World" else "union"
    found = {row.path[1]: row.text for row in rows(page.text) if len(row.path) == 2}
    dependent = "Dependency status" in found or found.get("Independence", "none").startswith("none")
    return "territory" if dependent else "country"
