"""Sorted posting lists: which entities a relation joins, and whose numbers lie between two bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
DENSE_ENTITIES = 2_000
"""Up to so many entities a relation is also kept as a matrix: a look-up is one step instead of a binary search."""


class Pairs:
    """One relation between entities, from both sides."""

    def __init__(self, subjects: Ints, objects: Ints, size: int) -> None:
        keys = np.unique(subjects * size + objects)
        self.size = size
        self.keys = keys
        self.subjects, self.objects = keys // size, keys % size
        self.starts = np.searchsorted(self.subjects, np.arange(size + 1))
        order = np.lexsort((self.subjects, self.objects))
        self.back_subjects = self.subjects[order]
        self.back_starts = np.searchsorted(self.objects[order], np.arange(size + 1))
        self._matrix: Mask | None = None
        if size <= DENSE_ENTITIES:
            self._matrix = np.zeros((size, size), np.bool_)
            self._matrix[self.subjects, self.objects] = True

    def lists(self, forward: bool) -> tuple[Ints, Ints]:
        """(starts, members): entity e is joined to members[starts[e] : starts[e + 1]], sorted."""
        return (self.starts, self.objects) if forward else (self.back_starts, self.back_subjects)

    def has(self, subjects: Ints, objects: Ints) -> Mask:
        """Whether the relation joins subjects[i] to objects[i]."""
        if self._matrix is not None:
            found: Mask = self._matrix[subjects, objects]
            return found
        keys = subjects * self.size + objects
        at = np.searchsorted(self.keys, keys)
        at[at == len(self.keys)] = 0
        return np.equal(self.keys[at], keys) if len(self.keys) else np.zeros(len(keys), np.bool_)


@dataclass(frozen=True)
class Sizes:
    """Numbers (or years) of one relation, ascending, and whose they are. Two units are two of these."""

    values: npt.NDArray[np.float64]
    owners: Ints

    @cached_property
    def whole(self) -> bool:
        """Whether all are whole numbers, such as counts."""
        return bool(np.all(self.values == np.round(self.values)))

    def between(self, low: float, high: float) -> Ints:
        return self.owners[np.searchsorted(self.values, low) : np.searchsorted(self.values, high, side="right")]

    def beyond(self, bound: float, sense: Literal["more", "less"]) -> Ints:
        if sense == "more":
            return self.owners[np.searchsorted(self.values, bound, side="right") :]
        return self.owners[: np.searchsorted(self.values, bound)]


def core(pairs: Pairs, allowed: Mask, least: int) -> Mask:
    """The entities left where those with fewer than `least` neighbours left are taken away until there are none.

    A subgraph of treewidth k holds one whose nodes have k neighbours or more in it, so that lies within.
    """
    left = allowed.copy()
    while True:
        inside = left[pairs.subjects] & left[pairs.objects]
        degrees = np.bincount(pairs.subjects[inside], minlength=pairs.size)
        still = left & (degrees >= least)
        if np.array_equal(still, left):
            return left
        left = still


NO_SIZES = Sizes(np.empty(0), np.empty(0, np.int64))
