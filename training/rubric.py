"""What an episode is worth against its task: one score, and the parts it is made of.

    score = score_episode(episode, task, text_of=snapshot_texts(web))
    score.total, score.parts["correct"], score.parts["seen"], score.parts["supported"]

Answers are compared by `corpus.answers`, evidence and citations by `corpus.evidence`; a judge's verdict is handed in.
Nothing here asks a model or reads a clock: the same record gives the same score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from agent.client import Client
from agent.errors import EnvError
from agent.records import Episode
from corpus.answers import SCORERS, Scorer, score_answer
from corpus.errors import BadUrl
from corpus.evidence import Call, Citation, cited_urls, score_citations, score_evidence
from corpus.records import doc_id_of
from corpus.snapshot import Snapshot
from corpus.urls import canonical_url
from training.tasks import Task

TextOf = Callable[[str], str | None]
"""doc_id to a page's text; None where there is no such page."""
ANSWER_ONLY: Mapping[str, float] = {"correct": 1.0}

PARTS = (
    "answered",
    "correct",
    "f1",
    "judged",
    "seen",
    "opened",
    "seen_at",
    "opened_at",
    "all_seen_at",
    "all_opened_at",
    "opened_gold",
    "citations",
    "cited_seen",
    "cited_opened",
    "hallucinated",
    "holding",
    "quotes",
    "quoted",
    "precision",
    "supported",
)
"""In their order. `*_at` are numbers of calls from 1, `citations` and `quotes` are counts, the others 0.0 to 1.0."""


@dataclass(frozen=True, slots=True)
class Score:
    """`total` is the weighted mean of parts. A part is None where it says nothing: no gold evidence, no citation."""

    total: float
    parts: Mapping[str, float | None]

    def __getitem__(self, name: str) -> float | None:
        return self.parts[name]


def score_episode(
    episode: Episode,
    task: Task,
    *,
    text_of: TextOf | None = None,
    verdict: bool | None = None,
    weights: Mapping[str, float] = ANSWER_ONLY,
) -> Score:
    """Score a record against its task.

    answered, correct, f1: the answer, as `corpus.answers` scores it; a rollout without one is wrong.
    judged: the verdict handed in. seen, opened: shares of the evidence; seen_at, opened_at: the call that met the first
    of it, all_*: the call that completed it. opened_gold: share of gold among the pages opened.
    citations: how many pages the answer cites; cited_seen, cited_opened, hallucinated, holding: shares of them that a
    call showed, that one opened, that none showed, that state the gold. quotes: how many citations quote; quoted: share
    of those quotes that stand on their page. precision: share of citations that were opened, whose quote, if any, is on
    the page, and that state the gold. supported: 1.0 if one is so. What needs a page's text is None without `text_of`.

    The total is the mean of the parts that `weights` names, by weight; a part that is None counts as 0, so that saying
    nothing wins nothing. Raises ValueError where the record is of another task, or for weights without a part.
    """
    if episode.task.id != task.task_id:
        raise ValueError(f"Rollout {episode.id} is of task {episode.task.id}, not of {task.task_id}.")
    if not weights or sum(weights.values()) <= 0 or not set(weights) <= set(PARTS):
        raise ValueError(f"Weights {dict(weights)} name no part, or weigh nothing. Parts are {', '.join(PARTS)}.")
    calls = calls_of(episode)
    said = episode.answer.text if episode.answer else ""
    gold = gold_of(task)
    answer = score_answer(said, gold, aliases=task.aliases, scorer=scorer_of(task)) if said.strip() else None
    evidence = score_evidence(calls, task.evidence)
    parts: dict[str, float | None] = {
        "answered": float(answer is not None),
        "correct": float(answer is not None and answer.correct),
        "f1": answer.f1 if answer else 0.0,
        "judged": None if verdict is None else float(verdict),
        "seen": evidence.seen,
        "opened": evidence.opened,
        "seen_at": evidence.seen_at,
        "opened_at": evidence.opened_at,
        "all_seen_at": evidence.all_seen_at,
        "all_opened_at": evidence.all_opened_at,
        "opened_gold": evidence.opened_gold,
        **_citations(episode, task, calls, text_of),
    }
    total = sum(weight * (parts[name] or 0.0) for name, weight in weights.items()) / sum(weights.values())
    return Score(total, {name: parts[name] for name in PARTS})


