"""What a content fault makes of a page. Pure: equal page and fault, equal page.

A fault changes the page itself, before it is cut into parts, searched or rendered: so fetch, find, extract and links of
a truncated page agree, and offsets are those of the text that is shown. Only a captcha and a stale page move text;
what a truncated or paywalled page shows stands where it stands in `Document.text`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date as Date
from datetime import timedelta

from corpus.records import ImageRow, LinkRow, SectionRow
from env_server.weather.streams import base_of, unit

PAGE_FAULTS = ("truncated", "stale", "paywalled", "captcha")
RANKING_FAULTS = ("empty", "shuffled")
CONTENT_FAULTS = (*PAGE_FAULTS, *RANKING_FAULTS)
"""Where several are drawn for a call, the first in this order is the one it meets."""

CAPTCHA_TITLE = "Checking your browser"
CAPTCHA_TEXT = (
    "# Checking your browser\n\nThis site wants to be sure that you are a person. Enable JavaScript and cookies, "
    "solve the puzzle below, and the page will load.\n"
)
PAYWALL_NOTICE = "\n\n---\n\nThe rest of this page is for subscribers. Log in or subscribe to read on.\n"

_BLANK = re.compile(r"\n[ \t]*\n\s*")
_ISO = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")


@dataclass(frozen=True, slots=True)
class ContentFault:
    """One drawn content fault, as it reaches the service: a part of the view, so of its digest.

    `level`: of a truncated page the share of the text that is shown, of a stale one the share of its paragraphs that
    are missing, of a paywalled one the characters shown. `days`: how old a stale page is. `seed`: which paragraphs are
    missing, in which order hits are shuffled. Kinds that do not use a field leave it 0, so that episodes share answers.
    """

    kind: str
    level: float = 0.0
    days: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in CONTENT_FAULTS:
            raise ValueError(f"Unknown content fault {self.kind!r}: use one of {', '.join(CONTENT_FAULTS)}.")
        if not 0 <= self.level < 1e9 or (self.kind != "paywalled" and self.level > 1) or self.days < 0:
            raise ValueError(f"{self.kind}: a level of {self.level} and {self.days} days are out of range.")


@dataclass(slots=True)
class Page:
    """A page as a view shows it, or will once `page_under` has changed it.

    `places` says of each of `links` which of the stored page's links it is, as the link graph counts; `whole` is False
    where the text is no longer the stored one.
    """

    title: str
    text: str
    date: str | None
    language: str | None
    sections: Sequence[SectionRow]
    links: Sequence[LinkRow]
    places: Sequence[int]
    images: Sequence[ImageRow]
    whole: bool = True


def page_under(page: Page, fault: ContentFault | None, *, doc_id: str = "") -> Page:
    """The page that a fault leaves; faults of rankings leave it as it is. `doc_id` is an ingredient of a stale one."""
    if fault is None or fault.kind in RANKING_FAULTS:
        return page
    if fault.kind == "captcha":
        title = CAPTCHA_TITLE
        return Page(title, CAPTCHA_TEXT, None, "en", [(title, 1, 0, len(CAPTCHA_TEXT))], [], [], [], whole=False)
    spans = _spans(page.text, fault, doc_id)
    if fault.kind == "truncated":
        return page if spans == [(0, len(page.text))] else _only(page, spans)
    if fault.kind == "paywalled":
        return _only(page, spans, behind=PAYWALL_NOTICE)
    date = earlier(page.date, fault.days)
    banner = f"This is a saved copy of {date}." if date else "This is an older saved copy."
    return replace(_only(page, spans, before=f"{banner} The page may have changed since.\n\n"), date=date)


def passage_under(
    text: str, start: int, end: int, fault: ContentFault | None, *, doc_id: str = "", page_chars: int | None = None
) -> str:
    """What of a span of a page's text is there under a fault and a bound of the page: "" where nothing of it is.

    What a fault puts beside the text (a notice, a line on top) is on the page and not in its passages.
    """
    shown = text if page_chars is None else text[:page_chars]
    if fault is None or fault.kind in RANKING_FAULTS:
        return shown[start:end]
    spans = _spans(shown, fault, doc_id)
    return "".join(shown[max(start, low) : min(end, high)] for low, high in spans if low < end and high > start)


def _spans(text: str, fault: ContentFault, doc_id: str) -> list[tuple[int, int]]:
    """The parts of a page's text (ascending, apart) that a page fault leaves."""
    if fault.kind == "captcha":
        return []
    if fault.kind == "truncated":
        return [(0, int(len(text) * fault.level))]
    if fault.kind == "paywalled":
        # Something is held back of a short page too.
        shown = min(int(fault.level), len(text) // 2)
        space = text.rfind(" ", max(0, shown - 40), shown)
        return [(0, space if space > 0 else shown)]
    return _stale_spans(text, fault, doc_id)


def shortened(page: Page, chars: int) -> Page:
    """The page with no more than the first `chars` characters of its text."""
    return page if len(page.text) <= chars else _only(page, [(0, max(0, chars))])


def earlier(date: str | None, days: int) -> str | None:
    """An ISO date so many days before, as exact as it was given ("2014-06" gives a month). None stays None."""
    if date is None or not _ISO.fullmatch(date):
        return None
    try:
        day = Date.fromisoformat((date + "-01-01")[:10] if len(date) == 4 else (date + "-01")[:10])
        return (day - timedelta(days=days)).isoformat()[: len(date)]
    except (ValueError, OverflowError):
        return None


def _stale_spans(text: str, fault: ContentFault, doc_id: str) -> list[tuple[int, int]]:
    """An older copy, as far as one version of a page can show it: its date is set back, a line on top says so, and a
    share of its paragraphs, headings excepted, is not there yet. Nothing is invented and no figure is changed.
    """
    base = base_of(fault.seed, b"stale", doc_id.encode())
    spans: list[tuple[int, int]] = []
    blocks = _blocks(text)
    for place, (start, end) in enumerate(blocks):
        if text.startswith("#", start) or unit(base, b"%d" % place) >= fault.level:
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
    return spans or blocks[:1]


def _blocks(text: str) -> list[tuple[int, int]]:
    """Spans between blank lines, each with the blank lines behind it; together they are the text."""
    ends = [match.end() for match in _BLANK.finditer(text)]
    if not ends or ends[-1] < len(text):
        ends.append(len(text))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _only(page: Page, spans: Sequence[tuple[int, int]], *, before: str = "", behind: str = "") -> Page:
    """The page with only some spans (ascending, apart) of its text, between two other texts.

    Sections whose whole heading is left stay, their ends drawn in; links stay where their whole anchor is left, and
    those without a place in the text go. Of the pictures, which have no place, as large a share stays as of the text.
    """
    starts = [start for start, _ in spans]
    ends = [end for _, end in spans]
    begins, size = [], len(before)
    for start, end in spans:
        begins.append(size)
        size += end - start

    def moved(at: int) -> int:
        span = bisect_right(starts, at) - 1
        return len(before) if span < 0 else begins[span] + min(at, ends[span]) - starts[span]

    def kept(start: int, end: int) -> bool:
        span = bisect_right(starts, start) - 1
        return span >= 0 and start < ends[span] and end <= ends[span]

    shown = sum(end - start for start, end in spans)
    linked = [
        (place, (url, anchor, moved(start), moved(end)))
        for place, (url, anchor, start, end) in zip(page.places, page.links, strict=True)
        if start is not None and end is not None and kept(start, end)
    ]
    return Page(
        title=page.title,
        text="".join([before, *(page.text[start:end] for start, end in spans), behind]),
        date=page.date,
        language=page.language,
        sections=[
            (title, level, moved(start), moved(end))
            for title, level, start, end in page.sections
            if kept(start, _line_end(page.text, start))
        ],
        links=[link for _, link in linked],
        places=[place for place, _ in linked],
        images=page.images[: len(page.images) * shown // max(1, len(page.text))],
        whole=False,
    )


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
