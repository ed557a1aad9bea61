"""The ways to say a fact ever more vaguely, each still a machine predicate.

    number      within 0.1 % to 50 %, 2 and 3 times -> more or less than another entity's
    date        year -> decade -> half-century -> century -> before or after another entity's
    words       the value -> not another value
    entity      its name -> some entity of its kind -> not another entity
    amount      of one such entity or word, within 0.1 % to 50 %, 2 and 3 times: a ladder of its own

A level that leaves fewer candidates than asked is left out, so that the first level of a ladder is the sharpest clue
that does not by itself give much away.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from corpus.facts.records import Fact
from training.synthesis.index import FactIndex
from training.synthesis.predicates import (
    MEASURED,
    UNKNOWN_KINDS,
    Amount,
    Compare,
    Equal,
    Named,
    Not,
    Period,
    Predicate,
    Range,
    Some,
    bound_of,
    year_of,
)

WIDTHS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""How far a range goes from the value, as a share of it. Narrow ones pass only where many entities have a value."""
SPANS = (1, 10, 50, 100)
"""Years of a period, which begins at a multiple of its length, so that each lies within the next."""
COMPARED = 12
"""Entities around the place in the order of sizes among which the best known is named."""
NEGATED = 5
"""A negation names one of so many commonest values."""
NEGATED_FACTS = 6
"""Above so many values of a relation an entity gets no negation: a solver would have to check a long list."""


_Rows: TypeAlias = list[tuple[str, Predicate, tuple[Fact, ...]]]


@dataclass(frozen=True, slots=True)
class Level:
    """One way to say it. `facts` have to be known to see that it is so; `candidates` fit it in the closed world."""

    predicate: Predicate
    name: str
    candidates: int
    facts: tuple[Fact, ...]


def ladder(index: FactIndex, fact: Fact, min_candidates: int) -> tuple[Level, ...]:
    """Levels from the sharpest to the vaguest, by number of candidates; empty where none leaves enough."""
    rows = _numbers(index, fact) + _dates(index, fact) + _words(index, fact) + _entities(index, fact)
    return _levels(index, rows, min_candidates)


def amount_ladder(index: FactIndex, fact: Fact, min_candidates: int) -> tuple[Level, ...]:
    """The same for how much of the fact there is; empty where the pages do not say, or no words would."""
    amount = fact.amount
    if fact.relation not in MEASURED or amount is None or not amount.number:
        return ()
    rows: _Rows = []
    low = high = amount.number
    for width in WIDTHS:
        below, above = _around(fact, amount.number, width)
        low, high = min(low, below), max(high, above)
        if amount.unit == "percent":
            high = min(high, 100.0)
        found = Amount(relation=fact.relation, low=low, high=high, unit=amount.unit)
        rows.append((f"amount {width:g}", found, (fact,)))
    return _levels(index, rows, min_candidates)


def _levels(index: FactIndex, rows: _Rows, min_candidates: int) -> tuple[Level, ...]:
    levels: list[Level] = []
    for name, predicate, facts in rows:
        count = index.count(predicate)
        # What fits everybody says nothing, and what fits no more than the level before is only longer.
        if count >= min_candidates and (not levels or count > levels[-1].candidates):
            levels.append(Level(predicate, name, count, facts))
    return tuple(levels)


def _numbers(index: FactIndex, fact: Fact) -> _Rows:
    value = fact.value
    if value is None or value.number is None or value.number == 0:
        return []
    rows: _Rows = []
    column = index.worlds["closed"].numbers.get((fact.relation, value.unit))
    whole = column is not None and column.whole
    low = high = value.number
    for width in WIDTHS:
        below, above = _around(fact, value.number, width)
        if whole:
            below, above = math.floor(below), math.ceil(above)
        low, high = min(low, below), max(high, above)
        if value.unit == "percent":
            low, high = max(low, 0.0) if value.number > 0 else low, min(high, 100.0) if value.number <= 100 else high
        found = Range(relation=fact.relation, low=low, high=high, unit=value.unit)
        rows.append((f"range {width:g}", found, (fact,)))
    return rows + _compared(index, fact, value.number, low, high)


