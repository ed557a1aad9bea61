"""Where rollouts on an event loop meet the thread that draws for them, and how messages become the ids it is given."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.models.protocol import Message, ModelError, Reply, Sampling, Tokens, Usage

LINGER_S = 0.005
"""Without lockstep: how long the first to wait waits for company."""


Drawer = Callable[[list[list[int]]], tuple[list[list[int]], list[list[float]] | None]]
"""Draws completions: ids of prompts to ids of completions and, where they are known, their log probabilities."""


@dataclass
class Wanted:
    """A turn asked for: by whom, after what, and where the reply goes."""

    place: int
    prompt: list[int]
    reply: asyncio.Future[tuple[list[int], list[float]]]


@dataclass
class Desk:
    """Where rollouts, on the event loop, meet the thread that draws."""

    under_way: int
    wanted: list[Wanted] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    served: list[Wanted] = field(default_factory=list)
    """Those taken last, who still wait if drawing for them broke off."""
    is_closed: bool = False

    def want(self, one: Wanted) -> None:
        """Raises ModelError where nobody draws any more."""
        with self.changed:
            if self.is_closed:
                raise _broken_off()
            self.wanted.append(one)
            self.changed.notify_all()

    def close(self) -> None:
        """Refuse those that wait, and whoever comes."""
        with self.changed:
            self.is_closed = True
            refused, self.wanted, self.served = [*self.served, *self.wanted], [], []
        for one in refused:
            one.reply.get_loop().call_soon_threadsafe(_refuse, one.reply)

    def left(self, count: int = 1) -> None:
        with self.changed:
            self.under_way -= count
            self.changed.notify_all()

    def take(self, lockstep: bool) -> list[Wanted]:
        """Those to be served next, in the order of the batch; empty: all rollouts have ended."""
        with self.changed:
            if lockstep:
                self.changed.wait_for(lambda: len(self.wanted) >= self.under_way)
            else:
                self.changed.wait_for(lambda: self.wanted or self.under_way <= 0)
                self.changed.wait_for(lambda: len(self.wanted) >= self.under_way, timeout=LINGER_S)
            self.served, self.wanted = self.wanted, []
            self.served.sort(key=lambda one: one.place)
            return self.served


class Writer:
    """Turns messages into ids, so that each prompt of a rollout goes on from the ids before it: what was drawn is
    never tokenised again."""

    def __init__(self, tokenizer: Any, stops: Sequence[int]) -> None:
        self.tokenizer, self.stops = tokenizer, frozenset(stops)

    def text(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], open_turn: bool) -> str:
        text: str = self.tokenizer.apply_chat_template(
            [{**message, "content": message.get("content") or ""} for message in messages],
            tools=list(tools) or None, tokenize=False, add_generation_prompt=open_turn,
        )  # fmt: skip
        return text

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def prompt(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], known: Sequence[int]) -> list[int]:
        """`known`: prompt and completion of the turn before, or nothing. Its last message of the assistant's is the one
        that the completion says; what the template writes after it is added."""
        if not known:
            return self.ids(self.text(messages, tools, True))
        last = max(place for place, message in enumerate(messages) if message["role"] == "assistant")
        said = messages[last].get("content") or ""
        whole = self.text(messages, tools, True)
        before = self.text(messages[: last + 1], tools, False)
        cut = before.rfind(said) + len(said)
        tail = whole[cut:]
        # The model ended its turn itself: that token is not written twice.
        if known[-1] in self.stops:
            tail = tail.removeprefix(self.tokenizer.decode([known[-1]]))
        return [*known, *self.ids(tail)]

    def cut(self, ids: list[int]) -> int:
        """How many ids there are up to the first that ends a turn, itself included."""
        return next((place + 1 for place, one in enumerate(ids) if one in self.stops), len(ids))


class Speaker:
    """`agent.models.protocol.Model` for one rollout."""

    name = "policy"

    def __init__(self, place: int, desk: Desk, writer: Writer) -> None:
        self._place, self._desk, self._writer = place, desk, writer
        self.known: list[int] = []

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], sampling: Sampling, *, rollout: str
    ) -> Reply:
        prompt = self._writer.prompt(messages, tools, self.known)
        future: asyncio.Future[tuple[list[int], list[float]]] = asyncio.get_running_loop().create_future()
        self._desk.want(Wanted(self._place, prompt, future))
        drawn, logprobs = await future
        kept = self._writer.cut(drawn)
        ids, logprobs = drawn[:kept], logprobs[:kept]
        ended = bool(ids) and ids[-1] in self._writer.stops
        self.known = [*prompt, *ids]
        text = self._writer.tokenizer.decode(ids[:-1] if ended else ids, skip_special_tokens=True)
        return Reply(
            text,
            finish_reason="stop" if ended else "length",
            usage=Usage(len(prompt), len(ids)),
            tokens=Tokens(tuple(prompt), tuple(ids), tuple(logprobs), (1,) * len(ids)),
        )

    async def close(self) -> None:
        pass


def serve(wanted: Sequence[Wanted], draw: Drawer) -> None:
    """Draw for all of them at once, and tell each."""
    if not wanted:
        return
    ids, logprobs = draw([one.prompt for one in wanted])
    for place, one in enumerate(wanted):
        drawn = (list(ids[place]), list(logprobs[place]) if logprobs is not None else [])
        one.reply.get_loop().call_soon_threadsafe(_answer, one.reply, drawn)


def _answer(reply: asyncio.Future[tuple[list[int], list[float]]], drawn: tuple[list[int], list[float]]) -> None:
    if not reply.done():
        reply.set_result(drawn)


def _refuse(reply: asyncio.Future[tuple[list[int], list[float]]]) -> None:
    if not reply.done():
        reply.set_exception(_broken_off())


def _broken_off() -> ModelError:
    return ModelError("Drawing broke off.", retry=False, kind="server")
