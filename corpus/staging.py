"""Where pages wait, on disk, while a build reads its sources: duplicates resolved, a crash survived.

Pages and pictures are appended to one log; SQLite holds where each lies, so that memory stays flat whatever comes in.
Every COMMIT_EVERY items both are made durable together with how far each source was read: a build that starts again
cuts the log back to the last such point and goes on from there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import zstandard

from corpus.records import Document, Picture, Skipped, doc_id_of, document_from_json, document_to_json

COMMIT_EVERY = 2000
_COMMIT_BYTES = 64 * 1024**2
"""Pictures are larger than pages: what a crash can cost is bounded in bytes, too."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pages (
    doc_id TEXT PRIMARY KEY, origin INTEGER, offset INTEGER, size INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (
    picture_id TEXT PRIMARY KEY, url TEXT, media_type TEXT, offset INTEGER, size INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases (alias_id TEXT PRIMARY KEY, doc_id TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS skipped (seq INTEGER PRIMARY KEY, origin INTEGER, place TEXT, reason TEXT);
CREATE TABLE IF NOT EXISTS sources (source INTEGER PRIMARY KEY, items INTEGER, finished INTEGER);
CREATE TABLE IF NOT EXISTS origins (
    origin INTEGER PRIMARY KEY, pages INTEGER, pictures INTEGER, duplicates INTEGER, skipped INTEGER
);
CREATE TABLE IF NOT EXISTS log (size INTEGER);
"""


class Staging:
    """The waiting room of one build. Use as a context manager; one process at a time.

    A *source* is what the build was given; an *origin* is where a page came from first. They differ only for a source
    that is a snapshot, which brings the origins of its own pages.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "pages.sqlite", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_SCHEMA)
        row = self._db.execute("SELECT size FROM log").fetchone()
        if row is None:
            self._db.execute("INSERT INTO log VALUES (0)")
        self._size = row[0] if row else 0
        # Unbuffered reads come from the same file, so the log is opened for both.
        self._log = open(folder / "pages.log", "a+b")  # noqa: SIM115  closed in __exit__
        self._log.truncate(self._size)
        self._log.seek(self._size)
        self._compress = zstandard.ZstdCompressor(level=1)
        self._decompress = zstandard.ZstdDecompressor()
        self._pending, self._committed = 0, self._size
        # Counted here and written with each commit: two statements less for each page.
        self._items: dict[int, int] = {}
        self._counts: dict[int, list[int]] = {}
        self._db.execute("BEGIN")

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._log.close()

    def progress(self, source: int) -> tuple[int, bool]:
        """(items already taken in from a source, whether it was read to its end)."""
        row = self._db.execute("SELECT items, finished FROM sources WHERE source = ?", (source,)).fetchone()
        return (row[0], bool(row[1])) if row else (0, False)

    def add(self, source: int, item: Document | Picture | Skipped, origin: int) -> None:
        """Take in one item. A page whose id is there already replaces it: the last one wins and is counted."""
        counts = self._counts.setdefault(origin, [0, 0, 0, 0])
        if isinstance(item, Skipped):
            counts[3] += 1
            self._db.execute("INSERT INTO skipped VALUES (NULL, ?, ?, ?)", (origin, item.where, item.reason))
        elif isinstance(item, Picture):
            counts[1] += 1
            row = (doc_id_of(item.url), item.url, item.media_type, *self._append(item.data))
            self._db.execute("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?)", row)
        else:
            counts[0] += 1
            counts[2] += self._put(item, origin)
        self._items[source] = self._items.get(source, 0) + 1
        self._pending += 1
        if self._pending >= COMMIT_EVERY or self._size - self._committed >= _COMMIT_BYTES:
            self._commit()

    def finish_source(self, source: int) -> None:
        self._db.execute(
            "INSERT INTO sources VALUES (?, 0, 1) ON CONFLICT (source) DO UPDATE SET finished = 1", (source,)
        )
        self._commit()

    def _put(self, document: Document, origin: int) -> int:
        known = self._db.execute("SELECT offset, size FROM pages WHERE doc_id = ?", (document.doc_id,)).fetchone()
        if known:
            # Two files may declare one URL: links to the place of either still lead to the page.
            older = document_from_json(self._decompress.decompress(self._read(*known)))
            document = replace(document, aliases=tuple(dict.fromkeys([*older.aliases, *document.aliases])))
        place = self._append(self._compress.compress(document_to_json(document)))
        self._db.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?)", (document.doc_id, origin, *place))
        for alias in document.aliases:
            self._db.execute(
                # Of two pages that claim an alias the lower doc_id has it: the order they came in must not matter.
                "INSERT INTO aliases VALUES (?, ?) ON CONFLICT (alias_id) DO UPDATE SET doc_id = "
                "min(doc_id, excluded.doc_id)",
                (doc_id_of(alias), document.doc_id),
            )
        return 1 if known else 0

    def _append(self, data: bytes) -> tuple[int, int]:
        place = self._size, len(data)
        self._log.write(data)
        self._size += len(data)
        return place

    def _read(self, offset: int, size: int) -> bytes:
        self._log.flush()
        return os.pread(self._log.fileno(), size, offset)

    def _commit(self) -> None:
        for source, items in self._items.items():
            self._db.execute(
                "INSERT INTO sources VALUES (?, ?, 0) ON CONFLICT (source) DO UPDATE "
                "SET items = items + excluded.items",
                (source, items),
            )
        for origin, counts in self._counts.items():
            self._db.execute(
                "INSERT INTO origins VALUES (?, ?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET pages = pages + "
                "excluded.pages, pictures = pictures + excluded.pictures, duplicates = duplicates + "
                "excluded.duplicates, skipped = skipped + excluded.skipped",
                (origin, *counts),
            )
        self._items.clear()
        self._counts.clear()
        self._log.flush()
        os.fsync(self._log.fileno())
        self._db.execute("UPDATE log SET size = ?", (self._size,))
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")
        self._pending, self._committed = 0, self._size

    def __len__(self) -> int:
        count: int = self._db.execute("SELECT count(*) FROM pages").fetchone()[0]
        return count

    def documents(self) -> Iterator[tuple[Document, int]]:
        """Every page once with its origin, by ascending doc_id: the order of the input leaves no trace."""
        for offset, size, origin in self._db.execute("SELECT offset, size, origin FROM pages ORDER BY doc_id"):
            yield document_from_json(self._decompress.decompress(self._read(offset, size))), origin

    def pictures(self) -> Iterator[Picture]:
        """Every picture once, by ascending id: the first 16 hex digits of sha256 of its URL, as of pages."""
        for url, media_type, offset, size in self._db.execute(
            "SELECT url, media_type, offset, size FROM pictures ORDER BY picture_id"
        ):
            yield Picture(url, media_type, self._read(offset, size))

    def aliases(self) -> Iterator[tuple[str, str]]:
        """(alias id, doc_id) by ascending alias id; a page's own URL wins over another page's alias."""
        yield from self._db.execute(
            "SELECT alias_id, aliases.doc_id FROM aliases JOIN pages ON pages.doc_id = aliases.doc_id "
            "WHERE alias_id NOT IN (SELECT doc_id FROM pages) ORDER BY alias_id"
        )

    def skipped(self) -> Iterator[tuple[int, str, str]]:
        """(origin, place, reason) in the order met."""
        yield from self._db.execute("SELECT origin, place, reason FROM skipped ORDER BY seq")

    def counts(self, origin: int) -> dict[str, int]:
        """Pages and pictures read from one origin, pages of it that replaced one, and what was skipped."""
        row = self._db.execute(
            "SELECT pages, pictures, duplicates, skipped FROM origins WHERE origin = ?", (origin,)
        ).fetchone()
        return dict(zip(("pages", "pictures", "duplicates", "skipped"), row or (0, 0, 0, 0), strict=True))
