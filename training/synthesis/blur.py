"""Clues for every variable of a shape, said as vaguely as the answer allows.

Every clue starts at its sharpest level. The one that gives most away is made vaguer, or left out, while the answer
stays the only one in the open world; where it would not, that clue is done. What remains is needed, since every next
step would let a second answer in; `refine` counts that again in the closed world, for edges and hidden nodes too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from corpus.facts.records import Fact
from training.synthesis.graph import Shape
from training.synthesis.index import KEPT_ENTITIES, FactIndex
from training.synthesis.ladders import Level, amount_ladder, ladder
from training.synthesis.predicates import OUTSIDE, names_of
from training.synthesis.solve import Constraints, Edge, solve

CLUES = 2
"""Clues of a variable at the start: more make more tasks unique and fewer of them irreducible."""
BOUND = 3
"""Edges that say enough of a hidden node. In a clique of four a clue for each leaves no edge needed."""
SHARPNESS = 2.0
SEARCH_CAP = 200_000


@dataclass(frozen=True, slots=True)
class Clue:
    """One fact about a variable, said at one of its levels."""

    relation: str
    levels: tuple[Level, ...]
    variable: int = 0
    at: int = 0

    @property
    def level(self) -> Level:
        return self.levels[self.at]


@dataclass(frozen=True, slots=True)
class Rung:
    """A fact with its ladder and the entities that its levels name."""

    fact: Fact
    levels: tuple[Level, ...]
    names: frozenset[str]


@dataclass(frozen=True)
class Draft:
    """A shape with its facts and clues. `joins` are the facts of the edges, in their order."""

    shape: Shape
    kinds: tuple[str, ...]
    joins: tuple[Fact, ...]
    edges: tuple[Edge, ...]
    clues: tuple[Clue, ...]
    apart: bool = False

    @property
    def constraints(self) -> Constraints:
        clues = tuple((clue.variable, clue.level.predicate) for clue in self.clues)
        return Constraints(self.kinds, self.edges, clues, self.apart)


class Ladders:
    """Ladders of facts, each made once."""

    def __init__(self, index: FactIndex, min_candidates: int) -> None:
        self.index = index
        self.min_candidates = min_candidates
        self._kept: dict[int, tuple[Rung, ...]] = {}

    def of(self, entity: int) -> tuple[Rung, ...]:
        """Every usable fact about an entity that has a ladder."""
        if entity not in self._kept:
            if len(self._kept) >= KEPT_ENTITIES:
                self._kept.clear()
            rows = (
                (fact, made(self.index, fact, self.min_candidates))
                for fact in self.index.facts_of(entity)
                for made in (ladder, amount_ladder)
            )
            self._kept[entity] = tuple(
                Rung(fact, levels, frozenset(name for level in levels for name in names_of(level.predicate)))
                for fact, levels in rows
                if levels
            )
        return self._kept[entity]

    def drawn(self, entity: int, own: set[str], taken: set[str], rng: np.random.Generator) -> Iterator[Clue]:
        """Clues about an entity in a drawn order, that name none of `own` and are of no relation in `taken`.

        Sharper clues come first more often (exponential races with rate candidates ** -SHARPNESS): of clues drawn
        evenly few pairs tell one entity from the rest.
        """
        rows = self.of(entity)
        rates = np.array([float(row.levels[0].candidates) for row in rows]) ** -SHARPNESS
        for at in np.argsort(rng.exponential(size=len(rows)) / rates, kind="stable").tolist():
            row = rows[at]
            if row.fact.object in own or row.fact.relation in taken:
                continue
            levels = row.levels
            if own & row.names:
                levels = tuple(level for level in levels if not own & set(names_of(level.predicate)))
            if levels:
                yield Clue(row.fact.relation, levels)


def first_draft(ladders: Ladders, shape: Shape, rng: np.random.Generator, *, apart: bool = False) -> Draft | None:
    """Facts for the edges and CLUES clues a variable, drawn; None where a hidden node with one edge gets no clue."""
    index = ladders.index
    own = {index.ids[node] for node in shape.nodes}
    joins, edges = [], []
    for one, other in shape.edges:
        facts = index.between(shape.nodes[one], shape.nodes[other])
        fact = facts[int(rng.integers(len(facts)))]
        from_one = fact.subject == index.ids[shape.nodes[one]]
        joins.append(fact)
        edges.append(Edge(one, fact.relation, other) if from_one else Edge(other, fact.relation, one))
    clues: list[Clue] = []
    for variable, node in enumerate(shape.nodes):
        taken: set[str] = set()
        for clue in ladders.drawn(node, own, taken, rng):
            if len(taken) == CLUES:
                break
            # Two clues of one relation say much the same.
            taken.add(clue.relation)
            clues.append(replace(clue, variable=variable))
        if variable and not taken and not index.links and sum(variable in edge for edge in shape.edges) < 2:
            return None
    # That it is outside is true of the snapshot and not of the thing, so nothing is claimed.
    kinds = tuple("" if index.kind(node) == OUTSIDE else index.kind(node) for node in shape.nodes)
    return Draft(shape, kinds, tuple(joins), tuple(edges), tuple(clues), apart)


def is_unique(index: FactIndex, draft: Draft) -> bool:
    """Whether the answer is the only one where most is possible: in the open world, and, unless they are said to be
    apart, where two variables may be one entity."""
    found = solve(index, draft.constraints, "open", distinct=draft.apart, enough=2, cap=SEARCH_CAP)
    return found.complete and found.answers == (draft.shape.nodes[0],)


def blurred(index: FactIndex, draft: Draft, last: int | None = None) -> Draft:
    """The draft, unique before and after, with clues that can be made no vaguer one at a time.

    What can be left out goes first: the fewer clues, the more rests on the edges. Clue `last` comes last.
    """
    order = [at for at in range(len(draft.clues) - 1, -1, -1) if at != last]
    if last is not None:
        order.append(last)
    clues: list[Clue | None] = list(draft.clues)

    def tried(at: int, clue: Clue | None) -> bool:
        before, clues[at] = clues[at], clue
        if is_unique(index, replace(draft, clues=tuple(clue for clue in clues if clue))):
            return True
        clues[at] = before
        return False

    for at in order:
        if may_drop(index, draft.shape, [clue for clue in clues if clue], draft.clues[at].variable):
            tried(at, None)
    rest = {at for at in order if clues[at]}
    while rest:
        at = min(rest, key=lambda at: (at == last, _candidates(clues[at]), at))
        clue = clues[at]
        assert clue
        if clue.at + 1 == len(clue.levels) or not tried(at, replace(clue, at=clue.at + 1)):
            rest.remove(at)
    return replace(draft, clues=tuple(clue for clue in clues if clue))


def may_drop(index: FactIndex, shape: Shape, clues: list[Clue], variable: int) -> bool:
    """A hidden node keeps one clue; with plain links, or with BOUND edges, it may have none. One clue always stays."""
    if len(clues) == 1:
        return False
    bound = sum(variable in edge for edge in shape.edges) >= BOUND
    return variable == 0 or index.links or bound or sum(clue.variable == variable for clue in clues) > 1


def _candidates(clue: Clue | None) -> int:
    return clue.level.candidates if clue else 0
