"""What a snapshot says of itself, and the two ids it goes by.

`content_id` covers the documents and every setting that can change an answer; `snapshot_id` covers that and the
digests of the stored vectors and of an approximate index. Neither covers files whose bytes may differ while answers
do not (Tantivy names its segments at random). No time of day stands here: two builds differ in nothing that shows.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpus.errors import SnapshotCorrupt, SnapshotFormat, SnapshotIncomplete

FORMAT_VERSION = 2
MANIFEST = "manifest.json"
_CHUNK_BYTES = 1024**2

Mode = Literal["bm25", "dense", "hybrid"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SnapshotSettings(_Frozen):
    """Everything that can change an answer of a snapshot."""

    passage_chars: int
    overlap_chars: int
    whole_chars: int = 0
    """A page of at most so many characters is one passage; 0 in snapshots of before that was so."""
    analyzers: dict[str, str]
    """Field -> analyzer."""
    field_weights: dict[str, float]
    """Field -> weight of its BM25 score in the sum."""
    languages: tuple[str, ...]
    """Languages other than English whose pages and queries go through an analysis of their own, in two letters."""
    encoder: str | None
    """Spec of the encoder, as given to `--encoder`; None for a snapshot without vectors."""
    encoder_record: dict[str, Any] | None
    exact_up_to: int | None
    """Passages up to which the dense index is exact, where a build chose other than the default."""
    dense_index: Literal["exact", "codes"] | None
    default_mode: Mode
    fusion_weights: dict[str, float]
    """Retriever -> weight in the fusion of mode hybrid."""


class FileRecord(_Frozen):
    size_bytes: int
    sha256: str


class SourceRecord(_Frozen):
    """Where pages came from, and what became of them."""

    name: str
    """The last two parts of a path, or the spec; where it lay on its machine is nobody's business."""
    kind: str
    licence: str | None
    notes: dict[str, str]
    """What a source tells of itself, such as title, creator, publisher, date."""
    pages: int
    """Read from it, those that a later page of the same URL replaced among them."""
    pictures: int
    duplicates: int
    """Pages of it that replaced an earlier one."""
    skipped: int


class Counts(_Frozen):
    documents: int
    passages: int
    pictures: int
    near_duplicates: int
    """Pages that say almost the same as one with a lower doc_id."""
    links: int
    """Between pages of the snapshot."""
    duplicates: int
    """Pages that a later page of the same URL replaced."""
    skipped: int


class Manifest(_Frozen):
    """`manifest.json`, written last. docs/snapshots.md describes every field; `stillweb corpus schema` prints them."""

    format_version: int = FORMAT_VERSION
    snapshot_id: str
    content_id: str
    title: str
    citation: str
    """A line to cite the snapshot by; it follows from the rest."""
    counts: Counts
    settings: SnapshotSettings
    versions: dict[str, str]
    """Libraries that wrote the files."""
    sources: list[SourceRecord]
    files: dict[str, FileRecord] = Field(repr=False)
    """Path within the snapshot -> size and digest."""


def content_id_of(documents_digest: str, settings: SnapshotSettings) -> str:
    # The encoder's record says what it is; its spec only where it was found. Snapshots of before short pages stayed
    # whole have ids made without that setting.
    left_out = {"encoder"} if settings.whole_chars else {"encoder", "whole_chars"}
    dumped = orjson.dumps(settings.model_dump(exclude=left_out), option=orjson.OPT_SORT_KEYS)
    material = f"{FORMAT_VERSION}\n{documents_digest}\n".encode() + dumped
    return hashlib.sha256(material).hexdigest()[:32]


