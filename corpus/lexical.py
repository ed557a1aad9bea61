"""BM25 over passages, each with its page's title and the headings it stands under, in Tantivy.

Scores are made the same whatever the segments. Tantivy takes its statistics over the whole index, but a union of more
than three terms may add them up in another order in another segment, which moves the last bits of a 32-bit sum. Scores
are therefore rounded to 0.01; where a sum lies so close to a rounding boundary that its order of addition could
decide, its parts are asked for and added exactly (`_exact_score`).
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import tantivy

from corpus.analyzers import analyzer, prepared, query_terms
from corpus.docstore import UNDATED, DocStore
from corpus.errors import BadQuery
from corpus.filters import NO_FILTERS, Filters
from corpus.languages import has_unsegmented, segmented
from corpus.rankings import Scored, collect, make_ranking, units_of
from corpus.records import Passage, Ranking
from corpus.urls import domain_suffixes

FIELDS = {"title": 0.25, "text": 1.0}
"""Searched fields and their weights. `text` has title and headings, too: docs/decisions.md has the figures."""
ANALYZERS = dict.fromkeys(("title", "headings", "text"), "english")
MAX_TERMS = 64
"""Distinct terms of a plain query that count; a longer one is a document, not a question."""

MAX_LUCENE_WORDS = 128
MAX_LUCENE_GROUPS = 16
MAX_SLOP = 10
"""Bounds of a query in Lucene syntax. Tantivy has none: one phrase of a repeated word with a wide slop takes all
memory, and scoring takes time with the square of the depth of parentheses."""

# Thai and its kin write vowels as signs, which are no letters to the engine of expressions.
_RUN = re.compile("\"[^\"]*\"|'[^']*'|\\[[^]]*]|{[^}]*}|[\\w\u0e00-\u0eff\u1000-\u109f\u1780-\u17d3]+\\*?")
"""In Lucene syntax: what stands in quotes or brackets, or letters in a row, with the star of a prefix."""
_BEFORE_GROUP, _BEHIND_GROUP = " \t\n(+-:", " \t\n)^"
_EXCLUDED = re.compile(r"(?:(?<!\w)-|\bNOT\s+)(?:\w+:)?\Z")

_LISTED = {"places": "table/places", "papers": "table/papers"}
"""Beside the domains of a page; no host has a slash in it."""
_F32_HALF_ULP = 2.0**-24
_HEAP_BYTES = 400_000_000
_FREQUENCIES = 10_000
"""Terms whose number of passages is kept; few terms are asked for often."""


def tables_of(store: DocStore, number: int) -> list[str]:
    """What the domain field holds for each table that a page has a row in."""
    tables = ("places", store.tables.places), ("papers", store.tables.papers)
    return [_LISTED[name] for name, table in tables if table.row_of(number) is not None]


def make_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ANALYZERS:
        builder.add_text_field(name, tokenizer_name=ANALYZERS[name], index_option="position")
    builder.add_text_field("domain", tokenizer_name="raw", index_option="basic")
    # Signed: an int put on an unsigned fast field panics in this binding.
    for name in ("day", "doc", "passage"):
        builder.add_integer_field(name, indexed=True, fast=True)
    return builder.build()


def _with_analyzers(index: tantivy.Index) -> tantivy.Index:
    for name in set(ANALYZERS.values()):
        index.register_tokenizer(name, analyzer(name))
    return index


def write_lexical_index(
    passages: Iterable[tuple[int, str, str, Passage]],
    store: DocStore,
    folder: Path,
    *,
    threads: int = 1,
    commit_every: int | None = None,
    languages: Sequence[str] = (),
) -> int:
    """Index passages as `DocStore.iter_passages` gives them; return how many.

    `languages` are those whose pages go through a stemmer of their own, besides English.

    One thread by default: its segments are the same every time and searching one segment is fastest. Answers do not
    depend on `threads` or `commit_every` (passages between commits), and a test says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    try:
        index = _with_analyzers(tantivy.Index(make_schema(), path=str(folder)))
        writer = index.writer(_HEAP_BYTES, threads)
        add = tantivy.Document
        hosts: dict[str, list[str]] = {}
        for count, (number, title, host, passage) in enumerate(passages, 1):
            document = add()
            language = store.language(number)
            for name, said in (("title", title), ("headings", "\n".join(passage.headings)), ("", passage.text)):
                if said:
                    words = prepared(said, language, languages)
                    document.add_text("text", words)
                    if name:
                        document.add_text(name, words)
            for suffix in hosts.get(host) or hosts.setdefault(host, domain_suffixes(host)):
                document.add_text("domain", suffix)
            for table in tables_of(store, number):
                document.add_text("domain", table)
            document.add_integer("day", int(store.days[number]))
            document.add_integer("doc", number)
            document.add_integer("passage", count - 1)
            writer.add_document(document)
            if commit_every and count % commit_every == 0:
                writer.commit()
        writer.commit()
        writer.wait_merging_threads()
    except ValueError as error:
        if "(os error " in str(error):  # a full disk, among others; the binding has one kind for all
            raise OSError(f"the lexical index cannot be written: {error}") from error
        raise
    return count


