"""Records written in a format: `export(episodes, "atif", Path("run.atif.jsonl"))`."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from agent.canonical import safe_json
from agent.exports import atif, browsecomp_plus, openai, openenv, sharegpt, trl, verifiers
from agent.exports.parts import Unfit
from agent.failures import AgentError
from agent.records import Episode


@dataclass(frozen=True)
class Format:
    """A format of other people, and what of a record comes back from it equal (names of `parts.PARTS`)."""

    row: Callable[[Episode], dict[str, Any]]
    keeps: tuple[str, ...]
    file_name: Callable[[Episode], str] = lambda episode: f"{episode.id}.json"
    """In a folder with a file for each rollout."""
    files_alone: bool = False
    """Its readers take no JSON lines."""


FORMATS = {
    "openai": Format(openai.row, openai.KEEPS),
    "trl": Format(trl.row, trl.KEEPS),
    "sharegpt": Format(sharegpt.row, sharegpt.KEEPS),
    "atif": Format(atif.row, atif.KEEPS),
    "browsecomp_plus": Format(browsecomp_plus.row, browsecomp_plus.KEEPS, browsecomp_plus.file_name, files_alone=True),
    "verifiers": Format(verifiers.row, verifiers.KEEPS),
    "openenv": Format(openenv.row, openenv.KEEPS),
}


@dataclass
class Exported:
    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> so many rollouts."""


def export(episodes: Iterable[Episode], format: str, out: Path, *, failed: bool = False) -> Exported:
    """Write records to `out`: a name in .jsonl or .jsonl.zst gets a line each, any other is a folder with a file each.

    Rollouts that ended in an error are left out unless `failed`; so is what the format cannot hold. Nothing stands
    under `out` before all is written. Raises AgentError for a format that is none, a folder that holds something
    already, and where not one record could be written.
    """
    if format not in FORMATS:
        raise AgentError(f"{format!r} is no format to export to. Take one of {', '.join(FORMATS)}.")
    chosen, exported = FORMATS[format], Exported()
    lines = out.name.endswith((".jsonl", ".jsonl.zst"))
    if lines and chosen.files_alone:
        raise AgentError(f"{format} is a folder with a file for each rollout. Give --out a name without .jsonl.")
    if not lines and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise AgentError(f"{out} is there already. Give --out another name, or take it away first.")
    made, part = _rows(episodes, chosen, exported, failed), out.with_name(out.name + ".part")
    _take_away(part)
    try:
        if lines:
            with _opened(part, out.name.endswith(".zst")) as file:
                for _, row in made:
                    file.write(safe_json(row) + b"\n")
        else:
            _write_files(part, chosen, made)
        if not exported.written:
            told = "; ".join(f"{count}: {reason}" for reason, count in sorted(exported.left_out.items()))
            raise AgentError(f"No rollout can be written as {format} ({told or 'there is none'}).")
        os.replace(part, out)
    finally:
        _take_away(part)
    return exported


def _write_files(folder: Path, format: Format, made: Iterable[tuple[Episode, dict[str, Any]]]) -> None:
    for episode, row in made:
        path = folder / format.file_name(episode)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise AgentError(f"Rollout {episode.id} is there twice. Export the folder of one run at a time.")
        path.write_bytes(safe_json(row) + b"\n")


def _take_away(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


def _rows(
    episodes: Iterable[Episode], format: Format, exported: Exported, failed: bool
) -> Iterator[tuple[Episode, dict[str, Any]]]:
    for episode in episodes:
        if episode.status != "ok" and not failed:
            exported.left_out["it ended in an error, and is owed again"] += 1
            continue
        try:
            row = format.row(episode)
        except Unfit as error:
            exported.left_out[str(error)] += 1
            continue
        exported.written += 1
        yield episode, row


@contextmanager
def _opened(path: Path, compressed: bool) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if not compressed:
            yield file
            return
        with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as writer:
            yield writer
