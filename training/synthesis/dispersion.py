"""Minimum source dispersion: the least number of pages that together state every fact of a task.

A minimum hitting set over the pages of each fact. Source of the measure: REDSearcher (arXiv 2602.14234), section 3.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dispersion:
    """`pages` is one smallest set, sorted; `most_on_one` is the largest number of the facts that one page states."""

    pages: tuple[str, ...]
    most_on_one: int

    @property
    def minimum(self) -> int:
        return len(self.pages)


def dispersion(sources: Sequence[Collection[str]], preferred: Collection[str] = ()) -> Dispersion:
    """`sources` has for each fact the pages that state it. Raises ValueError where a fact has none.

    Of pages that state the same facts a preferred one is taken, then the lowest; of smallest sets the first in an order
    that depends on nothing but the input.
    """
    distinct = sorted({tuple(sorted(set(pages))) for pages in sources})
    if any(not pages for pages in distinct):
        raise ValueError("A fact without a page that states it cannot be covered.")
    states: dict[str, int] = {}
    for bit, pages in enumerate(distinct):
        for page in pages:
            states[page] = states.get(page, 0) | 1 << bit
    chosen = _smallest(_undominated(states, preferred), (1 << len(distinct)) - 1)
    most = max((sum(page in pages for pages in map(set, sources)) for page in states), default=0)
    return Dispersion(tuple(sorted(chosen)), most)


def _undominated(states: dict[str, int], preferred: Collection[str]) -> list[tuple[int, str]]:
    """(facts, page) without pages that state no more than another."""
    kept: list[tuple[int, str]] = []
    for page in sorted(states, key=lambda page: (-states[page].bit_count(), page not in preferred, page)):
        facts = states[page]
        if not any(facts | other == other for other, _ in kept):
            kept.append((facts, page))
    return kept


def _smallest(pages: list[tuple[int, str]], everything: int) -> list[str]:
    """Deepening: is there a cover of one page, of two, ...? The uncovered fact with the fewest pages branches first."""

    def cover(missing: int, left: int) -> list[str] | None:
        if not missing:
            return []
        largest = max((facts & missing).bit_count() for facts, _ in pages)
        if largest * left < missing.bit_count():
            return None
        options = min(
            ([row for row in pages if row[0] >> bit & 1] for bit in range(missing.bit_length()) if missing >> bit & 1),
            key=len,
        )
        for facts, page in options:
            rest = cover(missing & ~facts, left - 1)
            if rest is not None:
                return [page, *rest]
        return None

    size = 0
    while (found := cover(everything, size)) is None:
        size += 1
    return found
