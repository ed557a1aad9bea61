"""What a run is: which rollouts, in which order, by whom, against what. Ids and seeds are made of it alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from agent.canonical import digest
from agent.failures import AgentError
from agent.questions import Question
from agent.records import AgentRef, GroupRef, ModelRef
from agent.shards import sync_folder

RUN = "run.json"
RUN_SCHEMA = "stillweb.run/1"
_SEED_DIGITS = 12
"""48 bits: below what JSON, an endpoint or the server can hold."""


@dataclass(frozen=True)
class Rollout:
    """One to be made."""

    id: str
    question: Question
    group: GroupRef
    episode_seed: int


@dataclass(frozen=True)
class Plan:
    questions: tuple[Question, ...]
    samples: int
    seed: int
    agent: AgentRef
    model: ModelRef
    tools: tuple[dict[str, Any], ...]
    env: dict[str, Any]
    """`World.identity()`."""

    def identity(self) -> dict[str, Any]:
        """What a row of this run rests on, but for its question and sample."""
        return {
            "seed": self.seed,
            "agent": self.agent.model_dump(),
            "model": self.model.model_dump(),
            "env": self.env,
        }

    def rollouts(self) -> Iterator[Rollout]:
        """In the order of the finished file: by question as given, then by sample."""
        of_run = digest(self.identity())
        for question in self.questions:
            for sample in range(self.samples):
                key = [question.id, question.text, sample]
                yield Rollout(
                    digest([of_run, *key])[:16],
                    question,
                    GroupRef(sample=sample, seed=_seed("model", self.seed, *key)),
                    _seed("weather", self.seed, *key),
                )


def settle(out: Path, plan: Plan, about: dict[str, Any]) -> None:
    """Make the run's folder say what it is for, or check that it does. `about`: for people, not compared.

    Raises AgentError where the folder is another run's: its rows would be lost or mixed with others.
    """
    path = out / RUN
    tasks = digest([[question.id, question.text] for question in plan.questions])
    stated = {"schema": RUN_SCHEMA, "identity": plan.identity(), "tasks": tasks, "samples": plan.samples}
    # As JSON would give it back, so that tuples and lists are the same.
    stated = orjson.loads(orjson.dumps(stated))
    if path.is_file():
        known = orjson.loads(path.read_bytes())
        if known.get("schema") != RUN_SCHEMA:
            raise AgentError(f"{path} has the schema {known.get('schema')!r}, not {RUN_SCHEMA}. Use another --out.")
        if differs := _difference(known["identity"], stated["identity"], ""):
            raise AgentError(
                f"{out} holds a run that differs in {differs}. "
                "Run the command it was begun with to go on, or give --out another folder."
            )
        if known["tasks"] != tasks:
            raise AgentError(f"{out} holds a run over other questions. Give it the same file, or --out another folder.")
        if known["samples"] > plan.samples:
            raise AgentError(
                f"{out} holds a run of {known['samples']} samples a question. Ask for as many or more with -n."
            )
    out.mkdir(parents=True, exist_ok=True)
    part = out / f"{RUN}.part"
    part.write_bytes(orjson.dumps(stated | {"about": about}, option=orjson.OPT_INDENT_2) + b"\n")
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
    sync_folder(out)


def read_run(out: Path) -> dict[str, Any]:
    """What a run's folder says of itself. Raises AgentError where there is none."""
    path = out / RUN
    if not path.is_file():
        raise AgentError(
            f"{out} holds no run: {RUN} is missing. Name the DIR that `stillweb agent run --out DIR` wrote."
        )
    run: dict[str, Any] = orjson.loads(path.read_bytes())
    return run


def _seed(*parts: Any) -> int:
    return int(digest(list(parts))[:_SEED_DIGITS], 16)


def _difference(one: Any, other: Any, path: str) -> str | None:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if found := _difference(one.get(key), other.get(key), f"{path}.{key}" if path else key):
                return found
        return None
    return None if one == other else f"{path} ({one!r:.80}, now {other!r:.80})"
