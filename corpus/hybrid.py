"""Merging rankings of one query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from corpus.docstore import DocStore
from corpus.rankings import Scored, new_units

RRF_C = 60
"""Cormack, Clarke and Büttcher, SIGIR 2009; theirs, not tuned here."""
DEPTH = 100
_PRECISION = 6


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[Scored]], weights: Sequence[float], store: DocStore, *, by_page: bool, c: int = RRF_C
) -> list[Scored]:
    """Merge scored passages by summing weight / (c + rank) for each page (or passage); best first.

    A page is shown by the passage of the ranking that adds most to it. Scores are comparable within the result only;
    ties break by document and passage. Source: Cormack, Clarke and Büttcher, SIGIR 2009.
    """
    totals: dict[int, float] = {}
    shown: dict[int, tuple[float, int]] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        passages = [passage for _, passage in ranking]
        units = store.passage_doc[passages].tolist() if by_page and passages else passages
        for rank, (unit, passage) in enumerate(zip(units, passages, strict=True), 1):
            part = weight / (c + rank)
            totals[unit] = totals.get(unit, 0.0) + part
            if part > shown.get(unit, (0.0, 0))[0]:
                shown[unit] = (part, passage)
    merged = [(round(total, _PRECISION), shown[unit][1]) for unit, total in totals.items()]
    return sorted(merged, key=lambda item: (-item[0], item[1]))


def fused(
    retrieve: Sequence[Callable[[int], list[Scored]]],
    weights: Sequence[float],
    store: DocStore,
    *,
    k: int,
    by_page: bool,
) -> list[Scored]:
    """The best k of the fusion of several retrievers.

    Each is asked to a fixed depth, whatever k is, so that the best k are a prefix of the best k + 1. Where that gives
    fewer than k, the fusion at ten times the depth adds what is not there yet, behind.
    """
    best: list[Scored] = []
    seen: set[int] = set()
    depth = DEPTH
    while True:
        rankings = [search(depth) for search in retrieve]
        found = reciprocal_rank_fusion(rankings, weights, store, by_page=by_page)
        new = new_units(found, seen, store, by_page=by_page)
        if best and new and new[0][0] >= best[-1][0]:
            # What only a deeper look finds stands behind what was there: scaled to score less, in its own order.
            scale = (best[-1][0] - 10.0**-_PRECISION) / new[0][0]
            new = sorted(((round(score * scale, _PRECISION), p) for score, p in new), key=lambda i: (-i[0], i[1]))
        best += new
        if len(best) >= k or all(len(ranking) < depth for ranking in rankings):
            return best[:k]
        depth *= 10
