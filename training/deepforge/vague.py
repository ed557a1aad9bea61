"""Dates and numbers said vaguely, in words alone: eras and orders of magnitude, each with its predicate."""

from __future__ import annotations

import math

from training.deepforge.rows import Saying
from training.synthesis.predicates import Period, Range

_CENTURIES = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second"
).split()
_MAGNITUDES = (
    "a handful of",
    "dozens of",
    "hundreds of",
    "thousands of",
    "tens of thousands of",
    "hundreds of thousands of",
    "millions of",
    "tens of millions of",
    "hundreds of millions of",
    "billions of",
)
UNITS = {
    "m": "metres", "km": "kilometres", "km2": "square kilometres", "kg": "kilograms", "g": "grams", "usd": "dollars",
    "persons": "people", "years": "years", "min": "minutes", "pages": "pages",
}  # fmt: skip


def century(year: int) -> str | None:
    """ "nineteenth century" of 1801 to 1900; None outside the years 1 to 2200."""
    at = (year - 1) // 100
    return f"{_CENTURIES[at]} century" if year >= 1 and at < len(_CENTURIES) else None


def eras(year: int, relation: str) -> tuple[tuple[str, Period], ...]:
    """A third of a century, then the century: ("in the late nineteenth century", 1867 to 1900)."""
    name = century(year)
    if name is None:
        return ()
    start = (year - 1) // 100 * 100 + 1
    parts = (("early ", 0, 32), ("middle of the ", 33, 65), ("late ", 66, 99))
    part, low, high = next(one for one in parts if one[1] <= year - start <= one[2])
    return (
        (f"in the {part}{name}", Period(relation=relation, first=start + low, last=start + high)),
        (f"in the {name}", Period(relation=relation, first=start, last=start + 99)),
    )


def magnitude(number: float, relation: str, unit: str) -> tuple[str, Range] | None:
    """("tens of thousands of", 10,000 to 100,000); None below 1 and from 10 milliards on."""
    if not 1 <= number < 10.0 ** len(_MAGNITUDES):
        return None
    step = math.floor(math.log10(number) + 1e-12)
    return _MAGNITUDES[step], Range(relation=relation, low=10.0**step, high=10.0 ** (step + 1), unit=unit)


def dated(label: str, year: int) -> tuple[Saying, ...]:
    """Of a page's "Founded: 1219": sayings that a machine cannot check."""
    return tuple(Saying(f"has for “{label}” a time {era}") for era, _ in eras(year, ""))


def counted(label: str, number: float, unit: str) -> tuple[Saying, ...]:
    """Of a page's "Population: 1,200"."""
    found = magnitude(number, "", unit)
    if found is None:
        return ()
    thing = UNITS.get(unit, "")
    said = f"{found[0]} {thing}" if thing else found[0].removesuffix(" of")
    return (Saying(f"has for “{label}” a figure in the {said}" if not thing else f"has for “{label}” {said}"),)
