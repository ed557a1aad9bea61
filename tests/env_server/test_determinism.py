"""The promise: equal bytes alone, under load, with two workers, without a cache, after a restart, in any batch."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx
import orjson
import pytest

from corpus import Snapshot
from tests.conftest import ROOT, MakeClient
from tests.env_server.mixed_requests import (
    LUCENE,
    NOWHERE,
    SPELLINGS,
    TREES,
    HardWeb,
    Request,
    build_hard_web,
    mixed_requests,
)
from tests.ports import free_port

Answer = tuple[int, bytes]
Keep = Callable[[int, Answer], None]

REQUESTS = int(os.environ.get("STILLWEB_REQUESTS", "2000"))
"""Requests of the slow test; `make full` sends 20,000. Read here: tests themselves see no STILLWEB_ variable."""


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> HardWeb:
    return build_hard_web(tmp_path_factory.mktemp("hard"))


@pytest.fixture(scope="module")
def webs(factbook: Snapshot, hard: HardWeb) -> dict[str, Snapshot]:
    """By path prefix: the demo at the root, the hard web under its name."""
    return {"": factbook, "/s/hard": hard.one}


@contextmanager
def running_server(snapshots: Path | Mapping[str, Path], **environment: str) -> Iterator[str]:
    """`stillweb serve` in a process of its own on a free port; ended by SIGTERM, which must be enough."""
    port = free_port()
    named = [str(snapshots)] if isinstance(snapshots, Path) else [f"{name}={path}" for name, path in snapshots.items()]
    arguments = ["serve", *named, "--port", str(port)]
    for name, value in environment.items():
        arguments += [f"--{name.replace('_', '-')}", value]
    process = subprocess.Popen(
        [sys.executable, "-m", "stillweb", *arguments], stderr=subprocess.PIPE, start_new_session=True, text=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if httpx.get(f"{url}/ready", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:  # pragma: no cover
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode in (0, -signal.SIGTERM)


async def ask(client: httpx.AsyncClient, request: Request) -> Answer:
    """Ask the application itself, or a server, through httpx."""
    method, path, values = request
    if method == "GET":
        response = await client.get(path, params=values)
    else:
        response = await client.post(path, json=values)
    return response.status_code, response.content


async def send(session: aiohttp.ClientSession, request: Request) -> Answer:
    """Ask a server through aiohttp, which costs a tenth of httpx."""
    method, path, values = request
    if method == "GET":
        asking = session.get(f"{path}?{urlencode(values)}")
    else:
        asking = session.post(path, data=orjson.dumps(values), headers={"content-type": "application/json"})
    async with asking as response:
        return response.status, await response.read()


@asynccontextmanager
async def session_of(url: str, connections: int) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=connections)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:
        yield session


async def ask_all(
    url: str, requests: Sequence[Request], keep: Keep, *, concurrency: int, seed: int, beside: Sequence[Request] = ()
) -> None:
    """Send the requests in an order of their own; `keep` gets the place of each and its answer.

    All the while another client sends the requests `beside`, over and over.
    """
    order = list(range(len(requests)))
    random.Random(seed).shuffle(order)
    waiting = iter(order)
    async with session_of(url, concurrency) as session, session_of(url, 16) as other:

        async def worker() -> None:
            for place in waiting:
                keep(place, await send(session, requests[place]))

        async def hammer(first: int) -> None:
            place = first
            while True:
                await send(other, beside[place % len(beside)])
                place += 16

        load = [asyncio.create_task(hammer(first)) for first in range(16 if beside else 0)]
        await asyncio.gather(*(worker() for _ in range(concurrency)))
        assert not any(task.done() for task in load), "the second load broke off"
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)


def described(request: Request, expected: Answer, answer: Answer) -> str:
    """A request and the place where two answers to it part."""
    (status, body), (other_status, other) = expected, answer
    place = next((i for i, (a, b) in enumerate(zip(body, other, strict=False)) if a != b), min(len(body), len(other)))
    around = slice(max(0, place - 120), place + 120)
    return (
        f"{request[0]} {request[1]} {json.dumps(request[2], ensure_ascii=False)}\n"
        f"  alone: {status}, {len(body)} bytes ...{body[around]!r}\n  here:  {other_status}, {len(other)} bytes "
        f"...{other[around]!r}"
    )


class Reference:
    """The answers of a server that is asked one thing at a time, and what differs from them elsewhere."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = requests
        self.answers: list[Answer] = [(0, b"")] * len(requests)

    def learn(self, url: str) -> None:
        asyncio.run(ask_all(url, self.requests, self.answers.__setitem__, concurrency=1, seed=1))

    def check(self, how: str, url: str, *, concurrency: int, seed: int, beside: Sequence[Request] = ()) -> None:
        """Ask everything again in another order. Fails with the number of differences and the first of them."""
        different: list[str] = []

        def keep(place: int, answer: Answer) -> None:
            if answer != self.answers[place]:
                different.append(described(self.requests[place], self.answers[place], answer))

        started = time.perf_counter()
        asyncio.run(ask_all(url, self.requests, keep, concurrency=concurrency, seed=seed, beside=beside))
        assert not different, f"{how}: {len(different)} bodies differ; the first:\n{different[0]}"
        print(f"{how}: {len(self.requests)} equal in {time.perf_counter() - started:.1f} s")


