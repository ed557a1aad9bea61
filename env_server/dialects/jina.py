"""Jina: the reader r.jina.ai, the search s.jina.ai, and svip.jina.ai as node-DeepResearch asks it.

The reader's target is the rest of the address, its own query string with it, as it is or percent-encoded; `//` may have
been folded to `/`, and a target without a scheme means https. Text is the answer unless Accept leaves out text/plain:
`*/*` gives text. A page that the snapshot does not hold is a 422 AssertionFailureError, as Jina answers where it gets
no content: its clients take no other status than 200 for a page, and a 404 would mean that the API is not there. The
statuses and names of errors, the budget's among them, are those of the service's published source (hosted form
unverified).
"""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, unquote_plus

import orjson
from pydantic import Field

from corpus.errors import BadUrl, PageNotFound
from env_server.dialects.dates import since, timestamp
from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted, json_reply
from env_server.dialects.jina_pages import (
    HEADERS,
    Options,
    Page,
    check_budget,
    formatted,
    is_compound,
    options_of,
    suffixes,
    tokens_of,
)
from env_server.dialects.sites import site_hits
from env_server.errors import EnvServerError, Problem

_PLAIN = "text/plain; charset=utf-8"
_INDEX = {
    "usage1": "https://r.jina.ai/YOUR_URL",
    "usage2": "https://s.jina.ai/YOUR_SEARCH_QUERY",
    "homepage": "https://jina.ai/reader",
}
_SCHEMES = re.compile(r"^(?:https?:/+)*(https?):/+", re.IGNORECASE)
_ESCAPED_SCHEME = re.compile(r"^https?%3A", re.IGNORECASE)


class _Search(Wanted):
    q: str = ""
    num: Annotated[int, Field(ge=0, le=20)] | None = None
    count: Annotated[int, Field(ge=0, le=20)] | None = None
    """The older name of `num`."""
    page: Annotated[int, Field(ge=1, le=1000)] = 1
    site: str | list[str] = Field(default_factory=list)
    gl: str = ""
    hl: str = ""
    location: str = ""


class _Sheet(Wanted):
    q: str = ""
    num: Annotated[int, Field(ge=1, le=100)] = 30
    page: Annotated[int, Field(ge=1, le=1000)] = 1
    domain: str = ""
    """A host to keep to; names of Jina's own indexes, such as `arxiv`, mean nothing here."""
    tbs: str = ""
    meta: Any = None


def read(asked: Asked) -> Reply:
    """One page."""
    values = _posted(asked)
    options = options_of(asked, values)
    urls = _targets(asked, values)
    if not urls:
        text = "".join(f"[{name.capitalize()}] {value}\n" for name, value in _INDEX.items())
        return _enveloped(_INDEX, 0) if _form(asked) == "json" else Reply(text.encode(), media_type=_PLAIN)
    form = _form(asked)
    if form == "text" and is_compound(options):
        raise EnvServerError(
            400, "compound_format", f"{options.respondWith[:60]!r} does not fit into text.", "Accept application/json."
        )
    page = _first(asked, urls, options)
    check_budget(options, page.tokens)
    if form == "text":
        usage = (b"x-usage-tokens", str(page.tokens).encode())
        return Reply(page.text.encode("utf-8", "replace"), media_type=_PLAIN, headers=(usage,))
    return _streamed(page.data) if form == "stream" else _enveloped(page.data, page.tokens)


