"""What a task with tool claims is proved by: the proof it was made from, and what an editor changed in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from training.synthesis.predicates import Named, Predicate
from training.synthesis.proof import Phrase, Proof
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

    @property
    def solution(self) -> tuple[str, ...]:
        """doc_ids by variable, the new ones last."""
        new = sorted({(edit.variable, edit.entity) for edit in self.edits if edit.variable >= len(self.base.solution)})
        return (*self.base.solution, *(entity for _, entity in new))


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
    return Constraints(kinds, tuple(edges), tuple(clues))


def tool_task_id(base: Proof, edits: Sequence[Edit]) -> str:
    """32 hex digits over what is claimed."""
    claims = base.model_dump(mode="json", include={"snapshot_id", "solution", "edges", "clues", "kinds"})
    rows = [edit.model_dump(mode="json", exclude={"value", "candidates", "without"}) for edit in edits]
    return hashlib.sha256(orjson.dumps([claims, rows], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
