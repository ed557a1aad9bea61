"""Rows for TRL's SFTTrainer (1.16): {"messages": [...], "tools": [...]}, the arguments of calls as objects.

Read with `datasets.load_dataset("json", data_files=...)`; datasets 5.2 keeps objects of different keys as they are.
"""

from __future__ import annotations

from typing import Any

from agent.exports.parts import Unfit, values
from agent.records import Episode

KEEPS = ("tools", "last branch")


def row(episode: Episode) -> dict[str, Any]:
    """Raises Unfit where a call's arguments are no object: chat templates walk through its keys."""
    messages = [values(message) for message in episode.path()]
    for message in messages:
        for call in message.get("tool_calls") or ():
            if not isinstance(call["function"]["arguments"], dict):
                raise Unfit("the arguments of a call are no JSON object")
    return {"messages": messages, "tools": episode.tools}
