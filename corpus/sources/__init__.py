"""Where pages come from: the one seam between a build and the many shapes of its input.

    read_source("docs.jsonl.zst")     a file or folder, its kind told from its name
    read_source("jsonl:docs.txt")     the kind named, for files called something else
    read_source("factbook:")          the pages of an installed package

A source is an iterator of `Document | Skipped` in an order that never changes, so `skip` is all it takes to resume:
`list(read_source(spec, skip=n)) == list(read_source(spec))[n:]`, with nothing extracted for what is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from corpus.errors import BadSource
from corpus.records import Document, Skipped

JSONL_SUFFIXES = tuple(kind + packing for kind in (".jsonl", ".ndjson", ".json") for packing in ("", ".gz", ".zst"))
FOLDER_SUFFIXES = (".html", ".htm", ".xhtml", ".md", ".markdown", ".txt", ".pdf")
TABLE_SUFFIXES = (".parquet", ".arrow", ".feather")
WARC_SUFFIXES = (".warc", ".warc.gz", ".wet", ".wet.gz")


def read_source(spec: str, *, skip: int = 0) -> Iterator[Document | Skipped]:
    """The pages of a source, without the first `skip` items (documents and skipped alike).

    Raises BadSource at once where there is no such source or no such kind.
    """
    kind, colon, args = spec.partition(":")
    if kind in KINDS and (colon or not Path(spec).exists()):
        return KINDS[kind](args, skip)
    return KINDS[guess_kind(spec)](spec, skip)


def guess_kind(path: str) -> str:
    """ "folder" for one with pages in it, "jsonl", "parquet" or "warc" for files named like one. Raises BadSource."""
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
    if os.path.isdir(path):
        for _, _, names in os.walk(path):
            if any(name.lower().endswith(FOLDER_SUFFIXES) for name in names):
                return "folder"
        raise BadSource(
            f"The folder {path} holds no {', '.join(FOLDER_SUFFIXES)} file. Name a folder of pages, or a JSONL or "
            "WARC file."
        )
    if path.lower().endswith(JSONL_SUFFIXES):
        return "jsonl"
    if path.lower().endswith(TABLE_SUFFIXES):
        return "parquet"
    if path.lower().endswith(WARC_SUFFIXES):
        return "warc"
    raise BadSource(
        f"The name of {path} does not tell what is in it. Say so before the name, as in jsonl:{path}, or rename it."
    )


def _factbook(args: str, skip: int) -> Iterator[Document | Skipped]:
    from corpus.sources.factbook import read_factbook

    return read_factbook(args, skip=skip)


def _folder(args: str, skip: int) -> Iterator[Document | Skipped]:
    from corpus.sources.folder import read_folder

    return read_folder(args, skip=skip)


def _jsonl(args: str, skip: int) -> Iterator[Document | Skipped]:
    from corpus.sources.jsonl import read_jsonl

    return read_jsonl(args, skip=skip)


def _parquet(args: str, skip: int) -> Iterator[Document | Skipped]:
    from corpus.sources.parquet import read_parquet

    return read_parquet(args, skip=skip)


def _warc(args: str, skip: int) -> Iterator[Document | Skipped]:
    from corpus.sources.warc import read_warc

    return read_warc(args, skip=skip)


# Imported when called: a build of a folder needs no factbook.
KINDS: dict[str, Callable[[str, int], Iterator[Document | Skipped]]] = {
    "factbook": _factbook,
    "folder": _folder,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "warc": _warc,
}
