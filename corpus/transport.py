"""Snapshots on the move: one file to send, a folder again at the other end, pages as JSON lines, and what differs."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import zstandard

from corpus.docstore import DocStore
from corpus.errors import BadUrl, BuildRefused, SnapshotCorrupt
from corpus.manifest import MANIFEST, Manifest, check_files, read_manifest
from corpus.records import Document
from corpus.snapshot import Snapshot
from corpus.urls import canonical_url

_BESIDE = ("skipped.jsonl",)
"""Files that lie beside what the manifest lists and travel with it; `build.json` tells of this machine and stays."""
_LEVEL = 10
_MAX_MANIFEST_BYTES = 256 * 1024**2


def pack(snapshot: Path, out: Path) -> Manifest:
    """Write a snapshot as one .tar.zst; the same snapshot folder gives the same bytes, wherever and whenever.

    The manifest comes first, so that who unpacks knows what to expect. Written beside `out` and renamed when whole.
    Raises SnapshotIncomplete or SnapshotCorrupt; BuildRefused where `out` cannot be written.
    """
    manifest = read_manifest(snapshot)
    names = [MANIFEST, *sorted(manifest.files), *(name for name in _BESIDE if (snapshot / name).is_file())]
    with (
        _whole_file(out) as file,
        zstandard.ZstdCompressor(level=_LEVEL, threads=2).stream_writer(file, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in names:
            path = snapshot / name
            member = tarfile.TarInfo(name)  # no times, no owners: they are the machine's and not the snapshot's
            member.size = path.stat().st_size
            with open(path, "rb") as data:
                archive.addfile(member, data)
    return manifest


@contextmanager
def _whole_file(out: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes its name only when the block ends well. Raises BuildRefused."""
    part = out.with_name(out.name + ".partial")
    try:
        with open(part, "wb") as file:
            yield file
        part.replace(out)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise BuildRefused(f"{out} cannot be written: {error}.", "Choose another file, or make room.") from error


def unpack(packed: Path, out: Path) -> Manifest:
    """Unpack what `pack` wrote into the new folder `out`, and verify every file.

    Everything lands in a folder beside `out` that takes its name when all is there and right; a try that was cut off
    leaves `out` alone, and the next one starts over. Members that the manifest does not list (other paths, links,
    devices) are refused. Raises SnapshotCorrupt or BuildRefused.
    """
    if out.exists():
        raise BuildRefused(f"{out} is there already.", "Choose a new folder, or remove this one first.")
    part = out.with_name(f".{out.name}.unpacking")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        with (
            open(packed, "rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as data,
            tarfile.open(fileobj=io.BufferedReader(data), mode="r|") as archive,
        ):
            _take_members(archive, packed, part)
        manifest = read_manifest(part)
        check_files(part, manifest)
        os.rename(part, out)
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise SnapshotCorrupt(packed, f"it is no packed snapshot, or not all of it ({error})") from error
    except OSError as error:
        raise BuildRefused(f"{out} cannot be unpacked: {error}.", "Check the file, and that there is room.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def _take_members(archive: tarfile.TarFile, packed: Path, part: Path) -> None:
    listed: dict[str, int] | None = None
    for member in archive:
        if listed is None:
            if member.name != MANIFEST or not member.isreg() or member.size > _MAX_MANIFEST_BYTES:
                raise SnapshotCorrupt(packed, "it does not begin with a manifest")
        elif not member.isreg() or member.name not in listed or member.size > listed[member.name]:
            raise SnapshotCorrupt(packed, f"it holds {member.name[:100]!r}, which its manifest does not list like that")
        source = archive.extractfile(member)
        assert source is not None  # regular members have contents
        target = part / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        if listed is None:
            files = read_manifest(part).files
            if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
                raise SnapshotCorrupt(packed, "its manifest lists files outside the snapshot")
            listed = {name: record.size_bytes for name, record in files.items()}
            listed |= dict.fromkeys(_BESIDE, 1 << 34)


def export_rows(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Every page as a row that `corpus build` reads back: the same rows give the same content_id."""
    for number in range(len(snapshot.store)):
        document = snapshot.store.document(number)
        row = {name: value for name, value in asdict(document).items() if value not in (None, (), "")}
        for image in row.get("images", ()):
            if not _is_canonical(image["url"]):  # a path beside the source, which only "file" leaves as it is
                image["file"] = image.pop("url")
        yield {"url": document.url, **row}


def _is_canonical(url: str) -> bool:
    try:
        return canonical_url(url) == url
    except BadUrl:
        return False


def export_jsonl(snapshot: Snapshot, out: Path) -> int:
    """Write every page as a line of JSON, zstd-packed if the name ends in .zst; return how many."""
    count = 0
    with _whole_file(out) as file:
        compress = zstandard.ZstdCompressor(level=_LEVEL)
        packed = compress.stream_writer(file, closefd=False) if out.suffix == ".zst" else nullcontext(file)
        with packed as target:
            for row in export_rows(snapshot):
                target.write(orjson.dumps(row) + b"\n")
                count += 1
    return count


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from one snapshot to another: URLs of pages, and settings as (name, before, after)."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    settings: tuple[tuple[str, Any, Any], ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.settings)


def diff(before: Snapshot, after: Snapshot) -> Difference:
    """Compare two snapshots page by page; URLs are sorted. Reads every page that both hold."""
    old, new = before.store, after.store
    both = np.intersect1d(old.ids, new.ids, assume_unique=True)
    changed = [url for doc_id in both.tolist() if (url := _changed_url(old, new, f"{doc_id:016x}")) is not None]
    was, now = before.manifest.settings.model_dump(), after.manifest.settings.model_dump()
    return Difference(
        added=_only(new, old),
        removed=_only(old, new),
        changed=tuple(sorted(changed)),
        settings=tuple((name, was[name], now[name]) for name in was if was[name] != now[name]),
    )


def _only(store: DocStore, other: DocStore) -> tuple[str, ...]:
    missing = np.nonzero(np.isin(store.ids, other.ids, assume_unique=True, invert=True))[0]
    return tuple(sorted(store.head(int(number))[0] for number in missing))


def _changed_url(old: DocStore, new: DocStore, doc_id: str) -> str | None:
    pages: list[Document] = [store.document(store.require(doc_id=doc_id)) for store in (old, new)]
    return None if pages[0] == pages[1] else pages[1].url
