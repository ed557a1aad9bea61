"""Snapshots at a distance: push to and pull from any URL that fsspec knows; both go on where they were cut off.

What proves what: `push` verifies the snapshot's digests before it sends, and afterwards the size of every file at the
remote (on a disk of this machine also the digest of what an earlier try left). `pull` verifies every digest.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from corpus.errors import BuildRefused, RemoteUnavailable, SnapshotCorrupt
from corpus.manifest import MANIFEST, Manifest, check_files, check_ids, parse_manifest, read_manifest
from corpus.remote_files import RemoteFolder, fetch, size_of
from corpus.transport import (
    BESIDE,
    MAX_MANIFEST_BYTES,
    ByteProgress,
    arrival,
    check_names,
    check_room,
    opened_archive,
    packed_manifest,
    part_of,
    silent_bytes,
    taken,
    unpack,
    verified_before,
)

PUSHING = "pushing.json"
"""At the remote while a push is under way: the manifest to come, so that no other snapshot is mixed in."""
_PULLING = ".pull"
"""In the working folder of a pull: what is being pulled, so that another remote starts over."""
_PACKED = "packed.tar.zst"


def push(snapshot: Path, url: str, *, progress: ByteProgress = silent_bytes) -> Manifest:
    """Send a snapshot to a folder at `url`, its manifest last; return the manifest that then lies there.

    Run again after a break: what is there whole is not sent again. A finished push of the same snapshot is left as it
    is. Raises SnapshotCorrupt for a damaged snapshot, BuildRefused where the remote holds anything else, and
    RemoteUnavailable.
    """
    manifest = read_manifest(snapshot)
    sizes = {name: record.size_bytes for name, record in manifest.files.items()}
    remote = RemoteFolder.open(url)
    if remote.is_http:
        raise RemoteUnavailable(
            f"{remote.shown} can be pulled from, not pushed to.", "Push to s3://, gs:// or a folder."
        )
    with progress("verifying", sum(sizes.values())) as moved:
        check_files(snapshot, manifest, moved=moved)
    sizes |= {name: (snapshot / name).stat().st_size for name in BESIDE if (snapshot / name).is_file()}
    data = (snapshot / MANIFEST).read_bytes()
    there = remote.sizes()
    # A prefix is what a push that was cut off may have left, of the manifest as of any file.
    if MANIFEST in there and not data.startswith(found := remote.read(MANIFEST, MAX_MANIFEST_BYTES)):
        return _other_push(found, manifest, there, remote.shown)
    finished = there.get(MANIFEST) == len(data)
    if not finished:
        _check_marker(remote, there, manifest, data)
        remote.write(PUSHING, data)
    with progress("sending", sum(sizes.values())) as moved:
        for name, size_bytes in sorted(sizes.items()):
            if there.get(name) == size_bytes and _fits(remote, name, manifest):
                moved(size_bytes)
            else:
                remote.send(snapshot / name, name, moved)
    _check_sent(remote, sizes)
    if not finished:
        remote.write(MANIFEST, data)
    if remote.read(MANIFEST, MAX_MANIFEST_BYTES) != data:
        raise RemoteUnavailable(f"{remote.shown}/{MANIFEST} did not arrive as sent.", "Run the same push again.")
    remote.remove(PUSHING)
    return manifest


def _fits(remote: RemoteFolder, name: str, manifest: Manifest) -> bool:
    record = manifest.files.get(name)
    return record is None or not remote.is_local or remote.digest(name) == record.sha256


def _other_push(found: bytes, manifest: Manifest, there: dict[str, int], place: str) -> Manifest:
    """A finished snapshot lies there; fine where it is the same one from another build, else refused."""
    other = parse_manifest(found, place)
    if other.snapshot_id != manifest.snapshot_id:
        raise BuildRefused(
            f"{place} holds the finished snapshot {other.snapshot_id}, and this one is {manifest.snapshot_id}.",
            "Snapshots are immutable: push to another URL, or remove that folder first.",
        )
    wrong = [name for name, record in sorted(other.files.items()) if there.get(name) != record.size_bytes]
    if wrong:
        raise BuildRefused(
            f"{place} holds this snapshot from another build, damaged: {wrong[0]} is missing or of another size.",
            "Remove that folder and push again.",
        )
    return other


def _check_marker(remote: RemoteFolder, there: dict[str, int], manifest: Manifest, data: bytes) -> None:
    """Raises BuildRefused unless the remote is empty or holds an unfinished push of this very manifest."""
    if not there:
        return
    if PUSHING not in there:
        raise BuildRefused(f"{remote.shown} is not empty ({min(there)} is there).", "Push to a new, empty URL.")
    marker = remote.read(PUSHING, MAX_MANIFEST_BYTES)
    if not data.startswith(marker):
        other = parse_manifest(marker, f"{remote.shown}/{PUSHING}").snapshot_id
        which = "another build of this snapshot" if other == manifest.snapshot_id else f"snapshot {other}"
        raise BuildRefused(
            f"{remote.shown} holds an unfinished push of {which}; this one is {manifest.snapshot_id}.",
            "Finish that push, push to another URL, or remove that folder first.",
        )


def _check_sent(remote: RemoteFolder, sizes: dict[str, int]) -> None:
    there = remote.sizes()
    for name, size_bytes in sorted(sizes.items()):
        if there.get(name) != size_bytes:
            raise RemoteUnavailable(
                f"{remote.shown}/{name} has {there.get(name, 0):,} bytes where {size_bytes:,} were sent.",
                "Run the same push again: it sends what is not there whole.",
            )


def pull(url: str, out: Path, *, progress: ByteProgress = silent_bytes) -> Manifest:
    """Fetch the snapshot at `url`, a folder that `push` wrote or a .tar.zst from `pack`, into the new folder `out`.

    Run again after a break: whole files are kept, a cut one goes on behind its last byte where the remote can do that.
    What has arrived waits in `.NAME.pulling` beside `out`. Where `out` holds the same snapshot already, it is verified
    and left. Raises RemoteUnavailable, SnapshotCorrupt, SnapshotFormat or BuildRefused.
    """
    remote = RemoteFolder.open(url)
    if urlsplit(url).path.endswith(".zst"):
        return _pull_packed(remote, out, progress)
    data = _remote_manifest(remote)
    manifest = parse_manifest(data, remote.shown)
    check_names(manifest, remote.shown)
    if os.path.lexists(out):
        return verified_before(out, manifest, progress)
    with arrival(out, "pulling") as part:
        _begin(part, data, set(manifest.files))
        total_bytes = sum(record.size_bytes for record in manifest.files.values())
        check_room(part, out, total_bytes - sum(size_of(part / name) for name in manifest.files))
        with progress("downloading", total_bytes) as moved:
            for name, record in sorted(manifest.files.items()):
                if fetch(remote, name, part / name, record.size_bytes, moved, record.sha256) != record.sha256:
                    (part / name).unlink()
                    raise SnapshotCorrupt(f"{remote.shown}/{name}", "its sha256 is another")
        for name in BESIDE:  # no digest covers them: they are for people, and come where they are there
            if remote.holds(name):
                fetch(remote, name, part / name, None, lambda size_bytes: None)
        check_ids(part, manifest)
        (part / _PULLING).replace(part / MANIFEST)
        os.rename(part, out)
    return manifest


def _remote_manifest(remote: RemoteFolder) -> bytes:
    try:
        return remote.read(MANIFEST, MAX_MANIFEST_BYTES)
    except RemoteUnavailable as error:
        if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise
        if remote.holds(PUSHING):
            raise RemoteUnavailable(
                f"{remote.shown} has no {MANIFEST}: its push did not finish.", "Run that push again, then pull."
            ) from error
        raise RemoteUnavailable(
            f"There is no snapshot at {remote.shown}: it has no {MANIFEST}.",
            "Name the folder that `stillweb corpus push` wrote, or a .tar.zst file.",
        ) from error


def _begin(part: Path, mark: bytes, names: set[str]) -> None:
    """Keep what an earlier pull of the same left in its working folder, and nothing else: no links, no strangers."""
    pulling, last = part / _PULLING, part / MANIFEST
    if last.is_file() and not last.is_symlink() and not os.path.lexists(pulling):  # only the renaming was left to do
        last.replace(pulling)
    same = not pulling.is_symlink() and pulling.is_file() and pulling.read_bytes() == mark
    for folder, folders, files in os.walk(part):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_dir() and not path.is_symlink():
                continue
            known = path == pulling or str(path.relative_to(part)) in names
            # A hard link would let the bytes that come end in a file elsewhere.
            if not (same and known and not path.is_symlink() and path.is_file() and path.stat().st_nlink == 1):
                path.unlink()
    if not same:
        pulling.write_bytes(mark)


def _pull_packed(remote: RemoteFolder, out: Path, progress: ByteProgress) -> Manifest:
    size_bytes, version = remote.version()
    if os.path.lexists(out):
        manifest = verified_before(out, _peek(remote, out), progress)
        if os.path.lexists(part_of(out, "pulling")):  # what a pull left that was killed when all was unpacked
            with suppress(BuildRefused), arrival(out, "pulling") as part:
                shutil.rmtree(part, ignore_errors=True)
        return manifest
    with arrival(out, "pulling") as part:
        _begin(part, orjson.dumps([remote.shown, size_bytes, version]), {_PACKED})
        packed = part / _PACKED
        check_room(part, out, (size_bytes or 0) - size_of(packed))
        with progress("downloading", size_bytes) as moved:
            fetch(remote, "", packed, size_bytes, moved)
        try:
            manifest = unpack(packed, out, progress=progress)
        except SnapshotCorrupt as error:
            packed.unlink()  # its two halves may be of files that lay there one after the other
            raise SnapshotCorrupt(remote.shown, error.difference) from error
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def _peek(remote: RemoteFolder, out: Path) -> Manifest:
    """The manifest at the head of a packed snapshot, without the rest of it."""
    try:
        with remote.reading("") as file, opened_archive(file, remote.shown) as archive:
            return packed_manifest(archive, remote.shown)[0]
    except SnapshotCorrupt as error:
        raise taken(out) from error
