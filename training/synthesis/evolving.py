"""The editor: clues of a proven task become claims that only a tool settles, and every one is checked to be needed.

A clue that names an entity ("has the United Kingdom as an export market") loses the name: the entity becomes a hidden
node that only its claim describes ("a country that lies 900 to 1,200 km from Austria"). Any other clue is taken out and
a claim about the same entity put in its place. An edit is kept where, with all tools, the answer is still the only one
in the open world and every clue, edge and hidden node is still needed, and where without this tool there are several.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from corpus.facts.base import FactBase
from training.synthesis.blur import SEARCH_CAP
from training.synthesis.index import FactIndex
from training.synthesis.leaks import LeakChecks
from training.synthesis.predicates import Named, names_of
from training.synthesis.proof import Phrase, Proof, Stated, TaskDraft, stated
from training.synthesis.solve import Constraints, solve
from training.synthesis.tool_proof import Edit, ToolProof, constraints_of, evidence_of, tool_task_id, whole_of
from training.synthesis.tooling import (
    QUOTIENTS,
    Claim,
    Distance,
    Listed,
    Quotient,
    ToolIndex,
    tool_of,
    without_tools,
)
from training.synthesis.windows import said, windows
from training.synthesis.wording.english_clauses import shown
from training.synthesis.wording.kinds import with_article
from training.tasks import Task

ORIGINS = 4
"""Places that are tried as the origin of one entity's distance."""
NEAR_KM = (20.0, 4000.0)
"""How far an origin may be: nearer is a neighbour's page away, farther no one would say."""
_FINITE = re.compile(r"(?!whose\b)(?:was|[\w-]+s),?\s")
"""How a clue begins that is a verb in the third person; others are relative clauses or "with ..."."""
_RELATIVE = ("whose ", "with ", "that ", "which ")


