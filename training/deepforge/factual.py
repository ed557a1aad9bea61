"""Step 3 with a snapshot's facts at hand: properties and ties that carry predicates, and who satisfies a question."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from corpus.facts.base import FactBase
from corpus.facts.records import Fact, Relation
from training.deepforge.lint import lint
from training.deepforge.rows import Chain, Known, Property, Saying, Tie
from training.deepforge.vague import UNITS, eras, magnitude
from training.synthesis.index import FactIndex
from training.synthesis.predicates import UNKNOWN_KINDS, Equal, Named, year_of
from training.synthesis.solve import Constraints, Edge, solve
from training.synthesis.wording.english_clauses import LEXICON
from training.synthesis.wording.fallback import english_phrases
from training.synthesis.wording.kinds import ENGLISH
from training.synthesis.wording.lexicon import SLOT, drawn

_WORDS = re.compile(r"[a-z][a-z ,'/-]{1,39}")
_UNSAID = frozenset(("latitude", "longitude", "also_called", "month_held"))
"""Degrees say nothing to a reader, and other names and months are exact."""


class FactWeb:
    """The facts of one snapshot. `urls` are those of its pages, by doc_id."""

    def __init__(self, facts: FactBase, urls: Mapping[str, str]) -> None:
        self.facts, self.urls = facts, urls
        self.index = FactIndex(facts)

    def knows(self, doc_id: str | None) -> bool:
        entity = self.facts.entities.get(doc_id or "")
        return entity is not None and entity.kind not in UNKNOWN_KINDS and entity.doc_id in self.urls

    def known(self, doc_id: str) -> Known:
        """What facts without conflict say of an entity; `knows` was asked before."""
        entity = self.facts.entities[doc_id]
        properties: list[Property] = []
        ties: dict[str, Tie] = {}
        for fact in self.facts.about(doc_id):
            relation = self.facts.relations[fact.relation]
            if fact.conflict or not relation.typed:
                continue
            if fact.value is not None:
                sayings = tuple(one for one in self.sayings(fact, relation) if not lint(one.phrase))
                if sayings:
                    properties.append(Property(relation.label, fact.value.text, self._url(fact), sayings))
            elif fact.object != doc_id and self.knows(fact.object):
                other = self.facts.entities[fact.object or ""]
                tie = Tie(other.name, other.doc_id, relation.label, self._url(fact), relation.name)
                ties.setdefault(other.name, tie)
        return Known(entity.name, doc_id, self.urls[doc_id], entity.kind, tuple(properties), tuple(ties.values()), True)

    def sayings(self, fact: Fact, relation: Relation) -> tuple[Saying, ...]:
        """From vague to vaguer; empty where there is no way to say a value without what is exact."""
        value = fact.value
        if value is None or relation.name in _UNSAID:
            return ()
        year = year_of(value)
        rng = np.random.default_rng(0)
        if value.kind == "date" and year is not None:
            phrase = next(iter(LEXICON.phrases_of(relation)), None)
            form = drawn(phrase, rng) if phrase else f"{relation.label.removesuffix(' in').removesuffix(' on')} {{}}"
            return tuple(Saying(form.replace(SLOT, era), period) for era, period in eras(int(year), relation.name))
        if value.kind == "number" and value.number is not None:
            return self._numbered(value.number, value.unit, relation)
        if value.kind == "text" and _WORDS.fullmatch(value.text):
            phrase = next(iter(LEXICON.phrases_of(relation) or english_phrases(relation)))
            return (Saying(filled(drawn(phrase, rng), value.text), Equal(relation=relation.name, text=value.text)),)
        return ()

    def answers(self, chain: Chain, sayings: Mapping[int, list[Saying]], named: bool, *, enough: int = 2) -> int:
        """How many entities a question fits in the open world, where what is missing may be so; `enough` at most."""
        claims = self.constraints(chain, sayings, named)
        found = solve(self.index, claims, "open", distinct=False, enough=enough)
        return len(found.answers) if found.complete or len(found.answers) >= enough else enough

    def constraints(self, chain: Chain, sayings: Mapping[int, list[Saying]], named: bool) -> Constraints:
        """What a question claims. `sayings` by place in the chain; `named`: the chain's end is called by its name, and
        is no unknown then."""
        size = len(chain.nodes)
        kinds = tuple(node.kind for node in chain.nodes)
        clues = [(at, one.predicate) for at, said in sayings.items() for one in said if one.predicate is not None]
        edges = tuple(Edge(at, tie.relation, at + 1) for at, tie in enumerate(chain.ties))
        if named:
            named_end = Named(relation=chain.ties[-1].relation, entity=chain.nodes[-1].doc_id or "")
            clues = [(at, predicate) for at, predicate in clues if at != size - 1] + [(size - 2, named_end)]
            kinds, edges = kinds[:-1], edges[:-1]
        return Constraints(kinds, edges, tuple(clues))

    def _numbered(self, number: float, unit: str, relation: Relation) -> tuple[Saying, ...]:
        found = magnitude(number, relation.name, unit)
        counted = LEXICON.counted_of(relation)
        if found is None or counted is None:
            return ()
        said, predicate = found
        if counted.more in ("more", "fewer"):
            return (Saying(f"has {said} {counted.noun}", predicate),)
        thing = UNITS.get(unit, "")
        if not thing and unit:
            return ()
        amount = f"{said} {thing}" if thing else said.removesuffix(" of")
        return (Saying(f"has {counted.noun} of {amount}", predicate),)

    def _url(self, fact: Fact) -> str:
        """Of a page that states it: the subject's own where it does."""
        pages = [support.doc_id for support in fact.supports if not support.scanned and support.doc_id in self.urls]
        return self.urls[fact.subject if fact.subject in pages or not pages else pages[0]]


def noun(node: Known) -> str:
    """What to call an entity of a kind, whose name is hidden."""
    return ENGLISH.get(node.kind, (node.kind,))[0]


def filled(phrase: str, thing: str) -> str:
    """The phrase with its slot filled; "a" before a vowel becomes "an"."""
    if thing[:1].lower() in "aeiou" and not thing.lower().startswith(("uni", "eu")):
        phrase = phrase.replace(f"a {SLOT}", f"an {SLOT}")
    return phrase.replace(SLOT, thing)
