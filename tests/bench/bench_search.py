"""Where the time of a cold BM25 search goes, step by step, and what was tried to make it cheaper.

    python -m tests.bench.bench_search [--snapshot DIR] [--rounds 5]

CPU microseconds of one thread, the service called directly; every query is distinct; medians over rounds. What is tried
is measured over the engine's part, on the same queries, in turn.
"""

from __future__ import annotations

import argparse
import math
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import tantivy

from corpus import build_snapshot, open_snapshot
from corpus.analyzers import query_terms
from corpus.filters import NO_FILTERS
from corpus.lexical import ANALYZERS, MAX_TERMS, LexicalIndex
from corpus.snapshot import Snapshot
from corpus.snippets import _folded, _places, _stems
from env_server.schemas import SearchRequest
from env_server.view import EMPTY_VIEW
from tests.bench.figures import write_figures
from tests.bench.serving.inside import service_of
from tests.bench.serving.traffic import QUESTIONS, Mix, read_questions

QUERIES = 400
K, FETCHED = 10, 38
"""Results of a search; what `collect` asks the engine for to have so many pages."""
SNIPPET_CHARS = SearchRequest(query="a").snippet_chars
K1_PLUS_1 = 2.2
"""Of BM25's term frequency part, which a word can never exceed."""

Work = Callable[[Any], Any]


def each(work: Work, items: Iterable[Any]) -> tuple[float, list[Any]]:
    """(CPU microseconds an item, what came of each)."""
    asked = list(items)
    began = time.thread_time()
    made = [work(item) for item in asked]
    return 1e6 * (time.thread_time() - began) / len(asked), made


def steps(web: Snapshot, mix: Mix) -> dict[str, float]:
    """One round: what a search is made of, each step in a loop of its own behind the one that it needs."""
    service, index = service_of(web), web.lexical
    told = {"whole": each(service.search_bytes, [_request(query) for query in mix.queries(QUERIES)])[0]}
    queries = mix.queries(QUERIES)
    bodies = [orjson.dumps({"query": query, "mode": "bm25"}) for query in queries]
    told["request read"] = each(SearchRequest.model_validate_json, bodies)[0]
    told["query made of its words"], plain = each(index._plain, queries)
    asked = [query for query, _ in plain if query is not None]
    told["engine"], _ = each(lambda query: index._searcher.search(query, FETCHED, count=False).hits, asked)
    queries = mix.queries(QUERIES)
    scored_us, scored = each(lambda query: index.scored(query, K, NO_FILTERS, True), queries)
    told["scores rounded, pages told apart, cut at ten"] = scored_us - told["query made of its words"] - told["engine"]
    found = list(zip(queries, scored, strict=True))
    ranking_us, answers = each(
        lambda one: service.searcher._ranking(one[0], "bm25", one[1], SNIPPET_CHARS, EMPTY_VIEW), found
    )
    told["ten snippets"] = each(
        lambda one: [web.snippet(one[0], passage, chars=SNIPPET_CHARS) for _, passage in one[1]], found
    )[0]
    told["ten titles, addresses, dates and ids"] = ranking_us - told["ten snippets"]
    told["JSON"] = each(orjson.dumps, answers)[0]
    alone = sum(us for name, us in told.items() if name != "whole")
    return told | {"in no step alone": told["whole"] - alone}


def _request(query: str) -> SearchRequest:
    return SearchRequest(query=query, mode="bm25")


def engine(index: LexicalIndex, queries: list[str]) -> dict[str, Any]:
    """How the engine's time depends on what it is asked: by depth, and fitted to clauses and postings."""
    searcher = index._searcher
    asked = [(query, made) for query in queries if (made := index._plain(query)[0]) is not None]

    def at(depth: int, count: bool = False) -> float:
        return each(lambda one: searcher.search(one[1], depth, count), asked)[0]

    at(FETCHED)  # thrown away: the first touch of these postings
    rows, took = [], []
    for query, made in asked:
        parts = clauses(index, query)
        rows.append((1.0, float(len(parts)), float(sum(part[0] for part in parts))))
        took.append(_best_us(searcher.search, made, FETCHED, False))
    table, us = np.array(rows), np.array(took)
    fit, *_ = np.linalg.lstsq(table, us, rcond=None)
    explained = 1 - float(((us - table @ fit) ** 2).sum() / ((us - us.mean()) ** 2).sum())
    return {
        "by_depth_us": {str(depth): at(depth) for depth in (1, 10, FETCHED, 308)},
        "all_counted_us": at(FETCHED, count=True),
        "postings": float(table[:, 2].mean()),
        "clauses": float(table[:, 1].mean()),
        "fixed_us": float(fit[0]),
        "a_clause_us": float(fit[1]),
        "a_posting_us": float(fit[2]),
        "explained": explained,
    }


def clauses(index: LexicalIndex, query: str) -> list[tuple[int, float, tantivy.Query]]:
    """(passages that have it, the most it can add to a score, the clause) of each word in each field."""
    searcher, found = index._searcher, []
    for field, weight in index._weights.items():
        for term in query_terms(query, ANALYZERS["text"], languages=index._languages, limit=MAX_TERMS):
            have = searcher.doc_freq(field, term)
            if have:
                rarity = math.log(1 + (searcher.num_docs - have + 0.5) / (have + 0.5))
                part = tantivy.Query.term_query(index._schema, field, term)
                found.append((have, weight * K1_PLUS_1 * rarity, tantivy.Query.boost_query(part, weight)))
    return found


