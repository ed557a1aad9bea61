"""Reading one page: its Markdown with links, finding in it, and the parts that answer a goal."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from corpus.analyzers import is_plain, query_terms, text_terms
from corpus.errors import BadQuery
from corpus.passages import innermost_section, split_pages, split_text
from corpus.records import Link, LinkRow, SectionRow
from corpus.rendered_store import target_of

EXTRACT_CHARS = 400
"""Length of the parts that `extract` chooses from: two or three sentences."""
_K1, _B = 1.2, 0.75
MAX_COUNTED = 10_000
"""Matches on a page that are counted; the total of a pattern with more is this number."""


def render_markdown(text: str, links: Iterable[Link], start: int, end: int) -> str:
    """text[start:end] with its links written as [anchor](url). A link cut by an edge is left as plain text."""
    return render_rows(text, ((link.url, link.anchor, link.start, link.end) for link in links), start, end)


def render_rows(text: str, links: Iterable[LinkRow], start: int, end: int) -> str:
    """The same with links as they are stored."""
    parts, at = [], start
    for url, _, first, last in links:
        if first is None or last is None or first < at or last > end:
            continue
        parts.append(f"{text[at:first]}[{text[first:last]}]({target_of(url)})")
        at = last
    parts.append(text[at:end])
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class Match:
    """One place where a pattern stands; `page` counts pages of the default length from 1."""

    start: int
    end: int
    text: str
    before: str
    after: str
    section: str | None
    page: int


def find_in_text(
    text: str,
    sections: Sequence[SectionRow],
    pattern: str,
    *,
    regex: bool,
    context_chars: int,
    page_chars: int,
    limit: int = 100,
) -> tuple[list[Match], int]:
    """(the first `limit` matches, how many there are up to MAX_COUNTED). Words match in any case, a regex in its own.

    Regular expressions are RE2's: linear in the text whatever the pattern, so no look-around and no back-references.
    Raises BadQuery for a pattern that is empty or that RE2 refuses.
    """
    if not pattern:
        raise BadQuery("The pattern is empty. Give words to find on the page.")
    folded = None if regex else _folded(text, pattern)
    places = _expression_places(text, pattern, regex) if folded is None else _word_places(folded, pattern.lower())
    page_ends = [end for _, end in split_pages(text, page_chars)]
    section_starts = [start for _, _, start, _ in sections]
    matches, total = [], 0
    for start, end in places:
        total += 1
        if total == MAX_COUNTED:  # a pattern such as "." has a million matches on a long page, which nobody counts
            break
        if total <= limit:
            matches.append(
                Match(
                    start,
                    end,
                    text[start:end],
                    text[max(0, start - context_chars) : start],
                    text[end : end + context_chars],
                    innermost_section(sections, section_starts, start),
                    min(bisect_right(page_ends, start) + 1, len(page_ends)),
                )
            )
    return matches, total


def _folded(text: str, pattern: str) -> str | None:
    """A text in which a lower-case pattern of ASCII stands wherever RE2 finds it in any case, or None.

    Besides its own two forms RE2 takes the Kelvin sign for a k, whose lower case it is, and the long s for an s.
    """
    if not pattern.isascii():
        return None
    lower = text.lower()
    if text.isascii():
        return lower
    # İ alone becomes two characters, which would move all behind it.
    return lower.replace("ſ", "s") if len(lower) == len(text) else None


def _word_places(text: str, pattern: str) -> Iterator[tuple[int, int]]:
    size = len(pattern)
    at = text.find(pattern)
    while at >= 0:
        yield at, at + size
        at = text.find(pattern, at + size)


def _expression_places(text: str, pattern: str, regex: bool) -> Iterator[tuple[int, int]]:
    """Start and end of what RE2 finds, where it is not empty. Raises BadQuery at once."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = regex
    options.max_mem = 8 << 20
    try:
        compiled = re2.compile(pattern if regex else re2.escape(pattern), options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error.args[0])
        raise BadQuery(
            f"The regular expression was refused: {reason}. RE2 has no look-around and no back-references."
        ) from error
    spans = (match.span() for match in compiled.finditer(text))
    return ((start, end) for start, end in spans if start != end)


@dataclass(frozen=True, slots=True)
class Extract:
    """A part of a page chosen for a goal; scores are comparable within one page and goal."""

    start: int
    end: int
    text: str
    section: str | None
    score: float


