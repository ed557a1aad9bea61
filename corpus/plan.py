"""What a build would take: counted on a sample, timed on this machine, stretched to the whole."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus.encoders import open_encoder
from corpus.passages import passages_in
from corpus.records import Document, document_to_json
from corpus.sources import read_source

ENCODERS = ("none", "static", "minilm")
_ENCODED = {"static": 2000, "minilm": 24}
"""Passages encoded to time an encoder: about a second each."""
_BYTES_PER_PASSAGE = 900
"""Lexical index and columns, beside the text: measured on foldoc and the Factbook."""
_BYTES_PER_TEXT_BYTE = 2.2
"""The text, its links and sections, and the page as a fetch shows it: 2.6 in the Factbook, 3.7 in Wikipedia, where a
passage takes less."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An estimate; `exact` says that the sample was the whole. Times in seconds on this machine, sizes in bytes."""

    pages: int
    passages: int
    exact: bool
    time_s: dict[str, float]
    disk_bytes: dict[str, int]

    def __str__(self) -> str:
        about = "" if self.exact else "about "
        lines = [f"{about}{self.pages:,} pages, {about}{self.passages:,} passages", "encoder      time        disk"]
        for name in self.time_s:
            lines.append(f"{name:<9}{_duration(self.time_s[name]):>8}{self.disk_bytes[name] / 1e6:>9,.0f} MB")
        return "\n".join(lines)


def plan_build(sources: Sequence[str], *, sample: int = 500, sample_s: float = 3.0) -> Plan:
    """Estimate a build from the first pages of each source: at least `sample`, and more until `sample_s` have passed.

    Pages of one URL count once, pages that would be skipped do not. Raises BadSource.
    """
    pages = passages = text_bytes = 0.0
    read_s, exact, texts = 0.0, True, list[str]()
    for spec in sources:
        started = time.perf_counter()
        seen: dict[str, tuple[int, int]] = {}
        documents: list[Document] = []
        whole = True
        for count, item in enumerate(read_source(spec)):
            if count >= sample and time.perf_counter() - started > sample_s:
                whole = False
                break
            if isinstance(item, Document):
                spans = passages_in(item.text)
                seen[item.doc_id] = len(spans), len(item.text.encode())
                if len(documents) < sample:
                    documents.append(item)
                    texts += [item.text[start:end] for start, end in spans]
        factor = 1.0 if whole else _stretch(spec, documents, len(seen))
        exact &= whole
        pages += factor * len(seen)
        passages += factor * sum(count for count, _ in seen.values())
        text_bytes += factor * sum(size for _, size in seen.values())
        read_s += factor * (time.perf_counter() - started)
    # Words are indexed at the pace measured on the two-core reference machine: about 10,000 passages a second.
    base_s = read_s + passages / 10_000
    base_bytes = _BYTES_PER_TEXT_BYTE * text_bytes + _BYTES_PER_PASSAGE * passages
    time_s, disk = {}, {}
    for name in ENCODERS:
        rate, dim = _encoder_rate(name, texts)
        time_s[name] = base_s + (passages / rate if rate else 0.0)
        disk[name] = int(base_bytes + 4 * dim * passages)
    return Plan(round(pages), round(passages), exact, time_s, disk)


def _stretch(spec: str, documents: list[Document], count: int) -> float:
    """How many times the `count` pages read a source holds: by files for a folder, else by the bytes of some pages."""
    path = Path(spec)
    if path.is_dir():
        return max(1.0, sum(1 for _ in path.rglob("*.htm*")) / max(1, count))
    if not path.is_file() or not documents:
        return 1.0
    import zstandard

    raw = b"".join(document_to_json(document) for document in documents)
    packed = path.suffix in (".gz", ".zst")
    size = len(zstandard.ZstdCompressor(level=10).compress(raw)) if packed else len(raw)
    return max(1.0, path.stat().st_size / (size / len(documents) * count))


def _encoder_rate(name: str, texts: list[str]) -> tuple[float, int]:
    """(passages a second, dimensions) of an encoder on this machine."""
    if name == "none" or not texts:
        return 0.0, 0
    encoder = open_encoder(name)
    batch = (texts * (_ENCODED[name] // len(texts) + 1))[: _ENCODED[name]]
    encoder.encode_passages(batch[:2])
    started = time.perf_counter()
    encoder.encode_passages(batch)
    return len(batch) / (time.perf_counter() - started), encoder.dim


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