def generator_of(seed: int, task_id: str) -> np.random.Generator:
    """Random numbers for the edits of one task; of nothing else."""
    digest = hashlib.sha256(f"tools {seed} {task_id}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


@dataclass(frozen=True)
class _State:
    """A task between two edits."""

    edits: tuple[Edit, ...]
    question: str
    phrases: tuple[Phrase, ...]


class Editor:
    """Edits tasks of one snapshot. `index` has its facts, with the tools of its tables."""

    def __init__(self, index: ToolIndex, leaks: LeakChecks, *, min_candidates: int | None = None) -> None:
        """`min_candidates`: no claim leaves fewer entities of its kind; None: what the task's own clues were held to.

        The leaks are looked for in the snapshot of the index.
        """
        self.index, self.leaks = index, leaks
        self.facts: FactBase = index.base
        self.min_candidates = min_candidates

    def evolved(self, task: Task, rng: np.random.Generator, *, edits: int = 1) -> tuple[Task | None, str]:
        """The task with `edits` claims, or None and the gate that stopped it, which is "passed" for a task.

        The same task and generator give the same result. English questions with stored wording alone can be edited.
        """
        proof = Proof.model_validate(task.proof)
        if task.language != "en" or not proof.wording:
            return None, "no wording"
        state = _State((), task.question, proof.wording)
        for _ in range(edits):
            found, reason = self._edited(proof, state, rng)
            if found is None:
                return None, reason
            state = found
        verdict = self.leaks.check(TaskDraft(proof, self.facts), state.question).verdict
        if not verdict.passed:
            return None, f"leak: {verdict.reason}"
        return self._task(task, proof, state), "passed"

    def _edited(self, proof: Proof, state: _State, rng: np.random.Generator) -> tuple[_State | None, str]:
        """One edit more, or None and what stopped the last that was tried."""
        reason = "no tool knows what a clue is about"
        done = {edit.clue for edit in state.edits}
        order = [at for at in rng.permutation(len(proof.clues)).tolist() if at not in done]
        # Names first: an entity that was given is then to be found, and not only known by something else.
        order.sort(key=lambda at: not isinstance(proof.clues[at].predicate, Named))
        for at in order:
            for variable, entity, kind in self._targets(proof, state, at):
                for claim, origin in self._claims(proof, state, entity, rng):
                    value = float(self.index.desk.values(claim)[entity])
                    for low, high in windows(value, claim, rng):
                        edit = Edit(
                            clue=at,
                            variable=variable,
                            entity=self.index.ids[entity],
                            kind=kind,
                            claim=claim.model_copy(update={"low": low, "high": high}),
                            value=value,
                            candidates=0,
                            without=0,
                            facts=read_first(claim, self.index.ids[entity], self.facts),
                        )
                        counted, why = self._checked(proof, (*state.edits, edit))
                        reason = why or reason
                        if why == "too few candidates":
                            break  # narrower ones have fewer
                        if counted is None:
                            continue
                        found = _reworded(self.facts, proof, state, counted, origin, rng)
                        if found is None:
                            reason = "words"
                            break
                        return found, "passed"
        return None, reason

    def _targets(self, proof: Proof, state: _State, at: int) -> Iterator[tuple[int, int, str]]:
        """(variable, entity, kind) that a claim in the place of a clue may speak of."""
        clue = proof.clues[at]
        if isinstance(clue.predicate, Named):
            new = {edit.variable for edit in state.edits if edit.variable >= len(proof.solution)}
            entity = self.facts.entities[clue.predicate.entity]
            # What another clue names, too, would still be named.
            times = sum(entity.doc_id in names_of(other.predicate) for other in proof.clues)
            if times == 1:
                yield len(proof.solution) + len(new), self.index.number[entity.doc_id], entity.kind
        yield clue.variable, self.index.number[proof.solution[clue.variable]], proof.kinds[clue.variable]

    def _claims(
        self, proof: Proof, state: _State, entity: int, rng: np.random.Generator
    ) -> Iterator[tuple[Claim, str]]:
        """Claims about an entity that a tool has a value for, without bounds yet, each with the name of its origin."""
        desk = self.index.desk
        if entity in desk.places:
            named = {doc_id for clue in proof.clues for doc_id in names_of(clue.predicate)}
            taken = {self.index.number[doc_id] for doc_id in (*proof.solution, *named)} | {entity}
            far = desk.values(Distance(origin=self.index.ids[entity], by="km", low=0, high=0))
            around = [e for e in sorted(desk.unique - taken) if NEAR_KM[0] <= far[e] <= NEAR_KM[1]]
            for origin in rng.permutation(len(around)).tolist()[:ORIGINS]:
                place = around[origin]
                by = "km" if rng.random() < 0.6 else "drive"
                name = shown(self.facts.entities[self.index.ids[place]])
                yield cast(Claim, Distance.model_validate({"origin": self.index.ids[place], "by": by, **_OPEN})), name
        for figure in ("citations", "year"):
            claim = Listed.model_validate({"figure": figure, **_OPEN})
            if not np.isnan(desk.values(claim)[entity]):
                yield claim, ""
        for over, under in QUOTIENTS:
            claim_of = Quotient(over=over, under=under, low=0, high=0)
            if {over, under} <= self.facts.relations.keys() and not np.isnan(desk.values(claim_of)[entity]):
                yield claim_of, ""

    def _checked(self, proof: Proof, edits: tuple[Edit, ...]) -> tuple[tuple[Edit, ...] | None, str]:
        """The edits with their counts, or None and why they do not do."""
        last = edits[-1]
        candidates = self.index.fitting(last.claim, last.kind)
        if candidates < (proof.min_candidates if self.min_candidates is None else self.min_candidates):
            return None, "too few candidates"
        asked = constraints_of(proof, edits)
        told = flaws_of(self.index, asked, self.index.number[proof.solution[0]])
        if told is not None:
            return None, told
        at = len(asked.clues) - 1
        left = solve(self.index, asked.without_clue(at), "closed", distinct=True, cap=SEARCH_CAP)
        return (*edits[:-1], last.model_copy(update={"candidates": candidates, "without": len(left.answers)})), ""

    def _task(self, task: Task, proof: Proof, state: _State) -> Task:
        # An edit may have changed what is left without an earlier one.
        asked = constraints_of(proof, state.edits)
        first = len(asked.clues) - len(state.edits)
        edits = tuple(
            edit.model_copy(update={"without": _left(self.index, asked.without_clue(first + at))})
            for at, edit in enumerate(state.edits)
        )
        whole = ToolProof(
            base=proof,
            base_question=task.question,
            edits=edits,
            wording=state.phrases,
            text_only=_left(self.index, without_tools(asked)),
        )
        return replace_task(task, whole, state.question)


def _left(index: FactIndex, asked: Constraints) -> int:
    return len(solve(index, asked, "closed", distinct=True, cap=SEARCH_CAP).answers)


_OPEN = {"low": 0.0, "high": 0.0}


def replace_task(task: Task, whole: ToolProof, question: str) -> Task:
    """The old task under its new id, with the pages that its facts still stand on."""
    stored = whole.model_dump(mode="json", by_alias=True)
    figures = {"dispersion": whole_of(stored).spread.minimum, "variables": len(whole.solution)}
    return task.model_copy(
        update={
            "task_id": tool_task_id(whole.base, whole.edits),
            "question": question,
            "evidence": evidence_of(whole),
            # They missed one constraint of another task.
            "distractors": (),
            "wrong_answers": (),
            "proof": stored,
            "meta": {**task.meta, **figures, "tools": sorted({tool_of(edit.claim) for edit in whole.edits})},
        }
    )


def read_first(claim: Claim, entity: str, facts: FactBase) -> tuple[Stated, ...]:
    """What a solver has to read about an entity before it can compute a claim; nothing for what a table tells."""
    if not isinstance(claim, Quotient):
        return ()
    about = facts.about(entity)
    return tuple(
        stated(fact)
        for name in (claim.over, claim.under)
        for fact in about
        if fact.relation == name and not fact.conflict
    )


def flaws_of(index: ToolIndex, asked: Constraints, answer: int) -> str | None:
    """Why constraints are no task with that answer: ambiguous, or a part that is not needed. None where they are."""
    # First with all that is known: most windows fail here, at the least cost.
    found = solve(index, asked, "open", distinct=asked.apart, enough=2, cap=SEARCH_CAP)
    if not found.complete or found.answers != (answer,):
        return "ambiguous"
    parts = [("clue", at, asked.without_clue(at)) for at in range(len(asked.clues))]
    parts += [("edge", at, asked.without_edge(at)) for at in range(len(asked.edges))]
    parts += [("hidden node", at, asked.without_node(at)) for at in range(1, len(asked.kinds))]
    for sort, at, part in parts:
        if len(solve(index, part, "closed", distinct=True, enough=2, cap=SEARCH_CAP).answers) < 2:
            return f"{sort} {at} is not needed"
    return None


def _reworded(
    facts: FactBase, proof: Proof, state: _State, edits: tuple[Edit, ...], origin: str, rng: np.random.Generator
) -> _State | None:
    """The question with the last edit's claim in the words of its clue; None where these cannot take it."""
    edit, text = edits[-1], state.question
    phrase = next((p for p in state.phrases if p.part == f"clue:{edit.clue}"), None)
    if phrase is None:
        return None
    words, claim = text[phrase.start : phrase.end], said(edit.claim, origin, rng)
    if origin and re.search(rf"\b{re.escape(origin)}\b", text):
        return None
    if edit.variable < len(proof.solution):
        relative = words.startswith(_RELATIVE)
        if not relative and not _FINITE.match(words):
            return None
        start, end, new = phrase.start, phrase.end, f"that {claim}" if relative else claim
    else:
        entity = facts.entities[edit.entity]
        names = sorted({entity.name, *entity.aliases}, key=lambda name: (-len(name), name))
        found = [m for name in names for m in re.finditer(rf"(?:\bthe )?\b{re.escape(name)}\b(?!['’])", words)]
        if len(found) == 0 or sum(text.count(name) for name in names if name in text) > 1:
            return None
        match = found[0]
        start, end = phrase.start + match.start(), phrase.start + match.end()
        new = f"{with_article(edit.kind.replace('_', ' ') or 'thing')} that {claim}"
    shift = start + len(new) - end

    def moved(old: Phrase) -> Phrase:
        return old.model_copy(
            update={
                "start": old.start + shift if old.start >= end else old.start,
                "end": old.end + shift if old.end >= end else old.end,
            }
        )

    whole = edit.variable < len(proof.solution)
    kept = [moved(old) for old in state.phrases if not (whole and old.part == phrase.part)]
    if any(start < old.start < end or start < old.end < end for old in state.phrases if old.part != phrase.part):
        return None  # the words say another part, too
    told = Phrase(part=f"tool:{len(edits) - 1}", start=start, end=start + len(new))
    return _State(edits, text[:start] + new + text[end:], (*kept, told))
