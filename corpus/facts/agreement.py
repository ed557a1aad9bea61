"""What two extractors make of the same pages: which facts both read, which only one, relation by relation."""

from __future__ import annotations

from collections import Counter
from typing import Any

from corpus.facts.base import FactBase
from corpus.facts.records import Fact

SHOWN = 20
"""How many facts that one extractor alone has a report lists, of each of the two."""

Key = tuple[str, str, str, str]


def same_key(fact: Fact) -> Key:
    """What makes facts of two extractors the same: numbers are compared as such ("40.270" is "40.27")."""
    value = fact.value
    if value is not None and value.kind == "number" and value.number is not None:
        return fact.subject, fact.relation, "", f"{value.number:.10g} {value.unit}"
    return fact.key


def confirmed_by(other: FactBase) -> frozenset[Key]:
    """The keys of an extractor's facts: `same_key(fact) in confirmed_by(second)` checks a fact of the first."""
    return frozenset(same_key(fact) for fact in _read(other))


def agreement(one: FactBase, other: FactBase) -> dict[str, Any]:
    """Shares of one's typed facts that the other confirms, and of the other's that are unknown to one, by relation.

    Facts that only a search found, and relations that are not typed, are no part of it. Amounts are compared where both
    have the fact and each has one amount. `only` lists some facts of each that the other has not, with their place.
    """
    mine = {same_key(fact): fact for fact in _read(one)}
    theirs = {same_key(fact): fact for fact in _read(other)}
    both = mine.keys() & theirs.keys()
    counts = [Counter(key[1] for key in keys) for keys in (mine, theirs, both)]
    relations = {
        name: _row(counts[0][name], counts[1][name], counts[2][name]) for name in sorted({*counts[0], *counts[1]})
    }
    measured = [key for key in both if mine[key].amount and theirs[key].amount]
    return {
        "one": one.extractor,
        "other": other.extractor,
        **_row(len(mine), len(theirs), len(both)),
        "amounts_compared": len(measured),
        "amounts_equal": sum(_amount(mine[key]) == _amount(theirs[key]) for key in measured),
        "relations": relations,
        "only": {
            "one": [_told(mine[key]) for key in sorted(mine.keys() - both)[:SHOWN]],
            "other": [_told(theirs[key]) for key in sorted(theirs.keys() - both)[:SHOWN]],
        },
    }


def as_text(report: dict[str, Any]) -> str:
    """The report for people: relations with most disagreement first."""
    one, other = report["one"], report["other"]
    lines = [
        f"{report['both']:,} facts of both; "
        f"{one} has {report['facts']:,}, {_share(report['confirmed'])} of them confirmed by {other}; "
        f"{other} has {report['others']:,}, {_share(report['unknown'])} of them unknown to {one}",
        f"amounts: {report['amounts_equal']:,} of {report['amounts_compared']:,} equal",
        "",
        f"{'relation':<32}{one:>10}{other:>10}{'both':>10}{'confirmed':>11}{'unknown':>9}",
    ]
    rows = sorted(
        report["relations"].items(),
        key=lambda item: (2 * item[1]["both"] - item[1]["facts"] - item[1]["others"], item[0]),
    )
    for name, row in rows:
        counts = f"{row['facts']:>10,}{row['others']:>10,}{row['both']:>10,}"
        lines.append(f"{name:<32}{counts}{_share(row['confirmed']):>11}{_share(row['unknown']):>9}")
    return "\n".join(lines)


def _read(facts: FactBase) -> list[Fact]:
    typed = {name for name, relation in facts.relations.items() if relation.typed}
    return [
        fact for fact in facts.facts if fact.relation in typed and any(not place.scanned for place in fact.supports)
    ]


def _row(facts: int, others: int, both: int) -> dict[str, Any]:
    return {
        "facts": facts,
        "others": others,
        "both": both,
        "confirmed": round(both / facts, 4) if facts else None,
        "unknown": round((others - both) / others, 4) if others else None,
    }


def _told(fact: Fact) -> dict[str, Any]:
    place = next(place for place in fact.supports if not place.scanned)
    return {
        "subject": fact.subject,
        "relation": fact.relation,
        "said": fact.object or (fact.value.text if fact.value else ""),
        "place": f"{place.doc_id}:{place.start}-{place.end}",
    }


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _amount(fact: Fact) -> str:
    return fact.amount.text if fact.amount else ""
