"""`stillweb tasks tools`: clues of proven tasks made into claims that only a tool settles."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from corpus.cli import progress_bar
from corpus.errors import CorpusError
from training.cli_task_files import OutOption, SnapshotOption, TasksArgument, read_all, tell_counts, write_stage
from training.terminal import fail


def tools(
    tasks: TasksArgument,
    snapshot: SnapshotOption,
    out: OutOption,
    edits: Annotated[int, typer.Option(min=1, max=4, help="Clues of each task to put a tool claim for.")] = 1,
    min_candidates: Annotated[
        int | None, typer.Option(min=1, help="Entities that a claim alone leaves at least; else as the task's clues.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed makes other edits.")] = 0,
) -> None:
    """Edit tasks so that maps, an index of papers or a computation is needed to solve them; those that cannot be
    edited are counted and left out."""
    from corpus.facts.base import open_facts
    from corpus.snapshot import open_snapshot
    from training.synthesis.evolving import Editor, generator_of
    from training.synthesis.tool_verify import ToolGround, has_tools
    from training.synthesis.verify import Ground
    from training.tasks import Task

    rows = read_all(tasks)
    try:
        web = open_snapshot(snapshot)
        ground = ToolGround(Ground(open_facts(snapshot), web))
    except CorpusError as error:
        fail(str(error))
    if not len(web.store.tables.places) + len(web.store.tables.papers):
        fail(f"{snapshot} has no table of places or papers. Build from a source that gives one: docs/tools-tables.md.")
    counts: Counter[str] = Counter()
    made: dict[str, Task] = {}
    editors: dict[bool, Editor] = {}
    for task in progress_bar(iter(rows), "editing", len(rows)):
        links = bool(task.proof and task.proof.get("links"))
        if task.proof is None or has_tools(task) or task.snapshot_id != web.snapshot_id:
            counts["not edited: no proof of this snapshot"] += 1
            continue
        if links not in editors:
            editors[links] = Editor(ground.index(links), ground.ground.leaks, min_candidates=min_candidates)
        found, reason = editors[links].evolved(task, generator_of(seed, task.task_id), edits=edits)
        counts["tasks" if found else f"not edited: {reason}"] += 1
        if found is not None:
            made.setdefault(found.task_id, found)
    write_stage(list(made.values()), out, tasks, "tools", counts)
    tell_counts(counts)
    print(len(made))
