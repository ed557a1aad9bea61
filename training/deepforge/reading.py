"""Step 3 without a model and without facts: what a page says of its subject, by fields, first words and links."""

from __future__ import annotations

import re
from collections.abc import Iterator

from corpus.scoring.dates import parse_date
from corpus.scoring.numbers import parse_quantity
from training.deepforge.lint import lint
from training.deepforge.rows import Known, Property, Saying, Tie, bare
from training.deepforge.vague import counted, dated
from training.deepforge.web import Text, Web

PROPERTIES = 12
TIES = 24
"""Of a page that are kept, at most."""
_WORDS_BEFORE = 6
_DEFINED = re.compile(
    r"(?:\b(?:is|was|are|were)|,) (?:a|an) ((?:[a-z][a-z-]+ ){0,3}?[a-z][a-z-]+)"
    r"(?= (?:who|that|which|in|of|on|by|from|for|with|at|and|known|located|made|used)\b|[,.;(])"
)
_NOTE = re.compile(r"\(([a-z][a-z ]{2,30})\)$")
_FIELD = re.compile(r"^\s*(?:\|\s*)?([^|:\n]{2,40}?)\s*[|:]\s*([^|\n]{1,120}?)\s*\|?\s*$", re.MULTILINE)
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?!\s|$)[^.!?\n]*)*[.!?]?")
_NAME = r"(?:[A-Z][\w’'-]*|\d(?:[\d.,]*\d)?)"
_NAMES = re.compile(rf"{_NAME}(?:\s+(?:of\s+|the\s+)?{_NAME})*")
_BLAND = frozenset(
    "the and for was were are has had his her its she they one that this with from not but all also".split()
)
_PLAIN = re.compile(r"[a-z][a-z ,-]{2,40}")


async def read_page(page: Text, web: Web) -> Known:
    """Of a served page, by rules; every property and tie has the page's URL."""
    ties = []
    for link in (await web.links(page.doc_id)).out:
        if link.doc_id is None or link.doc_id == page.doc_id:
            continue
        words = words_before(page.text, link.anchor, page.title)
        if words:
            ties.append(Tie((await web.text(link.doc_id)).title, link.doc_id, words, page.url))
        if len(ties) == TIES:
            break
    kinds = {tie.name: tie for tie in reversed(ties)}
    return Known(
        page.title, page.doc_id, page.url, kind_of(page), tuple(properties(page)), tuple(reversed(kinds.values()))
    )


def kind_of(page: Text) -> str:
    """A noun: the note in brackets of the title, or what the first words say that it is; "" where they do not."""
    note = _NOTE.search(page.title)
    if note:
        return note[1]
    name = bare(page.title)
    for sentence in _sentences(page.text[:3_000]):
        found = _DEFINED.search(sentence)
        if found and name.split()[-1] in sentence[: found.start()]:
            return found[1]
    return ""


def properties(page: Text) -> Iterator[Property]:
    """Fields of the page, "Key: value" and rows of two cells, that can be said vaguely or are a few plain words."""
    seen: set[str] = set()
    for match in _FIELD.finditer(page.text):
        label, value = match[1].strip(" *#-"), match[2].strip()
        if label in seen or not label or not value or "http" in value or len(label.split()) > 4 or "---" in value:
            continue
        if label in page.title:  # a title with a colon is no field
            continue
        seen.add(label)
        sayings = tuple(one for one in said_vaguely(label, value) if not lint(one.phrase))
        if sayings:
            yield Property(label, value, page.url, sayings)
        if len(seen) == PROPERTIES:
            return


def said_vaguely(label: str, value: str) -> tuple[Saying, ...]:
    """Sayings of a field from vague to vaguer; empty where it cannot be said without what is exact."""
    low = label.lower()
    date = parse_date(value)
    if date is not None and date.year is not None:
        return dated(low, date.year)
    quantity = parse_quantity(value)
    if quantity is not None and not re.search(r"[°%]", value):
        found = re.match(r"[\d.,]+", value)
        number = float(found[0].replace(",", "").rstrip(".")) if found and found[0].count(".") <= 1 else None
        return counted(low, number, "") if number is not None else ()
    if _PLAIN.fullmatch(value):
        return (Saying(f"has for “{low}” the words “{value}”"),)
    return ()


def words_before(text: str, anchor: str, title: str) -> str:
    """The words of a sentence that lead to an anchor, without names, numbers and words of the title; "" where there are
    none."""
    found = re.search(rf"(?<!\w){re.escape(anchor)}(?!\w)", text) if anchor else None
    if found is None:
        return ""
    start = max(text.rfind("\n", 0, found.start()), text.rfind(". ", 0, found.start()) + 1) + 1
    before = text[start : found.start()]
    if "|" in before:
        return ""
    before = re.sub(r"[*“”\"#\[\]()]", "", before).strip()
    own = {word.casefold() for word in re.findall(r"\w+", title) if word[0].isupper()}
    first = re.match(r"(\w+)\b(?! [A-Z])", before)
    # A capital begins a sentence, too: a name is there what the title has, or what another capital follows.
    if first and first[1].casefold() not in own:
        before = before[:1].lower() + before[1:]
    before = re.sub(r"…(?:\s*…)*", "…", _NAMES.sub("…", before))
    phrase = " ".join(before.split()[-_WORDS_BEFORE:]).strip(" ,;:")
    telling = [word for word in re.findall(r"[a-z]{3,}", phrase) if word not in _BLAND]
    return phrase if telling and len(phrase) <= 80 and not lint(phrase) else ""


def _sentences(text: str) -> Iterator[str]:
    for match in _SENTENCE.finditer(text):
        if len(match[0]) > 10:
            yield match[0]
