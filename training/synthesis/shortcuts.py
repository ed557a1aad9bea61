"""Whether a search for the question, or for one of its clues, shows the answer's page at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from corpus.snapshot import Snapshot
from training.synthesis.predicates import Amount, Compare, Equal, Kind, Named, Not, Period, Predicate, Range, Some
from training.synthesis.proof import TaskDraft

TOP = 10
"""Ranks among which the answer's page must not be."""
LOOKED_AT = 50
"""Ranks of the question that are kept as a figure."""
_KEPT = 50_000


class Shortcuts:
    """Retrieval of answers by question and clue, in every mode that the snapshot has. Rankings of clues are kept."""

    def __init__(self, snapshot: Snapshot, modes: Sequence[str] | None = None) -> None:
        self.modes = tuple(modes or snapshot.modes)
        self._snapshot = snapshot
        self._kept: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()

    def of_question(self, question: str, answer: str) -> dict[str, int | None]:
        """{mode: rank of the answer's page for the whole question, None beyond LOOKED_AT}."""
        found: dict[str, int | None] = {}
        for mode in self.modes:
            pages = self._pages(question, mode, LOOKED_AT)
            found[mode] = pages.index(answer) + 1 if answer in pages else None
        return found

    def of_clues(self, draft: TaskDraft) -> list[dict[str, int]]:
        """By clue: {mode: rank of the answer's page among the first TOP}, without modes where it is not there."""
        answer = draft.proof.solution[0]
        found = []
        for clue in draft.proof.clues:
            query = clue_query(draft, clue.variable, clue.predicate)
            ranks = {}
            for mode in self.modes:
                pages = self._clue_pages(query, mode)
                if answer in pages:
                    ranks[mode] = pages.index(answer) + 1
            found.append(ranks)
        return found

    def _clue_pages(self, query: str, mode: str) -> tuple[str, ...]:
        key = query, mode
        if key not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.popitem(last=False)
            self._kept[key] = self._pages(query, mode, TOP)
        return self._kept[key]

    def _pages(self, query: str, mode: str, k: int) -> tuple[str, ...]:
        store = self._snapshot.store
        scored = self._snapshot.scored(query, k=k, mode=mode)
        return tuple(store.doc_id(number) for number in store.docs_of([passage for _, passage in scored]))


def clue_query(draft: TaskDraft, variable: int, predicate: Predicate) -> str:
    """One clue in the plain words of its relation: the same in every task that has it, so that it is looked up once."""
    said = _words(draft, predicate)
    return f"{draft.proof.kinds[variable]} {said}".strip()


def _words(draft: TaskDraft, predicate: Predicate) -> str:
    if isinstance(predicate, Not):
        return f"not {_words(draft, predicate.of)}"
    if isinstance(predicate, Kind):
        return predicate.kind
    known = draft.facts.relations.get(predicate.relation)
    label = known.label if known else predicate.relation.replace("_", " ")
    if isinstance(predicate, Named | Compare):
        sense = f" {predicate.sense} than" if isinstance(predicate, Compare) else ""
        return f"{label}{sense} {draft.name(predicate.entity)}"
    if isinstance(predicate, Some):
        return f"{label} {predicate.kind}"
    if isinstance(predicate, Equal):
        return f"{label} {predicate.text}"
    if isinstance(predicate, Range | Amount):
        return f"{label} {predicate.low:,.10g} to {predicate.high:,.10g} {predicate.unit}".rstrip()
    assert isinstance(predicate, Period)
    return f"{label} {predicate.first} to {predicate.last}"
