"""Parts of an ablation that need no server: knobs, draws, the tabular policy, statistics, the report."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import yaml
from scipy.stats import kendalltau

from tests.training.made_records import a_task
from training.ablate.analysis import (
    crossed_bootstrap,
    crossed_error,
    differences,
    first_step_above,
    report_of,
)
from training.ablate.cells import Cell, Spent, Step, digest_of, path_of, read_cell, read_cells, write_cell
from training.ablate.config import READY_MADE, BadConfig, Config, config_of, read_config
from training.ablate.draws import chance, schedule, split
from training.ablate.page import as_html, as_text, pictures, transfer_text
from training.ablate.policy import ACTIONS, STATES, advantages, choose, silent, state_of, untrained, updated
from training.ablate.reading import covered, read
from training.ablate.running import Made
from training.ablate.transfer import kendall, transfer
from training.cli_ablate import ablate
from training.cli_ablate import transfer as ablate_transfer

TASKS = [a_task(str(number)) for number in range(12)]


def a_config(beside: Path = Path(), **more: Any) -> Config:
    value = {"name": "made", "arms": {"base": {}, "other": {"environment": {"distractors": 0.5}}}, **more}
    return config_of(value, "here", beside=beside, changes={})


def a_cell(arm: str, seed: int, values: list[float], *, curve: list[float] = [], **more: Any) -> Cell:  # noqa: B006
    held_out = {"correct": {str(place): [value] for place, value in enumerate(values)}}
    steps = [Step(step=at, reward=reward, zero_advantage=0.25) for at, reward in enumerate(curve, 1)]
    return Cell(arm=arm, seed=seed, digest="d", snapshot_id="s", held_out=held_out, curve=steps, **more)


def made_of(*cells: Cell, **config: Any) -> Made:
    return Made(a_config(**config), {(cell.arm, cell.seed): cell for cell in cells}, tasks=20, measured=12)


def test_knobs_of_an_arm_lie_over_those_of_the_file_and_changes_below_both() -> None:
    config = config_of(
        {
            "name": "made",
            "environment": {"top_k": 3, "keep": 0.5},
            "arms": {"a": {}, "b": {"environment": {"keep": 0.25}, "trainer": {"group": 8}}},
        },
        "here",
        beside=Path("/somewhere"),
        changes={"environment.top_k": 7, "environment.keep": 0.75, "environment.snapshot": "web"},
    )
    a, b = config.arms["a"], config.arms["b"]
    assert (a.environment.top_k, a.environment.keep, b.environment.keep) == (7, 0.75, 0.25)
    assert (a.trainer.group, b.trainer.group, config.base_arm) == (4, 8, "a")
    assert a.environment.snapshot == Path("/somewhere/web")


def test_a_fault_rate_is_shared_among_its_kinds_and_joins_a_weather_that_is_written_out() -> None:
    own = {"faults": [{"kind": "captcha", "rate": 0.1}], "retrieval": {"keep": 0.9}}
    knobs = {"weather": own, "fault_rate": 0.3, "fault_kinds": ["timeout", "empty"], "distractors": 0.2}
    told = a_config(environment=knobs).arms["base"].environment.profile()
    assert isinstance(told, dict)
    assert [(one["kind"], one["rate"]) for one in told["faults"]] == [
        ("captcha", 0.1), ("timeout", 0.15), ("empty", 0.15),
    ]  # fmt: skip
    assert told["retrieval"] == {"keep": 0.9, "distractors": 0.2}
    assert a_config().arms["base"].environment.profile() is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"arms": {"a": {"environment": {"topk": 3}}}}, "arms.a.environment.topk"),
        ({"arms": {"a": {"enviroment": {}}}}, "enviroment"),
        ({"arms": {"Not a name": {}}}, "arms"),
        ({"arms": {False: {}}}, "quotes"),
        ({"base": "nobody"}, "no arm 'nobody'"),
        ({"seeds": [1, 1]}, "twice"),
        ({"backend": "command"}, "command goes with"),
        ({"command": ["true"]}, "command goes with"),
        ({"backend": "model"}, "knobs of the search policy"),
        ({"environment": {"weather": "storm", "keep": 0.5}}, "the name 'storm'"),
        ({"environment": {"dialect": "serper", "mode": "bm25"}}, "mode is of the native routes"),
        ({"metric": "luck"}, "metric"),
        ({"trainer": {"reward": {"luck": 1}}}, "reward"),
    ],
)
def test_a_config_that_cannot_be_is_refused_by_field(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(BadConfig, match=told) as refused:
        a_config(**changed)
    assert "here" in str(refused.value)


def test_files_that_are_no_config_are_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="distractors, faults, obfuscation"):
        read_config(tmp_path / "nowhere.yaml")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    with pytest.raises(BadConfig, match="names no arms"):
        read_config(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("{")
    with pytest.raises(BadConfig, match="no YAML"):
        read_config(tmp_path / "broken.yaml")
    with pytest.raises(BadConfig, match="no knob"):
        read_config("distractors", {"weather": "storm"})


def test_the_ready_made_ablations_are_those_promised_and_each_can_be_read() -> None:
    assert set(READY_MADE) == {"distractors", "faults", "obfuscation", "retrieval", "rewards", "snippets", "top-k"}
    for name in READY_MADE:
        config = read_config(name)
        assert config.name == name
        assert len(config.arms) >= 2
        assert len(config.seeds) >= 3


def test_tasks_are_split_alike_whatever_their_order_and_by_their_own_word_where_they_have_one() -> None:
    training, measured = split(TASKS, 0.25)
    assert (len(training), len(measured)) == (9, 3)
    again = split(TASKS[::-1], 0.25)[1]
    assert {task.task_id for task in again} == {task.task_id for task in measured}
    said = [a_task(str(number), split="train" if number < 10 else "test") for number in range(12)]
    assert [task.task_id for task in split(said, 0.9)[1]] == ["10", "11"]
    with pytest.raises(ValueError, match="0 to measure"):
        split(said[:5], 0.5)


def test_every_task_comes_once_before_one_comes_again_and_seeds_have_orders_of_their_own() -> None:
    steps = schedule(TASKS, seed=1, steps=6, a_step=4)
    order = [task.task_id for step in steps for task in step]
    assert [len(step) for step in steps] == [4] * 6
    assert Counter(order[:12]) == Counter(task.task_id for task in TASKS) == Counter(order[12:])
    assert order[:12] != order[12:]
    assert steps == schedule(TASKS, seed=1, steps=6, a_step=4) != schedule(TASKS, seed=2, steps=6, a_step=4)


def test_advantages_are_those_of_the_papers() -> None:
    groups = [[1.0, 0.0, 0.0, 0.0], [0.5, 0.5]]
    deviation = (3 / 16) ** 0.5
    assert advantages(groups, "grpo") == [pytest.approx([0.75 / deviation, *[-0.25 / deviation] * 3]), [0.0, 0.0]]
    assert advantages(groups, "dr_grpo") == [[0.75, -0.25, -0.25, -0.25], [0.0, 0.0]]
    assert advantages(groups, "reinforce")[1] == pytest.approx([0.5 - 2 / 6] * 2)
    assert silent(groups) == 0.5


def test_a_step_goes_along_the_gradient_of_the_log_likelihood() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(STATES, len(ACTIONS)))
    possible = [True, True, False, True, False, True, True]
    choices = [choose(logits, 3, possible, at) for at in (0.1, 0.5, 0.9)]
    step = updated(logits, [choices], [2.0], 1.0) - logits

    def likelihood(at: np.ndarray[Any, Any]) -> float:
        return sum(float(np.log(choose(at, 3, possible, 0.0).chances[one.action])) for one in choices)

    for action in range(len(ACTIONS)):
        moved = logits.copy()
        moved[3, action] += 1e-6
        slope = 2.0 * (likelihood(moved) - likelihood(logits)) / 1e-6
        assert step[3, action] == pytest.approx(slope, abs=1e-4)
    assert not np.delete(step, 3, axis=0).any()


def test_equal_draws_choose_alike_as_often_as_the_policies_are_alike_and_never_what_is_impossible() -> None:
    points = [(place + 0.5) / 1000 for place in range(1000)]
    level = untrained()
    shifted = level.copy()
    shifted[0, 0] = 0.2
    everything = [True] * len(ACTIONS)
    first = [choose(level, 0, everything, at).action for at in points]
    second = [choose(shifted, 0, everything, at).action for at in points]
    assert all(abs(count - 1000 / len(ACTIONS)) <= 1 for count in Counter(first).values())
    assert 0 < sum(a != b for a, b in zip(first, second, strict=True)) < 200
    only = [name == "search_own" for name in ACTIONS]
    assert {choose(shifted, 0, only, at).action for at in (0.0, 0.5, 1.0)} == {ACTIONS.index("search_own")}


def test_every_state_has_a_row_of_its_own_and_draws_know_their_names() -> None:
    states = {state_of(calls, part, bad) for calls in (0, 2, 9) for part in (0, 0.5, 0.7, 1) for bad in (False, True)}
    assert states == set(range(STATES))
    assert chance("weather", 1, "a") == chance("weather", 1, "a") != chance("weather", 1, "b")


def test_a_question_of_letters_is_read_by_what_it_asks_for_and_another_one_whole() -> None:
    told = read("All letters stand for different things. X is a person; A is a town; A lies in Uhl; X was born in A; "
                "X works as painter. What is X?")  # fmt: skip
    assert told.own == "person born works painter"
    assert told.rest == "town lies Uhl"
    plain = read("Which person works as painter and is a member of Thounpafield Society of Letters?")
    assert (plain.names, plain.rest) == ("Which Thounpafield Society of Letters".removeprefix("Which "), "")
    assert covered(plain.clues, "A painter of the Thounpafield society") == pytest.approx(3 / 6)


def test_the_interval_counts_tasks_that_all_seeds_share_once() -> None:
    rng = np.random.default_rng(0)
    by_task = rng.normal(size=40)
    table = np.tile(by_task, (5, 1))  # five seeds that agree to the digit: nothing but the tasks is uncertain
    clusters = [str(column) for column in range(40)]
    interval = crossed_bootstrap(table, clusters)
    error = float(by_task.std()) / 40**0.5
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert crossed_error(table, clusters) == pytest.approx(error)
    seeds = np.tile(np.array([[0.0], [1.0]]), (1, 40))  # and two that do not agree at all
    assert crossed_error(seeds, clusters) == pytest.approx(0.5)
    assert (crossed_bootstrap(seeds, clusters).low, crossed_bootstrap(seeds, clusters).high) == (0.0, 1.0)


def test_arms_are_compared_pair_by_pair_corrected_and_decided_only_where_seeds_agree() -> None:
    low, high = [0.0] * 12, [1.0] * 9 + [0.0] * 3
    arms: dict[str, Any] = {"base": {}, "good": {}, "mixed": {}, "same": {}}
    made = made_of(
        *(a_cell("base", seed, low) for seed in (0, 1)), *(a_cell("good", seed, high) for seed in (0, 1)),
        a_cell("mixed", 0, high), a_cell("mixed", 1, [-value for value in high]),
        *(a_cell("same", seed, low) for seed in (0, 1)), arms=arms, seeds=[0, 1],
    )  # fmt: skip
    found = differences(made.config, made.cells)
    assert list(found) == ["good", "mixed", "same"]
    good, mixed, same = found.values()
    assert (good["difference"], good["by_seed"], good["decided"]) == (0.75, {"0": 0.75, "1": 0.75}, True)
    assert good["p"] == pytest.approx(2 / 2**9)
    assert good["holm"] == pytest.approx(3 * good["p"])
    assert (mixed["difference"], mixed["decided"], mixed["p"]) == (0.0, False, 1.0)
    assert mixed["detectable"] > good["detectable"]
    assert same["detectable"] == pytest.approx(2.8016 / 12, abs=1e-3)


def test_steps_to_a_threshold_are_those_of_a_mean_over_three() -> None:
    assert first_step_above([0.9, 0.0, 0.0, 0.6, 0.6, 0.6], 0.5) == 6
    assert first_step_above([0.1, 0.2], 0.0) is None
    assert first_step_above([0.1] * 5, 0.2) is None


def test_the_report_is_one_file_that_needs_nothing_else_and_tells_all_of_it() -> None:
    spent = Spent(rollouts=10, calls=50, failures=5, faults=4, avoided_micro_usd=2_000_000, unpriced_calls=1)
    made = made_of(
        a_cell("base", 0, [1.0, 0.0], curve=[0.1, 0.2, 0.6, 0.8], spent=spent, wall_s=2.0, before={"correct": 0.1}),
        a_cell("other", 0, [0.0, 0.0], curve=[0.1, 0.0, 0.1, 0.0], spent=spent, wall_s=3.0, before={"correct": 0.1}),
        seeds=[0, 1], threshold=0.5, question="Is <this> safe?",
    )  # fmt: skip
    made.failures["base", 1] = "EnvTimeout: it took too long"
    made.owed.append(("other", 1))
    report = report_of(made)
    base = report["arms"]["base"]
    assert base["seeds"]["0"]["steps_to_threshold"] == 4
    assert report["arms"]["other"]["seeds"]["0"]["steps_to_threshold"] is None
    assert (base["zero_advantage"], base["failure_share"], base["avoided_dollars"]) == (0.25, 0.1, 2.0)
    assert report["total"]["wall_s"] == 5.0
    page, text = as_html(report), as_text(report)
    for told in ("EnvTimeout: it took too long", "Owed: other under seed 1", "2.00", "never", "-0.500"):
        assert told in page, told
        assert told in text, told
    assert "Is &lt;this&gt; safe?" in page
    assert "src=" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    drawn = pictures(report)
    assert set(drawn) == {"arms", "curves", "differences"}
    for svg in drawn.values():
        assert ET.fromstring(svg).tag.endswith("svg")
        assert "NaN" not in svg
    assert drawn["arms"].count("<circle") == 2


def test_an_ablation_of_which_nothing_came_still_has_a_report() -> None:
    made = made_of()
    made.failures["base", 0] = "ServerGone: no"
    report = report_of(made)
    assert pictures(report) == {}
    assert "ServerGone: no" in as_html(report)
    assert "ServerGone: no" in as_text(report)


def test_kendall_s_tau_is_scipy_s_with_ties_and_without() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        first, second = rng.integers(0, 4, 6).tolist(), rng.integers(0, 4, 6).tolist()
        expected = float(kendalltau(first, second).statistic)
        assert kendall(first, second) == pytest.approx(expected, nan_ok=True)


def test_a_transfer_tells_tau_its_interval_and_its_chance() -> None:
    rng = np.random.default_rng(0)

    def web(order: list[str], seed: int) -> dict[tuple[str, int], Cell]:
        return {
            (arm, one): a_cell(arm, one, [float(rng.random() < 0.1 + 0.2 * rank) for _ in range(60)])
            for rank, arm in enumerate(order)
            for one in range(3)
        }

    first, same, turned = web(list("abcd"), 0), web(list("abcd"), 1), web(list("dcba"), 2)
    found = transfer(first, same, "correct")
    assert found["tau"] == 1.0
    assert found["p"] == pytest.approx(1 / 24)
    assert 0 < found["low"] <= found["high"] == 1.0
    assert found["same_best"] > 0.9
    assert "+1.00" in transfer_text(found)
    assert transfer(first, turned, "correct")["tau"] == -1.0
    with pytest.raises(BadConfig, match="fewer than two arms"):
        transfer(first, {("z", 0): a_cell("z", 0, [1.0])}, "correct")
    with pytest.raises(BadConfig, match="no 'f1'"):
        transfer(first, same, "f1")


def test_a_cell_is_read_again_only_where_all_it_rests_on_is_the_same(tmp_path: Path) -> None:
    config = a_config()
    digest = digest_of(config, "base", 0, TASKS, "web")
    write_cell(tmp_path, a_cell("base", 0, [1.0]).model_copy(update={"digest": digest}))
    assert read_cell(path_of(tmp_path, "base", 0), digest) is not None
    assert read_cell(path_of(tmp_path, "base", 1), digest) is None
    others = {
        digest_of(config, "base", 1, TASKS, "web"), digest_of(config, "other", 0, TASKS, "web"),
        digest_of(config, "base", 0, TASKS[1:], "web"), digest_of(config, "base", 0, TASKS, "other"),
        digest_of(a_config(samples=3), "base", 0, TASKS, "web"),
    }  # fmt: skip
    assert len(others) == 5
    moved = a_config(beside=Path("/moved"), environment={"snapshot": "web"})
    assert digest_of(moved, "base", 0, TASKS, "web") == digest
    with pytest.raises(BadConfig, match="other knobs"):
        read_cell(path_of(tmp_path, "base", 0), others.pop())
    assert [cell.arm for cell in read_cells(tmp_path)] == ["base"]
    path_of(tmp_path, "base", 0).write_text("{")
    with pytest.raises(BadConfig, match="is no cell"):
        read_cells(tmp_path)


def test_the_configs_come_along_with_the_package() -> None:
    project = yaml.safe_load((Path(__file__).parents[2] / "training/ablate/configs/distractors.yaml").read_text())
    assert project["name"] == "distractors"
    assert '"ablate/configs/*.yaml"' in (Path(__file__).parents[2] / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"config": "nothing.yaml"}, "one of distractors"),
        ({}, "or a --snapshot to make look-ups from"),
        ({"snapshot": Path("nowhere")}, "nowhere"),
        ({"snapshot": Path("a"), "server": "http://127.0.0.1:9"}, "not both"),
        ({"server": "http://127.0.0.1:9"}, "Name a file with --tasks"),
        ({"set_": ["top_k"]}, "GROUP.KNOB=VALUE"),
        ({"set_": ["environment.topk=3"]}, "topk"),
        ({"set_": ["environment.top_k={"]}, "no YAML"),
        ({"seeds": "one"}, "numbers"),
        ({"tasks": Path("nowhere.jsonl")}, "nowhere.jsonl"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(
    asked: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as stopped:
        ablate(**{"config": "distractors", "out": tmp_path / "out", **asked})
    shown = capsys.readouterr()
    assert (stopped.value.exit_code, shown.out) == (2, "")
    assert told in shown.err
    assert shown.err.count("\n") == 1


def test_a_folder_without_an_ablation_is_told_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped:
        ablate_transfer(tmp_path / "here", tmp_path / "there")
    assert stopped.value.exit_code == 2
    assert f"{tmp_path / 'here'} holds no ablation.json" in capsys.readouterr().err


def test_the_page_on_ablations_shows_what_was_measured() -> None:
    """`python -m tests.bench.bench_ablation` writes it."""
    from tests.bench.bench_ablation import PAGE, rendered

    assert rendered() == PAGE.read_text("utf-8")


def test_the_table_of_the_ready_made_ablations_shows_what_was_measured() -> None:
    """`python -m tests.bench.bench_ablations` writes it, all of them but `distractors`, which has tables of its own."""
    from tests.bench.bench_ablations import NAMES, PAGE, rendered

    assert set(NAMES) | {"distractors"} == set(READY_MADE)
    assert rendered() == PAGE.read_text("utf-8")


def test_the_table_of_the_ablation_with_a_model_shows_what_was_measured() -> None:
    """`python -m tests.bench.bench_model_ablation` writes it."""
    from tests.bench.bench_model_ablation import PAGE, rendered

    assert rendered() == PAGE.read_text("utf-8")
