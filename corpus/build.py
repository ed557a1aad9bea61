"""Building a snapshot: sources in, an immutable directory out, the manifest last.

Run again after a crash, it goes on where it stopped: pages taken in, the document store and the vectors are kept, a
part is renamed into place only when it is whole, and a directory without a manifest is never served.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from corpus.docstore import DocStore, read_texts, write_docstore
from corpus.encoders import Encoder, open_encoder
from corpus.errors import BuildRefused
from corpus.graph import LinkGraph, write_link_graph
from corpus.images import Images, write_images
from corpus.languages import STEMMED
from corpus.manifest import (
    MANIFEST,
    Counts,
    Manifest,
    SnapshotSettings,
    SourceRecord,
    citation_of,
    content_id_of,
    file_record,
    read_manifest,
    snapshot_id_of,
)
from corpus.near_duplicates import near_duplicates
from corpus.origins import Reuse, Source, counted, resolve_sources
from corpus.passages import OVERLAP_CHARS, PASSAGE_CHARS, WHOLE
from corpus.progress import Progress, silent
from corpus.records import Passage
from corpus.resume import check_plan, finished, locked, plan_of, write_last
from corpus.staging import Staging

FUSION_WEIGHTS = {"static": 0.2}
"""Weight of the cosine beside BM25's 1.0, by encoder; 1.0 where none is given. docs/decisions.md has the figures."""

NOT_LISTED = (".lock", "build.json", "skipped.jsonl", MANIFEST)
"""Files of a snapshot that its manifest does not list."""

_LIBRARIES = ("faiss-cpu", "numpy", "opencc", "py3langid", "rensa", "rjieba", "tantivy", "tokenizers")
"""Whose versions a manifest names: they make what is in its files."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What one may choose. `encoder` is a spec of `corpus.encoders` or "none". `threads` and `commit_every` are for
    the lexical index and change no answer; `exact_up_to` is in passages. `title` and `licences` (one for all sources,
    or one for each) are for people and citations, and no id covers them."""

    encoder: str = "static"
    passage_chars: int = PASSAGE_CHARS
    overlap_chars: int = OVERLAP_CHARS
    threads: int = 1
    commit_every: int | None = None
    exact_up_to: int | None = None
    title: str = ""
    licences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 64:
            raise BuildRefused(f"{self.threads} threads: give a number from 1 to 64.")
        if not 100 <= self.passage_chars <= 100_000:
            raise BuildRefused(f"Passages of {self.passage_chars} characters: give a size from 100 to 100,000.")
        if not 0 <= self.overlap_chars < self.passage_chars / 2:
            raise BuildRefused(
                f"An overlap of {self.overlap_chars} characters: give less than half of {self.passage_chars}, or 0."
            )

    def that_matter(self) -> dict[str, Any]:
        """Those that make another snapshot, or another manifest."""
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("threads", "commit_every")}


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
    plan = plan_of(sources, options.that_matter())
    if os.path.isfile(out / MANIFEST):  # it may lie in a read-only place; a Path raises for a name that is too long
        return finished(out, plan)
    resolved = resolve_sources(sources, options.licences)  # raises before a folder is made
    encoder = open_encoder(options.encoder) if options.encoder != "none" else None
    with locked(out):
        if (out / MANIFEST).is_file():  # another build finished it since
            return finished(out, plan)
        staging_folder = out / ".build"
        check_plan(out, staging_folder, plan, encoder)
        with Staging(staging_folder) as staging:
            for number, source in enumerate(resolved):
                _take_in(staging, number, source, progress)
            if not len(staging):
                reasons = [f"{place}: {reason}" for _, place, reason in staging.skipped()][:5]
                shutil.rmtree(staging_folder)
                raise BuildRefused(
                    f"No page came out of {', '.join(sources)}"
                    + (f". Skipped: {'; '.join(reasons)}" if reasons else ", which hold none")
                    + ". Nothing was built; check the sources."
                )
            reuse = Reuse(resolved, options.passage_chars, options.overlap_chars)
            digest = _documents(staging, out, options, reuse, progress)
            records = counted(resolved, staging)
            manifest = _indexes(staging, out, options, encoder, reuse, records, digest, progress)
            _write_report(staging, records, out)
        write_last(out / MANIFEST, orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2) + b"\n")
        shutil.rmtree(staging_folder, ignore_errors=True)  # whoever asks for the finished snapshot removes it, too
    return manifest


def add_to_snapshot(
    base: Path,
    sources: Sequence[str],
    out: Path,
    *,
    threads: int = 1,
    title: str = "",
    licences: tuple[str, ...] = (),
    progress: Progress = silent,
) -> Manifest:
    """Build a new snapshot in `out` from a snapshot and more sources, with the settings of the first.

    Ids and answers equal those of a build from all sources at once; nothing of the first is extracted, cut or encoded
    again (but one of before short pages stayed whole is cut and encoded as builds do now), while the lexical and any
    approximate index are built anew. `licences` are those of the new sources. Raises as `build_snapshot` does, and
    SnapshotIncomplete, SnapshotFormat or SnapshotCorrupt for `base`.
    """
    manifest = read_manifest(base)
    settings = manifest.settings
    if len(licences) not in (0, 1, len(sources)):
        raise BuildRefused(
            f"{len(licences)} licences for {len(sources)} sources: give one for all, or one for each in their order."
        )
    options = BuildOptions(
        encoder=settings.encoder or "none",
        passage_chars=settings.passage_chars,
        overlap_chars=settings.overlap_chars,
        threads=threads,
        exact_up_to=settings.exact_up_to,
        title=title or manifest.title,
        licences=("", *(licences * len(sources) if len(licences) == 1 else licences)) if licences else (),
    )
    return build_snapshot([f"snapshot:{base}", *sources], out, options, progress=progress)


