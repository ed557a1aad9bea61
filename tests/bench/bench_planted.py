"""How many planted defects `tasks verify` finds, and how many clean tasks it rejects: docs/figures/planted.json and the
table of docs/tasks.md.

python -m tests.bench.bench_planted [--tasks 100]       # all corpora
python -m tests.bench.bench_planted factbook            # these, the others stay as they are
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from corpus import build_snapshot, open_snapshot
from corpus.facts.base import EXTRACTORS, open_facts
from corpus.facts.records import Fact
from tests.bench.figures import FIGURES, write_figures
from tests.training.planted import DEFECTS, Bed, Planted, ground_of
from training.statistics import wilson
from training.synthesis.confirm import opinion_on
from training.synthesis.index import FactIndex
from training.synthesis.make import make_tasks
from training.synthesis.recipe import Recipe
from training.synthesis.verify import Ground, flaw_of
from training.tasks import Task

PAGE = FIGURES.parent / "tasks.md"
CORPORA = {"factbook": "factbook:", "world": "world:seed=7,pages=2000"}


def defects_in(
    bed: Bed, defects: Sequence[str] = tuple(DEFECTS), seed: int = 0
) -> dict[tuple[str, str], list[Planted]]:
    """(defect, sort) -> tasks with it. Of one sort no two tasks change a fact in two ways."""
    found: dict[tuple[str, str], list[Planted]] = {}
    changes: dict[tuple[str, str], dict[tuple[str, str, str, str], Fact]] = {}
    for at, task in enumerate(bed.tasks):
        for number, (defect, plant) in enumerate(DEFECTS.items()):
            if defect not in defects:
                continue
            for one in plant(bed, task, np.random.default_rng([seed, at, number])):
                known = changes.setdefault((defect, one.sort), {})
                if all(known.get(old.key, new) == new for old, new in one.changed):
                    known.update({old.key: new for old, new in one.changed})
                    found.setdefault((defect, one.sort), []).append(one)
    return found


def measure(bed: Bed, clean: Ground, second: FactIndex | None = None) -> dict[str, Any]:
    """Shares caught by defect and sort, by which gate, and the share of the clean tasks that is rejected.

    With the facts of a second extractor, what passes every gate is stopped where those facts contradict it: they find
    no answer, or another. Tasks to which they find a second answer are told beside, and are not stopped.
    """
    started = time.process_time()
    gates_of_clean = Counter(gate_of(task, clean, second) for task in bed.tasks)
    seconds = time.process_time() - started
    rows: dict[str, Any] = {}
    for (defect, sort), some in sorted(defects_in(bed).items()):
        ground = ground_of(bed, some, clean)
        gates = Counter(
            gate_of(one.task, ground_of(bed, [one], clean) if one.alone else ground, second) for one in some
        )
        rows.setdefault(defect, {})[sort] = {
            "planted": len(some),
            "caught": len(some) - gates["none"],
            "by": dict(sorted((gate, count) for gate, count in gates.items() if gate != "none")),
        }
    return {
        "clean": len(bed.tasks),
        "clean_rejected": len(bed.tasks) - gates_of_clean["none"],
        "rejected_by": dict(sorted((gate, count) for gate, count in gates_of_clean.items() if gate != "none")),
        "second": dict(sorted(Counter(opinion_on(task, second) for task in bed.tasks).items())) if second else {},
        "verified_a_minute": round(60 * len(bed.tasks) / seconds),
        "defects": rows,
    }


def gate_of(task: Task, ground: Ground, second: FactIndex | None) -> str:
    """The gate that stops a task, "second" for the second extractor, "none" where it passes."""
    flaw = flaw_of(task, ground)
    if flaw is not None:
        return flaw.gate
    opinion = opinion_on(task, second) if second is not None else "confirmed"
    return "second" if opinion in ("no answer", "other answer") else "none"


def totals(corpora: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Over all corpora: by defect and in all, with Wilson intervals."""
    planted, caught = Counter[str](), Counter[str]()
    for corpus in corpora:
        for defect, sorts in corpus["defects"].items():
            planted[defect] += sum(row["planted"] for row in sorts.values())
            caught[defect] += sum(row["caught"] for row in sorts.values())
    clean = sum(corpus["clean"] for corpus in corpora)
    rejected = sum(corpus["clean_rejected"] for corpus in corpora)
    return {
        "defects": {defect: _rate(caught[defect], planted[defect]) for defect in sorted(planted)},
        "all": _rate(caught.total(), planted.total()),
        "clean_rejected": _rate(rejected, clean),
    }


