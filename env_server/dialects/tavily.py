"""Tavily: api.tavily.com (search, extract, crawl, map).

Its clients want the whole answer each time: `images` and `failed_results` are there even where they are empty, and an
error is read from `detail.error` only. Keys of a request that mean nothing over a frozen corpus are taken and ignored.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Sequence
from email.utils import format_datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import orjson
from pydantic import Field

from corpus.errors import BadUrl, PageNotFound
from corpus.urls import host_of
from env_server.dialects.answers import extractive_answer
from env_server.dialects.dates import days_before, since, timestamp
from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.walk import Step, domain_test, path_test, site_test, walk
from env_server.errors import EnvServerError, Problem
from env_server.schemas import ExtractRequest

CONTENT_CHARS = 500
"""Upper bound of a result's content, and of each chunk where it is made of chunks."""
_ANSWER_CHARS = {"basic": 400, "advanced": 1200}
_IMAGES = 5
_GAP = " [...] "
"""Stands between chunks, as Tavily writes it."""

_Strings = tuple[str, ...]
_Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
_QUOTED = re.compile(r'"([^"]*)"')
_WORD = re.compile(r"\w+")


class _Search(Wanted):
    query: str = ""
    search_depth: Literal["basic", "advanced", "fast", "ultra-fast"] = "basic"
    chunks_per_source: Annotated[int, Field(ge=1, le=5)] = 3
    """Counts with search_depth advanced only."""
    topic: Literal["general", "news", "finance"] = "general"
    time_range: Literal["day", "week", "month", "year", "d", "w", "m", "y"] | None = None
    start_date: _Day | None = None
    end_date: _Day | None = None
    days: Annotated[int, Field(ge=1)] | None = None
    max_results: Annotated[int, Field(ge=0, le=20)] = 5
    include_domains: _Strings = ()
    exclude_domains: _Strings = ()
    include_answer: bool | Literal["basic", "advanced"] = False
    include_raw_content: bool | Literal["markdown", "text"] = False
    include_images: bool = False
    include_image_descriptions: bool = False
    include_favicon: bool = False
    include_usage: bool = False
    exact_match: bool = False


class _Shown(Wanted):
    """How pages are shown by extract and crawl."""

    format: Literal["markdown", "text"] = "markdown"
    chunks_per_source: Annotated[int, Field(ge=1, le=5)] = 3
    """Counts where there is something to choose chunks by: a query or instructions."""
    include_images: bool = False
    include_favicon: bool = False
    include_usage: bool = False


class _Extract(_Shown):
    urls: _Strings | str = ()
    query: str = ""


class _Crawl(_Shown):
    url: str = ""
    max_depth: Annotated[int, Field(ge=1, le=5)] = 1
    max_breadth: Annotated[int, Field(ge=1, le=500)] = 20
    limit: Annotated[int, Field(ge=1)] = 50
    instructions: str = ""
    select_paths: _Strings = ()
    select_domains: _Strings = ()
    exclude_paths: _Strings = ()
    exclude_domains: _Strings = ()
    allow_external: bool = True


def search(asked: Asked) -> Reply:
    wanted = asked.parse(_Search)
    if not wanted.query.strip():
        raise EnvServerError(400, "missing_query", "The query is missing.", "Send some words to search for as query.")
    hits = _hits(asked, wanted)
    answer = None
    if wanted.include_answer:
        level = "advanced" if wanted.include_answer == "advanced" else "basic"
        answer, _ = extractive_answer(asked, wanted.query, hits, max_chars=_ANSWER_CHARS[level])
    best = max([hit["score"] for hit in hits], default=0.0)
    body = {
        "query": wanted.query,
        "follow_up_questions": None,
        "answer": answer,
        "images": _pictures(asked, hits, wanted) if wanted.include_images else [],
        "results": [_result(asked, hit, wanted, best) for hit in hits],
    }
    return _reply(asked, wanted, body, 2 if wanted.search_depth == "advanced" else 1)


def extract(asked: Asked) -> Reply:
    wanted = asked.parse(_Extract)
    urls = [wanted.urls] if isinstance(wanted.urls, str) else wanted.urls
    if not 1 <= len(urls) <= 20 or not all(url.strip() for url in urls):
        raise EnvServerError(400, "bad_urls", f"{len(urls)} urls were sent, or empty ones.", "Send 1 to 20 urls.")
    results, failed = [], []
    for url in urls:
        try:
            results.append(_page(asked, _absolute(url), wanted, wanted.query) | {"url": url})
        except (PageNotFound, BadUrl) as error:
            failed.append({"url": url, "error": error.message})
    return _reply(asked, wanted, {"results": results, "failed_results": failed}, len(results))


