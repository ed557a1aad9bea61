"""OpenEnv's TrainingTrace (openenv 0.10): token ids of every turn as the endpoint gave them, none made afterwards.

Row: {"schema_version": 1, "turns": [{node_id, prompt_token_ids, completion_token_ids, per_token_logps, loss_mask,
request, response, metadata}]}. The mask covers prompt and completion. `metadata` says of which rollout a turn is.
"""

from __future__ import annotations

from typing import Any

from agent.exports.parts import Unfit, path_ids, resolved
from agent.records import Episode, TokenIds, Turn

KEEPS = ("id", "tools", "turns", "token ids, logprobs, masks")


def row(episode: Episode) -> dict[str, Any]:
    """Raises Unfit where a turn has no token ids or logprobs: a trace of training has both."""
    messages, known, turns = resolved(episode), list[int](), []
    for turn in episode.turns:
        tokens = turn.tokens
        if tokens is None:
            raise Unfit("a turn has no token ids; ask an endpoint that gives them")
        if len(tokens.logprobs) != len(tokens.completion_ids):
            raise Unfit("a turn has no logprobs; ask an endpoint that gives them")
        prompt = known[: tokens.shared] + tokens.prompt_ids
        known = prompt + tokens.completion_ids
        seen = [messages[node_id] for node_id in path_ids(episode, turn.prompt)]
        turns.append(_turn(episode, turn, tokens, prompt, seen, messages[turn.node_id]))
    if not turns:
        raise Unfit("it has no turn")
    return {"schema_version": 1, "turns": turns}


def _turn(
    episode: Episode, turn: Turn, tokens: TokenIds, prompt: list[int], seen: list[dict[str, Any]], reply: dict[str, Any]
) -> dict[str, Any]:
    drawn = tokens.loss_mask or [1] * len(tokens.completion_ids)
    return {
        "node_id": str(turn.node_id),
        "prompt_token_ids": prompt,
        "completion_token_ids": tokens.completion_ids,
        "per_token_logps": tokens.logprobs,
        "loss_mask": [0] * len(prompt) + drawn,
        "request": {"model": episode.model.name, "messages": seen, "tools": episode.tools},
        "response": {"message": reply, "finish_reason": turn.finish_reason, "usage": turn.usage.model_dump()},
        "metadata": {
            "rollout": episode.id,
            "task": episode.task.id,
            "sample": episode.group.sample,
            "stop_reason": episode.stop_reason,
            "turn": turn.model_dump(exclude={"tokens"}),
            "masked": bool(tokens.loss_mask),
        },
    }
