"""The promise: equal bytes alone, under load, with two workers, without a cache, after a restart."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from corpus import Snapshot

Request = tuple[str, str, dict[str, Any]]
Answer = tuple[int, bytes]


def mixed_requests(snapshot: Snapshot, count: int, seed: int = 11) -> list[Request]:
    """Searches of every mode, fetches, finds, extracts, links and lists, some wrong, some repeated."""
    rng = random.Random(seed)
    store = snapshot.store
    heads = [store.head(number) for number in range(len(store))]
    words = sorted({word for number in range(0, len(store), 9) for word in store.text(number)[:3000].split()})
    requests: list[Request] = []
    while len(requests) < count:
        url, title, _ = rng.choice(heads)
        query = " ".join([*rng.choices(words, k=rng.randint(1, 9)), *rng.choice([[title], []])])
        requests.append(
            rng.choice(
                [
                    ("POST", "/v1/search", {"query": query, "k": rng.choice([1, 5, 10, 40]), "mode": "bm25"}),
                    ("POST", "/v1/search", {"query": query, "mode": rng.choice(["dense", "hybrid"])}),
                    (
                        "POST",
                        "/v1/search",
                        {"query": query, "level": "passage", "after": "2020", "include_undated": True},
                    ),
                    (
                        "POST",
                        "/v1/search",
                        {"query": query, "exclude_urls": [url], "snippet_chars": rng.randint(0, 500)},
                    ),
                    ("POST", "/v1/search/batch", {"queries": [query, title, query, ""], "k": 3}),
                    ("POST", "/v1/fetch", {"url": url, "page": rng.randint(1, 4), "page_chars": 5000}),
                    ("POST", "/v1/fetch", {"url": url, "section": "Geography", "format": "text"}),
                    ("POST", "/v1/fetch/batch", {"items": [{"url": url}, {"url": url + "missing"}]}),
                    ("POST", "/v1/find", {"url": url, "pattern": rng.choice(words), "context_chars": 30}),
                    ("POST", "/v1/similar", {"url": url, "k": 4}),
                    ("POST", "/v1/extract", {"url": url, "goal": query}),
                    ("GET", "/v1/links", {"url": url}),
                    ("GET", "/v1/documents", {"limit": rng.randint(1, 60)}),
                    ("POST", "/v1/search", {"query": query, "k": 0}),
                ]
            )
        )
        if rng.random() < 0.2:
            requests.append(rng.choice(requests))
    return requests[:count]


@contextmanager
def running_server(snapshot: Path, **environment: str) -> Iterator[str]:
    """`stillweb serve` in a process of its own on a free port; ended by SIGTERM, which must be enough."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["serve", str(snapshot), "--port", str(port)]
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
    method, path, values = request
    if method == "GET":
        response = await client.get(path, params=values)
    else:
        response = await client.post(path, json=values)
    return response.status_code, response.content


async def ask_all(url: str, requests: list[Request], concurrency: int, seed: int = 0) -> list[Answer]:
    """Answers in the order of the requests, which are sent in another order each time."""
    order = list(range(len(requests)))
    random.Random(seed).shuffle(order)
    answers: list[Answer] = [(0, b"")] * len(requests)
    limits = httpx.Limits(max_connections=concurrency)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        waiting = iter(order)

        async def worker() -> None:
            for place in waiting:
                answers[place] = await ask(client, requests[place])

        await asyncio.gather(*(worker() for _ in range(concurrency)))
    return answers


def check_promise(snapshot: Snapshot, count: int) -> None:
    requests = mixed_requests(snapshot, count)
    with running_server(snapshot.path) as url:
        alone = asyncio.run(ask_all(url, requests, 1, seed=1))
        hits = asyncio.run(ask_all(url, requests, 64, seed=2))
    assert {status for status, _ in alone} == {200, 404, 422}
    with running_server(snapshot.path) as url:
        loaded = asyncio.run(ask_all(url, requests, 64, seed=3))
    with running_server(snapshot.path, workers="2") as url:
        two_workers = asyncio.run(ask_all(url, requests, 64, seed=4))
    with running_server(snapshot.path, cache_mb="0") as url:
        no_cache = asyncio.run(ask_all(url, requests, 16, seed=5))
    ways = {"from the cache": hits, "under load": loaded, "two workers": two_workers, "no cache": no_cache}
    for how, answers in ways.items():
        different = [requests[i] for i, (a, b) in enumerate(zip(alone, answers, strict=True)) if a != b]
        assert different == [], how
    print(f"{count} requests, 5 ways, {sum(len(body) for _, body in alone):,} bytes each: equal")


def test_200_mixed_requests_are_equal_in_bytes_however_they_are_served(factbook: Snapshot) -> None:
    check_promise(factbook, 200)


@pytest.mark.slow
def test_2000_mixed_requests_are_equal_in_bytes_however_they_are_served(factbook: Snapshot) -> None:
    check_promise(factbook, 2000)


def test_a_server_with_two_workers_counts_for_both(tiny_path: Path) -> None:
    with running_server(tiny_path, workers="2") as url:
        for i in range(40):
            with httpx.Client() as client:  # a connection of its own, so that both workers get some
                assert client.post(f"{url}/v1/search", json={"query": f"lamp {i % 4}"}).status_code == 200
        text = httpx.get(f"{url}/metrics").text
    counted = sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("stillweb_requests_total") and 'route="/v1/search"' in line
    )
    assert counted == 40


def test_requests_in_flight_are_answered_before_the_server_leaves(factbook: Snapshot) -> None:
    async def storm(url: str, stop: Any) -> list[int]:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            tasks = [asyncio.create_task(ask(client, request)) for request in mixed_requests(factbook, 40, seed=5)]
            await asyncio.sleep(0.3)
            stop()
            return [status for status, _ in await asyncio.gather(*tasks)]

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "stillweb", "serve", str(factbook.path), "--port", str(port)], stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            if httpx.get(f"{url}/ready").status_code == 200:
                break
        except httpx.HTTPError:
            time.sleep(0.1)
    statuses = asyncio.run(storm(url, process.terminate))
    process.wait(20)
    assert set(statuses) <= {200, 404, 422}


def test_workers_leave_with_a_parent_that_was_killed(tiny_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "stillweb", "serve", str(tiny_path), "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    deadline = time.monotonic() + 30
    while not answers():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    process.wait(10)
    while answers():
        assert time.monotonic() < deadline, "a worker lives on and keeps the port"
        time.sleep(0.1)
