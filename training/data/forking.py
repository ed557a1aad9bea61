"""Fork and replay: from a state of a record, other next actions are drawn, and each is continued several times.

The state is exact, because the environment is: what the record's model said is said again, each observation is made
again and must have the record's digest, and from there on a model goes on. Where one differs, it is Diverged.

    fork = await fork_at(episode, turn, task, player, world, gates, actions=8, continuations=4, seed=0)
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from agent.acting import env_setback, model_setback
from agent.canonical import digest
from agent.exports.parts import Unfit, resolved
from agent.failures import AgentError
from agent.journal import Step as Recorded
from agent.journal import Steps
from agent.loop import Gates, Player, roll_out
from agent.models.protocol import Reply, ToolCall, Usage
from agent.notes import Identity
from agent.records import Episode, GroupRef, Message, ModelRef, Turn
from agent.speech import reply_to_json
from agent.world import World, enter, leave
from corpus.answers import normalise
from training.data.filters import inspect
from training.data.forks import Fork, ForkedAction
from training.data.reading import prompt_of, reply_of, steps_of, tools_of
from training.tasks import Task

T = TypeVar("T")


@dataclass(frozen=True)
class _Place:
    """Where to fork, and with whom."""

    episode: Episode
    turn: Turn
    task: Task
    player: Player
    world: World
    gates: Gates


async def fork_at(
    episode: Episode,
    turn: int,
    task: Task,
    player: Player,
    world: World,
    gates: Gates,
    *,
    actions: int = 8,
    continuations: int = 4,
    seed: int = 0,
) -> Fork:
    """Draw `actions` next actions in the state before a turn (from 0) and continue each different one.

    The player must have the record's profile and format. Seeds of draws and continuations follow from `seed`, the
    state and the action; weather is that of the record's episode, for all alike. Raises Diverged where the environment
    no longer answers as recorded, AgentError where world or player are not the record's, ModelError, and Unfit for a
    prompt that no chat template takes.
    """
    at = _Place(episode, episode.turns[turn], task, player, world, gates)
    _check(at)
    here = steps_of(episode, task)[turn]
    prompt = prompt_of(episode, at.turn)
    replies = await _all(_draw(at, _seed(seed, here.state, number)) for number in range(actions))
    unlike = _unlike(at, replies)
    ended = await _all(
        _continue(at, reply, _seed(seed, here.state, place, number))
        for place, reply in enumerate(unlike)
        for number in range(continuations)
    )
    made = []
    for place, reply in enumerate(unlike):
        found = ended[place * continuations : (place + 1) * continuations]
        made.append(_action(at, found, sum(_same(at, one, reply) for one in replies)))
    return Fork(
        task_id=task.task_id, episode_id=episode.id, turn=turn, state=here.state, observations=here.observations,
        snapshot_id=world.snapshot_id, model=player.model.name, seed=seed, prompt=tuple(prompt),
        tools=tuple(tools_of(episode)), actions=tuple(sorted(made, key=lambda one: one.action)),
    )  # fmt: skip


async def _all(awaited: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Their results; with the first failure the others are given up."""
    tasks = [asyncio.create_task(one) for one in awaited]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _check(at: _Place) -> None:
    record, manner = at.episode.agent, at.player.manner
    if at.episode.env.snapshot_id != at.world.snapshot_id:
        raise AgentError(
            f"Rollout {at.episode.id} is of snapshot {at.episode.env.snapshot_id}; the server serves "
            f"{at.world.snapshot_id}. Serve the snapshot of the record."
        )
    if digest(manner.system) != record.prompt_digest or digest(list(manner.schemas)) != record.tools_digest:
        raise AgentError(
            f"Rollout {at.episode.id} had another prompt or other tools than profile {manner.profile.name} in format "
            f"{manner.format.name}. Take the record's: {record.profile}, {record.format}."
        )


