"""Facts of the Factbook's pages: what each field says, and which words say it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from corpus.facts.factbook_lists import list_items, split_outside
from corpus.facts.factbook_relations import CLIMATES, FACTBOOK_RELATIONS, HAZARDS, LIST_FIELDS, NUMBER_FIELDS, TERRAINS
from corpus.facts.fields import Line, field_lines
from corpus.facts.names import Names
from corpus.facts.records import Entity, Statement, Value
from corpus.facts.values import date_value, first_number, number_value, text_value, without_brackets
from corpus.records import Document
from corpus.scoring.dates import find_dates
from corpus.sources.factbook import BASE

_LENGTHS = {"km": "km", "km2": "sq km"}
_UNITS = {relation.name: relation.unit for relation in FACTBOOK_RELATIONS}
_OWN_NAME = re.compile(r"^- (?:conventional (?:long|short) form|local short form|abbreviation): (.+)$", re.MULTILINE)
_OWN_INDEPENDENCE = re.compile(r"^(?:### Independence\n+|Independence: )(.+)$", re.MULTILINE)
_OWN_DEPENDENCY = re.compile(r"^(?:### )?Dependency status\b", re.MULTILINE)
_YEAR = re.compile(r"\((?:[^()]*?\b)?(\d{4})(?:-\d{2,4})?(?: est\.)?\)")
_COORDINATES = re.compile(r"(\d{1,2})(?: (\d{2}))? ([NS]), (\d{1,3})(?: (\d{2}))? ([EW])\b")
_PLACE = re.compile(r"K2|[A-Z][^\s\d]*(?: (?!was\b|height\b|is\b)[^\s\d]+){0,7}")
_AMOUNT = re.compile(r"(?P<number>\d[\d,]*(?:\.\d+)?) (?P<unit>sq km|km)\b")
_PARTNER = re.compile(r"(?P<name>[^,;()%]+?(?:\([^()]*\))?) (?P<share>\d+(?:\.\d+)?)%")
_POINT = re.compile(r"(?P<name>(?:K2|[^\d;()]|\([^()]*\))+?),? (?P<number>-?\d[\d,.]*)(?: m\b(?! ?/)|$)")
_WATERS = re.compile(
    r"(?:[A-Z][\w'’-]+ )*(?:Sea|Ocean|Gulf|Bay|Channel|Straits?)(?: of [A-Z][\w-]+)?"
    r"|(?:Gulf|Bay|Sea|Strait) of (?:[A-Z][\w-]+ ?)+|Skagerrak|Mozambique Channel"
)
_BORDERING = re.compile(r"\bbordering (?P<waters>.+?)(?=, (?:between|north|south|east|west)|;|, and bordering|$)")
_REGION = re.compile(
    r"(?:(?:Central|Eastern|Western|Northern|Southern|Southeastern|Southwestern|Northeastern|Northwestern|South|North"
    r"|Middle|Southeast|Southwest|Northwest|Northeast|West|East) )*"
    r"(?:Europe|Asia|Africa|America|Oceania|Caribbean|Middle East|Balkans)\b"
)
_SHARED = re.compile(
    r"(?P<name>[^;()]+?)(?: \((?!shared with )(?P<other>[^()]+)\))?"
    r"(?P<part> river (?:source|mouth)(?: and (?:source|mouth))?)?"
    r"(?: \(shared with (?P<with>(?:[^()\[\]]|\[[sm]\]|\([^()]*\))*)\))? ?[-–]? ?"
    r"(?P<number>[\d,]+(?:\.\d+)?) (?P<unit>sq km|km)\b"
)
_INDEPENDENCE = re.compile(r"^from\b|independen|proclaim|declar|recogni[sz]ed|sovereign")
_DEPENDENCY = re.compile(
    r"(?:territor(?:y|ies)|collectivity|department|division|dependency|region|country|commonwealth|part|countries"
    r"|islands?|area)\b[^;.]{0,60}? of (?:the )?(?:Kingdom of (?:the )?|People's Republic of )?$",
    re.IGNORECASE,
)


def is_factbook_page(document: Document) -> bool:
    return document.url.startswith(BASE)


def factbook_entity(document: Document, aliases: Sequence[str]) -> Entity:
    """A country, a territory (it says on whom it depends), the union, or the World. `aliases` are what links say."""
    names = dict.fromkeys([*_OWN_NAME.findall(document.text), *aliases])
    names.pop(document.title, None)
    names.pop("none", None)
    return Entity(document.doc_id, document.title, _kind(document), tuple(names))


def _kind(document: Document) -> str:
    if document.title in ("World", "European Union"):
        return "world" if document.title == "World" else "union"
    independence = _OWN_INDEPENDENCE.search(document.text)
    depends = _OWN_DEPENDENCY.search(document.text) or independence is None or independence[1].startswith("none")
    return "territory" if depends else "country"


def _lines(document: Document) -> Iterator[tuple[Line, str]]:
    for line in field_lines(document.text):
        yield line, document.text[line.start : line.end]


def factbook_statements(document: Document, names: Names) -> Iterator[Statement]:
    """Everything the page says of its subject, in the order of the page."""
    page = _Page(document, names)
    for line, text in _lines(document):
        if line.item == "note" or (line.item and not line.first):
            continue
        for number in _NUMBERS_OF.get(line.field, ()):
            if number.newest and re.fullmatch(r"\d{4}", line.item):
                yield from page.number(number.relation, line, text, newest=True)
            elif not number.newest and line.item == number.item and line.first:
                yield from page.number(number.relation, line, text)
        reader = _READERS.get((line.field, line.item))
        if reader is not None:
            yield from reader(page, line, text)


class _Page:
    """One page while it is read. `newest` keeps the years of which a number was taken, by relation."""

    def __init__(self, document: Document, names: Names) -> None:
        self.document = document
        self.names = names
        self._newest: dict[str, str] = {}

    def says(
        self, relation: str, start: int, end: int, *, value: Value | None = None, target: str | None = None,
        amount: Value | None = None,
    ) -> Iterator[Statement]:  # fmt: skip
        doc_id = self.document.doc_id
        if target != doc_id:
            yield Statement(doc_id, relation, target, value, doc_id, start, end, amount)

    def number(self, relation: str, line: Line, text: str, *, newest: bool = False) -> Iterator[Statement]:
        if newest and self._newest.setdefault(relation, line.item) != line.item:
            return  # the years of a field come newest first
        found = first_number(text, _UNITS[relation])
        if found is None or found[0].number is None:
            return
        value, start, end = found
        year = _YEAR.search(text, end)
        if year and year.start() - end < 40:
            end = year.end()
        dated = Value("number", value.text, value.number, value.unit, year[1] if year else None)
        yield from self.says(relation, line.start + start, line.start + end, value=dated)


def _borders(page: _Page, line: Line, text: str) -> Iterator[Statement]:
    """Each name with the length behind it, whatever stands between two of them: a comma is written for a semicolon.

    A name in brackets says which part of the land before it is meant. A border in two parts has no length of its own.
    The European Union lists the neighbours of its members, which are none of its own.
    """
    if page.document.title == "European Union":
        return
    found = [name for name in page.names.find(text) if text.count("(", 0, name[0]) == text.count(")", 0, name[0])]
    if not found:
        return
    targets = [target for _, _, target in found]
    for (start, end, target), after in zip(found, [*(start for start, _, _ in found[1:]), len(text)], strict=True):
        amount = _AMOUNT.search(text, end, after)
        if amount and amount["unit"] == "km":
            length = number_value(Fraction(amount["number"].replace(",", "")), "km")
            whole = length if targets.count(target) == 1 else None
            yield from page.says("borders", line.start + start, line.start + amount.end(), target=target, amount=whole)


def _partners(relation: str) -> Callable[[_Page, Line, str], Iterator[Statement]]:
    def read(page: _Page, line: Line, text: str) -> Iterator[Statement]:
        year = _YEAR.search(text)
        for match in _PARTNER.finditer(text):
            start = match.start() + len(match["name"]) - len(match["name"].lstrip())
            target = page.names.exact(match["name"].strip())
            if target is not None and float(match["share"]) > 0:
                share = number_value(Fraction(match["share"]), "percent", year[1] if year else None)
                span = line.start + start, line.start + match.end()
                yield from page.says(relation, *span, target=target, amount=share)

    return read


def _independence(page: _Page, line: Line, text: str) -> Iterator[Statement]:
    """The first date of the field and the power behind "from"; later clauses tell of earlier or later events."""
    clause = text.split(";")[0]
    if not line.first or not clause.isascii() or clause.startswith("none"):
        return
    dates = find_dates(clause)
    # "26 April 1964 (Tanganyika united with Zanzibar)" is another event.
    event = clause.partition("(")[2]
    if not dates or clause[: dates[0].start].strip() or (event and not _INDEPENDENCE.search(event)):
        return
    value = date_value(dates[0].date)
    if value is not None:
        yield from page.says("independence", line.start + dates[0].start, line.start + dates[0].end, value=value)
    power = re.search(r"\(from (?:the )?(?P<name>[^();,]+)", clause)
    if power is None:
        return
    span = line.start + power.start("name"), line.start + power.end("name")
    target = page.names.exact(power["name"].strip())
    if target is not None:
        yield from page.says("independent_from", *span, target=target)
    elif re.fullmatch(r"(?:[A-Z][\w-]+ ?(?:of |and )?){1,5}", power["name"]) and not power["name"].endswith("-"):
        yield from page.says("former_state", *span, value=text_value(power["name"]))


def _dependency(page: _Page, line: Line, text: str) -> Iterator[Statement]:
    clause = text.split(";")[0]
    for start, end, target in page.names.find(clause):
        if _DEPENDENCY.search(clause[:start]) or clause[start:end] == "British crown dependency":
            yield from page.says("dependency_of", line.start + start, line.start + end, target=target)
            return


def _coordinates(prefix: str) -> Callable[[_Page, Line, str], Iterator[Statement]]:
    def read(page: _Page, line: Line, text: str) -> Iterator[Statement]:
        match = _COORDINATES.match(text)
        if match is None or not line.first:
            return
        for name, first, negative in (("latitude", 1, "S"), ("longitude", 4, "W")):
            degrees = Fraction(match[first]) + Fraction(match[first + 1] or 0) / 60
            degrees = Fraction(round(degrees * 10_000), 10_000) * (-1 if match[first + 2] == negative else 1)
            span = line.start + match.start(first), line.start + match.end(first + 2)
            yield from page.says(prefix + name, *span, value=number_value(degrees, "degrees"))

    return read


def _capital(page: _Page, line: Line, text: str) -> Iterator[Statement]:
    for start, end in split_outside(text, ";"):
        name = re.match(r"[^(;,]+", text[start:end])
        if name and _PLACE.fullmatch(name[0].strip()) and len(name[0]) < 40:
            name_end = start + len(name[0].rstrip())
            yield from page.says(
                "capital", line.start + start, line.start + name_end, value=text_value(text[start:name_end])
            )


def _point(kind: str) -> Callable[[_Page, Line, str], Iterator[Statement]]:
    def read(page: _Page, line: Line, text: str) -> Iterator[Statement]:
        match = _POINT.match(text)
        if match is None or re.search(r"\b(?:more|less) than\b", match["name"]):
            return
        height = number_value(Fraction(match["number"].rstrip(".").replace(",", "")), "m")
        span = line.start, line.start + match.end()
        name = text_value(without_brackets(match["name"]))
        yield from page.says(f"{kind}_elevation", *span, value=height)
        if _PLACE.fullmatch(name.text):  # "unnamed location" and "3 km SW of" name no place
            yield from page.says(f"{kind}_point", *span, value=name, amount=height)

    return read


def _list(relation: str, kind: str) -> Callable[[_Page, Line, str], Iterator[Statement]]:
    def read(page: _Page, line: Line, text: str) -> Iterator[Statement]:
        if line.section == "Environment" or not line.first:
            return
        for item in list_items(text, kind):
            if relation == "ethnic_group" and page.names.exact(item.value.text):
                continue  # countries of birth
            span = line.start + item.start, line.start + item.end
            yield from page.says(relation, *span, value=item.value, amount=item.share)
            if relation == "language" and item.official:
                yield from page.says("official_language", *span, value=item.value)

    return read


def _vocabulary(relation: str, words: Mapping[str, str]) -> Callable[[_Page, Line, str], Iterator[Statement]]:
    pattern = re.compile(r"\b(?:" + "|".join(f"(?P<{form.replace(' ', '_')}>{word})" for form, word in words.items())
                         + r")\b", re.IGNORECASE)  # fmt: skip

    def read(page: _Page, line: Line, text: str) -> Iterator[Statement]:
        seen: set[str] = set()
        for match in pattern.finditer(text):
            form = (match.lastgroup or "").replace("_", " ")
            if form not in seen and not re.search(r"\b(?:no|not|none|outside)\b[^;,.]*$", text[: match.start()]):
                seen.add(form)
                span = line.start + match.start(), line.start + match.end()
                yield from page.says(relation, *span, value=text_value(form))

    return read


def _location(page: _Page, line: Line, text: str) -> Iterator[Statement]:
    region = _REGION.match(text)
    if region:
        span = line.start, line.start + region.end()
        yield from page.says("located_in", *span, value=text_value(region[0]))
    for clause in _BORDERING.finditer(text):
        for water in _WATERS.finditer(text, *clause.span("waters")):
            span = line.start + water.start(), line.start + water.end()
            yield from page.says("lies_on", *span, value=text_value(water[0]))


def _shared(relation: str, unit: str) -> Callable[[_Page, Line, str], Iterator[Statement]]:
    def read(page: _Page, line: Line, text: str) -> Iterator[Statement]:
        if not line.first or page.document.title == "World":
            return
        for match in _SHARED.finditer(text):
            # "Dunav (Danube)", but also "Lake Torrens (ephemeral)".
            written = (match["name"] if (match["other"] or "a")[0].islower() else match["other"]).strip(" ,*-")
            if match["unit"] != _LENGTHS[unit] or not _PLACE.fullmatch(written) or "shared" in written:
                continue
            amount = number_value(Fraction(match["number"].replace(",", "")), unit)
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            span = line.start + start, line.start + match.end()
            name = re.sub(r" river (?:source|mouth).*", "", written)
            yield from page.says(relation, *span, value=text_value(name), amount=amount)
            if match["with"]:
                for begin, end, target in page.names.find(match["with"]):
                    at = line.start + match.start("with")
                    yield from page.says(f"shares_{relation}_with", at + begin, at + end, target=target)

    return read


def _whole(relation: str, pattern: str) -> Callable[[_Page, Line, str], Iterator[Statement]]:
    wanted = re.compile(pattern)

    def read(page: _Page, line: Line, text: str) -> Iterator[Statement]:
        match = wanted.match(text)
        if match and line.first:
            yield from page.says(relation, line.start, line.start + match.end(), value=text_value(match[0]))

    return read


def _members(page: _Page, line: Line, text: str) -> Iterator[Statement]:
    """Full members alone: "(observer)", "(suspended)" and the like say that one is not."""
    for start, end in split_outside(text, ","):
        name = text[start:end]
        if re.fullmatch(r"[A-Z][\w&/ -]{0,40}", name) and line.first:
            yield from page.says("in_organisation", line.start + start, line.start + end, value=text_value(name))


Reader = Callable[[_Page, Line, str], Iterator[Statement]]
_READERS: Mapping[tuple[str, str], Reader] = {
    ("Land boundaries", "border countries"): _borders,
    ("Exports - partners", ""): _partners("exports_to"),
    ("Imports - partners", ""): _partners("imports_from"),
    ("Independence", ""): _independence,
    ("Dependency status", ""): _dependency,
    ("Geographic coordinates", ""): _coordinates(""),
    ("Capital", "geographic coordinates"): _coordinates("capital_"),
    ("Capital", "name"): _capital,
    ("Elevation", "highest point"): _point("highest"),
    ("Elevation", "lowest point"): _point("lowest"),
    ("Climate", ""): _vocabulary("climate", CLIMATES),
    ("Terrain", ""): _vocabulary("terrain", TERRAINS),
    ("Natural hazards", ""): _vocabulary("hazard", HAZARDS),
    ("Location", ""): _location,
    ("Major rivers (by length in km)", ""): _shared("river", "km"),
    ("Major lakes (area sq km)", "fresh water lake(s)"): _shared("lake", "km2"),
    ("Major lakes (area sq km)", "salt water lake(s)"): _shared("lake", "km2"),
    ("Government type", ""): _whole("government", r"[a-z][^;,()\d]{3,70}?(?=;|$| \()"),
    ("Internet country code", ""): _whole("internet_domain", r"\.[a-z]{2}\b(?!,| and| or)"),
    ("Legislative branch", "legislative structure"): _whole("legislature_structure", r"[a-z]+\b"),
    ("International organization participation", ""): _members,
    **{(row.field, ""): _list(row.relation, row.kind) for row in LIST_FIELDS},
}
_NUMBERS_OF = {row.field: [other for other in NUMBER_FIELDS if other.field == row.field] for row in NUMBER_FIELDS}
