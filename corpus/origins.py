"""Where pages come from first, and what is taken over from a snapshot that is one of the sources.

A source that is a snapshot brings the sources it was built from, so that adding pages to a snapshot gives the same
manifest as building from everything at once. Its pages are not extracted again, and where passages are cut and encoded
in the same way, spans and vectors are taken over, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from corpus.docstore import DocStore, Span
from corpus.encoders import Encoder, Vector
from corpus.errors import BuildRefused
from corpus.languages import detect_language
from corpus.manifest import SourceRecord, read_manifest
from corpus.passages import WHOLE
from corpus.records import Document
from corpus.snapshot import Snapshot, open_snapshot
from corpus.sources import describe_source, read_source
from corpus.sources.snapshot import Item, items_with_origins, snapshot_at
from corpus.staging import Staging


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a build. Its pages have the origins `first` up to `first + len(records)`."""

    spec: str
    snapshot: Path | None
    first: int
    records: tuple[SourceRecord, ...]
    """Without counts, but for a snapshot's, whose pages were counted when it was built."""

    def items(self, skip: int) -> Iterator[tuple[Item, int]]:
        """Items behind the first `skip`, each with its origin; a page that names no language has it looked at."""
        if self.snapshot is not None:
            for item, origin in items_with_origins(self.snapshot, skip=skip):
                yield item, self.first + origin
            return
        for item in read_source(self.spec, skip=skip):
            if isinstance(item, Document) and item.language is None:
                item = replace(item, language=detect_language(item.text))
            yield item, self.first


def resolve_sources(specs: Sequence[str], licences: Sequence[str]) -> list[Source]:
    """The sources of a build. `licences` is empty, one for all, or one for each ("" for what the source itself says).

    Raises BuildRefused for another number of licences, and BadSource, SnapshotIncomplete, SnapshotFormat or
    SnapshotCorrupt for a source that is not there.
    """
    if len(licences) not in (0, 1, len(specs)):
        raise BuildRefused(
            f"{len(licences)} licences for {len(specs)} sources: give one for all, or one for each in their order."
        )
    sources: list[Source] = []
    first = 0
    for number, spec in enumerate(specs):
        stated = (licences[number] if len(licences) > 1 else licences[0] if licences else "") or None
        path = snapshot_at(spec)
        if path is not None:
            records = tuple(
                record if record.licence else record.model_copy(update={"licence": stated})
                for record in read_manifest(path).sources
            )
        else:
            read_source(spec)  # raises for a source that is not there, before a folder is made
            kind, _ = describe_source(spec)
            notes = _notes(kind, spec)
            licence = stated or notes.pop("licence", None)
            counts = dict.fromkeys(("pages", "pictures", "duplicates", "skipped"), 0)
            records = (SourceRecord(name=shown(spec), kind=kind, licence=licence, notes=notes, **counts),)
        sources.append(Source(spec, path, first, records))
        first += len(records)
        if first > 65_535:  # the column of origins has 16 bits
            raise BuildRefused(f"{first:,} sources are more than a snapshot can tell apart; build from fewer files.")
    return sources


def shown(spec: str) -> str:
    """A source as a manifest names it: the last two parts of a path, since where it lay is nobody's business.

    Of an address it is all but what opens it: password and signature.
    """
    if os.path.exists(spec):
        return "/".join(Path(spec).absolute().parts[-2:])
    kind, colon, rest = spec.partition(":")
    if colon and rest and os.path.exists(rest):
        return f"{kind}:{shown(rest)}"
    return re.sub(r"//[^/@]*@", "//", spec.partition("?")[0]) if "://" in spec else spec


def _notes(kind: str, spec: str) -> dict[str, str]:
    """What a source tells of itself: title, licence, creator, publisher, date, as far as it does."""
    if kind == "factbook":
        return {"title": "The World Factbook", "creator": "Central Intelligence Agency", "licence": "public domain"}
    if kind == "world":
        return {"title": "A generated world", "licence": "CC0 1.0"}
    if kind == "zim":
        from corpus.sources.zim import zim_notes

        return zim_notes(spec.removeprefix("zim:"))
    return {}


def counted(sources: Iterable[Source], staging: Staging) -> list[SourceRecord]:
    """A record for each origin, with its counts."""
    records = []
    for source in sources:
        for number, record in enumerate(source.records, source.first):
            counts = staging.counts(number)
            if source.snapshot is not None:  # counted when it was built; only what it replaces is new
                counts = {"duplicates": record.duplicates + counts["duplicates"]}
            records.append(record.model_copy(update=counts))
    return records


class Reuse:
    """Passages and vectors of the snapshots among the sources of a build."""

    def __init__(self, sources: Iterable[Source], size: int, overlap: int) -> None:
        self._webs: list[tuple[range, Snapshot]] = []
        for source in sources:
            if source.snapshot is None:
                continue
            web = open_snapshot(source.snapshot)
            settings = web.manifest.settings
            if (settings.passage_chars, settings.overlap_chars, settings.whole_chars) == (size, overlap, WHOLE * size):
                self._webs.append((range(source.first, source.first + len(source.records)), web))

    def spans(self, document: Document, origin: int) -> list[Span] | None:
        """The passages of a page that a snapshot has cut already, or None."""
        for origins, web in self._webs:
            if origin in origins:
                number = web.store.find_id(document.doc_id)
                return None if number is None else web.store.spans_of(number)
        return None

    def vectors(self, store: DocStore, encoder: Encoder) -> Callable[[int], Vector | None]:
        """What gives the vector of a passage of `store`, by number, that a snapshot has from the same encoder."""
        from corpus.dense import stored_vectors  # FAISS takes its time to load

        which = np.full(store.passage_count, -1, dtype=np.int16)
        rows = np.zeros(store.passage_count, dtype=np.int64)
        kept: list[Vector] = []
        for origins, web in self._webs:
            if web.manifest.settings.encoder_record != encoder.record() or not len(web.store):
                continue
            pages = np.nonzero(np.isin(store.source_numbers, np.array(origins)))[0]
            there = np.searchsorted(web.store.ids, store.ids[pages])
            for page, old in zip(pages.tolist(), there.tolist(), strict=True):
                mine = store.passages_of(page)
                which[mine.start : mine.stop] = len(kept)
                rows[mine.start : mine.stop] = np.arange(len(mine)) + int(web.store.doc_passage[old])
            kept.append(stored_vectors(web.path / "dense", encoder.dim, web.store.passage_count))
        if not kept:
            return lambda passage: None
        return lambda passage: None if which[passage] < 0 else kept[which[passage]][rows[passage]]
