"""A question as a searcher without a language model reads it: names, clues of the thing asked for, clues of others.

Questions of `stillweb tasks make` name things by letters ("X is a person; A taught X. What is X?"); of any other
question all words are clues of the thing asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’.,-][^\W_]+)*")
_NAME = re.compile(r"[A-Z][^\W_]+(?:[ '’-](?:of|the|for|and|in|on|de|von|or)?\s?(?:the )?[A-Z][^\W_]+)*")
_ASKED = re.compile(r"\b(?:What|Who|Which|Where|Name|Find) (?:is|are)? ?([A-Z])\b")
_LETTER = re.compile(r"\b[A-Z]\b")
_STOP = frozenset(
    "a an and are as at be been between by did do does for from has have he her his how in is it its not of on or "
    "she some such than that the their there these they this those to was were what when where which who whose why "
    "with all letters stand different things".split()
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Queries that a question gives, and the words by which pages are held against it."""

    question: str
    names: str
    own: str
    """Words of the clauses that speak of the thing asked for."""
    rest: str
    """Words of the others; empty where there are none."""
    clues: frozenset[str]
    """Words of `own`, folded."""
    other_clues: frozenset[str]


def read(question: str) -> Reading:
    asked = _ASKED.search(question)
    clauses = [clause for clause in re.split(r"[;.?!]\s*", question) if clause.strip()]
    own: list[str] = []
    rest: list[str] = []
    for clause in clauses:
        letters = set(_LETTER.findall(clause))
        if _ASKED.search(clause):
            continue
        (own if asked is None or asked[1] in letters else rest).append(clause)
    own = own or clauses
    own_words, rest_words = _words(own), _words(rest if asked else [])
    names = [name for clause in clauses for name in _NAME.findall(clause) if name.lower() not in _STOP]
    return Reading(
        question,
        " ".join(dict.fromkeys(names)) or " ".join(own_words),
        " ".join(own_words),
        " ".join(rest_words),
        frozenset(word.lower() for word in own_words),
        frozenset(word.lower() for word in rest_words),
    )


def covered(clues: frozenset[str], text: str) -> float:
    """Share of the words that stand in the text; 0.0 of none."""
    if not clues:
        return 0.0
    return len(clues & {word.lower() for word in _WORD.findall(text)}) / len(clues)


def _words(clauses: list[str]) -> list[str]:
    found = [word for clause in clauses for word in _WORD.findall(clause)]
    return list(dict.fromkeys(word for word in found if len(word) > 1 and word.lower() not in _STOP))
