"""Serper's maps, places and scholar where the snapshot has tables of places and papers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from corpus import Snapshot
from corpus.records import doc_id_of
from tests.conftest import MakeClient
from tests.table_web import PAPERS, PLACES, SITE


@pytest.fixture
async def client(make_client: MakeClient, atlas: Snapshot) -> AsyncIterator[httpx.AsyncClient]:
    async with make_client(snapshots={"atlas": atlas}) as client:
        yield client


async def ask(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/serper{path}", json=body)
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


@pytest.mark.parametrize("path", ["/places", "/maps"])
async def test_a_map_s_places_are_the_native_ones_in_serper_s_words(client: httpx.AsyncClient, path: str) -> None:
    body = await ask(client, path, q="birch", num=1)
    native = (await client.post("/v1/places", json={"query": "birch", "k": 2})).json()["places"]
    assert body["searchParameters"]["type"] == path[1:]
    (place,) = body["places"]
    assert place == {
        "title": "Birch", "address": "Birch", "latitude": native[0]["latitude"], "longitude": native[0]["longitude"],
        "type": native[0]["kind"], "types": [native[0]["kind"]], "website": native[0]["url"],
        "placeId": native[0]["doc_id"], "position": 1,
    }  # fmt: skip
    (second,) = (await ask(client, path, q="birch", num=1, page=2))["places"]
    assert second["website"] == native[1]["url"]
    assert len((await ask(client, path, q="ferry"))["places"]) == len(PLACES)


async def test_a_map_is_looked_at_from_a_point(client: httpx.AsyncClient) -> None:
    for ll in ("@52.0,5.0,10z", "52,5"):
        assert (await ask(client, "/maps", q="birch", ll=ll))["places"][0]["website"] == SITE + "birch-hill"
    for ll in ("@nowhere", "@91.0,0.0,3z", "@1,181"):
        answer = await client.post("/serper/maps", json={"q": "birch", "ll": ll})
        assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)
        assert ll in answer.json()["message"]


async def test_scholar_lists_papers_with_their_years_and_citations(client: httpx.AsyncClient) -> None:
    items = {item["link"]: item for item in (await ask(client, "/scholar", q="tides"))["organic"]}
    assert set(items) == {SITE + slug for slug in PAPERS}
    tides = items[SITE + "tides"]
    assert (tides["title"], tides["year"], tides["citedBy"]) == ("Tides of Ashford", 1999, 40)
    assert tides["publicationInfo"] == "Ann Bell, Cy Dorn - 1999"
    assert (tides["pdfUrl"], tides["id"]) == (SITE + "tides", doc_id_of(SITE + "tides"))
    lost = items[SITE + "tides-lost"]
    assert "year" not in lost
    assert "citedBy" not in lost, "what no one knows is not told"
    assert lost["publicationInfo"] == "atlas.example"
    late = await ask(client, "/scholar", q="tides", as_ylo="2000")
    assert [item["link"] for item in late["organic"]] == [SITE + "tides-again"]


async def test_a_web_search_still_finds_pages_of_all_kinds(client: httpx.AsyncClient) -> None:
    found = await ask(client, "/search", q="tides ferries", num=20)
    assert SITE + "plain" in {item["link"] for item in found["organic"]}
