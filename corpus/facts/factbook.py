"""Facts of the Factbook's pages: what each field says, and which words say it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from corpus.facts.factbook_lands import borders, dependency, independence, partners, shared_waters
from corpus.facts.factbook_lists import list_items, split_outside
from corpus.facts.factbook_page import PLACE, Page, blanked
from corpus.facts.factbook_relations import CLIMATES, HAZARDS, LIST_FIELDS, NUMBER_FIELDS, TERRAINS
from corpus.facts.fields import Line, field_lines
from corpus.facts.names import Names
from corpus.facts.records import Entity, Statement
from corpus.facts.values import number_value, text_value, without_brackets
from corpus.records import Document
from corpus.sources.factbook import BASE

_OWN_NAME = re.compile(r"^- (?:conventional (?:long|short) form|local short form|abbreviation): (.+)$", re.MULTILINE)
_OWN_INDEPENDENCE = re.compile(r"^(?:### Independence\n+|Independence: )(.+)$", re.MULTILINE)
_OWN_DEPENDENCY = re.compile(r"^(?:### )?Dependency status\b", re.MULTILINE)
_COORDINATES = re.compile(r"(\d{1,2})(?: (\d{1,2}))? ([NS]), (\d{1,3})(?: (\d{1,2}))? ([EW])\b")
_HEIGHT = re.compile(r"(?:^|(?<=\s))(?P<number>-?\d[\d,.]*)(?: m\b(?! ?/)|\s*$)")
_ROUGHLY = re.compile(r" (?:more|less) than ?$")
_WATERS = re.compile(
    r"(?:[A-Z][\w'’-]+ )*(?:Sea|Ocean|Gulf|Bay|Channel|Straits?)(?: of [A-Z][\w-]+)?"
    r"|(?:Gulf|Bay|Sea|Strait) of (?:[A-Z][\w-]+ ?)+|Skagerrak|Kattegat|Mozambique Channel"
)
_BORDERING = re.compile(r"\bbordering (?P<waters>.+?)(?=, (?:between|north|south|east|west)|;|, and bordering|$)")
_REGION = re.compile(
    r"(?:(?i:Central|Eastern|Western|Northern|Southern|Southeastern|Southwestern|Northeastern|Northwestern|South|North"
    r"|Middle|Southeast|Southwest|Northwest|Northeast|West|East)[ -])*"
    r"(?:Europe|Asia|Africa|America|Oceania|Caribbean|Middle East|Balkans)\b"
)


def is_factbook_page(document: Document) -> bool:
    return document.url.startswith(BASE)


def factbook_entity(document: Document, aliases: Sequence[str]) -> Entity:
    """A country, a territory, the union, or the World. `aliases` are what links say.

    A country says since when it is independent. What says on whom it depends, that it has no independence, or nothing
    of either (Antarctica, disputed islands, Taiwan) is called a territory, which is no opinion on its status.
    """
    names = dict.fromkeys([*_OWN_NAME.findall(document.text), *aliases])
    names.pop(document.title, None)
    names.pop("none", None)
    return Entity(document.doc_id, document.title, _kind(document), tuple(names))


def _kind(document: Document) -> str:
    if document.title in ("World", "European Union"):
        return "world" if document.title == "World" else "union"
    own = _OWN_INDEPENDENCE.search(document.text)
    depends = _OWN_DEPENDENCY.search(document.text) or own is None or own[1].startswith("none")
    return "territory" if depends else "country"


def _lines(document: Document) -> Iterator[tuple[Line, str]]:
    for line in field_lines(document.text):
        yield line, document.text[line.start : line.end]


def factbook_statements(document: Document, names: Names) -> Iterator[Statement]:
    """Everything the page says of its subject, in the order of the page."""
    page = Page(document, names)
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


def _coordinates(prefix: str) -> Callable[[Page, Line, str], Iterator[Statement]]:
    def read(page: Page, line: Line, text: str) -> Iterator[Statement]:
        match = _COORDINATES.match(text)
        if match is None or not line.first:
            return
        for name, first, negative in (("latitude", 1, "S"), ("longitude", 4, "W")):
            degrees = Fraction(match[first]) + Fraction(match[first + 1] or 0) / 60
            degrees = Fraction(round(degrees * 10_000), 10_000) * (-1 if match[first + 2] == negative else 1)
            span = line.start + match.start(first), line.start + match.end(first + 2)
            yield from page.says(prefix + name, *span, value=number_value(degrees, "degrees"))

    return read


def _capital(page: Page, line: Line, text: str) -> Iterator[Statement]:
    for start, end in split_outside(text, ";"):
        name = re.match(r"[^(;,]+?(?= is the |[(;,]|$)", text[start:end])
        if name and PLACE.fullmatch(name[0].strip()) and len(name[0]) < 40:
            name_end = start + len(name[0].rstrip())
            yield from page.says(
                "capital", line.start + start, line.start + name_end, value=text_value(text[start:name_end])
            )


def _point(kind: str) -> Callable[[Page, Line, str], Iterator[Statement]]:
    def read(page: Page, line: Line, text: str) -> Iterator[Statement]:
        clause = blanked(text[slice(*next(split_outside(text, ";"), (0, 0)))])
        # "1 km SW of The Bluff 50 m": the height is the last number.
        heights = [*_HEIGHT.finditer(clause)]
        if not heights:
            return
        match = heights[-1]
        span = line.start, line.start + match.end()
        roughly = _ROUGHLY.search(clause[: match.start()].rstrip())
        height = None if roughly else number_value(Fraction(match["number"].rstrip(".").replace(",", "")), "m")
        name = text_value(without_brackets(text[: roughly.start() if roughly else match.start()]).rstrip(" -–"))
        if height is not None:
            yield from page.says(f"{kind}_elevation", *span, value=height)
        if PLACE.fullmatch(name.text):  # "unnamed location" and "3 km SW of" name no place
            yield from page.says(f"{kind}_point", *span, value=name, amount=height)

    return read


def _list(relation: str, kind: str) -> Callable[[Page, Line, str], Iterator[Statement]]:
    def read(page: Page, line: Line, text: str) -> Iterator[Statement]:
        if line.section == "Environment":
            return
        for item in list_items(text, kind):
            if not page.is_list(relation, line):
                return
            if relation == "ethnic_group" and page.names.exact(item.value.text):
                continue  # countries of birth
            span = line.start + item.start, line.start + item.end
            yield from page.says(relation, *span, value=item.value, amount=item.share)
            if relation == "language" and item.official:
                yield from page.says("official_language", *span, value=item.value)

    return read


def _vocabulary(relation: str, words: Mapping[str, str]) -> Callable[[Page, Line, str], Iterator[Statement]]:
    # "flat-to-rolling" and "monsoonal-type" say the words, "flat-topped" and "Inter-Tropical" something else.
    pattern = re.compile(r"(?:(?<![\w-])|(?<=-to-))(?:"
                         + "|".join(f"(?P<{form.replace(' ', '_')}>{word})" for form, word in words.items())
                         + r")(?!\w|-(?!to-|like\b|type\b))", re.IGNORECASE)  # fmt: skip

    def read(page: Page, line: Line, text: str) -> Iterator[Statement]:
        seen: set[str] = set()
        for match in pattern.finditer(text):
            form = (match.lastgroup or "").replace("_", " ")
            if form not in seen and not re.search(r"\b(?:no|not|none|outside)\b[^;,.]*$", text[: match.start()]):
                seen.add(form)
                span = line.start + match.start(), line.start + match.end()
                yield from page.says(relation, *span, value=text_value(form))

    return read


def _location(page: Page, line: Line, text: str) -> Iterator[Statement]:
    region = _REGION.match(text)
    if region:
        span = line.start, line.start + region.end()
        yield from page.says("located_in", *span, value=text_value(region[0]))
    for clause in _BORDERING.finditer(text):
        for water in _WATERS.finditer(text, *clause.span("waters")):
            span = line.start + water.start(), line.start + water.end()
            yield from page.says("lies_on", *span, value=text_value(water[0]))


def _whole(relation: str, pattern: str) -> Callable[[Page, Line, str], Iterator[Statement]]:
    wanted = re.compile(pattern)

    def read(page: Page, line: Line, text: str) -> Iterator[Statement]:
        match = wanted.match(text)
        if match and line.first:
            yield from page.says(relation, line.start, line.start + match.end(), value=text_value(match[0]))

    return read


def _members(page: Page, line: Line, text: str) -> Iterator[Statement]:
    """Full members alone: "(observer)", "(suspended)" and the like say that one is not."""
    for start, end in split_outside(text, ","):
        start += text[start:end].rfind(": ") + 2 if ": " in text[start:end] else 0
        name = text[start:end]
        if re.fullmatch(r"[A-Z][\w&/ -]{0,40}", name) and line.first:
            yield from page.says("in_organisation", line.start + start, line.start + end, value=text_value(name))


Reader = Callable[[Page, Line, str], Iterator[Statement]]
_READERS: Mapping[tuple[str, str], Reader] = {
    ("Land boundaries", "border countries"): borders,
    ("Exports - partners", ""): partners("exports_to"),
    ("Imports - partners", ""): partners("imports_from"),
    ("Independence", ""): independence,
    ("Dependency status", ""): dependency,
    ("Geographic coordinates", ""): _coordinates(""),
    ("Capital", "geographic coordinates"): _coordinates("capital_"),
    ("Capital", "name"): _capital,
    ("Elevation", "highest point"): _point("highest"),
    ("Elevation", "lowest point"): _point("lowest"),
    ("Climate", ""): _vocabulary("climate", CLIMATES),
    ("Terrain", ""): _vocabulary("terrain", TERRAINS),
    ("Natural hazards", ""): _vocabulary("hazard", HAZARDS),
    ("Location", ""): _location,
    ("Major rivers (by length in km)", ""): shared_waters("river", "km"),
    ("Major lakes (area sq km)", "fresh water lake(s)"): shared_waters("lake", "km2"),
    ("Major lakes (area sq km)", "salt water lake(s)"): shared_waters("lake", "km2"),
    ("Government type", ""): _whole("government", r"[a-z][^;,()\d]{3,70}?(?=;|$| \()"),
    ("Internet country code", ""): _whole("internet_domain", r"\.[a-z]{2}\b(?!,| and| or)"),
    ("Legislative branch", "legislative structure"): _whole("legislature_structure", r"[a-z]+\b"),
    ("International organization participation", ""): _members,
    **{(row.field, ""): _list(row.relation, row.kind) for row in LIST_FIELDS},
}
_NUMBERS_OF = {row.field: [other for other in NUMBER_FIELDS if other.field == row.field] for row in NUMBER_FIELDS}
