"""`stillweb corpus ...`: thin verbs over functions anyone can import. Progress to stderr, results to stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import orjson
import typer

from corpus.build import BuildOptions, add_to_snapshot, build_snapshot
from corpus.errors import CorpusError
from corpus.manifest import Manifest, check_files, read_manifest
from corpus.origins import shown
from corpus.passages import OVERLAP_CHARS, PASSAGE_CHARS
from corpus.sources import describe_source

T = TypeVar("T")

Sources = Annotated[list[str], typer.Argument(help="Files, folders, or SCHEME:ARGS such as factbook:.")]
SnapshotDir = Annotated[Path, typer.Argument(help="Snapshot directory.")]
Out = Annotated[Path, typer.Option(help="Folder of the new snapshot.")]
Threads = Annotated[int, typer.Option(help="Threads of the lexical index; changes no answer.")]
Title = Annotated[str, typer.Option(help="A name for people and citations.")]
Licences = Annotated[
    list[str] | None,
    typer.Option("--licence", help="Licence of the pages: once for all sources, or once for each in their order."),
]
EncoderOption = Annotated[
    str, typer.Option(help="none, static, minilm, st:NAME-OR-PATH, an embeddings URL#MODEL, or npy:VECTORS,IDS.")
]


def build(
    sources: Sources,
    out: Out,
    encoder: EncoderOption = "static",
    passage_chars: Annotated[
        int, typer.Option(help="Of a passage, at most; a page of up to twice as many stays whole.")
    ] = PASSAGE_CHARS,
    overlap_chars: Annotated[int, typer.Option(help="Characters a passage repeats of the one before.")] = OVERLAP_CHARS,
    threads: Threads = 1,
    title: Title = "",
    licence: Licences = None,
) -> None:
    """Build a snapshot. Run again after a crash: it continues where it stopped."""
    try:
        options = BuildOptions(
            encoder=encoder,
            passage_chars=passage_chars,
            overlap_chars=overlap_chars,
            threads=threads,
            title=title,
            licences=tuple(licence or ()),
        )
        _tell_kinds(sources)
        _tell_result(build_snapshot(sources, out, options, progress=progress_bar), out)
    except CorpusError as error:
        fail(error)


def add(
    snapshot: SnapshotDir,
    sources: Sources,
    out: Out,
    threads: Threads = 1,
    title: Title = "",
    licence: Licences = None,
) -> None:
    """Build a new snapshot from one and more pages: what building from all of it at once would give, sooner."""
    try:
        _tell_kinds(sources)
        manifest = add_to_snapshot(
            snapshot, sources, out, threads=threads, title=title, licences=tuple(licence or ()), progress=progress_bar
        )
        _tell_result(manifest, out)
    except CorpusError as error:
        fail(error)


def _tell_kinds(sources: list[str]) -> None:
    """Say what each source was taken for, so that a wrong guess is seen before an hour has gone by."""
    for spec in sources:
        kind, how = describe_source(spec)
        if how != "as named":
            print(f"reading {shown(spec)} as {kind} (told {how}; else say KIND:PATH)", file=sys.stderr)


def _tell_result(manifest: Manifest, out: Path) -> None:
    counts = manifest.counts
    print(
        f"{counts.documents:,} pages, {counts.passages:,} passages, {counts.links:,} links between them"
        + (f", {counts.pictures:,} pictures" if counts.pictures else "")
        + (f", {counts.duplicates:,} duplicates replaced" if counts.duplicates else "")
        + (f", {counts.near_duplicates:,} near-duplicates flagged" if counts.near_duplicates else "")
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
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON.")] = False,
    pages: Annotated[bool, typer.Option("--pages", help="A line of JSON for each page: where it came from.")] = False,
) -> None:
    """Tell what a snapshot holds, where it came from, and how to cite it."""
    from corpus.describe import describe, page_rows
    from corpus.snapshot import open_snapshot

    try:
        web = open_snapshot(path)
    except CorpusError as error:
        fail(error)
    if pages:
        for row in page_rows(web):
            print(orjson.dumps(row).decode())
        return
    manifest, told = web.manifest, describe(web)
    if as_json:
        print(orjson.dumps({**manifest.model_dump(), **told}, option=orjson.OPT_INDENT_2).decode())
        return
    counts, settings, dates = manifest.counts, manifest.settings, told["dates"]
    rows: list[tuple[str, Any]] = [
        ("snapshot_id", manifest.snapshot_id),
        ("content_id", manifest.content_id),
        ("title", manifest.title or "none"),
        ("pages", f"{counts.documents:,}"),
        ("passages", f"{counts.passages:,} of up to {max(settings.passage_chars, settings.whole_chars):,} characters"),
        ("links", f"{counts.links:,} between pages"),
        ("pictures", f"{counts.pictures:,}"),
        ("tables", f"{len(web.store.tables.places):,} places, {len(web.store.tables.papers):,} papers"),
        ("duplicates", f"{counts.duplicates:,} replaced, {counts.near_duplicates:,} nearly equal and kept"),
        ("skipped", f"{counts.skipped:,}"),
        ("languages", _shares(told["languages"])),
        ("domains", _shares(told["domains"])),
        ("dates", f"{dates['first'] or 'none'} to {dates['last'] or 'none'}, {dates['undated']:,} pages undated"),
        ("encoder", settings.encoder or "none"),
        ("dense index", settings.dense_index or "none"),
        ("default mode", settings.default_mode),
        ("size", ", ".join(f"{part} {size / 1e6:,.1f} MB" for part, size in told["size_bytes"].items())),
    ]
    for source in manifest.sources:
        kept = f"{source.pages:,} pages, {source.skipped:,} skipped, {source.licence or 'licence not stated'}"
        rows.append(("source", f"{source.name} ({source.kind}): {kept}"))
    rows.append(("cite as", manifest.citation))
    for name, value in rows:
        print(f"{name:<14}{value}")


def _shares(counts: dict[str, int]) -> str:
    shown = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:8])
    return f"{shown} and {len(counts) - 8:,} more" if len(counts) > 8 else shown


def schema() -> None:
    """Print the JSON schema of manifest.json."""
    print(orjson.dumps(Manifest.model_json_schema(), option=orjson.OPT_INDENT_2).decode())


def verify(path: SnapshotDir) -> None:
    """Recompute every digest in the manifest and report the first difference."""
    try:
        manifest = read_manifest(path)
        with byte_bar("verifying", sum(record.size_bytes for record in manifest.files.values())) as moved:
            check_files(path, manifest, moved=moved)
    except CorpusError as error:
        fail(error)
    print(manifest.snapshot_id)


def progress_bar(items: Iterator[T], stage: str, total: int | None) -> Iterator[T]:
    """Pass items on and show how many have gone by, on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, refresh_per_second=5) as bar:
        yield from bar.track(items, total=total, description=stage)


@contextmanager
def byte_bar(stage: str, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """Show how many bytes have gone by and how fast, on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), refresh_per_second=5) as bar:
        task = bar.add_task(stage, total=total_bytes)
        yield lambda size_bytes: bar.advance(task, size_bytes)


def fail(error: CorpusError) -> NoReturn:
    """Say what went wrong, on standard error, and leave with status 1."""
    print(f"stillweb: {error}", file=sys.stderr)
    raise typer.Exit(1) from error
