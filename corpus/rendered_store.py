"""Pages as a fetch shows them, rendered when they are stored: Markdown with its links, in bytes to be copied.

Reading and rendering a page's links, and writing them as JSON, is most of what a fetch costs. Here they lie as they
leave, with the places of the links beside them, so that any part of a page is a copy and two short edges.

A record: four numbers (bytes of the next three, links), the Markdown as a string of JSON, the sections as a list of
JSON, [characters of the text, language, image rows], and for the links four columns of numbers: where each starts and
ends in the text, and where in the string of JSON what it became starts and ends.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from struct import Struct

import numpy as np
import orjson

from corpus.records import ImageRow, LinkRow, Section, SectionRow

_HEAD = Struct("<4I")
_COLUMN = np.dtype("<u4")


def record_of(
    text: str,
    sections: Sequence[SectionRow],
    links: Sequence[LinkRow],
    images: Sequence[ImageRow],
    language: str | None,
) -> bytes:
    """A page's record; b"" where links overlap, since what is left of those depends on the part that is shown."""
    parts, places, at, size = [b'"'], list[tuple[int, int, int, int]](), 0, 1

    def add(piece: bytes) -> None:
        nonlocal size
        parts.append(piece)
        size += len(piece)

    rows = [link for link in links if link[2] is not None and link[3] is not None]
    for url, _, start, end in rows:
        assert start is not None
        assert end is not None
        if not at <= start <= end <= len(text):
            return b""
        add(escaped(text[at:start]))
        begins = size
        add(escaped(f"[{text[start:end]}]({target_of(url)})"))
        places.append((start, end, begins, size))
        at = end
    add(escaped(text[at:]))
    parts.append(b'"')
    markdown = b"".join(parts)
    named = orjson.dumps([dict(zip(Section.__slots__, row, strict=True)) for row in sections])
    rest = orjson.dumps([len(text), language, images])
    columns = np.array(places, _COLUMN).reshape(-1, 4).T.tobytes()
    return _HEAD.pack(len(markdown), len(named), len(rest), len(rows)) + markdown + named + rest + columns


def target_of(url: str) -> str:
    """A URL as the target of a link in Markdown: a parenthesis would end it early, and escapes keep it the same."""
    if "(" in url or ")" in url:
        return url.replace("(", "%28").replace(")", "%29")
    return url


def escaped(text: str) -> bytes:
    """What stands between the quotes of a string of JSON."""
    return orjson.dumps(text)[1:-1]


class Rendered:
    """One page's record, in a map; each part of it is copied when it is asked for."""

    __slots__ = ("_at", "_columns", "_data", "_links", "_rest", "_sections", "chars", "images", "language")

    def __init__(self, data: mmap.mmap | bytes, at: int) -> None:
        markdown, named, rest, self._links = _HEAD.unpack_from(data, at)
        self._data = data
        self._at = at + _HEAD.size
        self._sections = self._at + markdown
        self._rest = self._sections + named
        self.chars: int
        """Of the text."""
        self.language: str | None
        self.images: Sequence[ImageRow]
        self.chars, self.language, self.images = orjson.loads(data[self._rest : self._rest + rest])
        self._columns = self._rest + rest

    @property
    def sections(self) -> bytes:
        """A list of JSON, an object with the fields of `Section` for each."""
        return self._data[self._sections : self._rest]

    @property
    def section_rows(self) -> list[SectionRow]:
        return [(row["title"], row["level"], row["start"], row["end"]) for row in orjson.loads(self.sections)]

    @property
    def whole(self) -> bytes:
        """The text with its links written out, as a string of JSON."""
        return self._data[self._at : self._sections]

    def part(self, text: str, start: int, end: int) -> bytes:
        """The same of text[start:end]; a link cut by an edge is left as plain text, as in `render_rows`."""
        columns = np.frombuffer(self._data, _COLUMN, 4 * self._links, self._columns).reshape(4, self._links)
        starts, ends, begins, behind = columns
        first, last = int(starts.searchsorted(start)), int(ends.searchsorted(end, "right")) - 1
        if first > last:
            return orjson.dumps(text[start:end])
        links = self._data[self._at + int(begins[first]) : self._at + int(behind[last])]
        return b'"%b%b%b"' % (escaped(text[start : starts[first]]), links, escaped(text[ends[last] : end]))