def snapshot_id_of(content_id: str, files: dict[str, FileRecord]) -> str:
    """Of `files` it takes the digests of vectors, approximate index and pictures."""
    digests = {name: record.sha256 for name, record in files.items() if name.startswith(("dense/", "images/"))}
    material = content_id.encode() + orjson.dumps(digests, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(material).hexdigest()[:32]


def citation_of(snapshot_id: str, title: str, counts: Counts, sources: list[SourceRecord]) -> str:
    """One line that names a snapshot so that another can get the same: it has no date, since the id says it all."""
    named = "; ".join(f"{source.name} ({source.licence or 'licence not stated'})" for source in sources[:5])
    more = f"; and {len(sources) - 5} more" if len(sources) > 5 else ""
    return (
        f"{title or 'Untitled'}. Stillweb snapshot {snapshot_id}, {counts.documents:,} pages and {counts.passages:,} "
        f"passages from {named}{more}."
    )


def file_record(path: Path) -> FileRecord:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(size_bytes=path.stat().st_size, sha256=digest)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a snapshot directory. Raises SnapshotIncomplete, SnapshotFormat or SnapshotCorrupt."""
    file = path / MANIFEST
    if not file.is_file():
        raise SnapshotIncomplete(path)
    return parse_manifest(file.read_bytes(), str(path))


def parse_manifest(manifest: bytes, place: str) -> Manifest:
    """The manifest that `place`, a folder or URL for people to read, sent. Raises SnapshotFormat or SnapshotCorrupt."""
    file = f"{place}/{MANIFEST}"
    try:
        data = orjson.loads(manifest)
        version = data["format_version"]
        if not isinstance(version, int):
            raise TypeError(f"format_version is {version!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotCorrupt(file, "it is not a manifest") from error
    if version != FORMAT_VERSION:
        raise SnapshotFormat(
            f"{place} has snapshot format {version}, this version reads format {FORMAT_VERSION}. "
            + (
                "Install a newer stillweb."
                if version > FORMAT_VERSION
                else "Build it again from its sources; or let the version that built it write its pages (`stillweb "
                "corpus export`), and build from those."
            )
        )
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        raise SnapshotCorrupt(file, f"it has {error.error_count()} fields that do not fit") from error


def check_sizes(path: Path, manifest: Manifest) -> None:
    """Compare every file's size, which takes no time. Raises SnapshotCorrupt naming the first that differs."""
    for name, record in sorted(manifest.files.items()):
        file = path / name
        if not file.is_file():
            raise SnapshotCorrupt(file, "it is missing")
        size = file.stat().st_size
        if size != record.size_bytes:
            raise SnapshotCorrupt(file, f"it has {size:,} bytes where {record.size_bytes:,} are listed")


def check_files(
    path: Path,
    manifest: Manifest,
    done: Callable[[str], None] = lambda name: None,
    *,
    moved: Callable[[int], None] = lambda size_bytes: None,
    threads: int | None = None,
) -> None:
    """Compare every file with its size and digest. Raises SnapshotCorrupt naming the first, by name, that differs.

    `done` is told each file that fits, in order of names; `moved` how many bytes were read since it was last told,
    from one thread at a time. `threads` read side by side; by default as many as there are cores, four at most.
    """
    check_sizes(path, manifest)
    names = sorted(manifest.files)
    stop, lock = Event(), Lock()

    def read(size_bytes: int) -> None:
        with lock:
            moved(size_bytes)

    # One loop reads while another hashes: hashlib lets go of the interpreter lock. Results come by name, whichever
    # was first, so that two runs over the same damage name the same file.
    with ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1)) as pool:
        try:
            for name, digest in zip(names, pool.map(lambda name: _digest(path / name, read, stop), names), strict=True):
                if digest != manifest.files[name].sha256:
                    raise SnapshotCorrupt(path / name, "its sha256 is another")
                done(name)
        finally:
            stop.set()  # what was handed out behind the first difference need not be read to its end
    check_ids(path, manifest)


def _digest(file: Path, read: Callable[[int], None], stop: Event) -> str:
    """sha256 of a file in hexadecimal, or "" where `stop` is set first. Raises SnapshotCorrupt."""
    digest, buffer = hashlib.sha256(), bytearray(_CHUNK_BYTES)
    view = memoryview(buffer)
    try:
        with open(file, "rb", buffering=0) as data:
            while size_bytes := data.readinto(buffer):
                if stop.is_set():
                    return ""
                digest.update(view[:size_bytes])
                read(size_bytes)
    except OSError as error:
        raise SnapshotCorrupt(file, f"it cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def check_ids(path: Path, manifest: Manifest) -> None:
    """Compute both ids again from the parts, whose digests are taken to be right. Raises SnapshotCorrupt."""
    digest = path / "documents" / "digest.txt"
    if (
        not digest.is_file()
        or content_id_of(digest.read_text(errors="replace"), manifest.settings) != manifest.content_id
    ):
        raise SnapshotCorrupt(path / MANIFEST, "its content_id does not follow from its documents and settings")
    if snapshot_id_of(manifest.content_id, manifest.files) != manifest.snapshot_id:
        raise SnapshotCorrupt(path / MANIFEST, "its snapshot_id does not follow from its parts")
