"""Which of many made tasks are proven: every proof checked again, a second extractor asked, searches counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from corpus.facts.base import open_facts
from corpus.snapshot import Snapshot
from training.synthesis.confirm import Opinion, opinion_on, survival
from training.synthesis.index import FactIndex
from training.synthesis.proof import Proof
from training.synthesis.treewidth import treewidth
from training.synthesis.verify import Ground, flaw_of
from training.tasks import Task

LISTED = 40
"""Tasks that are told by id, of those which a check does not pass."""
SEARCHED = ("leak: question finds the answer", "leak: clue finds the answer")
"""Gates of searches, which come last: what they stop had passed all others."""


def proven(asked: Mapping[int, Sequence[Task]], web: Snapshot, *, links: bool, second: bool = True) -> dict[str, Any]:
    """Figures of `stillweb tasks verify --second`, on all tasks, by the treewidth that was asked for.

    Processor seconds are without opening and indexing. Without `second` nobody else is asked.
    """
    tasks = [task for found in asked.values() for task in found]
    ground = Ground(open_facts(web.path), web)
    ground.leaks.warm()
    ground.index(links)
    started = time.process_time()
    flaws = {task.task_id: flaw.gate for task in tasks if (flaw := flaw_of(task, ground))}
    verified_s = time.process_time() - started
    del ground
    opinions: dict[str, Opinion] = {}
    asked_s = 0.0
    if second:
        other = FactIndex(open_facts(web.path, extractor="second"), links=links)
        started = time.process_time()
        opinions = {task.task_id: opinion_on(task, other) for task in tasks}
        asked_s = time.process_time() - started
    found = survival(opinions.values())
    read = found.tasks - found.not_read
    return {
        "proven": len(tasks) - len(flaws),
        "flaws": dict(sorted(Counter(flaws.values()).items())),
        "flawed": dict(list(flaws.items())[:LISTED]),
        "verify_cpu_s": round(verified_s, 1),
        "second_cpu_s": round(asked_s, 1),
        "second": dict(sorted(Counter(opinions.values()).items())),
        "second_share_confirmed": share(found.confirmed, read),
        "second_share_unique": share(found.confirmed, found.confirmed + found.ambiguous),
        "disputed": dict([(k, v) for k, v in opinions.items() if v not in ("confirmed", "not read")][:LISTED]),
        "share_treewidth_as_asked": share(
            sum(width_of(task) == width for width, found in asked.items() for task in found), len(tasks)
        ),
        "share_answer_in_top_50": share(sum(map(in_top_50, tasks)), len(tasks)),
    }


def width_of(task: Task) -> int:
    """The treewidth of a task's graph, counted again."""
    proof = Proof.model_validate(task.proof)
    return treewidth(len(proof.solution), [(edge.a, edge.b) for edge in proof.edges])


def in_top_50(task: Task) -> bool:
    """Whether the whole question brings the answer's page up among 50, in any mode; among ten it is rejected."""
    return any(task.meta["shortcut"]["question"].values())


def survived(yields: Mapping[str, int]) -> float | None:
    """Share of the shapes that passed every other gate for which no search showed the answer among ten."""
    counts: Counter[str] = Counter()
    for gate, number in yields.items():
        counts[gate.partition(": ")[2]] += number
    stopped = sum(counts[gate] for gate in SEARCHED)
    return share(counts["passed"], counts["passed"] + stopped)


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
