"""What a vague question must not have: exact dates and numbers, superlatives, names of what it hides."""

from __future__ import annotations

import re
from collections.abc import Iterable

from corpus.scoring.words import tokens

_DIGIT = re.compile(r"\d")
_CARDINAL = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?!-(?:first|second) century)|hundred|thousand"
    r"|million|billion|dozen)\b",
    re.IGNORECASE,
)
_CHINESE_NUMBER = re.compile(
    r"[〇零一二两三四五六七八九十百千万亿]{2,}(?![〇零一二两三四五六七八九十百千万亿]|世纪)|[二两三四五六七八九十](?=[个年月日人岁次座条位])"
)
_MONTH = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b(?! \w+(?:ing|ed)\b)"
)
_SUPERLATIVE = re.compile(
    r"\b(?:most|least)\s+[a-z]+"
    r"|\b(?:the|its|his|her|their|whose)\s+(?:very\s+|single\s+)?(?:first(?! century)|last|only|sole|best|worst)\b"
    r"|\b(?:the|its|his|her|their)\s+(?:\w+-)?(\w+(?:est))\b|\bunique\b|\bsole\b",
    re.IGNORECASE,
)
_NO_SUPERLATIVES = frozenset(
    "west forest guest harvest interest request test priest rest crest nest chest quest conquest protest contest "
    "northwest southwest manifest digest vest pest jest behest tempest inquest arrest unrest midwest".split()
)
_AT_LEAST = re.compile(r"\bat (?:the )?(?:most|least)\b|\bmost of\b", re.IGNORECASE)


def lint(question: str, hidden: Iterable[str] = ()) -> tuple[str, ...]:
    """What is wrong with a question, by sort: number, date, superlative, name; empty where nothing is.

    Centuries in words and orders of magnitude ("tens of thousands") are vague. `hidden`: names that must not stand in
    it, nor any capital word of them that tells (four letters or more).
    """
    found = []
    if _DIGIT.search(question) or _CARDINAL.search(question) or _CHINESE_NUMBER.search(question):
        found.append("number")
    if _MONTH.search(question):
        found.append("date")
    loose = _AT_LEAST.sub("", question)
    if "最" in question or any((m[1] or "").lower() not in _NO_SUPERLATIVES for m in _SUPERLATIVE.finditer(loose)):
        found.append("superlative")
    if any(names(question, name) for name in hidden):
        found.append("name")
    return tuple(found)


def without_numbers(phrase: str) -> str:
    """A phrase without number words: "one of the five main partners of" is "one of the main partners of"."""
    return re.sub(r"\s{2,}", " ", _CARDINAL.sub("", phrase)).strip()


def names(question: str, name: str) -> bool:
    """Whether a question has a name, or a word of it that is a name by itself: a capital, and four letters or more."""
    said = tokens(question)
    whole = tokens(name)
    if whole and any(said[at : at + len(whole)] == whole for at in range(len(said) - len(whole) + 1)):
        return True
    capitals = {word.casefold() for word in re.findall(r"\b[A-Z]\w{3,}", question)}
    return bool(capitals & {word.casefold() for word in re.findall(r"\b[A-Z]\w{3,}", name)})
