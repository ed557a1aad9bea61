"""Pictures of a snapshot: their bytes by URL, and the pages that show them. Equal bytes are kept once."""

from __future__ import annotations

import hashlib
import mmap
from array import array
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import orjson

from corpus.docstore import DocStore
from corpus.records import Picture, doc_id_of


def write_images(pictures: Iterable[Picture], store: DocStore, folder: Path) -> int:
    """Write pictures, which come by ascending `doc_id_of` their URLs, and which pages of `store` show each.

    Returns how many. Holds some 100 bytes for each picture, and 8 for each place where a page shows one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    types: dict[str, int] = {}
    places: dict[bytes, int] = {}
    columns = {name: array("Q") for name in ("ids", "start", "size", "type", "url_end")}
    end = url_end = 0
    with open(folder / "data.bin", "wb") as data, open(folder / "urls.bin", "wb") as urls:
        for picture in pictures:
            digest = hashlib.sha256(picture.data).digest()
            if digest not in places:
                places[digest] = end
                end += data.write(picture.data)
            url_end += urls.write(picture.url.encode())
            place = int(doc_id_of(picture.url), 16), places[digest], len(picture.data)
            kind = types.setdefault(picture.media_type, len(types))
            for name, value in zip(columns, (*place, kind, url_end), strict=True):
                columns[name].append(value)
    for name, values in columns.items():
        np.save(folder / f"{name}.npy", np.frombuffer(values, dtype=np.uint64).astype("<u8"))
    (folder / "types.json").write_bytes(orjson.dumps(list(types)))
    _write_pages(np.frombuffer(columns["ids"], dtype=np.uint64), store, folder)
    return len(columns["ids"])


def _write_pages(ids: np.ndarray[tuple[int], np.dtype[np.uint64]], store: DocStore, folder: Path) -> None:
    rows, pages = array("I"), array("I")
    for number in range(len(store)) if len(ids) else ():
        wanted = np.unique(np.array([int(doc_id_of(i.url), 16) for i in store.body(number).images], dtype=np.uint64))
        at = np.searchsorted(ids, wanted)
        found = at[ids[np.minimum(at, len(ids) - 1)] == wanted]
        rows.extend(found.tolist())
        pages.extend([number] * len(found))
    row_column = np.frombuffer(rows, dtype=np.uint32)
    # Stable, so that the pages of a picture stay in ascending order.
    order = np.argsort(row_column, kind="stable")
    np.save(folder / "pages.npy", np.frombuffer(pages, dtype=np.uint32)[order].astype("<u4"))
    counts = np.bincount(row_column, minlength=len(ids))
    np.save(folder / "page_ends.npy", np.concatenate(([0], np.cumsum(counts))).astype("<u8"))


class Images:
    """Read access to the pictures of a snapshot; empty where it has none. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._ids = np.zeros(0, dtype="<u8")
        if not folder.is_dir():
            return
        self._ids, self._start, self._size, self._type, self._url_end, self._pages, self._page_ends = (
            np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray)
            for name in ("ids", "start", "size", "type", "url_end", "pages", "page_ends")
        )
        self._types: list[str] = orjson.loads((folder / "types.json").read_bytes())
        self._data, self._urls = _mapped(folder / "data.bin"), _mapped(folder / "urls.bin")

    def __len__(self) -> int:
        return len(self._ids)

    def find(self, url: str) -> int | None:
        """Number of the picture under a canonical URL, or None."""
        if not len(self._ids):  # most snapshots have none, and every fetch asks for each image of its page
            return None
        value = np.uint64(int(doc_id_of(url), 16))
        at = int(np.searchsorted(self._ids, value))
        return at if at < len(self._ids) and self._ids[at] == value else None

    def picture(self, number: int) -> Picture:
        start, size = int(self._start[number]), int(self._size[number])
        url_start = int(self._url_end[number - 1]) if number else 0
        url = bytes(self._urls[url_start : int(self._url_end[number])]).decode()
        return Picture(url, self._types[int(self._type[number])], bytes(self._data[start : start + size]))

    def pages_of(self, number: int) -> list[int]:
        """Numbers of the pages that show a picture, ascending."""
        pages: list[int] = self._pages[int(self._page_ends[number]) : int(self._page_ends[number + 1])].tolist()
        return pages


def _mapped(path: Path) -> mmap.mmap | bytes:
    if not path.stat().st_size:  # an empty file cannot be mapped
        return b""
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
