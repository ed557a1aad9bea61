"""Requests a second and latency from 1 to 1,000 clients at once, by kind of request.

    python -m tests.bench.bench_clients [--snapshot DIR] [--minilm DIR]

Each client sends its next request when its last is answered; client and server share the machine. Every request but
the hits is distinct, so nothing but a hit comes from the cache. Raw ASGI answers the requests of the hits with as many
ready bytes on the same server program: what it loses with many clients is lost below us. Rounds go through all kinds
and numbers of clients in turn; medians over rounds. Without --snapshot and --minilm both are built first (seven
minutes).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from corpus import open_snapshot
from tests.bench.figures import write_figures
from tests.bench.serving.client import Load, drive, run
from tests.bench.serving.processes import Server, python_module, stillweb
from tests.bench.serving.snapshots import built
from tests.bench.serving.traffic import QUESTIONS, Mix, endless, read_questions

CLIENTS = (1, 16, 64, 256, 1000)
KINDS = ("bm25", "hybrid", "raw", "hit", "fetch", "find", "extract")
READY = ("raw", "hit")
"""Answered from ready bytes: the same few requests again and again."""
AT_MOST_PER_S = {"fetch": 12_000, "find": 6_000, "extract": 3_000}
"""Requests to have ready for each second, where it is more than 1,500: a client that makes them while the clock runs
is slower than the server, which then waits and wakes."""
WITHIN = 0.85
"""Throughput at 256 clients, as a share of the best, must be at least this."""


def made(mix: Mix, kind: str) -> Iterator[bytes]:
    """Distinct requests without end, made by the hundred: making them is on the client's account."""
    while True:
        yield from mix.of(kind, 100)


def loads(web_path: Path, kinds: Sequence[str], rounds: int, seconds: float, seed: int) -> dict[str, Any]:
    """kind -> clients -> figures."""
    web = open_snapshot(web_path)
    mix = Mix(web, read_questions(QUESTIONS), seed)
    found: dict[tuple[str, int], list[Load]] = {}
    with stillweb(web_path) as server:
        hits = mix.searches(300, "bm25")
        size = run(drive(server, hits, 16)).body_bytes // len(hits)
        with python_module("tests.bench.serving.baselines", "raw", str(size), str(size)) as raw:
            for kind in kinds:  # thrown away
                run(drive(server, mix.of("bm25" if kind in READY else kind, 100), 16))
            for _ in range(rounds):
                for kind in kinds:
                    for clients in CLIENTS:
                        load = ask(raw if kind == "raw" else server, mix, kind, hits, clients, seconds)
                        found.setdefault((kind, clients), []).append(load)
    by_kind: dict[str, Any] = {}
    for (kind, clients), measured in found.items():
        by_kind.setdefault(kind, {})[str(clients)] = summed(measured)
    for kind, rows in by_kind.items():
        best = max(row["per_s"] for row in rows.values())
        by_kind[kind]["share_at_256"] = round(rows["256"]["per_s"] / best, 3)
    return {"snapshot_id": web.snapshot_id, "kinds": by_kind}


def ask(server: Server, mix: Mix, kind: str, hits: list[bytes], clients: int, seconds: float) -> Load:
    if kind in READY:
        return run(drive(server, endless(hits), clients, at_most_s=seconds))
    # Made before the clock starts, as many as can be answered in the time; more only if that is not enough.
    ready = mix.of(kind, max(2 * clients, int(seconds * AT_MOST_PER_S.get(kind, 1500))))
    return run(
        drive(server, (request for part in (ready, made(mix, kind)) for request in part), clients, at_most_s=seconds)
    )


def summed(measured: list[Load]) -> dict[str, Any]:
    def middle(values: list[float], digits: int = 1) -> float:
        return round(statistics.median(values), digits)

    return {
        "per_s": middle([load.per_s for load in measured]),
        "p50_ms": middle([load.percentile_ms(50) for load in measured], 2),
        "p95_ms": middle([load.percentile_ms(95) for load in measured], 2),
        "p99_ms": middle([load.percentile_ms(99) for load in measured], 2),
        "server_us": middle([load.server_us for load in measured]),
        "client_us": middle([load.client_us for load in measured]),
        "requests": sum(load.requests for load in measured),
        "errors": sum(load.errors for load in measured),
    }


def main(union: Path, minilm: Path, rounds: int, seconds: float, seed: int) -> dict[str, Any]:
    measured = {
        "union": loads(union, KINDS, rounds, seconds, seed),
        "minilm": loads(minilm, ("hybrid",), rounds, seconds, seed),
    }
    rows = [row for part in measured.values() for row in part["kinds"].values()]
    return {
        "rounds": rounds,
        "seconds": seconds,
        "seed": seed,
        **measured,
        "errors": sum(row[str(clients)]["errors"] for row in rows for clients in CLIENTS),
        "no_cliff": all(row["share_at_256"] >= WITHIN for row in rows),
        "hits_to_raw": {
            str(clients): round(
                measured["union"]["kinds"]["hit"][str(clients)]["per_s"]
                / measured["union"]["kinds"]["raw"][str(clients)]["per_s"],
                3,
            )
            for clients in CLIENTS
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path)
    parser.add_argument("--minilm", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.2, help="of each run; no less than two requests a client")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with built(given.data, given.snapshot, "union") as web, built(given.data, given.minilm, "foldoc-minilm") as other:
        figures = main(web, other, given.rounds, given.seconds, given.seed)
    write_figures("clients", "python -m tests.bench.bench_clients", figures)
