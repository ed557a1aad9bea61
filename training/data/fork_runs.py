"""Forks of a run's tasks, with an agent and a server by what the command line calls them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from agent.canonical import safe_json
from agent.client import AsyncClient
from agent.exports.parts import Unfit
from agent.loop import Gates, Limits
from agent.models.protocol import Sampling
from agent.opening import Asked, open_player
from agent.records import Episode
from agent.throttle import Gate
from agent.world import look_at
from training.data.card import BadSet, by_id
from training.data.filters import Sieve, inspect
from training.data.forking import fork_at
from training.data.forks import worth_forking
from training.data.pairing import Rollout, mixed, rollout
from training.tasks import Task


@dataclass(frozen=True)
class Forking:
    model: tuple[str, ...]
    """As `stillweb agent run --model` takes it."""
    model_name: str | None
    server: str
    token: str | None
    states: int
    actions: int
    continuations: int
    sampling: Sampling
    concurrency: int
    threads: int | None
    seed: int


async def make_forks(
    episodes: Sequence[Episode],
    tasks: Sequence[Task],
    out: Path,
    how: Forking,
    *,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> int:
    """Fork the tasks that have right and wrong rollouts, and write the forks; returns how many.

    The agent is the records': profile, format, limits and context policy. Raises BadSet where the records are of
    several agents or weathers, or no task is to fork, and whatever `fork_at` raises.
    """
    known = by_id(tasks)
    used = [one for one in episodes if one.status == "ok" and one.task.id in known]
    agents = {safe_json([one.agent.model_dump(), one.env.weather, one.env.snapshot_id]) for one in used}
    if len(agents) > 1:
        raise BadSet("The rollouts are of several agents, weathers or snapshots. Fork one run at a time.")
    groups: dict[str, list[Rollout]] = {}
    for one in used:
        task = known[one.task.id]
        groups.setdefault(task.task_id, []).append(rollout(one, task, inspect(one, task, Sieve())))
    places = [
        (found, turn, known[task_id])
        for task_id, group in groups.items()
        if mixed(group)
        for found, turn in worth_forking(group, how.states)
    ]
    if not places:
        raise BadSet("No task has a right and a wrong rollout that were in one state. Roll out more with -n.")
    agent, env = used[0].agent, used[0].env
    asked = Asked(
        how.model, Limits(**agent.limits), how.sampling, how.model_name, agent.profile, agent.format,
        agent.context_policy, how.seed, how.threads, api_key=os.environ.get("OPENAI_API_KEY"),
    )  # fmt: skip
    part = out.with_name(out.name + ".part")
    count = 0
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_player(asked))
        client = await stack.enter_async_context(AsyncClient(how.server, token=how.token))
        world = await look_at(client, pin=env.snapshot_id, weather=env.weather)
        gates = Gates(Gate(how.concurrency), Gate(how.concurrency))
        with part.open("wb") as file:
            for done, (found, turn, task) in enumerate(places, 1):
                try:
                    fork = await fork_at(
                        found.episode, turn, task, opened.player, world, gates,
                        actions=how.actions, continuations=how.continuations, seed=how.seed,
                    )  # fmt: skip
                except Unfit:
                    continue  # its prompt fits no chat template, so that no pair could be made of it
                file.write(safe_json(fork.model_dump(mode="json", by_alias=True)) + b"\n")
                count += 1
                told(done, len(places))
    part.replace(out)
    return count
