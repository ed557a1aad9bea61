"""LiteResearcher's search service (/search, /batch_search, /web_parser, /check_url) and its browse service (/query).

Its own snippets are drawn by an unseeded random; here they are the words around the query's. /query is extractive: no
language model reads the page, and the summary is the part that speaks most of the goal.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from corpus.errors import BadUrl, PageNotFound
from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.research import check_batch, detail, excerpts, hits, is_there, missing, page_or_none
from env_server.errors import check_bound

_MODES = {"sparse": "bm25", "dense": "dense", "hybrid": "hybrid"}
_TIMES = {"search_time": 0.0, "embedding_time": 0.0, "milvus_time": 0.0}


class _Options(Wanted):
    limit: Annotated[int, Field(ge=0)] = 10
    search_type: str = "hybrid"
    """sparse, dense or hybrid; what the snapshot has no index for, or another word, is its default mode."""
    sparse_weight: float = 0.7
    dense_weight: float = 1.0
    """Weights are told back and change nothing: the fusion is the snapshot's."""


class _Search(_Options):
    query: str


class _Batch(_Options):
    queries: list[str]


class _Url(Wanted):
    url: str


class _Urls(Wanted):
    urls: list[str]


class _Browse(Wanted):
    url: str
    goal: str = ""


def search(asked: Asked) -> Reply:
    wanted = asked.parse(_Search, asked.json)
    results = _results(asked, wanted.query, wanted)
    return json_reply({"results": results, "total": len(results), **_TIMES, **_told(wanted)})


def batch_search(asked: Asked) -> Reply:
    wanted = asked.parse(_Batch, asked.json)
    check_batch(asked, wanted.queries, wanted.limit)
    answers = [(query, _results(asked, query, wanted)) for query in wanted.queries]
    shown = [{"query": query, "results": results, "total": len(results)} for query, results in answers]
    return json_reply({"query_results": shown, "total_queries": len(shown), **_TIMES, **_told(wanted)})


def web_parser(asked: Asked) -> Reply:
    """`found` false, with empty title and text, where there is no such page."""
    wanted = asked.parse(_Url, asked.json)
    page = page_or_none(asked, wanted.url)
    if page is None:
        return json_reply({"found": False, "url": wanted.url, "title": "", "text": ""})
    return json_reply({"found": True, "url": page["url"], "title": page["title"], "text": page["text"]})


def check_url(asked: Asked) -> Reply:
    wanted = asked.parse(_Url, asked.json)
    return json_reply({"exists": is_there(asked, wanted.url), "url": wanted.url})


def batch_check_url(asked: Asked) -> Reply:
    """`results` tells of each URL as it was written; `total` counts different ones."""
    wanted = asked.parse(_Urls, asked.json)
    check_bound("urls", len(wanted.urls), asked.service.settings.max_batch)
    there = {url: is_there(asked, url) for url in wanted.urls}
    return json_reply({"results": there, "total": len(there), "found": sum(there.values()), "query_time": 0.0})


def browse(asked: Asked) -> Reply:
    """`result` is empty where nothing on the page speaks of the goal; a missing page is a `Cache miss`, as there."""
    wanted = asked.parse(_Browse, asked.json)
    if not wanted.goal.strip():
        raise missing("goal")
    try:
        parts = excerpts(asked, wanted.url, wanted.goal)
    except (PageNotFound, BadUrl) as error:
        return json_reply({"success": False, "result": "", "from_cache": True, "error": f"Cache miss: {error.message}"})
    result = ""
    if parts:
        head = f"The useful information in {wanted.url} for user goal {wanted.goal} as follows:"
        evidence = "\n\n".join(parts)
        result = f"{head} \n\nEvidence in page: \n{evidence}\n\nSummary: \n{parts[0]}\n\n"
    return json_reply({"success": True, "result": result, "from_cache": True, "error": ""})


def _results(asked: Asked, query: str, wanted: _Options) -> list[Values]:
    mode = _MODES.get(wanted.search_type)
    found = hits(asked, query, wanted.limit, mode=mode if mode in asked.service.snapshot.modes else None)
    return [{"link": h["url"], "title": h["title"], "snippet": h["snippet"], "score": h["score"]} for h in found]


def _told(wanted: _Options) -> Values:
    return {
        "search_type": wanted.search_type,
        "sparse_weight": wanted.sparse_weight,
        "dense_weight": wanted.dense_weight,
    }


LITERESEARCHER = Dialect(
    name="literesearcher",
    routes=(
        Route("POST", "/search", search),
        Route("POST", "/batch_search", batch_search),
        Route("POST", "/web_parser", web_parser),
        Route("POST", "/check_url", check_url),
        Route("POST", "/batch_check_url", batch_check_url),
        Route("POST", "/query", browse),
    ),
    refuse=detail,
    commercial=False,
)
