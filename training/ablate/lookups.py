"""Tasks that a searcher without a language model can do: one thing, told by two or three typed facts of it.

They make an ablation of the search policy run from a snapshot alone. For tasks with proofs and more than one unknown,
`stillweb tasks make`; this policy solves few of those.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import orjson

from corpus.facts.base import FactBase
from corpus.facts.records import Entity, Fact
from training.ablate.draws import number
from training.tasks import Task

CLUES = (2, 3)
SHARED = 3
"""Things that a single clue holds of, at least."""
NEAR = 20
"""Near misses named, at most."""

Clue = tuple[str, str]
"""Relation, and the object's doc_id or the value's text."""


def lookups(facts: FactBase, count: int, *, seed: int = 0) -> list[Task]:
    """At most `count` tasks, no two of one answer; the same for the same facts and seed.

    No clue alone tells the answer, all together do, and none is contradicted by another page.
    """
    told = {entity.doc_id: _clues(facts, entity.doc_id) for entity in facts.entities.values()}
    holds: defaultdict[Clue, set[str]] = defaultdict(set)
    for doc_id, clues in told.items():
        for clue in clues:
            holds[clue].add(doc_id)
    bearers = Counter(entity.name for entity in facts.entities.values())
    order = sorted(facts.entities.values(), key=lambda entity: number("lookup", seed, entity.doc_id))
    found: list[Task] = []
    for entity in order:
        if len(found) == count:
            break
        if bearers[entity.name] == 1:
            found.extend(_task(facts, entity, told[entity.doc_id], holds, seed))
    return found


def _task(
    facts: FactBase, entity: Entity, told: Mapping[Clue, Fact], holds: Mapping[Clue, set[str]], seed: int
) -> Iterator[Task]:
    shared = [clue for clue in told if len(holds[clue]) >= SHARED]
    order = np.random.default_rng(number("clues", seed, entity.doc_id)).permutation(len(shared))
    for size in CLUES:
        chosen = [shared[place] for place in order[:size]]
        if len(chosen) < size or len({relation for relation, _ in chosen}) < size:
            continue
        if set.intersection(*(holds[clue] for clue in chosen)) != {entity.doc_id}:
            continue
        clauses = [f"{facts.relations[relation].label} {_named(facts, what)}" for relation, what in chosen]
        near = sorted({doc_id for clue in chosen for doc_id in holds[clue]} - {entity.doc_id})[:NEAR]
        evidence = sorted({entity.doc_id, *(told[clue].supports[0].doc_id for clue in chosen)})
        about = [facts.snapshot_id, entity.doc_id, chosen]
        yield Task(
            task_id=hashlib.sha256(orjson.dumps(about)).hexdigest()[:32],
            question=f"Which {entity.kind} {', '.join(clauses[:-1])} and {clauses[-1]}?",
            answer=entity.name,
            aliases=entity.aliases,
            evidence=tuple(evidence),
            distractors=tuple(near),
            wrong_answers=tuple(sorted({facts.entities[doc_id].name for doc_id in near})),
            snapshot_id=facts.snapshot_id,
            family=" ".join((entity.kind, *sorted(relation for relation, _ in chosen))),
        )
        return


def _clues(facts: FactBase, doc_id: str) -> dict[Clue, Fact]:
    found: dict[Clue, Fact] = {}
    for fact in facts.about(doc_id):
        relation = facts.relations[fact.relation]
        is_words = fact.value is not None and fact.value.kind == "text" and fact.relation != "also_called"
        is_thing = fact.object is not None and fact.object in facts.entities
        if relation.typed and not fact.conflict and (is_thing or is_words):
            found[fact.relation, fact.object or (fact.value.text if fact.value else "")] = fact
    return found


def _named(facts: FactBase, what: str) -> str:
    entity = facts.entities.get(what)
    return entity.name if entity else what
