"""Pages as Firecrawl's documents: the formats asked for, and metadata.

A page that the snapshot does not hold is what a dead page is to Firecrawl: a scrape that succeeded, of a page whose
`metadata.statusCode` is 404, with `metadata.error` and a text that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from corpus.errors import PageNotFound
from env_server.dialects.dialect import Asked, Values, WantedWithin
from env_server.errors import EnvServerError
from env_server.rendering import page_html
from env_server.schemas import ExtractRequest, PageRef

Format = str | Values

PLAIN_FORMATS = ("markdown", "html", "rawHtml", "links", "images", "summary")
QUESTION_FORMATS = {
    "query": ("prompt", "answer"),
    "question": ("question", "answer"),
    "highlights": ("query", "highlights"),
}
"""Formats that are objects: the key of the question, and the document's key of what the page says to it."""

_SUMMARY_CHARS = 800
_ANSWER_CHARS = 1500


class ScrapeOptions(WantedWithin):
    """What else a vendor's scrape takes (onlyMainContent, waitFor, maxAge, actions, ...) changes nothing here."""

    formats: list[Format] = Field(default=["markdown"], max_length=50)


def check_formats(formats: Sequence[Format]) -> None:
    """Raise a 400 for a format that nobody knows, or that takes a language model or a browser."""
    for wanted in formats:
        name = _name(wanted)
        if name in PLAIN_FORMATS:
            continue
        if name not in QUESTION_FORMATS:
            known = ", ".join([*PLAIN_FORMATS, *QUESTION_FORMATS])
            raise EnvServerError(
                400, "bad_format", f"The format {name[:60]!r} cannot be made here.", f"Formats are {known}."
            )
        key = QUESTION_FORMATS[name][0]
        if not isinstance(wanted, dict) or not isinstance(wanted.get(key), str) or not wanted[key].strip():
            raise EnvServerError(
                400, "bad_format", f"The format {name} is an object with {key!r}.", f"Send it with {key!r}, a text."
            )


def whole_url(url: str) -> str:
    """A URL without a scheme gets one, as the vendor does."""
    url = url.strip()
    return url if "://" in url[:20] else f"https://{url}"


def document(asked: Asked, url: str, formats: Sequence[Format]) -> Values:
    """A page in the formats asked for. Raises BadUrl."""
    check_formats(formats)
    try:
        page = asked.page(whole_url(url))
    except PageNotFound as error:
        return _missing(url, formats, error)
    made: Values = {}
    for wanted in formats:
        name = _name(wanted)
        if name in QUESTION_FORMATS:
            key, place = QUESTION_FORMATS[name]
            made[place] = _told(asked, page, wanted[key], _ANSWER_CHARS)  # type: ignore[index]
        else:
            made[name] = _formatted(asked, page, name)
    metadata = {"title": page["title"], "language": page["language"], "publishedTime": page["date"]}
    known = {name: value for name, value in metadata.items() if value is not None}
    address = {"sourceURL": url, "url": page["url"], "statusCode": 200, "contentType": "text/html", "creditsUsed": 1}
    return made | {"metadata": known | address}


def _formatted(asked: Asked, page: Values, name: str) -> Any:
    if name == "markdown":
        return page["text"]
    if name == "links":
        links = asked.service.reader.links(PageRef(url=page["url"]), asked.view)["out"]
        return list(dict.fromkeys(link["url"] for link in links))
    if name == "images":
        return list(dict.fromkeys(image["url"] for image in page["images"]))
    if name == "summary":
        return _told(asked, page, page["title"], _SUMMARY_CHARS) or page["text"][:_SUMMARY_CHARS]
    if name == "rawHtml":
        return asked.html(doc_id=page["doc_id"])
    return page_html(page["title"], page["text"], page["url"], language=page["language"], date=page["date"])


def _told(asked: Asked, page: Values, question: str, chars: int) -> str:
    """What a page says to a question, word for word, in the page's order."""
    if not question.strip():
        return ""
    request = ExtractRequest(url=page["url"], goal=question, max_chars=chars)
    passages = asked.service.reader.extract(request, asked.view)["passages"]
    return "\n\n".join(passage["text"] for passage in sorted(passages, key=lambda passage: passage["start"]))


def _missing(url: str, formats: Sequence[Format], error: PageNotFound) -> Values:
    text = f"404 Not Found\n\n{error.message}\n"
    html = page_html("404 Not Found", text, whole_url(url))
    made: Values = {"markdown": text, "html": html, "rawHtml": html, "links": [], "images": [], "summary": text}
    shown = {name: made[name] for name in map(_name, formats) if name in made}
    metadata = {"title": "404 Not Found", "sourceURL": url, "url": url, "statusCode": 404, "error": "Not Found"}
    return shown | {"metadata": metadata | {"contentType": "text/html", "creditsUsed": 1}}


def _name(wanted: Format) -> str:
    return wanted if isinstance(wanted, str) else str(wanted.get("type", ""))
