"""Snapshots on the move: one file to send, a folder again at the other end, and what differs between two.

Whatever arrives lands in a folder beside its place and takes its name when all is there and right.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

import numpy as np
import zstandard

from corpus.docstore import DocStore
from corpus.errors import BuildRefused, CorpusError, SnapshotCorrupt
from corpus.manifest import MANIFEST, Manifest, check_files, parse_manifest, read_manifest
from corpus.records import Document
from corpus.snapshot import Snapshot

BESIDE = ("skipped.jsonl",)
"""Files that lie beside what the manifest lists and travel with it; `build.json` tells of this machine and stays."""
MAX_MANIFEST_BYTES = 256 * 1024**2
_MAX_BESIDE_BYTES = 1 << 34
_LEVEL = 10
_CHUNK_BYTES = 1024**2
_MAX_HEADER_BYTES = 1024**2
"""Of a name or a set of attributes in an archive: tarfile holds them whole, and zeros pack to next to nothing."""
_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)

Moved = Callable[[int], None]
"""Told how many bytes have gone by since it was told last."""


class ByteProgress(Protocol):
    """Shows how far a transfer is: a block that is told of bytes as they go by."""

    def __call__(self, stage: str, total_bytes: int | None) -> AbstractContextManager[Moved]: ...


def silent_bytes(stage: str, total_bytes: int | None) -> AbstractContextManager[Moved]:
    return nullcontext(lambda size_bytes: None)


def pack(snapshot: Path, out: Path, *, progress: ByteProgress = silent_bytes) -> Manifest:
    """Write a snapshot as one .tar.zst; the same snapshot folder gives the same bytes, wherever and whenever.

    The manifest comes first, so that who unpacks knows what to expect. Written beside `out` and renamed when whole.
    Raises SnapshotIncomplete or SnapshotCorrupt; BuildRefused where `out` cannot be written.
    """
    manifest = read_manifest(snapshot)
    names = [MANIFEST, *sorted(manifest.files), *(name for name in BESIDE if (snapshot / name).is_file())]
    with (
        whole_file(out) as file,
        progress("packing", sum(record.size_bytes for record in manifest.files.values())) as moved,
        zstandard.ZstdCompressor(level=_LEVEL, threads=2).stream_writer(file, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in names:
            member = tarfile.TarInfo(name)  # no times, no owners: they are the machine's and not the snapshot's
            try:
                with open(snapshot / name, "rb") as data:
                    member.size = os.fstat(data.fileno()).st_size
                    archive.addfile(member, data)
            except FileNotFoundError as error:
                raise SnapshotCorrupt(snapshot / name, "it is missing") from error
            moved(member.size)
    return manifest


@contextmanager
def whole_file(out: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes its name only when the block ends well. Raises BuildRefused."""
    part = out.with_name(out.name + ".partial")
    try:
        with open(part, "wb") as file:
            yield file
        part.replace(out)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BuildRefused(f"{out} cannot be written: {error}.", "Choose another file, or make room.") from error
        raise


def unpack(packed: Path, out: Path, *, progress: ByteProgress = silent_bytes) -> Manifest:
    """Unpack what `pack` wrote into the new folder `out`, and verify every file.

    A try that was cut off leaves `out` alone, and the next one starts over. Where `out` holds the same snapshot
    already, it is verified and left. Members that the manifest does not list, or twice (other paths, links, devices),
    are refused. Raises SnapshotCorrupt, SnapshotFormat or BuildRefused.
    """
    if os.path.lexists(out):
        return _again(packed, out, progress)
    with arrival(out, "unpacking") as part:
        for entry in list(part.iterdir()):  # left by a try that was killed
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        try:
            with _opened(packed) as archive:
                manifest = _take_members(archive, packed, part, out, progress)
            with progress("verifying", sum(record.size_bytes for record in manifest.files.values())) as moved:
                check_files(part, manifest, moved=moved)
            os.rename(part, out)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return manifest


