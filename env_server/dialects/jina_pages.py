"""What Jina's dialect shows of a page, and how a request says so.

Tokens are characters divided by four, rounded up. Headers count before fields of the body. There are no pictures of
pages: `screenshot`, `pageshot` and the formats that a model writes are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from env_server.dialects.dates import timestamp
from env_server.dialects.dialect import Asked, Values, Wanted, parsed
from env_server.errors import EnvServerError
from env_server.schemas import PageRef

HEADERS = {
    "x-return-format": "respondWith",
    "x-respond-with": "respondWith",
    "x-with-links-summary": "withLinksSummary",
    "x-with-images-summary": "withImagesSummary",
    "x-retain-links": "retainLinks",
    "x-md-link-style": "mdLinkStyle",
    "x-token-budget": "tokenBudget",
    "x-max-output-tokens": "maxTokens",
    "x-max-tokens": "maxTokens",
}
"""Headers of a request, each with the field of the body that says the same; a later one counts before an earlier."""

_FORMATS = frozenset({"content", "markdown", "html", "text", "no-content"})
_CHARS_PER_TOKEN = 4
_KEPT_OPTIONS = 64
"""Few, since a client may send headers as long as the server takes any."""


class Options(Wanted):
    respondWith: Annotated[str, AfterValidator(lambda mode: mode.strip().lower() or "content")] = "content"
    withLinksSummary: bool | str = False
    """`all` lists links in order with their words, anything else the last address of each wording."""
    withImagesSummary: bool | str = False
    retainLinks: str = "all"
    """Anything but `all` leaves links out of the text and their words in."""
    mdLinkStyle: str = "inlined"
    """`discarded` is the same; `referenced` is not known here."""
    tokenBudget: Annotated[int, Field(ge=0)] = 0
    """Tokens beyond which a page is refused rather than given; 0 is no bound."""
    maxTokens: Annotated[int, Field(ge=0)] = 0
    """Tokens beyond which a page is cut; 0 is no bound."""
    maxOutputTokens: Annotated[int, Field(ge=0)] = 0
    """Another name of `maxTokens`."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is answered: `data` of JSON, and the same as text. `tokens` are those of what was asked for."""

    data: Values
    text: str
    tokens: int


def options_of(asked: Asked, values: Values) -> Options:
    """From headers and the fields of a body. Raises a 422 for a format that cannot be given."""
    said = tuple(item for item in asked.headers.items() if item[0] in HEADERS)
    return _options(dict(said), values) if values else _kept_options(said)


@lru_cache(_KEPT_OPTIONS)
def _kept_options(said: tuple[tuple[str, str], ...]) -> Options:
    """Those of headers alone, which agents repeat: reading them anew costs a cold search 40 us."""
    return _options(dict(said), {})


def _options(headers: dict[str, str], values: Values) -> Options:
    given = {name: value for name, value in values.items() if name in Options.model_fields}
    for header, name in HEADERS.items():
        if header not in headers or not (value := headers[header].strip()):
            continue
        if name in ("tokenBudget", "maxTokens"):
            digits = re.match(r"[1-9][0-9]{0,11}", value)
            if digits:
                given[name] = int(digits.group())
        else:
            given[name] = value
    options = parsed(Options, given)
    if any(word in options.respondWith for word in ("shot", "lm")):
        raise EnvServerError(
            422,
            "format_unavailable",
            f"This server cannot respond with {options.respondWith[:60]!r}: its pages are text.",
            f"Ask for {', '.join(sorted(_FORMATS))}.",
        )
    return options


def is_compound(options: Options) -> bool:
    """Whether several formats are asked for, or one that nobody knows: only JSON can hold them."""
    return options.respondWith not in _FORMATS