async def _draw(at: _Place, seed: int) -> Reply:
    player, messages = at.player, at.episode.path(at.turn.prompt)
    sampling = replace(player.sampling, seed=seed)
    tried = await at.gates.model.run(
        lambda: player.model.reply(messages, player.manner.offered, sampling, rollout=f"{at.episode.id}:{seed}"),
        model_setback,
    )
    return tried.result


async def _continue(at: _Place, reply: Reply, seed: int) -> Episode:
    """A rollout that says what the record says up to the turn, then this reply, then goes on by itself."""
    record, player = at.episode, at.player
    steps = [*_recorded(record, at.turn), {"reply": reply_to_json(reply), "tries": 1, "took_s": 0.0}]
    opened = await at.gates.env.run(lambda: enter(at.world, record.env.episode_seed or 0), env_setback)
    env, ref = opened.result
    identity = Identity(
        digest([record.id, at.turn.index, seed])[:16], record.task, GroupRef(sample=0, seed=seed), ref, record.agent,
        ModelRef(name=player.model.name, sampling=record.model.sampling), tuple(record.tools),
    )  # fmt: skip
    drawn = replace(player, sampling=replace(player.sampling, seed=seed))
    try:
        return await roll_out(drawn, identity, env, at.gates, steps=Steps(recorded=steps))
    finally:
        await leave(at.world, ref)


def _recorded(episode: Episode, until: Turn) -> list[Recorded]:
    """The journal that a rollout cut before the turn would have left: replies, and digests of what calls gave."""
    made: defaultdict[int, list[str]] = defaultdict(list)
    for event in episode.tool_events:
        if event.status != "malformed":  # such a call was answered by the loop, which journals nothing
            made[event.turn].append(event.observation_digest)
    messages, steps = resolved(episode), list[Recorded]()
    for turn in episode.turns[: until.index]:
        reply = _said(messages[turn.node_id], turn)
        steps.append({"reply": reply_to_json(reply), "tries": turn.attempts, "took_s": 0.0})
        steps += [{"observation": one} for one in made[turn.index]]
    return steps


def _said(message: Message, turn: Turn) -> Reply:
    calls = tuple(
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls") or ()
    )
    usage = Usage(turn.usage.prompt_tokens, turn.usage.completion_tokens)
    return Reply(message.get("content") or "", message.get("reasoning_content") or "", calls, turn.finish_reason, usage)


def _unlike(at: _Place, replies: Sequence[Reply]) -> list[Reply]:
    """The first reply of each action, in the order of drawing."""
    found: list[Reply] = []
    for reply in replies:
        if not any(_same(at, one, reply) for one in found):
            found.append(reply)
    return found


def _same(at: _Place, one: Reply, other: Reply) -> bool:
    return _key(at, one) == _key(at, other)


def _key(at: _Place, reply: Reply) -> str:
    said = at.player.manner.said(reply, at.turn.index, at.player.manner.profile.fresh())
    if said.answer is not None:
        return digest(["answer", normalise(said.answer.text)])
    if said.calls:
        return digest(["calls", [[call.name, call.arguments] for call in said.calls]])
    return digest(["text", " ".join(str(said.message["content"]).split())])


def _action(at: _Place, found: Sequence[Episode], drawn: int) -> ForkedAction:
    whole = [one for one in found if one.status == "ok"]
    step = steps_of(found[0], at.task)[at.turn.index]
    return ForkedAction(
        message=_message(found[0], step.turn),
        action=step.action,
        drawn=drawn,
        calls=len(step.events),
        well_formed=step.well_formed,
        leaks=step.leaks,
        right=sum(inspect(one, at.task).correct for one in whole),
        of=len(whole),
    )


def _message(episode: Episode, turn: Turn) -> Message:
    try:
        return reply_of(episode, turn)
    except Unfit:
        return resolved(episode)[turn.node_id]  # not well formed: it is never the chosen side


def _seed(*parts: Any) -> int:
    return int(digest(list(parts))[:12], 16)
