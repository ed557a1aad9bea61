"""How text becomes terms, by name; a snapshot's manifest names the analyzer of each field."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tantivy

_STOP_WORDS = (
    "a an and are as at be been but by can could did do does for from had has have how i if in into is it its "
    "me my no not of on or our s shall she he should so such t than that the their them then there these they "
    "this those to up us was we were what when where which while who whom whose why will with would you your"
).split()
"""Function words and the words questions are made of. They stay in the index and leave the query, so that a query
made of nothing else ("The Who", "to be or not to be") still finds its page."""


@cache
def analyzer(name: str) -> tantivy.TextAnalyzer:
    """An analyzer by name. `english`: words, lower case, accents folded, Porter stems. Raises KeyError if unknown."""
    import tantivy

    if name != "english":
        raise KeyError(name)
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(64))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


@cache
def stop_terms(name: str) -> frozenset[str]:
    """The stop words as the analyzer writes them."""
    return frozenset(term for word in _STOP_WORDS for term in analyzer(name).analyze(word))


def query_terms(query: str, name: str = "english", *, limit: int = 64) -> list[str]:
    """The first `limit` distinct terms of a query in its order, stop words only where there is nothing else."""
    terms = list(dict.fromkeys(analyzer(name).analyze(query)))
    telling = [term for term in terms if term not in stop_terms(name)]
    return (telling or terms)[:limit]
