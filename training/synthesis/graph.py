"""Regions of the graph of facts, grown around a seed and made denser, and the shapes of tasks found in them.

Source of the shapes: REDSearcher (arXiv 2602.14234), sections 2 and 3: chains and trees (treewidth 1), cycles and
diamonds (2), cliques of four and what else cannot be taken apart (3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.synthesis.index import KEPT_ENTITIES, FactIndex
from training.synthesis.postings import Ints, Mask
from training.synthesis.treewidth import treewidth

REGION = (12, 40)
"""Entities of a region: least to be of use, and where growing ends."""
SPOKES = 48
"""Neighbours of an entity that are looked at where there are more."""
STARTS = 60
"""Entities around which a core is looked for before a region is grown without one."""
STARTED = 6
"""Draws at each of them."""

Near = Mapping[int, Sequence[int]]


@dataclass(frozen=True)
class Region:
    """`near` has each member's neighbours within the region, sorted. `tree_edges` were walked, `chords` were found."""

    nodes: tuple[int, ...]
    near: dict[int, tuple[int, ...]]
    tree_edges: int
    chords: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A connected subgraph: entities, and edges as pairs of positions in `nodes`. The answer stands first."""

    nodes: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    role: str
    """Of the answer: "leaf" (fewest edges of all), "hub" (most) or "inner"; "even" where all have the same number."""


class Allowed(dict[int, tuple[int, ...]]):
    """Neighbours of an entity among those that a mask allows, sorted; of many a sample that depends on it alone."""

    def __init__(self, index: FactIndex, mask: Mask) -> None:
        super().__init__()
        self.index = index
        self.mask = mask

    def __missing__(self, node: int) -> tuple[int, ...]:
        if len(self) >= KEPT_ENTITIES:
            self.clear()
        near = self.index.neighbours(node)
        near = near[self.mask[near]]
        if len(near) > SPOKES:
            near = np.sort(np.random.default_rng(node).choice(near, SPOKES, replace=False))
        found = self[node] = tuple(near.tolist())
        return found


def seeded(near: Near, starts: Ints, width: int, rng: np.random.Generator) -> list[int]:
    """Entities to grow a region from, drawn from `starts`: a core of the treewidth where one is found, else one entity.

    In a large sparse graph a region that is grown blindly seldom holds a cycle, and hardly ever a clique of four.
    """
    first = int(starts[int(rng.integers(len(starts)))])
    if width == 1:
        return [first]
    for _ in range(STARTS):
        start = int(starts[int(rng.integers(len(starts)))])
        if len(near[start]) < width:
            continue
        for _ in range(STARTED):
            core = _drawn_core(near, start, width, width + 3, rng)
            if core is not None:
                return core[0]
    return [first]


def grow(index: FactIndex, seeds: Sequence[int], allowed: Mask, rng: np.random.Generator) -> Region:
    """Walk from the seeds; every second step closes a triangle or a square where the facts have one."""
    nodes = list(seeds)
    members = set(seeds)
    walked = len(nodes) - 1
    for _ in range(6 * REGION[1]):
        if len(nodes) >= REGION[1]:
            break
        origin = nodes[int(rng.integers(len(nodes)))]
        found = _closing(index, origin, members, allowed, rng) if rng.random() < 0.6 else []
        if not found:
            spokes = _spokes(index, origin, allowed, rng)
            found = [spokes[int(rng.integers(len(spokes)))]] if spokes else []
        new = [node for node in found if node not in members]
        walked += len(new)
        nodes += new
        members.update(new)
    near = {node: tuple(n for n in index.neighbours(node).tolist() if n in members) for node in sorted(members)}
    edges = sum(map(len, near.values())) // 2
    return Region(tuple(nodes), near, walked, edges - walked)


def sample(region: Region, width: int, size: int, answers: Mask, rng: np.random.Generator) -> Shape | None:
    """A subgraph of exactly this treewidth with at most `size` nodes, if the region seems to have one.

    The core (an edge, a cycle, a clique) is drawn first and gets trees up to the size. The answer is drawn among roles,
    so that leaves and hubs both come up, of the entities that `answers` allows.
    """
    core = _core(region, width, size, rng)
    if core is None:
        return None
    nodes, edges = core
    while len(nodes) < size:
        at = int(rng.integers(len(nodes)))
        free = [n for n in region.near[nodes[at]] if n not in nodes]
        if not free:
            break
        edges.append((at, len(nodes)))
        nodes.append(free[int(rng.integers(len(free)))])
    if treewidth(len(nodes), edges) != width:
        return None
    return _with_answer(nodes, edges, answers, rng)


def _core(
    region: Region, width: int, size: int, rng: np.random.Generator
) -> tuple[list[int], list[tuple[int, int]]] | None:
    start = region.nodes[int(rng.integers(len(region.nodes)))]
    if not region.near[start]:
        return None
    return _drawn_core(region.near, start, width, size, rng)


def _drawn_core(
    near: Near, start: int, width: int, size: int, rng: np.random.Generator
) -> tuple[list[int], list[tuple[int, int]]] | None:
    """What makes the width, around a start, if the draws lead to one: an edge's end, a cycle, a clique, a biclique."""
    if width == 1:
        return [start], []
    if width == 2:
        return _cycle(near, start, min(size, int(rng.integers(3, 6))), rng)
    return _clique(near, start, width + 1, rng) if rng.random() < 0.7 else _biclique(near, start, width, rng)


