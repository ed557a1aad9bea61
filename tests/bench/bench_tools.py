"""Tasks edited so that only a tool closes them, and what the tables cost to serve: docs/figures/tools.json, and the
table and examples of docs/tools-tables.md.

python -m tests.bench.bench_tools [--tasks 60]      # measure and write both
python -m tests.bench.bench_tools --render          # write the page from the figures alone
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from corpus.facts.base import open_facts
from corpus.records import Document, Place
from corpus.tables import Tables, TableWriter
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.table_schemas import PlaceRef, PlacesRequest, RouteRequest, ScholarRequest
from env_server.view import EMPTY_VIEW
from tests.bench.figures import FIGURES, write_figures
from tests.training.tool_solver import without_tables
from training.synthesis.blur import SEARCH_CAP
from training.synthesis.evolving import Editor, generator_of
from training.synthesis.index import FactIndex
from training.synthesis.make import make_tasks
from training.synthesis.recipe import Recipe
from training.synthesis.solve import solve
from training.synthesis.tool_proof import ToolProof, constraints_of
from training.synthesis.tool_verify import ToolGround
from training.synthesis.tooling import without_tools
from training.synthesis.verify import Ground
from training.tasks import Task

PAGE = FIGURES.parent / "tools-tables.md"
CORPORA = {"Factbook": "factbook:", "world of 5,000": "world:seed=7,pages=5000"}
SHOWN = 3
CALLS = 300


def measure(spec: str, folder: Path, count: int) -> dict[str, Any]:
    """Edits of `count` tasks of a corpus, how solvers fare, and CPU microseconds a call of each table route."""
    build_snapshot([spec], folder, BuildOptions(encoder="none"))
    web, facts = open_snapshot(folder), open_facts(folder)
    tasks = list(make_tasks(web, facts, Recipe(treewidths=(1, 2)), count=count))
    ground = ToolGround(Ground(facts, web))
    editor = Editor(ground.index(), ground.ground.leaks)
    ground.ground.leaks.warm()
    started = time.process_time()
    reasons: Counter[str] = Counter()
    made: list[Task] = []
    for task in tasks:
        found, reason = editor.evolved(task, generator_of(0, task.task_id))
        reasons[reason] += 1
        if found is not None:
            made.append(found)
    edit_s = time.process_time() - started
    return {
        "pages": len(web.store),
        "places": len(web.store.tables.places),
        "papers": len(web.store.tables.papers),
        "tasks": len(tasks),
        "edited": len(made),
        "not_edited": {reason: n for reason, n in sorted(reasons.items()) if reason != "passed"},
        "edit_ms": round(1000 * edit_s / len(tasks), 1),
        "tools": dict(sorted(Counter(name for task in made for name in task.meta["tools"]).items())),
        "names_hidden": sum(
            edit.variable >= len(proof.base.solution)
            for proof in (ToolProof.model_validate(task.proof) for task in made)
            for edit in proof.edits
        ),
        **_solved(made, ground, FactIndex(without_tables(facts))),
        "us": _served(web),
        "examples": [{"question": task.question, "answer": task.answer} for task in made[:SHOWN]],
    }


def _solved(made: list[Task], ground: ToolGround, blind: FactIndex) -> dict[str, int]:
    """Tasks that pass every gate, and those that each kind of solver closes."""
    closed: Counter[str] = Counter()
    for task in made:
        proof = ToolProof.model_validate(task.proof)
        asked, index = constraints_of(proof.base, proof.edits), ground.index()
        closed["verified"] += ground.flaw_of(task) is None
        for name, on, constraints in (
            ("closed_by_text", blind, without_tools(asked)),
            ("closed_by_all_pages", index, without_tools(asked)),
            ("closed_with_tools", index, asked),
        ):
            found = solve(on, constraints, "closed", distinct=True, cap=SEARCH_CAP).answers
            closed[name] += [on.ids[entity] for entity in found] == [proof.base.solution[0]]
    return {name: closed[name] for name in ("verified", "closed_by_text", "closed_by_all_pages", "closed_with_tools")}


def million(folder: Path, count: int = 1_000_000) -> dict[str, float]:
    """CPU milliseconds of the nearest of a million places, and MiB of the table's files."""
    writer = TableWriter(folder)
    rng = np.random.default_rng(0)
    degrees = zip(rng.uniform(-90, 90, count).tolist(), rng.uniform(-180, 180, count).tolist(), strict=True)
    for number, (latitude, longitude) in enumerate(degrees):
        name = f"Place {number}"
        writer.add(number, Document(f"https://a.example/{number}", name, "", place=Place(name, latitude, longitude)))
    writer.close()
    tables = Tables(folder)
    tables.around(0, 0, 0, 100)
    started = time.process_time()
    for at in range(10):
        tables.around(5.0 * at, 10.0 * at, 0, 100)
    around_ms = 100 * (time.process_time() - started)
    started = time.process_time()
    for at in range(1000):
        assert tables.named(f"place {977 * at}") == [977 * at]
    size = sum(file.stat().st_size for file in folder.iterdir())
    return {
        "around_ms": round(around_ms, 1),
        "named_us": round(1e3 * (time.process_time() - started), 1),
        "mib": round(size / 2**20, 1),
    }


