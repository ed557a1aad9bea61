"""Runs of eight words that a question has in common with a page, by an index of hashed 8-grams of all pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

GRAM = 8
_WORD = re.compile(r"[一-鿿぀-ヿ가-힯]|[^\W_]+")
_BLOCK = 2_000_000
_PRIME = np.uint64(0x9E3779B97F4A7C15)

Hashes = npt.NDArray[np.uint64]


class PageGrams:
    """Hashes of every 8-gram of some texts, sorted: 8 bytes for each word of all pages, in memory.

    Two 8-grams share one of 2**64 hashes so seldom that a hit is taken for one.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: dict[str, int] = {}
        blocks, parts, size = [], [], 0
        for text in texts:
            found = self._hashes(words_of(text))
            parts.append(found)
            size += len(found)
            if size >= _BLOCK:
                blocks.append(np.unique(np.concatenate(parts)))
                parts, size = [], 0
        every = [*blocks, *parts]
        self.hashes: Hashes = np.unique(np.concatenate(every)) if every else np.empty(0, np.uint64)
        self._words.clear()

    def shared(self, text: str, leave_out: Sequence[str] = ()) -> tuple[str, ...]:
        """8-grams of the text that stand on a page, in order. None of them reaches into a text of `leave_out`.

        Those are names: a title of eight words is no copied sentence.
        """
        found = []
        for piece in _pieces(text, leave_out):
            words = words_of(piece)
            hashes = self._hashes(words)
            at = np.searchsorted(self.hashes, hashes)
            at[at == len(self.hashes)] = 0
            for place in np.flatnonzero(self.hashes[at] == hashes).tolist() if len(self.hashes) else []:
                found.append(" ".join(words[place : place + GRAM]))
        self._words.clear()
        return tuple(found)

    def _hashes(self, words: Sequence[str]) -> Hashes:
        """One hash an 8-gram: a polynomial over hashes of the words, which depend on the words alone."""
        known = self._words
        for word in words:
            if word not in known:
                known[word] = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
        row = np.array([known[word] for word in words], np.uint64)
        count = len(row) - GRAM + 1
        if count <= 0:
            return np.empty(0, np.uint64)
        total = np.zeros(count, np.uint64)
        for at in range(GRAM):
            total = total * _PRIME + row[at : at + count]
        return total


def words_of(text: str) -> list[str]:
    """Words in lower case; Chinese, Japanese and Korean signs one by one."""
    return _WORD.findall(text.casefold())


def _pieces(text: str, leave_out: Sequence[str]) -> list[str]:
    names = sorted({name for name in leave_out if name}, key=lambda name: (-len(name), name))
    return re.split("|".join(map(re.escape, names)), text, flags=re.IGNORECASE) if names else [text]
