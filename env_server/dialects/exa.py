"""Exa: search, contents, findSimilar and answer. Ids are URLs; `livecrawl`, `category` and schemas are ignored.

`neural` and `instant` search by vectors where the snapshot has them, `keyword` by words, every other type in the
snapshot's default mode. `includeText`, `excludeText`, paths in domains and crawl dates are looked at in the first
MAX_LOOKED_AT hits. Summaries and answers are sentences of the pages, and an answer that no page speaks of is empty.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated

import orjson
from pydantic import Field

from corpus.errors import BadUrl, PageNotFound
from corpus.urls import canonical_url, host_of
from env_server.dialects.answers import extractive_answer
from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.exa_contents import Contents, head_of, markdown_of, shown_of
from env_server.dialects.sites import under
from env_server.errors import EnvServerError, Problem, check_bound
from env_server.schemas import SimilarRequest

MAX_LOOKED_AT = 200
"""Hits that conditions on a page's text are put to: a condition that fewer fit gives fewer results."""
ANSWER_CHARS = 1000
ANSWER_PAGES = 3
_CHUNK_CHARS = 48
"""Of an answer in each event of a stream."""

_MODES = {"neural": "dense", "instant": "dense", "keyword": "bm25"}


class _Read(Contents, Wanted):
    urls: str | list[str] = Field(default=[])
    ids: str | list[str] = Field(default=[])


class _Find(Wanted):
    numResults: Annotated[int, Field(ge=1, le=100)] = 10
    includeDomains: list[str] = Field(default=[])
    excludeDomains: list[str] = Field(default=[])
    startPublishedDate: str | None = None
    endPublishedDate: str | None = None
    startCrawlDate: str | None = None
    endCrawlDate: str | None = None
    includeText: str | list[str] = Field(default=[])
    excludeText: str | list[str] = Field(default=[])
    contents: bool | Contents = False


class _Search(_Find):
    query: str = ""
    stream: bool = False
    type: str = "auto"


class _Similar(_Find):
    url: str = ""
    excludeSourceDomain: bool = False


class _Answer(Wanted):
    query: str = ""
    stream: bool = False
    text: bool = False


def search(asked: Asked) -> Reply:
    wanted = asked.parse(_Search, asked.json)
    _check_query(wanted.query)
    mode = _MODES.get(wanted.type)
    mode = mode if mode in asked.service.snapshot.modes else None
    shown = mode or asked.service.snapshot.manifest.settings.default_mode
    filters, kept = _conditions(asked, wanted)
    hits = asked.hits(wanted.query, k=_depth(wanted, kept), mode=mode, snippet_chars=_snippet_chars(wanted), **filters)
    kind = "keyword" if shown == "bm25" else "neural"
    results = _results(asked, _kept(hits, kept, wanted.numResults), wanted.contents, wanted.query)
    head = _head(asked)
    if wanted.stream:  # of words that nobody writes here: what streams is the results
        return _streamed([{"citations": results}, {"costDollars": head["costDollars"]}])
    return json_reply(head | {"resolvedSearchType": kind, "searchTime": 0.0, "results": results})


def find_similar(asked: Asked) -> Reply:
    """By the page's vector; a page that is not in the snapshot is a 404, a snapshot without vectors a 400."""
    wanted = asked.parse(_Similar, asked.json)
    filters, kept = _conditions(asked, wanted)
    if wanted.excludeSourceDomain:
        filters["exclude_domains"].append(host_of(canonical_url(wanted.url)).removeprefix("www."))
    k = min(_depth(wanted, kept), asked.service.settings.max_k)
    request = asked.parse(
        SimilarRequest, {"url": wanted.url, "k": k, "snippet_chars": _snippet_chars(wanted), **filters}
    )
    answer = asked.service.searcher.similar(request, asked.view)
    results = _results(asked, _kept(answer["hits"], kept, wanted.numResults), wanted.contents, None)
    return json_reply(_head(asked) | {"searchTime": 0.0, "results": results})


def contents(asked: Asked) -> Reply:
    """Pages by URL. Text comes where nothing at all is asked for; a page that is not there shows in `statuses` only."""
    wanted = asked.parse(_Read, asked.json)
    urls = _listed(wanted.urls) + _listed(wanted.ids)
    if not urls:
        raise EnvServerError(400, "invalid_request", "urls is missing.", "Send urls, a list of addresses.")
    check_bound("urls", len(urls), asked.service.settings.max_batch)
    if not (wanted.text or wanted.highlights or wanted.summary or wanted.extras or wanted.subpages):
        wanted.text = True
    results, statuses = [], []
    for url in urls:
        try:
            page = asked.page(url, format="text")
        except (PageNotFound, BadUrl):
            error = {"tag": "CRAWL_NOT_FOUND", "httpStatusCode": 404}
            statuses.append({"id": url, "status": "error", "error": error})
            continue
        statuses.append({"id": url, "status": "success", "source": "cached"})
        results.append(head_of(page) | {"id": url} | shown_of(asked, page, wanted, None, len(urls)))
    return json_reply(_head(asked) | {"results": results, "statuses": statuses})


def answer(asked: Asked) -> Reply:
    """An answer in words of the pages, with those that they stand on. A stream is computed whole before it begins."""
    wanted = asked.parse(_Answer, asked.json)
    _check_query(wanted.query)
    hits = asked.hits(wanted.query, k=ANSWER_PAGES)
    text, used = extractive_answer(asked, wanted.query, hits, max_chars=ANSWER_CHARS)
    citations = [head_of(hit) | ({"text": markdown_of(asked, hit, len(used))} if wanted.text else {}) for hit in used]
    head = _head(asked)
    if not wanted.stream:
        return json_reply(head | {"answer": text, "citations": citations})
    chunk = {"id": head["requestId"], "object": "chat.completion.chunk", "created": 0, "model": "exa"}
    deltas: list[Values] = [{"role": "assistant", "content": part} for part in _parts(text)]
    events = [chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "costDollars": head["costDollars"]}
    return _streamed([*events, {"citations": citations}, chunk | last])


