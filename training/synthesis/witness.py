"""A task solved over HTTP by a planner that knows the proof: it shows that search finds the pages and the pages say it.

    for each page of the evidence, those farthest from the answer first:
        search for the page's name; where the page is not among the first ten, for its name and the words of a fact
        open every part of the page in which a fact of the proof stands
    ask a tool for each claim that pages do not settle (`measuring`)
    give the answer

The planner reads titles and texts beforehand, as an oracle may; these calls are not counted. What it then does it does
through the API that agents use, so a witness holds for the server's default mode, and for its weather and masks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from agent.answers import SearchAnswer
from agent.client import AsyncClient
from agent.errors import EnvError
from agent.models.playback import Play
from agent.tools.native import FETCH_CHARS
from corpus.passages import split_pages
from corpus.scoring.words import tokens
from training.synthesis.dispersion import dispersion
from training.synthesis.measuring import measured
from training.synthesis.proof import Hop, Witness
from training.synthesis.tool_proof import ToolWitness, Whole, whole_of
from training.synthesis.tool_verify import SLACK
from training.tasks import Task

T = TypeVar("T")
RANKS = 10
QUERIES = 2
"""Of one page."""
_ORACLE_CHARS = 100_000
_QUERY_WORDS = 24
_TRIES = 6


@dataclass(frozen=True, slots=True)
class Played:
    """A witness, or why there is none: a few words that counts can be kept by, and the page."""

    witness: Witness | None
    reason: str = ""
    doc_id: str = ""


@dataclass(frozen=True, slots=True)
class _Page:
    url: str
    title: str
    text: str


class Oracle:
    """Pages of one snapshot as they are served, each read once. For one event loop."""

    def __init__(self, env: AsyncClient) -> None:
        self._env = env
        self._pages: dict[str, asyncio.Task[_Page]] = {}

    async def page(self, doc_id: str) -> _Page:
        """Raises EnvError."""
        if doc_id not in self._pages:
            self._pages[doc_id] = asyncio.ensure_future(self._read(doc_id))
        return await self._pages[doc_id]

    async def _read(self, doc_id: str) -> _Page:
        texts: list[str] = []
        while True:
            number = len(texts) + 1
            page = await _patient(
                partial(self._env.fetch, doc_id, number=number, format="text", page_chars=_ORACLE_CHARS)
            )
            texts.append(page.text)
            if number == page.pages:
                return _Page(page.url, page.title, "".join(texts))


async def witnessed(
    tasks: Sequence[Task], env: AsyncClient, *, concurrency: int = 32
) -> AsyncIterator[tuple[Task, Played]]:
    """Each task with its witness in the proof, or as it was where there is none, in the order of the tasks.

    Raises EnvError where the server gives no answers, and ValueError for a task without a proof.
    """
    oracles: dict[str | None, Oracle] = {}
    gate = asyncio.Semaphore(concurrency)

    async def one(task: Task) -> tuple[Task, Played]:
        pinned = env.using(snapshot=task.snapshot_id)
        oracle = oracles.setdefault(task.snapshot_id, Oracle(pinned))
        async with gate:
            played = await play(task, pinned, oracle)
        if played.witness is None or task.proof is None:
            return task, played
        proof = {**task.proof, "witness": played.witness.model_dump(mode="json")}
        return task.model_copy(update={"proof": proof}), played

    under_way = [asyncio.ensure_future(one(task)) for task in tasks]
    try:
        for task in under_way:
            yield await task
    finally:
        for task in under_way:
            task.cancel()


async def play(task: Task, env: AsyncClient, oracle: Oracle, *, hidden: Iterable[str] = ()) -> Played:
    """Solve one task. `hidden` are doc_ids of pages that searches must not show, as if they were not there."""
    if task.proof is None:
        raise ValueError(f"The task {task.task_id} has no proof, so there is nothing to play.")
    proof = whole_of(task.proof)
    masked = [(await oracle.page(doc_id)).url for doc_id in sorted(hidden)]
    hops: list[Hop] = []
    shown: dict[str, SearchAnswer] = {}
    read: list[str] = []
    for doc_id, spans in _order(proof):
        page = await oracle.page(doc_id)
        asked: list[str] = []
        rank = 0
        for query in _queries(page, spans)[:QUERIES]:
            asked.append(query)
            shown[query] = await _patient(partial(env.search, query, k=RANKS, exclude_urls=masked))
            rank = next((hit.rank for hit in shown[query].hits if hit.doc_id == doc_id), 0)
            if rank:
                break
        if not rank:
            return Played(None, "not in the top 10", doc_id)
        numbers = _parts(page, spans)
        texts = [await _part(env, page, number) for number in numbers]
        if any(page.text[start:end] not in "".join(texts) for start, end in spans):
            return Played(None, "fact not on the page as served", doc_id)
        read += [page.title, *texts]
        hops.append(Hop(doc_id=doc_id, url=page.url, queries=tuple(asked), rank=rank, parts=numbers))
    if not _named(task, read):
        return Played(None, "answer not on the pages")
    told = await measured(proof.edits, env, partial(_title, oracle), _patient)
    for at, edit in enumerate(proof.edits):
        value = next((one.value for one in told if one.edit == at), None)
        if value is None or abs(value - edit.value) > SLACK or not edit.claim.low <= value <= edit.claim.high:
            return Played(None, "a tool tells another value", edit.entity)
    showing = {query: {hit.doc_id for hit in found.hits} for query, found in shown.items()}
    needed = dispersion([{query for query, pages in showing.items() if hop.doc_id in pages} for hop in hops]).minimum
    opened = sum(len(hop.parts) for hop in hops) + len(told)
    made = Witness(
        hops=tuple(hops),
        mode=next(iter(shown.values())).mode,
        page_chars=FETCH_CHARS,
        calls=sum(len(hop.queries) for hop in hops) + opened + 1,
        least_calls=needed + opened + 1,
    )
    return Played(ToolWitness(**made.model_dump(), measured=tuple(told)) if proof.edits else made)


def plays(tasks: Iterable[Task]) -> Mapping[str, Play]:
    """The gold episodes of tasks with a witness, for `agent.models.playback.PlaybackModel`, by task_id.

    Searches, pages and the answer: the default profile has no tool for maps or papers, so what these told is not in it.
    """
    found = {}
    for task in tasks:
        witness = whole_of(task.proof).witness if task.proof else None
        if witness is None:
            continue
        calls: list[tuple[str, dict[str, object]]] = []
        for hop in witness.hops:
            calls += [("search", {"query": query, "k": RANKS}) for query in hop.queries]
            calls += [("fetch", {"url": hop.url, "page": part}) for part in hop.parts]
        answer = task.answer if isinstance(task.answer, str) else ", ".join(task.answer)
        found[task.task_id] = Play(tuple(calls), answer)
    return found


def _order(proof: Whole) -> list[tuple[str, list[tuple[int, int]]]]:
    """(page, spans to be read on it): pages of no variable first, then by distance from the answer, its own page last.

    A fact is read on the first of these pages that states it.
    """
    depth = {0: 0}
    grown = True
    while grown:
        grown = False
        for edge in proof.asked.edges:
            for one, other in ((edge.a, edge.b), (edge.b, edge.a)):
                if one in depth and depth.get(other, len(proof.solution)) > depth[one] + 1:
                    depth[other] = depth[one] + 1
                    grown = True
    place = {doc_id: (-depth.get(at, 0), at) for at, doc_id in enumerate(proof.solution)}
    first = (-len(proof.solution) - 1, 0)
    pages = sorted(proof.pages, key=lambda doc_id: (place.get(doc_id, first), doc_id))
    spans: dict[str, list[tuple[int, int]]] = {doc_id: [] for doc_id in pages}
    for fact in proof.facts:
        stated = {doc_id: (start, end) for doc_id, start, end in fact.supports}
        page = next((doc_id for doc_id in pages if doc_id in stated), None)
        if page is not None and stated[page] not in spans[page]:
            spans[page].append(stated[page])
    return [(doc_id, spans[doc_id]) for doc_id in pages]


def _queries(page: _Page, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The page's name; then its name with the words of a line that states a fact."""
    found = [page.title]
    for start, end in spans:
        line = page.text[page.text.rfind("\n", 0, start) + 1 : end]
        found.append(" ".join([page.title, *line.split()[-_QUERY_WORDS:]]))
    return list(dict.fromkeys(query for query in found if query.strip()))


