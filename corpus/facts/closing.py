"""From statements to facts: the same thing once, both directions of it, and what contradicts it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from corpus.facts.records import Fact, Relation, Statement, Support, Value

Key = tuple[str, str, str, str]


def close_statements(statements: Iterable[Statement], relations: Mapping[str, Relation]) -> tuple[Fact, ...]:
    """The facts that the statements state, by key, with the inverse of each where its relation has one.

    A fact is in conflict if its relation takes one value of a subject and another stands elsewhere, or if two
    statements of it give different amounts. Dates of which one is the other said more precisely agree.
    Raises KeyError for a statement of an unknown relation.
    """
    supports: dict[Key, set[Support]] = defaultdict(set)
    values: dict[Key, Value] = {}
    amounts: dict[Key, dict[str, Value]] = {}
    for said in statements:
        relation = relations[said.relation]
        key = said.subject, said.relation, said.object or "", said.value.text if said.value else ""
        supports[key].add(Support(said.doc_id, said.start, said.end))
        if said.value is not None:
            values[key] = min(values.get(key, said.value), said.value, key=_order)
        if said.amount is not None:
            amounts.setdefault(key, {}).setdefault(said.amount.text, said.amount)
        if relation.inverse and said.object:
            back = said.object, relation.inverse, said.subject, ""
            supports[back].add(Support(said.doc_id, said.start, said.end, inverse=True))
            if said.amount is not None:
                amounts.setdefault(back, {}).setdefault(said.amount.text, said.amount)
    disputed = _disputed(supports, values, relations)
    facts = []
    for key in sorted(supports):
        subject, relation_name, target, _ = key
        said_of = amounts.get(key, {})
        how_much = tuple(said_of[text] for text in sorted(said_of))
        facts.append(
            Fact(
                subject, relation_name, target or None, values.get(key), tuple(sorted(supports[key])),
                conflict=key in disputed or len(how_much) > 1, amounts=how_much,
            )
        )  # fmt: skip
    return tuple(facts)


def _order(value: Value) -> tuple[str, str]:
    """Which of two equal values stands for both: the one with the latest date."""
    return "".join(chr(0x10FFFF - ord(char)) for char in value.date or ""), value.unit


def _disputed(keys: Iterable[Key], values: Mapping[Key, Value], relations: Mapping[str, Relation]) -> set[Key]:
    one_only: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for key in keys:
        if relations[key[1]].functional:
            one_only[key[:2]].append(key)
    found = {key for rivals in one_only.values() if len(rivals) > 1 and not _agree(rivals, values) for key in rivals}
    # What is contradicted is so from the other side too.
    return found | {
        (key[2], back, key[0], "") for key in found if key[2] for back in [relations[key[1]].inverse] if back
    }


def _agree(keys: list[Key], values: Mapping[Key, Value]) -> bool:
    dates = sorted((key[3] for key in keys), key=len)
    if any(key[2] or values[key].kind != "date" for key in keys):
        return False
    return all(longer.startswith(shorter) for shorter, longer in pairwise(dates))
