"""What a rollout under way has written down: the tree, turns, tool events, errors; at its end the record."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.models.protocol import Reply, Tokens
from agent.records import (
    FAILED,
    AgentRef,
    Answer,
    ContextEvent,
    EnvRef,
    Episode,
    GroupRef,
    Message,
    ModelRef,
    RecordedError,
    StopReason,
    TaskRef,
    Timing,
    TokenIds,
    ToolEvent,
    Turn,
    Usage,
)
from agent.speech import Call
from agent.tools.tool import Observation
from agent.tree import Tree


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class Identity:
    """Everything about a rollout that is known before it begins."""

    id: str
    task: TaskRef
    group: GroupRef
    env: EnvRef
    agent: AgentRef
    model: ModelRef
    tools: tuple[dict[str, Any], ...]


@dataclass
class Notes:
    identity: Identity
    clock: Callable[[], float]
    """Seconds, monotonic."""
    now: Callable[[], datetime.datetime]
    """UTC; read once, for `timing.started_at`."""
    tree: Tree = field(default_factory=Tree)
    turns: list[Turn] = field(default_factory=list)
    tool_events: list[ToolEvent] = field(default_factory=list)
    context_events: list[ContextEvent] = field(default_factory=list)
    errors: list[RecordedError] = field(default_factory=list)
    answer: Answer | None = None
    forced: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model_s: float = 0.0
    env_s: float = 0.0
    waited_s: float = 0.0
    """At the gates; no part of the rollout's own wall time."""
    resumed_calls: int = 0

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._started_at = self.now().isoformat()
        self._ids: tuple[int, ...] = ()

    def elapsed_s(self) -> float:
        """Wall time but for waiting at the gates."""
        return self.clock() - self._began - self.waited_s

    def took_turn(
        self, reply: Reply, message: Message, prompt: int, purpose: Any, problems: Sequence[str], cut: str | None,
        attempts: int, took_s: float,
    ) -> int:  # fmt: skip
        """Write a reply down under the node it answered; its node."""
        node = self.tree.add(message, prompt, sampled=True)
        self.prompt_tokens += reply.usage.prompt_tokens
        self.completion_tokens += reply.usage.completion_tokens
        self.model_s += took_s
        self.turns.append(
            Turn(
                index=len(self.turns),
                node_id=node,
                prompt=prompt,
                purpose=purpose,
                finish_reason=reply.finish_reason,
                usage=Usage(prompt_tokens=reply.usage.prompt_tokens, completion_tokens=reply.usage.completion_tokens),
                tokens=None if reply.tokens is None else self._token_ids(reply.tokens),
                problems=list(problems),
                cut=cut,
                attempts=attempts,
                duration_ms=round(took_s * 1000, 3),
            )
        )
        return node

    def made_call(
        self, call: Call, turn: int, observation: Observation, node_id: int, known: Mapping[str, Any]
    ) -> None:
        """Write a call down; `known` is what the observation does not say of it."""
        self.tool_events.append(
            ToolEvent(
                call_id=call.id,
                turn=turn,
                name=call.name,
                args=call.arguments,
                error_code=observation.error_code,
                observation_digest=observation.digest,
                chars=len(observation.text),
                node_id=node_id,
                doc_ids=list(observation.doc_ids),
                ranks=list(observation.ranks),
                opened=list(observation.opened),
                fault=observation.fault,
                cached=observation.cached,
                latency_ms=round(observation.latency_ms, 3),
                **known,
            )
        )

    def failed(self, where: Any, code: str, message: str) -> None:
        self.errors.append(RecordedError(where=where, code=code, message=message, turn=len(self.turns)))

    def episode(self, reason: StopReason) -> Episode:
        known = self.identity
        # Nodes and events are models of ours already; validating them again would cost more than making them did.
        return Episode.model_construct(
            id=known.id,
            status="error" if reason in FAILED else "ok",
            stop_reason=reason,
            forced_answer=self.forced,
            task=known.task,
            group=known.group,
            env=known.env,
            agent=known.agent,
            model=known.model,
            tools=list(known.tools),
            messages=self.tree.nodes,
            turns=self.turns,
            tool_events=self.tool_events,
            context_events=self.context_events,
            answer=self.answer,
            usage=Usage(prompt_tokens=self.prompt_tokens, completion_tokens=self.completion_tokens),
            errors=self.errors,
            timing=Timing(
                started_at=self._started_at,
                wall_s=round(self.clock() - self._began, 6),
                model_s=round(self.model_s, 6),
                env_s=round(self.env_s, 6),
                resumed_calls=self.resumed_calls,
            ),
        )

    def _token_ids(self, tokens: Tokens) -> TokenIds:
        shared = 0
        for before, here in zip(self._ids, tokens.prompt_ids, strict=False):
            if before != here:
                break
            shared += 1
        self._ids = tokens.prompt_ids + tokens.completion_ids
        return TokenIds(
            shared=shared,
            prompt_ids=list(tokens.prompt_ids[shared:]),
            completion_ids=list(tokens.completion_ids),
            logprobs=list(tokens.logprobs),
            loss_mask=list(tokens.loss_mask),
        )
