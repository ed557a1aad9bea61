"""The union of five real corpora: built, verified, opened and searched on this machine.

    python -m tests.bench.bench_union

Warm: each query is asked once before it is timed. CPU time is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from corpus import open_snapshot, read_manifest
from tests.bench.figures import write_figures
from tests.bench.stages import measured_build

CORPORA = ("tate", "foldoc", "techdocs", "wtq", "2wiki")


def run(*arguments: str) -> tuple[float, float, float]:
    """(wall seconds, CPU seconds, peak memory in MiB) of a stillweb command in a process of its own."""
    code = (
        "import resource, subprocess, sys, json, time\n"
        "t = time.perf_counter()\n"
        "subprocess.run([sys.executable, '-m', 'stillweb', *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)\n"
        "u = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([time.perf_counter() - t, u.ru_utime + u.ru_stime, u.ru_maxrss / 1024]))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    wall_s, cpu_s, peak_mib = json.loads(done.stdout.splitlines()[-1])
    return wall_s, cpu_s, peak_mib


def main(data: Path, queries: int = 300, seed: int = 0) -> dict[str, Any]:
    """Build in a temporary folder, then search with titles and words of the corpus itself."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "union"
        sources = [str(data / name / "docs.jsonl.zst") for name in CORPORA]
        lexical = measured_build(Path(folder) / "words", "none", *sources)
        shutil.rmtree(Path(folder) / "words")
        build = measured_build(out, "static", *sources)
        verify_s, _, _ = run("corpus", "verify", str(out))
        manifest = read_manifest(out)
        started = time.perf_counter()
        web = open_snapshot(out)
        open_ms = 1000 * (time.perf_counter() - started)
        web.warm()
        warm_ms = 1000 * (time.perf_counter() - started)
        sizes: dict[str, float] = {}
        for name, record in manifest.files.items():
            part = name.partition("/")[0]
            sizes[part] = sizes.get(part, 0) + record.size_bytes / 1e6
        latencies = {mode: measure(web, mode, queries, seed) for mode in web.modes}
        shutil.rmtree(out)
    return {
        "snapshot_id": manifest.snapshot_id,
        "counts": manifest.counts.model_dump(),
        "dense_index": manifest.settings.dense_index,
        "build_wall_s": build["wall_s"],
        "build_cpu_s": build["cpu_s"],
        "build_peak_mib": build["peak_mib"],
        "stages": build["stages"],
        "words_only": {name: value for name, value in lexical.items() if name not in ("stages", "snapshot_id")},
        "verify_s": round(verify_s, 1),
        "open_ms": round(open_ms, 1),
        "open_and_warm_ms": round(warm_ms),
        "size_mb": {part: round(size, 1) for part, size in sorted(sizes.items())},
        "search_ms": latencies,
        "queries": queries,
        "seed": seed,
    }


def measure(web: Any, mode: str, queries: int, seed: int) -> dict[str, float]:
    """Percentiles in milliseconds of one search, k = 10, snippets included, on one thread."""
    rng = random.Random(seed)
    times = []
    for _ in range(queries):
        number = rng.randrange(len(web.store))
        title, text = web.store.head(number)[1], web.store.text(number).split()
        start = rng.randrange(max(1, len(text) - 8))
        query = f"{title} {' '.join(text[start : start + 8])}"
        for timed in (False, True):
            started = time.perf_counter()
            for _, passage in web.scored(query, k=10, mode=mode):
                web.snippet(query, passage)
            if timed:
                times.append(1000 * (time.perf_counter() - started))
    cuts = statistics.quantiles(times, n=100)
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2), "p99": round(cuts[98], 2)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--queries", type=int, default=300)
    arguments = parser.parse_args()
    write_figures("union", "python -m tests.bench.bench_union", main(arguments.data, arguments.queries))
