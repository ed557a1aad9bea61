from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import typer

from tests.training.made_records import a_task, an_episode
from tests.training.small_world import SmallWorld, write_run
from training.cli_task_files import report
from training.synthesis.report import as_html, as_text, report_on
from training.synthesis.structure import associations, figures_of, histograms, spearman
from training.synthesis.yields import note_yields, read_yields
from training.tasks import Task, write_tasks


@pytest.mark.parametrize(
    ("one", "other", "rho"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 40], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        # By hand: ranks 1.5 1.5 3 4 and 1 2 3.5 3.5.
        ([1, 1, 2, 3], [0, 1, 5, 5], 4.0 / 4.5),
    ],
)
def test_spearman_is_the_correlation_of_ranks_with_ties_at_their_mean(
    one: list[float], other: list[float], rho: float
) -> None:
    assert spearman(one, other) == pytest.approx(rho)


def test_spearman_of_a_constant_is_not_a_number() -> None:
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3]))


def harder_with_pages(count: int, slope: float) -> tuple[list[Task], dict[str, list[float]]]:
    """Tasks of 1 to 6 pages; eight samples of each, right less often the more pages if `slope` is above 0."""
    rng = np.random.default_rng(5)
    tasks, rates = [], {}
    for at in range(count):
        pages = 1 + at % 6
        tasks.append(a_task(str(at), evidence=[f"{page:016x}" for page in range(pages)], family=str(at)))
        rates[str(at)] = (rng.random(8) < 0.5 - slope * (pages - 3.5)).astype(float).tolist()
    return tasks, rates


def test_a_figure_that_makes_tasks_harder_is_found_with_an_interval_and_one_that_does_not_has_zero_in_it() -> None:
    found, _ = associations(*harder_with_pages(120, 0.08))
    pages = next(one for one in found if one.figure == "evidence pages")
    assert pages.tasks == 120
    assert -1 <= pages.interval.low < pages.rho < pages.interval.high < -0.3
    found, _ = associations(*harder_with_pages(120, 0.0))
    pages = next(one for one in found if one.figure == "evidence pages")
    assert pages.interval.low < 0 < pages.interval.high


def test_tasks_that_no_rollout_was_made_of_are_left_out() -> None:
    tasks, rates = harder_with_pages(12, 0.1)
    rates.pop("3")
    found, _ = associations(tasks, rates)
    assert {one.tasks for one in found} == {11}


def test_figures_and_histograms_are_those_of_the_proofs(world: SmallWorld) -> None:
    figures = [figures_of(task) for task in world.tasks]
    assert [of["treewidth"] for of in figures] == [task.meta["treewidth"] for task in world.tasks]
    counts = histograms(world.tasks)
    assert counts["treewidth"] == {"1": 4, "2": 4}
    assert sum(counts["kinds of clues"].values()) == sum(int(of["clues"]) for of in figures)
    assert sum(counts["popularity of the answer"].values()) == len(world.tasks)


def test_a_report_reads_the_same_as_text_and_as_a_page_that_needs_nothing_beside_it(world: SmallWorld) -> None:
    rates = {task.task_id: [1.0, 0.0] for task in world.tasks}
    found = report_on(world.tasks, {"make": {"tasks": 8, "width 1: <ambiguous>": 70}}, rates)
    text, page = as_text(found), as_html(found, "Tasks")
    for told in ("Yields: make", "Pass rate", "Structure against pass rate (Spearman)", "8 tasks, 8 with a proof"):
        assert told in text
        assert told in page
    assert "width 1: &lt;ambiguous&gt;" in page
    assert "src=" not in page
    assert "href=" not in page


def test_counts_of_stages_are_kept_in_their_order_beside_each_file(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    assert read_yields(one) == {}
    note_yields(one, "make", {"tasks": 8})
    note_yields(two, "verify", {"passed": 7, "failed: leaks": 1}, made_from=one)
    assert list(read_yields(two)) == ["make", "verify"]
    assert read_yields(one) == {"make": {"tasks": 8}}


def test_the_verb_reports_with_a_run_and_without_one(
    world: SmallWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, run, page = tmp_path / "tasks.jsonl", tmp_path / "run", tmp_path / "report.html"
    write_tasks(world.tasks, file)
    report(file)
    assert "Spearman" not in capsys.readouterr().out
    episodes = [
        an_episode(task.task_id, str(task.answer) if at % 2 else "Nobody", sample=sample)
        for at, task in enumerate(world.tasks)
        for sample in range(2)
    ]
    write_run(run, episodes)
    report(file, run, page)
    assert "A run has samples of 8." in capsys.readouterr().out
    assert "Spearman" in page.read_text()
    with pytest.raises(typer.Exit) as stopped:
        report(tmp_path / "none.jsonl")
    assert stopped.value.exit_code == 2
