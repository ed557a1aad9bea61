"""The backend `search`: a tabular policy learns in an arm by policy gradient, and is measured on held-out tasks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from agent.client import AsyncClient
from agent.errors import EnvError
from training.ablate.cells import Step
from training.ablate.config import METRICS, Arm, Environment
from training.ablate.draws import schedule
from training.ablate.policy import (
    ACTIONS,
    COVERAGE,
    Floats,
    advantages,
    choose,
    silent,
    untrained,
    updated,
)
from training.ablate.searcher import Rollout, roll_out
from training.tasks import Task

AT_ONCE = 24
"""Rollouts under way. The result does not depend on it: draws are by name, and sums are in the order of the plan."""
_SHOWN = 8

HeldOut = dict[str, dict[str, list[float]]]


@dataclass
class Learned:
    curve: list[Step] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)
    held_out: HeldOut = field(default_factory=dict)
    policy: dict[str, dict[str, float]] = field(default_factory=dict)
    rollouts: int = 0
    failures: int = 0

    def add(self, rollouts: Iterable[Rollout]) -> None:
        for one in rollouts:
            self.rollouts += 1
            self.failures += one.failures


async def learn(
    client: AsyncClient,
    arm: Arm,
    training: Sequence[Task],
    measured: Sequence[Task],
    *,
    seed: int,
    samples: int,
    measured_at: tuple[AsyncClient, Environment] | None = None,
    told: Callable[[Step], None] = lambda step: None,
) -> Learned:
    """Train in the arm's environment and measure, before and after, in it or `measured_at` another.

    Deterministic in (arm, tasks, seed, what the server serves). Raises EnvError where the server refuses an episode.
    """
    trainer, found, logits = arm.trainer, Learned(), untrained()
    visits: Counter[int] = Counter()
    env, where = measured_at or (client, arm.environment)

    async def measure(logits: Floats) -> list[Rollout]:
        return await _all(
            [(task, ("held-out", seed, task.task_id, sample)) for task in measured for sample in range(samples)],
            env, logits, where, arm.agent.max_calls,
        )  # fmt: skip

    untaught = await measure(logits)
    found.add(untaught)
    found.before = {metric: sum(by_metric(one, arm)[metric] for one in untaught) / len(untaught) for metric in METRICS}
    steps = schedule(training, seed=seed, steps=trainer.steps, a_step=trainer.tasks_a_step)
    for number, tasks in enumerate(steps, 1):
        plan = [
            (task, ("train", seed, number, place, task.task_id, sample))
            for place, task in enumerate(tasks)
            for sample in range(trainer.group)
        ]
        rollouts = await _all(plan, client, logits, arm.environment, arm.agent.max_calls)
        rewards = [one.reward(trainer.reward) for one in rollouts]
        groups = [rewards[start : start + trainer.group] for start in range(0, len(rewards), trainer.group)]
        weights = [weight for group in advantages(groups, trainer.advantage) for weight in group]
        logits = updated(logits, [one.choices for one in rollouts], weights, trainer.learning_rate)
        visits.update(choice.state for one in rollouts for choice in one.choices)
        found.add(rollouts)
        found.curve.append(
            Step(
                step=number,
                reward=sum(rewards) / len(rewards),
                correct=sum(one.parts["correct"] for one in rollouts) / len(rollouts),
                calls=sum(one.parts["calls"] for one in rollouts) / len(rollouts),
                zero_advantage=silent(groups),
            )
        )
        told(found.curve[-1])
    taught = await measure(logits)
    found.add(taught)
    for metric in METRICS:
        values: dict[str, list[float]] = {}
        for one in taught:
            values.setdefault(one.task_id, []).append(by_metric(one, arm)[metric])
        found.held_out[metric] = values
    found.policy = _told(logits, visits)
    return found


def by_metric(rollout: Rollout, arm: Arm) -> dict[str, float]:
    """Every metric of a rollout; `reward` is the arm's own."""
    own = rollout.reward(arm.trainer.reward)
    return {metric: own if metric == "reward" else rollout.parts[metric] for metric in METRICS}


async def _all(
    plan: Sequence[tuple[Task, tuple[object, ...]]],
    client: AsyncClient,
    logits: Floats,
    environment: Environment,
    max_calls: int,
) -> list[Rollout]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(task: Task, name: tuple[object, ...]) -> Rollout:
        async with gate:
            return await roll_out(client, task, logits, environment, max_calls=max_calls, name=name)

    try:
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(one(task, name)) for task, name in plan]
    except* EnvError as refused:
        raise refused.exceptions[0] from None  # one reason is enough, and it is most often the same
    return [rollout.result() for rollout in made]


def _told(logits: Floats, visits: Counter[int]) -> dict[str, dict[str, float]]:
    """The rows used most, for people."""
    shown = {}
    for state, _ in sorted(visits.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]:
        by_calls, rest = divmod(state, len(COVERAGE) * 2)
        covered, failed = divmod(rest, 2)
        name = f"{('no call', '1-2 calls', '3+ calls')[by_calls]}, covered {COVERAGE[covered]:.2f}+"
        chances = choose(logits, state, [True] * len(ACTIONS), 0.0).chances
        shown[name + (", after a failure" if failed else "")] = {
            action: round(float(chance), 3) for action, chance in zip(ACTIONS, chances, strict=True)
        }
    return shown
