"""A second extractor's opinion of a proof: is the answer the only one by its facts too, and by the same entities?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from training.synthesis.blur import SEARCH_CAP
from training.synthesis.index import FactIndex
from training.synthesis.predicates import Kind, names_of, relation_of
from training.synthesis.solve import solve
from training.synthesis.tool_proof import Whole, whole_of
from training.synthesis.tool_verify import ToolGround
from training.synthesis.tooling import Quotient
from training.tasks import Task

Opinion = Literal["confirmed", "ambiguous", "other answer", "no answer", "not read"]


@dataclass(frozen=True, slots=True)
class Survival:
    """Tasks by opinion.

    confirmed: the same answer and no other. ambiguous: the same and others. other answer, no answer: the second's
    facts contradict a clue, or miss a fact; so they do too where they lead to the same answer by other hidden entities
    than the proof's alone. not read: it has no such entity or relation, so it cannot say.
    """

    confirmed: int = 0
    ambiguous: int = 0
    other_answer: int = 0
    no_answer: int = 0
    not_read: int = 0

    @property
    def tasks(self) -> int:
        return self.confirmed + self.ambiguous + self.other_answer + self.no_answer + self.not_read

    @property
    def share(self) -> float:
        """Of all tasks those that are confirmed; 0.0 of none."""
        return self.confirmed / self.tasks if self.tasks else 0.0

    @property
    def unique(self) -> float:
        """Of the tasks for which the second finds the answer, those for which it finds no other; 0.0 of none."""
        found = self.confirmed + self.ambiguous
        return self.confirmed / found if found else 0.0


def index_for(task: Task, second: ToolGround) -> FactIndex:
    """The facts of another extractor as a task needs them: with plain links where its proof has them, and with the
    tools of the snapshot where it has claims that these settle."""
    proof = whole_of(task.proof or {})
    return second.index(proof.base.links) if proof.edits else second.ground.index(proof.base.links)


def opinion_on(task: Task, second: FactIndex) -> Opinion:
    """What the facts of another extractor, as they stand without conflict, say of a task.

    `second` is as `index_for` gives it. What a table tells is the same for both extractors; what is computed from pages
    is computed from the second's numbers. Kinds are asked for as the proof has them: where the second calls a hidden
    territory a country, there is no answer.
    """
    proof = whole_of(task.proof or {})
    relations = {edge.relation for edge in proof.asked.edges} | {relation_of(c.predicate) or "" for c in proof.clues}
    for edit in proof.edits:
        relations |= {edit.claim.over, edit.claim.under} if isinstance(edit.claim, Quotient) else set()
    named = {doc_id for clue in proof.clues for doc_id in names_of(clue.predicate)}
    if not {*proof.solution, *named} <= second.number.keys() or relations - {""} - second.relations.keys():
        return "not read"
    found = solve(second, proof.asked, "closed", distinct=True, enough=2, cap=SEARCH_CAP).answers
    if second.number[proof.solution[0]] in found and _as_proved(proof, second):
        return "confirmed" if len(found) == 1 else "ambiguous"
    return "other answer" if found else "no answer"


def _as_proved(proof: Whole, second: FactIndex) -> bool:
    """Whether the proof's own entities satisfy every part of it by the second's facts."""
    asked = proof.asked
    entities = [second.number[doc_id] for doc_id in proof.solution]
    clues = [*asked.clues, *((at, Kind(kind=kind)) for at, kind in enumerate(asked.kinds) if kind)]
    return all(second.mask(predicate, "closed")[entities[variable]] for variable, predicate in clues) and all(
        any(
            (fact.relation, fact.object) == (edge.relation, proof.solution[edge.b])
            for fact in second.facts_of(entities[edge.a])
        )
        for edge in asked.edges
    )


def survival(opinions: Iterable[Opinion]) -> Survival:
    counts = dict.fromkeys(("confirmed", "ambiguous", "other answer", "no answer", "not read"), 0)
    for opinion in opinions:
        counts[opinion] += 1
    return Survival(*counts.values())
