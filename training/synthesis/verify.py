"""Every claim of a stored proof checked again, offline, against the snapshot; nothing that the maker worked out counts.

proof      there is one of this schema, of this snapshot and of these facts
task       id, answer, other names, evidence and near misses are those of the proof
facts      every fact stands in the snapshot, without conflict, stated by just the pages that the proof names
spans      the words of every span hold the value, or a name of the entity
clues      each predicate is true of its entity by these facts, and leaves the candidates that the proof says
unique     exactly one answer in the open world, and as many solutions in the closed one as the proof says
needed     without any one clue, edge or hidden node there are two answers or more, as many as the proof says
treewidth  of the unnamed variables, exact
dispersion the smallest cover of the facts by pages of the whole snapshot
leaks      the question names neither answer nor hidden node, and what `training.synthesis.leaks` looks for
question   the question names every entity and value that the clues name
witness    where there is one: its pages are the evidence, and its parts hold the spans
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from corpus.errors import CorpusError
from corpus.facts.base import FactBase
from corpus.facts.records import Fact
from corpus.records import doc_id_of
from corpus.scoring.words import folded
from corpus.snapshot import Snapshot
from training.synthesis.blur import SEARCH_CAP
from training.synthesis.dispersion import dispersion
from training.synthesis.index import FactIndex
from training.synthesis.leaks import LeakChecks
from training.synthesis.predicates import Compare, Kind, bound_of, holds, names_of, relation_of
from training.synthesis.proof import Proof, TaskDraft, stated, task_id_of
from training.synthesis.reread import misread, over_budget, unmeasured
from training.synthesis.solve import Constraints, Edge, Solved, solve
from training.synthesis.treewidth import MAX_NODES, graph6, treewidth
from training.synthesis.wording import mapping_flaws
from training.tasks import Task

_KEPT_TEXTS = 2_000


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first claim of a task that does not hold."""

    task_id: str
    gate: str
    """One of GATES."""
    told: str
    """What does not hold. It may name entities of the proof: it is for whoever made the task."""


class Ground:
    """What tasks are held against: facts, pages, and indexes that are made once."""

    def __init__(
        self,
        facts: FactBase,
        snapshot: Snapshot | None = None,
        *,
        text_of: Callable[[str], str] | None = None,
    ) -> None:
        """`text_of` gives a page's text by doc_id where there is no snapshot; then no search looks for leaks."""
        self.facts = facts
        self.snapshot = snapshot
        self.text_of = text_of
        self.leaks = LeakChecks(facts, snapshot)
        self._known: dict[tuple[str, str, str, str], Fact] = {fact.key: fact for fact in facts.facts}
        self._indexes: dict[bool, FactIndex] = {}
        self._texts: dict[str, str] = {}

    def fact(self, subject: str, relation: str, target: str | None, value: str | None) -> Fact | None:
        return self._known.get((subject, relation, target or "", value or ""))

    def index(self, links: bool) -> FactIndex:
        if links not in self._indexes:
            self._indexes[links] = FactIndex(self.facts, links=links)
        return self._indexes[links]

    def text(self, doc_id: str) -> str | None:
        """None where there is no such page."""
        if doc_id not in self._texts:
            if len(self._texts) >= _KEPT_TEXTS:
                self._texts.clear()
            try:
                found = self.text_of(doc_id) if self.text_of else self._stored(doc_id)
            except (CorpusError, KeyError):
                return None
            self._texts[doc_id] = found
        return self._texts[doc_id]

    def targets(self, doc_id: str, start: int, end: int) -> Iterator[str]:
        """doc_ids of the pages, here or outside, that the links within a span of a page lead to."""
        if self.snapshot is None:
            return
        store = self.snapshot.store
        for link in self.snapshot.document(doc_id=doc_id).links:
            if link.start is not None and link.end is not None and start <= link.start and link.end <= end:
                number = store.find_url(link.url)
                yield doc_id_of(link.url) if number is None else store.doc_id(number)

    def _stored(self, doc_id: str) -> str:
        if self.snapshot is None:
            raise KeyError(doc_id)
        return self.snapshot.store.text(self.snapshot.store.require(doc_id=doc_id))


def flaw_of(task: Task, ground: Ground) -> Flaw | None:
    """The first claim of a task that does not hold, or None."""
    try:
        proof = Proof.model_validate(task.proof)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return Flaw(task.task_id, "proof", f"{'.'.join(map(str, first['loc'])) or 'the proof'}: {first['msg']}")
    for gate, check in GATES.items():
        for told in check(task, proof, ground):
            return Flaw(task.task_id, gate, told)
    return None


