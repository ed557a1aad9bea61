"""How many tasks each gate of each stage let through, kept beside a file of tasks as `<file>.yields.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

Yields = dict[str, dict[str, int]]
"""Stage -> gate -> count, in the order in which the stages were run."""


def yields_path(tasks: Path) -> Path:
    return tasks.with_name(tasks.name + ".yields.json")


def read_yields(tasks: Path) -> Yields:
    """Empty where none are kept."""
    path = yields_path(tasks)
    if not path.is_file():
        return {}
    found: Yields = orjson.loads(path.read_bytes())
    return found


def note_yields(tasks: Path, stage: str, counts: Mapping[str, int], *, made_from: Path | None = None) -> None:
    """Keep a stage's counts beside its output, behind those of the file that it was made from."""
    known = read_yields(made_from) if made_from else {}
    known[stage] = dict(sorted(counts.items()))
    part = yields_path(tasks).with_name(yields_path(tasks).name + ".part")
    part.write_bytes(orjson.dumps(known, option=orjson.OPT_INDENT_2) + b"\n")
    part.replace(yields_path(tasks))
