"""Which words of a question say which part of its proof, as it is kept in the proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from training.synthesis.proof import Phrase, Proof
from training.synthesis.wording.marks import Wording


def phrases(wording: Wording) -> tuple[Phrase, ...]:
    """For `Proof.wording`, sorted by place."""
    return tuple(Phrase(part=said.part, start=said.start, end=said.end) for said in wording.said)


def parts_of(proof: Proof) -> set[str]:
    """What a question has to say once: every clue and every edge."""
    return {f"clue:{at}" for at in range(len(proof.clues))} | {f"edge:{at}" for at in range(len(proof.edges))}


def mapping_flaws(proof: Proof, question: str) -> Iterator[str]:
    """What is wrong with `Proof.wording`: a part said twice or never, words outside of the question."""
    if not proof.wording:
        return
    said = Counter(phrase.part for phrase in proof.wording if not phrase.part.startswith("kind:"))
    for part in sorted(parts_of(proof) | said.keys()):
        if said[part] != (part in parts_of(proof)):
            yield f"the question says {part} {said[part]} times"
    if any(not 0 <= phrase.start < phrase.end <= len(question) for phrase in proof.wording):
        yield "words of the proof lie outside of the question"
