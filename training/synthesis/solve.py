"""Who satisfies a set of constraints, over the whole snapshot.

A join one variable at a time: rows of partial solutions grow by the neighbours that all assigned variables share, as a
worst-case-optimal join does, so that no intermediate table outgrows what the constraints allow by more than a degree.
Rows are columns of arrays and are followed in blocks, depth first: memory is bounded, and a search that only asks
whether there is a second answer ends when it finds one.

Source: Ngo, Porat, Ré and Rudra, "Worst-case optimal join algorithms", 2012; variables that no later constraint reads
are projected away, which bounds a problem of treewidth k by entities**k.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from training.synthesis.index import FactIndex, World
from training.synthesis.postings import Ints, Mask
from training.synthesis.predicates import Kind, Predicate

BLOCK = 65_536
"""Rows followed at once."""
CAP = 1_000_000
"""Rows looked at before a search is given up; such a task is rejected, not believed."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Variable `a` is joined to variable `b` by a relation that reads from `a` to `b`."""

    a: int
    relation: str
    b: int


@dataclass(frozen=True, slots=True)
class Constraints:
    """Variable 0 is the answer. `kinds` has a kind or "" for each variable; `clues` are (variable, predicate).

    `apart` says that no two variables are one entity, in the open world too: see `Recipe.apart`.
    """

    kinds: tuple[str, ...]
    edges: tuple[Edge, ...]
    clues: tuple[tuple[int, Predicate], ...]
    apart: bool = False

    def without_clue(self, at: int) -> Constraints:
        return replace(self, clues=self.clues[:at] + self.clues[at + 1 :])

    def without_edge(self, at: int) -> Constraints:
        return replace(self, edges=self.edges[:at] + self.edges[at + 1 :])

    def without_node(self, node: int) -> Constraints:
        """The variable stays as a number that nothing speaks of."""
        return replace(
            self,
            kinds=tuple("" if variable == node else kind for variable, kind in enumerate(self.kinds)),
            edges=tuple(edge for edge in self.edges if node not in (edge.a, edge.b)),
            clues=tuple(clue for clue in self.clues if clue[0] != node),
        )

    def with_clue(self, at: int, predicate: Predicate) -> Constraints:
        row = (self.clues[at][0], predicate)
        return replace(self, clues=(*self.clues[:at], row, *self.clues[at + 1 :]))


@dataclass(frozen=True, slots=True)
class Solved:
    """`answers` are the entities that variable 0 can be, sorted; all of them only where `complete`.

    `solutions` counts assignments of all variables and is 0 where they were not asked for.
    """

    answers: tuple[int, ...]
    solutions: int
    complete: bool


@dataclass(frozen=True, slots=True)
class _Step:
    variable: int
    edges: tuple[Edge, ...]
    """Edges to variables that are assigned by then."""
    finished: tuple[int, ...]
    """Variables that no later step reads."""


@dataclass(frozen=True, slots=True)
class _Way:
    """The edge that a step follows: row r has the `counts[r]` neighbours from members[firsts[r]] on."""

    edge: Edge
    firsts: Ints
    counts: Ints
    members: Ints


def solve(
    index: FactIndex,
    constraints: Constraints,
    world: World,
    *,
    distinct: bool,
    enough: int | None = None,
    count: bool = False,
    cap: int = CAP,
    block: int = BLOCK,
) -> Solved:
    """Answers of the constraints that hang together with variable 0 (the others are taken to be satisfiable).

    `distinct`: no entity stands for two variables. `enough`: stop once so many answers are known. `count`: count the
    assignments too, which keeps every variable. `block` bounds the rows that are followed at once.
    """
    domains = _domains(index, constraints, world)
    reached = _component(constraints)
    steps = _plan(constraints, reached, domains, keep=distinct or count)
    first = np.flatnonzero(domains[steps[0].variable])
    stack: list[tuple[int, dict[int, Ints]]] = [(1, {steps[0].variable: first})]
    answers: set[int] = set()
    seen = solutions = 0
    while stack:
        at, rows = stack.pop()
        length = len(next(iter(rows.values())))
        if length == 0:
            continue
        if at == len(steps):
            answers.update(np.unique(rows[0]).tolist())
            solutions += length
            if enough is not None and len(answers) >= enough and not count:
                return Solved(tuple(sorted(answers)), 0, False)
            continue
        if length > block:
            half = length // 2
            stack += [(at, {v: column[half:] for v, column in rows.items()})]
            stack += [(at, {v: column[:half] for v, column in rows.items()})]
            continue
        best, total = _cheapest(index, steps[at], rows, world)
        if total > block and length > 1:
            half = length // 2
            stack += [(at, {v: column[half:] for v, column in rows.items()})]
            stack += [(at, {v: column[:half] for v, column in rows.items()})]
            continue
        seen += total
        if seen > cap:
            return Solved(tuple(sorted(answers)), solutions if count else 0, False)
        rows = _extended(index, steps[at], rows, best, domains, world, distinct)
        if not (distinct or count):
            rows = _projected(rows, steps[at].finished, index.size)
        stack.append((at + 1, rows))
    return Solved(tuple(sorted(answers)), solutions if count else 0, True)


