"""An ablation with the model: what one that was trained in calm loses in other weather.

python -m tests.bench.bench_model_ablation --runs .stillweb/long

The seeds are the runs of the miniature's longer form, `.stillweb/long-0` and so on: a model each, the same held-out
tasks. Writes docs/figures/model_ablation.json and its table of docs/ablations.md; run again, it goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.bench.bench_ablation import PAGE, difference_row, placed, stillweb
from tests.bench.bench_ablations import compared_cells
from tests.bench.figures import FIGURES, write_figures

START, END = "<!-- model ablation -->\n", "<!-- end of model ablation -->\n"
ARMS: dict[str, dict[str, Any]] = {
    "calm": {},
    "faults": {"environment": {"fault_rate": 0.3}},
    "lost": {"environment": {"keep": 0.5}},
    "short": {"environment": {"snippet_words": 5}},
}
MEETS = {
    "calm": "what it was trained in",
    "faults": "`fault_rate: 0.3`: errors, timeouts, empty results, cut pages",
    "lost": "`keep: 0.5`: a query finds half of the pages",
    "short": "`snippet_words: 5`",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="What the folders are called before -SEED.")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="Folder of the ablation; default: RUNS-ablation.")
    asked = parser.parse_args()
    runs = asked.runs.absolute()
    measure(runs, asked.seeds, asked.threads, asked.keep or runs.with_name(f"{runs.name}-ablation"))


def measure(runs: Path, seeds: str, threads: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    first = Path(f"{runs}-{seeds.split(',')[0]}")
    words = ["--run", f"{runs}-{{seed}}", "--out", "{out}", "--server", "{server}", "--threads", str(threads)]
    config = {
        "name": "weather-of-a-trained-model",
        "question": "What does a model that was trained in calm lose in other weather?",
        "backend": "command",
        "command": [sys.executable, "-m", "training.miniature_arm", *words],
        "base": "calm",
        "arms": ARMS,
    }
    (folder / "ablation.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    report = json.loads(
        stillweb(
            "ablate", folder / "ablation.yaml", "--snapshot", first / "world", "--tasks",
            first / "tasks" / "held-out.jsonl", "--seeds", seeds, "--out", folder, "--json",
        )
    )  # fmt: skip
    measured = {
        "form": json.loads((first / "run.json").read_text())["form"],
        **{name: report[name] for name in ("measured_tasks", "seeds", "metric", "base")},
        "arms": {name: _row(arm) for name, arm in report["arms"].items()},
        "differences": {name: difference_row(one) for name, one in report["differences"].items()},
    }
    options = f"--runs .stillweb/{runs.name} --seeds {seeds} --threads {threads}"
    write_figures("model_ablation", f"python -m tests.bench.bench_model_ablation {options}", measured)
    PAGE.write_text(rendered())


def _row(arm: dict[str, Any]) -> dict[str, Any]:
    told = {name: arm[name] for name in ("mean", "low", "high", "rollouts", "calls", "faults", "avoided_dollars")}
    by_seed = [seed["mean"] for seed in arm["seeds"].values()]
    return {name: round(value, 4) for name, value in told.items()} | {"by_seed": [round(one, 4) for one in by_seed]}


def rendered() -> str:
    """docs/ablations.md with this table as it was last measured."""
    measured = json.loads((FIGURES / "model_ablation.json").read_text())["measured"]
    lines = [
        f"{measured['measured_tasks']} held-out tasks, {len(measured['seeds'])} models, one of each seed; the arm "
        "in bold is the base.",
        "",
        "| arm | what it meets | correct | 95 % interval | by seed | difference | 95 % interval | Holm | detectable "
        "| decided | calls | faults |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, arm in measured["arms"].items():
        lines.append(
            f"| {f'**{name}**' if name == measured['base'] else name} | {MEETS[name]} | {arm['mean']:.3f} "
            f"| {arm['low']:.3f} to {arm['high']:.3f} | {', '.join(f'{one:.3f}' for one in arm['by_seed'])} "
            f"| {compared_cells(measured['differences'].get(name))} | {arm['calls']:,} | {arm['faults']:,} |"
        )
    return placed(START, END, lines)


if __name__ == "__main__":
    main()
