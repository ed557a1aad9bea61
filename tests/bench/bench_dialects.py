"""What a dialect adds to a search: CPU microseconds of the server over the native route, cold and from the cache.

    python -m tests.bench.bench_dialects [--snapshot DIR]

Ten hits each. Cold: each dialect is asked some queries that nobody asked before, and right before or right after it,
by turns, the native route the same ones; a search differs from another by more than a dialect adds, and the machine's
speed from one second to the next. The figure is the mean over both orders of the median difference, since whoever
comes second finds the index in the processor's caches. Hits: one after another in every round, the median of the
ratios within rounds. DeepResearchGym's answers hold ten whole pages, as theirs do. Without --snapshot the demo is
built first.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from corpus import build_snapshot, open_snapshot
from tests.bench.figures import write_figures
from tests.bench.serving.client import drive, run
from tests.bench.serving.processes import TOKEN, stillweb
from tests.bench.serving.traffic import QUESTIONS, Mix, post, read_questions

HITS = 100
AT_MOST_US = 150

Make = Callable[[str], bytes]


def get(path: str, query: str, header: str = "") -> bytes:
    return (
        f"GET {path}{quote(query)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nUser-Agent: bench\r\n"
        f"Authorization: Bearer {TOKEN}\r\n{header}\r\n"
    ).encode()


SEARCHES: dict[str, Make] = {
    "native": lambda q: post("/v1/search", {"query": q}),
    "serper": lambda q: post("/serper/search", {"q": q}),
    "tavily": lambda q: post("/tavily/search", {"query": q, "max_results": 10}),
    "exa": lambda q: post("/exa/search", {"query": q, "type": "auto"}),
    # Without this header it reads the ten pages too, as Jina does.
    "jina": lambda q: get("/jina/search?num=10&q=", q, "X-Respond-With: no-content\r\n"),
    "firecrawl": lambda q: post("/firecrawl/v2/search", {"query": q, "limit": 10}),
    "searxng": lambda q: get("/searxng/search?format=json&q=", q),
    "brave": lambda q: get("/brave/res/v1/web/search?count=10&q=", q[:390]),
    "serpapi": lambda q: get("/serpapi/search?engine=google&q=", q),
    "bing": lambda q: get("/bing/v7.0/search?count=10&q=", q),
    "ddg": lambda q: get("/ddg/html?q=", q),
    "retrieve": lambda q: post("/retrieve", {"queries": [q], "topk": 10, "return_scores": True}),
    "openresearcher": lambda q: post("/openresearcher/search", {"query": q, "topn": 10}),
    "literesearcher": lambda q: post("/literesearcher/search", {"query": q, "limit": 10}),
    "foldagent": lambda q: post("/foldagent/search", {"query": q, "k": 10}),
    "deeptracehub": lambda q: post("/deeptracehub/search", {"query": q, "k": 10}),
    "browsecomp-plus": lambda q: post("/browsecomp-plus/retrieve", {"query": q}),
    "rllm": lambda q: post("/rllm/retrieve", {"query": q, "top_k": 10}),
    "pyserini": lambda q: get("/pyserini/v1/web/search?hits=10&query=", q),
    "deepresearchgym": lambda q: get("/deepresearchgym/search?k=10&query=", q),
    "nemo-gym": lambda q: post("/nemo-gym/search", {"query": q}),
}


def main(snapshot: Path, rounds: int, count: int, clients: int, seed: int) -> dict[str, Any]:
    web = open_snapshot(snapshot)
    mix = Mix(web, read_questions(QUESTIONS), seed)
    with ExitStack() as stack:
        server = stack.enter_context(stillweb(snapshot))

        def cost(requests: list[bytes]) -> float:
            load = run(drive(server, requests, clients))
            if load.errors:
                raise RuntimeError(f"{requests[0]!r}: {load.statuses}")
            return load.server_us

        kept = mix.queries(HITS)
        hits = {name: [make(query) for query in kept] for name, make in SEARCHES.items()}
        for requests in hits.values():
            cost(requests)  # which keeps the answers, and opens what opens at first use
        cold: dict[str, list[float]] = {name: [] for name in SEARCHES}
        over_us: dict[str, list[float]] = {name: [] for name in SEARCHES}
        kept_us: dict[str, list[float]] = {name: [] for name in SEARCHES}
        native = SEARCHES["native"]
        for turn in range(rounds):
            for name, make in SEARCHES.items():
                asked = mix.queries(count)
                if name == "native":  # what the measurement makes of no difference: other queries, the same route
                    theirs, ours = cost([make(query) for query in asked]), cost(list(map(native, mix.queries(count))))
                elif turn % 2:
                    theirs, ours = cost([make(query) for query in asked]), cost(list(map(native, asked)))
                else:
                    ours, theirs = cost(list(map(native, asked))), cost([make(query) for query in asked])
                cold[name].append(theirs)
                over_us[name].append(theirs - ours)
                kept_us[name].append(cost(hits[name] * 10))
    rows = {}
    for name in SEARCHES:
        over = statistics.mean(statistics.median(over_us[name][start::2]) for start in (0, 1))
        ratio = statistics.median(a / b for a, b in zip(kept_us[name], kept_us["native"], strict=True))
        rows[name] = {
            "cold_us": round(statistics.median(cold[name]), 1),
            "over_native_us": round(over, 1),
            "hit_us": round(statistics.median(kept_us[name]), 1),
            "hit_over_native": round(ratio, 2),
            "passed": over <= AT_MOST_US,
        }
    return {"snapshot_id": web.snapshot_id, "rounds": rounds, "requests": count, "clients": clients, "dialects": rows}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path)
    parser.add_argument("--rounds", type=int, default=16, help="an even number")
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dry", action="store_true", help="print and write nothing")
    given = parser.parse_args()
    if given.rounds < 2 or given.rounds % 2:
        parser.error("--rounds: both orders are to come equally often; give an even number.")
    with tempfile.TemporaryDirectory() as folder:
        path = given.snapshot
        if path is None:
            path = Path(folder) / "demo"
            build_snapshot(["factbook:"], path)
        figures = main(path, given.rounds, given.requests, given.clients, given.seed)
    if given.dry:
        print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
    else:
        write_figures("dialects", "python -m tests.bench.bench_dialects", figures)
