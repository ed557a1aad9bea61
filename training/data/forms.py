"""A rollout as rows to imitate, in three forms.

    messages     {"messages", "tools"}               TRL, assistant_only_loss: the last branch
    completions  {"prompt", "completion", "tools"}   TRL, assistant_only_loss: every branch, each reply in one row alone
    sharegpt     {"meta", "messages", "system_prompt"}   ms-swift, LLaMA-Factory: as REDSearcher_SFT_10K is

In all of them observations are messages of their own, which the trainers leave out of the loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.exports import sharegpt as released
from agent.exports.parts import Unfit, path_ids
from agent.records import Episode, Message, Turn
from training.data.reading import fitting, tools_of
from training.rubric import gold_of
from training.tasks import Task

Row = dict[str, Any]


def messages(episode: Episode, task: Task) -> list[Row]:
    """Raises Unfit for worked examples in the prompt: assistant_only_loss would train on them in each row."""
    if not episode.turns:
        raise Unfit("the model said nothing")
    if any(message["role"] == "assistant" for message in _opening(episode)):
        raise Unfit("its prompt has worked examples, which this form would train on: take `completions`")
    found = [fitting(message) for message in episode.path()]
    return [{"messages": found, "tools": tools_of(episode), "id": episode.id, "task_id": task.task_id}]


def completions(episode: Episode, task: Task) -> list[Row]:
    """A row for each branch on which the model spoke: its prompt is all that stood there before the first reply.

    Raises Unfit where the model said nothing.
    """
    if not episode.turns:
        raise Unfit("the model said nothing")
    rows = []
    for spoken in _branches(episode):
        prompt = [fitting(message) for message in episode.path(spoken[0].prompt)]
        whole = [fitting(message) for message in episode.path(spoken[-1].node_id)]
        name = episode.id if spoken[0].index == 0 else f"{episode.id}:{spoken[0].index}"
        rows.append(
            {
                "prompt": prompt,
                "completion": whole[len(prompt) :],
                "tools": tools_of(episode),
                "id": name,
                "task_id": task.task_id,
            }
        )
    return rows


def sharegpt(episode: Episode, task: Task) -> list[Row]:
    """With the gold answer in `meta.answer`, which the record does not have."""
    row = released.row(episode)
    gold = gold_of(task)
    row["meta"]["answer"] = gold if isinstance(gold, str) else ", ".join(gold)
    return [row]


FORMS = {"messages": messages, "completions": completions, "sharegpt": sharegpt}


def _opening(episode: Episode) -> list[Message]:
    return episode.path(episode.turns[0].prompt)


def _branches(episode: Episode) -> Iterator[list[Turn]]:
    """Turns that went on from one another: a turn whose prompt has not the reply before it begins another branch."""
    spoken: list[Turn] = []
    for turn in episode.turns:
        if spoken and spoken[-1].node_id not in path_ids(episode, turn.prompt):
            yield spoken
            spoken = []
        spoken.append(turn)
    yield spoken