def _take_in(staging: Staging, number: int, source: Source, progress: Progress) -> None:
    taken, finished = staging.progress(number)
    if finished:
        return
    for item, origin in progress(source.items(taken), f"reading {source.records[0].name}", None):
        staging.add(number, item, origin)
    staging.finish_source(number)


def _documents(staging: Staging, out: Path, options: BuildOptions, reuse: Reuse, progress: Progress) -> str:
    digest_file = out / "documents" / "digest.txt"
    if not digest_file.is_file():
        with _part(out / "documents") as folder:
            documents = progress(staging.documents(), "storing pages", len(staging))
            digest = write_docstore(
                documents,
                staging.aliases(),
                folder,
                size=options.passage_chars,
                overlap=options.overlap_chars,
                known_spans=reuse.spans,
            )
            texts = progress(read_texts(folder), "comparing pages", len(staging))
            np.save(folder / "near_duplicate.npy", near_duplicates(texts).astype("<u4"))
            (folder / "digest.txt").write_text(digest)
    return digest_file.read_text()


def _indexes(
    staging: Staging,
    out: Path,
    options: BuildOptions,
    encoder: Encoder | None,
    reuse: Reuse,
    records: list[SourceRecord],
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
    if not (out / "images").is_dir() and any(record.pictures for record in records):
        with _part(out / "images") as folder:
            write_images(progress(staging.pictures(), "storing pictures", None), store, folder)
    languages = _common_languages(store)
    if not (out / "lexical").is_dir():
        with _part(out / "lexical") as folder:
            write_lexical_index(
                passages("indexing words"),
                store,
                folder,
                threads=options.threads,
                commit_every=options.commit_every,
                languages=languages,
            )
    record = _dense(out, store, options, encoder, reuse, passages) if encoder is not None else None
    settings = SnapshotSettings(
        passage_chars=options.passage_chars,
        overlap_chars=options.overlap_chars,
        whole_chars=WHOLE * options.passage_chars,
        analyzers=ANALYZERS,
        field_weights=FIELDS,
        languages=languages,
        encoder=None if encoder is None else encoder.spec,
        encoder_record=record,
        exact_up_to=None if record is None else options.exact_up_to,
        dense_index=None if record is None else "codes" if (out / "dense" / "codes.faiss").is_file() else "exact",
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
    counts = Counts(
        documents=len(store),
        passages=store.passage_count,
        pictures=len(Images(out / "images")),
        near_duplicates=store.near_duplicate_count,
        links=LinkGraph(out / "graph").edge_count,
        duplicates=sum(record.duplicates for record in records),
        skipped=sum(record.skipped for record in records),
    )
    snapshot_id = snapshot_id_of(content_id, files)
    return Manifest(
        snapshot_id=snapshot_id,
        content_id=content_id,
        title=options.title,
        citation=citation_of(snapshot_id, options.title, counts, records),
        counts=counts,
        settings=settings,
        versions={name: version(name) for name in _LIBRARIES},
        sources=records,
        files=files,
    )


def _common_languages(store: DocStore) -> tuple[str, ...]:
    """Languages with an analysis of their own that at least one page in a hundred is in.

    Fewer would make every query longer for the sake of pages that are often misjudged: a list of Polish names.
    """
    counts = np.bincount(store.language_numbers, minlength=len(store.languages))
    common = {name for name, count in zip(store.languages, counts, strict=True) if count >= max(1, len(store) / 100)}
    return tuple(sorted(common & (STEMMED.keys() | {"ja"})))


def _dense(
    out: Path,
    store: DocStore,
    options: BuildOptions,
    encoder: Encoder,
    reuse: Reuse,
    passages: Callable[[str], Iterator[tuple[int, str, str, Passage]]],
) -> dict[str, Any]:
    from corpus.dense import EXACT_UP_TO, write_dense_index

    if not (out / "dense").is_dir():
        # Not a fresh folder: encoding is the slow part, and what an interrupted build has encoded stays good.
        part = out / ".build" / "dense"
        exact_up_to = EXACT_UP_TO if options.exact_up_to is None else options.exact_up_to
        write_dense_index(
            passages(f"encoding ({options.encoder})"),
            encoder,
            part,
            exact_up_to=exact_up_to,
            known=reuse.vectors(store, encoder),
        )
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


def _write_report(staging: Staging, records: list[SourceRecord], out: Path) -> None:
    """`build.json`: what was built and what was skipped, for people. Not needed to serve, and not covered by an id."""
    plan = orjson.loads((out / ".build" / "plan.json").read_bytes())["plan"]
    rows = [record.model_dump() for record in records]
    write_last(out / "build.json", orjson.dumps({"plan": plan, "sources": rows}, option=orjson.OPT_INDENT_2) + b"\n")
    part = out / "skipped.partial"
    with open(part, "wb") as file:
        for number, place, reason in staging.skipped():
            row = {"source": records[number].name, "number": number, "where": place, "reason": reason}
            file.write(orjson.dumps(row) + b"\n")
    part.replace(out / "skipped.jsonl")