# Which pages


def _conditions(asked: Asked, wanted: _Find) -> tuple[Values, list[Callable[[Values], bool]]]:
    """What the native search filters by, and what is left to look at in each hit."""
    sites, paths = _split(wanted.includeDomains)
    out_sites, out_paths = _split(wanted.excludeDomains)
    filters: Values = {
        "include_domains": [*sites, *(path.partition("/")[0] for path in paths)],
        "exclude_domains": out_sites,
        "after": wanted.startPublishedDate,
        "before": wanted.endPublishedDate and _day_after(wanted.endPublishedDate),
    }
    kept: list[Callable[[Values], bool]] = []
    if paths:
        inside = under([*sites, *paths])
        kept.append(lambda hit: inside(hit["url"]))
    if out_paths:
        outside = under(out_paths)
        kept.append(lambda hit: not outside(hit["url"]))
    needed = [text.casefold() for text in _listed(wanted.includeText)]
    barred = [text.casefold() for text in _listed(wanted.excludeText)]
    if needed or barred:

        def speaks(hit: Values) -> bool:
            text = asked.page(doc_id=hit["doc_id"], format="text")["text"].casefold()
            return all(word in text for word in needed) and not any(word in text for word in barred)

        kept.append(speaks)
    if wanted.startCrawlDate or wanted.endCrawlDate:
        low, high = wanted.startCrawlDate or "", wanted.endCrawlDate and _day_after(wanted.endCrawlDate)

        def fetched_then(hit: Values) -> bool:
            store = asked.service.snapshot.store
            fetched = store.body(store.require(doc_id=hit["doc_id"])).fetched_at
            # Most snapshots do not know when their pages were fetched, and then it says nothing against a page.
            return fetched is None or (fetched[:10] >= low[:10] and not (high and fetched[:10] >= high[:10]))

        kept.append(fetched_then)
    return filters, kept


def _depth(wanted: _Find, kept: list[Callable[[Values], bool]]) -> int:
    return max(wanted.numResults, MAX_LOOKED_AT) if kept else wanted.numResults


def _snippet_chars(wanted: _Find) -> int:
    """Snippets are shown only as highlights of pages that have no others, and making them takes a while."""
    return 300 if isinstance(wanted.contents, Contents) and wanted.contents.highlights else 0


def _kept(hits: list[Values], kept: list[Callable[[Values], bool]], count: int) -> list[Values]:
    return list(islice((hit for hit in hits if all(keeps(hit) for keeps in kept)), count))


def _split(domains: list[str]) -> tuple[list[str], list[str]]:
    """Domains, and those with a path (`example.org/blog`), without scheme and final slash."""
    names = [domain.strip().rpartition("://")[2].rstrip("/") for domain in domains]
    return [name for name in names if "/" not in name], [name for name in names if "/" in name]


def _day_after(moment: str) -> str:
    """The first day that is not before a moment: the day itself at midnight, else the next one."""
    day, _, time = moment.strip().partition("T")
    if not time.strip("0:.Z"):
        return day
    try:
        return (datetime.date.fromisoformat(day) + datetime.timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return day  # the native search says what is wrong with it


def _head(asked: Asked) -> Values:
    """What every answer begins with; the id is a digest of the request."""
    parts = (asked.service.snapshot.snapshot_id, asked.view.digest, asked.target)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace") + b"\0" + asked.body)
    return {"requestId": digest.hexdigest()[:32], "costDollars": {"total": 0.0}}


def _results(asked: Asked, hits: list[Values], wanted: bool | Contents, query: str | None) -> list[Values]:
    asked_for = wanted if isinstance(wanted, Contents) else Contents(text=wanted)
    return [head_of(hit) | {"score": hit["score"]} | shown_of(asked, hit, asked_for, query, len(hits)) for hit in hits]


def _parts(text: str) -> Iterator[str]:
    return (text[start : start + _CHUNK_CHARS] for start in range(0, len(text), _CHUNK_CHARS))


def _streamed(events: list[Values]) -> Reply:
    body = b"".join(b"data: %b\n\n" % line for line in [*map(orjson.dumps, events), b"[DONE]"])
    return Reply(body, media_type="text/event-stream; charset=utf-8", headers=((b"cache-control", b"no-cache"),))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _check_query(query: str) -> None:
    if not query.strip():
        raise EnvServerError(400, "invalid_request", "query is missing or empty.", "Send query, a text to look for.")


_TAGS = {400: "INVALID_REQUEST_BODY", 401: "INVALID_API_KEY", 404: "NOT_FOUND", 429: "RATE_LIMIT_EXCEEDED"} | {
    402: "API_KEY_BUDGET_EXCEEDED"
}


def _refuse(problem: Problem) -> Reply:
    status = 400 if problem.status == 422 else problem.status
    tag = _TAGS.get(status, problem.code.upper())
    request_id = hashlib.sha256(problem.body()).hexdigest()[:32]
    return json_reply({"requestId": request_id, "error": f"{problem.message} {problem.remedy}", "tag": tag}, status)


EXA = Dialect(
    name="exa",
    routes=(
        Route("POST", "/search", search),
        Route("POST", "/contents", contents),
        Route("POST", "/findSimilar", find_similar),
        Route("POST", "/answer", answer),
    ),
    refuse=_refuse,
    hosts={"api.exa.ai": ""},
)
