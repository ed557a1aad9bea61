from __future__ import annotations

import numpy as np
import pytest

from corpus.facts.base import FactBase
from tests.training.small_facts import PRODUCTS, RELATIONS, answers_by_trying, doc, draw_base
from training.synthesis.index import FactIndex
from training.synthesis.predicates import (
    PREDICATE,
    Amount,
    Compare,
    Equal,
    Kind,
    Named,
    Not,
    Period,
    Predicate,
    Range,
    Some,
    holds,
    possible,
)
from training.synthesis.solve import Constraints, Edge, solve


def draw_predicate(base: FactBase, rng: np.random.Generator, *, plain: bool = False) -> Predicate:
    """Any predicate that can be said of a town; `plain` leaves negation out."""
    entity = doc(int(rng.integers(len(base.entities))))
    year = int(rng.integers(1500, 1950))
    low = float(rng.integers(-50, 20_000))
    options: list[Predicate] = [
        Kind(kind=str(rng.choice(["town", "person"]))),
        Named(relation=str(rng.choice(["borders", "sells_to", "founder"])), entity=entity),
        Some(relation=str(rng.choice(["borders", "founder"])), kind=str(rng.choice(["town", "person"]))),
        Equal(relation="product", text=str(rng.choice(PRODUCTS))),
        Range(relation="people", low=low, high=low + 40_000, unit="persons"),
        Range(relation="height", low=100, high=1500, unit="m"),
        Range(relation="height", low=100, high=1500, unit="km"),
        Period(relation="founded", first=year, last=year + 99),
        Compare(relation="people", sense="more", entity=entity),
        Compare(relation="founded", sense="less", entity=entity),
        Amount(relation="borders", low=30, high=90, unit="km"),
        Amount(relation="borders", low=30, high=90, unit="m"),
    ]
    found = options[int(rng.integers(len(options)))]
    if not plain and rng.random() < 0.25 and not isinstance(found, Kind | Some | Amount):
        return Not(of=found)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_bits_of_the_index_say_of_everybody_what_reading_the_facts_says(seed: int) -> None:
    base = draw_base(seed, 25, gaps=0.2, quarrels=0.2, measured=True)
    index, rng = FactIndex(base), np.random.default_rng(seed)
    for _ in range(60):
        predicate = draw_predicate(base, rng)
        for world, asked in (("closed", holds), ("open", possible)):
            bits = index.mask(predicate, "closed" if world == "closed" else "open").tolist()
            assert bits == [asked(predicate, doc_id, base) for doc_id in index.ids], (world, predicate)


@pytest.mark.parametrize("seed", range(12))
def test_what_holds_in_the_closed_world_is_possible_in_the_open_one(seed: int) -> None:
    base, rng = draw_base(seed, 25, gaps=0.2, quarrels=0.2, measured=True), np.random.default_rng(seed)
    for _ in range(60):
        predicate = draw_predicate(base, rng, plain=True)
        assert [d for d in base.entities if holds(predicate, d, base) and not possible(predicate, d, base)] == []


def draw_constraints(base: FactBase, rng: np.random.Generator) -> Constraints:
    nodes = int(rng.integers(1, 4))
    pairs = [(a, b) for b in range(nodes) for a in range(b) if rng.random() < 0.8]
    edges = tuple(
        Edge(*(((a, name, b)) if rng.random() < 0.5 else (b, name, a)))
        for a, b in pairs
        for name in [str(rng.choice(["borders", "sells_to", "buys_from"]))]
    )
    clues = tuple(
        (int(rng.integers(nodes)), draw_predicate(base, rng, plain=bool(rng.random() < 0.5)))
        for _ in range(int(rng.integers(0, 4)))
    )
    return Constraints(("town",) * nodes, edges, clues)


@pytest.mark.parametrize("seed", range(40))
def test_the_solver_finds_what_trying_every_assignment_finds(seed: int) -> None:
    base, rng = draw_base(seed, 14, density=0.2, quarrels=0.2, measured=True), np.random.default_rng(seed)
    index = FactIndex(base)
    for _ in range(4):
        constraints = draw_constraints(base, rng)
        for world in (False, True):
            for distinct in (False, True):
                found = solve(index, constraints, "open" if world else "closed", distinct=distinct)
                tried = answers_by_trying(base, constraints, open_world=world, distinct=distinct)
                assert found.complete
                assert {index.ids[entity] for entity in found.answers} == tried


def test_small_blocks_and_many_entities_change_no_answer() -> None:
    index = FactIndex(draw_base(5, 120, density=0.05))
    ring = Constraints(
        ("town",) * 4,
        tuple(Edge(at, "sells_to", (at + 1) % 4) for at in range(4)),
        ((1, Range(relation="people", low=0, high=20_000, unit="persons")),),
    )
    whole = solve(index, ring, "closed", distinct=True, count=True)
    assert whole.solutions > len(whole.answers) > 1
    assert solve(index, ring, "closed", distinct=True, count=True, block=7) == whole
    assert solve(index, ring, "closed", distinct=False).answers == solve(
        index, ring, "closed", distinct=False, block=7
    ).answers  # fmt: skip


def test_a_search_beyond_its_cap_says_that_it_is_not_complete() -> None:
    index = FactIndex(draw_base(1, 60, density=0.3))
    ring = Constraints(("town",) * 4, tuple(Edge(at, "sells_to", (at + 1) % 4) for at in range(4)), ())
    assert not solve(index, ring, "closed", distinct=True, cap=50).complete


def test_relations_that_are_not_typed_and_facts_in_conflict_join_nobody() -> None:
    base = draw_base(3, 40, quarrels=0.5)
    index = FactIndex(base)
    assert base.of("hearsay")
    assert "hearsay" not in index.relations
    used = [fact for entity in range(index.size) for fact in index.facts_of(entity)]
    assert base.conflicts
    assert not [fact for fact in used if fact.conflict or not RELATIONS[fact.relation].typed]


def test_predicates_come_back_from_json_as_they_were() -> None:
    base, rng = draw_base(2, 10), np.random.default_rng(2)
    for _ in range(100):
        predicate = draw_predicate(base, rng)
        assert PREDICATE.validate_json(predicate.model_dump_json()) == predicate