def constraints_of(proof: Proof) -> Constraints:
    """What a proof claims, in the solver's form."""
    edges = tuple(Edge(edge.a, edge.relation, edge.b) for edge in proof.edges)
    return Constraints(proof.kinds, edges, tuple((clue.variable, clue.predicate) for clue in proof.clues), proof.apart)


def _proof_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    facts, size = ground.facts, len(proof.solution)
    if not task.snapshot_id == proof.snapshot_id == facts.snapshot_id:
        yield f"it is of snapshot {proof.snapshot_id}, and these facts are of {facts.snapshot_id}"
    if proof.extractor != facts.extractor:
        yield f"its facts were read by {proof.extractor}, and these by {facts.extractor}"
    if not 0 < size <= MAX_NODES or len({*proof.solution}) != size:
        yield "its variables do not stand for different entities"
    if len(proof.kinds) != size or len(proof.dropped_nodes) != size - 1:
        yield "it has not a kind and a count for each variable"
    variables = [*(at for edge in proof.edges for at in (edge.a, edge.b)), *(clue.variable for clue in proof.clues)]
    if not all(0 <= at < size for at in variables):
        yield "it speaks of a variable that it does not have"
    relations = [edge.relation for edge in proof.edges] + [relation_of(clue.predicate) for clue in proof.clues]
    unknown = {name for name in relations if name and name not in facts.relations}
    yield from (f"there is no relation {name!r}" for name in sorted(unknown))
    named = {doc_id for clue in proof.clues for doc_id in names_of(clue.predicate)}
    yield from (f"there is no entity {d}" for d in sorted({*proof.solution, *named} - facts.entities.keys()))
    yield from (f"it names {doc_id}, which it hides" for doc_id in sorted(named & {*proof.solution}))


def _task_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    answer = ground.facts.entities[proof.solution[0]]
    if task.task_id != task_id_of(proof):
        yield "its id is not that of the proof"
    if task.answer != answer.name or task.aliases != answer.aliases:
        yield f"its answer is not {answer.name!r} with the other names of that page"
    if task.evidence != proof.dispersion.pages:
        yield "its evidence is not the proof's"
    if {*task.wrong_answers} & {answer.name, *answer.aliases}:
        yield "a wrong answer is a name of the right one"


def _fact_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    for said in proof.facts:
        told = f"{said.subject} {said.relation} {said.object or said.value}"
        fact = ground.fact(said.subject, said.relation, said.object, said.value)
        if fact is None:
            yield f"no page states {told}"
        elif fact.conflict:
            yield f"another page contradicts {told}"
        elif stated(fact) != said:
            yield f"other pages or words state {told}"


def _span_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    yield from misread(proof.facts, ground)
    yield from unmeasured(proof.clues, ground)


def _clue_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    facts, index = ground.facts, ground.index(proof.links)
    for variable, kind in enumerate(proof.kinds):
        if kind and facts.entities[proof.solution[variable]].kind != kind:
            yield f"variable {variable} is no {kind}"
    for at, edge in enumerate(proof.edges):
        ends = proof.solution[edge.a], edge.relation, proof.solution[edge.b]
        if [(said.subject, said.relation, said.object) for said in edge.facts] != [ends]:
            yield f"edge {at} does not rest on the fact that joins its ends"
    for at, clue in enumerate(proof.clues):
        entity, relation = proof.solution[clue.variable], relation_of(clue.predicate)
        if relation is not None and relation not in index.relations:
            yield f"clue {at} speaks of {relation}, which is not typed"
        elif not holds(clue.predicate, entity, facts):
            yield f"clue {at} is not true of {entity}"
        elif not isinstance(clue.predicate, Kind) and not any(
            (said.subject, said.relation) == (entity, relation) for said in clue.facts
        ):
            yield f"clue {at} rests on no fact about {entity}"
        elif (
            isinstance(clue.predicate, Compare)
            and bound_of(facts, clue.predicate.relation, clue.predicate.entity) is None
        ):
            yield f"clue {at} compares with what is not known"
        elif index.count(clue.predicate) != clue.candidates or clue.candidates < proof.min_candidates:
            yield f"clue {at} leaves {index.count(clue.predicate)} candidates"


