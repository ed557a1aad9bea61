"""Direct preference optimisation on pairs of single steps: the same prompt, one better next turn, one worse.

    python -m training.train_dpo --data pairs.jsonl --model runs/sft/model --out runs/dpo

Rows: {"prompt": [...], "chosen": [one assistant message], "rejected": [one assistant message], "tools": [...]?}. TRL
puts the loss on everything after the prompt, so pairs of whole trajectories would train on what tools returned: such
rows are refused here (`training/collators.py` has a collator that masks them).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import datasets
import trl
import typer

from training.launching import (
    StepLog,
    as_command,
    by_onednn,
    common,
    finish,
    fix_seeds,
    last_checkpoint,
    load_model,
    load_tokenizer,
    lora,
)
from training.presets import preset

_TRL: Any = trl
logger = logging.getLogger(__name__)


class NotSteps(ValueError):
    """A row has more than one assistant message on a side, or a result of a tool among them."""

    def __init__(self, row: int, side: str) -> None:
        super().__init__(
            f"Row {row}: `{side}` is not one assistant message. TRL's DPO has no mask for what tools returned: "
            "give pairs of single steps, as `stillweb data dpo` writes them by default."
        )


def main(
    data: Annotated[Path, typer.Option(help="Pairs, JSON lines.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    model: Annotated[
        str, typer.Option(help="Folder of the model to start from, which is the reference too.")
    ] = "local",
    template: Annotated[str, typer.Option(help="own, plain or qwen3.")] = "own",
    recipe: Annotated[str, typer.Option("--preset", help="Named figures (docs/training.md).")] = "small-dpo",
    steps: Annotated[int, typer.Option(help="-1: as many as the epochs take.")] = -1,
    batch: Annotated[int, typer.Option(min=1, help="Pairs a step on this device.")] = 2,
    learning_rate: Annotated[float | None, typer.Option(help="Instead of the preset's.")] = None,
    max_length: Annotated[
        int, typer.Option(min=8, help="Tokens of prompt and answer. TRL drops longer prompts.")
    ] = 16384,
    lora_rank: Annotated[int, typer.Option(min=0, help="0: all weights.")] = 0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="Of torch.")] = None,
    minutes: Annotated[float | None, typer.Option(help="End after the step at which these are over.")] = None,
    save_every: Annotated[int, typer.Option(min=0, help="Steps between checkpoints; 0: none.")] = 0,
    report_to: Annotated[str, typer.Option(help="auto (trackio if installed), none, or names of TRL's.")] = "auto",
) -> Path:
    """Train, and give the folder of the trained model. Raises NotSteps."""
    if (out / "model").is_dir():
        return out / "model"  # it is whole: see `finish`
    fix_seeds(seed, threads)
    out.mkdir(parents=True, exist_ok=True)
    chosen = preset(recipe, "dpo").trainer()
    if learning_rate is not None:
        chosen["learning_rate"] = learning_rate
    rows = single_steps(datasets.load_dataset("json", data_files=str(data), split="train"))
    settings = common(
        out,
        seed=seed,
        steps=steps,
        save_every=save_every,
        report_to=report_to,
        per_device_train_batch_size=batch,
        max_length=max_length,
        **chosen,
    )
    trainer = _TRL.DPOTrainer(
        model=load_model(model),
        args=_TRL.DPOConfig(**settings),
        train_dataset=rows,
        processing_class=load_tokenizer(model, template),
        peft_config=lora(lora_rank),
        callbacks=[StepLog(out / "steps.jsonl", minutes)],
    )
    if (dropped := len(rows) - len(trainer.train_dataset)) > 0:
        logger.warning("prompts longer than max_length were dropped by TRL", extra={"rows": dropped})
    with by_onednn():
        trainer.train(resume_from_checkpoint=last_checkpoint(out))
    return finish(trainer, out)


def single_steps(rows: Any) -> Any:
    """The rows with the columns that TRL reads. Raises NotSteps."""
    for number, row in enumerate(rows):
        for side in ("chosen", "rejected"):
            if [message["role"] for message in row[side]] != ["assistant"]:
                raise NotSteps(number, side)
    return rows.select_columns(
        [name for name in rows.column_names if name in ("prompt", "chosen", "rejected", "tools")]
    )


if __name__ == "__main__":
    as_command(main)
