"""Pages from web archives: WARC (responses, resources) and Common Crawl's WET (converted text), plain or gzip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from corpus.errors import BadSource, BadUrl
from corpus.extract import MAX_PAGE_BYTES, clean_text, decode_html, extract_html, title_of_url, too_large
from corpus.records import Document, Skipped
from corpus.urls import canonical_url, resolve_url

_HTML = ("text/html", "application/xhtml+xml")


def read_warc(path: str, *, skip: int = 0) -> Iterator[Document | Skipped]:
    """The captures of an archive in its order; of one URL the last is kept by the build, as of any source.

    HTML, PDF and plain text answered with 200 become pages; so does the text of a WET record. A redirect is Skipped
    with its target, any other status with its number: what they were, not what they led to. Requests and records about
    the archive itself are passed over without a word. Raises BadSource where the file cannot be opened.
    """
    file = Path(path)
    if not file.is_file():
        raise BadSource(f"There is no file {path}. Name a .warc, .warc.gz, .wet or .wet.gz file.")
    return islice(_captures(file), skip, None)


def _captures(file: Path) -> Iterator[Document | Skipped]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion | WarcRecordType.revisit
    count = 0
    with open(file, "rb") as stream:
        try:
            for count, record in enumerate(ArchiveIterator(stream, record_types=kinds), 1):
                yield _capture(record, record.record_type == WarcRecordType.conversion, f"{file.name}:{count}")
        # The library raises its own kinds for a broken record or stream; what was read before stays good.
        except Exception as error:
            yield Skipped(file.name, f"the archive cannot be read behind record {count}: {error}")
            return
    if not count:
        yield Skipped(file.name, "no captures in this file; is it a WARC file?")


def _capture(record: Any, is_text: bool, where: str) -> Document | Skipped:
    target = (record.headers.get("WARC-Target-URI") or "").strip().strip("<>")
    try:
        url = canonical_url(target)
    except BadUrl as error:
        return Skipped(where, str(error))
    place = f"{where} {url}"
    fetched_at = record.headers.get("WARC-Date")
    http = record.http_headers
    status = int(http.status_code) if http is not None and http.status_code else 200
    if 300 <= status < 400:
        return Skipped(place, f"a redirect ({status}) to {_location(url, http)}")
    if status != 200:
        return Skipped(place, f"answered with status {status}")
    if record.content_length > MAX_PAGE_BYTES:
        return Skipped(place, too_large(record.content_length))
    data = record.reader.read(MAX_PAGE_BYTES + 1)
    if len(data) > MAX_PAGE_BYTES:
        return Skipped(place, too_large(len(data)))
    kind = "text/plain" if is_text else _kind(record, data)
    page: Document | Skipped
    if kind in _HTML:
        page = extract_html(url, decode_html(data))
    elif kind == "application/pdf":
        from corpus.extraction.pdf import extract_pdf

        page = extract_pdf(url, data)
    elif kind == "text/plain":
        text = clean_text(data.decode("utf-8", "replace")).strip()
        title = text.split("\n", 1)[0].strip()[:200] if is_text else title_of_url(url)
        page = Document(url=url, title=title, text=text) if text else Skipped(url, "no text")
    else:
        return Skipped(place, f"{kind or 'content of no declared type'} is no page")
    if isinstance(page, Skipped):
        return Skipped(place, page.reason)
    return replace(page, fetched_at=fetched_at)


def _kind(record: Any, data: bytes) -> str:
    declared = (record.http_content_type or record.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if declared in ("", "application/octet-stream") and data[:1024].lstrip().lower().startswith(
        (b"<!doctype html", b"<html")
    ):
        return "text/html"
    return declared


def _location(url: str, http: Any) -> str:
    try:
        return resolve_url(url, http.get("Location") or "")
    except BadUrl:
        return "nowhere"
