from __future__ import annotations

from tests.bench import bench_deepforge, bench_midtraining


def test_the_page_of_deepforge_shows_what_was_measured() -> None:
    page = bench_deepforge.PAGE.read_text("utf-8")
    assert page == bench_deepforge.rendered(), "Run python -m tests.bench.bench_deepforge --render."


def test_the_page_of_mid_training_shows_what_was_measured() -> None:
    page = bench_midtraining.PAGE.read_text("utf-8")
    assert page == bench_midtraining.rendered(), "Run python -m tests.bench.bench_midtraining --render."
