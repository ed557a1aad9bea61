"""Episodes under storm, played again at other loads, over other workers and databases: how many observations differ.

    python -m tests.bench.bench_storm [--episodes 1000]

An episode is ten calls, one after the other, over native routes and dialects. What is asked next depends on the
episode's number and on what it was answered, and an answer that is no 200 is asked for up to three times, so that one
observation that differs leads the rest astray. The run that the others are compared with has one client, one worker,
no cache. An observation is status, body, Retry-After, and the faults and the delay that the headers tell; each is
looked up on record, too. Time is virtual: a timeout of a minute takes none.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from corpus import Snapshot, build_snapshot, open_snapshot
from tests.bench.figures import write_figures
from tests.bench.serving.client import Answer, Connection, connect, run
from tests.bench.serving.processes import TOKEN, Server, stillweb
from tests.env_server.databases import postgresql

CALLS = 10
TRIES = 3
BUDGET = 8
"""Calls of every tenth episode: the last two are refused."""
ROUTES = (
    ("/v1/search", "query", {"k": 5}),
    ("/v1/search", "query", {"k": 5, "mode": "bm25", "level": "passage"}),
    ("/serper/search", "q", {"num": 5}),
    ("/tavily/search", "query", {"max_results": 4}),
    ("/exa/search", "query", {"numResults": 4}),
    ("/v1/fetch", "url", {"page_chars": 4000}),
    ("/v1/find", "url", {"pattern": "capital"}),
    ("/v1/extract", "url", {"goal": "capital, language and exports", "max_chars": 800}),
    ("/v1/similar", "url", {"k": 4}),
    ("/tavily/extract", "urls", {}),
    ("/firecrawl/v2/scrape", "url", {}),
)
RUNS = (
    ("SQLite", 1, (1, 64, 256)),
    ("SQLite", 2, (64, 256)),
    ("PostgreSQL", 1, (64,)),
    ("PostgreSQL", 2, (1, 64, 256)),
)
TOPICS = "exports capital terrain climate languages coastline pipelines religions airports ports".split()
_URL = re.compile(rb"https://www\.cia\.gov/the-world-factbook/countries/[a-z0-9-]+/")
_TOLD = re.compile(rb"\r\nx-stillweb-(fault|latency-s): ([^\r]*)|\r\nretry-after: ([^\r]*)")


@dataclass(frozen=True, slots=True)
class Observation:
    """What a call came to."""

    status: int
    faults: bytes
    """Kinds drawn, or empty."""
    latency_s: bytes
    retry_after: bytes
    digest: str

    @classmethod
    def of(cls, answer: Answer) -> Observation:
        status, head, body = answer
        found = {(match[1] or b"retry"): match[2] or match[3] or b"" for match in _TOLD.finditer(head)}
        digest = hashlib.sha256(body).hexdigest()[:32]
        return cls(status, found.get(b"fault", b""), found.get(b"latency-s", b""), found.get(b"retry", b""), digest)


class Wanderer:
    """What one episode asks next: a function of its number and of what it was answered."""

    def __init__(self, number: int, web: Snapshot) -> None:
        self._draw = random.Random(f"storm {number}")
        count = len(web.store)
        self._titles = [web.store.head(self._draw.randrange(count))[1] for _ in range(3)]
        self._urls = [web.store.head(self._draw.randrange(count))[0]]
        self._evidence = [web.store.doc_id(self._draw.randrange(count)) for _ in range(2)]
        self._distractors = [web.store.doc_id(self._draw.randrange(count)) for _ in range(3)]
        self._asked: tuple[str, bytes] = ("", b"")
        self._tries = 0
        self.spec: dict[str, Any] = {"seed": number, "weather": "storm"}
        if number % 2:
            self.spec |= {"evidence": self._evidence, "distractors": self._distractors, "answer": "none"}
        if number % 10 == 9:
            self.spec["budget"] = {"calls": BUDGET}

    def next(self, answer: Answer | None) -> tuple[str, bytes]:
        """(path, body) of the next call."""
        if answer is not None and answer[0] != 200 and self._tries < TRIES:
            self._tries += 1
            return self._asked
        if answer is not None:
            self._urls = [url.decode() for url in _URL.findall(answer[2])[:5]] or self._urls
        path, name, options = self._draw.choice(ROUTES)
        if name in ("url", "urls"):
            url = self._draw.choice(self._urls)
            body = {name: [url] if name == "urls" else url, **options}
        else:
            body = {name: f"{self._draw.choice(self._titles)} {self._draw.choice(TOPICS)}", **options}
        self._tries, self._asked = 1, (path, orjson.dumps(body))
        return self._asked


def message_of(method: str, path: str, body: bytes = b"", *more: str) -> bytes:
    """A request as it is sent; `more` are header lines."""
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {TOKEN}", *more]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


class Clients:
    """Connections to a server, taken in turn, so that the calls of an episode come to every worker."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        for connection in connections:
            self._free.put_nowait(connection)

    async def ask(self, method: str, path: str, body: bytes = b"", *more: str) -> Answer:
        """Raises OSError where the connection ends before the answer."""
        connection = await self._free.get()
        try:
            if connection._transport.is_closing():  # it would wait for ever
                raise ConnectionResetError("the server closed the connection")
            return await connection.ask(message_of(method, path, body, *more))
        finally:
            self._free.put_nowait(connection)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


