"""What weather makes of a ranking: hits lost, distractors between them, an order shuffled. Pure.

Hits are (score, passage number), as `Snapshot.scored` gives them. Whatever is drawn is drawn for a query and a page, so
that the best k stay a prefix of the best k + 1; no page is treated by what it says or by whether it is gold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from corpus.rankings import Scored
from env_server.weather.content import ContentFault
from env_server.weather.streams import base_of, unit

BLOCK = 10
"""Hits that are shuffled among each other: a page of results."""
MAX_DEPTH = 20_000
"""How deep a degraded ranking is read in search of hits that are left; the end of a ranking that is longer."""
_HAN = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Lens:
    """How a ranking is seen. `keep`: share of pages that each query finds; `distractors`: (doc_id, passage to show) of
    pages to mix in; `level`: share of places they get; `seed`: of all these; `fault`: a drawn `empty` or `shuffled`.
    """

    keep: float = 1.0
    distractors: tuple[tuple[str, int], ...] = ()
    level: float = 0.0
    seed: int = 0
    fault: ContentFault | None = None


def ranking_under(
    find: Callable[[int], Sequence[Scored]], doc_id_of: Callable[[int], str], *, query: str, k: int, lens: Lens
) -> list[Scored]:
    """The best k hits as a lens shows them: first degraded, then mixed with distractors, then empty or shuffled.

    `find(n)` gives the n best hits, fewer only where there are no more; `doc_id_of` the page of a passage.
    """
    kind = None if lens.fault is None else lens.fault.kind
    if kind == "empty" or k < 1:
        return []
    name = " ".join(query.casefold().split()).encode("utf-8", "surrogatepass")
    # Whole blocks, so that what stands on the first page of results does not depend on how many are asked for.
    count = -(-k // BLOCK) * BLOCK if kind == "shuffled" else k
    left = _left(find, doc_id_of, base_of(lens.seed, b"degraded", name), count, lens.keep)
    if lens.distractors and lens.level > 0:
        rows = _mixed(left, doc_id_of, base_of(lens.seed, b"distractors", name), count, lens)
    else:
        rows = list(islice(left, count))
    if kind == "shuffled" and lens.fault is not None:
        rows = _shuffled(rows, base_of(lens.fault.seed, b"shuffled", name))
    return rows[:k]


def _left(
    find: Callable[[int], Sequence[Scored]], doc_id_of: Callable[[int], str], base: bytes, k: int, keep: float
) -> Iterator[Scored]:
    """Hits that a degraded ranking still has, best first, read as deep as they are asked for."""
    if keep <= 0:
        return
    depth = k if keep >= 1 else min(MAX_DEPTH, math.ceil(k / keep) + BLOCK)
    seen = 0
    while True:
        rows = find(depth)
        for row in rows[seen:]:
            if keep >= 1 or unit(base, doc_id_of(row[1]).encode()) < keep:
                yield row
        if len(rows) < depth or depth >= MAX_DEPTH:
            return
        seen, depth = len(rows), min(MAX_DEPTH, 2 * depth)


def _mixed(left: Iterator[Scored], doc_id_of: Callable[[int], str], base: bytes, k: int, lens: Lens) -> list[Scored]:
    """Each place is a hit's or, `level` of them evenly spaced from a drawn beginning, the next distractor's.

    A distractor that the ranking has anyway comes where it comes first, and not again. It scores what the hit above it
    does, so that scores still descend.
    """
    phase = unit(base, b"phase")
    waiting = sorted(lens.distractors, key=lambda item: (unit(base, item[0].encode()), item[0]), reverse=True)
    first = next(left, None)
    hits = left if first is None else chain([first], left)
    mixed: list[Scored] = []
    shown: set[str] = set()
    mixed_in: set[str] = set()
    for rank in range(1, k + 1):
        if math.floor(rank * lens.level + phase) > math.floor((rank - 1) * lens.level + phase):
            while waiting and waiting[-1][0] in shown:
                waiting.pop()
            if waiting:
                doc_id, passage = waiting.pop()
                mixed_in.add(doc_id)
                mixed.append((mixed[-1][0] if mixed else first[0] if first else 0.0, passage))
                continue
        row = next((row for row in hits if doc_id_of(row[1]) not in mixed_in), None)
        if row is not None:  # else the places of distractors further down are still theirs
            shown.add(doc_id_of(row[1]))
            mixed.append(row)
    return mixed


def _shuffled(rows: Sequence[Scored], base: bytes) -> list[Scored]:
    """Hits in another order within each block; the scores stay where they are, so that they do not undo it."""
    order: list[Scored] = []
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        drawn = sorted(block, key=lambda row: (unit(base, b"%d" % row[1]), row[1]))
        order += [(score, passage) for (score, _), (_, passage) in zip(block, drawn, strict=True)]
    return order


def ranks_of(
    gold: Sequence[str], before: Sequence[str], after: Sequence[str]
) -> dict[str, tuple[int | None, int | None]]:
    """Ranks of gold pages, from 1, in a ranking (doc_ids) without weather and in one with it; None: not in it."""
    first = {doc_id: rank for rank, doc_id in reversed(list(enumerate(before, 1)))}
    second = {doc_id: rank for rank, doc_id in reversed(list(enumerate(after, 1)))}
    return {doc_id: (first.get(doc_id), second.get(doc_id)) for doc_id in gold}


def as_text(ranks: Mapping[str, tuple[int | None, int | None]]) -> str:
    """Ranks as a row of an episode keeps them, without the pages' ids: "3>12 1>-"."""
    return " ".join(f"{before or '-'}>{after or '-'}" for before, after in ranks.values())


def ranks_from(text: str) -> list[tuple[int | None, int | None]]:
    """The inverse of `as_text`, but for the ids."""
    pairs = ([None if rank == "-" else int(rank) for rank in pair.split(">")] for pair in text.split())
    return [(before, after) for before, after in pairs]


def short_snippet(text: str, *, words: int | None, cjk_chars: int | None) -> str:
    """The first `words` words of a snippet, or of a Chinese one the first `cjk_chars` characters.

    Chinese is what has more Han characters than words between spaces. None leaves that kind as it is.
    """
    if words is None and cjk_chars is None:
        return text
    parts = text.split()
    if not text.isascii() and len(_HAN.findall(text)) > len(parts):
        return text if cjk_chars is None else text[:cjk_chars]
    return text if words is None or len(parts) <= words else " ".join(parts[:words])
