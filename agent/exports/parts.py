"""A record taken apart for other formats: what each of them holds is said in these parts, and tested by them.

PARTS          name -> that part of a record as plain JSON
aside          all of a record but messages, tools and token ids, for formats with a place for other things
exchanges      the last branch as replies with their calls and observations, whatever the format of its text
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from agent.failures import AgentError
from agent.formats import FORMATS
from agent.parsing import Parsed
from agent.records import Episode, Message, Node


class Unfit(AgentError):
    """A record that a format cannot hold; the message says why, without the record's id."""


@dataclass(frozen=True)
class Made:
    """A call that was answered."""

    call_id: str
    name: str
    arguments: dict[str, Any] | str
    observation: str
    """As the model was shown it on this branch, without the tags of its format."""


@dataclass(frozen=True)
class Exchange:
    """A reply, and what came of it."""

    reasoning: str
    text: str
    """Without reasoning, calls and answer, where these are tags in it."""
    calls: tuple[Made, ...] = ()
    told: tuple[str, ...] = ()
    """What the loop said besides: an error where nothing could be read, the request for the answer."""
    content: str = ""
    """As the model wrote it."""


@dataclass(frozen=True)
class Conversation:
    """The last branch."""

    system: str
    question: str
    exchanges: tuple[Exchange, ...]
    before: tuple[str, ...] = ()
    """What a rewritten context says after the question: that steps were dropped, or their summary."""


def resolved(episode: Episode) -> dict[int, Message]:
    """Every node's message, those of copies too."""
    found: dict[int, Message] = {}
    for node in episode.messages:
        # A copy is of a node with a message, which came before it.
        found[node.node_id] = node.message if node.copy_of is None else found[node.copy_of]  # type: ignore[assignment]
    return found


def path_ids(episode: Episode, leaf: int) -> list[int]:
    """Ids of the nodes from the root to a node."""
    parents = {node.node_id: node.parent_id for node in episode.messages}
    found: list[int] = []
    at: int | None = leaf
    while at is not None:
        found.append(at)
        at = parents[at]
    return found[::-1]


def exchanges(episode: Episode) -> Conversation:
    """The last branch. The worked examples of a format stand before the question, and are left out."""
    messages = resolved(episode)
    # What the first reply answered is the end of the prompt; a branch repeats it, or begins with it.
    head = len(path_ids(episode, episode.turns[0].prompt)) if episode.turns else len(episode.messages)
    on_path = [messages[node_id] for node_id in path_ids(episode, episode.leaf())]
    system = on_path[0]["content"] if on_path[0]["role"] == "system" else ""
    found: list[Exchange] = []
    after: list[Message] = []
    for message in reversed(on_path[head:]):
        if message["role"] == "assistant":
            found.append(_exchange(episode.agent.format, message, after[::-1]))
            after = []
        else:
            after.append(message)
    return Conversation(system, episode.task.question, tuple(found[::-1]), tuple(one["content"] for one in after[::-1]))


def aside(episode: Episode, *, tokens: bool = False) -> dict[str, Any]:
    """All of a record but messages and tools, and but the token ids of its turns unless they are asked for."""
    said = episode.model_dump(by_alias=True, exclude={"messages", "tools"})
    for turn in said["turns"]:
        if not tokens:
            del turn["tokens"]
    return said


def nodes(episode: Episode) -> list[dict[str, Any]]:
    """The tree's shape, message by message: all of a node but the message."""
    return [shape(node) for node in episode.messages]


def shape(node: Node) -> dict[str, Any]:
    return node.model_dump(exclude={"message"})


def values(message: Message) -> Message:
    """A message whose calls have their arguments as objects; what is none stays text."""
    if not message.get("tool_calls"):
        return message
    calls = []
    for call in message["tool_calls"]:
        function = call["function"]
        calls.append(call | {"function": function | {"arguments": arguments_of(function["arguments"])}})
    return message | {"tool_calls": calls}


def arguments_of(written: str) -> dict[str, Any] | str:
    """Arguments as the object that they write, or as they are where they write none."""
    try:
        value = orjson.loads(written or "{}")
    except ValueError:
        return written
    return value if isinstance(value, dict) else written


