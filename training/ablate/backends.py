"""The other two backends: `model`, rollouts of `agent run` that are only scored, and `command`, a program that trains.

A program is started with its words filled in ({arm}, {seed}, {out}, {server}, {tasks}) and with STILLWEB_ABLATE, the
arm's knobs as JSON, STILLWEB_URL and STILLWEB_SEED in its environment. It writes OUT/result.json, last:

    {"held_out": {"correct": {"TASK_ID": [1.0, 0.0]}}, "curve": [{"step": 1, "reward": 0.1}], "rollouts": 40}
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.client import AsyncClient
from agent.loop import Gates, Limits
from agent.models.protocol import Sampling
from agent.opening import Asked, open_player
from agent.plan import Plan, settle
from agent.questions import Question
from agent.records import Episode, ModelRef, decode
from agent.runner import run
from agent.shards import rows
from agent.throttle import Gate
from agent.world import look_at
from training.ablate.cells import Step
from training.ablate.config import METRICS, Arm
from training.ablate.learning import HeldOut, Learned
from training.evaluate import evaluate
from training.tasks import Task

RESULT = "result.json"


class ArmFailed(Exception):
    """One cell came to nothing; the message says which part of it and why."""


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid")

    held_out: dict[str, dict[str, list[float]]] = Field(min_length=1)
    curve: list[Step] = []
    rollouts: int = 0
    failures: int = 0


async def roll_out_model(
    client: AsyncClient, arm: Arm, measured: Sequence[Task], *, seed: int, samples: int, out: Path
) -> Learned:
    """Every task by the model, `samples` times, kept in `out` as any run; gone on with where it broke off.

    Raises AgentError, and ArmFailed where rollouts are missing in the end.
    """
    agent = arm.agent
    limits = Limits(agent.max_turns, agent.max_calls, None, agent.context_tokens, None)
    asked = Asked(
        (agent.model,), limits, Sampling(agent.temperature, 1.0, agent.reply_tokens), agent.model_name, agent.profile,
        agent.format, agent.context, seed, api_key=os.environ.get("OPENAI_API_KEY"),
    )  # fmt: skip
    questions = tuple(Question(task.task_id, task.question) for task in measured)
    async with open_player(asked) as opened:
        world = await look_at(client, weather=arm.environment.profile())
        model = ModelRef(name=opened.player.model.name, sampling=asdict(opened.player.sampling))
        plan = Plan(questions, samples, seed, opened.ref, model, opened.player.manner.schemas, world.identity())
        settle(out, plan, {"by": "stillweb ablate"})
        counts = await run(plan, opened.player, world, Gates(Gate(8), Gate(32)), out, concurrency=16)
    if counts.done < counts.planned:
        raise ArmFailed(f"{counts.planned - counts.done} of {counts.planned} rollouts failed; they are in {out}.")
    episodes = [decode(row) for row in await asyncio.to_thread(lambda: list(rows(out)))]
    held_out, errors = measured_of(episodes, measured, arm)
    return Learned(held_out=held_out, rollouts=len(episodes), failures=errors)


def measured_of(episodes: Sequence[Episode], tasks: Sequence[Task], arm: Arm) -> tuple[HeldOut, int]:
    """What rollouts of an agent are measured by, and how many of their calls failed. Raises NothingScored."""
    held_out: HeldOut = {metric: {} for metric in METRICS}
    for row in evaluate(episodes, tasks).rows:
        parts = {name: float(row.score[name] or 0.0) for name in ("correct", "f1", "seen", "opened", "answered")}
        own = sum(w * (row.calls if name == "call" else parts[name]) for name, w in arm.trainer.reward.items())
        for metric, value in {**parts, "reward": own, "calls": float(row.calls)}.items():
            if metric in held_out:
                held_out[metric].setdefault(row.task_id, []).append(value)
    return held_out, sum(event.status != "ok" for episode in episodes for event in episode.tool_events)


def run_command(
    words: Sequence[str],
    arm: Arm,
    *,
    name: str,
    seed: int,
    out: Path,
    url: str,
    tasks: Path | None,
    timeout_s: float,
) -> Learned:
    """Run the program to its end and read what it wrote. Its output goes to OUT/log.txt. Raises ArmFailed."""
    out.mkdir(parents=True, exist_ok=True)
    known = {"arm": name, "seed": str(seed), "out": str(out), "server": url, "tasks": str(tasks or "")}
    filled = [_filled(word, known) for word in (*words, *arm.trainer.arguments)]
    environment = {
        **os.environ,
        "STILLWEB_ABLATE": orjson.dumps(arm.model_dump(mode="json")).decode(),
        "STILLWEB_URL": url,
        "STILLWEB_SEED": str(seed),
    }
    (out / RESULT).unlink(missing_ok=True)  # of an earlier try: it would be taken for this one's
    try:
        with (out / "log.txt").open("wb") as log:
            done = subprocess.run(filled, stdout=log, stderr=log, env=environment, timeout=timeout_s, check=False)
    except OSError as error:
        raise ArmFailed(f"{filled[0]} cannot be started: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise ArmFailed(f"{filled[0]} was not done after {timeout_s / 60:g} minutes (`command_minutes`).") from error
    if done.returncode:
        said = (out / "log.txt").read_text("utf-8", "replace").strip().splitlines()[-3:]
        raise ArmFailed(f"{filled[0]} ended with {done.returncode}: {' '.join(said) or 'it said nothing'}")
    try:
        result = _Result.model_validate_json((out / RESULT).read_bytes())
    except (OSError, ValidationError) as error:
        raise ArmFailed(f"{filled[0]} wrote no {RESULT} that can be read: {error}") from error
    return Learned(result.curve, {}, result.held_out, {}, result.rollouts, result.failures)


def _filled(word: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        word = word.replace("{" + name + "}", value)
    return word
