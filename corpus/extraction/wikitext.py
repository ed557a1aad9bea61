"""From wikitext to plain HTML, of which `corpus.extract` then makes Markdown, as of any page.

wikitext_to_html   pieces, headings with nothing under them left out
  ├── wikiguard.py  makes the text safe to parse; mwparserfromhell parses it
  ├── WikiRenderer  what each node becomes: links, pictures, tables, tags
  ├── templates.py  what templates become: infoboxes, dates, quantities
  └── _blocks       lines: lists and paragraphs

Templates are not expanded: a dump holds no results of them. Those known to `templates.py` are written out, the rest
left away. References, comments, categories and boxes of links go, as they do with pages of HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from corpus.extraction import templates
from corpus.extraction.wikiguard import KEPT, LITERAL, MARK, tame

BREAK = "\x02"
"""A line break that is none of wikitext: within <pre>."""

_QUOTES = re.compile("'{2,5}")
_SWITCH = re.compile("__[A-Z]{3,30}__")
# Small letters of scripts that write words apart: in others a link would swallow the sentence.
_TRAIL = re.compile("[a-zß-öø-ÿāăąćčďđęěłńňőřśšťůűźžα-ωа-яёіїєґ]+")
_ITEM = re.compile(rf"((?:{MARK}[*#:;])+)(.*)", re.DOTALL)
_HEADING = re.compile(r"(<h[1-6]>.*?</h[1-6]>)")
_NOTHING = re.compile(r"(?:<p></p>|<br>|\s)*")
_SIZE = re.compile(r"(?:upright|link|lang|page|class|start|end)\s*=.*|\d*(?:x\d+)?\s*px|upright", re.IGNORECASE)
_LAYOUT = frozenset(
    "thumb thumbnail frame framed frameless border left right center centre none baseline middle sub super top bottom "
    "text-top text-bottom".split()
)
_BLOCKS = frozenset("blockquote caption center dd div dl dt li ol p table td th tr ul".split())
_KEPT_ATTRIBUTES = ("class", "style", "colspan", "rowspan")
_LIST_TAGS = {"*": ("<ul><li>", "</li></ul>"), "#": ("<ol><li>", "</li></ol>"), ":": ("<dl><dd>", "</dd></dl>")}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link leads: `kind` is "page", "file", "category" or "language"; `url` None where it leads nowhere."""

    kind: str
    url: str | None


Lookup = Callable[[str], Target]
"""Title of a link, without its section and leading colon -> where it leads."""


def wikitext_to_html(text: str, lookup: Lookup, *, title: str = "") -> str:
    """The page as HTML for `extract_html`: what it says, its links, its pictures. Time is linear in its length."""
    import mwparserfromhell

    tamed = tame(text)
    renderer = WikiRenderer(lookup, title, tamed.kept)
    parts = [
        renderer.blocks(mwparserfromhell.parse(piece, skip_style_tags=True).nodes)
        for piece in tamed.pieces
        if piece.strip()
    ]
    return _without_empty_sections("\n".join(parts)).replace(BREAK, "\n")


def _without_empty_sections(html: str) -> str:
    """Headings with nothing under them are those of references and navigation."""
    parts = _HEADING.split(html)
    kept: list[str] = [parts[-1]]
    below, full = 0, not _NOTHING.fullmatch(parts[-1])
    for at in range(len(parts) - 2, 0, -2):
        level = int(parts[at][2])
        if full or below > level:
            kept.append(parts[at])
            below = level
        kept.append(parts[at - 1])
        full = not _NOTHING.fullmatch(parts[at - 1])
    return "".join(reversed(kept))


