"""Claims that no page states and that a tool settles: how far, how long a drive, how often cited, a quotient.

    Distance   so many km, or minutes by car, from a place that the question names     the maps tool (`/v1/route`)
    Listed     cited so often, or of such a year                                       the scholar tool (`/v1/scholar`)
    Quotient   one number by another, such as inhabitants by area                      Python, over facts of pages

Each has a value for an entity, which `Desk` computes anew from the snapshot's tables and facts, and bounds. In the
closed world an entity without a value fits no claim; in the open one it may fit any, as in `predicates`.

Source of the idea: tool-enforced query evolution, REDSearcher (arXiv 2602.14234), section 3.2.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from corpus.geography import DETOUR, SPEEDS_KM_H, distances_km
from corpus.records import Place
from corpus.snapshot import Snapshot
from corpus.tables import name_key
from training.synthesis.index import FactIndex, World
from training.synthesis.postings import Mask
from training.synthesis.predicates import Predicate
from training.synthesis.solve import Constraints

Floats: TypeAlias = npt.NDArray[np.float64]


class _Claim(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    low: float
    """Bounds of the value, both included."""
    high: float


class Distance(_Claim):
    op: Literal["distance"] = "distance"
    origin: str
    """doc_id of a place that the question names."""
    by: Literal["km", "drive"]
    """km as the crow flies, or minutes by car (`corpus.geography`)."""


class Listed(_Claim):
    op: Literal["listed"] = "listed"
    figure: Literal["citations", "year"]


class Quotient(_Claim):
    op: Literal["quotient"] = "quotient"
    over: str
    """Relation whose number is divided."""
    under: str
    """Relation whose number divides; each has to be the entity's only one and without conflict."""


Claim: TypeAlias = Distance | Listed | Quotient
AnyClaim: TypeAlias = Annotated[Claim, Field(discriminator="op")]
QUOTIENTS = (("population", "area"), ("population", "land_area"))
"""Relations worth dividing, where the facts have them."""


def tool_of(claim: Claim) -> str:
    """The tool that settles it: maps, scholar or python."""
    return {"distance": "maps", "listed": "scholar", "quotient": "python"}[claim.op]


class Desk:
    """The local tools over one snapshot: every entity's value of a claim, in the order of an index's entities."""

    def __init__(self, index: FactIndex, web: Snapshot) -> None:
        self.index = index
        self.places: dict[int, Place] = {}
        """Entities that are on the map."""
        self._latitudes, self._longitudes = (np.full(index.size, np.nan) for _ in range(2))
        self._figures = {figure: np.full(index.size, np.nan) for figure in ("citations", "year")}
        store = web.store
        for doc in store.tables.places.docs.tolist():
            entity, place = index.number.get(store.doc_id(doc)), store.place(doc)
            if entity is not None and place is not None:
                self.places[entity] = place
                self._latitudes[entity], self._longitudes[entity] = place.latitude, place.longitude
        for doc in store.tables.papers.docs.tolist():
            entity, paper = index.number.get(store.doc_id(doc)), store.paper(doc)
            if entity is not None and paper is not None:
                for figure, value in (("citations", paper.citations), ("year", paper.year)):
                    self._figures[figure][entity] = np.nan if value is None else value
        keys = {entity: name_key(place.name) for entity, place in self.places.items()}
        times_named = Counter(keys.values())
        called = {entity: name_key(index.base.entities[index.ids[entity]].name) for entity in keys}
        self.unique = {e for e, key in keys.items() if times_named[key] == 1 and called[e] == key}
        """Places that a tool finds by the name that a question gives them."""
        self._kept: dict[tuple[str, ...], Floats] = {}

    def values(self, claim: Claim) -> Floats:
        """The measured value of every entity, NaN where the tool has none; shape (entities,). Not to be written to."""
        if isinstance(claim, Listed):
            return self._figures[claim.figure]
        parts = (claim.origin, claim.by) if isinstance(claim, Distance) else (claim.over, claim.under)
        found = self._kept.get(parts)
        if found is None:
            made = self._from(claim.origin, claim.by) if isinstance(claim, Distance) else self._quotients(*parts)
            found = self._kept[parts] = made
        return found

    def _from(self, origin: str, by: str) -> Floats:
        place = self.places.get(self.index.number.get(origin, -1))
        if place is None:
            return np.full(self.index.size, np.nan)
        km = distances_km(place.latitude, place.longitude, self._latitudes, self._longitudes)
        return km if by == "km" else np.round(km * DETOUR / SPEEDS_KM_H["drive"] * 60)

    def _quotients(self, over: str, under: str) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = self._numbers(over) / self._numbers(under)
        found[~np.isfinite(found)] = np.nan
        return found

    def _numbers(self, relation: str) -> Floats:
        """The one number of each entity; NaN where pages state none, several, or contradict each other."""
        numbers = np.full(self.index.size, np.nan)
        stated = self.index.base.of(relation)
        times = np.zeros(self.index.size, np.int64)
        for fact in stated:
            entity = self.index.number[fact.subject]
            times[entity] += 1 + fact.conflict
            if fact.value is not None and fact.value.number is not None:
                numbers[entity] = fact.value.number
        numbers[times != 1] = np.nan
        return numbers


class ToolIndex(FactIndex):
    """The facts of an index with the claims that a desk settles: `solve` takes both."""

    def __init__(self, index: FactIndex, desk: Desk) -> None:
        self.__dict__.update(index.__dict__)
        self._masks = {}
        self.desk = desk

    def _evaluate(self, predicate: Predicate, world: World) -> Mask:
        claim = cast("Claim | Predicate", predicate)
        if not isinstance(claim, Claim):
            return super()._evaluate(claim, world)
        values = self.desk.values(claim)
        with np.errstate(invalid="ignore"):
            mask: Mask = (values >= claim.low) & (values <= claim.high)
        return mask | np.isnan(values) if world == "open" else mask

    def fitting(self, claim: Claim, kind: str) -> int:
        """How many entities of a kind a claim fits alone in the closed world; "" for any kind."""
        mask = self.mask(as_predicate(claim), "closed")
        if kind:
            code = self.kind_names.index(kind) if kind in self.kind_names else -1
            mask = mask & (self._kinds == code)
        return int(np.count_nonzero(mask))


def as_predicate(claim: Claim) -> Predicate:
    """A claim where the solver takes a predicate: a ToolIndex reads both."""
    return cast(Predicate, claim)


def without_tools(asked: Constraints) -> Constraints:
    """What is left for a solver that reads pages and has no tool: every claim gone."""
    clues = tuple(row for row in asked.clues if not isinstance(cast("Claim | Predicate", row[1]), Claim))
    return replace(asked, clues=clues)
