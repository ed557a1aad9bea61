"""Every ready-made ablation but `distractors` (`bench_ablation` has that one) for real, with the searching policy.

python -m tests.bench.bench_ablations [--keep DIR] [--only NAME ...]

Writes docs/figures/ablations.json and the table of docs/ablations.md. With --keep, what is done there is not done
again, so that the whole may take several sittings; --only runs these alone and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.bench_ablation import LOOKUPS, PAGE, WORLD, arm_row, difference_row, placed, stillweb
from tests.bench.figures import FIGURES, write_figures
from training.ablate.config import READY_MADE

NAMES = tuple(sorted(name for name in READY_MADE if name != "distractors"))
START, END = "<!-- ablations -->\n", "<!-- end of ablations -->\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="Folder for the ablations; one begun there goes on.")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reports = run((asked.keep or Path(folder)).absolute(), asked.only)
    if asked.only != NAMES:
        return
    first = reports[NAMES[0]]
    measured: dict[str, Any] = {
        "corpus": WORLD, "mode": "bm25", "tasks": first["tasks"], "measured_tasks": first["measured_tasks"],
        "samples": first["samples"], "seeds": first["seeds"],
    }  # fmt: skip
    measured["ablations"] = {
        name: {
            "base": report["base"],
            "arms": {arm: arm_row(one) for arm, one in report["arms"].items()},
            "differences": {arm: difference_row(one) for arm, one in report["differences"].items()},
        }
        for name, report in reports.items()
    }
    write_figures("ablations", "python -m tests.bench.bench_ablations", measured)
    PAGE.write_text(rendered())


def run(folder: Path, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Name -> report. All on one world, by keywords."""
    folder.mkdir(parents=True, exist_ok=True)
    world = folder / "world"
    if not (world / "manifest.json").exists():
        stillweb("corpus", "build", WORLD, "--out", world)
    for name in names:
        stillweb(
            "ablate", name, "--snapshot", world, "--lookups", LOOKUPS, "--set", "environment.mode=bm25",
            "--out", folder / name,
        )  # fmt: skip
    return {name: json.loads((folder / name / "ablation.json").read_text()) for name in names}


def rendered() -> str:
    """docs/ablations.md with this table as it was last measured."""
    measured = json.loads((FIGURES / "ablations.json").read_text())["measured"]
    lines = [
        f"`{measured['corpus']}`, {measured['mode']}, {measured['tasks']} look-ups, {measured['measured_tasks']} held "
        f"out, {measured['samples']} rollouts each, {len(measured['seeds'])} seeds; the arm in bold is the base.",
        "",
        "| Ablation | arm | correct | 95 % interval | difference | 95 % interval | Holm | detectable | decided "
        "| zero advantage | calls | avoided $ |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in measured["ablations"].items():
        for arm, told in one["arms"].items():
            compared = compared_cells(one["differences"].get(arm))
            lines.append(
                f"| `{name}` | {f'**{arm}**' if arm == one['base'] else arm} | {told['mean']:.3f} "
                f"| {told['low']:.3f} to {told['high']:.3f} | {compared} | {told['zero_advantage']:.0%} "
                f"| {told['calls']:,} | {told['avoided_dollars']:.2f} |"
            )
    return placed(START, END, lines)


def compared_cells(found: dict[str, Any] | None) -> str:
    """Difference, interval, Holm, detectable, decided: five cells of a row, empty for the base."""
    if found is None:
        return " | | | |"
    return (
        f"{found['difference']:+.3f} | {found['low']:+.3f} to {found['high']:+.3f} | {found['holm']:.3f} "
        f"| {found['detectable']:.3f} | {'yes' if found['decided'] else 'no'}"
    )


if __name__ == "__main__":
    main()