def search(asked: Asked) -> Reply:
    """Pages found, whole, five where nothing else is asked for; with `no-content` (or num 0) only the list of them."""
    values = _sought(asked)
    wanted = asked.parse(_Search, values)
    options = options_of(asked, _posted(asked))
    if not wanted.q.strip():
        raise EnvServerError(400, "missing_query", "q is missing or empty.", "Send q, or the query as the path.")
    sites = [wanted.site] if isinstance(wanted.site, str) else wanted.site
    if "x-site" in asked.headers:
        sites = [*sites, *re.findall(r"[^\s,]+", asked.headers["x-site"])]
    count = wanted.num if wanted.num is not None else wanted.count if wanted.count is not None else 5
    listed = options.respondWith == "no-content" or count == 0
    num = count or 10
    hits = site_hits(asked, wanted.q, k=num, first=num * (wanted.page - 1), include_domains=sites)
    if not hits:
        query = wanted.q[:200]
        raise EnvServerError(422, "no_results", f"No search results available for query {query}.", "Ask otherwise.")
    if listed:
        data = [_listed(hit) for hit in hits]
        tokens = sum([tokens_of(hit["snippet"]) for hit in hits])
    else:
        share = asked.service.settings.max_batch_page_chars // len(hits)
        pages = [formatted(asked, hit["url"], options, max_chars=share) for hit in hits]
        data = [page.data | {"description": hit["snippet"]} for page, hit in zip(pages, hits, strict=True)]
        tokens = sum(page.tokens for page in pages)
    check_budget(options, tokens)
    form = _form(asked)
    if form == "text":
        blocks = [_block(place, found) for place, found in enumerate(data, 1)]
        return Reply(("\n\n".join(blocks).rstrip() + "\n").encode("utf-8", "replace"), media_type=_PLAIN)
    return _streamed(data) if form == "stream" else _enveloped(data, tokens)


def sheet(asked: Asked) -> Reply:
    """A list of results as node-DeepResearch reads it."""
    wanted = asked.parse(_Sheet, asked.json)
    if not wanted.q.strip():
        raise EnvServerError(400, "missing_query", "q is missing or empty.", "Send q.")
    sites = [wanted.domain] if "." in wanted.domain else []
    after = since(asked, wanted.tbs.partition("qdr:")[2].partition(",")[0])
    first = wanted.num * (wanted.page - 1)
    hits = site_hits(asked, wanted.q, k=wanted.num, first=first, include_domains=sites, after=after)
    results = [
        {"title": hit["title"], "snippet": hit["snippet"], "url": hit["url"]}
        | ({} if hit["date"] is None else {"date": hit["date"]})
        for hit in hits
    ]
    meta = {"query": wanted.q, "num_results": len(results), "latency": 0.0, "credits": 1}
    return json_reply({"results": results, "meta": meta})


# What is asked for


def _posted(asked: Asked) -> Values:
    """Fields of a body; the query string is not among them, since it may be the target's."""
    if asked.method not in ("POST", "PUT"):
        return {}
    if "x-www-form-urlencoded" in asked.content_type:
        return dict(parse_qsl(asked.body.decode("utf-8", "replace"), keep_blank_values=True))
    return asked.json


def _targets(asked: Asked, values: Values) -> list[str]:
    """The addresses that a request may mean, likeliest first; none where it names none."""
    sent = asked.target.encode("latin-1", "replace").decode("utf-8", "replace").lstrip("/").strip()
    if sent.startswith("?") or not sent:
        given = values.get("url") or asked.query.get("url") or ""
        if not isinstance(given, str):
            raise EnvServerError(400, "bad_url", "url: not one text.", "Send one address.")
        sent = given.strip()
    if not sent:
        return []
    # Some clients escape the target as a whole, some only what they think must be; some do not at all.
    decoded = unquote(sent, errors="replace")
    spellings = [decoded] if _ESCAPED_SCHEME.match(sent) else [sent, decoded]
    return list(dict.fromkeys(_with_scheme(spelling) for spelling in spellings))


def _with_scheme(url: str) -> str:
    url = _SCHEMES.sub(lambda match: f"{match.group(1).lower()}://", url)
    return url if "://" in url.partition("?")[0] else f"https://{url}"


def _first(asked: Asked, urls: list[str], options: Options) -> Page:
    missing: PageNotFound | BadUrl | None = None
    for url in urls:
        try:
            return formatted(asked, url, options)
        except (PageNotFound, BadUrl) as error:
            missing = missing or error
    assert missing is not None
    raise missing


def _sought(asked: Asked) -> Values:
    """Parameters of a search, from its path, query string and body.

    What follows a `?` in the path's query is the query's own where it does not look like parameters: LangChain sends
    its query as it is.
    """
    path = asked.parts.get("query", "").lstrip("/")
    if path.strip() and asked.query_string and not asked.query.keys() <= _Search.model_fields.keys():
        return {"q": f"{path}?{unquote_plus(asked.query_string)}"} | _posted(asked)
    values = {name: value for name, value in asked.query.items() if name == "site" or isinstance(value, str)}
    if path.strip():
        values = {"q": path} | values
    return values | _posted(asked)


