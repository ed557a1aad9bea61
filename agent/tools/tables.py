"""google_scholar and google_maps over the snapshot's tables, in the frame that REDSearcher's models were trained on.

A map is asked for places ("Austria"), for what is near a place ("towns near Austria", "places 120 to 160 km from
Austria") or for a way ("from Austria to Slovenia"): the one text argument that the tool has must say which. A snapshot
without a table is searched for its pages instead, as a web's maps and papers are pages, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.answers import Delivery
from agent.client import AsyncClient
from agent.errors import EnvError
from agent.table_answers import PaperHit, PlaceHit, RouteAnswer
from agent.tools.tool import Act, Arguments, Observation, failed, joined, told

TOP = 10
BETWEEN = "\n=======\n"

_WAY = re.compile(r"(?:.*\b)?from (?P<origin>.+?) to (?P<end>.+)", re.IGNORECASE)
_NEAR = re.compile(
    r"(?P<what>.*?)\s*\b(?:(?P<low>\d+(?:\.\d+)?) ?(?:to|-) ?(?P<high>\d+(?:\.\d+)?) ?km (?:from|of)"
    r"|within (?P<within>\d+(?:\.\d+)?) ?km of|near|around) (?P<place>.+)",
    re.IGNORECASE,
)
_ARTICLES = frozenset(("a", "an", "the", "all", "any"))
_ANYTHING = frozenset(("", "place", "places"))


def maps_over_tables(over_pages: Act) -> Act:
    """`google_maps`; `over_pages` answers where the snapshot has no places."""

    async def run(arguments: Arguments, env: AsyncClient) -> Observation:
        query, page = arguments["q"].strip().rstrip("?."), arguments["page"]
        try:
            if (near := _NEAR.fullmatch(query)) is not None:
                return await _near(arguments["q"], near, page, env, arguments, over_pages)
            if (way := _WAY.fullmatch(query)) is not None and page == 1:
                route = await env.route(way["origin"], way["end"])
                return _of_route(arguments["q"], route)
        except EnvError as error:
            if error.retry or error.code not in ("place_not_found", "ambiguous_place"):
                raise
            if not (await env.places("map", k=1)).listed:
                return await over_pages(arguments, env)
            return failed(error)
        found = await env.places(arguments["q"], k=TOP * page)
        if not found.listed:
            return await over_pages(arguments, env)
        return _of_places(arguments["q"], found.places[TOP * (page - 1) :], found.delivery)

    return run


def scholar_over_tables(over_pages: Act) -> Act:
    """`google_scholar`: a list of queries; `over_pages` answers where the snapshot has no papers."""

    async def run(arguments: Arguments, env: AsyncClient) -> Observation:
        parts: list[Observation] = []
        for query in arguments["query"]:  # one after the other: in an episode each is a turn of its own
            try:
                found = await env.scholar(query, k=TOP)
            except EnvError as error:
                if error.retry:
                    raise
                parts.append(failed(error))
                continue
            if not found.listed:
                return await over_pages(arguments, env)
            parts.append(_of_papers(query, found.papers, found.delivery))
        return joined(parts, BETWEEN)

    return run


async def _near(
    asked: str, near: re.Match[str], page: int, env: AsyncClient, arguments: Arguments, over_pages: Act
) -> Observation:
    low, high = near["low"], near["high"] or near["within"]
    kind = " ".join(word for word in near["what"].casefold().split() if word not in _ARTICLES)
    found = await env.places(
        None,
        near=near["place"],
        min_km=None if low is None else float(low),
        max_km=None if high is None else float(high),
        kind=None if kind in _ANYTHING else _singular(kind),
        k=TOP * page,
    )
    if not found.listed:
        return await over_pages(arguments, env)
    return _of_places(asked, found.places[TOP * (page - 1) :], found.delivery)


def _of_places(query: str, places: Sequence[PlaceHit], delivery: Delivery) -> Observation:
    head = f"A Google maps search for '{query}' found {len(places)} results:\n\n## Map Results\n"
    return _observed(head + "\n\n".join(map(_place, places)), places, delivery)


def _of_papers(query: str, papers: Sequence[PaperHit], delivery: Delivery) -> Observation:
    if not papers:
        return Observation(f"No results found for '{query}'. Try with a more general query.", **told(delivery))
    head = f"A Google scholar for '{query}' found {len(papers)} results:\n\n## Scholar Results\n"
    return _observed(head + "\n\n".join(map(_paper, papers)), papers, delivery)


def _of_route(query: str, route: RouteAnswer) -> Observation:
    hours, minutes = divmod(route.duration_min, 60)
    text = (
        f"A Google maps search for '{query}' found a route:\n\n## Route\n{route.origin.name} to "
        f"{route.destination.name}: {route.distance_km} km {route.direction} as the crow flies; by {route.means} "
        f"{route.way_km} km, {hours} h {minutes:02d} min."
    )
    ends = [place for place in (route.origin, route.destination) if place.doc_id]
    doc_ids = tuple(place.doc_id or "" for place in ends)
    return Observation(text, doc_ids=doc_ids, urls=tuple(place.url or "" for place in ends), **told(route.delivery))


def _observed(text: str, rows: Sequence[PlaceHit] | Sequence[PaperHit], delivery: Delivery) -> Observation:
    return Observation(
        text,
        doc_ids=tuple(row.doc_id for row in rows),
        ranks=tuple(row.rank for row in rows),
        urls=tuple(row.url for row in rows),
        **told(delivery),
    )


def _place(place: PlaceHit) -> str:
    lines = [f"{place.rank}. [{place.name}]({place.url})", f"coordinates: {place.latitude}, {place.longitude}"]
    if place.kind:
        lines.append(f"type: {place.kind}")
    if place.distance_km is not None:
        lines.append(f"distance: {place.distance_km} km {place.direction}")
    return "\n".join(lines)


def _paper(paper: PaperHit) -> str:
    about = ", ".join([*paper.authors, *([] if paper.year is None else [str(paper.year)])])
    cited = "" if paper.citations is None else f"\ncitedBy: {paper.citations}"
    info = f"\npublicationInfo: {about}" if about else ""
    return f"{paper.rank}. [{paper.title}]({paper.url}){info}{cited}\n{paper.snippet}"


def _singular(kind: str) -> str:
    """ "countries" asks for places of the kind country."""
    return kind.removesuffix("ies") + "y" if kind.endswith("ies") else kind.removesuffix("s")
