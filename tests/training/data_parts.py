"""Rollouts for the tests of data sets: the real loop with scripted models against a real server of the tiny web."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.client import AsyncClient
from agent.formats import SHOTS
from agent.loop import roll_out
from agent.models.protocol import ModelError, Reply
from agent.notes import Identity
from agent.questions import Question
from agent.records import Episode, GroupRef, Message, ModelRef, decode, encode
from agent.shards import write_finished
from agent.speech import agent_ref
from agent.world import enter, look_at
from tests.agent.loop_parts import Speak, Spoken, gates, player, said, script, turn_of
from training.tasks import Task, write_tasks

LIGHTHOUSE, THORUNN = "6aa388fdc739311a", "266971c789284b6e"
URLS = {
    LIGHTHOUSE: "https://tiny.example/places/lighthouse",
    THORUNN: "https://tiny.example/people/thorunn",
    "museum": "https://tiny.example/places/museum",
}
TASK = Task(
    task_id="keeper",
    question="In which year did the last keeper of the lighthouse leave?",
    answer="1978",
    evidence=(THORUNN, LIGHTHOUSE),
    family="keepers",
)


def search(query: str, text: str = "") -> Reply:
    return said(text, ("search", {"query": query, "k": 3}))


def fetch(page: str) -> Reply:
    return said("", ("fetch", {"url": URLS[page]}))


def answer(text: str) -> Reply:
    return said("", ("answer", {"answer": text}))


KEEPER, PERSON, TERNS = search("keeper of the lighthouse"), search("Thorunn"), search("terns")
OPEN, READ = fetch(LIGHTHOUSE), fetch(THORUNN)
RIGHT, WRONG = answer("1978"), answer("1941")


def plainly(*lines: str) -> Speak:
    """Lines of the plain format, whose prompt has replies in its worked examples."""
    shown = turn_of(SHOTS)

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        return Reply(lines[min(len(lines) - 1, turn_of(messages) - shown)])

    return speak


PLAIN = plainly("Search: keeper", f"Open: {URLS[LIGHTHOUSE]}", "Answer: 1978")


def broken(messages: Sequence[Message], rollout: str) -> Reply:
    if turn_of(messages):
        raise ModelError("gone", retry=False, kind="server")
    return KEEPER


ROLLOUTS: dict[str, Speak] = {
    "good": script(KEEPER, OPEN, PERSON, READ, RIGHT),
    "other pages": script(KEEPER, OPEN, TERNS, RIGHT),
    "same pages, more calls": script(KEEPER, OPEN, PERSON, TERNS, READ, RIGHT),
    "short": script(KEEPER, OPEN, RIGHT),
    "wrong": script(KEEPER, OPEN, PERSON, WRONG),
    "early": script(KEEPER, WRONG),
    "lost": script(TERNS, fetch("museum"), search("bread"), WRONG),
    "unopened": script(KEEPER, PERSON, TERNS, RIGHT),
    "leaked": script(search("last keeper left in 1978"), OPEN, PERSON, RIGHT),
    "malformed": script(said("", ("search", '{"query": ')), KEEPER, OPEN, PERSON, RIGHT),
    "repeating": script(KEEPER, KEEPER, OPEN, PERSON, RIGHT),
    "error": broken,
}
"""Name -> what the model says. One task, from the same prompt."""


async def rolled(
    url: str,
    speaks: dict[str, Speak],
    *,
    task: Task = TASK,
    weather: Any = None,
    episode_seed: int = 7,
    **how: Any,
) -> dict[str, Episode]:
    """Records by name, written and read again."""
    found = {}
    async with AsyncClient(url) as client:
        world = await look_at(client, weather=weather)
        for sample, (name, speak) in enumerate(speaks.items()):
            played = player(Spoken(speak), **how)
            env, ref = await enter(world, episode_seed)
            identity = Identity(
                name.replace(" ", "-"), Question(task.task_id, task.question).ref(),
                GroupRef(sample=sample, seed=sample), ref,
                agent_ref(played.manner, str(played.policy), {"turns": 20}), ModelRef(name="spoken", sampling={}),
                played.manner.schemas,
            )  # fmt: skip
            found[name] = decode(encode(await roll_out(played, identity, env, gates())))
    return found


def a_run(out: Path, episodes: Sequence[Episode], tasks: Sequence[Task] = (TASK,)) -> tuple[Path, Path]:
    """A finished run's folder and a file of tasks beside it."""
    write_finished(out, [encode(one) for one in episodes])
    write_tasks(tasks, out.parent / "tasks.jsonl")
    return out, out.parent / "tasks.jsonl"
