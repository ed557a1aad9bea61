"""From a PDF to a Document: its words page by page, its links, its title and date."""

from __future__ import annotations

import io
import logging
from typing import Any

from corpus.extract import MAX_TITLE_CHARS, clean_text, normal_date, title_of_url
from corpus.records import Document, Link, Skipped
from corpus.urls import resolve_url


def extract_pdf(url: str, data: bytes) -> Document | Skipped:
    """The words of a PDF, each page under a heading `## Page N`; links without a place, since a PDF's have none.

    Skipped for what cannot be read, is encrypted, or holds pictures of words only.
    """
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of every flaw it mends
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return Skipped(url, "the PDF is encrypted")
        title, date = _title_and_date(reader)
        pages = [clean_text(page.extract_text()).strip() for page in reader.pages]
        targets = dict.fromkeys(clean_text(target) for page in reader.pages for target in _targets(page))
    # The library meets files of every kind of damage, and raises what comes to it.
    except Exception as error:
        return Skipped(url, clean_text(f"the PDF cannot be read: {error}"))
    if not any(pages):
        return Skipped(url, "no text in the PDF; it may hold pictures of pages")
    text = "\n\n".join(f"## Page {number}\n\n{words}" for number, words in enumerate(pages, 1) if words)
    links = []
    for target in targets:
        try:
            links.append(Link(resolve_url(url, target), target))
        except ValueError:
            continue
    return Document(url=url, title=title or title_of_url(url), text=text, links=tuple(links), date=date)


def _title_and_date(reader: Any) -> tuple[str, str | None]:
    """What the file says of itself; a date that is none costs the page nothing."""
    told = reader.metadata
    title = " ".join(clean_text(str((told.title if told else None) or "")).split())
    try:
        created = told.creation_date if told else None
    except ValueError:
        created = None
    return title[:MAX_TITLE_CHARS].rstrip(), normal_date(created.isoformat()) if created else None


def _targets(page: Any) -> list[str]:
    """URLs of the link annotations of a page, in the file's order."""
    found = []
    for reference in page.get("/Annots") or ():
        action = reference.get_object().get("/A")
        target = action.get_object().get("/URI") if action is not None else None
        if target:
            found.append(str(target))
    return found
