"""A record read for training: what each turn did, what had been read by then, and in which state it was taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from agent.acting import DRAWN
from agent.canonical import digest
from agent.context import reckoned_tokens
from agent.exports.parts import Unfit, arguments_of, resolved, turns_in, values
from agent.formats import FORMATS
from agent.records import Episode, Message, ToolEvent, Turn
from corpus.answers import normalise
from corpus.evidence import holds_answer
from training.rubric import gold_of
from training.tasks import Task

Prefix = Literal["messages", "calls"]
"""When two turns were taken in one state: every message before them is equal, or every call and observation."""


@dataclass(frozen=True)
class Step:
    """A turn of a record. Gold pages are doc_ids of the task's evidence."""

    episode: Episode
    turn: Turn
    events: tuple[ToolEvent, ...]
    """Of the calls that it made."""
    state: str
    """Equal for turns that were taken in one state."""
    observations: tuple[str, ...]
    """Digests of all that calls had given before it: part of `state`."""
    action: str
    """Equal for turns that did the same, however they put it: calls by canonical arguments, an answer by its words."""
    answers: bool
    """It gave the rollout's answer."""
    seen: frozenset[str]
    """Gold pages that were shown or opened before it."""
    adds: frozenset[str]
    """Gold pages that its calls showed or opened for the first time."""
    after_fault: bool
    """The call before it met weather."""
    leaks: bool
    """A call of it names the answer, which nothing that was read by then had."""

    @property
    def well_formed(self) -> bool:
        return not self.turn.problems and all(event.status != "malformed" for event in self.events)

    @property
    def calls_left(self) -> int:
        """Calls of the rollout from here on."""
        return len(self.episode.tool_events) - len(self.observations)


def steps_of(episode: Episode, task: Task, *, prefix: Prefix = "messages") -> list[Step]:
    """Turns in their order."""
    gold, messages = frozenset(task.evidence), resolved(episode)
    made: dict[int, list[ToolEvent]] = {}
    for event in episode.tool_events:
        made.setdefault(event.turn, []).append(event)
    paths = _path_digests(episode, messages)
    offered = [episode.env.snapshot_id, episode.agent.prompt_digest, episode.agent.tools_digest, episode.agent.format]
    # Pages are long and questions short: what was read is gone through only for calls that name the answer.
    naming = {at for at, events in made.items() if any(states(task, one) for e in events for one in _asked(e.args))}
    known, read_to = not naming or states(task, episode.task.question), 0
    seen: frozenset[str] = frozenset()
    observed: tuple[str, ...] = ()
    acted: tuple[str, ...] = ()
    last: ToolEvent | None = None
    found = []
    for turn in episode.turns:
        for node_id in range(read_to, turn.node_id):
            # What the model reads counts, in whichever branch; what it says itself does not.
            if not known and messages[node_id]["role"] in ("tool", "user"):
                known = states(task, str(messages[node_id].get("content") or ""))
        read_to = turn.node_id + 1
        events = tuple(made.get(turn.index, ()))
        action = _action(episode, turn, messages[turn.node_id])
        before: list[Any] = (
            [paths[turn.prompt]] if prefix == "messages" else [episode.task.question, turn.purpose, acted]
        )
        met = gold & {doc_id for event in events for doc_id in (*event.doc_ids, *event.opened)}
        found.append(
            Step(
                episode=episode,
                turn=turn,
                events=events,
                state=digest([offered, before, observed]),
                observations=observed,
                action=action,
                answers=_answers(episode, turn),
                seen=seen,
                adds=met - seen,
                after_fault=last is not None and is_fault(last),
                leaks=turn.index in naming and not known,
            )
        )
        seen, acted = seen | met, (*acted, action)
        observed = (*observed, *(event.observation_digest for event in events))
        last = events[-1] if events else last
    return found


def is_fault(event: ToolEvent) -> bool:
    """It met weather that took the answer away. Weather is known by its codes: the fault itself stays in the ledger."""
    return event.status == "error" and (event.fault is not None or event.error_code in DRAWN)


def states(task: Task, text: str) -> bool:
    """Whether a text states the gold answer or an alias of it."""
    gold = gold_of(task)
    return _states(gold if isinstance(gold, str) else tuple(gold), task.aliases, text)


@lru_cache(maxsize=1024)  # rollouts of a task open the same pages, and each is asked about more than once
def _states(gold: str | tuple[str, ...], aliases: tuple[str, ...], text: str) -> bool:
    return holds_answer(text, gold, aliases=aliases)


def shown_by(episode: Episode, event: ToolEvent) -> str:
    """An observation as the model was first shown it."""
    return str((episode.messages[event.node_id].message or {}).get("content") or "")


def prompt_of(episode: Episode, turn: Turn) -> list[Message]:
    """What the model was given for a turn, arguments of calls as objects. Raises Unfit where one is none."""
    return [fitting(message) for message in episode.path(turn.prompt)]


def reply_of(episode: Episode, turn: Turn) -> Message:
    return fitting(resolved(episode)[turn.node_id])


def fitting(message: Message) -> Message:
    """A message as chat templates take it. Raises Unfit where a call's arguments are no object: they walk its keys."""
    message = values(message)
    for call in message.get("tool_calls") or ():
        if not isinstance(call["function"]["arguments"], dict):
            raise Unfit("the arguments of a call are no JSON object")
    return message


def tools_of(episode: Episode) -> list[dict[str, Any]]:
    """Tools that went along with the requests. Text formats tell of theirs in the prompt, where they stand already."""
    return episode.tools if FORMATS[episode.agent.format].tools_in_request else []


def context_tokens(episode: Episode) -> int:
    """The longest prompt with its reply: as the endpoint counted, or reckoned where it did not."""
    used = [turn.usage for turn in episode.turns if turn.usage.prompt_tokens]
    counted = max((one.prompt_tokens + one.completion_tokens for one in used), default=0)
    return counted or reckoned_tokens(episode.path())


def _path_digests(episode: Episode, messages: dict[int, Message]) -> dict[int, str]:
    """Of the path to each node, without the ids of calls, which an endpoint may draw."""
    found: dict[int, str] = {}
    for node in episode.messages:  # a parent comes before its children
        above = "" if node.parent_id is None else found[node.parent_id]
        found[node.node_id] = digest([above, _unnamed(messages[node.node_id])])
    return found


def _unnamed(message: Message) -> Message:
    kept = {key: value for key, value in message.items() if key not in ("tool_call_id", "tool_calls")}
    if message.get("tool_calls"):
        kept["calls"] = [
            [call["function"]["name"], arguments_of(call["function"]["arguments"])] for call in message["tool_calls"]
        ]
    return kept


def _action(episode: Episode, turn: Turn, message: Message) -> str:
    if _answers(episode, turn) and episode.answer is not None:
        return digest(["answer", normalise(episode.answer.text)])
    content = str(message.get("content") or "")
    if FORMATS[episode.agent.format].tools_in_request:
        made = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
    else:
        made = [
            (call.name, call.arguments) for one in turns_in(episode.agent.format, content) for call in one.tool_calls
        ]
    if made:
        return digest(["calls", [[name, arguments_of(arguments)] for name, arguments in made]])
    return digest(["text", " ".join(content.split())])


def _answers(episode: Episode, turn: Turn) -> bool:
    return episode.answer is not None and turn is episode.turns[-1]


def _asked(args: Any) -> Iterator[str]:
    """Words that a call asks with; an address that it opens is none."""
    if isinstance(args, str):
        if "://" not in args:
            yield args
    elif isinstance(args, dict | list):
        for value in args.values() if isinstance(args, dict) else args:
            yield from _asked(value)
