"""Requests to every native route and every route of every dialect, over the tiny web."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from env_server.dialects import DIALECTS
from tests.env_server.non_interference import Sent

WORDS = "Ada Quill cartographer"
ADA = "https://tiny.example/people/ada"
ADA_ID = "c15b4cfec7de94dd"
MAP = "https://tiny.example/images/lamp.jpg"

_GET: dict[str, str] = {"q": WORDS, "query": WORDS, "url": ADA, "format": "json", "engine": "google", "hits": "5"}
_BODY: dict[str, Any] = {"q": WORDS, "query": WORDS, "queries": [WORDS], "url": ADA, "goal": "charts"}
_OWN: dict[str, dict[str, Any]] = {
    "asearcher/access": {"urls": [ADA]},
    "browsecomp-plus/get_document": {"docid": ADA_ID},
    "deeptracehub/crawl": {"url": ADA, "urls": [ADA]},
    "exa/contents": {"urls": [ADA], "text": True},
    "exa/search": {"query": WORDS, "contents": {"text": True}},
    "exa/findSimilar": {"url": ADA},
    "exa/answer": {"query": WORDS, "text": True},
    "firecrawl/v2/batch/scrape": {"urls": [ADA]},
    "firecrawl/v1/batch/scrape": {"urls": [ADA]},
    "firecrawl/v2/crawl": {"url": "https://tiny.example/"},
    "firecrawl/v1/crawl": {"url": "https://tiny.example/"},
    "firecrawl/v2/map": {"url": "https://tiny.example/"},
    "firecrawl/v1/map": {"url": "https://tiny.example/"},
    "foldagent/open": {"url": ADA, "docid": None},
    "literesearcher/batch_check_url": {"urls": [ADA]},
    "literesearcher/batch_search": {"queries": [WORDS], "limit": 5},
    "retrieve/retrieve": {"queries": [WORDS], "topk": 5, "return_scores": True},
    "retrieve/": {"queries": [WORDS], "topk": 5, "return_scores": True},
    "serper/scrape": {"url": ADA},
    "serper/scrape/": {"url": ADA},
    "tavily/extract": {"urls": [ADA]},
    "tavily/crawl": {"url": "https://tiny.example/"},
    "tavily/map": {"url": "https://tiny.example/"},
    "tavily/research": {"input": WORDS},
    "tavily/search": {"query": WORDS, "include_raw_content": True, "include_answer": True},
    "uni-agent/crawl": {"urls": [ADA]},
}
"""Bodies of the routes that the common one does not suit."""
_PARTS = {
    "{id}": "0123456789abcdef",
    "{query:path}": quote(WORDS),
    "{url:path}": ADA,
    "{path:path}": "people/ada",
    "{index}": "tiny",
    "{docid}": ADA_ID,
}


def called(name: str, **arguments: Any) -> dict[str, Any]:
    """A JSON-RPC message that calls a tool."""
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


_TOOLS = {
    "/": [called("search", query=WORDS), called("fetch", id=ADA), called("find", id=ADA, pattern="chart"),
          called("links", id=ADA), called("extract", id=ADA, goal="charts"), called("fetch", id="nowhere"),
          {"jsonrpc": "2.0", "id": 9, "method": "tools/list"}],
    "/browsecomp-plus": [called("search", query=WORDS), called("get_document", docid=ADA_ID)],
    "/wiki": [called("search_pages", query=WORDS), called("view_sections", page_id=ADA_ID),
              called("read_section", section_id=f"{ADA_ID}:1")],
}  # fmt: skip


def of_dialect(name: str) -> list[Sent]:
    """Requests to each route of a dialect, by each of its methods."""
    if name == "origin":
        return [Sent("GET", "/people/ada", {"Host": "tiny.example"}), Sent("GET", "/nowhere", {"Host": "tiny.example"})]
    if name == "mcp":
        return [Sent("POST", f"/e/{{id}}/mcp{path}", json=sent) for path, all_ in _TOOLS.items() for sent in all_]
    sent = []
    for route in DIALECTS[name].routes:
        path = route.path
        for part, value in _PARTS.items():
            path = path.replace(part, value)
        for method in route.methods.split():
            if method == "POST":
                body = _OWN.get(f"{name}{route.path}", _BODY)
                sent.append(Sent("POST", f"/e/{{id}}/{name}{path}", json=body))
            else:
                sent.append(Sent(method, f"/e/{{id}}/{name}{path}?{urlencode(_GET)}"))
    return sent


POINT = {"latitude": 50.0, "longitude": 0.0}


def of_native() -> list[Sent]:
    """Requests to each native route that is no control route."""
    posts: list[tuple[str, dict[str, Any]]] = [
        ("search", {"query": WORDS, "k": 5}),
        ("search", {"query": WORDS, "mode": "dense"}),
        ("search/batch", {"queries": [WORDS, "harbour"], "k": 3}),
        ("fetch", {"url": ADA}),
        ("fetch", {"url": "https://tiny.example/nowhere"}),
        ("fetch/batch", {"items": [{"url": ADA}, {"doc_id": ADA_ID}]}),
        ("find", {"url": ADA, "pattern": "chart"}),
        ("similar", {"url": ADA, "k": 3}),
        ("extract", {"url": ADA, "goal": "charts"}),
        ("places", {"query": WORDS, "near": POINT}),
        ("route", {"origin": POINT, "destination": {"latitude": 51.0, "longitude": 0.0}}),
        ("scholar", {"query": WORDS, "k": 3}),
    ]
    page = urlencode({"url": ADA})
    gets = [f"/v1/links?{page}", f"/v1/image?{urlencode({'url': MAP})}", "/v1/documents?limit=5", "/v1/snapshot"]
    people = ["/", f"/?{urlencode({'q': WORDS})}", f"/page?{page}", "/openapi.json", "/metadata", "/schema"]
    people += ["/docs", "/docs/oauth2-redirect", "/redoc"]
    return [
        *(Sent("POST", f"/e/{{id}}/v1/{route}", json=body) for route, body in posts),
        *(Sent("GET", f"/e/{{id}}{path}") for path in (*gets, *people)),
    ]


GROUPS = ("native", *DIALECTS)


def of_group(name: str) -> list[Sent]:
    return of_native() if name == "native" else of_dialect(name)
