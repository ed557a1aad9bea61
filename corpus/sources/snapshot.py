"""A finished snapshot as a source: `snapshot:DIR`, or its folder. Nothing is extracted again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson

from corpus.records import Document, Picture, Skipped

Item = Document | Picture | Skipped


def snapshot_at(spec: str) -> Path | None:
    """The folder a spec names, where that is a snapshot; else None."""
    if spec.startswith("snapshot:") and not os.path.exists(spec):
        return Path(spec.partition(":")[2])
    return Path(spec) if is_snapshot(spec) else None


def is_snapshot(path: str) -> bool:
    """Whether a folder is a finished snapshot, and not that of a web app, which has a manifest.json, too."""
    # os.path, since a Path raises for a name that is too long.
    return os.path.isfile(os.path.join(path, "manifest.json")) and os.path.isdir(os.path.join(path, "documents"))


def read_snapshot(path: str, *, skip: int = 0) -> Iterator[Item]:
    """Pages by ascending doc_id, then pictures, then what was skipped when it was built.

    Raises SnapshotIncomplete, SnapshotFormat or SnapshotCorrupt at once.
    """
    return (item for item, _ in items_with_origins(Path(path), skip=skip))


def items_with_origins(path: Path, *, skip: int = 0) -> Iterator[tuple[Item, int]]:
    """The same, each with the number of its source in the snapshot's manifest. Raises as `read_snapshot`."""
    from corpus.snapshot import open_snapshot

    web = open_snapshot(path)
    store, images = web.store, web.images

    def pictures(first: int) -> Iterator[tuple[Item, int]]:
        for number in range(first, len(images)):
            yield images.picture(number), 0  # where a picture came from is not kept

    def items() -> Iterator[tuple[Item, int]]:
        for number in range(skip, len(store)):
            yield store.document(number), int(store.source_numbers[number])
        yield from pictures(max(0, skip - len(store)))
        yield from islice(_skipped(path), max(0, skip - len(store) - len(images)), None)

    return items()


def _skipped(path: Path) -> Iterator[tuple[Item, int]]:
    try:
        with open(path / "skipped.jsonl", "rb") as file:
            for line in file:
                row = orjson.loads(line)
                yield Skipped(row["where"], row["reason"]), row["number"]
    except FileNotFoundError:  # it lies beside for people, and may have been taken away
        return
