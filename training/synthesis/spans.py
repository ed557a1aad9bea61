"""Do the words of a span say the value? A check that shares no code with the extractors, and is laxer than they are.

A number has to stand in the span, in its unit or in one that comes to it; of a date the year, and what the span says
besides has to agree; of words their stems; of an entity one of its names.
"""

from __future__ import annotations

import re
from fractions import Fraction

from corpus.facts.base import FactBase
from corpus.facts.records import Fact, Value
from corpus.scoring.dates import find_dates
from corpus.scoring.numbers import find_quantities
from corpus.scoring.words import folded, without_accents

_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_DIGITS = re.compile(r"\d[\d,]*(?:\.\d+)?")
_STEM = 4
"""Letters of a word that another form of it keeps: "mountainous" of "mountains"."""


def span_flaw(words: str, fact: Fact, facts: FactBase, doc_id: str) -> str:
    """What is missing in the words of a page that is said to state the fact, or ""."""
    if not words.strip():
        return "there are no words"
    if fact.value is not None:
        return "" if says_value(words, fact.value) else f"the words do not say {fact.value.text!r}"
    ends = [end for end in (fact.subject, fact.object) if end is not None and end != doc_id]
    if any(_names(words, end, facts) for end in ends):
        return ""
    return (
        f"the words name neither of {' and '.join(facts.entities[end].name for end in ends if end in facts.entities)}"
    )


def says_value(words: str, value: Value) -> bool:
    if value.number is not None:
        return _says_number(words, value.number, value.unit)
    if value.date is not None:
        return _says_date(words, value.date)
    said = _plain(words)
    # "mud slides" says "mudslides", and "sub-tropical" says "subtropical".
    together = "".join(said)
    return all(
        any(word[: _keep(part)] == part[: _keep(part)] for word in said) or part in together
        for part in _plain(value.text)
    )


def _says_number(words: str, number: float, unit: str) -> bool:
    wanted = abs(Fraction(str(number)))
    found = [abs(one.quantity.value) for one in find_quantities(words)]
    found += [abs(one.quantity.value * one.quantity.unit.factor) for one in find_quantities(words) if one.quantity.unit]
    plain = [Fraction(digits.replace(",", "")) for digits in _DIGITS.findall(words)]
    scales = [1, *(scale for name, scale in _SCALES.items() if name in words.casefold())]
    found += [digits * scale for digits in plain for scale in scales]
    if unit == "degrees" and len(plain) > 1:
        found += [plain[at] + plain[at + 1] / 60 for at in range(len(plain) - 1)]
    slack = Fraction(1, 10_000) if unit == "degrees" else max(wanted, Fraction(1)) / 10**6
    return any(abs(one - wanted) <= slack for one in found)


def _says_date(words: str, date: str) -> bool:
    wanted = [int(part) for part in date.split("-")]
    for found in find_dates(words):
        said = (found.date.year, found.date.month, found.date.day)
        if said[0] == wanted[0] and all(s is None or s == w for s, w in zip(said, wanted, strict=False)):
            return True
    return len(wanted) == 1 and str(wanted[0]) in words


def _names(words: str, doc_id: str, facts: FactBase) -> bool:
    entity = facts.entities.get(doc_id)
    said = " ".join(_plain(words))
    return entity is not None and any(
        " ".join(_plain(name)) in said for name in (entity.name, *entity.aliases) if _plain(name)
    )


def _plain(text: str) -> list[str]:
    return re.findall(r"\w+", without_accents(folded(text)).casefold())


def _keep(word: str) -> int:
    return max(_STEM, len(word) - _STEM)
