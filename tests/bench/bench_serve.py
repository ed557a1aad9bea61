"""What a request costs the server, part by part, against the bounds that were set for it.

    python -m tests.bench.bench_serve [--snapshot DIR] [--minilm DIR]

CPU microseconds of the server's processes a request; rounds in which everything is measured in turn; medians. Every
cold request is distinct. Without --snapshot the union of five corpora is built first, without --minilm foldoc
(seven minutes both).
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from corpus import Snapshot, open_snapshot
from tests.bench.figures import write_figures
from tests.bench.serving.baselines import KINDS
from tests.bench.serving.bounds import bounds_of, hybrid_bound
from tests.bench.serving.client import Load, drive, run
from tests.bench.serving.inside import hop_us, parts_us, search_by_hops_us, search_us, service_of
from tests.bench.serving.processes import Server, python_module, stillweb
from tests.bench.serving.snapshots import built
from tests.bench.serving.traffic import QUESTIONS, Mix, endless, post, read_questions

CLIENTS = 16
HITS = 300
"""Distinct requests among the hits."""
BATCH = 32

Costs = dict[str, float]
"""What -> CPU microseconds a request (or a call, in process)."""


class Bench:
    """One snapshot, our server and the baselines around it, all running at once and asked in turn."""

    def __init__(self, web: Snapshot, stack: ExitStack, clients: int, seed: int) -> None:
        self.web, self.mix = web, Mix(web, read_questions(QUESTIONS), seed)
        self.service, self.clients = service_of(web), clients
        self.ours: Server = stack.enter_context(stillweb(web.path))
        self.client_us: dict[str, list[float]] = {}
        self.hits = {"hit": self.mix.searches(HITS, "bm25"), "fetch hit": self.mix.fetches(HITS)}
        self.sizes = {kind: self._mean_bytes(requests) for kind, requests in self.hits.items()}
        sizes = str(self.sizes["hit"]), str(self.sizes["fetch hit"])
        self.others: dict[str, Server] = {
            kind: stack.enter_context(python_module("tests.bench.serving.baselines", kind, *sizes)) for kind in KINDS
        }
        for server in self.others.values():
            run(drive(server, self.hits["hit"], clients))

    def _mean_bytes(self, requests: list[bytes]) -> int:
        """Asks each request once, which keeps its answer; mean bytes of a body."""
        load = run(drive(self.ours, requests, 1))
        return load.body_bytes // load.requests

    def cost(self, what: str, server: Server, requests: list[bytes], repeat: int = 0) -> float:
        sent = requests if not repeat else [r for r, _ in zip(endless(requests), range(repeat), strict=False)]
        load: Load = run(drive(server, sent, self.clients))
        if load.errors:
            raise RuntimeError(f"{what}: {load.statuses}")
        self.client_us.setdefault(what, []).append(load.client_us)
        return load.server_us

    def round(self, scale: float) -> Costs:
        """Everything once, in turn. `scale` multiplies the counts."""

        def many(count: int) -> int:
            return max(self.clients, int(count * scale))

        hits, fetch_hits, ready = self.hits["hit"], self.hits["fetch hit"], many(5000)
        costs = {kind: self.cost(kind, server, hits, ready) for kind, server in self.others.items()}
        costs["hit"] = self.cost("hit", self.ours, hits, ready)
        costs["raw, fetch"] = self.cost("raw, fetch", self.others["raw"], fetch_hits, ready)
        costs["fetch hit"] = self.cost("fetch hit", self.ours, fetch_hits, ready)
        costs["hop"] = hop_us(many(5000))
        queries = self.mix.queries(many(800))
        pin = self.web.snapshot_id
        asked = [post("/v1/search", {"query": query, "mode": "bm25"}, pin) for query in queries]
        costs["bm25"] = self.cost("bm25", self.ours, asked)
        costs["bm25, in process"] = search_us(self.service, queries, "bm25")
        costs["bm25, in process by hops"] = search_by_hops_us(self.service, self.mix.queries(many(800)), "bm25")
        costs |= self.hybrid(many(500))
        for kind, count in (("fetch", 2500), ("find", 1500), ("extract", 800)):
            costs[kind] = self.cost(kind, self.ours, self.mix.of(kind, many(count)))
        for mode in ("bm25", "hybrid"):
            costs[f"{mode}, in a batch of {BATCH}"] = self.batches(mode, many(640) // BATCH)
        return costs

    def hybrid(self, count: int) -> Costs:
        queries, pin = self.mix.queries(count), self.web.snapshot_id
        asked = [post("/v1/search", {"query": query, "mode": "hybrid"}, pin) for query in queries]
        costs = {"hybrid": self.cost("hybrid", self.ours, asked)}
        # Encoding first: the vectors of queries are kept by text.
        costs |= {f"hybrid: {part}": us for part, us in parts_us(self.web, queries).items()}
        costs["hybrid, in process"] = search_us(self.service, self.mix.queries(count), "hybrid")
        return costs

    def batches(self, mode: str, count: int) -> float:
        """CPU microseconds a query of a batch."""
        pin = self.web.snapshot_id
        sent = [post("/v1/search/batch", {"queries": self.mix.queries(BATCH), "mode": mode}, pin) for _ in range(count)]
        return self.cost(f"batch, {mode}", self.ours, sent) / BATCH


def medians(rounds: list[Costs]) -> Costs:
    return {what: round(statistics.median(costs[what] for costs in rounds), 1) for what in rounds[0]}


def main(union: Path, minilm: Path, rounds: int, clients: int, scale: float, seed: int) -> dict[str, Any]:
    with ExitStack() as stack:
        bench = Bench(open_snapshot(union), stack, clients, seed)
        bench.round(0.1)  # thrown away: first touches of mapped files, first calls of everything
        measured = [bench.round(scale) for _ in range(rounds)]
        result: dict[str, Any] = {
            "snapshot_id": bench.web.snapshot_id,
            "clients": clients,
            "rounds": rounds,
            "seed": seed,
            "answer_bytes": bench.sizes,
            "costs_us": medians(measured),
            "client_us": {what: round(statistics.median(us), 1) for what, us in bench.client_us.items()},
            "bounds": bounds_of(measured, BATCH),
        }
    with ExitStack() as stack:
        small = Bench(open_snapshot(minilm), stack, clients, seed)
        small.hybrid(clients)
        measured = [small.hybrid(int(150 * scale)) for _ in range(rounds)]
        result["minilm"] = {
            "snapshot_id": small.web.snapshot_id,
            "costs_us": medians(measured),
            "bounds": [hybrid_bound(measured, "hybrid on foldoc, MiniLM")],
        }
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path)
    parser.add_argument("--minilm", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--scale", type=float, default=0.4, help="multiplies the requests of a round")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dry", action="store_true", help="print and write nothing")
    given = parser.parse_args()
    with built(given.data, given.snapshot, "union") as web, built(given.data, given.minilm, "foldoc-minilm") as other:
        figures = main(web, other, given.rounds, given.clients, given.scale, given.seed)
    if given.dry:
        print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
    else:
        write_figures("serve", "python -m tests.bench.bench_serve", figures)
