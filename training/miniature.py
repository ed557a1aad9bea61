"""The whole loop on one machine: world, tasks, rollouts, SFT, DPO, GRPO, evaluation, and what it would have cost.

    python -m training.miniature --form smoke --out .stillweb/miniature-smoke

Each stage reads and writes files and leaves a mark in `stages/` when it is done: run again, it goes on with the first
that is not. A stage that reached its cap on time says so in its mark. docs/miniature.md tells the story.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from agent.client import AsyncClient
from agent.models.local import LocalModel
from agent.models.playback import Play, PlaybackModel
from agent.models.protocol import Model, ModelError
from agent.models.random_policy import RandomPolicy
from agent.records import Episode
from training.data.card import BadSet, NothingKept, seeds_of
from training.data.dpo import Recipe, build_dpo
from training.data.filters import Sieve
from training.data.pairs import KINDS
from training.data.sft import build_sft
from training.miniature_agent import LIMITS, REPLY_TOKENS, small_manner
from training.miniature_forms import FORMS, Form
from training.miniature_report import write_json, write_report
from training.miniature_rollouts import episodes_of, roll_out_all
from training.miniature_server import NotServed, Server, serving
from training.miniature_tasks import candidates, split, witnessed
from training.tasks import Task, read_tasks, write_tasks

WORLD = "world:seed={seed},pages={pages}"
MODELS = ("base", "sft", "sft-dpo", "sft-grpo")
STEP_KINDS = tuple(kind for kind in KINDS if kind not in ("outcome", "fork"))
"""Pairs of one reply: whole rollouts would need the collator, and forks an environment to go on in."""
SIEVE = Sieve(calls=1, tokens=LIMITS.context_tokens, per_task=1, snippets=True)
"""A question of one hop takes one call, and its answer may stand in what the search showed."""


class OtherRun(Exception):
    """The folder holds another run; the message says what to do."""


@dataclass(frozen=True)
class Run:
    """What every stage is given."""

    out: Path
    form: Form
    seed: int
    threads: int
    report_to: str
    server: Server | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def tasks(self, part: str) -> list[Task]:
        return list(read_tasks(self.out / "tasks" / f"{part}.jsonl"))

    def folder(self, model: str) -> str:
        """Of a model by its name in the report."""
        return "local" if model == "base" else str(self.out / "train" / model / "model")


def main(
    out: Annotated[Path, typer.Option(help="Folder of the run; run again, it goes on.")],
    form: Annotated[str, typer.Option(help=f"{', '.join(FORMS)}.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Of torch.")] = 2,
    minutes: Annotated[float | None, typer.Option(help="Share the caps of the stages out over so many.")] = None,
    report_to: Annotated[str, typer.Option(help="Trackers beside the JSON lines.")] = "auto",
) -> None:
    """Run what is not done yet and print the report."""
    # Ended by a signal, it still ends the server that it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if form not in FORMS:
        raise typer.BadParameter(f"{form!r} is no form. Use one of {', '.join(FORMS)}.")
    chosen = FORMS[form] if minutes is None else FORMS[form].within(minutes)
    try:
        run_miniature(Run(out, chosen, seed, threads, report_to))
    except (OtherRun, NotServed, ModelError, BadSet) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    print((out / "report.json").read_text())


def run_miniature(run: Run) -> dict[str, Any]:
    """All stages, then the report. Raises OtherRun where the folder holds a run of another form or seed."""
    (run.out / "stages").mkdir(parents=True, exist_ok=True)
    _settle(run)
    stage(run, "world", _world)
    with serving(run.out / "world") as server:
        run = replace(run, server=server)
        stage(run, "tasks", _tasks)
        stage(run, "rollouts-witness", lambda run: _rollouts(run, "witness", "train"))
        stage(run, "train-sft", _sft)
        stage(run, "rollouts-own", lambda run: _rollouts(run, "sft", "train"))
        stage(run, "train-dpo", _dpo)
        stage(run, "train-grpo", _grpo)
        for name in (*MODELS, "random", "witness"):
            stage(run, f"eval-{name}", _evaluation(name))
    return write_report(run.out, run.tasks("held-out"), (*MODELS, "random", "witness"), run.seed)


def stage(run: Run, name: str, work: Callable[[Run], dict[str, Any]]) -> None:
    """Do a stage unless its mark is there. The mark has what it tells, what it took, and what the ledger counted."""
    mark = run.out / "stages" / f"{name}.json"
    if mark.is_file():
        return
    typer.echo(f"{name} ...", err=True)
    before = run.server.ledger() if run.server else {}
    wall, cpu = time.monotonic(), time.process_time()
    told = work(run)
    took = {"wall_s": round(time.monotonic() - wall, 1), "cpu_s": round(time.process_time() - cpu, 1)}
    spent = run.server.ledger() if run.server else {}
    ledger = {key: spent[key] - before[key] for key in spent}
    write_json({"stage": name, **told, **took, "ledger": ledger}, mark)


def _settle(run: Run) -> None:
    """A folder is one run's: rows of two forms would mix. The caps may change, since they are no part of a result."""
    path = run.out / "run.json"
    stated = orjson.loads(orjson.dumps({"form": run.form.identity(), "seed": run.seed}))
    if path.is_file() and orjson.loads(path.read_bytes()) != stated:
        raise OtherRun(f"{run.out} holds a miniature of another form or seed. Take another --out.")
    path.write_bytes(orjson.dumps(stated))


