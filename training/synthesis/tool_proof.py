"""What a task with tool claims is proved by: the proof it was made from, and what an editor changed in it.

`Whole` is what all that read tasks look at: a proof of either kind, with or without tools.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from training.synthesis.dispersion import Dispersion, dispersion
from training.synthesis.predicates import Named, Predicate
from training.synthesis.proof import Phrase, Proof, ProvedClue, Stated, Witness
from training.synthesis.solve import Constraints, Edge
from training.synthesis.tooling import AnyClaim, as_predicate

SCHEMA = "stillweb.tool-proof/1"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)


class Edit(_Part):
    """One clue of the old proof that a tool claim stands in for."""

    clue: int
    """Its place in `base.clues`."""
    variable: int
    """Whom the claim speaks of: the clue's own variable, or a new one for the entity that the clue named."""
    entity: str
    """doc_id of that entity."""
    kind: str
    """Its kind; "" where none is claimed."""
    claim: AnyClaim
    value: float
    """What the local tool measured when the edit was made."""
    candidates: int
    """Entities that fit claim and kind."""
    without: int
    """Answers in the closed world for a solver that cannot measure this one: at least 2."""
    facts: tuple[Stated, ...] = ()
    """What has to be read before it can be computed: the two numbers of a quotient."""


class Measured(_Part):
    """What a tool told when the task was played."""

    edit: int
    """Its place in `ToolProof.edits`."""
    tool: str
    """route, scholar or python."""
    asked: dict[str, Any]
    """Arguments of the call."""
    value: float
    """As it was told: kilometres to a tenth."""


class ToolWitness(Witness):
    """A played solution: the pages that have to be read, and a call of a tool for each claim, which `calls` counts."""

    measured: tuple[Measured, ...]


class ToolProof(_Part):
    schema_: Literal["stillweb.tool-proof/1"] = Field(default="stillweb.tool-proof/1", alias="schema")
    base: Proof
    """Of the task that was edited, with its old counts and words."""
    base_question: str
    edits: tuple[Edit, ...]
    wording: tuple[Phrase, ...]
    """Words of the new question: "tool:0" says edit 0, the other parts are those of `base`."""
    text_only: int
    """Answers in the closed world for a solver that reads every page and has no tool: at least 2."""
    witness: ToolWitness | None = None
    """Made by `stillweb tasks witness`; None until then."""

    @property
    def solution(self) -> tuple[str, ...]:
        """doc_ids by variable, the new ones last."""
        new = sorted({(edit.variable, edit.entity) for edit in self.edits if edit.variable >= len(self.base.solution)})
        return (*self.base.solution, *(entity for _, entity in new))

    @property
    def clues(self) -> tuple[ProvedClue, ...]:
        """Clues of the old proof that still stand: a name that was taken out leaves an edge, any other clue nothing."""
        gone = {edit.clue for edit in self.edits}
        return tuple(clue for at, clue in enumerate(self.base.clues) if at not in gone)

    @property
    def facts(self) -> tuple[Stated, ...]:
        """Every fact that still has to be read on pages; one may come twice."""
        gone = {edit.clue for edit in self.edits if edit.variable < len(self.base.solution)}
        kept = (clue.facts for at, clue in enumerate(self.base.clues) if at not in gone)
        rows = [*(edge.facts for edge in self.base.edges), *kept, *(edit.facts for edit in self.edits)]
        return tuple(fact for facts in rows for fact in facts)


@dataclass(frozen=True)
class Whole:
    """What a task claims, by pages alone (`edits` are none then) or by tools too."""

    base: Proof
    edits: tuple[Edit, ...]
    solution: tuple[str, ...]
    """doc_ids by variable, with those that edits brought in."""
    clues: tuple[ProvedClue, ...]
    """That pages settle."""
    facts: tuple[Stated, ...]
    """That have to be read on pages; one may come twice."""
    pages: tuple[str, ...]
    """The evidence."""
    witness: Witness | None

    @property
    def asked(self) -> Constraints:
        """In the solver's form; claims of tools take a `tooling.ToolIndex`."""
        return constraints_of(self.base, self.edits)

    @property
    def spread(self) -> Dispersion:
        """Of these facts, over all pages of the snapshot."""
        rows = {(f.subject, f.relation, f.object, f.value): f for f in self.facts}
        return dispersion([{doc_id for doc_id, _, _ in fact.supports} | {*fact.also} for fact in rows.values()])


def whole_of(proof: Mapping[str, Any]) -> Whole:
    """A stored proof of either kind. Raises pydantic's ValidationError for one that cannot be read."""
    if proof.get("schema") == SCHEMA:
        with_tools = ToolProof.model_validate(proof)
        pages = evidence_of(with_tools)
        parts = (with_tools.edits, with_tools.solution, with_tools.clues, with_tools.facts, pages, with_tools.witness)
        return Whole(with_tools.base, *parts)
    plain = Proof.model_validate(proof)
    return Whole(plain, (), plain.solution, plain.clues, plain.facts, plain.dispersion.pages, plain.witness)


def evidence_of(proof: ToolProof) -> tuple[str, ...]:
    """A smallest set of pages from which every fact was read that is still needed; what tables tell is on none."""
    return dispersion([{doc_id for doc_id, _, _ in fact.supports} for fact in proof.facts], {*proof.solution}).pages


def constraints_of(base: Proof, edits: Sequence[Edit]) -> Constraints:
    """What is claimed: edges and clues of the old proof but for those edited, then the claims in the edits' order."""
    gone = {edit.clue for edit in edits}
    new = {edit.variable: edit for edit in edits if edit.variable >= len(base.solution)}
    edges = [Edge(edge.a, edge.relation, edge.b) for edge in base.edges]
    for edit in new.values():
        clue = base.clues[edit.clue]
        assert isinstance(clue.predicate, Named)
        edges.append(Edge(clue.variable, clue.predicate.relation, edit.variable))
    clues: list[tuple[int, Predicate]] = [
        (c.variable, c.predicate) for at, c in enumerate(base.clues) if at not in gone
    ]
    clues += [(edit.variable, as_predicate(edit.claim)) for edit in edits]
    kinds = (*base.kinds, *(new[variable].kind for variable in sorted(new)))
    return Constraints(kinds, tuple(edges), tuple(clues), base.apart)


def tool_task_id(base: Proof, edits: Sequence[Edit]) -> str:
    """32 hex digits over what is claimed."""
    claims = base.model_dump(mode="json", include={"snapshot_id", "solution", "edges", "clues", "kinds"})
    rows = [edit.model_dump(mode="json", exclude={"value", "candidates", "without", "facts"}) for edit in edits]
    return hashlib.sha256(orjson.dumps([claims, rows], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
