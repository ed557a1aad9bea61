"""The typed client against a real server, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
import threading
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from agent import answers, calls
from agent.answers import Delivery, decoded
from agent.calls import Call
from agent.client import AsyncClient, Client
from agent.errors import EnvAnswerUnread, EnvError, EnvTimeout, EnvUnreachable
from env_server import schemas
from tests.bench.bench_client import rendered
from tests.bench.figures import FIGURES
from tests.env_server.fake_stillweb import fake_stillweb
from tests.env_server.test_determinism import running_server

TOKEN = "s3cret"
ADA = "https://tiny.example/people/ada"


@pytest.fixture(scope="module")
def server(tiny_path: Path) -> Iterator[str]:
    with running_server({"tiny": tiny_path, "again": tiny_path}, token=TOKEN) as url:
        yield url


@pytest.fixture
def client(server: str) -> Iterator[Client]:
    with Client(server, token=TOKEN) as client:
        yield client


@pytest.fixture
async def env(server: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server, token=TOKEN) as env:
        yield env


ROUTES: dict[str, tuple[Callable[[Any], Any], str, str, dict[str, Any]]] = {
    "search": (
        lambda c: c.search("bridge", k=3, mode="bm25", snippet_chars=80, exclude_domains=["other.example"]),
        "POST",
        "/v1/search",
        {"query": "bridge", "k": 3, "mode": "bm25", "snippet_chars": 80, "exclude_domains": ["other.example"]},
    ),
    "search_batch": (
        lambda c: c.search_batch(["bridge", " ", "harbour"], k=2, level="passage"),
        "POST",
        "/v1/search/batch",
        {"queries": ["bridge", " ", "harbour"], "k": 2, "level": "passage"},
    ),
    "similar": (lambda c: c.similar(ADA, k=2), "POST", "/v1/similar", {"url": ADA, "k": 2}),
    "fetch": (
        lambda c: c.fetch(ADA, number=1, format="text", page_chars=100),
        "POST",
        "/v1/fetch",
        {"url": ADA, "page": 1, "format": "text", "page_chars": 100},
    ),
    "fetch_batch": (
        lambda c: c.fetch_batch([ADA, "https://tiny.example/nowhere", {"url": ADA, "page": 99}]),
        "POST",
        "/v1/fetch/batch",
        {"items": [{"url": ADA}, {"url": "https://tiny.example/nowhere"}, {"url": ADA, "page": 99}]},
    ),
    "find": (
        lambda c: c.find(ADA, "a.a", regex=True, context_chars=10),
        "POST",
        "/v1/find",
        {"url": ADA, "pattern": "a.a", "regex": True, "context_chars": 10},
    ),
    "extract": (
        lambda c: c.extract(ADA, "maps", max_chars=500),
        "POST",
        "/v1/extract",
        {"url": ADA, "goal": "maps", "max_chars": 500},
    ),
    "places": (
        lambda c: c.places("harbour", near={"latitude": 50.0, "longitude": 0.0}, max_km=9.5, k=2),
        "POST",
        "/v1/places",
        {"query": "harbour", "near": {"latitude": 50.0, "longitude": 0.0}, "max_km": 9.5, "k": 2},
    ),
    "route": (
        lambda c: c.route({"latitude": 50.0, "longitude": 0.0}, {"latitude": 51.0, "longitude": 1.5}, means="walk"),
        "POST",
        "/v1/route",
        {
            "origin": {"latitude": 50.0, "longitude": 0.0},
            "destination": {"latitude": 51.0, "longitude": 1.5},
            "means": "walk",
        },
    ),
    "scholar": (
        lambda c: c.scholar("charts", k=3, first_year=1900, mode="bm25"),
        "POST",
        "/v1/scholar",
        {"query": "charts", "k": 3, "first_year": 1900, "mode": "bm25"},
    ),
    "links": (lambda c: c.links(ADA), "GET", "/v1/links", {"url": ADA}),
    "snapshot": (lambda c: c.snapshot(), "GET", "/v1/snapshot", {}),
    "health": (lambda c: c.health(), "GET", "/health", {}),
    "ready": (lambda c: c.ready(), "GET", "/ready", {}),
}


@pytest.mark.parametrize("name", ROUTES)
async def test_a_typed_answer_says_what_the_body_says(name: str, server: str, client: Client, env: AsyncClient) -> None:
    ask, method, path, asked = ROUTES[name]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=server, headers=headers, trust_env=False) as plain:
        asking = plain.get(path, params=asked) if method == "GET" else plain.post(path, json=asked)
        body = (await asking).json()
    typed = await ask(env)
    assert plainly(typed) == body
    assert ask(client) == typed
    assert typed.delivery.snapshot_id


def plainly(value: Any) -> Any:
    """An answer as the JSON it was."""
    if isinstance(value, answers.Failure):
        return {"error": {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}}
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.name != "delivery"]
        return {name.rstrip("_"): plainly(getattr(value, name)) for name in names}
    return [plainly(item) for item in value] if isinstance(value, tuple | answers.Rows) else value


def test_items_of_a_list_are_made_when_they_are_looked_at_and_are_equal_to_their_tuple() -> None:
    reads: list[Any] = []

    def read(value: Any) -> answers.Section:
        reads.append(value)
        return answers.Section(value["title"], 1, 0, 1)

    rows = answers.Rows([{"title": "A"}, {"title": "B"}], read)
    assert (len(rows), reads) == (2, [])
    assert rows[1].title == "B"
    assert (rows[0], rows[1]) == rows == answers.Rows([{"title": "A"}, {"title": "B"}], read)
    assert (hash(rows), len(reads)) == (hash(tuple(rows)), 4)
    assert rows != (rows[0],)
    with pytest.raises(KeyError):
        answers.Rows([{"title": "A"}, {}], read)[0]


def test_a_plain_value_of_another_type_is_refused_after_right_ones_were_met() -> None:
    right = {"title": "A", "level": 1, "start": 0, "end": 1}
    assert answers.decoded(answers.Section, right) == answers.Section("A", 1, 0, 1)
    for wrong in ({**right, "level": "1"}, {**right, "title": None}):
        with pytest.raises(TypeError):
            answers.decoded(answers.Section, wrong)
    with pytest.raises(KeyError):
        answers.decoded(answers.Section, {"title": "A"})


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (answers.Hit, schemas.Hit),
        (answers.SearchAnswer, schemas.SearchAnswer),
        (answers.SearchBatchAnswer, schemas.SearchBatchAnswer),
        (answers.Failure, schemas.ErrorDetail),
        (answers.Page, schemas.FetchAnswer),
        (answers.Section, schemas.SectionOut),
        (answers.Image, schemas.ImageOut),
        (answers.FetchBatchAnswer, schemas.FetchBatchAnswer),
        (answers.Match, schemas.FindMatch),
        (answers.FindAnswer, schemas.FindAnswer),
        (answers.Extracted, schemas.ExtractPassage),
        (answers.ExtractAnswer, schemas.ExtractAnswer),
        (answers.OutLink, schemas.OutLink),
        (answers.InLink, schemas.InLink),
        (answers.LinksAnswer, schemas.LinksAnswer),
        (answers.DocumentRow, schemas.DocumentRow),
        (answers.DocumentsAnswer, schemas.DocumentsAnswer),
        (answers.Counts, schemas.SnapshotCounts),
        (answers.SnapshotAnswer, schemas.SnapshotAnswer),
    ],
)
def test_an_answer_s_fields_are_the_server_s(ours: Any, theirs: Any) -> None:
    names = {field.name for field in dataclasses.fields(ours)} - {"delivery"}
    assert names == set(theirs.model_fields)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (calls.SearchOptions, schemas.SearchOptions),
        (calls.Filters, schemas.FilterFields),
        (calls.Part, schemas.FetchItem),
    ],
)
def test_options_are_those_the_server_takes(ours: Any, theirs: Any) -> None:
    assert set(typing.get_type_hints(ours)) == set(theirs.model_fields) - {"k"}


def test_no_native_route_is_without_a_method(server: str) -> None:
    with Client(server, token=TOKEN) as client:
        described = client.ask(Call("GET", "/openapi.json", None, lambda body, kind, delivery: orjson.loads(body)))
    control = re.compile("/metrics|/v1/(episodes|tasks|ledger)")  # another client's business, with a token of its own
    native = {path for path in described["paths"] if not control.match(path)}
    assert native == {path for _, _, path, _ in ROUTES.values()} | {"/v1/image", "/v1/documents"}


async def test_documents_come_one_after_another_however_many_a_request_brings(client: Client, env: AsyncClient) -> None:
    all_at_once = list(client.documents())
    assert len(all_at_once) == client.snapshot().counts.documents
    assert [row async for row in env.documents(limit=5)] == all_at_once == list(client.documents(limit=5))
    people = [row.url async for row in env.documents(url_prefix="https://tiny.example/people/", limit=1)]
    assert ADA in people
    assert len(people) < len(all_at_once)


def test_a_page_is_named_by_its_id_as_well(client: Client) -> None:
    page = client.fetch(ADA)
    assert client.fetch(page.doc_id) == page


@pytest.mark.parametrize(
    ("ask", "status", "code"),
    [
        (lambda c: c.fetch("https://tiny.example/nowhere"), 404, "page_not_found"),
        (lambda c: c.search(""), 422, "invalid_request"),
        (lambda c: c.image("https://tiny.example/none.png"), 404, "no_such_image"),
        (lambda c: c.using(token=None).search("bridge"), 401, "unauthorized"),
        (lambda c: c.using(snapshot="another").search("bridge"), 409, "snapshot_mismatch"),
        (lambda c: c.using(name="none").search("bridge"), 404, "unknown_snapshot"),
        (lambda c: c.links("half a pair: \ud83d"), 422, "bad_url"),
        (lambda c: c.search("bridge", k=10**30), 422, "over_limit"),
    ],
)
async def test_an_error_of_the_server_is_raised_by_its_name(
    ask: Callable[[Any], Any], status: int, code: str, client: Client, env: AsyncClient
) -> None:
    with pytest.raises(EnvError) as sync:
        ask(client)
    with pytest.raises(EnvError) as awaited:
        await ask(env)
    assert (sync.value.status, sync.value.code) == (status, code)
    assert str(awaited.value) == str(sync.value)
    assert sync.value.message
    assert sync.value.remedy
    assert not sync.value.retry
    assert sync.value.delivery is not None
    assert awaited.value.delivery is not None
    assert sync.value.delivery.digest == awaited.value.delivery.digest


async def test_half_a_surrogate_pair_becomes_a_question_mark(client: Client, env: AsyncClient) -> None:
    assert client.search("half: \ud83d").query == (await env.search("half: \ud83d")).query == "half: ?"


async def test_a_pin_that_holds_is_answered_under_every_name(server: str, env: AsyncClient) -> None:
    about = await env.snapshot()
    for pin in (about.snapshot_id, about.content_id):
        for name in (None, "tiny", "again"):
            assert (await env.using(snapshot=pin, name=name).search("bridge", k=1)).hits
    assert (await env.using(name="again").snapshot()).name == "again"


async def test_every_header_of_a_rollout_goes_along(tmp_path: Path) -> None:
    echo: Call[dict[str, Any]] = Call("POST", "/v1/search", b"{}", lambda body, kind, delivery: orjson.loads(body))
    about: dict[str, Any] = {
        "name": "a b",
        "token": "t",
        "snapshot": "id",
        "episode": "e1",
        "seed": 7,
        "attempt": 2,
        "run": "r1",
    }
    expected = {
        "authorization": "Bearer t",
        "content-type": "application/json",
        "x-stillweb-snapshot": "id",
        "x-stillweb-episode": "e1",
        "x-stillweb-seed": "7",
        "x-stillweb-attempt": "2",
        "x-stillweb-run": "r1",
    }
    with fake_stillweb() as url, Client(url, **about) as client:
        async with AsyncClient(url) as env:
            seen = [client.ask(echo), await env.using(**about).ask(echo)]
            bare = await env.ask(echo)
    for one in seen:
        assert one["path"] == "/s/a%20b/v1/search"
        assert expected.items() <= one["headers"].items()
    assert not {name for name in bare["headers"] if name.startswith("x-") or name == "authorization"}


@pytest.mark.parametrize("wrong", ["", "127.0.0.1:8080", "ftp://x", "http://"])
def test_a_url_that_is_no_server_s_is_refused_at_once(wrong: str) -> None:
    with pytest.raises(ValueError, match="no server's URL"):
        Client(wrong)


def test_a_header_cannot_be_broken_out_of() -> None:
    with pytest.raises(ValueError, match="X-Stillweb-Episode"):
        Client("http://127.0.0.1:1", episode="e\r\nAuthorization: Bearer x")


async def test_how_an_answer_came_is_told_and_does_not_make_it_another(env: AsyncClient) -> None:
    first, second = [await env.search("told how it came") for _ in range(2)]
    assert first == second
    assert [first.delivery.cache, second.delivery.cache] == ["miss", "hit"]
    assert second.delivery.cached
    assert first.delivery.digest == second.delivery.digest
    assert 0 < second.delivery.latency_ms < 60_000


async def test_hundreds_of_calls_at_once_share_a_few_connections(server: str) -> None:
    async with AsyncClient(server, token=TOKEN, connections=8) as env:
        queries = [f"bridge {number % 20}" for number in range(300)]
        found = await asyncio.gather(*(env.search(query, k=1) for query in queries))
    assert [one.query for one in found] == queries


def test_threads_share_a_client(client: Client) -> None:
    wrong: list[str] = []

    def work(name: str) -> None:
        for number in range(20):
            query = f"{name} {number}"
            if client.search(query, k=1).query != query:
                wrong.append(query)

    threads = [threading.Thread(target=work, args=(f"thread {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Servers that misbehave.


@asynccontextmanager
async def answering(*replies: bytes, close: bool = True) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that gives these bytes, one reply a request, the last for ever; and how many requests each connection
    brought. `close`: it closes after each."""
    counts: list[int] = []
    left = list(replies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counts.append(0)
        place = len(counts) - 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: (\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                counts[place] += 1
                reply = left.pop(0) if len(left) > 1 else left[0]
                if not reply:
                    await asyncio.Event().wait()
                writer.write(reply)
                await writer.drain()
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", counts
    finally:
        server.close()


def reply(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def both(url: str, ask: Callable[[Any], Any], timeout_s: float = 5) -> list[EnvError]:
    """The error that each client raises."""
    async with AsyncClient(url, timeout_s=timeout_s) as env:
        with pytest.raises(EnvError) as awaited:
            await ask(env)
    with Client(url, timeout_s=timeout_s) as client, pytest.raises(EnvError) as sync:
        await asyncio.to_thread(ask, client)
    return [awaited.value, sync.value]


OVERLOADED = b'{"error":{"code":"overloaded","message":"Full.","remedy":"Retry."}}'


async def test_overload_may_pass_and_says_when() -> None:
    async with answering(reply(503, OVERLOADED, "Retry-After: 3", "X-Stillweb-Fault: overload")) as (url, _):
        for error in await both(url, lambda c: c.search("x")):
            assert (error.status, error.code, error.retry_after_s, error.retry) == (503, "overloaded", 3.0, True)
            assert error.delivery is not None
            assert error.delivery.fault == "overload"
        for error in await both(url, lambda c: c.ready()):
            assert error.code == "overloaded"


async def test_a_server_that_warms_up_is_no_error() -> None:
    async with answering(reply(503, b'{"status":"warming"}')) as (url, _), AsyncClient(url) as env:
        assert (await env.ready()).status == "warming"


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        (reply(502, b"<html>Bad gateway</html>"), True),
        (reply(200, b"<html>Hello</html>"), False),
        (reply(200, b"[]"), False),
        (reply(200, b'{"snapshot_id":"x","query":"x","mode":"bm25","hits":[{"rank":1}]}'), False),
        (reply(404, b'{"detail":"Not Found"}'), False),
    ],
)
async def test_an_answer_that_is_not_stillweb_s_is_named_so(answer: bytes, retry: bool) -> None:
    async with answering(answer) as (url, _):
        for error in await both(url, lambda c: c.search("x")):
            assert isinstance(error, EnvAnswerUnread)
            assert error.retry is retry
            assert url in str(error)
            assert url not in error.message


async def test_a_field_that_a_newer_server_adds_is_left_out() -> None:
    body = b'{"snapshot_id":"x","query":"q","mode":"bm25","hits":[],"new":1}'
    async with answering(reply(200, body)) as (url, _), AsyncClient(url) as env:
        assert await env.search("q") == answers.SearchAnswer("x", "q", "bm25", ())


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        for error in await both(url, lambda c: c.search("x")):
            assert isinstance(error, EnvUnreachable)
            assert error.retry
            assert url in str(error)


async def test_a_connection_that_breaks_in_the_middle_is_unreachable() -> None:
    async with answering(reply(200, b"{" + b" " * 1000)[:-500]) as (url, _):
        for error in await both(url, lambda c: c.search("x")):
            assert isinstance(error, EnvUnreachable)


async def test_a_server_that_says_nothing_times_out() -> None:
    async with answering(b"") as (url, _):
        for error in await both(url, lambda c: c.search("x"), timeout_s=0.2):
            assert isinstance(error, EnvTimeout)
            assert error.retry


FOUND = reply(200, b'{"snapshot_id":"x","query":"q","mode":"bm25","hits":[]}')


async def test_a_connection_is_used_again_and_one_that_was_closed_is_not() -> None:
    async with answering(FOUND, close=False) as (url, counts):
        with Client(url) as client:
            for _ in range(5):
                await asyncio.to_thread(client.search, "q")
        async with AsyncClient(url) as env:
            for _ in range(5):
                await env.search("q")
        assert counts == [5, 5]
    # It keeps the connection by what it says and closes it all the same.
    async with answering(FOUND, close=True) as (url, counts), AsyncClient(url) as env:
        with Client(url) as client:
            for _ in range(3):
                await asyncio.to_thread(client.search, "q")
                await env.search("q")
        assert counts == [1] * 6


async def test_a_call_that_is_cancelled_leaves_the_next_its_own_answer(env: AsyncClient) -> None:
    for number in range(20):
        task = asyncio.create_task(env.search(f"cancelled {number}"))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await env.search(f"kept {number}")).query == f"kept {number}"


