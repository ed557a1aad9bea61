"""The native service: a request and a view in, finished bytes out.

Everything a request needs is computed in one hop to a thread, since Tantivy, FAISS and page reads would otherwise hold
up every other request; only short pages are read on the spot. What is computed is pure (`searching.py`, `reading.py`):
the promise is kept there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from corpus.snapshot import Snapshot
from env_server.errors import check_bound
from env_server.places import Maps
from env_server.reading import Reader
from env_server.schemas import (
    ExtractRequest,
    FetchBatchRequest,
    FetchRequest,
    FindRequest,
    PageRef,
    SearchBatchRequest,
    SearchRequest,
    SimilarRequest,
)
from env_server.scholar import Scholar
from env_server.searching import Searcher
from env_server.settings import ServerSettings
from env_server.sight import Sight
from env_server.table_schemas import PlacesRequest, RouteRequest, ScholarRequest
from env_server.threads import Threads, shared_threads
from env_server.view import EMPTY_VIEW, View

T = TypeVar("T")

_KEPT_DISGUISES = 64


class SearchService:
    """Search and reading over one snapshot. Every method is safe to call from many tasks at once."""

    def __init__(self, name: str, snapshot: Snapshot, settings: ServerSettings, threads: Threads | None = None) -> None:
        self.name = name
        self.snapshot = snapshot
        self.settings = settings
        self.sight = Sight(snapshot)
        self.searcher = Searcher(snapshot, settings, self.sight)
        self.reader = Reader(snapshot, settings, self.sight)
        self.maps = Maps(snapshot, settings, self.sight, self.searcher)
        self.scholar = Scholar(snapshot, self.sight, self.searcher)
        self._threads = threads or shared_threads(settings.threads)
        self._disguised: OrderedDict[int, SearchService] = OrderedDict()

    def under(self, view: View) -> SearchService:
        """What answers requests under a view: this service, or the same with all addresses disguised."""
        if view.obfuscation_seed is None:
            return self
        made = self._disguised.get(view.obfuscation_seed)
        if made is None:
            from env_server.obfuscation.service import disguised

            made = self._disguised[view.obfuscation_seed] = disguised(self, view.obfuscation_seed)
            if len(self._disguised) > _KEPT_DISGUISES:
                self._disguised.popitem(last=False)
        return made

    async def run(self, work: Callable[[], T]) -> T:
        """Do some work beside the event loop. As many at once as there are cores, so that a burst queues here."""
        return await self._threads.run(work)

    async def search(self, request: SearchRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self.run(lambda: self.search_bytes(request, view))

    def search_bytes(self, request: SearchRequest, view: View = EMPTY_VIEW) -> bytes:
        """The same, in the caller's own thread."""
        return orjson.dumps(self.searcher.search(request, view))

    async def search_batch(self, request: SearchBatchRequest, view: View = EMPTY_VIEW) -> bytes:
        check_bound("queries", len(request.queries), self.settings.max_batch)
        check_bound("k times queries", request.k * len(request.queries), self.settings.max_batch_hits)
        return await self.run(lambda: orjson.dumps(self.searcher.search_batch(request, view)))

    async def fetch(self, request: FetchRequest, view: View = EMPTY_VIEW) -> bytes:
        now = self.fetch_now(request, view)
        return await self.run(lambda: orjson.dumps(self.reader.fetch(request, request, view))) if now is None else now

    def fetch_now(self, request: FetchRequest, view: View) -> bytes | None:
        """The same where a thread would cost more than it saves; else None."""
        rendered = request.format == "markdown" and request.section is None
        if view is not EMPTY_VIEW or request.format == "html":
            return None
        number = self.reader.short(request, rendered=rendered)
        if number is None:
            return None
        ready = self.reader.ready(request, number)
        return orjson.dumps(self.reader.fetch(request, request, view, number)) if ready is None else ready

    async def fetch_batch(self, request: FetchBatchRequest, view: View = EMPTY_VIEW) -> bytes:
        check_bound("items", len(request.items), self.settings.max_batch)
        wanted = request.page_chars * len(request.items)
        check_bound("page_chars times items", wanted, self.settings.max_batch_page_chars)
        return await self.run(lambda: orjson.dumps(self.reader.fetch_batch(request, view)))

    async def find(self, request: FindRequest, view: View = EMPTY_VIEW) -> bytes:
        now = self.find_now(request, view)
        return await self.run(lambda: orjson.dumps(self.reader.find(request, view))) if now is None else now

    def find_now(self, request: FindRequest, view: View) -> bytes | None:
        """As `fetch_now`."""
        if view is not EMPTY_VIEW or request.regex or (number := self.reader.short(request)) is None:
            return None
        return orjson.dumps(self.reader.find(request, view, number))

    async def similar(self, request: SimilarRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self.run(lambda: orjson.dumps(self.searcher.similar(request, view)))

    async def extract(self, request: ExtractRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self.run(lambda: orjson.dumps(self.reader.extract(request, view)))

    async def links(self, page: PageRef, view: View = EMPTY_VIEW) -> bytes:
        return await self.run(lambda: orjson.dumps(self.reader.links(page, view)))

    async def places(self, request: PlacesRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self.run(lambda: orjson.dumps(self.maps.places(request, view)))

    async def route(self, request: RouteRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self.run(lambda: orjson.dumps(self.maps.route(request, view)))

    async def papers(self, request: ScholarRequest, view: View = EMPTY_VIEW) -> bytes:
        return await self.run(lambda: orjson.dumps(self.scholar.search(request, view)))

    async def documents(
        self, cursor: str | None, limit: int, domain: str | None, url_prefix: str | None, view: View = EMPTY_VIEW
    ) -> bytes:
        return await self.run(lambda: orjson.dumps(self.reader.documents(cursor, limit, domain, url_prefix, view)))

    async def image(self, url: str, view: View = EMPTY_VIEW) -> tuple[str, bytes]:
        """(media type, bytes) of a stored picture."""
        return await self.run(lambda: self.reader.image(url, view))

    async def warm(self) -> None:
        await self.run(self.snapshot.warm)

    def is_visible(self, number: int, view: View) -> bool:
        """Whether a view shows a document."""
        return self.sight.shows(number, view)

    def describe(self) -> dict[str, Any]:
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
