"""Where pages come from: the one seam between a build and the many shapes of its input.

    read_source("docs.jsonl.zst")     a file or folder, its kind told from its name
    read_source("jsonl:docs.txt")     the kind named, for files called something else
    read_source("factbook:")          the pages of an installed package
    read_source("world:seed=7")       the pages of a generated world

A source is an iterator of `Document | Skipped | Picture` in an order that never changes, so `skip` is all it takes to
resume: `list(read_source(spec, skip=n)) == list(read_source(spec))[n:]`, and nothing passed over is extracted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from corpus.errors import BadSource
from corpus.records import Document, Picture, Skipped
from corpus.sources.snapshot import is_snapshot

JSONL_SUFFIXES = tuple(kind + packing for kind in (".jsonl", ".ndjson", ".json") for packing in ("", ".gz", ".zst"))
FOLDER_SUFFIXES = (".html", ".htm", ".xhtml", ".md", ".markdown", ".txt", ".pdf")
TABLE_SUFFIXES = (".parquet", ".arrow", ".feather")
WIKI_SUFFIXES = (".xml", ".xml.bz2", ".xml.gz", ".xml.zst")
ZIM_SUFFIXES = (".zim", ".zimaa")
WARC_SUFFIXES = (".warc", ".warc.gz", ".wet", ".wet.gz")


Item = Document | Skipped | Picture


def read_source(spec: str, *, skip: int = 0) -> Iterator[Item]:
    """The pages and pictures of a source, without the first `skip` items (skipped ones count).

    Raises BadSource at once where there is no such source or no such kind.
    """
    kind, args, _ = _told(spec)
    return KINDS[kind](args, skip)


def describe_source(spec: str) -> tuple[str, str]:
    """(kind, how it was told): "as named" where the spec says it, "by name" or "by what is in it" where it was guessed.

    Raises BadSource as `guess_kind` does.
    """
    kind, _, how = _told(spec)
    return kind, how


def _told(spec: str) -> tuple[str, str, str]:
    """Kind, what stands behind it, and how the kind was told."""
    kind, colon, args = spec.partition(":")
    if kind in KINDS and (colon or not Path(spec).exists()):
        return kind, args, "as named"
    kind = guess_kind(spec)
    return kind, spec, "by what is in it" if kind in ("folder", "mediawiki", "snapshot") else "by name"


def guess_kind(path: str) -> str:
    """The kind of a folder with pages in it, or of a file named like one of a kind. Raises BadSource."""
    known = ", ".join(f"{kind}:" for kind in KINDS)
    if "://" in path:
        raise BadSource(
            f"{path} is an address, and sources are read from disk.",
            "Download it and name the file; a table can be read where it lies, as parquet:URL.",
        )
    if not os.path.exists(path):
        raise BadSource(
            f"There is no file or folder {path}, and it does not begin with a known kind ({known}). Check the path."
        )
    if is_snapshot(path):
        return "snapshot"
    if os.path.isdir(path):
        for _, _, names in os.walk(path):
            if any(name.lower().endswith(FOLDER_SUFFIXES) for name in names):
                return "folder"
        raise BadSource(
            f"The folder {path} holds no {', '.join(FOLDER_SUFFIXES)} file. Name a folder of pages, or a file of them."
        )
    if path.lower().endswith(WIKI_SUFFIXES):
        from corpus.sources.exports import read_site

        read_site(path)  # XML can be anything: this says what it is, where it is no export of a wiki
        return "mediawiki"
    for kind, suffixes in _SUFFIXES.items():
        if path.lower().endswith(suffixes):
            return kind
    raise BadSource(
        f"The name of {path} does not tell what is in it. Say so before the name, as in jsonl:{path}, or rename it."
    )


def _factbook(args: str, skip: int) -> Iterator[Item]:
    from corpus.sources.factbook import read_factbook

    return read_factbook(args, skip=skip)


def _folder(args: str, skip: int) -> Iterator[Item]:
    from corpus.sources.folder import read_folder

    return read_folder(args, skip=skip)


def _jsonl(args: str, skip: int) -> Iterator[Item]:
    from corpus.sources.jsonl import read_jsonl

    return read_jsonl(args, skip=skip)


def _mediawiki(args: str, skip: int) -> Iterator[Item]:
    from corpus.sources.mediawiki import read_mediawiki

    return read_mediawiki(args, skip=skip)


def _parquet(args: str, skip: int) -> Iterator[Item]:
    from corpus.sources.parquet import read_parquet

    return read_parquet(args, skip=skip)


def _recording(args: str, skip: int) -> Iterator[Item]:
    from corpus.sources.recording import read_recording

    return read_recording(args, skip=skip)


def _snapshot(args: str, skip: int) -> Iterator[Item]:
    from corpus.sources.snapshot import read_snapshot

    return read_snapshot(args, skip=skip)


def _warc(args: str, skip: int) -> Iterator[Item]:
    from corpus.sources.warc import read_warc

    return read_warc(args, skip=skip)


def _world(args: str, skip: int) -> Iterator[Item]:
    from corpus.world.source import read_world

    return read_world(args, skip=skip)


def _zim(args: str, skip: int) -> Iterator[Item]:
    from corpus.sources.zim import read_zim

    return read_zim(args, skip=skip)


# Imported when called: a build of a folder needs no factbook.
KINDS: dict[str, Callable[[str, int], Iterator[Item]]] = {
    "factbook": _factbook,
    "folder": _folder,
    "jsonl": _jsonl,
    "mediawiki": _mediawiki,
    "parquet": _parquet,
    "recording": _recording,
    "snapshot": _snapshot,
    "warc": _warc,
    "world": _world,
    "zim": _zim,
}
_SUFFIXES = {"jsonl": JSONL_SUFFIXES, "parquet": TABLE_SUFFIXES, "warc": WARC_SUFFIXES, "zim": ZIM_SUFFIXES}
