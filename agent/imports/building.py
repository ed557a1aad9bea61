"""A conversation in tags as a record: what its text tells is taken from it, what it does not is named as unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from agent.canonical import digest
from agent.exports.parts import arguments_of, observations_in, turns_in
from agent.formats import HERMES
from agent.parsing import Parsed
from agent.records import (
    AgentRef,
    Answer,
    EnvRef,
    Episode,
    GroupRef,
    Message,
    ModelRef,
    Node,
    Origin,
    StopReason,
    TaskRef,
    Timing,
    ToolEvent,
    Turn,
    Usage,
)

UNKNOWN = "unknown"
EPOCH = "1970-01-01T00:00:00+00:00"
"""Stands where a time is unknown."""

_NEVER_TOLD = (
    "agent.context_policy", "agent.limits", "agent.profile", "agent.version", "env", "group.seed", "model",
    "timing.started_at", "tool_events.cached", "tool_events.doc_ids", "tool_events.fault", "tool_events.opened",
    "tool_events.ranks", "tool_events.status", "turns.cut", "turns.finish_reason", "turns.tokens", "turns.usage",
    "usage",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """A message, and the seconds that its making took where they are told."""

    role: str
    content: str
    seconds: float | None = None


@dataclass(frozen=True)
class Source:
    """A row of another format, read."""

    format: str
    row: str
    """Digest of the row without its gold answer."""
    question: str
    messages: tuple[Said, ...]
    """The system prompt first, if there is one."""
    task_id: str = ""
    """Empty: made of the question."""
    sample: int | None = None
    agent: str = UNKNOWN
    stop_reason: StopReason | None = None
    """None: not told; it is read from how the messages end."""
    forced: bool = False
    wall_s: float | None = None
    unknown: tuple[str, ...] = field(default=())
    """Fields besides those that no such row tells."""


def episode_of(source: Source) -> Episode:
    """Raises ValueError where the messages are no rollout: no question, no reply, a role that is none."""
    messages = [_message(said) for said in source.messages]
    head = next((place for place, said in enumerate(source.messages) if said.role == "assistant"), len(messages))
    if head == len(messages) or not any(said.role == "user" for said in source.messages[:head]):
        raise ValueError("its messages hold no question with a reply")
    nodes = [
        Node(node_id=place, parent_id=place - 1 if place else None, sampled=said.role == "assistant", message=message)
        for place, (said, message) in enumerate(zip(source.messages, messages, strict=True))
    ]
    turns, events = _turns(source.messages, source.forced)
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    tools = _tools(system)
    answer = turns_in(HERMES.name, source.messages[-1].content)[-1].answer
    reason = source.stop_reason or ("answered" if answer is not None else "no_tool_call")
    timed = all(said.seconds is not None for said in source.messages[head:] if said.role in ("assistant", "tool"))
    unknown = {*_NEVER_TOLD, *source.unknown}
    unknown |= {"tools"} if not tools else set()
    unknown |= {"turns.duration_ms", "tool_events.latency_ms", "timing.model_s", "timing.env_s"} if not timed else set()
    unknown |= {"timing.wall_s"} if source.wall_s is None else set()
    unknown |= {"group.sample"} if source.sample is None else set()
    unknown |= {"agent.name"} if source.agent == UNKNOWN else set()
    unknown |= {"stop_reason"} if source.stop_reason is None and answer is None else set()
    return Episode(
        origin=Origin(format=source.format, row=source.row, unknown=sorted(unknown)),
        id=digest([source.format, source.row, source.sample])[:16],
        status="ok",
        stop_reason=reason,
        forced_answer=source.forced,
        task=TaskRef(
            id=source.task_id or digest(source.question)[:16], digest=digest(source.question), question=source.question
        ),
        group=GroupRef(sample=source.sample or 0, seed=0),
        env=EnvRef(snapshot_id=UNKNOWN, server_version=UNKNOWN),
        agent=AgentRef(
            name=source.agent,
            version=UNKNOWN,
            profile=UNKNOWN,
            format=HERMES.name,
            prompt_digest=digest(system),
            tools_digest=digest(tools),
            context_policy="none",
            limits={},
        ),
        model=ModelRef(name=UNKNOWN, sampling={}),
        tools=tools,
        messages=nodes,
        turns=turns,
        tool_events=events,
        answer=None if answer is None else Answer(text=answer.strip()),
        usage=Usage(),
        timing=Timing(
            started_at=EPOCH,
            wall_s=source.wall_s or 0.0,
            model_s=_seconds(source.messages, "assistant"),
            env_s=_seconds(source.messages, "tool"),
        ),
    )


def _turns(said: Sequence[Said], forced: bool) -> tuple[list[Turn], list[ToolEvent]]:
    turns: list[Turn] = []
    events: list[ToolEvent] = []
    made: dict[str, str] = {}
    replies = [place for place, one in enumerate(said) if one.role == "assistant"]
    for place in replies:
        parsed, index = turns_in(HERMES.name, said[place].content), len(turns)
        turns.append(
            Turn(
                index=index,
                node_id=place,
                prompt=place - 1,
                purpose="final" if forced and place == replies[-1] else "act",
                finish_reason=UNKNOWN,
                usage=Usage(),
                problems=[f"{problem.code}: {problem.message}" for one in parsed for problem in one.problems],
                duration_ms=round(1000 * (said[place].seconds or 0.0), 3),
            )
        )
        after = said[place + 1] if place + 1 < len(said) else None
        if after is None or not _is_result(after):
            continue
        calls = _calls(parsed, said[place].content)
        texts = observations_in(HERMES.name, after.content, len(calls))
        for number, ((name, args), text) in enumerate(zip(calls, texts, strict=False)):
            call_id, key = f"call_{index}_{number}", digest([name, args])
            events.append(
                ToolEvent(
                    call_id=call_id,
                    turn=index,
                    name=name,
                    args=args,
                    args_digest=key,
                    status="ok",
                    observation_digest=digest(text),
                    chars=len(text),
                    node_id=place + 1,
                    repeat_of=made.get(key),
                    latency_ms=round(1000 * (after.seconds or 0.0), 3),
                )
            )
            made.setdefault(key, call_id)
    return turns, events


def _calls(parsed: Iterable[Parsed], content: str) -> list[tuple[str, dict[str, Any] | str]]:
    """What was called. A call that our parser refuses was answered all the same: its text stands for it."""
    calls: list[tuple[str, dict[str, Any] | str]] = [
        (call.name, arguments_of(call.arguments)) for one in parsed for call in one.tool_calls
    ]
    return calls or [(UNKNOWN, content[content.find("<tool_call>") :])]


def _message(said: Said) -> Message:
    """Results come from a role `tool` or from the user, in the same tags; here they are the user's, as our own are."""
    if said.role not in ("system", "user", "assistant", "tool"):
        raise ValueError(f"a message has the role {said.role!r}")
    return {"role": "user" if said.role == "tool" else said.role, "content": said.content}


def _is_result(said: Said) -> bool:
    return said.role == "tool" or (said.role == "user" and "<tool_response>" in said.content)


def _tools(system: str) -> list[dict[str, Any]]:
    """Schemas that the system prompt tells between <tools> tags, one a line; none where a line cannot be read."""
    lines = system.partition("<tools>")[2].partition("</tools>")[0].strip().splitlines()
    try:
        found = [orjson.loads(line) for line in lines]
    except ValueError:
        return []
    return found if all(isinstance(one, dict) and "function" in one for one in found) else []


def _seconds(said: Iterable[Said], role: str) -> float:
    return round(sum(one.seconds or 0.0 for one in said if one.role == role), 6)
