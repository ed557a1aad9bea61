"""OpenAI's chat messages and tools, as fine-tuning, vLLM, verl and most else read them: the last branch as it was.

Row: {"messages": [...], "tools": [...]}; arguments of calls are JSON text, as the model wrote them.
"""

from __future__ import annotations

from typing import Any

from agent.records import Episode

KEEPS = ("tools", "last branch", "arguments as written")


def row(episode: Episode) -> dict[str, Any]:
    return {"messages": episode.path(), "tools": episode.tools}
