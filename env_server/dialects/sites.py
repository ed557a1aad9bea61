"""`site:` in a query, as the engines that people type into read it (Google, Bing, Brave, DuckDuckGo).

    site:example.org          pages of that host and of those below it; `site:org` and `site:.org` too
    site:example.org/blog     of those the pages under that path
    site:a.org site:b.org     pages of either, with `OR` between them (and parentheses about them) or without
    -site:example.org         none of its pages; `NOT site:`, and either before a parenthesis about several, the same
    site:  site: a.org        nothing to hold on to: words like any other

What is left is looked for; where nothing is, the names of the hosts are. A ranking under hosts is filtered before it is
made. Under a path the hits of such a ranking are looked at, from the first (`CHOSEN_DEPTH` says how many), and no
distractors stand among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from corpus.errors import BadUrl
from corpus.rankings import Scored
from corpus.urls import canonical_url, domain_suffixes, host_of
from env_server.dialects.dialect import Asked, Values

_SITE = re.compile(r"(-?)\(*(-?)site:(.+)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"(?:[\w-]+\.)*[\w-]+")
_JOINING = ("OR", "|", "AND", "NOT")
_MAX_HOST_CHARS = 253


@dataclass(frozen=True, slots=True)
class Sited:
    """A query without its operators, and the places (`example.org`, `example.org/blog`) that they name."""

    text: str
    wanted: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()


def sited(query: str) -> Sited:
    """What a query says. One without `site:` is left as it is, byte for byte."""
    if not _may_name_sites(query):
        return Sited(query)
    words = query.split()
    places = [_operator(word) for word in words]
    joining = _joining(words, places)
    wanted, barred, left = list[str](), list[str](), list[str]()
    depth, barred_above = 0, -1
    for number, (word, place) in enumerate(zip(words, places, strict=True)):
        is_not = word.startswith("-") or (number > 0 and words[number - 1].lstrip("(") == "NOT")
        opened = _opened(word)
        if barred_above < 0 and is_not and opened:
            barred_above = depth
        if place is not None:
            is_barred = is_not or barred_above >= 0 or word[opened : opened + 1] == "-"
            (barred if is_barred else wanted).append(place)
        elif number not in joining:
            left.append(word)
        depth = max(0, depth + opened - _closed(word))
        if depth <= barred_above:
            barred_above = -1
    if not wanted and not barred:
        return Sited(query)
    text = " ".join(left) or " ".join(place.partition("/")[0] for place in wanted or barred)
    return Sited(text, tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(barred)))


def site_hits(asked: Asked, query: str, *, k: int, first: int = 0, **options: Any) -> list[Values]:
    """`Asked.hits` of a query in which `site:` is no word. Domains among the options hold as well."""
    if not _may_name_sites(query) or len(query) > asked.service.settings.max_query_chars:
        return asked.hits(
            query, k=k, first=first, **options
        )  # which refuses what is too long, before it is taken apart
    said = sited(query)
    hosts = [place.partition("/")[0] for place in said.wanted]
    if hosts:
        options["include_domains"] = _within(options.get("include_domains") or (), hosts)
        if not options["include_domains"]:
            return []
    if said.barred:
        barred = [place for place in said.barred if "/" not in place]
        options["exclude_domains"] = [*options.get("exclude_domains", ()), *barred]
    return asked.hits(said.text, k=k, first=first, chosen=_under(asked, said), **options)


def _may_name_sites(query: str) -> bool:
    return "site:" in query.lower()


def is_under(url: str, place: str) -> bool:
    """Whether a canonical URL lies under a domain, or under a path of it (`example.org/blog`)."""
    return under([place])(url)


def under(places: Iterable[str]) -> Callable[[str], bool]:
    """What tells of a canonical URL whether it lies under one of the places, however many these are."""
    parts = [place.removeprefix("*.").partition("/") for place in places]
    named = frozenset(f"{domain.lower()}{mark}{path}" for domain, mark, path in parts)
    return lambda url: not named.isdisjoint(places_of(url))


def places_of(url: str) -> set[str]:
    """All places that a canonical URL lies under: a request may name thousands, so each hit is taken apart once
    instead of being held against every one."""
    whole = url.split("/", 3)[3]
    # "blog" holds "blog?page=2", and "blog?page=2" itself can be named, too.
    paths = [whole[:at] for at in range(len(whole) + 1) if at == len(whole) or whole[at] in "/?"]
    domains = domain_suffixes(host_of(url))
    return {*domains, *(f"{domain}/{path}" for domain in domains for path in paths if path)}


def _within(given: Sequence[str], hosts: list[str]) -> list[str]:
    """The domains that lie both under one of `given` (all do where none is given) and under one of `hosts`."""
    if not given:
        return hosts

    def lies(domain: str, domains: Sequence[str]) -> bool:
        return any(domain == other or domain.endswith("." + other) for other in domains)

    given = [domain.strip().lower().removeprefix("*.").rstrip(".") for domain in given]
    return [*(host for host in hosts if lies(host, given)), *(domain for domain in given if lies(domain, hosts))]


def _under(asked: Asked, said: Sited) -> Callable[[Scored], bool] | None:
    """Whether a hit lies under the paths that are named; None where hosts alone are."""
    wanted, barred = frozenset(said.wanted), frozenset(place for place in said.barred if "/" in place)
    if not barred and not any("/" in place for place in said.wanted):
        return None
    store = asked.service.snapshot.store

    def chosen(hit: Scored) -> bool:
        places = places_of(store.head(store.doc_of(hit[1]))[0])
        return (not wanted or not wanted.isdisjoint(places)) and barred.isdisjoint(places)

    return chosen


def _joining(words: Sequence[str], places: Sequence[str | None]) -> set[int]:
    """Numbers of the OR, AND and NOT that have an operator on one side, or another such word that has."""
    found = set[int]()
    run: list[int] = []
    for number in range(len(words) + 1):
        if number < len(words) and words[number].strip("()") in _JOINING:
            run.append(number)
            continue
        if run and any(places[at] for at in (run[0] - 1, number) if 0 <= at < len(words)):
            found.update(run)
        run = []
    return found


def _opened(word: str) -> int:
    """Parentheses that a word opens; a minus may stand before them."""
    bare = word.removeprefix("-")
    return len(bare) - len(bare.lstrip("("))


def _closed(word: str) -> int:
    """Parentheses that a word closes and does not open itself, as "Mercury_(planet)" does."""
    inside = word.removeprefix("-").lstrip("(")
    return min(max(0, inside.count(")") - inside.count("(")), len(inside) - len(inside.rstrip(")")))


def _operator(word: str) -> str | None:
    """The place of a word that is an operator, as URLs are spelled here."""
    found = _SITE.fullmatch(word[: len(word) - _closed(word)])
    if found is None:
        return None
    name = found[3].rstrip(",;").strip("\"'").rstrip("/")
    host, _, path = name.rpartition("://")[2].removeprefix("*").removeprefix(".").partition("/")
    if len(host) > _MAX_HOST_CHARS or not _HOST.fullmatch(host):
        return None
    try:
        url = canonical_url(f"http://{host}/{path}")
    except BadUrl:
        return None
    return f"{host_of(url)}/{url.split('/', 3)[3]}".rstrip("/")
