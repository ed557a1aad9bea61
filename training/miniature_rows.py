"""Rows between the stages of the miniature: records to SFT rows and to preference pairs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from agent.records import Episode
from training.rubric import score_episode
from training.tasks import Task

Messages = list[dict[str, str]]


def sft_rows(episodes: Iterable[Episode], tasks: Mapping[str, Task]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Conversations of right rollouts without a broken turn, one a task, and how many each filter left out."""
    counts: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for episode in episodes:
        counts["rollouts"] += 1
        if reason := _unfit(episode, tasks[episode.task.id], seen):
            counts[reason] += 1
            continue
        seen.add(episode.task.id)
        rows.append({"messages": _plain(episode.path())})
    counts["kept"] = len(rows)
    return rows, dict(counts)


def pairs(
    own: Sequence[Episode], witness: Sequence[Episode], tasks: Mapping[str, Task], *, most: int, seed: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Step pairs at the first divergence of a right and a wrong rollout of one task, those of two own rollouts first.

    `on_policy`: both sides are the model's; else the better one is the witness's. Up to the divergence both rollouts
    hold the same messages, observations among them, so the prompt is the state of both. At most two pairs a task.
    """
    right: dict[str, list[Episode]] = {}
    wrong: dict[str, list[Episode]] = {}
    for episode in own:
        if episode.status == "ok":
            into = right if score_episode(episode, tasks[episode.task.id])["correct"] else wrong
            into.setdefault(episode.task.id, []).append(episode)
    played = {episode.task.id: episode for episode in witness}
    found: list[dict[str, Any]] = []
    for on_policy in (True, False):
        for task_id in sorted(wrong):
            better = right.get(task_id, []) if on_policy else [played[task_id]] if task_id in played else []
            made: list[dict[str, Any]] = []
            for good in better:
                for bad in wrong[task_id]:
                    pair = _diverging(good, bad)
                    if pair and pair not in made and len(made) < 2:
                        made.append(pair)
            found += [{**pair, "task_id": task_id, "on_policy": on_policy} for pair in made]
    first = [pair for pair in found if pair["on_policy"]]
    rest = [pair for pair in found if not pair["on_policy"]]
    draw = random.Random(seed)
    draw.shuffle(first)
    draw.shuffle(rest)
    kept = (first + rest)[:most]
    counts = {
        "rollouts": len(own),
        "right": sum(map(len, right.values())),
        "wrong": sum(map(len, wrong.values())),
        "found": len(found),
        "kept": len(kept),
        "on_policy": sum(pair["on_policy"] for pair in kept),
    }
    return kept, counts


def write_rows(rows: Iterable[Any], path: Path) -> None:
    """JSON lines, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    part.replace(path)


def _unfit(episode: Episode, task: Task, seen: set[str]) -> str:
    if episode.status != "ok" or not score_episode(episode, task)["correct"]:
        return "wrong"
    if any(turn.problems for turn in episode.turns):
        return "malformed"
    if any(event.status != "ok" for event in episode.tool_events):
        return "failed call"
    return "task has one" if task.task_id in seen else ""


def _diverging(good: Episode, bad: Episode) -> dict[str, Any] | None:
    one, other = _plain(good.path()), _plain(bad.path())
    at = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if at is None or one[at]["role"] != "assistant" or other[at]["role"] != "assistant":
        return None
    # Malformed turns may be empty, and an empty side teaches nothing but to stop.
    if not other[at]["content"].strip():
        return None
    return {"prompt": one[:at], "chosen": [one[at]], "rejected": [other[at]]}


def _plain(messages: Sequence[Mapping[str, Any]]) -> Messages:
    """Calls are text in this format, so a message is its role and its content."""
    return [{"role": str(one["role"]), "content": str(one.get("content") or "")} for one in messages]
