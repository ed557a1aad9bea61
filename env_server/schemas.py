"""The native wire format, version 1: what comes in, what goes out. OpenAPI is made from these.

Answers are written by `env_server.service` straight to bytes; tests hold them against these models.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from corpus.manifest import SnapshotSettings

Mode = Literal["bm25", "dense", "hybrid"]
Format = Literal["markdown", "text", "html"]

_EXAMPLE_URL = "https://www.cia.gov/the-world-factbook/countries/austria/"


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class FilterFields(_In):
    """Which pages may come back. Applied before ranking, so that k hits come back where k exist."""

    include_domains: list[str] = Field(default=[], max_length=1000)
    """Keep pages of these domains and their subdomains."""
    exclude_domains: list[str] = Field(default=[], max_length=1000)
    """Leave out pages of these domains and their subdomains."""
    exclude_urls: list[str] = Field(default=[], max_length=10_000)
    """Leave out these pages; URLs the snapshot does not hold are ignored."""
    after: str | None = None
    """Keep pages dated on or after this ISO date (2014, 2014-06 or 2014-06-07; a partial one is its first day)."""
    before: str | None = None
    """Keep pages dated before this ISO date."""
    include_undated: bool = False
    """Keep pages without a date although `after` or `before` is given."""


class SearchOptions(FilterFields):
    """How to search: shared by one query and a batch."""

    k: Annotated[int, Field(ge=1)] = 10
    """How many hits; the server's `max_k` bounds it."""
    mode: Mode | None = None
    """Retriever; null takes the snapshot's default."""
    syntax: Literal["plain", "lucene"] = "plain"
    """`plain`: any text is valid and nothing in it is syntax. `lucene`: field:word, "phrase", AND, OR, NOT, -, ^2;
    it applies to the words of bm25 and hybrid."""
    level: Literal["page", "passage"] = "page"
    """Rank pages, each shown by its best passage, or passages."""
    snippet_chars: Annotated[int, Field(ge=0, le=10_000)] = 300
    """Upper bound of a snippet, in characters."""


class SearchRequest(SearchOptions):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"query": "landlocked country with two neighbours", "k": 3}]}
    )

    query: Annotated[str, Field(min_length=1)]
    """What to look for."""


class SearchBatchRequest(SearchOptions):
    model_config = ConfigDict(json_schema_extra={"examples": [{"queries": ["alpine passes", "salt lakes"], "k": 3}]})

    queries: Annotated[list[str], Field(min_length=1)]
    """Each is answered as a search of its own, in this order."""


class Hit(_Out):
    rank: int
    score: float
    """Comparable within one answer only."""
    url: str
    title: str
    snippet: str
    date: str | None
    doc_id: str
    passage_id: str


class SearchAnswer(_Out):
    snapshot_id: str
    query: str
    mode: Mode
    hits: list[Hit]


class ErrorDetail(_Out):
    code: str
    """Stable; programs may compare it."""
    message: str
    remedy: str


class ErrorAnswer(_Out):
    error: ErrorDetail


class SearchBatchAnswer(_Out):
    snapshot_id: str
    results: list[SearchAnswer | ErrorAnswer]


class PageRef(_In):
    """A page by URL or by doc_id, exactly one of them."""

    url: str | None = None
    doc_id: str | None = None

    @model_validator(mode="after")
    def _one(self) -> PageRef:
        if (self.url is None) == (self.doc_id is None):
            raise ValueError("give either url or doc_id")
        return self


class FetchItem(PageRef):
    page: Annotated[int, Field(ge=1)] = 1
    """Which part of a long page, from 1."""
    section: str | None = None
    """Only this section: its title in any case, or its number from 1 as `#3`."""


class FetchOptions(_In):
    format: Format = "markdown"
    """`markdown`: the text with its links written out; `text`: what all offsets count in; `html`: as stored."""
    page_chars: Annotated[int, Field(ge=100)] = 20_000
    """Length of a part, in characters of the text (links written out come on top); bounded by `max_page_chars`."""


