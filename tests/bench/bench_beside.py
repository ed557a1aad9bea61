"""What the same work costs while the machine's other core is busy: the excess that no server can avoid here.

    python -m tests.bench.bench_beside [--snapshot DIR] [--rounds 8]

BM25 searches of the service and a loop in plain Python, both on one core by affinity, in CPU microseconds: alone,
beside a loop in Python on the other core, and beside one that walks through memory. Rounds take all in turn;
medians. Nothing is shared but what cores share. Where "beside a loop" is far from 1 the two are no cores of their own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from corpus import build_snapshot, open_snapshot
from env_server.schemas import SearchRequest
from env_server.service import SearchService
from env_server.settings import ServerSettings
from tests.bench.figures import write_figures
from tests.bench.serving.traffic import QUESTIONS, Mix, read_questions

BESIDE = {
    "alone": "",
    "beside a loop": "while True: sum(i * i for i in range(10_000))",
    "beside memory": "import numpy\na = numpy.ones(40_000_000)\nprint(flush=True)\nwhile True: a += 1",
}
SEARCHES, TURNS = 120, 600_000


@contextmanager
def busy(core: int, code: str) -> Iterator[None]:
    """The other core at work for the time of a `with`."""
    if not code:
        yield
        return
    code = f"import os\nos.sched_setaffinity(0, {{{core}}})\nprint(flush=True)\n{code}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(code.count("print(")):
            process.stdout.readline()  # it has begun
        try:
            yield
        finally:
            process.kill()


def main(snapshot: Path, rounds: int) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("This takes two cores.")
    os.sched_setaffinity(0, cores[:1])
    web = open_snapshot(snapshot)
    service = SearchService("web", web, ServerSettings(snapshots={"web": snapshot}, threads=1))
    mix = Mix(web, read_questions(QUESTIONS), 0)

    def searches() -> float:
        requests = [SearchRequest(query=query, mode="bm25") for query in mix.queries(SEARCHES)]
        begun = time.process_time()
        for request in requests:
            service.search_bytes(request)
        return 1e6 * (time.process_time() - begun) / SEARCHES

    def loop() -> float:
        begun = time.process_time()
        total = 0
        for number in range(TURNS):
            total += number * number
        return 1e6 * (time.process_time() - begun)

    works = {"search": searches, "loop": loop}
    spent = {work: {where: [] for where in BESIDE} for work in works}
    searches()
    for _ in range(rounds):
        for where, code in BESIDE.items():
            with busy(cores[1], code):
                for work, do in works.items():
                    spent[work][where].append(do())
    return {
        "snapshot_id": web.snapshot_id,
        "rounds": rounds,
        **{
            work: {
                where: {
                    "us": round(statistics.median(found[where]), 1),
                    "ratio": round(
                        statistics.median(a / b for a, b in zip(found[where], found["alone"], strict=True)), 2
                    ),
                }
                for where in BESIDE
            }
            for work, found in spent.items()
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path, help="default: the demo, built for the occasion")
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.snapshot is None:
            build_snapshot(["factbook:"], Path(folder) / "demo")
        figures = main(given.snapshot or Path(folder) / "demo", given.rounds)
    write_figures("beside", "python -m tests.bench.bench_beside", figures)
