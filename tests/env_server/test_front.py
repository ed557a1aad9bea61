"""What happens to a request before and after its answer is made: token, pin, cache, single flight, queue, log."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from env_server.cache import CacheStats
from env_server.front import App, Front, Message, Receive, Scope, Send
from env_server.settings import ServerSettings
from tests.conftest import MakeClient

MakeApp = Callable[..., Front]
SEARCH = "/v1/search"
HARBOUR = {"query": "harbour", "k": 2}


class Gate:
    """An application that lets requests through only when it is opened, and counts those that came."""

    def __init__(self, behind: App) -> None:
        self.behind = behind
        self.calls = 0
        self.opened = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        await self.opened.wait()
        await self.behind(scope, receive, send)

    async def reached(self, calls: int) -> None:
        await until(lambda: self.calls >= calls)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  there is no event for what is waited for
            await asyncio.sleep(0.001)


def gated(front: Front) -> Gate:
    gate = Gate(front.app)
    front.app = gate
    return gate


def client_of(front: Front, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver", headers=headers)


def states(answers: Iterable[httpx.Response]) -> list[str]:
    return [answer.headers["x-stillweb-cache"] for answer in answers]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Another snapshot, of one page and without vectors."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "pages.jsonl").write_text('{"url": "https://other.example/", "text": "A harbour elsewhere."}\n')
    build_snapshot([str(folder / "pages.jsonl")], folder / "out", BuildOptions(encoder="none"))
    return open_snapshot(folder / "out")


# The pin


async def test_either_id_of_the_snapshot_is_a_pin(client: httpx.AsyncClient, tiny: Snapshot) -> None:
    unpinned = await client.post(SEARCH, json=HARBOUR)
    for pin in (tiny.snapshot_id, tiny.manifest.content_id):
        pinned = await client.post(SEARCH, json=HARBOUR, headers={"X-Stillweb-Snapshot": pin})
        assert (pinned.status_code, pinned.content) == (200, unpinned.content)


@pytest.mark.parametrize("path", [SEARCH, "/health", "/ready", "/metrics", "/openapi.json", "/nope", "/"])
async def test_another_pin_is_a_conflict_that_names_both_ids(
    client: httpx.AsyncClient, tiny: Snapshot, path: str
) -> None:
    for pin in ("0" * 32, tiny.snapshot_id.upper(), "*", "ä" * 500):
        answer = await client.post(path, json=HARBOUR, headers={b"X-Stillweb-Snapshot": pin.encode("latin-1")})
        assert answer.status_code == 409
        error = answer.json()["error"]
        assert error["code"] == "snapshot_mismatch"
        assert pin[:80] in error["message"]
        assert tiny.snapshot_id in error["message"]


async def test_a_pin_is_held_against_the_snapshot_asked_and_not_the_first(
    make_client: MakeClient, tiny: Snapshot, other: Snapshot
) -> None:
    async with make_client(snapshots={"tiny": tiny, "other": other}) as client:
        headers = {"X-Stillweb-Snapshot": other.snapshot_id}
        assert (await client.post("/s/other/v1/search", json=HARBOUR, headers=headers)).status_code == 200
        assert (await client.post(SEARCH, json=HARBOUR, headers=headers)).status_code == 409


# The token


async def test_the_token_lets_in(make_app: MakeApp) -> None:
    front = make_app(token="s3cret-ß")
    for scheme in ("Bearer ", "bearer ", "BEARER  "):
        async with client_of(front) as client:
            headers = {b"authorization": scheme.encode() + "s3cret-ß".encode()}
            assert (await client.post(SEARCH, json=HARBOUR, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crett", "Bearer S3CRET", "Basic s3cret", "s3cret", "Bearer é"],
)
async def test_without_the_token_nothing_is_told(make_app: MakeApp, authorization: str) -> None:
    async with client_of(make_app(token="s3cret")) as client:
        for path in (SEARCH, "/metrics", "/docs", "/openapi.json", "/", "/nope", "/s/tiny/health", "/e/x/"):
            answer = await client.post(path, json=HARBOUR, headers={b"authorization": authorization.encode()})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer, Basic ")
            assert answer.json()["error"]["code"] == "unauthorized"
            assert "Authorization: Bearer" in answer.json()["error"]["remedy"]
            assert "s3cret" not in answer.text


async def test_health_and_readiness_are_open(make_app: MakeApp) -> None:
    async with client_of(make_app(token="s3cret")) as client:
        assert (await client.get("/health")).json() == {"status": "healthy"}
        assert (await client.get("/ready")).json() == {"status": "warming"}


async def test_a_cached_answer_is_not_given_without_the_token(make_app: MakeApp) -> None:
    front = make_app(token="s3cret")
    async with client_of(front, authorization="Bearer s3cret") as client:
        assert (await client.post(SEARCH, json=HARBOUR)).status_code == 200
    async with client_of(front) as client:
        assert (await client.post(SEARCH, json=HARBOUR)).status_code == 401


# Headers


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", SEARCH, b'{"query": "harbour"}', 200),
        ("GET", "/v1/snapshot", b"", 200),
        ("GET", "/health", b"", 200),
        ("GET", "/ready", b"", 503),
        ("GET", "/metrics", b"", 200),
        ("GET", "/openapi.json", b"", 200),
        ("GET", "/docs", b"", 200),
        ("GET", "/", b"", 200),
        ("POST", SEARCH, b"{", 400),
        ("POST", SEARCH, b"{}", 422),
        ("POST", SEARCH, b" " * 3_000_000, 413),
        ("GET", SEARCH, b"", 405),
        ("GET", "/nope", b"", 404),
        ("HEAD", "/nope", b"", 404),
        ("GET", "/s/nope/", b"", 404),
        ("GET", "/e/nope/", b"", 404),
        ("GET", "/v1/links?doc_id=x", b"", 404),
    ],
)
async def test_every_answer_names_its_snapshot_once_and_how_it_was_made(
    client: httpx.AsyncClient, tiny: Snapshot, method: str, path: str, content: bytes, status: int
) -> None:
    for _ in range(2):
        answer = await client.request(method, path, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == status
        assert answer.headers.get_list("x-stillweb-snapshot") == [tiny.snapshot_id]
        assert answer.headers["x-stillweb-cache"] in ("hit", "miss", "bypass")
        assert len(answer.headers.get_list("x-stillweb-cache")) == 1
        if method != "HEAD":
            assert answer.headers["content-length"] == str(len(answer.content))
        for name in ("date", "server", "set-cookie", "etag"):
            assert name not in answer.headers, "nothing in an answer may differ between two servers"


# The cache


async def test_a_repeated_request_is_answered_from_the_cache_with_equal_bytes(make_app: MakeApp) -> None:
    front = make_app()
    async with client_of(front) as client:
        first, second = [await client.post(SEARCH, json=HARBOUR) for _ in range(2)]
        assert states([first, second]) == ["miss", "hit"]
        assert first.content == second.content
        kept = [{k: v for k, v in a.headers.items() if k != "x-stillweb-cache"} for a in (first, second)]
        assert kept[0] == kept[1]
    assert front.cache.stats == CacheStats(hits=1, misses=1)


async def test_whatever_can_change_an_answer_is_part_of_its_key(make_app: MakeApp) -> None:
    front = make_app()
    json_type = {"content-type": "application/json"}
    async with client_of(front) as client:
        answers = [
            await client.post(SEARCH, content=b'{"query": "harbour"}', headers=json_type),
            await client.post(SEARCH, content=b'{"query":"harbour"}', headers=json_type),
            await client.post(
                SEARCH, content=b'{"query": "harbour"}', headers={"content-type": "application/json;charset=utf-8"}
            ),
            await client.post("/v1/search/batch", content=b'{"queries": ["harbour"]}', headers=json_type),
            await client.get("/v1/documents"),
            await client.get("/v1/documents", params={"limit": "1"}),
            await client.get("/v1/documents", params={"limit": "2"}),
        ]
        assert {answer.status_code for answer in answers} == {200}
        assert states(answers) == ["miss"] * len(answers)
        assert (await client.post(SEARCH, content=b'{"query": "harbour"}')).status_code == 415
    assert len(front.cache) == len(answers)


async def test_what_cannot_change_an_answer_is_no_part_of_its_key(make_app: MakeApp, tiny: Snapshot) -> None:
    front = make_app(token="s3cret")
    async with client_of(front, authorization="Bearer s3cret") as client:
        await client.post(SEARCH, json=HARBOUR)
        headers = {"User-Agent": "another", "Accept": "text/html", "X-Stillweb-Snapshot": tiny.snapshot_id}
        again = [
            await client.post(SEARCH, json=HARBOUR, headers=headers),
            await client.post("/s/tiny/v1/search", json=HARBOUR),
        ]
        assert states(again) == ["hit", "hit"]


async def test_the_parts_of_a_key_cannot_be_mistaken_for_each_other(client: httpx.AsyncClient) -> None:
    whole = await client.request("GET", "/v1/documents?limit=1", content=b"\0")
    assert whole.status_code == 200
    assert (await client.get("/v1/documents%00limit=1")).status_code == 404


async def test_snapshots_do_not_share_answers(make_client: MakeClient, tiny: Snapshot, other: Snapshot) -> None:
    async with make_client(snapshots={"tiny": tiny, "other": other}) as client:
        paths = [SEARCH, "/s/other/v1/search", "/s/tiny/v1/search"]
        answers = [await client.post(path, json=HARBOUR) for path in paths]
        assert states(answers) == ["miss", "miss", "hit"]
        expected = [tiny.snapshot_id, other.snapshot_id, tiny.snapshot_id]
        assert [answer.json()["snapshot_id"] for answer in answers] == expected
        assert [answer.headers["x-stillweb-snapshot"] for answer in answers] == expected


async def test_the_first_snapshot_answers_at_the_root_and_each_under_its_name(
    make_client: MakeClient, tiny: Snapshot, other: Snapshot
) -> None:
    async with make_client(snapshots={"other": other, "tiny": tiny}) as client:
        assert (await client.get("/v1/snapshot")).json()["name"] == "other"
        for name in ("tiny", "other"):
            assert (await client.get(f"/s/{name}/v1/snapshot")).json()["name"] == name
            assert (await client.get(f"/s/{name}/health")).status_code == 200
        unknown = (await client.get("/s/third/v1/snapshot")).json()["error"]
        assert "'third'" in unknown["message"]
        assert "other, tiny" in unknown["remedy"]


async def test_the_cache_keeps_to_its_bound_and_lets_go_what_was_not_asked_for_longest(make_app: MakeApp) -> None:
    front = make_app(cache_bytes=40_000)
    async with client_of(front) as client:
        for number in range(60):
            assert (await client.post(SEARCH, json={"query": f"harbour {number}"})).status_code == 200
            assert 0 < front.cache.size_bytes <= front.cache.max_bytes == 40_000
            if number:
                assert states([await client.post(SEARCH, json={"query": "harbour 0"})]) == ["hit"]
        assert 2 <= len(front.cache) < 60
        last, early = [await client.post(SEARCH, json={"query": f"harbour {number}"}) for number in (59, 1)]
        assert states([last, early]) == ["hit", "miss"]


async def test_an_answer_larger_than_the_cache_is_given_and_not_kept(make_app: MakeApp) -> None:
    front = make_app(cache_bytes=5_000)
    async with client_of(front) as client:
        small = {"query": "harbour", "k": 1, "snippet_chars": 0}
        assert states([await client.post(SEARCH, json=small) for _ in range(2)]) == ["miss", "hit"]
        large = [await client.post("/v1/fetch/batch", json={"items": [{"url": "x" * 2000}] * 30}) for _ in range(2)]
        assert states(large) == ["miss", "miss"]
        assert states([await client.post(SEARCH, json=small)]) == ["hit"], "and it drives nothing out"


async def test_a_cache_of_no_bytes_keeps_none(make_app: MakeApp) -> None:
    front = make_app(cache_bytes=0)
    async with client_of(front) as client:
        first, second = [await client.post(SEARCH, json=HARBOUR) for _ in range(2)]
    assert states([first, second]) == ["miss", "miss"]
    assert first.content == second.content
    assert (len(front.cache), front.cache.size_bytes) == (0, 0)


async def test_errors_are_not_kept(make_app: MakeApp) -> None:
    front = make_app()
    async with client_of(front) as client:
        for body in ({"query": ""}, {"query": "a", "k": 10**9}):
            answers = [await client.post(SEARCH, json=body) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [422, 422]
            assert "hit" not in states(answers)
        assert (await client.get("/nope")).status_code == 404
    assert len(front.cache) == 0


# One flight


async def test_identical_requests_at_once_are_computed_once(make_app: MakeApp) -> None:
    front = make_app()
    gate = gated(front)
    async with client_of(front) as client:
        asking = [asyncio.create_task(client.post(SEARCH, json=HARBOUR)) for _ in range(20)]
        await gate.reached(1)
        await until(lambda: front.cache.stats.coalesced == 19)
        gate.opened.set()
        answers = [*await asyncio.gather(*asking), await client.post(SEARCH, json=HARBOUR)]
    assert gate.calls == 1
    assert len({answer.content for answer in answers}) == 1
    assert sorted(states(answers)) == ["coalesced"] * 19 + ["hit", "miss"]
    assert front.cache.stats == CacheStats(hits=1, misses=1, coalesced=19)


async def test_many_requests_at_once_are_each_computed_once(make_app: MakeApp) -> None:
    front = make_app()
    async with client_of(front) as client:
        queries = [f"harbour {number % 7}" for number in range(70)]
        answers = await asyncio.gather(*(client.post(SEARCH, json={"query": query}) for query in queries))
    assert front.cache.stats.misses == 7
    assert front.cache.stats.hits + front.cache.stats.coalesced == 63
    for query in set(queries):
        assert len({a.content for a, asked in zip(answers, queries, strict=True) if asked == query}) == 1


async def test_a_refusal_is_shared_by_those_who_wait_and_then_forgotten(make_app: MakeApp) -> None:
    front = make_app()
    gate = gated(front)
    async with client_of(front) as client:
        asking = [asyncio.create_task(client.post(SEARCH, json={"query": ""})) for _ in range(3)]
        await gate.reached(1)
        gate.opened.set()
        assert {answer.status_code for answer in await asyncio.gather(*asking)} == {422}
        await client.post(SEARCH, json={"query": ""})
    assert gate.calls == 2


@pytest.mark.parametrize("others", [0, 3])
async def test_the_first_asker_may_leave_without_harm_to_the_others(make_app: MakeApp, others: int) -> None:
    front = make_app(max_queue=1)
    gate = gated(front)
    async with client_of(front) as client:
        first = asyncio.create_task(client.post(SEARCH, json=HARBOUR))
        await gate.reached(1)
        waiting = [asyncio.create_task(client.post(SEARCH, json=HARBOUR)) for _ in range(others)]
        await until(lambda: front.cache.stats.coalesced == others)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        gate.opened.set()
        answers = await asyncio.gather(*waiting)
        assert [answer.status_code for answer in answers] == [200] * others
        await until(lambda: len(front.cache) == 1)
        assert states([await client.post(SEARCH, json=HARBOUR)]) == ["hit"]
        assert gate.calls == 1
        assert (await client.post(SEARCH, json={"query": "terns"})).status_code == 200, "its place is free again"


async def test_a_client_that_leaves_within_its_request_is_not_answered(make_app: MakeApp) -> None:
    front = make_app()
    messages: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": SEARCH, "query_string": b"", "headers": []}
    await front(scope, receive, send)
    assert sent == []


# The queue


async def test_a_full_queue_refuses_what_must_be_computed_and_nothing_else(make_app: MakeApp) -> None:
    front = make_app(max_queue=1)
    async with client_of(front) as client:
        known = await client.post(SEARCH, json={"query": "known"})
        gate = gated(front)
        busy = asyncio.create_task(client.post(SEARCH, json=HARBOUR))
        await gate.reached(1)
        refused = await client.post(SEARCH, json={"query": "unknown"})
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "overloaded"
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["x-stillweb-snapshot"] == known.headers["x-stillweb-snapshot"]
        hit = await client.post(SEARCH, json={"query": "known"})
        assert (states([hit]), hit.content) == (["hit"], known.content)
        same = asyncio.create_task(client.post(SEARCH, json=HARBOUR))
        await until(lambda: front.cache.stats.coalesced == 1)
        assert not same.done(), "who asks for what is being made waits for it"
        gate.opened.set()
        assert states([await busy, await same]) == ["miss", "coalesced"]
        assert (await client.get("/health")).status_code == 200
        assert (await client.post(SEARCH, json={"query": "unknown"})).status_code == 200


async def test_control_routes_wait_for_nobody(make_app: MakeApp) -> None:
    front = make_app(max_queue=1)
    gate = gated(front)
    async with client_of(front) as client:
        busy = asyncio.create_task(client.post(SEARCH, json=HARBOUR))
        await gate.reached(1)
        asking = [asyncio.create_task(client.get(path)) for path in ("/health", "/ready", "/metrics")]
        await gate.reached(4)
        gate.opened.set()
        assert [answer.status_code for answer in await asyncio.gather(*asking)] == [200, 503, 200]
        await busy


async def test_a_failure_nobody_foresaw_is_a_500_that_tells_nothing_of_the_inside(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    front = make_app(max_queue=1)
    behind = front.app

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("the secret of the house")

    async with client_of(front) as client:
        front.app = broken
        for _ in range(3):  # three, so that a place in the queue that is not given back would show
            answer = await client.post(SEARCH, json=HARBOUR)
            assert answer.status_code == 500
            assert answer.json()["error"]["code"] == "internal_error"
            assert "secret" not in answer.text
        assert "the secret of the house" in caplog.text
        front.app = behind
        assert (await client.post(SEARCH, json=HARBOUR)).status_code == 200


# What is counted and logged


async def test_metrics_count_requests_by_route_status_and_cache(make_app: MakeApp) -> None:
    async with client_of(make_app()) as client:
        for _ in range(3):
            await client.post(SEARCH, json=HARBOUR)
        await client.post(SEARCH, json={})
        for number in range(5):
            await client.get(f"/nope/{number}")
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert 'stillweb_requests_total{cache="miss",route="/v1/search",snapshot="tiny",status="200"} 1.0' in lines
    assert 'stillweb_requests_total{cache="hit",route="/v1/search",snapshot="tiny",status="200"} 2.0' in lines
    assert 'stillweb_requests_total{cache="miss",route="/v1/search",snapshot="tiny",status="422"} 1.0' in lines
    assert 'stillweb_requests_total{cache="miss",route="other",snapshot="tiny",status="404"} 5.0' in lines
    assert 'stillweb_request_seconds_count{cache="hit"} 2.0' in lines
    assert any(line.startswith("stillweb_cache_bytes ") and not line.endswith(" 0.0") for line in lines)
    assert "stillweb_queue 0.0" in lines


async def test_the_access_log_is_silent_unless_asked_for(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="env_server"):
        await client.post(SEARCH, json=HARBOUR)
        await client.get("/nope")
    assert [record for record in caplog.records if record.name.startswith("env_server")] == []


async def test_the_access_log_has_one_line_per_request_and_never_a_token(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    front = make_app(access_log=True, token="s3cret")
    with caplog.at_level(logging.DEBUG, logger="env_server"):
        async with client_of(front, authorization="Bearer s3cret") as client:
            await client.post(SEARCH, json=HARBOUR)
            await client.post(SEARCH, json=HARBOUR)
            await client.get("/nope%0Aforged%20line")
            await client.get("/health", headers={"authorization": "Bearer s3cret-but-wrong"})
            await client.get("/v1/snapshot", headers={"authorization": "Bearer s3cret-but-wrong"})
    records = [record for record in caplog.records if record.name == "env_server.access"]
    assert [record.getMessage() for record in records] == [
        "POST /v1/search 200 miss",
        "POST /v1/search 200 hit",
        "GET /nope%0Aforged%20line 404 miss",
        "GET /health 200 bypass",
        "GET /v1/snapshot 401 bypass",
    ]
    assert all(record.__dict__["duration_s"] >= 0 for record in records)
    assert "s3cret" not in "".join(str(record.__dict__) for record in caplog.records if record.name != "httpx")


def test_the_token_is_not_shown_with_the_settings(tiny_path: Path) -> None:
    settings = ServerSettings.model_validate({"snapshots": {"tiny": tiny_path}, "token": "s3cret"})
    assert "s3cret" not in f"{settings!r} {settings}"


# Not HTTP


async def test_a_websocket_is_closed_politely(make_app: MakeApp) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await make_app()({"type": "websocket", "path": "/", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1003}]


async def lifespan(front: Front, during: Callable[[], Any]) -> None:
    """Start the server's lifespan, await `during`, and end it as a server does."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    running = asyncio.create_task(front({"type": "lifespan", "asgi": {"version": "3.0"}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    await during()
    await to_app.put({"type": "lifespan.shutdown"})
    assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
    await running


