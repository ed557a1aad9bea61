"""From one region to its tasks: shape -> clues -> unique -> blurred -> irreducible -> dispersed -> words -> no leak."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from corpus.facts.records import Fact
from corpus.snapshot import Snapshot
from training.synthesis.blur import Draft, Ladders, first_draft, is_unique
from training.synthesis.dispersion import Dispersion, dispersion
from training.synthesis.graph import Allowed, Region, Shape, grow, sample, seeded
from training.synthesis.index import FactIndex
from training.synthesis.leaks import LeakChecks, Leaks
from training.synthesis.postings import Ints
from training.synthesis.predicates import names_of
from training.synthesis.proof import (
    Proof,
    ProvedClue,
    ProvedDispersion,
    ProvedEdge,
    TaskDraft,
    stated,
    structure_class,
    task_id_of,
)
from training.synthesis.recipe import Recipe
from training.synthesis.refine import Necessity, necessity, refined
from training.synthesis.seeds import Eligible
from training.synthesis.solve import solve
from training.synthesis.treewidth import graph6, treewidth
from training.synthesis.wording import phrases, worded
from training.tasks import Task

DRAWS = 12
"""Draws of a shape before one of the recipe's tries is given up: they cost next to nothing."""
REPAIRS = 6
"""Clues about a variable that are tried to bring another page in."""
NEAR_MISSES = 10
"""Entities kept of those that satisfy all but one constraint."""


@dataclass(frozen=True)
class Maker:
    """Everything that stays the same from task to task. `snapshot` is None where there is none to search in."""

    index: FactIndex
    ladders: Ladders
    seeds: Eligible
    recipe: Recipe
    snapshot: Snapshot | None
    leaks: LeakChecks
    near: Allowed
    """Neighbours among what may be a hidden node."""
    dense: dict[int, Ints]
    """Treewidth -> entities that a subgraph of it may hold, by `postings.core`."""


@dataclass(frozen=True)
class Made:
    """What one region gave: tasks, and how many shapes each gate stopped."""

    width: int
    region: int
    tasks: tuple[Task, ...]
    yields: Counter[str]


def tasks_of_region(maker: Maker, width: int, number: int) -> Made:
    """Many tasks of one treewidth from one region: a function of facts, recipe, width and number alone."""
    rng = maker.recipe.generator(maker.index.base.snapshot_id, maker.index.base.extractor, width, number)
    answers = np.flatnonzero(maker.seeds.answers)
    starts = answers if width == 1 else maker.dense[width]
    if not len(starts):
        return Made(width, number, (), Counter({"regions": 1, f"width {width}: no core": 1}))
    region = grow(maker.index, seeded(maker.near, starts, width, rng), maker.seeds.hidden, rng)
    yields: Counter[str] = Counter({"regions": 1, "regions with chords": int(region.chords > 0)})
    yields["chords"] += region.chords
    tasks: list[Task] = []
    seen: set[tuple[int, ...]] = set()
    for _ in range(maker.recipe.tries):
        if len(tasks) >= maker.recipe.per_region:
            break
        size = maker.recipe.size(width, rng)
        drawn = (sample(region, width, size, maker.seeds.answers, rng) for _ in range(DRAWS))
        shape = next((shape for shape in drawn if shape), None)
        task, gate = _attempt(maker, region, shape, width, rng) if shape else (None, "no shape")
        yields[f"width {width}: {gate}"] += 1
        if task and shape and tuple(sorted(shape.nodes)) not in seen:
            seen.add(tuple(sorted(shape.nodes)))
            tasks.append(task)
    return Made(width, number, tuple(tasks), yields)


def _attempt(
    maker: Maker, region: Region, shape: Shape, width: int, rng: np.random.Generator
) -> tuple[Task | None, str]:
    """A task, or None and the gate that stopped it, which is "passed" for a task."""
    index, recipe = maker.index, maker.recipe
    draft = first_draft(maker.ladders, shape, rng, apart=recipe.apart)
    if draft is None:
        return None, "no clue for a hidden node"
    draft = _dispersed(maker, draft, rng)
    if _shortest(draft).minimum < recipe.dispersion[0]:
        return None, "one-page shortcuts"
    if not is_unique(index, draft):
        return None, "ambiguous"
    draft, unneeded = refined(maker.ladders, draft, rng)
    if unneeded:
        return None, f"{unneeded} not needed"
    spread = _spread(index, draft)
    if not recipe.dispersion[0] <= spread.minimum <= recipe.dispersion[1]:
        return None, "dispersion"
    full = solve(index, draft.constraints, "closed", distinct=True, count=True)
    if not full.complete or full.answers != (shape.nodes[0],):
        return None, "solver's cap"
    left = necessity(index, draft)
    proof = _proof(maker, draft, left, spread, full.solutions)
    task_draft = TaskDraft(proof, index.base)
    # Random numbers of its own: other words change no task.
    wording = worded(task_draft, recipe.generator("wording", task_id_of(proof)), recipe.language)
    leaks = maker.leaks.check(task_draft, wording.text)
    if not leaks.verdict.passed:
        return None, f"leak: {leaks.verdict.reason}"
    task_draft = TaskDraft(proof.model_copy(update={"wording": phrases(wording)}), index.base)
    return _task(maker, region, task_draft, wording.text, leaks, _near_misses(index, left, shape.nodes[0])), "passed"


