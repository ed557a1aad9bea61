"""What the three training scripts share: a model and its tokenizer, a log in JSON lines, a cap on time, an end.

Needs the extra `train` (docs/training.md).
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
import trl
import typer

from agent.errors import EnvError
from agent.failures import AgentError
from agent.models.local import smollm2
from training.tasks import BadTasks

_HUB: Any = transformers
_TRL: Any = trl

PLAIN_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{% generation %}{{ message['content'] + '\n' }}{% endgeneration %}"
    "{%- else -%}{{ message['content'] + '\n' }}{%- endif -%}"
    "{%- endfor -%}"
)
"""The text of `agent.models.local.plain_prompt` as a chat template, so that trainers mask what the model did not write.

A prompt needs no beginning of the next turn: each message ends its line. The newline is part of what is learned."""


def as_command(main: Callable[..., Any]) -> None:
    """Run a script's function from the command line. What was asked for wrongly is told in a line, and exits with 2."""
    try:
        typer.run(main)
    except (ValueError, FileNotFoundError, BadTasks, EnvError, AgentError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def load_tokenizer(model: str, template: str) -> Any:
    """`template`: `own` (the model's), `plain` (`agent.formats.PLAIN`), or `qwen3`, which TRL knows for tool calls.

    Raises ValueError for another word.
    """
    tokenizer = _HUB.AutoTokenizer.from_pretrained(folder_of(model))
    if template == "plain":
        tokenizer.chat_template = PLAIN_TEMPLATE
    elif template == "qwen3":
        tokenizer.chat_template = _TRL.chat_template_utils.qwen3_chat_template
    elif template != "own":
        raise ValueError(f"{template!r} is no template. Use own, plain or qwen3.")
    return tokenizer


def load_model(model: str) -> Any:
    """In fp32 on a CPU, in bf16 where there is a GPU."""
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    return _HUB.AutoModelForCausalLM.from_pretrained(folder_of(model), dtype=dtype)


def folder_of(model: str) -> str:
    """`local` is the small model that comes as a package; anything else is what transformers takes."""
    return str(smollm2()) if model == "local" else model


def lora(rank: int) -> Any:
    """An adapter on every linear layer; None for rank 0, which trains all weights."""
    if rank == 0:
        return None
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")


@contextmanager
def by_onednn() -> Iterator[None]:
    """Matrix products of a CPU by oneDNN and not by MKL, which torch calls a matter of precision: a step of SFT takes
    two thirds of the time on an AMD processor, with logits equal to 2e-4 (docs/training.md). Nothing changes on a GPU,
    nor on a processor with AMX, whose products it would make of 16 bits.

    What it was is set again: a model that answers in the same process answers as it does in any other.
    """
    before = torch.get_float32_matmul_precision()
    if not (torch.cuda.is_available() or torch.cpu._is_amx_tile_supported()):
        torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def fix_seeds(seed: int, threads: int | None) -> None:
    """Of Python, numpy and torch; with one thread, the sums of a step have one order."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)


def reports(wanted: str) -> list[str]:
    """`auto` is trackio where it is installed, else nothing; the log in JSON lines is written whatever it is."""
    if wanted == "auto":
        return ["trackio"] if importlib.util.find_spec("trackio") else []
    return [] if wanted == "none" else wanted.split(",")


def common(out: Path, *, seed: int, steps: int, save_every: int, report_to: str, **given: Any) -> dict[str, Any]:
    """Arguments that every trainer of TRL takes. `save_every` 0: no checkpoint before the end."""
    return {
        "output_dir": str(out / "checkpoints"),
        "seed": seed,
        "data_seed": seed,
        "max_steps": steps,
        "logging_steps": 1,
        "save_strategy": "steps" if save_every else "no",
        "save_steps": save_every or 500,
        "save_total_limit": 1,
        "report_to": reports(report_to),
        "use_cpu": not torch.cuda.is_available(),
        "bf16": torch.cuda.is_available(),
        "disable_tqdm": True,
        # Recomputing saves memory that a small model does not need, and costs a third of the time.
        "gradient_checkpointing": False,
        **given,
    }


class StepLog(_HUB.TrainerCallback):  # type: ignore[misc]
    """Every figure a trainer logs, one JSON object a line, with the step and seconds of wall and CPU since the start.

    Appended to: a run that is gone on with keeps the steps of before. With `minutes` the run ends after the step at
    which they are over, and the last line says so.
    """

    def __init__(self, path: Path, minutes: float | None = None) -> None:
        self._path, self._minutes = path, minutes
        self._began, self._cpu = time.monotonic(), time.process_time()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
        self._write({"step": state.global_step, **(logs or {})})

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if self._minutes is not None and time.monotonic() - self._began > 60 * self._minutes:
            control.should_training_stop = True
            self._write({"step": state.global_step, "stopped": f"after {self._minutes:g} minutes"})

    def _write(self, row: dict[str, Any]) -> None:
        took = {"wall_s": time.monotonic() - self._began, "cpu_s": time.process_time() - self._cpu}
        with self._path.open("a") as file:
            file.write(json.dumps({**row, **{name: round(value, 2) for name, value in took.items()}}) + "\n")


def read_log(path: Path) -> list[dict[str, Any]]:
    """Lines of a `StepLog`, in order."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def last_checkpoint(out: Path) -> str | None:
    """Where to go on from: the newest whole checkpoint; None: from the start."""
    folder = out / "checkpoints"
    found: str | None = _HUB.trainer_utils.get_last_checkpoint(str(folder)) if folder.is_dir() else None
    return found


def finish(trainer: Any, out: Path) -> Path:
    """Keep the trained model in `out/model`, an adapter merged into it, so that whatever loads a folder can load it.

    Renamed at the end: a folder that is there is whole.
    """
    model, folder, part = trainer.model, out / "model", out / "model.part"
    if hasattr(model, "merge_and_unload"):
        trainer.model.save_pretrained(out / "adapter")
        model = model.merge_and_unload()
    model.save_pretrained(part)
    trainer.processing_class.save_pretrained(part)
    part.rename(folder)
    return folder
