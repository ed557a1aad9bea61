"""Defects planted into clean tasks, as a faulty maker would have left them: everything else of the proof fits.

Ids, evidence, candidates and words are made again after each change, so that what is found is the defect itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from corpus.facts.records import Fact, Support, Value
from tests.training.planted_bed import Bed, Planted, doctored, proof_of, recounted, remade, with_number
from tests.training.planted_line import of_another_line
from training.synthesis.predicates import Amount, Period, Range
from training.synthesis.proof import (
    Proof,
    ProvedClue,
    stated,
)
from training.synthesis.solve import solve
from training.synthesis.verify import Ground, constraints_of
from training.tasks import Task

NOWHERE = "f" * 16
MISREAD = 1.37
WIDENED = 12
"""Times that a range grows until it leaves enough candidates."""


def ambiguous(bed: Bed, task: Task, rng: np.random.Generator) -> Iterator[Planted]:
    """A clue is left out; a range or a period is made wider, till a second answer fits."""
    proof = proof_of(task)
    at = int(rng.integers(len(proof.clues)))
    yield remade(bed, task, "a clue is missing", clues=proof.clues[:at] + proof.clues[at + 1 :])
    for at, clue in enumerate(proof.clues):
        wider = _wider(clue)
        if wider is None:
            continue
        clues = (*proof.clues[:at], recounted(bed, wider), *proof.clues[at + 1 :])
        asked = constraints_of(proof.model_copy(update={"clues": clues}))
        if len(solve(bed.index, asked, "open", distinct=False, enough=2).answers) > 1:
            yield remade(bed, task, "a clue is too wide", clues=clues)
            return


def leaky(bed: Bed, task: Task, rng: np.random.Generator) -> Iterator[Planted]:
    """The question holds the answer, another name of it, or a hidden node."""
    proof = proof_of(task)
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
    proof = proof_of(task)
    for at, clue in enumerate(proof.clues):
        if isinstance(clue.predicate, Range) and clue.predicate.low > 0:
            predicate = clue.predicate
            moved = predicate.model_copy(update={"low": predicate.high * 2, "high": predicate.high * 4})
            moved_clue = recounted(bed, clue.model_copy(update={"predicate": moved}))
            yield remade(bed, task, "a clue is not true", clues=(*proof.clues[:at], moved_clue, *proof.clues[at + 1 :]))
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
        yield remade(bed, task, "an edge does not exist", edges=edges)
    lost = proof.facts[0].model_copy(update={"supports": ((NOWHERE, 0, 9),), "also": ()})
    yield remade(bed, task, "evidence on a page that is not there", swap=(proof.facts[0], lost))


def shortcut(bed: Bed, task: Task, rng: np.random.Generator) -> Iterator[Planted]:
    """A third page states every fact, as a reader or as a search finds it; the dispersion is claimed too high."""
    proof = proof_of(task)
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
    """A number that no page gives, in the proof alone or as an extractor would misread it; the number of another line,
    which nothing but another reading of the page can tell; an entity taken for another."""
    proof = proof_of(task)
    for at, clue in enumerate(proof.clues):
        fact = bed.known(clue.facts[0]) if len(clue.facts) == 1 else None
        if not isinstance(clue.predicate, Range) or fact is None or fact.value is None or not fact.value.number:
            continue
        misread = with_number(fact, fact.value.number * MISREAD)
        clues = _misread_clues(bed, proof, at, misread)
        yield remade(bed, task, "a number that no page gives", clues=clues)
        yield replace(remade(bed, task, "a number misread", clues=clues), changed=((fact, misread),))
        break
    yield from _amount_misread(bed, task, proof)
    yield from of_another_line(bed, task, rng)
    fact = bed.known(proof.edges[0].facts[0])
    strangers = [d for d in task.distractors if d not in (fact.subject, fact.object) and d not in proof.solution]
    if fact.object is not None and strangers:
        # The page names one end, and the extractor took another entity for it.
        own = {support.doc_id for support in fact.supports if not support.scanned}
        taken = fact.object if fact.subject in own else fact.subject
        misread = replace(fact, object=strangers[0]) if fact.subject in own else replace(fact, subject=strangers[0])
        solution = tuple(strangers[0] if doc_id == taken else doc_id for doc_id in proof.solution)
        edges = (proof.edges[0].model_copy(update={"facts": (stated(misread),)}), *proof.edges[1:])
        made = remade(bed, task, "an entity misread", edges=edges, solution=solution)
        yield replace(made, changed=((fact, misread),))


def _amount_misread(bed: Bed, task: Task, proof: Proof) -> Iterator[Planted]:
    """The length of a border, or a share, that no page gives."""
    for at, clue in enumerate(proof.clues):
        if not isinstance(clue.predicate, Amount):
            continue
        fact = bed.known(clue.facts[0])
        assert fact.amount is not None
        assert fact.amount.number is not None
        number, unit = round(fact.amount.number * MISREAD, 4), fact.amount.unit
        misread = replace(fact, amounts=(Value("number", f"{number:g} {unit}", number, unit),))
        bounds = {"low": min(clue.predicate.low, number), "high": max(clue.predicate.high, number)}
        wrong = clue.model_copy(update={"predicate": clue.predicate.model_copy(update=bounds)})
        clues = (*proof.clues[:at], recounted(bed, wrong), *proof.clues[at + 1 :])
        yield replace(remade(bed, task, "an amount misread", clues=clues), changed=((fact, misread),))
        return


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
    return (*proof.clues[:at], recounted(bed, wrong), *proof.clues[at + 1 :])


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
