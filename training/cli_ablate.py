"""`stillweb ablate ...`: thin verbs over `training.ablate`. Progress to stderr, results to stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import yaml

from corpus.errors import CorpusError
from training.ablate.config import READY_MADE, BadConfig, Config, read_config
from training.tasks import BadTasks, Task, read_tasks
from training.terminal import fail

REPORT, PAGE = "ablation.json", "ablation.html"


def ablate(
    config: Annotated[str, typer.Argument(help=f"YAML file of arms, or one of {', '.join(READY_MADE)}.")],
    out: Annotated[Path | None, typer.Option(help="Folder; one begun there goes on. [default: ablations/NAME]")] = None,
    snapshot: Annotated[Path | None, typer.Option(help="Snapshot directory of all arms; a server is started.")] = None,
    server: Annotated[str | None, typer.Option(help="Server of all arms, started with --database.")] = None,
    tasks: Annotated[
        Path | None, typer.Option(help="File of tasks. Without one, look-ups are made from the snapshot's facts.")
    ] = None,
    lookups: Annotated[int, typer.Option(min=4, help="How many look-ups to make.")] = 120,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="GROUP.KNOB=VALUE", help="Change a knob of all arms. May be repeated."),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds such as 0,1,2,3,4, in place of the config's.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Begin no arm after so many minutes of work.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Run the arms of an ablation under its seeds, and tell what differs. Run again to go on where it stopped."""
    from training.ablate.analysis import report_of
    from training.ablate.page import as_html, as_text
    from training.ablate.running import run_ablation

    try:
        asked = read_config(config, _changes(set_ or [], snapshot, server))
        asked = _with(asked, tasks, seeds, minutes)
        folder = out or Path("ablations") / asked.name
        folder.mkdir(parents=True, exist_ok=True)
        known = _tasks(asked, folder, lookups)
        made = run_ablation(asked, known, folder, told=lambda line: print(line, file=sys.stderr))
    except (BadConfig, BadTasks, CorpusError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename} cannot be written: {error.strerror}. Choose another folder with --out.")
    report = report_of(made)
    _write(folder / REPORT, orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    _write(folder / PAGE, as_html(report).encode())
    print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() if as_json else as_text(report))
    print(folder / PAGE, file=sys.stderr)
    if made.failures or made.owed:
        print("Not all of it is done: give the same command again.", file=sys.stderr)
        raise typer.Exit(1)


def transfer(
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder of an ablation.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Folder of the same arms on another web.")],
    metric: Annotated[str | None, typer.Option(help="What to order by; default: what both were run for.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Tell whether two webs put the same arms in the same order: Kendall's tau with its interval."""
    from training.ablate.cells import read_cells
    from training.ablate.page import transfer_text
    from training.ablate.transfer import transfer as compared

    try:
        stated = [_report(folder) for folder in (first, second)]
        names = {one["metric"] for one in stated}
        if metric is None and len(names) > 1:
            raise BadConfig(
                f"{first} is about {stated[0]['metric']}, {second} about {stated[1]['metric']}. Say --metric."
            )
        here, there = (
            {(cell.arm, cell.seed): cell for cell in read_cells(folder) if cell.arm in one["arms"]}
            for folder, one in zip((first, second), stated, strict=True)
        )
        found = compared(here, there, metric or names.pop(), seed=seed)
    except BadConfig as error:
        fail(str(error))
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() if as_json else transfer_text(found))


def _changes(words: list[str], snapshot: Path | None, server: str | None) -> dict[str, Any]:
    if snapshot is not None and server is not None:
        raise BadConfig("Give --snapshot or --server, not both.")
    changes: dict[str, Any] = {}
    for word in words:
        name, mark, value = word.partition("=")
        if not mark:
            raise BadConfig(f"--set {word!r}: write GROUP.KNOB=VALUE, such as environment.mode=dense.")
        try:
            changes[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise BadConfig(f"--set {word!r}: the value is no YAML.") from error
    if snapshot is not None:
        changes["environment.snapshot"] = snapshot.absolute()
    if server is not None:
        changes["environment.server"] = server
    return changes


def _with(config: Config, tasks: Path | None, seeds: str | None, minutes: float | None) -> Config:
    changes: dict[str, Any] = {}
    if tasks is not None:
        changes["tasks"] = tasks.absolute()
    if seeds is not None:
        if not all(part.strip().isdecimal() for part in seeds.split(",")):
            raise BadConfig(f"--seeds takes numbers such as 0,1,2, not {seeds!r}.")
        changes["seeds"] = tuple(dict.fromkeys(int(part) for part in seeds.split(",")))
    if minutes is not None:
        changes["budget"] = config.budget.model_copy(update={"minutes": minutes})
    return config.model_copy(update=changes)


def _tasks(config: Config, folder: Path, count: int) -> list[Task]:
    """Those of the file, or look-ups made from the first arm's snapshot and kept in the folder."""
    from corpus.facts.base import open_facts
    from training.ablate.lookups import lookups
    from training.tasks import write_tasks

    if config.tasks is not None:
        return list(read_tasks(config.tasks))
    if config.backend == "command":
        return []
    snapshot = config.arms[config.base_arm].environment.snapshot
    kept = folder / "tasks.jsonl"
    if kept.is_file():
        return list(read_tasks(kept))
    if snapshot is None:
        raise BadConfig("There are no tasks. Name a file with --tasks, or a --snapshot to make look-ups from.")
    made = lookups(open_facts(snapshot), count)
    write_tasks(made, kept)
    return made


def _report(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = orjson.loads((folder / REPORT).read_bytes())
        return {"metric": found["metric"], "arms": found["arms"]}
    except (OSError, ValueError, KeyError) as error:
        raise BadConfig(
            f"{folder} holds no {REPORT} of an ablation. Name the folder of `stillweb ablate --out`."
        ) from error


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