def formatted(asked: Asked, url: str, options: Options, *, max_chars: int | None = None) -> Page:
    """A page in the formats asked for, its text at most `max_chars` characters. Raises PageNotFound or BadUrl."""
    mode = options.respondWith
    linked = options.retainLinks == "all" and options.mdLinkStyle != "discarded"
    page = asked.page(url, format="markdown" if linked else "text")
    max_tokens = options.maxTokens or options.maxOutputTokens
    limit = min((limit for limit in (max_chars, max_tokens * _CHARS_PER_TOKEN) if limit), default=None)
    data: Values = {"title": page["title"], "description": "", "url": page["url"]}
    if page["date"] is not None:
        data["publishedTime"] = timestamp(page["date"])
    if _has_content(mode):
        data["content"] = page["text"].strip()[:limit]
    if "html" in mode:
        data["html"] = asked.html(doc_id=page["doc_id"])[:limit]
    if "text" in mode:
        data["text"] = asked.page(url, format="text")["text"].strip()[:limit]
    if _is_on(options.withImagesSummary):
        data["images"] = _images(page)
    if _is_on(options.withLinksSummary):
        pairs = _links(asked, page)
        data["links"] = pairs if options.withLinksSummary == "all" else dict(pairs)
    tokens = sum(tokens_of(data[name]) for name in ("content", "html", "text") if name in data)
    data["usage"] = {"tokens": tokens}
    return Page(data, _text(data, mode), tokens)


def check_budget(options: Options, tokens: int) -> None:
    """Raise a 409 where an answer is over the budget, in the words that the service's published source has."""
    if 0 < options.tokenBudget < tokens:
        raise EnvServerError(
            409,
            "budget_exceeded",
            f"Token budget ({options.tokenBudget}) exceeded, intended charge amount {tokens}.",
            "Raise the budget, or send X-Max-Tokens to have the page cut.",
        )


def tokens_of(text: str) -> int:
    return -(-len(text) // _CHARS_PER_TOKEN)


def suffixes(data: Values, before: str = "") -> list[str]:
    """The summaries of pictures and links as text."""
    found = []
    for name, title, what in (("images", "Images", "images"), ("links", "Links/Buttons", "buttons/links")):
        if name in data:
            mark = "!" if name == "images" else ""
            pairs = data[name].items() if isinstance(data[name], dict) else data[name]
            rows = [f"- {mark}[{words}]({url})" for words, url in pairs]
            rows = rows or [f"This page does not seem to contain any {what}."]
            found.append("\n".join([f"{before}{title}:", *rows]))
    return found


def _has_content(mode: str) -> bool:
    if mode == "no-content":
        return False
    return "content" in mode or "markdown" in mode or not ("html" in mode or "text" in mode)


def _text(data: Values, mode: str) -> str:
    if not _has_content(mode) and mode != "no-content":
        return str(data["text"] if "text" in data else data["html"])
    published = [f"Published Time: {data['publishedTime']}"] if "publishedTime" in data else []
    after = "".join(f"\n{suffix}\n" for suffix in suffixes(data))
    if "markdown" in mode:
        before = "".join(f"{line}\n\n" for line in published)
        return f"{before}{data['content']}\n{after}"
    head = "\n\n".join([f"Title: {data['title']}", f"URL Source: {data['url']}", *published])
    return f"{head}\n{after}" if mode == "no-content" else f"{head}\n\nMarkdown Content:\n{data['content']}\n{after}"


def _images(page: Values) -> dict[str, str]:
    named = dict.fromkeys((image["url"], image["alt"]) for image in page["images"])
    return {f"Image {place}: {alt}" if alt else f"Image {place}": url for place, (url, alt) in enumerate(named, 1)}


def _links(asked: Asked, page: Values) -> list[tuple[str, str]]:
    """(words, URL) of a page's links in reading order, each once."""
    number = asked.service.sight.require(PageRef(doc_id=page["doc_id"]), asked.view)
    links = asked.service.reader.links_of(number, asked.view)
    return list(dict.fromkeys((" ".join(anchor.split()), url) for url, anchor, *_ in links))


def _is_on(value: Any) -> bool:
    return value.lower() not in ("", "false", "0", "none") if isinstance(value, str) else bool(value)
