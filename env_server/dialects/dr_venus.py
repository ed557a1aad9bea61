"""DR-Venus' local search server: POST /search with a list of queries, answered by a list of passages for each.

Only the text of a passage is known to be read; what else is told of it is ours.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.research import check_batch, detail, documents

DEFAULT_TOPK = 10


class _Search(Wanted):
    queries: list[str]
    topk: Annotated[int, Field(ge=0)] = 0
    """0, as none: the default."""


def search(asked: Asked) -> Reply:
    """Each query by itself, whatever stands beside it; one without words has no passages."""
    wanted = asked.parse(_Search, asked.json)
    k = wanted.topk or DEFAULT_TOPK
    check_batch(asked, wanted.queries, k)
    found: dict[str, list[Values]] = {}
    for query in wanted.queries:
        if query not in found:  # a query that stands twice is computed once
            found[query] = [_passage(each) for each in documents(asked, query, k)]
    return json_reply({"results": [{"query": query, "passages": found[query]} for query in wanted.queries]})


def health(asked: Asked) -> Reply:
    return json_reply({"status": "ok"})


def _passage(found: Values) -> Values:
    return {name: found[name] for name in ("id", "title", "text", "url", "score")}


DR_VENUS = Dialect(
    name="dr-venus",
    routes=(Route("POST", "/search", search), Route("GET", "/health", health)),
    refuse=detail,
    commercial=False,
)