def crawl(asked: Asked) -> Reply:
    wanted = asked.parse(_Crawl)
    left = asked.service.settings.max_batch_page_chars
    results: list[Values] = []
    for step in _steps(asked, wanted):
        page = _page(asked, step.url, wanted, wanted.instructions)
        left -= len(page["raw_content"])
        if left < 0 and results:  # a crawl may end anywhere, and an answer must fit into memory
            break
        del page["title"]
        results.append(page)
    return _reply(asked, wanted, {"base_url": wanted.url, "results": results}, len(results))


def map_site(asked: Asked) -> Reply:
    wanted = asked.parse(_Crawl)
    urls = [step.url for step in _steps(asked, wanted)]
    return _reply(asked, wanted, {"base_url": wanted.url, "results": urls}, 1)


def _not_served(asked: Asked) -> Reply:
    raise EnvServerError(
        501, "not_served", f"{asked.path[:100]} is not served here.", "Use search, extract, crawl, map."
    )


def _hits(asked: Asked, wanted: _Search) -> list[Values]:
    starts = [wanted.start_date] if wanted.start_date else []
    if wanted.time_range is not None:
        starts.append(since(asked, wanted.time_range) or "")
    if wanted.days is not None:
        starts.append(days_before(asked, wanted.days))
    if wanted.topic == "news":  # a page without a date is no news
        starts.append("0001-01-01")
    query, how = wanted.query, Values()
    phrases = _phrases(query) if wanted.exact_match else []
    if phrases:
        # By words alone: the nearest vectors are not asked whether they hold a phrase.
        rest = _words(_QUOTED.sub(" ", query)).lower()
        query = " ".join([*(f'+"{phrase}"' for phrase in phrases), rest])
        how = {"syntax": "lucene", "mode": "bm25"}
    return asked.hits(
        query,
        k=wanted.max_results,
        snippet_chars=CONTENT_CHARS,
        include_domains=wanted.include_domains,
        exclude_domains=wanted.exclude_domains,
        after=max(starts, default=None),
        before=wanted.end_date,
        **how,
    )


def _phrases(query: str) -> list[str]:
    """What a query has in quotes."""
    return [words for phrase in _QUOTED.findall(query) if (words := _words(phrase))]


def _words(text: str) -> str:
    """The words of a text and nothing that could be syntax."""
    return " ".join(_WORD.findall(text))


def _result(asked: Asked, hit: Values, wanted: _Search, best: float) -> Values:
    content, score, raw = hit["snippet"], hit["score"], None
    if wanted.search_depth == "advanced":
        content = _chunks(asked, hit["doc_id"], wanted.query, wanted.chunks_per_source) or content
    if wanted.include_raw_content:
        form = "text" if wanted.include_raw_content == "text" else "markdown"
        raw = asked.page(doc_id=hit["doc_id"], format=form)["text"]
    result = {
        "title": hit["title"],
        "url": hit["url"],
        "content": content,
        # Tavily's lie between 0 and 1; a native one is a share of the best, and can be below 0.
        "score": round(score / best, 6) if best > 0 and score > 0 else 0.0,
        "raw_content": raw,
    }
    if wanted.topic == "news":
        day = datetime.datetime.fromisoformat(timestamp(hit["date"]))
        result["published_date"] = format_datetime(day, usegmt=True)
    return result | _favicon(hit["url"]) if wanted.include_favicon else result


def _chunks(asked: Asked, doc_id: str, goal: str, count: int) -> str:
    """The parts of a page that speak most of a goal, best first; "" where none does."""
    request = ExtractRequest(doc_id=doc_id, goal=goal, max_chars=count * CONTENT_CHARS)
    parts = asked.service.reader.extract(request, asked.view)["passages"][:count]
    return _GAP.join(" ".join(part["text"].split()) for part in parts)


def _pictures(asked: Asked, hits: Sequence[Values], wanted: _Search) -> list[Any]:
    """The first pictures of the pages found: their URLs, or with descriptions objects."""
    found: dict[str, str] = {}
    for hit in hits:
        for image in asked.page(doc_id=hit["doc_id"], format="text")["images"]:
            found.setdefault(image["url"], image["caption"] or image["alt"])
    first = list(found.items())[:_IMAGES]
    if wanted.include_image_descriptions:
        return [{"url": url, "description": description} for url, description in first]
    return [url for url, _ in first]


