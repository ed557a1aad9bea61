"""A model says a question again in its own words; a checker looks that it still says what the proof says.

The checker reads no grammar: names, numbers and words of pages have to be there as they were, and none may be new; each
relation has to be spoken of; what is negated or compared has to be negated or compared still. What passes goes through
the leak checks again. What does not keeps the words it had.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from agent.models.protocol import Model, Sampling
from corpus.analyzers import analyzer, stop_terms
from corpus.facts.records import Relation
from training.synthesis.leaks import LeakChecks
from training.synthesis.predicates import Compare, Equal, Not, Predicate, relation_of
from training.synthesis.proof import Proof, TaskDraft, Verdict
from training.synthesis.wording.english_clauses import LEXICON
from training.synthesis.wording.fallback import english_phrases
from training.synthesis.wording.lexicon import SLOT, expanded
from training.tasks import Task

PROMPT = """Rewrite this question so that it reads as a person would ask it. It is a puzzle with one answer, and each \
statement in it is needed.

<question>
{question}
</question>

Keep every statement, and add none. Keep every name, number, range, unit and year as it is written. Do not answer it, \
and do not name what is not named. Write in {language}. Reply with the new question between <question> and </question> \
and nothing else."""
_LANGUAGES = {"en": "English", "zh": "Chinese"}
_NOT = re.compile(r"\b(?:not|no|never|none|neither|nor|without|cannot|\w+n['’]t)\b|[不没未非无]", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![A-Za-z\d])\d[\d,]*(?:\.\d+)?")
_SCALE = re.compile(r"\b(?:thousand|million|billion|trillion)\b|万亿|亿|万", re.IGNORECASE)
_SENSES = {
    "more": frozenset("larger higher longer more greater bigger later after above exceeds over 大 高 长 多 晚".split()),
    "less": frozenset("smaller lower shorter fewer less earlier before below under 小 低 短 少 早".split()),
}
_BLAND = frozenset(("five", "main", "top", "list", "count", "call", "name", "one", "place", "part", "lead"))
_COMMON_CAPITALS = frozenset(
    "i a an the in on at of by for from with it its this that which what who whose name find".split()
)


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The task as it is now; `reasons` says why each reply was turned down, in order, and is empty at first success."""

    task: Task
    rewritten: bool
    reasons: tuple[str, ...]


async def rewrite(
    task: Task, checks: LeakChecks, draft: TaskDraft, model: Model, *, tries: int = 3, seed: int = 0
) -> Rewriting:
    """Ask up to `tries` times. Where no reply holds, the task is as it was. Raises ModelError."""
    reasons: list[str] = []
    prompt = PROMPT.format(question=task.question, language=_LANGUAGES.get(task.language, task.language))
    for attempt in range(tries):
        sampling = Sampling(temperature=0.7, seed=seed + attempt)
        reply = await model.reply([{"role": "user", "content": prompt}], [], sampling, rollout=task.task_id)
        question = _between(reply.content)
        verdict = same_claims(draft, task.question, question, task.language)
        leaks = checks.check(draft, question) if verdict.passed else None
        if leaks is None or not leaks.verdict.passed:
            reasons.append(verdict.reason or (leaks.verdict.reason if leaks else ""))
            continue
        # The spans of the old words are void, so the mapping goes; the old words stay for who wants to compare.
        proof = Proof.model_validate({**draft.proof.model_dump(), "wording": ()})
        meta = {**task.meta, **leaks.figures, "wording": {"by": model.name, "template": task.question}}
        kept = proof.model_dump(mode="json", by_alias=True)
        return Rewriting(
            task.model_copy(update={"question": question, "proof": kept, "meta": meta}), True, tuple(reasons)
        )
    return Rewriting(task, False, tuple(reasons))


