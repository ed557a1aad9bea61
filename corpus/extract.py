"""From the HTML of one page to a Document.

extract_html       decoding, title, date, language, what part of the page is its content
  └── elements.py  the walk over that part, and boilerplate.py what it leaves out of it
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

from corpus.errors import BadUrl
from corpus.extraction.elements import Markdown, to_markdown
from corpus.records import Document, Skipped
from corpus.urls import canonical_url, host_of, resolve_url

MAX_PAGE_BYTES = 32 * 1024**2
"""Larger pages are skipped: they are dumps, not pages, and one would hold up a build for minutes."""
MAX_DEPTH = 25_000
"""Elements left open inside one another. An HTML parser must look through all of them for most tags, so its time grows
with the square; at this depth that is still below a second."""
MAX_TITLE_CHARS = 500

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = re.compile(rb"""<(?:meta\s[^>]*?charset|\?xml\s[^>]*?encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
# What browsers know. Python has more, among them some that are no character sets at all ("hex", "idna").
_CHARSETS = re.compile(
    r"(?:utf-8|iso8859-\d+|cp\d+|koi8-[ru]|gb\w+|big5\w*|euc_\w+|shift_jis\w*|iso2022_jp\w*|mac-\w+)"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_DEPTH_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
# No content, or closed by the next of their kind: these never pile up.
_VOID = ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
_DEPTHLESS = frozenset((*_VOID, "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option"))
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_DATE = re.compile(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?")
_DATE_METAS = (
    *("article:published_time", "date", "dc.date", "dc.date.issued", "dcterms.date", "datepublished"),
    *("dcterms.created", "pubdate", "publishdate", "publish_date", "parsely-pub-date", "sailthru.date"),
)
_PUBLISHED = re.compile(r""""datePublished"\s*:\s*"([^"\\]{4,100})\"""")
_TIMES = ("time[itemprop=datePublished]", "time[pubdate]", "article time[datetime]", "time[datetime]")


def extract_html(
    url: str, html: bytes | str, *, title: str | None = None, date: str | None = None, keep_html: bool = True
) -> Document | Skipped:
    """The page at `url` as a Document, or why it is none: a bad URL, too large, too deep, or no text.

    Bytes are decoded as their byte order mark, else their meta element, else UTF-8 says; what does not decode is
    replaced. `title` and `date` win over what the page says of itself. Time is linear in the size of the page.
    """
    try:
        url = canonical_url(url)
    except BadUrl as error:
        return Skipped(url, str(error))
    size = len(html) if isinstance(html, bytes) or html.isascii() else len(html.encode("utf-8", "surrogatepass"))
    if size > MAX_PAGE_BYTES:
        return Skipped(url, too_large(size))
    html = decode_html(html) if isinstance(html, bytes) else clean_text(html)
    if _is_too_deep(html):
        return Skipped(url, f"elements nested more than {MAX_DEPTH:,} deep")
    parser = LexborHTMLParser(html)
    content = _content(parser, _Resolver(url, parser), len(html))
    if not content.text:
        return Skipped(url, "no text after extraction")
    metas = _metas(parser)
    return Document(
        url=url,
        title=_fold(title) or _title(parser, metas) or title_of_url(url),
        text=content.text,
        links=content.links,
        images=content.images,
        date=normal_date(date) or _date(parser, metas),
        language=_language(parser, metas),
        html=html if keep_html else None,
    )


def too_large(size_bytes: int) -> str:
    """The reason for skipping a page above MAX_PAGE_BYTES."""
    return f"the page has {size_bytes:,} bytes, more than the limit of {MAX_PAGE_BYTES:,}"


def decode_html(html: bytes) -> str:
    """Text of a page, by byte order mark, else by what it declares in its first 4,096 bytes, else as UTF-8."""
    for bom, encoding in _BOMS:
        if html.startswith(bom):
            return clean_text(html[len(bom) :].decode(encoding, "replace"))
    encoding = "utf-8"
    if declared := _DECLARED.search(html[:4096]):
        try:
            name = codecs.lookup(declared.group(1).decode("ascii", "replace")).name
        except LookupError:
            name = encoding
        # As browsers do: pages that say Latin-1 or ASCII mean Windows-1252.
        name = {"iso8859-1": "cp1252", "ascii": "cp1252"}.get(name, name)
        encoding = name if _CHARSETS.fullmatch(name) else encoding
    return clean_text(html.decode(encoding, "replace"))


def clean_text(text: str) -> str:
    """Text that can be stored: without NUL, without lone surrogates, and with \\n for every line end."""
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def title_of_url(url: str) -> str:
    """A title for a page that has none: the last part of its path, else its host."""
    path = url.split("?", 1)[0].split("/", 3)[3]
    return _fold(unquote(path.rstrip("/").rsplit("/", 1)[-1])) or host_of(url)


def declared_url(html: str) -> str | None:
    """The absolute URL a page gives as its own, <link rel=canonical> else og:url, in canonical form; else None."""
    end = re.search(r"<body[\s>]", html, re.IGNORECASE)
    head = LexborHTMLParser(html[: end.start()] if end else html)
    canonical = head.css_first('link[rel~="canonical" i]')
    for candidate in (canonical.attributes.get("href") if canonical else None, _metas(head).get("og:url")):
        try:
            return canonical_url((candidate or "").strip())
        except BadUrl:
            continue
    return None


def normal_date(value: object) -> str | None:
    """YYYY, YYYY-MM or YYYY-MM-DD out of a year, an ISO 8601 date or time, "YYYY/MM/DD", or an RFC 2822 date.

    Times with an offset are turned into UTC first. None for what cannot be read and for years outside 1 to 9999.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:04d}"
    if not isinstance(value, str) or not value.isascii() or len(value) > 100:
        return None
    value = value.strip()
    try:
        if match := _DATE.fullmatch(value):
            year, month, day = (int(part) if part else None for part in match.groups())
            whole = date(year or 0, month or 1, day or 1).isoformat()
            return whole if day else whole[:7] if month else whole[:4]
        try:
            time = datetime.fromisoformat(value.replace("/", "-"))
        except ValueError:
            time = parsedate_to_datetime(value)
        return (time.astimezone(UTC) if time.tzinfo else time).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _content(parser: LexborHTMLParser, resolve: _Resolver, purse: int) -> Markdown:
    """The text of <main>, else of the only <article>, else of the body; the next of these where one has no text."""
    mains = parser.css('main:not([hidden]), [role="main"]')
    articles = parser.css("article")
    content = Markdown("", (), ())
    for root in (*mains[:1], *(articles if len(articles) == 1 else ()), parser.body):
        if root is not None and not content.text:
            content = to_markdown(root, resolve, purse)
    return content


class _Resolver:
    """References of one page to canonical URLs; None where they lead to no web page."""

    def __init__(self, url: str, parser: LexborHTMLParser) -> None:
        self.known: dict[str, str | None] = {}
        self.base = url
        base = parser.css_first("base[href]")
        self.base = (self((base.attributes.get("href") or "").strip()) if base else None) or url
        self.known.clear()

    def __call__(self, reference: str) -> str | None:
        if reference not in self.known:
            try:
                self.known[reference] = resolve_url(self.base, reference)
            except BadUrl:
                self.known[reference] = None
        return self.known[reference]


def _metas(parser: LexborHTMLParser) -> Mapping[str, str]:
    """Meta elements by lower-case name; the first of each name counts."""
    metas: dict[str, str] = {}
    for node in parser.css("meta[content]"):
        attributes = node.attributes
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        if name:
            metas.setdefault(name.lower(), attributes.get("content") or "")
    return metas


def _title(parser: LexborHTMLParser, metas: Mapping[str, str]) -> str:
    def words(node: LexborNode | None) -> str:
        return _fold(node.text()) if node else ""

    # A title element of an inline drawing is not the page's.
    return _fold(metas.get("og:title")) or words(parser.css_first("head title")) or words(parser.css_first("h1"))


def _date(parser: LexborHTMLParser, metas: Mapping[str, str]) -> str | None:
    """The first readable date of: meta elements, JSON-LD, the time elements that name the page's own, any other."""

    def stated() -> Iterator[str | None]:
        yield from map(metas.get, _DATE_METAS)
        for script in parser.css('script[type="application/ld+json"]'):
            yield from (match.group(1) for match in _PUBLISHED.finditer(script.text()))
        for selector in _TIMES:
            yield from (node.attributes.get("datetime") for node in parser.css(selector))

    return next(filter(None, map(normal_date, stated())), None)


def _language(parser: LexborHTMLParser, metas: Mapping[str, str]) -> str | None:
    """As the html element says, else the body, else a meta element."""
    stated = [node.attributes.get(name) for node in (parser.root, parser.body) if node for name in ("lang", "xml:lang")]
    meta = parser.css_first('meta[http-equiv="content-language" i]')
    stated += [meta.attributes.get("content") if meta else None, metas.get("og:locale")]
    languages = ((language or "").strip().replace("_", "-") for language in stated)
    return next(filter(_LANGUAGE.fullmatch, languages), None)


def _fold(text: str | None) -> str:
    return " ".join((text or "").split())[:MAX_TITLE_CHARS]


def _is_too_deep(html: str) -> bool:
    if html.count("<") <= MAX_DEPTH:
        return False
    depth = 0
    for match in _DEPTH_TAG.finditer(html):
        if match.group(2).lower() not in _DEPTHLESS:
            # Stray end tags do not make room.
            depth = max(0, depth - 1) if match.group(1) else depth + 1
            if depth > MAX_DEPTH:
                return True
    return False
