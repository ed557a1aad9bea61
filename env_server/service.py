"""The native service: a request and a view in, finished bytes out. Pure: the promise is kept here.

Everything a request needs is computed in one hop to a thread, since Tantivy, FAISS and page reads would otherwise hold
up every other request.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

import ada_url
import orjson

from corpus.docstore import day_number
from corpus.errors import CorpusError, PageNotFound
from corpus.extract import normal_date
from corpus.filters import NO_FILTERS, Filters, is_allowed, matches_domain
from corpus.passages import split_pages
from corpus.reading import render_markdown
from corpus.records import Link, Section
from corpus.snapshot import Snapshot
from corpus.urls import canonical_url, host_of
from env_server.errors import EnvServerError, problem_of
from env_server.schemas import (
    ExtractRequest,
    FetchBatchRequest,
    FetchItem,
    FetchOptions,
    FetchRequest,
    FilterFields,
    FindRequest,
    PageRef,
    SearchBatchRequest,
    SearchOptions,
    SearchRequest,
    SimilarRequest,
)
from env_server.settings import ServerSettings
from env_server.threads import Threads, shared_threads
from env_server.view import EMPTY_VIEW, View

T = TypeVar("T")
Answer = dict[str, Any]


class SearchService:
    """Search and reading over one snapshot. Every method is safe to call from many tasks at once."""

    def __init__(self, name: str, snapshot: Snapshot, settings: ServerSettings, threads: Threads | None = None) -> None:
        self.name = name
        self.snapshot = snapshot
        self.settings = settings
        self._store = snapshot.store
        self._images = snapshot.images
        self._threads = threads or shared_threads(settings.threads)
        self._views: OrderedDict[View, Filters] = OrderedDict()

    # Each pair: the coroutine the application awaits, and the function that does the work in a thread.

    async def search(self, request: SearchRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self._hop(lambda: self.search_bytes(request, view))

    def search_bytes(self, request: SearchRequest, view: View = EMPTY_VIEW) -> bytes:
        return orjson.dumps(self._search(request.query, request, self._filters(request, view)))

    async def search_batch(self, request: SearchBatchRequest, view: View = EMPTY_VIEW) -> bytes:
        self._bound("queries", len(request.queries), self.settings.max_batch)
        self._bound("k times queries", request.k * len(request.queries), self.settings.max_batch_hits)
        return await self._hop(lambda: self._search_batch(request, view))

    async def fetch(self, request: FetchRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self._hop(lambda: orjson.dumps(self._fetch(request, request, view)))

    async def fetch_batch(self, request: FetchBatchRequest, view: View = EMPTY_VIEW) -> bytes:
        self._bound("items", len(request.items), self.settings.max_batch)
        self._bound(
            "page_chars times items", request.page_chars * len(request.items), self.settings.max_batch_page_chars
        )
        return await self._hop(lambda: self._fetch_batch(request, view))

    async def find(self, request: FindRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self._hop(lambda: orjson.dumps(self._find(request, view)))

    async def similar(self, request: SimilarRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self._hop(lambda: orjson.dumps(self._similar(request, view)))

    async def extract(self, request: ExtractRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self._hop(lambda: orjson.dumps(self._extract(request, view)))

    async def links(self, page: PageRef, view: View = EMPTY_VIEW) -> bytes:
        return await self._hop(lambda: orjson.dumps(self._links(page, view)))

    async def documents(
        self, cursor: str | None, limit: int, domain: str | None, url_prefix: str | None, view: View = EMPTY_VIEW
    ) -> bytes:
        return await self._hop(lambda: orjson.dumps(self._documents(cursor, limit, domain, url_prefix, view)))

    async def image(self, url: str, view: View = EMPTY_VIEW) -> tuple[str, bytes]:
        """(media type, bytes) of a stored picture."""
        return await self._hop(lambda: self._image(url, view))

    async def warm(self) -> None:
        await self._hop(self.snapshot.warm)

    def describe(self) -> Answer:
        """The answer of `GET /v1/snapshot`."""
        manifest = self.snapshot.manifest
        return {
            "name": self.name,
            "snapshot_id": manifest.snapshot_id,
            "content_id": manifest.content_id,
            "format_version": manifest.format_version,
            "modes": list(self.snapshot.modes),
            # What was skipped, replaced, or where it came from is told by `corpus info`: equal ids have equal answers.
            "counts": manifest.counts.model_dump(include={"documents", "passages", "links"}),
            # Of the encoder's spec only its kind: the rest may be a path of this machine, and equal ids differ in it.
            "settings": {
                **manifest.settings.model_dump(),
                "encoder": (manifest.settings.encoder or "").partition(":")[0] or None,
            },
        }

    async def run(self, work: Callable[[], T]) -> T:
        """Do some work beside the event loop, in turn with the searches: making a page for people, for one."""
        return await self._hop(work)

    def is_visible(self, number: int, view: View) -> bool:
        """Whether a view shows a document."""
        filters = self._view_filters(view)
        return not filters or is_allowed(self._store, filters, number)

    async def _hop(self, work: Callable[[], T]) -> T:
        # As many as there are cores, so that a burst queues here instead of slowing every query at once.
        return await self._threads.run(work)

    # Search

    def _search(self, query: str, options: SearchOptions, filters: Filters) -> Answer:
        self._bound("query characters", len(query), self.settings.max_query_chars)
        self._bound("k", options.k, self.settings.max_k)
        if not query.strip():
            raise EnvServerError(422, "empty_query", "The query is empty.", "Give some words to search for.")
        mode = options.mode or self.snapshot.manifest.settings.default_mode
        by_page = options.level == "page"
        scored = self.snapshot.scored(
            query, k=options.k, mode=mode, by_page=by_page, allowed=filters, syntax=options.syntax
        )
        return self._ranking(query, mode, scored, options.snippet_chars)

    def _ranking(self, query: str, mode: str, scored: list[tuple[float, int]], snippet_chars: int) -> Answer:
        store = self._store
        hits = []
        for rank, (score, passage) in enumerate(scored, 1):
            number = int(store.passage_doc[passage])
            url, title, date = store.head(number)
            passage_id = store.passage_id(passage)
            hits.append(
                {
                    "rank": rank,
                    "score": score,
                    "url": url,
                    "title": title,
                    "snippet": self.snapshot.snippet(query, passage, chars=snippet_chars),
                    "date": date,
                    "doc_id": passage_id[:16],
                    "passage_id": passage_id,
                }
            )
        return {"snapshot_id": self.snapshot.snapshot_id, "query": query, "mode": mode, "hits": hits}

    def _search_batch(self, request: SearchBatchRequest, view: View) -> bytes:
        filters = self._filters(request, view)
        answers: dict[str, Answer] = {}
        for query in request.queries:
            if query not in answers:  # a query that stands twice is computed once
                answers[query] = self._item(lambda query=query: self._search(query, request, filters))  # type: ignore[misc]
        results = [answers[query] for query in request.queries]
        return orjson.dumps({"snapshot_id": self.snapshot.snapshot_id, "results": results})

    def _similar(self, request: SimilarRequest, view: View) -> Answer:
        self._bound("k", request.k, self.settings.max_k)
        number = self._require(request, view)
        scored = self.snapshot.similar(number, k=request.k, allowed=self._filters(request, view))
        url, title, _ = self._store.head(number)
        answer = self._ranking(title, "dense", scored, request.snippet_chars)
        return {**answer, "query": url}

    # Reading

    def _fetch(self, item: FetchItem | FetchRequest, options: FetchOptions, view: View) -> Answer:
        self._bound("page_chars", options.page_chars, self.settings.max_page_chars)
        number = self._require(item, view)
        url, title, date = self._store.head(number)
        body = self._store.body(number)
        text = self._store.text(number)
        html = self._store.html(number) if options.format == "html" else None
        if html is not None and self._view_filters(view):
            raise EnvServerError(
                422, "html_under_masks", "Stored HTML would show links to masked pages.", "Use format markdown or text."
            )
        if options.format == "html":
            if html is None:
                raise EnvServerError(
                    404, "html_not_stored", f"No HTML is stored for {url}.", "Use format markdown or text."
                )
            if item.section is not None:
                raise EnvServerError(
                    422, "no_sections_in_html", "Sections are spans of the text.", "Use format markdown or text."
                )
        start, end = (0, len(text)) if item.section is None else _section_span(body.sections, item.section, url)
        shown = html if html is not None else text[start:end]
        pages = split_pages(shown, options.page_chars)
        if item.page > len(pages):
            raise EnvServerError(
                404,
                "no_such_part",
                f"{url} has {len(pages)} parts of {options.page_chars} characters, not {item.page}.",
                f"Ask for page 1 to {len(pages)}.",
            )
        low, high = pages[item.page - 1]
        if options.format == "markdown":
            links = self._visible_links(number, body.links, view)
            shown_text = render_markdown(text, links, start + low, start + high)
        else:
            shown_text = shown[low:high]
        return {
            "snapshot_id": self.snapshot.snapshot_id,
            "doc_id": self._store.doc_id(number),
            "url": url,
            "title": title,
            "text": shown_text,
            "page": item.page,
            "pages": len(pages),
            "date": date,
            "language": body.language,
            "near_duplicate_of": self._visible_twin(number, view),
            "images": [
                {"url": i.url, "alt": i.alt, "caption": i.caption, "stored": self._stored(i.url, view) is not None}
                for i in body.images
            ],
            "sections": [{"title": s.title, "level": s.level, "start": s.start, "end": s.end} for s in body.sections],
        }

    def _image(self, url: str, view: View) -> tuple[str, bytes]:
        number = self._stored(canonical_url(url), view)
        # Where masks are on, a picture is seen on a page that is seen, or not at all.
        if number is not None and self._view_filters(view):
            shown = any(self.is_visible(page, view) for page in self._images.pages_of(number))
            number = number if shown else None
        if number is None:
            raise EnvServerError(
                404, "no_such_image", f"No image is stored for {url[:200]!r}.", "fetch lists the images of a page."
            )
        picture = self._images.picture(number)
        return picture.media_type, picture.data

    def _stored(self, url: str, view: View) -> int | None:
        """Number of a stored picture; None also where a view hides its host."""
        number = self._images.find(url)
        hidden = self._view_filters(view).exclude_domains
        return number if number is None or not matches_domain(host_of(url), hidden) else None

    def _visible_twin(self, number: int, view: View) -> str | None:
        twin = int(self._store.near_duplicate_of[number])
        return self._store.head(twin)[0] if twin != number and self.is_visible(twin, view) else None

    def _fetch_batch(self, request: FetchBatchRequest, view: View) -> bytes:
        results = [self._item(lambda item=item: self._fetch(item, request, view)) for item in request.items]  # type: ignore[misc]
        return orjson.dumps({"snapshot_id": self.snapshot.snapshot_id, "results": results})

    def _find(self, request: FindRequest, view: View) -> Answer:
        self._bound("pattern characters", len(request.pattern), self.settings.max_query_chars)
        number = self._require(request, view)
        matches, total = self.snapshot.find(
            number, request.pattern, regex=request.regex, context_chars=request.context_chars
        )
        return {**self._page_head(number), "matches": [_fields(match) for match in matches], "total": total}

    def _extract(self, request: ExtractRequest, view: View) -> Answer:
        self._bound("goal characters", len(request.goal), self.settings.max_query_chars)
        number = self._require(request, view)
        parts = self.snapshot.extract(number, request.goal, max_chars=request.max_chars)
        return {**self._page_head(number), "passages": [_fields(part) for part in parts]}

    def _links(self, page: PageRef, view: View) -> Answer:
        number = self._require(page, view)
        store, filters = self._store, self._view_filters(view)
        targets = self.snapshot.graph.targets(number)
        out: list[Answer] = []
        for place, link in enumerate(store.body(number).links):
            target = targets.get(place)
            if target is not None and filters and not is_allowed(store, filters, target):
                continue
            out.append(
                {"url": link.url, "anchor": link.anchor, "doc_id": None if target is None else store.doc_id(target)}
            )
        into: list[Answer] = []
        for origin, edges in groupby(self.snapshot.graph.origins(number), key=itemgetter(0)):
            if filters and not is_allowed(store, filters, origin):
                continue
            links, url, doc_id = store.body(origin).links, store.head(origin)[0], store.doc_id(origin)
            into += [{"url": url, "anchor": links[place].anchor, "doc_id": doc_id} for _, place in edges]
        return {**self._page_head(number), "out": out, "in": into}

    def _documents(
        self, cursor: str | None, limit: int, domain: str | None, url_prefix: str | None, view: View
    ) -> Answer:
        store = self._store
        filters = self._filters(FilterFields(include_domains=[] if domain is None else [domain]), view)
        number = 0 if cursor is None else _after(store.ids, cursor)
        rows: list[Answer] = []
        while number < len(store) and len(rows) <= limit:
            if not filters or is_allowed(store, filters, number):
                url, title, date = store.head(number)
                if not url_prefix or url.startswith(url_prefix):
                    rows.append({"doc_id": store.doc_id(number), "url": url, "title": title, "date": date})
            number += 1
        more = len(rows) > limit
        rows = rows[:limit]
        return {
            "snapshot_id": self.snapshot.snapshot_id,
            "documents": rows,
            "next": rows[-1]["doc_id"] if more else None,
        }

    def _page_head(self, number: int) -> Answer:
        return {
            "snapshot_id": self.snapshot.snapshot_id,
            "doc_id": self._store.doc_id(number),
            "url": self._store.head(number)[0],
        }

    def _visible_links(self, number: int, links: tuple[Link, ...], view: View) -> tuple[Link, ...]:
        filters = self._view_filters(view)
        if not filters:
            return links
        targets = self.snapshot.graph.targets(number)
        return tuple(
            link
            for place, link in enumerate(links)
            if place not in targets or is_allowed(self._store, filters, targets[place])
        )

    # What may be seen

    def _require(self, page: PageRef, view: View) -> int:
        """Number of a page that the view shows; a masked page is as unknown as one that never was."""
        number = self._store.require(url=page.url, doc_id=page.doc_id)
        filters = self._view_filters(view)
        if filters and not is_allowed(self._store, filters, number):
            raise PageNotFound(page.url if page.url is not None else page.doc_id or "")
        return number

    def _view_filters(self, view: View) -> Filters:
        if view == EMPTY_VIEW:
            return NO_FILTERS
        kept = self._views.get(view)
        if kept is None:
            if view.unsupported:
                raise EnvServerError(
                    501, "view_unsupported", f"This server cannot draw {', '.join(view.unsupported)}.", "Leave it out."
                )
            numbers = {self._store.find_id(doc_id) for doc_id in view.dropped}
            numbers |= {self._store.find_url(url) for url in view.exclude_urls}
            kept = Filters(
                exclude_domains=tuple(_domain(domain) for domain in view.exclude_domains),
                exclude_docs=tuple(sorted(number for number in numbers if number is not None)),
                hidden_from=_day("as_of", view.as_of),
            )
            self._views[view] = kept
            if len(self._views) > 1024:
                self._views.popitem(last=False)
        return kept

    def _filters(self, asked: FilterFields, view: View) -> Filters:
        """What a request asks for and what the view allows, as one condition."""
        seen = self._view_filters(view)
        numbers = {number for url in asked.exclude_urls if (number := self._store.find_url(url)) is not None}
        return Filters(
            include_domains=tuple(sorted({_domain(domain) for domain in asked.include_domains})),
            exclude_domains=tuple(sorted({*seen.exclude_domains, *map(_domain, asked.exclude_domains)})),
            exclude_docs=tuple(sorted({*seen.exclude_docs, *numbers})),
            after=_day("after", asked.after),
            before=_day("before", asked.before),
            include_undated=asked.include_undated,
            hidden_from=seen.hidden_from,
        )

    def _item(self, work: Callable[[], Answer]) -> Answer:
        """One item of a batch: its answer, or its error in the place of the answer."""
        try:
            return work()
        except (EnvServerError, CorpusError) as error:
            problem = problem_of(error)
            if problem.status >= 500:
                raise  # it may pass, and an answer of status 200 is kept
            return dict(problem.item())

    @staticmethod
    def _bound(what: str, value: int, limit: int) -> None:
        if value > limit:
            raise EnvServerError(
                422, "over_limit", f"{what}: {value:,} is over the limit of {limit:,}.", "Ask for less."
            )


def _fields(record: Any) -> Answer:
    return {name: getattr(record, name) for name in record.__slots__}


def _section_span(sections: list[Section], wanted: str, url: str) -> tuple[int, int]:
    if re.fullmatch(r"#[0-9]{1,6}", wanted) and 1 <= int(wanted[1:]) <= len(sections):
        section = sections[int(wanted[1:]) - 1]
        return section.start, section.end
    for section in sections:
        if section.title.casefold() == wanted.strip().casefold():
            return section.start, section.end
    names = ", ".join(repr(section.title) for section in sections[:12]) or "none"
    raise EnvServerError(
        404,
        "no_such_section",
        f"{url} has no section {wanted[:100]!r}.",
        f"Its sections: {names}{'…' if len(sections) > 12 else ''}.",
    )


def _domain(domain: str) -> str:
    """`*.Example.org`, `example.org.` and `https://example.org/x` all mean `example.org`. Raises a 422."""
    name = domain.strip().lower().removeprefix("*.")
    try:
        host = ada_url.URL(name if "://" in name else f"http://{name}/").hostname.rstrip(".")
    except (ValueError, UnicodeError):
        host = ""
    if not host or len(domain) > 253:
        raise EnvServerError(
            422, "bad_domain", f"{domain[:100]!r} is no domain.", "Write a host name, as in example.org."
        )
    return host


def _day(name: str, value: str | None) -> int | None:
    if value is None:
        return None
    date = normal_date(value)
    if date is None:
        raise EnvServerError(
            422, "bad_date", f"{name}: {value[:60]!r} is no date.", "Write 2014, 2014-06 or 2014-06-07."
        )
    return day_number(date)


def _after(ids: Any, cursor: str) -> int:
    if not re.fullmatch(r"[0-9A-Fa-f]{16}", cursor):
        raise EnvServerError(
            422, "bad_cursor", f"{cursor[:60]!r} is no cursor.", "Use `next` of the answer before, or leave it out."
        )
    return int(ids.searchsorted(ids.dtype.type(int(cursor, 16)), side="right"))
