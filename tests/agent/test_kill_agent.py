"""Killed outright (kill -9) at moments spread over a run of 500 rollouts, `run` goes on and ends as if nobody had come.

Under a clear sky and under storm, whose delays are told and not waited for (`--virtual-time`). STILLWEB_KILLS says how
many kills (3; `make full` sets more). The run is a process of its own against a real server;
the undisturbed one that it is compared with is, too. A kill comes when so many rows are written, and finds the run
under way however fast the machine is: until the last time the model leaves the first rollout waiting in its middle.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.client import AsyncClient
from agent.records import Episode, comparable, decode
from agent.replay import Replayed, replay
from agent.shards import SHARDS, rows
from agent.throttle import Gate
from agent.tools.profiles import profile
from agent.world import look_at
from tests.bench.serving.processes import TOKEN, stillweb
from tests.conftest import ROOT
from tests.env_server.test_determinism import running_server

KILLS = int(os.environ.get("STILLWEB_KILLS", "3"))
FULL = KILLS > 3
"""`make full`: under storm the run is as large as under a clear sky; else it is a third of it."""
SEED = 7
_CHILD = """
import asyncio, sys
from pathlib import Path
from agent.client import AsyncClient
from agent.plan import settle
from agent.runner import run
from agent.world import look_at
from tests.agent.loop_parts import Spoken, gates, plan_of, player, turn_of, wander
from tests.bench.serving.processes import TOKEN

class Holding(Spoken):
    held = ""

    async def reply(self, messages, tools, sampling, *, rollout):
        if rollout == self.held and turn_of(messages) == 4:
            await asyncio.Event().wait()
        return await super().reply(messages, tools, sampling, rollout=rollout)

async def main(url, out, samples, weather, ends):
    async with AsyncClient(url, timeout_s=30, token=TOKEN) as client:
        world = await look_at(client, weather=weather or None)
        model = Holding(wander(8), delay_s=0.002)
        played = player(model)
        plan = plan_of(played, world, [f"Question {n}?" for n in range(25)], samples=samples)
        if not ends:
            model.held = next(plan.rollouts()).id
        settle(out, plan, {"server": url})
        print("go", flush=True)
        counts = await run(plan, played, world, gates(), out, concurrency=40)
        print(counts.before, counts.done, counts.resumed, counts.diverged, flush=True)

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5] == "ends"))
"""


@pytest.fixture(scope="module")
def server(tiny_path: Path) -> Iterator[str]:
    with running_server(tiny_path) as url:
        yield url


def begin(url: str, out: Path, samples: int, weather: str, *, ends: bool) -> subprocess.Popen[str]:
    """A run that has begun. One that does not end does all but the first rollout, which it only begins."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD, url, str(out), str(samples), weather, "ends" if ends else "held"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    return process


def finish(url: str, out: Path, samples: int, weather: str) -> list[int]:
    """[before, done, resumed, diverged]"""
    process = begin(url, out, samples, weather, ends=True)
    assert process.stdout is not None
    told = process.stdout.read()
    assert process.wait() == 0
    return list(map(int, told.split()))


def wait_for_rows(process: subprocess.Popen[str], out: Path, count: int) -> None:
    deadline = time.monotonic() + 300
    while len(list(rows(out))) < count:
        assert process.poll() is None, f"it ended before {count} rows were written"
        assert time.monotonic() < deadline, f"it has not written {count} rows in 300 s"
        time.sleep(0.01)


def plain(out: Path) -> list[Any]:
    return [comparable(orjson.loads(row)) for row in rows(out)]


def check_kills(url: str, folder: Path, samples: int, kills: int, weather: str = "") -> list[Episode]:
    planned = 25 * samples
    calm, killed = folder / "calm", folder / "killed"
    assert finish(url, calm, samples, weather) == [0, planned, 0, 0]
    drawn = random.Random(SEED)
    kept: list[set[str]] = [set()]
    for number in range(kills):
        process = begin(url, killed, samples, weather, ends=False)
        try:
            # Spread over the whole of the work: each kill finds a run that has come further.
            wait_for_rows(process, killed, int(planned * (number + drawn.uniform(0.4, 1.2)) / (kills + 1)))
            # Rows are written many at once; not every kill is to come just after some.
            time.sleep(drawn.uniform(0, 0.03))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kept.append({decode(row).id for row in rows(killed)})
        # What was on the disk stays there, and nothing looks finished that is not.
        assert kept[-2] <= kept[-1]
        assert len(kept[-1]) < planned
    before, done, resumed, diverged = finish(url, killed, samples, weather)
    assert (before, done, diverged) == (len(kept[-1]), planned, 0)
    assert resumed > 0
    assert plain(killed) == plain(calm)
    records = [decode(row) for row in rows(killed)]
    assert len({episode.id for episode in records}) == planned
    assert not list((killed / SHARDS).iterdir())
    print(f"{kills} kills at {[len(ids) for ids in kept[1:]]} rows, {resumed} rollouts gone on with in the middle")
    return records


async def replayed_at(url: str, records: Sequence[Episode], weather: str | None) -> Replayed:
    """Every observation made again."""
    async with AsyncClient(url, timeout_s=30, token=TOKEN) as client:
        return await replay(records, await look_at(client, weather=weather), profile, Gate(64))


@pytest.mark.slow
async def test_a_run_of_500_rollouts_killed_again_and_again_ends_as_an_undisturbed_one_and_replays_to_a_digest(
    server: str, tiny_path: Path, tmp_path: Path
) -> None:
    records = check_kills(server, tmp_path, samples=20, kills=KILLS)
    with running_server(tiny_path) as restarted:
        replayed = await replayed_at(restarted, records, None)
    assert replayed.difference is None
    assert (replayed.rollouts, replayed.calls) == (500, 4000)


@pytest.mark.slow
async def test_under_storm_a_killed_run_ends_as_an_undisturbed_one_and_replays_to_a_digest(
    tiny_path: Path, tmp_path: Path
) -> None:
    samples = 20 if FULL else 6
    with stillweb(tiny_path, "--virtual-time", "--database", str(tmp_path / "one.sqlite")) as stormy:
        url = f"http://127.0.0.1:{stormy.port}"
        records = check_kills(url, tmp_path, samples=samples, kills=KILLS if FULL else 2, weather="storm")
    met = (event.fault.replace(",", " ").split() for one in records for event in one.tool_events if event.fault)
    faults = Counter(fault for of in met for fault in of)
    # Each kind was met, so that what is equal below is equal in spite of it.
    assert {"rate_limit", "server_error", "timeout", "dead_page", "truncated", "stale", "captcha"} <= set(faults)
    with stillweb(tiny_path, "--virtual-time", "--database", str(tmp_path / "two.sqlite")) as restarted:
        replayed = await replayed_at(f"http://127.0.0.1:{restarted.port}", records, "storm")
    assert replayed.difference is None
    assert (replayed.rollouts, replayed.calls) == (25 * samples, sum(len(one.tool_events) for one in records))
    print(f"under storm: {replayed.calls} observations of {replayed.rollouts} rollouts, faults {dict(faults)}")
