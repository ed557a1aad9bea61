"""How long a server needs to be ready, what a further worker costs in memory, and whether memory stays flat.

    python -m tests.bench.bench_memory [--snapshot DIR] [--requests 1000000]

Ready: from the start of `stillweb serve` to 200 from /ready, median of three, files in the page cache. A worker's
memory: pages of its own (private and written to) with the cache off, after 200 requests of each kind a worker; clean
pages of the mapped indexes are shared through the page cache and counted apart. Flat: the
anonymous memory of one worker with a cache of 32 MB, which is full early, under a mix of all kinds.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corpus import open_snapshot
from tests.bench.figures import write_figures
from tests.bench.serving.client import drive, run
from tests.bench.serving.processes import memory_mib, stillweb
from tests.bench.serving.snapshots import built
from tests.bench.serving.traffic import QUESTIONS, Mix, read_questions

KINDS = ("bm25", "hybrid", "fetch", "find", "extract")
READY_S, WORKER_MIB, GROWTH = 2.0, 150.0, 0.03
"""The bounds; the last is ours for what "flat" means: the growth over the second half."""
STEPS = 20


def worker_mib(path: Path, mix: Mix, workers: int) -> dict[str, Any]:
    """Memory of a server with so many workers, each warm."""
    with stillweb(path, "--workers", str(workers), "--cache-mb", "0") as server:
        for kind in KINDS:
            run(drive(server, mix.of(kind, 200 * workers), 16 * workers))
        pids = server.workers()
        each = [memory_mib(pid) for pid in pids]
        all_pss = sum(memory_mib(pid)["pss"] for pid in server.pids())
    return {"workers": len(each), "pss_of_all": round(all_pss, 1), "each": each}


def mixed(mix: Mix, count: int, seed: int) -> Iterator[bytes]:
    """`count` requests of all kinds, the cheap ones more often; half repeat one of the last 2,000."""
    rng = random.Random(seed)
    recent: list[bytes] = []
    given = 0
    while given < count:
        fresh = [r for kind, n in (("bm25", 40), ("hybrid", 10), ("fetch", 30), ("find", 12), ("extract", 8))
                 for r in mix.of(kind, n)]  # fmt: skip
        recent = (recent + fresh)[-2000:]
        block = fresh + rng.choices(recent, k=len(fresh))
        rng.shuffle(block)
        yield from block[: count - given]
        given += len(block)


def flatness(path: Path, mix: Mix, requests: int, seed: int) -> dict[str, Any]:
    """Anonymous memory of one worker, in MiB, at each twentieth of the requests."""
    points, answered, errors = [], 0, 0
    with stillweb(path, "--cache-mb", "32") as server:
        sent = mixed(mix, requests, seed)
        for _ in range(STEPS):
            part = (request for _, request in zip(range(requests // STEPS), sent, strict=False))
            load = run(drive(server, part, 16))
            answered += load.requests
            errors += load.errors
            points.append(memory_mib(server.pid)["anonymous"])
    half, end = statistics.median(points[STEPS // 2 - 1 : STEPS // 2 + 2]), statistics.median(points[-3:])
    return {"requests": answered, "errors": errors, "anonymous_mib": points, "growth": round(end / half - 1, 4)}


def main(path: Path, requests: int, seed: int) -> dict[str, Any]:
    web = open_snapshot(path)
    mix = Mix(web, read_questions(QUESTIONS), seed)
    ready = []
    for _ in range(3):
        with stillweb(path) as server:
            ready.append(server.ready_s)
    one, two, three = (worker_mib(path, mix, workers) for workers in (1, 2, 3))
    flat = flatness(path, mix, requests, seed)
    # Clean pages of mapped files are the page cache's; a worker has them to itself only until another touches them.
    uss = max(worker["uss_dirty"] for worker in three["each"])
    middle = statistics.median(ready)
    return {
        "snapshot_id": web.snapshot_id,
        "seed": seed,
        "ready_s": round(middle, 2),
        "one_worker": one,
        "two_workers": two,
        "three_workers": three,
        "third_worker_adds_pss_mib": round(three["pss_of_all"] - two["pss_of_all"], 1),
        "worker_unshared_mib": uss,
        "flat": flat,
        "bounds": [
            {"what": "ready, s", "figure": round(middle, 2), "at_most": READY_S, "passed": middle < READY_S},
            {"what": "unshared a worker, MiB", "figure": uss, "at_most": WORKER_MIB, "passed": uss < WORKER_MIB},
            {
                "what": "growth over the second half",
                "figure": flat["growth"],
                "at_most": GROWTH,
                "passed": flat["growth"] <= GROWTH,
            },
        ],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    command = "python -m tests.bench.bench_memory" + (
        f" --requests {given.requests}" if given.requests != 100_000 else ""
    )
    with built(given.data, given.snapshot, "union") as folder:
        write_figures("memory", command, main(folder, given.requests, given.seed))
