"""Where pages wait, on disk, while a build reads its sources: duplicates resolved, a crash survived.

Pages are appended to one log; SQLite holds where each lies, so that memory stays flat whatever comes in. Every
COMMIT_EVERY items both are made durable together with how far each source was read: a build that starts again
cuts the log back to the last such point and goes on from there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import zstandard

from corpus.records import Document, Skipped, doc_id_of, document_from_json, document_to_json

COMMIT_EVERY = 2000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pages (doc_id TEXT PRIMARY KEY, digest TEXT, offset INTEGER, size INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases (alias_id TEXT PRIMARY KEY, doc_id TEXT, url TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS skipped (seq INTEGER PRIMARY KEY, source INTEGER, place TEXT, reason TEXT);
CREATE TABLE IF NOT EXISTS sources (
    source INTEGER PRIMARY KEY, items INTEGER, pages INTEGER, duplicates INTEGER, finished INTEGER
);
CREATE TABLE IF NOT EXISTS log (size INTEGER);
"""


class Staging:
    """The waiting room of one build. Use as a context manager; one process at a time."""

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
        self._pending = 0
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

    def add(self, source: int, item: Document | Skipped) -> None:
        """Take in one item. A page whose id is there already replaces it: the last one wins and is counted."""
        pages, duplicates = 0, 0
        if isinstance(item, Skipped):
            self._db.execute(
                "INSERT INTO skipped (source, place, reason) VALUES (?, ?, ?)", (source, item.where, item.reason)
            )
        else:
            pages, duplicates = 1, self._put(item)
        self._db.execute(
            "INSERT INTO sources VALUES (?, 1, ?, ?, 0) ON CONFLICT (source) DO UPDATE SET items = items + 1, "
            "pages = pages + excluded.pages, duplicates = duplicates + excluded.duplicates",
            (source, pages, duplicates),
        )
        self._pending += 1
        if self._pending >= COMMIT_EVERY:
            self._commit()

    def finish_source(self, source: int) -> None:
        self._db.execute(
            "INSERT INTO sources VALUES (?, 0, 0, 0, 1) ON CONFLICT (source) DO UPDATE SET finished = 1", (source,)
        )
        self._commit()

    def _put(self, document: Document) -> int:
        line = self._compress.compress(document_to_json(document))
        known = self._db.execute("SELECT 1 FROM pages WHERE doc_id = ?", (document.doc_id,)).fetchone()
        self._db.execute(
            "INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?)",
            (document.doc_id, document.digest, self._size, len(line)),
        )
        self._log.write(line)
        self._size += len(line)
        for alias in document.aliases:
            self._db.execute(
                "INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)", (doc_id_of(alias), document.doc_id, alias)
            )
        return 1 if known else 0

    def _commit(self) -> None:
        self._log.flush()
        os.fsync(self._log.fileno())
        self._db.execute("UPDATE log SET size = ?", (self._size,))
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")
        self._pending = 0

    def __len__(self) -> int:
        count: int = self._db.execute("SELECT count(*) FROM pages").fetchone()[0]
        return count

    def documents(self) -> Iterator[Document]:
        """Every page once, by ascending doc_id: the order of a snapshot does not depend on the order of its input."""
        self._log.flush()
        with open(self._log.name, "rb") as log:
            for offset, size in self._db.execute("SELECT offset, size FROM pages ORDER BY doc_id"):
                log.seek(offset)
                yield document_from_json(self._decompress.decompress(log.read(size)))

    def aliases(self) -> Iterator[tuple[str, str]]:
        """(alias id, doc_id) by ascending alias id; a page's own URL wins over another page's alias."""
        yield from self._db.execute(
            "SELECT alias_id, aliases.doc_id FROM aliases JOIN pages ON pages.doc_id = aliases.doc_id "
            "WHERE alias_id NOT IN (SELECT doc_id FROM pages) ORDER BY alias_id"
        )

    def skipped(self) -> Iterator[tuple[int, str, str]]:
        """(source number, place, reason) in the order met."""
        yield from self._db.execute("SELECT source, place, reason FROM skipped ORDER BY seq")

    def counts(self, source: int) -> dict[str, int]:
        """Items, pages, duplicates and skipped of one source."""
        row = self._db.execute("SELECT items, pages, duplicates FROM sources WHERE source = ?", (source,)).fetchone()
        items, pages, duplicates = row or (0, 0, 0)
        return {"items": items, "pages": pages, "duplicates": duplicates, "skipped": items - pages}
