"""A map over the snapshot's table of places: search by name and distance, and routes by a stated model. Pure.

A place that a view hides is as unknown as one that never was. Weather on rankings (degraded, shuffled, empty) applies
here as it does to a search; distractors are for searches of words alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from corpus.filters import Filters, is_allowed
from corpus.geography import DETOUR, DISTANCE_DIGITS, bearing, compass, distance_km, travel_minutes
from corpus.rankings import Scored
from corpus.records import Place
from corpus.snapshot import Snapshot
from env_server.errors import EnvServerError, check_bound
from env_server.schemas import FilterFields, PageRef
from env_server.searching import Answer, Searcher, without_distractors
from env_server.settings import ServerSettings
from env_server.sight import Sight
from env_server.table_schemas import PlaceRef, PlacesRequest, RouteRequest
from env_server.view import View

MATCHES = 1000
"""Places whose pages speak of a query that are looked at, where these are then put in another order or chosen from."""
_AT_ONCE = 500
_SHOWN = 5
"""Namesakes that an error names."""

_Spot = tuple[int | None, Place]
"""A document and its place; no document where only a point was given."""


class Maps:
    """Places and routes of one snapshot. Safe to call from many threads."""

    def __init__(self, snapshot: Snapshot, settings: ServerSettings, sight: Sight, searcher: Searcher) -> None:
        self._snapshot, self._store, self._settings = snapshot, snapshot.store, settings
        self._sight, self._searcher = sight, searcher

    def places(self, request: PlacesRequest, view: View) -> Answer:
        """The body of `POST /v1/places`."""
        check_bound("k", request.k, self._settings.max_k)
        if request.query is not None:
            self._searcher.check_query(request.query)
        filters = replace(self._sight.filters(FilterFields(), view), table="places")
        spot = None if request.near is None else self._spot(request.near, view)
        if spot is None:
            found = self._named(request.query or "", request.kind, filters)
        else:
            found = self._around(spot, request, filters)
        about = request.query or str(spot and (spot[1].latitude, spot[1].longitude))
        # A distractor from elsewhere would be a wrong answer of the map, and no noise.
        scored = self._searcher.seen(found, about, request.k, filters, without_distractors(view))
        rows = []
        for rank, (_, passage) in enumerate(scored, 1):
            number = self._store.doc_of(passage)
            place = self._store.place(number)
            if place is not None:
                rows.append({**self._row((number, place)), "rank": rank, **_way(spot, place)})
        self._searcher.note_seen([row["doc_id"] for row in rows])
        listed = len(self._store.tables.places)
        return {"snapshot_id": self._snapshot.snapshot_id, "listed": listed, "places": rows}

    def route(self, request: RouteRequest, view: View) -> Answer:
        """The body of `POST /v1/route`."""
        origin, destination = self._spot(request.origin, view), self._spot(request.destination, view)
        start, end = origin[1], destination[1]
        km = distance_km(start.latitude, start.longitude, end.latitude, end.longitude)
        degrees = bearing(start.latitude, start.longitude, end.latitude, end.longitude)
        ends = [self._row(origin), self._row(destination)]
        self._searcher.note_seen([row["doc_id"] for row in ends if row["doc_id"]])
        return {
            "snapshot_id": self._snapshot.snapshot_id,
            "origin": ends[0],
            "destination": ends[1],
            "distance_km": km,
            "direction": compass(degrees),
            "bearing_deg": degrees,
            "means": request.means,
            "way_km": km if request.means == "fly" else round(km * DETOUR, DISTANCE_DIGITS),
            "duration_min": travel_minutes(km, request.means),
        }

    def _spot(self, asked: PlaceRef, view: View) -> _Spot:
        """The one place meant. Raises a 404 where there is none to be seen, a 422 where several have the name."""
        if asked.latitude is not None and asked.longitude is not None:
            return None, Place("", asked.latitude, asked.longitude)
        if asked.name is None:
            number = self._sight.require(PageRef(url=asked.url, doc_id=asked.doc_id), view)
            found = [] if self._store.place(number) is None else [number]
        else:
            found = [number for number in self._store.tables.named(asked.name) if self._sight.shows(number, view)]
        if len(found) > 1:
            urls = ", ".join(self._store.head(number)[0] for number in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise EnvServerError(
                422,
                "ambiguous_place",
                f"{len(found)} places are called {(asked.name or '')[:100]!r}.",
                f"Name one by its url: {urls}{more}.",
            )
        shown = (asked.name or asked.url or asked.doc_id or "")[:100]
        place = self._store.place(found[0]) if found else None
        if place is None:
            raise EnvServerError(
                404, "place_not_found", f"No place {shown!r} is on the map.", "Search POST /v1/places for its name."
            )
        return found[0], place

    def _row(self, spot: _Spot) -> dict[str, Any]:
        number, place = spot
        return {
            "name": place.name,
            "kind": place.kind,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "url": None if number is None else self._store.head(number)[0],
            "doc_id": None if number is None else self._store.doc_id(number),
        }

    def _named(self, query: str, kind: str | None, filters: Filters) -> Callable[[int], list[Scored]]:
        """Places of just that name, then those whose pages speak of it; a higher place scores more."""
        store = self._store
        first = [n for n in store.tables.named(query) if is_allowed(store, filters, n) and self._is(n, kind)]

        def find(k: int) -> list[Scored]:
            found = [store.passages_of(number)[0] for number in first][:k]
            if len(found) < k:
                depth = k + len(first) if kind is None else max(MATCHES, k)
                words = self._snapshot.scored(query, k=depth, mode="bm25", allowed=filters)
                numbers = ((store.doc_of(passage), passage) for _, passage in words)
                found += [passage for n, passage in numbers if n not in first and self._is(n, kind)]
            return [(-float(place), passage) for place, passage in enumerate(found[:k])]

        return find

    def _around(self, spot: _Spot, request: PlacesRequest, filters: Filters) -> Callable[[int], list[Scored]]:
        """Places by their distance, the nearest first; the score is that of the distance, turned round."""
        store, centre = self._store, spot[1]
        high = float("inf") if request.max_km is None else request.max_km
        numbers, km = store.tables.around(centre.latitude, centre.longitude, request.min_km or 0.0, high)
        if request.query is not None:
            named = [store.doc_of(p) for _, p in self._named(request.query, None, filters)(MATCHES)]
            keep = np.isin(numbers, np.array(named, dtype=np.int64))
            numbers, km = numbers[keep], km[keep]

        def find(k: int) -> list[Scored]:
            found: list[Scored] = []
            for start in range(0, len(numbers), _AT_ONCE):  # the nearest few of a million are wanted, mostly
                part = slice(start, start + _AT_ONCE)
                for number, distance in zip(numbers[part].tolist(), km[part].tolist(), strict=True):
                    if len(found) == k:
                        return found
                    if number != spot[0] and self._is(number, request.kind) and is_allowed(store, filters, number):
                        found.append((-distance, store.passages_of(number)[0]))
            return found

        return find

    def _is(self, number: int, kind: str | None) -> bool:
        if kind is None:
            return True
        place = self._store.place(number)
        return place is not None and place.kind.casefold() == kind.casefold()


def _way(spot: _Spot | None, place: Place) -> dict[str, Any]:
    """How far and in which direction a place lies."""
    if spot is None:
        return {"distance_km": None, "direction": None}
    here = spot[1]
    ends = here.latitude, here.longitude, place.latitude, place.longitude
    return {"distance_km": distance_km(*ends), "direction": compass(bearing(*ends))}
