"""What is said in which order: sentences about one variable each, before any word is chosen.

A question is a walk over the graph of the proof. Each variable has its turn as a subject; what it is joined to comes in
as an object, and may bring a clause of its own along as a modifier ("a second country that is mostly forest").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from training.synthesis.proof import Proof

MOST = 3
"""Clauses of one sentence."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One clue or edge of the proof, said of `subject`. `other` is the variable at an edge's other end.

    `modifiers` are clauses about `other`, said where it first appears.
    """

    part: str
    """"clue:0" or "edge:0", by place in the proof."""
    subject: int
    other: int | None = None
    modifiers: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    subject: int
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """`asks_first`: the first sentence is the question. `cast`: everything is introduced before anything is said."""

    sentences: tuple[Sentence, ...]
    asks_first: bool
    cast: bool


def planned(proof: Proof, rng: np.random.Generator) -> Plan:
    """A drawn order in which every clue and every edge is said exactly once."""
    cast = len(proof.solution) > 2 and rng.random() < 0.2
    start = 0 if cast or rng.random() < 0.7 else int(rng.integers(len(proof.solution)))
    asks_first = not cast and start == 0 and rng.random() < 0.55
    return Plan(tuple(_sentences(proof, start, cast, rng)), asks_first, cast)


def _sentences(proof: Proof, start: int, cast: bool, rng: np.random.Generator) -> list[Sentence]:
    ends = [(edge.a, edge.b) for edge in proof.edges]
    order = _order(len(proof.solution), ends, start, rng)
    if cast:
        order = [order[at] for at in rng.permutation(len(order)).tolist()]
    left = [f"clue:{at}" for at in range(len(proof.clues))] + [f"edge:{at}" for at in range(len(proof.edges))]
    known = set(order) if cast else {start}
    sentences: list[Sentence] = []

    def take(part: str, subject: int) -> Clause:
        left.remove(part)
        other = _other(part, subject, ends)
        return Clause(part, subject, other)

    for turn, subject in enumerate(order):
        mine = [part for part in left if _about(part, subject, proof, ends)]
        mine = [mine[at] for at in rng.permutation(len(mine)).tolist()]
        later = set(order[turn + 1 :])
        kept = []
        for part in mine:
            other = _other(part, subject, ends)
            # What joins two known variables can as well be said when the other has its turn.
            if other in known and other in later and rng.random() < 0.4:
                continue
            kept.append(part)
        clauses: list[Clause] = []
        for part in kept:
            if part not in left:
                continue
            clause = take(part, subject)
            if clause.other is not None and clause.other not in known:
                known.add(clause.other)
                clause = _with_modifiers(clause, left, proof, ends, known, take, rng)
            clauses.append(clause)
        sentences += _split(subject, clauses, rng)
    assert not left
    return sentences


def _with_modifiers(
    clause: Clause,
    left: list[str],
    proof: Proof,
    ends: Sequence[tuple[int, int]],
    known: set[int],
    take: Callable[[str, int], Clause],
    rng: np.random.Generator,
) -> Clause:
    new = clause.other
    assert new is not None
    draw = rng.random()
    wanted = 0 if draw < 0.3 else 1 if draw < 0.8 else 2
    fit = []
    for part in left:
        other = _other(part, new, ends)
        about = _about(part, new, proof, ends)
        if about and (part.startswith("clue") or (other in known and other != clause.subject)):
            fit.append(part)
    picked = [fit[at] for at in rng.permutation(len(fit)).tolist()[:wanted]]
    return Clause(clause.part, clause.subject, new, tuple(take(part, new) for part in picked))


def _split(subject: int, clauses: list[Clause], rng: np.random.Generator) -> list[Sentence]:
    """Sentences of at most MOST clauses, with a modified object at the end of one alone, where nothing hangs on it."""
    heavy = [clause for clause in clauses if clause.modifiers]
    light = [clause for clause in clauses if not clause.modifiers]
    rows: list[list[Clause]] = []
    size = int(rng.integers(2, MOST + 1))
    for at in range(0, len(light), size):
        rows.append(light[at : at + size])
    for clause in heavy:
        short = [row for row in rows if len(row) < MOST and not row[-1].modifiers]
        if short and rng.random() < 0.8:
            short[0].append(clause)
        else:
            rows.append([clause])
    rows = [rows[at] for at in rng.permutation(len(rows)).tolist()]
    return [Sentence(subject, tuple(row)) for row in rows]


def _order(count: int, ends: Sequence[tuple[int, int]], start: int, rng: np.random.Generator) -> list[int]:
    """Variables in the order of a walk from the start; unjoined ones last."""
    order = [start]
    for at in order:
        near = sorted({b if a == at else a for a, b in ends if at in (a, b)} - set(order))
        order += [near[i] for i in rng.permutation(len(near)).tolist()]
    return order + [variable for variable in range(count) if variable not in order]


def _about(part: str, variable: int, proof: Proof, ends: Sequence[tuple[int, int]]) -> bool:
    sort, _, at = part.partition(":")
    return proof.clues[int(at)].variable == variable if sort == "clue" else variable in ends[int(at)]


def _other(part: str, variable: int, ends: Sequence[tuple[int, int]]) -> int | None:
    sort, _, at = part.partition(":")
    if sort == "clue":
        return None
    a, b = ends[int(at)]
    return b if a == variable else a
