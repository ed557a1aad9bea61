"""Pages and pictures from web archives: WARC (responses, resources) and WET (converted text), plain or gzip."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from corpus.errors import BadSource, BadUrl
from corpus.extract import MAX_PAGE_BYTES, clean_text, decode_html, extract_html, normal_date, title_of_url, too_large
from corpus.records import Document, Picture, Skipped
from corpus.sources.lines import storable
from corpus.sources.pictures import MAX_PICTURE_BYTES, media_type_of, picture_of, picture_too_large
from corpus.urls import canonical_url, resolve_url

_HTML = ("text/html", "application/xhtml+xml")
_UNTOLD = ("", "application/octet-stream", "binary/octet-stream")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


def read_warc(path: str, *, skip: int = 0) -> Iterator[Document | Skipped | Picture]:
    """The captures of an archive in its order; of one URL the last is kept by the build, as of any source.

    HTML, PDF and plain text answered with 200 become pages; so does the text of a WET record. Images answered with 200
    become pictures, of the kind their bytes say. A redirect is Skipped
    with its target, any other status with its number: what they were, not what they led to. Requests and records about
    the archive itself are passed over without a word. Raises BadSource where the file cannot be opened.
    """
    file = Path(path)
    if not file.is_file():
        raise BadSource(f"There is no file {path}. Name a .warc, .warc.gz, .wet or .wet.gz file.")
    return _captures(file, storable(file.name), skip)


def _captures(file: Path, name: str, skip: int) -> Iterator[Document | Skipped | Picture]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion | WarcRecordType.revisit
    count = 0
    with open(file, "rb") as stream:
        try:
            for count, record in enumerate(ArchiveIterator(stream, record_types=kinds), 1):
                if count > skip:
                    yield _page(record, record.record_type == WarcRecordType.conversion, f"{name}:{count}")
        # The library raises its own kinds for a broken record or stream; what was read before stays good.
        except Exception as error:
            if count >= skip:
                yield Skipped(name, clean_text(f"the archive cannot be read behind record {count}: {error}"))
            return
    if not count and not skip:
        yield Skipped(name, "no captures in this file; is it a WARC file?")


def _page(record: Any, is_text: bool, where: str) -> Document | Skipped | Picture:
    try:
        return _capture(record, is_text, where)
    except Exception as error:  # one capture is not worth the others
        return Skipped(where, clean_text(f"the page cannot be read: {error}"))


def _capture(record: Any, is_text: bool, where: str) -> Document | Skipped | Picture:
    target = (record.headers.get("WARC-Target-URI") or "").strip().strip("<>")
    try:
        url = canonical_url(target)
    except BadUrl as error:
        return Skipped(where, str(error))
    place = f"{where} {url}"
    fetched_at = (record.headers.get("WARC-Date") or "").strip()
    http = record.http_headers
    status = int(http.status_code) if http is not None and http.status_code else 200
    if 300 <= status < 400:
        return Skipped(place, f"a redirect ({status}) to {_location(url, http)}")
    if status != 200:
        return Skipped(place, f"answered with status {status}")
    if record.content_length > MAX_PICTURE_BYTES and _declared(record).startswith("image/"):
        return Skipped(place, picture_too_large(record.content_length))
    if record.content_length > MAX_PAGE_BYTES:
        return Skipped(place, too_large(record.content_length))
    data = record.reader.read(MAX_PAGE_BYTES + 1)
    if http is not None and len(data) <= MAX_PAGE_BYTES:
        data = _decoded(data, http.get("Transfer-Encoding") or "", http.get("Content-Encoding") or "")
    if len(data) > MAX_PAGE_BYTES:
        return Skipped(place, f"the page has more than {MAX_PAGE_BYTES:,} bytes when decoded")
    kind = "text/plain" if is_text else _kind(record, data)
    if kind.startswith("image/") or (kind in _UNTOLD and media_type_of(data)):
        return picture_of(place, url, data, kind)
    page: Document | Skipped
    if kind in _HTML:
        page = extract_html(url, decode_html(data))
    elif kind == "application/pdf":
        from corpus.extraction.pdf import extract_pdf

        page = extract_pdf(url, data)
    elif kind == "text/plain":
        text = clean_text(data.decode("utf-8", "replace")).strip()
        title = " ".join(text.split("\n", 1)[0].split())[:200].rstrip() if is_text else title_of_url(url)
        page = Document(url=url, title=title, text=text) if text else Skipped(url, "no text")
    else:
        return Skipped(place, f"{kind or 'content of no declared type'} is no page")
    if isinstance(page, Skipped):
        return Skipped(place, page.reason)
    return replace(page, fetched_at=fetched_at if normal_date(fetched_at) else None)


def _decoded(data: bytes, transfer: str, content: str) -> bytes:
    """A body without its HTTP encodings, no more than a byte above MAX_PAGE_BYTES of it.

    Done here, as the library's own decoding ends the iteration without a word behind some chunked bodies. Text that
    does not decode was stored decoded, with the headers it once came with. Raises ValueError.
    """
    for name in reversed([name.strip().lower() for name in f"{content},{transfer}".split(",")]):
        try:
            data = _without(name, data)
        except Exception as error:
            try:
                data.decode()
            except UnicodeDecodeError:
                raise ValueError(f"its {name[:40]} encoding cannot be undone ({error})") from error
    return data


def _without(name: str, data: bytes) -> bytes:
    if name in ("", "identity", "none"):
        return data
    if name == "chunked":
        return _unchunked(data)
    if name in ("gzip", "x-gzip", "deflate"):
        return _inflated(data)
    if name == "br":
        from fastwarc.stream_io import BrotliReader

        return bytes(BrotliReader(io.BytesIO(data)).read(MAX_PAGE_BYTES + 1))
    if name == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(data).read(MAX_PAGE_BYTES + 1)
    raise ValueError("it is not known")


def _unchunked(data: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while head := _CHUNK.match(data, at):
        size, at = int(head.group(1), 16), head.end()
        if not size:
            return b"".join(parts)
        parts.append(data[at : at + size])
        at += size
        at += 2 if data.startswith(b"\r\n", at) else 1 if data.startswith(b"\n", at) else 0
    if parts:  # cut off: what came is the page, as a browser shows it
        return b"".join(parts)
    raise ValueError("there are no chunks")


def _inflated(data: bytes) -> bytes:
    """gzip of any number of members, zlib, or what some servers call deflate: neither."""
    kind = 47 if data.startswith(b"\x1f\x8b") or data[:1] == b"\x78" else -15
    found = bytearray()
    at = 0
    while len(found) <= MAX_PAGE_BYTES:
        inflate, size = zlib.decompressobj(kind), 512
        while not inflate.eof and len(found) <= MAX_PAGE_BYTES:
            # In pieces that grow: what a member leaves over is copied, and a million members leave much.
            piece = data[at : at + size]
            if not piece:
                raise ValueError("it ends early")
            found += inflate.decompress(piece, MAX_PAGE_BYTES + 1 - len(found))
            at, size = at + len(piece), 2 * size
        at -= len(inflate.unused_data)
        if not data.startswith(b"\x1f\x8b", at):
            break
    return bytes(found)


def _declared(record: Any) -> str:
    # A record of a response has a type of its own, which says that it is one.
    own = record.headers.get("Content-Type") if record.http_headers is None else ""
    told: str = record.http_content_type or own or ""
    return told.partition(";")[0].strip().lower()


def _kind(record: Any, data: bytes) -> str:
    declared = _declared(record)
    if declared in _UNTOLD and data[:1024].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "text/html"
    return declared


def _location(url: str, http: Any) -> str:
    try:
        return resolve_url(url, http.get("Location") or "")
    except BadUrl:
        return "nowhere"
