"""The tables of docs/speed.md, written from docs/figures.

python -m tests.bench.render_speed
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.bench.figures import FIGURES

PAGE = FIGURES.parent / "speed.md"
Figures = dict[str, Any]
OTHER = "_xeon"
"""Ends the names of figures that a second machine has measured: what the benchmark wrote there, renamed."""


def read(name: str) -> Figures:
    found: Figures = json.loads((FIGURES / f"{name}.json").read_text())
    return found


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [[cell if isinstance(cell, str) else number(float(str(cell))) for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def verdict(bound: Figures) -> list[object]:
    return [bound["what"], bound["figure"], "kept" if bound["passed"] else "**missed**", bound["at_most"]]


def bounds() -> str:
    """Figures and verdicts on both machines; the second's are files with its name behind theirs."""
    rows, others = bounds_on(""), {row[0]: row[1:3] for row in bounds_on(OTHER)}
    head = ("Bound", cpu_of("serve"), "", cpu_of(f"serve{OTHER}"), "", "At most")
    return table(head, ([*row[:3], *others[row[0]], row[3]] for row in rows))


def bounds_on(machine: str) -> list[list[object]]:
    """[what, figure, verdict, at most] of each bound that was measured there."""
    serve, clients, memory = (read(f"{name}{machine}")["measured"] for name in ("serve", "clients", "memory"))
    rows = [verdict(b) for b in [*serve["bounds"], *serve["minilm"]["bounds"], *memory["bounds"]]]
    for corpus, kinds in (("", clients["union"]["kinds"]), (", MiniLM", clients["minilm"]["kinds"])):
        limit = kinds.get("raw", {}).get("share_at_256", 1.0)
        for kind, found in kinds.items():
            share = found["share_at_256"]
            kept = "kept" if share >= 0.85 else "**missed**"
            if kind == "raw":
                kept = "the limit of hits"
            elif kind == "hit" and share < 0.85 and limit < 0.85:
                kept += ", as raw ASGI does"
            rows.append([f"{named(kind)}{corpus}: requests/s at 256 clients / the best", share, kept, "at least 0.85"])
    errors = clients["errors"]
    rows.append(["errors at 1 to 1,000 clients", f"{errors:,}", "kept" if errors == 0 else "**missed**", "0"])
    return rows


def cpu_of(name: str) -> str:
    cpu: str = read(name)["machine"]["cpu"]
    return cpu.replace("(R)", "").removesuffix(" Processor")


def named(kind: str) -> str:
    return "raw ASGI" if kind == "raw" else kind


COSTS = (
    ("raw", "raw ASGI, bytes of a search"),
    ("starlette", "Starlette, ready bytes"),
    ("fastapi", "FastAPI, ready bytes"),
    ("fastapi-body", "FastAPI, ready bytes, our request model"),
    ("hit", "**search, from the cache**"),
    ("fetch hit", "**fetch, from the cache**"),
    ("hop", "a thread hop (in process)"),
    ("bm25, in process", "BM25 search, service called directly (in process)"),
    ("bm25, in process by hops", "the same, 16 tasks and 2 threads (in process)"),
    ("bm25", "**BM25 search**"),
    ("bm25, in a batch of 32", "the same, a query of a batch of 32"),
    ("hybrid: encode", "encoding a query (in process)"),
    ("hybrid: faiss", "FAISS, 100 pages deep (in process)"),
    ("hybrid: bm25", "BM25, 100 pages deep, no snippets (in process)"),
    ("hybrid: faiss alone", "FAISS in a loop of its own (in process)"),
    ("hybrid: bm25 alone", "BM25 in a loop of its own (in process)"),
    ("hybrid: bm25_k10", "BM25, 10 pages deep, no snippets (in process)"),
    ("hybrid, in process", "hybrid search, service called directly (in process)"),
    ("hybrid", "**hybrid search**"),
    ("hybrid, in a batch of 32", "the same, a query of a batch of 32"),
    ("fetch", "**fetch**"),
    ("find", "**find**"),
    ("extract", "**extract**"),
)


def costs() -> str:
    serve = read("serve")["measured"]
    other = serve["minilm"]["costs_us"]
    rows = []
    for key, what in COSTS:
        client = serve["client_us"].get(key, "")
        rows.append([what, serve["costs_us"][key], client, other.get(key, "")])
    return table(("CPU microseconds a request", "Server", "Client", "foldoc, MiniLM"), rows)


def clients() -> str:
    measured = read("clients")["measured"]
    rows = []
    for corpus, part in (("", "union"), (", MiniLM", "minilm")):
        for kind, found in measured[part]["kinds"].items():
            cells: list[object] = [f"{named(kind)}{corpus}"]
            for count in ("1", "16", "64", "256", "1000"):
                row = found[count]
                latency = " / ".join(number(row[f"p{p}_ms"]) for p in (50, 95, 99))
                cells.append(f"{row['per_s']:,.0f}: {latency}")
            rows.append(cells)
    return table(("Clients", "1", "16", "64", "256", "1,000"), rows)


def rollouts() -> str:
    measured = read("rollouts")["measured"]
    rows = [
        [
            name,
            f"{row['calls']:,}",
            f"{row['hit_rate']:.1%}",
            f"{row['coalesced']:.1%}",
            row["calls_per_s"],
            row["server_us"],
            f"{row['busiest_worker']:.0%}",
        ]
        for name, row in measured.items()
        if isinstance(row, dict) and "calls" in row
    ]
    head = ("", "Calls", "Hits", "Shared in flight", "Calls/s", "Server us a call", "Busiest worker's share")
    return table(head, rows)


