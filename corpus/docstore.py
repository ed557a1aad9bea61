"""Documents and passages on disk, memory-mapped: a page is read by slicing a file.

Documents are numbered by ascending doc_id, passages by document and place, so that "lower number" and "lower id" are
the same order and a tie can be broken by number. Texts lie end to end in one UTF-8 file; columns are npy files.
"""

from __future__ import annotations

import datetime
import hashlib
import mmap
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import zstandard

from corpus.errors import BadUrl, PageNotFound
from corpus.languages import primary_language
from corpus.passages import passages_in, sections_of
from corpus.records import (
    Document,
    Image,
    ImageRow,
    Link,
    LinkRow,
    Paper,
    Passage,
    Place,
    Section,
    SectionRow,
    doc_id_of,
)
from corpus.rendered_store import Rendered, record_of
from corpus.tables import Tables, TableWriter
from corpus.urls import canonical_url, host_of, lookup_variants

UNDATED = -(2**31)
"""Day number of a page without a date; smaller than every real day."""

_DOC_ID = re.compile(r"[0-9A-Fa-f]{16}")  # int() alone would take signs, underscores and other scripts' digits
# How a body ends that has no aliases: when it was fetched, its language, []. A quote within a string has a backslash
# before it, so nothing else can look like this.
_BODY_END = re.compile(rb',(?:null|"[^"\\]*"),(?:null|"([A-Za-z0-9-]*)"),\[\]\]$')
_BODY_END_BYTES = 200
Span: TypeAlias = tuple[int, int, int, int]
"""Start and end of a passage in characters, and in bytes of the UTF-8 text."""

_FEW = 200
"""Numbers taken out of a column one by one, which costs less than numpy's way up to about here."""
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_BLOBS = ("text", "head", "body", "html", "rendered")


def day_number(date: str | None) -> int:
    """Days since 1970-01-01 of an ISO date, its first day if partial; UNDATED for None.

    Raises ValueError for anything else.
    """
    if not date:
        return UNDATED
    parts = [int(part) for part in date[:10].split("-")]
    year, month, day = [*parts, 1, 1][:3]
    return datetime.date(year, month, day).toordinal() - _EPOCH


class _Column:
    """Integers collected in a compact array and written as one npy file."""

    def __init__(self, code: str, dtype: str) -> None:
        self.values = array(code)
        self._dtype = dtype

    def write(self, path: Path) -> None:
        np.save(path, np.frombuffer(self.values, dtype=self.values.typecode).astype(self._dtype))


