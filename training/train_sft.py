"""Supervised fine-tuning on conversations, the loss on what the assistant wrote and on nothing else.

    python -m training.train_sft --data sft.jsonl --out runs/sft

Rows: {"messages": [...], "tools": [...]?}, or {"prompt": [...], "completion": [...]}, as `stillweb data sft` writes
them. The model ends in `OUT/model`, figures of each step in `OUT/steps.jsonl`. Run again, it goes on where it stopped.
"""

from __future__ import annotations

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


def main(
    data: Annotated[Path, typer.Option(help="Rows, JSON lines.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    model: Annotated[str, typer.Option(help="Folder, or `local`: the small model that is a package.")] = "local",
    template: Annotated[str, typer.Option(help="own, plain or qwen3.")] = "own",
    recipe: Annotated[str, typer.Option("--preset", help="Named figures (docs/training.md).")] = "small-sft",
    steps: Annotated[int, typer.Option(help="-1: as many as the epochs take.")] = -1,
    batch: Annotated[int, typer.Option(min=1, help="Rows a step on this device.")] = 4,
    learning_rate: Annotated[float | None, typer.Option(help="Instead of the preset's.")] = None,
    max_length: Annotated[int, typer.Option(min=8, help="Tokens; what is longer loses its end.")] = 2048,
    lora_rank: Annotated[int, typer.Option(min=0, help="0: all weights.")] = 0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="Of torch.")] = None,
    minutes: Annotated[float | None, typer.Option(help="End after the step at which these are over.")] = None,
    save_every: Annotated[int, typer.Option(min=0, help="Steps between checkpoints; 0: none.")] = 0,
    report_to: Annotated[str, typer.Option(help="auto (trackio if installed), none, or names of TRL's.")] = "auto",
) -> Path:
    """Train, and give the folder of the trained model."""
    if (out / "model").is_dir():
        return out / "model"  # it is whole: see `finish`
    fix_seeds(seed, threads)
    out.mkdir(parents=True, exist_ok=True)
    chosen = preset(recipe, "sft").trainer()
    if learning_rate is not None:
        chosen["learning_rate"] = learning_rate
    rows = datasets.load_dataset("json", data_files=str(data), split="train")
    settings = common(
        out,
        seed=seed,
        steps=steps,
        save_every=save_every,
        report_to=report_to,
        per_device_train_batch_size=batch,
        max_length=max_length,
        # Rows that give prompt and completion apart are masked by that; conversations by the template's marks.
        assistant_only_loss="messages" in rows.column_names,
        **chosen,
    )
    trainer = _TRL.SFTTrainer(
        model=load_model(model),
        args=_TRL.SFTConfig(**settings),
        train_dataset=rows,
        processing_class=load_tokenizer(model, template),
        peft_config=lora(lora_rank),
        callbacks=[StepLog(out / "steps.jsonl", minutes)],
    )
    with by_onednn():
        trainer.train(resume_from_checkpoint=last_checkpoint(out))
    return finish(trainer, out)


if __name__ == "__main__":
    as_command(main)
