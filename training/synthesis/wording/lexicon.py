"""How relations are said: tables of phrases as lines of text, and what is drawn from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from corpus.facts.records import Relation

SLOT = "{}"
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")


@dataclass(frozen=True, slots=True)
class Counted:
    """How a number is said: "a population", more and less of it, its unit, and verb phrases with a slot."""

    noun: str
    more: str
    less: str
    unit: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Phrases of relations. A key is a relation's name, or "name/label" where two sources use one name differently."""

    phrases: dict[str, tuple[str, ...]]
    counted: dict[str, Counted]

    def phrases_of(self, relation: Relation) -> tuple[str, ...]:
        """Verb phrases with a slot; none for a relation that the tables do not know."""
        exact = self.phrases.get(f"{relation.name}/{relation.label}")
        return exact or self.phrases.get(relation.name, ())

    def counted_of(self, relation: Relation) -> Counted | None:
        return self.counted.get(relation.name)


def read_lexicon(phrases: Sequence[str], counted: Sequence[str]) -> Lexicon:
    """Tables as text: "relation | phrase; phrase" and "relation | noun | more/less | unit | phrase; phrase"."""
    said: dict[str, tuple[str, ...]] = {}
    for key, cells in _rows(phrases):
        if key in said:
            raise ValueError(f"{key} has two lines of phrases")
        said[key] = _listed(cells[0])
    numbers: dict[str, Counted] = {}
    for key, cells in _rows(counted):
        more, _, less = cells[1].partition("/")
        numbers[key] = Counted(cells[0], more, less, cells[2], _listed(cells[3]) if len(cells) > 3 else ())
    return Lexicon(said, numbers)


def _rows(tables: Sequence[str]) -> list[tuple[str, list[str]]]:
    found = []
    for line in (line for table in tables for line in re.sub(r"\n\s+", " ", table.strip()).splitlines()):
        # A bar in brackets is a choice, one behind a blank ends a cell.
        key, *cells = [cell.strip() for cell in re.split(r"(?<= )\|(?= |$)", line)]
        found.append((key, cells))
    return found


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in cell.split(";") if phrase.strip())


@cache
def expanded(phrase: str) -> tuple[str, ...]:
    """Every way to resolve the choices of a phrase."""
    parts = _CHOICE.split(phrase)
    choices = [part.split("|") if at % 2 else [part] for at, part in enumerate(parts)]
    return tuple("".join(picked) for picked in product(*choices))


def drawn(phrase: str, rng: np.random.Generator) -> str:
    """One of them."""
    return _CHOICE.sub(lambda found: one(found[1].split("|"), rng), phrase)


def one(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]
