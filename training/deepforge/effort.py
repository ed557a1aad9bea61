"""How many tool calls a question needs: a stated reader that asks the question itself and opens results in order."""

from __future__ import annotations

from collections.abc import Sequence

from training.deepforge.web import Web

RESULTS = 50
QUERY_CHARS = 4_000
"""Of a question that is searched for; servers bound a query."""


async def calls_needed(web: Web, question: str, path: Sequence[str]) -> int:
    """Calls of a reader that searches for the question, opens the results one by one until it meets a page of the
    chain, and from there opens the chain's pages back to the answer (`path[0]`), which it then knows how to do.

    Where none of the results, RESULTS at most, is of the chain, all of them and the whole chain count: a lower bound.
    """
    hits = (await web.search(question[:QUERY_CHARS], RESULTS)).hits
    ranks = {hit.doc_id: hit.rank for hit in hits}
    met = [ranks[doc_id] + at for at, doc_id in enumerate(path) if doc_id in ranks]
    return 1 + min(met, default=len(hits) + len(path))