def _page(asked: Asked, url: str, wanted: _Shown, goal: str) -> Values:
    """A page as extract and crawl show it: whole, or where there is a goal its best parts, if any speaks of it."""
    page = asked.page(url, format=wanted.format)
    content = _chunks(asked, page["doc_id"], goal, wanted.chunks_per_source) if goal.strip() else ""
    images = list(dict.fromkeys(image["url"] for image in page["images"])) if wanted.include_images else []
    shown = {"url": page["url"], "title": page["title"], "raw_content": content or page["text"], "images": images}
    return shown | _favicon(page["url"]) if wanted.include_favicon else shown


def _steps(asked: Asked, wanted: _Crawl) -> list[Step]:
    """The pages of a crawl, at most `max_k`. Those of other sites are its leaves, unless `select_domains` names them.

    With instructions, all pages within depth and breadth are reached first; the best for the instructions, as a search
    for their words ranks them, then come first, the others behind them in the order of the walk.
    """
    if not wanted.url.strip():
        raise EnvServerError(400, "missing_url", "The url is missing.", "Send the url to begin at.")
    start = _absolute(wanted.url)
    inside = site_test(start)
    of_paths, not_of_paths = (
        path_test(wanted.select_paths, "select_paths"),
        path_test(wanted.exclude_paths, "exclude_paths"),
    )
    of_hosts = domain_test(wanted.select_domains, "select_domains")
    not_of_hosts = domain_test(wanted.exclude_domains, "exclude_domains")

    def is_walked(url: str) -> bool:
        return inside(url) or of_hosts(url)

    def is_wanted(url: str) -> bool:
        if not (of_hosts(url) if wanted.select_domains else wanted.allow_external or inside(url)):
            return False
        return not not_of_hosts(url) and not not_of_paths(url) and (not wanted.select_paths or of_paths(url))

    most = asked.service.settings.max_k
    limit = min(wanted.limit, most)
    steps = walk(
        asked,
        start,
        max_depth=wanted.max_depth,
        max_breadth=wanted.max_breadth,
        limit=most if wanted.instructions.strip() else limit,
        wanted=is_wanted,
        walked=is_walked,
    )
    return _in_order(asked, steps, wanted.instructions)[:limit] if wanted.instructions.strip() else steps


def _in_order(asked: Asked, steps: list[Step], instructions: str) -> list[Step]:
    hosts = sorted({host_of(step.url) for step in steps})[:1000]
    hits = asked.hits(instructions, k=asked.service.settings.max_k, include_domains=hosts, snippet_chars=0)
    ranks = {hit["url"]: hit["rank"] for hit in hits}
    return sorted(steps, key=lambda step: ranks.get(step.url, len(hits) + 1))


def _absolute(url: str) -> str:
    """Tavily's clients may leave the scheme out."""
    return url.strip() if "://" in url else f"https://{url.strip()}"


def _favicon(url: str) -> dict[str, str]:
    return {"favicon": f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/favicon.ico"}


def _reply(asked: Asked, wanted: _Search | _Shown, body: Values, credits: int) -> Reply:
    digits = hashlib.sha256(b"%b %b" % (asked.path.encode(), _written(wanted))).hexdigest()
    body["response_time"] = 0.0
    # In the form of the vendor's, a UUID, but of the request: equal requests have equal answers.
    body["request_id"] = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"
    if wanted.include_usage:
        body["usage"] = {"credits": credits}
    return json_reply(body)


def _written(wanted: Wanted) -> bytes:
    """A request as JSON: `model_dump_json`, which behind a search takes ten times as long."""
    try:
        return orjson.dumps(vars(wanted))
    except orjson.JSONEncodeError:  # a number of more than 64 bits
        return wanted.model_dump_json().encode()


def _refuse(problem: Problem) -> Reply:
    status = {402: 432, 422: 400}.get(problem.status, problem.status)  # 432: what the plan allows is used up
    message = f"{problem.message} {problem.remedy}"
    if problem.status == 401:
        message = "Unauthorized: missing or invalid API key."
    return json_reply({"detail": {"error": message}}, status)


TAVILY = Dialect(
    name="tavily",
    routes=(
        Route("POST", "/search", search),
        Route("POST", "/extract", extract),
        Route("POST", "/crawl", crawl),
        Route("POST", "/map", map_site),
        Route("POST", "/research", _not_served),
        Route("GET", "/research/{id}", _not_served),
        Route("POST", "/feedback", _not_served),
    ),
    refuse=_refuse,
    hosts={"api.tavily.com": ""},
)
