"""Step 3: a depth is drawn, and relations are walked at random; the chain is what the question is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import numpy as np

from training.deepforge.rows import Chain, Known, Tie

DEPTHS = (1, 2, 3, 4)
WEIGHTS = (0.1, 0.4, 0.4, 0.1)
"""DeepForge's."""
_BLOCK = 10
EXPLORED = 16
"""Entities that are looked at for one chain, at most."""

Explore = Callable[[Tie], Awaitable[Known]]


def depths(seed: int) -> Iterator[int]:
    """Depths without end, in shuffled blocks of ten that have each depth by its weight: 1,000 in a row are as near to
    the weights as can be, which independent draws are not."""
    rng = np.random.default_rng([seed, 4])
    block = [depth for depth, weight in zip(DEPTHS, WEIGHTS, strict=True) for _ in range(round(weight * _BLOCK))]
    while True:
        yield from (block[at] for at in rng.permutation(_BLOCK))


async def walk(start: Known, depth: int, explore: Explore, rng: np.random.Generator) -> Chain:
    """A chain of `depth` relations, each drawn uniformly; where a walk ends too early, it goes back and draws again.

    The longest chain that was met is returned where no walk is long enough. An entity without relations ends a walk
    and is kept as its end.
    """
    best = Chain((start,), ())
    explored = 0
    stack = [(best, _shuffled(start, rng))]
    while stack and best.depth < depth and explored < EXPLORED:
        chain, left = stack[-1]
        if not left:
            stack.pop()
            continue
        tie = left.pop()
        if tie.name in {node.name for node in chain.nodes}:
            continue
        explored += 1
        node = await explore(tie)
        if node.name in {known.name for known in chain.nodes}:
            continue
        longer = Chain((*chain.nodes, node), (*chain.ties, tie))
        if longer.depth > best.depth:
            best = longer
        stack.append((longer, _shuffled(node, rng)))
    return best


def _shuffled(node: Known, rng: np.random.Generator) -> list[Tie]:
    return [node.ties[at] for at in rng.permutation(len(node.ties))]
