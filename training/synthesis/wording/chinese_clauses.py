"""One clue or edge of a proof as a Chinese predicate."""

from __future__ import annotations

import numpy as np

from corpus.facts.records import Relation
from training.synthesis.predicates import Amount, Compare, Equal, Kind, Named, Not, Period, Predicate, Range
from training.synthesis.proof import TaskDraft
from training.synthesis.wording import chinese_facts, measured
from training.synthesis.wording.amounts import chinese_range, chinese_years
from training.synthesis.wording.fallback import chinese_phrases
from training.synthesis.wording.kinds import CHINESE
from training.synthesis.wording.lexicon import SLOT, Counted, drawn, one, read_lexicon

LEXICON = read_lexicon((chinese_facts.JOINED, chinese_facts.WORDS, chinese_facts.DATES), (chinese_facts.NUMBERS,))
AMOUNTS = read_lexicon((measured.CHINESE,), ()).phrases
_TITLES = frozenset(("novel", "painting", "film", "opera", "paper", "artwork", "article"))


class ChineseClauses:
    """Predicates for the parts of one proof. `bare`: no subject stands right before, so a leading 的 is left out."""

    def __init__(self, draft: TaskDraft, rng: np.random.Generator) -> None:
        self.draft, self.rng = draft, rng
        self._inner = False

    def clue(self, part: str, *, bare: bool, inner: bool = False) -> str:
        """`inner`: it stands before a noun, so that no comma can be in it."""
        self._inner = inner
        predicate = self.draft.proof.clues[int(part.partition(":")[2])].predicate
        return _bared(self._predicate(predicate), bare)

    def edge(self, part: str, subject: int, thing: str, *, bare: bool, inner: bool = False) -> str:
        self._inner = inner
        edge = self.draft.proof.edges[int(part.partition(":")[2])]
        relation = self._relation(edge.relation)
        if subject != edge.a:
            inverse = self.draft.facts.relations.get(relation.inverse or "")
            if inverse is None:
                return f"就是{thing}{self._phrase(relation).replace(SLOT, '')}的对象"
            relation = inverse
        return _bared(self._phrase(relation).replace(SLOT, thing), bare)

    def name(self, doc_id: str) -> str:
        entity = self.draft.facts.entities[doc_id]
        if entity.kind in _TITLES:
            return f"《{entity.name}》"
        return f"“{entity.name}”" if entity.kind in ("term", "outside", "subject") else entity.name

    def _relation(self, name: str) -> Relation:
        found = self.draft.facts.relations.get(name)
        return found or Relation(name, name.replace("_", " "), (), "text")

    def _phrase(self, relation: Relation) -> str:
        phrases = LEXICON.phrases_of(relation) or chinese_phrases(relation)
        if self._inner:
            phrases = tuple(phrase for phrase in phrases if "，" not in phrase) or phrases
        return drawn(one(phrases, self.rng), self.rng)

    def _predicate(self, predicate: Predicate) -> str:
        if isinstance(predicate, Not):
            return self._negated(predicate.of)
        if isinstance(predicate, Kind):
            return f"是{CHINESE.get(predicate.kind, (predicate.kind, '个'))[0]}"
        relation = self._relation(predicate.relation)
        counted = LEXICON.counted_of(relation)
        if isinstance(predicate, Amount):
            amount = chinese_range(predicate.low, predicate.high, predicate.unit, relation.name, self.rng)
            phrases = AMOUNTS[relation.name]
            if self._inner:
                phrases = tuple(phrase for phrase in phrases if "，" not in phrase) or phrases
            return drawn(one(phrases, self.rng), self.rng).replace(SLOT, amount)
        if isinstance(predicate, Range):
            noun = counted.noun if counted else relation.label
            unit = counted.unit if counted else predicate.unit
            amount = chinese_range(predicate.low, predicate.high, unit, relation.name, self.rng)
            return f"的{noun}{amount}"
        if isinstance(predicate, Compare):
            return self._compared(predicate, relation, counted)
        if isinstance(predicate, Period):
            years = chinese_years(predicate.first, predicate.last, self.rng)
            return self._dated(relation, years)
        if isinstance(predicate, Named):
            thing = self.name(predicate.entity)
        elif isinstance(predicate, Equal):
            thing = predicate.text
        else:
            noun, classifier = CHINESE.get(predicate.kind, (predicate.kind, "个"))
            thing = one((f"某{classifier}{noun}", f"一{classifier}{noun}", f"至少一{classifier}{noun}"), self.rng)
        return self._phrase(relation).replace(SLOT, thing)

    def _dated(self, relation: Relation, when: str) -> str:
        phrase = self._phrase(relation)
        # Behind 是 or 于 a time has no preposition of its own.
        if SLOT in phrase and not phrase.startswith(SLOT):
            when = when.removeprefix("于").removeprefix("在")
        return phrase.replace(SLOT, when)

    def _compared(self, predicate: Compare, relation: Relation, counted: Counted | None) -> str:
        name = self.name(predicate.entity)
        if counted is None:
            phrases = LEXICON.phrases_of(relation) or chinese_phrases(relation)
            sense = "晚" if predicate.sense == "more" else "早"
            verb = next((p.removeprefix(SLOT) for p in phrases if p.startswith(SLOT)), "出现")
            return f"{drawn(verb, self.rng)}的时间比{name}{sense}"
        sense = counted.more if predicate.sense == "more" else counted.less
        return one((f"的{counted.noun}比{name}{sense}", f"在{counted.noun}上比{name}{sense}"), self.rng)

    def _negated(self, of: Named | Equal | Range | Period | Compare) -> str:
        text = self._predicate(of)
        for verb in ("包括", "中有", "里有"):
            if text.startswith("的") and verb in text:
                return text.replace(verb, {"包括": "不包括", "中有": "中没有", "里有": "里没有"}[verb], 1)
        if text.startswith("的"):
            return text.replace("是", "不是", 1) if "是" in text else f"并非{text[1:]}"
        return f"不{text}" if text.startswith("是") else f"并非{text}"


def _bared(text: str, bare: bool) -> str:
    return text.removeprefix("的") if bare else text