def _exchange(format: str, message: Message, after: list[Message]) -> Exchange:
    content, told = message.get("content") or "", [one["content"] for one in after if one["role"] != "tool"]
    if FORMATS[format].tools_in_request:
        shown = {one["tool_call_id"]: one["content"] for one in after if one["role"] == "tool"}
        made = tuple(
            Made(call["id"], call["function"]["name"], arguments_of(call["function"]["arguments"]), shown[call["id"]])
            for call in message.get("tool_calls") or ()
            if call["id"] in shown
        )
        return Exchange(message.get("reasoning_content") or "", content, made, tuple(told), content)
    turns = turns_in(format, content)
    reasoning = "\n".join(filter(None, (message.get("reasoning_content") or "", turns[0].reasoning)))
    calls = [call for turn in turns for call in turn.tool_calls]
    if not calls or not told:
        return Exchange(reasoning, turns[0].text, (), tuple(told), content)
    shown_texts = observations_in(format, told[0], len(calls))
    made = tuple(
        Made(call.id, call.name, arguments_of(call.arguments), text)
        for call, text in zip(calls, shown_texts, strict=False)
    )
    return Exchange(reasoning, turns[0].text, made, tuple(told[1:]), content)


def turns_in(format: str, content: str) -> list[Parsed]:
    """A reply in a text format, call by call: ours have one, those of other agents may go on."""
    found = [FORMATS[format].parse(content, "call_0")]
    while found[-1].tool_calls and found[-1].cut.strip():
        following = FORMATS[format].parse(found[-1].cut, f"call_{len(found)}")
        if not following.tool_calls:
            break
        found.append(following)
    return found


def observations_in(format: str, content: str, calls: int) -> list[str]:
    """A message's observations, one a call where it has as many; else the whole of it, for the first."""
    wrapped = _WRAPPED.get(format)
    # A policy writes what it puts in a result's place without tags.
    found = wrapped.findall(content) if wrapped else []
    texts = found if len(found) in (1, calls) else [content]
    return [
        text.replace("&lt;/tool_response&gt;", "</tool_response>").replace("&lt;/information&gt;", "</information>")
        for text in texts
    ]


_WRAPPED = {
    "hermes": re.compile(r"<tool_response>\n?(.*?)\n?</tool_response>", re.DOTALL),
    "search_r1": re.compile(r"<information>\n?(.*?)\n?</information>", re.DOTALL),
    "plain": re.compile(r"\AResults: (.*)\Z", re.DOTALL),
}


def _dumped(*names: str) -> Callable[[Episode], Any]:
    return lambda episode: [
        value.model_dump(by_alias=True) if hasattr(value := getattr(episode, name), "model_dump") else value
        for name in names
    ]


def _all_dumped(name: str) -> Callable[[Episode], Any]:
    return lambda episode: [value.model_dump() for value in getattr(episode, name)]


PARTS: dict[str, Callable[[Episode], Any]] = {
    "id": lambda episode: episode.id,
    "question": lambda episode: episode.task.question,
    "task": _dumped("task", "group"),
    "env, agent, model": _dumped("env", "agent", "model"),
    "tools": lambda episode: episode.tools,
    "last branch": lambda episode: [values(message) for message in episode.path()],
    "arguments as written": lambda episode: [
        call["function"]["arguments"] for message in episode.path() for call in message.get("tool_calls") or ()
    ],
    "calls and observations": lambda episode: [
        [made.name, made.arguments, made.observation] for one in exchanges(episode).exchanges for made in one.calls
    ],
    "reasoning": lambda episode: [one.reasoning for one in exchanges(episode).exchanges],
    "every branch": lambda episode: [[shape(node), message] for node, message in _with_messages(episode)],
    "turns": lambda episode: [turn.model_dump(exclude={"tokens"}) for turn in episode.turns],
    "token ids, logprobs, masks": lambda episode: [
        [episode.prompt_ids(turn.index), turn.tokens.completion_ids, turn.tokens.logprobs, turn.tokens.loss_mask]
        if turn.tokens
        else None
        for turn in episode.turns
    ],
    "tool events": _all_dumped("tool_events"),
    "context events": _all_dumped("context_events"),
    "answer": lambda episode: None if episode.answer is None else episode.answer.text,
    "confidence, citations": lambda episode: (
        None if episode.answer is None else episode.answer.model_dump(exclude={"text"})
    ),
    "how it ended": _dumped("status", "stop_reason", "forced_answer"),
    "usage": lambda episode: episode.usage.model_dump(),
    "errors": _all_dumped("errors"),
    "timing": lambda episode: episode.timing.model_dump(),
}
"""In the order of the table in docs/records-formats.md. `KEEPS` of a format names those that come back equal."""


def _with_messages(episode: Episode) -> list[tuple[Node, Message]]:
    messages = resolved(episode)
    return [(node, messages[node.node_id]) for node in episode.messages]
