from __future__ import annotations

from tests.bench.bench_tasks import PAGE, rendered


def test_the_page_of_tasks_shows_the_fields_figures_and_proofs_as_they_are() -> None:
    assert PAGE.read_text("utf-8") == rendered(), "Run python -m tests.bench.bench_tasks --render."
