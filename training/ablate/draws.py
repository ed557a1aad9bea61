"""Every draw of an ablation by its name: what arms have in common is drawn alike in all of them.

A draw depends on the seed and on what is decided, never on the arm or on what was drawn before, so that the difference
between two arms is the knob's and not luck's (common random numbers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import orjson

from training.tasks import Task

TRAINED_ON = ("train", "training")


def number(*name: object) -> int:
    """48 bits of a digest of the name."""
    return int.from_bytes(hashlib.blake2b(orjson.dumps(name, default=str), digest_size=6).digest(), "big")


def chance(*name: object) -> float:
    """0 to below 1."""
    return number(*name) / 2**48


def split(tasks: Sequence[Task], held_out: float) -> tuple[list[Task], list[Task]]:
    """(tasks to train on, tasks to measure), by their `split` where they have one, else by a digest of their ids.

    Both in the order of the file, and the same for all arms and seeds. Raises ValueError where one would be empty.
    """
    if any(task.split for task in tasks):
        training = [task for task in tasks if task.split in TRAINED_ON]
    else:
        order = sorted(tasks, key=lambda task: number("held-out", task.task_id))
        kept = {task.task_id for task in order[round(held_out * len(order)) :]}
        training = [task for task in tasks if task.task_id in kept]
    ids = {task.task_id for task in training}
    measured = [task for task in tasks if task.task_id not in ids]
    if not training or not measured:
        raise ValueError(
            f"Of {len(tasks)} tasks {len(training)} are to train on and {len(measured)} to measure. "
            "Give more tasks, or `split` them into train and test."
        )
    return training, measured


def schedule(tasks: Sequence[Task], *, seed: int, steps: int, a_step: int) -> list[list[Task]]:
    """Tasks of each step: all of them in an order of the seed's, then again in another one."""
    wanted = steps * a_step
    rounds = -(-wanted // len(tasks))
    order = [
        tasks[place]
        for turn in range(rounds)
        for place in np.random.default_rng(number("order", seed, turn)).permutation(len(tasks))
    ]
    return [order[start : start + a_step] for start in range(0, wanted, a_step)]
