"""Run the miniature (or go on with it) and keep its report in docs/figures/miniature.json.

python -m tests.bench.bench_miniature --out .stillweb/miniature --form cpu
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import orjson
import typer

from tests.bench.figures import write_figures
from training.miniature import MODELS, Run, run_miniature
from training.miniature_forms import FORMS
from training.miniature_report import write_report
from training.tasks import read_tasks

LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets")


def main(
    out: Annotated[Path, typer.Option()] = Path(".stillweb/miniature"),
    form: Annotated[str, typer.Option(help=f"{', '.join(FORMS)}.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    minutes: Annotated[float | None, typer.Option(help="Share the caps of the stages out over so many.")] = None,
    only_report: Annotated[bool, typer.Option("--only-report", help="Tell of what is there; run nothing.")] = False,
) -> None:
    if only_report:
        tasks = list(read_tasks(out / "tasks" / "held-out.jsonl"))
        report = write_report(out, tasks, (*MODELS, "random", "witness"), seed)
    else:
        chosen = FORMS[form] if minutes is None else FORMS[form].within(minutes)
        report = run_miniature(Run(out, chosen, seed, threads, "none"))
    named = {library: version(library) for library in LIBRARIES}
    command = f"python -m tests.bench.bench_miniature --form {form} --seed {seed} --threads {threads}"
    measured = {"libraries": named, "complete": not only_report, **orjson.loads(orjson.dumps(report))}
    write_figures("miniature", command, measured)


if __name__ == "__main__":
    typer.run(main)