def batches_of_other_neighbours(
    reference: Reference, count: int, seed: int
) -> tuple[list[Request], list[list[Answer]]]:
    """Batches made of what was asked alone, each item among others by chance, and the answers the items must have."""
    rng = random.Random(seed)
    alike: dict[tuple[str, str, bytes], list[int]] = {}
    for place, (_, path, body) in enumerate(reference.requests):
        route = path.rpartition("/")[2]
        if route not in ("search", "fetch") or reference.answers[place][0] not in (200, 404):
            continue
        own = {"query"} if route == "search" else {"url", "doc_id", "page", "section"}
        shared = {key: value for key, value in body.items() if key not in own}
        alike.setdefault((path, route, orjson.dumps(shared, option=orjson.OPT_SORT_KEYS)), []).append(place)
    groups = sorted((key, places) for key, places in alike.items() if len(places) > 1)
    batches: list[Request] = []
    expected: list[list[Answer]] = []
    for _ in range(count):
        (path, route, options_json), places = rng.choice(groups)
        chosen = rng.choices(places, k=rng.choice([1, 2, 5, 16]))
        bodies = [reference.requests[place][2] for place in chosen]
        options = orjson.loads(options_json)
        if route == "search":
            items: dict[str, Any] = {"queries": [body["query"] for body in bodies]}
        else:
            items = {"items": [{key: value for key, value in body.items() if key not in options} for body in bodies]}
        batches.append(("POST", f"{path}/batch", items | options))
        expected.append([reference.answers[place] for place in chosen])
    return batches, expected


def check_batches(reference: Reference, url: str, count: int) -> None:
    """Each item of a batch is, byte for byte, what the request alone is answered."""
    batches, expected = batches_of_other_neighbours(reference, count, seed=6)

    def keep(place: int, answer: Answer) -> None:
        status, body = answer
        assert status == 200, described(batches[place], (200, b""), answer)
        results = orjson.loads(body)["results"]
        for item, (_, alone) in zip(results, expected[place], strict=True):
            assert orjson.dumps(item) == alone, described(batches[place], (200, alone), (200, orjson.dumps(item)))

    asyncio.run(ask_all(url, batches, keep, concurrency=16, seed=7))
    print(f"in batches: {sum(map(len, expected))} items of {count} batches equal")