@asynccontextmanager
async def clients_of(port: int, count: int) -> AsyncIterator[Clients]:
    clients = Clients([await connect(port) for _ in range(count)])
    try:
        yield clients
    finally:
        clients.close()


async def played(clients: Clients, web: Snapshot, number: int, name: str) -> list[Observation]:
    """One episode, opened as `name`; raises AssertionError where its record is not what was answered."""
    wanderer = Wanderer(number, web)
    status, _, body = await clients.ask("POST", "/v1/episodes", orjson.dumps({**wanderer.spec, "id": name}))
    assert status in (200, 201), body
    answer: Answer | None = None
    seen = []
    for place in range(CALLS):
        path, sent = wanderer.next(answer)
        inside = (f"/e/{name}{path}", sent) if place % 2 else (path, sent, f"X-Stillweb-Episode: {name}")
        answer = await clients.ask("POST", *inside)
        seen.append(Observation.of(answer))
    status, _, body = await clients.ask("GET", f"/v1/episodes/{name}")
    assert status == 200, body
    kept = [(row["status"], row["observation"]) for row in orjson.loads(body)["calls"]]
    most = wanderer.spec.get("budget", {}).get("calls", CALLS)
    assert kept == [(each.status, each.digest) for each in seen[:most]], (name, kept, seen)
    return seen


async def replayed(server: Server, web: Snapshot, episodes: int, concurrency: int) -> list[list[Observation]]:
    """Every episode's observations, so many episodes under way at once."""
    waiting = iter(range(episodes))
    found: dict[int, list[Observation]] = {}
    async with clients_of(server.port, max(concurrency, 8)) as clients:

        async def work() -> None:
            for number in waiting:
                found[number] = await played(clients, web, number, f"c{concurrency}-{number}")

        await asyncio.gather(*(work() for _ in range(concurrency)))
    return [found[number] for number in range(episodes)]


def differing(ones: Sequence[Sequence[Observation]], others: Sequence[Sequence[Observation]]) -> int:
    """Observations that are not the same at the same place of the same episode."""
    assert len(ones) == len(others)
    return sum(a != b for one, other in zip(ones, others, strict=True) for a, b in zip(one, other, strict=True))


def reference(snapshot: Path, web: Snapshot, episodes: int, folder: Path) -> list[list[Observation]]:
    """One client, one worker, nothing kept."""
    database = ("--database", str(folder / "reference.sqlite"))
    with stillweb(snapshot, "--virtual-time", "--cache-mb", "0", *database) as server:
        return run(replayed(server, web, episodes, 1))


def main(snapshot: Path, episodes: int, folder: Path) -> dict[str, Any]:
    web = open_snapshot(snapshot)
    expected = reference(snapshot, web, episodes, folder)
    calls = [each for seen in expected for each in seen]
    kinds = Counter(kind.decode() for each in calls for kind in each.faults.split())
    runs: dict[str, Any] = {}
    with postgresql() as new:
        for database, workers, at_once in RUNS:
            url = new() if database == "PostgreSQL" else str(folder / f"{workers}.sqlite")
            options = ("--virtual-time", "--database", url, "--workers", str(workers))
            with stillweb(snapshot, *options) as server:
                for concurrency in at_once:
                    name = f"{database}, {workers} worker{'s' * (workers > 1)}, {concurrency} at once"
                    runs[name] = _run(partial(replayed, server, web, episodes, concurrency), expected)
                    print(name, runs[name], file=sys.stderr)
    return {
        "snapshot_id": web.snapshot_id,
        "episodes": episodes,
        "calls": len(calls),
        "met_a_fault": sum(bool(each.faults) for each in calls),
        "not_200": sum(each.status != 200 for each in calls),
        "differing": sum(row["differing"] for row in runs.values()),
        "runs": runs,
        "faults": dict(sorted(kinds.items())),
    }


def _run(play: Any, expected: Sequence[Sequence[Observation]]) -> dict[str, Any]:
    started = time.perf_counter()
    found = run(play())
    return {
        "calls": sum(map(len, found)),
        "differing": differing(expected, found),
        "wall_s": round(time.perf_counter() - started, 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        build_snapshot(["factbook:"], Path(place) / "demo")
        measured = main(Path(place) / "demo", given.episodes, Path(place))
    write_figures("storm", "python -m tests.bench.bench_storm", measured)
    if measured["differing"]:
        raise SystemExit(f"{measured['differing']} observations differ.")
