"""Rows on disk while a run goes on: append-only shards, one zstd frame a row, synced before a row counts as written.

    shards/00001.jsonl.zst   written by one process and never touched again; the next one begins a shard of its own
    episodes.jsonl.zst       written once, last: every row in the plan's order, frames copied as they are

A process that is killed leaves at most one frame cut short, at the end of its shard; readers drop it. Frames carry
checksums, so a frame is either whole or not there. `zstd -dc` reads both kinds of files as JSON lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard

from agent.failures import AgentError
from agent.records import SCHEMA, Episode, decode

FINAL = "episodes.jsonl.zst"
SHARDS = "shards"
LEVEL = 3
SHARD_BYTES = 256 * 1024**2
_CHUNK_BYTES = 1024**2


@dataclass(frozen=True)
class Place:
    """Where a row's frame lies."""

    file: Path
    start: int
    end: int


class Shards:
    """Appends rows to a shard of its own. Synchronous: call it in a thread."""

    def __init__(self, out: Path) -> None:
        self._folder = out / SHARDS
        self._folder.mkdir(parents=True, exist_ok=True)
        self._number = max((int(path.name.split(".")[0]) for path in _shards(out)), default=0)
        self._descriptor: int | None = None
        self._size = 0
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)

    def append(self, rows: Sequence[bytes]) -> list[Place]:
        """Write rows, each one line of JSON; they are on the disk when this returns. Where each one lies."""
        if self._descriptor is None or self._size >= SHARD_BYTES:
            self._next()
        assert self._descriptor is not None
        frames = [self._compressor.compress(row + b"\n") for row in rows]
        _write_all(self._descriptor, b"".join(frames))
        os.fsync(self._descriptor)
        places = []
        for frame in frames:
            places.append(Place(self._path, self._size, self._size + len(frame)))
            self._size += len(frame)
        return places

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _next(self) -> None:
        self.close()
        self._number += 1
        self._path = self._folder / f"{self._number:05}.jsonl.zst"
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._size = 0
        sync_folder(self._folder)


def stored(out: Path) -> Iterator[tuple[bytes, Place]]:
    """Every whole row of a run's folder with its place: those of the finished file, then those of the shards."""
    for file in ([out / FINAL] if (out / FINAL).is_file() else []) + _shards(out):
        yield from _frames(file)


def rows(out: Path) -> Iterator[bytes]:
    """Rows of a run: in the plan's order where it is finished, else as they were written. `out` may be a file."""
    if out.is_dir():
        found = [out / FINAL] if (out / FINAL).is_file() and not _shards(out) else None
        for file in found or [path for path in (out / FINAL, *_shards(out)) if path.is_file()]:
            yield from (row for row, _ in _frames(file))
    elif out.is_file():
        yield from (row for row, _ in _frames(out))
    else:
        raise AgentError(
            f"{out} is no run and no file of rows. Name the DIR that `stillweb agent run --out DIR` wrote."
        )


def records(out: Path) -> Iterator[Episode]:
    """The rows as episode records. Raises AgentError, naming the row that is none."""
    for number, row in enumerate(rows(out), 1):
        try:
            yield decode(row)
        except ValueError as error:
            raise AgentError(f"Row {number} of {out} is no record of schema {SCHEMA}: {error}") from error


def is_unfinished(out: Path) -> bool:
    """There are rows that are not in the finished file."""
    return not (out / FINAL).is_file() or bool(_shards(out))


def finish(out: Path, places: Iterable[Place]) -> Path:
    """Write the finished file from the frames at `places`, in that order, and drop the shards. Its path."""
    part = out / f"{FINAL}.part"
    with part.open("wb") as file:
        opened: dict[Path, int] = {}
        try:
            for place in places:
                if place.file not in opened:
                    opened[place.file] = os.open(place.file, os.O_RDONLY)
                file.write(os.pread(opened[place.file], place.end - place.start, place.start))
        finally:
            for descriptor in opened.values():
                os.close(descriptor)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, out / FINAL)
    sync_folder(out)
    # Only now: until the rename is on the disk the rows are in the shards alone.
    for shard in _shards(out):
        shard.unlink()
    sync_folder(out / SHARDS)
    return out / FINAL


def write_finished(out: Path, rows: Iterable[bytes]) -> int:
    """Write rows, each one line of JSON, as the finished file of a folder that has none. How many they were."""
    out.mkdir(parents=True, exist_ok=True)
    part, count = out / f"{FINAL}.part", 0
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    with part.open("wb") as file:
        for row in rows:
            file.write(compressor.compress(row + b"\n"))
            count += 1
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, out / FINAL)
    sync_folder(out)
    return count


def sync_folder(folder: Path) -> None:
    """Names made, renamed and removed in it are on the disk afterwards."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _shards(out: Path) -> list[Path]:
    return sorted((out / SHARDS).glob("[0-9]*.jsonl.zst"))


def _frames(file: Path) -> Iterator[tuple[bytes, Place]]:
    """Rows of a file up to the first frame that is not whole."""
    decompressor = zstandard.ZstdDecompressor()
    with file.open("rb") as opened:
        start, held = 0, b""
        while True:
            frame, parts, used = decompressor.decompressobj(), list[bytes](), 0
            while not frame.eof:
                if not held and not (held := opened.read(_CHUNK_BYTES)):
                    return
                try:
                    parts.append(frame.decompress(held))
                except zstandard.ZstdError:
                    return
                rest = frame.unused_data if frame.eof else b""
                used += len(held) - len(rest)
                held = rest
            yield b"".join(parts).removesuffix(b"\n"), Place(file, start, start + used)
            start += used


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