def check_promise(webs: Mapping[str, Snapshot], count: int) -> None:
    reference = Reference(mixed_requests(webs, count))
    beside = mixed_requests(webs, 400, seed=99)
    paths = {prefix.rpartition("/")[2] or "demo": snapshot.path for prefix, snapshot in webs.items()}
    with running_server(paths) as url:
        reference.learn(url)
        reference.check("from the cache, 64 clients", url, concurrency=64, seed=2)
        reference.check("from the cache, 256 clients", url, concurrency=256, seed=3)
    routes = {path.partition("/v1/")[2] for _, path, _ in reference.requests}
    assert len(routes) == 11, routes
    assert {status for status, _ in reference.answers} >= {200, 404, 422}
    with running_server(paths) as url:
        reference.check("after a restart, 256 clients", url, concurrency=256, seed=4)
    with running_server(paths, workers="2") as url:
        reference.check("two workers, 64 clients, a second load", url, concurrency=64, seed=5, beside=beside)
        reference.check("two workers, from the cache of each and of both", url, concurrency=256, seed=10)
    with running_server(paths, workers="3", cache_mb="4") as url:
        reference.check("three workers, what they share written over", url, concurrency=64, seed=11, beside=beside)
    with running_server(paths, cache_mb="0") as url:
        reference.check("no cache, one client", url, concurrency=1, seed=8)
        reference.check("no cache, 64 clients, a second load", url, concurrency=64, seed=9, beside=beside)
        check_batches(reference, url, max(40, count // 20))
    print(f"{count} requests, {sum(len(body) for _, body in reference.answers):,} bytes each time")


@pytest.mark.slow
def test_mixed_requests_are_equal_in_bytes_however_they_are_served(webs: dict[str, Snapshot]) -> None:
    check_promise(webs, REQUESTS)


async def test_300_mixed_requests_are_equal_in_bytes_in_any_order_and_number(
    make_client: MakeClient, factbook: Snapshot, hard: HardWeb
) -> None:
    """In process, without sockets: alone, all at once, without a cache, and from an index in several segments."""
    requests = mixed_requests({"": factbook, "/s/hard": hard.one}, 300, seed=21)
    async with make_client(snapshots={"demo": factbook, "hard": hard.one}) as client:
        alone = [await ask(client, request) for request in requests]
    again = {"demo": factbook, "hard": hard.split}
    for seed, cache_bytes in enumerate((0, 512 * 1024**2)):
        order = list(range(len(requests)))
        random.Random(seed).shuffle(order)
        async with make_client(snapshots=again, cache_bytes=cache_bytes) as client:
            answers = await asyncio.gather(*(ask(client, requests[place]) for place in order))
        for place, answer in zip(order, answers, strict=True):
            assert answer == alone[place], described(requests[place], alone[place], answer)


@pytest.mark.parametrize("mode", ["bm25", "dense", "hybrid"])
async def test_the_best_k_are_the_beginning_of_the_best_k_plus_one(
    make_client: MakeClient, factbook: Snapshot, hard: HardWeb, mode: str
) -> None:
    """Where everything ties and where little does, with filters, as pages and as passages, in Lucene syntax."""
    queries: list[dict[str, Any]] = [
        *({"query": " ".join(TREES[:n])} for n in (1, 2, 6)),
        *({"query": spelling} for spelling in SPELLINGS[:4]),
        {"query": NOWHERE},
        {"query": "harbour master amber lamp", "level": "passage"},
        {"query": "amber birch", "include_domains": ["a.example"], "after": "2004"},
        *({"query": query, "syntax": "lucene"} for query in LUCENE[:4]),
    ]
    asked = [("/s/hard", query) for query in queries] + [("", {"query": "oil exports"}), ("", {"query": "Danube"})]
    snapshots = {"demo": factbook, "hard": hard.one}
    async with make_client(snapshots=snapshots) as client, make_client(snapshots=snapshots, cache_bytes=0) as other:
        for prefix, query in asked:
            whole: list[Any] = []
            for k in (300, 1, 2, 3, 4, 9, 10, 11, 33, 99, 100, 101, 150, 299):
                body = {"snippet_chars": 0, **query, "k": k, "mode": mode}
                response = await (client if k % 2 else other).post(f"{prefix}/v1/search", json=body)
                assert response.status_code == 200, response.text
                hits = response.json()["hits"]
                whole = whole or hits
                assert hits == whole[:k], body


async def test_the_nearest_k_pages_are_the_beginning_of_the_nearest_k_plus_one(
    make_client: MakeClient, hard: HardWeb
) -> None:
    async with make_client(snapshots={"hard": hard.one}) as client:
        for number in range(0, len(hard.one.store), 40):
            page = {"doc_id": hard.one.store.doc_id(number), "snippet_chars": 0}
            whole = (await client.post("/v1/similar", json={**page, "k": 200})).json()["hits"]
            for k in (1, 2, 5, 20, 61, 199):
                hits = (await client.post("/v1/similar", json={**page, "k": k})).json()["hits"]
                assert hits == whole[:k], (page, k)


def test_a_server_with_two_workers_counts_for_both(tiny_path: Path) -> None:
    with running_server(tiny_path, workers="2") as url:
        for i in range(40):
            with httpx.Client(timeout=60) as client:  # a connection of its own, so that both workers get some
                assert client.post(f"{url}/v1/search", json={"query": f"lamp {i % 4}"}).status_code == 200
        # A worker counts a request just after it has sent the answer.
        deadline = time.monotonic() + 60
        while (counted := searches_counted(url)) < 40:
            assert time.monotonic() < deadline, f"only {counted} are counted"
            time.sleep(0.1)
    assert counted == 40


def searches_counted(url: str) -> float:
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in httpx.get(f"{url}/metrics", timeout=30).text.splitlines()
        if line.startswith("stillweb_requests_total") and 'route="/v1/search"' in line
    )


_HOLDING_SERVER = """
import asyncio, sys
import uvicorn
from env_server.app import app_from_env
from env_server.cli import _config

async def main(port):
    front = app_from_env()
    behind, inside, go_on = front.app, 0, asyncio.Event()

    async def holding(scope, receive, send):
        nonlocal inside
        if scope.get("path") == "/v1/search":
            inside += 1
            if inside == 40:
                print("inside", flush=True)
            await go_on.wait()
        await behind(scope, receive, send)

    front.app = holding
    asyncio.get_running_loop().add_reader(sys.stdin, go_on.set)
    config = _config("127.0.0.1", port, 1)
    config.app, config.factory = front, False
    config.timeout_graceful_shutdown *= 6
    await uvicorn.Server(config).serve()

asyncio.run(main(int(sys.argv[1])))
"""
"""`stillweb serve` whose searches wait until something comes in on its standard input.

It says when 40 of them do. They may take longer to be answered then than with a server that is not told to: the machine
may have other work.
"""


async def test_requests_in_flight_are_answered_before_the_server_leaves(tiny_path: Path) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HOLDING_SERVER, str(port), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
        env={**os.environ, "STILLWEB_SNAPSHOTS": json.dumps({"tiny": str(tiny_path)}), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        async with asyncio.timeout(120), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while not await listens():
                assert process.returncode is None
                await asyncio.sleep(0.05)
            requests: list[Request] = [("POST", "/v1/search", {"query": f"lamp {number}"}) for number in range(40)]
            asking = [asyncio.create_task(ask(client, request)) for request in requests]
            assert await process.stdout.readline() == b"inside\n"
            process.terminate()
            # It is on its way out when it takes nobody in any more, and none of the 40 has been answered.
            while await listens():  # noqa: ASYNC110  there is no event for what is waited for
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)  # one that did not wait for them would give them up now
            assert not any(task.done() for task in asking)
            process.stdin.write(b"go on\n")
            assert [status for status, _ in await asyncio.gather(*asking)] == [200] * 40
            assert await process.wait() in (0, -signal.SIGTERM)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_a_worker_leaves_whose_parent_was_gone_before_it_could_ask_to_be_told(tmp_path: Path) -> None:
    found = tmp_path / "found"
    subprocess.run([sys.executable, "-m", "tests.env_server.orphan", str(found)], cwd=ROOT, check=False)
    deadline = time.monotonic() + 60
    while not found.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found.read_text() == "left"


def test_workers_leave_with_a_parent_that_was_killed(tiny_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "stillweb", "serve", str(tiny_path), "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    deadline = time.monotonic() + 60
    while not answers():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    process.wait(10)
    deadline = time.monotonic() + 60
    while answers():
        assert time.monotonic() < deadline, "a worker lives on and keeps the port"
        time.sleep(0.1)
