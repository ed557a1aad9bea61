"""The whole story: topics -> search -> pages -> long-tail entities -> chains -> vague -> harder -> filter -> rows.

Depths are drawn in the order in which entities are met, the rest by the seed and the entity's name, and rows come in
that order too, so equal snapshots give equal rows however many requests are under way.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np

from corpus.answers import normalise
from training.deepforge.effort import calls_needed
from training.deepforge.lint import lint
from training.deepforge.longtail import Found
from training.deepforge.rows import Row, Tie, row_of
from training.deepforge.steps import Dropped, Steps
from training.deepforge.walk import depths, walk
from training.deepforge.web import Web

BATCH = 32
IDLE_TOPICS = 200
"""Topics in a row without a new page after which the web is taken to be gone through."""


@dataclass
class Tally:
    """What became of everything, and what the rows look like."""

    counts: Counter[str] = field(default_factory=Counter)
    popularity: list[int] = field(default_factory=list)
    """Of the entities that walks began at, where they have pages."""
    calls: list[tuple[int, int]] = field(default_factory=list)
    """Calls needed for the vague question, and for the harder one, of each row."""


async def make_rows(steps: Steps, web: Web, *, count: int, seed: int = 0, tally: Tally) -> AsyncIterator[Row]:
    """Rows until there are `count`, or until no topic finds a new page. Raises EnvError and ModelError."""
    made, drawn = 0, depths(seed)
    async for some in _entities(steps, web, seed, tally):
        for row, needed in await asyncio.gather(*(_row(steps, web, one, next(drawn), seed, tally) for one in some)):
            if row is None or made == count:
                tally.counts["rows more than wanted"] += row is not None
                continue
            made += 1
            tally.counts["rows"] += 1
            tally.counts[f"depth {row.depth}"] += 1
            tally.calls.append(needed)
            yield row
        if made == count:
            return


async def _entities(steps: Steps, web: Web, seed: int, tally: Tally) -> AsyncIterator[list[Found]]:
    """Entities in batches, each once, in the order in which topics lead to them."""
    pages: set[str] = set()
    met: set[str] = set()
    waiting: list[Found] = []
    idle = 0
    for topic in steps.topics(seed):
        hits = [hit.doc_id for hit in (await web.search(topic)).hits]
        new = [doc_id for doc_id in dict.fromkeys(hits) if doc_id not in pages]
        pages.update(new)
        tally.counts["topics"] += 1
        tally.counts["pages"] += len(new)
        idle = 0 if new else idle + 1
        texts = await asyncio.gather(*map(web.text, new))
        for found in await asyncio.gather(*map(steps.entities, texts)):
            tally.counts["pages without entities"] += not found
            for one in found:
                key = one.doc_id or normalise(one.name)
                if key not in met:
                    met.add(key)
                    waiting.append(one)
        while len(waiting) >= BATCH:
            yield waiting[:BATCH]
            waiting = waiting[BATCH:]
        if idle == IDLE_TOPICS:
            break
    if waiting:
        yield waiting


async def _row(
    steps: Steps, web: Web, found: Found, depth: int, seed: int, tally: Tally
) -> tuple[Row | None, tuple[int, int]]:
    """The row of one entity, or None and a count of the step that dropped it."""
    key = hashlib.sha256((found.doc_id or found.name).encode()).digest()
    rng = np.random.default_rng([seed, 3, int.from_bytes(key[:8], "big")])
    tally.counts["entities"] += 1
    tally.counts[f"depth {depth} drawn"] += 1
    if found.popularity is not None:
        tally.popularity.append(found.popularity)
    try:
        start = await steps.explore(Tie(found.name, found.doc_id, "", ""))
        chain = await walk(start, depth, steps.explore, rng)
        if not chain.depth:
            raise Dropped("no relations")
        tally.counts["walks that ended early"] += chain.depth < depth
        vague = await steps.ask(chain, rng)
        harder = await steps.harden(chain, vague, rng)
        flaws = lint(harder.question, (node.name for node in chain.nodes[:-1]))
        if flaws:
            raise Dropped(f"lint: {flaws[0]}")
        if await steps.from_memory(chain, harder):
            raise Dropped("answered without tools")
    except Dropped as reason:
        tally.counts[f"dropped: {reason}"] += 1
        return None, (0, 0)
    path = [node.doc_id for node in chain.nodes if node.doc_id]
    needed = [await calls_needed(web, one.question, path) for one in (vague, harder)]
    return row_of(chain, harder.question), (needed[0], needed[1])
