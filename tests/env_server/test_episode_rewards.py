"""What an episode's answer is worth by its evidence and its citations, and how its gold pages were ranked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from env_server.episode_reward import reward_of
from env_server.episodes import Gold, Row, Spec
from tests.env_server.test_skies import client_of, open_front

__all__ = ["open_front"]  # a fixture, used by its name

ADA, LIGHTHOUSE = "https://tiny.example/people/ada", "https://tiny.example/places/lighthouse"
ADA_ID = "c15b4cfec7de94dd"


async def opened(client: httpx.AsyncClient, **spec: Any) -> str:
    answer = await client.post("/v1/episodes", json=spec)
    assert answer.status_code == 201, answer.text
    episode_id: str = answer.json()["id"]
    return episode_id


async def ids_of(client: httpx.AsyncClient, *urls: str) -> list[str]:
    return [(await client.post("/v1/fetch", json={"url": url})).json()["doc_id"] for url in urls]


async def rewarded(client: httpx.AsyncClient, episode: str, answer: str) -> dict[str, Any]:
    given = await client.post(f"/v1/episodes/{episode}/answer", json={"answer": answer})
    assert given.status_code == 200, given.text
    body: dict[str, Any] = given.json()
    return body


@pytest.mark.parametrize("seed", [None, 5], ids=["clear", "obfuscated"])
async def test_evidence_is_rewarded_by_the_share_of_it_that_was_seen_or_opened(
    open_front: Any, seed: int | None
) -> None:
    front = await open_front()
    async with client_of(front) as client:
        evidence = await ids_of(client, ADA, LIGHTHOUSE)
        for scorer, worth in (("evidence-seen", 1.0), ("evidence-opened", 0.5)):
            spec = {"scorer": scorer, "evidence": evidence, "answer": "eleven"}
            episode = await opened(client, **spec, view={"obfuscation_seed": seed})
            for query in ("Ada Quill cartographer", "lighthouse lamp keeper"):
                found = await client.post(f"/e/{episode}/v1/search", json={"query": query, "k": 5})
            shown = next(hit for hit in found.json()["hits"] if "ighthouse" in hit["title"])
            await client.post(f"/e/{episode}/v1/fetch", json={"url": shown["url"]})
            reward = await rewarded(client, episode, "twelve")
            assert (reward["scorer"], reward["reward"], reward["correct"]) == (scorer, worth, False)
            assert reward["parts"] == {"evidence-seen": 1.0, "evidence-opened": 0.5}
            again = await rewarded(client, episode, "twelve")
            assert again == reward


async def test_evidence_can_be_scored_without_an_answer_and_not_without_evidence(open_front: Any) -> None:
    front = await open_front()
    async with client_of(front) as client:
        episode = await opened(client, scorer="evidence-opened", evidence=[ADA_ID])
        await client.post(f"/e/{episode}/v1/fetch", json={"url": ADA})
        reward = await rewarded(client, episode, "")
        assert (reward["reward"], reward["correct"]) == (1.0, False)
        for spec in ({"scorer": "evidence-seen", "answer": "x"}, {"scorer": "citations"}, {"scorer": "exact"}):
            refused = await client.post("/v1/episodes", json=spec)
            assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_scorer")


@pytest.mark.parametrize("seed", [None, 5], ids=["clear", "obfuscated"])
async def test_a_citation_counts_where_its_page_was_opened_and_states_the_gold(
    open_front: Any, seed: int | None
) -> None:
    front = await open_front()
    async with client_of(front) as client:

        async def answered(text: str, *, opens: bool) -> dict[str, Any]:
            spec = {"scorer": "citations", "answer": "a rowing boat", "view": {"obfuscation_seed": seed}}
            episode = await opened(client, **spec)
            query = {"query": "Ada Quill cartographer", "k": 1}
            found = await client.post(f"/e/{episode}/v1/search", json=query)
            (hit,) = found.json()["hits"]
            if opens:
                await client.post(f"/e/{episode}/v1/fetch", json={"url": hit["url"]})
            return await rewarded(client, episode, text.replace("ADA", hit["url"]))

        good = await answered("A rowing boat (ADA).", opens=True)
        assert good["reward"] == 1.0
        assert good["parts"] == {"seen": 1.0, "opened": 1.0, "hallucinated": 0.0, "holding": 1.0}
        unopened = await answered("A rowing boat (ADA).", opens=False)
        assert (unopened["reward"], unopened["parts"]["opened"]) == (0.0, 0.0)
        made_up = await answered("A rowing boat (https://nowhere.example/x).", opens=True)
        assert (made_up["reward"], made_up["parts"]["hallucinated"]) == (0.0, 1.0)
        none = await answered("a rowing boat", opens=True)
        assert (none["reward"], none["correct"], none["parts"]) == (0.0, True, {})


def test_no_reward_quotes_the_gold_or_names_a_page() -> None:
    rows = [Row("e", "call", 0.0, "fetch", seen=(ADA_ID,), opened=(ADA_ID,))]
    for scorer in ("auto", "exact", "f1", "evidence-seen", "evidence-opened", "citations"):
        reward = reward_of("something else", Gold("quetzal", ("zanzibar",), scorer), Spec(evidence=(ADA_ID,)), rows)
        assert not any(secret in repr(reward) for secret in ("quetzal", "zanzibar", ADA_ID))


# Ranks of gold pages


async def calls_of(client: httpx.AsyncClient, episode: str) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = (await client.get(f"/v1/episodes/{episode}")).json()["calls"]
    return calls


async def test_the_ranks_of_gold_before_and_after_the_weather_are_on_record(open_front: Any) -> None:
    front = await open_front()
    query = {"query": "harbour lamp", "k": 5}
    async with client_of(front) as client:
        plain = (await client.post("/v1/search", json=query)).json()["hits"]
        gold, others = plain[0]["doc_id"], await ids_of(client, ADA)
        weather = {"name": "crowded", "retrieval": {"distractors": 0.5}}
        episode = await opened(client, weather=weather, seed=2, evidence=[gold, ADA_ID], distractors=others)
        mixed = (await client.post(f"/e/{episode}/v1/search", json=query)).json()["hits"]
        await client.post(f"/e/{episode}/v1/fetch", json={"url": ADA})
        search, fetch = await calls_of(client, episode)
        rank = {hit["doc_id"]: hit["rank"] for hit in mixed}
        first = {hit["doc_id"]: hit["rank"] for hit in plain}
        assert search["gold_ranks"] == [[1, rank.get(gold)], [first.get(ADA_ID), rank[ADA_ID]]]
        assert rank[ADA_ID] != first.get(ADA_ID), "the distractor changed nothing: the test shows nothing"
        assert fetch["gold_ranks"] == []
        dropped = await opened(client, weather="only-dropped-gold", seed=1, evidence=[gold])
        for seed in range(2, 60):  # until one is drawn
            hits = (await client.post(f"/e/{dropped}/v1/search", json=query)).json()["hits"]
            if gold not in [hit["doc_id"] for hit in hits]:
                break
            dropped = await opened(client, weather="only-dropped-gold", seed=seed, evidence=[gold])
        assert (await calls_of(client, dropped))[0]["gold_ranks"] == [[1, None]]
        calm = await opened(client, evidence=[gold])
        await client.post(f"/e/{calm}/serper/search", json={"q": "harbour lamp"})
        assert (await calls_of(client, calm))[0]["gold_ranks"] == [[1, 1]]


async def test_a_distractor_is_mixed_in_under_invented_addresses_too(open_front: Any) -> None:
    front = await open_front()
    weather = {"name": "crowded", "retrieval": {"distractors": 0.5}}
    async with client_of(front) as client:
        (other,) = await ids_of(client, LIGHTHOUSE)
        episode = await opened(client, weather=weather, distractors=[other], view={"obfuscation_seed": 5})
        found = await client.post(f"/e/{episode}/v1/search", json={"query": "Ada Quill cartographer", "k": 3})
        (call,) = await calls_of(client, episode)
    assert other in call["seen"]
    assert "tiny.example" not in found.text


# Passages under page faults


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/retrieve/retrieve", {"queries": ["Ada Quill cartographer"], "topk": 3}),
        ("/exa/answer", {"query": "Who measured every bay of Skerrow from a rowing boat?"}),
    ],
)
async def test_passages_end_where_the_page_that_the_weather_shows_ends(
    open_front: Any, path: str, body: dict[str, Any]
) -> None:
    front = await open_front()
    late = "never had an answer" if "retrieve" in path else "rowing boat"
    faults = [{"kind": "truncated", "rate": 1, "routes": ["search"], "keep": [0.05, 0.05]}]
    for weather in ({"name": "cut", "faults": faults}, {"name": "short", "limits": {"page_chars": 20}}):
        async with client_of(front) as client:
            clear, cut = await opened(client), await opened(client, weather=weather)
            assert late in (await client.post(f"/e/{clear}{path}", json=body)).text
            answer = await client.post(f"/e/{cut}{path}", json=body)
            assert answer.status_code == 200
            assert late not in answer.text
