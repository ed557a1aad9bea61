"""Wikitext made safe to parse: what is no markup is taken out, what does not close is no markup.

A parser of wikitext tries an opening brace as a template, and where none closes takes it back; a page of a thousand
such openings costs it seconds, one of a million years. Here every opening finds its end in one pass, or loses its
meaning; what is left nests properly, to a bounded depth, and comes in pieces that can be parsed one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_DEPTH = 24
"""Templates, links, tables and tags inside one another; deeper ones lose their meaning. The parser's bound is 40."""
PIECE_CHARS = 8192
"""A piece ends at the first place between paragraphs behind so many characters."""

MAX_LISTS = 12
"""Lists inside one another; further signs of a line are left away."""
MARK = "\x03"
"""Stands before each list sign at the beginning of a line."""

# Stand-ins for characters that are no markup. XML allows none of these characters, so no page has them.
BRACE, BRACKET, LESS, END_BRACE, END_BRACKET = "\x0e", "\x0f", "\x10", "\x11", "\x12"
LITERAL = {ord(BRACE): "{", ord(BRACKET): "[", ord(LESS): "<", ord(END_BRACE): "}", ord(END_BRACKET): "]"}
KEPT = re.compile("\x04([0-9]+)\x05")
"""Where a lifted region stood, with its number."""

_DROPPED = (
    "ref references templatestyles timeline score graph mapframe maplink includeonly imagemap templatedata section"
)
_RAW = "nowiki pre math chem ce syntaxhighlight source gallery hiero"
_LIFT = re.compile(rf"<!--|<({'|'.join((_DROPPED + ' ' + _RAW).split())})\b([^<>]*)>", re.IGNORECASE)
_TAGS = frozenset(
    "abbr b bdi bdo big blockquote caption center cite code data dd del dfn div dl dt em font h1 h2 h3 h4 h5 h6 i ins "
    "kbd li mark noinclude ol onlyinclude p poem q rb rp rt ruby s samp small span strike strong sub sup table td th "
    "time tr tt u ul var".split()
)
_TOKEN = re.compile(
    r"(?P<open>\{\{|\[\[)|(?P<close>\}\}|\]\])|^[ \t]*(?P<table>\{\|)|^[ \t]*(?P<end>\|\})(?!\})"
    r"|<(?P<slash>/?)(?P<tag>[a-zA-Z][a-zA-Z0-9]*)(?P<rest>[^<>]*)>|(?P<less><)|(?P<url>\[)(?=(?:https?:|ftp:)?//)"
    r"|(?P<gap>\n\n|\n(?==))",
    re.MULTILINE,
)
_LIST = re.compile(r"^[*#:;]+", re.MULTILINE)
_INDENT = re.compile(r"^[ \t:*#;]+(?=\{\|)", re.MULTILINE)
# What a link may begin with; anything else between double brackets is no link.
_LINK = re.compile(r"\[\[[^\[\]{}|\n<>]{1,500}(?:\||\]\])")
_URL = re.compile(r"\[[^\n\[\]]{1,1500}\]")


@dataclass(frozen=True, slots=True)
class Tamed:
    """A page in pieces; `kept` are the regions that are no wikitext, as (name of the tag, what it holds)."""

    pieces: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]


def tame(text: str) -> Tamed:
    """Wikitext in which every opening closes. Time is linear in its length."""
    kept: list[tuple[str, str]] = []
    text = _lift(text, kept).replace("{{!}}", "&#124;")
    # Lists are lines, which the parser would make a node a sign of, at a cost of a second for thirty thousand.
    text = _LIST.sub(lambda signs: "".join(MARK + sign for sign in signs.group()[:MAX_LISTS]), _INDENT.sub("", text))
    return Tamed(tuple(_pieces(text, _fates(text))), tuple(kept))


