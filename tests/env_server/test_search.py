"""Search over HTTP: what the fixed shapes promise, on pages known by heart."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from corpus import Snapshot

ADA = "https://tiny.example/people/ada"


async def search(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    response = await client.post("/v1/search", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def urls(answer: dict[str, Any]) -> list[str]:
    return [hit["url"] for hit in answer["hits"]]


async def test_a_page_is_found_by_words_only_its_title_has(client: httpx.AsyncClient, tiny: Snapshot) -> None:
    answer = await search(client, query="cartographer", mode="bm25")
    assert list(answer) == ["snapshot_id", "query", "mode", "hits"]
    (hit,) = answer["hits"]
    assert list(hit) == ["rank", "score", "url", "title", "snippet", "date", "doc_id", "passage_id"]
    assert (hit["rank"], hit["url"], hit["title"], hit["date"]) == (1, ADA, "Ada Quill, cartographer", None)
    assert hit["passage_id"].startswith(hit["doc_id"] + ":0-")
    assert answer["snapshot_id"] == tiny.snapshot_id


async def test_the_default_mode_is_the_manifest_s(client: httpx.AsyncClient, tiny: Snapshot) -> None:
    assert (await search(client, query="lamp"))["mode"] == tiny.manifest.settings.default_mode == "hybrid"


@pytest.mark.parametrize("mode", ["bm25", "dense", "hybrid"])
async def test_k_hits_come_back_where_k_exist(client: httpx.AsyncClient, mode: str) -> None:
    whole = await search(client, query="the lighthouse", mode=mode, k=12, exclude_urls=[ADA])
    assert ADA not in urls(whole)
    assert len(urls(whole)) == len(set(urls(whole)))
    few = await search(client, query="the lighthouse", mode=mode, k=3, exclude_urls=[ADA])
    assert few["hits"] == whole["hits"][:3]


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({"after": "2020-02", "before": "2021-08-02"}, {"people/thorunn"}),
        ({"after": "2021-08-02", "before": "2021-08-03"}, {"places/lighthouse"}),
        ({"before": "1990"}, {"events/storm-of-1887"}),
        ({"before": "1990", "include_undated": True}, {"events/storm-of-1887", "", "people/ada", "food/kelp-bread"}),
        ({"after": "2024"}, {"nature/terns", "news/lamp-is-lit-again"}),
        ({"after": "2025", "before": "2024"}, set()),
        ({"include_domains": ["other.example"]}, set()),
        ({"exclude_domains": ["example"]}, set()),
    ],
)
async def test_dates_and_domains_bound_what_comes_back(
    client: httpx.AsyncClient, filters: dict[str, Any], kept: set[str]
) -> None:
    for mode in ("dense", "hybrid"):
        answer = await search(client, query="skerrow island harbour", mode=mode, k=50, **filters)
        assert set(urls(answer)) == {f"https://tiny.example/{path}" for path in kept}


@pytest.mark.parametrize("domain", ["tiny.example", "example", "*.Example", "TINY.example.", "https://tiny.example/x"])
async def test_a_domain_means_itself_and_what_lies_under_it(client: httpx.AsyncClient, domain: str) -> None:
    assert len((await search(client, query="harbour", k=3, include_domains=[domain]))["hits"]) == 3


async def test_passages_are_ranked_on_request(client: httpx.AsyncClient) -> None:
    answer = await search(client, query="lamp", level="passage", k=20, mode="bm25")
    assert len({hit["passage_id"] for hit in answer["hits"]}) == len(answer["hits"])


async def test_a_snippet_shows_the_words_and_keeps_to_its_length(client: httpx.AsyncClient) -> None:
    (hit,) = (await search(client, query="hens piano", mode="bm25", snippet_chars=60))["hits"]
    assert "hens and once a piano" in hit["snippet"]
    assert len(hit["snippet"]) <= 60
    (bare,) = (await search(client, query="hens piano", mode="bm25", snippet_chars=0))["hits"]
    assert bare["snippet"] == ""


async def test_a_batch_answers_each_query_as_if_it_stood_alone(client: httpx.AsyncClient) -> None:
    queries = ["lamp", "kelp bread", " ", "lamp"]
    response = await client.post("/v1/search/batch", json={"queries": queries, "k": 4})
    results = response.json()["results"]
    assert results[0] == results[3] == await search(client, query="lamp", k=4)
    assert results[1] == await search(client, query="kelp bread", k=4)
    assert results[2]["error"]["code"] == "empty_query"


async def test_similar_pages_come_as_a_search(client: httpx.AsyncClient) -> None:
    body = {"url": "https://tiny.example/places/lighthouse", "k": 3, "exclude_domains": ["nowhere.example"]}
    answer = (await client.post("/v1/similar", json=body)).json()
    assert (answer["query"], answer["mode"], len(answer["hits"])) == (body["url"], "dense", 3)
    assert body["url"] not in urls(answer)


async def test_lucene_syntax_is_one_word_away(client: httpx.AsyncClient) -> None:
    answer = await search(client, query='text:"kelp bread" AND title:market', syntax="lucene", mode="bm25")
    assert urls(answer) == ["https://tiny.example/places/market"]
