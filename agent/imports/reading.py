"""Files of other people's trajectories as a folder of records: `import_("train.parquet", "sharegpt", out)`."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import zstandard

from agent.failures import AgentError
from agent.imports import deeptracehub, sharegpt
from agent.imports.building import Source, episode_of
from agent.plan import RUN
from agent.records import encode
from agent.shards import FINAL, SHARDS, write_finished

Read = Callable[[Mapping[str, Any], str], Source]
FORMATS: dict[str, Read] = {"sharegpt": sharegpt.source, "deeptracehub": deeptracehub.source}


@dataclass
class Imported:
    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> so many rows."""


def import_(file: Path, format: str, out: Path) -> Imported:
    """Make records of a file (JSON lines, .zst or not, JSON, Parquet) or of a folder of them, and write them to `out`.

    Rows that are no trajectory, checkpoints of unfinished ones and rows that came before are left out and counted.
    Raises AgentError for a format or file that is none, for a folder that holds records, and where no row is left.
    """
    if format not in FORMATS:
        raise AgentError(f"{format!r} is no format to import from. Take one of {', '.join(FORMATS)}.")
    if any((out / name).exists() for name in (FINAL, SHARDS, RUN)):
        raise AgentError(f"{out} holds records already. Give --out another folder.")
    if not file.exists():
        raise AgentError(f"{file} is not there. Name a file of trajectories, or a folder of such files.")
    imported = Imported()
    write = _episodes(file, FORMATS[format], imported)
    first = next(write, None)
    if first is None:
        told = "; ".join(f"{count}: {reason}" for reason, count in sorted(imported.left_out.items()))
        raise AgentError(f"{file} has no row that can be read as {format} ({told or 'it is empty'}).")

    def rows() -> Iterator[bytes]:
        yield first
        yield from write

    imported.written = write_finished(out, rows())
    return imported


def _episodes(file: Path, read: Read, imported: Imported) -> Iterator[bytes]:
    seen: set[str] = set()
    for row, name in _rows(file):
        try:
            episode = episode_of(read(row, name))
        except ValueError as error:
            imported.left_out[str(error)] += 1
            continue
        if episode.id in seen:
            imported.left_out["a row that came before"] += 1
            continue
        seen.add(episode.id)
        yield encode(episode)


def _rows(file: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Rows with the name of their file, in the order of the names."""
    files = sorted(path for path in file.rglob("*") if _kind(path)) if file.is_dir() else [file]
    for path in files:
        for row in _rows_of(path):
            if not isinstance(row, Mapping):
                raise AgentError(f"{path} holds something else than JSON objects. Name a file of trajectories.")
            yield row, path.name


def _rows_of(path: Path) -> Iterator[Any]:
    kind = _kind(path)
    if kind is None:
        raise AgentError(f"{path}: take .jsonl, .jsonl.zst, .json or .parquet.")
    if kind == "parquet":
        yield from _parquet(path)
        return
    try:
        if kind == "json":
            whole = orjson.loads(path.read_bytes())
            yield from whole if isinstance(whole, list) else [whole]
            return
        with path.open("rb") as opened:
            stream: Any = zstandard.ZstdDecompressor().stream_reader(opened, read_across_frames=True)
            for line in io.BufferedReader(stream if path.suffix == ".zst" else opened):
                if line.strip():
                    yield orjson.loads(line)
    except (ValueError, zstandard.ZstdError) as error:
        raise AgentError(f"{path} cannot be read as JSON: {error}.") from error


def _parquet(path: Path) -> Iterator[Any]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise AgentError(f"{path}: Parquet needs pyarrow. Run `pip install 'stillweb[sources]'`.") from error
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=64):
            yield from batch.to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise AgentError(f"{path} cannot be read as Parquet: {error}.") from error


def _kind(path: Path) -> str | None:
    if path.name.endswith((".jsonl", ".jsonl.zst")):
        return "jsonl"
    return {".json": "json", ".parquet": "parquet"}.get(path.suffix)
