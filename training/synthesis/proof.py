"""What a task is proved by, as it is kept in `Task.proof`: enough to check it again offline, against the snapshot.

The claim: exactly one entity of the snapshot, as variable 0, satisfies edges and clues, in the open world too and even
where two variables may be the same entity (unless they are said to be apart); without any one clue, edge or hidden
node there are at least two in the closed world, where all variables differ (`training.synthesis.index`, `predicates`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from corpus.facts.base import FactBase
from corpus.facts.records import Fact
from training.synthesis.predicates import Predicate, names_of

SCHEMA = "stillweb.proof/1"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)


class Stated(_Part):
    """A fact that the proof rests on. Exactly one of `object` and `value` is given."""

    subject: str
    """doc_id."""
    relation: str
    """Name of the relation."""
    object: str | None
    """doc_id."""
    value: str | None
    """`Value.text`."""
    supports: tuple[tuple[str, int, int], ...]
    """(doc_id, start, end) of the first span on every page from which it was read, sorted."""
    also: tuple[str, ...]
    """Pages whose words seem to say it and were not read: no evidence, but they count against dispersion."""


class ProvedClue(_Part):
    variable: int
    """Whom it speaks of."""
    predicate: Annotated[Predicate, Field(discriminator="op")]
    """The claim, in a form that a machine checks: see `training.synthesis.predicates`."""
    level: str
    """How vaguely it is said: see `training.synthesis.ladders`."""
    blurred: int
    """Steps from the sharpest level that was allowed."""
    candidates: int
    """Entities of the closed world that fit this clue alone."""
    dropped: int
    """Answers where only this clue is left out: at least 2."""
    facts: tuple[Stated, ...]
    """What has to be known to see that it is so."""


class ProvedEdge(_Part):
    a: int
    """Variable that is the subject."""
    relation: str
    """Name of the relation."""
    b: int
    """Variable that is the object."""
    dropped: int
    """Answers where only this edge is left out: at least 2."""
    facts: tuple[Stated, ...]
    """The one fact that joins the two."""


class ProvedDispersion(_Part):
    minimum: int
    """Pages that it takes to state every fact, of all pages of the snapshot, those in `also` too."""
    constructing: int
    """The same where only pages of the task's own entities count, as far as these state a fact."""
    most_on_one: int
    """Facts that a single page states."""
    pages: tuple[str, ...]
    """One smallest set of pages from which every fact was read, sorted: `minimum` or more of them."""


class Hop(_Part):
    """How one page of the evidence is found and read."""

    doc_id: str
    """The page."""
    url: str
    """The same, as it was fetched."""
    queries: tuple[str, ...]
    """What was searched for, the last of them with success; one or two."""
    rank: int
    """Of the page in the last search, from 1 to 10."""
    parts: tuple[int, ...]
    """Which parts of the page were opened, from 1, in `Witness.page_chars` characters."""


class Witness(_Part):
    """A played solution: every page of the evidence found by search over HTTP, opened where the facts stand."""

    hops: tuple[Hop, ...]
    """In the order in which the pages were found."""
    mode: str
    """Retrieval mode that answered."""
    page_chars: int
    """Characters of a part."""
    calls: int
    """Searches, fetches and the answer."""
    least_calls: int
    """The same without searches whose pages another search of these shows too."""


class Phrase(_Part):
    """Words of the question that say one part of the proof. Spans may lie in each other; offsets are characters."""

    part: str
    """"clue:0", "edge:1", by place in `clues` and `edges`, or "kind:2", by variable."""
    start: int
    """First character in the question."""
    end: int
    """Behind the last."""