def _domains(index: FactIndex, constraints: Constraints, world: World) -> list[Mask]:
    domains: list[Mask | None] = [index.mask(Kind(kind=kind), world) if kind else None for kind in constraints.kinds]
    for variable, predicate in constraints.clues:
        mask = index.mask(predicate, world)
        before = domains[variable]
        domains[variable] = mask if before is None else before & mask
    return [np.ones(index.size, np.bool_) if mask is None else mask for mask in domains]


def _component(constraints: Constraints) -> set[int]:
    reached, grown = {0}, True
    while grown:
        grown = False
        for edge in constraints.edges:
            if (edge.a in reached) != (edge.b in reached):
                reached |= {edge.a, edge.b}
                grown = True
    return reached


def _plan(constraints: Constraints, reached: set[int], domains: list[Mask], keep: bool) -> list[_Step]:
    """The smallest domain first, then what is joined to most of what is assigned, then the smaller domain.

    `keep`: no variable is finished before the end.
    """
    sizes = {variable: int(np.count_nonzero(domains[variable])) for variable in sorted(reached)}
    edges = [edge for edge in constraints.edges if edge.a in reached and edge.b in reached]
    start = min(sizes, key=lambda variable: (sizes[variable], variable))
    order, steps = [start], [_Step(start, (), ())]
    assigned = {start}
    waiting: dict[int, list[Edge]] = {variable: [] for variable in sizes if variable != start}
    variable = start
    while waiting:
        for edge in edges:
            if edge.a == variable and edge.b in waiting:
                waiting[edge.b].append(edge)
            elif edge.b == variable and edge.a in waiting:
                waiting[edge.a].append(edge)
        joined = [v for v, found in waiting.items() if found]
        variable = min(joined, key=lambda v: (-len(waiting[v]), sizes[v], v))
        found = sorted(waiting.pop(variable), key=edges.index)  # a tie between two edges goes to the first
        order.append(variable)
        assigned.add(variable)
        finished: tuple[int, ...] = ()
        if not keep:
            later = {node for e in edges if e.a not in assigned or e.b not in assigned for node in (e.a, e.b)}
            finished = tuple(v for v in order if v != 0 and v not in later)
        steps.append(_Step(variable, tuple(found), finished))
    return steps


def _cheapest(index: FactIndex, step: _Step, rows: dict[int, Ints], world: World) -> tuple[_Way, int]:
    """The edge along which the rows have fewest neighbours, and how many."""
    best: _Way | None = None
    least = 0
    for edge in step.edges:
        forward = edge.b == step.variable
        known = rows[edge.a if forward else edge.b]
        starts, members = index.pairs(edge.relation, world).lists(forward)
        firsts = starts[known]
        counts = starts[known + 1] - firsts
        total = int(counts.sum())
        if best is None or total < least:
            best, least = _Way(edge, firsts, counts, members), total
    assert best is not None
    return best, least


def _extended(
    index: FactIndex,
    step: _Step,
    rows: dict[int, Ints],
    along: _Way,
    domains: list[Mask],
    world: World,
    distinct: bool,
) -> dict[int, Ints]:
    """Each row with each value of the step's variable that all its edges and its domain allow."""
    counts = along.counts
    origin = np.arange(len(counts)).repeat(counts)
    new = along.members[np.arange(len(origin)) + (along.firsts - counts.cumsum() + counts)[origin]]
    keep = domains[step.variable][new]
    origin, new = origin[keep], new[keep]
    for edge in step.edges:
        if edge is along.edge:
            continue
        if edge.b == step.variable:
            keep = index.pairs(edge.relation, world).has(rows[edge.a][origin], new)
        else:
            keep = index.pairs(edge.relation, world).has(new, rows[edge.b][origin])
        origin, new = origin[keep], new[keep]
    if distinct:
        for column in rows.values():
            keep = column[origin] != new
            origin, new = origin[keep], new[keep]
    return {**{variable: column[origin] for variable, column in rows.items()}, step.variable: new}


def _projected(rows: dict[int, Ints], finished: Iterable[int], size: int) -> dict[int, Ints]:
    """Rows without the finished variables, each once."""
    gone = [variable for variable in finished if variable in rows]
    kept = {variable: column for variable, column in rows.items() if variable not in gone}
    if not gone or not kept:
        return rows
    columns = list(kept.values())
    if float(size) ** len(columns) >= 2**62:
        unique = np.unique(np.stack(columns), axis=1)
        return dict(zip(kept, unique, strict=True))
    keys = columns[0]
    for column in columns[1:]:
        keys = keys * size + column
    first = np.unique(keys, return_index=True)[1]
    return {variable: column[first] for variable, column in kept.items()}
