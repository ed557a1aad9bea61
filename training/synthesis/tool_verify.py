"""Tasks with tool claims checked again, offline: every measured value is made anew by the local tools.

proof, facts, spans, clues, treewidth    of the proof that was edited, as `training.synthesis.verify` has them
task       id, answer and evidence are those of the tool proof
tools      each claim's value is what the tool measures now, lies in its bounds, and leaves the candidates stated; the
           numbers of a quotient stand where the proof says
unique     exactly one answer in the open world, with every tool
needed     each clue, edge, hidden node and claim is needed; a solver without the tools is left with several answers
leaks      the question names neither answer nor hidden node nor what an edit hid
question   the question names every place that a distance is from, and says the bounds
witness    where there is one: its pages are the evidence, its parts hold the spans, and a tool told each claim's value
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pydantic import ValidationError

from corpus.scoring.words import folded
from training.synthesis.blur import SEARCH_CAP
from training.synthesis.evolving import flaws_of, read_first
from training.synthesis.proof import TaskDraft
from training.synthesis.reread import misread, over_budget
from training.synthesis.solve import solve
from training.synthesis.tool_proof import SCHEMA, ToolProof, constraints_of, evidence_of, tool_task_id
from training.synthesis.tooling import Desk, Distance, ToolIndex, without_tools
from training.synthesis.verify import GATES, Flaw, Ground
from training.tasks import Task

_BASE = ("proof", "facts", "spans", "clues", "treewidth")
SLACK = 0.0501
"""How far what a server tells may be from what was measured: kilometres are told to a tenth."""


def has_tools(task: Task) -> bool:
    """Whether a task is proved with tools."""
    return task.proof is not None and task.proof.get("schema") == SCHEMA


class ToolGround:
    """What tasks with tool claims are held against. Raises ValueError for a ground without a snapshot."""

    def __init__(self, ground: Ground) -> None:
        if ground.snapshot is None:
            raise ValueError("Tools are read from a snapshot's tables: give the ground a snapshot.")
        self.ground = ground
        self._indexes: dict[bool, ToolIndex] = {}

    def index(self, links: bool = False) -> ToolIndex:
        if links not in self._indexes:
            index, web = self.ground.index(links), self.ground.snapshot
            assert web is not None
            self._indexes[links] = ToolIndex(index, Desk(index, web))
        return self._indexes[links]

    def flaw_of(self, task: Task) -> Flaw | None:
        """The first claim of a task that does not hold, or None."""
        try:
            proof = ToolProof.model_validate(task.proof)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the proof"
            return Flaw(task.task_id, "proof", f"{where}: {first['msg']}")
        for gate in _BASE:
            for told in GATES[gate](task, proof.base, self.ground):
                return Flaw(task.task_id, gate, told)
        for gate, check in _CHECKS.items():
            for told in check(task, proof, self):
                return Flaw(task.task_id, gate, told)
        return None


def _task_flaws(task: Task, proof: ToolProof, on: ToolGround) -> Iterator[str]:
    entities, base = on.ground.facts.entities, proof.base
    answer = entities[base.solution[0]]
    if not proof.edits:
        yield "it has no claim that takes a tool"
    for at, edit in enumerate(proof.edits):
        if not 0 <= edit.clue < len(base.clues) or edit.clue in {other.clue for other in proof.edits[:at]}:
            yield f"edit {at} is of no clue of its own"
            continue
        clue = base.clues[edit.clue]
        new = edit.variable >= len(base.solution)
        whom = getattr(clue.predicate, "entity", None) if new else base.solution[clue.variable]
        if edit.entity != whom or (not new and edit.variable != clue.variable):
            yield f"edit {at} speaks of another entity than the clue it stands in for"
        elif edit.kind != (entities[edit.entity].kind if new else base.kinds[clue.variable]):
            yield f"edit {at} gives another kind"
    variables = sorted({edit.variable for edit in proof.edits if edit.variable >= len(base.solution)})
    if variables != list(range(len(base.solution), len(base.solution) + len(variables))):
        yield "its new variables are not the next ones"
    if task.task_id != tool_task_id(base, proof.edits):
        yield "its id is not that of the proof"
    if task.answer != answer.name or task.aliases != answer.aliases:
        yield f"its answer is not {answer.name!r} with the other names of that page"
    if task.evidence != evidence_of(proof):
        yield "its evidence is not the proof's"


def _tool_flaws(task: Task, proof: ToolProof, on: ToolGround) -> Iterator[str]:
    index = on.index(proof.base.links)
    for at, edit in enumerate(proof.edits):
        claim = edit.claim
        if isinstance(claim, Distance) and index.number.get(claim.origin, -1) not in index.desk.unique:
            yield f"edit {at} measures from {claim.origin}, which no tool finds by its name"
            continue
        value = float(index.desk.values(claim)[index.number[edit.entity]])
        if value != edit.value:  # so it is where the tool has none, too
            yield f"edit {at} says {edit.value:g}, and the tool measures {value:g}"
        elif not claim.low <= value <= claim.high:
            yield f"edit {at} is not true of {edit.entity}"
        elif index.fitting(claim, edit.kind) != edit.candidates:
            yield f"edit {at} leaves {index.fitting(claim, edit.kind)} candidates, not {edit.candidates}"
        elif edit.facts != read_first(claim, edit.entity, on.ground.facts):
            yield f"edit {at} is computed from other facts"
        else:
            yield from misread(edit.facts, on.ground)


def _unique_flaws(task: Task, proof: ToolProof, on: ToolGround) -> Iterator[str]:
    index = on.index(proof.base.links)
    told = flaws_of(index, constraints_of(proof.base, proof.edits), index.number[proof.base.solution[0]])
    if told == "ambiguous":
        yield "it has not just the one answer"


def _needed_flaws(task: Task, proof: ToolProof, on: ToolGround) -> Iterator[str]:
    index, asked = on.index(proof.base.links), constraints_of(proof.base, proof.edits)
    told = flaws_of(index, asked, index.number[proof.base.solution[0]])
    if told is not None:
        yield told
    first = len(asked.clues) - len(proof.edits)
    parts = [(f"edit {at}", asked.without_clue(first + at), e.without) for at, e in enumerate(proof.edits)]
    for name, part, said in (*parts, ("all tools", without_tools(asked), proof.text_only)):
        left = len(solve(index, part, "closed", distinct=True, cap=SEARCH_CAP).answers)
        if left != said or left < 2:
            yield f"without {name} there are {left} answers, not {said}"


def _leak_flaws(task: Task, proof: ToolProof, on: ToolGround) -> Iterator[str]:
    verdict = on.ground.leaks.check(TaskDraft(proof.base, on.ground.facts), task.question).verdict
    if not verdict.passed:
        yield verdict.reason
    said = folded(task.question).casefold()
    for edit in proof.edits:
        if edit.variable >= len(proof.base.solution):
            entity = on.ground.facts.entities[edit.entity]
            names = (re.escape(folded(name).casefold()) for name in (entity.name, *entity.aliases))
            if any(re.search(rf"\b{name}\b", said) for name in names):
                yield f"it names {entity.name!r}, which an edit hid"


def _question_flaws(task: Task, proof: ToolProof, on: ToolGround) -> Iterator[str]:
    words = {phrase.part: phrase for phrase in proof.wording}
    for at, edit in enumerate(proof.edits):
        phrase = words.get(f"tool:{at}")
        text = "" if phrase is None else task.question[phrase.start : phrase.end]
        claim = edit.claim
        if isinstance(claim, Distance):
            name = on.ground.facts.entities[claim.origin].name.removeprefix("The ")
            if name not in text:
                yield f"the words of edit {at} do not name {name!r}"
        if not isinstance(claim, Distance) or claim.by == "km":
            for bound in (claim.low, claim.high):
                if f"{bound:,.10g}" not in text and f"{bound:.0f}" not in text:
                    yield f"the words of edit {at} do not say {bound:g}"


def _witness_flaws(task: Task, proof: ToolProof, on: ToolGround) -> Iterator[str]:
    witness = proof.witness
    if witness is None:
        return
    yield from over_budget(witness, task.evidence, proof.facts, on.ground)
    if [told.edit for told in witness.measured] != [*range(len(proof.edits))]:
        yield "it does not ask a tool for each claim"
    for told, edit in zip(witness.measured, proof.edits, strict=False):
        if abs(told.value - edit.value) > SLACK:
            yield f"a tool told it {told.value:g} for edit {told.edit}, which says {edit.value:g}"


_CHECKS: dict[str, Callable[[Task, ToolProof, ToolGround], Iterator[str]]] = {
    "task": _task_flaws,
    "tools": _tool_flaws,
    "unique": _unique_flaws,
    "needed": _needed_flaws,
    "leaks": _leak_flaws,
    "question": _question_flaws,
    "witness": _witness_flaws,
}
