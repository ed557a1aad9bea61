"""The XML of MediaWiki's exports, page by page: flat in memory, and without what XML has for attackers."""

from __future__ import annotations

import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

import zstandard

from corpus.errors import BadSource
from corpus.sources.lines import open_packed

MAX_WIKITEXT_CHARS = 4 * 1024**2
"""MediaWiki's own limit is 2 MiB of UTF-8; of longer texts only the length is kept."""
_CHUNK_BYTES = 256 * 1024
_MAX_TOKEN_BYTES = 16 * 1024**2
"""A tag longer than this is damage: the parser holds it whole."""
_MAX_FIELD_CHARS = 10_000
_FIELDS = frozenset(("title", "ns", "timestamp", "model", "base", "case", "namespace", "text"))


@dataclass(slots=True)
class WikiPage:
    """One page as its last revision in the file has it."""

    title: str = ""
    namespace: str = ""
    redirect: str | None = None
    timestamp: str = ""
    model: str = "wikitext"
    text: str = ""
    text_chars: int = 0
    """Length of the text, also where it is too long to be kept."""


@dataclass(slots=True)
class SiteInfo:
    """What an export says of its wiki."""

    base: str = ""
    case: str = "first-letter"
    language: str = ""
    namespaces: dict[str, int] = field(default_factory=dict)
    """Lower-case name -> number."""


class ExportDamaged(Exception):
    """The file ends early or is no XML any more; the message says which and where."""


class _NotAnExport(Exception):
    pass


class _Handler:
    """Takes in the parser's events; finished pages wait in `pages`."""

    def __init__(self) -> None:
        self.site = SiteInfo()
        self.site_done = False
        self.finished = False
        self.pages: list[WikiPage] = []
        self._page: WikiPage | None = None
        self._field = ""
        self._parts: list[str] = []
        self._chars = 0
        self._key = ""
        self._root = ""
        self._in_revision = False
        self._in_upload = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._root:
            self._root = name
            if name != "mediawiki":
                raise _NotAnExport(f"its outermost element is <{name[:60]}>")
            self.site.language = attributes.get("xml:lang", "")
        elif name == "page":
            self._page = WikiPage()
        elif name == "revision":
            self._in_revision = True
            if self._page is not None:  # a history: the last revision of a page stands last
                self._page.timestamp, self._page.model, self._page.text, self._page.text_chars = "", "wikitext", "", 0
        elif name == "upload":
            self._in_upload = True
        elif name == "redirect" and self._page is not None:
            self._page.redirect = attributes.get("title", "")
        self._field = name if name in _FIELDS else ""
        self._parts, self._chars = [], 0
        self._key = attributes.get("key", "")

    def words(self, text: str) -> None:
        if self._field:
            self._chars += len(text)
            if self._chars <= (MAX_WIKITEXT_CHARS if self._field == "text" else _MAX_FIELD_CHARS):
                self._parts.append(text)

    def end(self, name: str) -> None:
        text = "".join(self._parts) if name == self._field else ""
        page = self._page
        if name == "mediawiki":
            self.finished = True
        elif name == "siteinfo":
            self.site_done = True
        elif name == "page" and page is not None:
            self.pages.append(page)
            self._page = None
        elif name == "upload":
            self._in_upload = False
        elif name == self._field and page is None:
            if name == "base":
                self.site.base = text.strip()
            elif name == "case":
                self.site.case = text.strip()
            elif name == "namespace" and re.fullmatch("-?[0-9]{1,9}", self._key):
                self.site.namespaces[text.strip().lower()] = int(self._key)
        elif name == self._field and page is not None and not self._in_upload:
            if name == "text":
                page.text_chars = self._chars
                page.text = text if self._chars <= MAX_WIKITEXT_CHARS else ""
            elif name == "title":
                page.title = text.strip()
            elif name == "ns":
                page.namespace = text.strip()
            elif name == "timestamp" and self._in_revision:
                page.timestamp = text.strip()
            elif name == "model":
                page.model = text.strip()
        if name == "revision":
            self._in_revision = False
        self._field, self._parts = "", []


def _refuse(*_: object) -> None:
    # Entities can stand for one another, a few lines for gigabytes; an export declares none.
    raise _NotAnExport("it has a document type, which no export has")


def _parser(handler: _Handler) -> expat.XMLParserType:
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.buffer_size = 64 * 1024
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.words
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    return parser


def _feed(parser: expat.XMLParserType, chunk: bytes, fed: int) -> int:
    """Parse the next bytes behind `fed`; return how many there are now. Raises ExportDamaged for an endless tag."""
    fed += len(chunk)
    parser.Parse(chunk)
    if fed - parser.CurrentByteIndex > _MAX_TOKEN_BYTES + _CHUNK_BYTES:
        raise ExportDamaged(f"a tag has more than {_MAX_TOKEN_BYTES:,} bytes")
    return fed


def read_site(path: str) -> SiteInfo:
    """What stands at the head of an export. Raises BadSource for a file that is none, or cannot be opened."""
    handler = _Handler()
    try:
        with closing(_chunks(path)) as chunks:
            parser, fed = _parser(handler), 0
            for chunk in chunks:
                fed = _feed(parser, chunk, fed)
                if handler.site_done or handler.pages:
                    return handler.site
    except _NotAnExport as error:
        raise BadSource(f"{path} is no MediaWiki export: {error}.", _REMEDY) from error
    except (expat.ExpatError, ExportDamaged) as error:
        if not handler.site_done:
            raise BadSource(f"{path} is no MediaWiki export, or not all of one ({error}).", _REMEDY) from error
    except OSError as error:
        raise BadSource(f"{path} cannot be read: {error.strerror or error}.", "Check the file.") from error
    if not handler.finished:
        raise BadSource(f"{path} is no MediaWiki export: it is empty.", _REMEDY)
    return handler.site


_REMEDY = "Name a pages-articles dump, or what Special:Export of a wiki gives: .xml, .xml.bz2, .xml.gz or .xml.zst."


def read_pages(path: str) -> Iterator[WikiPage]:
    """Every page of an export in its order; memory is that of a few pages.

    Raises ExportDamaged behind the last page that could be read.
    """
    handler = _Handler()
    parser = _parser(handler)
    fed = 0
    chunks = _chunks(path)
    try:
        for chunk in chunks:
            fed = _feed(parser, chunk, fed)
            pages, handler.pages = handler.pages, []
            yield from pages
        parser.Parse(b"", True)
        yield from handler.pages
    except expat.ExpatError as error:
        yield from handler.pages
        if handler.finished:
            return
        raise ExportDamaged(f"the XML breaks off or is damaged ({error})") from error
    except ExportDamaged:
        yield from handler.pages
        raise
    except _NotAnExport as error:
        raise ExportDamaged(str(error)) from error
    finally:
        chunks.close()


def _chunks(path: str) -> Generator[bytes, None, None]:
    """The unpacked bytes of a file. Raises ExportDamaged where they end early, OSError where it cannot be opened."""
    with open(path, "rb") as packed:
        file: Any = open_packed(packed, packed.peek(4)[:4])
        while True:
            try:
                chunk = file.read1(_CHUNK_BYTES)  # read() would keep back what came before the damage
            except EOFError as error:
                raise ExportDamaged("the file ends early") from error
            except (OSError, zlib.error, zstandard.ZstdError, ValueError) as error:
                raise ExportDamaged(f"the file is damaged ({error})") from error
            if not chunk:
                return
            yield chunk
