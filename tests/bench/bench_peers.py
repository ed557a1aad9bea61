"""What users would put up instead of this server, on the same passages and the same queries, in the same run.

    python -m tests.bench.bench_peers [--snapshot DIR] [--bm25s PYTHON] [--lucene PYTHON]

PYTHON: an interpreter with `bm25s PyStemmer fastapi uvicorn[standard]`, or with `pyserini` and what it imports, a JDK
of 21 or newer in JAVA_HOME. What is not given is left out, and the figures say so. Overlap: of the ten best passages
of a query, the share that is among our ten best.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from corpus import Snapshot, open_snapshot
from tests.bench.figures import write_figures
from tests.bench.serving import peer_index, peers
from tests.bench.serving.client import Answer, Load, drive, run
from tests.bench.serving.processes import Server, memory_mib, started, stillweb
from tests.bench.serving.snapshots import built
from tests.bench.serving.traffic import QUESTIONS, Mix, post, read_questions
from tests.ports import free_port

CLIENTS = 16
ENVIRONMENT = {"OPENAI_API_KEY": "none", "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
"""pyserini makes a client of OpenAI's when it is imported, which wants any key; it asks nothing of it here."""


def write_passages(web: Snapshot, out: Path) -> None:
    with open(out, "w") as file:
        for number, title, _, passage in web.store.iter_passages():
            contents = "\n".join((title, *passage.headings, passage.text))
            url = web.store.head(number)[0]
            row = {"id": passage.passage_id, "contents": contents, "url": url, "title": title, "text": passage.text}
            file.write(json.dumps(row) + "\n")


def indexed(engine: str, python: str, folder: Path) -> dict[str, float]:
    begun = time.perf_counter()
    command = [python, peer_index.__file__, engine, str(folder)]
    subprocess.run(command, check=True, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.DEVNULL)
    return {"index_s": round(time.perf_counter() - begun, 1)}


def overlap(server: Server, queries: list[str], ours: list[set[str]]) -> float:
    """Mean share of a peer's ten passages that are among ours."""
    answers: list[set[str]] = []

    def seen(answer: Answer) -> None:
        answers.append({hit["passage_id"] for hit in orjson.loads(answer[2])["hits"]})

    run(drive(server, [post("/v1/search", {"query": query}) for query in queries], 1, seen=seen))
    return statistics.fmean(len(a & b) / max(1, len(b)) for a, b in zip(answers, ours, strict=True))


def main(path: Path, pythons: dict[str, str | None], rounds: int, count: int, seed: int) -> dict[str, Any]:
    web = open_snapshot(path)
    mix = Mix(web, read_questions(QUESTIONS), seed)
    figures: dict[str, dict[str, Any]] = {"stillweb": {}}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_passages(web, folder / "passages.jsonl")
        servers: dict[str, Server] = {"stillweb": stack.enter_context(stillweb(path))}
        for engine in peers.ENGINES:
            python, source = pythons.get(engine, sys.executable), path
            figures[engine] = {}
            if engine in pythons:
                if python is None:
                    figures[engine] = {"left_out": "no interpreter was given"}
                    continue
                figures[engine], source = indexed(engine, python, folder), folder
            port = free_port()
            command = [str(python), "-P", peers.__file__, str(port), engine, str(source)]
            servers[engine] = stack.enter_context(started(command, port, ENVIRONMENT))
        warm = [post("/v1/search", {"query": query}) for query in mix.queries(200)]
        for server in servers.values():
            run(drive(server, warm, CLIENTS))
        loads: dict[str, list[Load]] = {name: [] for name in servers}
        for _ in range(rounds):
            queries = mix.queries(count)
            for name, server in servers.items():
                extra = {"mode": "bm25"} if name == "stillweb" else {}
                sent = [post("/v1/search", {"query": query, **extra}) for query in queries]
                loads[name].append(run(drive(server, sent, CLIENTS)))
        asked = mix.queries(200)
        passages = web.store.passage_id
        ours = [{passages(p) for _, p in web.scored(q, k=10, mode="bm25", by_page=False)} for q in asked]
        for name, measured in loads.items():
            figures[name] |= {
                "server_us": round(statistics.median(load.server_us for load in measured), 1),
                "per_s": round(statistics.median(load.per_s for load in measured), 1),
                "p50_ms": round(statistics.median(load.percentile_ms(50) for load in measured), 2),
                "p99_ms": round(statistics.median(load.percentile_ms(99) for load in measured), 2),
                "errors": sum(load.errors for load in measured),
                "anonymous_mib": round(sum(memory_mib(pid)["anonymous"] for pid in servers[name].pids())),
            }
            if name not in ("stillweb", "corpus"):  # which rank pages, and alike
                figures[name]["overlap_at_10"] = round(overlap(servers[name], asked, ours), 3)
    return {
        "snapshot_id": web.snapshot_id,
        "clients": CLIENTS,
        "rounds": rounds,
        "queries_a_round": count,
        "seed": seed,
        "servers": figures,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bm25s", help="interpreter of an environment that has bm25s")
    parser.add_argument("--lucene", help="interpreter of an environment that has pyserini")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=400, help="a round")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    others = {"bm25s": given.bm25s, "lucene": given.lucene}
    with built(given.data, given.snapshot, "union") as snapshot_path:
        measured_figures = main(snapshot_path, others, given.rounds, given.queries, given.seed)
    write_figures("peers", "python -m tests.bench.bench_peers", measured_figures)
