"""Does a question give its answer away: by a name in it, by words copied from a page, by a search for it?"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from corpus.analyzers import analyzer
from corpus.facts.base import FactBase
from corpus.facts.records import Entity
from corpus.snapshot import Snapshot
from training.synthesis.overlap import PageGrams
from training.synthesis.proof import TaskDraft, Verdict
from training.synthesis.shortcuts import TOP, Shortcuts

TELLING = 3
"""A word that so many names have at most tells one from the rest: half a name gives it away too."""
_LEAST = 5
"""Letters of a word from which it is looked for alone and as the beginning of others."""
_LETTERS = {
    **dict(zip("øłđħıŋßæœþð", ("o", "l", "d", "h", "i", "n", "ss", "ae", "oe", "th", "d"), strict=True)),
    **dict(
        zip(
            "абвгдеёжзийклмнопрстуфхцчшщыэюя",
            "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch y e yu ya".split(),
            strict=True,
        )
    ),
    **dict(
        zip("αβγδεζηθικλμνξοπρστυφχψως", "a v g d e z i th i k l m n x o p r s t y f ch ps o s".split(), strict=True)
    ),
    "ь": "",
    "ъ": "",
}


@dataclass(frozen=True, slots=True)
class Leaks:
    """What was looked for, and how it stands. `figures` belong to `Task.meta`."""

    verdict: Verdict
    figures: dict[str, Any]


class LeakChecks:
    """Every check, with the indexes they need, made once for a snapshot and its facts. Without a snapshot: names."""

    def __init__(self, facts: FactBase, snapshot: Snapshot | None = None) -> None:
        self._facts = facts
        self._snapshot = snapshot
        self._shortcuts = Shortcuts(snapshot) if snapshot else None

    def check(self, draft: TaskDraft, question: str) -> Leaks:
        """Names, then words of pages, then searches; the first that fails is the verdict.

        There are figures where searches were made.
        """
        verdict = check_names(draft, question, self.shared_words)
        if self._shortcuts is None or not verdict.passed:
            return Leaks(verdict, {})
        copied = self.grams.shared(question, names_in(draft, question))
        if copied:
            return Leaks(Verdict(False, "8-gram of a page"), {})
        ranks = self._shortcuts.of_question(question, draft.proof.solution[0])
        clues = self._shortcuts.of_clues(draft)
        if any(rank is not None and rank <= TOP for rank in ranks.values()):
            verdict = Verdict(False, "question finds the answer")
        elif any(clues):
            verdict = Verdict(False, "clue finds the answer")
        return Leaks(verdict, {"shortcut": _figures(ranks, clues)})

    def warm(self) -> None:
        """Make the indexes now: before a fork, so that they are made once."""
        if self._snapshot is not None:
            self._snapshot.warm()
            assert self.grams is not None
        assert self.shared_words is not None

    @cached_property
    def grams(self) -> PageGrams:
        """8-grams of all pages. Read when first asked for."""
        assert self._snapshot is not None
        store = self._snapshot.store
        return PageGrams(store.text(number) for number in range(len(store)))

    @cached_property
    def shared_words(self) -> Counter[str]:
        """In how many entities' names a word stands."""
        return shared_words(self._facts)


def check_leaks(draft: TaskDraft, question: str, *, snapshot: Snapshot | None = None) -> Verdict:
    """One question alone; for many, make `LeakChecks` once. Without a snapshot only names are looked for."""
    return LeakChecks(draft.facts, snapshot).check(draft, question).verdict


