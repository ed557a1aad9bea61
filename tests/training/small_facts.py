"""Small bases of facts, drawn by seed, and a solver that tries every assignment: what synthesis is checked against."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from corpus.facts.base import FactBase
from corpus.facts.closing import close_statements
from corpus.facts.records import Entity, Relation, Statement, Value
from training.synthesis.predicates import Predicate, holds, possible
from training.synthesis.seeds import Page
from training.synthesis.solve import Constraints

RELATIONS = {
    relation.name: relation
    for relation in (
        Relation("borders", "shares a border with", ("town",), "entity", ("town",), inverse="borders"),
        Relation("sells_to", "sells to", ("town",), "entity", ("town",), inverse="buys_from"),
        Relation("buys_from", "buys from", ("town",), "entity", ("town",), inverse="sells_to"),
        Relation("founder", "was founded by", ("town",), "entity", ("person",), functional=True),
        Relation("people", "has people", ("town",), "number", functional=True, unit="persons"),
        Relation("height", "lies at a height of", ("town",), "number", functional=True, unit="m"),
        Relation("founded", "was founded", ("town",), "date", functional=True),
        Relation("product", "makes", ("town",), "text"),
        Relation("hearsay", "is said to be like", ("town",), "entity", ("town",), typed=False),
    )
}
PRODUCTS = ("bread", "cloth", "glass", "paper", "rope", "salt")


def doc(number: int) -> str:
    return f"{number:016x}"


def draw_base(
    seed: int, towns: int, *, density: float = 0.1, gaps: float = 0.1, quarrels: float = 0.05, measured: bool = False
) -> FactBase:
    """Towns and a few persons; `gaps` are missing values, `quarrels` are values given twice and differently.

    `measured`: most borders have a length, and a border that is stated twice may have two.
    """
    rng, lengths = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    persons = max(2, towns // 10)
    entities = {doc(at): Entity(doc(at), f"Town {at}", "town") for at in range(towns)}
    entities |= {doc(towns + at): Entity(doc(towns + at), f"Person {at}", "person") for at in range(persons)}
    said: list[Statement] = []

    def say(subject: int, relation: str, thing: int | None = None, value: Value | None = None) -> None:
        at = len(said) * 10
        length = None
        if measured and relation == "borders" and lengths.random() >= gaps:
            km = int(lengths.integers(1, 20)) * 10
            length = Value("number", f"{km} km", number=km, unit="km")
        other = None if thing is None else doc(thing)
        said.append(Statement(doc(subject), relation, other, value, doc(subject), at, at + 5, length))

    for one in range(towns):
        for relation in ("borders", "sells_to", "hearsay"):
            for other in np.flatnonzero(rng.random(towns) < density).tolist():
                if other != one:
                    say(one, relation, other)
        for relation, low, high, unit in (("people", 100, 100_000, "persons"), ("height", -50, 3_000, "m")):
            for _ in range(int(rng.random() >= gaps) + int(rng.random() < quarrels)):
                number = int(rng.integers(low, high))
                say(one, relation, value=Value("number", f"{number} {unit}", number=number, unit=unit))
        if rng.random() >= gaps:
            date = f"{int(rng.integers(1500, 2000))}-05"
            say(one, "founded", value=Value("date", date, date=date))
        if rng.random() >= gaps:
            say(one, "founder", towns + int(rng.integers(persons)))
        for name in rng.choice(PRODUCTS, int(rng.integers(0, 4)), replace=False).tolist():
            say(one, "product", value=Value("text", name))
    return FactBase("0" * 32, "by-hand", entities, RELATIONS, close_statements(said, RELATIONS))


def pages(base: FactBase) -> Iterator[Page]:
    for doc_id, entity in sorted(base.entities.items()):
        yield Page(doc_id, entity.name, f"{entity.name} is a place of which there is much to say. " * 10, False)


def answers_by_trying(base: FactBase, constraints: Constraints, *, open_world: bool, distinct: bool) -> set[str]:
    """Entities that variable 0 can be. Tries every assignment of the variables that hang together with it."""
    asked = possible if open_world else holds
    joined = {
        (fact.subject, fact.relation, fact.object)
        for fact in base.facts
        if fact.object and base.relations[fact.relation].typed and (open_world or not fact.conflict)
    }
    reached, grown = {0}, True
    while grown:
        more = {n for e in constraints.edges for n in (e.a, e.b) if {e.a, e.b} & reached}
        grown = not more <= reached
        reached |= more
    order = sorted(reached)

    def domain(variable: int) -> list[str]:
        claims: list[Predicate] = [predicate for at, predicate in constraints.clues if at == variable]
        kind = constraints.kinds[variable]
        return [
            doc_id
            for doc_id in sorted(base.entities)
            if (not kind or base.entities[doc_id].kind == kind) and all(asked(p, doc_id, base) for p in claims)
        ]

    domains = {variable: domain(variable) for variable in order}
    found = set()

    def assign(at: int, solution: dict[int, str]) -> None:
        if at == len(order):
            found.add(solution[0])
            return
        for value in domains[order[at]]:
            if distinct and value in solution.values():
                continue
            tried = {**solution, order[at]: value}
            known = (edge for edge in constraints.edges if edge.a in tried and edge.b in tried)
            if all((tried[edge.a], edge.relation, tried[edge.b]) in joined for edge in known):
                assign(at + 1, tried)

    assign(0, {})
    return found
