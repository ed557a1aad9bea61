"""What a dialect adds to a search: CPU microseconds of the server over the native route, cold and from the cache.

    python -m tests.bench.bench_dialects [--snapshot DIR]

Ten hits each. Cold: in this process, without a socket. Each query is first asked twice in other ways, so that the index
is in the processor's caches, then by the dialect and by the native route, by turns one or the other first; none of the
four answers is kept yet. The figure is the median of the differences, query by query: a search differs from another by
more than a dialect adds, and this machine's speed from one second to the next. "native" is the native route against
itself. Hits: over HTTP, one after another in every round, the median of the ratios within rounds. DeepResearchGym's
answers hold ten whole pages, as theirs do; beside its own row stands one against what says as much natively, a search
and a batch that fetches its hits as text. Without --snapshot the demo is built first.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from agent.client import Client
from corpus import Snapshot, build_snapshot, open_snapshot
from env_server.app import create_app
from env_server.front import Front
from env_server.settings import ServerSettings
from tests.bench.figures import write_figures
from tests.bench.serving.client import drive, run
from tests.bench.serving.processes import TOKEN, stillweb
from tests.bench.serving.traffic import QUESTIONS, Mix, post, read_questions

HITS = 100
WITH_PAGES = "deepresearchgym, against a search and its pages"
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
    over_us = asyncio.run(cold(web, mix, rounds, count))
    hit_us, native_hit_us = hits(snapshot, mix, rounds, clients)
    rows = {}
    for name in (*SEARCHES, WITH_PAGES):
        over, native = (statistics.median(values) for values in zip(*over_us[name], strict=True))
        ratio = statistics.median(a / b for a, b in zip(hit_us[name], native_hit_us[name], strict=True))
        rows[name] = {
            "native_us": round(native),
            "over_native_us": round(over),
            "hit_us": round(statistics.median(hit_us[name]), 1),
            "hit_over_native": round(ratio, 2),
            "passed": over <= AT_MOST_US,
        }
    return {
        "snapshot_id": web.snapshot_id, "rounds": rounds, "queries": rounds * count, "clients": clients,
        "at_most_us": AT_MOST_US, "dialects": rows,
    }  # fmt: skip


async def cold(web: Snapshot, mix: Mix, rounds: int, count: int) -> dict[str, list[tuple[float, float]]]:
    """Name -> for each query, CPU microseconds over the native route, and those of the native route."""
    front = create_app({"web": web}, ServerSettings(snapshots={"web": web.path}, threads=1))
    native = SEARCHES["native"]

    async def asked(request: bytes) -> tuple[float, bytes]:
        scope, body = _parsed(request)
        begun = time.process_time()
        status, answer = await _asked(front, scope, body)
        spent = time.process_time() - begun
        if status != 200:
            raise RuntimeError(f"{request!r}: {status}")
        return 1e6 * spent, answer

    async def cost(request: bytes) -> float:
        return (await asked(request))[0]

    async def with_pages(query: str) -> float:
        search, found = await asked(native(query))
        return search + await cost(pages_of(found))

    for make in SEARCHES.values():
        for query in mix.queries(20):
            await cost(make(query))  # which opens what opens at first use
    for query in mix.queries(20):
        await with_pages(query)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in (*SEARCHES, WITH_PAGES)}
    for _ in range(rounds):
        for name, make in (*SEARCHES.items(), (WITH_PAGES, SEARCHES["deepresearchgym"])):
            plain = with_pages if name == WITH_PAGES else lambda query: cost(native(query))
            for number, query in enumerate(mix.queries(count)):
                for k in (9, 11):
                    await cost(post("/v1/search", {"query": query, "k": k}))
                one = make(query) if name != "native" else post("/v1/search", {"query": query, "k": 10})
                if number % 2:
                    theirs, ours = await cost(one), await plain(query)
                else:
                    ours, theirs = await plain(query), await cost(one)
                found[name].append((theirs - ours, ours))
    return found


def pages_of(found: bytes) -> bytes:
    """The native request for the whole text of a search's hits."""
    items = [{"doc_id": hit["doc_id"]} for hit in orjson.loads(found)["hits"]]
    whole = ServerSettings.model_fields["max_page_chars"].default
    return post("/v1/fetch/batch", {"items": items, "format": "text", "page_chars": whole})


def _parsed(request: bytes) -> tuple[dict[str, Any], bytes]:
    """A request as ASGI has it."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    method, target, _ = first.split(b" ")
    path, _, query = target.partition(b"?")
    headers = [(name.lower(), value) for name, value in (line.split(b": ", 1) for line in lines if line)]
    scope = {
        "type": "http", "method": method.decode(), "path": path.decode(), "raw_path": path, "query_string": query,
        "headers": headers, "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    return scope, body


async def _asked(front: Front, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    statuses, parts = list[int](), list[bytes]()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if "status" in message:
            statuses.append(message["status"])
        parts.append(message.get("body", b""))

    await front(scope, receive, send)
    return statuses[0], b"".join(parts)


def hits(snapshot: Path, mix: Mix, rounds: int, clients: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Name -> CPU microseconds of the server a hit, by round; and of what it is compared with."""
    with stillweb(snapshot) as server:

        def cost(requests: list[bytes]) -> float:
            load = run(drive(server, requests, clients))
            if load.errors:
                raise RuntimeError(f"{requests[0]!r}: {load.statuses}")
            return load.server_us

        kept = mix.queries(HITS)
        made = {name: [make(query) for query in kept] for name, make in SEARCHES.items()}
        with Client(f"http://127.0.0.1:{server.port}", token=TOKEN) as client:
            pages = [pages_of(client.search(query).delivery.body) for query in kept]
        for requests in (*made.values(), pages):
            cost(requests)  # which keeps the answers
        found: dict[str, list[float]] = {name: [] for name in (*SEARCHES, WITH_PAGES)}
        native: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(rounds):
            for name in SEARCHES:
                found[name].append(cost(made[name] * 10))
                native[name].append(found["native"][-1])
            found[WITH_PAGES].append(found["deepresearchgym"][-1])
            native[WITH_PAGES].append(found["native"][-1] + cost(pages * 10))
    return found, native


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--queries", type=int, default=40, help="of a round")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dry", action="store_true", help="print and write nothing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.snapshot
        if path is None:
            path = Path(folder) / "demo"
            build_snapshot(["factbook:"], path)
        figures = main(path, given.rounds, given.queries, given.clients, given.seed)
    if given.dry:
        print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
    else:
        write_figures("dialects", "python -m tests.bench.bench_dialects", figures)
