"""The pages themselves at their own addresses: for clients that ask for a page by its URL, through a Host header or a
proxy, and never heard of an API. Scheme and port are left to the store, which finds near spellings of a URL."""

from __future__ import annotations

import hashlib

from corpus.errors import BadUrl, PageNotFound
from env_server.dialects.dialect import Asked, Dialect, Reply, Route
from env_server.errors import EnvServerError, Problem
from env_server.rendering import page_html
from env_server.trace import note_found

_HTML = "text/html; charset=utf-8"


def page(asked: Asked) -> Reply:
    url = f"https://{asked.headers['host']}{asked.target}"
    try:
        return _with_etag(asked.html(url).encode("utf-8", "replace"), _HTML)
    except PageNotFound:
        media_type, data = _picture(asked, url)
        note_found(url)
        return _with_etag(data, media_type)


def _picture(asked: Asked, url: str) -> tuple[str, bytes]:
    for spelling in (url, url.replace("https://", "http://", 1)):
        try:
            return asked.service.reader.image(spelling, asked.view)
        except (EnvServerError, BadUrl):
            continue
    raise PageNotFound(url)


def _with_etag(body: bytes, media_type: str) -> Reply:
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'.encode()
    # A stored page may hold scripts; where a browser comes by, they must not run.
    policy = (b"content-security-policy", b"sandbox; default-src 'self'; style-src 'self' 'unsafe-inline'")
    return Reply(body, media_type=media_type, headers=((b"etag", etag), policy))


def _refuse(problem: Problem) -> Reply:
    status = 404 if problem.code in ("page_not_found", "bad_url", "no_such_image") else problem.status
    text = page_html(f"{status}", f"# {status}\n\n{problem.message} {problem.remedy}\n", "")
    return Reply(text.replace('<link rel="canonical" href="">\n', "").encode("utf-8", "replace"), status, _HTML)


ORIGIN = Dialect(name="origin", routes=(Route("GET", "/{path:path}", page),), refuse=_refuse, commercial=False)
