"""Hyper-parameters by name: those that the two papers publish, and small ones of ours for a model on a CPU.

What a paper does not state is named in `unstated` and stands in no value. Figures of papers are those of their text or
of their files; a preset says nothing of the hardware that they take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["sft", "dpo", "grpo"]


@dataclass(frozen=True)
class Preset:
    """`values` are arguments of TRL's configuration. `beyond` is published and is no argument of it."""

    kind: Kind
    source: str
    values: Mapping[str, Any]
    beyond: Mapping[str, Any] = field(default_factory=dict)
    unstated: tuple[str, ...] = ()

    def trainer(self) -> dict[str, Any]:
        """A copy of the arguments for the trainer."""
        return dict(self.values)


PRESETS: Mapping[str, Preset] = {
    "redsearcher-sft": Preset(
        "sft",
        "REDSearcher on SFT: batch 128, learning rate 5e-5 to 1e-6 by cosine, 128K tokens, observations masked.",
        {
            "learning_rate": 5e-5,
            "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr": 1e-6},
        },
        {"global_batch": 128, "max_length": 131_072, "longer_rows": "discarded"},
        ("epochs", "weight decay", "warm-up"),
    ),
    "redsearcher-sft-script": Preset(
        "sft",
        "REDSearcher's README (ms-swift): 2 epochs, learning rate 3.08e-5, 131,072 tokens, packing.",
        {"learning_rate": 3.08e-5, "num_train_epochs": 2, "packing": True},
        {"max_length": 131_072, "parallel": "TP2 EP8 PP2 CP4"},
        ("batch", "schedule"),
    ),
    "offseeker-sft": Preset(
        "sft",
        "OffSeeker's training file: 3 epochs, learning rate 3e-5 to 1e-7 by cosine, warm-up 0.1, weight decay 0.1.",
        {
            "learning_rate": 3e-5,
            "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr": 1e-7},
            "warmup_steps": 0.1,
            "weight_decay": 0.1,
            "num_train_epochs": 3,
            "gradient_accumulation_steps": 8,
        },
        {"batch": 1, "max_length": 136_000, "rows": 33_000, "parallel": "sequence parallel 4, ZeRO-3"},
        ("filters", "teacher"),
    ),
    "offseeker-dpo": Preset(
        "dpo",
        "OffSeeker's training file: 1 epoch, learning rate 1e-6 to 1e-7, warm-up 0.1, weight decay 0.1, 49,152 tokens.",
        {
            "learning_rate": 1e-6,
            "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr": 1e-7},
            "warmup_steps": 0.1,
            "weight_decay": 0.1,
            "num_train_epochs": 1,
        },
        {"max_length": 49_152, "pairs": 21_000, "parallel": "sequence parallel 8"},
        ("beta (the framework's default)", "how pairs are chosen", "batch"),
    ),
    "redsearcher-grpo": Preset(
        "grpo",
        "REDSearcher on RL: 32 queries x 16 rollouts, learning rate 1e-6, clip-higher 0.28, no KL, no entropy.",
        {
            "learning_rate": 1e-6,
            "lr_scheduler_type": "constant",
            "num_generations": 16,
            "epsilon_high": 0.28,
            "beta": 0.0,
            "scale_rewards": "group",
            "loss_type": "grpo",
            # Truncated importance sampling is TRL's `token_truncate`, for samples that vLLM drew.
            "vllm_importance_sampling_correction": True,
            "vllm_importance_sampling_mode": "token_truncate",
        },
        {"global_batch": 512, "steps": 80, "max_tokens": 131_072, "reward": "0 or 1"},
        ("the lower clip", "the cap of the importance ratio", "temperature", "loss normalisation"),
    ),
    "redsearcher-mm-grpo": Preset(
        "grpo",
        "REDSearcher, multimodal RL: batch 32, 8 rollouts, no KL, 32,768 tokens, at most 20 tool calls.",
        {"num_generations": 8, "beta": 0.0, "lr_scheduler_type": "constant"},
        {"global_batch": 32, "max_tokens": 32_768, "calls": 20},
        ("learning rate", "clips"),
    ),
    "small-sft": Preset(
        "sft",
        "Ours, for SmolLM2-135M on a CPU: docs/figures/miniature.json says what it gave.",
        {"learning_rate": 1e-4, "lr_scheduler_type": "linear"},
    ),
    "small-dpo": Preset(
        "dpo",
        "Ours, for SmolLM2-135M on a CPU. The added `sft` term keeps the likelihood of what was chosen up.",
        {
            "learning_rate": 5e-6,
            "lr_scheduler_type": "constant",
            "beta": 0.1,
            "loss_type": ["sigmoid", "sft"],
            "loss_weights": [1.0, 0.1],
        },
    ),
    "small-grpo": Preset(
        "grpo",
        "Ours, for SmolLM2-135M on a CPU. Temperature 1.2 keeps the rollouts of a group apart.",
        {
            "learning_rate": 1e-5,
            "lr_scheduler_type": "constant",
            "num_generations": 4,
            "temperature": 1.2,
            "epsilon_high": 0.28,
            "beta": 0.0,
            "scale_rewards": "group",
            "loss_type": "grpo",
        },
    ),
}


class NoPreset(ValueError):
    """No preset has this name, or it is of another trainer."""

    def __init__(self, name: str, kind: Kind) -> None:
        fitting = ", ".join(known for known, one in PRESETS.items() if one.kind == kind)
        super().__init__(f"{name!r} is no preset for {kind}. Take one of {fitting}.")


def preset(name: str, kind: Kind) -> Preset:
    """Raises NoPreset."""
    found = PRESETS.get(name)
    if found is None or found.kind != kind:
        raise NoPreset(name, kind)
    return found