def _parts(page: _Page, spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Numbers of the parts, from 1, that hold the spans."""
    parts = split_pages(page.text, FETCH_CHARS)
    at = {number for start, end in spans for number, (low, high) in enumerate(parts, 1) if start < high and end > low}
    return tuple(sorted(at))


async def _title(oracle: Oracle, doc_id: str) -> str:
    return (await oracle.page(doc_id)).title


async def _part(env: AsyncClient, page: _Page, number: int) -> str:
    return (await _patient(partial(env.fetch, page.url, number=number, format="text", page_chars=FETCH_CHARS))).text


async def _patient(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, asked for again while the server says that this may help. Raises EnvError."""
    for left in range(_TRIES - 1, -1, -1):
        try:
            return await ask()
        except EnvError as error:
            if not error.retry or not left:
                raise
            await asyncio.sleep(error.retry_after_s or 0.2)
    raise AssertionError("unreachable")


def _named(task: Task, texts: Iterable[str]) -> bool:
    """Whether the answer, or another name of it, stands in what was read."""
    words = " ".join(f" {' '.join(tokens(text))} " for text in texts)
    answers = [task.answer] if isinstance(task.answer, str) else list(task.answer)
    names = [*answers, *task.aliases]
    return any(f" {' '.join(tokens(name))} " in words for name in names if tokens(name))