def _facts(draft: Draft) -> list[Fact]:
    """Every fact that a solver has to know, each once."""
    facts = {fact.key: fact for fact in draft.joins}
    facts |= {fact.key: fact for clue in draft.clues for fact in clue.level.facts}
    return [facts[key] for key in sorted(facts)]


def _shortest(draft: Draft) -> Dispersion:
    """Dispersion over all pages of the snapshot."""
    return dispersion([{support.doc_id for support in fact.supports} for fact in _facts(draft)])


def _dispersed(maker: Maker, draft: Draft, rng: np.random.Generator) -> Draft:
    """The draft with further clues, one a variable, that other pages alone state, as long as its pages are too few."""
    index, least = maker.index, maker.recipe.dispersion[0]
    own = {index.ids[node] for node in draft.shape.nodes}
    pages = _shortest(draft).minimum
    for variable in rng.permutation(len(draft.shape.nodes)).tolist():
        if pages >= least:
            break
        taken = {clue.relation for clue in draft.clues if clue.variable == variable}
        for clue in islice(maker.ladders.drawn(draft.shape.nodes[variable], own, taken, rng), REPAIRS):
            tried = replace(draft, clues=(*draft.clues, replace(clue, variable=variable)))
            if (more := _shortest(tried).minimum) > pages:
                draft, pages = tried, more
                break
    return draft


def _spread(index: FactIndex, draft: Draft) -> ProvedDispersion:
    """Every figure of dispersion, and the pages of the evidence, of which the task's own are preferred."""
    named = {doc_id for clue in draft.clues for doc_id in names_of(clue.level.predicate)}
    own = {index.ids[node] for node in draft.shape.nodes} | named
    facts = _facts(draft)
    read = [{support.doc_id for support in fact.supports if not support.scanned} for fact in facts]
    over_all = _shortest(draft)
    return ProvedDispersion(
        minimum=over_all.minimum,
        constructing=dispersion([pages & own or pages for pages in read]).minimum,
        most_on_one=over_all.most_on_one,
        pages=dispersion(read, own).pages,
    )


def _near_misses(index: FactIndex, left: Necessity, answer: int) -> list[str]:
    """Entities that satisfy all but one constraint, those that miss only one in most ways first."""
    counts: Counter[int] = Counter()
    for found in (*left.clues, *left.edges, *left.nodes):
        counts.update(entity for entity in found.answers if entity != answer)
    return [index.ids[e] for e in sorted(counts, key=lambda entity: (-counts[entity], entity))[:NEAR_MISSES]]


def _proof(maker: Maker, draft: Draft, left: Necessity, spread: ProvedDispersion, solutions: int) -> Proof:
    index, shape = maker.index, draft.shape
    edges = [
        ProvedEdge(a=edge.a, relation=edge.relation, b=edge.b, dropped=len(found.answers), facts=(stated(fact),))
        for edge, fact, found in zip(draft.edges, draft.joins, left.edges, strict=True)
    ]
    clues = [
        ProvedClue(
            variable=clue.variable,
            predicate=clue.level.predicate,
            level=clue.level.name,
            blurred=clue.at,
            candidates=clue.level.candidates,
            dropped=len(found.answers),
            facts=tuple(stated(fact) for fact in clue.level.facts),
        )
        for clue, found in zip(draft.clues, left.clues, strict=True)
    ]
    return Proof(
        snapshot_id=index.base.snapshot_id,
        extractor=index.base.extractor,
        links=maker.recipe.links,
        apart=maker.recipe.apart,
        solution=tuple(index.ids[node] for node in shape.nodes),
        kinds=draft.kinds,
        edges=tuple(edges),
        clues=tuple(clues),
        graph6=graph6(len(shape.nodes), shape.edges),
        treewidth=treewidth(len(shape.nodes), shape.edges),
        role=shape.role,
        dropped_nodes=tuple(len(found.answers) for found in left.nodes),
        solutions=solutions,
        dispersion=spread,
        min_candidates=maker.recipe.min_candidates,
        at_least=tuple(
            f"{sort} {at}"
            for sort, found, first in (("clue", left.clues, 0), ("edge", left.edges, 0), ("node", left.nodes, 1))
            for at, part in enumerate(found, first)
            if not part.complete
        ),
    )


def _task(maker: Maker, region: Region, draft: TaskDraft, question: str, leaks: Leaks, missed: list[str]) -> Task:
    proof, facts = draft.proof, draft.facts
    answer = facts.entities[proof.solution[0]]
    wrong = dict.fromkeys(facts.entities[doc_id].name for doc_id in missed)
    nodes = "".join(sorted(maker.index.ids[node] for node in region.nodes))
    return Task(
        task_id=task_id_of(proof),
        question=question,
        answer=answer.name,
        aliases=answer.aliases,
        evidence=proof.dispersion.pages,
        distractors=tuple(sorted(missed)),
        wrong_answers=tuple(name for name in wrong if name != answer.name),
        snapshot_id=proof.snapshot_id,
        content_id=maker.snapshot.manifest.content_id if maker.snapshot else None,
        language=maker.recipe.language,
        family=_digest(nodes.encode())[:12],
        proof=proof.model_dump(mode="json", by_alias=True),
        meta={
            "treewidth": proof.treewidth,
            "dispersion": proof.dispersion.minimum,
            "variables": len(proof.solution),
            "role": proof.role,
            "structure": structure_class(proof),
            "popularity": int(maker.index.degrees[maker.index.number[answer.doc_id]]),
            **leaks.figures,
        },
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
