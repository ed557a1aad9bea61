"""Runs of known worth, scored, compared and taken apart."""

from __future__ import annotations

import json
import math

import pytest

from tests.training.made_records import A, B, a_task, an_episode, opened, searched
from training.comparing import compare, decompose
from training.evaluate import NothingScored, evaluate
from training.statistics import clustered_error, detectable, wilson
from training.tables import as_tables

TASKS = [a_task("1", family="f"), a_task("2", family="f", evidence=[B]), a_task("3", evidence=[A, B])]


def test_rates_are_means_over_tasks_with_wilsons_interval_and_the_clustered_error() -> None:
    scored = evaluate([an_episode("1"), an_episode("2"), an_episode("3", "Graz")], TASKS)
    rate, by_hand = scored.rates["correct"], wilson(2, 3)
    assert (rate.mean, rate.low, rate.high, rate.tasks) == (pytest.approx(2 / 3), by_hand.low, by_hand.high, 3)
    assert rate.error == pytest.approx(clustered_error([1, 1, 0], ["f", "f", "3"]))
    assert rate.detectable >= detectable(math.sqrt(2) * rate.error)
    assert (scored.tasks, scored.families, scored.tasks_without) == (3, 2, 0)


def test_rows_in_error_and_rows_of_other_tasks_are_counted_and_left_out() -> None:
    rows = [an_episode("1"), an_episode("2", status="error"), an_episode("9")]
    scored = evaluate(rows, TASKS)
    assert (scored.rollouts, scored.errors, scored.unknown, scored.tasks_without) == (1, 1, 1, 2)
    with pytest.raises(NothingScored, match="1 ended in errors, 1 are of tasks"):
        evaluate(rows[1:], TASKS)


def test_at_k_counts_samples_of_each_task_and_votes_by_normalised_answers() -> None:
    rows = [
        an_episode("1", text, sample=sample) for sample, text in enumerate(["Graz", "Vienna", "**vienna**", "Linz"])
    ] + [an_episode("2", "Graz", sample=sample) for sample in range(4)]
    at = evaluate(rows, TASKS).at
    assert list(at) == [1, 2, 4]
    assert [at[k].average for k in at] == [0.25] * 3
    assert [at[k].pass_any for k in at] == pytest.approx([0.25, (1 - 1 / 6) / 2, 0.5])
    assert [at[k].pass_all for k in at] == pytest.approx([0.25, 1 / 6 / 2, 0.0])
    # Of the six pairs of task 1 only (Vienna, vienna), (Vienna, Linz), (vienna, Linz) go to Vienna.
    assert [at[k].majority for k in at] == pytest.approx([0.25, 3 / 6 / 2, 0.5])


def test_calls_to_the_first_evidence_turns_by_outcome_and_costs() -> None:
    rows = [
        an_episode("1", "Vienna", searched(B), searched(A), opened(A), tokens=(1000, 100), turns=4),
        an_episode("2", "Graz", searched(A), tokens=(3000, 0), turns=2),
        an_episode("3", None, searched(A, B), opened(A), turns=9),
    ]
    scored = evaluate(rows, TASKS, dollars_a_million=(1.0, 10.0))
    assert (scored.first_seen.n, scored.first_seen.mean, scored.first_opened.mean) == (2, 1.5, 2.5)
    assert {kind: spread.mean for kind, spread in scored.turns.items()} == {"right": 4, "wrong": 2, "no_answer": 9}
    assert (scored.dollars, scored.dollars_a_right_answer) == (pytest.approx(0.005), pytest.approx(0.005))
    assert (scored.calls.p50, scored.tokens.mean) == (2, pytest.approx(4100 / 3))
    assert (scored.rates["seen"].mean, scored.rates["opened"].mean) == pytest.approx((2 / 3, 0.5))
    assert scored.stop_reasons == {"answered": 2, "max_turns": 1}


