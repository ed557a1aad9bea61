"""Batches for TRL's DPOTrainer in which only what the model wrote is trained on.

    trainer = DPOTrainer(model, args=DPOConfig(remove_unused_columns=False, ...), train_dataset=trajectories,
                         processing_class=tokenizer, data_collator=TrajectoryPairs(tokenizer, max_length=16384))

TRL 1.16 trains on all that follows the prompt, so on the observations of a trajectory pair too (SFTTrainer has
`assistant_only_loss`, DPOTrainer has not). Pairs of one reply each need nothing of this, and pass through unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from trl.chat_template_utils import has_generation_markers
from trl.trainer.dpo_trainer import DataCollatorForPreference

_NEEDS = ("prompt", "chosen", "rejected")


class TrajectoryPairs(DataCollatorForPreference):
    """TRL's collator, with `completion_mask` 0 where a side's messages are not the assistant's.

    What is the assistant's is told by the chat template's {% generation %} marks, never by looking for special tokens:
    a page may hold those. The tokenizer's template must be one with marks (`trl.chat_template_utils` has those for
    training), and the columns prompt, chosen, rejected and tools must reach the collator: remove_unused_columns=False.
    Raises ValueError where either is not so, or where TRL's tokens are not the template's.
    """

    def __init__(self, tokenizer: Any, *, max_length: int | None = None, truncation_mode: str = "keep_start") -> None:
        if not tokenizer.chat_template or not has_generation_markers(tokenizer.chat_template):
            raise ValueError(
                "The tokenizer's chat template has no {% generation %} marks, which tell what the assistant wrote. "
                "Set tokenizer.chat_template to a training template, such as "
                "trl.chat_template_utils.qwen3_training_chat_template, before the trainer is made."
            )
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        super().__init__(pad_token_id=pad, max_length=max_length, truncation_mode=truncation_mode)
        self.tokenizer = tokenizer

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """`examples`: rows with TRL's prompt_ids, chosen_ids, rejected_ids beside the messages."""
        batch: dict[str, Any] = super().torch_call(examples)
        rows = [(example, side) for side in ("chosen", "rejected") for example in examples]
        for row, (example, side) in enumerate(rows):
            written = self._cut(self._written(example, side))
            for place, is_assistants in enumerate(written):
                if not is_assistants:
                    batch["completion_mask"][row, place] = 0
        return batch

    def _written(self, example: dict[str, Any], side: str) -> list[int]:
        """1 for each token of prompt and side that the assistant wrote."""
        if missing := [name for name in _NEEDS if name not in example]:
            raise ValueError(
                f"The collator gets no column {missing[0]!r}. Set remove_unused_columns=False in the DPOConfig."
            )
        tools = example.get("tools")
        told = self.tokenizer.apply_chat_template(
            [*example["prompt"], *example[side]],
            tools=(json.loads(tools) if isinstance(tools, str) else tools) or None,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            **example.get("chat_template_kwargs", {}),
        )
        if list(told["input_ids"]) != [*example["prompt_ids"], *example[f"{side}_ids"]]:
            raise ValueError(
                f"The {side} side has other tokens here than in the trainer. Give both the same tokenizer, with its "
                "chat template set before the trainer is made."
            )
        return list(told["assistant_masks"])

    def _cut(self, mask: Sequence[int]) -> Sequence[int]:
        if self.max_length is None:
            return mask
        return mask[: self.max_length] if self.truncation_mode == "keep_start" else mask[-self.max_length :]
