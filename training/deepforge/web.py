"""The served web as DeepForge mode sees it: searches, texts and links over HTTP, each asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from agent.answers import LinksAnswer, SearchAnswer
from agent.client import AsyncClient
from agent.errors import EnvError
from corpus.answers import normalise
from training.deepforge.rows import bare

T = TypeVar("T")
HITS = 10
"""Results of a search; DeepForge's example has ten URLs a noun."""
PAGE_CHARS = 10_000
"""Of a page that is read; DeepForge cuts the output of tools there."""
LISTED = 20_000
"""Documents from which random samples are drawn, at most."""
KEPT = 50_000
"""Answers that are held in memory."""
_TRIES = 6


@dataclass(frozen=True, slots=True)
class Text:
    """A page as it is served, up to PAGE_CHARS."""

    doc_id: str
    url: str
    title: str
    text: str
    language: str


class Web:
    """For one event loop. `env` is pinned to a snapshot by whoever opened it. All methods raise EnvError."""

    def __init__(self, env: AsyncClient, *, concurrency: int = 32) -> None:
        self._env = env
        self._gate = asyncio.Semaphore(concurrency)
        self._kept: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self.calls = 0
        """Requests that were answered."""

    async def search(self, query: str, k: int = HITS) -> SearchAnswer:
        return await self._once(f"search {k}", query, partial(self._env.search, query, k=k))

    async def text(self, doc_id: str) -> Text:
        return await self._once("text", doc_id, partial(self._read, doc_id))

    async def links(self, doc_id: str) -> LinksAnswer:
        return await self._once("links", doc_id, partial(self._env.links, doc_id))

    async def popularity(self, doc_id: str) -> int:
        """Pages that link to a page."""
        return len({link.doc_id for link in (await self.links(doc_id)).in_} - {doc_id})

    async def resolve(self, name: str) -> str | None:
        """The page whose title is a name: its doc_id, or None."""
        wanted = normalise(name)
        if not wanted:
            return None
        for hit in (await self.search(name, 5)).hits:
            if wanted in (normalise(hit.title), normalise(bare(hit.title))):
                return hit.doc_id
        return None

    async def sample(self, count: int, seed: int) -> list[str]:
        """Random pages that some page links to, by seed, of the first LISTED of the snapshot."""
        listed = []
        async for row in self._env.documents():
            listed.append(row.doc_id)
            if len(listed) == LISTED:
                break
        listed.sort()
        order = [listed[at] for at in np.random.default_rng([seed, 2]).permutation(len(listed))]
        found: list[str] = []
        for start in range(0, len(order), 64):
            some = order[start : start + 64]
            known = await asyncio.gather(*map(self.popularity, some))
            found += [doc_id for doc_id, number in zip(some, known, strict=True) if number]
            if len(found) >= count:
                break
        return found[:count]

    async def _read(self, doc_id: str) -> Text:
        page = await self._env.fetch(doc_id, format="text", page_chars=PAGE_CHARS)
        return Text(page.doc_id, page.url, page.title, page.text, page.language or "en")

    async def _once(self, sort: str, what: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        key = sort, what
        task = self._kept.get(key)
        if task is None:
            if len(self._kept) >= KEPT:  # the oldest first; who waits for it holds it already
                del self._kept[next(iter(self._kept))]
            task = self._kept[key] = asyncio.ensure_future(self._patient(ask))
        answer: T = await task
        return answer

    async def _patient(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, asked for again while the server says that this may help."""
        async with self._gate:
            for left in range(_TRIES - 1, -1, -1):
                try:
                    answer = await ask()
                except EnvError as error:
                    if not error.retry or not left:
                        raise
                    await asyncio.sleep(error.retry_after_s or 0.2)
                else:
                    self.calls += 1
                    return answer
        raise AssertionError("unreachable")
