"""Marks in a text that say which words stand for which part of a proof, taken out once the text is done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_OPEN, _CLOSE = 0xE000, 0xF000
_MARK = re.compile(f"[{chr(_OPEN)}-{chr(_OPEN + 0xFFF)}{chr(_CLOSE)}-{chr(_CLOSE + 0x7FF)}]")


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """Words of a question that say one part of its proof: "clue:0", "edge:1", "kind:2". Spans may lie in each other."""

    start: int
    end: int
    part: str


@dataclass(frozen=True, slots=True)
class Wording:
    """A question and what its words stand for. `skeleton` is its form: what is said left out, how it is said kept."""

    text: str
    said: tuple[Said, ...]
    skeleton: str


class Marks:
    """Numbers the parts of one question."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def around(self, part: str, text: str) -> str:
        self.parts.append(part)
        at = len(self.parts) - 1
        return f"{chr(_OPEN + at)}{text}{chr(_CLOSE + at)}"


def unmarked(text: str) -> str:
    return _MARK.sub("", text)


def finished(text: str, parts: Sequence[str]) -> Wording:
    """The text without marks, with the span of each."""
    plain: list[str] = []
    skeleton: list[str] = []
    opened: dict[int, int] = {}
    said: list[Said] = []
    depth: list[str] = []
    length = 0
    for char in text:
        code = ord(char)
        if _OPEN <= code < _OPEN + 0x1000:
            opened[code - _OPEN] = length
            depth.append(parts[code - _OPEN].partition(":")[0])
            skeleton.append(f"<{depth[-1]}>")
        elif _CLOSE <= code < _CLOSE + 0x800:
            at = code - _CLOSE
            said.append(Said(opened.pop(at), length, parts[at]))
            depth.pop()
        else:
            plain.append(char)
            length += 1
            if not depth:
                skeleton.append(char)
    return Wording("".join(plain), tuple(sorted(said)), re.sub(r"\s+", " ", "".join(skeleton)))
