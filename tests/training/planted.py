"""Defects planted into clean tasks, as a faulty maker would have left them: everything else of the proof fits.

Ids, evidence, candidates and words are made again after each change, so that what is found is the defect itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from corpus.facts.base import FactBase
from corpus.facts.records import Fact, Support, Value
from training.synthesis.dispersion import dispersion
from training.synthesis.index import FactIndex
from training.synthesis.predicates import Period, Range
from training.synthesis.proof import Proof, ProvedClue, ProvedDispersion, Stated, TaskDraft, stated, task_id_of
from training.synthesis.solve import solve
from training.synthesis.verify import Ground, constraints_of
from training.synthesis.wording import phrases, worded
from training.tasks import Task

NOWHERE = "f" * 16
MISREAD = 1.37
WIDENED = 12
"""Times that a range grows until it leaves enough candidates."""


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


def doctored(facts: FactBase, planted: Sequence[Planted]) -> FactBase:
    """The base with the changes of all of these."""
    changes = {old.key: new for one in planted for old, new in one.changed}
    changed = [changes.get(fact.key, fact) for fact in facts.facts]
    return replace(facts, facts=tuple(sorted(changed, key=lambda fact: fact.key)))


def ambiguous(bed: Bed, task: Task, rng: np.random.Generator) -> Iterator[Planted]:
    """A clue is left out; a range or a period is made wider, till a second answer fits."""
    proof = _proof(task)
    at = int(rng.integers(len(proof.clues)))
    yield _remade(bed, task, "a clue is missing", clues=proof.clues[:at] + proof.clues[at + 1 :])
    for at, clue in enumerate(proof.clues):
        wider = _wider(clue)
        if wider is None:
            continue
        clues = (*proof.clues[:at], _recounted(bed, wider), *proof.clues[at + 1 :])
        asked = constraints_of(proof.model_copy(update={"clues": clues}))
        if len(solve(bed.index, asked, "open", distinct=False, enough=2).answers) > 1:
            yield _remade(bed, task, "a clue is too wide", clues=clues)
            return


def leaky(bed: Bed, task: Task, rng: np.random.Generator) -> Iterator[Planted]:
    """The question holds the answer, another name of it, or a hidden node."""
    proof = _proof(task)
    answer = bed.facts.entities[proof.solution[0]]
    hidden = [bed.facts.entities[doc_id].name for doc_id in proof.solution[1:]]
    names = [("the answer is named", answer.name.upper()), ("a hidden node is named", hidden[0] if hidden else "")]
    names += [("another name of the answer is given", name) for name in answer.aliases[:1]]
    for sort, name in names:
        if name:
            question = f"{task.question} Think of {name}, for a start."
            yield Planted(sort, task.model_copy(update={"question": question}))


def unsolvable(bed: Bed, task: Task, rng: np.random.Generator) -> Iterator[Planted]:
    """A clue that is not true; an edge that does not exist; evidence on a page that is not there."""
    proof = _proof(task)
    for at, clue in enumerate(proof.clues):
        if isinstance(clue.predicate, Range) and clue.predicate.low > 0:
            predicate = clue.predicate
            moved = predicate.model_copy(update={"low": predicate.high * 2, "high": predicate.high * 4})
            moved_clue = _recounted(bed, clue.model_copy(update={"predicate": moved}))
            yield _remade(
                bed, task, "a clue is not true", clues=(*proof.clues[:at], moved_clue, *proof.clues[at + 1 :])
            )
            break
    edge = proof.edges[int(rng.integers(len(proof.edges)))]
    others = sorted(name for name in bed.index.relations if name != edge.relation)
    relation = others[int(rng.integers(len(others)))]
    wrong = edge.model_copy(
        update={"relation": relation, "facts": tuple(f.model_copy(update={"relation": relation}) for f in edge.facts)}
    )
    if not any(
        f.relation == relation and f.object == edge.facts[0].object for f in bed.facts.about(edge.facts[0].subject)
    ):
        edges = tuple(wrong if one is edge else one for one in proof.edges)
        yield _remade(bed, task, "an edge does not exist", edges=edges)
    lost = proof.facts[0].model_copy(update={"supports": ((NOWHERE, 0, 9),), "also": ()})
    yield _remade(bed, task, "evidence on a page that is not there", swap=(proof.facts[0], lost))


def shortcut(bed: Bed, task: Task, rng: np.random.Generator) -> Iterator[Planted]:
    """A third page states every fact, as a reader or as a search finds it; the dispersion is claimed too high."""
    proof = _proof(task)
    page = task.distractors[int(rng.integers(len(task.distractors)))]
    for sort, scanned in (("a third page states every fact", False), ("a third page seems to state every fact", True)):
        changed = []
        for said in dict.fromkeys(proof.facts):
            fact = bed.known(said)
            others = tuple(sorted({*fact.supports, Support(page, 0, 9, scanned=scanned)}))
            changed.append((fact, replace(fact, supports=others)))
        yield Planted(sort, task, tuple(changed))
    higher = proof.dispersion.model_copy(update={"minimum": proof.dispersion.minimum + 1})
    proof = proof.model_copy(update={"dispersion": higher})
    yield Planted(
        "fewer pages than claimed", task.model_copy(update={"proof": proof.model_dump(mode="json", by_alias=True)})
    )


def false_fact(bed: Bed, task: Task, rng: np.random.Generator) -> Iterator[Planted]:
    """A number that no page gives, in the proof alone or as an extractor would misread it; a number of another line; an
    entity taken for another."""
    proof = _proof(task)
    for at, clue in enumerate(proof.clues):
        fact = bed.known(clue.facts[0]) if len(clue.facts) == 1 else None
        if not isinstance(clue.predicate, Range) or fact is None or fact.value is None or not fact.value.number:
            continue
        misread = _with_number(fact, fact.value.number * MISREAD)
        clues = _misread_clues(bed, proof, at, misread)
        yield _remade(bed, task, "a number that no page gives", clues=clues)
        yield replace(_remade(bed, task, "a number misread", clues=clues), changed=((fact, misread),))
        other = _other_line(bed, fact, rng)
        if other is not None:
            clues = _misread_clues(bed, proof, at, other)
            yield replace(_remade(bed, task, "a number of another line", clues=clues), changed=((fact, other),))
        break
    fact = bed.known(proof.edges[0].facts[0])
    strangers = [d for d in task.distractors if d not in (fact.subject, fact.object) and d not in proof.solution]
    if fact.object is not None and strangers:
        # The page names one end, and the extractor took another entity for it.
        own = {support.doc_id for support in fact.supports if not support.scanned}
        taken = fact.object if fact.subject in own else fact.subject
        misread = replace(fact, object=strangers[0]) if fact.subject in own else replace(fact, subject=strangers[0])
        solution = tuple(strangers[0] if doc_id == taken else doc_id for doc_id in proof.solution)
        edges = (proof.edges[0].model_copy(update={"facts": (stated(misread),)}), *proof.edges[1:])
        made = _remade(bed, task, "an entity misread", edges=edges, solution=solution)
        yield replace(made, changed=((fact, misread),))


def _with_number(fact: Fact, number: float) -> Fact:
    assert fact.value is not None
    text = f"{round(number, 4):g} {fact.value.unit}".strip()
    return replace(fact, value=Value("number", text, round(number, 4), fact.value.unit, fact.value.date))


def _other_line(bed: Bed, fact: Fact, rng: np.random.Generator) -> Fact | None:
    """The fact with the number, and the words, of another relation of the same entity, far from its own."""
    assert fact.value is not None
    rows = [
        other
        for other in bed.index.facts_of(bed.index.number[fact.subject])
        if other.value is not None and other.value.number and other.relation != fact.relation
        and abs(other.value.number) > 0 and not 0.5 < abs(other.value.number / (fact.value.number or 1)) < 2
    ]  # fmt: skip
    if not rows:
        return None
    other = rows[int(rng.integers(len(rows)))]
    assert other.value is not None
    assert other.value.number is not None
    return replace(_with_number(fact, other.value.number), supports=other.supports)


def _misread_clues(bed: Bed, proof: Proof, at: int, misread: Fact) -> tuple[ProvedClue, ...]:
    """The clues with one that follows a misread number, as wide as it was."""
    clue = proof.clues[at]
    assert isinstance(clue.predicate, Range)
    assert misread.value is not None
    assert misread.value.number is not None
    old = float((clue.facts[0].value or "1").split()[0])
    factor = misread.value.number / old
    low, high = sorted((clue.predicate.low * factor, clue.predicate.high * factor))
    predicate = clue.predicate.model_copy(update={"low": low, "high": high})
    # A maker would have left enough candidates: the misread number is to be found, not a thin clue.
    for _ in range(WIDENED):
        if bed.index.count(predicate) >= proof.min_candidates:
            break
        span = max(predicate.high - predicate.low, abs(predicate.high) / 10)
        predicate = predicate.model_copy(update={"low": predicate.low - span / 2, "high": predicate.high + span / 2})
    wrong = clue.model_copy(update={"predicate": predicate, "facts": (stated(misread),)})
    return (*proof.clues[:at], _recounted(bed, wrong), *proof.clues[at + 1 :])


DEFECTS: dict[str, Callable[[Bed, Task, np.random.Generator], Iterator[Planted]]] = {
    "ambiguous": ambiguous,
    "leaky": leaky,
    "unsolvable": unsolvable,
    "one-page shortcut": shortcut,
    "false fact": false_fact,
}


def ground_of(bed: Bed, planted: Sequence[Planted], clean: Ground) -> Ground:
    """The clean ground, or one of the doctored facts where these have any."""
    if not any(one.changed for one in planted):
        return clean
    found = Ground(doctored(bed.facts, planted), clean.snapshot, text_of=clean.text_of)
    found.leaks = clean.leaks  # of the same pages and names, and costly
    return found


def _proof(task: Task) -> Proof:
    return Proof.model_validate(task.proof)


def _wider(clue: ProvedClue) -> ProvedClue | None:
    if isinstance(clue.predicate, Range):
        low, high = clue.predicate.low, clue.predicate.high
        span = max(high - low, abs(high))
        return clue.model_copy(
            update={"predicate": clue.predicate.model_copy(update={"low": low - 3 * span, "high": high + 3 * span})}
        )
    if isinstance(clue.predicate, Period):
        first, last = clue.predicate.first - 300, clue.predicate.last + 300
        return clue.model_copy(update={"predicate": clue.predicate.model_copy(update={"first": first, "last": last})})
    return None


def _recounted(bed: Bed, clue: ProvedClue) -> ProvedClue:
    """Enough candidates, whatever they are: the defect is to be found, not its side effect."""
    return clue.model_copy(update={"candidates": bed.index.count(clue.predicate)})


def _remade(bed: Bed, task: Task, sort: str, *, swap: tuple[Stated, Stated] | None = None, **parts: Any) -> Planted:
    # The words are made again below; where they say what is no part of a plant.
    proof = _proof(task).model_copy(update={**parts, "wording": ()})
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