def _unique_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    index, asked = ground.index(proof.links), constraints_of(proof)
    answer = (index.number[proof.solution[0]],)
    found = solve(index, asked, "open", distinct=asked.apart, enough=2, cap=SEARCH_CAP)
    if found.answers != answer:
        yield f"there are {len(found.answers)} answers or more in the open world" if found.answers else "no answer fits"
    elif not found.complete:
        yield "the solver gave up"
    full = solve(index, asked, "closed", distinct=True, count=True)
    if not full.complete or full.answers != answer or full.solutions != proof.solutions:
        yield f"there are {full.solutions} solutions with {len(full.answers)} answers in the closed world"


def _needed_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    index, whole = ground.index(proof.links), constraints_of(proof)
    near: Counter[int] = Counter()

    def left(part: Constraints) -> Solved:
        found = solve(index, part, "closed", distinct=True, cap=SEARCH_CAP)
        near.update(found.answers)
        return found

    rows = [("clue", at, left(whole.without_clue(at)), clue.dropped) for at, clue in enumerate(proof.clues)]
    rows += [("edge", at, left(whole.without_edge(at)), edge.dropped) for at, edge in enumerate(proof.edges)]
    rows += [("hidden node", at, left(whole.without_node(at)), n) for at, n in enumerate(proof.dropped_nodes, 1)]
    for sort, at, found, said in rows:
        if len(found.answers) < 2:
            yield f"{sort} {at} is not needed"
        elif len(found.answers) != said:
            yield f"without {sort} {at} there are {len(found.answers)} answers, not {said}"
    misses = {index.ids[entity] for entity in near} - {proof.solution[0]}
    if not {*task.distractors} <= misses:
        yield "a near miss misses more than one constraint"
    elif {*task.wrong_answers} - {ground.facts.entities[doc_id].name for doc_id in task.distractors}:
        yield "a wrong answer is no near miss"


def _width_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    size, edges = len(proof.solution), [(edge.a, edge.b) for edge in proof.edges]
    if treewidth(size, edges) != proof.treewidth or graph6(size, edges) != proof.graph6:
        yield f"the treewidth is {treewidth(size, edges)}, not {proof.treewidth}"


def _dispersion_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    facts = {(f.subject, f.relation, f.object, f.value): f for f in proof.facts}
    read = [{doc_id for doc_id, _, _ in fact.supports} for fact in facts.values()]
    every = [pages | {*fact.also} for pages, fact in zip(read, facts.values(), strict=True)]
    found, said = dispersion(every), proof.dispersion
    own = {*proof.solution, *(doc_id for clue in proof.clues for doc_id in names_of(clue.predicate))}
    constructing = dispersion([pages & own or pages for pages in read]).minimum
    if (found.minimum, found.most_on_one, constructing) != (said.minimum, said.most_on_one, said.constructing):
        yield f"{found.minimum} pages state every fact, not {said.minimum}"
    if not all(pages & {*said.pages} for pages in read):
        yield "a fact stands on no page of the evidence"
    elif len(said.pages) != dispersion(read).minimum:
        yield "the evidence is not the smallest"


def _leak_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    verdict = ground.leaks.check(TaskDraft(proof, ground.facts), task.question).verdict
    if not verdict.passed:
        yield verdict.reason


def _question_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    said = folded(task.question).casefold()
    for doc_id in TaskDraft(proof, ground.facts).names_shown:
        entity = ground.facts.entities[doc_id]
        if not any(folded(name).casefold() in said for name in (entity.name, *entity.aliases)):
            yield f"the question does not name {entity.name!r}"
    yield from mapping_flaws(proof, task.question)


def _witness_flaws(task: Task, proof: Proof, ground: Ground) -> Iterator[str]:
    if proof.witness is not None:
        yield from over_budget(proof.witness, proof.dispersion.pages, proof.facts, ground)


Check = Callable[[Task, Proof, Ground], Iterator[str]]
GATES: dict[str, Check] = {
    "proof": _proof_flaws,
    "task": _task_flaws,
    "facts": _fact_flaws,
    "spans": _span_flaws,
    "clues": _clue_flaws,
    "unique": _unique_flaws,
    "needed": _needed_flaws,
    "treewidth": _width_flaws,
    "dispersion": _dispersion_flaws,
    "leaks": _leak_flaws,
    "question": _question_flaws,
    "witness": _witness_flaws,
}
"""In the order in which they are asked; each takes the ones before it as passed."""
