"""Figures against scipy, against every case counted, or against sums done by hand."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from training.statistics import (
    auroc,
    bootstrap,
    brier,
    calibration,
    clustered_error,
    detectable,
    holm,
    kappa,
    legacy_calibration,
    majority_at,
    mcnemar,
    paired_permutation,
    pass_all,
    pass_at,
    wilson,
)


@pytest.mark.parametrize(("right", "of"), [(0, 50), (1, 50), (7, 9), (200, 200), (421, 1266)])
def test_wilsons_interval_is_scipys(right: int, of: int) -> None:
    theirs = stats.binomtest(right, of).proportion_ci(0.95, method="wilson")
    ours = wilson(right, of)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_the_clustered_error_is_the_double_sum_of_its_definition() -> None:
    rng = np.random.default_rng(1)
    values = rng.random(40).tolist()
    clusters = rng.integers(0, 7, 40).tolist()
    mean = sum(values) / 40
    double = sum(
        (values[i] - mean) * (values[j] - mean) for i in range(40) for j in range(40) if clusters[i] == clusters[j]
    )
    assert clustered_error(values, clusters) == pytest.approx(math.sqrt(double) / 40)
    assert clustered_error(values, range(40)) == pytest.approx(np.std(values) / math.sqrt(40))
    # Tasks that all repeat one another are one task.
    assert clustered_error([1, 1, 0, 0], "aabb") == pytest.approx(clustered_error([1, 0], "ab"))


def test_what_can_be_seen_of_an_error_is_seen_four_times_out_of_five() -> None:
    gap = detectable(0.01)
    power = stats.norm.sf(stats.norm.isf(0.025) - gap / 0.01) + stats.norm.cdf(-stats.norm.isf(0.025) - gap / 0.01)
    assert power == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_pass_at_k_and_pass_all_count_every_subset(k: int) -> None:
    right = [True, False, False, True, False]
    subsets = list(combinations(right, k))
    assert pass_at(5, 2, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))
    assert pass_all(5, 2, k) == pytest.approx(sum(map(all, subsets)) / len(subsets))


def test_more_samples_than_there_are_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="Take k from 1 to 4"):
        pass_at(4, 1, 5)


def test_a_majority_is_counted_over_subsets_a_tie_goes_to_the_earliest_and_no_answer_never_wins() -> None:
    # Of two: (x, y) and (x, y') go to x, which is earlier; (y, y') to y, which is right.
    assert majority_at(["x", "y", "y"], [False, True, True], 2) == pytest.approx(1 / 3)
    assert majority_at(["x", "y", "y"], [False, True, True], 3) == 1.0
    assert majority_at([None, None, "y"], [False, False, True], 3) == 1.0
    assert majority_at([None, None], [False, False], 2) == 0.0


def test_a_majority_over_too_many_subsets_is_drawn_by_its_seed() -> None:
    answers, right = ["y", "x"] * 15, [True, False] * 15
    drawn = [majority_at(answers, right, 9, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 1), (10, 2), (40, 61)])
def test_mcnemars_p_is_the_binomial_test_of_the_pairs_that_differ(first: int, second: int) -> None:
    theirs = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(theirs)


def test_few_pairs_are_permuted_in_every_way_as_scipy_does_and_many_by_the_seed() -> None:
    def mean(x: np.ndarray, axis: int) -> np.ndarray:
        return np.mean(x, axis=axis)

    few = [0.5, -0.25, 0.75, 1.0, 0.25, -0.5, 0.25, 0.5, 0.75, 1.0]
    theirs = stats.permutation_test((few,), mean, permutation_type="samples", vectorized=True, n_resamples=np.inf)
    assert paired_permutation(few) == pytest.approx(theirs.pvalue)
    many = np.random.default_rng(3).normal(0.15, 1, 200).tolist()
    ours = [paired_permutation(many, seed=seed) for seed in (1, 1)]
    assert ours[0] == ours[1] == pytest.approx(stats.ttest_1samp(many, 0).pvalue, abs=0.02)
    assert paired_permutation([0.0, 0.0]) == 1.0


def test_holm_is_as_done_by_hand() -> None:
    # Sorted: .01 x 4, .02 x 3, .03 x 2, .04 x 1, and never less than the one before.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_bootstrap_over_tasks_and_samples_has_the_width_that_the_law_of_total_variance_gives() -> None:
    rng = np.random.default_rng(5)
    rates = rng.random(120)
    tasks = [(rng.random(6) < rate).astype(float).tolist() for rate in rates]
    found = bootstrap(tasks, seed=1)
    means = np.array([np.mean(one) for one in tasks])
    within = np.mean([np.var(one) / 6 for one in tasks])
    width = 2 * 1.96 * math.sqrt((np.var(means) + within) / 120)
    assert found.high - found.low == pytest.approx(width, rel=0.08)
    assert found == bootstrap(tasks, seed=1) != bootstrap(tasks, seed=2)
    assert bootstrap([[1.0], [1.0, 1.0]], seed=1) == bootstrap([[1.0]], seed=2)


def test_the_bootstrap_of_a_difference_draws_the_same_tasks_for_both_runs() -> None:
    tasks = [[float(task % 2)] for task in range(60)]
    same = bootstrap(tasks, against=tasks, seed=1)
    assert (same.low, same.high) == (0.0, 0.0)


def test_tasks_of_one_family_are_drawn_together() -> None:
    tasks = [[float(number < 20)] for number in range(40)]
    alone = bootstrap(tasks, seed=1)
    together = bootstrap(tasks, clusters=[number // 10 for number in range(40)], seed=1)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_all_bins_count_in_the_calibration_error_and_the_legacy_figure_leaves_out_the_last() -> None:
    assert calibration([0.1, 0.3, 0.5, 0.9], [False, False, True, True], bins=2) == pytest.approx(
        (abs(0.2 - 0) + abs(0.7 - 1)) / 2
    )
    # 300 rollouts; the last hundred, all sure and all wrong, are what the legacy figure does not see.
    stated = [0.2] * 100 + [0.6] * 100 + [1.0] * 100
    right = [True] * 20 + [False] * 80 + [True] * 60 + [False] * 40 + [False] * 100
    assert legacy_calibration(stated, right) == pytest.approx(0.0)
    assert calibration(stated, right, bins=3) == pytest.approx(1 / 3)
    shifted = [one + 0.1 for one in stated[:200]] + stated[200:]
    assert legacy_calibration(shifted, right) == pytest.approx(math.sqrt(2 / 3 * 0.1**2))
    assert legacy_calibration([1.0] * 199, [False] * 199) == 0.0
    assert math.isnan(calibration([], []))


def test_auroc_is_the_mann_whitney_statistic_and_brier_the_mean_square() -> None:
    rng = np.random.default_rng(9)
    stated, right = rng.integers(0, 11, 80) / 10, rng.random(80) < 0.4
    u = stats.mannwhitneyu(stated[right], stated[~right]).statistic
    assert auroc(stated.tolist(), right.tolist()) == pytest.approx(u / (right.sum() * (~right).sum()))
    assert brier([0.8, 0.4], [True, False]) == pytest.approx((0.04 + 0.16) / 2)
    assert math.isnan(auroc([0.5], [True]))


def test_kappa_is_as_done_by_hand() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: agreed .7, by chance .5 x .6 + .5 x .4 = .5.
    first = [True] * 25 + [False] * 25
    second = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    assert kappa(first, second) == pytest.approx(0.4)
    assert math.isnan(kappa([True], [True]))
