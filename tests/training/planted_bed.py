"""What defects are planted in, and how a task is made again around one: its words, evidence and id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from corpus.facts.base import FactBase
from corpus.facts.records import Fact, Value
from training.synthesis.dispersion import dispersion
from training.synthesis.index import FactIndex
from training.synthesis.proof import (
    Proof,
    ProvedClue,
    ProvedDispersion,
    Stated,
    TaskDraft,
    task_id_of,
)
from training.synthesis.wording import phrases, worded
from training.tasks import Task


@dataclass(frozen=True)
class Bed:
    """What defects are planted in: clean tasks over a base of facts."""

    facts: FactBase
    tasks: Sequence[Task]
    index: FactIndex

    def known(self, said: Stated) -> Fact:
        key = said.subject, said.relation, said.object or "", said.value or ""
        return next(fact for fact in self.facts.about(said.subject) if fact.key == key)


@dataclass(frozen=True)
class Planted:
    """A defective task, and the facts it has to be held against: the clean ones, or with a false or third page."""

    sort: str
    task: Task
    changed: tuple[tuple[Fact, Fact], ...] = ()
    """Facts of the base that are replaced."""
    alone: bool = False
    """Whether it was made to fit a base with its own changes and no others, and has to be held against that."""


def doctored(facts: FactBase, planted: Sequence[Planted]) -> FactBase:
    """The base with the changes of all of these."""
    return replaced(facts, {old.key: new for one in planted for old, new in one.changed})


def replaced(facts: FactBase, changes: Mapping[tuple[str, str, str, str], Fact]) -> FactBase:
    """The base with other facts in place of those of these keys."""
    changed = [changes.get(fact.key, fact) for fact in facts.facts]
    return replace(facts, facts=tuple(sorted(changed, key=lambda fact: fact.key)))


def proof_of(task: Task) -> Proof:
    """The proof that a task holds."""
    return Proof.model_validate(task.proof)


def with_number(fact: Fact, number: float) -> Fact:
    """The fact with another number, in its own unit, at four decimals."""
    assert fact.value is not None
    text = f"{round(number, 4):g} {fact.value.unit}".strip()
    return replace(fact, value=Value("number", text, round(number, 4), fact.value.unit, fact.value.date))


def recounted(bed: Bed, clue: ProvedClue) -> ProvedClue:
    """Enough candidates, whatever they are: the defect is to be found, not its side effect."""
    return clue.model_copy(update={"candidates": bed.index.count(clue.predicate)})


def remade(bed: Bed, task: Task, sort: str, *, swap: tuple[Stated, Stated] | None = None, **parts: Any) -> Planted:
    """The task with other parts of its proof, or with one fact exchanged, and all that follows from them made again."""
    # The words are made again below; where they say what is no part of a plant.
    proof = proof_of(task).model_copy(update={**parts, "wording": ()})
    if swap:
        old, new = swap
        changed = {
            name: tuple(
                part.model_copy(update={"facts": tuple(new if fact == old else fact for fact in part.facts)})
                for part in getattr(proof, name)
            )
            for name in ("edges", "clues")
        }
        proof = proof.model_copy(update=changed)
    proof = proof.model_copy(update={"dispersion": _spread(proof), "witness": None})
    wording = worded(TaskDraft(proof, bed.facts), np.random.default_rng(0), task.language)
    proof = proof.model_copy(update={"wording": phrases(wording)})
    answer = bed.facts.entities[proof.solution[0]]
    return Planted(
        sort,
        task.model_copy(
            update={
                "task_id": task_id_of(proof),
                "answer": answer.name,
                "aliases": answer.aliases,
                "distractors": tuple(d for d in task.distractors if d != answer.doc_id),
                "wrong_answers": tuple(name for name in task.wrong_answers if name != answer.name),
                "question": wording.text,
                "evidence": proof.dispersion.pages,
                "proof": proof.model_dump(mode="json", by_alias=True),
            }
        ),
    )


def _spread(proof: Proof) -> ProvedDispersion:
    facts = {(f.subject, f.relation, f.object, f.value): f for f in proof.facts}
    read = [{doc_id for doc_id, _, _ in fact.supports} for fact in facts.values()]
    over_all = dispersion([pages | {*fact.also} for pages, fact in zip(read, facts.values(), strict=True)])
    own = {*proof.solution, *(d for clue in proof.clues for d in getattr(clue.predicate, "entity", "").split())}
    return ProvedDispersion(
        minimum=over_all.minimum,
        constructing=dispersion([pages & own or pages for pages in read]).minimum,
        most_on_one=over_all.most_on_one,
        pages=dispersion(read, own).pages,
    )
