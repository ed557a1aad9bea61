"""A cell: one arm under one seed, and what came of it. One JSON file each, written last and whole.

What a file was made of (`digest`) stands in it, so that a run which is gone on with uses what is there, and one that
was changed is told so instead of being mixed with the old.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from training.ablate.config import Arm, BadConfig, Config
from training.tasks import Task

SCHEMA = "stillweb.ablation.cell/1"
CELLS = "cells"


class Step(BaseModel):
    """A step of training: means over its rollouts."""

    model_config = ConfigDict(extra="ignore")

    step: int
    """From 1."""
    reward: float
    correct: float | None = None
    calls: float | None = None
    zero_advantage: float | None = None
    """Share of groups whose rewards are all alike."""


class Spent(BaseModel):
    """What a cell asked of the server, by its ledger; None where the ledger does not tell."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    rollouts: int = 0
    failures: int = 0
    """Calls that brought the rollout an error."""
    calls: int = 0
    faults: int = 0
    """Calls that met drawn weather."""
    tokens: int = 0
    avoided_micro_usd: int = 0
    unpriced_calls: int = 0


class Cell(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, use_attribute_docstrings=True)

    schema_: Literal["stillweb.ablation.cell/1"] = Field(default="stillweb.ablation.cell/1", alias="schema")
    arm: str
    seed: int
    digest: str
    snapshot_id: str
    curve: list[Step] = []
    before: dict[str, float] = {}
    """Means of the held-out rollouts of the policy that knows nothing, by metric."""
    held_out: dict[str, dict[str, list[float]]]
    """Metric to task_id to one value for each sample."""
    families: dict[str, str] = {}
    """task_id to the task's family."""
    spent: Spent = Spent()
    wall_s: float = 0.0
    policy: dict[str, dict[str, float]] = {}
    """Of the search policy: the rows that were used most, with the chance of each action."""

    def tasks_of(self, metric: str) -> dict[str, float]:
        """task_id to the mean over its samples. Raises KeyError for a metric that this backend has not."""
        return {task_id: sum(values) / len(values) for task_id, values in self.held_out[metric].items()}

    def mean(self, metric: str) -> float:
        found = self.tasks_of(metric)
        return sum(found.values()) / len(found)


def digest_of(config: Config, name: str, seed: int, tasks: Sequence[Task], snapshot_id: str) -> str:
    """32 hex digits over all that a cell's figures rest on."""
    arm = config.arms[name]
    measured_in = config.arms[config.base_arm].environment if config.evaluate_in == "base" else arm.environment
    about = {
        "arm": _settings(arm), "measured_in": _where(measured_in.model_dump(mode="json")), "seed": seed,
        "backend": config.backend, "command": config.command, "held_out": config.held_out, "samples": config.samples,
        "snapshot_id": snapshot_id, "tasks": [task.model_dump(mode="json") for task in tasks],
    }  # fmt: skip
    return hashlib.sha256(orjson.dumps(about, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def path_of(out: Path, arm: str, seed: int) -> Path:
    return out / CELLS / f"{arm}-{seed}.json"


def read_cell(path: Path, digest: str | None = None) -> Cell | None:
    """The cell of a file; None where there is none. Raises BadConfig where it is damaged or of another digest."""
    try:
        cell = Cell.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadConfig(f"{path} is no cell of an ablation ({error}). Remove it, and it is made again.") from error
    if digest is not None and cell.digest != digest:
        raise BadConfig(
            f"{path} was made with other knobs, tasks or another snapshot. Give --out another folder, or remove the "
            "file to have it made again."
        )
    return cell


def read_cells(out: Path) -> list[Cell]:
    """All cells of a folder, by name. Raises BadConfig where there are none."""
    found = [cell for path in sorted((out / CELLS).glob("*.json")) if (cell := read_cell(path)) is not None]
    if not found:
        raise BadConfig(f"{out} holds no finished arm of an ablation. Run `stillweb ablate CONFIG --out {out}`.")
    return found


def write_cell(out: Path, cell: Cell) -> None:
    path = path_of(out, cell.arm, cell.seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(orjson.dumps(cell.model_dump(mode="json", by_alias=True), option=orjson.OPT_INDENT_2) + b"\n")
    part.replace(path)


def _settings(arm: Arm) -> dict[str, Any]:
    told = arm.model_dump(mode="json")
    return {**told, "environment": _where(told["environment"])}


def _where(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Without where the pages are: the snapshot's id says that, and the folder may move."""
    return {name: value for name, value in environment.items() if name not in ("snapshot", "server")}
