"""One spelling per URL, so that one page has one id."""

from __future__ import annotations

import re

import ada_url

from corpus.errors import BadUrl

MAX_URL_CHARS = 8192
"""Longer strings are refused: no crawler keeps them and no client means them."""

_CANONICAL = re.compile(
    # A host that is no number and no punycode, nothing escaped, no dot segments, no fragment.
    r"https?://(?!.*(?:xn--|/\.))(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
    r"/[A-Za-z0-9._~!*'()/,:;=@&+$-]*(?:\?[A-Za-z0-9._~!*'()/,:;=@&+$?-]+)?"
)
"""URLs that are in canonical form already: most are, and seeing it takes a tenth of the time of making it."""

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})|%")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!*'()")
"""What JavaScript's encodeURIComponent leaves plain: RFC 3986's unreserved characters, and the five marks that
Wikipedia's URLs use and that Markdown must escape."""


def canonical_url(url: str) -> str:
    """The one spelling of an absolute http or https URL that ids are made of.

    The WHATWG parser lower-cases scheme and host, turns the host into punycode, drops default ports, resolves dot
    segments and escapes what must be escaped; then escapes get upper-case digits, escaped unreserved characters and
    `!*'()` are written plainly, a stray `%` becomes `%25`, and the fragment and any user name are dropped. The query
    stays in its order: for some sites order matters. Applying it twice changes nothing.

    Raises BadUrl for anything else: relative, `javascript:`, `file:`, no host, or more than MAX_URL_CHARS characters.
    """
    if len(url) > MAX_URL_CHARS:
        raise BadUrl(url, f"has {len(url):,} characters, more than {MAX_URL_CHARS:,}")
    return _canonical(url, None)


def resolve_url(base: str, reference: str) -> str:
    """Canonical form of a reference found on the page `base`. Raises BadUrl as `canonical_url` does."""
    if len(reference) > MAX_URL_CHARS:
        raise BadUrl(reference, f"has {len(reference):,} characters, more than {MAX_URL_CHARS:,}")
    return _canonical(reference, base)


def _canonical(url: str, base: str | None) -> str:
    if _CANONICAL.fullmatch(url):
        return url
    try:
        parsed = ada_url.URL(url, base=base) if base else ada_url.URL(url)
    except (ValueError, UnicodeError) as error:
        raise BadUrl(url, "is no absolute URL") from error
    if parsed.protocol not in ("http:", "https:"):
        raise BadUrl(url, f"has the scheme {parsed.protocol!r}, which is no web page")
    if not parsed.hostname:
        raise BadUrl(url, "names no host")
    path = _ESCAPE.sub(_normal_escape, parsed.pathname)
    query = _ESCAPE.sub(_normal_escape, parsed.search)
    return f"{parsed.protocol}//{parsed.host}{path}{query}"


def _normal_escape(match: re.Match[str]) -> str:
    digits = match.group(1)
    if digits is None:
        return "%25"
    plain = chr(int(digits, 16))
    return plain if plain in _PLAIN else f"%{digits.upper()}"


def host_of(url: str) -> str:
    """Host of a canonical URL, without port: what domain filters compare."""
    host = url.split("/", 3)[2]
    return host if host.endswith("]") else host.rsplit(":", 1)[0] if ":" in host else host


def domain_suffixes(host: str) -> list[str]:
    """`en.wikipedia.org` -> itself, `wikipedia.org`, `org`: a filter for any of them matches the host."""
    labels = host.split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]


def lookup_variants(url: str) -> list[str]:
    """Other spellings under which a canonical URL is looked up when it is not found, in this order.

    The other scheme, the other form of the trailing slash, and both: what a model mistypes most often.
    """
    scheme, rest = url.split("://", 1)
    other_scheme = "http" if scheme == "https" else "https"
    path, mark, query = rest.partition("?")
    other_path = path[:-1] if path.endswith("/") else path + "/"
    other = f"{other_path}{mark}{query}"
    # A bare host keeps its slash: canonical URLs always have a path.
    spellings = [f"{other_scheme}://{rest}"]
    if other_path.count("/"):
        spellings += [f"{scheme}://{other}", f"{other_scheme}://{other}"]
    return spellings
