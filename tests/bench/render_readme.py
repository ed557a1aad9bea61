"""The README's table of figures, written from docs/figures.

python -m tests.bench.render_readme
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

from tests.bench.figures import FIGURES

README = Path(__file__).parent.parent.parent / "README.md"

ROWS = (
    ("What", "Figure", "Command"),
    ("---", "---", "---"),
    ("Demo, installed: first start to first answer", "{start.first_start_s} s", "`python -m tests.bench.bench_start`"),
    ("the same, second start", "{start.second_start_s} s", ""),
    (
        "{union.counts.documents} real pages, {union.counts.passages} passages: build",
        "{union.build_wall_s} s, {union.build_peak_mib} MiB at most",
        "`python -m tests.bench.bench_union`",
    ),
    ("the same: open; open and warm", "{union.open_ms} ms; {union.open_and_warm_ms} ms", ""),
    *(
        (
            f"the same: a search by {mode} on one thread, p50 / p99",
            f"{{union.search_ms.{mode}.p50}} / {{union.search_ms.{mode}.p99}} ms",
            "",
        )
        for mode in ("bm25", "dense", "hybrid")
    ),
)


def measured(name: str) -> SimpleNamespace:
    """What docs/figures/NAME.json holds, with dots instead of brackets and thousands apart."""

    def spaced(values: dict[str, object]) -> SimpleNamespace:
        return SimpleNamespace(**{k: f"{v:,}" if isinstance(v, int) else v for k, v in values.items()})

    text = (FIGURES / f"{name}.json").read_text()
    found: SimpleNamespace = json.loads(text, object_hook=spaced).measured
    return found


def rendered() -> str:
    """The README with its figures as last measured."""
    rows = "".join(f"| {' | '.join(row)} |\n" for row in ROWS)
    table = rows.format(start=measured("start"), union=measured("union"))
    marks = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
    return marks.sub(lambda _: table, README.read_text())


if __name__ == "__main__":
    README.write_text(rendered())