def _world(run: Run) -> dict[str, Any]:
    from corpus.build import BuildOptions, build_snapshot
    from corpus.facts.base import build_facts

    source = WORLD.format(seed=run.form.world_seed, pages=run.form.pages)
    manifest = build_snapshot([source], run.out / "world", BuildOptions(encoder="none"))
    facts = build_facts(run.out / "world")
    return {"snapshot_id": manifest.snapshot_id, "facts": len(facts.facts)}


def _tasks(run: Run) -> dict[str, Any]:
    from corpus.facts.base import open_facts

    facts = open_facts(run.out / "world")

    # The questions are the form's: seeds differ in training and draws alone, so that they can be held together.
    async def play() -> tuple[list[tuple[Task, Play]], int]:
        found, tried = [], 0
        async with AsyncClient(run.url) as env:
            for candidate in islice(candidates(facts, seed=run.form.world_seed), run.form.candidates):
                tried += 1
                if (one := await witnessed(candidate, env)) is not None:
                    found.append(one)
        return found, tried

    found, tried = asyncio.run(play())
    parts = split(found, held_out=run.form.held_out, train=run.form.train_tasks)
    (run.out / "tasks").mkdir(exist_ok=True)
    plays = {task.task_id: asdict(play) for chosen in parts.values() for task, play in chosen}
    write_json(plays, run.out / "tasks" / "plays.json")
    for part, chosen in parts.items():
        write_tasks((task for task, _ in chosen), run.out / "tasks" / f"{part}.jsonl")
    hops = {part: sum(task.meta["hops"] for task, _ in chosen) for part, chosen in parts.items()}
    return {"tried": tried, "proven": len(found), "hops": hops} | {part: len(rows) for part, rows in parts.items()}


def player_of(run: Run, name: str, task_of: Mapping[str, str]) -> Model:
    """Who answers: the witness, chance, or a model. `task_of`: task ids by ids of rollouts."""
    format = small_manner().format
    if name == "random":
        return RandomPolicy(seed=run.seed, turns=LIMITS.turns - 1, format=format, tools=small_manner().schemas)
    if name == "witness":
        plays = orjson.loads((run.out / "tasks" / "plays.json").read_bytes())
        known = {
            task_id: Play(tuple((call, given) for call, given in play["calls"]), play["answer"])
            for task_id, play in plays.items()
        }
        return PlaybackModel(known, task_of=task_of.__getitem__, format=format, name="witness")
    folder = run.folder(name)
    path = None if folder == "local" else Path(folder)
    return LocalModel(path, name=name, template="plain", threads=run.threads)


