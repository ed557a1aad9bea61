"""Titles of wiki pages as URLs, one spelling for the readers of dumps and of ZIM files."""

from __future__ import annotations

from urllib.parse import quote

from corpus.urls import canonical_url

# What MediaWiki leaves plain in its own links (wfUrlencode), with what canonical URLs leave plain anyway.
_PLAIN = ";:@$!*(),/~'&=+"


def wiki_url(base: str, title: str) -> str:
    """The canonical URL of a page: `base` such as "https://en.wikipedia.org/wiki/" and its title, spaces or not.

    Raises BadUrl where that is no URL, or too long to be one.
    """
    name = quote("_".join(title.split()), safe=_PLAIN)
    if "?" in base:  # .../index.php?title=: what divides a query must be escaped
        name = name.replace("&", "%26").replace("+", "%2B")
    # A title of dots would climb out of the wiki.
    return canonical_url(base + ("%2E" * len(name) + "_" if name.strip(".") == "" and name else name))