class Proof(_Part):
    schema_: Literal["stillweb.proof/1"] = Field(default="stillweb.proof/1", alias="schema")
    snapshot_id: str
    """Of the snapshot that it speaks of."""
    extractor: str
    """Whose facts."""
    links: bool
    """Whether relations that are not typed, the plain hyperlinks, are used too."""
    apart: bool = False
    """Whether "another" is taken at its word: the answer is the only one where all variables differ. If not, it is so
    even where two variables are one entity."""
    solution: tuple[str, ...]
    """doc_ids by variable; the answer is variable 0."""
    kinds: tuple[str, ...]
    """By variable; "" where nothing is claimed."""
    edges: tuple[ProvedEdge, ...]
    """Relations that join two variables."""
    clues: tuple[ProvedClue, ...]
    """What is said of one variable."""
    graph6: str
    """The graph of the unnamed variables."""
    treewidth: int
    """Of that graph, exact."""
    role: str
    """Of the answer in that graph: leaf, hub, inner, even."""
    dropped_nodes: tuple[int, ...]
    """Answers where one hidden variable is left out with its edges and clues, from variable 1 on: at least 2 each."""
    solutions: int
    """Assignments of all variables in the closed world; the answer is the same in all."""
    dispersion: ProvedDispersion
    """Over how many pages the facts are spread."""
    min_candidates: int
    """No clue alone leaves fewer."""
    wording: tuple[Phrase, ...] = ()
    """Which words say what; empty where a model has rewritten the question."""
    at_least: tuple[str, ...] = ()
    """Parts whose count of answers without them was cut short and is a lower bound: "clue 0", "edge 2", "node 1"."""
    witness: Witness | None = None
    """Made by `stillweb tasks witness`; None until then."""

    @property
    def facts(self) -> tuple[Stated, ...]:
        """Every fact that it rests on, by edge and then by clue; one may come twice."""
        return tuple(
            fact for facts in [*(e.facts for e in self.edges), *(c.facts for c in self.clues)] for fact in facts
        )


def task_id_of(proof: Proof) -> str:
    """32 hex digits over what is claimed: two tasks of one id are the same task, however worded."""
    claims = proof.model_dump(mode="json", include={"snapshot_id", "solution", "edges", "clues", "kinds"})
    return hashlib.sha256(orjson.dumps(claims, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def structure_class(proof: Proof) -> str:
    """12 hex digits that two proofs share if their graphs are the same but for the entities: the same kinds, joined by
    the same relations. Clues do not count. (Colours cannot tell a few regular graphs apart.)

    Source: Weisfeiler and Leman's colour refinement, 1968.
    """
    colours = [repr((at == 0, kind)) for at, kind in enumerate(proof.kinds)]
    for _ in proof.kinds:
        near: list[list[str]] = [[] for _ in colours]
        for edge in proof.edges:
            near[edge.a].append(f"{edge.relation} to {colours[edge.b]}")
            near[edge.b].append(f"{edge.relation} from {colours[edge.a]}")
        colours = [_short(repr((own, sorted(around)))) for own, around in zip(colours, near, strict=True)]
    return _short(repr(sorted(colours)))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def stated(fact: Fact) -> Stated:
    """A fact with the first span of each page that states it."""
    first: dict[str, tuple[str, int, int]] = {}
    for support in sorted(support for support in fact.supports if not support.scanned):
        first.setdefault(support.doc_id, (support.doc_id, support.start, support.end))
    value = fact.value.text if fact.value else None
    return Stated(
        subject=fact.subject,
        relation=fact.relation,
        object=fact.object,
        value=value,
        supports=tuple(first[page] for page in sorted(first)),
        also=tuple(sorted({support.doc_id for support in fact.supports} - set(first))),
    )


@dataclass(frozen=True)
class TaskDraft:
    """A proof and the facts it speaks of: all that wording and checks read. A stored task's proof makes one again."""

    proof: Proof
    facts: FactBase

    def name(self, doc_id: str) -> str:
        return self.facts.entities[doc_id].name

    @property
    def names_shown(self) -> tuple[str, ...]:
        """doc_ids of the entities that the clues name, sorted: the anchors of the question."""
        return tuple(sorted({doc_id for clue in self.proof.clues for doc_id in names_of(clue.predicate)}))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a task is fit; `reason` is a word or two that counts can be kept by, "" where it passed."""

    passed: bool
    reason: str = ""