def _served(web: Snapshot) -> dict[str, float]:
    service = SearchService("web", web, ServerSettings(snapshots={"web": web.path}))
    numbers = web.store.tables.places.docs.tolist()
    refs = [PlaceRef(doc_id=web.store.doc_id(number)) for number in numbers]
    names = [place.name for number in numbers if (place := web.store.place(number))]

    def cost(work: Callable[[int], object]) -> float:
        work(0)
        started = time.process_time()
        for at in range(CALLS):
            work(at % len(refs))
        return round(1e6 * (time.process_time() - started) / CALLS, 0)

    def near(at: int) -> object:
        return service.maps.places(PlacesRequest(near=refs[at], max_km=1000, k=10), EMPTY_VIEW)

    def route(at: int) -> object:
        return service.maps.route(RouteRequest(origin=refs[at], destination=refs[at - 1]), EMPTY_VIEW)

    found = {
        "places near": cost(near),
        "places by name": cost(lambda at: service.maps.places(PlacesRequest(query=names[at], k=10), EMPTY_VIEW)),
        "route": cost(route),
    }
    if len(web.store.tables.papers):
        request = ScholarRequest(query="a comparative study of ferry crossings", min_citations=10)
        found["scholar"] = cost(lambda at: service.scholar.search(request, EMPTY_VIEW))
    return found


def rendered() -> str:
    """The page with the table and the examples of the figures."""
    whole = json.loads((FIGURES / "tools.json").read_text())["measured"]
    measured, large = whole["corpora"], whole["million"]
    rows = ["| | " + " | ".join(measured) + " |", "|---" * (len(measured) + 1) + "|"]
    told: dict[str, Callable[[dict[str, Any]], str]] = {
        "pages; places; papers": lambda m: f"{m['pages']:,}; {m['places']:,}; {m['papers']:,}",
        "tasks edited, of": lambda m: f"{m['edited']} of {m['tasks']}",
        "CPU a task": lambda m: f"{m['edit_ms']} ms",
        "by tool": lambda m: ", ".join(f"{name} {n}" for name, n in m["tools"].items()),
        "edits that hid a name": lambda m: str(m["names_hidden"]),
        "pass `tasks verify`": lambda m: str(m["verified"]),
        "closed by pages without what the tables hold": lambda m: str(m["closed_by_text"]),
        "closed by all pages, no tool": lambda m: str(m["closed_by_all_pages"]),
        "closed with the tools": lambda m: str(m["closed_with_tools"]),
        "not edited": lambda m: "; ".join(f"{reason} {n}" for reason, n in m["not_edited"].items()) or "none",
        "CPU a call, us": lambda m: ", ".join(f"{name} {us:.0f}" for name, us in m["us"].items()),
    }
    rows += [f"| {name} | " + " | ".join(tell(m) for m in measured.values()) + " |" for name, tell in told.items()]
    examples = [
        f"- {name}: {one['question']} **{one['answer']}**" for name, m in measured.items() for one in m["examples"]
    ]
    rows += [
        "",
        f"In a table of a million places the nearest take {large['around_ms']} ms of CPU and a name "
        f"{large['named_us']} us; its files have {large['mib']} MiB.",
    ]
    page = PAGE.read_text("utf-8")
    for mark, lines in (("figures", rows), ("examples", examples)):
        block = f"<!-- {mark} -->\n\n" + "\n".join(lines) + "\n\n<!-- end -->"
        page = re.sub(rf"<!-- {mark} -->.*?<!-- end -->", lambda _, block=block: block, page, flags=re.DOTALL)  # type: ignore[misc]
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--render", action="store_true")
    given = parser.parse_args()
    if not given.render:
        measured: dict[str, Any] = {"corpora": {}}
        with tempfile.TemporaryDirectory() as folder:
            for number, (name, spec) in enumerate(CORPORA.items()):
                measured["corpora"][name] = measure(spec, Path(folder) / str(number), given.tasks)
            (Path(folder) / "million").mkdir()
            measured["million"] = million(Path(folder) / "million")
        write_figures("tools", f"python -m tests.bench.bench_tools --tasks {given.tasks}", measured)
    PAGE.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
