"""Pages that say nearly the same are found, whatever their order, and many alike cost no more than many others."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest

from corpus.near_duplicates import MIN_WORDS, THRESHOLD, near_duplicates, shingles

WORDS = [hashlib.sha256(str(n).encode()).hexdigest()[: 3 + n % 6] for n in range(5000)]
HARBOUR = (
    "港口在清晨开放渔船陆续回到码头工人们把新鲜的海鲜搬上岸市场里已经"
    "挤满了前来购买的居民和餐馆老板今年的收成比往年好得多价格也因此下降"
)


def words(seed: int, count: int = 300) -> list[str]:
    return random.Random(seed).choices(WORDS, k=count)


def page(seed: int, count: int = 300) -> str:
    return " ".join(words(seed, count))


def edited(seed: int, changes: int, count: int = 300) -> str:
    """The page of that seed with some of its words exchanged."""
    kept, rng = words(seed, count), random.Random(-seed - 1)
    for at in rng.sample(range(count), changes):
        kept[at] = "changed" + str(rng.random())
    return " ".join(kept)


def groups(texts: list[str]) -> list[int]:
    return near_duplicates(texts).tolist()


def jaccard(one: str, other: str) -> float:
    first, second = (set(shingles([text])[0].tolist()) for text in (one, other))
    return len(first & second) / len(first | second)


def test_a_page_with_a_few_words_changed_points_to_the_first_of_its_group() -> None:
    assert groups([page(0), page(1), edited(0, 3), page(2), edited(1, 2), edited(0, 1)]) == [0, 1, 0, 3, 1, 0]


def test_pages_that_share_half_of_their_words_stay_apart() -> None:
    half = " ".join(words(0)[:150] + words(1)[:150])
    assert groups([page(0), half, page(1), edited(0, 30)]) == [0, 1, 2, 3]


def test_what_is_flagged_is_at_the_threshold_within_the_error_of_the_estimate() -> None:
    texts = [page(seed) for seed in range(150)] + [edited(seed, seed % 15) for seed in range(150)]
    found = groups(texts)
    for seed in range(150):
        similar = jaccard(texts[seed], texts[150 + seed])
        if abs(similar - THRESHOLD) > 0.1:  # four standard errors
            assert (found[150 + seed] == seed) == (similar > THRESHOLD), similar


def test_groups_are_closed_over_chains() -> None:
    chain = [" ".join(words(0)[at : at + 250]) for at in range(0, 50, 10)]
    assert jaccard(chain[0], chain[-1]) < 0.75
    assert groups(chain) == [0] * 5


def test_case_punctuation_and_spaces_do_not_count() -> None:
    shouted = "  " + page(0).upper().replace(" ", ",\n - ") + "!"
    assert groups([page(0), shouted]) == [0, 0]


def test_short_pages_are_near_only_to_equal_ones() -> None:
    short = page(0, MIN_WORDS - 1)
    assert groups([short, short + "!", short, "", "x", "x", page(0, MIN_WORDS)]) == [0, 1, 0, 3, 4, 4, 6]


@pytest.mark.parametrize("script", ["zh", "th", "ja"])
def test_scripts_without_spaces_are_compared_by_characters(script: str) -> None:
    letters = {
        "zh": HARBOUR,
        "th": "".join(map(chr, range(0xE01, 0xE2E))),
        "ja": "あいうえおかきくけこ港湾漁船市場カタナ",
    }[script]
    rng = random.Random(0)
    one, other = ("".join(rng.choices(letters, k=600)) for _ in range(2))
    changed = one[:100] + letters[0] + one[101:300] + "。" + one[300:]
    assert groups([one, other, changed, "".join(rng.sample(one, len(one)))]) == [0, 1, 0, 3]


def test_the_groups_do_not_depend_on_the_order() -> None:
    texts = [edited(seed, change) for seed in range(60) for change in (0, 2, 4, 9)] + ["short", "short", "other"]
    expected = near_duplicates(texts)
    order = list(range(len(texts)))
    for seed in range(3):
        random.Random(seed).shuffle(order)
        found = near_duplicates([texts[at] for at in order])
        together = {frozenset(order[at] for at in np.flatnonzero(found == first)) for first in set(found.tolist())}
        assert together == {frozenset(np.flatnonzero(expected == first).tolist()) for first in set(expected.tolist())}
        assert all(first <= at for at, first in enumerate(found.tolist()))


def test_the_groups_do_not_depend_on_what_else_is_read_with_a_page() -> None:
    texts = [page(0), edited(0, 2), "x" * 600_000, page(3, 40_000), edited(3, 400, 40_000), page(4, 200_000)]
    assert groups(texts) == [0, 0, 2, 3, 3, 5]
    many = [page(seed, 100) for seed in range(2000)]
    assert groups([*many, *texts])[2000:] == [2000, 2000, 2002, 2003, 2003, 2005]
    hashes, offsets = shingles(many[:50])
    for at in range(50):
        assert shingles([many[at]])[0].tolist() == hashes[int(offsets[at]) : int(offsets[at + 1])].tolist()


def test_the_groups_are_the_same_in_every_process_and_on_any_number_of_threads() -> None:
    code = (
        "import hashlib, random\n"
        "from corpus.near_duplicates import near_duplicates, shingles\n"
        "w = [str(n * 7919) for n in range(3000)]\n"
        "t = [' '.join(random.Random(n // 3).choices(w, k=200)[n % 3 * 9:]) for n in range(300)]\n"
        "print(hashlib.sha256(near_duplicates(t).tobytes() + shingles(t)[0].tobytes()).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": threads, "PYTHONPATH": ":".join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed, threads in (("1", "1"), ("2", "4"))
    ]
    assert runs[0] == runs[1]


def test_no_pages_and_odd_pages_are_no_trouble() -> None:
    assert groups([]) == []
    assert groups([""]) == [0]
    assert groups(["\ud800" * 30, "\n" * 50, "\U0010ffff " * 30, "İ" * 100, "..."]) == [0, 1, 2, 3, 4]


def test_many_pages_alike_take_no_more_than_their_share_of_time() -> None:
    equal = [page(0, 60)] * 10_000
    alike = [page(0, 60) + f" {number} {number * 7}" for number in range(10_000)]
    for texts in (equal, alike):
        began = time.process_time()
        assert set(groups(texts)) == {0}
        assert time.process_time() - began < 5


def test_memory_stays_below_600_bytes_a_page() -> None:
    def peak(count: int) -> int:
        tracemalloc.reset_peak()
        near_duplicates(" ".join([f"{number}x{at}" for at in range(MIN_WORDS)]) for number in range(count))
        return tracemalloc.get_traced_memory()[1]

    near_duplicates([page(0, 100_000)])  # fills the tables
    tracemalloc.start()
    try:
        small, large = peak(4_000), peak(12_000)
    finally:
        tracemalloc.stop()
    assert (large - small) / 8_000 < 600