def write_docstore(
    documents: Iterable[tuple[Document, int]],
    aliases: Iterable[tuple[str, str]],
    folder: Path,
    *,
    size: int,
    overlap: int,
    known_spans: Callable[[Document, int], Iterable[Span] | None] = lambda document, source: None,
) -> str:
    """Write documents (by ascending doc_id), each with the number of its source, and their passages.

    Returns the digest of all documents, which does not cover the sources. `size` and `overlap` are characters, as in
    `passages_in`; `known_spans` gives the passages of a page that was cut before, or None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    u8 = {name: _Column("Q", "<u8") for name in ("ids", *_BLOBS)}
    u4 = {name: _Column("I", "<u4") for name in ("domain", "doc_passage")}
    u2 = {name: _Column("H", "<u2") for name in ("language", "source")}
    passage = {name: _Column("I", "<u4") for name in ("doc", "start", "end", "byte_start", "byte_end")}
    days = _Column("i", "<i4")
    domains: dict[str, int] = {}
    languages: dict[str, int] = {"": 0}
    digest = hashlib.sha256()
    compress = zstandard.ZstdCompressor(level=6)
    ends = dict.fromkeys(_BLOBS, 0)
    for name in ends:
        u8[name].values.append(0)
    u4["doc_passage"].values.append(0)
    files = {name: open(folder / f"{name}.bin", "wb") for name in ends}  # noqa: SIM115
    tables = TableWriter(folder)
    try:
        for number, (document, source) in enumerate(documents):
            digest.update(f"{document.doc_id} {document.digest}\n".encode())
            parts = _parts(document, compress)
            for name, data in parts.items():
                files[name].write(data)
                ends[name] += len(data)
                u8[name].values.append(ends[name])
            tables.add(number, document)
            u8["ids"].values.append(int(document.doc_id, 16))
            days.values.append(day_number(document.date))
            u4["domain"].values.append(domains.setdefault(host_of(document.url), len(domains)))
            # A tag can be anything; what there is no room for counts as unknown.
            language = primary_language(document.language) or ""
            known = languages.setdefault(language, len(languages)) if len(languages) < 65_536 else 0
            u2["language"].values.append(known)
            u2["source"].values.append(source)
            for start, end, byte_start, byte_end in known_spans(document, source) or _spans(
                document.text, size, overlap
            ):
                for name, value in zip(passage, (number, start, end, byte_start, byte_end), strict=True):
                    passage[name].values.append(value)
            u4["doc_passage"].values.append(len(passage["doc"].values))
    finally:
        for file in files.values():
            file.close()
    for name, column in [*u8.items(), *u4.items(), *u2.items()]:
        column.write(folder / f"{name}.npy")
    for name, column in passage.items():
        column.write(folder / f"passage_{name}.npy")
    days.write(folder / "day.npy")
    tables.close()
    (folder / "domains.json").write_bytes(orjson.dumps(list(domains)))
    (folder / "languages.json").write_bytes(orjson.dumps(list(languages)))
    pairs = [(int(alias, 16), int(doc_id, 16)) for alias, doc_id in aliases]
    np.save(folder / "aliases.npy", np.array(pairs, dtype="<u8").reshape(-1, 2))
    for alias, doc_id in pairs:
        digest.update(f"{alias:016x} -> {doc_id:016x}\n".encode())
    return digest.hexdigest()


def _parts(document: Document, compress: zstandard.ZstdCompressor) -> dict[str, bytes]:
    sections = [(s.title, s.level, s.start, s.end) for s in sections_of(document.text)]
    links = [(link.url, link.anchor, link.start, link.end) for link in document.links]
    images = [(image.url, image.alt, image.caption) for image in document.images]
    return {
        "text": document.text.encode(),
        "head": orjson.dumps([document.url, document.title, document.date]),
        "body": orjson.dumps([sections, links, images, document.fetched_at, document.language, list(document.aliases)]),
        "html": compress.compress(document.html.encode()) if document.html is not None else b"",
        "rendered": record_of(document.text, sections, links, images, document.language),
    }


def _spans(text: str, size: int, overlap: int) -> Iterator[Span]:
    """Passage spans in characters and in bytes of the UTF-8 text."""
    at, at_byte = 0, 0
    for start, end in passages_in(text, size=size, overlap=overlap):
        # With overlap a passage may start before the last one ended: count from the last start, which never exceeds it.
        byte_start = at_byte + len(text[at:start].encode())
        byte_end = byte_start + len(text[start:end].encode())
        yield start, end, byte_start, byte_end
        at, at_byte = start, byte_start


class _Blob:
    """A memory-mapped file cut into pieces by a column of ends."""

    def __init__(self, folder: Path, name: str) -> None:
        # Of a view Python takes a number out in a third of the time that an array needs.
        self.ends: memoryview[int] = np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray).data
        path = folder / f"{name}.bin"
        self._map: mmap.mmap | bytes = b""
        if path.stat().st_size:  # an empty file cannot be mapped
            with open(path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    @property
    def data(self) -> mmap.mmap | bytes:
        return self._map

    def piece(self, number: int) -> bytes:
        return self._map[self.ends[number] : self.ends[number + 1]]

    def part(self, number: int, start: int, end: int) -> bytes:
        base: int = self.ends[number]
        return self._map[base + start : base + end]


class Body:
    """What of a page is needed when the page itself is shown: sections, links, images and the rest.

    The rows are as stored, for who shows a page: `section_rows` [title, level, start, end], `link_rows` [url, anchor,
    start, end], `image_rows` [url, alt, caption]. The records of the same are made at each access.
    """

    __slots__ = ("_aliases", "fetched_at", "image_rows", "language", "link_rows", "section_rows")

    def __init__(self, data: bytes) -> None:
        self.section_rows: list[SectionRow]
        self.link_rows: list[LinkRow]
        self.image_rows: list[ImageRow]
        (
            self.section_rows,
            self.link_rows,
            self.image_rows,
            self.fetched_at,
            self.language,
            self._aliases,
        ) = orjson.loads(data)

    @property
    def sections(self) -> list[Section]:
        return [Section(*row) for row in self.section_rows]

    @property
    def links(self) -> tuple[Link, ...]:
        return tuple(Link(*row) for row in self.link_rows)

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(Image(*row) for row in self.image_rows)

    @property
    def aliases(self) -> tuple[str, ...]:
        return tuple(self._aliases)


def read_texts(folder: Path) -> Iterator[str]:
    """The texts of all documents in order, while the store is still being written."""
    blob = _Blob(folder, "text")
    return (blob.piece(number).decode() for number in range(len(blob.ends) - 1))


class DocStore:
    """Read access to documents and passages by number. Thread-safe: nothing is kept but maps."""

    def __init__(self, folder: Path) -> None:
        def column(name: str) -> npt.NDArray[Any]:
            # As a plain view: numpy's own class for maps runs Python code each time a number is taken out.
            loaded: npt.NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray)
            return loaded

        self.ids = column("ids")
        self.days = column("day")
        self.domain_numbers = column("domain")
        self.language_numbers = column("language")
        self.source_numbers = column("source")
        self.near_duplicate_of = column("near_duplicate")
        self.doc_passage = column("doc_passage")
        self.passage_doc = column("passage_doc")
        self._passage = [column(f"passage_{name}") for name in ("start", "end", "byte_start", "byte_end")]
        # The same once more, for one number at a time.
        self._id_view, self._first_passage, self._doc_of, *spans = (
            numbers.data for numbers in (self.ids, self.doc_passage, self.passage_doc, *self._passage)
        )
        self._starts, self._ends, self._byte_starts, self._byte_ends = spans
        self._aliases = column("aliases")
        self.domains: list[str] = orjson.loads((folder / "domains.json").read_bytes())
        self.languages: list[str] = orjson.loads((folder / "languages.json").read_bytes())
        self.tables = Tables(folder)
        self._text, self._head, self._body, self._html = (_Blob(folder, n) for n in ("text", "head", "body", "html"))
        # Snapshots of earlier versions have none: their pages are rendered when they are asked for.
        self._rendered = _Blob(folder, "rendered") if (folder / "rendered.npy").is_file() else None
        self._decompress = zstandard.ZstdDecompressor

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def passage_count(self) -> int:
        return len(self.passage_doc)

    def find_id(self, doc_id: str) -> int | None:
        """Number of the document with an id, or None. Any string may be asked for."""
        if not _DOC_ID.fullmatch(doc_id):
            return None
        return self._number_of(int(doc_id, 16))

    def _number_of(self, value: int) -> int | None:
        ids = self._id_view
        at = bisect_left(ids, value)
        return at if at < len(ids) and ids[at] == value else None

    def _find(self, url: str) -> int | None:
        """Number of the page whose canonical URL a string is to the letter."""
        data = url.encode(errors="surrogatepass")  # of which no URL has any
        return self._number_of(int.from_bytes(hashlib.sha256(data).digest()[:8], "big"))

    def find_url(self, url: str) -> int | None:
        """Number of the page under a URL: its own, an alias, or a near spelling (`lookup_variants`).

        Raises BadUrl where the string is no web URL.
        """
        number = self._find(url)  # most who ask have read the page's own spelling somewhere
        if number is not None:
            return number
        canonical = canonical_url(url)
        number = self._find_spelling(canonical)
        if number is not None:
            return number
        found = (self._find_spelling(spelling) for spelling in lookup_variants(canonical))
        return next((number for number in found if number is not None), None)

    def _find_spelling(self, canonical: str) -> int | None:
        doc_id = doc_id_of(canonical)
        number = self.find_id(doc_id)
        if number is None and len(self._aliases):
            row = self._position(self._aliases[:, 0], np.uint64(int(doc_id, 16)))
            number = None if row is None else self.find_id(f"{int(self._aliases[row, 1]):016x}")
        return number

    def find_urls(self, urls: Sequence[str]) -> npt.NDArray[np.int64]:
        """The same for many canonical URLs at once, twenty times as fast: numbers, -1 where there is no page."""
        found = np.full(len(urls), -1, dtype=np.int64)
        left = np.arange(len(urls))
        spellings = list(urls)
        variants: list[list[str]] = []
        for turn in range(4):  # as given, then up to three near spellings
            if turn == 1:
                variants = [lookup_variants(urls[i]) for i in left.tolist()]
            if turn:
                kept = [i for i, row in enumerate(variants) if len(row) >= turn]
                left, variants = left[kept], [variants[i] for i in kept]
                spellings = [row[turn - 1] for row in variants]
            ids = np.array([int(doc_id_of(url), 16) for url in spellings], dtype=np.uint64)
            numbers = self._positions(self.ids, ids)
            if len(self._aliases):
                rows = self._positions(self._aliases[:, 0], ids)
                aliased = (numbers < 0) & (rows >= 0)
                numbers[aliased] = self._positions(self.ids, self._aliases[rows[aliased], 1])
            found[left] = numbers
            missing = numbers < 0
            left = left[missing]
            variants = [row for row, gone in zip(variants, missing, strict=True) if gone] if turn else []
        return found

    @staticmethod
    def _positions(column: npt.NDArray[np.uint64], values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        if not len(column):
            return np.full(len(values), -1, dtype=np.int64)
        at = np.searchsorted(column, values)
        there = column[np.minimum(at, len(column) - 1)] == values
        return np.where(there, at, -1).astype(np.int64)

    def require(self, *, url: str | None = None, doc_id: str | None = None) -> int:
        """Number of a document by URL or id. Raises PageNotFound or BadUrl."""
        if doc_id is not None:
            number, name = self.find_id(doc_id), doc_id
        elif url is not None:
            number, name = self.find_url(url), url
        else:
            raise BadUrl("", "is empty")
        if number is None:
            raise PageNotFound(name)
        return number

    @staticmethod
    def _position(column: npt.NDArray[np.uint64], value: np.uint64) -> int | None:
        at = int(np.searchsorted(column, value))
        return at if at < len(column) and column[at] == value else None

    def doc_id(self, number: int) -> str:
        return f"{self._id_view[number]:016x}"

    def head(self, number: int) -> tuple[str, str, str | None]:
        """(url, title, date)."""
        url, title, date = orjson.loads(self._head.piece(number))
        return url, title, date

    def stored_bytes(self, number: int) -> int:
        """How much is read to show a page: its text and its body, in bytes."""
        text, body = self._text.ends, self._body.ends
        return int(text[number + 1] - text[number] + body[number + 1] - body[number])

    def text(self, number: int) -> str:
        return self._text.piece(number).decode()

    @cached_property
    def near_duplicate_count(self) -> int:
        """Pages that say almost the same as one with a lower number, which `near_duplicate_of` names for each."""
        return int(np.count_nonzero(self.near_duplicate_of != np.arange(len(self), dtype=np.uint32)))

    def language(self, number: int) -> str | None:
        """Language of a page in two letters (see `primary_language`), or None."""
        return self.languages[int(self.language_numbers[number])] or None

    def language_tag(self, number: int) -> str | None:
        """Language of a page as its source gave it: that of its body, which is not read for it."""
        size = self._body.ends[number + 1] - self._body.ends[number]
        match = _BODY_END.search(self._body.part(number, max(0, size - _BODY_END_BYTES), size))
        if match is None:
            whole: str | None = self.body(number).language
            return whole
        tag: bytes | None = match.group(1)
        return None if tag is None else tag.decode()

    def body(self, number: int) -> Body:
        return Body(self._body.piece(number))

    def rendered(self, number: int) -> Rendered | None:
        """A page as it was rendered when it was stored; None where it was not, which is rare in new snapshots."""
        blob = self._rendered
        if blob is None or (at := blob.ends[number]) == blob.ends[number + 1]:
            return None
        return Rendered(blob.data, at)

    def is_rendered(self, number: int) -> bool:
        """Whether there is such a record."""
        return self._rendered is not None and self._rendered.ends[number] < self._rendered.ends[number + 1]

    def section_rows(self, number: int) -> list[SectionRow]:
        """Sections of a page as they are stored: [title, level, start, end]."""
        rendered = self.rendered(number)
        return self.body(number).section_rows if rendered is None else rendered.section_rows

    def link_urls(self, number: int) -> list[str]:
        """Where the links of a page lead, in their order."""
        return [link[0] for link in orjson.loads(self._body.piece(number))[1]]

    def html(self, number: int) -> str | None:
        """The page as stored, or None where its source had no HTML."""
        data = self._html.piece(number)
        return self._decompress().decompress(data).decode() if data else None

    def document(self, number: int) -> Document:
        url, title, date = self.head(number)
        body = self.body(number)
        return Document(
            url=url,
            title=title,
            text=self.text(number),
            links=body.links,
            images=body.images,
            date=date,
            fetched_at=body.fetched_at,
            language=body.language,
            html=self.html(number),
            aliases=body.aliases,
            place=self.place(number),
            paper=self.paper(number),
        )

    def place(self, number: int) -> Place | None:
        """A page's row in the table of places."""
        return self.tables.place(number)

    def paper(self, number: int) -> Paper | None:
        """A page's row in the table of papers."""
        return self.tables.paper(number)

    def passages_of(self, number: int) -> range:
        """Numbers of a document's passages."""
        return range(self._first_passage[number], self._first_passage[number + 1])

    def doc_of(self, passage: int) -> int:
        """Number of a passage's document."""
        number: int = self._doc_of[passage]
        return number

    def docs_of(self, passages: Sequence[int]) -> list[int]:
        """The same for some passages."""
        if len(passages) < _FEW:
            documents = self._doc_of
            return [documents[passage] for passage in passages]
        numbers: list[int] = self.passage_doc[passages].tolist()
        return numbers

    def passage_span(self, passage: int) -> tuple[int, int]:
        return self._starts[passage], self._ends[passage]

    def spans_of(self, number: int) -> list[Span]:
        """Spans of a document's passages, as characters and as bytes."""
        rows = self.passages_of(number)
        return list(zip(*(column[rows.start : rows.stop].tolist() for column in self._passage), strict=True))

    def passage_text(self, passage: int) -> str:
        """Text of one passage, read without the rest of its page."""
        return self._text.part(self._doc_of[passage], self._byte_starts[passage], self._byte_ends[passage]).decode()

    def passage_id(self, passage: int) -> str:
        return f"{self._id_view[self._doc_of[passage]]:016x}:{self._starts[passage]}-{self._ends[passage]}"

    def find_passage(self, passage_id: str) -> int | None:
        """Number of the passage with an id, or None."""
        doc_id, _, span = passage_id.partition(":")
        number = self.find_id(doc_id)
        if number is None:
            return None
        rows, start = self.passages_of(number), span.partition("-")[0]
        if not (start.isascii() and start.isdigit() and len(start) < 19):
            return None
        passage = bisect_left(self._starts, int(start), rows.start, rows.stop)
        return passage if passage < rows.stop and f"{self._starts[passage]}-{self._ends[passage]}" == span else None

    def iter_passages(self, first_doc: int = 0) -> Iterator[tuple[int, str, str, Passage]]:
        """(document number, title, host, passage) of every passage in order: what the indexes are built from."""
        for number in range(first_doc, len(self)):
            url, title, _ = self.head(number)
            host, doc_id, text = host_of(url), self.doc_id(number), self.text(number)
            sections, next_section, above = self.body(number).sections, 0, list[Section]()
            for passage in self.passages_of(number):
                start, end = self.passage_span(passage)
                # A running stack, since a page may have as many sections as passages. A heading that stands inside
                # the passage is part of its text already and is not repeated.
                while next_section < len(sections) and sections[next_section].start < start:
                    above = [s for s in above if s.end > sections[next_section].start] + [sections[next_section]]
                    next_section += 1
                headings = tuple(section.title for section in above if section.end > start)
                yield number, title, host, Passage(doc_id, start, end, text[start:end], headings)
