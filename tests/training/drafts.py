"""Proofs made by hand, for what only reads them: wording, leaks, rewriting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from corpus.facts.base import FactBase
from corpus.facts.records import Entity, Relation
from training.synthesis.predicates import Predicate
from training.synthesis.proof import Proof, ProvedClue, ProvedDispersion, ProvedEdge, TaskDraft


def entity(number: int, name: str, kind: str = "town", aliases: Iterable[str] = ()) -> Entity:
    return Entity(f"{number:016x}", name, kind, tuple(aliases))


def draft_of(
    entities: Sequence[Entity],
    relations: Mapping[str, Relation],
    solution: Sequence[Entity],
    *,
    edges: Sequence[tuple[int, str, int]] = (),
    clues: Sequence[tuple[int, Predicate]] = (),
) -> TaskDraft:
    """A draft whose figures are all nought: nothing is solved here."""
    proof = Proof(
        snapshot_id="0" * 32,
        extractor="by-hand",
        links=False,
        solution=tuple(one.doc_id for one in solution),
        kinds=tuple(one.kind for one in solution),
        edges=tuple(ProvedEdge(a=a, relation=name, b=b, dropped=2, facts=()) for a, name, b in edges),
        clues=tuple(
            ProvedClue(variable=at, predicate=said, level="", blurred=0, candidates=9, dropped=2, facts=())
            for at, said in clues
        ),
        graph6="",
        treewidth=1,
        role="even",
        dropped_nodes=(),
        solutions=1,
        dispersion=ProvedDispersion(minimum=1, constructing=1, most_on_one=1, pages=()),
        min_candidates=2,
    )
    facts = FactBase("0" * 32, "by-hand", {one.doc_id: one for one in entities}, relations, ())
    return TaskDraft(proof, facts)
