"""Normal forms: one text for each value, however a page writes it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from corpus.facts.records import Statement, Value
from corpus.scoring.dates import Date
from corpus.scoring.numbers import Quantity, find_quantities
from corpus.scoring.units import UNITS
from corpus.scoring.words import folded

# Unit of a relation -> (its name in the tables of `corpus.scoring`, how many of the table's base units it is).
_UNITS = {
    "km": "km",
    "km2": "km2",
    "m": "m",
    "mm": "mm",
    "kg": "kg",
    "percent": "%",
    "usd": "usd",
    "years": "years",
    "degrees": "°",
}
_SPACES = re.compile(r"\s+")
_BRACKETS = re.compile(r"\s*\([^()]*\)|\s*\[[^\[\]]*\]")


def text_value(text: str) -> Value:
    """Words as a value: spaces made one, nothing at the ends that belongs to the sentence around."""
    return Value("text", _SPACES.sub(" ", text).strip(" ,;:*"))


def without_brackets(text: str) -> str:
    """The text without what stands in brackets, nested ones too."""
    before = None
    while before != text:
        before, text = text, _BRACKETS.sub("", text)
    return text


def number_value(number: Fraction | float, unit: str = "", date: str | None = None) -> Value:
    """A number in the unit of its relation, its text without needless digits: "1240 km", "0.53 percent", "7"."""
    exact = number if isinstance(number, Fraction) else Fraction(str(number))
    return Value("number", f"{decimal_text(exact)} {unit}".strip(), float(exact), unit, date)


def decimal_text(number: Fraction) -> str:
    """Plain decimals, at most eight of them."""
    text = f"{float(number):.8f}" if number.denominator != 1 else str(number.numerator)
    return text.rstrip("0").rstrip(".") if "." in text else text


def date_value(date: Date) -> Value | None:
    """An ISO date as precise as it was said; None for what has no year, is a span, or lies before Christ."""
    if date.year is None or date.year < 1 or date.span:
        return None
    parts = [f"{date.year:04d}"]
    if date.month is not None:
        parts.append(f"{date.month:02d}")
        if date.day is not None:
            parts.append(f"{date.day:02d}")
    text = "-".join(parts)
    return Value("date", text, date=text)


def first_number(text: str, unit: str) -> tuple[Value, int, int] | None:
    """The number that `text` begins with, in the unit of its relation, and where it stands; None for another unit.

    "2,237 km" is 2237 km where km is asked for. A unit that no table knows ("births") is taken as it is where the
    relation has a unit of its own ("persons").
    """
    head = text[:120]
    if len(folded(head)) != len(head):  # offsets would not fit
        return None
    found = find_quantities(head)
    if not found or head[: found[0].start].strip("~<> ") or found[0].quantity.high is not None:
        return None
    value = _in_unit(found[0].quantity, unit)
    return None if value is None else (number_value(value, unit), found[0].start, found[0].end)


def _in_unit(quantity: Quantity, unit: str) -> Fraction | None:
    wanted = UNITS[_UNITS[unit]] if unit in _UNITS else None
    given = quantity.unit
    if wanted is None or given is None:
        # A bare number cannot be money or a share; years and the like stand behind the number as plain words.
        return quantity.value if wanted is None and given is None else None
    if given.dimension.partition("/")[0] != wanted.dimension.partition("/")[0]:
        return None
    return quantity.value * given.factor / wanted.factor


def one_spelling(statements: Sequence[Statement]) -> list[Statement]:
    """The statements with one spelling for words that differ in case or a plural s: the commonest of the relation."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for said in statements:
        if said.value is not None and said.value.kind == "text":
            counts[said.relation, spelling_key(said.value.text)][said.value.text] += 1
    chosen = {key: min(found, key=lambda text: (-found[text], text)) for key, found in counts.items()}
    return [
        replace(said, value=text_value(chosen[said.relation, spelling_key(said.value.text)]))
        if said.value is not None and said.value.kind == "text"
        else said
        for said in statements
    ]


def spelling_key(text: str) -> str:
    """What two spellings of the same words have in common."""
    return re.sub(r"s\b", "", folded(text).casefold())
