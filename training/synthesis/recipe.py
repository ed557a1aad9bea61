"""What tasks are asked for, and the generator of random numbers that follows from it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

import numpy as np
import orjson


@dataclass(frozen=True, slots=True)
class Recipe:
    """Two equal recipes over the same facts give the same tasks. `treewidths` share the count evenly."""

    treewidths: tuple[int, ...] = (1, 2, 3)
    dispersion: tuple[int, int] = (3, 6)
    """Least and most pages that a task's facts must be spread over."""
    seed: int = 0
    language: str = "en"
    min_candidates: int = 20
    """No single clue leaves fewer entities."""
    per_answer: int = 3
    """Tasks with one answer."""
    per_class: float = 0.05
    """Share of the tasks that may be of one structure (`structure_class`); three always may."""
    per_region: int = 12
    """Tasks from one region of the graph."""
    tries: int = 60
    """Shapes drawn from one region."""
    patience: int = 400
    """Regions without a task after which a treewidth is given up."""
    links: bool = False
    """Whether relations that are not typed, which are the plain hyperlinks, are used too."""
    apart: bool = False
    """Whether the words "another" and "a second" are enough to tell two variables apart.

    If not, an answer is the only one even where two variables are one entity. Where relations join two kinds alone,
    such as works and subjects, every cycle then folds onto one edge: the clues do its work, and no edge is needed.
    """
    chars: tuple[int, int] = (200, 400_000)
    """Length of a page that may be an answer or a hidden node."""
    degree: tuple[int, int] = (2, 64)
    """Other entities that an answer is joined to."""
    hidden_degree: tuple[int, int] = (2, 64)
    """The same of a hidden node. An edge to a hub says next to nothing, so it is seldom needed."""
    min_facts: int = 2

    def __post_init__(self) -> None:
        if not self.treewidths or not all(1 <= width <= 4 for width in self.treewidths):
            raise ValueError(f"Treewidths are from 1 to 4, not {self.treewidths}.")
        if not 1 <= self.dispersion[0] <= self.dispersion[1]:
            raise ValueError(f"A dispersion is LOW..HIGH with 1 <= LOW <= HIGH, not {self.dispersion}.")

    @property
    def digest(self) -> str:
        said = asdict(self)
        if not self.apart:
            del said["apart"]  # it came later, and the tasks of other recipes stay what they were
        return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def generator(self, *parts: str | int) -> np.random.Generator:
        """Random numbers of one part of the work, such as (snapshot, treewidth, region); of nothing else."""
        name = "\0".join((self.digest, *map(str, parts)))
        return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")))

    def size(self, width: int, rng: np.random.Generator) -> int:
        """Variables of a task: a core of the width, and enough for the facts to lie on as many pages as asked."""
        least = max(width + 1, min(self.dispersion[0], 6))
        most = max(least, min(self.dispersion[1], width + 2 + (width == 1) * 2))
        # The smallest half of the time: every node more is a part more that has to be needed.
        return least if rng.random() < 0.5 else int(rng.integers(least, most + 1))