def _rollouts(run: Run, name: str, part: str) -> dict[str, Any]:
    if name in MODELS[1:] and not Path(run.folder(name)).is_dir():
        return {"skipped": f"there is no model {name}"}
    form, tasks = run.form, run.tasks(part)
    own = name not in ("witness", "random") and part == "train"
    chosen = tasks[: form.own_tasks] if own else tasks
    return roll_out_all(
        name, partial(player_of, run, name), chosen, run.url, run.out / "rollouts" / f"{name}-{part}", seed=run.seed,
        samples=form.own_samples if own else 1, temperature=form.own_temperature if own else 0.0,
        minutes=form.own_minutes if own else form.eval_minutes,
    )  # fmt: skip


def _evaluation(name: str) -> Callable[[Run], dict[str, Any]]:
    return lambda run: _rollouts(run, name, "held-out")


def _own(run: Run, name: str) -> list[Episode]:
    return list(episodes_of(run.out / "rollouts" / name))


@contextmanager
def _fresh(folder: Path) -> Iterator[Path]:
    """A trainer's folder, anew: a stage without its mark has no finished model."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder


def _sft(run: Run) -> dict[str, Any]:
    from training.train_sft import main as train

    form = run.form
    with _fresh(run.out / "train" / "sft") as out:
        card = build_sft(
            lambda: _own(run, "witness-train"), run.tasks("train"), out / "set", sieve=SIEVE,
            seeds=seeds_of([run.out / "rollouts" / "witness-train"]),
        )  # fmt: skip
        train(
            out / "set" / "messages.jsonl", out, "local", "plain", "small-sft", form.sft_steps, form.sft_batch, None,
            384, 0, run.seed, run.threads, form.sft_minutes, 0, run.report_to,
        )  # fmt: skip
        return {"rows": _counted(card), **_trained(out)}


def _dpo(run: Run) -> dict[str, Any]:
    from training.train_dpo import main as train

    form, runs = run.form, ("sft-train", "witness-train")
    recipe = Recipe(tokens=LIMITS.context_tokens, kinds=STEP_KINDS, policy="sft", snippets=True)
    with _fresh(run.out / "train" / "sft-dpo") as out:
        try:
            card = build_dpo(
                [episode for name in runs for episode in _own(run, name)], run.tasks("train"), out / "set",
                recipe=recipe, seeds=seeds_of(run.out / "rollouts" / name for name in runs),
            )  # fmt: skip
        except NothingKept as none:  # few rollouts may give none: what was not trained is not evaluated as if it were
            return {"pairs": {"why": str(none)}, "steps": 0, "skipped": "no pairs"}
        train(
            out / "set" / "steps.jsonl", out, run.folder("sft"), "plain", "small-dpo", form.dpo_steps, form.dpo_batch,
            None, 384, 0, run.seed, run.threads, form.dpo_minutes, 0, run.report_to,
        )  # fmt: skip
        return {"pairs": _counted(card) | {"bias": card["bias"]}, **_trained(out)}


def _grpo(run: Run) -> dict[str, Any]:
    from training.train_grpo import train

    form = run.form
    with _fresh(run.out / "train" / "sft-grpo") as out:
        train(
            small_manner(), LIMITS, tasks=run.out / "tasks" / "train.jsonl", out=out, server=run.url,
            model=run.folder("sft"), template="plain", steps=form.grpo_steps, reply_tokens=REPLY_TOKENS,
            seed=run.seed, threads=run.threads, minutes=form.grpo_minutes, report_to=run.report_to,
        )  # fmt: skip
        return _trained(out)


def _counted(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a set's card counts, but for what it did not meet."""
    return {name: count for name, count in card["counts"].items() if count}


def _trained(out: Path) -> dict[str, Any]:
    from training.launching import read_log

    log = read_log(out / "steps.jsonl")
    steps = [row for row in log if "loss" in row]
    capped = any("stopped" in row for row in log)
    told: dict[str, Any] = {"steps": max((row["step"] for row in steps), default=0), "capped": capped}
    for name in ("loss", "reward", "frac_reward_zero_std", "rewards/accuracies"):
        values = [row[name] for row in steps if name in row]
        if values:
            third = max(1, len(values) // 3)
            told[name] = {"first_third": _mean(values[:third]), "last_third": _mean(values[-third:])}
    return told


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)


if __name__ == "__main__":
    typer.run(main)
