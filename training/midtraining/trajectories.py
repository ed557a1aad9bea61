"""Long-horizon trajectories: records of episodes that solved a proven task against a served Stillweb.

They come from witnesses, which a model of known plays makes into episodes through the real loop and server, and from
runs of agents. Only what is right counts: a task whose episode is kept has been solved, so it can be.

Source of the task: REDSearcher (arXiv 2602.14234), mid-training II-b.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from agent.canonical import digest
from agent.client import AsyncClient
from agent.context import Policy
from agent.exports.parts import Unfit
from agent.loop import Gates, Limits, Player, roll_out
from agent.models.playback import PlaybackModel
from agent.models.protocol import Sampling
from agent.notes import Identity
from agent.questions import Question
from agent.records import Episode, GroupRef, ModelRef
from agent.speech import agent_ref, manner_of
from agent.throttle import Gate
from agent.tools.profiles import profile
from agent.world import enter, look_at
from training.data.forms import messages as in_messages
from training.midtraining.rows import LONG_TOKENS, TrajectoryRow, reckoned, record_of, row_id
from training.rubric import score_episode
from training.synthesis.witness import plays
from training.tasks import Task

WITNESS = "witness"
"""Name of the model that plays witnesses, in the records."""
BROKEN = "the record does not hold together"


async def play_witnesses(tasks: Sequence[Task], url: str, *, token: str | None = None) -> AsyncIterator[Episode]:
    """Episodes of the tasks with a witness, in their order. Raises AgentError where the server is not to be had, or
    serves another snapshot."""
    known = plays(tasks)
    chosen = [task for task in tasks if task.task_id in known]
    manner, limits = manner_of(profile("default")), Limits(context_tokens=LONG_TOKENS)
    player = Player(manner, PlaybackModel(known, name=WITNESS), manner.sampling(Sampling()), limits, Policy())
    ref = agent_ref(manner, str(player.policy), asdict(limits))
    gates = Gates(Gate(8), Gate(8))
    async with AsyncClient(url, token=token) as client:
        worlds = {pin: await look_at(client, pin=pin) for pin in sorted({task.snapshot_id or "" for task in chosen})}

        async def one(task: Task) -> Episode:
            env, env_ref = await enter(worlds[task.snapshot_id or ""], 0)
            question = Question(task.task_id, task.question)
            identity = Identity(
                task.task_id, question.ref(), GroupRef(sample=0, seed=0), env_ref, ref,
                ModelRef(name=WITNESS, sampling={}), manner.schemas,
            )  # fmt: skip
            return await roll_out(player, identity, env, gates)

        for start in range(0, len(chosen), 16):
            for episode in await asyncio.gather(*map(one, chosen[start : start + 16])):
                yield episode


def make_trajectories(
    episodes: Iterable[Episode],
    tasks: Mapping[str, Task],
    *,
    least_calls: int = 1,
    tokens_limit: int = LONG_TOKENS,
    counts: Counter[str],
) -> Iterator[TrajectoryRow]:
    """Rows of the episodes that are right, in their order. `tasks` by id; `counts` is told what was left out."""
    for episode in episodes:
        task = tasks.get(episode.task.id)
        if task is None:
            counts["of no task of the file"] += 1
            continue
        row = trajectory_row(episode, task)
        if isinstance(row, str):
            counts[row] += 1
            continue
        flaws = trajectory_flaws(row, task, tokens_limit=tokens_limit)
        if flaws or row.calls < least_calls:
            counts[flaws[0] if flaws else "too few calls"] += 1
            continue
        counts["rows"] += 1
        counts["calls"] += row.calls
        counts[f"from a {row.source}"] += 1
        yield row


def trajectory_row(episode: Episode, task: Task) -> TrajectoryRow | str:
    """The row of a record, or a few words that say why there is none."""
    try:
        form = in_messages(episode, task)[0]
    except Unfit as error:
        return str(error)
    except (KeyError, TypeError, ValueError):  # a message that another one points to is not there, or no message
        return BROKEN
    return TrajectoryRow(
        id=row_id("trajectory", episode.id, task.task_id, episode.group.sample),
        tokens=reckoned(form["messages"], form["tools"]),
        messages=form["messages"],
        tools=form["tools"],
        snapshot_id=episode.env.snapshot_id,
        task_id=task.task_id,
        source="witness" if episode.model.name == WITNESS else "rollout",
        calls=len(episode.tool_events),
        episode=episode.model_dump(mode="json", by_alias=True),
    )


def trajectory_flaws(row: TrajectoryRow, task: Task, *, tokens_limit: int = LONG_TOKENS) -> list[str]:
    """What is wrong with a row, against its task; empty where nothing is."""
    try:
        episode = record_of(row)
    except ValueError:
        return ["it holds no record"]
    if not row.task_id == episode.task.id == task.task_id:
        return ["it is not of this task"]
    again = trajectory_row(episode, task)
    if again == BROKEN:
        return ["it holds no record"]
    flaws = []
    if episode.origin is not None:
        flaws.append("it was not rolled out here")
    if episode.status != "ok":
        flaws.append("it ended in an error")
    if not row.snapshot_id == episode.env.snapshot_id == (task.snapshot_id or episode.env.snapshot_id):
        flaws.append("it is of another snapshot than its task")
    if not score_episode(episode, task)["correct"]:
        flaws.append("it does not solve its task")
    shown = {node.node_id: node.message for node in episode.messages}
    for event in episode.tool_events:
        message = shown.get(event.node_id) or {}
        if episode.agent.format == "native" and digest(str(message.get("content") or "")) != event.observation_digest:
            flaws.append("an observation is not the one that the server gave")
            break
    if isinstance(again, str) or (again.messages, again.tools, again.calls, again.source) != (
        row.messages, row.tools, row.calls, row.source,
    ):  # fmt: skip
        flaws.append("the messages are not those of the record")
    if row.tokens != reckoned(row.messages, row.tools) or row.tokens > tokens_limit:
        flaws.append("it is longer than it may be")
    return flaws
