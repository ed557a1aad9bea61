"""The Trace of verifiers 0.4 (`verifiers.v1`, read by `WireTrace.model_validate`): the graph of messages and tokens.

A node holds the tokens that it adds to what was before: those of prompts stand with the reply that they were read for,
since an endpoint does not say which message they belong to. Where a prompt does not go on from the tokens before it, as
with templates that drop earlier reasoning, no chain of nodes can say so; the ids then stand in `info` alone. `info` has
all that a Trace has no field for, too, under the name `stillweb`: a record comes back whole. Rewards are left empty.
"""

from __future__ import annotations

import datetime
from typing import Any

from agent.exports.parts import PARTS, aside, nodes, resolved
from agent.records import Episode, Message

KEEPS = tuple(PARTS)
_FINISHED = {"stop", "length", "tool_calls"}


def row(episode: Episode) -> dict[str, Any]:
    messages, added = resolved(episode), _added(episode)
    started_s = datetime.datetime.fromisoformat(episode.timing.started_at).timestamp()
    tools = [{"type": tool["type"], **tool["function"]} for tool in episode.tools]
    graph: list[dict[str, Any]] = []
    for node in episode.messages:
        tokens = None if added is None else added.get(node.node_id)
        graph.append(
            {
                "parent": node.parent_id,
                "message": _message(messages[node.node_id]),
                "sampled": node.sampled,
                # When a message came is not in the record.
                "timestamp": started_s,
                **(tokens or {}),
                **({"tools": tools} if node.parent_id is None else {}),
            }
        )
    sampling = {key: episode.model.sampling.get(key) for key in ("temperature", "top_p", "max_tokens")}
    return {
        "version": 1,
        "id": episode.id,
        "task": {
            "type": "Task",
            "data": {"id": episode.task.id, "prompt": episode.task.question},
            "key": episode.task.id,
            "hash": episode.task.digest,
        },
        "agent": {
            "config": {
                "model": episode.model.name,
                "sampling": sampling,
                "max_turns": episode.agent.limits.get("turns"),
                "max_total_tokens": episode.agent.limits.get("tokens"),
            },
            "name": episode.agent.name,
        },
        "tools": tools,
        "nodes": graph,
        "calls": [
            {
                "node": turn.node_id,
                "model": episode.model.name,
                "sampling": sampling,
                "finish_reason": turn.finish_reason if turn.finish_reason in _FINISHED else None,
                "usage": turn.usage.model_dump(),
            }
            for turn in episode.turns
        ],
        "info": {"stillweb": aside(episode, tokens=added is None) | {"nodes": nodes(episode), "tools": episode.tools}},
        "is_completed": True,
        "ok": episode.status == "ok",
        "stop_condition": episode.stop_reason,
        "is_timeout": episode.stop_reason == "wall_time",
        "errors": [{"type": error.code, "message": error.message} for error in episode.errors],
        "timing": {
            "start": started_s,
            "agent": {
                "start": started_s,
                "end": started_s + episode.timing.wall_s,
                "model": {"duration": episode.timing.model_s},
                "harness": {"duration": max(0.0, episode.timing.wall_s - episode.timing.model_s)},
            },
        },
    }


def _message(message: Message) -> dict[str, Any]:
    """Their calls are flat."""
    said = {key: value for key, value in message.items() if key != "tool_calls"}
    if message.get("tool_calls"):
        said["tool_calls"] = [{"id": call["id"], **call["function"]} for call in message["tool_calls"]]
    return said


def _added(episode: Episode) -> dict[int, dict[str, Any]] | None:
    """Reply's node -> the tokens that it adds; None where some prompt does not go on from those before it."""
    parents = {node.node_id: node.parent_id for node in episode.messages}
    sequences: dict[int, list[int]] = {}
    found: dict[int, dict[str, Any]] = {}
    known: list[int] = []
    for turn in episode.turns:
        if (tokens := turn.tokens) is None:
            known = []
            continue
        prompt = known[: tokens.shared] + tokens.prompt_ids
        known = prompt + tokens.completion_ids
        at: int | None = turn.prompt
        while at is not None and at not in sequences:
            at = parents[at]
        before = [] if at is None else sequences[at]
        if prompt[: len(before)] != before:
            return None
        new = prompt[len(before) :]
        drawn = [bool(one) for one in tokens.loss_mask] or [True] * len(tokens.completion_ids)
        if not all(drawn) and tokens.logprobs:
            return None  # logprobs stand beside drawn tokens alone, and those of the others would be lost
        sequences[turn.node_id] = known
        found[turn.node_id] = {
            "token_ids": new + tokens.completion_ids,
            "mask": [False] * len(new) + drawn,
            "logprobs": tokens.logprobs,
        }
    return found
