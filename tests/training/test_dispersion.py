from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from training.synthesis.dispersion import dispersion


def by_trying(sources: list[set[str]]) -> int:
    pages = sorted(set().union(*sources))
    return next(
        size
        for size in range(len(pages) + 1)
        if any(all(set(chosen) & fact for fact in sources) for chosen in combinations(pages, size))
    )


@pytest.mark.parametrize("seed", range(60))
def test_the_smallest_set_of_pages_is_the_one_that_trying_all_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"p{at}" for at in range(int(rng.integers(1, 11)))]
    facts = int(rng.integers(1, 12))
    sources = [
        set(rng.choice(names, int(rng.integers(1, min(4, len(names)) + 1)), replace=False)) for _ in range(facts)
    ]
    found = dispersion(sources)
    assert found.minimum == by_trying(sources)
    assert all(set(found.pages) & fact for fact in sources)
    assert found.most_on_one == max(sum(name in fact for fact in sources) for name in names)


def test_one_page_that_states_everything_makes_the_dispersion_one() -> None:
    assert dispersion([{"a", "x"}, {"b", "x"}, {"c", "x"}]).pages == ("x",)


def test_of_pages_that_state_the_same_the_preferred_one_is_taken() -> None:
    assert dispersion([{"a", "b"}, {"c"}]).pages == ("a", "c")
    assert dispersion([{"a", "b"}, {"c"}], preferred=["b"]).pages == ("b", "c")


def test_a_fact_that_no_page_states_is_refused() -> None:
    with pytest.raises(ValueError, match="without a page"):
        dispersion([{"a"}, set()])
