"""`stillweb tasks ...`: thin verbs over `training.synthesis`. Progress and counts to stderr, results to stdout."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from corpus.cli import fail, progress_bar
from corpus.errors import CorpusError


def make(
    snapshot: Annotated[Path, typer.Option(help="Snapshot directory.")],
    out: Annotated[Path, typer.Option(help="File of tasks to write, JSON lines.")],
    count: Annotated[int, typer.Option(min=1, help="Tasks, as many of each treewidth.")] = 100,
    treewidth: Annotated[str, typer.Option(help="Treewidths of the unnamed variables, such as 1,2,3.")] = "1,2,3",
    dispersion: Annotated[str, typer.Option(help="Pages that the facts are spread over, such as 3..6.")] = "3..6",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other tasks.")] = 0,
    language: Annotated[str, typer.Option(help="Language of the questions.")] = "en",
    min_candidates: Annotated[int, typer.Option(min=1, help="Entities that any single clue leaves.")] = 20,
    per_answer: Annotated[int, typer.Option(min=1, help="Tasks with one answer, at most.")] = 3,
    per_class: Annotated[float, typer.Option(min=0, max=1, help="Share of tasks of one structure, at most.")] = 0.05,
    links: Annotated[bool, typer.Option("--links", help="Take plain hyperlinks for edges too.")] = False,
    apart: Annotated[bool, typer.Option("--apart", help='Trust "another" to tell two unnamed things apart.')] = False,
    extractor: Annotated[str, typer.Option(help="Whose facts.")] = "first",
    processes: Annotated[int, typer.Option(min=1, help="Processes at work; changes no task.")] = 1,
) -> None:
    """Make tasks with proofs. Run again after a crash: it continues where it stopped."""
    from corpus.facts.base import open_facts
    from corpus.snapshot import open_snapshot
    from training.synthesis.journal import Journal
    from training.synthesis.make import make_tasks
    from training.synthesis.recipe import Recipe
    from training.synthesis.wording import check_language
    from training.synthesis.yields import note_yields
    from training.tasks import write_tasks

    try:
        check_language(language)
        recipe = Recipe(
            treewidths=_widths(treewidth),
            dispersion=_bounds(dispersion),
            seed=seed,
            language=language,
            min_candidates=min_candidates,
            per_answer=per_answer,
            per_class=per_class,
            links=links,
            apart=apart,
        )
    except ValueError as error:
        print(f"stillweb tasks make: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    try:
        web = open_snapshot(snapshot)
        facts = open_facts(snapshot, extractor=extractor)
        yields: Counter[str] = Counter()
        with Journal(out, f"{facts.snapshot_id} {facts.extractor} {recipe.digest}") as journal:
            tasks = make_tasks(
                web,
                facts,
                recipe,
                count=count,
                processes=processes,
                yields=yields,
                done=journal.done,
                keep=journal.keep,
            )
            written = write_tasks(progress_bar(tasks, "tasks", count), out)
            note_yields(out, "make", yields)
            journal.finish()
    except CorpusError as error:
        fail(error)
    print(yield_table(yields), file=sys.stderr)
    print(written)
    if written < count:
        print(f"{written} of {count} tasks: these facts give no more within the recipe.", file=sys.stderr)


def yield_table(yields: Counter[str]) -> str:
    """Counts by gate, one a line."""
    return "\n".join(f"{number:>9,}  {gate}" for gate, number in sorted(yields.items()))


def _widths(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ValueError(f"--treewidth takes numbers such as 1,2,3, not {text!r}.")
    return tuple(dict.fromkeys(map(int, parts)))


def _bounds(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text.strip())
    if not found:
        raise ValueError(f"--dispersion takes LOW..HIGH such as 3..6, not {text!r}.")
    return int(found[1]), int(found[2] or found[1])
