"""`stillweb tasks ...` over a file of tasks: thin verbs. Results to stdout, progress and counts to stderr."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from agent.client import AsyncClient
from agent.errors import EnvError
from agent.records import Episode
from agent.shards import records
from agent.terminal import told
from corpus.cli import progress_bar
from corpus.errors import CorpusError
from training.synthesis.yields import note_yields
from training.tasks import BadTasks, Task, read_tasks, write_tasks
from training.terminal import fail

TasksArgument = Annotated[Path, typer.Argument(metavar="TASKS", help="File of tasks.")]
OutOption = Annotated[Path, typer.Option(help="File of tasks to write.")]
SnapshotOption = Annotated[Path, typer.Option(help="Snapshot that the tasks were made from.")]
RunOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Rollouts of these tasks, as `stillweb agent run` wrote them.")
]


def verify(
    tasks: TasksArgument,
    snapshot: SnapshotOption,
    second: Annotated[
        bool, typer.Option("--second", help="Solve each task again by the facts of the second extractor.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Read the facts from the pages anew.")] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Tell every task that fails.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write the tasks to that pass; goes on after one.")] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="With --second and --out: write those alone that it confirms.")
    ] = False,
) -> None:
    """Check every proof again, offline; the first that fails is named, and the exit code is 1."""
    from corpus.facts.base import build_facts, open_facts
    from corpus.snapshot import open_snapshot
    from training.synthesis.confirm import index_for, opinion_on, survival
    from training.synthesis.tool_verify import ToolGround, has_tools
    from training.synthesis.verify import Ground, flaw_of

    if confirmed and (not second or out is None):
        fail("--confirmed keeps what the second extractor confirms: add --second and --out FILE.")
    rows = read_all(tasks)
    try:
        facts = build_facts(snapshot) if fresh else open_facts(snapshot)
        web = open_snapshot(snapshot)
        ground = Ground(facts, web)
        other = ToolGround(Ground(open_facts(snapshot, extractor="second"), web)) if second else None
    except CorpusError as error:
        fail(str(error))
    counts: Counter[str] = Counter()
    passed = []
    with_tools = ToolGround(ground)
    for task in progress_bar(iter(rows), "verifying", len(rows)):
        flaw = with_tools.flaw_of(task) if has_tools(task) else flaw_of(task, ground)
        counts[f"failed: {flaw.gate}" if flaw else "passed"] += 1
        if flaw is None:
            passed.append(task)
            continue
        print(f"{task.task_id} fails at {flaw.gate}: {flaw.told}.", file=sys.stderr)
        if not keep_going and out is None:
            raise typer.Exit(1)
    tell_counts(counts)
    if other is not None:
        opinions = [opinion_on(task, index_for(task, other)) for task in passed]
        found = survival(opinions)
        print(
            f"second extractor: {found.confirmed} confirmed ({found.share:.2%}), {found.ambiguous} ambiguous, "
            f"{found.other_answer} with another answer, {found.no_answer} without, {found.not_read} not read; "
            f"unique where the answer is found: {found.unique:.2%}",
            file=sys.stderr,
        )
        if confirmed:
            passed = [task for task, opinion in zip(passed, opinions, strict=True) if opinion == "confirmed"]
            counts["not confirmed"] = len(opinions) - len(passed)
    if out is not None:
        write_stage(passed, out, tasks, "verify", counts)
    print(len(passed))
    if len(passed) < len(rows) and out is None:
        raise typer.Exit(1)


def witness(
    tasks: TasksArgument,
    server: Annotated[str, typer.Option(help="Server of the snapshot that the tasks were made from.")],
    out: OutOption,
    token: Annotated[str | None, typer.Option(envvar="STILLWEB_TOKEN", help="Bearer token of the server.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Tasks under way at once.")] = 32,
) -> None:
    """Solve every task through the server; those that are solved are written with the witness in their proof."""
    from training.synthesis.witness import witnessed

    rows = read_all(tasks)
    counts: Counter[str] = Counter()
    kept: list[Task] = []

    async def go() -> None:
        async with AsyncClient(server, token=token) as env:
            async for task, played in witnessed(rows, env, concurrency=concurrency):
                counts[played.reason or "witnessed"] += 1
                if played.witness is not None:
                    kept.append(task)
                else:
                    print(f"{task.task_id}: {played.reason} {played.doc_id}".rstrip(), file=sys.stderr)
                print(f"\r{sum(counts.values())} of {len(rows)}", end="", file=sys.stderr)

    try:
        asyncio.run(go())
    except (EnvError, ValueError) as error:
        fail(str(error))
    print(file=sys.stderr)
    tell_counts(counts)
    write_stage(kept, out, tasks, "witness", counts)
    print(len(kept))


def split(
    tasks: TasksArgument,
    train: Annotated[Path, typer.Option(help="File to write the tasks to train on to.")],
    test: Annotated[Path, typer.Option(help="File to write the tasks to test on to.")],
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Of all tasks for the test set.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another split.")] = 0,
    cut: Annotated[
        bool, typer.Option("--cut", help="Leave out tasks that join the two sets, where nearly all hang together.")
    ] = False,
) -> None:
    """Split tasks so that the two sets share no page of evidence and no answer."""
    from training.synthesis.split import TEST, TRAIN, split

    rows = read_all(tasks)
    wanted = round(share * len(rows))
    try:
        found = split(rows, test=wanted, seed=seed, cut=cut)
    except ValueError as error:
        fail(str(error))
    told = f"{found.parts} sets of tasks hang together, the largest has {found.largest} of {len(rows)}"
    if not cut and 2 * len(found.test) < wanted:
        fail(
            f"{told}, so a test set of {wanted} would share evidence. Add --cut: tasks that join the two are left out."
        )
    if not found.test or not found.train:
        fail(f"{told}: one of the two sets would be empty. Take another --share.")
    counts = {"train": len(found.train), "test": len(found.test), "left out": len(found.left_out)}
    for name, path, some in ((TRAIN, train, found.train), (TEST, test, found.test)):
        write_stage([task.model_copy(update={"split": name}) for task in some], path, tasks, "split", counts)
    print(f"{told}; {len(found.left_out)} that join the two are left out.", file=sys.stderr)
    print(f"{len(found.train)} {len(found.test)}")


def export(
    tasks: TasksArgument,
    to: Annotated[str, typer.Option(help="trl, redsearcher, browsecomp, questions.")],
    out: Annotated[Path, typer.Option(help="File to write, JSON lines.")],
    snapshot: Annotated[Path | None, typer.Option(help="Snapshot, for the URLs of pages; default: their ids.")] = None,
) -> None:
    """Write tasks in another form. All but `questions` hold the answers: for trainers, not for agents."""
    from corpus.snapshot import open_snapshot
    from training.synthesis.export import write_export

    rows = read_all(tasks)
    try:
        web = open_snapshot(snapshot) if snapshot is not None else None
        count = write_export(
            rows, out, to, url_of=(lambda doc_id: web.document(doc_id=doc_id).url) if web is not None else str
        )
    except (CorpusError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}.")
    print(count)


def decontaminate(
    tasks: TasksArgument,
    against: Annotated[list[Path], typer.Option(help="Question file: JSON lines or lines of text; may be repeated.")],
    out: OutOption,
    alike: Annotated[float, typer.Option(min=0.0, max=1.0, help="Cosine from which questions count as one.")] = 0.9,
) -> None:
    """Keep the tasks that no question of the files is like, by 13-grams of words and by the static encoder."""
    from training.synthesis.decontaminate import met, read_questions_of

    rows = read_all(tasks)
    try:
        asked = [(str(path), question) for path in against for question in read_questions_of(path)]
    except BadTasks as error:
        fail(str(error))
    found = {one.task_id: one for one in met(rows, asked, alike=alike)}
    for one in found.values():
        print(
            f"{one.task_id} is met by {one.by} ({one.score:.2f}) in {one.file}: {one.question[:200]}", file=sys.stderr
        )
    kept = [task for task in rows if task.task_id not in found]
    counts = Counter(one.by for one in found.values()) + Counter({"kept": len(kept)})
    write_stage(kept, out, tasks, "decontaminate", counts)
    print(len(kept))


def report(
    tasks: TasksArgument,
    run: RunOption = None,
    html: Annotated[Path | None, typer.Option(help="File to write the report to as a static page.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals.")] = 0,
) -> None:
    """Tell yields per gate, histograms and, with a run, structure against measured pass rate."""
    from training.synthesis.report import as_html, as_text, report_on
    from training.synthesis.yields import read_yields

    rows = read_all(tasks)
    rates = _rates(rows, run) if run is not None else None
    found = report_on(rows, read_yields(tasks), rates, seed=seed)
    if html is not None:
        part = html.with_name(html.name + ".part")
        try:
            part.write_text(as_html(found, f"Tasks of {tasks.name}"), "utf-8")
            part.replace(html)
        except OSError as error:
            fail(f"{html} cannot be written: {error.strerror}.")
    print(as_text(found))


def _rates(rows: list[Task], run: Path) -> Mapping[str, list[float]]:
    """Samples of each task that the run has: 1.0 right, 0.0 wrong."""
    from training.evaluate import NothingScored, evaluate

    try:
        scored = evaluate(episodes_of(run), rows)
    except NothingScored as error:
        fail(str(error))
    rates: dict[str, list[float]] = {}
    for row in scored.rows:
        rates.setdefault(row.task_id, []).append(float(row.score["correct"] or 0.0))
    return rates


def episodes_of(run: Path) -> list[Episode]:
    return told(lambda: list(records(run)), status=2)


def read_all(path: Path) -> list[Task]:
    try:
        rows = list(read_tasks(path))
    except BadTasks as error:
        fail(str(error))
    if not rows:
        fail(f"{path} has no tasks.")
    return rows


def write_stage(kept: list[Task], out: Path, made_from: Path, stage: str, counts: Mapping[str, int]) -> None:
    """Tasks to a file, and beside it the counts of this stage behind those of the file they come from."""
    try:
        write_tasks(kept, out)
        note_yields(out, stage, counts, made_from=made_from)
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}.")


def tell_counts(counts: Mapping[str, int]) -> None:
    for name, count in sorted(counts.items()):
        print(f"{count:>9,}  {name}", file=sys.stderr)
