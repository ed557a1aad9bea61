"""Exact treewidth of small graphs, such as the unnamed variables of a task.

Source: Bodlaender, Fomin, Koster, Kratsch and Thilikos, "On exact algorithms for treewidth", 2006: dynamic programming
over subsets, TW(S) = min over v in S of max(TW(S - v), |Q(S - v, v)|), where Q(S, v) are the vertices outside S + v
that v reaches through S.
"""

from __future__ import annotations

from collections.abc import Iterable

MAX_NODES = 16
"""2**16 subsets take seconds; a task has at most nine variables."""


def treewidth(nodes: int, edges: Iterable[tuple[int, int]]) -> int:
    """Of the graph on 0 .. nodes-1. Loops and repeated edges do not count. 0 without edges, -1 without nodes.

    Raises ValueError above MAX_NODES nodes.
    """
    if nodes > MAX_NODES:
        raise ValueError(f"{nodes} nodes; exact treewidth is computed up to {MAX_NODES}.")
    if nodes == 0:
        return -1
    near = neighbours(nodes, edges)
    best = {0: -1}
    for _ in range(nodes):
        larger: dict[int, int] = {}
        for eliminated, width in best.items():
            for node in range(nodes):
                if eliminated >> node & 1:
                    continue
                reached = max(width, _reached(near, eliminated, node).bit_count())
                after = eliminated | 1 << node
                if reached < larger.get(after, nodes):
                    larger[after] = reached
        best = larger
    return best[(1 << nodes) - 1]


def neighbours(nodes: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """Each node's neighbours as a bit set."""
    near = [0] * nodes
    for one, other in edges:
        if one != other:
            near[one] |= 1 << other
            near[other] |= 1 << one
    return near


def graph6(nodes: int, edges: Iterable[tuple[int, int]]) -> str:
    """The graph in McKay's graph6 format, for at most 62 nodes."""
    if nodes > 62:
        raise ValueError(f"{nodes} nodes; one byte of graph6 counts up to 62.")
    near = neighbours(nodes, edges)
    bits = [near[column] >> row & 1 for column in range(nodes) for row in range(column)]
    bits += [0] * (-len(bits) % 6)
    groups = (bits[at : at + 6] for at in range(0, len(bits), 6))
    return chr(nodes + 63) + "".join(chr(63 + int("".join(map(str, group)), 2)) for group in groups)


def _reached(near: list[int], through: int, start: int) -> int:
    """Vertices outside `through` that `start` reaches by paths whose inner vertices are in it."""
    seen = 1 << start
    frontier = near[start]
    outside = 0
    while frontier:
        lowest = frontier & -frontier
        frontier ^= lowest
        if seen & lowest:
            continue
        seen |= lowest
        if through & lowest:
            frontier |= near[lowest.bit_length() - 1] & ~seen
        else:
            outside |= lowest
    return outside
