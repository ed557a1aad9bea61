"""Retrieval measured against judged queries: SciFact's training claims and self-contained questions of wtq.

    python -m tests.bench.bench_relevance [--minilm]

The weight of the cosine in the fusion and that of titles in BM25 are swept on the same snapshots, passages of other
sizes are built for BM25, and titles of wtq and foldoc are asked for as they are. About five minutes on two cores;
--minilm encodes both corpora, about twenty more.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from corpus.judgements import Judged, match_documents, read_judgements, sampled
from corpus.relevance import METRICS, compare, measure, run_queries
from tests.bench.figures import write_figures

Values = dict[str, npt.NDArray[np.float64]]
"""Metric -> one value a query."""

SCIFACT, WTQ = "scifact", "wtq"
WEIGHTS = {"static": (0.1, 0.4, 1.0), "minilm": (0.2, 0.5, 2.0)}
"""Weights of the cosine tried beside the one that snapshots have."""
PASSAGE_CHARS = (500, 2000, 100_000)
TITLES = (0.0, 0.1, 0.5, 1.0)
"""Weights of the field of titles tried beside the one that snapshots have."""
FOLDOC = "foldoc"


def judged_queries(data: Path, name: str, web: Snapshot, questions: int) -> Judged:
    if name == SCIFACT:
        read = read_judgements(data / name / "queries.train.jsonl", data / name / "qrels.train.tsv")
    else:
        read = sampled(read_judgements(data / name / "questions.train.jsonl.zst"), alone=True, sample=questions)
    return match_documents(read, web.store)


def built(data: Path, name: str, folder: Path, options: BuildOptions) -> Snapshot:
    out = folder / f"{name}-{options.encoder}-{options.passage_chars}"
    build_snapshot([str(data / name / "docs.jsonl.zst")], out, options)
    return open_snapshot(out)


def weighted(web: Snapshot, weight: float) -> Snapshot:
    """The same snapshot, with another weight of the cosine."""
    settings = web.manifest.settings.model_copy(update={"fusion_weights": {"bm25": 1.0, "dense": weight}})
    return Snapshot(web.path, web.manifest.model_copy(update={"settings": settings}))


def titled(web: Snapshot, weight: float) -> Snapshot:
    """The same snapshot, with another weight of the field of titles."""
    fields = {"title": weight, "text": 1.0} if weight else {"text": 1.0}
    settings = web.manifest.settings.model_copy(update={"field_weights": fields})
    return Snapshot(web.path, web.manifest.model_copy(update={"settings": settings}))


def titles_of(web: Snapshot, most: int) -> Judged:
    """Titles of two words or more as queries; every page of the title is what is asked for."""
    pages: dict[str, list[int]] = {}
    for number in range(len(web.store)):
        title = web.store.head(number)[1].strip()
        if len(title.split()) > 1:
            pages.setdefault(title.casefold(), []).append(number)
    chosen = random.Random(0).sample(sorted(pages), min(most, len(pages)))
    grades = {title: dict.fromkeys(pages[title], 1) for title in chosen}
    names = {number: str(number) for found in grades.values() for number in found}
    count = sum(map(len, grades.values()))
    return Judged({title: title for title in chosen}, grades, names, count, count, 0)


def title_weights(web: Snapshot, judged: Judged) -> dict[str, Any]:
    """BM25 with other weights of titles, against the default."""
    usual = measure(run_queries(web, "bm25", judged.queries), judged, web.store)
    found = {"default": against(usual, usual)}
    for weight in TITLES:
        values = measure(run_queries(titled(web, weight), "bm25", judged.queries), judged, web.store)
        found[f"title {weight:g}"] = against(usual, values)
    return found


def against(usual: Values, values: Values) -> dict[str, Any]:
    """Means, and differences from the usual: [difference, low, high, p] of each metric."""
    compared = [compare("this", "usual", metric, values[metric] - usual[metric]) for metric in METRICS]
    return {
        "means": {metric: round(float(value.mean()), 6) for metric, value in values.items()},
        "against": {c.metric: [c.difference, c.low, c.high, c.p] for c in compared},
    }


def modes_and_weights(web: Snapshot, judged: Judged, encoder: str) -> dict[str, Any]:
    """Each mode, and hybrid with other weights, against BM25."""
    runs = {mode: run_queries(web, mode, judged.queries) for mode in web.modes}
    for weight in WEIGHTS[encoder]:
        runs[f"hybrid, weight {weight}"] = run_queries(weighted(web, weight), "hybrid", judged.queries)
    values = {name: measure(run, judged, web.store) for name, run in runs.items()}
    return {
        "snapshot_id": web.snapshot_id,
        "queries": len(judged.queries),
        "fusion_weights": web.manifest.settings.fusion_weights,
        "runs": {name: against(values["bm25"], of) for name, of in values.items()},
    }


def passage_sizes(data: Path, name: str, folder: Path, web: Snapshot, judged: Judged) -> dict[str, Any]:
    """BM25 with passages of other sizes, against the default. The same pages have the same numbers in each."""
    usual = measure(run_queries(web, "bm25", judged.queries), judged, web.store)
    found = {}
    for chars in PASSAGE_CHARS:
        other = built(data, name, folder, BuildOptions(encoder="none", passage_chars=chars))
        found[f"{chars}"] = against(usual, measure(run_queries(other, "bm25", judged.queries), judged, other.store))
    return found


def main(data: Path, questions: int, minilm: bool) -> dict[str, Any]:
    """Everything in a temporary folder. Sample and tests have seed 0."""
    measured: dict[str, Any] = {"seed": 0}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in (SCIFACT, WTQ):
            web = built(data, name, folder, BuildOptions())
            judged = judged_queries(data, name, web, questions)
            measured[f"{name}, static"] = modes_and_weights(web, judged, "static")
            measured[f"{name}, bm25 by passage_chars"] = passage_sizes(data, name, folder, web, judged)
            measured[f"{name}, bm25 by weight of titles"] = title_weights(web, judged)
            if name == WTQ:
                measured[f"{name}, its titles asked for"] = title_weights(web, titles_of(web, questions))
            if minilm:
                web = built(data, name, folder, BuildOptions(encoder="minilm"))
                measured[f"{name}, minilm"] = modes_and_weights(web, judged, "minilm")
        web = built(data, FOLDOC, folder, BuildOptions(encoder="none"))
        measured["foldoc, its titles asked for"] = title_weights(web, titles_of(web, questions))
    measured["seconds"] = round(time.perf_counter() - started)
    return measured


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--minilm", action="store_true")
    given = parser.parse_args()
    write_figures(
        "relevance",
        "python -m tests.bench.bench_relevance" + (" --minilm" if given.minilm else ""),
        main(given.data, given.questions, given.minilm),
    )
