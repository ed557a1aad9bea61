"""Reading pages of a snapshot under a view: native requests in, the values of native answers out. Pure, synchronous."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson

from corpus.errors import CorpusError
from corpus.filters import is_allowed
from corpus.passages import split_pages
from corpus.reading import extract_for_goal, find_in_text, render_rows
from corpus.records import ImageRow, LinkRow, SectionRow
from corpus.snapshot import PAGE_CHARS, Snapshot
from corpus.urls import canonical_url
from env_server.errors import EnvServerError, check_bound, item_of
from env_server.rendering import page_html
from env_server.schemas import (
    ExtractRequest,
    FetchBatchRequest,
    FetchItem,
    FetchOptions,
    FetchRequest,
    FilterFields,
    FindRequest,
    PageRef,
)
from env_server.settings import ServerSettings
from env_server.sight import Sight
from env_server.trace import note_opened
from env_server.view import EMPTY_VIEW, View
from env_server.weather.content import Page, page_under, shortened

Answer = dict[str, Any]

SHORT_BYTES = 64_000
"""Pages up to here are read in 0.2 ms at most, nearly all of it under the interpreter's lock: a hop to a thread and
back would cost more and free nobody (docs/speed.md)."""
RENDERED_BYTES = 400_000
"""The same where all of the page that is wanted was rendered when it was stored."""


class Reader:
    """Pages of one snapshot. Safe to call from many threads."""

    def __init__(self, snapshot: Snapshot, settings: ServerSettings, sight: Sight) -> None:
        self._snapshot = snapshot
        self._settings = settings
        self._sight = sight
        self._store = snapshot.store
        self._images = snapshot.images

    def short(self, page: PageRef, *, rendered: bool = False) -> int | None:
        """Number of a page that is read sooner than a thread is asked to; None also where there is no such page.

        `rendered`: nothing is wanted of it but what was rendered when it was stored.
        """
        try:
            number = self._store.require(url=page.url, doc_id=page.doc_id)
        except CorpusError:
            return None
        limit = RENDERED_BYTES if rendered and self._store.is_rendered(number) else SHORT_BYTES
        return number if self._store.stored_bytes(number) <= limit else None

    def ready(self, request: FetchRequest, number: int) -> bytes | None:
        """The finished body of a fetch under the empty view, copied from what was rendered when the page was stored.

        None where `fetch` has to make it, or to say why not.
        """
        limit, part, pages, store = request.page_chars, request.page, 1, self._store
        if request.section is not None or request.format != "markdown" or limit > self._settings.max_page_chars:
            return None
        page = store.rendered(number)
        if page is None:
            return None
        if page.chars <= limit and part == 1:
            markdown = page.whole
        else:
            text = store.text(number)
            spans = split_pages(text, limit)
            pages = len(spans)
            if part > pages:
                return None
            markdown = page.part(text, *spans[part - 1])
        url, title, date = store.head(number)
        doc_id = store.doc_id(number)
        note_opened(doc_id)
        return orjson.dumps(
            {
                "snapshot_id": self._snapshot.snapshot_id,
                "doc_id": doc_id,
                "url": url,
                "title": title,
                "text": orjson.Fragment(markdown),
                "page": part,
                "pages": pages,
                "date": date,
                "language": page.language,
                "near_duplicate_of": self._sight.twin(number, EMPTY_VIEW),
                "images": self._images_of(page.images, EMPTY_VIEW),
                "sections": orjson.Fragment(page.sections),
            }
        )

    def fetch(
        self, item: FetchItem | FetchRequest, options: FetchOptions, view: View, number: int | None = None
    ) -> Answer:
        """The body of `POST /v1/fetch`; `number` is the page's where `short` has found it already."""
        check_bound("page_chars", options.page_chars, self._settings.max_page_chars)
        number = self._sight.require(item, view) if number is None else number
        url = self._store.head(number)[0]
        page = self._page(number, view)
        # Whichever part is asked for, a captcha stands before it.
        part, section = (1, None) if is_hidden(view) else (item.page, item.section)
        text = page.text
        html = self._store.html(number) if options.format == "html" else None
        if html is not None and not page.whole:
            markdown = render_rows(text, page.links, 0, len(text))
            html = page_html(page.title, markdown, url, language=page.language, date=page.date)
        elif html is not None and self._sight.masks(view):
            raise EnvServerError(
                422, "html_under_masks", "Stored HTML would show links to masked pages.", "Use format markdown or text."
            )
        if options.format == "html":
            if html is None:
                raise EnvServerError(
                    404, "html_not_stored", f"No HTML is stored for {url}.", "Use format markdown or text."
                )
            if section is not None:
                raise EnvServerError(
                    422, "no_sections_in_html", "Sections are spans of the text.", "Use format markdown or text."
                )
        start, end = (0, len(text)) if section is None else _section_span(page.sections, section, url)
        shown = html if html is not None else text[start:end]
        pages = split_pages(shown, options.page_chars)
        if part > len(pages):
            raise EnvServerError(
                404,
                "no_such_part",
                f"{url} has {len(pages)} parts of {options.page_chars} characters, not {part}.",
                f"Ask for page 1 to {len(pages)}.",
            )
        low, high = pages[part - 1]
        if options.format == "markdown":
            shown_text = render_rows(text, page.links, start + low, start + high)
        else:
            shown_text = shown[low:high]
        self._note_opened(number, view)
        return {
            "snapshot_id": self._snapshot.snapshot_id,
            "doc_id": self._store.doc_id(number),
            "url": url,
            "title": page.title,
            "text": shown_text,
            "page": part,
            "pages": len(pages),
            "date": page.date,
            "language": page.language,
            "near_duplicate_of": self._sight.twin(number, view) if page.whole else None,
            "images": self._images_of(page.images, view),
            "sections": [
                {"title": name, "level": level, "start": first, "end": last}
                for name, level, first, last in page.sections
            ],
        }

    def _images_of(self, images: Sequence[ImageRow], view: View) -> list[Answer]:
        return [
            {"url": url, "alt": alt, "caption": caption, "stored": self._sight.picture(url, view) is not None}
            for url, alt, caption in images
        ]

    def whole_text(self, page: PageRef, view: View) -> Answer:
        """Of the body of a fetch as text, up to `max_page_chars`: doc_id, url, title, text, date and language.

        Links, pictures and sections, which are most of the cost of reading a page, are left unread where they can be.
        """
        limit = self._settings.max_page_chars
        if view is not EMPTY_VIEW:
            request = FetchRequest(url=page.url, doc_id=page.doc_id, format="text", page_chars=limit)
            return self.fetch(request, request, view)
        number = self._sight.require(page, view)
        url, title, date = self._store.head(number)
        text = self._store.text(number)
        self._note_opened(number, view)
        return {
            "doc_id": self._store.doc_id(number),
            "url": url,
            "title": title,
            "text": text if len(text) <= limit else text[: split_pages(text, limit)[0][1]],
            "date": date,
            "language": self._store.language_tag(number),
        }

    def _page(self, number: int, view: View) -> Page:
        """A page as a view shows it: what fetch, find, extract and links all read."""
        _, title, date = self._store.head(number)
        body = self._store.body(number)
        links = body.link_rows
        places = self._sight.link_places(number, len(links), view)
        if len(places) < len(links):
            links = [links[place] for place in places]
        text = self._store.text(number)
        page = Page(title, text, date, body.language, body.section_rows, links, places, body.image_rows)
        if view.page_chars is not None:
            page = shortened(page, view.page_chars)
        return page_under(page, view.content_fault, doc_id=self._store.doc_id(number))

    def _unlinked(self, number: int, view: View) -> Page:
        """As `_page`, but perhaps without what only a fetch shows: links, images, language."""
        if view is not EMPTY_VIEW:
            return self._page(number, view)
        store = self._store
        _, title, date = store.head(number)
        return Page(title, store.text(number), date, None, store.section_rows(number), (), (), ())

    def _note_opened(self, number: int, view: View) -> None:
        if not is_hidden(view):
            note_opened(self._store.doc_id(number))

    def links_of(self, number: int, view: View) -> Sequence[LinkRow]:
        """Links of a page in reading order, as a view shows them: [url, anchor, start, end]."""
        return self._page(number, view).links

    def image(self, url: str, view: View) -> tuple[str, bytes]:
        number = self._sight.picture(canonical_url(url), view)
        # Where masks are on, a picture is seen on a page that is seen, or not at all.
        if number is not None and self._sight.masks(view):
            shown = any(self._sight.shows(page, view) for page in self._images.pages_of(number))
            number = number if shown else None
        if number is None:
            raise EnvServerError(
                404, "no_such_image", f"No image is stored for {url[:200]!r}.", "fetch lists the images of a page."
            )
        picture = self._images.picture(number)
        return picture.media_type, picture.data

    def fetch_batch(self, request: FetchBatchRequest, view: View) -> Answer:
        results = [item_of(lambda item=item: self.fetch(item, request, view)) for item in request.items]  # type: ignore[misc]
        return {"snapshot_id": self._snapshot.snapshot_id, "results": results}

    def find(self, request: FindRequest, view: View, number: int | None = None) -> Answer:
        check_bound("pattern characters", len(request.pattern), self._settings.max_query_chars)
        number = self._sight.require(request, view) if number is None else number
        self._note_opened(number, view)
        page = self._unlinked(number, view)
        matches, total = find_in_text(
            page.text,
            page.sections,
            request.pattern,
            regex=request.regex,
            context_chars=request.context_chars,
            page_chars=PAGE_CHARS,
        )
        return {**self._page_head(number), "matches": [_fields(match) for match in matches], "total": total}

    def extract(self, request: ExtractRequest, view: View) -> Answer:
        check_bound("goal characters", len(request.goal), self._settings.max_query_chars)
        number = self._sight.require(request, view)
        self._note_opened(number, view)
        page = self._unlinked(number, view)
        parts = extract_for_goal(
            page.text,
            page.sections,
            request.goal,
            max_chars=request.max_chars,
            document_frequency=self._snapshot.lexical.document_frequency,
            passages=self._store.passage_count,
            language=self._store.language(number) if page.whole else page.language,
            languages=self._snapshot.manifest.settings.languages,
        )
        return {**self._page_head(number), "passages": [_fields(part) for part in parts]}

    def links(self, asked: PageRef, view: View) -> Answer:
        number = self._sight.require(asked, view)
        store, filters = self._store, self._sight.masks(view)
        targets = self._snapshot.graph.targets(number)
        out: list[Answer] = []
        page = self._page(number, view)
        for place, (to, anchor, *_) in zip(page.places, page.links, strict=True):
            target = targets.get(place)
            out.append({"url": to, "anchor": anchor, "doc_id": None if target is None else store.doc_id(target)})
        into: list[Answer] = []
        for origin, edges in groupby(self._snapshot.graph.origins(number), key=itemgetter(0)):
            if filters and not is_allowed(store, filters, origin):
                continue
            links, url, doc_id = store.body(origin).link_rows, store.head(origin)[0], store.doc_id(origin)
            into += [{"url": url, "anchor": links[place][1], "doc_id": doc_id} for _, place in edges]
        return {**self._page_head(number), "out": out, "in": into}

    def documents(
        self, cursor: str | None, limit: int, domain: str | None, url_prefix: str | None, view: View
    ) -> Answer:
        store = self._store
        filters = self._sight.filters(FilterFields(include_domains=[] if domain is None else [domain]), view)
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
            "snapshot_id": self._snapshot.snapshot_id,
            "documents": rows,
            "next": rows[-1]["doc_id"] if more else None,
        }

    def _page_head(self, number: int) -> Answer:
        return {
            "snapshot_id": self._snapshot.snapshot_id,
            "doc_id": self._store.doc_id(number),
            "url": self._store.head(number)[0],
        }


