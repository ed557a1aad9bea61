"""States with several ways to go on from them, and the pairs they give. `training.data.forking` makes them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.data.card import BadSet
from training.data.pairing import Rollout
from training.data.pairs import PreferencePair

GAP = 0.5
"""Of the shares of right continuations, at least."""
P_BELOW = 0.1
"""Fisher's exact test, two-sided: of 4 continuations each only 4 right against 0 passes."""


class ForkedAction(BaseModel):
    """A next action, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    message: dict[str, Any]
    action: str
    """As `reading.Step.action`."""
    drawn: int
    """So many of the draws were this action."""
    calls: int
    well_formed: bool
    leaks: bool
    right: int
    of: int
    """Continuations that did not end in an error."""


class Fork(BaseModel):
    """A state with the actions drawn in it: a line of the file that `stillweb data forks` writes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)

    schema_: Literal["stillweb.fork/1"] = Field(default="stillweb.fork/1", alias="schema")
    task_id: str
    episode_id: str
    turn: int
    state: str
    observations: tuple[str, ...]
    snapshot_id: str
    model: str
    seed: int
    prompt: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...]
    actions: tuple[ForkedAction, ...]


def worth_forking(rollouts: Sequence[Rollout], most: int) -> list[tuple[Rollout, int]]:
    """Up to `most` states of a task, each as a wrong rollout and a turn: those where right ones were still with it,
    the latest first, since there the fault is nearest."""
    right = {step.state for one in rollouts if one.right for step in one.steps}
    found: dict[str, tuple[Rollout, int]] = {}
    for one in rollouts:
        if not one.right:
            for place, step in enumerate(one.steps):
                if step.state in right:
                    found.setdefault(step.state, (one, place))
    return sorted(found.values(), key=lambda at: (-at[1], at[0].episode.id))[:most]


def fork_pairs(forks: Iterable[Fork], left_out: Counter[str]) -> Iterator[PreferencePair]:
    """In each state its best action against the worst: GAP apart in success, and by a test that says so at P_BELOW.

    Best and worst are picked among many, which the test does not know: p is a sieve here and no evidence.
    """
    for fork in forks:
        tried = [one for one in fork.actions if one.of]
        good = [one for one in tried if one.well_formed and not one.leaks]
        if not good or len(tried) < 2:
            left_out["fork with fewer than two actions to compare"] += 1
            continue
        best = max(good, key=lambda one: (one.right / one.of, one.drawn, one.action))
        worst = min(tried, key=lambda one: (one.right / one.of, -one.drawn, one.action))
        gap = best.right / best.of - worst.right / worst.of
        if gap < GAP or fisher(best.right, best.of, worst.right, worst.of) >= P_BELOW:
            left_out["fork whose actions do not differ enough"] += 1
            continue
        yield PreferencePair(
            "fork", fork.task_id, fork.state, fork.observations, fork.prompt, (best.message,), (worst.message,),
            fork.tools, fork.episode_id, fork.episode_id, (fork.model, fork.model), gap, (best.action, worst.action),
            (best.calls, worst.calls),
        )  # fmt: skip


def fisher(right: int, of: int, other_right: int, other_of: int) -> float:
    """Two-sided p that two shares are one: Fisher's exact test, the tables no likelier than this one added up."""
    total, good = of + other_of, right + other_right

    def chance(count: int) -> int:
        return math.comb(of, count) * math.comb(other_of, good - count)

    here = chance(right)
    ways = (chance(count) for count in range(max(0, good - other_of), min(of, good) + 1))
    return sum(one for one in ways if one <= here) / math.comb(total, good)


def read_forks(path: Path) -> list[Fork]:
    """Raises BadSet, which names the line."""
    found = []
    try:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                found.append(Fork.model_validate_json(line))
            except ValidationError as error:
                raise BadSet(
                    f"{path}, line {number} is no fork: {error.errors()[0]['msg']}. `stillweb data forks` writes them."
                ) from error
    except OSError as error:
        raise BadSet(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    return found
