"""Merging BM25 and vectors for one query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from corpus.docstore import DocStore
from corpus.rankings import Scored, in_order, new_units, units_of

DEPTH = 100
MISSING = 0.9
"""What a page that BM25's list was too short for is taken to score, as a share of the last one in it. At 1.0 such pages
crowd out what BM25 knows of (recall on wtq falls), at 0.7 none is ever seen; docs/decisions.md has the figures."""
_PRECISION = 6

Search = Callable[[int], list[Scored]]
"""Depth -> the best pages or passages, best first."""
Cosines = Callable[[Sequence[int]], Sequence[float]]
"""Passage numbers -> the query's cosine to each."""


def weighted_sum(
    words: Sequence[Scored],
    near: Sequence[Scored],
    cosines: Cosines,
    weights: Mapping[str, float],
    store: DocStore,
    *,
    by_page: bool,
    complete: bool,
) -> list[Scored]:
    """Add BM25 as a share of its best score to the cosine, both weighted, for each page (or passage); best first.

    `words` are scored by BM25, `near` by cosine; `complete` says that whatever is not in `words` matches no word. What
    only `words` proposed gets its exact cosine too, so that no page suffers from the length of a list. A page is shown
    by the passage of the part that adds most. Scores are comparable within the result only; ties break by document and
    passage. Source: Bruch, Gai and Ingber, TOIS 2023, who find such sums ahead of reciprocal ranks; so do we.
    """
    top = max(words)[0] if words else 0.0
    # Lucene syntax allows boosts of 0 and below, which leave no best score to be a share of.
    scale = weights["bm25"] / top if top > 0 else 0.0
    last = min(words)[0] if words else 0.0
    missing = 0.0 if complete else scale * min(MISSING * last, last)
    passages = [passage for _, passage in words]
    units = units_of([*passages, *(passage for _, passage in near)], store, by_page=by_page)
    weight = weights["dense"]
    near_parts = {
        unit: (weight * cosine, passage) for unit, (cosine, passage) in zip(units[len(words) :], near, strict=True)
    }
    merged = []
    for unit, (score, passage), cosine in zip(units[: len(words)], words, cosines(passages), strict=True):
        best_part, best_passage = weight * cosine, passage
        if (other := near_parts.pop(unit, None)) is not None and (
            other[0] > best_part or (other[0] == best_part and other[1] < passage)
        ):
            best_part, best_passage = other
        part = scale * score
        merged.append((round(part + best_part, _PRECISION), best_passage if best_part > part else passage))
    merged += [(round(missing + part, _PRECISION), passage) for part, passage in near_parts.values()]
    return in_order(merged)


def fused(
    search_words: Search,
    search_near: Search,
    cosines: Cosines,
    weights: Mapping[str, float],
    store: DocStore,
    *,
    k: int,
    by_page: bool,
) -> list[Scored]:
    """The best k of BM25 and vectors together.

    Each is asked to a fixed depth, whatever k is, so that the best k are a prefix of the best k + 1. Where that gives
    fewer than k, the fusion at ten times the depth adds what is not there yet, behind.
    """
    best: list[Scored] = []
    seen: set[int] = set()
    depth = DEPTH
    while True:
        words, near = search_words(depth), search_near(depth)
        complete = len(words) < depth
        found = weighted_sum(words, near, cosines, weights, store, by_page=by_page, complete=complete)
        new = new_units(found, seen, store, by_page=by_page)
        if best and new and new[0][0] >= best[-1][0]:
            # What only a deeper look finds stands behind what was there: lowered to score less, in its own order.
            shift = new[0][0] - best[-1][0] + 10.0**-_PRECISION
            new = in_order((round(score - shift, _PRECISION), p) for score, p in new)
        best += new
        if len(best) >= k or (complete and len(near) < depth):
            return best[:k]
        depth *= 10