def _lift(text: str, kept: list[tuple[str, str]]) -> str:
    """The text without comments, references and raw regions; of the last a mark stays. An unclosed one is text."""
    parts, at = [], 0
    endless: set[str] = set()  # looked for in vain once: there is none further on either
    while (match := _LIFT.search(text, at)) is not None:
        parts.append(text[at : match.start()])
        at = match.end()
        name = (match.group(1) or "--").lower()
        if name != "--" and match.group(2).endswith("/"):
            continue
        end = (
            None if name in endless else re.compile(f"</{name}\\s*>" if name != "--" else "-->", re.I).search(text, at)
        )
        if end is None:
            endless.add(name)
            continue
        if name in _RAW.split():
            parts.append(f"\x04{len(kept)}\x05")
            kept.append((name, text[at : end.start()]))
        at = end.end()
    return "".join((*parts, text[at:]))


@dataclass(slots=True)
class _Frame:
    """A template, link or table that is open, and the tags open in it."""

    kind: str
    place: int
    tags: list[tuple[str, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def _fates(text: str) -> dict[int, int]:
    """Where tokens that open and close something stand -> 1 for an opening, -1 for an end. Others are no markup."""
    fates: dict[int, int] = {}
    frames = [_Frame("", -1)]
    braces = 0  # frames that are templates

    def settle(begin: int, end: int, depth: int) -> None:
        if depth <= MAX_DEPTH:
            fates[begin], fates[end] = 1, -1

    for token in _TOKEN.finditer(text):
        kind, place = token.lastgroup, token.start()
        if kind == "rest" and (name := token["tag"].lower()) in _TAGS and not token["rest"].endswith("/"):
            top = frames[-1]
            if not token["slash"]:
                top.tags.append((name, place))
                top.counts[name] = top.counts.get(name, 0) + 1
            elif top.counts.get(name):
                while (last := top.tags.pop())[0] != name:
                    top.counts[last[0]] -= 1
                top.counts[name] -= 1
                settle(last[1], place, len(frames) + len(top.tags))
        elif kind == "open" and (token["open"] == "{{" or _LINK.match(text, place)):
            frames.append(_Frame(token["open"], place))
            braces += token["open"] == "{{"
        elif kind == "table":
            frames.append(_Frame("{|", token.start("table")))
        elif kind == "close" and token["close"] == "]]":
            if frames[-1].kind == "[[":
                settle(frames.pop().place, place, len(frames))
        elif kind == "close" and braces:
            while (frame := frames.pop()).kind != "{{":
                pass
            braces -= 1
            settle(frame.place, place, len(frames))
        elif kind == "end":
            while frames[-1].kind == "[[":
                frames.pop()
            if frames[-1].kind == "{|":
                settle(frames.pop().place, token.start("end"), len(frames))
    return fates


def _pieces(text: str, fates: dict[int, int]) -> list[str]:
    """The text with what is no markup written as stand-ins, cut between paragraphs that nothing spans."""
    pieces: list[str] = []
    parts: list[str] = []
    at = begun = depth = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "gap":
            if not depth and token.start() - begun >= PIECE_CHARS:
                pieces.append("".join((*parts, text[at : token.start()])))
                parts, at, begun = [], token.start(), token.start()
            continue
        place = token.start(kind) if kind in ("table", "end") else token.start()
        if place in fates:
            depth += fates[place]
            continue
        if kind == "rest":
            name = token["tag"].lower()
            written = "<br>" if name in ("br", "hr") else "" if name in _TAGS else LESS + token.group()[1:]
            written = "\n" if name in ("li", "p", "tr", "dt", "dd") and not written else written
        elif kind == "url":
            if _URL.match(text, place):
                continue
            written = BRACKET
        elif kind == "close":
            written = (END_BRACE if token["close"] == "}}" else END_BRACKET) * 2
        elif kind == "end":
            written = "|" + END_BRACE
        else:
            written = {"{{": BRACE * 2, "[[": BRACKET * 2, "{|": BRACE + "|"}.get(text[place : place + 2], LESS)
        parts += (text[at:place], written)
        at = place + (2 if kind in ("open", "close", "table", "end") else len(token.group()))
    pieces.append("".join((*parts, text[at:])))
    return pieces
