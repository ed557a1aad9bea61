"""What a page of the Factbook says of other lands: neighbours, partners, rulers, shared waters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from corpus.facts.factbook_lists import split_outside
from corpus.facts.factbook_page import PLACE, YEAR, Page, blanked
from corpus.facts.fields import Line
from corpus.facts.records import Statement
from corpus.facts.values import date_value, number_value, text_value
from corpus.scoring.dates import find_dates

_LENGTHS = {"km": "km", "km2": "sq km"}
_AMOUNT = re.compile(r"(?P<number>\d[\d,]*(?:\.\d+)?) (?P<unit>sq km|km)\b")
_PARTNER = re.compile(r"(?P<name>[^,;()%]+?(?:\([^()]*\))?) (?P<share>\d+(?:\.\d+)?)%")
_WATER = re.compile(r"(?P<name>[^()\d]*[^()\d\s–-])(?: \((?P<other>[^()]*)\))?")
_WITH = re.compile(r"\((?:[^()]* )?shared with (?P<with>(?:[^()]|\([^()]*\))*)")
# Of "2,700-16,000 sq km" neither is the size. The field says the unit where the item does not.
_SIZE = re.compile(r"(?<!\d-)(?<![\d.,])(?P<number>\d[\d,]*(?:\.\d+)?)(?: (?P<unit>sq km|km)\b|$)")
_INDEPENDENCE = re.compile(r"^from\b|independen|proclaim|declar|recogni[sz]ed|sovereign")
_DEPENDENCY = re.compile(
    r"(?:territor(?:y|ies)|collectivity|department|division|dependency|region|country|commonwealth|part|countries"
    r"|islands?|area|possession)\b[^;.]{0,60}? of (?:the )?(?:Kingdom of (?:the )?|People's Republic of )?$",
    re.IGNORECASE,
)
_ITS_TERRITORY = re.compile(r" overseas territory\b")
# Between a neighbour and the length: "US Naval Base at Guantanamo Bay 28.5 km" is no border with the US.
_NAME_GOES_ON = re.compile(r"[^\W\d_]")


def borders(page: Page, line: Line, text: str) -> Iterator[Statement]:
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
        if amount and amount["unit"] == "km" and not _NAME_GOES_ON.search(blanked(text[end : amount.start()])):
            length = number_value(Fraction(amount["number"].replace(",", "")), "km")
            whole = length if targets.count(target) == 1 else None
            yield from page.says("borders", line.start + start, line.start + amount.end(), target=target, amount=whole)


def partners(relation: str) -> Callable[[Page, Line, str], Iterator[Statement]]:
    """Reads partners of a trade, each with its share."""

    def read(page: Page, line: Line, text: str) -> Iterator[Statement]:
        year = YEAR.search(text)
        for match in _PARTNER.finditer(text):
            start = match.start() + len(match["name"]) - len(match["name"].lstrip())
            target = page.names.exact(match["name"].strip())
            if target is not None and float(match["share"]) > 0:
                share = number_value(Fraction(match["share"]), "percent", year[1] if year else None)
                span = line.start + start, line.start + match.end()
                yield from page.says(relation, *span, target=target, amount=share)

    return read


def independence(page: Page, line: Line, text: str) -> Iterator[Statement]:
    """The first date of the field and the powers behind "from"; later clauses tell of earlier or later events."""
    clause = text.split(";")[0]
    if not line.first or not clause.isascii() or clause.startswith("none"):
        return
    dates = find_dates(clause)
    # "26 April 1964 (Tanganyika united with Zanzibar)" is another event.
    event = clause.partition("(")[2]
    if not dates or not clause[0].isdigit() or (event and not _INDEPENDENCE.search(event)):
        return
    value = date_value(dates[0].date)
    if value is not None and not clause[: dates[0].start].strip():  # "14-15 May 1811" is no date
        yield from page.says("independence", line.start + dates[0].start, line.start + dates[0].end, value=value)
    power = re.search(r"\(from (?:the )?(?P<name>[^();,]+)", clause)
    if power is None:
        return
    # "(from Egypt and the UK)", but also "(from UK protectorate status)"
    at = power.start("name")
    for start, end, target in page.names.find(clause):
        follows = start >= at and re.fullmatch(r"(?:,? and |, )?(?:the )?", clause[at:start])
        if follows and clause[end : end + 1] != "-":
            yield from page.says("independent_from", line.start + start, line.start + end, target=target)
            at = end
    span = line.start + power.start("name"), line.start + power.end("name")
    if (
        at == power.start("name")
        and re.fullmatch(r"(?:[A-Z][\w-]+ ?(?:of |and )?){1,5}", power["name"])
        and not power["name"].endswith("-")
    ):
        yield from page.says("former_state", *span, value=text_value(power["name"]))


def dependency(page: Page, line: Line, text: str) -> Iterator[Statement]:
    """The land on which this one depends. Free association with a land is none of it: such a land governs itself."""
    clause = text.split(";")[0]
    for start, end, target in page.names.find(clause):
        whose = _DEPENDENCY.search(clause[:start]) or _ITS_TERRITORY.match(clause, end)
        if whose or clause[start:end] == "British crown dependency":
            yield from page.says("dependency_of", line.start + start, line.start + end, target=target)
            return


def shared_waters(relation: str, unit: str) -> Callable[[Page, Line, str], Iterator[Statement]]:
    """Reads rivers (unit "km") or lakes ("km2"), and the lands that they are shared with."""

    def read(page: Page, line: Line, text: str) -> Iterator[Statement]:
        if not line.first or page.document.title == "World":
            return
        for start, stop in split_outside(text, ";"):
            item = text[start:stop]
            match, size = _WATER.match(item), _SIZE.search(blanked(item))
            if match is None or (size and size["unit"] not in (None, _LENGTHS[unit])):
                continue
            # "Dunav (Danube)", but also "Lake Torrens (ephemeral)".
            written = match["name"] if (match["other"] or "a")[0].islower() else match["other"]
            name = re.sub(r" river\b.*| \[[sm/]+\]", "", re.split(r" [-–] ", written)[0].strip(" ,*-"))
            if not PLACE.fullmatch(name):
                continue
            amount = number_value(Fraction(size["number"].replace(",", "")), unit) if size else None
            yield from page.says(relation, line.start + start, line.start + stop, value=text_value(name), amount=amount)
            for others in _WITH.finditer(item):
                at = line.start + start + others.start("with")
                for begin, end, target in page.names.find(others["with"]):
                    yield from page.says(f"shares_{relation}_with", at + begin, at + end, target=target)

    return read
