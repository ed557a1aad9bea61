"""What each HTML element does to the text of its page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from selectolax.lexbor import LexborNode

from corpus.extraction.boilerplate import (
    FEW_CHARS,
    Attributes,
    Counts,
    Suspect,
    is_boilerplate,
    is_note,
    suspect_of,
)
from corpus.extraction.markdown import Leave, MarkdownWriter
from corpus.extraction.tables import Cell, Table
from corpus.records import Image

MAX_FIGURES = 8
"""Figures nested deeper than this lose their captions."""
AROUND = frozenset(("header", "aside", "footer"))
"""Elements that frame a page, or belong to a part of it."""

Resolve = Callable[[str], str | None]


@dataclass(slots=True)
class _List:
    number: int | None
    start: int  # length of the page's text when the list began


class Page:
    """One method an element; each answers what to do at the element's end."""

    def __init__(self, resolve: Resolve, purse: int, spilling: frozenset[int], *, has_title: bool) -> None:
        self.resolve = resolve
        self.purse = purse
        self.spilling = spilling
        self.writer = MarkdownWriter()
        self.images: list[Image] = []
        self.figures: list[tuple[int, str]] = []  # how many images came before it, its caption
        self.lists: list[_List] = []
        self.tables: list[Table] = []
        self.sections = 0
        self.before_title = has_title
        self.counts = Counts()
        self.dropped = 0
        """Visible characters that were written and taken back."""

    def is_around(self, tag: str, node: LexborNode) -> bool:
        """Whether a header, aside or footer frames the page, so that it is left out unread."""
        if tag == "footer":  # a quotation's footer says whose it is
            return node.parent is None or node.parent.tag != "blockquote"
        if self.sections or (tag == "aside" and is_note(node.attributes)):
            return False
        # The title that menus stand before may be in the header that is left out.
        self.before_title = self.before_title and not (tag == "header" and node.css_first("h1"))
        return True

    def suspect(self, tag: str, attributes: Attributes) -> Leave | None:
        """What to do at the end of a block that may be boilerplate: take back what it wrote, if that is what it is."""
        self.before_title = self.before_title and self.writer.chars + self.dropped - self.counts.link_chars <= FEW_CHARS
        suspect = suspect_of(tag, attributes) or (Suspect.BEFORE_TITLE if self.before_title else None)
        cell = tag == "td" and self.tables and not self.tables[-1].spilled
        if suspect is None or cell or self.writer.raw:
            return None
        self.writer.block(1)
        mark = self.writer.mark()
        before, images, before_title, dropped = self.counts, len(self.images), self.before_title, self.dropped

        def judge() -> None:
            if self.before_title != before_title:
                return  # the title stands in it, or enough else
            chars = self.writer.chars - mark.chars
            if is_boilerplate(suspect, self.counts - before, chars=chars, dropped=self.dropped - dropped):
                self.writer.rewind(mark)
                self.writer.block()
                del self.images[images:]
                self.dropped += chars

        return judge

    def words(self, text: str) -> None:
        if self.writer.flat and self.tables:
            text = text.replace("|", "\\|")
        self.writer.words(text)

    def enter(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave | None:
        begin = ENTER.get(tag)
        if begin is None:
            return None
        writer = self.writer
        if (writer.flat or writer.raw) and tag not in INLINE:
            if tag == "li" and writer.flat and writer.run.parts and writer.run.parts[-1][-1] not in ",;:":
                writer.run.space = False
                writer.words(";")
            return self.block(tag, node, attributes)
        return begin(self, tag, node, attributes)

    def block(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block()
        return self.writer.block

    def section(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block()
        self.sections += 1

        def leave() -> None:
            self.sections -= 1
            self.writer.block()

        return leave

    def heading(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block()
        self.before_title = self.before_title and tag != "h1"
        self.writer.flat = True
        chars, link_chars = self.writer.chars, self.counts.link_chars

        def leave() -> None:
            label_chars = self.writer.chars - chars - (self.counts.link_chars - link_chars)
            self.counts += Counts(label_chars=label_chars)
            self.writer.flat = False
            self.writer.flush("#" * int(tag[1]) + " ")
            self.writer.block()

        return leave

    def line_break(self, tag: str, node: LexborNode, attributes: Attributes) -> None:
        self.writer.break_line()

    def anchor(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        href = (attributes.get("href") or "").strip()
        self.writer.begin_anchor(self.resolve(href) if href and not href.startswith("#") else None)
        before = self.writer.chars

        def leave() -> None:
            self.writer.begin_anchor(None)
            self.counts += Counts(1, self.writer.chars - before)

        return leave

    def image(self, tag: str, node: LexborNode, attributes: Attributes) -> None:
        # Pages that load pictures late keep the address in data-src and a placeholder in src.
        for name in ("data-src", "src"):
            source = (attributes.get(name) or "").strip()
            if source and (url := self.resolve(source)):
                self.images.append(Image(url, " ".join((attributes.get("alt") or "").split())))
                return

    def figure(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block()
        self.figures.append((len(self.images), ""))

        def leave() -> None:
            first, caption = self.figures.pop()
            for at in range(first, len(self.images) if caption else first):
                if not self.images[at].caption:
                    self.images[at] = replace(self.images[at], caption=caption)
            self.writer.block()

        return leave

    def figcaption(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        if 0 < len(self.figures) <= MAX_FIGURES:
            self.figures[-1] = (self.figures[-1][0], " ".join(node.text().split()))
        return self.block(tag, node, attributes)

    def listing(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block(1 if self.lists else 2)
        number = _small_number(attributes.get("start"), 1) if tag == "ol" else None
        self.lists.append(_List(number, self.writer.length))

        def leave() -> None:
            self.lists.pop()
            self.writer.block()

        return leave

    def item(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block(1)
        marker = "- "
        if self.lists:
            inside = self.lists[-1]
            if inside.start != self.writer.length:
                self.writer.gap = 1  # items stand close, whatever blocks the last one held
            if inside.number is not None:
                marker = f"{inside.number}. "
                inside.number += 1
        return self.writer.indent(marker, " " * len(marker))

    def term(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block()
        return lambda: self.writer.block(1)

    def definition(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block(1)
        return self.writer.block

    def quote(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block()
        return self.writer.indent("> ", "> ")

    def code(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block()
        self.writer.raw = True

        def leave() -> None:
            self.writer.raw = False
            self.writer.code()

        return leave

    def table(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block()
        self.tables.append(Table(layout=attributes.get("role") in ("presentation", "none")))

        def leave() -> None:
            self.writer.block()
            self.writer.rows(self.tables.pop())
            self.writer.block()

        return leave

    def row(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        self.writer.block()
        if not self.tables:
            return self.writer.block
        table = self.tables[-1]
        table.spilled = table.layout or node.mem_id in self.spilling
        if table.spilled:
            self.writer.rows(table)
            table.carried = {}
            return self.writer.block

        def leave() -> None:
            self.purse = table.end_row(self.purse)

        return leave

    def cell(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        if not self.tables or self.tables[-1].spilled:
            return self.block(tag, node, attributes)
        self.writer.block()
        self.writer.flat = True
        columns, rows = (_small_number(attributes.get(name), 1) for name in ("colspan", "rowspan"))
        first_image = len(self.images)

        def leave() -> None:
            if not self.writer.run.length:
                # A cell with only a flag or a tick says it in the picture's alternative text.
                self.words(", ".join(image.alt for image in self.images[first_image:] if image.alt))
            run = self.writer.take()
            self.writer.flat = False
            self.tables[-1].cells.append(Cell(run.text, tuple(run.spans), columns, rows))

        return leave


def _small_number(value: str | None, default: int) -> int:
    return int(value) if value and re.fullmatch("[0-9]{1,4}", value) else default


_Enter = Callable[[Page, str, LexborNode, Attributes], Leave | None]

ENTER: dict[str, _Enter] = {
    "a": Page.anchor,
    "br": Page.line_break,
    "img": Page.image,
    "figure": Page.figure,
    "figcaption": Page.figcaption,
    "li": Page.item,
    "dt": Page.term,
    "dd": Page.definition,
    "blockquote": Page.quote,
    "pre": Page.code,
    "table": Page.table,
    "tr": Page.row,
    "td": Page.cell,
    "th": Page.cell,
}
for _begin, _tags in (
    (
        Page.block,
        (
            "address",
            "body",
            "caption",
            "center",
            "details",
            "div",
            "dl",
            "fieldset",
            "form",
            "header",
            "aside",
            "footer",
        ),
    ),
    (Page.block, ("hgroup", "hr", "legend", "p", "summary")),
    (Page.section, ("article", "main", "section")),
    (Page.heading, ("h1", "h2", "h3", "h4", "h5", "h6")),
    (Page.listing, ("ul", "ol", "menu", "dir")),
):
    ENTER.update(dict.fromkeys(_tags, _begin))
# Inside a heading, a cell or code there are no blocks, only words and what hangs on them.
INLINE = frozenset(("a", "br", "img", "figure", "figcaption"))
