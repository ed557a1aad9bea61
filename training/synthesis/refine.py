"""Drafts of which every part is needed: each clue, each edge, each hidden node.

Blurring leaves clues that are needed together, and often an edge that then is not: it decorates a task that is unique
without it. Other clues, as vague, may lean on that edge. So clues are exchanged one at a time, and an exchange that
leaves no more parts unneeded than before is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.synthesis.blur import SEARCH_CAP, Draft, Ladders, blurred, is_unique
from training.synthesis.index import FactIndex
from training.synthesis.solve import Constraints, Solved, solve

REPAIRED = 2
"""With more parts unneeded than this a new shape finds a task sooner than exchanges do."""
EXCHANGES = 12
"""Clues exchanged before a shape is given up."""


@dataclass(frozen=True)
class Necessity:
    """Answers left in the closed world where one clue, edge or hidden node is left out, in the draft's order."""

    clues: tuple[Solved, ...]
    edges: tuple[Solved, ...]
    nodes: tuple[Solved, ...]


def refined(ladders: Ladders, draft: Draft, rng: np.random.Generator) -> tuple[Draft, str]:
    """A blurred draft, and which sort of part is not needed: "edge", "node", "clue", or "" where all are."""
    index = ladders.index
    best = blurred(index, draft)
    unneeded = unneeded_parts(index, best, REPAIRED)
    for _ in range(EXCHANGES):
        if not (best.clues and 0 < len(unneeded) <= REPAIRED):
            break
        # A clue that the closed world does not need is the one to exchange; for an edge it may be any.
        clues = [at for sort, at in unneeded if sort == "clue"] or list(range(len(best.clues)))
        at = clues[int(rng.integers(len(clues)))]
        tried = _exchanged(ladders, best, at, rng)
        if tried is None or not is_unique(index, tried):
            continue
        tried = blurred(index, tried, last=at)
        still = unneeded_parts(index, tried, len(unneeded))
        if len(still) <= len(unneeded):
            best, unneeded = tried, still
    return best, unneeded[0][0] if unneeded else ""


def necessity(index: FactIndex, draft: Draft) -> Necessity:
    """The answers that every part keeps away, counted."""
    clues, edges, nodes = (
        tuple(solve(index, part, "closed", distinct=True, cap=SEARCH_CAP) for _, part in parts)
        for parts in _parts(draft.constraints)
    )
    return Necessity(clues, edges, nodes)


def unneeded_parts(index: FactIndex, draft: Draft, most: int) -> list[tuple[str, int]]:
    """(sort, place) of parts without which the answer is still the only one, at most `most` + 1 of them.

    Edges come first, then nodes, then clues.
    """
    clues, edges, nodes = _parts(draft.constraints)
    found: list[tuple[str, int]] = []
    for parts in (edges, nodes, clues):
        for at, (sort, part) in enumerate(parts):
            if len(solve(index, part, "closed", distinct=True, enough=2, cap=SEARCH_CAP).answers) < 2:
                found.append((sort, at))
                if len(found) > most:
                    return found
    return found


def _parts(whole: Constraints) -> tuple[list[tuple[str, Constraints]], ...]:
    """Constraints without one clue, without one edge, without one hidden node."""
    return (
        [("clue", whole.without_clue(at)) for at in range(len(whole.clues))],
        [("edge", whole.without_edge(at)) for at in range(len(whole.edges))],
        [("node", whole.without_node(node)) for node in range(1, len(whole.kinds))],
    )


def _exchanged(ladders: Ladders, draft: Draft, at: int, rng: np.random.Generator) -> Draft | None:
    """The draft with another clue about the same variable in the place of one."""
    clue = draft.clues[at]
    own = {ladders.index.ids[node] for node in draft.shape.nodes}
    taken = {other.relation for other in draft.clues if other.variable == clue.variable}
    other = next(ladders.drawn(draft.shape.nodes[clue.variable], own, taken, rng), None)
    if other is None:
        return None
    clues = (*draft.clues[:at], replace(other, variable=clue.variable), *draft.clues[at + 1 :])
    return replace(draft, clues=clues)