def _opened(folder: Path) -> tuple[tantivy.Index, object]:
    """The index in a folder, and what has to live as long as it does.

    The engine makes a lock beside what it opens. Where nothing may be written it is given a folder of links instead.
    """
    try:
        return tantivy.Index.open(str(folder)), None
    except ValueError:
        if os.access(folder, os.W_OK):
            raise
    links = tempfile.TemporaryDirectory(prefix="stillweb-")
    for file in folder.iterdir():
        if file.suffix == ".lock":
            continue
        os.symlink(file.absolute(), Path(links.name) / file.name)
    return tantivy.Index.open(links.name), links


class LexicalIndex:
    """`Retriever` over one Tantivy folder. Thread-safe; searching releases the GIL."""

    name = "bm25"

    def __init__(
        self, folder: Path, store: DocStore, weights: Mapping[str, float] = FIELDS, languages: Sequence[str] = ()
    ) -> None:
        self._weights = dict(weights)
        self._languages = tuple(languages)
        index, self._links = _opened(folder)
        self._index = _with_analyzers(index)
        self._searcher = self._index.searcher()
        self._schema = self._index.schema
        self._store = store
        self._frequencies: dict[str, int] = {}

    def search(
        self, query: str, *, k: int, allowed: Filters | None = None, by_page: bool = True, syntax: str = "plain"
    ) -> Ranking:
        """The best k pages or passages for a query; fewer where fewer match.

        `syntax="plain"`: any string is valid and nothing in it is syntax; its terms are alternatives. `"lucene"`:
        Tantivy's query language over title, headings, text and domain; raises BadQuery where it cannot be parsed.
        """
        scored = self.scored(query, k, allowed or NO_FILTERS, by_page, syntax)
        return make_ranking(query, self.name, scored, self._store)

    def scored(self, query: str, k: int, filters: Filters, by_page: bool, syntax: str = "plain") -> list[Scored]:
        """The same as (score, passage number)."""
        matching, clauses = self._plain(query) if syntax == "plain" else self._lucene(query)
        if matching is None or not self._searcher.num_docs:
            return []
        if filters:
            matching = self._filtered(matching, filters)
        precision, step = (2, 0.01) if clauses <= 48 else (1, 0.1)
        tolerance = clauses * _F32_HALF_ULP

        def fetch(n: int) -> tuple[Sequence[Scored], bool, float]:
            try:
                hits = self._searcher.search(matching, min(n, self._searcher.num_docs), count=False).hits
            except ValueError as error:  # what the parser lets through, such as title:*
                raise _refused(str(error)) from error
            scores, addresses = zip(*hits, strict=True) if hits else ((), ())
            passages: list[int] = self._searcher.fast_field_values("passage", list(addresses))  # type: ignore[assignment]
            raw = np.array(scores, dtype=np.float64)
            if not np.isfinite(raw).all():
                raise _refused("its boosts are too large")
            scaled = raw / step
            rounded = np.round(raw, precision).tolist()
            # Distance to the boundary between two roundings, against what another order of addition could do.
            close = np.nonzero(np.abs(scaled - np.floor(scaled) - 0.5) <= tolerance * scaled)[0].tolist()
            # A boost can make one part so large that a 32-bit sum drops the others, in an order of the segment's own.
            slack = 2 * tolerance * float(raw.max(initial=0.0))
            if close:
                # What scores two steps less than the last unit wanted is in no answer, however it is rounded.
                units = units_of(passages, self._store, by_page=by_page)
                best = sorted(dict(zip(reversed(units), reversed(scores), strict=True)).values(), reverse=True)
                least = best[k - 1] - 2 * step - slack if len(best) >= k else -math.inf
                for i in close:
                    if scores[i] >= least:
                        rounded[i] = round(self._exact_score(matching, addresses[i]), precision)
            return list(zip(rounded, passages, strict=True)), len(hits) < n, slack

        return collect(fetch, self._store, k=k, by_page=by_page, step=step)

    def document_frequency(self, term: str) -> int:
        """Passages whose text, title or headings hold a term, as the analyzer writes it."""
        known = self._frequencies.get(term)
        if known is None:
            known = self._searcher.doc_freq("text", term)
            if len(self._frequencies) < _FREQUENCIES:
                self._frequencies[term] = known
        return known

    def _plain(self, query: str) -> tuple[tantivy.Query | None, int]:
        terms = query_terms(query, ANALYZERS["text"], languages=self._languages, limit=MAX_TERMS)
        if not terms:
            return None, 0
        should = tantivy.Occur.Should
        clauses = []
        for field, weight in self._weights.items():
            for term in terms:
                part = tantivy.Query.term_query(self._schema, field, term)
                clauses.append((should, tantivy.Query.boost_query(part, weight) if weight != 1.0 else part))
        return tantivy.Query.boolean_query(clauses), len(clauses)

    def _lucene(self, query: str) -> tuple[tantivy.Query, int]:
        _check_size(query)
        query = _segmented(query)
        _check_words(query)  # a run of Chinese is one word before and a hundred after
        try:
            # A heading that is asked for by name counts as a title does, whether the plain sum has it or not.
            boosts = {"headings": self._weights.get("title", 1.0), **self._weights}
            parsed = self._index.parse_query(query, list(self._weights), field_boosts=boosts)
        except ValueError as error:
            raise _refused(str(error)) from error
        return parsed, len(re.findall(r"[^\W_]+", query)) * len(self._weights)

    def _filtered(self, matching: tantivy.Query, filters: Filters) -> tantivy.Query:
        query, schema, must, must_not = tantivy.Query, self._schema, tantivy.Occur.Must, tantivy.Occur.MustNot

        def days(low: int, high: int) -> tantivy.Query:
            return query.range_query(schema, "day", tantivy.FieldType.Integer, low, high)

        # Conditions score nothing, so a page's score is the same with and without them.
        clauses = [(must, matching)]
        if filters.include_domains:
            wanted = [(tantivy.Occur.Should, query.term_query(schema, "domain", d)) for d in filters.include_domains]
            clauses.append((must, query.const_score_query(query.boolean_query(wanted), 0.0)))
        if filters.table is not None:
            listed = query.term_query(schema, "domain", _LISTED[filters.table])
            clauses.append((must, query.const_score_query(listed, 0.0)))
        clauses += [(must_not, query.term_query(schema, "domain", domain)) for domain in filters.exclude_domains]
        if filters.exclude_docs:
            clauses.append((must_not, query.term_set_query(schema, "doc", list(filters.exclude_docs))))
        if filters.after is not None or filters.before is not None:
            low = UNDATED + 1 if filters.after is None else filters.after
            inside = days(low, 2**31 if filters.before is None else filters.before - 1)
            if filters.include_undated:
                undated = query.term_query(schema, "day", UNDATED)
                inside = query.boolean_query([(tantivy.Occur.Should, inside), (tantivy.Occur.Should, undated)])
            clauses.append((must, query.const_score_query(inside, 0.0)))
        if filters.hidden_from is not None:
            clauses.append((must, query.const_score_query(days(UNDATED, filters.hidden_from - 1), 0.0)))
        return query.boolean_query(clauses)

    def _exact_score(self, matching: tantivy.Query, address: tantivy.DocAddress) -> float:
        tree = orjson.loads(matching.explain(self._searcher, address).to_json())
        return math.fsum(_leaves(tree))


