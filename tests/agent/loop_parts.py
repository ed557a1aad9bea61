"""Parts that the tests of loop and runner share: a model whose replies are a function, plans over the tiny web."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.client import AsyncClient
from agent.context import Policy
from agent.loop import Gates, Limits, Player, roll_out
from agent.models.protocol import Reply, Sampling, ToolCall, Usage
from agent.notes import Identity
from agent.plan import Plan
from agent.questions import Question
from agent.records import Episode, GroupRef, Message, ModelRef, decode, encode
from agent.shards import rows
from agent.speech import agent_ref, manner_of
from agent.throttle import Gate
from agent.tools.profiles import profile
from agent.world import World, enter, look_at

QUESTION = Question("q1", "Who keeps the lamp?")
QUESTIONS = ("Who drew the harbour map?", "Which island exports salt?", "When did the lighthouse open?")
WORDS = "harbour island lighthouse ferry salt map bread festival garden storm ada captain".split()
Speak = Callable[[Sequence[Message], str], Reply]
"""(messages, rollout) -> reply. A pure function, so that a rollout that begins again says the same."""


class Spoken:
    """A model that is a function of what it is given."""

    def __init__(self, speak: Speak, delay_s: float = 0.0, name: str = "spoken") -> None:
        self.speak, self.delay_s, self.name = speak, delay_s, name
        self.asked: list[list[Message]] = []

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], sampling: Sampling, *, rollout: str
    ) -> Reply:
        self.asked.append(list(messages))
        await asyncio.sleep(self.delay_s)
        return self.speak(messages, rollout)

    async def close(self) -> None:
        pass


def said(text: str = "", *calls: tuple[str, dict[str, Any] | str], id_: str = "") -> Reply:
    """A reply with calls of tools: (name, arguments or their text)."""
    made = tuple(
        ToolCall(f"{id_}{place}" if id_ else "", name, given if isinstance(given, str) else json.dumps(given))
        for place, (name, given) in enumerate(calls)
    )
    return Reply(text, tool_calls=made, finish_reason="tool_calls" if made else "stop", usage=Usage(0, 7))


def script(*replies: Reply) -> Speak:
    """Replies by how many were given before; the last one again and again."""

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        return replies[min(len(replies) - 1, turn_of(messages))]

    return speak


def turn_of(messages: Sequence[Message]) -> int:
    return sum(message["role"] == "assistant" for message in messages)


def wander(calls: int) -> Speak:
    """`calls` calls drawn by rollout and turn, then an answer."""

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        turn = turn_of(messages)
        if turn >= calls:
            return said("", ("answer", {"answer": f"so it is, {rollout}"}))
        drawn = random.Random(f"{rollout} {turn}")
        if drawn.random() < 0.6:
            return said("Let me look.", ("search", {"query": " ".join(drawn.sample(WORDS, 2)), "k": 3}))
        found = [line for message in messages[-2:] for line in str(message["content"]).split() if "://" in line]
        url = drawn.choice(found) if found else "https://tiny.example/nowhere"
        return said("", ("fetch", {"url": url}))

    return speak


def player(
    model: Any,
    *,
    limits: Limits = Limits(),
    policy: Policy = Policy(),
    name: str = "default",
    format: str | None = None,
    max_tokens: int = 256,
) -> Player:
    manner = manner_of(profile(name), format)
    return Player(manner, model, manner.sampling(Sampling(max_tokens=max_tokens)), limits, policy)


def gates(model: int = 64, env: int = 64) -> Gates:
    return Gates(Gate(model), Gate(env))


def plan_of(played: Player, world: World, questions: Sequence[str] = QUESTIONS, *, samples: int = 2) -> Plan:
    return Plan(
        tuple(Question(str(number), text) for number, text in enumerate(questions)),
        samples,
        seed=0,
        agent=agent_ref(played.manner, str(played.policy), asdict(played.limits)),
        model=ModelRef(name=played.model.name, sampling=asdict(played.sampling)),
        tools=played.manner.schemas,
        env=world.identity(),
    )


@asynccontextmanager
async def looking_at(url: str, token: str | None = None) -> AsyncIterator[World]:
    async with AsyncClient(url, timeout_s=30, token=token) as client:
        yield await look_at(client)


def episodes(out: Path) -> list[Episode]:
    return [decode(row) for row in rows(out)]


async def play(url: str, played: Player, **how: Any) -> Episode:
    """One rollout, written and read again."""
    async with AsyncClient(url) as client:
        world = await look_at(client)
        env, ref = await enter(world, 7)
        identity = Identity(
            "r1", QUESTION.ref(), GroupRef(sample=0, seed=1), ref, agent_ref(played.manner, str(played.policy), {}),
            ModelRef(name="spoken", sampling={}), played.manner.schemas,
        )  # fmt: skip
        return decode(encode(await roll_out(played, identity, env, gates(), **how)))