async def test_a_derived_client_leaves_the_connections_open(env: AsyncClient) -> None:
    async with env.using(episode=None, attempt=2) as other:
        await other.health()
    assert (await env.health()).status == "healthy"


async def test_a_picture_comes_as_bytes_with_its_type() -> None:
    async with answering(reply(200, b"\x89PNG", "Content-Type: image/png")) as (url, _), AsyncClient(url) as env:
        picture = await env.image("https://tiny.example/a.png")
    assert (picture.content, picture.media_type) == (b"\x89PNG", "image/png")


def test_a_value_of_another_type_is_not_taken_for_an_answer() -> None:
    with pytest.raises(TypeError):
        decoded(answers.Section, {"title": "a", "level": "1", "start": 0, "end": 1})
    assert decoded(answers.Section, {"title": "a", "level": 1, "start": 0, "end": 1}, None).level == 1
    assert Delivery().cached is False


def test_the_page_on_the_client_shows_what_was_measured_and_it_is_within_bounds() -> None:
    """`python -m tests.bench.bench_client` measures; the table is pasted from `rendered`."""
    measured = orjson.loads((FIGURES / "client_calls.json").read_bytes())["measured"]
    assert rendered(measured) in (FIGURES.parent / "client.md").read_text()
    assert measured["under_1_ms"]
