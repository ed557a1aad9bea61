"""The names of a generated world, as its pages give them: which pages are about one thing, and what it is called.

Kinds follow from addresses, from the last words of names, and from the definition or the rows of a page. Names are
titles, other names that a page states, and short forms that count once a page has named the thing in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from corpus.facts.second_grammar import ALSO_CALLED, WORKS
from corpus.records import Document

_NAMED_AS = (
    ("award", r"(Prize|Medal|Award)\b"),
    ("event", r"\b(Festival|Week|Meeting|Biennale|Days|Night|Fair|Summer|Congress|Regatta)\b"),
    ("university", r"\b(University|College|Institute)\b"),
    ("museum", r"\b(Museum|Gallery|Collection|Picture House)\b"),
    ("society", r"\b(Society|Guild|Association|Circle|Academy|Union)\b"),
    ("river", r"^River "),
    ("company", r" (Press|Optics|Instruments|Tools|Cycles|Lighting|Sound|Appliances|Radio)$"),
    ("person", r"^\w+ \w+(?: \(.*\))?$"),
)
_DEFINED_AS = (
    ("country", r"is an? (?:\w+ )?country\b|\n\| Currency \|"),
    ("region", r"is an? (?:\w+ )?region\b|\n\| Area \|"),
)
_ENTRY = re.compile(r"^https://(?P<host>[^/]+)/(?P<path>.*)$")


@dataclass(frozen=True, slots=True)
class Thing:
    """What a page is about."""

    doc_id: str
    name: str
    kind: str
    slug: str
    aliases: tuple[str, ...] = ()


@dataclass(slots=True)
class Gazetteer:
    """Things by page, and the things that bear a name. Filled page by page, then only read."""

    things: dict[str, Thing] = field(default_factory=dict)
    bearers: dict[str, list[str]] = field(default_factory=dict)
    starts: dict[str, list[str]] = field(default_factory=dict)
    """First word -> names, longest first."""
    slugs: dict[str, list[str]] = field(default_factory=dict)

    def candidates(self, text: str, at: int) -> Iterator[str]:
        """Names that stand at a place of the text, longest first."""
        word = _WORD.match(text, at)
        for name in self.starts.get(word.group(), ()) if word else ():
            end = at + len(name)
            if text.startswith(name, at) and not text[end : end + 1].isalnum():
                yield name


_WORD = re.compile(r"[^\s,;:.()*“”'’]+")


def gazetteer(documents: Iterable[Document]) -> Gazetteer:
    """Read titles and other names of all pages that are about one thing."""
    found = Gazetteer()
    names: dict[str, set[str]] = {}
    for page in documents:
        thing = thing_of(page)
        if thing is None:
            continue
        found.things[page.doc_id] = thing
        found.slugs.setdefault(thing.slug, []).append(page.doc_id)
        for name in (thing.name, *thing.aliases):
            names.setdefault(name, set()).add(page.doc_id)
    for name in sorted(names):
        found.bearers[name] = sorted(names[name])
        word = _WORD.match(name)
        if word:
            found.starts.setdefault(word.group(), []).append(name)
    for starts in found.starts.values():
        starts.sort(key=lambda name: (-len(name), name))
    return found


def thing_of(page: Document) -> Thing | None:
    """What a page is about, or None where it is no page of one thing: news, lists, old editions, threads."""
    match = _ENTRY.match(page.url)
    if not match:
        return None
    host, path = match["host"], match["path"]
    slug = path.removeprefix("entry/")
    kind: str | None = None
    if host == "papers.openrecord.example" and path.startswith("abs/"):
        kind = "paper"
    elif host.startswith("shop."):
        kind = "product"
    elif host.startswith("www.") and path in ("", "about", "company"):
        kind = "company" if path == "company" else _named_kind(page.title) or _defined_kind(page.text)
        slug = host.removeprefix("www.").removesuffix(".example")
    elif host.startswith("www.") and path.startswith("entry/"):
        work = slug.rsplit("-", 1)[-1]
        kind = work if work in WORKS else _work_kind(slug) or _named_kind(page.title) or _defined_kind(page.text)
    if kind is None:
        return None
    names = [m["name"].strip() for m in ALSO_CALLED.finditer(page.text)]
    # Of two things of one name one bears in brackets what tells it apart; pages call both by the name alone.
    if page.title.endswith(")") and kind != "paper":
        names.append(re.sub(r" \([^()]*\)$", "", page.title))
    if kind == "river":
        names.append(page.title.removeprefix("River "))
    return Thing(page.doc_id, page.title, kind, slug, tuple(dict.fromkeys(names)))


def short_forms(thing: Thing) -> tuple[str, ...]:
    """Names that mean the thing on a page that has named it: a surname, a company's first word, a product's number."""
    words = re.sub(r" \(.*\)$", "", thing.name).split()
    if len(words) < 2 or thing.kind in ("paper", "town", "region", "country", "event", "award", *WORKS):
        return ()
    if thing.kind == "person":
        return (words[-1],)
    if thing.kind == "product":
        return (words[-1],)
    if thing.kind == "river":
        return ()
    if words[1] == "of":
        return (words[-1],) if thing.kind == "university" else ()
    own = words[0] if words[0] not in ("University",) else words[-1]
    return (f"{words[0]} {words[1]}", f"{words[0]} {words[-1]}", own) if len(words) > 2 else (own,)


def _work_kind(slug: str) -> str | None:
    # "the-last-ferry-novel-2": a second work of one title has a number behind its kind.
    match = re.search(rf"-({'|'.join(WORKS)})-\d+$", slug)
    return match[1] if match else None


def _named_kind(name: str) -> str | None:
    return next((kind for kind, pattern in _NAMED_AS if re.search(pattern, name)), None)


def _defined_kind(text: str) -> str:
    return next((kind for kind, pattern in _DEFINED_AS if re.search(pattern, text)), "town")
