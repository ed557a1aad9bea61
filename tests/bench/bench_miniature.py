"""Run the miniature (or go on with it) and keep its report in docs/figures/miniature.json.

python -m tests.bench.bench_miniature --out .stillweb/miniature --form cpu

The longer form is run once for each seed into a folder of its own, and then held together, which is kept in
docs/figures/miniature_long.json:

python -m tests.bench.bench_miniature --out .stillweb/long-0 --form long --seed 0
python -m tests.bench.bench_miniature --pool .stillweb/long-0 --pool .stillweb/long-1 --pool .stillweb/long-2
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
from training.miniature_report import UnlikeRuns, pooled, write_report
from training.tasks import read_tasks

LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets")


def main(
    out: Annotated[Path, typer.Option()] = Path(".stillweb/miniature"),
    form: Annotated[str, typer.Option(help=f"{', '.join(FORMS)}.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    minutes: Annotated[float | None, typer.Option(help="Share the caps of the stages out over so many.")] = None,
    pool: Annotated[list[Path] | None, typer.Option(help="Hold these runs together; run nothing.")] = None,
    only_report: Annotated[bool, typer.Option("--only-report", help="Tell of what is there; run nothing.")] = False,
) -> None:
    names = (*MODELS, "random", "witness")
    libraries = {library: version(library) for library in LIBRARIES}
    if pool:
        command = f"python -m tests.bench.bench_miniature {' '.join(f'--pool {one}' for one in pool)}"
        try:
            measured = pooled(pool, list(read_tasks(pool[0] / "tasks" / "held-out.jsonl")), names)
        except UnlikeRuns as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from error
        write_figures("miniature_long", command, {"libraries": libraries, **measured})
        return
    if only_report:
        stated = orjson.loads((out / "run.json").read_bytes())
        seed = stated["seed"]
        form = next((name for name, one in FORMS.items() if one.identity() == stated["form"]), "unknown")
        report = write_report(out, list(read_tasks(out / "tasks" / "held-out.jsonl")), names, seed)
    else:
        chosen = FORMS[form] if minutes is None else FORMS[form].within(minutes)
        report = run_miniature(Run(out, chosen, seed, threads, "none"))
    if form != "cpu":  # runs of the others are held together before they are figures
        print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        return
    command = f"python -m tests.bench.bench_miniature --form {form} --seed {seed} --threads {threads}"
    command += f" --minutes {minutes:g}" if minutes is not None else ""
    measured = {"libraries": libraries, "complete": not only_report, **orjson.loads(orjson.dumps(report))}
    write_figures("miniature", command, measured)


if __name__ == "__main__":
    typer.run(main)