def same_claims(draft: TaskDraft, before: str, after: str, language: str = "en") -> Verdict:
    """Whether `after` says what `before` says, as far as names, numbers, values, relations and negation tell."""
    if not after.strip():
        return Verdict(False, "no question")
    lowered = after.casefold()
    for doc_id in draft.names_shown:
        name = draft.name(doc_id)
        if name.casefold() not in lowered and name.removeprefix("The ").casefold() not in lowered:
            return Verdict(False, "name lost")
    if any(value.casefold() not in lowered for value in _values(draft.proof)):
        return Verdict(False, "value lost")
    for pattern, what in ((_NUMBER, "number"), (_SCALE, "scale")):
        old, new = (_found(pattern, text) for text in (before, after))
        if old - new:
            return Verdict(False, f"{what} lost")
        if new - old:
            return Verdict(False, f"{what} added")
    if _capitals(after) - {word.casefold() for word in re.findall(r"\w+", before)}:
        return Verdict(False, "name added")
    if not _negates_alike(draft.proof, before, after):
        return Verdict(False, "negation changed")
    words = frozenset(re.findall(r"[a-z]+|[一-鿿]", lowered))
    for clue in draft.proof.clues:
        predicate = clue.predicate.of if isinstance(clue.predicate, Not) else clue.predicate
        if isinstance(predicate, Compare) and not words & _SENSES[predicate.sense]:
            return Verdict(False, "comparison changed")
    if language == "en":
        stems = frozenset(analyzer("english").analyze(after))
        for name in _relations(draft.proof):
            if not stems & _telling(draft, name):
                return Verdict(False, "relation lost")
    return Verdict(True)


def _between(content: str) -> str:
    found = re.search(r"<question>\s*(.*?)\s*</question>", content, re.DOTALL)
    return found[1] if found else ""


def _found(pattern: re.Pattern[str], text: str) -> set[str]:
    return {match.replace(",", "").casefold() for match in pattern.findall(text)}


def _capitals(text: str) -> set[str]:
    """Words with a capital that begin no sentence, in lower case. Lone letters are labels ("country A")."""
    inside = re.sub(r"(?:^|[.?!:;]\s+|[\"“(])\W*\w+", " ", text)
    words = {word.casefold() for word in re.findall(r"\b[A-Z]\w+", inside)}
    return words - _COMMON_CAPITALS


def _values(proof: Proof) -> Iterator[str]:
    for clue in proof.clues:
        predicate = clue.predicate.of if isinstance(clue.predicate, Not) else clue.predicate
        if isinstance(predicate, Equal):
            yield predicate.text


def _negates_alike(proof: Proof, before: str, after: str) -> bool:
    negations = sum(isinstance(clue.predicate, Not) for clue in proof.clues)
    said = len(_NOT.findall(after))
    return said >= negations and (negations > 0 or said <= len(_NOT.findall(before)))


def _relations(proof: Proof) -> list[str]:
    predicates: list[Predicate] = [clue.predicate for clue in proof.clues]
    names = Counter(name for predicate in predicates if (name := relation_of(predicate)))
    names.update(edge.relation for edge in proof.edges)
    return sorted(names)


def _telling(draft: TaskDraft, name: str) -> frozenset[str]:
    """Stems by which one can tell that a relation, or its inverse, is spoken of."""
    relation = draft.facts.relations.get(name) or Relation(name, name.replace("_", " "), (), "text")
    inverse = draft.facts.relations.get(relation.inverse or "")
    return frozenset(stem for one in (relation, inverse) if one for stem in _stems(one))


@cache
def _stems(relation: Relation) -> frozenset[str]:
    counted = LEXICON.counted_of(relation)
    phrases = [*(LEXICON.phrases_of(relation) or english_phrases(relation)), relation.label]
    if counted:
        phrases += [counted.noun, counted.more, counted.less, *counted.phrases]
    text = " ".join(form.replace(SLOT, " ") for phrase in phrases for form in expanded(phrase)[:64])
    stems = set(analyzer("english").analyze(text)) - stop_terms("english")
    # What kind of thing it joins is said of any relation.
    kinds = set(analyzer("english").analyze(" ".join((*relation.subject_kinds, *relation.object_kinds))))
    return frozenset(stem for stem in stems - kinds if stem not in _BLAND and len(stem) > 2)
