"""Shared by the tests of data sets: a server of the tiny web with episodes, and one set of rollouts against it; and by
the tests of what surrounds a file of tasks: a small world with proven tasks, and a server of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.records import Episode
from tests.env_server.test_determinism import running_server
from tests.training.data_parts import ROLLOUTS, rolled
from tests.training.edited import Edited, edited
from tests.training.small_world import SmallWorld, make_small_world
from training.synthesis.make import make_tasks
from training.synthesis.recipe import Recipe
from training.tasks import Task


@pytest.fixture(scope="session")
def server(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    kept = tmp_path_factory.mktemp("episodes") / "episodes.sqlite"
    with running_server(tiny_path, database=str(kept)) as url:
        yield url


@pytest.fixture(scope="session")
def episodes(server: str) -> dict[str, Episode]:
    """Of `ROLLOUTS`, by name."""
    return asyncio.run(rolled(server, ROLLOUTS))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    return make_small_world(tmp_path_factory.mktemp("worlds") / "small")


@pytest.fixture(scope="session")
def world_server(world: SmallWorld) -> Iterator[str]:
    with running_server(world.path) as url:
        yield url


@pytest.fixture(scope="session")
def many(world: SmallWorld) -> tuple[Task, ...]:
    """More tasks than the shared ones: towns and papers are in some of them only."""
    return tuple(make_tasks(world.web, world.facts, Recipe(treewidths=(1, 2)), count=24))


@pytest.fixture(scope="session")
def made(world: SmallWorld, many: tuple[Task, ...]) -> Edited:
    """Those of them that take a tool now."""
    found = edited(world.ground, many)
    assert len(found.tasks) >= 3, found.reasons
    return found
