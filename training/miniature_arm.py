"""What a model of the miniature is worth in one arm of an ablation: rollouts on the held-out tasks, scored.

    backend: command
    command: [python, -m, training.miniature_arm, --run, "runs/long-{seed}", --out, "{out}", --server, "{server}"]

The models of the arms are the same, and what differs is the environment that they meet. The seed is that of the run
that trained the model, and of the weather.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import typer

from training.ablate.backends import RESULT, measured_of
from training.ablate.config import Arm
from training.miniature import Run, player_of
from training.miniature_forms import Form
from training.miniature_report import write_json
from training.miniature_rollouts import episodes_of, roll_out_all


def main(
    run: Annotated[Path, typer.Option(help="Folder of a miniature that is done.")],
    out: Annotated[Path, typer.Option(help="Folder of the cell.")],
    server: Annotated[str, typer.Option(help="Address of the arm's server.")],
    model: Annotated[str, typer.Option(help="base, sft, sft-dpo, sft-grpo, random or witness.")] = "sft",
    threads: Annotated[int, typer.Option(min=1, help="Of torch.")] = 1,
    minutes: Annotated[float, typer.Option(help="Past them no rollout begins, and the cell fails.")] = 60,
) -> None:
    """Greedy rollouts of the held-out tasks, one each; `out/result.json` for `stillweb ablate`."""
    arm = Arm.model_validate_json(os.environ["STILLWEB_ABLATE"])
    stated = orjson.loads((run / "run.json").read_bytes())
    trained = Run(run, Form(**stated["form"]), stated["seed"], threads, "none")
    tasks = trained.tasks("held-out")
    told = roll_out_all(
        model, partial(player_of, trained, model), tasks, server, out / "rollouts",
        seed=int(os.environ["STILLWEB_SEED"]), samples=1, temperature=0.0, minutes=minutes,
        weather=arm.environment.profile(),
    )  # fmt: skip
    if told["capped"]:
        typer.echo(f"{told['done']} of {told['planned']} rollouts were done in {minutes:g} minutes.", err=True)
        raise typer.Exit(1)
    episodes = list(episodes_of(out / "rollouts"))
    held_out, failures = measured_of(episodes, tasks, arm)
    write_json({"held_out": held_out, "rollouts": len(episodes), "failures": failures}, out / RESULT)


if __name__ == "__main__":
    typer.run(main)
