"""Rollouts for TRL's GRPO by the agent's own loop, the tool calls of all of them overlapping.

    roll = Rollouts(manner, limits, tasks, server, sampling=..., out=...)
    GRPOTrainer(..., rollout_func=roll, reward_funcs=[binary])

TRL itself makes the calls of one rollout after those of another. Here the rollouts of a batch run on one event loop and
wait together: a batch's turn takes as long as its slowest call, not as long as all of them. What is trained on is what
`agent run` would have done with the same model: profile, format, limits and stop reasons are its own, each rollout is
kept as an episode record, and the tokens are those that were drawn.

`lockstep`: replies are drawn once every rollout that goes on waits for one, in the order of the batch, so that equal
seeds give equal batches whatever the calls took. Without it, whoever waits is served: faster where calls are of very
unequal length and the model is behind a server, and not repeatable.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.canonical import digest
from agent.client import AsyncClient
from agent.context import Policy
from agent.loop import Gates, Limits, Player, roll_out
from agent.models.protocol import Message, Sampling
from agent.notes import Identity
from agent.questions import Question
from agent.records import Episode, GroupRef, ModelRef, encode
from agent.speech import Manner, agent_ref
from agent.throttle import Gate
from agent.world import enter, leave, look_at
from training.drawing import Desk, Drawer, Speaker, Writer, serve
from training.rewards import told_of
from training.tasks import Task


class Rollouts:
    """A `rollout_func` of TRL 1.16. One batch at a time."""

    def __init__(
        self,
        manner: Manner,
        limits: Limits,
        tasks: Sequence[Task],
        server: str,
        *,
        stops: Sequence[int],
        reply_tokens: int = 512,
        seed: int = 0,
        lockstep: bool = True,
        concurrency: int = 256,
        weather: str | dict[str, Any] | None = None,
        mask_abnormal: bool = True,
        out: Path | None = None,
        token: str | None = None,
        control_token: str | None = None,
    ) -> None:
        """`stops`: ids that end a turn. `reply_tokens`: what the window keeps free for a turn; the trainer bounds it.
        `out`: file to append each rollout's record to. `control_token` opens episodes, where that takes another.

        The last message of a row's prompt tells which task it is, so that no answer stands in the trainer's rows.
        Raises ValueError where two tasks ask the same.
        """
        self.manner, self.limits, self.server = manner, replace(limits, forced_answer=False), server
        self.sampling = Sampling(max_tokens=reply_tokens)
        self.stops, self.seed, self.lockstep, self.concurrency = tuple(stops), seed, lockstep, concurrency
        self.weather, self.mask_abnormal, self.out = weather, mask_abnormal, out
        self.token, self.control_token = token, control_token
        self.tasks = {manner.format.question(task.question): task for task in tasks}
        if len(self.tasks) < len(tasks):
            raise ValueError("Two tasks have the same question: the trainer could not tell them apart. Drop one.")
        self.batches = 0

    def rows(self, tasks: Sequence[Task]) -> list[dict[str, Any]]:
        """Rows of a trainer's data set: prompts alone."""
        return [{"prompt": self.manner.opening(task.question)} for task in tasks]

    def __call__(self, prompts: list[list[Message]], trainer: Any) -> dict[str, Any]:
        """Roll out on prompts, one rollout for each; TRL repeats those of a group."""

        def draw(ids: list[list[int]]) -> tuple[list[list[int]], list[list[float]] | None]:
            drawn: tuple[list[list[int]], list[list[float]] | None] = trainer._generate_single_turn(ids, None, {}, 1)
            return drawn

        tasks = [self.tasks[prompt[-1]["content"]] for prompt in prompts]
        self.batches += 1
        episodes = self.play(tasks, draw, trainer.processing_class, batch=self.batches)
        return as_batch(episodes, tasks, mask_abnormal=self.mask_abnormal)

    def play(self, tasks: Sequence[Task], draw: Drawer, tokenizer: Any, *, batch: int = 0) -> list[Episode]:
        """One rollout on each task. `draw` is called in this thread, the tools on an event loop in another."""
        writer = Writer(tokenizer, self.stops)
        desk = Desk(len(tasks))
        found: list[Episode] = []
        failed: list[BaseException] = []

        def on_loop() -> None:
            try:
                found.extend(asyncio.run(self._roll_out_all(tasks, desk, writer, batch)))
            except BaseException as error:
                failed.append(error)
                desk.left(len(tasks))

        thread = threading.Thread(target=on_loop, name="rollouts")
        thread.start()
        try:
            while (wanted := desk.take(self.lockstep)) or desk.under_way > 0:
                serve(wanted, draw)
        finally:
            desk.close()
            thread.join()
        if failed:
            raise failed[0]
        if self.out is not None:
            with self.out.open("ab") as file:
                file.write(b"".join(encode(episode) + b"\n" for episode in found))
        return found

    async def _roll_out_all(self, tasks: Sequence[Task], desk: Desk, writer: Writer, batch: int) -> list[Episode]:
        env_gate = Gate(self.concurrency)
        samples: dict[str, int] = {}
        async with AsyncClient(self.server, token=self.token, connections=self.concurrency) as client:
            world = await look_at(client, weather=self.weather, control_token=self.control_token)
            ref = agent_ref(self.manner, "none", vars(self.limits))

            async def one(place: int, task: Task, sample: int) -> Episode:
                try:
                    # Equal for every arm and every batch that draws this task: common random numbers.
                    weather_seed = _number("weather", self.seed, task.task_id, sample)
                    env, env_ref = await enter(world, weather_seed)
                    identity = Identity(
                        digest([self.seed, batch, task.task_id, sample])[:16],
                        Question(task.task_id, task.question).ref(),
                        GroupRef(sample=sample, seed=_number("model", self.seed, batch, task.task_id, sample)),
                        env_ref, ref, ModelRef(name="policy", sampling={}), self.manner.schemas,
                    )  # fmt: skip
                    player = Player(self.manner, Speaker(place, desk, writer), self.sampling, self.limits, Policy())
                    try:
                        return await roll_out(player, identity, env, Gates(Gate(len(tasks)), env_gate))
                    finally:
                        await leave(world, env_ref)
                finally:
                    desk.left()

            playing = []
            for place, task in enumerate(tasks):
                sample = samples.get(task.task_id, 0)
                samples[task.task_id] = sample + 1
                playing.append(one(place, task, sample))
            return list(await asyncio.gather(*playing))


