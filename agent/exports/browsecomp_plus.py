"""Run files of BrowseComp-Plus, as its evaluation reads them: one JSON file a rollout, `run_ID.json`, in a folder.

`query_id` is the task's id, `retrieved_docids` are the documents that searches showed, in their first order, under the
ids of this snapshot (a snapshot of the benchmark's corpus needs its own docids in their place), `result` has reasoning,
calls and texts in order, the answer last. `metadata` is free, and has here what the record is of.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from agent.canonical import safe_json
from agent.exports.parts import Exchange, exchanges
from agent.records import Episode

KEEPS = (
    "id", "question", "task", "env, agent, model", "calls and observations", "answer", "confidence, citations",
    "how it ended", "usage",
)  # fmt: skip


def row(episode: Episode) -> dict[str, Any]:
    whole = exchanges(episode)
    result = [item for one in whole.exchanges for item in _items(one)]
    if episode.answer is not None:
        # Their judge reads the last item: the message, with its explanation and marks, where there is one.
        last = result.pop()["output"] if result and result[-1]["type"] == "output_text" else ""
        result.append(_item("output_text", output=last if episode.answer.text in last else episode.answer.text))
    called = Counter(event.name for event in episode.tool_events if event.status != "malformed")
    shown = dict.fromkeys(doc_id for event in episode.tool_events if event.ranks for doc_id in event.doc_ids)
    return {
        "metadata": {
            "model": episode.model.name,
            "stillweb": episode.model_dump(
                mode="json",
                by_alias=True,
                include={
                    *("schema_", "id", "status", "stop_reason", "forced_answer", "task", "group", "env", "agent"),
                    *("model", "answer", "usage"),
                },
            ),
        },
        "query_id": episode.task.id,
        "tool_call_counts": dict(sorted(called.items())),
        "status": "completed" if episode.answer is not None else "incomplete",
        "retrieved_docids": list(shown),
        "result": result,
    }


def file_name(episode: Episode) -> str:
    """Within the folder: their evaluation takes each `run_*.json` of a folder for a query, so that further samples of a
    task lie in folders of their own."""
    sample = episode.group.sample
    return f"run_{episode.id}.json" if sample == 0 else f"sample_{sample}/run_{episode.id}.json"


def _items(one: Exchange) -> list[dict[str, Any]]:
    items = [_item("reasoning", output=[one.reasoning])] if one.reasoning else []
    items += [_item("output_text", output=one.text)] if one.text and not one.calls else []
    return items + [
        _item(
            "tool_call",
            tool_name=made.name,
            arguments=made.arguments if isinstance(made.arguments, str) else safe_json(made.arguments).decode(),
            output=made.observation,
        )
        for made in one.calls
    ]


def _item(kind: str, *, tool_name: str | None = None, arguments: str | None = None, output: Any) -> dict[str, Any]:
    return {"type": kind, "tool_name": tool_name, "arguments": arguments, "output": output}
