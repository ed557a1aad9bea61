"""A number taken from another line of the page, in tasks that are right in every count for whom misread it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from corpus.facts.records import Fact
from tests.training.planted_bed import Bed, Planted, proof_of, remade, replaced, with_number
from training.synthesis.blur import SEARCH_CAP
from training.synthesis.index import FactIndex
from training.synthesis.ladders import ladder
from training.synthesis.predicates import holds
from training.synthesis.proof import Proof, ProvedClue, ProvedEdge, stated
from training.synthesis.solve import solve
from training.synthesis.verify import constraints_of
from training.tasks import Task

MISREADINGS = 200
"""Numbers taken from another line that are looked at for a task."""
LINES = 2
"""Misreadings of a task's numbers for which its counts are made again."""
MISREAD_TASKS = 0.4
"""Share of the tasks that get a number of another line: each takes an index of a base of its own."""
NEAR = 10
"""Near misses of a task that is made again."""


def of_another_line(bed: Bed, task: Task, rng: np.random.Generator) -> Iterator[Planted]:
    """The number and the words of another line of the page, in a task that is right in every count for whom misread it.

    The clue is false, so the answer is not to be found by it; the span holds the number, and all else fits.
    """
    if rng.random() >= MISREAD_TASKS:
        return
    proof = proof_of(task)
    rows = list(_other_lines(bed, proof))
    tried = 0
    for number in rng.permutation(len(rows)).tolist()[:MISREADINGS]:
        at, fact, misread = rows[number]
        if tried == LINES:
            return
        # By the true facts the false clue fits nobody, where it is to fit the answer alone by the false one.
        levels = [
            level.predicate
            for level in ladder(bed.index, misread, proof.min_candidates)
            if level.facts == (misread,) and not holds(level.predicate, misread.subject, bed.facts)
        ]
        whole = constraints_of(proof)
        if not levels or solve(bed.index, whole.with_clue(at, levels[0]), "open", distinct=False, enough=1).answers:
            continue
        tried += 1
        index = FactIndex(replaced(bed.facts, {fact.key: misread}))
        parts = _refitted(bed, index, proof, at, misread)
        if parts is not None:
            clues, dropped, solutions, misses = parts
            made = remade(
                replace(bed, facts=index.base), task, "a number of another line",
                clues=clues, edges=dropped.edges, dropped_nodes=dropped.nodes, solutions=solutions, at_least=(),
            )  # fmt: skip
            near = tuple(index.ids[entity] for entity in misses)
            names = {*made.task.aliases, made.task.answer}
            wrong = dict.fromkeys(index.base.entities[doc_id].name for doc_id in near)
            kept = {"distractors": near, "wrong_answers": tuple(name for name in wrong if name not in names)}
            yield Planted(made.sort, made.task.model_copy(update=kept), ((fact, misread),), alone=True)
            return


def _other_lines(bed: Bed, proof: Proof) -> Iterator[tuple[int, Fact, Fact]]:
    """(place of a clue, a number of its entity, the same with the number and the words of another line of the page)."""
    for at, clue in enumerate(proof.clues):
        entity = proof.solution[clue.variable]
        elsewhere = [said for place, one in enumerate(proof.clues) if place != at for said in one.facts]
        # Another part of the proof that rests on the number would tell, and so would a second clue of one relation.
        told = {said.relation for said in elsewhere if said.subject == entity}
        numbers = [
            (fact, fact.value)
            for fact in bed.index.facts_of(bed.index.number[entity])
            if fact.value is not None and fact.value.number
        ]
        for fact, own in numbers:
            for other, value in numbers if fact.relation not in told else ():
                # Degrees and minutes stand apart, so that the number of a coordinate is nowhere as it is.
                if other.relation == fact.relation or value.unit == "degrees" or not own.number or not value.number:
                    continue
                if not 0.5 < abs(value.number / own.number) < 2:
                    yield at, fact, replace(with_number(fact, value.number), supports=other.supports)


@dataclass(frozen=True)
class _Dropped:
    """Edges and hidden nodes with their counts of answers left without them."""

    edges: tuple[ProvedEdge, ...]
    nodes: tuple[int, ...]


def _refitted(
    bed: Bed, index: FactIndex, proof: Proof, at: int, misread: Fact
) -> tuple[tuple[ProvedClue, ...], _Dropped, int, list[int]] | None:
    """The proof's parts with a clue that rests on the misread fact, counted in its base; None where none fits."""
    old = proof.clues[at]
    for blurred, level in enumerate(ladder(index, misread, proof.min_candidates)):
        if holds(level.predicate, misread.subject, bed.facts) or level.facts != (misread,):
            continue
        clue = old.model_copy(
            update={"predicate": level.predicate, "level": level.name, "blurred": blurred, "facts": (stated(misread),)}
        )
        clues = (*proof.clues[:at], clue, *proof.clues[at + 1 :])
        whole = constraints_of(proof.model_copy(update={"clues": clues}))
        answer = (index.number[proof.solution[0]],)
        open_world = solve(index, whole, "open", distinct=False, enough=2, cap=SEARCH_CAP)
        if not open_world.complete or open_world.answers != answer:
            return None  # what is vaguer fits more
        parts = [
            *(whole.without_clue(number) for number in range(len(clues))),
            *(whole.without_edge(number) for number in range(len(proof.edges))),
            *(whole.without_node(number) for number in range(1, len(proof.kinds))),
        ]
        left = [solve(index, part, "closed", distinct=True, cap=SEARCH_CAP).answers for part in parts]
        full = solve(index, whole, "closed", distinct=True, count=True)
        counts = [index.count(one.predicate) for one in clues]
        if min(map(len, left)) < 2 or min(counts) < proof.min_candidates or full.answers != answer:
            continue
        sizes = [len(answers) for answers in left]
        numbers = zip(clues, counts, sizes, strict=False)
        edges = zip(proof.edges, sizes[len(clues) :], strict=False)
        return (
            tuple(one.model_copy(update={"candidates": count, "dropped": size}) for one, count, size in numbers),
            _Dropped(
                tuple(edge.model_copy(update={"dropped": size}) for edge, size in edges),
                tuple(sizes[len(clues) + len(proof.edges) :]),
            ),
            full.solutions,
            sorted({entity for answers in left for entity in answers} - {answer[0]})[:NEAR],
        )
    return None
