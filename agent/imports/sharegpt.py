"""ShareGPT: rows as REDSearcher_SFT_10K has them, and as LLaMA-Factory and ms-swift take them otherwise.

    {"meta": {"question", "answer"}, "messages": [{"role", "content"}], "system_prompt"}
    {"conversations": [{"from": "human" | "gpt" | "system" | "observation" | ..., "value"}], "system"}

The gold answer is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.canonical import digest
from agent.imports.building import Said, Source

_ROLES = {
    "human": "user", "gpt": "assistant", "observation": "tool", "function_response": "tool", "tool_response": "tool",
    "function_call": "assistant",
}  # fmt: skip


def source(row: Mapping[str, Any], name: str) -> Source:
    """A row, read; `name` is its file's, and tells nothing here. Raises ValueError where it is none."""
    given = row.get("messages") or row.get("conversations")
    if not isinstance(given, list):
        raise ValueError("it has neither `messages` nor `conversations`")
    messages = tuple(_said(one) for one in given)
    system = row.get("system_prompt") or row.get("system") or ""
    if system and (not messages or messages[0].role != "system"):
        messages = (Said("system", str(system)), *messages)
    meta = row.get("meta")
    told = meta.get("question") if isinstance(meta, Mapping) else row.get("meta.question")
    question = told or next((one.content for one in messages if one.role == "user"), "")
    if not question:
        raise ValueError("it has no question")
    return Source(
        "sharegpt", digest([[one.role, one.content] for one in messages]), str(question), messages, unknown=("task.id",)
    )


def _said(one: Any) -> Said:
    if not isinstance(one, Mapping):
        raise ValueError("a message is no object")
    role, content = one.get("role") or one.get("from"), one.get("content", one.get("value"))
    if not isinstance(role, str) or not isinstance(content, str):
        raise ValueError("a message has no role or no text")
    role = _ROLES.get(role, role)
    if one.get("from") == "function_call" and "<tool_call>" not in content:
        content = f"<tool_call>\n{content}\n</tool_call>"
    if role == "tool" and "<tool_response>" not in content:
        content = f"<tool_response>\n{content}\n</tool_response>"
    return Said(role, content)
