"""The typed client: every native route of a Stillweb server, for event loops and for threads.

    async with AsyncClient("http://127.0.0.1:8080", snapshot=ID) as env:
        found = await env.search("volcanic island exports", k=3)
        page = await env.fetch(found.hits[0].doc_id)

    with Client("http://127.0.0.1:8080") as env:
        found = env.search("volcanic island exports", k=3)

A page is named by its URL or its doc_id. Nothing is tried again here: whoever knows the budget does that
(`EnvError.retry`, `EnvError.retry_after_s`). `agent.wire` and http.client carry the bytes; docs/client.md has what they
and others cost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeVar, Unpack

from agent import answers, calls, table_answers
from agent.answers import Format
from agent.calls import Call, Means, Part, PlacesOptions, ScholarOptions, SearchOptions, SimilarOptions, Spot
from agent.target import Target
from agent.transport import AsyncPool, SyncPool

T = TypeVar("T")


class AsyncClient:
    """For one event loop. Hundreds of rollouts may share one; `using` gives each its own episode over one pool."""

    def __init__(self, url: str, *, timeout_s: float = 60.0, connections: int = 256, **about: Any) -> None:
        """`about`: what `Target` has beside the URL: name, token, snapshot, episode, seed, attempt, run.

        `timeout_s` bounds a whole call, waiting for a connection included; `connections` are open at most.
        """
        self.target = Target(url, **about)
        self._pool, self._owns = AsyncPool(timeout_s, connections), True

    def using(self, **changes: Any) -> AsyncClient:
        """This client with another name, token, snapshot, episode, seed, attempt or run, over the same connections.
        Closing it leaves them open."""
        other = object.__new__(AsyncClient)
        other.target, other._pool, other._owns = self.target.changed(**changes), self._pool, False
        return other

    async def ask(self, call: Call[T]) -> T:
        """Send a call and read its answer. Raises EnvError."""
        return await self._pool.ask(self.target, call)

    async def search(self, query: str, *, k: int = 10, **options: Unpack[SearchOptions]) -> answers.SearchAnswer:
        return await self.ask(calls.search(query, k, options))

    async def search_batch(
        self, queries: Sequence[str], *, k: int = 10, **options: Unpack[SearchOptions]
    ) -> answers.SearchBatchAnswer:
        """Each query as a search of its own, in their order; one that cannot be answered is a `Failure`."""
        return await self.ask(calls.search_batch(queries, k, options))

    async def similar(self, page: str, *, k: int = 10, **options: Unpack[SimilarOptions]) -> answers.SearchAnswer:
        return await self.ask(calls.similar(page, k, options))

    async def fetch(
        self,
        page: str,
        *,
        number: int = 1,
        section: str | None = None,
        format: Format = "markdown",
        page_chars: int | None = None,
    ) -> answers.Page:
        """Part `number` of a page, from 1, in parts of `page_chars` characters (None: the server's default)."""
        return await self.ask(calls.fetch(page, number, section, format, page_chars))

    async def fetch_batch(
        self, pages: Sequence[str | Part], *, format: Format = "markdown", page_chars: int | None = None
    ) -> answers.FetchBatchAnswer:
        return await self.ask(calls.fetch_batch(pages, format, page_chars))

    async def find(
        self, page: str, pattern: str, *, regex: bool = False, context_chars: int = 100
    ) -> answers.FindAnswer:
        return await self.ask(calls.find(page, pattern, regex, context_chars))

    async def extract(self, page: str, goal: str, *, max_chars: int = 2000) -> answers.ExtractAnswer:
        return await self.ask(calls.extract(page, goal, max_chars))

    async def places(
        self, query: str | None = None, *, k: int = 10, **options: Unpack[PlacesOptions]
    ) -> table_answers.PlacesAnswer:
        """By name or words, by distance from `near`, or both."""
        return await self.ask(calls.places(query, k, options))

    async def route(
        self, origin: Spot | str, destination: Spot | str, *, means: Means = "drive"
    ) -> table_answers.RouteAnswer:
        """A text is the name of a place; see docs/tools-tables.md for the model of a way."""
        return await self.ask(calls.route(origin, destination, means))

    async def scholar(
        self, query: str, *, k: int = 10, **options: Unpack[ScholarOptions]
    ) -> table_answers.ScholarAnswer:
        return await self.ask(calls.scholar(query, k, options))

    async def links(self, page: str) -> answers.LinksAnswer:
        return await self.ask(calls.links(page))

    async def documents(
        self, *, domain: str | None = None, url_prefix: str | None = None, limit: int = 1000
    ) -> AsyncIterator[answers.DocumentRow]:
        """Every document, in the server's order; `limit` is how many a request brings."""
        cursor: str | None = None
        while True:
            part = await self.ask(calls.documents(cursor, limit, domain, url_prefix))
            for row in part.documents:
                yield row
            cursor = part.next
            if cursor is None:
                return

    async def image(self, url: str) -> answers.Picture:
        return await self.ask(calls.image(url))

    async def snapshot(self) -> answers.SnapshotAnswer:
        return await self.ask(calls.snapshot())

    async def health(self) -> answers.StatusAnswer:
        return await self.ask(calls.health())

    async def ready(self) -> answers.StatusAnswer:
        """Status `ready`, or `warming`, which is no error."""
        return await self.ask(calls.ready())

    async def close(self) -> None:
        if self._owns:
            await self._pool.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Client:
    """For threads; they may share one. No event loop is behind it."""

    def __init__(self, url: str, *, timeout_s: float = 60.0, **about: Any) -> None:
        """`about` as for AsyncClient. `timeout_s` bounds each wait for the server's next bytes."""
        self.target = Target(url, **about)
        self._pool, self._owns = SyncPool(timeout_s), True

    def using(self, **changes: Any) -> Client:
        """As `AsyncClient.using`."""
        other = object.__new__(Client)
        other.target, other._pool, other._owns = self.target.changed(**changes), self._pool, False
        return other

    def ask(self, call: Call[T]) -> T:
        """Send a call and read its answer. Raises EnvError."""
        return self._pool.ask(self.target, call)

    def search(self, query: str, *, k: int = 10, **options: Unpack[SearchOptions]) -> answers.SearchAnswer:
        return self.ask(calls.search(query, k, options))

    def search_batch(
        self, queries: Sequence[str], *, k: int = 10, **options: Unpack[SearchOptions]
    ) -> answers.SearchBatchAnswer:
        return self.ask(calls.search_batch(queries, k, options))

    def similar(self, page: str, *, k: int = 10, **options: Unpack[SimilarOptions]) -> answers.SearchAnswer:
        return self.ask(calls.similar(page, k, options))

    def fetch(
        self,
        page: str,
        *,
        number: int = 1,
        section: str | None = None,
        format: Format = "markdown",
        page_chars: int | None = None,
    ) -> answers.Page:
        return self.ask(calls.fetch(page, number, section, format, page_chars))

    def fetch_batch(
        self, pages: Sequence[str | Part], *, format: Format = "markdown", page_chars: int | None = None
    ) -> answers.FetchBatchAnswer:
        return self.ask(calls.fetch_batch(pages, format, page_chars))

    def find(self, page: str, pattern: str, *, regex: bool = False, context_chars: int = 100) -> answers.FindAnswer:
        return self.ask(calls.find(page, pattern, regex, context_chars))

    def extract(self, page: str, goal: str, *, max_chars: int = 2000) -> answers.ExtractAnswer:
        return self.ask(calls.extract(page, goal, max_chars))

    def places(
        self, query: str | None = None, *, k: int = 10, **options: Unpack[PlacesOptions]
    ) -> table_answers.PlacesAnswer:
        return self.ask(calls.places(query, k, options))

    def route(
        self, origin: Spot | str, destination: Spot | str, *, means: Means = "drive"
    ) -> table_answers.RouteAnswer:
        return self.ask(calls.route(origin, destination, means))

    def scholar(self, query: str, *, k: int = 10, **options: Unpack[ScholarOptions]) -> table_answers.ScholarAnswer:
        return self.ask(calls.scholar(query, k, options))

    def links(self, page: str) -> answers.LinksAnswer:
        return self.ask(calls.links(page))

    def documents(
        self, *, domain: str | None = None, url_prefix: str | None = None, limit: int = 1000
    ) -> Iterator[answers.DocumentRow]:
        cursor: str | None = None
        while True:
            part = self.ask(calls.documents(cursor, limit, domain, url_prefix))
            yield from part.documents
            cursor = part.next
            if cursor is None:
                return

    def image(self, url: str) -> answers.Picture:
        return self.ask(calls.image(url))

    def snapshot(self) -> answers.SnapshotAnswer:
        return self.ask(calls.snapshot())

    def health(self) -> answers.StatusAnswer:
        return self.ask(calls.health())

    def ready(self) -> answers.StatusAnswer:
        return self.ask(calls.ready())

    def close(self) -> None:
        if self._owns:
            self._pool.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
