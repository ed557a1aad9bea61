"""256 clients under storm for a while: is every error one that was drawn, and does memory stay flat?

    python -m tests.bench.bench_soak [--seconds 1800]

Half of the clients play episodes, open to answer; the other half makes the same calls outside episodes, in the server's
weather. Time is virtual, so that nobody sleeps and the load is all that fits. The cache is small and full early; memory
is the anonymous memory of the one worker, at each twentieth of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from corpus import Snapshot, build_snapshot, open_snapshot
from tests.bench.bench_storm import CALLS, Answer, Clients, Observation, Wanderer, clients_of
from tests.bench.figures import write_figures
from tests.bench.serving.client import run
from tests.bench.serving.processes import Server, memory_mib, stillweb

CLIENTS = 256
STEPS = 20
STATUSES = {
    b"rate_limit": (429,),
    b"server_error": (500, 502, 503),
    b"timeout": (504, 408),
    b"dead_page": (404, 410),
}
"""What a fault in place of the answer may look like."""
GROWTH = 0.05
"""At most, from the middle to the end."""
FULL_EPISODES, FILLING_MIB = 10_000, 30.0
"""A server keeps the views of its last episodes at hand (10,000, two of each). Until there were so many before the
middle, they still fill, and the answer cache of a short run does, too. Episodes that have ended are not kept."""


@dataclass
class Soak:
    """What came of it. `undrawn` holds answers that no fault explains."""

    calls: int = 0
    episodes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[bytes] = field(default_factory=Counter)
    undrawn: list[tuple[str, Answer]] = field(default_factory=list)
    anonymous_mib: list[float] = field(default_factory=list)
    wall_s: float = 0.0

    @property
    def growth(self) -> float:
        """Share by which memory is larger at the end than in the middle."""
        points = self.anonymous_mib
        middle = len(points) // 2
        return statistics.median(points[-3:]) / statistics.median(points[middle - 1 : middle + 2]) - 1

    @property
    def is_flat(self) -> bool:
        """Whether memory grows no more than the bounds say."""
        middle_mib = self.anonymous_mib[len(self.anonymous_mib) // 2]
        filling = 0.0 if self.episodes >= FULL_EPISODES else FILLING_MIB / middle_mib
        return self.growth <= GROWTH + filling

    def note(self, path: str, answer: Answer) -> None:
        self.calls += 1
        told = Observation.of(answer)
        kinds = told.faults.split()
        self.statuses[told.status] += 1
        self.faults.update(kinds)
        if told.status != 200 and not any(told.status in STATUSES.get(kind, ()) for kind in kinds):
            self.undrawn.append((path, answer))


async def soaked(server: Server, web: Snapshot, seconds: float, clients: int = CLIENTS) -> Soak:
    """Load for so many seconds. Raises OSError where the server ends a connection."""
    soak, numbers = Soak(), count()
    begun = time.perf_counter()

    async def inside(asking: Clients, number: int) -> None:
        spec = {"seed": number, "weather": "storm", "answer": "Vienna", "id": f"soak-{number}"}
        status, _, body = await asking.ask("POST", "/v1/episodes", orjson.dumps(spec))
        assert status in (200, 201), body
        await calls(asking, number, f"/e/soak-{number}")
        status, _, body = await asking.ask("POST", f"/v1/episodes/soak-{number}/answer", b'{"answer": "Wien"}')
        assert status == 200, body
        soak.episodes += 1

    async def calls(asking: Clients, number: int, before: str, *more: str) -> None:
        wanderer, answer = Wanderer(number, web), None
        for _ in range(CALLS):
            path, body = wanderer.next(answer)
            answer = await asking.ask("POST", before + path, body, *more)
            soak.note(path, answer)

    async def work(asking: Clients, place: int) -> None:
        while time.perf_counter() - begun < seconds:
            number = next(numbers)
            if place % 2:
                await inside(asking, number)
            else:
                await calls(asking, number, "", f"X-Stillweb-Seed: {number}")

    async def watch() -> None:
        for step in range(1, STEPS + 1):
            await asyncio.sleep(max(0.0, begun + seconds * step / STEPS - time.perf_counter()))
            soak.anonymous_mib.append(memory_mib(server.pid)["anonymous"])

    async with clients_of(server.port, clients) as asking:
        await asyncio.gather(watch(), *(work(asking, place) for place in range(clients)))
    soak.wall_s = time.perf_counter() - begun
    return soak


def soak(snapshot: Path, web: Snapshot, seconds: float, folder: Path) -> Soak:
    """A server of its own under load."""
    options = ("--weather", "storm", "--virtual-time", "--cache-mb", "16", "--database", str(folder / "soak.sqlite"))
    with stillweb(snapshot, *options) as server:
        return run(soaked(server, web, seconds))


def main(snapshot: Path, seconds: float, folder: Path) -> dict[str, Any]:
    web = open_snapshot(snapshot)
    found = soak(snapshot, web, seconds, folder)
    return {
        "snapshot_id": web.snapshot_id,
        "clients": CLIENTS,
        "wall_s": round(found.wall_s),
        "calls": found.calls,
        "episodes": found.episodes,
        "not_200": found.calls - found.statuses[200],
        "undrawn_errors": len(found.undrawn),
        "growth": round(found.growth, 4),
        "growth_at_most": GROWTH,
        "flat": found.is_flat,
        "anonymous_mib": found.anonymous_mib,
        "statuses": {str(status): number for status, number in sorted(found.statuses.items())},
        "faults": {kind.decode(): number for kind, number in sorted(found.faults.items())},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1800)
    given = parser.parse_args()
    command = "python -m tests.bench.bench_soak" + (f" --seconds {given.seconds:g}" if given.seconds != 1800 else "")
    with tempfile.TemporaryDirectory() as place:
        build_snapshot(["factbook:"], Path(place) / "demo")
        figures = main(Path(place) / "demo", given.seconds, Path(place))
    write_figures("soak", command, figures)
    if figures["undrawn_errors"] or not figures["flat"]:
        raise SystemExit("There were errors that nobody drew, or memory grew.")
