"""Markdown being written: lines, the gaps between them, list and quote prefixes, fenced code, and exact link spans."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from corpus.extraction.tables import Span, Table
from corpus.records import Link

MAX_INDENTS = 12
"""Lists and quotes nested deeper than this keep their text but get no further prefix."""

_INVISIBLE = dict.fromkeys(map(ord, "\xad\u200b\u2060\ufeff"))
_BACKTICKS = re.compile(r"`{3,}")

Leave = Callable[[], None]


@dataclass(slots=True)
class Run:
    """One line in the making: folded words, and the anchors that fell on it. Spans count from its beginning."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    space: bool = False
    spans: list[Span] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)


@dataclass(slots=True)
class _Indent:
    first: str
    rest: str
    used: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in what has been written, to which `MarkdownWriter.rewind` can go back."""

    chars: int
    lines: int
    length: int
    gap: int
    links: int
    used: tuple[bool, ...]
    run: Run
    run_state: tuple[int, int, bool, int]


class MarkdownWriter:
    """Words go in with `words`, blocks are marked with `block`; `text` and `links` are what came of it."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.length = 0
        self.chars = 0
        """Visible characters taken in so far, of words only."""
        self.gap = 0
        """Line breaks due before the next line."""
        self.flat = False
        """Inside a heading or a table cell, where everything stays on one line."""
        self.raw = False
        """Inside <pre>, where whitespace counts."""
        self.run = Run()
        self._out: list[str] = []
        self._indents: list[_Indent] = []
        self._url: str | None = None
        self._anchor_start: int | None = None

    @property
    def text(self) -> str:
        return "".join(self._out)

    # -- the line at hand

    def words(self, text: str) -> None:
        """Add text as it stands in the page; whitespace is folded, across calls too, except in `raw`."""
        if not text.isascii():
            text = text.translate(_INVISIBLE)
        run, words = self.run, text.split()
        if self.raw:
            lead = len(text) - len(text.lstrip())
        elif words:
            if run.length and (run.space or text[0].isspace()):
                run.parts.append(" ")
                run.length += 1
            run.space = text[-1].isspace()
            lead, text = 0, " ".join(words)
        else:
            run.space = run.space or bool(text)
            return
        if words and self._url is not None and self._anchor_start is None:
            self._anchor_start = run.length + lead
        run.parts.append(text)
        run.length += len(text)
        self.chars += len(text)

    def begin_anchor(self, url: str | None) -> None:
        """What follows points to `url`, or nowhere in particular. Anchors do not nest."""
        self._close_anchor()
        self._url, self._anchor_start = url, None

    def _close_anchor(self) -> None:
        if self._url is not None and self._anchor_start is not None:
            self.run.spans.append((self._anchor_start, self.run.length, self._url))
            self._url = self._anchor_start = None

    def mark(self) -> Mark:
        """The place at hand. Good for `rewind` until a list, quote or cell around it ends."""
        run = self.run
        used = tuple(indent.used for indent in self._indents)
        state = (len(run.parts), run.length, run.space, len(run.spans))
        return Mark(self.chars, len(self._out), self.length, self.gap, len(self.links), used, run, state)

    def rewind(self, mark: Mark) -> None:
        """Forget what was written since `mark`: lines, links, and what was added to the line at hand."""
        self.chars, self.length, self.gap = mark.chars, mark.length, mark.gap
        del self._out[mark.lines :]
        del self.links[mark.links :]
        for indent, used in zip(self._indents, mark.used, strict=True):
            indent.used = used
        self.run, run = mark.run, mark.run
        parts, run.length, run.space, spans = mark.run_state
        del run.parts[parts:]
        del run.spans[spans:]
        if self._anchor_start is not None and self._anchor_start >= run.length:
            self._anchor_start = None

    def take(self) -> Run:
        """The finished line. An anchor begun on it ends with it: an anchor of several lines would be no one's words."""
        self._close_anchor()
        run, self.run = self.run, Run()
        return run

    # -- lines into the text

    def line(self, text: str, spans: Iterable[Span] = (), *, head: str = "") -> None:
        """Write one line, `head` before it; the spans count from the beginning of `text`."""
        if self._out:
            quote = "".join(indent.rest for indent in takewhile(lambda indent: indent.used, self._indents)).rstrip()
            self._put(f"\n{quote}\n" if self.gap > 1 else "\n")
        prefix = "".join(indent.rest if indent.used else indent.first for indent in self._indents) + head
        for indent in self._indents:
            indent.used = True
        at = self.length + len(prefix)
        for start, end, url in spans:
            self.links.append(Link(url, text[start:end], at + start, at + end))
        self._put((prefix + text).rstrip())
        self.gap = 0

    def _put(self, text: str) -> None:
        self._out.append(text)
        self.length += len(text)

    def flush(self, head: str = "") -> None:
        run = self.take()
        if run.length:
            self.line(run.text, run.spans, head=head)

    def block(self, gap: int = 2) -> None:
        """A block begins or ends here: at least `gap` line breaks before the next words."""
        if self.raw:
            if self.run.parts and not self.run.parts[-1].endswith("\n"):
                self.words("\n")
        elif self.flat:
            self.run.space = True
        else:
            self.flush()
            # Right after a list marker the first paragraph stands on the marker's line.
            if not self._indents or self._indents[-1].used:
                self.gap = max(self.gap, gap)

    def break_line(self) -> None:
        if self.raw:
            self.words("\n")
        else:
            self.block(1 if self.run.length else min(self.gap + 1, 2))

    def indent(self, first: str, rest: str) -> Leave:
        """Put `first` before the next line and `rest` before those after it, until the answer is called."""
        if len(self._indents) >= MAX_INDENTS:
            return self.block
        self._indents.append(_Indent(first, rest))

        def leave() -> None:
            self.flush()
            self._indents.pop()
            self.block()

        return leave

    def code(self) -> None:
        """Write the line at hand, which may hold line breaks, as fenced code."""
        run = self.take()
        text = run.text.rstrip()
        if not text:
            return
        begin = text[: len(text) - len(text.lstrip())].rfind("\n") + 1  # past leading empty lines
        fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(text)), default=0))
        self.line(fence)
        spans = run.spans[::-1]
        for line in text[begin:].split("\n"):
            here: list[Span] = []
            while spans and spans[-1][0] <= begin + len(line):
                start, end, url = spans.pop()
                anchor = text[start:end].split("\n", 1)[0].rstrip()
                here.append((start - begin, start - begin + len(anchor), url))
            self.gap = 1
            self.line(line, here)
            begin += len(line) + 1
        self.gap = 1
        self.line(fence)
        self.block()

    def rows(self, table: Table) -> None:
        """Write the rows the table has so far."""
        if max(map(len, table.rows), default=0) == 1:
            # One column is no table but a frame around some lines.
            for row in table.rows:
                self.line(row[0].text, row[0].spans)
                self.gap = 2
            table.rows = []
        for text, spans in table.take_lines():
            self.line(text, spans)
            self.gap = 1