def _cycle(
    near: Near, start: int, length: int, rng: np.random.Generator
) -> tuple[list[int], list[tuple[int, int]]] | None:
    """Two walks from the start that end at a neighbour of both; a chord within makes a diamond now and then."""
    path = [start]
    while len(path) < length - 1:
        free = [n for n in near[path[-1]] if n not in path]
        if not free:
            return None
        path.append(free[int(rng.integers(len(free)))])
    closing = sorted(set(near[path[-1]]) & set(near[start]) - set(path))
    if not closing:
        return None
    path.append(closing[int(rng.integers(len(closing)))])
    edges = [(at, (at + 1) % length) for at in range(length)]
    return path, edges


def _clique(
    near: Near, start: int, size: int, rng: np.random.Generator
) -> tuple[list[int], list[tuple[int, int]]] | None:
    nodes = [start]
    free = set(near[start])
    while len(nodes) < size:
        if not free:
            return None
        options = sorted(free)
        node = options[int(rng.integers(len(options)))]
        nodes.append(node)
        free &= set(near[node])
    return nodes, [(one, other) for other in range(size) for one in range(other)]


def _biclique(
    near: Near, start: int, side: int, rng: np.random.Generator
) -> tuple[list[int], list[tuple[int, int]]] | None:
    """K(side, side), whose treewidth is `side`: relations that join two kinds (works, subjects) have no clique."""
    left, shared = [start], set(near[start])
    while len(left) < side:
        options = sorted({n for node in sorted(shared) for n in near[node]} - set(left) - shared)
        options = [n for n in options if len(shared & set(near[n])) >= side]
        if not options:
            return None
        left.append(options[int(rng.integers(len(options)))])
        shared &= set(near[left[-1]])
    right = sorted(shared - set(left))
    if len(right) < side:
        return None
    chosen = [right[at] for at in sorted(rng.choice(len(right), side, replace=False).tolist())]
    return left + chosen, [(one, side + other) for one in range(side) for other in range(side)]


def _with_answer(
    nodes: list[int], edges: list[tuple[int, int]], answers: Mask, rng: np.random.Generator
) -> Shape | None:
    degrees = [sum(at in edge for edge in edges) for at in range(len(nodes))]
    least, most = min(degrees), max(degrees)
    free = [at for at, node in enumerate(nodes) if answers[node]]
    if not free:
        return None
    wanted = (least, most)[int(rng.integers(2))] if rng.random() < 0.8 else None
    options = [at for at in free if wanted is None or degrees[at] == wanted] or free
    answer = options[int(rng.integers(len(options)))]
    role = "even" if least == most else {least: "leaf", most: "hub"}.get(degrees[answer], "inner")
    order = [answer, *(at for at in range(len(nodes)) if at != answer)]
    place = {at: position for position, at in enumerate(order)}
    placed = sorted(tuple(sorted((place[one], place[other]))) for one, other in edges)
    return Shape(tuple(nodes[at] for at in order), tuple((one, other) for one, other in placed), role)


def _spokes(index: FactIndex, node: int, allowed: Mask, rng: np.random.Generator) -> list[int]:
    near = index.neighbours(node)
    near = near[allowed[near]]
    if len(near) > SPOKES:
        near = np.sort(rng.choice(near, SPOKES, replace=False))
    return [int(n) for n in near.tolist()]


def _closing(index: FactIndex, node: int, members: set[int], allowed: Mask, rng: np.random.Generator) -> list[int]:
    """What closes a triangle over an edge of the node, or else a square over two of them."""
    spokes = _spokes(index, node, allowed, rng)
    if not spokes:
        return []
    other = spokes[int(rng.integers(len(spokes)))]
    shared = [n for n in spokes if n != other and n in set(_spokes(index, other, allowed, rng))]
    if shared:
        return [other, shared[int(rng.integers(len(shared)))]]
    second = spokes[int(rng.integers(len(spokes)))]
    if second == other:
        return []
    corners = sorted(set(_spokes(index, other, allowed, rng)) & set(_spokes(index, second, allowed, rng)) - {node})
    return [other, second, corners[int(rng.integers(len(corners)))]] if corners else []
