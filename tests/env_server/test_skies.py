"""Weather and episodes through the front: drawn by seed, in the vendor's shape, on record, and never in the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from env_server.cache import FinishedAnswer
from env_server.connection import head_of
from env_server.dialects import DIALECTS
from env_server.front import Front
from env_server.skies import told_of
from env_server.weather.draw import TransportFault, Weather, problem_of_fault
from env_server.weather.groups import GROUPS
from tests.env_server.every_route import of_dialect
from tests.env_server.test_determinism import running_server

HARBOUR = "https://tiny.example/places/harbour"
QUERIES = [f"harbour {word}" for word in "ship lamp storm kelp tern market bread ada museum light sea north".split()]


@asynccontextmanager
async def client_of(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=front)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=60) as client:
        yield client


@pytest.fixture
async def open_front(make_app: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """`await open_front(weather=...)`: a front with episodes, its store open; closed at the end."""
    opened: list[Front] = []

    async def make(name: str = "episodes.sqlite", **options: Any) -> Front:
        front: Front = make_app(database=str(tmp_path / name), virtual_time=True, **options)
        assert front._skies is not None
        assert front._skies._episodes is not None
        await front._skies._episodes.store.open()
        opened.append(front)
        return front

    yield make
    for front in opened:
        assert front._skies is not None
        assert front._skies._episodes is not None
        await front._skies._episodes.store.close()


def told(answer: httpx.Response) -> tuple[int, bytes, str, str]:
    headers = answer.headers
    return answer.status_code, answer.content, headers.get("x-stillweb-fault", ""), headers.get("retry-after", "")


async def ask_all(client: httpx.AsyncClient, before: str = "", **headers: str) -> list[tuple[int, bytes, str, str]]:
    answers = []
    for query in QUERIES:
        answers.append(told(await client.post(f"{before}/v1/search", json={"query": query, "k": 3}, headers=headers)))
        answers.append(told(await client.post(f"{before}/serper/search", json={"q": query, "num": 3}, headers=headers)))
        answers.append(told(await client.post(f"{before}/v1/fetch", json={"url": HARBOUR}, headers=headers)))
    return answers


async def opened(client: httpx.AsyncClient, **spec: Any) -> str:
    answer = await client.post("/v1/episodes", json={"seed": 7, "weather": "storm", **spec})
    assert answer.status_code in (200, 201), answer.text
    episode_id: str = answer.json()["id"]
    return episode_id


async def test_a_servers_weather_is_that_of_its_seed(make_app: Any) -> None:
    async with client_of(make_app(weather="storm", virtual_time=True)) as client:
        first, again = await ask_all(client), await ask_all(client)
        other = await ask_all(client, **{"X-Stillweb-Seed": "8"})
        retried = await ask_all(client, **{"X-Stillweb-Attempt": "2"})
    assert first == again
    assert first != other
    assert first != retried
    kinds = {kind for _, _, weather, _ in first for kind in weather.split()}
    assert len(kinds) >= 3
    assert any(status == 200 for status, *_ in first)


async def test_two_servers_have_the_same_weather_whatever_is_asked_at_once(make_app: Any) -> None:
    async with client_of(make_app(weather="storm", virtual_time=True)) as one:
        alone = await ask_all(one)
    async with client_of(make_app(weather="storm", virtual_time=True, cache_bytes=0)) as two:
        crowd = await asyncio.gather(*(ask_all(two) for _ in range(4)))
    assert all(answers == alone for answers in crowd)


async def test_a_fault_has_the_vendors_shape(make_app: Any) -> None:
    async with client_of(make_app(weather="only-rate-limit", virtual_time=True)) as client:
        native = serper = None
        for query in QUERIES * 3:
            answer = await client.post("/v1/search", json={"query": query, "k": 1})
            native = answer if answer.status_code == 429 else native
            answer = await client.post("/serper/search", json={"q": query})
            serper = answer if answer.status_code == 429 else serper
    assert native is not None
    assert serper is not None
    assert native.json()["error"]["code"]
    assert serper.json()["statusCode"] == 429
    assert int(native.headers["retry-after"]) > 0
    assert int(serper.headers["retry-after"]) > 0


async def test_calm_and_no_weather_give_the_same_bytes(make_app: Any) -> None:
    async with client_of(make_app(weather="calm")) as calm, client_of(make_app()) as none:
        assert await ask_all(calm) == await ask_all(none)


async def test_control_routes_have_no_weather(make_app: Any) -> None:
    async with client_of(make_app(weather="storm", virtual_time=True)) as client:
        for _ in range(50):
            assert (await client.get("/health")).status_code == 200
            assert (await client.get("/metrics")).status_code == 200


async def test_asking_what_is_served_has_no_weather(open_front: Any, tmp_path: Path) -> None:
    rule = {"kind": "server_error", "rate": 1, "routes": list(GROUPS)}
    always = {"name": "always", "faults": [rule]}
    (tmp_path / "always.yaml").write_text(yaml.safe_dump(always), "utf-8")
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accepts = {"Accept": "application/json, text/event-stream"}
    async with client_of(await open_front(weather=str(tmp_path / "always.yaml"))) as client:
        episode = await opened(client, weather=always)
        for before in ("", f"/e/{episode}"):
            for path in ("/v1/snapshot", "/openapi.json"):
                assert (await client.get(before + path)).status_code == 200, path
            listed = await client.post(f"{before}/mcp", json=listing, headers=accepts)
            assert listed.json()["result"]["tools"]
            assert (await client.get(f"/v1/episodes/{episode}")).json()["calls"] == []
            assert (await client.post(f"{before}/v1/search", json={"query": "harbour"})).status_code >= 500


async def test_a_delay_is_slept_or_only_told(make_app: Any) -> None:
    async with client_of(make_app(weather="only-latency", virtual_time=True)) as client:
        started = time.monotonic()
        delays = []
        for query in QUERIES:
            answer = await client.post("/v1/search", json={"query": query, "k": 1})
            delays.append(float(answer.headers.get("x-stillweb-latency-s", "0")))
        virtual_s = time.monotonic() - started
    assert sum(delays) > 0
    async with client_of(make_app(weather="only-latency", threads=1)) as client:
        at_once = [client.post("/v1/search", json={"query": query, "k": 1}) for query in QUERIES]
        started = time.monotonic()
        answers = await asyncio.gather(*at_once)
        slept_s = time.monotonic() - started
    assert [float(answer.headers.get("x-stillweb-latency-s", "0")) for answer in answers] == delays
    assert slept_s >= max(delays)
    assert slept_s < sum(delays), "a delay was slept on the only thread"
    assert virtual_s < sum(delays) + 10


ALWAYS = {
    "rate_limit": ({"retry_after_s": [7, 7]}, TransportFault("rate_limit", 429, retry_after_s=7)),
    "server_error": ({"statuses": [502]}, TransportFault("server_error", 502)),
    "timeout": ({"after_s": 1, "then": 504}, TransportFault("timeout", 504)),
}
"""Faults that come at every call, always the same way."""


@pytest.mark.parametrize("kind", ALWAYS)
async def test_a_drawn_fault_reaches_every_dialect_as_its_vendor_would_say_it(
    make_app: Any, tmp_path: Path, kind: str
) -> None:
    more, fault = ALWAYS[kind]
    rule = {"kind": kind, "rate": 1, "routes": list(GROUPS), **more}
    (tmp_path / "always.yaml").write_text(yaml.safe_dump({"name": "always", "faults": [rule]}), "utf-8")
    problem = problem_of_fault(fault)
    assert problem is not None
    met = set()
    async with client_of(make_app(weather=str(tmp_path / "always.yaml"), virtual_time=True)) as client:
        for name, dialect in DIALECTS.items():
            sent = of_dialect(name)[0]
            path = sent.path.replace("/e/{id}", "")
            answer = await client.request(sent.method, path, headers=dict(sent.headers), json=sent.json)
            if name == "mcp":  # JSON-RPC tells it in a result that names its request
                assert answer.json()["id"] == sent.json["id"]
                assert "result" in answer.json() or "error" in answer.json()
            else:
                reply = dialect.refuse(problem)
                assert (answer.status_code, answer.content) == (reply.status, reply.body), name
            assert answer.headers["x-stillweb-fault"] == kind, name
            assert answer.headers.get("retry-after") == ("7" if kind == "rate_limit" else None), name
            met.add(name)
    assert met == set(DIALECTS)


async def test_bad_seeds_and_attempts_are_named(make_app: Any) -> None:
    async with client_of(make_app(weather="storm")) as client:
        for name, value in (("X-Stillweb-Seed", "x"), ("X-Stillweb-Attempt", "0"), ("X-Stillweb-Attempt", "-1")):
            answer = await client.post("/v1/search", json={"query": "harbour"}, headers={name: value})
            assert answer.status_code == 400
            assert name in answer.json()["error"]["message"]


# Episodes


async def test_equal_episodes_see_the_same_and_an_id_is_no_ingredient(open_front: Any) -> None:
    front = await open_front()
    async with client_of(front) as client:
        ids = [await opened(client), await opened(client)]
        one, two = [await ask_all(client, f"/e/{episode_id}") for episode_id in ids]
        by_header = await ask_all(client, **{"X-Stillweb-Episode": await opened(client)})
        other = await ask_all(client, f"/e/{await opened(client, seed=8)}")
    assert one == two == by_header
    assert one != other


async def test_a_retry_is_another_attempt_and_can_succeed(open_front: Any) -> None:
    front = await open_front()
    async with client_of(front) as client:
        episode_id = await opened(client, weather="only-server-error")
        recovered = 0
        for query in QUERIES * 2:
            body = {"query": f"{query} again", "k": 1}
            statuses = []
            while not statuses or (statuses[-1] != 200 and len(statuses) < 20):
                statuses.append((await client.post(f"/e/{episode_id}/v1/search", json=body)).status_code)
            assert statuses[-1] == 200
            recovered += len(statuses) > 1
        rows = (await client.get(f"/v1/episodes/{episode_id}")).json()
    assert recovered > 0
    assert str(rows).count("server_error") >= recovered


async def test_every_call_of_an_episode_is_on_record_with_what_it_showed(open_front: Any) -> None:
    front = await open_front()
    async with client_of(front) as client:
        episode_id = await opened(client, weather=None, answer="Skerrow", evidence=[])
        await client.post(f"/e/{episode_id}/v1/search", json={"query": "harbour", "k": 3})
        await client.post(f"/e/{episode_id}/v1/fetch", json={"url": HARBOUR})
        told_of = (await client.get(f"/v1/episodes/{episode_id}")).json()
        assert "Skerrow" not in str(told_of)
        reward = await client.post(f"/v1/episodes/{episode_id}/answer", json={"answer": "Skerrow"})
        assert reward.status_code == 200
        assert reward.json()["reward"] == 1.0
        after = await client.post(f"/e/{episode_id}/v1/search", json={"query": "harbour", "k": 3})
        assert after.status_code != 200
    calls = told_of["calls"]
    assert [len(call["seen"]) for call in calls] == [3, 0]
    assert [len(call["opened"]) for call in calls] == [0, 1]


async def test_an_episodes_masks_hold_in_every_dialect(open_front: Any) -> None:
    front = await open_front()
    async with client_of(front) as client:
        episode_id = await opened(client, weather=None, view={"exclude_urls": [HARBOUR]})
        native = await client.post(f"/e/{episode_id}/v1/fetch", json={"url": HARBOUR})
        tavily = await client.post(f"/e/{episode_id}/tavily/extract", json={"urls": [HARBOUR]})
        serper = await client.post(f"/e/{episode_id}/serper/search", json={"q": "harbour", "num": 20})
        outside = await client.post("/v1/fetch", json={"url": HARBOUR})
    assert native.status_code == 404
    assert tavily.json()["results"] == []
    assert HARBOUR not in serper.text
    assert outside.status_code == 200


async def test_a_servers_invented_addresses_hold_inside_episodes(open_front: Any) -> None:
    front = await open_front(obfuscation_seed=5)
    async with client_of(front) as client:
        episode_id = await opened(client, weather=None)
        for before in ("", f"/e/{episode_id}"):
            answer = await client.post(f"{before}/v1/search", json={"query": "harbour", "k": 3})
            assert answer.json()["hits"]
            assert "tiny.example" not in answer.text


async def test_a_server_without_episodes_says_so(make_app: Any) -> None:
    async with client_of(make_app()) as client:
        for path in ("/e/x/v1/search", "/v1/search"):
            answer = await client.post(path, json={"query": "a"}, headers={"X-Stillweb-Episode": "x"})
            assert answer.status_code == 404
            assert "--database" in answer.json()["error"]["remedy"]


@pytest.mark.slow
def test_a_timeout_can_end_in_a_closed_connection_and_the_server_goes_on(tiny_path: Path, tmp_path: Path) -> None:
    profile = tmp_path / "closing.yaml"
    profile.write_text("name: closing\nfaults:\n  - {kind: timeout, rate: 1.0, after_s: 0.05, then: close}\n")
    with running_server(tiny_path, weather=str(profile)) as url, httpx.Client(base_url=url, timeout=20) as client:
        for number in range(5):
            with pytest.raises(httpx.RemoteProtocolError):
                client.post("/v1/search", json={"query": f"harbour {number}"})
            assert client.get("/health").status_code == 200


@pytest.mark.parametrize("drawn", [(), ("stale",), ("stale", "empty")])
def test_a_kept_answer_in_the_weather_is_sent_with_the_head_that_the_server_would_write(drawn: tuple[str, ...]) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2"), (b"x-stillweb-cache", b"hit")]
    kept = FinishedAnswer(200, headers, b"ok", headers, hit_head=head_of(200, headers, 2))
    told = told_of(kept, Weather(latency_s=0.25, drawn=drawn))
    assert (b"x-stillweb-latency-s", b"0.250000") in told.hit_headers
    assert told.hit_head == head_of(200, told.hit_headers, 2) != kept.hit_head
    assert told_of(FinishedAnswer(200, headers, b"ok", headers), Weather(drawn=("stale",))).hit_head == b""
