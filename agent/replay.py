"""Every observation of a run made again against a server, and compared by digest with the record.

Replies are the record's; only the environment is asked. Stops at the first difference in the order of the rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.acting import env_setback, run_tool
from agent.canonical import digest
from agent.client import AsyncClient
from agent.errors import EnvError
from agent.failures import AgentError
from agent.records import Episode, ToolEvent
from agent.throttle import Gate
from agent.tools.profile import Profile
from agent.tools.tool import Tool
from agent.world import World, enter, leave


@dataclass(frozen=True)
class Difference:
    """An observation that is not what it was."""

    rollout: str
    call: ToolEvent
    place: int
    """Of the call among the rollout's, from 1."""
    made: str
    """What came now: the observation's text, or the error."""
    made_digest: str
    recorded: str
    """What the model was shown then."""


@dataclass
class Replayed:
    rollouts: int = 0
    calls: int = 0
    difference: Difference | None = None


async def replay(
    rows: Iterable[Episode],
    world: World,
    profile_of: Callable[[str], Profile],
    gate: Gate,
    *,
    concurrency: int = 64,
    replayed: Replayed | None = None,
) -> Replayed:
    """Replay rows of status ok. Raises AgentError where a row is of another snapshot than the world's.

    Rollouts run `concurrency` at a time; the difference given is that of the first row, in their order, that has one.
    """
    state, found = replayed or Replayed(), dict[int, Difference]()
    waiting = iter(enumerate(episode for episode in rows if episode.status == "ok"))

    async def work() -> None:
        for place, episode in waiting:
            if found:
                return
            if episode.env.snapshot_id != world.snapshot_id:
                raise AgentError(
                    f"Rollout {episode.id} is of snapshot {episode.env.snapshot_id}; the server serves "
                    f"{world.snapshot_id}. Serve the snapshot of the record."
                )
            difference = await _again(episode, world, profile_of(episode.agent.profile).fresh(), gate, state)
            state.rollouts += 1
            if difference is not None:
                found[place] = difference

    tasks = [asyncio.create_task(work()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if found:
        state.difference = found[min(found)]
    return state


async def _again(
    episode: Episode, world: World, tools: dict[str, Tool], gate: Gate, state: Replayed
) -> Difference | None:
    env, ref = (await gate.run(lambda: enter(world, episode.env.episode_seed or 0), env_setback)).result
    try:
        return await _calls_again(episode, env, tools, gate, state)
    finally:
        await leave(world, ref)


async def _calls_again(
    episode: Episode, env: AsyncClient, tools: dict[str, Tool], gate: Gate, state: Replayed
) -> Difference | None:
    made: dict[str, int] = {}
    for place, event in enumerate(episode.tool_events, 1):
        if event.status == "malformed" or not isinstance(event.args, dict):
            continue
        made[event.args_digest] = attempt = made.get(event.args_digest, 0) + 1
        text, digest_ = await _observed(event, event.args, tools, env.using(attempt=attempt), gate)
        state.calls += 1
        if digest_ != event.observation_digest:
            shown = str(episode.path(event.node_id)[-1].get("content", ""))
            return Difference(episode.id, event, place, text, digest_, shown)
    return None


async def _observed(
    event: ToolEvent, arguments: dict[str, object], tools: dict[str, Tool], env: AsyncClient, gate: Gate
) -> tuple[str, str]:
    """(text, digest) of what comes now."""
    if event.name not in tools:
        text = f"The profile has no tool {event.name} now."
        return text, digest(text)
    tool = tools[event.name]
    try:
        observation = (await gate.run(lambda: run_tool(tool, arguments, env), env_setback)).result
    except EnvError as error:
        text = f"{error.message} {error.remedy}"
        return text, digest(text)
    return observation.text, observation.digest