def _dates(index: FactIndex, fact: Fact) -> _Rows:
    # The year of a figure ("exports in 2024") says when it was taken, and nobody would ask for it.
    year = year_of(fact.value) if fact.value and fact.value.number is None else None
    if year is None:
        return []
    rows: _Rows = []
    for span in SPANS:
        first = year // span * span
        found = Period(relation=fact.relation, first=first, last=first + span - 1)
        rows.append((f"period {span}", found, (fact,)))
    return rows + _compared(index, fact, year, first, first + span - 1)


def _compared(index: FactIndex, fact: Fact, size: float, low: float, high: float) -> _Rows:
    """Compared with a better known entity of another size, outside of the widest range."""
    facts = index.worlds["closed"]
    if fact.value is not None and fact.value.number is not None:
        column = facts.numbers.get((fact.relation, fact.value.unit))
    else:
        column = facts.years.get((fact.relation, ""))
    if column is None:
        return []
    below, above = int(np.searchsorted(column.values, low)), int(np.searchsorted(column.values, high, side="right"))
    # The side on which fewer lie leaves more on this one, so the other side is the sharper clue.
    more = below >= len(column.values) - above
    around = range(max(0, below - COMPARED), below) if more else range(above, min(len(column.values), above + COMPARED))
    named = sorted(
        {int(column.owners[at]) for at in around} - {index.number[fact.subject]}, key=lambda e: (-index.degrees[e], e)
    )
    for entity in named:
        doc_id = index.ids[entity]
        bound = bound_of(index.base, fact.relation, doc_id)
        if bound is None or (bound >= size if more else bound <= size):
            continue
        found = Compare(relation=fact.relation, sense="more" if more else "less", entity=doc_id)
        other = tuple(f for f in index.facts_of(entity) if f.relation == fact.relation)
        return [("compare", found, (fact, *other))]
    return []


def _words(index: FactIndex, fact: Fact) -> _Rows:
    value = fact.value
    if value is None or value.number is not None or value.date is not None:
        return []
    rows: _Rows = [("value", Equal(relation=fact.relation, text=value.text), (fact,))]
    return rows + _negated(index, fact)


def _entities(index: FactIndex, fact: Fact) -> _Rows:
    if fact.object is None:
        return []
    kind = index.base.entities[fact.object].kind
    rows: _Rows = [("name", Named(relation=fact.relation, entity=fact.object), (fact,))]
    if kind not in UNKNOWN_KINDS:
        rows.append(("type", Some(relation=fact.relation, kind=kind), (fact,)))
    return rows + _negated(index, fact)


def _negated(index: FactIndex, fact: Fact) -> _Rows:
    """Not one of the commonest values, if there are few enough of its own to check."""
    subject = index.number[fact.subject]
    own = tuple(f for f in index.facts_of(subject) if f.relation == fact.relation)
    stated = [f for f in index.base.about(fact.subject) if f.relation == fact.relation]
    if len(own) > NEGATED_FACTS or len(stated) > len(own):
        return []
    texts = {f.value.text for f in own if f.value} | {f.object for f in own} | {fact.subject}
    free = [
        one for one in index.common(fact.relation) if (one.text if isinstance(one, Equal) else one.entity) not in texts
    ][:NEGATED]
    if not free:
        return []
    return [("negation", Not(of=free[int(_share(fact, "not") * len(free))]), own)]


def _around(fact: Fact, number: float, width: float) -> tuple[float, float]:
    """A range with two digits at each end, four where it is narrow; the value's place in it depends on the fact."""
    share = 0.25 + 0.5 * _share(fact, "range")
    below = number - abs(number) * width / (1 + width) * 2 * share
    above = number + abs(number) * width * 2 * (1 - share)
    if number > 0:
        below = max(below, number / (1 + 3 * width))
    digits = 2 if width >= 0.05 else 4
    return _rounded(below, digits, down=True), _rounded(above, digits, down=False)


def _rounded(number: float, digits: int, *, down: bool) -> float:
    if number == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(number))) + 1 - digits)
    whole = (math.floor if down else math.ceil)(number / step)
    # Division and multiplication by a power of ten leave a tail such as 0.30000000000000004.
    return float(f"{whole * step:.10g}")


def _share(fact: Fact, what: str) -> float:
    """In [0, 1), drawn by the fact."""
    digest = hashlib.sha256("\0".join((what, *fact.key)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
