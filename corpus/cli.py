"""`stillweb corpus ...`: thin verbs over functions anyone can import. Progress to stderr, results to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import orjson
import typer

from corpus.build import BuildOptions, build_snapshot
from corpus.errors import CorpusError
from corpus.manifest import check_files, read_manifest
from corpus.passages import OVERLAP_CHARS, PASSAGE_CHARS

T = TypeVar("T")

Sources = Annotated[list[str], typer.Argument(help="Files, folders, or SCHEME:ARGS such as factbook:.")]
SnapshotDir = Annotated[Path, typer.Argument(help="Snapshot directory.")]
EncoderOption = Annotated[
    str, typer.Option(help="none, static, minilm, st:NAME-OR-PATH, an embeddings URL#MODEL, or npy:VECTORS,IDS.")
]


def build(
    sources: Sources,
    out: Annotated[Path, typer.Option(help="Folder of the new snapshot.")],
    encoder: EncoderOption = "static",
    passage_chars: Annotated[int, typer.Option(help="Upper bound of a passage, in characters.")] = PASSAGE_CHARS,
    overlap_chars: Annotated[int, typer.Option(help="Characters a passage repeats of the one before.")] = OVERLAP_CHARS,
    threads: Annotated[int, typer.Option(help="Threads of the lexical index; changes no answer.")] = 1,
) -> None:
    """Build a snapshot. Run again after a crash: it continues where it stopped."""
    try:
        options = BuildOptions(
            encoder=encoder, passage_chars=passage_chars, overlap_chars=overlap_chars, threads=threads
        )
        manifest = build_snapshot(sources, out, options, progress=progress_bar)
    except CorpusError as error:
        fail(error)
    counts = manifest.counts
    print(
        f"{counts.documents:,} pages, {counts.passages:,} passages, {counts.links:,} links between them"
        + (f", {counts.duplicates:,} duplicates replaced" if counts.duplicates else "")
        + (f", {counts.skipped:,} skipped (see {out / 'skipped.jsonl'})" if counts.skipped else ""),
        file=sys.stderr,
    )
    print(manifest.snapshot_id)


def plan(
    sources: Sources,
    sample: Annotated[int, typer.Option(help="Pages to read for the estimate.")] = 500,
) -> None:
    """Tell how many pages and passages a build would have, and its time and disk by encoder."""
    from corpus.plan import plan_build

    try:
        print(plan_build(sources, sample=sample))
    except CorpusError as error:
        fail(error)


def info(
    path: SnapshotDir,
    as_json: Annotated[bool, typer.Option("--json", help="The manifest as JSON.")] = False,
) -> None:
    """Tell what a snapshot holds."""
    try:
        manifest = read_manifest(path)
    except CorpusError as error:
        fail(error)
    if as_json:
        print(orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2).decode())
        return
    counts, settings = manifest.counts, manifest.settings
    size_bytes = sum(record.size_bytes for record in manifest.files.values())
    rows: list[tuple[str, Any]] = [
        ("snapshot_id", manifest.snapshot_id),
        ("content_id", manifest.content_id),
        ("sources", ", ".join(manifest.sources)),
        ("pages", f"{counts.documents:,}"),
        ("passages", f"{counts.passages:,} of up to {settings.passage_chars:,} characters"),
        ("links", f"{counts.links:,} between pages"),
        ("duplicates", f"{counts.duplicates:,}"),
        ("skipped", f"{counts.skipped:,}"),
        ("encoder", settings.encoder or "none"),
        ("dense index", settings.dense_index or "none"),
        ("default mode", settings.default_mode),
        ("size", f"{size_bytes / 1e6:,.1f} MB in {len(manifest.files)} files"),
    ]
    for name, value in rows:
        print(f"{name:<14}{value}")


def verify(path: SnapshotDir) -> None:
    """Recompute every digest in the manifest and report the first difference."""
    try:
        manifest = read_manifest(path)
        names = iter(sorted(manifest.files))
        bar = progress_bar(names, "verifying", len(manifest.files))
        check_files(path, manifest, lambda name: (next(bar, None), None)[1])
        next(bar, None)
    except CorpusError as error:
        fail(error)
    print(manifest.snapshot_id)


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


def pack(path: SnapshotDir, out: Annotated[Path, typer.Option(help="File to write, such as web.tar.zst.")]) -> None:
    """Write a snapshot as one file; the same snapshot gives the same bytes."""
    from corpus.transport import pack as pack_snapshot

    try:
        print(pack_snapshot(path, out).snapshot_id)
    except CorpusError as error:
        fail(error)


def unpack(
    packed: Annotated[Path, typer.Argument(help="A file that `stillweb corpus pack` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the snapshot, which must not be there yet.")],
) -> None:
    """Unpack a snapshot and verify every file; the folder appears when all is there and right."""
    from corpus.transport import unpack as unpack_snapshot

    try:
        print(unpack_snapshot(packed, out).snapshot_id)
    except CorpusError as error:
        fail(error)


def export(
    path: SnapshotDir, out: Annotated[Path, typer.Option(help="File to write: pages.jsonl or pages.jsonl.zst.")]
) -> None:
    """Write the pages as JSON lines, which `stillweb corpus build` reads back to the same content_id."""
    from corpus.snapshot import open_snapshot
    from corpus.transport import export_jsonl

    try:
        print(export_jsonl(open_snapshot(path), out))
    except CorpusError as error:
        fail(error)


def progress_bar(items: Iterator[T], stage: str, total: int | None) -> Iterator[T]:
    """Pass items on and show how many have gone by, on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, refresh_per_second=5) as bar:
        yield from bar.track(items, total=total, description=stage)


def fail(error: CorpusError) -> NoReturn:
    """Say what went wrong, on standard error, and leave with status 1."""
    print(f"stillweb: {error}", file=sys.stderr)
    raise typer.Exit(1) from error
