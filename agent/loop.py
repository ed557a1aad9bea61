"""One rollout: ReAct until the model answers or a limit is reached. Whatever happens, the end is a record.

    roll_out      question, agent, model, environment -> Episode
    Limits        budgets; at each the loop goes back to the last turn that leaves room and asks for a final answer

The messages are a tree that only grows (`agent.tree`). A failure of model or environment ends the rollout with a record
of status `error`; nothing but cancellation and `Diverged` leaves `roll_out` as an exception.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.acting import NOT_THE_MODELS_BUSINESS, env_setback, model_setback, run_tool, unfit
from agent.canonical import digest
from agent.client import AsyncClient
from agent.context import SUM_UP, Policy, rewritten
from agent.errors import EnvError
from agent.failures import Diverged
from agent.journal import Steps
from agent.models.protocol import Model, ModelError, Reply, Sampling
from agent.notes import Identity, Notes, utc_now
from agent.records import ContextEvent, Episode, Message, StopReason
from agent.speech import Call, Manner, Said, answer_in, reply_from_json, reply_to_json
from agent.throttle import Gate
from agent.tools.tool import Observation, refused
from agent.window import Window

logger = logging.getLogger(__name__)

FINAL = (
    "You have no more room for steps. Call no tool. Give your final answer now, from what you have found so far, "
    "in the form you were asked for."
)


@dataclass(frozen=True)
class Limits:
    """Budgets of a rollout. None: no limit."""

    turns: int = 100
    calls: int = 200
    tokens: int | None = None
    """Prompt and completion tokens of all turns together."""
    context_tokens: int = 32_768
    """The model's window; a prompt and the longest reply to it must fit."""
    wall_s: float | None = None
    """But for waiting at the gates. Looked at between steps: a step that is under way is waited for."""
    malformed: int = 5
    """Turns in a row with a call that cannot be read, and with none that can."""
    repeated: int = 5
    """Calls in a row that were made before and went well."""
    forced_answer: bool = True
    """At a limit, ask for the final answer."""


@dataclass(frozen=True)
class Gates:
    """Before the models, and before the environment."""

    model: Gate
    env: Gate


@dataclass(frozen=True)
class Player:
    """Who rolls out: everything about an agent that is equal for all rollouts of a run."""

    manner: Manner
    """Profile and format: how the model is told of tools and how it calls them."""
    model: Model
    sampling: Sampling
    limits: Limits
    policy: Policy


async def roll_out(
    player: Player,
    identity: Identity,
    env: AsyncClient,
    gates: Gates,
    *,
    steps: Steps | None = None,
    stop: Callable[[], bool] = lambda: False,
    seen: Callable[[Message], None] = lambda message: None,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime.datetime] = utc_now,
) -> Episode:
    """Roll out on `identity.task`. `env` is pinned to the snapshot and in the episode already.

    `steps` are those of an interrupted run to go on from; raises Diverged where the environment answers otherwise now.
    `stop` is asked before each step; True ends the rollout as `cancelled`. `seen` gets each message as it comes to be.
    """
    notes = Notes(identity, clock, now)
    rollout = _Rollout(player, notes, env, gates, steps or Steps(), stop, seen)
    try:
        reason = await rollout.play()
    except ModelError as error:
        notes.failed("model", error.kind, str(error))
        reason = "model_error"
    except EnvError as error:
        # Without the server's address, which is another one after a restart.
        notes.failed("env", error.code, f"{error.message} {error.remedy}")
        reason = "env_error"
    except Diverged:
        raise
    except Exception as error:
        # A mistake of ours in one rollout: the others go on, and the row says so and is owed again.
        logger.exception("rollout broke off", extra={"rollout": identity.id})
        notes.failed("loop", type(error).__name__, str(error))
        reason = rollout.at
    return notes.episode(reason)


