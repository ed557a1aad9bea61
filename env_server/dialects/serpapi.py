"""SerpAPI: `/search` and `/search.json`, of whatever engine that searches the web, news, scholars or images.

An engine for anything else (maps, flights, videos) is refused by name. Results may be an empty list, which the vendor
leaves out and tells as an error: clients read the list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

import orjson
from pydantic import Field

from corpus.urls import host_of
from env_server.dialects.dates import shown_date
from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.google_dates import bounds
from env_server.dialects.pictures import pictures
from env_server.dialects.sites import site_hits
from env_server.errors import EnvServerError, Problem

_WEB = ("google", "google_light", "bing", "duckduckgo", "duckduckgo_light", "yahoo", "baidu", "yandex", "brave")
_TABS = {"nws": "news", "isch": "images"}
"""Google's `tbm`, from before its tabs were engines of their own."""


class _Search(Wanted):
    q: str = ""
    p: str = ""
    """Yahoo's name for the query."""
    text: str = ""
    """Yandex's."""
    engine: str = "google"
    num: Annotated[int, Field(ge=1, le=100)] = 10
    start: Annotated[int, Field(ge=0, le=100_000)] = 0
    tbm: str = ""
    tbs: str = ""
    output: str = "json"


def search(asked: Asked) -> Reply:
    wanted = asked.parse(_Search)
    query = wanted.q or wanted.p or wanted.text
    kind = "web" if wanted.engine in _WEB else wanted.engine.removeprefix("google_").removesuffix("_light")
    kind = _TABS.get(wanted.tbm, kind) if kind == "web" else kind
    if kind not in _KINDS:
        raise EnvServerError(400, "bad_engine", f"Unsupported `{wanted.engine[:60]}` search engine.", _known())
    if wanted.output != "json":
        raise EnvServerError(400, "bad_output", f"Unsupported `{wanted.output[:60]}` output.", "Use json.")
    if not query.strip():
        raise EnvServerError(400, "missing_query", "Missing query `q` parameter.", "Send q.")
    name, found = _KINDS[kind]
    results = found(asked, wanted, query)
    told = {"engine": wanted.engine, "q": query, "num": str(wanted.num), "start": str(wanted.start)}
    number = hashlib.sha256(orjson.dumps([told, wanted.tbm, wanted.tbs])).hexdigest()[:24]
    state = "Results for exact spelling" if results else "Fully empty"
    body: dict[str, Any] = {
        "search_metadata": {"id": number, "status": "Success", "total_time_taken": 0.0},
        "search_parameters": told,
        "search_information": {"query_displayed": query, f"{name}_state": state},
        name: [{"position": position} | result for position, result in enumerate(results, 1)],
    }
    return json_reply(body)


def _web(asked: Asked, wanted: _Search, query: str) -> list[Values]:
    return [_item(hit) for hit in _hits(asked, wanted, query)]


def _news(asked: Asked, wanted: _Search, query: str) -> list[Values]:
    """Dated pages only: a page without a date is no news."""
    return [_item(hit) for hit in _hits(asked, wanted, query, after="0001-01-01")]


def _scholar(asked: Asked, wanted: _Search, query: str) -> list[Values]:
    """Pages as if they were papers, published on their site in their year."""
    results = []
    for hit in _hits(asked, wanted, query):
        told = ", ".join([host_of(hit["url"]), *([] if hit["date"] is None else [hit["date"][:4]])])
        item = {"title": hit["title"], "result_id": hit["doc_id"], "link": hit["url"], "snippet": hit["snippet"]}
        results.append(item | {"publication_info": {"summary": told}, "inline_links": {}})
    return results


def _images(asked: Asked, wanted: _Search, query: str) -> list[Values]:
    return [
        {"title": shown.title, "original": shown.url, "thumbnail": shown.url, "link": shown.page}
        | {"source": host_of(shown.page)}
        for shown in pictures(asked, _hits(asked, wanted, query))
    ]


_KINDS: dict[str, tuple[str, Callable[[Asked, _Search, str], list[Values]]]] = {
    "web": ("organic_results", _web),
    "news": ("news_results", _news),
    "scholar": ("organic_results", _scholar),
    "images": ("images_results", _images),
}


def _hits(asked: Asked, wanted: _Search, query: str, after: str | None = None) -> list[Values]:
    dates: dict[str, Any] = ({} if after is None else {"after": after}) | bounds(asked, wanted.tbs)
    return site_hits(asked, query, k=wanted.num, first=wanted.start, **dates)


def _item(hit: Values) -> Values:
    url = hit["url"]
    item = {
        "title": hit["title"],
        "link": url,
        "displayed_link": url,
        "snippet": hit["snippet"],
        "source": host_of(url),
    }
    if hit["date"] is not None:
        item["date"] = shown_date(hit["date"])
    return item


def _known() -> str:
    return f"Engines are {', '.join(_WEB)}, google_news, google_scholar, google_images."


def _refuse(problem: Problem) -> Reply:
    status = 400 if problem.status == 422 else problem.status
    message = f"{problem.message} {problem.remedy}"
    if problem.status == 401:
        message = "Invalid API key. Send the server's token as api_key."
    return json_reply({"error": message}, status)


SERPAPI = Dialect(
    name="serpapi",
    routes=(Route("GET", "/search", search), Route("GET", "/search.json", search)),
    refuse=_refuse,
    hosts={"serpapi.com": ""},
)
