"""What an extractor makes of the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from corpus.facts.records import Entity, Relation, Statement


@dataclass(frozen=True, slots=True)
class Reading:
    """Entities and links by doc_id, relations by name, and every statement that was read, in any order."""

    entities: Mapping[str, Entity]
    relations: Mapping[str, Relation]
    statements: Sequence[Statement]
    links: Mapping[str, tuple[str, ...]]
    complete: frozenset[str] = frozenset()
    """Pages of which every statement is known, such as a generated world's: no search need go through them."""
