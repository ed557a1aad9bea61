"""Serper's places, maps and papers from the snapshot's tables: a map's places, an index's papers, in its words."""

from __future__ import annotations

import re
from typing import Any

from corpus.urls import host_of
from env_server.dialects.dialect import Asked, Values
from env_server.errors import EnvServerError
from env_server.table_schemas import PlaceRef, PlacesRequest, ScholarRequest

_POINT = re.compile(r"@?(-?\d{1,2}(?:\.\d{1,15})?),(-?\d{1,3}(?:\.\d{1,15})?)(?:,[\d.]{1,8}[a-z]?)?")


def places(asked: Asked, query: str, *, num: int, page: int, ll: str) -> list[Values]:
    """Places for words, ordered by distance from the point `ll` ("@46.0,2.0,8z") where it is given."""
    last = min(num * page, asked.service.settings.max_k)
    if last <= num * (page - 1):
        return []
    request = PlacesRequest(query=query, near=_point(ll) if ll else None, k=last)
    found = asked.service.maps.places(request, asked.view)["places"]
    return [_place(place) for place in found[num * (page - 1) :]]


def papers(asked: Asked, query: str, *, num: int, page: int, first_year: int | None) -> list[Values] | None:
    """Papers for words; None where the snapshot has no table of papers, and pages have to stand in for them."""
    if not len(asked.service.snapshot.store.tables.papers):
        return None
    last = min(num * page, asked.service.settings.max_k)
    if last <= num * (page - 1):
        return []
    request = ScholarRequest(query=query, k=last, first_year=first_year)
    found = asked.service.scholar.search(request, asked.view)["papers"]
    return [_paper(paper) for paper in found[num * (page - 1) :]]


def _point(ll: str) -> PlaceRef:
    match = _POINT.fullmatch(ll.strip())
    latitude, longitude = map(float, match.groups()) if match else (91.0, 0.0)
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise EnvServerError(
            400, "invalid_request", f"ll: {ll[:60]!r} is no point on the map.", "Write @46.05,14.5,10z."
        )
    return PlaceRef(latitude=latitude, longitude=longitude)


def _place(place: Values) -> Values:
    # Tables have no addresses, ratings or telephones, and none are made up.
    item: Values = {
        "title": place["name"],
        "address": place["name"],
        "latitude": place["latitude"],
        "longitude": place["longitude"],
    }
    if place["kind"]:
        item |= {"type": place["kind"], "types": [place["kind"]]}
    return item | {"website": place["url"], "placeId": place["doc_id"]}


def _paper(paper: Values) -> Values:
    year: dict[str, Any] = {} if paper["year"] is None else {"year": paper["year"]}
    told = ", ".join(paper["authors"]) or host_of(paper["url"])
    return {
        "title": paper["title"],
        "link": paper["url"],
        "snippet": paper["snippet"],
        "publicationInfo": " - ".join([told, *map(str, year.values())]),
        **year,
        **({} if paper["citations"] is None else {"citedBy": paper["citations"]}),
        "pdfUrl": paper["url"],
        "id": paper["doc_id"],
    }
