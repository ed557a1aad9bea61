from __future__ import annotations

import json

from tests.bench.bench_tasks import PAGE, rendered
from tests.bench.figures import FIGURES


def test_the_page_of_tasks_shows_the_fields_figures_and_proofs_as_they_are() -> None:
    assert PAGE.read_text("utf-8") == rendered(), "Run python -m tests.bench.bench_tasks --render."


def test_the_tasks_that_were_measured_are_proven_of_the_treewidth_asked_and_unique_to_a_second_reader() -> None:
    measured = json.loads((FIGURES / "tasks.json").read_text("utf-8"))["measured"]
    for corpus in ("factbook", "world of 5,000", "world of 100,000"):
        assert measured[corpus]["proven"] >= 2000
    others = measured.keys() - {"factbook", "world of 5,000", "world of 100,000"}
    assert sum(measured[corpus]["proven"] for corpus in others) >= 2000
    for row in measured.values():
        assert row["proven"] + sum(row["flaws"].values()) == row["tasks"] == sum(row["treewidth"].values())
        assert row["proven"] >= 0.99 * row["tasks"]
        assert row["share_treewidth_as_asked"] >= 0.95
        if row["second"]:
            assert sum(row["second"].values()) == row["tasks"]
        if row["second"].keys() - {"not read"}:
            assert row["second_share_unique"] >= 0.99