def calls_of(episode: Episode) -> list[Call]:
    """Every call of the record, in order. Documents that have ranks were shown by a search; the others were opened."""
    return [
        Call(event.name, shown=tuple(event.doc_ids) if event.ranks else (), opened=tuple(event.opened))
        for event in episode.tool_events
    ]


def gold_of(task: Task) -> str | list[str]:
    return task.answer if isinstance(task.answer, str) else list(task.answer)


def scorer_of(task: Task) -> Scorer:
    """Raises ValueError for one that is none."""
    if task.scorer is not None and task.scorer not in SCORERS:
        raise ValueError(f"Task {task.task_id}: there is no scorer {task.scorer!r}. Use one of {', '.join(SCORERS)}.")
    return cast(Scorer, task.scorer or "auto")


def citations_of(episode: Episode) -> list[Citation]:
    """Pages that the answer cites, by doc_id: as handed in, then those whose URLs stand in its text."""
    if episode.answer is None:
        return []
    found = [Citation(one.doc_id or _page_of(one.url), one.quote or "") for one in episode.answer.citations]
    known = {one.doc_id for one in found}
    loose = (_page_of(url) for url in cited_urls(episode.answer.text))
    found += [Citation(doc_id) for doc_id in dict.fromkeys(loose) if doc_id not in known]
    return found


def snapshot_texts(web: Snapshot) -> TextOf:
    """Texts of a snapshot's pages."""

    def text_of(doc_id: str) -> str | None:
        number = web.store.find_id(doc_id)
        return None if number is None else web.store.text(number)

    return text_of


def served_texts(client: Client) -> TextOf:
    """Texts of the pages that a server has, each asked for once. Raises EnvError where the server is not there."""
    known: dict[str, str | None] = {}

    def text_of(doc_id: str) -> str | None:
        if doc_id not in known:
            known[doc_id] = _served(client, doc_id)
        return known[doc_id]

    return text_of


def _served(client: Client, doc_id: str) -> str | None:
    try:
        first = client.fetch(doc_id, format="text")
        rest = [client.fetch(doc_id, number=number, format="text").text for number in range(2, first.pages + 1)]
    except EnvError as error:
        if error.status in (400, 404, 422):
            return None
        raise
    return "".join((first.text, *rest))


def _citations(episode: Episode, task: Task, calls: list[Call], text_of: TextOf | None) -> Mapping[str, float | None]:
    cited = citations_of(episode)
    names = ("cited_seen", "cited_opened", "hallucinated", "holding", "quoted", "precision", "supported")
    nothing: dict[str, float | None] = dict.fromkeys(names)
    nothing |= {"citations": float(len(cited)), "quotes": float(sum(bool(one.quote.strip()) for one in cited))}
    if not cited:
        return nothing | {"supported": 0.0 if text_of else None}
    gold = gold_of(task)
    score = score_citations(cited, calls, text_of=text_of or (lambda doc_id: None), gold=gold, aliases=task.aliases)
    met = {"cited_seen": score.seen, "cited_opened": score.opened, "hallucinated": score.hallucinated}
    if text_of is None:
        return nothing | met
    good = [one.opened and one.holds_answer for one in score.verdicts]
    return (
        nothing
        | met
        | {
            "citations": float(len(score.verdicts)),
            "holding": score.holding,
            "quoted": _mean(one.quoted for one in score.verdicts if one.quoted is not None),
            "precision": _mean(good),
            "supported": float(score.supported),
        }
    )


def _page_of(url: str) -> str:
    """The doc_id of a cited URL. What is no URL is the id of no page: a citation made up."""
    try:
        return doc_id_of(canonical_url(url))
    except BadUrl:
        return url


def _mean(values: Iterable[bool]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
