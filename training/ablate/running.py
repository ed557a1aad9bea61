"""An ablation from its config to its cells: what is owed is made, seed by seed, until it is done or the budget spent.

    made = run_ablation(config, tasks, out)

Cells are made in the order of the seeds, all arms of one before the next: a run that is cut short has compared its arms
under as many seeds as it had time for. What breaks off a cell is kept as its reason; the other cells go on.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import EnvError
from agent.failures import AgentError
from agent.models.protocol import ModelError
from training.ablate.backends import ArmFailed, roll_out_model, run_command
from training.ablate.cells import Cell, Step, digest_of, path_of, read_cell, write_cell
from training.ablate.config import Arm, BadConfig, Config, Environment
from training.ablate.draws import split
from training.ablate.learning import Learned, learn
from training.ablate.servers import ServerGone, Servers, client_of, served_id, since, spent_at
from training.evaluate import NothingScored
from training.tasks import Task

WHAT_BREAKS = (ArmFailed, ServerGone, EnvError, AgentError, ModelError, NothingScored, OSError, ValueError)
"""Reasons that end one cell and not the others."""


@dataclass
class Made:
    """What there is after a run. Failures: (arm, seed) to the reason; owed: what the budget left undone."""

    config: Config
    cells: dict[tuple[str, int], Cell] = field(default_factory=dict)
    failures: dict[tuple[str, int], str] = field(default_factory=dict)
    owed: list[tuple[str, int]] = field(default_factory=list)
    tasks: int = 0
    measured: int = 0


def run_ablation(
    config: Config, tasks: Sequence[Task], out: Path, *, told: Callable[[str], None] = lambda line: None
) -> Made:
    """Make what is owed in `out`. Raises BadConfig, before anything is made, where cells there are of other knobs."""
    try:
        training, measured = split(tasks, config.held_out) if config.backend == "search" else ([], list(tasks))
    except ValueError as error:
        raise BadConfig(str(error)) from error
    if not measured and config.backend != "command":
        raise BadConfig("There are no tasks. Name a file of tasks with --tasks, or `tasks: FILE` in the config.")
    made = Made(config, tasks=len(tasks), measured=len(measured))
    order = [(arm, seed) for seed in config.seeds for arm in config.arms]
    ids = {name: served_id(arm.environment) for name, arm in config.arms.items()}
    digests = {cell: digest_of(config, cell[0], cell[1], tasks, ids[cell[0]]) for cell in order}
    for arm, seed in order:
        kept = read_cell(path_of(out, arm, seed), digests[arm, seed])
        if kept is not None:
            made.cells[arm, seed] = kept
    with tempfile.TemporaryDirectory(prefix="stillweb-ablate-") as folder, Servers(Path(folder)) as servers:
        for arm, seed in order:
            if (arm, seed) in made.cells:
                continue
            if spent := _over(config, made):
                made.owed.append((arm, seed))
                told(f"{arm}, seed {seed}: owed, the budget of {spent} is spent")
                continue
            told(f"{arm}, seed {seed}: begun")
            try:
                cell = _cell(config, servers, arm, seed, training, measured, out, told)
            except WHAT_BREAKS as error:
                made.failures[arm, seed] = f"{type(error).__name__}: {error}"
                told(f"{arm}, seed {seed}: failed: {error}")
                continue
            cell = cell.model_copy(update={"digest": digests[arm, seed], "snapshot_id": ids[arm]})
            write_cell(out, cell)
            made.cells[arm, seed] = cell
            told(f"{arm}, seed {seed}: {config.metric} {cell.mean(config.metric):.3f} in {cell.wall_s:.0f} s")
    return made


def _cell(
    config: Config,
    servers: Servers,
    name: str,
    seed: int,
    training: Sequence[Task],
    measured: Sequence[Task],
    out: Path,
    told: Callable[[str], None],
) -> Cell:
    arm = config.arms[name]
    # Only the search policy opens episodes that say where they are; the others meet what the server shows everybody.
    shown = _addresses(arm) if config.backend == "model" else arm.environment
    url = servers.url(shown, whole_server=config.backend != "search")
    run = re.sub(r"[^A-Za-z0-9_~-]", "-", f"ablate-{config.name}-{name}"[:50]) + f"-{seed}"
    before, begun = spent_at(url, None if config.backend == "command" else run), time.perf_counter()
    if config.backend == "command":
        learned = run_command(
            config.command, arm, name=name, seed=seed, out=out / "runs" / f"{name}-{seed}", url=url,
            tasks=config.tasks, timeout_s=config.command_minutes * 60,
        )  # fmt: skip
    else:
        learned = asyncio.run(
            _in_loop(
                config, servers, arm, url, run, seed, training, measured, out / "runs" / f"{name}-{seed}",
                lambda line: told(f"{name}, seed {seed}: {line}"),
            )
        )  # fmt: skip
    wall_s = time.perf_counter() - begun
    if config.metric not in learned.held_out:
        raise ArmFailed(f"There is no {config.metric!r} of held-out tasks; there is {', '.join(learned.held_out)}.")
    # A program's calls name no run of ours: of it the whole server's are counted.
    asked = since(spent_at(url, None if config.backend == "command" else run), before)
    return Cell(
        arm=name, seed=seed, digest="", snapshot_id="", curve=learned.curve, before=learned.before,
        held_out=learned.held_out, families={task.task_id: task.family for task in measured},
        spent=asked.model_copy(update={"rollouts": learned.rollouts, "failures": learned.failures}),
        wall_s=round(wall_s, 3), policy=learned.policy,
    )  # fmt: skip


async def _in_loop(
    config: Config,
    servers: Servers,
    arm: Arm,
    url: str,
    run: str,
    seed: int,
    training: Sequence[Task],
    measured: Sequence[Task],
    out: Path,
    told: Callable[[str], None],
) -> Learned:
    async with client_of(url, run) as client:
        if config.backend == "model":
            return await roll_out_model(client, arm, measured, seed=seed, samples=config.samples, out=out)
        if config.evaluate_in == "arm":
            return await learn(client, arm, training, measured, seed=seed, samples=config.samples, told=_steps(told))
        base = config.arms[config.base_arm].environment
        async with client_of(servers.url(base), run) as other:
            return await learn(
                client, arm, training, measured, seed=seed, samples=config.samples, measured_at=(other, base),
                told=_steps(told),
            )  # fmt: skip


def _addresses(arm: Arm) -> Environment:
    """What of an arm's environment a server shows everybody, for episodes that bring their weather along."""
    kept = {name: getattr(arm.environment, name) for name in ("snapshot", "server", "obfuscation_seed")}
    return Environment(**kept)


def _over(config: Config, made: Made) -> str | None:
    """Which part of the budget the cells have spent, earlier runs' among them."""
    budget, cells = config.budget, made.cells.values()
    for name, limit, value in (
        ("minutes", budget.minutes, sum(cell.wall_s for cell in cells) / 60),
        ("calls", budget.calls, sum(cell.spent.calls for cell in cells)),
        ("avoided_dollars", budget.avoided_dollars, sum(cell.spent.avoided_micro_usd for cell in cells) / 1e6),
    ):
        if limit is not None and value >= limit:
            return f"{limit:g} {name}"
    return None


def _steps(told: Callable[[str], None]) -> Callable[[Step], None]:
    return lambda step: told(f"step {step.step}: reward {step.reward:.3f}")
