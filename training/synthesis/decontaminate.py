"""Tasks that no question of an evaluation set is like: by 13-grams of words, and by the static encoder's cosine.

A question shorter than 13 words counts as met where all of its words stand in a row in the other. A 13-gram that a
template puts into many of our own questions says nothing of whether one of them is known, so what stands in more than
`COMMON` of them is left out of the comparison.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus.scoring.words import tokens
from training.tasks import BadTasks, Task

GRAM = 13
"""Words, as GPT-3's authors took it (arXiv 2005.14165, appendix C)."""
ALIKE = 0.9
"""Cosine from which two questions count as one."""
COMMON = 5
_KEYS = ("question", "problem", "query", "prompt", "input", "Question")
_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class Met:
    """A task that is too near to a question of a file."""

    task_id: str
    by: str
    """"13-gram" or "embedding"."""
    file: str
    question: str
    score: float
    """Cosine, or share of the task's 13-grams that the question has."""


def read_questions_of(path: Path) -> Iterator[str]:
    """Questions of JSON lines (question, problem, query or prompt; strings or messages) or of plain lines of text.

    Raises BadTasks, which names the line.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadTasks(f"{path} cannot be read as text: {error}. Check the path.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if path.suffix not in (".jsonl", ".json", ".ndjson"):
            yield line.strip()
            continue
        try:
            row = json.loads(line)
            found = next(row[name] for name in _KEYS if name in row)
            yield found if isinstance(found, str) else " ".join(str(message["content"]) for message in found)
        except (ValueError, TypeError, KeyError, StopIteration):
            raise BadTasks(
                f"{path}, line {number} has no question. A line is a JSON object with one of {', '.join(_KEYS)}."
            ) from None


def met(tasks: Sequence[Task], against: Iterable[tuple[str, str]], *, alike: float = ALIKE) -> list[Met]:
    """Tasks that are met by a (file, question), once each, in the order of the tasks; 13-grams before embeddings."""
    asked = [(file, question) for file, question in against if question.strip()]
    if not asked or not tasks:
        return []
    by_gram = _by_grams(tasks, asked)
    found = _by_vectors(tasks, asked, alike) | by_gram
    return [found[task.task_id] for task in tasks if task.task_id in found]


def _by_grams(tasks: Sequence[Task], asked: Sequence[tuple[str, str]]) -> dict[str, Met]:
    grams = [_grams(tokens(task.question), GRAM) for task in tasks]
    ours = Counter(gram for of in grams for gram in of)
    common = {gram for gram, count in ours.items() if count > COMMON}
    owners: dict[tuple[str, ...], int] = {}
    short: list[tuple[str, int]] = []
    for at, (_, question) in enumerate(asked):
        words = tokens(question)
        if len(words) < GRAM:
            short.append((f" {' '.join(words)} ", at))
        for gram in _grams(words, GRAM):
            owners.setdefault(gram, at)
    found = {}
    for task, of in zip(tasks, grams, strict=True):
        hit = sorted(owners[gram] for gram in of if gram in owners and gram not in common)
        said = f" {' '.join(tokens(task.question))} "
        hit = hit or [at for words, at in short if len(words) > 2 and words in said]
        if hit:
            file, question = asked[hit[0]]
            found[task.task_id] = Met(task.task_id, "13-gram", file, question, len(hit) / max(1, len(of)))
    return found


def _by_vectors(tasks: Sequence[Task], asked: Sequence[tuple[str, str]], alike: float) -> dict[str, Met]:
    from corpus.encoders import StaticEncoder

    encoder = StaticEncoder()
    ours = encoder.encode_passages([task.question for task in tasks])
    best = np.full(len(tasks), -1.0, np.float32)
    which = np.zeros(len(tasks), np.int64)
    for first in range(0, len(asked), _BLOCK):
        theirs = encoder.encode_passages([question for _, question in asked[first : first + _BLOCK]])
        cosines = ours @ theirs.T
        at = cosines.argmax(axis=1)
        score = cosines[np.arange(len(tasks)), at]
        better = score > best
        best[better], which[better] = score[better], at[better] + first
    return {
        task.task_id: Met(task.task_id, "embedding", *asked[int(at)], round(float(score), 4))
        for task, score, at in zip(tasks, best, which, strict=True)
        if score >= alike
    }


def _grams(words: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + size]) for at in range(len(words) - size + 1)}
