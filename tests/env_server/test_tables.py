"""Places, routes and papers over HTTP: what is found, in what order, what a view hides, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from corpus.geography import distance_km
from corpus.records import doc_id_of
from env_server import table_schemas
from env_server.places import MATCHES
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.table_schemas import PlacesRequest, ScholarRequest
from env_server.trace import begin_trace
from env_server.view import View
from env_server.weather.content import ContentFault
from tests.conftest import MakeClient
from tests.table_web import PAPERS, PLACES, SITE, rows, write_rows

MODELS: dict[str, type[BaseModel]] = {
    "/v1/places": table_schemas.PlacesAnswer,
    "/v1/route": table_schemas.RouteAnswer,
    "/v1/scholar": table_schemas.ScholarAnswer,
}


@pytest.fixture
async def client(make_client: MakeClient, atlas: Snapshot) -> AsyncIterator[httpx.AsyncClient]:
    async with make_client(snapshots={"atlas": atlas}) as client:
        yield client


async def ask(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    MODELS[path].model_validate_json(answer.content, strict=True)
    return value


def slugs(rows: list[dict[str, Any]]) -> list[str]:
    return [row["url"].removeprefix(SITE) for row in rows]


async def refused(client: httpx.AsyncClient, path: str, status: int, code: str, *words: str, **body: Any) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    for word in words:
        assert word in error["message"] + error["remedy"]


async def test_a_place_is_found_by_its_name_before_those_that_speak_of_it(client: httpx.AsyncClient) -> None:
    found = await ask(client, "/v1/places", query="cliff")
    assert found["listed"] == len(PLACES)
    (cliff,) = found["places"]
    assert cliff == {
        "rank": 1, "name": "Cliff", "kind": "town", "latitude": 51.0, "longitude": 0.0, "url": SITE + "cliff",
        "doc_id": doc_id_of(SITE + "cliff"), "distance_km": None, "direction": None,
    }  # fmt: skip
    ferry = await ask(client, "/v1/places", query="Easter ferry")
    assert slugs(ferry["places"])[0] == "easter"
    assert len(ferry["places"]) == len(PLACES), "the plain page speaks of ferries and is no place"
    assert slugs((await ask(client, "/v1/places", query="ferry", kind="VILLAGE"))["places"]) == sorted(
        ["birch-hill", "easter"], key=lambda slug: doc_id_of(SITE + slug)
    )


async def test_places_near_another_come_by_distance_within_the_bounds(client: httpx.AsyncClient) -> None:
    near = (await ask(client, "/v1/places", near={"name": "ashford"}, k=3))["places"]
    assert slugs(near) == ["birch", "cliff", "birch-hill"], "and not the place itself"
    assert [row["distance_km"] for row in near] == [distance_km(50, 0, *end) for end in ((50, 1), (51, 0), (52, 5))]
    assert [row["direction"] for row in near] == ["east", "north", "east"] or near[2]["direction"] == "north-east"
    bounds = {"min_km": near[1]["distance_km"], "max_km": near[2]["distance_km"]}
    assert slugs((await ask(client, "/v1/places", near={"url": SITE + "ashford"}, **bounds))["places"]) == [
        "cliff",
        "birch-hill",
    ]
    over = await ask(client, "/v1/places", near={"doc_id": doc_id_of(SITE + "dale")}, max_km=20)
    assert slugs(over["places"]) == ["easter"], "over the date line"
    words = await ask(client, "/v1/places", query="Birch", near={"latitude": 52.0, "longitude": 5.0})
    assert slugs(words["places"]) == ["birch-hill", "birch"]
    assert words["places"][0]["distance_km"] == 0.0


async def test_fewer_places_are_the_first_of_more(client: httpx.AsyncClient) -> None:
    for body in ({"query": "a ferry in birch"}, {"near": {"latitude": 0.0, "longitude": 0.0}}, {"query": "Birch"}):
        whole = (await ask(client, "/v1/places", **body, k=6))["places"]
        for k in range(1, 6):
            assert (await ask(client, "/v1/places", **body, k=k))["places"] == whole[:k]


async def test_a_route_tells_distance_direction_and_time_by_the_stated_model(client: httpx.AsyncClient) -> None:
    ends = {"origin": {"name": "Ashford"}, "destination": {"name": "CLIFF"}}
    drive = await ask(client, "/v1/route", **ends)
    km = distance_km(50, 0, 51, 0)
    assert (drive["distance_km"], drive["direction"], drive["bearing_deg"], drive["means"]) == (km, "north", 0, "drive")
    assert drive["way_km"] == pytest.approx(km * 1.3, abs=0.06)
    assert drive["duration_min"] == round(km * 1.3 / 80 * 60)
    fly, walk = [await ask(client, "/v1/route", **ends, means=means) for means in ("fly", "walk")]
    assert (fly["way_km"], fly["duration_min"]) == (km, round(km / 800 * 60))
    assert walk["duration_min"] == round(km * 1.3 / 5 * 60)
    back = await ask(client, "/v1/route", origin=ends["destination"], destination={"latitude": 50.0, "longitude": 0.0})
    assert (back["distance_km"], back["direction"]) == (km, "south")
    assert (back["destination"]["url"], back["destination"]["doc_id"], back["destination"]["name"]) == (None, None, "")


async def test_two_places_of_one_name_are_told_apart_by_their_pages(client: httpx.AsyncClient) -> None:
    ashford = {"name": "Ashford"}
    await refused(client, "/v1/route", 422, "ambiguous_place", "2 places", SITE + "birch", SITE + "birch-hill",
                  origin={"name": "Birch"}, destination=ashford)  # fmt: skip
    route = await ask(client, "/v1/route", origin={"url": SITE + "birch-hill"}, destination=ashford)
    assert route["origin"]["kind"] == "village"


async def test_papers_are_found_by_words_year_and_citations(client: httpx.AsyncClient) -> None:
    found = await ask(client, "/v1/scholar", query="tides")
    assert found["listed"] == len(PAPERS)
    assert set(slugs(found["papers"])) == set(PAPERS)
    by_slug = {row["url"].removeprefix(SITE): row for row in found["papers"]}
    tides, again = by_slug["tides"], by_slug["tides-again"]
    assert (tides["authors"], tides["year"], tides["citations"], tides["cites"]) == (
        ["Ann Bell", "Cy Dorn"],
        1999,
        40,
        [],
    )
    assert again["cites"] == [tides["doc_id"]]
    assert sorted(by_slug["tides-lost"]["cites"]) == sorted([tides["doc_id"], again["doc_id"]]), (
        "what is not there is not told"
    )
    assert "tides" in tides["snippet"].lower()
    for bounds, expected in (
        ({"min_citations": 8}, {"tides"}),
        ({"max_citations": 39}, {"tides-again"}),
        ({"first_year": 2000}, {"tides-again"}),
        ({"last_year": 1999, "min_citations": 40, "max_citations": 40}, {"tides"}),
        ({"first_year": 2011}, set()),
    ):
        assert set(slugs((await ask(client, "/v1/scholar", query="tides", **bounds))["papers"])) == expected, bounds
    assert [row["rank"] for row in (await ask(client, "/v1/scholar", query="tides", max_citations=39))["papers"]] == [1]


async def test_a_masked_page_is_on_no_map_and_in_no_index(make_client: MakeClient, atlas: Snapshot) -> None:
    hidden = [SITE + "cliff", SITE + "birch", SITE + "tides"]
    async with make_client(snapshots={"atlas": atlas}, exclude_urls=hidden) as client:
        near = await ask(client, "/v1/places", near={"name": "Ashford"})
        assert slugs(near["places"])[:1] == ["birch-hill"]
        assert not {"cliff", "birch"} & set(slugs(near["places"]))
        assert slugs((await ask(client, "/v1/places", query="birch"))["places"]) == ["birch-hill"]
        assert (await ask(client, "/v1/places", query="Cliff"))["places"] == []
        await refused(
            client, "/v1/route", 404, "place_not_found", origin={"name": "Cliff"}, destination={"name": "Dale"}
        )
        await refused(client, "/v1/places", 404, "page_not_found", near={"url": SITE + "cliff"})
        route = await ask(client, "/v1/route", origin={"name": "Birch"}, destination={"name": "Dale"})
        assert route["origin"]["url"] == SITE + "birch-hill", "the one Birch that is left"
        papers = (await ask(client, "/v1/scholar", query="tides"))["papers"]
        assert set(slugs(papers)) == {"tides-again", "tides-lost"}
        assert [row["cites"] for row in papers if row["url"] == SITE + "tides-again"] == [[]]


async def test_a_disguised_map_has_disguised_addresses_that_lead_back(make_client: MakeClient, atlas: Snapshot) -> None:
    async with make_client(snapshots={"atlas": atlas}, obfuscation_seed=5) as client:
        found = (await ask(client, "/v1/places", query="Ashford"))["places"][0]
        assert "atlas.example" not in found["url"]
        assert found["doc_id"] != doc_id_of(SITE + "ashford")
        route = await ask(client, "/v1/route", origin={"url": found["url"]}, destination={"name": "Cliff"})
        assert (route["origin"]["doc_id"], route["distance_km"]) == (found["doc_id"], distance_km(50, 0, 51, 0))
        papers = {row["title"]: row for row in (await ask(client, "/v1/scholar", query="tides"))["papers"]}
        assert papers["Tides, once more"]["cites"] == [papers["Tides of Ashford"]["doc_id"]]
        await refused(client, "/v1/places", 404, "page_not_found", near={"url": SITE + "ashford"})


async def test_a_repeated_request_is_answered_from_the_cache_with_equal_bytes(client: httpx.AsyncClient) -> None:
    for path, body in (
        ("/v1/places", {"near": {"name": "Ashford"}, "k": 2}),
        ("/v1/route", {"origin": {"name": "Dale"}, "destination": {"name": "Easter"}}),
        ("/v1/scholar", {"query": "ferries", "k": 2}),
    ):
        first, second = [await client.post(path, json=body) for _ in range(2)]
        assert (first.content, second.headers["x-stillweb-cache"]) == (second.content, "hit")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/places", {}, "query, near"),
        ("/v1/places", {"query": "x", "min_km": 3}, "need near"),
        ("/v1/places", {"query": " "}, "empty"),
        ("/v1/places", {"query": "x", "k": 100_000}, "limit"),
        ("/v1/places", {"near": {"name": "a", "url": "b"}}, "one of"),
        ("/v1/places", {"near": {"latitude": 3}}, "together"),
        ("/v1/places", {"near": {"latitude": 91, "longitude": 0}}, "latitude"),
        ("/v1/places", {"near": {"latitude": 1e999, "longitude": 0}}, "latitude"),
        ("/v1/places", {"near": {}}, "one of"),
        ("/v1/route", {"origin": {"name": "Ashford"}}, "destination"),
        ("/v1/route", {"origin": {"name": "Dale"}, "destination": {"name": "Cliff"}, "means": "swim"}, "means"),
        ("/v1/scholar", {"query": "x", "min_citations": -1}, "min_citations"),
        ("/v1/scholar", {"query": "x", "level": "passage"}, "level"),
        ("/v1/scholar", {"query": "x", "mode": "dense"}, "dense"),
        ("/v1/scholar", {"query": ""}, "query"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], words: str
) -> None:
    answer = await client.post(path, content=str(body).replace("'", '"').replace("inf", "1e999"),
                               headers={"content-type": "application/json"})  # fmt: skip
    assert answer.status_code in (400, 422), answer.text
    if answer.status_code == 422:
        assert words in answer.text


async def test_a_page_that_is_no_place_is_on_no_map(client: httpx.AsyncClient) -> None:
    dale = {"name": "Dale"}
    for spot in ({"url": SITE + "plain"}, {"name": "Nowhere"}, {"doc_id": doc_id_of(SITE + "tides")}):
        await refused(client, "/v1/route", 404, "place_not_found", "/v1/places", origin=spot, destination=dale)


async def test_a_snapshot_without_tables_answers_with_none(make_client: MakeClient) -> None:
    async with make_client() as client:
        assert (await ask(client, "/v1/places", query="harbour"))["places"] == []
        assert (await ask(client, "/v1/places", near={"latitude": 0, "longitude": 0}))["listed"] == 0
        assert (await ask(client, "/v1/scholar", query="harbour"))["papers"] == []


def test_weather_of_rankings_reaches_maps_and_papers(atlas: Snapshot) -> None:
    service = SearchService("atlas", atlas, ServerSettings(snapshots={"atlas": atlas.path}))
    near = PlacesRequest.model_validate({"near": {"name": "Ashford"}, "k": 6})
    empty = View(content_fault=ContentFault("empty", 1))
    assert service.maps.places(near, empty)["places"] == []
    assert service.scholar.search(ScholarRequest(query="tides"), empty)["papers"] == []
    half = View(degradation=0.5, seed=3)
    whole = [row["doc_id"] for row in service.maps.places(near, View())["places"]]
    left = [row["doc_id"] for row in service.maps.places(near, half)["places"]]
    assert left == [doc_id for doc_id in whole if doc_id in left]
    assert left != whole
    mixed = View(distractors=(doc_id_of(SITE + "plain"), doc_id_of(SITE + "dale")), distractor_level=0.5)
    assert [row["doc_id"] for row in service.maps.places(near, mixed)["places"]] == whole, "a map has no distractors"
    listed = service.scholar.search(ScholarRequest(query="tides"), mixed)["papers"]
    assert {row["doc_id"] for row in listed} == {doc_id_of(SITE + slug) for slug in PAPERS}
    assert len(PLACES) <= MATCHES


async def test_what_a_map_shows_counts_as_seen(atlas: Snapshot) -> None:
    service = SearchService("atlas", atlas, ServerSettings(snapshots={"atlas": atlas.path}))
    trace = begin_trace()
    await service.places(PlacesRequest.model_validate({"near": {"name": "Ashford"}, "k": 1}))
    await service.papers(ScholarRequest(query="once more", k=1))
    assert list(trace.seen) == [doc_id_of(SITE + "birch"), doc_id_of(SITE + "tides-again")]


def test_answers_do_not_depend_on_how_the_index_was_written(tmp_path: Path) -> None:
    pages = write_rows(tmp_path / "atlas.jsonl", rows())
    webs = []
    for name, options in (
        ("one", BuildOptions(encoder="none")),
        ("many", BuildOptions(encoder="none", commit_every=2)),
    ):
        build_snapshot([str(pages)], tmp_path / name, options)
        webs.append(open_snapshot(tmp_path / name))
    answers = []
    for web in webs:
        service = SearchService("atlas", web, ServerSettings(snapshots={"atlas": web.path}))
        asked = [PlacesRequest(query=words, k=k) for words in ("ferry", "Birch town", "a village") for k in (1, 3, 9)]
        papers = [ScholarRequest(query=words, k=k) for words in ("tides", "ferries on tides") for k in (1, 2, 9)]
        answers.append(
            [service.maps.places(one, View()) for one in asked]
            + [service.scholar.search(one, View()) for one in papers]
        )
    assert answers[0] == answers[1]
    assert webs[0].snapshot_id == webs[1].snapshot_id
