"""The walk over a page's tree: what is left out, and in which order the rest is asked what it does to the text.

The walk keeps its own stack, so ten thousand nested elements are only a long list.

to_markdown         the walk
  ├── boilerplate.py  what is no content
  └── page.py         what each element does to the text, written with markdown.py and tables.py
"""

from __future__ import annotations

from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from corpus.extraction.boilerplate import BLOCKS, DROPPED, is_hidden, is_skip_link
from corpus.extraction.markdown import Leave
from corpus.extraction.page import AROUND, Page, Resolve
from corpus.records import Image, Link

MAX_CLIMB = 64
"""How far above a block its table row is looked for."""
MIN_KEPT_CHARS, MIN_KEPT_SHARE = 200, 4
"""A page that keeps fewer characters than this, and loses this many times as many to suspicion, is read without any."""


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
    page = _read(root, resolve, purse, judging=True)
    kept = page.writer.chars
    if page.dropped > MIN_KEPT_SHARE * kept and kept < MIN_KEPT_CHARS:
        # What was taken for menus is most of the page: an index, or a layout with a misleading name.
        page = _read(root, resolve, purse, judging=False)
    return Markdown(page.writer.text, tuple(page.writer.links), tuple(page.images))


def _read(root: LexborNode, resolve: Resolve, purse: int, *, judging: bool) -> Page:
    page = Page(resolve, purse, _spilling_rows(root), has_title=root.css_first("h1") is not None)
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
        if tag in DROPPED or (tag in AROUND and page.is_around(tag, node)):
            continue
        attributes = node.attributes
        if attributes and is_hidden(tag, attributes):
            continue
        if tag == "a" and is_skip_link(node, attributes):
            continue
        if judging and tag in BLOCKS and (judge := page.suspect(tag, attributes)) is not None:
            todo.append(judge)
        if (leave := page.enter(tag, node, attributes)) is not None:
            todo.append(leave)
        if (child := node.first_child) is not None:
            todo.append(child)
    page.writer.flush()
    return page


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
