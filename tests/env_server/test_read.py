"""Reading pages over HTTP: fetch, find, extract, links, documents, the snapshot itself."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from corpus import Snapshot

MARKET = "https://tiny.example/places/market"
LIGHTHOUSE = "https://tiny.example/places/lighthouse"


async def post(client: httpx.AsyncClient, route: str, **body: Any) -> dict[str, Any]:
    response = await client.post(f"/v1/{route}", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_page_comes_as_markdown_with_its_links(client: httpx.AsyncClient, tiny: Snapshot) -> None:
    answer = await post(client, "fetch", url=MARKET)
    assert list(answer) == [
        "snapshot_id", "doc_id", "url", "title", "text", "page", "pages", "date", "language",
        "near_duplicate_of", "images", "sections",
    ]  # fmt: skip
    assert "next to [the harbour](https://tiny.example/places/harbour)." in answer["text"]
    assert "| Smoked herring | Brine and Daughters | 4 crowns |" in answer["text"]
    assert (answer["page"], answer["pages"], answer["date"]) == (1, 1, "2023-04-01")
    assert [(s["title"], s["level"]) for s in answer["sections"]] == [("Market on the Quay", 1), ("Prices", 2)]


async def test_text_is_what_all_offsets_count_in(client: httpx.AsyncClient, tiny: Snapshot) -> None:
    for number in range(len(tiny.store)):
        doc_id, text = tiny.store.doc_id(number), tiny.store.text(number)
        answer = await post(client, "fetch", doc_id=doc_id, format="text")
        assert answer["text"] == text
        for section in answer["sections"]:
            assert text[section["start"] :].lstrip("# ").startswith(section["title"])
        found = await post(client, "find", doc_id=doc_id, pattern=r"\w+ight\w*", regex=True)
        assert [text[m["start"] : m["end"]] for m in found["matches"]] == [m["text"] for m in found["matches"]]


async def test_html_comes_as_it_was_stored(client: httpx.AsyncClient) -> None:
    text = (await post(client, "fetch", url=MARKET, format="html"))["text"]
    assert text.lstrip().lower().startswith("<!doctype html>")


async def test_parts_of_a_long_page_join_to_the_whole(make_client: Any, factbook: Snapshot) -> None:
    url = "https://www.cia.gov/the-world-factbook/countries/austria/"
    async with make_client(snapshots={"factbook": factbook}) as client:
        whole = await post(client, "fetch", url=url, page_chars=1_000_000, format="text")
        first = await post(client, "fetch", url=url, page_chars=2000, format="text")
        parts = [
            (await post(client, "fetch", url=url, page_chars=2000, format="text", page=page))["text"]
            for page in range(1, first["pages"] + 1)
        ]
        assert "".join(parts) == whole["text"]
        assert max(map(len, parts)) <= 2000
        economy = await post(client, "fetch", url=url, section="economy", format="text")
        assert economy["text"].startswith("## Economy")
        assert economy["text"] in whole["text"]
        numbered = await post(client, "fetch", url=url, section="#2", format="text")
        assert whole["sections"][1]["title"] in numbered["text"].splitlines()[0]


async def test_a_missing_page_is_a_404_alone_and_an_error_in_its_place_in_a_batch(client: httpx.AsyncClient) -> None:
    alone = await client.post("/v1/fetch", json={"url": "https://tiny.example/nobody"})
    assert alone.status_code == 404
    assert "tiny.example/nobody" in alone.json()["error"]["message"]
    items = [{"url": MARKET}, {"url": "https://tiny.example/nobody"}, {"url": LIGHTHOUSE, "section": "The lamp"}]
    results = (await post(client, "fetch/batch", items=items, format="text"))["results"]
    assert results[0] == await post(client, "fetch", url=MARKET, format="text")
    assert results[1] == alone.json()
    assert results[2]["text"].startswith("## The lamp")


async def test_an_extract_answers_a_goal_word_for_word(client: httpx.AsyncClient, tiny: Snapshot) -> None:
    answer = await post(client, "extract", url=MARKET, goal="how much is smoked herring?")
    text = tiny.store.text(tiny.store.require(url=MARKET))
    assert "Smoked herring" in answer["passages"][0]["text"]
    assert all(text[p["start"] : p["end"]] == p["text"] for p in answer["passages"])


async def test_links_lead_out_and_in(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v1/links", params={"url": "https://tiny.example/people/ada"})).json()
    assert list(answer) == ["snapshot_id", "doc_id", "url", "out", "in"]
    outside = [link for link in answer["out"] if link["doc_id"] is None]
    assert [link["url"] for link in outside] == ["https://www.example.org/societies/geography"]
    assert {link["url"].rsplit("/", 1)[1] for link in answer["in"]} == {"storm-of-1887", "harbour", "museum"}


@pytest.mark.parametrize("limit", [1, 5, 11, 12, 100])
async def test_documents_are_listed_once_each_whatever_the_step(client: httpx.AsyncClient, limit: int) -> None:
    seen, cursor = [], None
    while True:
        params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = (await client.get("/v1/documents", params=params)).json()
        seen += [row["doc_id"] for row in answer["documents"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert len(seen) == 12
    assert seen == sorted(set(seen))


async def test_documents_are_listed_by_domain_and_prefix(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/v1/documents", params={"url_prefix": "https://tiny.example/places/"})).json()
    assert {row["title"] for row in rows["documents"]} == {
        "Harbour of Skerrow", "Lighthouse at Cape Ember", "Market on the Quay", "Museum of Skerrow",
    }  # fmt: skip
    assert (await client.get("/v1/documents", params={"domain": "other.example"})).json()["documents"] == []


async def test_the_snapshot_tells_what_it_is(client: httpx.AsyncClient, tiny: Snapshot) -> None:
    answer = (await client.get("/v1/snapshot")).json()
    assert answer["snapshot_id"] == tiny.snapshot_id
    assert answer["content_id"] == tiny.manifest.content_id
    assert answer["modes"] == ["bm25", "dense", "hybrid"]
    assert answer["counts"]["documents"] == 12
    assert answer["settings"]["analyzers"] == {"title": "english", "headings": "english", "text": "english"}
