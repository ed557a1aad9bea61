"""Steps 4 and 5 without a model: a vague question of a chain, and a harder one, as plans that are worded by rules.

A plan says which sayings are used of each entity and whether the chain's end is named. The vague question names the end
where it is not well known; the harder one does not, and says less and vaguer things. With facts at hand both plans
have one answer; from pages alone nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from corpus.facts.records import Relation
from training.deepforge.factual import FactWeb, noun
from training.deepforge.lint import lint, without_numbers
from training.deepforge.rows import Chain, Saying, bare
from training.synthesis.wording.english_clauses import LEXICON
from training.synthesis.wording.fallback import english_phrases
from training.synthesis.wording.kinds import PEOPLE, QUOTED, with_article
from training.synthesis.wording.lexicon import SLOT, expanded

_LETTERS = "ABCDE"
_VARIANTS = 64
SAYINGS = 3
"""Of an entity, at most: more would make one answer of any chain, and no question that anybody asks."""


@dataclass(frozen=True, slots=True)
class Plan:
    chain: Chain
    said: tuple[tuple[tuple[int, int], ...], ...]
    """By place in the chain: (property, how vaguely) of what is said."""
    named: bool
    """The chain's end is called by its name."""

    def sayings(self, at: int) -> list[Saying]:
        return [self.chain.nodes[at].properties[which].sayings[level] for which, level in self.said[at]]

    def every(self) -> Mapping[int, list[Saying]]:
        return {at: self.sayings(at) for at in range(len(self.said))}


def vague_plan(chain: Chain, famous_end: bool, rng: np.random.Generator, facts: FactWeb | None) -> Plan | None:
    """One saying of the answer and one of the end, and with facts as many more as make the answer the only one.

    None for a chain without relations, and where facts leave several answers whatever is said.
    """
    if not chain.depth:
        return None
    plan = Plan(chain, tuple(() for _ in chain.nodes), not famous_end)
    spare = _unsaid(plan, rng)
    for at in (0, len(chain.nodes) - 1):
        first = next((one for one in spare if one[0] == at), None)
        if first is not None and not (plan.named and at):
            plan = _with(plan, spare.pop(spare.index(first)))
    if facts is None:
        for one in spare[:1]:
            plan = _with(plan, one)
        return plan
    return _unique(plan, spare, facts)


def harder_plan(plan: Plan, rng: np.random.Generator, facts: FactWeb | None) -> Plan | None:
    """The end without its name, sayings dropped or made vaguer as long as one answer is left (facts), or the answer
    and the end keep one (pages).

    None where nothing could be made harder, or nothing could be said of an end without a name.
    """
    harder = plan
    if plan.named:
        harder = replace(plan, named=False)
        spare = _unsaid(harder, rng)
        spare.sort(key=lambda one: one[0] != len(plan.chain.nodes) - 1)
        if facts is None:
            for one in spare[:2]:
                harder = _with(harder, one) if one[0] == len(plan.chain.nodes) - 1 else harder
        else:
            if spare and spare[0][0] == len(plan.chain.nodes) - 1:
                harder = _with(harder, spare.pop(0))
            unique = _unique(harder, spare, facts)
            if unique is None:
                return None
            harder = unique
    for at in rng.permutation(len(harder.said)):
        for which, level in harder.said[at]:
            for changed in _weaker(harder, int(at), which, level):
                if _may(changed, harder, facts):
                    harder = changed
                    break
    if facts is not None and not harder.named and not harder.said[-1]:
        return None
    return harder if harder != plan else None


def worded(plan: Plan, rng: np.random.Generator) -> str:
    """The question in English."""
    return _nested(plan, rng) if all(node.typed for node in plan.chain.nodes) else _quoted(plan)


def _unsaid(plan: Plan, rng: np.random.Generator) -> list[tuple[int, int]]:
    """(place, property) of what could be said and is not, in an order of the draw; of a named end nothing is said."""
    free = [
        (at, which)
        for at, node in enumerate(plan.chain.nodes)
        if not (plan.named and at == len(plan.chain.nodes) - 1)
        for which, one in enumerate(node.properties)
        if one.sayings and len(plan.said[at]) < SAYINGS and which not in {known for known, _ in plan.said[at]}
    ]
    return [free[at] for at in rng.permutation(len(free))]