class WikiRenderer:
    """HTML of the nodes of one page."""

    def __init__(self, lookup: Lookup, title: str, kept: tuple[tuple[str, str], ...]) -> None:
        self.title = title
        self.lookup = lookup
        self._kept = kept

    def blocks(self, nodes: Iterable[Any]) -> str:
        """Nodes as paragraphs, lists and whatever stands between, on one line."""
        return _blocks(self.inline(nodes))

    def line(self, nodes: Iterable[Any]) -> str:
        """Nodes where no blocks can stand: the items of a list, divided by commas."""
        lines: list[tuple[str, str]] = []
        for text in self.inline(nodes).split("\n"):
            item = _ITEM.match(text)
            words = (item.group(2) if item else text).replace(MARK, "").strip()
            if words:
                lines.append(("\n", words) if item and lines else (" ", words))
        return "".join((", " if sign == "\n" else sign) + words for sign, words in lines).strip()

    def inline(self, nodes: Iterable[Any]) -> str:
        """Nodes as HTML in which line breaks and list signs are still those of wikitext."""
        parts: list[str] = []
        for node in nodes:
            kind = type(node).__name__
            if kind == "Text":
                text = str(node.value)
                if parts and parts[-1].endswith("</a>") and (trail := _TRAIL.match(text)):
                    # "[[apple]]s" is one word, and all of it the link's.
                    parts[-1] = f"{parts[-1][:-4]}{escape(trail.group())}</a>"
                    text = text[trail.end() :]
                parts.append(self.words(text))
            elif (render := _NODES.get(kind)) is not None:
                parts.append(render(self, node))
        return "".join(parts)

    def words(self, text: str) -> str:
        """Text without markup of style, with what was lifted out of it put back."""
        text = _SWITCH.sub("", _QUOTES.sub("", text))
        text = escape(text.translate(LITERAL), quote=False)
        return KEPT.sub(lambda mark: self._region(int(mark.group(1))), text) if "\x04" in text else text

    def _region(self, number: int) -> str:
        name, text = self._kept[number]
        if name == "gallery":
            return "\n" + "".join(map(self._gallery_line, text.split("\n"))) + "\n"
        text = escape(text, quote=False)
        if name in ("pre", "syntaxhighlight", "source"):
            return f"\n<pre>{BREAK}{text.strip(chr(10)).replace(chr(10), BREAK)}</pre>\n"
        return f"<code>{' '.join(text.split())}</code>" if name != "nowiki" else text.replace("\n", " ")

    def _gallery_line(self, line: str) -> str:
        import mwparserfromhell

        file, _, caption = line.partition("|")
        if not file.strip() or len(line) > 5000:
            return ""
        target = self.lookup(file.strip())
        if target.kind != "file" or target.url is None:
            return ""
        tamed = tame(caption)  # references are gone by now; this is for its braces
        words = " ".join(self.line(mwparserfromhell.parse(piece, skip_style_tags=True).nodes) for piece in tamed.pieces)
        return _figure(target.url, "", words)

    def entity(self, node: Any) -> str:
        try:
            text = node.normalize()
        except (ValueError, OverflowError):
            return ""
        return escape(text, quote=False) if text >= " " else " "

    def heading(self, node: Any) -> str:
        level = max(2, min(6, int(node.level)))
        words = self.line(node.title.nodes)
        return f"\n<h{level}>{words}</h{level}>\n" if words else "\n"

    def argument(self, node: Any) -> str:
        return self.inline(node.default.nodes) if node.default is not None else ""

    def external(self, node: Any) -> str:
        url = _words(str(node.url))
        words = self.line(node.title.nodes) if node.title is not None else ""
        if not url.lower().startswith(("http://", "https://", "//")):
            return words
        return f'<a href="{escape(url)}">{words or escape(url)}</a>'

    def wikilink(self, node: Any) -> str:
        title = _words(str(node.title))
        plain = title.startswith(":")  # a link to what would else be shown or filed
        title = title.lstrip(":").strip()
        page = title.partition("#")[0].strip()
        text = node.text
        if not page:
            return self.line(text.nodes) if text is not None else escape(title.lstrip("#"), quote=False)
        target = self.lookup(page)
        if target.kind == "file" and not plain:
            return self._file(target.url, text) if target.url else ""
        if target.kind in ("category", "language") and not plain:
            return ""
        words = (self.line(text.nodes) if text is not None else "") or escape(title, quote=False)
        words = words.replace("<a ", "<span ").replace("</a>", "</span>")  # links do not nest
        return f'<a href="{escape(target.url)}">{words}</a>' if target.url else words

    def _file(self, url: str, text: Any) -> str:
        """A picture with its options: sizes and places are left out, the last that is none of these is the caption."""
        alt, caption, framed = "", "", False
        for option in _options(text.nodes if text is not None else ()):
            plain = "".join(map(str, option)).strip()
            if plain.lower().startswith("alt="):
                alt = _plain(self.line(option)).partition("=")[2]
            elif plain.lower() in _LAYOUT or _SIZE.fullmatch(plain):
                framed = framed or plain.lower().startswith(("thumb", "frame"))
            elif plain:
                caption = self.line(option)
        if not framed:
            # Within a line a caption is only what hovers; it is the alternative where that is missing.
            return f'<img src="{escape(url)}" alt="{alt or _plain(caption)}">'
        return _figure(url, alt, caption)

    def tag(self, node: Any) -> str:
        name = _words(str(node.tag)).lower()
        if name in ("br", "hr"):
            return "<br>"
        contents = node.contents.nodes if node.contents is not None else ()
        if name == "table":
            return self._table(node, contents)
        if name == "poem":
            return f"<p>{self.inline(contents).strip().replace(chr(10), '<br>')}</p>"
        kept = self._attributes(node)
        if name in _BLOCKS:
            return f"\n<{name}{kept}>{self.blocks(contents)}</{name}>\n"
        if kept and name in ("span", "small", "i", "b", "sup", "sub", "abbr"):
            return f"<{name}{kept}>{self.inline(contents)}</{name}>"
        return self.inline(contents)

    def _attributes(self, node: Any) -> str:
        """Those that hide an element or give a cell its size."""
        found = ((_words(str(one.name)).lower(), _words(str(one.value or ""))) for one in node.attributes)
        return "".join(f' {name}="{escape(value)}"' for name, value in found if name in _KEPT_ATTRIBUTES)

    def _table(self, node: Any, contents: Iterable[Any]) -> str:
        parts: list[str] = []
        row: list[str] = []
        for part in contents:
            if type(part).__name__ != "Tag":
                continue
            name = str(part.tag)
            inner = part.contents.nodes if part.contents is not None else ()
            if name == "tr":
                parts += (_row(row), _row([self._cell(cell) for cell in inner if type(cell).__name__ == "Tag"]))
                row = []
            elif name in ("td", "th") and inner and part.wiki_markup == "|" and str(inner[0]).startswith("+"):
                parts.append(f"<caption>{self.line(inner).lstrip('+').strip()}</caption>")
            elif name in ("td", "th"):
                row.append(self._cell(part))
        return f"\n<table{self._attributes(node)}>{''.join(parts)}{_row(row)}</table>\n"

    def _cell(self, node: Any) -> str:
        name = "th" if str(node.tag) == "th" else "td"
        return f"<{name}{self._attributes(node)}>{self.blocks(node.contents.nodes if node.contents else ())}</{name}>"

    def template(self, node: Any) -> str:
        return templates.render(node, self)