def decision() -> str:
    measured = read("rollouts")["measured"]["decision"]
    names = {
        "hit_rate_won_by_sharing_with_2_workers": "hits that 2 workers win by sharing, second epoch, of all calls",
        "server_us_a_call_won_with_2_workers": "server's CPU a call that it saves them there, us",
        "hit_rate_won_by_sharing_with_8_workers": "hits that 8 workers win by sharing",
        "server_us_a_call_won_with_8_workers": "server's CPU a call that it saves them, us",
        "hit_rate_lost_in_the_minute_after_a_restart": "hits lost in the minute after a restart, of all calls",
        "server_cpu_s_lost_in_that_minute": "server's CPU lost in that minute, s",
    }
    return table(("What there is to gain", "Figure"), ([what, measured[key]] for key, what in names.items()))


def memory() -> str:
    measured = read("memory")["measured"]
    flat = measured["flat"]
    points = ", ".join(f"{point:.0f}" for point in flat["anonymous_mib"][1::2])
    rows = [
        ["ready, s", measured["ready_s"]],
        *(
            [f"memory of all processes, {name.replace('_', ' ')} (PSS), MiB", measured[name]["pss_of_all"]]
            for name in ("one_worker", "two_workers", "three_workers")
        ),
        ["a worker's own pages, MiB", measured["worker_unshared_mib"]],
        [f"anonymous memory at each tenth of {flat['requests']:,} requests, MiB", points],
    ]
    return table(("Union", "Figure"), rows)


PEERS = {
    "stillweb": "Stillweb",
    "corpus": "plain FastAPI, sync endpoint, response model, over our library",
    "tantivy": "the same over the same Tantivy index, query parsed whole",
    "bm25s": "the same over bm25s",
    "lucene": "the same over Lucene (pyserini)",
}


def peers() -> str:
    servers = read("peers")["measured"]["servers"]
    rows: list[list[object]] = []
    for name, what in PEERS.items():
        row = servers[name]
        if "left_out" in row:
            rows.append([what, f"left out: {row['left_out']}", "", "", "", ""])
            continue
        latency = f"{number(row['p50_ms'])} / {number(row['p99_ms'])}"
        overlap = row.get("overlap_at_10", "")
        rows.append([what, row["server_us"], row["per_s"], latency, overlap, f"{row['anonymous_mib']:,}"])
    return table(("Server", "CPU us", "Requests/s", "p50 / p99 ms", "Overlap at 10", "Own memory, MiB"), rows)


def variants() -> str:
    measured = read("variants")["measured"]
    kinds = list(measured["kinds"])
    rows = [
        [
            name,
            *(f"{measured['kinds'][kind][name]['ratio']:.2f}" for kind in kinds),
            *(number(measured["kinds"][kind][name]["per_s"]) for kind in ("bm25", "hybrid")),
        ]
        for name in measured["kinds"][kinds[0]]
    ]
    return table(("Server's CPU against the first", *kinds, "bm25 a second", "hybrid a second"), rows)


def search() -> str:
    took = read("search")["measured"]["steps_us"]
    rows = [[name, us, f"{us / took['whole']:.0%}"] for name, us in took.items() if name != "whole"]
    return table(("Step", "CPU us", "Share"), [*rows, ["the whole search", took["whole"], ""]])


def engine() -> str:
    measured = read("search")["measured"]
    found, tried, snippets = measured["engine"], measured["tried"], measured["snippets"]
    depths = found["by_depth_us"]
    shipped = tried["shipped_us"]
    rows: list[list[object]] = [
        [f"the best {', '.join(depths)}", " / ".join(number(us) for us in depths.values())],
        ["the best 38, and how many match", found["all_counted_us"]],
        [
            f"fitted, {found['explained']:.0%} of it explained",
            f"{number(found['fixed_us'])} + {number(found['a_clause_us'])} a clause "
            f"+ {1000 * found['a_posting_us']:.1f} for 1,000 postings",
        ],
        [f"a query's mean: {number(found['clauses'])} clauses, {number(found['postings'])} postings", shipped],
        [
            f"MaxScore from outside, its threshold told it; {tried['maxscore_postings']:.0%} of the postings left",
            tried["maxscore_us"],
        ],
        ["whichever of the two is cheaper for the query", tried["the_cheaper_of_both_us"]],
        ["as many postings added up in NumPy", tried["numpy_us"]],
        [
            "words of a query found in ten passages: one by one / by one pattern",
            f"{number(snippets['finds_us'])} / {number(snippets['pattern_us'])}",
        ],
    ]
    return table(("What", "CPU us"), rows)


def beside() -> str:
    measured = read("beside")["measured"]
    rows = [
        [told, *(f"{number(one['us'])} ({one['ratio']:.2f})" for one in measured[work].values())]
        for work, told in (("search", "a BM25 search, service called directly"), ("loop", "a loop in plain Python"))
    ]
    return table(("CPU microseconds (times alone)", *measured["search"]), rows)


def where() -> str:
    record = read("serve")
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    machine = record["machine"]
    about = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}"
    return f"Measured {record['date']} on {about}; {versions}.\n"


TABLES: dict[str, Callable[[], str]] = {
    "where": where,
    "bounds": bounds,
    "costs": costs,
    "clients": clients,
    "rollouts": rollouts,
    "decision": decision,
    "memory": memory,
    "peers": peers,
    "variants": variants,
    "beside": beside,
    "search": search,
    "engine": engine,
}


def rendered(page: Path = PAGE) -> str:
    """The page with its tables as last measured."""
    text = page.read_text()
    for name, make in TABLES.items():
        marks = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)
        made = make()
        text = marks.sub(lambda _, made=made: made, text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    PAGE.write_text(rendered())
