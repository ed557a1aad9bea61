"""Facts of an encyclopedia of computing: the category of an entry, and where it says "see also" or "compare"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from corpus.facts.records import Entity, Relation, Statement
from corpus.facts.values import text_value
from corpus.records import Document

BASE = "https://foldoc.org/"
_TERM = ("term",)
FOLDOC_RELATIONS: tuple[Relation, ...] = (
    Relation("category", "is an entry of the category", _TERM, "text"),
    Relation("see_also", "refers the reader also to", _TERM, "entity", _TERM, "seen_from"),
    Relation("seen_from", "is referred to, as further reading, by", _TERM, "entity", _TERM, "see_also"),
    Relation("compare", "is to be compared with", _TERM, "entity", _TERM, "compared_from"),
    Relation("compared_from", "is named for comparison by", _TERM, "entity", _TERM, "compare"),
)
# The sentence that refers ends at the next full stop: "See also bot, spider. It was ...", not "neats vs. scruffies".
_REFERS = re.compile(r"\b(?P<how>See also|Compare(?: with)?)\b:?\s+(?P<what>(?:[^.;()\[\]]|\.(?=[^\s)]| [a-z]))+)")
_CATEGORY = re.compile(r"^(?P<meaning>\d+\. )?<(?P<names>[A-Za-z][\w ,/+.'&-]{1,78})>", re.MULTILINE)
_NOTHING_ELSE = re.compile(r"(?:,|and|or|also|the|an?|both|\s)*")


def is_foldoc_page(document: Document) -> bool:
    return document.url.startswith(BASE)


def foldoc_entity(document: Document, aliases: tuple[str, ...]) -> Entity:
    return Entity(document.doc_id, document.title, "term", tuple(name for name in aliases if name != document.title))


def foldoc_statements(document: Document, targets: Mapping[str, str]) -> Iterator[Statement]:
    """`targets` is {url: doc_id}. An entry with several meanings has the categories of all, which are numbered."""
    doc_id, text = document.doc_id, document.text
    for number, names in enumerate(_CATEGORY.finditer(text)):
        if number and not names["meaning"]:
            continue  # one who speaks in a log: "<purl> well, perlfunc?"
        at = names.start("names")
        for name in names["names"].split(","):
            start = at + len(name) - len(name.lstrip())
            yield Statement(doc_id, "category", None, text_value(name), doc_id, start, at + len(name.rstrip()))
            at += len(name) + 1
    links = sorted((link for link in document.links if link.start is not None), key=lambda link: link.start or 0)
    for refers in _REFERS.finditer(text):
        relation = "see_also" if refers["how"] == "See also" else "compare"
        at = refers.start("what")
        for link in links:
            if link.start is None or link.end is None or not at <= link.start < refers.end():
                continue
            # Only a list of names: behind other words the sentence has gone on to something else.
            if not _NOTHING_ELSE.fullmatch(text[at : link.start]):
                break
            at = link.end
            target = targets.get(link.url)
            if target is not None and target != doc_id:
                yield Statement(doc_id, relation, target, None, doc_id, link.start, link.end)
