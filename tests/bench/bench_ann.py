"""Approximate dense search against exact search: recall@10, and CPU time a query.

    python -m tests.bench.bench_ann --data ../shared/data SNAPSHOT...

Codes are written as a build writes them, for every snapshot given, however small it is; what is called default is the
way a server goes. Inverted lists and graphs are what was not taken. Everything on one thread. Recall counts what scores
no less than the tenth of exact search, so that of many equal passages any will do.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from corpus import Snapshot, open_snapshot
from corpus.dense import DenseIndex, write_codes
from corpus.encoders import QueryVectors, Vector
from corpus.filters import NO_FILTERS
from corpus.judgements import read_judgements, sampled
from corpus.rankings import Scored
from tests.bench.figures import write_figures

K = 10
POOL = 1000
"""Candidates of the approximate path, before exact scores order them."""
PROBES = (8, 16, 32, 64, 128, 256)
HNSW_EF = (64, 256, 1000)

Ways = dict[str, Callable[[Vector], list[Scored]]]
"""Name -> the best ten for a query vector."""


def query_texts(data: Path, web: Snapshot, count: int, seed: int) -> dict[str, list[str]]:
    """Claims of SciFact, questions of wtq, titles of the snapshot itself: `count` of each."""
    rng = random.Random(seed)
    claims = list(
        read_judgements(data / "scifact" / "queries.train.jsonl", data / "scifact" / "qrels.train.tsv").queries.values()
    )
    questions = sampled(read_judgements(data / "wtq" / "questions.train.jsonl.zst"), alone=True, sample=count)
    titles = sorted({web.store.head(number)[1] for number in range(len(web.store))})
    return {
        "scifact claims": rng.sample(claims, min(count, len(claims))),
        "wtq questions": list(questions.queries.values()),
        "titles": rng.sample(titles, min(count, len(titles))),
    }


def exact_scores(vectors: Vector, vector: Vector, passages: npt.NDArray[np.int64]) -> list[Scored]:
    """The best ten of some passages, in total order, as the dense index scores them."""
    cosines = np.round(vectors[passages].astype(np.float64) @ vector.astype(np.float64), 4)
    best = np.lexsort((passages, -cosines))[:K]
    return list(zip(cosines[best].tolist(), passages[best].tolist(), strict=True))


def proposals(index: Any, vectors: Vector, pool: int, params: Any) -> Callable[[Vector], list[Scored]]:
    """Candidates of a FAISS index, ordered by exact scores."""

    def search(vector: Vector) -> list[Scored]:
        found = index.search(vector.reshape(1, -1), pool, params=params)[1][0]
        return exact_scores(vectors, vector, found[found >= 0])

    return search


def flat_only(index: Any) -> Callable[[Vector], list[Scored]]:
    def search(vector: Vector) -> list[Scored]:
        scores, found = index.search(vector.reshape(1, -1), K)
        return list(zip(np.round(scores[0], 4).astype(np.float64).round(4).tolist(), found[0].tolist(), strict=True))

    return search


def recall(expected: Sequence[list[Scored]], found: Sequence[list[Scored]]) -> float:
    """Share of the exact best that was found, a tie with the last of them being as good."""
    hits = total = 0
    for exact, approximate in zip(expected, found, strict=True):
        if exact:
            hits += sum(score >= exact[-1][0] for score, _ in approximate[: len(exact)])
            total += len(exact)
    return hits / total


def asked(way: Callable[[Vector], list[Scored]], vectors: Sequence[Vector]) -> tuple[list[list[Scored]], float]:
    """(answers, CPU microseconds a query), the first twenty asked once before."""
    for vector in vectors[:20]:
        way(vector)
    started = time.process_time()
    answers = [way(vector) for vector in vectors]
    return answers, 1e6 * (time.process_time() - started) / len(vectors)


def hnsw_of(vectors: Vector) -> Any:
    index = faiss.IndexHNSWSQ(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 100
    index.train(np.ascontiguousarray(vectors))
    index.add(np.ascontiguousarray(vectors))
    return index


def lists_of(vectors: Vector) -> Any:
    """Inverted lists with 8-bit codes, 32 of them probed: what large snapshots had before."""
    lists = int(2 ** np.floor(np.log2(4 * np.sqrt(len(vectors)))))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(vectors.shape[1]),
        vectors.shape[1],
        lists,
        faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
    )
    sample = np.random.default_rng(0).choice(len(vectors), min(len(vectors), lists * 64), replace=False)
    index.cp.niter = 8
    index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    index.add(np.ascontiguousarray(vectors))
    return index


def scalar_of(vectors: Vector) -> Any:
    index = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    index.train(np.ascontiguousarray(vectors))
    index.add(np.ascontiguousarray(vectors))
    return index


def measure(web: Snapshot, data: Path, count: int, seed: int, others: bool) -> dict[str, Any]:
    """Each way's recall by kind of query, and its CPU time; pages for the default way, too."""
    settings = web.manifest.settings
    assert settings.encoder is not None
    assert settings.encoder_record is not None
    queries = QueryVectors(settings.encoder, settings.encoder_record)
    texts = query_texts(data, web, count, seed)
    vectors_by_kind = {kind: [queries.encode(text) for text in kind_texts] for kind, kind_texts in texts.items()}
    with tempfile.TemporaryDirectory() as temporary:
        flat, codes = Path(temporary) / "flat", Path(temporary) / "codes"
        for folder in (flat, codes):
            folder.mkdir()
            (folder / "vectors.faiss").symlink_to((web.path / "dense" / "vectors.faiss").absolute())
        exact = DenseIndex(flat, web.store, queries)
        stored = exact._vectors
        started = time.process_time()
        write_codes(stored, codes)
        codes_cpu_s = time.process_time() - started
        approximate = DenseIndex(codes, web.store, queries)

        def by_page(dense: DenseIndex) -> Callable[[Vector], list[Scored]]:
            return lambda vector: dense.nearest(vector, K, NO_FILTERS, True)

        def by_passage(dense: DenseIndex) -> Callable[[Vector], list[Scored]]:
            return lambda vector: dense.nearest(vector, K, NO_FILTERS, False)

        ways: Ways = {
            "exact": by_passage(exact),
            "default": by_passage(approximate),
            "exact, pages": by_page(exact),
            "default, pages": by_page(approximate),
            "flat, FAISS alone": flat_only(exact._flat),
        }
        one = faiss.SearchParametersIVF(nprobe=1)
        for pool in (100, 300, POOL):
            ways[f"codes, pool of {pool}"] = proposals(approximate._codes, stored, pool, one)
        lists_cpu_s = hnsw_cpu_s = 0.0
        if others:
            started = time.process_time()
            index = lists_of(stored)
            lists_cpu_s = time.process_time() - started
            for probes in PROBES:
                params = faiss.SearchParametersIVF(nprobe=min(probes, index.nlist))
                ways[f"IVF SQ8, {probes} of {index.nlist} lists"] = proposals(index, stored, POOL, params)
            ways["SQ8 scan of all, pool of 100"] = proposals(scalar_of(stored), stored, 100, None)
            started = time.process_time()
            graph = hnsw_of(stored)
            hnsw_cpu_s = time.process_time() - started
            for ef in HNSW_EF:
                params = faiss.SearchParametersHNSW(efSearch=ef)
                ways[f"HNSW SQ8, ef {ef}"] = proposals(graph, stored, min(ef, POOL), params)
        measured: dict[str, Any] = {}
        expected: dict[str, dict[str, list[list[Scored]]]] = {}
        for name, way in ways.items():
            usual = "exact, pages" if name.endswith("pages") else "exact"
            answers, times = {}, []
            for kind, vectors in vectors_by_kind.items():
                answers[kind], cpu_us = asked(way, vectors)
                times.append(cpu_us)
            expected[name] = answers
            found = {kind: round(recall(expected[usual][kind], answers[kind]), 4) for kind in answers}
            measured[name] = {"recall_at_10": found, "cpu_us": round(float(np.mean(times)))}
            print(name, measured[name], flush=True)
        size_mb = (codes / "codes.faiss").stat().st_size / 1e6
    return {
        "snapshot_id": web.snapshot_id,
        "encoder": settings.encoder,
        "passages": len(stored),
        "queries": {kind: len(kind_texts) for kind, kind_texts in texts.items()},
        "codes_cpu_s": round(codes_cpu_s, 1),
        "codes_mb": round(size_mb, 1),
        "lists_cpu_s": round(lists_cpu_s, 1),
        "hnsw_cpu_s": round(hnsw_cpu_s, 1),
        "ways": measured,
    }


def main(snapshots: Sequence[Path], data: Path, count: int = 500, seed: int = 0, others: bool = True) -> dict[str, Any]:
    faiss.omp_set_num_threads(1)
    return {"seed": seed, "k": K, "pool": POOL} | {
        path.name: measure(open_snapshot(path), data, count, seed, others) for path in snapshots
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snapshots", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--default-only", action="store_true")
    given = parser.parse_args()
    write_figures(
        "ann",
        f"python -m tests.bench.bench_ann {' '.join(path.name for path in given.snapshots)}",
        main(given.snapshots, given.data, given.queries, others=not given.default_only),
    )
