"""Mid-training data of each kind: docs/figures/mid-training.json and the table of docs/mid-training.md.

python -m tests.bench.bench_midtraining [--render] [--keep FOLDER]
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean
from typing import Any

from agent.client import AsyncClient
from agent.records import Episode
from corpus import BuildOptions, build_snapshot, open_snapshot
from corpus.facts.base import open_facts
from tests.bench.figures import FIGURES, write_figures
from tests.env_server.test_determinism import running_server
from training.midtraining.dialogues import dialogue_flaws, make_dialogues
from training.midtraining.grounding import grounding_flaws, make_grounding
from training.midtraining.plans import make_plans, plan_flaws
from training.midtraining.trajectories import make_trajectories, play_witnesses, trajectory_flaws
from training.synthesis.make import make_tasks
from training.synthesis.recipe import Recipe
from training.synthesis.verify import Ground
from training.synthesis.witness import witnessed
from training.tasks import Task

PAGE = FIGURES.parent / "mid-training.md"
SOURCES = {"world": "world:seed=7,pages=5000", "factbook": "factbook:"}
TASKS, ROWS, DIALOGUES = 100, 200, 1_000
_BLOCK = re.compile(r"(<!-- mid-training -->\n).*?(<!-- end -->)", re.DOTALL)


def told(
    rows: Callable[[], Iterable[Any]], flaws_of: Callable[[Any], list[str]], counts: Counter[str]
) -> dict[str, Any]:
    """Of one kind from one source: rows, those that their checker refuses, sizes, seconds of CPU."""
    cpu = time.process_time()
    made = list(rows())
    cpu = time.process_time() - cpu
    flawed = sum(bool(flaws_of(row)) for row in made)
    left = {name: number for name, number in sorted(counts.items()) if name not in _COUNTED}
    return {
        "rows": len(made),
        "refused_by_the_checker": flawed,
        "tokens_mean": round(mean(row.tokens for row in made)),
        "tokens_most": max(row.tokens for row in made),
        "rows_a_cpu_second": round(len(made) / cpu, 1),
        "counted": ", ".join(f"{name} {counts[name]:,}" for name in _COUNTED if counts[name] and name != "rows"),
        "left_out": ", ".join(f"{name} {number}" for name, number in left.items()) or "none",
    }


_COUNTED = (
    "rows", "facts", "pages", "concrete goals", "ambiguous goals", "begun in the middle",
    "settled before the last step", "calls", "turns of users", "from a witness", "from a rollout",
)  # fmt: skip


async def _played(tasks: list[Task], server: str) -> tuple[dict[str, Task], list[Episode]]:
    async with AsyncClient(server) as env:
        solved = [task async for task, played in witnessed(tasks, env) if played.witness]
    return {task.task_id: task for task in solved}, [one async for one in play_witnesses(solved, server)]


def measured(folder: Path) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    found = {"tools": told(lambda: make_dialogues(count=DIALOGUES, counts=counts), dialogue_flaws, counts)}
    for name, source in SOURCES.items():
        path = folder / name
        if not (path / "manifest.json").is_file():
            build_snapshot([source], path, BuildOptions(encoder="none"))
        web, facts = open_snapshot(path), open_facts(path)
        ground = Ground(facts, web)
        tasks = list(make_tasks(web, facts, Recipe(treewidths=(1, 2)), count=TASKS))
        found |= _of(name, tasks, ground, path)
    return found


def _of(name: str, tasks: list[Task], ground: Ground, path: Path) -> dict[str, Any]:
    web, facts = ground.snapshot, ground.facts
    assert web is not None
    by_id = {task.task_id: task for task in tasks}
    one, two, three = Counter[str](), Counter[str](), Counter[str]()
    with running_server(path) as server:
        solved, episodes = asyncio.run(_played(tasks, server))
    return {
        f"grounding, {name}": told(
            lambda: make_grounding(web, facts, count=ROWS, counts=one), lambda row: grounding_flaws(row, ground), one
        ),
        f"plans, {name}": told(
            lambda: make_plans(tasks, ground, count=ROWS, counts=two),
            lambda row: plan_flaws(row, by_id[row.task_id], ground),
            two,
        ),
        f"trajectories, {name}": told(
            lambda: make_trajectories(episodes, solved, counts=three),
            lambda row: trajectory_flaws(row, solved[row.task_id]),
            three,
        ),
    }


def rendered() -> str:
    """docs/mid-training.md with the table of what was last measured."""
    record = json.loads((FIGURES / "mid-training.json").read_text("utf-8"))["measured"]
    keys = list(next(iter(record.values())))
    lines = [f"| | {' | '.join(key.replace('_', ' ') for key in keys)} |", f"|---|{'---|' * len(keys)}"]
    lines += [f"| {name} | {' | '.join(str(row[key]) for key in keys)} |" for name, row in record.items()]
    table = "\n".join(lines)
    return _BLOCK.sub(lambda match: f"{match[1]}{table}\n{match[2]}", PAGE.read_text("utf-8"))


def main() -> None:
    if "--render" not in sys.argv:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(sys.argv[sys.argv.index("--keep") + 1]) if "--keep" in sys.argv else Path(made)
            write_figures("mid-training", "python -m tests.bench.bench_midtraining", measured(folder))
    PAGE.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
