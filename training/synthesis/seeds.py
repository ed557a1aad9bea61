"""Which pages may be an answer or a hidden node: a cascade of filters, each with its count."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from corpus.snapshot import Snapshot
from training.synthesis.index import FactIndex
from training.synthesis.postings import Mask
from training.synthesis.predicates import OUTSIDE, UNKNOWN_KINDS, Kind

GATES = ("length", "structure", "list or meta page", "concrete entity", "degree", "near duplicate", "shared name")
"""In the order in which they are asked. The last concerns answers alone: a name that two pages have names neither."""
ABSTRACT = frozenset(("concept", "theory", "property", "list", "category", "disambiguation", "meta"))
_TITLES = re.compile(
    r"^(lists? of|index of|glossary of|outline of|table of contents|categor(y|ies):|template:|portal:|wikipedia:"
    r"|help:|user:|file:|special:|talk:|index$|glossary$|contents$|bibliography$|about this|copyright)"
    r"|\((disambiguation|list)\)|一覧|列表|^分类:|^模板:|消歧义",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^\s*([-*+•|]|\d+[.)])\s")
MIN_LINES = 20
"""Below so many lines a page is too short to be told from a list."""
LIST_SHARE = 0.9
"""Share of lines that are items from which on a page is a list."""


@dataclass(frozen=True)
class Eligible:
    """Bits by entity. `counts`: gate -> pages it dropped; "pages" and "kept" (hidden) and "answers" beside them.

    "outside" counts what pages name and has no page of its own: it may be a hidden node, since the pages that name it
    state its facts, and it is no answer, since nothing says what else it is called.
    """

    hidden: Mask
    answers: Mask
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """What the first gates read of a page."""

    doc_id: str
    title: str
    text: str
    near_duplicate: bool


def pages_of(snapshot: Snapshot) -> Iterator[Page]:
    """Every page of a snapshot; of a group of near-duplicates all but the first are marked."""
    store = snapshot.store
    for number in range(len(store)):
        first = int(store.near_duplicate_of[number])
        yield Page(store.doc_id(number), store.head(number)[1], store.text(number), first != number)


def eligible(
    index: FactIndex,
    pages: Iterable[Page],
    *,
    chars: tuple[int, int] = (200, 400_000),
    degree: tuple[int, int] = (2, 64),
    hidden_degree: tuple[int, int] = (2, 64),
    min_facts: int = 2,
) -> Eligible:
    """Entities that pass every gate. Pages that are no entity are counted and dropped as "no entity".

    `degree` and `hidden_degree` bound how many other entities an answer and a hidden node are joined to.
    """
    dropped: Counter[str] = Counter(dict.fromkeys(("no entity", *GATES), 0))
    hidden = np.zeros(index.size, np.bool_)
    count = 0
    for page in pages:
        count += 1
        reason = _refused(index, page, chars, hidden_degree, min_facts)
        if reason:
            dropped[reason] += 1
        else:
            hidden[index.number[page.doc_id]] = True
    kept = int(hidden.sum())
    answers = hidden & (index.degrees >= degree[0]) & (index.degrees <= degree[1])
    shared = _shared_names(index)
    dropped["shared name"] = int(np.count_nonzero(answers & shared))
    answers &= ~shared
    outside = _outside(index, hidden_degree, min_facts)
    left = {"kept": kept, "outside": int(outside.sum()), "answers": int(answers.sum())}
    return Eligible(hidden | outside, answers, {"pages": count, **dropped, **left})


def is_list(text: str) -> bool:
    """Whether nearly every line of the text is an item of a list or a row of a table."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) >= MIN_LINES and sum(bool(_ITEM.match(line)) for line in lines) >= LIST_SHARE * len(lines)


def _refused(
    index: FactIndex, page: Page, chars: tuple[int, int], degree: tuple[int, int], min_facts: int
) -> str | None:
    """The first gate that the page does not pass."""
    number = index.number.get(page.doc_id)
    if number is None:
        return "no entity"
    if not chars[0] <= len(page.text) <= chars[1]:
        return "length"
    if is_list(page.text):
        return "structure"
    if _TITLES.search(page.title):
        return "list or meta page"
    kind = index.kind(number)
    if (
        kind in ABSTRACT
        or (kind in UNKNOWN_KINDS and not index.links)
        or (not index.links and len(index.facts_of(number)) < min_facts)
    ):
        return "concrete entity"
    if not degree[0] <= index.degrees[number] <= degree[1]:
        return "degree"
    return "near duplicate" if page.near_duplicate else None


def _outside(index: FactIndex, degree: tuple[int, int], min_facts: int) -> Mask:
    """Entities without a page that pass the gates that read none."""
    mask = np.zeros(index.size, np.bool_)
    if OUTSIDE in index.kind_names:
        for number in np.flatnonzero(index.mask(Kind(kind=OUTSIDE), "closed")).tolist():
            mask[number] = (
                degree[0] <= index.degrees[number] <= degree[1]
                and len(index.facts_of(number)) >= min_facts
                and not _TITLES.search(index.base.entities[index.ids[number]].name)
            )
    return mask


def _shared_names(index: FactIndex) -> Mask:
    """Entities one of whose names, case aside, another has too."""
    owners: dict[str, set[int]] = {}
    for doc_id, entity in index.base.entities.items():
        for name in (entity.name, *entity.aliases):
            owners.setdefault(name.casefold().strip(), set()).add(index.number[doc_id])
    mask = np.zeros(index.size, np.bool_)
    for who in owners.values():
        if len(who) > 1:
            mask[sorted(who)] = True
    return mask
