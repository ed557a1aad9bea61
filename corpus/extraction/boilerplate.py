"""What of a page is not its content: by element, by role and style, by name and how much of it is links.

Names alone prove little (a layout may be called "has-sidebar", a recipe "menu"), so most only make a block suspect, and
what it holds decides when it has been read. Where in doubt a block stays: lost words cannot be searched for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from selectolax.lexbor import LexborNode

_UNSEEN = ("-comment", "head", "title", "script", "style", "noscript", "noframes", "template", "annotation", "dialog")
_MEDIA = ("svg", "canvas", "audio", "video", "map", "iframe", "object", "embed")
_CONTROLS = ("button", "input", "select", "option", "optgroup", "datalist", "textarea", "progress", "meter", "output")
DROPPED = frozenset((*_UNSEEN, *_MEDIA, *_CONTROLS, "nav"))
_HIDDEN_ROLES = frozenset(
    ("navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alertdialog", "menu", "menubar")
)
# What MediaWiki and Sphinx put between the words (edit links, permalink signs, notices, boxes of links), and what
# style sheets keep off the screen.
_HIDDEN_CLASSES = frozenset(
    "ambox catlinks editsection geo-nondefault headerlink magnify mw-cite-backlink mw-editsection mw-jump mw-jump-link"
    " navbox noprint printfooter screen-reader-text skip skip-link skip-nav skip-to-content skiplink sr-only toc"
    " vertical-navbox visually-hidden".split()
)
_HIDING_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_NOTE = re.compile(
    r"\b(?:note|admonition|callout|tip|hint|important|warning|caution|example|pull-?quote)", re.IGNORECASE
)
_SKIPPING = re.compile(r"\s*(?:skip|jump) to\b", re.IGNORECASE)

BLOCKS = frozenset(
    ("aside", "center", "div", "dl", "fieldset", "form", "header", "ol", "p", "section", "table", "td", "ul")
)
"""Elements that may be suspect."""

FEW_CHARS = 250
NOTICE_CHARS = 600
"""A block called a footer, a box for sharing or an advertisement, and one called a cookie notice, is what it is called
up to so many characters. Above, it may be a frame around the page."""

MAX_NAME_CHARS = 200
"""Of a block's classes and id; the rest is not looked at."""
MAX_REST_CHARS = 100
"""What a menu may have beside the menus in it that were left out already."""

Attributes = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Counts:
    """Anchors of a page so far, and visible characters in them and in the rest of its headings; never taken back."""

    links: int = 0
    link_chars: int = 0
    label_chars: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.links + other.links, self.link_chars + other.link_chars, self.label_chars + other.label_chars
        )

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.links - other.links, self.link_chars - other.link_chars, self.label_chars - other.label_chars
        )


class Suspect(Enum):
    """Why a block may not be content; `is_boilerplate` decides."""

    MENU = auto()
    """Called navigation, sidebar, related and the like, or an aside."""
    FOOTER = auto()
    NOTICE = auto()
    BEFORE_TITLE = auto()
    """It begins before the first heading of level 1 and before FEW_CHARS of other words, whatever it is called."""


_PATTERNS = {
    # Parts of a name count, as in "site-nav" and "nav_list", but "has-sidebar" is the frame around everything.
    Suspect.MENU: r"(?:^|\s|(?<!\bhas)(?<!\bwith)(?<!\bno)[_-])"
    r"(?:nav(?:bar|box|igation|list|menu|tree|s)?|(?:side|top|tool|menu)-?bar|menus?|breadcrumbs?|crumbs?"
    r"|pagination|pager|paging|related|recommend(?:ed|ations?)?|trending|popular|most-?read|tags?|tag-?cloud"
    r"|toc-?tree|sphinxsidebar|actions|blogroll|widget)(?=$|[\s_-])",
    # Only whole names: "market-share" and "recipe-cookie" are about something.
    Suspect.FOOTER: r"(?:^|\s)(?:(?:site|page|global|main|bottom)?[-_]?footer|colophon|copyright|stub"
    r"|(?:share|sharing|social|ads?|advert(?:isement)?|promo|sponsored)"
    r"(?:[-_]?(?:bars?|box|buttons?|links?|icons?|tools|media|slot|banner|unit|block|container))?)(?=$|\s)",
    Suspect.NOTICE: r"(?:^|\s)(?:gdpr|(?:gdpr|cookies?|consent|newsletter|subscribe)"
    r"[-_]?(?:banner|bar|notice|consent|law|popup|modal|overlay|message|box|sign-?up|form))(?=$|\s)",
}
_COMPILED = {suspect: re.compile(pattern) for suspect, pattern in _PATTERNS.items()}


def is_hidden(tag: str, attributes: Attributes) -> bool:
    """Whether an element is left out unread: hidden from the reader, or named as no author names content."""
    if "hidden" in attributes or attributes.get("aria-hidden") == "true" or attributes.get("role") in _HIDDEN_ROLES:
        return True
    if (style := attributes.get("style")) and _HIDING_STYLE.search(style):
        return True
    names = (attributes.get("class") or "").split()
    return bool(names) and (not _HIDDEN_CLASSES.isdisjoint(names) or (tag == "sup" and "reference" in names))


def is_skip_link(node: LexborNode, attributes: Attributes) -> bool:
    """Whether an anchor only leads past the menus of its own page."""
    if not (attributes.get("href") or "").startswith("#"):
        return False
    first: LexborNode | None = node
    for _ in range(4):  # its first words, not all of them: anchors can nest, in tables
        if (first := first.first_child if first is not None else None) is not None and first.tag == "-text":
            return _SKIPPING.match(first.text_content or "") is not None
    return False


def suspect_of(tag: str, attributes: Attributes) -> Suspect | None:
    """Why a block, one of BLOCKS, may be boilerplate by its name; None where nothing speaks for it."""
    if tag == "aside":
        return Suspect.MENU
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
    return _suspect_named(names[:MAX_NAME_CHARS].lower()) if len(names) > 1 else None


@lru_cache(maxsize=4096)
def _suspect_named(names: str) -> Suspect | None:
    return next((suspect for suspect, pattern in _COMPILED.items() if pattern.search(names)), None)


def is_note(attributes: Attributes) -> bool:
    """Whether an aside is a remark to the text beside it, as manuals have them."""
    return _NOTE.search(attributes.get("class") or "") is not None


def is_boilerplate(suspect: Suspect, counts: Counts, *, chars: int, dropped: int) -> bool:
    """Whether a suspect block is left out, by `chars` visible characters and those of blocks in it left out before.

    `counts` are of both together. Links must make up half of what is neither heading nor label.
    """
    if dropped and chars > MAX_REST_CHARS:
        return False  # a frame around menus and something else
    plain = chars + dropped - counts.label_chars - counts.link_chars
    if suspect is Suspect.BEFORE_TITLE:
        return counts.links > 0 and 0.7 * plain <= 0.3 * counts.link_chars
    if counts.links and plain <= counts.link_chars:
        return True
    if suspect is Suspect.FOOTER:
        return chars <= FEW_CHARS
    return suspect is Suspect.NOTICE and chars <= NOTICE_CHARS
