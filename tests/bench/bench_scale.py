"""How a build grows: stages, memory and disk at several sizes, and the largest one served and searched.

    python -m tests.bench.bench_scale                        100,000 and 400,000 pages
    python -m tests.bench.bench_scale --pages 1000000        writes docs/figures/million.json; half an hour

Pages are put together from sentences of the shared corpora (`tests.bench.recombined`).
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from corpus import open_snapshot
from corpus.describe import describe
from tests.bench.figures import write_figures
from tests.bench.recombined import sentences, write_pages
from tests.bench.stages import measured_build


def main(data: Path, sizes: list[int], queries: int) -> dict[str, Any]:
    """Build each size in a temporary folder; serve and search the last."""
    builds: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for pages in sizes:
            source, out = Path(folder) / f"{pages}.jsonl.zst", Path(folder) / str(pages)
            write_pages(pages, data, source)
            print(f"{pages:,} pages written; building", file=sys.stderr)
            builds[str(pages)] = measured_build(out, "static", str(source))
            builds[str(pages)]["size_mb"] = {
                part: round(size / 1e6, 1) for part, size in describe(open_snapshot(out))["size_bytes"].items()
            }
            print(builds[str(pages)], file=sys.stderr)
        largest = Path(folder) / str(sizes[-1])
        started = time.perf_counter()
        web = open_snapshot(largest)
        open_ms = 1000 * (time.perf_counter() - started)
        asked = _queries(data, queries)
        searched = {mode: _search_ms(web, mode, asked) for mode in web.modes}
        served = _served(largest, asked)
    return {"builds": builds, "open_ms": round(open_ms, 1), "search_cpu_ms": searched, "served": served}


def _queries(data: Path, count: int) -> list[str]:
    """Five words in a row of some sentence."""
    rng = random.Random(1)
    found = []
    for sentence in rng.sample(sentences(data), count):
        words = sentence.split()
        start = rng.randrange(max(1, len(words) - 5))
        found.append(" ".join(words[start : start + 5]))
    return found


def _search_ms(web: Any, mode: str, queries: list[str]) -> dict[str, float]:
    """CPU milliseconds of one search with snippets, k = 10, on one thread, each asked once before."""
    times = []
    for query in queries:
        for timed in (False, True):
            started = time.process_time()
            for _, passage in web.scored(query, k=10, mode=mode):
                web.snippet(query, passage)
            if timed:
                times.append(1000 * (time.process_time() - started))
    cuts = statistics.quantiles(times, n=100)
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2), "p99": round(cuts[98], 2)}


def _served(snapshot: Path, queries: list[str]) -> dict[str, float]:
    """Seconds from the command to readiness, answers by HTTP one after the other, and the server's memory."""
    port = "8193"
    command = [sys.executable, "-m", "stillweb", "serve", str(snapshot), "--port", port]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                while not _is_ready(client):
                    time.sleep(0.05)
                ready_s = time.perf_counter() - started
                times = []
                for query in queries:
                    began = time.perf_counter()
                    answer = client.post("/v1/search", json={"query": query, "k": 10}).raise_for_status()
                    times.append(1000 * (time.perf_counter() - began))
                    assert answer.json()["hits"], query
            status = Path(f"/proc/{server.pid}/status").read_text()
        finally:
            server.terminate()
    anonymous = next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))
    return {
        "ready_s": round(ready_s, 2),
        "hybrid_p50_ms": round(statistics.median(times), 2),
        "hybrid_p99_ms": round(statistics.quantiles(times, n=100)[98], 2),
        "anonymous_mib": round(int(anonymous) / 1024),
    }


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pages", type=int, action="append")
    parser.add_argument("--queries", type=int, default=300)
    arguments = parser.parse_args()
    chosen = arguments.pages or [100_000, 400_000]
    name = "million" if chosen[-1] >= 1_000_000 else "scale"
    command = "python -m tests.bench.bench_scale" + (" --pages 1000000" if name == "million" else "")
    write_figures(name, command, main(arguments.data, chosen, arguments.queries))