class _Rollout:
    def __init__(
        self, player: Player, notes: Notes, env: AsyncClient, gates: Gates, steps: Steps,
        stop: Callable[[], bool], seen: Callable[[Message], None],
    ) -> None:  # fmt: skip
        self.player, self.notes, self.env, self.gates, self.steps = player, notes, env, gates, steps
        self.limits, self.manner, self.tree = player.limits, player.manner, notes.tree
        self.tools = player.manner.profile.fresh()
        self.stop, self.seen = stop, seen
        head = self.manner.opening(notes.identity.task.question)
        for message in head:
            seen(message)
        self.leaf = self.tree.extend(head, None)
        self.head = len(head)
        self.results: set[int] = set()
        """Nodes that hold results of tools."""
        self.window = Window(
            self.tree, self.head, self.manner.offered, self.limits.context_tokens - player.sampling.max_tokens
        )
        self.made: Counter[str] = Counter()
        self.well: dict[str, str] = {}
        """Digest of a call that went well -> its call id."""
        self.malformed = self.repeated = 0
        self.at: StopReason = "model_error"
        """What it is called if the step under way breaks off."""

    async def play(self) -> StopReason:
        while True:
            if self.stop():
                return "cancelled"
            if (spent := self._spent()) is not None:
                return await self._force(spent)
            await self._make_room()
            if self.window.tokens(self.leaf) > self.window.room:
                return await self._force("context_overflow")
            try:
                said = await self._say("act")
            except ModelError as error:
                if error.kind != "too_long":
                    raise
                self.window.shrink_below(self.leaf)
                return await self._force("context_overflow")
            if said.answer is not None:
                self.notes.answer = said.answer
                return "answered"
            if not said.calls and not said.problems:
                return "no_tool_call"
            self.at = "env_error"
            await self._act(said)
            self.at = "model_error"

    def _spent(self) -> StopReason | None:
        notes, limits = self.notes, self.limits
        if self.malformed >= limits.malformed:
            return "malformed_limit"
        if self.repeated >= limits.repeated:
            return "repeated_call_limit"
        if sum(turn.purpose == "act" for turn in notes.turns) >= limits.turns:
            return "max_turns"
        if len(notes.tool_events) >= limits.calls:
            return "max_tool_calls"
        if limits.tokens is not None and notes.prompt_tokens + notes.completion_tokens >= limits.tokens:
            return "token_budget"
        if limits.wall_s is not None and notes.elapsed_s() >= limits.wall_s:
            return "wall_time"
        return None

    async def _say(self, purpose: str) -> Said:
        """The model's next turn under the leaf, which it becomes."""
        recorded = self.steps.recorded()
        if recorded is not None and "reply" in recorded:
            reply, tries, took_s = reply_from_json(recorded["reply"]), recorded["tries"], recorded["took_s"]
            waited_s = 0.0
        else:
            messages = self.tree.path(self.leaf)
            tried = await self.gates.model.run(lambda: self._ask(messages), model_setback)
            reply, tries, took_s, waited_s = tried.result, tried.tries, tried.took_s, tried.waited_s
        self.steps.went({"reply": reply_to_json(reply), "tries": tries, "took_s": took_s})
        self.notes.waited_s += waited_s
        said = self.manner.said(reply, len(self.notes.turns), self.tools)
        prompt = self.leaf
        self.leaf = self.notes.took_turn(
            said.reply, said.message, prompt, purpose, said.problems, said.cut, tries, took_s
        )
        if reply.usage.prompt_tokens:
            self.window.counted(self.leaf, reply.usage.prompt_tokens + reply.usage.completion_tokens)
        self.seen(said.message)
        return said

    async def _ask(self, messages: list[Message]) -> Reply:
        return await self.player.model.reply(
            messages, self.manner.offered, self.player.sampling, rollout=self.notes.identity.id
        )

    async def _act(self, said: Said) -> None:
        """Each call in its order, one after the other: under weather the order is part of what comes back."""
        good = False
        pending: list[tuple[Call, Observation, dict[str, Any]]] = []
        for call in said.calls:
            key = digest([call.name, call.arguments])
            if len(self.notes.tool_events) + len(pending) >= self.limits.calls:
                observation = refused("no_calls_left", "The budget of tool calls is spent.", "Answer now.")
                known: dict[str, Any] = {"status": "malformed"}
            else:
                observation, known = await self._observe(call, key)
                good = good or known["status"] != "malformed"
            pending.append((call, observation, {"args_digest": key, **known}))
        self.malformed = 0 if good else self.malformed + 1
        turn = len(self.notes.turns) - 1
        shown = self.manner.results([(call, observation.text) for call, observation, _ in pending], said.problems)
        nodes: list[int] = []
        for message in shown:
            self.leaf = self.tree.add(message, self.leaf)
            self.seen(message)
            nodes.append(self.leaf)
        self.results.update(nodes)
        for place, (call, observation, known) in enumerate(pending):
            # One message a call, or one for all of them, as the format has it.
            self.notes.made_call(call, turn, observation, nodes[min(place, len(nodes) - 1)], known)

    async def _observe(self, call: Call, key: str) -> tuple[Observation, dict[str, Any]]:
        """What a call gave, and of its event what an observation does not say."""
        tool = self.tools.get(call.name)
        if (observation := unfit(call, tool, self.tools)) is not None:
            return observation, {"status": "malformed"}
        assert tool is not None
        assert isinstance(call.arguments, dict)
        arguments = call.arguments
        self.made[key] += 1
        # Which try of an equal call this is goes along: weather is drawn by it, and a call that is sent
        # again because its answer was lost must not count twice.
        env = self.env.using(attempt=self.made[key]) if self.made[key] > 1 else self.env
        tried = await self.gates.env.run(lambda: run_tool(tool, arguments, env), env_setback)
        observation = tried.result
        if observation.error_code in NOT_THE_MODELS_BUSINESS:
            raise EnvError(0, observation.error_code or "", observation.text, "")
        recorded = self.steps.recorded()
        if recorded is not None:
            if recorded.get("observation") != observation.digest:
                call_shown = f"Rollout {self.notes.identity.id}: call {call.id} ({call.name})"
                raise Diverged(call_shown, str(recorded.get("observation")), observation.digest)
            self.notes.resumed_calls += 1
        self.steps.went({"observation": observation.digest})
        self.notes.waited_s += tried.waited_s
        self.notes.env_s += tried.took_s
        repeat_of = self.well.get(key)
        self.repeated = self.repeated + 1 if repeat_of else 0
        if observation.status == "ok":
            self.well.setdefault(key, call.id)
        return observation, {"status": observation.status, "repeat_of": repeat_of, "attempts": tried.tries}

    async def _make_room(self) -> None:
        """Rewrite the context where the policy says so: a new branch, and the next turn goes on from it."""
        policy, tokens = self.player.policy, self.window.tokens(self.leaf)
        # No later than where the longest reply fits no more: past that the rollout would end before the policy acts.
        trigger = min(policy.trigger_tokens(self.limits.context_tokens), self.window.room)
        if policy.name == "none" or tokens <= trigger:
            return
        before, summary = self.leaf, None
        if policy.name == "summary":
            if len(self.tree.ids(before)) <= self.head:
                return
            # On the messages as they are if it fits: the summary sums up all that was seen.
            self.leaf = self.tree.add({"role": "user", "content": SUM_UP}, self.window.last_that_fits(before, SUM_UP))
            summary = (await self._say("summary")).reply.content
        pieces = rewritten(policy, self.tree, before, frozenset(self.results), self.head, summary=summary)
        self.leaf = before
        if pieces is None:
            return
        self.leaf = self.tree.branch(pieces)
        for node_id in self.tree.ids(self.leaf):
            if (source := self.tree.nodes[node_id].copy_of) in self.results and source is not None:
                self.results.add(node_id)
        self._rewrote(policy.name, before, tokens)

    async def _force(self, reason: StopReason) -> StopReason:
        """Go back to the last turn that leaves room, and ask for the answer. The reason stays what it was."""
        if not self.limits.forced_answer:
            return reason
        while True:
            before, tokens = self.leaf, self.window.tokens(self.leaf)
            self.leaf = self.window.last_that_fits(before, FINAL)
            if self.leaf != before:
                self._rewrote("rollback", before, tokens)
            kept = self.leaf
            self.leaf = self.tree.add({"role": "user", "content": FINAL}, kept)
            try:
                said = await self._say("final")
            except ModelError as error:
                self.leaf = kept
                if error.kind != "too_long" or len(self.tree.ids(kept)) <= self.head:
                    self.notes.failed("model", error.kind, str(error))
                    return reason if error.kind == "too_long" else "model_error"
                self.window.shrink_below(kept)
                continue
            self.notes.forced = True
            self.notes.answer = said.answer or answer_in(said.message.get("content") or "", self.tools)
            return reason

    def _rewrote(self, kind: str, before: int, tokens_before: int) -> None:
        self.notes.context_events.append(
            ContextEvent(
                kind=kind,
                turn=len(self.notes.turns),
                before=before,
                after=self.leaf,
                tokens_before=tokens_before,
                tokens_after=self.window.tokens(self.leaf),
            )
        )


def never_begun(identity: Identity, error: EnvError) -> Episode:
    """The record of a rollout for which the environment gave no episode."""
    notes = Notes(identity, time.monotonic, utc_now)
    notes.tree.add({"role": "user", "content": identity.task.question}, None)
    notes.failed("env", error.code, f"{error.message} {error.remedy}")
    return notes.episode("env_error")
