"""How good rankings are: judged queries run through a snapshot, measured by ir-measures, compared by scipy.

    judged = match_documents(read_judgements(Path("scifact")), web.store)
    runs = {mode: run_queries(web, mode, judged.queries) for mode in web.modes}
    report = evaluate(runs, judged, web.store, web.snapshot_id)

The extra `eval` has both libraries. Nothing here reads an answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.docstore import DocStore
from corpus.errors import MissingPackage
from corpus.judgements import Judged
from corpus.progress import Progress, silent
from corpus.rankings import Scored
from corpus.snapshot import Snapshot

K = 100
"""Pages asked for a query."""
METRICS = {"nDCG@10": "nDCG@10", "recall@100": "R@100", "MRR@10": "RR@10", "success@10": "Success@10"}
"""As reported -> as ir-measures calls it. nDCG takes grades as gains (trec_eval's, which BEIR reports); for the other
three a grade above 0 is relevant."""
RESAMPLES = 9999
"""Of each randomisation test and each interval: p is no smaller than 2 in 10,000."""

Run = dict[str, list[Scored]]
"""Query id -> (score, passage number), best first, at most one passage of a page."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run scores more than its baseline over the same queries: the mean difference, its 95 % interval (bootstrap
    over queries, percentile) and the two-sided p of a paired randomisation test. p is for this comparison alone."""

    run: str
    baseline: str
    metric: str
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Report:
    """Means over queries by run and metric, and every pair of runs compared by every metric."""

    snapshot_id: str
    queries: int
    queries_left_out: int
    judgements: int
    matched: int
    k: int
    seed: int
    means: dict[str, dict[str, float]]
    comparisons: list[Comparison]
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run_queries(
    web: Snapshot, mode: str, queries: Mapping[str, str], *, k: int = K, progress: Progress = silent
) -> Run:
    """The best k pages of each query in one mode. Raises ModeUnavailable or EncoderUnavailable."""
    return {
        query: web.scored(text, k=k, mode=mode)
        for query, text in progress(iter(queries.items()), f"asking ({mode})", len(queries))
    }


def evaluate(runs: Mapping[str, Run], judged: Judged, store: DocStore, snapshot_id: str, *, seed: int = 0) -> Report:
    """Measure runs and compare each pair. The same input gives the same report. Raises MissingPackage."""
    values = {name: measure(run, judged, store) for name, run in runs.items()}
    return Report(
        snapshot_id=snapshot_id,
        queries=len(judged.queries),
        queries_left_out=judged.queries_left_out,
        judgements=judged.judgements,
        matched=judged.matched,
        k=K,
        seed=seed,
        means={
            name: {m: round(math.fsum(v.tolist()) / len(v), 6) for m, v in of.items()} for name, of in values.items()
        },
        comparisons=[
            compare(second, first, metric, values[second][metric] - values[first][metric], seed=seed)
            for first, second in combinations(values, 2)
            for metric in METRICS
        ],
        versions={name: version(name) for name in ("stillweb", "ir-measures", "scipy", "tantivy", "faiss-cpu")},
    )


def measure(run: Run, judged: Judged, store: DocStore) -> dict[str, npt.NDArray[np.float64]]:
    """Metric -> its value for each judged query, in the queries' order; 0 for a query without hits."""
    ir_measures = _library("ir_measures")
    # The libraries below sort by score and break ties in an order of their own: they get ranks for scores.
    scored = [
        ir_measures.ScoredDoc(query, str(number), float(-rank))
        for query in judged.queries
        for rank, number in enumerate(_pages(run.get(query, []), store))
    ]
    qrels = [
        ir_measures.Qrel(query, str(number), grade)
        for query, grades in judged.grades.items()
        for number, grade in grades.items()
    ]
    measures = {ir_measures.parse_measure(name): shown for shown, name in METRICS.items()}
    found = {
        (measures[value.measure], value.query_id): float(value.value)
        for value in ir_measures.iter_calc(list(measures), qrels, scored)
    }
    return {m: np.array([found.get((m, query), 0.0) for query in judged.queries]) for m in METRICS}


def compare(run: str, baseline: str, metric: str, differences: npt.NDArray[np.float64], *, seed: int = 0) -> Comparison:
    """Compare two runs by their differences, one a query.

    Test: the signs of the differences are drawn anew (all combinations where there are few queries). Runs that differ
    nowhere, and runs of one query, get p = 1 and an interval of no width.
    """
    stats = _library("scipy.stats")
    mean = math.fsum(differences.tolist()) / len(differences)
    if len(differences) < 2 or not differences.any():
        same = round(mean, 6)
        return Comparison(run, baseline, metric, same, same, same, 1.0)
    shared = {"statistic": np.mean, "vectorized": True, "n_resamples": RESAMPLES, "batch": 200}
    test = stats.permutation_test((differences,), permutation_type="samples", rng=np.random.default_rng(seed), **shared)
    interval = stats.bootstrap(
        (differences,), method="percentile", rng=np.random.default_rng(seed), **shared
    ).confidence_interval
    shown = (round(float(value), 6) for value in (mean, interval.low, interval.high, test.pvalue))
    return Comparison(run, baseline, metric, *shown)


def write_run(run: Run, judged: Judged, store: DocStore, name: str, file: Path) -> None:
    """Write a TREC run file: `query Q0 document rank score name`, documents as the judgements spell them.

    Pages that were not judged go by doc_id. Scores count down from k: trec_eval ignores ranks, and ours may tie.
    """
    lines = []
    for query in judged.queries:
        for rank, number in enumerate(_pages(run.get(query, []), store), 1):
            document = judged.names.get(number, store.doc_id(number))
            lines.append(f"{_token(query)} Q0 {_token(document)} {rank} {K + 1 - rank} {name}\n")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(lines), encoding="utf-8")


def _token(name: str) -> str:
    # The format parts its columns by white space.
    return "_".join(name.split())


def _pages(hits: Sequence[Scored], store: DocStore) -> list[int]:
    return [int(number) for number in store.passage_doc[[passage for _, passage in hits]]] if hits else []


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackage(
            f"Measuring relevance needs the package {error.name!r}.", "Install it: pip install 'stillweb[eval]'"
        ) from error
