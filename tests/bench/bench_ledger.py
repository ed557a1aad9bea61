"""What the ledger costs a stateless call: CPU microseconds with it and without, in turn, and what is left is the flush.

    python -m tests.bench.bench_ledger [--rounds N] [--calls N]

The whole application is called in this process, without a socket, so that nothing else hides the difference. CPU time
is that of the process, all its threads, the writes to SQLite (once a second, as in a server) among them. Each round
asks the same calls of an application whose ledger counts and of one whose ledger does nothing, in an order that
changes; figures are medians over rounds, that of a difference the median of the differences within a round. The demo is
built first. "worst" mixes searches and fetches over 500 runs, so that every second has all their pages to write.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from corpus import Snapshot, build_snapshot, open_snapshot
from env_server.app import create_app
from env_server.front import Front
from env_server.ledger.store import LedgerStore, read_ledger
from env_server.ledger.tallies import Ledger
from env_server.settings import ServerSettings
from tests.bench.figures import write_figures

AT_MOST_US = 20

Request = tuple[str, bytes, bytes]
"""Path, body, X-Stillweb-Run."""


class Silent(Ledger):
    """A ledger that counts nothing."""

    def count(self, *_: Any) -> None:
        pass


def requests_of(web: Snapshot, kind: str, count: int, seed: int) -> list[Request]:
    """Repeated requests, so that all but the first are answered from the cache; "worst" spreads them over runs."""
    draw = random.Random(seed)
    urls, titles, _ = zip(*(web.store.head(number) for number in range(len(web.store))), strict=True)
    searches = [("/v1/search", orjson.dumps({"query": title, "k": 10})) for title in titles]
    fetches = [("/v1/fetch", orjson.dumps({"url": url})) for url in urls]
    asked = {"search hit": searches, "fetch hit": fetches}.get(kind, searches + fetches)
    runs = [b"run-%d" % number for number in range(500)] if kind == "worst" else [b""]
    return [(*draw.choice(asked), draw.choice(runs)) for _ in range(count)]


async def ask(front: Front, request: Request) -> None:
    path, body, run = request
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [*headers, (b"x-stillweb-run", run)] if run else headers, "server": ("127.0.0.1", 8080),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        pass

    await front(scope, receive, send)


async def cost(front: Front, requests: list[Request]) -> float:
    """CPU microseconds a request, with a flush a second and one at the end."""
    watching = asyncio.create_task(front.ledger.watch())
    begun = time.process_time()
    for place, request in enumerate(requests):
        await ask(front, request)
        if place % 64 == 0:
            await asyncio.sleep(0)  # the flush gets its turn, as between the requests of a server
    await front.ledger.flush()
    spent = time.process_time() - begun
    watching.cancel()
    return 1e6 * spent / len(requests)


def counting_us(front: Front, requests: list[Request]) -> float:
    """`Ledger.count` alone, of an answer that is kept: what a request waits for."""
    kept = list(front.cache._kept.values())
    scopes = [{"stillweb": front._native, "path": path} for path, _, _ in requests]
    answers = [kept[place % len(kept)] for place in range(len(requests))]
    ledger = front.ledger
    begun = time.process_time()
    for scope, answer in zip(scopes, answers, strict=True):
        ledger.count(scope, scope["path"], answer, "hit")
    spent = time.process_time() - begun
    ledger.settle()
    return 1e6 * spent / len(requests)


async def measure(web: Snapshot, kind: str, rounds: int, count: int, folder: Path) -> dict[str, float]:
    """Medians over rounds."""
    settings = ServerSettings(snapshots={"web": web.path}, threads=1)
    on, off = create_app({"web": web}, settings), create_app({"web": web}, settings)
    on.ledger.store, off.ledger = LedgerStore(folder / f"{kind.split()[0]}.sqlite"), Silent(off.metrics)
    requests = requests_of(web, kind, count, seed=0)
    for front in (on, off):
        for request in requests[: count // 4]:
            await ask(front, request)
        await front.ledger.flush()
    asked = count // 4
    with_it, without, alone = [], [], []
    for number in range(rounds):
        order = [(on, with_it), (off, without)]
        for front, figures in order if number % 2 else order[::-1]:
            figures.append(await cost(front, requests))
        alone.append(counting_us(on, requests))
        asked += 2 * count
    await on.ledger.close()
    counted = sum(line.counts.calls for line in read_ledger(folder / f"{kind.split()[0]}.sqlite").lines)
    assert counted == asked, (counted, asked)
    return {
        "with_us": round(statistics.median(with_it), 2),
        "without_us": round(statistics.median(without), 2),
        "ledger_us": round(statistics.median(a - b for a, b in zip(with_it, without, strict=True)), 2),
        "ratio": round(statistics.median(a / b for a, b in zip(with_it, without, strict=True)), 3),
        "count_alone_us": round(statistics.median(alone), 2),
    }


def main(rounds: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build_snapshot(["factbook:"], Path(folder) / "demo")
        web = open_snapshot(Path(folder) / "demo")
        measured: dict[str, Any] = {
            kind: asyncio.run(measure(web, kind, rounds, count, Path(folder)))
            for kind in ("search hit", "fetch hit", "worst")
        }
    worst = max(figures["ledger_us"] for figures in measured.values())
    measured["bound"] = {"figure": worst, "at_most": AT_MOST_US, "kept": worst <= AT_MOST_US}
    measured["calls"], measured["rounds"] = count, rounds
    write_figures("ledger", "python -m tests.bench.bench_ledger", measured)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=40_000)
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.calls)
