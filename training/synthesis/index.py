"""Facts as arrays: entities are numbers, relations are sorted posting lists, a predicate is one bit an entity.

Two worlds stand side by side. The closed one holds what is stated without conflict. In the open one a fact in conflict
counts too, and what may be missing may be so (`predicates.possible`). A task is unique in the open world, where most is
possible, and each of its parts is needed in the closed one, where least is.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from corpus.facts.base import FactBase
from corpus.facts.records import Fact
from training.synthesis.postings import NO_SIZES, Ints, Mask, Pairs, Sizes
from training.synthesis.predicates import (
    MEASURED,
    UNKNOWN_KINDS,
    Amount,
    Compare,
    Equal,
    Kind,
    Named,
    Not,
    Period,
    Predicate,
    Range,
    bound_of,
    may_be_missing,
    meant_too,
    relation_of,
    year_of,
)

COMMON = 10
KEPT_ENTITIES = 20_000
"""Entities whose facts are kept at hand."""
MASK_BYTES = 64 * 1024**2

World: TypeAlias = Literal["closed", "open"]


class _Facts:
    """The facts of one world, by relation."""

    def __init__(self, index: FactIndex, world: World) -> None:
        self.known: dict[str, Mask] = {}
        joined: dict[str, tuple[list[int], list[int]]] = {}
        numbers: dict[tuple[str, str], tuple[list[float], list[int]]] = {}
        years: dict[tuple[str, str], tuple[list[float], list[int]]] = {}
        texts: dict[str, dict[str, list[int]]] = {}
        amounts: dict[tuple[str, str], tuple[list[float], list[int]]] = {}
        self.unmeasured: dict[str, set[int]] = {}
        """Relation -> entities with a fact of it of which no page says how much there is."""
        for fact in index.facts:
            if world == "closed" and fact.conflict:
                continue
            subject = index.number[fact.subject]
            if fact.relation not in self.known:
                self.known[fact.relation] = np.zeros(index.size, np.bool_)
            self.known[fact.relation][subject] = True
            if fact.relation in MEASURED:
                if not fact.amounts:
                    self.unmeasured.setdefault(fact.relation, set()).add(subject)
                for amount in fact.amounts:  # several are a conflict, so of the open world
                    rows = amounts.setdefault((fact.relation, amount.unit), ([], []))
                    rows[0].append(amount.number or 0.0)
                    rows[1].append(subject)
            value = fact.value
            if value is None:
                sides = joined.setdefault(fact.relation, ([], []))
                sides[0].append(subject)
                sides[1].append(index.number[fact.object or ""])
                continue
            texts.setdefault(fact.relation, {}).setdefault(value.text, []).append(subject)
            year = year_of(value)
            for column, key, size in ((numbers, value.unit, value.number), (years, "", year)):
                if size is not None:
                    rows = column.setdefault((fact.relation, key), ([], []))
                    rows[0].append(size)
                    rows[1].append(subject)
        self.pairs = {
            name: Pairs(np.array(subjects, np.int64), np.array(objects, np.int64), index.size)
            for name, (subjects, objects) in joined.items()
        }
        self.numbers, self.years, self.amounts = _sorted(numbers), _sorted(years), _sorted(amounts)
        self.texts = {name: {text: np.array(who) for text, who in by.items()} for name, by in texts.items()}


class FactIndex:
    """The facts that a synthesis may use: of typed relations alone, and of plain links too if asked for.

    Read-only once made, but for the cache of masks. Entities are numbered in the order of their doc_ids.
    """

    def __init__(self, base: FactBase, *, links: bool = False) -> None:
        self.base = base
        self.ids = sorted(base.entities)
        self.number = {doc_id: number for number, doc_id in enumerate(self.ids)}
        self.size = len(self.ids)
        self.kind_names: list[str] = sorted({entity.kind for entity in base.entities.values()})
        codes = {kind: code for code, kind in enumerate(self.kind_names)}
        self._kinds: Ints = np.array([codes[base.entities[doc_id].kind] for doc_id in self.ids], np.int64)
        self._missing: dict[str, Mask] = {}
        self.links = links
        known = base.relations
        self.relations = {name: known[name] for name in sorted(known) if links or known[name].typed}
        self.facts = [f for f in base.facts if f.relation in self.relations and self._known(f)]
        self.worlds: dict[World, _Facts] = {"closed": _Facts(self, "closed"), "open": _Facts(self, "open")}
        self._usable: dict[int, tuple[Fact, ...]] = {}
        self._common: dict[str, list[Equal] | list[Named]] = {}
        self._masks: dict[tuple[Predicate, World], Mask] = {}

    def facts_of(self, entity: int) -> tuple[Fact, ...]:
        """Usable facts about the entity: of relations in use, without conflict, sorted."""
        found = self._usable.get(entity)
        if found is None:
            if len(self._usable) >= KEPT_ENTITIES:
                self._usable.clear()
            about = self.base.about(self.ids[entity])
            found = tuple(f for f in about if f.relation in self.relations and not f.conflict and self._known(f))
            self._usable[entity] = found
        return found

    def between(self, one: int, other: int) -> tuple[Fact, ...]:
        """Usable facts that join two entities, read from either side, in a fixed order."""
        sides = ((one, other), (other, one))
        found = [f for subject, thing in sides for f in self.facts_of(subject) if f.object == self.ids[thing]]
        return tuple(sorted(found, key=lambda fact: fact.key))

    def kind(self, entity: int) -> str:
        return self.kind_names[int(self._kinds[entity])]

    def mask(self, predicate: Predicate, world: World) -> Mask:
        """Whom the predicate fits, one bit an entity. Not to be written to."""
        key = predicate, world
        found = self._masks.get(key)
        if found is None:
            if len(self._masks) * (self.size + 1) > MASK_BYTES:
                self._masks.clear()
            found = self._evaluate(predicate, world)
            if world == "open":
                for other in meant_too(predicate, self.base):
                    found = found | self._evaluate(other, world)
            self._masks[key] = found
        return found

    def count(self, predicate: Predicate) -> int:
        """How many entities it fits in the closed world."""
        if isinstance(predicate, Kind | Not):
            return int(np.count_nonzero(self.mask(predicate, "closed")))
        # Ladders count many levels that no task uses; a mask for each would drive out those that are used.
        seen = np.zeros(self.size, np.bool_)
        seen[self._fitting(predicate, "closed")] = True
        return int(np.count_nonzero(seen))

    def common(self, relation: str) -> list[Equal] | list[Named]:
        """The commonest words or entities that a relation gives, COMMON of them, the commonest first."""
        found = self._common.get(relation)
        if found is None:
            texts = self.worlds["closed"].texts.get(relation, {})
            words = sorted(texts, key=lambda text: (-len(texts[text]), text))[:COMMON]
            counts = np.bincount(self.pairs(relation, "closed").objects, minlength=self.size)
            objects = np.argsort(-counts, kind="stable")[:COMMON].tolist()
            found = self._common[relation] = (
                [Equal(relation=relation, text=text) for text in words]
                or [Named(relation=relation, entity=self.ids[entity]) for entity in objects if counts[entity]]
            )  # fmt: skip
        return found

    def pairs(self, relation: str, world: World) -> Pairs:
        return self.worlds[world].pairs.get(relation) or self._no_pairs

    @cached_property
    def degrees(self) -> Ints:
        """How many other entities each is joined to in the closed world, by any relation and from either side."""
        return np.diff(self.joined.starts)

    @cached_property
    def joined(self) -> Pairs:
        """Every relation between entities of the closed world as one, symmetric and without loops."""
        every = list(self.worlds["closed"].pairs.values())
        subjects = np.concatenate([np.empty(0, np.int64), *(pairs.subjects for pairs in every)])
        objects = np.concatenate([np.empty(0, np.int64), *(pairs.objects for pairs in every)])
        apart = subjects != objects
        subjects, objects = subjects[apart], objects[apart]
        return Pairs(np.concatenate([subjects, objects]), np.concatenate([objects, subjects]), self.size)

    def neighbours(self, entity: int) -> Ints:
        starts, members = self.joined.lists(True)
        return members[starts[entity] : starts[entity + 1]]

    @cached_property
    def _no_pairs(self) -> Pairs:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), self.size)

    def _known(self, fact: Fact) -> bool:
        return fact.subject in self.number and (fact.object is None or fact.object in self.number)

    def _evaluate(self, predicate: Predicate, world: World) -> Mask:
        if isinstance(predicate, Kind):
            kinds = [predicate.kind, *UNKNOWN_KINDS] if world == "open" else [predicate.kind]
            found: Mask = np.array([kind in kinds for kind in self.kind_names], np.bool_)[self._kinds]
            return found
        name = relation_of(predicate) or ""
        stated = self.worlds[world].known.get(name)
        stated = np.zeros(self.size, np.bool_) if stated is None else stated
        if isinstance(predicate, Not):
            fits = np.zeros(self.size, np.bool_)
            fits[self._fitting(predicate.of, world)] = True
            mask = stated & ~fits
            if world == "open":
                mask |= self._in_conflict(name)
        else:
            mask = np.zeros(self.size, np.bool_)
            mask[self._fitting(predicate, world)] = True
        if world == "open":
            mask |= ~stated & self._may_be_missing(name)
            if isinstance(predicate, Amount):
                mask[sorted(self.worlds[world].unmeasured.get(name, ()))] = True
        return mask

    def _fitting(self, predicate: Predicate, world: World) -> Ints:
        """Entities with a fact that fits a predicate other than Kind and Not."""
        facts = self.worlds[world]
        assert not isinstance(predicate, Kind | Not)
        name = predicate.relation
        if isinstance(predicate, Named):
            starts, members = self.pairs(name, world).lists(False)
            named = self.number[predicate.entity]
            return members[starts[named] : starts[named + 1]]
        if isinstance(predicate, Equal):
            return facts.texts.get(name, {}).get(predicate.text, NO_SIZES.owners)
        if isinstance(predicate, Range):
            return facts.numbers.get((name, predicate.unit), NO_SIZES).between(predicate.low, predicate.high)
        if isinstance(predicate, Amount):
            return facts.amounts.get((name, predicate.unit), NO_SIZES).between(predicate.low, predicate.high)
        if isinstance(predicate, Period):
            return facts.years.get((name, ""), NO_SIZES).between(predicate.first, predicate.last)
        if isinstance(predicate, Compare):
            bound = bound_of(self.base, name, predicate.entity)
            if bound is None:
                return NO_SIZES.owners
            units = [sizes for (of, _), sizes in facts.numbers.items() if of == name]
            column = [*units, facts.years.get((name, ""), NO_SIZES)]
            return np.concatenate([sizes.beyond(bound, predicate.sense) for sizes in column])
        pairs = self.pairs(name, world)
        fits = np.array([kind == predicate.kind for kind in self.kind_names], np.bool_)
        found: Ints = pairs.subjects[fits[self._kinds[pairs.objects]]]
        return found

    def _may_be_missing(self, name: str) -> Mask:
        found = self._missing.get(name)
        if found is None:
            may: Mask = np.array([may_be_missing(self.relations[name], kind) for kind in self.kind_names], np.bool_)
            found = self._missing[name] = may[self._kinds]
        return found

    def _in_conflict(self, name: str) -> Mask:
        mask = np.zeros(self.size, np.bool_)
        for fact in self._conflicting.get(name, ()):
            mask[self.number[fact.subject]] = True
        return mask

    @cached_property
    def _conflicting(self) -> dict[str, list[Fact]]:
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            if fact.conflict:
                found.setdefault(fact.relation, []).append(fact)
        return found


def _sorted(columns: dict[tuple[str, str], tuple[list[float], list[int]]]) -> dict[tuple[str, str], Sizes]:
    found = {}
    for key, (values, owners) in columns.items():
        order = np.lexsort((owners, values))
        found[key] = Sizes(np.array(values, np.float64)[order], np.array(owners, np.int64)[order])
    return found