class _Member(tarfile.TarInfo):
    """A member of an archive whose own headers are of a size that `pack` could have written."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        member = super().frombuf(buf, encoding, errors)
        too_long = member.type in _HEADERS and member.size > _MAX_HEADER_BYTES
        if too_long or member.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("a header that no packed snapshot has")
        return member


@contextmanager
def _opened(packed: Path) -> Iterator[tarfile.TarFile]:
    """The archive of that name. Raises SnapshotCorrupt, or BuildRefused for a file that is not there."""
    try:
        file = open(packed, "rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise BuildRefused(f"{packed} cannot be unpacked: {error}.", "Check the name of the file.") from error
    with file, opened_archive(file, str(packed)) as archive:
        yield archive


@contextmanager
def opened_archive(file: IO[bytes], place: str) -> Iterator[tarfile.TarFile]:
    """The archive in an open file. Raises SnapshotCorrupt where it is none, or not all of it."""
    try:
        with (
            zstandard.ZstdDecompressor().stream_reader(file) as data,
            tarfile.open(fileobj=io.BufferedReader(data), mode="r|", tarinfo=_Member) as archive,
        ):
            yield archive
    # tarfile calls itself for each header that stands before another.
    except (tarfile.TarError, zstandard.ZstdError, EOFError, ValueError, RecursionError) as error:
        raise SnapshotCorrupt(place, f"it is no packed snapshot, or not all of it ({error})") from error


def _again(packed: Path, out: Path, progress: ByteProgress) -> Manifest:
    if not (out / MANIFEST).is_file():
        raise taken(out)
    try:
        with _opened(packed) as archive:
            manifest, _ = packed_manifest(archive, str(packed))
    except CorpusError as error:
        raise taken(out) from error
    return verified_before(out, manifest, progress)


def taken(out: Path) -> BuildRefused:
    return BuildRefused(f"{out} is there already.", "Choose a new folder, or remove this one first.")


def verified_before(out: Path, manifest: Manifest, progress: ByteProgress) -> Manifest:
    """What lies in `out` where it is the snapshot that was to come, every file right.

    Raises BuildRefused where it is something else, SnapshotCorrupt where it is damaged.
    """
    if not (out / MANIFEST).is_file():
        raise taken(out)
    there = read_manifest(out)
    if there.snapshot_id != manifest.snapshot_id:
        raise BuildRefused(
            f"{out} is there already, with snapshot {there.snapshot_id} where {manifest.snapshot_id} was to come.",
            "Snapshots are immutable: choose a new folder, or remove this one first.",
        )
    with progress("verifying", sum(record.size_bytes for record in there.files.values())) as moved:
        check_files(out, there, moved=moved)
    return there


def part_of(out: Path, word: str) -> Path:
    """The folder `.NAME.WORD` beside `out`, in which it arrives."""
    final = Path(os.path.abspath(out))
    return final.with_name(f".{final.name}.{word}")


@contextmanager
def arrival(out: Path, word: str) -> Iterator[Path]:
    """`part_of(out, word)`, made where it is not there, for one process at a time.

    The lock is on the folder itself and goes with the process. A link in its place is not followed. Raises
    BuildRefused, also for an OSError of the block: nothing can be written, or no more.
    """
    part = part_of(out, word)
    try:
        part.mkdir(parents=True, exist_ok=True)
        handle = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise BuildRefused(
            f"{out} cannot be written: {error}.", "Choose another folder, or remove what is in its way."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), os.stat(part)):  # another process has just finished with it
            raise BlockingIOError
        yield part
    except BlockingIOError as error:
        raise BuildRefused(f"Another process is {word} {out}.", "Wait for it, or choose another folder.") from error
    except OSError as error:
        raise BuildRefused(
            f"{out} cannot be written: {error}.", "Make room or choose another disk, and run the same command again."
        ) from error
    finally:
        os.close(handle)


def check_names(manifest: Manifest, place: str) -> None:
    """Refuse names that mean, here or on another system, a file outside the snapshot or another's place in it.

    Raises SnapshotCorrupt.
    """
    for name in manifest.files:
        parts = name.split("/")
        folders = {str(folder) for folder in PurePosixPath(name).parents}
        if (
            any(part in ("", ".", "..") for part in parts)
            or not name.isprintable()
            or "\\" in name
            or name.startswith(".")
            or name == MANIFEST
            or not folders.isdisjoint(manifest.files)
        ):
            raise SnapshotCorrupt(place, f"its manifest lists {name[:100]!r}, a file outside the snapshot")


def check_room(folder: Path, out: Path, needed_bytes: int) -> None:
    """Raises BuildRefused where the disk of `folder`, on which `out` is to lie, has no room for that many bytes."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise BuildRefused(
            f"{out} needs {needed_bytes / 1e6:,.1f} MB more, and its disk has {free_bytes / 1e6:,.1f} MB free.",
            "Make room or choose another disk, and run the same command again.",
        )


def packed_manifest(archive: tarfile.TarFile, place: str) -> tuple[Manifest, bytes]:
    """The manifest an archive begins with, read and as bytes. Raises SnapshotCorrupt or SnapshotFormat."""
    member = archive.next()
    if member is None or member.name != MANIFEST or not member.isreg() or member.size > MAX_MANIFEST_BYTES:
        raise SnapshotCorrupt(place, "it does not begin with a manifest")
    source = archive.extractfile(member)
    assert source is not None  # regular members have contents
    data = source.read()
    manifest = parse_manifest(data, place)
    check_names(manifest, place)
    return manifest, data


def _take_members(archive: tarfile.TarFile, packed: Path, part: Path, out: Path, progress: ByteProgress) -> Manifest:
    manifest, data = packed_manifest(archive, str(packed))
    expected = {name: record.size_bytes for name, record in manifest.files.items()}
    total_bytes = sum(expected.values())
    check_room(part, out, total_bytes + len(data))
    expected |= dict.fromkeys(BESIDE, _MAX_BESIDE_BYTES)
    with progress("unpacking", total_bytes) as moved:
        # Not `for`, which would begin with the first again.
        while (member := archive.next()) is not None:
            # Taken off the list: a name that comes twice is no longer on it.
            if not member.isreg() or member.size > expected.pop(member.name, -1):
                raise SnapshotCorrupt(
                    packed, f"it holds {member.name[:100]!r}, which its manifest does not list like that"
                )
            source = archive.extractfile(member)
            assert source is not None
            target = part / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as file:
                while chunk := source.read(_CHUNK_BYTES):
                    file.write(chunk)
                    moved(len(chunk))
    (part / MANIFEST).write_bytes(data)
    return manifest


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
