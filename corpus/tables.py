"""Structured rows that sources put into a snapshot: places with coordinates, papers with citations.

They lie as columns in the document store's folder, mapped when opened, by ascending document number; the files are
there only where some page has a row. What a row says is part of its document, and so covered by both ids.

    place_doc place_lat place_lon            columns of places
    place_end place.bin                      [name, kind] of each, as JSON
    place_key place_key_row                  sorted digests of folded names, and whose they are
    paper_doc paper_year paper_citations     columns of papers
    paper_end paper.bin                      [title, authors, cites] of each, as JSON
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from corpus.geography import Floats, distances_km
from corpus.records import Document, Paper, Place
from corpus.scoring.words import folded

Rows: TypeAlias = npt.NDArray[np.int64]

_UNKNOWN = -(2**63)
"""A year or a number of citations that the source does not know."""
_COLUMNS = {
    "place": (("doc", "I", "<u4"), ("lat", "d", "<f8"), ("lon", "d", "<f8"), ("end", "Q", "<u8")),
    "paper": (("doc", "I", "<u4"), ("year", "q", "<i8"), ("citations", "q", "<i8"), ("end", "Q", "<u8")),
}


def name_key(name: str) -> int:
    """64 bits of a name without regard to case, width or spaces: what places are looked up by."""
    plain = " ".join(folded(name).casefold().split())
    return int.from_bytes(hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()[:8], "big")


class TableWriter:
    """Takes the rows of documents as they are stored, in order. Holds some 40 bytes a row and writes the rest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._columns: dict[str, dict[str, array[Any]]] = {
            kind: {name: array(code) for name, code, _ in rows} for kind, rows in _COLUMNS.items()
        }
        self._keys = array("Q")
        self._files: dict[str, Any] = {}
        self._ends = dict.fromkeys(_COLUMNS, 0)

    def add(self, number: int, document: Document) -> None:
        """`number` ascends from call to call."""
        if (place := document.place) is not None:
            self._keys.append(name_key(place.name))
            self._put("place", number, (place.latitude, place.longitude), [place.name, place.kind])
        if (paper := document.paper) is not None:
            figures = tuple(_UNKNOWN if figure is None else figure for figure in (paper.year, paper.citations))
            self._put("paper", number, figures, [paper.title, paper.authors, paper.cites])

    def _put(self, kind: str, number: int, figures: tuple[float, ...], row: list[Any]) -> None:
        file = self._files.get(kind)
        if file is None:
            file = self._files[kind] = open(self._folder / f"{kind}.bin", "wb")  # noqa: SIM115  closed in close()
        self._ends[kind] += file.write(orjson.dumps(row))
        for column, value in zip(self._columns[kind].values(), (number, *figures, self._ends[kind]), strict=True):
            column.append(value)

    def close(self) -> None:
        for kind, file in self._files.items():
            file.close()
            for name, _, dtype in _COLUMNS[kind]:
                values = self._columns[kind][name]
                np.save(self._folder / f"{kind}_{name}.npy", np.frombuffer(values, values.typecode).astype(dtype))
        if self._keys:
            keys = np.frombuffer(self._keys, dtype=np.uint64)
            order = np.argsort(keys, kind="stable")  # equal names stay in the order of their documents
            np.save(self._folder / "place_key.npy", keys[order].astype("<u8"))
            np.save(self._folder / "place_key_row.npy", order.astype("<u4"))


class Table:
    """Rows of one kind, by place in the table or by document number. Empty where the folder has none."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.docs: npt.NDArray[np.uint32] = np.zeros(0, dtype="<u4")
        if not (folder / f"{kind}_doc.npy").is_file():
            return
        self.docs, *figures, self._end = (
            np.load(folder / f"{kind}_{name}.npy", mmap_mode="r").view(np.ndarray) for name, _, _ in _COLUMNS[kind]
        )
        self.figures = figures
        self._data = np.memmap(folder / f"{kind}.bin", dtype=np.uint8, mode="r")

    def __len__(self) -> int:
        return len(self.docs)

    def row_of(self, number: int) -> int | None:
        """The row of a document, or None."""
        if not len(self.docs):
            return None
        docs = self.docs.data
        at = bisect_left(docs, number)
        return at if at < len(docs) and docs[at] == number else None

    def parts(self, row: int) -> list[Any]:
        start = int(self._end[row - 1]) if row else 0
        parts: list[Any] = orjson.loads(self._data[start : int(self._end[row])].tobytes())
        return parts


class Tables:
    """Places and papers of a snapshot, by document number. Thread-safe: nothing is kept but maps."""

    def __init__(self, folder: Path) -> None:
        self.places = Table(folder, "place")
        self.papers = Table(folder, "paper")
        self._keys, self._key_rows = (
            np.load(folder / f"place_{name}.npy", mmap_mode="r").view(np.ndarray) if len(self.places) else np.zeros(0)
            for name in ("key", "key_row")
        )

    def place(self, number: int) -> Place | None:
        row = self.places.row_of(number)
        if row is None:
            return None
        name, kind = self.places.parts(row)
        latitude, longitude = self.places.figures
        return Place(name, float(latitude[row]), float(longitude[row]), kind)

    def paper(self, number: int) -> Paper | None:
        row = self.papers.row_of(number)
        if row is None:
            return None
        title, authors, cites = self.papers.parts(row)
        year, citations = (None if (f := int(column[row])) == _UNKNOWN else f for column in self.papers.figures)
        return Paper(title, tuple(authors), year, citations, tuple(cites))

    def named(self, name: str) -> list[int]:
        """Numbers of the documents whose place has a name, in any case; ascending."""
        if not len(self.places):
            return []
        key = np.uint64(name_key(name))
        first, last = (int(np.searchsorted(self._keys, key, side)) for side in ("left", "right"))
        found: list[int] = self.places.docs[self._key_rows[first:last]].tolist()
        return found

    def around(self, latitude: float, longitude: float, low_km: float, high_km: float) -> tuple[Rows, Floats]:
        """(document numbers, km) of the places between two distances of a point, both included; the nearest first.

        Equally far ones stand by document number. Kilometres are those of `distances_km`.
        """
        if not len(self.places):
            return np.zeros(0, np.int64), np.zeros(0)
        km = distances_km(latitude, longitude, *self.places.figures)
        rows = np.flatnonzero((km >= low_km) & (km <= high_km))
        rows = rows[np.argsort(km[rows], kind="stable")]
        return self.places.docs[rows].astype(np.int64), km[rows]
