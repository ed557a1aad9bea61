"""What the dialects of research servers share: passages as documents, pages that may be missing, FastAPI's refusals.

Their clients retry on 500, 502, 503 and 504 and take a 429 for the end, so overload is 503 here (`commercial=False`).
A page that is not there is said to be missing in each server's own way, and never by a page whose text tells of an
error: a model would cite it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from corpus.errors import BadUrl, PageNotFound
from env_server.dialects.dialect import Asked, Reply, Values, json_reply
from env_server.errors import EnvServerError, Problem, check_bound
from env_server.schemas import ExtractRequest, PageRef
from env_server.weather.content import passage_under

Page = TypeVar("Page", Values, Values | None)

SNIPPET_CHARS = 300


def documents(asked: Asked, query: str, k: int, *, by_page: bool = False) -> list[Values]:
    """Hits with whole passages: id, doc_id, url, title, text, contents, score. A query without words has none.

    Passages are ranked, as in those servers' indexes, and `id` is the passage's. With `by_page` pages are, each shown
    by its best passage, so that no URL comes twice.
    """
    if k == 0 or not query.strip():
        return []
    shown: list[Values] = []
    store = asked.service.snapshot.store
    for score, passage in asked.scored(query, k=k, level="page" if by_page else "passage"):
        url, title, _ = store.head(store.doc_of(passage))
        passage_id = store.passage_id(passage)
        # Not a long snippet, which is one line: headings and tables would run into each other.
        text = _text_of(asked, passage)
        shown.append(
            {
                "id": passage_id,
                "doc_id": passage_id[:16],
                "url": url,
                "title": title,
                "text": text,
                "contents": contents(title, text),
                "score": score,
            }
        )
    asked.service.searcher.note_seen([document["doc_id"] for document in shown])
    return shown


def passage_text(asked: Asked, passage_id: str) -> str:
    """A passage as the view shows its page: "" where nothing of it is left, or where there is no such passage."""
    passage = asked.service.snapshot.store.find_passage(passage_id)
    return "" if passage is None else _text_of(asked, passage)


def _text_of(asked: Asked, passage: int) -> str:
    store, view = asked.service.snapshot.store, asked.view
    if view.content_fault is None and view.page_chars is None:
        return store.passage_text(passage)
    number = store.doc_of(passage)
    return passage_under(
        store.text(number),
        *store.passage_span(passage),
        view.content_fault,
        doc_id=store.doc_id(number),
        page_chars=view.page_chars,
    )


def contents(title: str, text: str) -> str:
    """Title and text in one string, as wiki-18 has them: the title in quotes, alone on the first line."""
    return f'"{" ".join(title.split())}"\n{text}'


def hits(asked: Asked, query: str, k: int, *, snippet_chars: int = SNIPPET_CHARS, **options: Any) -> list[Values]:
    """Native hits; `options` are those of `SearchOptions`. Raises a 422 for a k over the server's limit.

    None for a k of 0, and none for a query without words: models send such, and a batch must survive them.
    """
    if k == 0 or not query.strip():
        return []
    found: list[Values] = asked.search(query, k=k, snippet_chars=snippet_chars, **options)["hits"]
    return found


def page_or_none(asked: Asked, url: str) -> Values | None:
    """A page as Markdown, or None where there is none, where the view hides it, or where `url` is no URL."""
    try:
        return asked.page(url)
    except (PageNotFound, BadUrl):
        return None


def is_there(asked: Asked, url: str) -> bool:
    """Whether `page_or_none` has a page."""
    try:
        asked.service.sight.require(PageRef(url=url), asked.view)
    except (PageNotFound, BadUrl):
        return False
    return True


def pages_or_none(asked: Asked, urls: Sequence[str]) -> list[Values | None]:
    """The same for several, in their order. Raises a 422 where that is more than the server gives at once."""
    check_bound("urls", len(urls), asked.service.settings.max_batch)
    return list(bounded(asked, (page_or_none(asked, url) for url in urls)))


def bounded(asked: Asked, pages: Iterable[Page]) -> Iterator[Page]:
    """The same pages. Raises a 422 once they are together longer than what the server gives in one answer."""
    size = 0
    for page in pages:
        size += 0 if page is None else len(page["text"])
        check_bound("characters of all pages", size, asked.service.settings.max_batch_page_chars)
        yield page


def excerpts(asked: Asked, url: str, goal: str) -> list[str]:
    """The parts of a page that speak of a goal, word for word, best first. Raises PageNotFound or BadUrl."""
    request = ExtractRequest(url=url, goal=goal or " ")
    parts: list[Values] = asked.service.reader.extract(request, asked.view)["passages"]
    return [part["text"] for part in parts]


def check_batch(asked: Asked, queries: Sequence[str], k: int) -> None:
    """Raise a 422 where a batch of queries is over the server's limits."""
    check_bound("queries", len(queries), asked.service.settings.max_batch)
    check_bound("hits times queries", k * len(queries), asked.service.settings.max_batch_hits)


def missing(name: str) -> EnvServerError:
    return EnvServerError(400, "missing_field", f"{name} is missing.", f"Send {name}.")


def detail(problem: Problem) -> Reply:
    """As FastAPI, on which these servers stand: {"detail": ...}, with the native status."""
    return json_reply({"detail": f"{problem.message} {problem.remedy}"}, problem.status)
