"""The records of the ground floor: what a page is, what is indexed, and what a search returns.

Offsets are characters into `Document.text`, half-open. Ranks start at 1. Dates are ISO 8601, UTC, and may be partial
("2014", "2014-06"): a partial date counts as its first day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import orjson

SectionRow: TypeAlias = tuple[str, int, int, int]
LinkRow: TypeAlias = tuple[str, str, int | None, int | None]
ImageRow: TypeAlias = tuple[str, str, str]
"""The records of these names as they are stored: their fields in order. JSON has them as lists."""


def doc_id_of(url: str) -> str:
    """First 16 hex digits of sha256 of a canonical URL (see `corpus.urls.canonical_url`)."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Link:
    """An anchor in a document's text and where it points.

    `start` and `end` span the anchor in `Document.text`; both are None where a source names a link without a place.
    """

    url: str
    anchor: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of a page: absolute URL (or a path relative to the source), alternative text, caption."""

    url: str
    alt: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the map the thing is that a page is about: degrees north of the equator and east of Greenwich.

    `kind` is a word such as "town"; "" where the source names none.
    """

    name: str
    latitude: float
    longitude: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """A page's paper as an index of papers has it. `year` and `citations` are None where the source knows neither.

    `citations` counts all that cite it, not only those with pages. `cites` are doc_ids, of pages that may not be there.
    """

    title: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    citations: int | None = None
    cites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """One web page after extraction.

    `text` is Markdown without link syntax: headings start with `#`, tables use pipes, links lie beside it as spans in
    reading order. `url` is canonical, `aliases` are other canonical URLs of the same page, `html` is the stored page
    where the source had one. `place` and `paper` are its rows in the snapshot's tables (`corpus.tables`), which maps
    and an index of papers are answered from.
    """

    url: str
    title: str
    text: str
    links: tuple[Link, ...] = ()
    images: tuple[Image, ...] = ()
    date: str | None = None
    fetched_at: str | None = None
    language: str | None = None
    html: str | None = None
    aliases: tuple[str, ...] = field(default=())
    place: Place | None = None
    paper: Paper | None = None

    @cached_property
    def doc_id(self) -> str:
        return doc_id_of(self.url)

    @cached_property
    def digest(self) -> str:
        """sha256 over everything that can show in an answer."""
        return hashlib.sha256(document_to_json(self)).hexdigest()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A page that did not become a document, and why. `where` names it in its source; `reason` is a short sentence."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of an image, under its canonical URL."""

    url: str
    media_type: str
    """Such as "image/png"; always "image/..."."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a document's text; the unit we index. `headings` are the headings it stands under, outermost first."""

    doc_id: str
    start: int
    end: int
    text: str
    headings: tuple[str, ...] = ()

    @property
    def passage_id(self) -> str:
        return f"{self.doc_id}:{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the text under it, up to the next heading of the same or a higher level (1 is highest)."""

    title: str
    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hit:
    """One scored result. For a ranking of pages `passage_id` names the page's best passage."""

    rank: int
    score: float
    doc_id: str
    passage_id: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """The ordered hits for one query, best first: score descending, then doc_id, then passage start, ascending."""

    query: str
    retriever: str
    hits: tuple[Hit, ...]


def document_to_json(document: Document) -> bytes:
    """One line of JSON; equal documents give equal bytes."""
    place, paper = document.place, document.paper
    # Nothing is written where there is nothing, so that the ids of snapshots without tables are what they always were.
    rows: list[object] = [] if place is None and paper is None else [place, paper]
    return orjson.dumps(
        [
            document.url,
            document.title,
            document.text,
            [[link.url, link.anchor, link.start, link.end] for link in document.links],
            [[image.url, image.alt, image.caption] for image in document.images],
            document.date,
            document.fetched_at,
            document.language,
            document.html,
            list(document.aliases),
            *rows,
        ]
    )


def document_from_json(line: bytes) -> Document:
    """The inverse of `document_to_json`."""
    url, title, text, links, images, date, fetched_at, language, html, aliases, *rows = orjson.loads(line)
    place, paper = rows or (None, None)
    return Document(
        url=url,
        title=title,
        text=text,
        links=tuple(Link(*link) for link in links),
        images=tuple(Image(*image) for image in images),
        date=date,
        fetched_at=fetched_at,
        language=language,
        html=html,
        aliases=tuple(aliases),
        place=place and Place(**place),
        paper=paper and paper_from_json(paper),
    )


def paper_from_json(row: dict[str, Any]) -> Paper:
    """A paper from the object that orjson makes of one."""
    return Paper(**{**row, "authors": tuple(row["authors"]), "cites": tuple(row["cites"])})
