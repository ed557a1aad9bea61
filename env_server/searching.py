"""Searching a snapshot under a view: native requests in, the values of native answers out. Pure, and synchronous."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from corpus.filters import Filters, is_allowed
from corpus.rankings import Scored
from corpus.snapshot import Snapshot
from corpus.snippets import snippet
from env_server.errors import EnvServerError, check_bound, item_of
from env_server.schemas import SearchBatchRequest, SearchOptions, SearchRequest, SimilarRequest
from env_server.settings import ServerSettings
from env_server.sight import Sight
from env_server.trace import note_looked_at, note_seen
from env_server.view import View
from env_server.weather.content import RANKING_FAULTS
from env_server.weather.ranking import Lens, ranking_under, short_snippet

Answer = dict[str, Any]


CHOSEN_DEPTH = 20_000
"""Hits of a ranking that are looked at where only some of them are wanted."""
CHOSEN_FROM = 40_000
"""Hits that the rankings of one request look at so, before no further one is begun."""


def without_distractors(view: View) -> View:
    return replace(view, distractors=()) if view.distractors else view


class Searcher:
    """Rankings over one snapshot. Safe to call from many threads."""

    def __init__(self, snapshot: Snapshot, settings: ServerSettings, sight: Sight) -> None:
        self._snapshot = snapshot
        self._settings = settings
        self._sight = sight
        self._store = snapshot.store

    def search(self, request: SearchRequest, view: View) -> Answer:
        """The body of `POST /v1/search`."""
        return self.ranked(request.query, request, self._sight.filters(request, view), view)

    def check_query(self, query: str) -> None:
        """Raise a 422 for a query that is too long, no text, or empty."""
        check_bound("query characters", len(query), self._settings.max_query_chars)
        if not query.isascii() and not _is_text(query):
            raise EnvServerError(422, "bad_query", "The query holds half a surrogate pair.", "Send whole characters.")
        if not query.strip():
            raise EnvServerError(422, "empty_query", "The query is empty.", "Give some words to search for.")

    def ranked(
        self,
        query: str,
        options: SearchOptions,
        filters: Filters,
        view: View,
        *,
        chosen: Callable[[Scored], bool] | None = None,
    ) -> Answer:
        """A ranking under filters; `chosen` as in `scored`."""
        mode, scored = self.scored(query, options, filters, view, chosen=chosen)
        return self._ranking(query, mode, scored, options.snippet_chars, view)

    def scored(
        self,
        query: str,
        options: SearchOptions,
        filters: Filters,
        view: View,
        *,
        chosen: Callable[[Scored], bool] | None = None,
    ) -> tuple[str, list[Scored]]:
        """(mode, hits) under filters; with `chosen` of those of the first CHOSEN_DEPTH hits that it takes, and no
        distractors, which it would have to take, too. Raises a 422 where the request has looked at CHOSEN_FROM hits."""
        self.check_query(query)
        check_bound("k", options.k, self._settings.max_k)
        mode = options.mode or self._snapshot.manifest.settings.default_mode
        by_page = options.level == "page"

        def find(k: int) -> list[Scored]:
            return self._snapshot.scored(query, k=k, mode=mode, by_page=by_page, allowed=filters, syntax=options.syntax)

        def find_chosen(k: int) -> list[Scored]:
            depth, found = 4 * k, list[Scored]()
            while True:
                hits = find(min(depth, CHOSEN_DEPTH))
                note_looked_at(len(hits))
                found = [hit for hit in hits if chosen is None or chosen(hit)][:k]
                if len(found) == k or len(hits) < depth or depth >= CHOSEN_DEPTH:
                    return found
                depth *= 4

        if chosen is not None and note_looked_at() >= CHOSEN_FROM:
            raise EnvServerError(
                422,
                "batch_too_deep",
                f"The queries of this batch that come before have looked through {note_looked_at():,} hits.",
                "Send this one in another request.",
            )
        if chosen is None:
            return mode, self.seen(find, query, options.k, filters, view)
        return mode, self.seen(find_chosen, query, options.k, filters, without_distractors(view))

    def seen(
        self, find: Callable[[int], list[Scored]], query: str, k: int, filters: Filters, view: View
    ) -> list[Scored]:
        """The best k hits as a view shows them."""
        fault = view.content_fault
        if fault is not None and fault.kind not in RANKING_FAULTS:
            fault = None
        if fault is None and view.degradation is None and not view.distractors:
            return find(k)
        lens = Lens(
            keep=1.0 if view.degradation is None else view.degradation,
            distractors=tuple(self._distractors(query, filters, view)) if view.distractor_level > 0 else (),
            level=view.distractor_level,
            seed=view.seed,
            fault=fault,
        )
        store = self._store
        return ranking_under(find, lambda passage: store.doc_id(store.doc_of(passage)), query=query, k=k, lens=lens)

    def _distractors(self, query: str, filters: Filters, view: View) -> Iterator[tuple[str, int]]:
        """(doc_id, the passage that speaks of a query, else the first) of those distractors that may be seen."""
        store = self._store
        for doc_id in view.distractors:
            number = store.find_id(doc_id)
            if number is None or (filters and not is_allowed(store, filters, number)):
                continue
            best = self._snapshot.extract(number, query, max_chars=100)
            passages = store.passages_of(number)
            yield (
                doc_id,
                next((p for p in passages if best and store.passage_span(p)[1] > best[0].start), passages[0]),
            )

    def _ranking(self, query: str, mode: str, scored: list[Scored], snippet_chars: int, view: View) -> Answer:
        store = self._store
        hits = []
        for rank, (score, passage) in enumerate(scored, 1):
            url, title, date = store.head(store.doc_of(passage))
            passage_id = store.passage_id(passage)
            hits.append(
                {
                    "rank": rank,
                    "score": score,
                    "url": url,
                    "title": title,
                    "snippet": short_snippet(
                        self._snippet(query, passage, snippet_chars, view.page_chars),
                        words=view.snippet_words,
                        cjk_chars=view.snippet_cjk_chars,
                    ),
                    "date": date,
                    "doc_id": passage_id[:16],
                    "passage_id": passage_id,
                }
            )
        self.note_seen([str(hit["doc_id"]) for hit in hits])
        return {"snapshot_id": self._snapshot.snapshot_id, "query": query, "mode": mode, "hits": hits}

    def _snippet(self, query: str, passage: int, chars: int, page_chars: int | None) -> str:
        """The words to show of a hit: of its passage, as far as a page that ends after `page_chars` shows it; where it
        shows nothing of that, of what it shows."""
        if page_chars is None or self._store.passage_span(passage)[1] <= page_chars:
            return self._snapshot.snippet(query, passage, chars=chars)
        text, (start, _) = self._store.text(self._store.doc_of(passage)), self._store.passage_span(passage)
        shown = text[start:page_chars] if start < page_chars else text[:page_chars]
        return snippet(query, shown, chars=chars, languages=self._snapshot.manifest.settings.languages)

    def note_seen(self, doc_ids: list[str]) -> None:
        note_seen(doc_ids)

    def search_batch(self, request: SearchBatchRequest, view: View) -> Answer:
        filters = self._sight.filters(request, view)
        answers: dict[str, Answer] = {}
        for query in request.queries:
            if query not in answers:  # a query that stands twice is computed once
                answers[query] = item_of(lambda query=query: self.ranked(query, request, filters, view))  # type: ignore[misc]
        results = [answers[query] for query in request.queries]
        return {"snapshot_id": self._snapshot.snapshot_id, "results": results}

    def similar(self, request: SimilarRequest, view: View) -> Answer:
        check_bound("k", request.k, self._settings.max_k)
        number = self._sight.require(request, view)
        filters = self._sight.filters(request, view)
        url, title, _ = self._store.head(number)
        scored = self.seen(
            lambda k: self._snapshot.similar(number, k=k, allowed=filters), title, request.k, filters, view
        )
        answer = self._ranking(title, "dense", scored, request.snippet_chars, view)
        return {**answer, "query": url}


def _is_text(query: str) -> bool:
    try:
        query.encode()
    except UnicodeEncodeError:
        return False
    return True
