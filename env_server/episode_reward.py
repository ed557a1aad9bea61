"""The reward of an answer: the scorers of `corpus`, told apart by name. Pure.

    auto, exact, number, date, list, f1    the answer against the gold (`corpus/answers.py`)
    evidence-seen, evidence-opened         the share of the evidence that calls showed, or opened
    citations                              whether a page that the answer cites was opened and states the gold

The last three are of `corpus/evidence.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

from corpus.answers import SCORERS, AnswerScore, Scorer, score_answer
from corpus.errors import CorpusError
from corpus.evidence import Call, Citation, cited_urls, score_citations, score_evidence
from env_server.episodes import Gold, Row, Spec
from env_server.errors import EnvServerError
from env_server.service import SearchService
from env_server.view import View

EVIDENCE_SCORERS = ("evidence-seen", "evidence-opened")
CITATIONS = "citations"
ALL_SCORERS = (*SCORERS, *EVIDENCE_SCORERS, CITATIONS)


@dataclass(frozen=True, slots=True)
class Reward:
    """What an answer is worth: `reward` 0 to 1 by `scorer`; whether the answer is `correct` and how it overlaps.

    `parts` are the shares that a scorer of evidence or citations made its reward of. Nothing here quotes the gold or
    names a document.
    """

    reward: float
    correct: bool
    f1: float
    scorer: str
    parts: Mapping[str, float] = field(default_factory=dict)


class Pages(Protocol):
    """The pages that an answer may cite, as the episode showed them."""

    def find(self, url: str) -> str | None:
        """doc_id of the page at a URL; None where there is none."""

    def text(self, doc_id: str) -> str | None: ...


class ShownPages:
    """The pages of a snapshot at the addresses that a view gives them; ids are the snapshot's own."""

    def __init__(self, service: SearchService, view: View) -> None:
        self._own = service.snapshot.store
        self._shown = service.under(view).snapshot.store

    def find(self, url: str) -> str | None:
        try:
            number = self._shown.find_url(url)
        except CorpusError:
            return None
        return None if number is None else self._own.doc_id(number)

    def text(self, doc_id: str) -> str | None:
        number = self._own.find_id(doc_id)
        return None if number is None else self._shown.text(number)


def check_gold(gold: Gold, evidence: Sequence[str]) -> None:
    """Raise a 422 for a scorer that there is not, that cannot score such an answer, or that lacks what it scores by."""
    scorer = gold.scorer or "auto"
    if scorer not in ALL_SCORERS:
        raise EnvServerError(
            422, "bad_scorer", f"There is no scorer {scorer!r}.", f"Use one of {', '.join(ALL_SCORERS)}."
        )
    if scorer in EVIDENCE_SCORERS and not evidence:
        raise EnvServerError(
            422, "bad_scorer", f"{scorer!r} scores by evidence, and there is none.", "Send `evidence`: doc_ids."
        )
    takes_lists = ("auto", "list", *EVIDENCE_SCORERS, CITATIONS)
    if not isinstance(gold.answer, str) and len(gold.answer) > 1 and scorer not in takes_lists:
        raise EnvServerError(
            422, "bad_scorer", f"{scorer!r} cannot score a list of items.", "Use list or auto, or give one string."
        )


def reward_of(answer: str, gold: Gold, spec: Spec, rows: Sequence[Row], pages: Pages | None = None) -> Reward:
    """By default 1 where the answer is right, else 0; under "f1" the overlap of words, under the scorers of evidence
    the share of it that calls showed or opened, under "citations" 1 where a cited page supports the answer.

    The scorer's reason is left out: it may quote the gold. Without `pages` no citation leads anywhere.
    """
    scorer = gold.scorer or "auto"
    wanted = gold.answer if isinstance(gold.answer, str) else list(gold.answer)
    if scorer in SCORERS:
        score = score_answer(answer, wanted, aliases=gold.aliases, scorer=cast(Scorer, scorer))
        return Reward(score.f1 if score.scorer == "f1" else float(score.correct), score.correct, score.f1, score.scorer)
    score = score_answer(answer, wanted, aliases=gold.aliases, scorer="auto")
    if not gold.answer:  # evidence can be asked for alone
        score = replace(score, correct=False, f1=0.0)
    calls = [Call(row.tool, row.seen, row.opened) for row in rows if row.kind == "call"]
    if scorer == CITATIONS:
        return _cited(answer, gold, calls, score, pages)
    met = score_evidence(calls, spec.evidence)
    parts = {"evidence-seen": met.seen or 0.0, "evidence-opened": met.opened or 0.0}
    return Reward(parts[scorer], score.correct, score.f1, scorer, parts)


def _cited(answer: str, gold: Gold, calls: Sequence[Call], score: AnswerScore, pages: Pages | None) -> Reward:
    # A URL of no page stands for itself: no call has shown it.
    found = [(pages.find(url) if pages else None) or url for url in cited_urls(answer)]
    cited = score_citations(
        [Citation(doc_id) for doc_id in found],
        calls,
        text_of=lambda doc_id: pages.text(doc_id) if pages else None,
        gold=gold.answer,
        aliases=gold.aliases,
    )
    shares = {"seen": cited.seen, "opened": cited.opened, "hallucinated": cited.hallucinated, "holding": cited.holding}
    parts = {name: share for name, share in shares.items() if share is not None}
    return Reward(float(cited.supported), score.correct, score.f1, CITATIONS, parts)
