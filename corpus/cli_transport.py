"""`stillweb corpus pack, unpack, push, pull, export, diff`: thin verbs that move snapshots and compare them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from corpus.cli import SnapshotDir, byte_bar, fail
from corpus.errors import CorpusError

NewFolder = Annotated[Path, typer.Option(help="Folder of the snapshot, which must not be there yet.")]


def pack(path: SnapshotDir, out: Annotated[Path, typer.Option(help="File to write, such as web.tar.zst.")]) -> None:
    """Write a snapshot as one file; the same snapshot gives the same bytes."""
    from corpus.transport import pack as pack_snapshot

    try:
        print(pack_snapshot(path, out, progress=byte_bar).snapshot_id)
    except CorpusError as error:
        fail(error)


def unpack(
    packed: Annotated[Path, typer.Argument(help="A file that `stillweb corpus pack` wrote.")], out: NewFolder
) -> None:
    """Unpack a snapshot and verify every file; the folder appears when all is there and right."""
    from corpus.transport import unpack as unpack_snapshot

    try:
        print(unpack_snapshot(packed, out, progress=byte_bar).snapshot_id)
    except CorpusError as error:
        fail(error)


def push(
    path: SnapshotDir,
    url: Annotated[str, typer.Argument(help="A folder, or a URL that fsspec knows: s3://, gs://, sftp://, file://.")],
) -> None:
    """Send a snapshot to another place. Run again after a break: it sends what is not there whole."""
    from corpus.remote import push as push_snapshot

    try:
        print(push_snapshot(path, url, progress=byte_bar).snapshot_id)
    except CorpusError as error:
        fail(error)


def pull(
    url: Annotated[str, typer.Argument(help="Where `stillweb corpus push` sent it, or the URL of a .tar.zst file.")],
    out: NewFolder,
) -> None:
    """Fetch a snapshot and verify every file. Run again after a break: it goes on where it stopped."""
    from corpus.remote import pull as pull_snapshot

    try:
        print(pull_snapshot(url, out, progress=byte_bar).snapshot_id)
    except CorpusError as error:
        fail(error)


def export(
    path: SnapshotDir,
    out: Annotated[Path, typer.Option(help="File to write: pages.jsonl, pages.jsonl.zst or pages.parquet.")],
) -> None:
    """Write the pages as JSON lines or Parquet, which `stillweb corpus build` reads back to the same content_id."""
    from corpus.export import export as export_pages
    from corpus.snapshot import open_snapshot

    try:
        print(export_pages(open_snapshot(path), out))
    except CorpusError as error:
        fail(error)


def diff(
    before: SnapshotDir,
    after: SnapshotDir,
    as_json: Annotated[bool, typer.Option("--json", help="URLs and settings as JSON.")] = False,
) -> None:
    """Tell which pages were added, removed or changed, and which settings."""
    from corpus.snapshot import open_snapshot
    from corpus.transport import diff as compare

    try:
        difference = compare(open_snapshot(before), open_snapshot(after))
    except CorpusError as error:
        fail(error)
    if as_json:
        print(orjson.dumps(difference, option=orjson.OPT_INDENT_2).decode())
        return
    for name, old, new in difference.settings:
        print(f"setting {name}: {old!r} -> {new!r}")
    for mark, urls in (("+", difference.added), ("-", difference.removed), ("~", difference.changed)):
        for url in urls:
            print(f"{mark} {url}")
    counts = (
        f"{len(difference.added):,} added, {len(difference.removed):,} removed, {len(difference.changed):,} changed"
    )
    print(counts, file=sys.stderr)
