"""An index of papers over the snapshot: a search among the pages that have a row in its table of papers. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from corpus.rankings import Scored
from corpus.records import Paper
from corpus.snapshot import Snapshot
from env_server.errors import EnvServerError
from env_server.searching import Answer, Searcher
from env_server.sight import Sight
from env_server.table_schemas import ScholarRequest
from env_server.view import View


class Scholar:
    """Papers of one snapshot. Safe to call from many threads."""

    def __init__(self, snapshot: Snapshot, sight: Sight, searcher: Searcher) -> None:
        self._snapshot, self._store = snapshot, snapshot.store
        self._sight, self._searcher = sight, searcher

    def search(self, request: ScholarRequest, view: View) -> Answer:
        """The body of `POST /v1/scholar`."""
        if request.level != "page":
            raise EnvServerError(422, "invalid_request", "Papers are ranked as pages.", "Leave level out.")
        filters = replace(self._sight.filters(request, view), table="papers")
        bounds = request.first_year, request.last_year, request.min_citations, request.max_citations

        def fits(hit: Scored) -> bool:
            paper = self._store.paper(self._store.doc_of(hit[1]))
            return paper is not None and _fits(paper, request)

        chosen = None if bounds == (None, None, None, None) else fits
        found = self._searcher.ranked(request.query, request, filters, view, chosen=chosen)
        return {
            "snapshot_id": self._snapshot.snapshot_id,
            "query": request.query,
            "mode": found["mode"],
            "listed": len(self._store.tables.papers),
            "papers": [row for hit in found["hits"] if (row := self._row(hit, view)) is not None],
        }

    def _row(self, hit: dict[str, Any], view: View) -> dict[str, Any] | None:
        number = self._store.find_id(hit["doc_id"])
        paper = None if number is None else self._store.paper(number)
        if paper is None:
            return None
        return {
            "rank": hit["rank"],
            "score": hit["score"],
            "title": paper.title,
            "authors": list(paper.authors),
            "year": paper.year,
            "citations": paper.citations,
            "snippet": hit["snippet"],
            "url": hit["url"],
            "doc_id": hit["doc_id"],
            "cites": [doc_id for doc_id in paper.cites if self._is_shown(doc_id, view)],
        }

    def _is_shown(self, doc_id: str, view: View) -> bool:
        number = self._store.find_id(doc_id)
        return number is not None and self._sight.shows(number, view)


def _fits(paper: Paper, asked: ScholarRequest) -> bool:
    """Whether year and citations lie within what was asked for; what is unknown lies in no bounds."""
    for value, low, high in (
        (paper.year, asked.first_year, asked.last_year),
        (paper.citations, asked.min_citations, asked.max_citations),
    ):
        if (low is not None or high is not None) and value is None:
            return False
        if (low is not None and value is not None and value < low) or (
            high is not None and value is not None and value > high
        ):
            return False
    return True
