"""Step 2 without a model: the long-tail entities of a page, those that few pages link to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from statistics import mean, median

from training.deepforge.rows import bare
from training.deepforge.web import Text, Web

ENTITIES = 10
"""Of a page, at most."""
LEAST_CHARS = 100
"""Shorter pages are skipped; figures of DeepForge."""
SEEN_CHARS = 3_000
"""Of a page that is looked at."""
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Found:
    """An entity of a page. `popularity`: pages that link to its own page; None where it has none."""

    name: str
    doc_id: str | None
    popularity: int | None


@dataclass(frozen=True, slots=True)
class Popularity:
    """Of random pages that are linked to: what the long tail is held against."""

    median: float
    mean: float
    pages: int


async def popularity_of(web: Web, seed: int) -> Popularity:
    """Of SAMPLE random pages; zeros where no page is linked to."""
    found = await asyncio.gather(*map(web.popularity, await web.sample(SAMPLE, seed)))
    return Popularity(median(found), mean(found), len(found)) if found else Popularity(0.0, 0.0, 0)


async def long_tail(web: Web, page: Text, reference: Popularity) -> list[Found]:
    """At most ENTITIES of the page: itself and what the seen part links to, where its popularity is at or below the
    random median; the rarest first, ties by doc_id. Empty for a short page."""
    if len(page.text) < LEAST_CHARS:
        return []
    seen = page.text[:SEEN_CHARS]
    out = (await web.links(page.doc_id)).out
    linked = [link.doc_id for link in out if link.doc_id and link.anchor and link.anchor in seen]
    ids = sorted({page.doc_id, *linked})
    known = zip(await asyncio.gather(*map(web.popularity, ids)), ids, strict=True)
    rare = sorted((number, doc_id) for number, doc_id in known if 1 <= number <= reference.median)[:ENTITIES]
    texts = await asyncio.gather(*(web.text(doc_id) for _, doc_id in rare))
    return [
        Found(text.title, text.doc_id, number)
        for (number, _), text in zip(rare, texts, strict=True)
        if bare(text.title) and len(text.text) >= LEAST_CHARS
    ]