def extract_for_goal(
    text: str,
    sections: Sequence[SectionRow],
    goal: str,
    *,
    max_chars: int,
    document_frequency: Callable[[str], int],
    passages: int,
    language: str | None = None,
    languages: Sequence[str] = (),
) -> list[Extract]:
    """Parts of a page that speak of a goal, best first, at most `max_chars` characters in all.

    BM25 over parts of EXTRACT_CHARS characters, with the rarity of words taken from the whole snapshot of `passages`
    passages. Nothing in common gives nothing. Ties break by place. `language` is the page's, `languages` those that
    the snapshot stems.
    """
    terms = query_terms(goal, languages=languages)
    spans = split_text(text, size=EXTRACT_CHARS)
    begins = tuple((term, _beginning(term)) for term in terms)
    counted = [_counted(text[start:end], begins, language, languages) for start, end in spans]
    average = max(sum(length for _, length in counted) / len(counted), 1.0)
    weights = {}
    for term in terms:
        frequency = document_frequency(term)
        weights[term] = math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))
    scored = []
    for (start, end), (counts, length) in zip(spans, counted, strict=True):
        if counts:
            norm = _K1 * (1 - _B + _B * length / average)
            score = math.fsum(weights[t] * count * (_K1 + 1) / (count + norm) for t, count in counts.items())
            if score > 0:
                scored.append((round(score, 4), start, end))
    scored.sort(key=lambda item: (-item[0], item[1]))
    section_starts = [start for _, _, start, _ in sections]
    chosen: list[Extract] = []
    left = max_chars
    for score, start, end in scored:
        if end - start > left:
            if chosen:
                continue
            end = start + left  # one part at least, cut rather than nothing
        left -= end - start
        chosen.append(Extract(start, end, text[start:end], innermost_section(sections, section_starts, start), score))
    return chosen


def _counted(
    part: str, begins: Sequence[tuple[str, str]], language: str | None, languages: Sequence[str]
) -> tuple[dict[str, int], int]:
    """(how often each term stands in a part, where it does; how many terms the part has in all)."""
    # Of plain text only the words that may become one of the terms go through the analyzer, which takes nearly all of
    # the time otherwise.
    plain = part if part.isascii() else _NOT_ASCII.sub(_ascii_for, part)
    long = _LONG if plain is part else _LONG_MARKED
    shape = plain.encode().translate(_SHAPES) if is_plain(plain, language, languages) else long
    if long in shape:
        found = Counter(text_terms(part, language, languages))
        return {term: found[term] for term, _ in begins if found[term]}, sum(found.values())
    lower, counts = plain.lower(), dict[str, int]()
    for term, begin in begins:
        at = lower.find(begin)
        while at >= 0:
            end = shape.find(b" ", at)
            end = len(shape) if end < 0 else end
            if (not at or shape[at - 1] == _SPACE) and _stem(lower[at:end]) == term:
                counts[term] = counts.get(term, 0) + 1
            at = lower.find(begin, max(end, at + 1))
    return counts, shape.count(b" a") + shape.startswith(b"a")


_SHAPES = bytes(97 if chr(code).isalnum() and code < 128 else 32 for code in range(256))
"""Letters and digits of ASCII as "a", all else as a space."""
_SPACE = 32
_LONG, _LONG_MARKED = b"a" * 64, b"a" * 21
"""The analyzer drops words as long as this, and a count of words here would not; its length is in bytes of UTF-8, of
which a letter that became ASCII had three at most."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def _ascii_for(match: re.Match[str]) -> str:
    letter = match.group()
    return _ascii_letters().get(letter, letter)


@cache
def _ascii_letters() -> dict[str, str]:
    """What the analyzer takes for one letter of ASCII (é) or for the end of a word (–), by asking it."""
    table = {}
    for code in (*range(0x80, 0x250), *range(0x2000, 0x2300)):
        terms = text_terms(f"7{chr(code)}7")
        if terms == ["7", "7"]:
            table[chr(code)] = " "
        elif len(terms) == 1 and len(terms[0]) == 3 and terms[0].isascii():
            table[chr(code)] = terms[0][1]
    return table


@lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    """The one term of a word of ASCII letters and digits."""
    return text_terms(word)[0]


def _beginning(term: str) -> str:
    """How every word of ASCII begins that the English stemmer makes into a term: it changes one letter at the end.

    But "dying" becomes "die", and so does every word of one letter and "ying". A term of other letters stands in no
    such word, nor does what is given for it here.
    """
    return term[:1] if len(term) == 3 and term.endswith("ie") else term[:-1] or term
