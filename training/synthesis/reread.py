"""The words of a proof and the pages of a witness read again: what `verify` and `tool_verify` both ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from corpus.passages import split_pages
from training.synthesis.predicates import Amount
from training.synthesis.proof import ProvedClue, Stated, Witness
from training.synthesis.spans import says_value, span_flaw

if TYPE_CHECKING:
    from training.synthesis.verify import Ground


def misread(facts: Iterable[Stated], ground: Ground) -> Iterator[str]:
    """What is wrong with the spans of facts that are known."""
    for said in facts:
        fact = ground.fact(said.subject, said.relation, said.object, said.value)
        assert fact is not None  # or the gate before had told
        for doc_id, start, end in said.supports:
            text = ground.text(doc_id)
            if text is None:
                yield f"there is no page {doc_id}"
            elif not 0 <= start < end <= len(text):
                yield f"page {doc_id} has no characters {start} to {end}"
            elif told := span_flaw(text[start:end], fact, ground.facts, doc_id):
                # A link to the page itself says nothing of what it is joined to.
                ends = {fact.object, fact.subject} - {doc_id}
                if fact.object is None or not ends & {*ground.targets(doc_id, start, end)}:
                    yield f"page {doc_id}, characters {start} to {end}: {told}"


def unmeasured(clues: Iterable[ProvedClue], ground: Ground) -> Iterator[str]:
    """Clues about how much there is, whose spans do not say it."""
    for at, clue in enumerate(clues):
        if not isinstance(clue.predicate, Amount):
            continue
        for said in clue.facts:
            fact = ground.fact(said.subject, said.relation, said.object, said.value)
            amount = fact.amount if fact is not None else None
            words = ((ground.text(doc_id) or "")[start:end] for doc_id, start, end in said.supports)
            if amount is None or not any(says_value(text, amount) for text in words):
                yield f"no words say the amount of clue {at}"


def over_budget(witness: Witness, pages: Iterable[str], facts: Iterable[Stated], ground: Ground) -> Iterator[str]:
    """What a witness does not do that it should: open these pages, within ranks and queries, where the facts stand."""
    if sorted(hop.doc_id for hop in witness.hops) != sorted(pages):
        yield "it opens other pages than the evidence"
    if witness.calls < witness.least_calls or any(
        not 1 <= hop.rank <= 10 or len(hop.queries) > 2 for hop in witness.hops
    ):
        yield "it is over its budget of ranks and queries"
    opened: dict[str, list[tuple[int, int]]] = {}
    for hop in witness.hops:
        parts = split_pages(ground.text(hop.doc_id) or "", witness.page_chars)
        opened[hop.doc_id] = [parts[number - 1] for number in hop.parts if 1 <= number <= len(parts)]
    for said in facts:
        if not any(
            start < high and end > low for doc_id, start, end in said.supports for low, high in opened.get(doc_id, ())
        ):
            yield f"it never reads {said.subject} {said.relation}"
