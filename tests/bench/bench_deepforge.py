"""DeepForge mode by rules against served snapshots: docs/figures/deepforge.json and the table of docs/deepforge.md.

python -m tests.bench.bench_deepforge [--render] [--keep FOLDER]
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import mean, median
from typing import Any

from agent.client import AsyncClient
from corpus import BuildOptions, build_snapshot, open_snapshot
from corpus.facts.base import open_facts
from tests.bench.figures import FIGURES, write_figures
from tests.env_server.test_determinism import running_server
from training.deepforge.factual import FactWeb
from training.deepforge.longtail import popularity_of
from training.deepforge.make import Tally, make_rows
from training.deepforge.rows import Row
from training.deepforge.rules import Rules
from training.deepforge.walk import DEPTHS, WEIGHTS
from training.deepforge.web import Web

PAGE = FIGURES.parent / "deepforge.md"
SOURCES = {"world": "world:seed=7,pages=5000", "factbook": "factbook:"}
COUNT = 1_000
_BLOCK = re.compile(r"(<!-- deepforge -->\n).*?(<!-- end -->)", re.DOTALL)


async def _run(server: str, facts: FactWeb | None, count: int) -> tuple[list[Row], Tally, dict[str, Any]]:
    tally = Tally()
    began, cpu = time.perf_counter(), time.process_time()
    async with AsyncClient(server) as env:
        web = Web(env)
        reference = await popularity_of(web, 0)
        steps = Rules(web, reference, facts)
        rows = [row async for row in make_rows(steps, web, count=count, tally=tally)]
        told = {
            "wall_s": round(time.perf_counter() - began, 1),
            "cpu_s_of_the_maker": round(time.process_time() - cpu, 1),
            "requests": web.calls,
            "linking_pages_of_a_random_page": round(reference.mean, 2),
        }
    return rows, tally, told


def measured(folder: Path) -> dict[str, Any]:
    """By source and knowledge: rows, yields by gate, popularity, calls needed, seconds."""
    found: dict[str, Any] = {}
    for name, source in SOURCES.items():
        path = folder / name
        if not (path / "manifest.json").is_file():
            build_snapshot([source], path, BuildOptions(encoder="none"))
        store = open_snapshot(path).store
        facts = FactWeb(open_facts(path), {store.doc_id(at): store.head(at)[0] for at in range(len(store))})
        with running_server(path) as server:
            for knowledge, given in (("pages", None), ("facts", facts)):
                rows, tally, told = asyncio.run(_run(server, given, COUNT))
                found[f"{name}, {knowledge}"] = {**_figures(rows, tally), **told}
    return found


def _figures(rows: list[Row], tally: Tally) -> dict[str, Any]:
    counts = tally.counts
    drawn = {depth: counts[f"depth {depth} drawn"] for depth in DEPTHS}
    total = sum(drawn.values())
    off = max(abs(drawn[depth] / total - weight) for depth, weight in zip(DEPTHS, WEIGHTS, strict=True))
    made = Counter(row.depth for row in rows)
    vague, harder = zip(*tally.calls, strict=True)
    dropped = {name.removeprefix("dropped: "): n for name, n in sorted(counts.items()) if name.startswith("dropped: ")}
    return {
        "rows": len(rows),
        "entities": counts["entities"],
        "topics": counts["topics"],
        "pages": counts["pages"],
        "drawn_1_2_3_4": " ".join(f"{drawn[depth] / total:.3f}" for depth in DEPTHS),
        "farthest_from_the_weights": round(off, 4),
        "rows_1_2_3_4": " ".join(str(made[depth]) for depth in DEPTHS),
        "dropped": ", ".join(f"{name} {number}" for name, number in dropped.items()),
        "linking_pages_of_an_entity": round(mean(tally.popularity), 2),
        "calls_vague_mean": round(mean(vague), 2),
        "calls_vague_median": median(vague),
        "calls_harder_mean": round(mean(harder), 2),
        "calls_harder_median": median(harder),
    }


def rendered() -> str:
    """docs/deepforge.md with the table of what was last measured."""
    record = json.loads((FIGURES / "deepforge.json").read_text("utf-8"))["measured"]
    names = list(record)
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for key in record[names[0]]:
        lines.append(f"| {key.replace('_', ' ')} | {' | '.join(str(record[name][key]) for name in names)} |")
    table = "\n".join(lines)
    return _BLOCK.sub(lambda match: f"{match[1]}{table}\n{match[2]}", PAGE.read_text("utf-8"))


def main() -> None:
    if "--render" not in sys.argv:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(sys.argv[sys.argv.index("--keep") + 1]) if "--keep" in sys.argv else Path(made)
            write_figures("deepforge", "python -m tests.bench.bench_deepforge", measured(folder))
    PAGE.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