def is_hidden(view: View) -> bool:
    """Whether nothing of any page is shown."""
    return view.content_fault is not None and view.content_fault.kind == "captcha"


def _fields(record: Any) -> Answer:
    return {name: getattr(record, name) for name in record.__slots__}


def _section_span(sections: Sequence[SectionRow], wanted: str, url: str) -> tuple[int, int]:
    if re.fullmatch(r"#[0-9]{1,6}", wanted) and 1 <= int(wanted[1:]) <= len(sections):
        _, _, start, end = sections[int(wanted[1:]) - 1]
        return start, end
    for title, _, start, end in sections:
        if title.casefold() == wanted.strip().casefold():
            return start, end
    names = ", ".join(repr(title) for title, *_ in sections[:12]) or "none"
    raise EnvServerError(
        404,
        "no_such_section",
        f"{url} has no section {wanted[:100]!r}.",
        f"Its sections: {names}{'…' if len(sections) > 12 else ''}.",
    )


def _after(ids: Any, cursor: str) -> int:
    if not re.fullmatch(r"[0-9A-Fa-f]{16}", cursor):
        raise EnvServerError(
            422, "bad_cursor", f"{cursor[:60]!r} is no cursor.", "Use `next` of the answer before, or leave it out."
        )
    return int(ids.searchsorted(ids.dtype.type(int(cursor, 16)), side="right"))
