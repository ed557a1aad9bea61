"""Equal pages in one segment and in many: what Tantivy adds in another order, and ties it hands out in another."""

from __future__ import annotations

import random

import orjson
import pytest

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot

OTHERS = ("birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "首都", "人口", "北京", "上海")
BOOSTED = ("amber^100000000000 birch cedar", "+amber^100000000000 birch cedar")


@pytest.fixture(scope="module")
def webs(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshot]:
    """600 pages of four words, of which one stands on all; in 1 segment and in several."""
    rng, folder = random.Random(3), tmp_path_factory.mktemp("segments")
    rows = [
        {"url": f"https://a.example/{i}", "title": "", "text": f"amber {' '.join(rng.sample(OTHERS, 3))}"}
        for i in range(600)
    ]
    (folder / "pages.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    found = []
    for number, options in enumerate((BuildOptions(encoder="none"), BuildOptions(encoder="none", commit_every=97))):
        build_snapshot([str(folder / "pages.jsonl")], folder / str(number), options)
        found.append(open_snapshot(folder / str(number)))
    assert found[0].snapshot_id == found[1].snapshot_id
    assert [web.lexical._searcher.num_segments for web in found] == [1, 7]
    return found


def hits(web: Snapshot, query: str, k: int, syntax: str) -> list[tuple[float, str]]:
    return [(hit.score, hit.passage_id) for hit in web.search(query, k=k, mode="bm25", syntax=syntax).hits]


def check(webs: list[Snapshot], query: str, syntax: str) -> None:
    whole = hits(webs[0], query, 550, syntax)
    for k in (1, 2, 3, 10, 40, 99, 550):
        assert [hits(web, query, k, syntax) for web in webs] == [whole[:k]] * len(webs), (query, k)


@pytest.mark.parametrize("syntax", ["plain", "lucene"])
def test_segments_change_neither_scores_nor_ties_nor_the_cut(webs: list[Snapshot], syntax: str) -> None:
    rng = random.Random(4)
    for count in (1, 2, 3, 4, 6, 10):
        for _ in range(6):
            check(webs, " ".join(rng.sample([*OTHERS, "amber"], count)), syntax)


def test_small_boosts_change_nothing_about_that(webs: list[Snapshot]) -> None:
    for query in (
        "amber^1000 birch^0.001 cedar",
        "birch^3.7 cedar^0.31 elm^11 fir",
        "(amber birch)^9 OR (elm fir)^0.3",
    ):
        check(webs, query, "lucene")


@pytest.mark.parametrize("query", BOOSTED)
def test_large_boosts_change_nothing_about_that(webs: list[Snapshot], query: str) -> None:
    check(webs, query, "lucene")
