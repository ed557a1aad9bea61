"""ATIF v1.7, the Agent Trajectory Interchange Format of Harbor: a log of steps, one JSON document a rollout.

Every node of the tree is a step or an observation within one, in the order in which they came to be; what a branch
repeats is marked `is_copied_context`, so that nothing is trained on twice. What ATIF has no field for stands in `extra`
under the name `stillweb`, and all of a record comes back from a document.
"""

from __future__ import annotations

from typing import Any

from agent.canonical import safe_json
from agent.exports.parts import PARTS, arguments_of, aside, resolved, shape
from agent.formats import FORMATS
from agent.records import Episode, Message, Node, ToolEvent, Turn

KEEPS = tuple(PARTS)
VERSION = "ATIF-v1.7"


def row(episode: Episode) -> dict[str, Any]:
    steps = _steps(episode)
    for number, step in enumerate(steps, 1):
        step["step_id"] = number
    steps[0]["timestamp"] = episode.timing.started_at
    return {
        "schema_version": VERSION,
        "session_id": episode.id,
        "trajectory_id": episode.id,
        "agent": {
            "name": episode.agent.name,
            "version": episode.agent.version,
            "model_name": episode.model.name,
            "tool_definitions": episode.tools,
        },
        "steps": steps,
        "final_metrics": {
            "total_prompt_tokens": episode.usage.prompt_tokens,
            "total_completion_tokens": episode.usage.completion_tokens,
            "total_steps": len(steps),
        },
        "extra": {"stillweb": aside(episode)},
    }


def _steps(episode: Episode) -> list[dict[str, Any]]:
    messages, turns = resolved(episode), {turn.node_id: turn for turn in episode.turns}
    events: dict[int, list[ToolEvent]] = {}
    for event in episode.tool_events:
        events.setdefault(event.node_id, []).append(event)
    native = FORMATS[episode.agent.format].tools_in_request
    steps: list[dict[str, Any]] = []
    acting: dict[int, dict[str, Any]] = {}
    """Node -> the agent's step that it belongs to: that of the last reply before it."""
    for node in episode.messages:
        message = messages[node.node_id]
        source = node.node_id if node.copy_of is None else node.copy_of
        if message["role"] == "assistant":
            calls = _calls(message) if native else _events_as_calls(episode, turns.get(source))
            step = _agent_step(node, message, calls, turns.get(node.node_id))
            acting[node.node_id] = step
            steps.append(step)
            continue
        of = acting.get(node.parent_id) if node.parent_id is not None else None
        if of is not None:
            acting[node.node_id] = of
        if of is not None and source in events:
            of.setdefault("observation", {"results": []})["results"].append(
                _result(node, message, of, [event.call_id for event in events.get(source, [])])
            )
        else:
            # A tool's message without an event is what a policy put in a result's place.
            steps.append(_step(node, "user" if message["role"] == "user" else "system", message))
    return steps


def _step(node: Node, source: str, message: Message) -> dict[str, Any]:
    step: dict[str, Any] = {"step_id": 0, "source": source, "message": message.get("content") or ""}
    if node.copy_of is not None or message["role"] == "tool":
        step["is_copied_context"] = True
    return step | {"extra": {"stillweb": _said(node, message)}}


def _agent_step(node: Node, message: Message, calls: list[dict[str, Any]], turn: Turn | None) -> dict[str, Any]:
    step = _step(node, "agent", message)
    if calls:
        step["tool_calls"] = calls
    if turn is None:
        # Copied, or a worked example of the prompt: nobody was asked for it here.
        return step if node.copy_of is not None else step | {"llm_call_count": 0}
    if message.get("reasoning_content"):
        step["reasoning_content"] = message["reasoning_content"]
    metrics: dict[str, Any] = turn.usage.model_dump()
    if (tokens := turn.tokens) is not None:
        metrics["completion_token_ids"] = tokens.completion_ids
        if tokens.logprobs:
            metrics["logprobs"] = tokens.logprobs
        # Prompts in full would grow with the square of the turns.
        metrics["extra"] = {"stillweb": tokens.model_dump(include={"shared", "prompt_ids", "loss_mask"})}
    return step | {"metrics": metrics, "llm_call_count": 1}


def _calls(message: Message) -> list[dict[str, Any]]:
    made = []
    for call in message.get("tool_calls") or ():
        written = call["function"]["arguments"]
        made.append(_call(call["id"], call["function"]["name"], arguments_of(written), written))
    return made


def _events_as_calls(episode: Episode, turn: Turn | None) -> list[dict[str, Any]]:
    """A text format has its calls in the text."""
    if turn is None:
        return []
    return [
        _call(event.call_id, event.name, event.args, None) for event in episode.tool_events if event.turn == turn.index
    ]


def _call(call_id: str, name: str, arguments: dict[str, Any] | str, written: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {"tool_call_id": call_id, "function_name": name, "arguments": arguments}
    if isinstance(arguments, str):
        made |= {"arguments": {}, "extra": {"stillweb": {"written": arguments}}}
    elif written is not None and safe_json(arguments).decode() != written:
        made["extra"] = {"stillweb": {"written": written}}
    return made


def _result(node: Node, message: Message, step: dict[str, Any], of_events: list[str]) -> dict[str, Any]:
    known = {call["tool_call_id"] for call in step.get("tool_calls", ())}
    answers = [call_id for call_id in (message.get("tool_call_id"), *of_events) if call_id in known]
    result: dict[str, Any] = {"source_call_id": answers[0]} if answers else {}
    return result | {"content": message["content"], "extra": {"stillweb": _said(node, message)}}


def _said(node: Node, message: Message) -> dict[str, Any]:
    """The node, and what of its message has no field of its own."""
    rest = {key: value for key, value in message.items() if key not in ("content", "tool_calls")}
    return shape(node) | {"message": rest}
