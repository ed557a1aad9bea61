"""The approximate dense index: equal bytes however it was built, and answers that keep the promise.

The codes are asked only where more than EXACT_UP_TO / 5 passages are allowed, so the web here is larger than that.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import orjson
import pytest

from corpus import BuildOptions, Filters, Snapshot, build_snapshot, open_snapshot
from corpus.dense import EXACT_UP_TO
from corpus.records import Ranking
from tests.bench.bench_ann import measure
from tests.bench.bench_machines import MACHINES, Machine, write_codes_on

PAGES = EXACT_UP_TO // 5 + 1500
WORDS = [
    f"{a}{b}"
    for a in ("stone", "river", "cloud", "ember", "frost", "lamp", "salt", "gold", "moon", "fish")
    for b in ("side", "fall", "gate", "mark", "light", "house", "water", "field")
]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, Snapshot]:
    """(with codes, exact) over the same short pages, one in ten of which stands twice."""
    folder, rng = tmp_path_factory.mktemp("many"), random.Random(5)
    texts = [" ".join(rng.choices(WORDS, k=9)) for _ in range(PAGES * 9 // 10)]
    texts += rng.sample(texts, PAGES - len(texts))
    with open(folder / "pages.jsonl", "wb") as file:
        for i, text in enumerate(texts):
            row = {"url": f"https://d{i % 30}.example/{i}", "title": WORDS[i % 80], "text": text}
            file.write(orjson.dumps(row) + b"\n")
    build_snapshot([str(folder / "pages.jsonl")], folder / "codes", BuildOptions(exact_up_to=1000))
    build_snapshot([str(folder / "pages.jsonl")], folder / "exact")
    codes, exact = open_snapshot(folder / "codes"), open_snapshot(folder / "exact")
    assert (codes.manifest.settings.dense_index, exact.manifest.settings.dense_index) == ("codes", "exact")
    return codes, exact


def places(ranking: Ranking) -> list[tuple[float, str]]:
    return [(hit.score, hit.passage_id) for hit in ranking.hits]


def test_the_codes_have_equal_bytes_whatever_the_threads(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(40, 32))[rng.integers(40, size=6000)] + rng.normal(size=(6000, 32)) / 3).astype(
        np.float32
    )
    np.save(tmp_path / "vectors.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    threads = [Machine(f"{n} threads", {"OMP_NUM_THREADS": f"{n}", "OPENBLAS_NUM_THREADS": f"{n}"}) for n in (1, 2, 4)]
    machines = [MACHINES[0], *threads, Machine("dynamic", {"OMP_NUM_THREADS": "3", "OMP_DYNAMIC": "true"})]
    digests = {m.name: write_codes_on(m, tmp_path / "vectors.npy", tmp_path / m.name) for m in machines}
    assert len(set(digests.values())) == 1, digests


def test_the_codes_are_really_asked(many: tuple[Snapshot, Snapshot]) -> None:
    """Or nothing in this file would show anything: what they propose differs somewhere from what is best."""
    codes, exact = many
    asked = [(places(codes.search(word, k=1000, mode="dense")), places(exact.search(word, k=1000, mode="dense")))
             for word in WORDS[:20]]  # fmt: skip
    assert any(one != other for one, other in asked)


def check_prefix(web: Snapshot, mode: str, by_page: bool, most: int, fewer: tuple[int, ...]) -> None:
    half = Filters(exclude_domains=("d7.example",))
    for query in (WORDS[0], f"{WORDS[3]} {WORDS[44]}", "boulangerie"):
        for allowed in (Filters(), half):
            whole = places(web.search(query, k=most, mode=mode, by_page=by_page, allowed=allowed))
            assert len(whole) == most
            assert [score for score, _ in whole] == sorted((score for score, _ in whole), reverse=True)
            for k in fewer:
                assert places(web.search(query, k=k, mode=mode, by_page=by_page, allowed=allowed)) == whole[:k]


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
@pytest.mark.parametrize("by_page", [True, False])
def test_the_best_k_are_a_prefix_of_the_best_k_plus_one(
    many: tuple[Snapshot, Snapshot], mode: str, by_page: bool
) -> None:
    check_prefix(many[0], mode, by_page, 1000, (1, 2, 9, 10, 11, 99, 100, 101, 300, 999))


@pytest.mark.parametrize("by_page", [True, False])
def test_the_same_where_a_deeper_pool_adds_to_the_first(many: tuple[Snapshot, Snapshot], by_page: bool) -> None:
    check_prefix(many[0], "dense", by_page, 1500, (1000, 1001, 1002, 1300, 1499))


def test_scores_are_those_of_exact_search(many: tuple[Snapshot, Snapshot]) -> None:
    codes, exact = many
    for query in WORDS[:10]:
        scores = {hit.doc_id: hit.score for hit in exact.search(query, k=PAGES, mode="dense").hits}
        assert all(scores[hit.doc_id] == hit.score for hit in codes.search(query, k=100, mode="dense").hits)


def test_a_narrow_filter_is_answered_exactly(many: tuple[Snapshot, Snapshot]) -> None:
    codes, exact = many
    narrow = Filters(include_domains=("d7.example", "d8.example"))
    for query in WORDS[:10]:
        one, other = (places(web.search(query, k=100, mode="dense", allowed=narrow)) for web in (codes, exact))
        assert one == other


@pytest.mark.slow
@pytest.mark.shared_data
def test_the_default_finds_97_of_100_of_the_exact_best_on_real_pages(shared_data: Path, tmp_path: Path) -> None:
    build_snapshot([str(shared_data / "foldoc" / "docs.jsonl.zst")], tmp_path / "out", BuildOptions(exact_up_to=1000))
    measured = measure(open_snapshot(tmp_path / "out"), shared_data, 200, 0, others=False)
    assert min(measured["ways"]["default"]["recall_at_10"].values()) >= 0.97