def check_names(draft: TaskDraft, question: str, shared: Counter[str]) -> Verdict:
    """Fails where the question holds a name of the answer or of a hidden node, or what gives one away.

    That is a name or alias as it stands, without accents, transliterated or stemmed; the initials of a long name; a
    telling word of it; a word that goes on as the name begins ("Icelandic"). Names that clues show may be like a hidden
    one, as Nigeria is like Niger: there only whole names and telling words count.
    """
    plain = _Text(question)
    rest = _Text(_without(question, names_in(draft, question)))
    for variable, doc_id in enumerate(draft.proof.solution):
        entity = draft.facts.entities[doc_id]
        whose = "hidden" if variable else "answer"
        for name in (entity.name, *entity.aliases):
            if not words_of_name(name):
                continue
            if plain.holds(name):
                return Verdict(False, f"{whose} name")
            if rest.holds_stems(name):
                return Verdict(False, f"{whose} name, stemmed")
            if any(initials in rest.tokens for initials in _initials(name)):
                return Verdict(False, f"{whose} acronym")
        for word in telling_words(entity, shared):
            if word in plain.words or any(_goes_on(other, word) for other in rest.capitals):
                return Verdict(False, f"part of {whose} name")
    return Verdict(True)


def names_in(draft: TaskDraft, question: str) -> tuple[str, ...]:
    """Names of the entities that clues name, as far as they stand in the question."""
    lowered = question.casefold()
    names = [draft.name(doc_id) for doc_id in draft.names_shown]
    return tuple(name for name in names if name.casefold() in lowered)


def shared_words(facts: FactBase) -> Counter[str]:
    """In how many entities' names each word stands."""
    found: Counter[str] = Counter()
    for entity in facts.entities.values():
        found.update(set(words_of_name(entity.name)))
    return found


def telling_words(entity: Entity, shared: Counter[str]) -> Iterator[str]:
    """Long words of a name that few other names have, without the kind of thing it is ("River")."""
    for word in words_of_name(entity.name):
        if len(word) >= _LEAST and shared[word] <= TELLING and word not in words_of_name(entity.kind):
            yield word


def folded(text: str) -> str:
    """Lower case Latin letters without accents; Cyrillic and Greek are transliterated."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(_LETTERS.get(char, char) for char in apart if not unicodedata.combining(char))


def words_of_name(text: str) -> list[str]:
    return re.findall(r"\w+", folded(text))


class _Text:
    """A question as words, in the three ways that names are looked for."""

    def __init__(self, text: str) -> None:
        ordered = words_of_name(text)
        self.row = f" {' '.join(ordered)} "
        self.words = frozenset(ordered)
        self.tokens = frozenset(re.findall(r"[^\W_]+", text))
        # What is made from a name keeps its capital; "children" does not come from Chile.
        self.capitals = frozenset(folded(token) for token in self.tokens if token[0].isupper())
        self.stems = f" {' '.join(analyzer('english').analyze(' '.join(ordered)))} "

    def holds(self, name: str) -> bool:
        return f" {' '.join(words_of_name(name))} " in self.row

    def holds_stems(self, name: str) -> bool:
        stems = analyzer("english").analyze(" ".join(words_of_name(name)))
        return bool(stems) and f" {' '.join(stems)} " in self.stems


def _initials(name: str) -> Iterator[str]:
    """ "UAE" and its like, of three capitals or more; looked for in capitals alone."""
    capitals = [word[0] for word in re.findall(r"[^\W_]+", name) if word[0].isupper()]
    if len(capitals) >= 3:
        yield "".join(capitals)


def _goes_on(word: str, name: str) -> bool:
    """Whether a word is the name with another ending: Icelandic and Iceland, Mexican and Mexico."""
    alike = next(
        (at for at, pair in enumerate(zip(word, name, strict=False)) if pair[0] != pair[1]), min(len(word), len(name))
    )
    return alike >= max(_LEAST - 1, len(name) - 1)


def _without(text: str, names: Sequence[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(re.escape(name), " ", text, flags=re.IGNORECASE)
    return text


def _figures(ranks: dict[str, int | None], clues: list[dict[str, int]]) -> dict[str, Any]:
    """`question`: ranks by mode. `clues`: how many of them show the answer. `static`: share of all searches that do."""
    shown = sum(rank is not None and rank <= TOP for rank in ranks.values()) + sum(len(found) for found in clues)
    searches = len(ranks) * (1 + len(clues))
    return {
        "question": ranks,
        "clues": sum(bool(found) for found in clues),
        "static": round(shown / searches, 4) if searches else 0.0,
    }
