"""Other ways to run the same application: server, event loop, parser, threads, collector. Kept: losers, too.

    python -m tests.bench.bench_variants [--snapshot DIR] [--granian FOLDER]

FOLDER: where `pip install --target FOLDER --no-deps granian` put it. All run at once and are asked in turn, in another
order each round; ratios to the server as shipped within a round, medians over rounds. 16 clients.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from corpus import open_snapshot
from tests.bench.figures import write_figures
from tests.bench.serving.client import Load, drive, run
from tests.bench.serving.processes import TOKEN, Server, started, stillweb
from tests.bench.serving.snapshots import built
from tests.bench.serving.traffic import QUESTIONS, Mix, endless, read_questions
from tests.ports import free_port

ROOT = str(Path(__file__).parent.parent.parent)
COUNTS = {"hit": 4000, "fetch": 800, "bm25": 300, "hybrid": 120}
FIRST = "as shipped: uvicorn, uvloop, httptools, 2 threads"
FROZEN = """
import gc, threading

def freeze():
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)

timer = threading.Timer(4, freeze)  # after the application and its indexes are there
timer.daemon = True
timer.start()
"""
SWITCH = "import sys; sys.setswitchinterval(0.0005)"
ONE_CORE = "import os; os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})"
CORE_EACH = """
import os, sys

if "--multiprocessing-fork" in sys.orig_argv:  # a worker and not what starts it
    for core in sorted(os.sched_getaffinity(0)):
        try:
            os.close(os.open(f"{place}/core{{core}}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        os.sched_setaffinity(0, {{core}})
        break
"""
ON_THE_LOOP = """
import env_server.threads

async def run(self, work):
    return work()

env_server.threads.Threads.run = run
"""


def variants(path: Path, folder: Path, granian: Path | None) -> dict[str, AbstractContextManager[Server]]:
    environment = {"STILLWEB_SNAPSHOTS": json.dumps({"web": str(path)}), "STILLWEB_TOKEN": TOKEN, "PYTHONPATH": ROOT}

    def uvicorn(loop: str, http: str) -> AbstractContextManager[Server]:
        port = free_port()
        options = {"host": "127.0.0.1", "port": port, "loop": loop, "http": http, "timeout_keep_alive": 75}
        options |= {"access_log": False, "log_level": "warning", "server_header": False, "date_header": False}
        code = f"import uvicorn; uvicorn.run('env_server.app:app_from_env', factory=True, backlog=4096, **{options!r})"
        return started([sys.executable, "-c", code], port, environment)

    def begun_with(name: str, code: str, *arguments: str) -> AbstractContextManager[Server]:
        place = folder / name
        place.mkdir()
        (place / "sitecustomize.py").write_text(code)
        return stillweb(path, *arguments, PYTHONPATH=f"{place}:{ROOT}")

    found = {
        FIRST: stillweb(path),
        "asyncio's own loop": uvicorn("asyncio", "httptools"),
        "h11 for httptools": uvicorn("uvloop", "h11"),
        "1 thread": stillweb(path, STILLWEB_THREADS="1"),
        "searches on the event loop, no thread": begun_with("loop", ON_THE_LOOP),
        "all threads on one core": begun_with("core", ONE_CORE),
        "2 workers": stillweb(path, "--workers", "2"),
        "2 workers, a core for each": begun_with("cores", CORE_EACH.format(place=folder / "cores"), "--workers", "2"),
        "collector: frozen, threshold 50,000": begun_with("frozen", FROZEN),
        "switch interval 0.5 ms for 5": begun_with("switch", SWITCH),
        "OMP_NUM_THREADS=1": stillweb(path, OMP_NUM_THREADS="1"),
        "MALLOC_ARENA_MAX=1": stillweb(path, MALLOC_ARENA_MAX="1"),
        "huge pages for the heap": stillweb(path, GLIBC_TUNABLES="glibc.malloc.hugetlb=1"),
    }
    if granian is not None:
        port = free_port()
        command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--loop", "uvloop"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", "--backlog", "4096"]
        paths = {"PYTHONPATH": f"{ROOT}:{granian}"}
        found["granian, uvloop"] = started([*command, "env_server.app:app_from_env"], port, environment | paths)
    return found


def main(path: Path, granian: Path | None, rounds: int, seed: int) -> dict[str, Any]:
    web = open_snapshot(path)
    mix, rng = Mix(web, read_questions(QUESTIONS), seed), random.Random(seed)
    loads: dict[str, dict[str, list[Load]]] = {kind: {} for kind in COUNTS}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {name: stack.enter_context(made) for name, made in variants(path, folder, granian).items()}
        hits = mix.searches(200, "bm25")
        for server in servers.values():
            run(drive(server, hits, 16))
            for kind in ("fetch", "hybrid"):
                run(drive(server, mix.of(kind, 200), 16))
        for _ in range(rounds):
            for kind, count in COUNTS.items():
                asked = (
                    mix.of(kind, count)
                    if kind != "hit"
                    else [r for r, _ in zip(endless(hits), range(count), strict=False)]
                )
                for name in rng.sample(list(servers), len(servers)):
                    loads[kind].setdefault(name, []).append(run(drive(servers[name], asked, 16)))
        names = list(servers)
    kinds = {kind: {name: against(found[name], found[FIRST]) for name in names} for kind, found in loads.items()}
    return {"snapshot_id": web.snapshot_id, "clients": 16, "rounds": rounds, "seed": seed, "kinds": kinds}


def against(measured: list[Load], first: list[Load]) -> dict[str, float]:
    return {
        "ratio": round(statistics.median(a.server_us / b.server_us for a, b in zip(measured, first, strict=True)), 3),
        "server_us": round(statistics.median(load.server_us for load in measured), 1),
        "per_s": round(statistics.median(load.per_s for load in measured), 1),
        "p99_ms": round(statistics.median(load.percentile_ms(99) for load in measured), 2),
        "errors": sum(load.errors for load in measured),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--granian", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with built(given.data, given.snapshot, "union") as snapshot_path:
        figures = main(snapshot_path, given.granian, given.rounds, given.seed)
    write_figures("variants", "python -m tests.bench.bench_variants", figures)
