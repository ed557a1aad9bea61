"""DeepResearchGym's search API, clueweb22.us: GET /search (ClueWeb22's keys) and GET /fineweb/search (FineWeb's).

Each result is the base64 of a JSON object with the whole text of a page.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated

import orjson
from pydantic import Field

from env_server.dialects.dialect import Asked, Dialect, Reply, Route, Values, Wanted
from env_server.dialects.research import bounded, detail, hits
from env_server.schemas import PageRef


class _Search(Wanted):
    query: str
    k: Annotated[int, Field(ge=0)] = 10


def clueweb(asked: Asked) -> Reply:
    """`URL-hash` is the MD5 of the URL, in capitals, as ClueWeb22 writes it."""
    return _answer(
        {
            "URL": page["url"],
            "URL-hash": hashlib.md5(page["url"].encode(), usedforsecurity=False).hexdigest().upper(),
            "Language": page["language"] or "",
            "ClueWeb22-ID": page["doc_id"],
            "Clean-Text": page["text"],
        }
        for page in _found(asked)
    )


def fineweb(asked: Asked) -> Reply:
    return _answer(
        {
            "url": page["url"],
            "id": page["doc_id"],
            "text": page["text"],
            "language": page["language"] or "",
            "date": page["date"] or "",
        }
        for page in _found(asked)
    )


def _found(asked: Asked) -> Iterator[Values]:
    wanted = asked.parse(_Search, asked.query)
    found = hits(asked, wanted.query, wanted.k, snippet_chars=0)
    reader = asked.service.reader
    return bounded(asked, (reader.whole_text(PageRef(doc_id=hit["doc_id"]), asked.view) for hit in found))


def _answer(documents: Iterable[Values]) -> Reply:
    """JSON, put together from pieces: base64 has nothing to escape, and an answer holds 400,000 bytes of it. Each page
    goes all the way before the next is read, while it is in the processor's cache."""
    rows: list[bytes] = []
    for document in documents:
        rows += (b',"' if rows else b'"', base64.b64encode(orjson.dumps(document)), b'"')
    return Reply(b"".join((b'{"results":[', *rows, b"]}")))


DEEPRESEARCHGYM = Dialect(
    name="deepresearchgym",
    routes=(
        Route("GET", "/search", clueweb),
        Route("GET", "/clueweb22/search", clueweb),
        Route("GET", "/fineweb/search", fineweb),
    ),
    refuse=detail,
    hosts={"clueweb22.us": "", "www.clueweb22.us": ""},
    commercial=False,
)