def _row(cells: list[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>" if cells else ""


def _words(text: str) -> str:
    """Attribute values and titles: on one line, without what the guard put in."""
    return " ".join(KEPT.sub("", text).translate(LITERAL).split())


def _plain(html: str) -> str:
    """The words of a line, as they can stand in an attribute."""
    return " ".join(re.sub("<[^>]*>", "", html).replace('"', "&quot;").split())


def _figure(url: str, alt: str, caption: str) -> str:
    words = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'\n<figure><img src="{escape(url)}" alt="{alt}">{words}</figure>\n'


def _options(nodes: Iterable[Any]) -> Iterable[list[Any]]:
    """What stands between the bars of a picture's link: the parser divides only the first from the rest."""
    from mwparserfromhell.nodes import Text

    option: list[Any] = []
    for node in nodes:
        if not isinstance(node, Text):
            option.append(node)
            continue
        first, *more = str(node.value).split("|")
        option.append(Text(first))
        for words in more:
            yield option
            option = [Text(words)]
    yield option


def _blocks(text: str) -> str:
    """Lines as HTML: those with list signs as nested lists, empty ones as the ends of paragraphs."""
    parts: list[str] = []
    open_signs = ""
    for line in text.split("\n"):
        item = _ITEM.match(line)
        if item is None:
            parts += [_LIST_TAGS[sign][1] for sign in reversed(open_signs)]
            open_signs = ""
            parts.append(line + " " if line.strip() else "<p></p>")
            continue
        signs = item.group(1).replace(MARK, "")
        words = item.group(2)
        same = 0
        kinds = signs.replace(";", ":")
        while same < min(len(kinds), len(open_signs)) and kinds[same] == open_signs[same]:
            same += 1
        parts += [_LIST_TAGS[sign][1] for sign in reversed(open_signs[same:])]
        if same == len(kinds):
            parts.append("</dd><dd>" if kinds[-1] == ":" else "</li><li>")
        parts += [_LIST_TAGS[sign][0] for sign in kinds[same:]]
        # "; term : definition" is both on one line.
        parts.append(words.replace(" : ", "</dd><dd>", 1) if signs[-1] == ";" else words)
        open_signs = kinds
    parts += [_LIST_TAGS[sign][1] for sign in reversed(open_signs)]
    return "".join(parts).replace(MARK, "")


_NODES: dict[str, Callable[[WikiRenderer, Any], str]] = {
    "Argument": WikiRenderer.argument,
    "ExternalLink": WikiRenderer.external,
    "HTMLEntity": WikiRenderer.entity,
    "Heading": WikiRenderer.heading,
    "Tag": WikiRenderer.tag,
    "Template": WikiRenderer.template,
    "Wikilink": WikiRenderer.wikilink,
}
