"""A page as a tree: sections, labelled rows under them, and lists within brackets within lists.

Offsets are characters into the page's text. Nothing here knows what a label means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What stands behind a label. `path` is section, field and subfields, outermost first; `text` starts at `start`."""

    path: tuple[str, ...]
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list. `name` is what stands outside brackets, `inside` what in them; offsets are of the whole."""

    name: str
    inside: tuple[str, ...]
    whole: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.whole)


_LABEL = re.compile(r"(?P<dash>- )?(?P<label>[^:\n]{1,80}?): ?(?P<text>.*)")


def rows(text: str) -> Iterator[Row]:
    """Rows of a page in order. A paragraph is a row of its own; notes have "note" in their path."""
    section, field = "", ""
    at = 0
    for line in text.split("\n"):
        start, at = at, at + len(line) + 1
        if line.startswith("## "):
            section, field = line[3:].strip(), ""
        elif line.startswith("### "):
            field = line[4:].strip()
        elif line.startswith("#") or not line.strip():
            continue
        elif field and line.startswith("  "):
            yield Row((section, field, "more"), line.strip(), start + len(line) - len(line.lstrip()))
        elif field and not line.startswith("- ") and not re.match(r"[Nn]ote", line.strip()):
            # A line of the form "Label: text" behind a blank one, at the margin, may end a field written as a block.
            yield Row((section, field), line.strip(), start + len(line) - len(line.lstrip()))
        else:
            match = _LABEL.match(line)
            if match and match["dash"] and re.search(r"\d%[,;]", match["label"]):
                match = None  # shares of a list, whose last part has a label of its own
            if match and (match["dash"] or not field):
                path = (section, field, match["label"]) if field else (section, match["label"])
                yield from _nested(path, match["text"], start + match.start("text"))
            elif match:
                yield Row((section, field, "note"), match["text"], start + match.start("text"))
            elif field and line.startswith("- "):
                yield Row((section, field), line[2:].strip(), start + len(line) - len(line[2:].lstrip()))


def _nested(path: tuple[str, ...], text: str, start: int) -> Iterator[Row]:
    yield Row(path, text, start)
    match = re.match(r"([a-z][a-z ]+): (?=\S)", text)
    if match:
        yield Row((*path, match[1]), text[match.end() :], start + match.end())


def clauses(text: str, start: int, *, marks: str = ";") -> Iterator[Item]:
    """Parts of a text between marks outside brackets."""
    depth, begin = 0, 0
    for at, sign in enumerate(text + marks[0]):
        if sign in "([":
            depth += 1
        elif sign in ")]":
            depth = max(0, depth - 1)
        # A comma within a number is no mark.
        elif sign in marks and (not depth or at == len(text)) and not re.match(r"(?<=\d),\d{3}", text[at:]):
            if sign == "," and re.match(r"\d{3}(?!\d)", text[at + 1 :]) and text[at - 1 : at].isdigit():
                continue
            whole = text[begin:at]
            lead = len(whole) - len(whole.lstrip())
            if whole.strip():
                yield _item(whole.strip(), start + begin + lead)
            begin = at + 1


def _item(whole: str, start: int) -> Item:
    outside, inside, depth, part = [], [], 0, ""
    for sign in whole:
        if sign in "([":
            if depth:
                part += sign
            depth += 1
        elif sign in ")]" and depth:
            depth -= 1
            if not depth:
                inside.append(part)
                part = ""
            else:
                part += sign
        elif depth:
            part += sign
        else:
            outside.append(sign)
    return Item(re.sub(r"\s+", " ", "".join(outside)).strip(), tuple(inside), whole, start)