def tried(index: LexicalIndex, queries: list[str]) -> dict[str, Any]:
    """Two ways past the engine's exhaustive sum, the first with a threshold that it could not know.

    MaxScore: the commonest words that together cannot reach the last score wanted are optional, and only passages with
    one of the others are looked at. NumPy: as many postings as impacts in arrays, added up, and the best taken.
    Source: Turtle and Flood, Information Processing and Management 1995.
    """
    searcher, rng = index._searcher, np.random.default_rng(0)
    must, should = tantivy.Occur.Must, tantivy.Occur.Should
    shipped, maxscore, numpy_us, looked_at, all_postings = [], [], [], 0, 0
    for query in queries:
        made, parts = index._plain(query)[0], clauses(index, query)
        if made is None or not parts:
            continue
        hits = searcher.search(made, FETCHED, count=False).hits
        least = hits[-1][0] if len(hits) == FETCHED else 0.0
        optional, needed, reach = [], [], 0.0
        for part in sorted(parts, key=lambda part: -part[0]):
            if reach + part[1] < 0.999 * least:
                optional.append(part)
                reach += part[1]
            else:
                needed.append(part)
        pruned = tantivy.Query.boolean_query(
            [(must, tantivy.Query.boolean_query([(should, part[2]) for part in needed]))]
            + [(should, part[2]) for part in optional]
        )
        same = [round(score, 1) for score, _ in searcher.search(pruned, FETCHED, count=False).hits]
        assert same == [round(score, 1) for score, _ in hits] or abs(same[-1] - least) < 0.2, query
        looked_at += sum(part[0] for part in needed)
        all_postings += sum(part[0] for part in parts)
        shipped.append(_best_us(searcher.search, made, FETCHED, False))
        maxscore.append(_best_us(searcher.search, pruned, FETCHED, False))
        ids = [np.sort(rng.choice(searcher.num_docs, part[0], replace=False)) for part in parts]
        weights = [np.ones(part[0], dtype=np.float32) for part in parts]
        numpy_us.append(_best_us(_summed, ids, weights, searcher.num_docs))
    best = [min(pair) for pair in zip(shipped, maxscore, strict=True)]
    return {
        "shipped_us": statistics.mean(shipped),
        "maxscore_us": statistics.mean(maxscore),
        "maxscore_postings": looked_at / all_postings,
        "the_cheaper_of_both_us": statistics.mean(best),
        "numpy_us": statistics.mean(numpy_us),
    }


def _summed(ids: list[Any], weights: list[Any], count: int) -> Any:
    scores = np.bincount(np.concatenate(ids), np.concatenate(weights), count)
    return np.argpartition(scores, -FETCHED)[-FETCHED:]


def _best_us(work: Callable[..., object], *given: Any) -> float:
    times = []
    for _ in range(3):
        began = time.thread_time()
        work(*given)
        times.append(time.thread_time() - began)
    return 1e6 * min(times)


def snippets(web: Snapshot, queries: list[str]) -> dict[str, float]:
    """Finding the words of a query in ten passages: a `str.find` for each, and one pattern of all."""

    def texts(query: str) -> list[str]:
        found = web.scored(query, k=K, mode="bm25")
        return [_lowered(web.store.passage_text(passage)) for _, passage in found]

    work = [(_stems(query, ()), texts(query)) for query in queries]
    finds = each(lambda one: [_places(text, one[0]) for text in one[1]], work)[0]
    pattern = each(lambda one: [[m.span() for m in _pattern(one[0]).finditer(text)] for text in one[1] if one[0]], work)
    return {"finds_us": finds, "pattern_us": pattern[0]}


def _lowered(text: str) -> str:
    return (text if text.isascii() else _folded(text)).lower()


@lru_cache(4096)
def _pattern(stems: tuple[tuple[str, bool], ...]) -> re.Pattern[str]:
    longest_first = sorted((re.escape(stem) for stem, _ in stems), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(longest_first)})")


def main(snapshot: Path, rounds: int) -> dict[str, Any]:
    web = open_snapshot(snapshot)
    mix = Mix(web, read_questions(QUESTIONS), 0)
    steps(web, mix)  # thrown away: first touches of mapped files
    measured = [steps(web, mix) for _ in range(rounds)]
    queries = mix.queries(QUERIES)
    return {
        "snapshot_id": web.snapshot_id,
        "passages": web.store.passage_count,
        "rounds": rounds,
        "steps_us": {name: statistics.median(one[name] for one in measured) for name in measured[0]},
        "engine": engine(web.lexical, queries),
        "tried": tried(web.lexical, queries[: QUERIES // 2]),
        "snippets": snippets(web, queries),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="print and write nothing")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.snapshot is None:
            asked.snapshot = Path(folder) / "world"
            build_snapshot(["world:seed=7,pages=5000"], asked.snapshot)
        found = _rounded(main(asked.snapshot, asked.rounds))
    if asked.dry:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
    else:
        write_figures("search", "python -m tests.bench.bench_search", found)