def _form(asked: Asked) -> str:
    """`text`, `json` or `stream`, as Accept says; it must leave out text/plain for anything but text."""
    accept = asked.headers.get("accept", "").strip() or "*/*"
    if accept == "application/json":
        return "json"
    wanted = set()
    for part in accept.lower().split(","):
        name, _, parameters = part.partition(";")
        if not re.search(r"q=0(\.0*)?\s*(;|$)", parameters):
            wanted.add(name.strip())
    if wanted & {"text/plain", "text/*", "*/*"}:
        return "text"
    if "text/event-stream" in wanted:
        return "stream"
    return "json" if wanted & {"application/json", "text/json", "application/*"} else "text"


# What is answered


def _listed(hit: Values) -> Values:
    data = {"title": hit["title"], "url": hit["url"], "description": hit["snippet"], "content": ""}
    if hit["date"] is not None:
        data["publishedTime"] = timestamp(hit["date"])
    return data


def _block(place: int, found: Values) -> str:
    """A result as text, each line of its head with its number before it."""
    before = f"[{place}] "
    named = {"title": "Title", "url": "URL Source", "description": "Description", "publishedTime": "Published Time"}
    lines = [f"{before}{shown}: {found[name]}" for name, shown in named.items() if found.get(name)]
    if found.get("content"):
        lines.append(f"{before}Markdown Content:\n{found['content']}")
    lines += [f"{before}Content:\n{found[name]}" for name in ("text", "html") if found.get(name)]
    after = "".join(f"\n{suffix}\n" for suffix in suffixes(found, before))
    return "\n".join(lines) + "\n" + after


def _enveloped(data: Any, tokens: int) -> Reply:
    return json_reply({"code": 200, "status": 20000, "data": data, "meta": {"usage": {"tokens": tokens}}})


def _streamed(data: Any) -> Reply:
    """One event: the page does not change while it is read."""
    return Reply(b"event: data\ndata: %b\n\n" % orjson.dumps(data), media_type="text/event-stream; charset=utf-8")


_ERRORS = {
    400: (40001, "ParamValidationError"),
    401: (40103, "AuthenticationRequiredError"),
    402: (40203, "InsufficientBalanceError"),
    404: (40402, "RPCMethodNotFoundError"),
    405: (40501, "ResourceMethodNotAllowedError"),
    409: (40902, "ResourcePolicyDenyError"),
    413: (41301, "RequestPayloadTooLargeError"),
    422: (42206, "AssertionFailureError"),
    429: (42903, "RateLimitTriggeredError"),
    501: (50005, "NotImplementedError"),
    503: (50303, "ServiceNodeResourceDrainError"),
}
_ASSERTIONS = frozenset({"format_unavailable", "no_results"})
"""Native problems that are a 422 at Jina too; what is wrong with a parameter is a 400 there."""


def _refuse(problem: Problem) -> Reply:
    status = problem.status
    if problem.code == "page_not_found":
        status = 422
    elif status == 422 and problem.code not in _ASSERTIONS:
        status = 400
    number, name = _ERRORS.get(status, (50001, "InternalServerError"))
    if problem.code == "budget_exceeded":
        number, name = 40904, "BudgetExceededError"
    message = f"{problem.message} {problem.remedy}"
    shown = {"code": status, "name": name, "status": number, "message": message}
    return json_reply({"data": None, **shown, "readableMessage": f"{name}: {message}"}, status)


_EITHER = "GET POST"
JINA = Dialect(
    name="jina",
    routes=(
        Route(_EITHER, "/search", search),
        Route(_EITHER, "/search/{query:path}", search),
        Route("POST", "/svip", sheet),
        Route("POST", "/svip/", sheet),
        Route(_EITHER, "/{url:path}", read),
    ),
    refuse=_refuse,
    hosts={"r.jina.ai": "", "s.jina.ai": "/search", "svip.jina.ai": "/svip"},
    headers=("accept", "x-site", *HEADERS),
)
