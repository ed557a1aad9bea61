"""What each HTML element does to the text, and the walk over the page that asks them.

The walk keeps its own stack, so ten thousand nested elements are only a long list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from selectolax.lexbor import LexborNode

from corpus.extraction.markdown import Leave, MarkdownWriter
from corpus.extraction.tables import Cell, Table
from corpus.records import Image, Link

_UNSEEN = ("-comment", "head", "title", "script", "style", "noscript", "noframes", "template", "annotation", "dialog")
_MEDIA = ("svg", "canvas", "audio", "video", "map", "iframe", "object", "embed")
_AROUND = ("nav", "aside", "footer")
_CONTROLS = ("button", "input", "select", "option", "optgroup", "datalist", "textarea", "progress", "meter", "output")
DROPPED = frozenset(_UNSEEN + _MEDIA + _AROUND + _CONTROLS)
HIDDEN_ROLES = frozenset(("navigation", "banner", "contentinfo", "search"))
# What MediaWiki and Sphinx put between the words: edit links, permalink signs, notices, boxes of links.
HIDDEN_CLASSES = frozenset(
    ("ambox", "editsection", "headerlink", "magnify", "mw-cite-backlink", "mw-editsection", "navbox", "noprint", "toc")
)
_HIDING_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)

MAX_CLIMB = 64
"""How far above a block its table row is looked for."""
MAX_FIGURES = 8
"""Figures nested deeper than this lose their captions."""

Attributes = dict[str, str | None]
Resolve = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Markdown:
    """Text, links in reading order with exact spans, and images."""

    text: str
    links: tuple[Link, ...]
    images: tuple[Image, ...]


def to_markdown(root: LexborNode, resolve: Resolve, purse: int) -> Markdown:
    """The text under `root`, without navigation, forms and whatever is hidden.

    `resolve` turns a reference into a canonical URL, or None where it leads to no web page. `purse` bounds what tables
    may add by repeating cells, in characters. Linear in the size of the tree.
    """
    page = _Page(resolve, purse, _spilling_rows(root))
    todo: list[LexborNode | Leave] = [root]
    while todo:
        node = todo.pop()
        if not isinstance(node, LexborNode):
            node()
            continue
        if node is not root and (following := node.next) is not None:
            todo.append(following)
        tag = node.tag or ""
        if tag == "-text":
            page.words(node.text_content or "")
            continue
        if tag in DROPPED or (tag == "header" and not page.sections):
            continue
        attributes = node.attributes
        if attributes and _is_hidden(tag, attributes):
            continue
        if (leave := page.enter(tag, node, attributes)) is not None:
            todo.append(leave)
        if (child := node.first_child) is not None:
            todo.append(child)
    page.writer.flush()
    return Markdown(page.writer.text, tuple(page.writer.links), tuple(page.images))


def _is_hidden(tag: str, attributes: Attributes) -> bool:
    if "hidden" in attributes or attributes.get("aria-hidden") == "true" or attributes.get("role") in HIDDEN_ROLES:
        return True
    if (style := attributes.get("style")) and _HIDING_STYLE.search(style):
        return True
    names = (attributes.get("class") or "").split()
    return bool(names) and (not HIDDEN_CLASSES.isdisjoint(names) or (tag == "sup" and "reference" in names))


def _spilling_rows(root: LexborNode) -> frozenset[int]:
    """mem_ids of the table rows that hold what cannot stand on one line."""
    rows = set()
    for node in root.css("table table, td pre, td h1, td h2, td h3, td h4, td h5, td h6, td p + p"):
        above = node.parent
        for _ in range(MAX_CLIMB):
            if above is None:
                break
            if above.tag == "tr":
                rows.add(above.mem_id)
                break
            above = above.parent
    return frozenset(rows)


@dataclass(slots=True)
class _List:
    number: int | None
    start: int  # length of the page's text when the list began


class _Page:
    """One method an element; each answers what to do at the element's end."""

    def __init__(self, resolve: Resolve, purse: int, spilling: frozenset[int]) -> None:
        self.resolve = resolve
        self.purse = purse
        self.spilling = spilling
        self.writer = MarkdownWriter()
        self.images: list[Image] = []
        self.figures: list[tuple[int, str]] = []  # how many images came before it, its caption
        self.lists: list[_List] = []
        self.tables: list[Table] = []
        self.sections = 0

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
        self.writer.flat = True

        def leave() -> None:
            self.writer.flat = False
            self.writer.flush("#" * int(tag[1]) + " ")
            self.writer.block()

        return leave

    def line_break(self, tag: str, node: LexborNode, attributes: Attributes) -> None:
        self.writer.break_line()

    def anchor(self, tag: str, node: LexborNode, attributes: Attributes) -> Leave:
        href = (attributes.get("href") or "").strip()
        self.writer.begin_anchor(self.resolve(href) if href and not href.startswith("#") else None)
        return lambda: self.writer.begin_anchor(None)

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


_Enter = Callable[[_Page, str, LexborNode, Attributes], Leave | None]

ENTER: dict[str, _Enter] = {
    "a": _Page.anchor,
    "br": _Page.line_break,
    "img": _Page.image,
    "figure": _Page.figure,
    "figcaption": _Page.figcaption,
    "li": _Page.item,
    "dt": _Page.term,
    "dd": _Page.definition,
    "blockquote": _Page.quote,
    "pre": _Page.code,
    "table": _Page.table,
    "tr": _Page.row,
    "td": _Page.cell,
    "th": _Page.cell,
}
for _begin, _tags in (
    (_Page.block, ("address", "body", "caption", "center", "details", "div", "dl", "fieldset", "form", "header")),
    (_Page.block, ("hgroup", "hr", "legend", "p", "summary")),
    (_Page.section, ("article", "main", "section")),
    (_Page.heading, ("h1", "h2", "h3", "h4", "h5", "h6")),
    (_Page.listing, ("ul", "ol", "menu", "dir")),
):
    ENTER.update(dict.fromkeys(_tags, _begin))
# Inside a heading, a cell or code there are no blocks, only words and what hangs on them.
INLINE = frozenset(("a", "br", "img", "figure", "figcaption"))