def test_calibration_stands_over_the_rollouts_that_state_a_confidence() -> None:
    rows = [an_episode("1", "Vienna", confidence=0.9), an_episode("2", "Graz", confidence=0.8), an_episode("3", "Graz")]
    stated = evaluate(rows, TASKS).calibration
    assert stated is not None
    assert (stated.rollouts, stated.accuracy, stated.auroc, stated.legacy_error) == (2, 0.5, 1.0, 0.0)
    assert stated.error == pytest.approx((0.1 + 0.8) / 2)
    assert evaluate(rows[2:], TASKS).calibration is None


def test_two_runs_are_compared_task_by_task_with_mcnemar_permutation_and_holm() -> None:
    many = [a_task(str(number)) for number in range(20)]
    good = evaluate([an_episode(str(n), "Vienna" if n < 12 else "Graz", searched(A)) for n in range(20)], many)
    poor = evaluate([an_episode(str(n), "Vienna" if n < 4 else "Graz") for n in range(20)], many)
    compared = {one.part: one for one in compare(good, poor, seed=3)}
    correct = compared["correct"]
    # Eight tasks that one run alone has right: 2 / 2^8.
    assert (correct.difference, correct.p, correct.test) == (0.4, pytest.approx(2 / 2**8), "mcnemar")
    assert correct.low > 0
    assert correct.holm > correct.p
    assert (compared["calls"].test, compared["calls"].difference) == ("permutation", 1.0)
    assert correct.detectable == pytest.approx(detectable(correct.error))
    assert [one.difference for one in compare(poor, good)] == [-one.difference for one in compare(good, poor)]
    with pytest.raises(NothingScored, match="no task in common"):
        compare(good, evaluate([an_episode("x")], [a_task("x")]))


def test_a_loss_is_told_by_the_first_thing_that_went_wrong_and_weighed_by_the_ceiling() -> None:
    tasks = [a_task(str(number)) for number in range(5)]
    run = evaluate(
        [
            an_episode("0", "Vienna", opened(A)),
            an_episode("1", "Graz", searched(B)),
            an_episode("2", "Graz", searched(A)),
            an_episode("3", "Graz", opened(A)),
            an_episode("4", "Vienna"),
        ],
        tasks,
    )
    floor = evaluate([an_episode(str(n), "Vienna" if n == 4 else None) for n in range(5)], tasks)
    ceiling = evaluate([an_episode(str(n), "Graz" if n == 3 else "Vienna") for n in range(5)], tasks)
    loss = decompose(run, floor=floor, ceiling=ceiling)
    assert (loss.retrieval, loss.reading, loss.answering, loss.right) == pytest.approx((0.2, 0.2, 0.2, 0.4))
    assert dict(loss.recoverable) == pytest.approx({"retrieval": 0.2, "reading": 0.2, "answering": 0.0})
    assert (loss.from_memory, loss.floor, loss.ceiling) == pytest.approx((0.2, 0.2, 0.8))
    assert loss.captured == pytest.approx((0.4 - 0.2) / (0.8 - 0.2))
    assert math.isnan(decompose(run, floor=ceiling, ceiling=floor).captured)


def test_every_table_says_what_it_could_have_shown_and_the_json_has_no_nan() -> None:
    rows = [an_episode("1", "Vienna", confidence=0.5), an_episode("2", None)]
    scored = evaluate(rows, TASKS)
    loss = decompose(scored, floor=scored, ceiling=scored)
    tables = as_tables(scored, compare(scored, scored), loss).split("\n\n")
    headed = [one for one in tables if "\n" in one]
    assert len(headed) == 6
    assert all("etectable" in one or "etectable" in tables[tables.index(one) + 1] for one in headed)
    assert "NaN" not in json.dumps(scored.to_json(), allow_nan=False)
    assert scored.to_json()["dollars_a_right_answer"] == 0.0


def test_an_evaluation_repeats_to_a_digit() -> None:
    many = [a_task(str(number)) for number in range(30)]
    rows = [an_episode(str(n % 30), "Vienna" if n % 7 < 3 else "Graz", sample=n // 30) for n in range(120)]
    first, second, other = (evaluate(rows, many, seed=seed).to_json() for seed in (1, 1, 2))
    assert first == second != other
