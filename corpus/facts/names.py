"""Whose name is this: titles, redirects, and the words that links use for a page."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from corpus.records import Document

_WORD = re.compile(r"(?<![\w-])[A-Z0-9À-ÞĀ-Ž]\w*")
_GOES_ON = re.compile(r"\w|-\w")


def plain_name(name: str) -> str:
    """A name as it is looked up: no accents, one kind of quote, no leading "the", "and" for "&"."""
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or name
    text = text.replace("&", "and").replace("`", "'")
    text = re.sub(r"\s+", " ", text).strip(" .,;")
    return re.sub(r"^the ", "", text, flags=re.IGNORECASE)


class Names:
    """Names of entities. A name that several have is nobody's, unless it is the title of one alone."""

    def __init__(self, titles: Mapping[str, str], others: Mapping[str, Iterable[str]]) -> None:
        """`titles` and `others` by doc_id."""
        owners: dict[str, set[str]] = defaultdict(set)
        entitled: dict[str, set[str]] = defaultdict(set)
        spellings: dict[str, str] = {}
        for doc_id, title in titles.items():
            entitled[plain_name(title)].add(doc_id)
            spellings[title] = plain_name(title)
        for doc_id, names in others.items():
            for name in names:
                owners[plain_name(name)].add(doc_id)
                spellings[name] = plain_name(name)
        self._owner = {name: next(iter(ids)) for name, ids in owners.items() if len(ids) == 1 and name}
        self._owner |= {name: next(iter(ids)) for name, ids in entitled.items() if len(ids) == 1 and name}
        written = {s for s, plain in spellings.items() if plain in self._owner}
        self._scanner = NameScanner(written | {s.removeprefix("The ") for s in written})

    def exact(self, name: str) -> str | None:
        """The doc_id of the page that goes by this name, or None."""
        return self._owner.get(plain_name(name))

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(start, end, doc_id) of every name in a text, in order, none within another."""
        for start, end in self._scanner.find(text):
            doc_id = self.exact(text[start:end])
            if doc_id is not None:
                yield start, end, doc_id


class NameScanner:
    """Finds many thousand names in a text in one go, those alone that begin with a capital or a digit.

    Only where a word begins with a capital are the few names tried that begin with that word, longest first: "Guinea"
    is not found in "Guinea-Bissau" where that is a name too.
    """

    def __init__(self, names: Iterable[str]) -> None:
        by_word: dict[str, list[str]] = defaultdict(list)
        for name in sorted(set(names), key=lambda name: (-len(name), name)):
            word = _WORD.match(name)
            if word and len(name) > 1:
                by_word[word[0]].append(name)
        self._by_word = dict(by_word)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Spans in order, none within another."""
        done = 0
        for word in _WORD.finditer(text):
            start = word.start()
            if start < done:
                continue
            for name in self._by_word.get(word[0], ()):
                end = start + len(name)
                if text.startswith(name, start) and not _GOES_ON.match(text, end):
                    yield start, end
                    done = end
                    break


def anchor_names(documents: Iterable[Document], targets: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The words that links use for each page, commonest first: {doc_id: anchors}. `targets` is {url: doc_id}.

    Words that link to several pages are kept for the one that has nine tenths of them.
    """
    used: dict[str, Counter[str]] = defaultdict(Counter)
    for document in documents:
        for link in document.links:
            target = targets.get(link.url)
            if target is not None and link.anchor.strip():
                used[link.anchor.strip()][target] += 1
    names: dict[str, Counter[str]] = defaultdict(Counter)
    for anchor, counts in used.items():
        (target, count), total = counts.most_common(1)[0], sum(counts.values())
        if count * 10 >= total * 9:
            names[target][anchor] = count
    return {
        target: tuple(sorted(counts, key=lambda anchor: (-counts[anchor], anchor)))
        for target, counts in sorted(names.items())
    }
