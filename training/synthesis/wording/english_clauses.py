"""One clue or edge of a proof as an English verb phrase."""

from __future__ import annotations

import re

import numpy as np

from corpus.facts.records import Entity, Relation
from training.synthesis.predicates import Amount, Compare, Equal, Kind, Named, Not, Period, Predicate, Range, Some
from training.synthesis.proof import TaskDraft
from training.synthesis.wording import english_facts, english_world, measured
from training.synthesis.wording.amounts import english_range, english_years
from training.synthesis.wording.fallback import english_phrases
from training.synthesis.wording.kinds import ENGLISH, QUOTED, with_article
from training.synthesis.wording.lexicon import SLOT, Counted, drawn, one, read_lexicon
from training.synthesis.wording.negation import negated

LEXICON = read_lexicon(
    (
        english_facts.JOINED,
        english_facts.WORDS,
        english_facts.DATES,
        english_world.JOINED,
        english_world.WORDS,
        english_world.DATES,
    ),
    (english_facts.NUMBERS, english_world.NUMBERS),
)
AMOUNTS = read_lexicon((measured.ENGLISH,), ()).phrases
_THE = re.compile(
    r"(?:United|Federated|British Indian|Isle of|Holy See|Gaza|West Bank|European|Democratic Republic|Republic of"
    r"|Netherlands|Philippines|Maldives|Seychelles|Comoros|Vatican|River ).*|.*(?: Islands| Republic| Lands)"
)
_WATERS = re.compile(r".* (?:Ocean|Sea|River|Desert|Gulf|Channel|Depression|Mountains|Strait)")
_RATES = frozenset(("births", "deaths", "migrants", "children", "physicians"))
"""Units that need more said than a noun and "of"."""


