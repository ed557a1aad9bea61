"""`site:` in a query, as the engines that people type into read it (Google, Bing, Brave, DuckDuckGo).

    site:example.org          pages of that host and of those below it; `site:org` and `site:.org` too
    site:example.org/blog     of those the pages under that path
    site:a.org site:b.org     pages of either, with `OR` between them (and parentheses about them) or without
    -site:example.org         none of its pages; `NOT site:` means the same
    site:  site: a.org        nothing to hold on to: words like any other

What is left is looked for; where nothing is, the names of the hosts are. A ranking under hosts is filtered before it is
made. Under a path the hits of such a ranking are looked at, from the first (`CHOSEN_DEPTH` says how many), and no
distractors stand among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ada_url

from corpus.rankings import Scored
from corpus.urls import host_of
from env_server.dialects.dialect import Asked, Values

_SITE = re.compile(r"\(*(-?)site:([^()]+)\)*", re.IGNORECASE)
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
    if "site:" not in query.lower():
        return Sited(query)
    words = query.split()
    places = [_operator(word) for word in words]
    wanted, barred, left = list[str](), list[str](), list[str]()
    for number, (word, found) in enumerate(zip(words, places, strict=True)):
        if found is None:
            if not _joins(words, places, number):
                left.append(word)
            continue
        minus, place = found
        is_barred = bool(minus) or (number > 0 and words[number - 1].lstrip("(") == "NOT")
        (barred if is_barred else wanted).append(place)
    if not wanted and not barred:
        return Sited(query)
    text = " ".join(left) or " ".join(place.partition("/")[0] for place in wanted or barred)
    return Sited(text, tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(barred)))


def site_hits(asked: Asked, query: str, *, k: int, first: int = 0, **options: Any) -> list[Values]:
    """`Asked.hits` of a query in which `site:` is no word. Domains among the options hold as well."""
    if len(query) > asked.service.settings.max_query_chars:
        return asked.hits(query, k=k, first=first, **options)  # which refuses it, before anybody takes it apart
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


def is_under(url: str, place: str) -> bool:
    """Whether a URL lies under a domain, or under a path of it (`example.org/blog`)."""
    domain, mark, path = place.removeprefix("*.").partition("/")
    host, domain = host_of(url), domain.lower()
    if host != domain and not host.endswith("." + domain):
        return False
    return not mark or f"{url.split('/', 3)[3]}/".startswith(path + "/")


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
    barred = [place for place in said.barred if "/" in place]
    if not barred and not any("/" in place for place in said.wanted):
        return None
    store = asked.service.snapshot.store

    def chosen(hit: Scored) -> bool:
        url = store.head(store.doc_of(hit[1]))[0]
        is_wanted = not said.wanted or any(is_under(url, place) for place in said.wanted)
        return is_wanted and not any(is_under(url, place) for place in barred)

    return chosen


def _joins(words: Sequence[str], places: Sequence[object], number: int) -> bool:
    """Whether a word is an OR, AND or NOT that has an operator on one side, or another such word that has."""
    if words[number].strip("()") not in _JOINING:
        return False
    for step in (-1, 1):
        at = number + step
        while 0 <= at < len(words) and words[at].strip("()") in _JOINING:
            at += step
        if 0 <= at < len(words) and places[at]:
            return True
    return False


def _operator(word: str) -> tuple[str, str] | None:
    """("-" or "", place) of a word that is an operator."""
    found = _SITE.fullmatch(word)
    if found is None:
        return None
    name = found[2].strip("\"'").rstrip("/")
    host, mark, path = name.rpartition("://")[2].removeprefix("*").removeprefix(".").partition("/")
    if len(host) > _MAX_HOST_CHARS or not _HOST.fullmatch(host):
        return None
    try:
        host = ada_url.URL(f"http://{host}/").hostname
    except (ValueError, UnicodeError):
        return None
    return found[1], host + mark + path
