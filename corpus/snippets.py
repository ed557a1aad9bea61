"""The words of a passage to show under a hit."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from corpus.analyzers import query_terms
from corpus.languages import has_unsegmented

_WORD = re.compile(r"\w+")
_SPACE = re.compile(r"\s+")
_SCAN_CHARS = 20_000


@lru_cache(maxsize=4096)
def _pattern(query: str, languages: tuple[str, ...]) -> re.Pattern[str] | None:
    """Words that begin with a term's stem: nearly what the analyzer matches, at a tenth of its cost per passage."""
    stems, parts = [], []
    for term in query_terms(query, languages=languages, limit=16):
        if has_unsegmented(term):
            parts.append(re.escape(term))
            continue
        # Porter writes happy as happi: the last letter of a stem is no letter of the word there.
        stem = term[:-1] if len(term) > 3 and term.endswith("i") else term
        stems.append(re.escape(stem))
    if not stems and not parts:
        return None
    stems.sort(key=len, reverse=True)
    parts.sort(key=len, reverse=True)  # these stand inside a run of letters, where no word begins
    either = [*([rf"\b(?:{'|'.join(stems)})"] if stems else []), *parts]
    return re.compile(f"({'|'.join(either)})", re.IGNORECASE)


def snippet(query: str, text: str, *, chars: int, languages: tuple[str, ...] = ()) -> str:
    """At most `chars` characters of a passage around the densest group of query words, white space folded.

    The window with the most distinct query words wins, then the one with the most words, then the first. Cut edges
    fall between words and are marked with an ellipsis, which counts. `chars` of 0 gives "".
    """
    if chars <= 0:
        return ""
    text = text[:_SCAN_CHARS]
    if len(text) <= chars:
        return _SPACE.sub(" ", text).strip()
    pattern = _pattern(query, languages)
    plain = text if text.isascii() else _folded(text)
    places = [(match.start(), match.group(1).lower()) for match in pattern.finditer(plain)] if pattern else []
    start = _best_start(places, chars) if places else 0
    # Some of the words before the first match are needed to read it.
    start = max(0, min(start - chars // 6, len(text) - chars))
    end = min(len(text), start + chars)
    if start > 0:
        space = _SPACE.search(text, start, end)
        start = space.end() if space and space.end() < start + 40 else start
    if end < len(text):
        space_at = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
        end = space_at if space_at > end - 40 and space_at > start else end
    words = _SPACE.sub(" ", text[start:end]).strip()
    shown = f"{'…' if start > 0 else ''}{words}{'…' if end < len(text) else ''}"
    return shown if len(shown) <= chars else shown[: max(0, chars - 1)].rstrip() + "…"


def _folded(text: str) -> str:
    """Accents taken off without moving a character, so that offsets stay."""
    return "".join(
        base if char > "\x7f" and (base := unicodedata.normalize("NFD", char)[0]) < "\x80" else char for char in text
    )


def _best_start(places: list[tuple[int, str]], chars: int) -> int:
    best, best_start = (0, 0), places[0][0]
    counts: dict[str, int] = {}
    left = 0
    for right, (offset, word) in enumerate(places):
        counts[word] = counts.get(word, 0) + 1
        while places[left][0] < offset - chars * 3 // 4:
            gone = places[left][1]
            counts[gone] -= 1
            if not counts[gone]:
                del counts[gone]
            left += 1
        value = (len(counts), right - left + 1)
        if value > best:
            best, best_start = value, places[left][0]
    return best_start
