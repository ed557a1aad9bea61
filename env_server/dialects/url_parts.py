"""The parts of a canonical URL, as `urllib.parse` has them for a tenth of its time: dialects show them of every hit."""

from __future__ import annotations

from urllib.parse import urlparse


def split_url(url: str) -> tuple[str, str, str, str]:
    """(scheme, netloc, path, query) of a canonical URL (`corpus.urls`), which has no fragment: `urlsplit`'s parts."""
    scheme, _, netloc, rest = url.split("/", 3)
    path, _, query = rest.partition("?")
    return scheme[:-1], netloc, "/" + path, query


def parsed_url(url: str) -> list[str]:
    """The six parts of `urlparse`: parameters, which hardly any URL has, are told from the path."""
    if ";" in url:
        return list(urlparse(url))
    scheme, netloc, path, query = split_url(url)
    return [scheme, netloc, path, "", query, ""]
