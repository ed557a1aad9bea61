"""An answer made of sentences of the pages found, for dialects whose vendors have a model write one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from corpus.analyzers import query_terms, text_terms
from corpus.passages import innermost_section
from env_server.dialects.dialect import Asked, Values
from env_server.dialects.research import passage_text
from env_server.schemas import ExtractRequest

_PAGES = 3
_PART_CHARS = 1200
"""Characters of each page that sentences are chosen from: its three best parts."""
_USUAL_TERMS = 20
"""Terms of a sentence from which on length counts against it."""
_ABOVE = 0.6
"""What a word of the query is worth where only the heading above has it."""
_MAX_SENTENCES = 3
_NEAR_BEST = 0.7

_SENTENCE_END = re.compile(r"(?<=[.!?])['\")\]»”’]*\s+|(?<=[。！？])")
_MARKS = re.compile(r"^\s*(?:[-*+>]\s+|\d{1,3}[.)]\s+)+")


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    score: float
    hit: int
    place: int


def extractive_answer(
    asked: Asked, query: str, hits: Sequence[Values], *, max_chars: int = 500
) -> tuple[str, list[Values]]:
    """(the sentences that speak most of a query, those of the hits that they stand on, in the hits' order).

    `hits` are those of `Asked.hits`, best first; only the first three are read. ("", []) where no sentence on them
    shares a word with the query.
    """
    found = [sentence for place, hit in enumerate(hits[:_PAGES]) for sentence in _sentences(asked, query, hit, place)]
    found.sort(key=lambda sentence: (-sentence.score, sentence.hit, sentence.place))
    chosen: list[_Sentence] = []
    left = max_chars
    for sentence in found:
        # What says less than the best only dilutes it.
        if len(chosen) == _MAX_SENTENCES or sentence.score < found[0].score * _NEAR_BEST:
            break
        told = any(sentence.text in other.text or other.text in sentence.text for other in chosen)
        if len(sentence.text) <= left and not told:
            chosen.append(sentence)
            left -= len(sentence.text) + 1
    chosen.sort(key=lambda sentence: (sentence.hit, sentence.place))
    cited = dict.fromkeys(sentence.hit for sentence in chosen)
    return " ".join(sentence.text for sentence in chosen), [hits[place] for place in cited]


def _sentences(asked: Asked, query: str, hit: Values, place: int) -> Iterator[_Sentence]:
    """Sentences of a page that share a word with a query."""
    snapshot = asked.service.snapshot
    languages, passages = snapshot.manifest.settings.languages, snapshot.store.passage_count
    terms = query_terms(query, languages=languages)
    weights = {
        term: math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))
        for term in terms
        for frequency in [snapshot.lexical.document_frequency(term)]
    }
    number = snapshot.store.find_id(hit["doc_id"])
    language = None if number is None else snapshot.store.language(number)

    def weight_of(text: str) -> dict[str, float]:
        return {term: weights[term] for term in text_terms(text, language, languages) if term in weights}

    titled = weight_of(hit["title"])
    for part in _parts(asked, query, hit):
        for start, heading, text in _split(part["text"], part["section"] or ""):
            own, above = weight_of(text), weight_of(heading)
            if not own and not above:
                continue
            # A sentence seldom repeats what its heading and the page's title say, but speaks of that too.
            share = {term: weight * _ABOVE for term, weight in above.items()} | own | titled
            length = max(1.0, len(text_terms(text, language, languages)) / _USUAL_TERMS)
            score = math.fsum(share.values()) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * length))
            text = text if text[-1] in ".!?…。！？" else text + "."
            shown = f"{heading}: {text}" if above.keys() - own.keys() else text
            yield _Sentence(shown, round(score, 6), place, part["start"] + start)


def _parts(asked: Asked, query: str, hit: Values) -> list[Values]:
    """The parts of a page that hold the query's words, and the passage that the search found, which may hold others."""
    request = ExtractRequest(doc_id=hit["doc_id"], goal=query, max_chars=_PART_CHARS)
    parts: list[Values] = asked.service.reader.extract(request, asked.view)["passages"]
    store = asked.service.snapshot.store
    passage = store.find_passage(hit["passage_id"])
    if passage is not None:
        start, sections = store.passage_span(passage)[0], store.body(store.doc_of(passage)).section_rows
        section = innermost_section(sections, [row[2] for row in sections], start)
        parts.append({"start": start, "section": section, "text": passage_text(asked, hit["passage_id"])})
    return parts


def _split(text: str, heading: str) -> Iterator[tuple[int, str, str]]:
    """(place to order by, heading above, text) of the sentences of a Markdown text that begins under a heading.

    Rules, fences and tables hold none.
    """
    at = 0
    for line in text.splitlines(keepends=True):
        if line.startswith("#"):
            heading = line.strip("# \r\n\t")
        elif not line.lstrip().startswith(("|", "```", "~~~", "---")):
            start = at
            for sentence in _SENTENCE_END.split(line):
                words = " ".join(_MARKS.sub("", sentence).split())
                if words:
                    yield start, heading, words
                start += len(sentence)
        at += len(line)