class FetchRequest(FetchItem, FetchOptions):
    model_config = ConfigDict(json_schema_extra={"examples": [{"url": _EXAMPLE_URL, "section": "Economy"}]})


class FetchBatchRequest(FetchOptions):
    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [{"url": _EXAMPLE_URL}]}]})

    items: Annotated[list[FetchItem], Field(min_length=1)]


class SectionOut(_Out):
    title: str
    level: int
    start: int
    end: int


class ImageOut(_Out):
    url: str
    alt: str
    caption: str
    stored: bool
    """Whether `GET /v1/image?url=` has its bytes."""


class FetchAnswer(_Out):
    snapshot_id: str
    doc_id: str
    url: str
    title: str
    text: str
    page: int
    pages: int
    date: str | None
    language: str | None
    """As the page says, else as its text looks; a BCP 47 tag."""
    near_duplicate_of: str | None
    """URL of a page with a lower doc_id that says almost the same."""
    images: list[ImageOut]
    sections: list[SectionOut]
    """Of the whole page; offsets are characters of `format=text`."""


class FetchBatchAnswer(_Out):
    snapshot_id: str
    results: list[FetchAnswer | ErrorAnswer]


class FindRequest(PageRef):
    model_config = ConfigDict(json_schema_extra={"examples": [{"url": _EXAMPLE_URL, "pattern": "Danube"}]})

    pattern: Annotated[str, Field(min_length=1)]
    """Words to find in any case, or with `regex` an RE2 expression."""
    regex: bool = False
    context_chars: Annotated[int, Field(ge=0, le=2000)] = 100


class FindMatch(_Out):
    start: int
    end: int
    text: str
    before: str
    after: str
    section: str | None
    page: int
    """Part of the page, at the default `page_chars`."""


class FindAnswer(_Out):
    snapshot_id: str
    doc_id: str
    url: str
    matches: list[FindMatch]
    """The first 100."""
    total: int
    """How many there are, counted up to 10,000."""


class SimilarRequest(PageRef, FilterFields):
    model_config = ConfigDict(json_schema_extra={"examples": [{"url": _EXAMPLE_URL, "k": 3}]})

    k: Annotated[int, Field(ge=1)] = 10
    snippet_chars: Annotated[int, Field(ge=0, le=10_000)] = 300


class ExtractRequest(PageRef):
    model_config = ConfigDict(json_schema_extra={"examples": [{"url": _EXAMPLE_URL, "goal": "main export partners"}]})

    goal: Annotated[str, Field(min_length=1)]
    """What you want to learn from the page."""
    max_chars: Annotated[int, Field(ge=100, le=100_000)] = 2000


class ExtractPassage(_Out):
    start: int
    end: int
    text: str
    section: str | None
    score: float


class ExtractAnswer(_Out):
    snapshot_id: str
    doc_id: str
    url: str
    passages: list[ExtractPassage]


class OutLink(_Out):
    url: str
    anchor: str
    doc_id: str | None
    """Null where the target is not in the snapshot."""


class InLink(_Out):
    url: str
    anchor: str
    doc_id: str


class LinksAnswer(_Out):
    model_config = ConfigDict(populate_by_name=True)

    snapshot_id: str
    doc_id: str
    url: str
    out: list[OutLink]
    in_: list[InLink] = Field(alias="in")


class DocumentRow(_Out):
    doc_id: str
    url: str
    title: str
    date: str | None


class DocumentsAnswer(_Out):
    snapshot_id: str
    documents: list[DocumentRow]
    next: str | None
    """Cursor of the next page of the list, null at its end."""


class SnapshotCounts(_Out):
    documents: int
    passages: int
    links: int


class SnapshotAnswer(_Out):
    name: str
    snapshot_id: str
    content_id: str
    format_version: int
    modes: list[Mode]
    counts: SnapshotCounts
    settings: SnapshotSettings


class HealthAnswer(_Out):
    status: Literal["healthy"]


class ReadyAnswer(_Out):
    status: Literal["ready", "warming"]
