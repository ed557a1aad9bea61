"""Records and tasks written by hand, as small as the schema allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.records import (
    AgentRef,
    Answer,
    Citation,
    EnvRef,
    Episode,
    GroupRef,
    ModelRef,
    Node,
    TaskRef,
    Timing,
    ToolEvent,
    Turn,
    Usage,
)
from training.tasks import Task

A, B, C = "a" * 16, "b" * 16, "c" * 16


def a_task(task_id: str = "t", answer: Any = "Vienna", evidence: Sequence[str] = (A,), **more: Any) -> Task:
    return Task(task_id=task_id, question=f"Question {task_id}?", answer=answer, evidence=tuple(evidence), **more)


def searched(*doc_ids: str) -> ToolEvent:
    return _event("search", doc_ids=list(doc_ids), ranks=list(range(1, len(doc_ids) + 1)))


def opened(*doc_ids: str) -> ToolEvent:
    return _event("fetch", doc_ids=list(doc_ids), opened=list(doc_ids))


def an_episode(
    task_id: str = "t",
    text: str | None = "Vienna",
    *events: ToolEvent,
    sample: int = 0,
    cites: Sequence[Citation] = (),
    confidence: float | None = None,
    status: str = "ok",
    tokens: tuple[int, int] = (0, 0),
    turns: int = 1,
) -> Episode:
    made = Turn(index=0, node_id=0, prompt=0, finish_reason="stop", usage=Usage())
    return Episode(
        id=f"{task_id}-{sample}",
        status=status,  # type: ignore[arg-type]
        stop_reason="answered" if text is not None else "max_turns",
        task=TaskRef(id=task_id, digest="d", question=f"Question {task_id}?"),
        group=GroupRef(sample=sample, seed=sample),
        env=EnvRef(snapshot_id="s", server_version="1"),
        agent=AgentRef(
            name="n", version="1", profile="default", format="native", prompt_digest="p", tools_digest="q",
            context_policy="none", limits={},
        ),
        model=ModelRef(name="m", sampling={}),
        tools=[],
        messages=[Node(node_id=0, parent_id=None, sampled=False, message={"role": "user", "content": "?"})],
        turns=[made] * turns,
        tool_events=list(events),
        answer=None if text is None else Answer(text=text, confidence=confidence, citations=list(cites)),
        usage=Usage(prompt_tokens=tokens[0], completion_tokens=tokens[1]),
        timing=Timing(started_at="2026-01-01T00:00:00Z", wall_s=1.0, model_s=0.5, env_s=0.5),
    )  # fmt: skip


def _event(name: str, **more: Any) -> ToolEvent:
    return ToolEvent(
        call_id="c", turn=0, name=name, args={}, args_digest="d", status="ok", observation_digest="o", chars=1,
        node_id=0, **more,
    )  # fmt: skip
