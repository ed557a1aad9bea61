"""What a snapshot holds, for people: sizes by part, languages, domains, dates, and where every page came from."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np

from corpus.docstore import UNDATED
from corpus.snapshot import Snapshot

_EPOCH = datetime.date(1970, 1, 1)


def describe(web: Snapshot) -> dict[str, Any]:
    """Sizes in bytes by part, pages by language and by domain (largest first), first and last date, undated pages."""
    store = web.store
    sizes: dict[str, int] = {}
    for name, record in web.manifest.files.items():
        part = name.partition("/")[0]
        sizes[part] = sizes.get(part, 0) + record.size_bytes
    dated = np.asarray(store.days)[np.asarray(store.days) != UNDATED]
    return {
        "size_bytes": dict(sorted(sizes.items())),
        "languages": _largest([name or "unknown" for name in store.languages], store.language_numbers),
        "domains": _largest(store.domains, store.domain_numbers),
        "dates": {
            "first": _date(int(dated.min())) if len(dated) else None,
            "last": _date(int(dated.max())) if len(dated) else None,
            "undated": len(store) - len(dated),
        },
    }


def page_rows(web: Snapshot) -> Iterator[dict[str, Any]]:
    """Of every page, by ascending doc_id: its ids, source and licence, dates, language, digest, near-duplicate."""
    store, sources = web.store, web.manifest.sources
    for number in range(len(store)):
        document = store.document(number)
        source = sources[int(store.source_numbers[number])]
        twin = int(store.near_duplicate_of[number])
        yield {
            "doc_id": document.doc_id,
            "url": document.url,
            "title": document.title,
            "source": source.name,
            "licence": source.licence,
            "date": document.date,
            "fetched_at": document.fetched_at,
            "language": document.language,
            "digest": document.digest,
            "near_duplicate_of": None if twin == number else store.head(twin)[0],
        }


def _largest(names: list[str], numbers: Any) -> dict[str, int]:
    counts = np.bincount(numbers, minlength=len(names)).tolist()
    rows = [(name, count) for name, count in zip(names, counts, strict=True) if count]
    return dict(sorted(rows, key=lambda row: (-row[1], row[0])))


def _date(day: int) -> str:
    return (_EPOCH + datetime.timedelta(days=day)).isoformat()
