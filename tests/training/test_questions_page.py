"""What docs/evaluation.md says of real questions is what was measured."""

from __future__ import annotations

import json

from tests.bench.bench_questions import rendered
from tests.bench.figures import FIGURES


def test_the_table_of_real_questions_is_the_measured_one() -> None:
    measured = json.loads((FIGURES / "questions.json").read_text())["measured"]
    assert rendered(measured) in (FIGURES.parent / "evaluation.md").read_text()