class EnglishClauses:
    """Verb phrases for the parts of one proof."""

    def __init__(self, draft: TaskDraft, rng: np.random.Generator) -> None:
        self.draft, self.rng = draft, rng

    def clue(self, part: str) -> str:
        """ "covers between 500 and 700 km²"."""
        return self._predicate(self._of(part))

    def attribute(self, part: str) -> str | None:
        """A number as "whose area is ..." or "with an area of ..."; None where a verb phrase is the better choice."""
        predicate = self._of(part)
        if not isinstance(predicate, Range | Compare) or self.rng.random() < 0.35:
            return None
        counted = LEXICON.counted_of(self._relation(predicate.relation))
        if counted is None:
            return None
        if isinstance(predicate, Compare):
            return self._whose(counted, self._than(counted, predicate))
        if counted.unit in _RATES:
            return None
        amount = english_range(predicate.low, predicate.high, counted.unit, predicate.relation, self.rng)
        if self.rng.random() < 0.5:
            return f"with {self._noun(counted, amount)}"
        return self._whose(counted, amount) if not _is_plural(counted) else f"with {self._noun(counted, amount)}"

    def edge(self, part: str, subject: int, thing: str, *, heavy: bool) -> str:
        """Said from the side of `subject`: the relation or its inverse. A heavy object stands at the end."""
        edge = self.draft.proof.edges[int(part.partition(":")[2])]
        relation = self._relation(edge.relation)
        if subject != edge.a:
            inverse = self.draft.facts.relations.get(relation.inverse or "")
            if inverse is None:
                return f"is what {thing} {_bare(relation.label)}"
            relation = inverse
        phrases = self._phrases(relation)
        if heavy:
            phrases = tuple(phrase for phrase in phrases if phrase.endswith(SLOT)) or phrases
        return _filled(drawn(one(phrases, self.rng), self.rng), thing)

    def name(self, doc_id: str) -> str:
        return shown(self.draft.facts.entities[doc_id])

    def _of(self, part: str) -> Predicate:
        return self.draft.proof.clues[int(part.partition(":")[2])].predicate

    def _relation(self, name: str) -> Relation:
        found = self.draft.facts.relations.get(name)
        return found or Relation(name, name.replace("_", " "), (), "text")

    def _phrases(self, relation: Relation) -> tuple[str, ...]:
        return LEXICON.phrases_of(relation) or english_phrases(relation)

    def _predicate(self, predicate: Predicate) -> str:
        if isinstance(predicate, Not):
            return self._negated(predicate.of)
        if isinstance(predicate, Kind):
            return f"is {with_article(ENGLISH.get(predicate.kind, (predicate.kind,))[0])}"
        relation = self._relation(predicate.relation)
        if isinstance(predicate, Amount):
            amount = english_range(predicate.low, predicate.high, predicate.unit, relation.name, self.rng)
            return _filled(drawn(one(AMOUNTS[relation.name], self.rng), self.rng), amount)
        counted = LEXICON.counted_of(relation)
        if counted is not None and isinstance(predicate, Range | Compare):
            return self._counted(counted, predicate)
        if counted is not None and isinstance(predicate, Period):
            years = english_years(predicate.first, predicate.last, self.rng)
            return f"has a figure for its {_split_article(counted.noun)[1]} that was taken {years}"
        phrases = self._phrases(relation)
        if isinstance(predicate, Compare):
            sooner = ("later than", "after") if predicate.sense == "more" else ("earlier than", "before")
            return _filled(drawn(phrases[0], self.rng), f"{one(sooner, self.rng)} {self.name(predicate.entity)}")
        return _filled(drawn(one(phrases, self.rng), self.rng), self._thing(predicate, relation))

    def _thing(self, predicate: Named | Some | Equal | Period | Range, relation: Relation) -> str:
        if isinstance(predicate, Named):
            return self.name(predicate.entity)
        if isinstance(predicate, Equal):
            return f"the {predicate.text}" if _WATERS.fullmatch(predicate.text) else predicate.text
        if isinstance(predicate, Period):
            return english_years(predicate.first, predicate.last, self.rng)
        if isinstance(predicate, Range):
            return english_range(predicate.low, predicate.high, predicate.unit, relation.name, self.rng)
        noun = one(ENGLISH.get(predicate.kind, (predicate.kind,)), self.rng)
        return one((with_article(noun), f"some {noun}", f"at least one {noun}", f"a certain {noun}"), self.rng)

    def _negated(self, of: Named | Equal | Range | Period | Compare) -> str:
        relation = self._relation(of.relation)
        if isinstance(of, Named | Equal | Period):
            phrases = [phrase for phrase in self._phrases(relation) if "," not in phrase and " or " not in phrase]
            phrase = drawn(one(phrases or self._phrases(relation), self.rng), self.rng)
            return _filled(negated(phrase), self._thing(of, relation))
        return negated(self._predicate(of))

    def _counted(self, counted: Counted, predicate: Range | Compare) -> str:
        if isinstance(predicate, Compare):
            than = self._than(counted, predicate)
            article, noun = _split_article(counted.noun)
            sense = counted.more if predicate.sense == "more" else counted.less
            name = self.name(predicate.entity)
            if not article:
                than = than.replace("than that of", "than those of")
            if not _is_plural(counted) and self.rng.random() < 0.5:
                return f"has {with_article(noun) if article else noun} {than}"
            return f"has {with_article(f'{sense} {noun}') if article else f'{sense} {noun}'} than {name}"
        amount = english_range(predicate.low, predicate.high, counted.unit, predicate.relation, self.rng)
        if counted.phrases and (_is_plural(counted) or counted.unit in _RATES or self.rng.random() < 0.6):
            return drawn(one(counted.phrases, self.rng), self.rng).replace(SLOT, amount)
        return f"has {self._noun(counted, amount)}"

    def _noun(self, counted: Counted, amount: str) -> str:
        """ "a population of 3 to 5 million", "between 3 and 5 airports"."""
        return f"{amount} {counted.noun}" if _is_plural(counted) else f"{counted.noun} of {amount}"

    def _than(self, counted: Counted, predicate: Compare) -> str:
        sense = counted.more if predicate.sense == "more" else counted.less
        return f"{sense} than that of {self.name(predicate.entity)}"

    def _whose(self, counted: Counted, rest: str) -> str:
        article, noun = _split_article(counted.noun)
        if not article:  # "exports larger than those of", "more airports than"
            rest = rest.replace("than that of", "than those of")
            return (
                f"whose {noun} are {rest}"
                if not rest.startswith(("more", "fewer"))
                else f"with {self._more(rest, noun)}"
            )
        return f"whose {noun} is {rest}"

    def _more(self, rest: str, noun: str) -> str:
        sense, _, name = rest.partition(" than those of ")
        return f"{sense} {noun} than {name}"


def shown(entity: Entity) -> str:
    """A name in a sentence: titles in quotation marks, "the" before names that take it."""
    name = entity.name
    if entity.kind in QUOTED:
        return f'"{name}"'
    if name.startswith("The ") and entity.kind in ("country", "territory"):
        return f"the {name[4:]}"
    return f"the {name}" if entity.kind in ("country", "territory", "union", "river") and _THE.fullmatch(name) else name


def _is_plural(counted: Counted) -> bool:
    """Things that are counted: "airports", unlike "a population" and "exports", which are an amount."""
    return counted.more in ("more", "fewer")


def _split_article(noun: str) -> tuple[str, str]:
    article, _, rest = noun.partition(" ")
    return (article, rest) if article in ("a", "an") else ("", noun)


def _filled(phrase: str, thing: str) -> str:
    """The phrase with its slot filled; "a" before a vowel becomes "an"."""
    if "a {}" in phrase and thing[:1].lower() in "aeiou" and not thing.lower().startswith(("uni", "eu")):
        phrase = phrase.replace("a {}", "an {}")
    if phrase.startswith(("the {}", "The {}")) or " the {}" in phrase:
        thing = thing.removeprefix("the ")
    return phrase.replace(SLOT, thing)


def _bare(label: str) -> str:
    return label.removesuffix(" in")
