"""Reading one page: its Markdown with links, finding in it, and the parts that answer a goal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from corpus.analyzers import query_terms, text_terms
from corpus.errors import BadQuery
from corpus.passages import innermost_section, page_of, split_pages, split_text
from corpus.records import Link, Section

EXTRACT_CHARS = 400
"""Length of the parts that `extract` chooses from: two or three sentences."""
_K1, _B = 1.2, 0.75
MAX_COUNTED = 10_000
"""Matches on a page that are counted; the total of a pattern with more is this number."""


def render_markdown(text: str, links: Sequence[Link], start: int, end: int) -> str:
    """text[start:end] with its links written as [anchor](url). A link cut by an edge is left as plain text."""
    parts, at = [], start
    for link in links:
        if link.start is None or link.end is None or link.start < at or link.end > end:
            continue
        # A parenthesis would end the target early; escapes keep the URL the same.
        url = link.url.replace("(", "%28").replace(")", "%29")
        parts += [text[at : link.start], "[", text[link.start : link.end], "](", url, ")"]
        at = link.end
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
    sections: list[Section],
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
    import re2

    if not pattern:
        raise BadQuery("The pattern is empty. Give words to find on the page.")
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
    pages = split_pages(text, page_chars)
    matches, total = [], 0
    for match in compiled.finditer(text):
        start, end = match.span()
        if start == end:
            continue
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
                    innermost_section(sections, start),
                    page_of(pages, start),
                )
            )
    return matches, total


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
    sections: list[Section],
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
    counted = [Counter(text_terms(text[start:end], language, languages)) for start, end in spans]
    lengths = [sum(counts.values()) for counts in counted]
    average = max(sum(lengths) / len(lengths), 1.0)
    weights = {}
    for term in terms:
        frequency = document_frequency(term)
        weights[term] = math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))
    scored = []
    for (start, end), counts, length in zip(spans, counted, lengths, strict=True):
        score = math.fsum(
            weights[t] * counts[t] * (_K1 + 1) / (counts[t] + _K1 * (1 - _B + _B * length / average)) for t in terms
        )
        if score > 0:
            scored.append((round(score, 4), start, end))
    scored.sort(key=lambda item: (-item[0], item[1]))
    chosen: list[Extract] = []
    left = max_chars
    for score, start, end in scored:
        if end - start > left:
            if chosen:
                continue
            end = start + left  # one part at least, cut rather than nothing
        left -= end - start
        chosen.append(Extract(start, end, text[start:end], innermost_section(sections, start), score))
    return chosen
