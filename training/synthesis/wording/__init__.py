"""A question from a proof, in plain words: one clause a clue or edge, none added and none lost."""

from __future__ import annotations

import numpy as np

from training.synthesis.proof import TaskDraft
from training.synthesis.wording.chinese import ChineseWriter
from training.synthesis.wording.english import EnglishWriter
from training.synthesis.wording.mapping import mapping_flaws, phrases
from training.synthesis.wording.marks import Wording
from training.synthesis.wording.plan import planned

__all__ = ("LANGUAGES", "Wording", "check_language", "mapping_flaws", "phrases", "word", "worded")
LANGUAGES = ("en", "zh")


def word(draft: TaskDraft, rng: np.random.Generator, language: str) -> str:
    """The question alone. Raises ValueError for a language that there are no words for."""
    return worded(draft, rng, language).text


def worded(draft: TaskDraft, rng: np.random.Generator, language: str) -> Wording:
    """The question, and which of its words say which part of the proof. Raises ValueError as `word` does."""
    check_language(language)
    plan = planned(draft.proof, rng)
    return (EnglishWriter if language == "en" else ChineseWriter)(draft, rng).write(plan)


def check_language(language: str) -> None:
    """Raises ValueError for a language that there are no words for."""
    if language not in LANGUAGES:
        raise ValueError(f"There is no wording in {language!r}; use {' or '.join(LANGUAGES)}.")
