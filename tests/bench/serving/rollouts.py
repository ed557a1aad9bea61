"""Rollouts without a model: who asks what, in which order, from a seed. `bench_rollouts` tells the model in words."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from corpus import Snapshot
from tests.bench.serving.client import Connection, connect
from tests.bench.serving.traffic import Mix, post

GROUP, TASKS_A_STEP = 8, 8
CALLS = (10, 100)
FORMULATIONS, OWN_WORDS = 60, 0.3
AS_ASKED = 0.6
KINDS, SHARES = ("search", "fetch", "find", "extract"), (55, 30, 10, 5)


@dataclass(frozen=True)
class RolloutTask:
    """A question and the ways in which its rollouts put it, the usual ones first."""

    formulations: list[str]

    def search_words(self, rng: random.Random) -> str:
        if rng.random() < OWN_WORDS:
            # Words of two formulations and a number: nobody else sends them.
            one, other = rng.choices(self.formulations, k=2)
            return f"{one} {other} {rng.randrange(10**6)}"
        return zipf(rng, self.formulations)


def zipf(rng: random.Random, items: Sequence[str]) -> str:
    """An item, the n-th with a weight of 1 / n."""
    return rng.choices(items, weights=[1 / n for n in range(1, len(items) + 1)])[0]


@dataclass(frozen=True)
class Epoch:
    """Every task once, by groups. Equal seeds send equal calls as long as the answers are equal."""

    web: Snapshot
    tasks: list[RolloutTask]
    mode: str
    seed: int

    @staticmethod
    def tasks_of(mix: Mix, count: int) -> list[RolloutTask]:
        return [RolloutTask(mix.queries(FORMULATIONS)) for _ in range(count)]


@dataclass
class Tally:
    """What became of the calls."""

    calls: int = 0
    errors: int = 0
    searches: int = 0
    search_hits: int = 0
    states: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, status: int, head: bytes) -> None:
        state = head.partition(b"x-stillweb-cache: ")[2].partition(b"\r")[0].decode()
        self.calls += 1
        self.errors += status not in (200, 404)
        self.states[state] += 1
        if kind == "search":
            self.searches += 1
            self.search_hits += state == "hit"


async def play(port: int, epoch: Epoch, *, pause_s: float = 0.0, at_most_s: float | None = None) -> Tally:
    """Roll out an epoch, step after step. `pause_s`: mean (exponential) of a model's time before each call."""
    tally = Tally()
    until = None if at_most_s is None else time.perf_counter() + at_most_s
    for first in range(0, len(epoch.tasks), TASKS_A_STEP):
        connections = [await connect(port) for _ in range(GROUP * TASKS_A_STEP)]
        await asyncio.gather(
            *(
                _rollout(connections[GROUP * place + member], epoch, first + place, member, tally, pause_s, until)
                for place in range(min(TASKS_A_STEP, len(epoch.tasks) - first))
                for member in range(GROUP)
            )
        )
        for connection in connections:
            connection.close()
    return tally


async def _rollout(
    connection: Connection,
    epoch: Epoch,
    task_number: int,
    member: int,
    tally: Tally,
    pause_s: float,
    until: float | None,
) -> None:
    rng = random.Random(f"{epoch.seed} {task_number} {member}")
    task = epoch.tasks[task_number]
    low, high = CALLS
    calls = round(low * (high / low) ** rng.random())
    pin = epoch.web.snapshot_id
    urls: list[str] = []
    url = ""
    words = task.formulations[0]
    for call in range(calls):
        if until is not None and time.perf_counter() > until:
            return
        if pause_s:
            await asyncio.sleep(rng.expovariate(1 / pause_s))
        kind = rng.choices(KINDS, SHARES)[0]
        if call == 0 or not urls or (kind in ("find", "extract") and not url):
            kind = "search"
        if kind == "search":
            words = task.formulations[0] if call == 0 and rng.random() < AS_ASKED else task.search_words(rng)
            request = post("/v1/search", {"query": words, "mode": epoch.mode}, pin)
        elif kind == "fetch":
            url = zipf(rng, urls)
            request = post("/v1/fetch", {"url": url}, pin)
        elif kind == "find":
            request = post("/v1/find", {"url": url, "pattern": rng.choice(words.split())}, pin)
        else:
            request = post("/v1/extract", {"url": url, "goal": task.formulations[0]}, pin)
        status, head, body = await connection.ask(request)
        tally.add(kind, status, head)
        if kind == "search" and status == 200:
            urls = [hit["url"] for hit in orjson.loads(body)["hits"]] or urls
