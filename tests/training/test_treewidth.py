from __future__ import annotations

from functools import cache
from itertools import combinations, permutations

import numpy as np
import pytest

from training.synthesis.treewidth import MAX_NODES, graph6, treewidth

Edges = frozenset[tuple[int, int]]
CONNECTED = {1: 1, 2: 1, 3: 2, 4: 6, 5: 21, 6: 112, 7: 853}
"""Connected graphs by number of nodes, up to isomorphism (OEIS A001349)."""


def smallest(nodes: int, edges: Edges) -> tuple[int, ...]:
    """Walks by node: what isomorphic graphs share and, up to seven nodes, no others do, as the counts above tell."""
    matrix = np.zeros((nodes, nodes), np.int64)
    for one, other in edges:
        matrix[one, other] = matrix[other, one] = 1
    missing = 1 - matrix - np.eye(nodes, dtype=np.int64)
    rows = []
    power, other = np.eye(nodes, dtype=np.int64), np.eye(nodes, dtype=np.int64)
    for _ in range(nodes):
        power, other = power @ matrix, other @ missing
        rows += [np.diag(power), power.sum(0), np.diag(other), np.diag(matrix @ other @ matrix)]
    return tuple(sorted(map(tuple, np.stack(rows).T.tolist())))  # type: ignore[arg-type]


@cache
def connected(nodes: int) -> tuple[Edges, ...]:
    """Every connected graph once: each has a node without which it stays connected."""
    if nodes == 1:
        return (frozenset(),)
    found = {}
    for smaller in connected(nodes - 1):
        for size in range(1, nodes):
            for near in combinations(range(nodes - 1), size):
                edges = smaller | {(node, nodes - 1) for node in near}
                found.setdefault(smallest(nodes, edges), edges)
    return tuple(found.values())


def eliminated(nodes: int, edges: Edges, width: int) -> bool:
    """Whether an order of elimination, with its fill-in edges really drawn, meets no more than `width` neighbours."""
    near = {node: {b for a, b in edges if a == node} | {a for a, b in edges if b == node} for node in range(nodes)}

    @cache
    def possible(left: frozenset[int], drawn: Edges) -> bool:
        for node in left:
            beside = {other for other in left if tuple(sorted((node, other))) in drawn}
            if len(beside) <= width:
                filled = drawn | {tuple(sorted(pair)) for pair in combinations(beside, 2)}  # type: ignore[operator]
                rest = left - {node}
                kept = frozenset(pair for pair in filled if set(pair) <= rest)
                if not rest or possible(rest, kept):
                    return True
        return False

    assert all(near[node] for node in near) or nodes == 1
    return possible(frozenset(range(nodes)), frozenset(tuple(sorted(pair)) for pair in edges))  # type: ignore[misc]


def agrees(nodes: int, edges: Edges) -> bool:
    width = treewidth(nodes, edges)
    return eliminated(nodes, edges, width) and (width == 0 or not eliminated(nodes, edges, width - 1))


@pytest.mark.parametrize("nodes", [1, 2, 3, 4, 5, 6])
def test_treewidth_agrees_with_drawn_elimination_on_every_connected_graph(nodes: int) -> None:
    graphs = connected(nodes)
    assert len(graphs) == CONNECTED[nodes]
    assert [edges for edges in graphs if not agrees(nodes, edges)] == []


@pytest.mark.slow
def test_treewidth_agrees_on_all_connected_graphs_of_seven_nodes_and_on_500_of_eight() -> None:
    graphs = connected(7)
    assert len(graphs) == CONNECTED[7]
    assert [edges for edges in graphs if not agrees(7, edges)] == []
    rng = np.random.default_rng(8)
    for _ in range(500):
        tree = {(int(rng.integers(node)), node) for node in range(1, 8)}
        more = {pair for pair in combinations(range(8), 2) if rng.random() < rng.choice([0.1, 0.3, 0.5, 0.8])}
        assert agrees(8, frozenset(tree | more))


@pytest.mark.parametrize(
    ("name", "nodes", "edges", "width"),
    [
        ("path", 5, [(0, 1), (1, 2), (2, 3), (3, 4)], 1),
        ("cycle", 5, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)], 2),
        ("clique of four", 4, list(combinations(range(4), 2)), 3),
        ("three and three", 6, [(a, b) for a in range(3) for b in range(3, 6)], 3),
        ("grid of nine", 9, [(a, a + 1) for a in range(9) if a % 3 < 2] + [(a, a + 3) for a in range(6)], 3),
        ("Petersen's", 10, [(a, (a + 1) % 5) for a in range(5)] + [(a, a + 5) for a in range(5)]
         + [(5 + a, 5 + (a + 2) % 5) for a in range(5)], 4),
    ],
)  # fmt: skip
def test_graphs_known_by_name_have_their_treewidth(
    name: str, nodes: int, edges: list[tuple[int, int]], width: int
) -> None:
    assert treewidth(nodes, edges) == width


def test_numbering_loops_and_repeats_do_not_change_the_treewidth() -> None:
    diamond = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]
    for order in permutations(range(4)):
        assert treewidth(4, [(order[a], order[b]) for a, b in diamond] + [(1, 1), (order[1], order[0])]) == 2


def test_a_graph_too_large_for_the_exact_method_is_refused() -> None:
    with pytest.raises(ValueError, match=str(MAX_NODES)):
        treewidth(MAX_NODES + 1, [])


def test_graph6_is_written_as_its_inventor_shows_it() -> None:
    assert graph6(5, [(0, 2), (0, 4), (1, 3), (3, 4)]) == "DQc"
    assert graph6(4, combinations(range(4), 2)) == "C~"
