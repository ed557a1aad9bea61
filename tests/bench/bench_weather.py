"""What weather and episodes cost a call: CPU microseconds with and without, in turn, in one run.

    python -m tests.bench.bench_weather [--rounds N] [--calls N]

Stateless: the whole application is called in this process, without a socket, so that nothing else hides a difference.
Answers are in the cache. "again" is a second application like the first, and tells what the same costs twice:
a difference below that is none. Episodes: a server in a process of its own, asked over HTTP, outside and inside
episodes; its CPU is that of all its processes, beside it that of PostgreSQL. Every round asks all of them, in an order
that changes; a difference is taken within a round, and figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from corpus import Snapshot, build_snapshot, open_snapshot
from env_server.app import create_app
from env_server.front import Front
from env_server.settings import ServerSettings
from tests.bench.bench_ledger import Request, ask, requests_of
from tests.bench.bench_storm import clients_of, message_of
from tests.bench.figures import write_figures
from tests.bench.serving.client import drive, run
from tests.bench.serving.processes import Server, stillweb
from tests.env_server.databases import postgresql

WEATHER_US, EPISODE_US = 30.0, 300.0
"""What weather may cost a stateless call, and what a call may cost more for being in an episode."""
APART = ("plain", "again", "episodes kept", "calm", "weekday", "storm")
OPENED = 64
INSIDE = {"outside": None, "calm": None, "weekday": "weekday", "storm": "storm"}
"""Where calls are made -> the weather of the episodes. A storm finds fewer pages by each seed, so that its searches are
computed for every episode: what it adds is that, and no part of the bound."""


def fronts_of(web: Snapshot, folder: Path) -> dict[str, Front]:
    """Applications that differ in weather alone."""
    found = {}
    for name in APART:
        options: dict[str, Any] = {"weather": name} if name in ("calm", "weekday", "storm") else {}
        if name == "episodes kept":
            options["database"] = str(folder / "apart.sqlite")
        settings = ServerSettings(snapshots={"web": web.path}, threads=1, virtual_time=True, **options)
        found[name] = create_app({"web": web}, settings)
    return found


async def asked(front: Front, requests: Sequence[Request]) -> float:
    """CPU microseconds a call."""
    begun = time.process_time()
    for request in requests:
        await ask(front, request)
    return 1e6 * (time.process_time() - begun) / len(requests)


async def stateless(web: Snapshot, folder: Path, kind: str, rounds: int, count: int) -> dict[str, Any]:
    """Name of the application -> what a call costs there, and how much more than at "plain"."""
    fronts = fronts_of(web, folder)
    requests = requests_of(web, kind, count, seed=0)
    for front in fronts.values():
        for request in dict.fromkeys(requests):
            await ask(front, request)
    spent: dict[str, list[float]] = {name: [] for name in fronts}
    for number in range(rounds):
        for name in _turned(list(fronts), number):
            spent[name].append(await asked(fronts[name], requests))
    return {name: _compared(spent[name], spent["plain"]) for name in fronts}


def _turned(names: list[str], number: int) -> list[str]:
    """Each first once, and every second time backwards."""
    start = number % len(names)
    turned = names[start:] + names[:start]
    return turned[::-1] if number % 2 else turned


def _compared(found: Sequence[float], base: Sequence[float]) -> dict[str, float]:
    return {
        "us": round(statistics.median(found), 1),
        "more_us": round(statistics.median(a - b for a, b in zip(found, base, strict=True)), 1),
        "ratio": round(statistics.median(a / b for a, b in zip(found, base, strict=True)), 3),
    }


async def opened(server: Server) -> None:
    """64 episodes for each weather."""
    async with clients_of(server.port, 8) as clients:
        for name, weather in INSIDE.items():
            for number in range(OPENED):
                spec = orjson.dumps({"id": f"{name}-{number}", "seed": number, "weather": weather})
                status, _, body = await clients.ask("POST", "/v1/episodes", spec)
                assert status in (200, 201), body


def messages_of(web: Snapshot, where: str, number: int, count: int) -> list[bytes]:
    """Searches that are in the cache, of one round; those of an episode differ, so that none waits for another."""
    titles = [web.store.head(place)[1] for place in range(len(web.store))]
    random.Random(number).shuffle(titles)
    found = []
    for place in range(count):
        body = orjson.dumps({"query": titles[place // OPENED % len(titles)], "k": 10})
        inside = () if where == "outside" else (f"X-Stillweb-Episode: {where}-{place % OPENED}",)
        found.append(message_of("POST", "/v1/search", body, *inside))
    return found


def in_episodes(
    web: Snapshot, server: Server, clients: int, rounds: int, count: int, database_s: Callable[[], float]
) -> dict[str, Any]:
    """Where calls are made -> CPU of the server and of PostgreSQL, and the median latency, with what is more."""
    spent: dict[str, list[float]] = {where: [] for where in INSIDE}
    waited: dict[str, list[float]] = {where: [] for where in INSIDE}
    database: dict[str, list[float]] = {where: [] for where in INSIDE}
    for number in range(rounds + 1):
        for where in _turned(list(INSIDE), number):
            messages = messages_of(web, where, 0 if number == 0 else number, count)
            begun = database_s()
            load = run(drive(server, messages, clients))
            if number == 0:
                continue  # fills the cache
            assert load.requests == count
            assert INSIDE[where] or not load.errors, load.statuses
            spent[where].append(load.server_us)
            waited[where].append(1000 * load.percentile_ms(50))
            database[where].append(1e6 * (database_s() - begun) / count)
    return {
        where: {
            **_compared(spent[where], spent["outside"]),
            "database_us": round(statistics.median(database[where]), 1),
            "p50_us": round(statistics.median(waited[where])),
        }
        for where in INSIDE
    }


def cpu_below(pid: int) -> float:
    """CPU seconds of a process and of those it started."""
    return Server(pid, 0, 0.0).cpu_s()


def main(snapshot: Path, rounds: int, count: int, folder: Path) -> dict[str, Any]:
    web = open_snapshot(snapshot)
    apart = {kind: asyncio.run(stateless(web, folder, kind, rounds, count)) for kind in ("search hit", "fetch hit")}
    inside: dict[str, Any] = {}
    with postgresql() as new:
        pid = new.args[0].get_pid()
        for database in ("SQLite", "PostgreSQL"):
            for workers in (1, 2):
                url = new() if database == "PostgreSQL" else str(folder / f"inside-{workers}.sqlite")
                spent = partial(cpu_below, pid) if database == "PostgreSQL" else float
                options = ("--virtual-time", "--database", url, "--workers", str(workers))
                with stillweb(snapshot, *options) as server:
                    run(opened(server))
                    for clients in (1, 64):
                        name = f"{database}, {workers} worker{'s' * (workers > 1)}, {clients} at once"
                        inside[name] = in_episodes(web, server, clients, rounds, max(640, count // 5), spent)
    noise = max(abs(found["again"]["more_us"]) for found in apart.values())
    off = max(found["episodes kept"]["more_us"] for found in apart.values())
    weather = max(found[name]["more_us"] for found in apart.values() for name in ("weekday", "storm"))
    episode = max(found[name]["more_us"] for found in inside.values() for name in ("calm", "weekday"))
    bounds = {
        "weather off": {"more_us": off, "at_most_us": noise, "kept": off <= noise},
        "weather on, stateless": {"more_us": weather, "at_most_us": WEATHER_US, "kept": weather < WEATHER_US},
        "in an episode": {"more_us": episode, "at_most_us": EPISODE_US, "kept": episode <= EPISODE_US},
    }
    return {
        "snapshot_id": web.snapshot_id, "rounds": rounds, "calls": count, "noise_us": noise, "bounds": bounds,
        "stateless": apart, "episodes": inside,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--calls", type=int, default=4000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        build_snapshot(["factbook:"], Path(place) / "demo")
        figures = main(Path(place) / "demo", given.rounds, given.calls, Path(place))
    write_figures("weather", "python -m tests.bench.bench_weather", figures)
