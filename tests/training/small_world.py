"""A generated world of 600 pages and eight proven tasks of it, made once a session; and runs written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.records import Episode, encode
from agent.shards import Shards
from corpus import BuildOptions, build_snapshot
from corpus.facts.base import FactBase, open_facts
from corpus.snapshot import Snapshot, open_snapshot
from training.synthesis.make import make_tasks
from training.synthesis.recipe import Recipe
from training.synthesis.verify import Ground
from training.tasks import Task


@dataclass(frozen=True)
class SmallWorld:
    path: Path
    web: Snapshot
    facts: FactBase
    tasks: tuple[Task, ...]
    ground: Ground


def make_small_world(path: Path) -> SmallWorld:
    build_snapshot(["world:seed=7,pages=600"], path, BuildOptions(encoder="none"))
    web, facts = open_snapshot(path), open_facts(path)
    tasks = tuple(make_tasks(web, facts, Recipe(treewidths=(1, 2)), count=8))
    assert len(tasks) == 8
    return SmallWorld(path, web, facts, tasks, Ground(facts, web))


def write_run(folder: Path, episodes: Sequence[Episode]) -> None:
    """A folder as `stillweb agent run` leaves it."""
    folder.mkdir()
    shards = Shards(folder)
    shards.append([encode(episode) for episode in episodes])
    shards.close()
