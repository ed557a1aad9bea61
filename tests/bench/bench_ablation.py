"""An ablation for real: distractors in a generated world, by keywords and by vectors, and whether both agree.

python -m tests.bench.bench_ablation [--keep DIR]

Writes docs/figures/ablation.json, the table of docs/ablations.md and docs/pictures/ablation*.svg.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.figures import FIGURES, write_figures
from training.ablate.page import pictures

PAGE = FIGURES.parent / "ablations.md"
PICTURES = FIGURES.parent / "pictures"
WORLD = "world:seed=7,pages=1000"
CONFIG, LOOKUPS = "distractors", 120
MODES = ("bm25", "dense")
START, END = "<!-- ablation -->\n", "<!-- end -->\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="Folder for the ablations; one begun there goes on.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure((asked.keep or Path(folder)).absolute())


def measure(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stillweb("corpus", "build", WORLD, "--out", folder / "world")
    for mode in MODES:
        stillweb(
            "ablate", CONFIG, "--snapshot", folder / "world", "--lookups", LOOKUPS, "--set", f"environment.mode={mode}",
            "--out", folder / mode,
        )  # fmt: skip
    reports = {mode: json.loads((folder / mode / "ablation.json").read_text()) for mode in MODES}
    compared = json.loads(stillweb("ablate", "transfer", folder / MODES[0], folder / MODES[1], "--json"))
    first = reports[MODES[0]]
    measured: dict[str, Any] = {
        "corpus": WORLD, "config": CONFIG, "tasks": first["tasks"], "measured_tasks": first["measured_tasks"],
        "samples": first["samples"], "seeds": first["seeds"], "metric": first["metric"], "base": first["base"],
        "threshold": first["threshold"],
    }  # fmt: skip
    for mode, report in reports.items():
        measured[mode] = {
            "arms": {name: arm_row(arm) for name, arm in report["arms"].items()},
            "differences": {name: difference_row(one) for name, one in report["differences"].items()},
        }
    kept = ("tau", "low", "high", "p", "same_best")
    measured["transfer"] = {name: _rounded(compared[name]) for name in kept}
    write_figures("ablation", "python -m tests.bench.bench_ablation", measured)
    PICTURES.mkdir(exist_ok=True)
    for name, svg in pictures(first).items():
        (PICTURES / f"ablation-{name}.svg").write_text(svg + "\n")
    PAGE.write_text(rendered())


def arm_row(arm: dict[str, Any]) -> dict[str, Any]:
    seeds = list(arm["seeds"].values())
    told = {name: arm[name] for name in ("mean", "low", "high", "before", "zero_advantage")}
    told["by_seed"] = [one["mean"] for one in seeds]
    told["first_reward"] = sum(one["first_reward"] for one in seeds) / len(seeds)
    told["last_reward"] = sum(one["last_reward"] for one in seeds) / len(seeds)
    told["steps_to_threshold"] = [one["steps_to_threshold"] or "never" for one in seeds]
    told |= {name: arm[name] for name in ("rollouts", "calls", "failures", "avoided_dollars", "wall_s")}
    return {name: _rounded(value) for name, value in told.items()}


def difference_row(one: dict[str, Any]) -> dict[str, Any]:
    told = {name: one[name] for name in ("difference", "low", "high", "p", "holm", "detectable", "decided")}
    return {name: _rounded(value) for name, value in (told | {"by_seed": list(one["by_seed"].values())}).items()}


def rendered() -> str:
    """docs/ablations.md with its tables as they were last measured."""
    measured = json.loads((FIGURES / "ablation.json").read_text())["measured"]
    lines = [
        f"`stillweb ablate {measured['config']}` on `{measured['corpus']}`: {measured['tasks']} look-ups, "
        f"{measured['measured_tasks']} of them held out, {measured['samples']} rollouts each, "
        f"{len(measured['seeds'])} seeds.",
    ]
    for mode in MODES:
        arms, found = measured[mode]["arms"], measured[mode]["differences"]
        lines += [
            "",
            f"| {mode} | {measured['metric']} | 95 % interval | by seed | untrained | reward, first and last quarter "
            f"| steps to {measured['threshold']} | zero advantage | calls | avoided $ | wall s |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for name, arm in arms.items():
            lines.append(
                f"| {name} | {arm['mean']:.3f} | {arm['low']:.3f} to {arm['high']:.3f} | {_list(arm['by_seed'])} "
                f"| {arm['before']:.3f} | {arm['first_reward']:.3f}, {arm['last_reward']:.3f} "
                f"| {_list(arm['steps_to_threshold'])} | {arm['zero_advantage']:.0%} | {arm['calls']:,} "
                f"| {arm['avoided_dollars']:.2f} | {arm['wall_s']:.0f} |"
            )
        lines += [
            "",
            f"| {mode}, less {measured['base']} | difference | 95 % interval | by seed | p | Holm | detectable "
            "| decided |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for name, one in found.items():
            lines.append(
                f"| {name} | {one['difference']:+.3f} | {one['low']:+.3f} to {one['high']:+.3f} "
                f"| {_list(one['by_seed'])} | {one['p']:.4f} | {one['holm']:.4f} | {one['detectable']:.3f} "
                f"| {'yes' if one['decided'] else 'no'} |"
            )
    told = measured["transfer"]
    lines += [
        "",
        f"From {MODES[0]} to {MODES[1]}, `stillweb ablate transfer` tells: tau {told['tau']:+.2f}, 95 % interval "
        f"{told['low']:+.2f} to {told['high']:+.2f}, p {told['p']:.3f}; both put the same arm first in "
        f"{told['same_best']:.0%} of the draws.",
    ]
    return placed(START, END, lines)


def placed(start: str, end: str, lines: list[str]) -> str:
    """docs/ablations.md with these lines between two marks."""
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(start)
    return before + start + "\n".join(lines) + "\n" + end + rest.partition(end)[2]


def stillweb(*words: object) -> str:
    """What the command prints. Progress goes to the terminal."""
    command = [sys.executable, "-m", "stillweb", *map(str, words)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _list(values: list[Any]) -> str:
    return ", ".join(f"{value:.3f}" if isinstance(value, float) else str(value) for value in values)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    return [_rounded(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
