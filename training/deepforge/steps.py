"""The steps of DeepForge mode, as rules or as a model do them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from training.deepforge.longtail import Found
from training.deepforge.rows import Chain, Known, Tie
from training.deepforge.web import Text


class Dropped(Exception):
    """A chain gives no row; the message is a few words that counts can be kept by."""


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    plan: object = None
    """What the rules made it of."""


class Steps(Protocol):
    """All but `topics` may raise EnvError and, with a model, ModelError."""

    @property
    def name(self) -> str: ...

    def topics(self, seed: int) -> Iterator[str]:
        """Nouns, without end."""
        ...

    async def entities(self, page: Text) -> list[Found]:
        """Long-tail entities of a page, `longtail.ENTITIES` at most."""
        ...

    async def explore(self, tie: Tie) -> Known:
        """What is known of what a tie leads to. One without a page is known by its name alone."""
        ...

    async def ask(self, chain: Chain, rng: np.random.Generator) -> Asked:
        """A vague question whose answer is the chain's first entity. Raises Dropped."""
        ...

    async def harden(self, chain: Chain, asked: Asked, rng: np.random.Generator) -> Asked:
        """A vaguer one with the same answer. Raises Dropped."""
        ...

    async def from_memory(self, chain: Chain, asked: Asked) -> bool:
        """Whether it is answered without tools."""
        ...