def _check_words(query: str) -> None:
    if max(len(re.findall(r"\w+", query)), len(query.split())) > MAX_LUCENE_WORDS:
        raise _refused(f"it has more than {MAX_LUCENE_WORDS} words")


def _check_size(query: str) -> None:
    """Refuse a query in Lucene syntax that could take minutes or all memory. Raises BadQuery."""
    _check_words(query)
    # All parentheses rather than the deepest: which of them are quoted only Tantivy's parser knows.
    if query.count("(") > MAX_LUCENE_GROUPS:
        raise _refused(f"it has more than {MAX_LUCENE_GROUPS} groups in parentheses")
    if any(len(slop) > 2 or int(slop) > MAX_SLOP for slop in re.findall(r"~\s*(\d+)", query)):
        raise _refused(f"a slop (~) is greater than {MAX_SLOP}")


def _segmented(query: str) -> str:
    """A query in Lucene syntax with its Chinese and the like cut into words.

    The words of one run become one group, so that the sign, the field or the boost beside it governs all of them. What
    is excluded becomes a phrase: a page is left out for the word that was written, and not for a part of it.
    """
    if not has_unsegmented(query):
        return query

    def cut(match: re.Match[str]) -> str:
        written = match.group()
        if not has_unsegmented(written) or written[0] in "[{":  # the ends of a range are words as they stand
            return written
        words = " ".join(segmented(written.strip("\"'*")).split())
        if written[0] in "\"'":
            return written[0] + words + written[0]
        if " " not in words:
            return words or written
        group = f'"{words}"' if _EXCLUDED.search(query, 0, match.start()) else f"({words})"
        # A group stands by itself: beside other letters or signs, such as 「」, it would be no syntax.
        before, behind = query[: match.start()][-1:], query[match.end() :][:1]
        return " " * (before not in _BEFORE_GROUP) + group + " " * (behind not in _BEHIND_GROUP)

    return _RUN.sub(cut, query)


def _refused(reason: str) -> BadQuery:
    shown = reason.rstrip(".")
    shown = shown if len(shown) <= 300 else shown[:297] + "..."
    return BadQuery(f"The query was refused as Lucene syntax: {shown}. Use syntax 'plain', in which any text is valid.")


def _leaves(node: dict[str, Any]) -> Iterable[float]:
    """Scores of the single terms in an explanation: the parts whose sum must not depend on their order."""
    if node["description"].startswith("BooleanClause"):
        for child in node.get("details", ()):
            yield from _leaves(child)
    else:
        yield float(node["value"])