async def test_the_server_is_ready_when_every_index_is_warm(make_app: MakeApp) -> None:
    front = make_app()

    async def until_ready() -> None:
        async with client_of(front) as client:
            answers: list[httpx.Response] = []
            async with asyncio.timeout(20):
                while not answers or answers[-1].status_code != 200:
                    answers.append(await client.get("/ready"))
                    await asyncio.sleep(0.001)  # without a socket, asking alone lets nothing else run
            assert {a.json()["status"] for a in answers[:-1]} <= {"warming"}
            assert answers[-1].json() == {"status": "ready"}

    await lifespan(front, until_ready)


async def test_a_broken_index_is_logged_and_the_server_never_ready(
    make_app: MakeApp, other: Snapshot, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(other.path, tmp_path / "broken"))
    meta = folder / "lexical" / "meta.json"
    meta.write_bytes(b" " * meta.stat().st_size)
    front = make_app(snapshots={"broken": open_snapshot(folder)})

    async def a_while() -> None:
        async with client_of(front) as client:
            await until(lambda: "snapshot broken is not warm" in caplog.text)
            assert (await client.get("/ready")).status_code == 503
            assert (await client.get("/health")).status_code == 200
            assert (await client.post("/v1/fetch", json={"url": "https://other.example/"})).status_code == 200

    await lifespan(front, a_while)