def _rate(part: int, of: int) -> dict[str, float]:
    interval = wilson(part, of)
    return {
        "count": part,
        "of": of,
        "share": round(part / of, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }


def bed_of(snapshot: Path, count: int, processes: int = 1) -> tuple[Bed, Ground, FactIndex | None]:
    """Clean tasks of a snapshot, made here and now, and the second extractor's facts where there is one."""
    web, facts = open_snapshot(snapshot), open_facts(snapshot)
    tasks: list[Task] = list(make_tasks(web, facts, Recipe(), count=count, processes=processes))
    second = FactIndex(open_facts(snapshot, extractor="second")) if "second" in EXTRACTORS else None
    return Bed(facts, tasks, FactIndex(facts)), Ground(facts, web), second


def rendered() -> str:
    """docs/tasks.md with the table of the kept figures."""
    measured = json.loads((FIGURES / "planted.json").read_text())["measured"]
    lines = ["| defect | what is wrong | planted | caught | stopped at |", "|---|---|---|---|---|"]
    sorts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for corpus in measured["corpora"].values():
        for defect, rows in corpus["defects"].items():
            for sort, row in rows.items():
                sorts.setdefault((defect, sort), []).append(row)
    for (defect, sort), rows in sorted(sorts.items()):
        by = sum((Counter(row["by"]) for row in rows), Counter[str]())
        planted, caught = (sum(row[name] for row in rows) for name in ("planted", "caught"))
        stopped = ", ".join(f"{gate} {count}" for gate, count in sorted(by.items(), key=lambda one: (-one[1], one[0])))
        lines.append(f"| {defect} | {sort} | {planted} | {caught} | {stopped} |")
    whole, clean = measured["all"], measured["clean_rejected"]
    lines += [
        "",
        f"Of all planted defects {whole['share']:.2%} are caught (95 % interval {whole['low']:.2%} to "
        f"{whole['high']:.2%}); of {clean['of']} clean tasks {clean['count']} are rejected "
        f"(up to {clean['high']:.2%}).",
    ]
    for name, corpus in measured["corpora"].items():
        if corpus["rejected_by"]:
            told = ", ".join(f"{gate} {count}" for gate, count in corpus["rejected_by"].items())
            lines.append(f"\nClean tasks of {name} that are rejected, by gate: {told}.")
        if corpus["second"]:
            told = ", ".join(f"{opinion} {count}" for opinion, count in corpus["second"].items())
            lines.append(f"\nThe second extractor on {corpus['clean']} clean tasks of {name}: {told}.")
    block = "<!-- planted -->\n" + "\n".join(lines) + "\n<!-- end -->"
    return re.sub(r"<!-- planted -->.*?<!-- end -->", lambda _: block, PAGE.read_text("utf-8"), flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help=", ".join(CORPORA))
    parser.add_argument("--tasks", type=int, default=100)
    asked = parser.parse_args()
    if unknown := {*asked.corpora} - CORPORA.keys():
        parser.error(f"there is no corpus {', '.join(sorted(unknown))}")
    kept = FIGURES / "planted.json"
    found: dict[str, Any] = json.loads(kept.read_text("utf-8"))["measured"]["corpora"] if kept.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.corpora or CORPORA:
            build_snapshot([CORPORA[name]], Path(folder) / name)
            found[name] = measure(*bed_of(Path(folder) / name, asked.tasks))
    measured = {**totals(list(found.values())), "corpora": found}
    write_figures("planted", "python -m tests.bench.bench_planted", measured)
    PAGE.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
