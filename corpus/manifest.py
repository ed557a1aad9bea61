"""What a snapshot says of itself, and the two ids it goes by.

`content_id` covers the documents and every setting that can change an answer; `snapshot_id` covers that and the
digests of the stored vectors and of an approximate index. Neither covers files whose bytes may differ while answers
do not (Tantivy names its segments at random). No time of day stands here: two builds differ in nothing that shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpus.errors import SnapshotCorrupt, SnapshotFormat, SnapshotIncomplete

FORMAT_VERSION = 1
MANIFEST = "manifest.json"

Mode = Literal["bm25", "dense", "hybrid"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SnapshotSettings(_Frozen):
    """Everything that can change an answer of a snapshot."""

    passage_chars: int
    overlap_chars: int
    analyzers: dict[str, str]
    """Field -> analyzer."""
    field_weights: dict[str, float]
    """Field -> weight of its BM25 score in the sum."""
    encoder: str | None
    """Spec of the encoder, as given to `--encoder`; None for a snapshot without vectors."""
    encoder_record: dict[str, Any] | None
    dense_index: Literal["exact", "ivf"] | None
    default_mode: Mode
    fusion_weights: dict[str, float]
    """Retriever -> weight in the fusion of mode hybrid."""


class FileRecord(_Frozen):
    size_bytes: int
    sha256: str


class Counts(_Frozen):
    documents: int
    passages: int
    links: int
    """Between pages of the snapshot."""
    duplicates: int
    """Pages that a later page of the same URL replaced."""
    skipped: int


class Manifest(_Frozen):
    """`manifest.json`, written last."""

    format_version: int = FORMAT_VERSION
    snapshot_id: str
    content_id: str
    counts: Counts
    settings: SnapshotSettings
    versions: dict[str, str]
    """Libraries that wrote the files."""
    sources: list[str]
    files: dict[str, FileRecord] = Field(repr=False)
    """Path within the snapshot -> size and digest."""


def content_id_of(documents_digest: str, settings: SnapshotSettings) -> str:
    # The encoder's record says what it is; its spec only where it was found.
    dumped = orjson.dumps(settings.model_dump(exclude={"encoder"}), option=orjson.OPT_SORT_KEYS)
    material = f"{FORMAT_VERSION}\n{documents_digest}\n".encode() + dumped
    return hashlib.sha256(material).hexdigest()[:32]


def snapshot_id_of(content_id: str, dense_digests: dict[str, str]) -> str:
    material = content_id.encode() + orjson.dumps(dense_digests, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(material).hexdigest()[:32]


def file_record(path: Path) -> FileRecord:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(size_bytes=path.stat().st_size, sha256=digest)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a snapshot directory. Raises SnapshotIncomplete, SnapshotFormat or SnapshotCorrupt."""
    file = path / MANIFEST
    if not file.is_file():
        raise SnapshotIncomplete(path)
    try:
        data = orjson.loads(file.read_bytes())
        version = data["format_version"]
        if not isinstance(version, int):
            raise TypeError(f"format_version is {version!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotCorrupt(file, "it is not a manifest") from error
    if version != FORMAT_VERSION:
        raise SnapshotFormat(
            f"{path} has snapshot format {version}, this version reads format {FORMAT_VERSION}. "
            + (
                "Install a newer stillweb."
                if version > FORMAT_VERSION
                else "Build the snapshot again from its sources."
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


def check_files(path: Path, manifest: Manifest, done: Callable[[str], None] = lambda name: None) -> None:
    """Compare every file with its size and digest. Raises SnapshotCorrupt naming the first that differs."""
    check_sizes(path, manifest)
    for name, record in sorted(manifest.files.items()):
        file = path / name
        if file_record(file).sha256 != record.sha256:
            raise SnapshotCorrupt(file, "its sha256 is another")
        done(name)
    digest = path / "documents" / "digest.txt"
    if not digest.is_file() or content_id_of(digest.read_text(), manifest.settings) != manifest.content_id:
        raise SnapshotCorrupt(path / MANIFEST, "its content_id does not follow from its documents and settings")
    dense = {name: record.sha256 for name, record in manifest.files.items() if name.startswith("dense/")}
    if snapshot_id_of(manifest.content_id, dense) != manifest.snapshot_id:
        raise SnapshotCorrupt(path / MANIFEST, "its snapshot_id does not follow from its parts")
