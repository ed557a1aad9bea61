"""`stillweb tasks gates`: a thin verb over `training.synthesis.gates`."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from agent.failures import AgentError
from agent.models.openai_api import ChatModel, served_models
from agent.models.protocol import ModelError
from corpus.errors import CorpusError
from training.cli_task_files import (
    OutOption,
    RunOption,
    TasksArgument,
    episodes_of,
    read_all,
    tell_counts,
    write_stage,
)
from training.tasks import BadTasks, Task
from training.terminal import fail

GATES = ("no_tool", "retrievable", "consistent", "verified", "rollouts", "alternatives")
_ASKING = {"no_tool", "consistent", "verified"}
_OF_RUNS = {"rollouts", "alternatives"}
_ON_PAGES = {"retrievable", "consistent", "verified", "alternatives"}


def gates(
    tasks: TasksArgument,
    out: OutOption,
    gate: Annotated[list[str], typer.Option(help=f"{', '.join(GATES)}; may be repeated, asked in this order.")],
    url: Annotated[str | None, typer.Option(help="OpenAI-compatible URL of the model that is asked.")] = None,
    model: Annotated[str | None, typer.Option(help="Its name; default: the one that the URL serves.")] = None,
    snapshot: Annotated[Path | None, typer.Option(help="Snapshot that the tasks were made from.")] = None,
    run: RunOption = None,
    samples: Annotated[int, typer.Option(min=1, help="Answers from memory, readings of the evidence.")] = 4,
    band: Annotated[str, typer.Option(help="Pass rates that are kept, LOW..HIGH.")] = "0.125..0.75",
    replies: Annotated[Path | None, typer.Option(help="File that replies are kept in.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Store results, and drop no task.")] = False,
) -> None:
    """Ask models, or look at rollouts, whether tasks are fit; results are stored in each task, who fails is dropped."""
    wanted = set(gate)
    if wanted - {*GATES}:
        fail(f"There is no gate {', '.join(sorted(wanted - {*GATES}))}. Use {', '.join(GATES)}.")
    for option, given, needing in (
        ("--url", url, _ASKING),
        ("--run", run, _OF_RUNS),
        ("--snapshot", snapshot, _ON_PAGES),
    ):
        if given is None and wanted & needing:
            fail(f"{', '.join(sorted(wanted & needing))} needs {option}.")
    rows = read_all(tasks)
    counts: Counter[str] = Counter()
    try:
        kept = asyncio.run(
            _through(rows, [name for name in GATES if name in wanted], counts, url, model, snapshot, run, samples,
                     _band(band), replies, keep)
        )  # fmt: skip
    except (BadTasks, CorpusError, AgentError, ModelError, ValueError) as error:
        fail(f"{error} What was replied is kept." if replies is not None else str(error))
    tell_counts(counts)
    write_stage(kept, out, tasks, "gates", counts)
    print(len(kept))


async def _through(
    rows: list[Task],
    names: list[str],
    counts: Counter[str],
    url: str | None,
    model_name: str | None,
    snapshot: Path | None,
    run: Path | None,
    samples: int,
    band: tuple[float, float],
    replies: Path | None,
    keep: bool,
) -> list[Task]:
    """Tasks that pass every gate (all of them with `keep`), with results; a dropped task is asked nothing more."""
    from corpus.facts.base import open_facts
    from corpus.snapshot import open_snapshot
    from training.synthesis import gates as of
    from training.synthesis.tool_verify import ToolGround
    from training.synthesis.verify import Ground

    web = open_snapshot(snapshot) if snapshot is not None else None
    ground = Ground(open_facts(snapshot), web) if snapshot is not None else None
    on = ToolGround(ground) if ground is not None else None
    episodes = episodes_of(run) if run is not None else []
    store = of.Replies(replies)
    model = await _model(url, model_name) if url is not None else None

    async def ask(name: str, task: Task) -> of.Result:
        if name == "no_tool" and model is not None:
            return await of.no_tool(task, model, store, samples=samples)
        if name == "rollouts":
            return of.rollouts(task, episodes, band)
        assert web is not None  # the verb saw to it
        assert ground is not None
        if name == "retrievable":
            return of.retrievable(task, web)
        if name == "alternatives":
            assert on is not None
            return of.alternatives(task, episodes, on)
        assert model is not None
        if name == "consistent":
            return await of.consistent(task, ground, model, store)
        return await of.verified(task, ground, model, store, samples=samples)

    try:
        for name in names:
            results = await of.each(rows, lambda task, name=name: ask(name, task))  # type: ignore[misc]
            counts.update(f"{name}: {'passed' if result['passed'] else 'failed'}" for result in results)
            judged = [of.with_gates(task, {name: result}) for task, result in zip(rows, results, strict=True)]
            rows = [task for task, result in zip(judged, results, strict=True) if keep or result["passed"]]
    finally:
        if model is not None:
            await model.close()
    return rows


async def _model(url: str, name: str | None) -> ChatModel:
    key = os.environ.get("OPENAI_API_KEY")
    served = [name] if name else list(await served_models(url, api_key=key))
    if len(served) != 1:
        raise ValueError(f"{url} serves {', '.join(served) or 'no model'}. Say which with --model.")
    return ChatModel(url, served[0], api_key=key)


def _band(text: str) -> tuple[float, float]:
    try:
        low, _, high = text.partition("..")
        band = float(low), float(high)
    except ValueError:
        band = 1.0, 0.0
    if not 0 <= band[0] <= band[1] <= 1:
        raise ValueError(f"--band takes LOW..HIGH between 0 and 1, such as 0.125..0.75, not {text!r}.")
    return band
