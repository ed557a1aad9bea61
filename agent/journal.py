"""What rollouts under way have done so far, so that a killed run goes on in the middle of them.

One file a process, `journal/00001.jsonl`: a line for each reply of the model and each observation's digest, by rollout.
Replies are taken from it again; observations are made again and compared, since the environment answers equally.
Not synced: a line that is lost costs a step made once more, never a wrong row.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from agent.canonical import safe_json

FOLDER = "journal"
Step = dict[str, Any]
"""{"reply": {...}} or {"observation": digest}."""


class Journal:
    """Lines of many rollouts, handed to the system together once a turn of the event loop."""

    def __init__(self, out: Path) -> None:
        folder = out / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(path.stem) for path in _files(out)), default=0)
        self._descriptor = os.open(
            folder / f"{number:05}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644
        )
        self._lines: list[bytes] = []

    def write(self, rollout: str, place: int, step: Step) -> None:
        self._add({"rollout": rollout, "place": place, **step})

    def forget(self, rollout: str) -> None:
        """Steps of a rollout so far are void: it begins anew."""
        self._add({"rollout": rollout, "place": -1})

    def close(self) -> None:
        self._flush()
        os.close(self._descriptor)

    def _add(self, line: dict[str, Any]) -> None:
        self._lines.append(safe_json(line) + b"\n")
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        if self._lines:
            data, self._lines = memoryview(b"".join(self._lines)), []
            while data:
                data = data[os.write(self._descriptor, data) :]


class Steps:
    """One rollout's part of the journal: first what is recorded is taken, then what is new is written."""

    def __init__(self, rollout: str = "", journal: Journal | None = None, recorded: Iterable[Step] = ()) -> None:
        self._rollout, self._journal = rollout, journal
        self.known = list(recorded)
        """Steps recorded before, and those that were added since."""
        self._before = len(self.known)
        self.place = 0

    def recorded(self) -> Step | None:
        """The next step if it was made before; a step that is taken is passed by `went`."""
        return self.known[self.place] if self.place < self._before else None

    def went(self, step: Step) -> None:
        """Go on by one step, and write it unless it was recorded."""
        if self.place >= self._before:
            self.known.append(step)
            if self._journal is not None:
                self._journal.write(self._rollout, self.place, step)
        self.place += 1


def read_steps(out: Path, wanted: frozenset[str] | set[str]) -> dict[str, list[Step]]:
    """Steps of the wanted rollouts as far as they go without a gap; a line cut short ends its file."""
    found: dict[str, list[Step]] = {}
    for path in _files(out):
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                step = orjson.loads(line)
                rollout, place = step.pop("rollout"), step.pop("place")
                if rollout not in wanted:
                    continue
                steps = found.setdefault(rollout, [])
                if place < 0:
                    steps.clear()
                elif place == len(steps):
                    steps.append(step)
    return found


def drop(out: Path) -> None:
    """Every row is written: nothing is left to go on with."""
    for path in _files(out):
        path.unlink()


def _files(out: Path) -> list[Path]:
    return sorted((out / FOLDER).glob("[0-9]*.jsonl"))