def as_batch(episodes: Sequence[Episode], tasks: Sequence[Task], *, mask_abnormal: bool = True) -> dict[str, Any]:
    """What TRL wants of rollouts, and beside it what rewards want (`training.rewards.Told`), one list each.

    `env_mask` is 1 for what the model drew. Of an abnormal rollout it is 0 throughout: such a rollout has a reward like
    any other, and so its part in the mean of its group, and no gradient (REDSearcher).
    """
    told = [told_of(episode, task) for episode, task in zip(episodes, tasks, strict=True)]
    sequences = [_sequence(episode) for episode in episodes]
    masks = [
        [0] * len(mask) if mask_abnormal and one["abnormal"] else mask
        for (_, _, mask, _), one in zip(sequences, told, strict=True)
    ]
    known = all(len(logprobs) == len(mask) for _, _, mask, logprobs in sequences)
    return {
        "prompt_ids": [prompt for prompt, _, _, _ in sequences],
        "completion_ids": [completion for _, completion, _, _ in sequences],
        "logprobs": [logprobs for _, _, _, logprobs in sequences] if known else None,
        "env_mask": masks,
        **{name: [one[name] for one in told] for name in told[0]},  # type: ignore[literal-required]
    }


def _sequence(episode: Episode) -> tuple[list[int], list[int], list[int], list[float]]:
    """(prompt, completion, mask, log probabilities): all turns in one, what the environment said masked and at 0.0."""
    prompt: list[int] = []
    completion: list[int] = []
    mask: list[int] = []
    logprobs: list[float] = []
    for turn in episode.turns:
        assert turn.tokens is not None
        ids, drawn = episode.prompt_ids(turn.index), turn.tokens.completion_ids
        if turn.index == 0:
            prompt = ids
        told = ids[len(prompt) + len(completion) :]
        completion += [*told, *drawn]
        mask += [0] * len(told) + (turn.tokens.loss_mask or [1] * len(drawn))
        logprobs += [0.0] * len(told) + turn.tokens.logprobs if turn.tokens.logprobs else []
    if not completion:  # ended before the first reply: TRL wants a token, and this one is masked
        return prompt or [0], [0], [0], [0.0]
    return prompt, completion, mask, logprobs


def _number(*parts: Any) -> int:
    return int(digest(list(parts))[:12], 16)
