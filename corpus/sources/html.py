"""Pages from a folder of saved HTML, such as `wget --mirror` leaves."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from corpus.errors import BadSource, BadUrl
from corpus.extract import MAX_PAGE_BYTES, declared_url, decode_html, extract_html, too_large
from corpus.records import Document, Skipped
from corpus.sources import HTML_SUFFIXES
from corpus.urls import canonical_url

_HOST = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*(?::\d+)?", re.IGNORECASE)


def read_html_folder(path: str, *, skip: int = 0) -> Iterator[Document | Skipped]:
    """Every .html, .htm and .xhtml file under `path`, sorted by path; Skipped names the file within the folder.

    A page's URL is what it declares (canonical link, og:url), else its place in the folder: `HOST/rest` as wget lays
    it out, else `https://<name of the folder>.invalid/rest`. `index.html` stands for its folder. The place stays an
    alias, for links between files point at it. Raises BadSource at once where `path` is no folder.
    """
    root = Path(path)
    if not root.is_dir():
        raise BadSource(f"{path} is no folder. Name the folder that holds the saved pages.")
    return (_page(root, name) for name in islice(_names(root), skip, None))


def _names(root: Path) -> list[str]:
    names = (
        (Path(folder) / name).relative_to(root).as_posix()
        for folder, _, files in os.walk(root)
        for name in files
        if name.lower().endswith(HTML_SUFFIXES)
    )
    return sorted(names)


def _page(root: Path, name: str) -> Document | Skipped:
    try:
        size = (root / name).stat().st_size
        if size > MAX_PAGE_BYTES:
            return Skipped(name, too_large(size))
        html = decode_html((root / name).read_bytes())
        place = _url_of_place(root, name)
    except OSError as error:
        return Skipped(name, f"the file cannot be read: {error.strerror}")
    except BadUrl as error:
        return Skipped(name, str(error))
    page = extract_html(declared_url(html) or place, html)
    if isinstance(page, Skipped):
        return Skipped(name, page.reason)
    return replace(page, aliases=(place,)) if place != page.url else page


def _url_of_place(root: Path, name: str) -> str:
    """URL of a file by where it lies. Raises BadUrl for names no URL can hold."""
    file = PurePosixPath(name)
    parts = list(file.parts)
    if file.stem.lower() == "index":
        parts[-1] = ""
    # Undecodable bytes in a file name come as lone surrogates; quoting them as bytes gives them back.
    quoted = [quote(os.fsencode(part)) for part in parts]
    if len(parts) > 1 and _HOST.fullmatch(parts[0]):
        return canonical_url(f"https://{parts[0]}/{'/'.join(quoted[1:])}")
    slug = re.sub(r"[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-") or "pages"
    return canonical_url(f"https://{slug}.invalid/{'/'.join(quoted)}")
