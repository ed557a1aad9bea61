"""Cutting a document's text: into sections by its headings, into passages to index, into pages to fetch."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from corpus.records import Section, SectionRow

PASSAGE_CHARS = 1000
OVERLAP_CHARS = 0
WHOLE = 2
"""A page of at most so many times the size of a passage is one passage; docs/decisions.md has the figures."""
MAX_SECTIONS = 5000
"""Headings of a page that count as such; every fetch lists them."""
MAX_HEADING_CHARS = 300
"""A longer heading is cut: it is indexed with every passage below it."""

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.*)$", re.MULTILINE)
_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?^\1", re.MULTILINE | re.DOTALL)
_ASCII_STOPS, _STOPS = ".!?", ".!?。！？"
_SENTENCE_END = re.compile(r"[.!?]['\")\]»”’]*\s+|[。！？]['\")\]」』”’]*")


def sections_of(text: str) -> list[Section]:
    """Sections of a Markdown text in reading order; a `#` inside a fenced code block is no heading."""
    fences = [match.span() for match in _FENCE.finditer(text)] if "```" in text or "~~~" in text else []
    found: list[tuple[int, int, str]] = []
    fence = 0
    for match in _HEADING.finditer(text):
        while fence < len(fences) and fences[fence][1] <= match.start():
            fence += 1
        if fence < len(fences) and fences[fence][0] <= match.start():
            continue
        if len(found) == MAX_SECTIONS:
            break
        if title := _heading_title(match.group(2)):
            found.append((match.start(), len(match.group(1)), title))
    ends = [len(text)] * len(found)
    open_sections: list[int] = []
    for i, (start, level, _) in enumerate(found):
        while open_sections and found[open_sections[-1]][1] >= level:
            ends[open_sections.pop()] = start
        open_sections.append(i)
    return [Section(title, level, start, ends[i]) for i, (start, level, title) in enumerate(found)]


def _heading_title(words: str) -> str:
    """A heading's words without the `##` that may close it; "C#" keeps its sign."""
    title = words.strip()[:MAX_HEADING_CHARS]
    opened = title.rstrip("#")
    return opened.rstrip() if not opened or opened[-1] in " \t" else title


def passages_in(text: str, *, size: int = PASSAGE_CHARS, overlap: int = OVERLAP_CHARS) -> list[tuple[int, int]]:
    """Spans of a page's passages: as `split_text` cuts it, or the whole of a short one."""
    return (
        split_text(text, size=size, overlap=overlap) if len(text) > WHOLE * size else split_text(text, size=len(text))
    )


def split_text(text: str, *, size: int = PASSAGE_CHARS, overlap: int = OVERLAP_CHARS) -> list[tuple[int, int]]:
    """Spans of at most `size` characters that cover the text but for white space at their edges.

    A cut falls in the second half of the window, at the best place there is: before a heading, else after a blank
    line, a line, a sentence, a word, else anywhere. Each passage but the first starts up to `overlap` characters
    (0 <= overlap < size / 2) before the end of the one before, at a word. A text with nothing to show gives [(0, 0)],
    so that a page which has only a title can still be found.
    """
    spans: list[tuple[int, int]] = []
    start, length = _skip_space(text, 0), len(text)
    while start < length:
        cut = length if length - start <= size else _cut(text, start + size // 2, start + size)
        end = start + len(text[start:cut].rstrip())
        if end > start:
            spans.append((start, end))
        next_start = _skip_space(text, cut)
        if overlap and next_start < length:
            space = text.find(" ", cut - overlap, cut)
            next_start = _skip_space(text, space + 1) if space >= 0 else next_start
        start = max(next_start, start + 1)
    return spans or [(0, 0)]


def split_pages(text: str, page_chars: int) -> list[tuple[int, int]]:
    """Spans of at most `page_chars` characters that cover the text without a gap; at least one, even if empty."""
    spans: list[tuple[int, int]] = []
    start, length = 0, len(text)
    while length - start > page_chars:
        cut = _cut(text, start + page_chars // 2, start + page_chars)
        spans.append((start, cut))
        start = cut
    return [*spans, (start, length)]


def _cut(text: str, low: int, high: int) -> int:
    """The best place to cut in text[low:high], as an offset greater than `low`."""
    low = max(low, 0)
    for mark, offset in (("\n#", 1), ("\n\n", 2), ("\n", 1)):
        at = text.rfind(mark, low, high)
        if at >= 0:
            return at + offset
    # From the back: what a match takes up behind a full stop holds no other, so the last match is the same.
    stop = _last_stop(text, low, high)
    while stop >= 0:
        if match := _SENTENCE_END.match(text, stop, high):
            return match.end()
        stop = _last_stop(text, low, stop)
    at = text.rfind(" ", low, high)
    return at + 1 if at >= 0 else high


def _last_stop(text: str, low: int, high: int) -> int:
    return max([text.rfind(mark, low, high) for mark in (_ASCII_STOPS if text.isascii() else _STOPS)])


def _skip_space(text: str, offset: int) -> int:
    length = len(text)
    while offset < length and text[offset].isspace():
        offset += 1
    return offset


def page_of(pages: list[tuple[int, int]], offset: int) -> int:
    """Number, from 1, of the page that holds a character."""
    for number, (_, end) in enumerate(pages, 1):
        if offset < end:
            return number
    return len(pages)


def innermost_section(sections: Sequence[SectionRow], starts: Sequence[int], offset: int) -> str | None:
    """Title of the innermost section that holds a character, or None before the first heading.

    `starts` are those of the sections, which stand in reading order.
    """
    for at in range(bisect_right(starts, offset) - 1, -1, -1):
        title, _, _, end = sections[at]
        if offset < end:
            return title
    return None
