"""Trajectories of DeepTraceHub, REDSearcher's agent: a JSON file a problem, `problem_IDX.json` or `..._sample_K.json`.

Read are idx, dataset_id, question, messages with their times, termination and processing_time_seconds. The gold answer
and the judge's word are not. Its loop drops turns that it cannot read, so what the model wrote there is lost already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agent.canonical import digest
from agent.imports.building import Said, Source
from agent.records import StopReason

ENDS: dict[str, StopReason] = {
    "answer": "answered", "max_iter": "max_turns", "iteration": "max_turns", "context length": "context_overflow",
}  # fmt: skip
_SAMPLE = re.compile(r"_sample_([0-9]+)")


def source(row: Mapping[str, Any], name: str) -> Source:
    """A row, read; its file's name tells the sample. Raises ValueError where it is none, or a checkpoint."""
    if row.get("resume"):
        raise ValueError("it is a checkpoint of a rollout that had not ended")
    given, question = row.get("messages"), row.get("question")
    if not isinstance(given, list) or not isinstance(question, str):
        raise ValueError("it has no `messages` or no `question`")
    messages = tuple(_said(one) for one in given)
    termination = str(row.get("termination"))
    sample = row.get("sample_idx")
    if sample is None:
        found = _SAMPLE.search(name)
        sample = int(found[1]) if found else 0
    dataset, index = row.get("dataset_id"), row.get("idx")
    seconds = row.get("processing_time_seconds")
    return Source(
        "deeptracehub",
        digest([dataset, index, question, [[one.role, one.content] for one in messages]]),
        question,
        messages,
        task_id="" if index is None else f"{dataset}/{index}" if dataset else str(index),
        sample=int(sample),
        agent="DeepTraceHub",
        stop_reason=ENDS.get(termination),
        forced=termination in ENDS and termination != "answer",
        wall_s=float(seconds) if isinstance(seconds, int | float) else None,
        unknown=("task.id",) if index is None else (),
    )


def _said(one: Any) -> Said:
    if not isinstance(one, Mapping) or not isinstance(one.get("role"), str) or not isinstance(one.get("content"), str):
        raise ValueError("a message has no role or no text")
    time = one.get("time")
    # A visit has two times, of which the second is part of the first.
    first = time[0] if isinstance(time, list) and time else time
    elapsed = first.get("elapsed_time") if isinstance(first, Mapping) else None
    return Said(one["role"], one["content"], float(elapsed) if isinstance(elapsed, int | float) else None)
