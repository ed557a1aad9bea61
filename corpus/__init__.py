"""Documents, facts, links, indexes and snapshots: everything a search engine over a frozen corpus needs but a server.

    from corpus import build_snapshot, open_snapshot

Names load their modules when first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corpus.build import BuildOptions, build_snapshot
    from corpus.filters import Filters
    from corpus.manifest import Manifest, read_manifest
    from corpus.records import Document, Hit, Image, Link, Passage, Ranking, Section, Skipped
    from corpus.snapshot import Snapshot, open_snapshot
    from corpus.sources import read_source

_HOMES = {
    "BuildOptions": "build",
    "Document": "records",
    "Filters": "filters",
    "Hit": "records",
    "Image": "records",
    "Link": "records",
    "Manifest": "manifest",
    "Passage": "records",
    "Ranking": "records",
    "Section": "records",
    "Skipped": "records",
    "Snapshot": "snapshot",
    "build_snapshot": "build",
    "open_snapshot": "snapshot",
    "read_manifest": "manifest",
    "read_source": "sources",
}

__all__ = [
    "BuildOptions",
    "Document",
    "Filters",
    "Hit",
    "Image",
    "Link",
    "Manifest",
    "Passage",
    "Ranking",
    "Section",
    "Skipped",
    "Snapshot",
    "build_snapshot",
    "open_snapshot",
    "read_manifest",
    "read_source",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'corpus' has no attribute {name!r}")
    return getattr(import_module(f"corpus.{_HOMES[name]}"), name)
