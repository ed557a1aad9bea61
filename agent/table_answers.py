"""What the server's tables answer: places, routes, papers, as frozen values. docs/tools-tables.md has the fields."""

from __future__ import annotations

from dataclasses import dataclass

from agent.answers import Answer


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    kind: str
    latitude: float
    longitude: float
    url: str | None
    """None of a bare point."""
    doc_id: str | None


@dataclass(frozen=True, slots=True)
class PlaceHit:
    name: str
    kind: str
    latitude: float
    longitude: float
    url: str
    doc_id: str
    rank: int
    distance_km: float | None
    """To what the search was near to; None without."""
    direction: str | None


@dataclass(frozen=True, slots=True)
class PlacesAnswer(Answer):
    snapshot_id: str
    listed: int
    """Places in the snapshot's table."""
    places: tuple[PlaceHit, ...]


@dataclass(frozen=True, slots=True)
class RouteAnswer(Answer):
    snapshot_id: str
    origin: Place
    destination: Place
    distance_km: float
    direction: str
    bearing_deg: int
    means: str
    way_km: float
    duration_min: int


@dataclass(frozen=True, slots=True)
class PaperHit:
    rank: int
    score: float
    title: str
    authors: tuple[str, ...]
    year: int | None
    citations: int | None
    snippet: str
    url: str
    doc_id: str
    cites: tuple[str, ...]
    """doc_ids."""


@dataclass(frozen=True, slots=True)
class ScholarAnswer(Answer):
    snapshot_id: str
    query: str
    mode: str
    listed: int
    """Papers in the snapshot's table."""
    papers: tuple[PaperHit, ...]
