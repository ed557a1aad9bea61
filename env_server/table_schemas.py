"""The native wire format of the snapshot's tables: places, routes between them, and papers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from env_server.schemas import Mode, SearchOptions

Means = Literal["drive", "walk", "fly"]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Km = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class PlaceRef(_Wire):
    """A place: by name, by the URL or doc_id of its page, or as a point on the map; exactly one of these."""

    name: Annotated[str, Field(min_length=1)] | None = None
    """Whole name, in any case."""
    url: str | None = None
    doc_id: str | None = None
    latitude: Latitude | None = None
    """Degrees north of the equator; goes with `longitude`."""
    longitude: Longitude | None = None
    """Degrees east of Greenwich."""

    @model_validator(mode="after")
    def _one(self) -> PlaceRef:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("give latitude and longitude together")
        if sum(part is not None for part in (self.name, self.url, self.doc_id, self.latitude)) != 1:
            raise ValueError("give one of name, url, doc_id, or latitude with longitude")
        return self


class PlacesRequest(_Wire):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"near": {"name": "Austria"}, "max_km": 400, "k": 5}, {"query": "Austria"}]}
    )

    query: Annotated[str, Field(min_length=1)] | None = None
    """A name or words; places of just that name come first, then those whose pages speak of it."""
    near: PlaceRef | None = None
    """Order by the distance to here; the place itself is left out."""
    min_km: Km | None = None
    """With `near`: at least so far away, in km as the crow flies."""
    max_km: Km | None = None
    """With `near`: at most so far away."""
    kind: Annotated[str, Field(min_length=1)] | None = None
    """Only places of this kind, such as town or country."""
    k: Annotated[int, Field(ge=1)] = 10
    """How many; the server's `max_k` bounds it."""

    @model_validator(mode="after")
    def _some(self) -> PlacesRequest:
        if self.query is None and self.near is None:
            raise ValueError("give query, near or both")
        if self.near is None and (self.min_km is not None or self.max_km is not None):
            raise ValueError("min_km and max_km need near")
        return self


class PlaceOut(_Wire):
    name: str
    kind: str
    """Empty where the source names none, and of a bare point."""
    latitude: float
    longitude: float
    url: str | None
    """Of its page; null of a bare point."""
    doc_id: str | None


class PlaceHit(PlaceOut):
    rank: int
    distance_km: float | None
    """To `near`, great-circle, to 0.1; null without `near`."""
    direction: str | None
    """In which direction from `near` it lies: north, north-east, ..."""


class PlacesAnswer(_Wire):
    snapshot_id: str
    listed: int
    """Places in the snapshot's table; 0 where its sources gave none."""
    places: list[PlaceHit]


class RouteRequest(_Wire):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"origin": {"name": "Austria"}, "destination": {"name": "Slovenia"}}]}
    )

    origin: PlaceRef
    destination: PlaceRef
    means: Means = "drive"
    """drive: 80 km/h over a way 1.3 times the distance; walk: 5 km/h over the same way; fly: 800 km/h straight."""


class RouteAnswer(_Wire):
    snapshot_id: str
    origin: PlaceOut
    destination: PlaceOut
    distance_km: float
    """Great-circle, to 0.1."""
    direction: str
    """In which the destination lies from the origin: north, north-east, ..."""
    bearing_deg: int
    """The same in degrees, 0 to 359, from north by east."""
    means: Means
    way_km: float
    """Length of the way by this means, by the model above."""
    duration_min: int
    """Whole minutes, by the model above."""


class ScholarRequest(SearchOptions):
    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "ferry crossings", "min_citations": 20}]})

    query: Annotated[str, Field(min_length=1)]
    """What the papers are about."""
    first_year: int | None = None
    """Only papers of this year or later."""
    last_year: int | None = None
    """Only papers of this year or earlier."""
    min_citations: Annotated[int, Field(ge=0)] | None = None
    """Only papers cited at least so often; those of unknown number are left out."""
    max_citations: Annotated[int, Field(ge=0)] | None = None
    """Only papers cited at most so often."""


class PaperHit(_Wire):
    rank: int
    score: float
    """Comparable within one answer only."""
    title: str
    authors: list[str]
    year: int | None
    citations: int | None
    """How often it is cited by anyone; null where the source does not say."""
    snippet: str
    url: str
    doc_id: str
    cites: list[str]
    """doc_ids of the papers of this snapshot that it cites."""


class ScholarAnswer(_Wire):
    snapshot_id: str
    query: str
    mode: Mode
    listed: int
    """Papers in the snapshot's table; 0 where its sources gave none."""
    papers: list[PaperHit]
