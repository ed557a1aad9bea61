"""A page of the Factbook as its lines: which field, which subfield, and where its words stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# "- improved: urban: 100%": labels within labels are short and lower case. "Armenian 97%, other 2%; rest: " is a list.
_ITEM = re.compile(r"- (?![^:\n]*%[,;])([^:\n]{1,90}(?:: [a-z][a-z ]{1,30}(?=: ))*): ")
_NOTE = re.compile(r"[Nn]ote(?: \d+)?: ")
_PLAIN = re.compile(r"([A-Z][^:\n]{1,70}): ")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a field. `item` is the subfield, "" for the field's own words, "note" for what is said of it.

    `start` and `end` span the words behind the labels. `first` says that nothing of this subfield came before.
    """

    section: str
    field: str
    item: str
    start: int
    end: int
    first: bool = True


def field_lines(text: str) -> Iterator[Line]:
    """The lines of a page, as `corpus.sources.factbook` lays them out."""
    section = field = item = ""
    seen: set[tuple[str, str]] = set()
    at = 0
    for line in text.split("\n"):
        start, at = at, at + len(line) + 1
        if not line.strip():
            continue
        if line.startswith("## "):
            section, field, item = line[3:], "", ""
        elif line.startswith("### "):
            field, item = line[4:], ""
            seen = set()
        elif not field:
            match = _PLAIN.match(line)
            if match:
                yield Line(section, match[1], "", start + match.end(), start + len(line))
        else:
            skip = 0
            match, note = _ITEM.match(line), _NOTE.match(line)
            if match:
                item, skip = match[1], match.end()
            elif line.startswith("- "):
                item, skip = "", 2
            elif note:
                item, skip = "note", note.end()
            elif line.startswith("  "):
                skip = 2
            elif item != "note":
                item = ""
            yield Line(section, field, item, start + skip, start + len(line), (field, item) not in seen)
            seen.add((field, item))