def _with(plan: Plan, one: tuple[int, int]) -> Plan:
    at, which = one
    if len(plan.said[at]) == SAYINGS or which in {known for known, _ in plan.said[at]}:
        return plan
    said = tuple((*row, (which, 0)) if place == at else row for place, row in enumerate(plan.said))
    return replace(plan, said=said)


def _unique(plan: Plan, spare: list[tuple[int, int]], facts: FactWeb) -> Plan | None:
    """With as many more sayings as leave one answer; None where all of them do not."""
    while facts.answers(plan.chain, plan.every(), plan.named) != 1:
        longer = next((longer for one in spare if (longer := _with(plan, one)) != plan), None)
        if longer is None:
            return None
        plan, spare = longer, [one for one in spare if _with(longer, one) != longer]
    return plan


def _weaker(plan: Plan, at: int, which: int, level: int) -> list[Plan]:
    """Without a saying, and with the vaguest form of it."""

    def changed(row: Sequence[tuple[int, int]]) -> Plan:
        return replace(plan, said=tuple(tuple(row) if place == at else old for place, old in enumerate(plan.said)))

    found = [changed([one for one in plan.said[at] if one[0] != which])]
    vaguest = len(plan.chain.nodes[at].properties[which].sayings) - 1
    if vaguest > level:
        found.append(changed([(known, vaguest if known == which else old) for known, old in plan.said[at]]))
    return found


def _may(changed: Plan, plan: Plan, facts: FactWeb | None) -> bool:
    # A chain that ends in "a town" of which nothing is said would end in an ornament.
    end = len(plan.said) - 1
    if plan.said[end] and not changed.said[end]:
        return False
    if facts is not None:
        return facts.answers(changed.chain, changed.every(), changed.named) == 1
    return bool(changed.said[0] or not plan.said[0])


def _nested(plan: Plan, rng: np.random.Generator) -> str:
    first = plan.chain.nodes[0]
    return f"Which {noun(first)} {_clauses(plan, 0, rng)}?"


def _clauses(plan: Plan, at: int, rng: np.random.Generator) -> str:
    said = [one.phrase for one in plan.sayings(at)]
    if at < plan.chain.depth:
        relation = plan.chain.ties[at].relation
        label = plan.chain.ties[at].text
        # "the region a region": what names the kind itself needs a name behind it.
        bare_noun = f" {plan.chain.nodes[at + 1].kind} {SLOT}"
        hides = at + 1 < plan.chain.depth or not plan.named
        options = [
            one
            for phrase in _phrases(relation, label)
            for one in expanded(phrase)[:_VARIANTS]
            if one.endswith(SLOT) and not (hides and one.endswith(bare_noun)) and not lint(one)
        ] or [f"{without_numbers(label)} {SLOT}"]
        phrase = options[int(rng.integers(len(options)))]
        said.append(phrase.replace(SLOT, _thing(plan, at + 1, rng)))
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _thing(plan: Plan, at: int, rng: np.random.Generator) -> str:
    node = plan.chain.nodes[at]
    is_end = at == plan.chain.depth
    if is_end and plan.named:
        return f"“{bare(node.name)}”" if node.kind in QUOTED else bare(node.name)
    if is_end and not plan.said[at]:
        return with_article(noun(node))
    return f"{with_article(noun(node))} {'who' if node.kind in PEOPLE else 'that'} {_clauses(plan, at, rng)}"


def _phrases(relation: str, label: str) -> tuple[str, ...]:
    known = Relation(relation, label, (), "entity")
    return LEXICON.phrases_of(known) or english_phrases(known)


def _quoted(plan: Plan) -> str:
    """Of pages: what they say before a name, word for word, with letters for the names."""
    sentences = []
    for at, node in enumerate(plan.chain.nodes):
        letter = _LETTERS[at]
        if at == plan.chain.depth and plan.named:
            sentences.append(f"{letter} is {bare(node.name)}.")
            continue
        said = [one.phrase for one in plan.sayings(at)]
        what = f"{letter} is {with_article(node.kind)}" if node.kind else f"{letter} has a page of its own"
        what += f"; its page {' and '.join(said)}" if said else ""
        sentences.append(f"{what}." if at else f"I am looking for the name of {letter}. {what}.")
        if at < plan.chain.depth:
            sentences.append(f"The page of {letter} says “{plan.chain.ties[at].text} {_LETTERS[at + 1]}”.")
    return f"{' '.join(sentences)} What is the name of A?"
