"""Rollouts of the miniature by the agent's runner: resumable, one record each, with a cap on time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.client import AsyncClient
from agent.context import Policy
from agent.loop import Gates, Player
from agent.models.protocol import Model, Sampling
from agent.plan import Plan, settle
from agent.questions import Question
from agent.records import Episode, ModelRef
from agent.runner import Drain, run
from agent.shards import records
from agent.speech import agent_ref
from agent.throttle import Gate
from agent.world import look_at
from training.miniature_agent import LIMITS, REPLY_TOKENS, small_manner
from training.tasks import Task

ModelOf = Callable[[Mapping[str, str]], Model]


def roll_out_all(
    name: str, model_of: ModelOf, tasks: Sequence[Task], url: str, out: Path, *, seed: int, samples: int,
    temperature: float, minutes: float, weather: str | dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Make a run's rollouts by the model that `model_of` gives for {rollout id: task id}.

    Past `minutes` none begins, and `capped` is true of what is told.
    """
    return asyncio.run(_all(name, model_of, tasks, url, out, seed, samples, temperature, minutes, weather))


async def _all(
    name: str, model_of: ModelOf, tasks: Sequence[Task], url: str, out: Path, seed: int, samples: int,
    temperature: float, minutes: float, weather: str | dict[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    manner = small_manner()
    sampling = manner.sampling(Sampling(temperature=temperature, max_tokens=REPLY_TOKENS))
    async with AsyncClient(url) as client:
        world = await look_at(client, weather=weather)
        plan = Plan(
            tuple(Question(task.task_id, task.question) for task in tasks), samples, seed,
            agent_ref(manner, "none", asdict(LIMITS)),
            ModelRef(name=name, sampling={"temperature": temperature, "max_tokens": REPLY_TOKENS}),
            manner.schemas, world.identity(),
        )  # fmt: skip
        model = model_of({rollout.id: rollout.question.id for rollout in plan.rollouts()})
        settle(out, plan, {})
        drain = Drain()
        clock = asyncio.create_task(_ring(drain, minutes))
        try:
            counts = await run(
                plan, Player(manner, model, sampling, LIMITS, Policy()), world, Gates(Gate(1), Gate(8)), out,
                concurrency=2, drain=drain,
            )  # fmt: skip
        finally:
            clock.cancel()
            with suppress(asyncio.CancelledError):
                await clock
            await model.close()
    return {"planned": counts.planned, "done": counts.done, "capped": counts.done < counts.planned}


async def _ring(drain: Drain, minutes: float) -> None:
    await asyncio.sleep(60 * minutes)
    drain.asked = True


def episodes_of(out: Path) -> Iterator[Episode]:
    """Records of a run, finished or not, by task: equal runs give equal orders."""
    yield from sorted(records(out), key=lambda episode: (episode.task.id, episode.group.sample))
