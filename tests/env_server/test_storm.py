"""A storm is the same whatever runs beside it, and episodes outlive their server: real servers, both databases.

STILLWEB_KILLS says how often the server is killed (once; `make full` sets 20). tests/bench/bench_storm.py is the same
with 10,000 calls.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest

from corpus import Snapshot
from tests.bench import render_weather
from tests.bench.bench_faults import measured
from tests.bench.bench_storm import Answer, Clients, Observation, Wanderer, clients_of, differing, reference, replayed
from tests.bench.serving.client import run
from tests.bench.serving.processes import Server, stillweb

KILLS = int(os.environ.get("STILLWEB_KILLS", "1"))
EPISODES = 100
AGENTS = 16


@pytest.fixture(scope="module")
def expected(factbook: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> list[list[Observation]]:
    """A thousand calls of a hundred episodes, alone on one worker that keeps no answer."""
    return reference(factbook.path, factbook, EPISODES, tmp_path_factory.mktemp("reference"))


def wait_for_workers(server: Server, count: int) -> None:
    """The first worker answers while the others still start."""
    until = time.monotonic() + 60
    while len(server.workers()) < count:
        assert time.monotonic() < until, f"{len(server.workers())} of {count} workers came up"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_thousand_calls_under_storm_are_the_same_at_every_load_and_over_two_workers(
    url: str, factbook: Snapshot, expected: list[list[Observation]]
) -> None:
    calls = [each for seen in expected for each in seen]
    assert len(calls) == 10 * EPISODES
    assert {each.status for each in calls} >= {200, 402, 404, 429, 503, 504}
    with stillweb(factbook.path, "--virtual-time", "--database", url, "--workers", "2") as server:
        wait_for_workers(server, 2)
        for concurrency in (64, 256):
            assert differing(expected, run(replayed(server, factbook, EPISODES, concurrency))) == 0


@pytest.mark.parametrize("name", render_weather.PAGES)
def test_the_figures_of_the_pages_on_weather_and_episodes_are_those_measured(name: str) -> None:
    """`python -m tests.bench.render_weather` writes them in."""
    text = render_weather.page(name).read_text("utf-8")
    assert render_weather.rendered(name) == text
    typed = re.sub(r"<!-- (\w+) -->\n.*?<!-- end of \1 -->|```.*?```", "", text, flags=re.DOTALL)
    found = re.findall(r"[\d.,]+ (?:us|microseconds|ms|MiB|calls a second)\b", typed)
    assert set(found) <= {"300 us", "64 MiB"}, "a figure that somebody typed"  # these two are bounds


def test_the_storm_that_was_measured_is_the_one_owed_and_nothing_differed() -> None:
    measured = render_weather.read("storm")["measured"]
    assert (measured["calls"], measured["episodes"], measured["differing"]) == (10_000, 1_000, 0)
    for load in ("1 worker, 1 at once", "1 worker, 64 at once", "1 worker, 256 at once", "2 workers, 64 at once"):
        assert f"SQLite, {load}" in measured["runs"], "this load was not measured"


async def until_killed(server: Server, web: Snapshot, given: dict[str, list[tuple[int, str]]], kill_at: int) -> None:
    """Agents call until the server is killed, which is after so many answers; `given` gets what each was answered."""
    left = kill_at

    async def agent(clients: Clients, name: str) -> None:
        nonlocal left
        wanderer, answer = Wanderer(len(given[name]), web), None
        while left > 0:
            path, body = wanderer.next(answer)
            try:
                answer = await clients.ask("POST", f"/e/{name}{path}", body)
            except OSError:
                return
            seen = Observation.of(answer)
            given[name].append((seen.status, seen.digest))
            left -= 1
            if left == 0:
                os.killpg(server.pid, signal.SIGKILL)

    async with clients_of(server.port, len(given)) as clients:
        await asyncio.gather(*(agent(clients, name) for name in given))
    assert left <= 0


async def on_record(clients: Clients, name: str) -> list[tuple[int, str]]:
    status, _, body = await clients.ask("GET", f"/v1/episodes/{name}")
    assert status == 200, body
    return [(row["status"], row["observation"]) for row in orjson.loads(body)["calls"]]


async def opened(server: Server, names: Iterable[str], weather: str) -> None:
    async with clients_of(server.port, 64) as clients:

        async def one(number: int, name: str) -> None:
            spec = {"id": name, "seed": number, "weather": weather}
            status, _, body = await clients.ask("POST", "/v1/episodes", orjson.dumps(spec))
            assert status in (200, 201), body

        await asyncio.gather(*(one(number, name) for number, name in enumerate(names)))


@pytest.mark.slow
def test_no_answer_that_an_episode_was_given_is_lost_when_the_server_is_killed_again_and_again(
    url: str, factbook: Snapshot
) -> None:
    draw = random.Random("kills")
    given: dict[str, list[tuple[int, str]]] = {f"k-{number}": [] for number in range(AGENTS)}

    async def check(server: Server) -> None:
        async with clients_of(server.port, AGENTS) as clients:
            for name, calls in given.items():
                kept = await on_record(clients, name)
                assert kept[: len(calls)] == calls
                assert len(kept) <= len(calls) + 1  # and the one that was under way
                given[name] = kept

    for number in range(KILLS + 1):
        with stillweb(factbook.path, "--virtual-time", "--database", url, "--workers", "2") as server:
            run(check(server) if number else opened(server, given, "storm"))
            if number < KILLS:
                run(until_killed(server, factbook, given, draw.randrange(100, 400)))
    assert sum(map(len, given.values())) >= 100 * KILLS


@pytest.mark.slow
def test_two_thousand_open_episodes_survive_a_restart_and_each_goes_on_where_it_was(
    factbook: Snapshot, tmp_path: Path
) -> None:
    names = [f"open-{number}" for number in range(2000)]
    sent = orjson.dumps({"query": "salt lakes", "k": 3})

    async def call_all(server: Server) -> dict[str, Answer]:
        async with clients_of(server.port, 64) as clients:

            async def one(name: str) -> Answer:
                return await clients.ask("POST", f"/e/{name}/v1/search", sent)

            return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

    async def check(server: Server, both: dict[str, list[Answer]]) -> None:
        async with clients_of(server.port, 64) as clients:

            async def one(name: str) -> None:
                status, _, body = await clients.ask("GET", f"/v1/episodes/{name}")
                assert status == 200, body
                told = orjson.loads(body)
                assert told["state"] == "open"
                seen = [Observation.of(answer) for answer in both[name]]
                assert [(row["attempt"], row["status"], row["observation"]) for row in told["calls"]] == [
                    (place, each.status, each.digest) for place, each in enumerate(seen, 1)
                ]

            await asyncio.gather(*map(one, names))

    options = ("--virtual-time", "--database", str(tmp_path / "episodes.sqlite"))
    with stillweb(factbook.path, *options) as server:
        run(opened(server, names, "weekday"))
        first = run(call_all(server))
    with stillweb(factbook.path, *options) as server:
        second = run(call_all(server))
        run(check(server, {name: [first[name], second[name]] for name in names}))


@pytest.mark.slow
def test_a_scripted_agent_succeeds_under_a_clear_sky_calls_more_under_errors_and_fails_without_the_gold_pages(
    factbook: Snapshot, tmp_path: Path
) -> None:
    profiles = ("calm", "only-server-error", "only-dropped-gold")
    calm, errors, dropped = measured(factbook.path, 40, profiles, tmp_path)["profiles"].values()
    assert calm["success"] == 1
    assert (errors["success"] > 0.9, errors["extra_calls"] > 0.3) == (True, True)
    assert dropped["success"] < 0.6
