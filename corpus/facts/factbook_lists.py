"""Lists as the Factbook writes them: "Croat 91.6%, other 3.9% (including Bosniak and Romani) (2021 est.)"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from corpus.facts.records import Value
from corpus.facts.values import number_value, text_value, without_brackets

_SHARE = re.compile(
    r"\s(?P<rough>(?:[<>~]|(?:less|more) than|at least|up to|about|over|nearly|almost|approximately) ?)?"
    r"(?P<number>\d*\.?\d+)(?P<range>-\d*\.?\d+)?%"
)
_OTHERS = re.compile(
    r"\b(?:others?|unspecified|none|unknown|no response|not stated|undeclared|unaffiliated|NA|NEGL|negligible|numerous"
    r"|various|several|many|many others|foreigners?|atheist|agnostic|refused|diversified|only|note)\b",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"\b(?:and|or|languages?|[Mm]ixed)\b")
# "less than 1%: Russian", "metropolitan France: coal": which part of the list, or of the land, begins here.
_LEAD = re.compile(r"[^:()]*: ")
_NAME = re.compile(r"[A-Z][\w'’ʻ.-]*(?:[ /-][\w'’ʻ.-]+){0,3}")
_WORDS = re.compile(r"[a-z][\w/'’-]*(?: [\w/'’-]+){0,2}", re.IGNORECASE)
# What a resource or product is said to be like, before its name.
_QUALIFIED = re.compile(
    r"(?:and|some|small|large|limited|significant|modest|substantial|abundant|potential|possible|vast|major|minor"
    r"|(?:\w+ )?(?:deposits|reserves|amounts|quantities) of|unexploited|untapped|world's [\w-]+|known|rich|extensive"
    r"|sizable|considerable|noted for|mostly|mainly|including|such as|occasional|periodic|frequent|local|recurring"
    r"|rare(?! (?:earth|wood))"
    r"|severe|destructive|also) ",
    re.IGNORECASE,
)
# Whole words: neither "Baha'is" nor "mother-of-pearl" is a sentence.
_SENTENCE = re.compile(
    r"(?<![\w'’-])(?:is|are|was|were|has|have|with|in|on|from|of|for|by|foster|along|during|near|at|to|that|which|few"
    r"|located|than|but|can|may|the|no)(?![\w'’-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list, where it stands in the list, its share, and whether it is said to be official."""

    value: Value
    start: int
    end: int
    share: Value | None = None
    official: bool = False


def split_outside(text: str, marks: str) -> Iterator[tuple[int, int]]:
    """Spans of what stands between `marks` outside brackets, spaces at the ends left out."""
    depth, begin = 0, 0
    for at in range(len(text) + 1):
        char = text[at] if at < len(text) else marks[0]
        if char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        # "2,400" is one item
        elif char in marks and (not depth or at == len(text)) and not text[at + 1 : at + 2].isdigit():
            start, end = begin, at
            while start < end and text[start] == " ":
                start += 1
            while end > start and text[end - 1] == " ":
                end -= 1
            if end > start:
                yield start, end
            begin = at + 1


def list_items(text: str, kind: str) -> Iterator[Item]:
    """The items that are plain names (kind "names") or plain words ("words"); all else is passed over.

    An item comes twice where it is given two shares.
    """
    year = re.search(r"\(((?:19|20)\d{2})(?:-\d{2,4})?(?: est\.)?\)\s*$", text)
    date = year[1] if year else None
    seen: set[tuple[str, str]] = set()
    for start, end in split_outside(text, ",;"):
        item = _item(text, start, end, kind, date)
        said = (item.value.text, item.share.text if item.share else "") if item else None
        if item is not None and said is not None and said not in seen:
            seen.add(said)
            yield item


def _item(text: str, start: int, end: int, kind: str, date: str | None) -> Item | None:
    written = text[start:end]
    lead = _LEAD.match(written)
    if lead:
        start, written = start + lead.end(), written[lead.end() :]
    if kind == "words":
        qualified = _QUALIFIED.match(written)
        while qualified:
            start, written = start + qualified.end(), written[qualified.end() :]
            qualified = _QUALIFIED.match(written)
    plain = without_brackets(written)
    share = _SHARE.search(plain)
    name = (plain[: share.start()] if share else plain).strip(" .*")
    if _OTHERS.search(name) or re.search(r"\d", name):
        return None
    if kind == "names":
        if not _NAME.fullmatch(name) or _SENTENCE.search(name.replace(" of ", " ")) or _NO_NAME.search(name):
            return None  # "Church of England" is a name
        value = text_value(name)
    else:
        if not _WORDS.fullmatch(name) or _SENTENCE.search(name) or re.search(r"\bor\b", name):
            return None
        value = text_value(name)
    amount = None
    if share and not share["rough"] and not share["range"]:
        amount = number_value(Fraction(share["number"]), "percent", date)
    # Up to the share or the last letter of the name: what a trailing "(2023)" says holds for the whole list.
    stop = share.end() if share and written.find(share[0]) < 0 else len(written)
    if share and written.find(share[0]) >= 0:
        stop = written.find(share[0]) + len(share[0])
    official = bool(re.search(r"\([^()]*\bofficial\b", written)) and not re.search(r"\bco-official\b|regional", written)
    return Item(value, start, start + stop, amount, official)
