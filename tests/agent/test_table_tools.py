"""google_maps and google_scholar over a snapshot's tables, against a real server; over its pages where it has none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.client import AsyncClient
from agent.tools import Observation, profile
from corpus import Snapshot
from corpus.geography import distance_km
from corpus.records import doc_id_of
from tests.env_server.test_determinism import running_server
from tests.table_web import PAPERS, PLACES, SITE


@pytest.fixture(scope="module")
def server(atlas: Snapshot) -> Iterator[str]:
    with running_server(atlas.path) as url:
        yield url


@pytest.fixture
async def env(server: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server) as env:
        yield env


async def called(env: AsyncClient, tool: str, /, **arguments: Any) -> Observation:
    return await profile("redsearcher").fresh()[tool].run(arguments, env)


async def test_a_map_shows_where_a_place_lies(env: AsyncClient) -> None:
    seen = await called(env, "google_maps", q="Cliff")
    assert seen.text == (
        "A Google maps search for 'Cliff' found 1 results:\n\n## Map Results\n"
        f"1. [Cliff]({SITE}cliff)\ncoordinates: 51.0, 0.0\ntype: town"
    )
    assert (seen.doc_ids, seen.ranks, seen.urls) == ((doc_id_of(SITE + "cliff"),), (1,), (SITE + "cliff",))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("towns near Ashford", ["birch", "cliff", "dale"]),
        ("near ashford", ["birch", "cliff", "birch-hill", "easter", "dale"]),
        ("places 80 to 120 km from Ashford", ["cliff"]),
        ("villages within 500 km of Ashford?", ["birch-hill"]),
        ("all places around Easter", ["dale", "birch-hill", "cliff", "birch", "ashford"]),
    ],
)
async def test_a_map_is_asked_in_words_for_what_is_near(env: AsyncClient, query: str, found: list[str]) -> None:
    seen = await called(env, "google_maps", q=query)
    assert sorted(seen.urls) == sorted(SITE + slug for slug in found)
    assert "distance: " in seen.text


async def test_a_map_tells_the_way_between_two_places(env: AsyncClient) -> None:
    seen = await called(env, "google_maps", q="route from Ashford to Cliff")
    km = distance_km(50, 0, 51, 0)
    assert (
        f"Ashford to Cliff: {km} km north as the crow flies; by drive {round(km * 1.3, 1)} km, 1 h 48 min." in seen.text
    )
    assert seen.urls == (SITE + "ashford", SITE + "cliff")
    lost = await called(env, "google_maps", q="from Ashford to Atlantis")
    assert (lost.status, lost.error_code) == ("error", "place_not_found")
    twice = await called(env, "google_maps", q="near Birch")
    assert (twice.status, twice.error_code) == ("error", "ambiguous_place")
    assert SITE + "birch-hill" in twice.text


async def test_scholar_shows_years_and_citations_of_each_query(env: AsyncClient) -> None:
    seen = await called(env, "google_scholar", query=["Tides of Ashford", "tides"])
    first, second = seen.text.split("\n=======\n")
    assert first.startswith(
        "A Google scholar for 'Tides of Ashford' found 3 results:\n\n## Scholar Results\n1. [Tides of"
    )
    assert "publicationInfo: Ann Bell, Cy Dorn, 1999\ncitedBy: 40\n" in first
    assert len(set(seen.doc_ids)) == len(PAPERS)
    assert "'tides'" in second


async def test_pages_stand_in_where_the_snapshot_has_no_tables(tiny_path: Path) -> None:
    with running_server(tiny_path) as url:
        async with AsyncClient(url) as env:
            for query in ("market", "near the market", "from the harbour to the market"):
                assert (await called(env, "google_maps", q=query)).urls
            scholar = await called(env, "google_scholar", query=["terns"])
            assert scholar.text.startswith("A Google scholar for 'terns' found ")
            assert scholar.urls
    assert PLACES
