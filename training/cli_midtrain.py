"""`stillweb data midtrain ...`: thin verbs over `training.midtraining`. Counts to stderr, results to stdout."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from agent.errors import EnvError
from agent.failures import AgentError
from agent.options import TokenOption
from agent.records import Episode
from agent.shards import records
from corpus.errors import CorpusError
from training.midtraining.rows import (
    LONG_TOKENS,
    SHORT_TOKENS,
    BadData,
    GroundingRow,
    PlanRow,
    ToolsRow,
    TrajectoryRow,
    read_rows,
    write_rows,
)
from training.synthesis.verify import Ground
from training.tasks import BadTasks, Task, read_tasks
from training.terminal import fail

T = TypeVar("T")
KINDS = ("grounding", "plans", "tools", "trajectories")
SnapshotOption = Annotated[Path | None, typer.Option("--snapshot", help="Snapshot directory: grounding and plans.")]
TasksOption = Annotated[Path | None, typer.Option("--tasks", help="Tasks with proofs: plans and trajectories.")]
TokensOption = Annotated[
    int | None,
    typer.Option("--tokens", min=1, help="Of a row, reckoned; default: 32K, and 128K of the last two kinds."),
]


def midtrain(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"{', '.join(KINDS)}.")],
    out: Annotated[Path, typer.Option(help="File of rows to write, JSON lines.")],
    count: Annotated[int, typer.Option(min=1, help="Rows, at most.")] = 1000,
    snapshot: SnapshotOption = None,
    tasks: TasksOption = None,
    run: Annotated[
        list[Path] | None, typer.Option("--run", help="Rollouts of the tasks, once for each run: trajectories.")
    ] = None,
    server: Annotated[str | None, typer.Option(help="Server on which witnesses are played: trajectories.")] = None,
    calls: Annotated[int, typer.Option(min=1, help="Calls of a trajectory, at least.")] = 1,
    tokens: TokensOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other rows.")] = 0,
    token: TokenOption = None,
) -> None:
    """Make data for mid-training; each row is checked before it is written."""
    _needed(kind, snapshot, tasks)
    if kind == "trajectories" and not run and server is None:
        fail("trajectories needs --run, or --server for the witnesses of the tasks.")
    counts: Counter[str] = Counter()

    def rows() -> Iterator[GroundingRow | PlanRow | ToolsRow | TrajectoryRow]:
        if kind == "grounding":
            yield from _grounding(_path(snapshot), count, seed, tokens or SHORT_TOKENS, counts)
        elif kind == "plans":
            yield from _plans(_path(tasks), _path(snapshot), count, seed, tokens or SHORT_TOKENS, counts)
        elif kind == "tools":
            from training.midtraining.dialogues import make_dialogues

            yield from make_dialogues(count=count, seed=seed, counts=counts)
        else:
            yield from _trajectories(
                _path(tasks), run or [], server, token, count, calls, tokens or LONG_TOKENS, counts
            )

    def checked() -> Iterator[GroundingRow | PlanRow | ToolsRow | TrajectoryRow]:
        flaws_of = _checker(kind, snapshot, tasks, tokens)
        for row in rows():
            flaws = flaws_of(row)
            if flaws:
                counts["rows"] -= 1
                counts[f"refused: {flaws[0]}"] += 1
                continue
            yield row

    written = _or_fail(lambda: write_rows(checked(), out), counts)
    _tell(counts)
    print(written)


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rows that `stillweb data midtrain` wrote.")],
    snapshot: SnapshotOption = None,
    tasks: TasksOption = None,
    tokens: TokensOption = None,
) -> None:
    """Check every row of mid-training data again; rows that fail are named, and the exit code is 1."""
    counts: Counter[str] = Counter()

    def go() -> int:
        bad = 0
        checkers: dict[str, Callable[[GroundingRow | PlanRow | ToolsRow | TrajectoryRow], list[str]]] = {}
        for row in read_rows(file):
            kind = {"plan": "plans", "trajectory": "trajectories"}.get(row.kind, row.kind)
            if kind not in checkers:
                _needed(kind, snapshot, tasks)
                checkers[kind] = _checker(kind, snapshot, tasks, tokens)
            flaws = checkers[kind](row)
            counts["bad" if flaws else "good"] += 1
            bad += bool(flaws)
            if flaws:
                print(f"{row.id}: {'; '.join(flaws)}.", file=sys.stderr)
        return bad

    bad = _or_fail(go, counts)
    if not counts:
        fail(f"{file} has no rows. Name a file that `stillweb data midtrain` wrote.")
    _tell(counts)
    print(counts["good"])
    if bad:
        raise typer.Exit(1)


def _grounding(snapshot: Path, count: int, seed: int, limit: int, counts: Counter[str]) -> Iterator[GroundingRow]:
    from corpus.facts.base import open_facts
    from corpus.snapshot import open_snapshot
    from training.midtraining.grounding import make_grounding

    facts = open_facts(snapshot)
    return make_grounding(open_snapshot(snapshot), facts, count=count, seed=seed, tokens_limit=limit, counts=counts)


def _plans(tasks: Path, snapshot: Path, count: int, seed: int, limit: int, counts: Counter[str]) -> Iterator[PlanRow]:
    from training.midtraining.plans import make_plans

    return make_plans(read_tasks(tasks), _ground(snapshot), count=count, seed=seed, tokens_limit=limit, counts=counts)


def _trajectories(
    tasks: Path, runs: list[Path], server: str | None, token: str | None, count: int, calls: int, limit: int,
    counts: Counter[str],
) -> Iterator[TrajectoryRow]:  # fmt: skip
    from training.midtraining.trajectories import make_trajectories, play_witnesses
    from training.synthesis.witness import plays

    known = list(read_tasks(tasks))
    played_by = plays(known) if server is not None else {}
    witnessed = [task for task in known if task.task_id in played_by]
    if server is not None and not witnessed and not runs:
        raise BadData(f"No task of {tasks} has a witness. `stillweb tasks witness {tasks}` gives them witnesses.")

    async def played() -> list[Episode]:
        assert server is not None
        return [episode async for episode in play_witnesses(witnessed[:count], server, token=token)]

    episodes: Iterable[Episode] = chain.from_iterable(map(records, runs))
    if server is not None:
        episodes = chain(asyncio.run(played()), episodes)
    by_id = {task.task_id: task for task in known}
    rows = make_trajectories(episodes, by_id, least_calls=calls, tokens_limit=limit, counts=counts)
    return (row for _, row in zip(range(count), rows, strict=False))


def _checker(
    kind: str, snapshot: Path | None, tasks: Path | None, tokens: int | None
) -> Callable[[GroundingRow | PlanRow | ToolsRow | TrajectoryRow], list[str]]:
    """What tells the flaws of a row of one kind."""
    from training.midtraining.dialogues import dialogue_flaws
    from training.midtraining.grounding import grounding_flaws
    from training.midtraining.plans import plan_flaws
    from training.midtraining.trajectories import trajectory_flaws

    ground = _ground(_path(snapshot)) if kind in ("grounding", "plans") else None
    known = {task.task_id: task for task in read_tasks(_path(tasks))} if kind in ("plans", "trajectories") else {}
    short, long = tokens or SHORT_TOKENS, tokens or LONG_TOKENS

    def flaws_of(row: GroundingRow | PlanRow | ToolsRow | TrajectoryRow) -> list[str]:
        if isinstance(row, ToolsRow):
            return dialogue_flaws(row, tokens_limit=long)
        if isinstance(row, GroundingRow):
            assert ground is not None
            return grounding_flaws(row, ground, tokens_limit=short)
        task: Task | None = known.get(row.task_id)
        if task is None:
            return ["its task is not in the file of tasks"]
        if isinstance(row, PlanRow):
            assert ground is not None
            return plan_flaws(row, task, ground, tokens_limit=short)
        return trajectory_flaws(row, task, tokens_limit=long)

    return flaws_of


def _ground(snapshot: Path) -> Ground:
    from corpus.facts.base import open_facts
    from corpus.snapshot import open_snapshot

    return Ground(open_facts(snapshot), open_snapshot(snapshot))


def _needed(kind: str, snapshot: Path | None, tasks: Path | None) -> None:
    if kind not in KINDS:
        fail(f"There is no kind {kind}. Use {', '.join(KINDS)}.")
    if kind in ("grounding", "plans") and snapshot is None:
        fail(f"{kind} needs --snapshot.")
    if kind in ("plans", "trajectories") and tasks is None:
        fail(f"{kind} needs --tasks.")


def _path(given: Path | None) -> Path:
    assert given is not None  # `_needed` saw to it
    return given


def _tell(counts: Counter[str]) -> None:
    for name, number in sorted(counts.items()):
        print(f"{number:>9,}  {name}", file=sys.stderr)


def _or_fail(make: Callable[[], T], counts: Counter[str]) -> T:
    try:
        return make()
    except (BadData, BadTasks, AgentError, CorpusError, EnvError, ValueError) as error:
        _tell(counts)
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'A file'} cannot be read or written: {error.strerror}.")
