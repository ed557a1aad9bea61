"""GRPO against a Stillweb server: group advantages, clip-higher, no KL, abnormal rollouts out of the gradient.

    python -m training.train_grpo --tasks train.jsonl --server http://127.0.0.1:8080 --out runs/grpo

Rollouts are the agent's own (`training.rollouts`), so the policy is trained in the manner in which `agent run` uses it.
For a chat model with TRL's own tool loop see `training/environment.py` and docs/training.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import datasets
import trl
import typer

from agent.loop import Limits
from agent.speech import Manner, manner_of
from agent.tools.profiles import profile
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
from training.rewards import reward_of
from training.rollouts import Rollouts
from training.tasks import read_tasks

_TRL: Any = trl


def main(
    tasks: Annotated[Path, typer.Option(help="Tasks to train on, JSON lines.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    server: Annotated[str, typer.Option(envvar="STILLWEB_URL", help="The Stillweb server.")] = "http://127.0.0.1:8080",
    token: Annotated[str | None, typer.Option(envvar="STILLWEB_TOKEN", help="Bearer token of the server.")] = None,
    control_token: Annotated[
        str | None,
        typer.Option(envvar="STILLWEB_CONTROL_TOKEN", help="Token that opens episodes, where it is another."),
    ] = None,
    model: Annotated[str, typer.Option(help="Folder, or `local`: the small model that is a package.")] = "local",
    agent: Annotated[str, typer.Option("--profile", help="Which tools and prompt: a profile of the agent.")] = "tongyi",
    format: Annotated[str, typer.Option(help="hermes, search_r1 or plain; calls are text.")] = "hermes",
    template: Annotated[str, typer.Option(help="own, plain or qwen3.")] = "own",
    recipe: Annotated[str, typer.Option("--preset", help="Named figures (docs/training.md).")] = "small-grpo",
    reward: Annotated[str, typer.Option(help="binary or shaped.")] = "binary",
    steps: Annotated[int, typer.Option(min=1)] = 30,
    groups: Annotated[int, typer.Option(min=1, help="Tasks a step.")] = 1,
    turns: Annotated[int, typer.Option(min=1, help="Of a rollout.")] = 8,
    reply_tokens: Annotated[int, typer.Option(min=1, help="Of a turn, at most.")] = 512,
    context_tokens: Annotated[int, typer.Option(min=16, help="Of a rollout, at most.")] = 8192,
    learning_rate: Annotated[float | None, typer.Option(help="Instead of the preset's.")] = None,
    lora_rank: Annotated[int, typer.Option(min=0, help="0: all weights.")] = 0,
    vllm: Annotated[str | None, typer.Option(help="URL of `trl vllm-serve`: it draws the rollouts.")] = None,
    weather: Annotated[str | None, typer.Option(help="Weather of the episodes.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="Of torch.")] = None,
    minutes: Annotated[float | None, typer.Option(help="End after the step at which these are over.")] = None,
    save_every: Annotated[int, typer.Option(min=0, help="Steps between checkpoints; 0: none.")] = 0,
    report_to: Annotated[str, typer.Option(help="auto (trackio if installed), none, or names of TRL's.")] = "auto",
) -> Path:
    """Train, and give the folder of the trained model."""
    limits = Limits(turns=turns, calls=turns, context_tokens=context_tokens, repeated=2, malformed=2)
    return train(
        manner_of(profile(agent), format), limits, tasks=tasks, out=out, server=server, model=model, template=template,
        recipe=recipe, reward=reward, steps=steps, groups=groups, reply_tokens=reply_tokens,
        learning_rate=learning_rate, lora_rank=lora_rank, vllm=vllm, weather=weather, seed=seed, threads=threads,
        minutes=minutes, save_every=save_every, report_to=report_to, token=token,
        control_token=control_token,
    )  # fmt: skip


def train(
    manner: Manner,
    limits: Limits,
    *,
    tasks: Path,
    out: Path,
    server: str,
    model: str = "local",
    template: str = "own",
    recipe: str = "small-grpo",
    reward: str = "binary",
    steps: int = 30,
    groups: int = 1,
    reply_tokens: int = 512,
    learning_rate: float | None = None,
    lora_rank: int = 0,
    vllm: str | None = None,
    weather: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    minutes: float | None = None,
    save_every: int = 0,
    report_to: str = "auto",
    token: str | None = None,
    control_token: str | None = None,
) -> Path:
    """The same for any manner. Records of all rollouts are appended to `out/rollouts.jsonl`."""
    if (out / "model").is_dir():
        return out / "model"  # it is whole: see `finish`
    fix_seeds(seed, threads)
    out.mkdir(parents=True, exist_ok=True)
    chosen = preset(recipe, "grpo").trainer()
    if learning_rate is not None:
        chosen["learning_rate"] = learning_rate
    tokenizer, policy = load_tokenizer(model, template), load_model(model)
    stops = stop_ids(tokenizer, manner)
    policy.generation_config.eos_token_id = stops  # so that TRL, too, knows where a turn ends
    wanted = list(read_tasks(tasks))
    roll = Rollouts(
        manner, limits, wanted, server, stops=stops, reply_tokens=reply_tokens, seed=seed, weather=weather,
        out=out / "rollouts.jsonl", token=token, control_token=control_token,
    )  # fmt: skip
    settings = common(
        out,
        seed=seed,
        steps=steps,
        save_every=save_every,
        report_to=report_to,
        per_device_train_batch_size=groups * chosen["num_generations"],
        max_completion_length=reply_tokens,
        generation_kwargs={"eos_token_id": stops},
        **({"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": vllm} if vllm else {}),
        **chosen,
    )
    trainer = _TRL.GRPOTrainer(
        model=policy,
        reward_funcs=[reward_of(reward)],
        args=_TRL.GRPOConfig(**settings),
        train_dataset=datasets.Dataset.from_list(roll.rows(wanted)),
        processing_class=tokenizer,
        peft_config=lora(lora_rank),
        rollout_func=roll,
        callbacks=[StepLog(out / "steps.jsonl", minutes)],
    )
    with by_onednn():
        trainer.train(resume_from_checkpoint=last_checkpoint(out))
    return finish(trainer, out)


def stop_ids(tokenizer: Any, manner: Manner) -> list[int]:
    """Ids that end a turn: the tokenizer's end, and stop strings of the format that are one token (a newline)."""
    found = [tokenizer.eos_token_id]
    for text in manner.format.stop:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        found += ids if len(ids) == 1 else []
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    as_command(main)
