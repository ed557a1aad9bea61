"""A search policy small enough to be a table: which way to search, when to open, when to answer.

Rows are what the searcher knows (calls made, how much of the question the best page so far covers, whether the last
call failed), columns are what it may do. It begins knowing nothing: every action that is possible is equally likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ACTIONS = ("search_question", "search_names", "search_own", "search_rest", "search_hop", "open", "answer")
OPEN, ANSWER = ACTIONS.index("open"), ACTIONS.index("answer")
CALLS = (0, 1, 3)
"""Calls from which a row of its own begins."""
COVERAGE = (0.0, 0.34, 0.67, 1.0)
STATES = len(CALLS) * len(COVERAGE) * 2
ENOUGH = 1e-9
"""Rewards of a group that differ by less say nothing."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision: the row it was made in, what was done, and how likely each action was then."""

    state: int
    action: int
    chances: Floats


def state_of(calls: int, coverage: float, failed: bool) -> int:
    """The table's row. `coverage`, 0 to 1: of the question's words, how many the best opened page has."""
    by_calls = sum(calls >= least for least in CALLS) - 1
    by_coverage = sum(coverage >= least for least in COVERAGE) - 1
    return (by_calls * len(COVERAGE) + by_coverage) * 2 + failed


def choose(logits: Floats, state: int, possible: Sequence[bool], at: float) -> Choice:
    """The action at the point `at` (0 to 1) of the chances laid end to end: equal draws of two arms differ only where
    their policies do. `logits`: float64 (STATES, len(ACTIONS))."""
    row = np.where(possible, logits[state], -np.inf)
    chances = np.exp(row - row.max())
    chances /= chances.sum()
    action = int(np.searchsorted(np.cumsum(chances), at * (1 - 1e-12), side="right"))
    return Choice(state, min(action, int(np.flatnonzero(possible)[-1])), chances)


def advantages(
    groups: Sequence[Sequence[float]], kind: Literal["grpo", "dr_grpo", "reinforce"] = "grpo"
) -> list[list[float]]:
    """What each rollout was worth beyond the others, by groups of equal tasks.

    grpo: Shao et al., arXiv 2402.03300, deviation with n below; dr_grpo: without the deviation, Liu et al., arXiv
    2503.20783; reinforce: less the mean over all groups.
    """
    overall = float(np.mean([reward for group in groups for reward in group]))
    found = []
    for group in groups:
        rewards = np.array(group, dtype=np.float64)
        centred = rewards - (overall if kind == "reinforce" else rewards.mean())
        deviation = float(rewards.std())
        if kind == "grpo":
            centred = centred / deviation if deviation > ENOUGH else np.zeros_like(rewards)
        found.append([float(one) for one in centred])
    return found


def silent(groups: Sequence[Sequence[float]]) -> float:
    """Share of groups whose rewards are all alike: they teach nothing under grpo."""
    return sum(max(group) - min(group) <= ENOUGH for group in groups) / len(groups)


def updated(
    logits: Floats, rollouts: Sequence[Sequence[Choice]], weights: Sequence[float], learning_rate: float
) -> Floats:
    """One step of the policy gradient: weight times the gradient of log-likelihood, averaged over the rollouts.

    Source: Williams, Machine Learning 1992. On the policy itself, so there is nothing to clip.
    """
    gradient = np.zeros_like(logits)
    for choices, weight in zip(rollouts, weights, strict=True):
        for choice in choices:
            gradient[choice.state] -= weight * choice.chances
            gradient[choice.state, choice.action] += weight
    stepped: Floats = logits + learning_rate * gradient / len(rollouts)
    return stepped


def untrained() -> Floats:
    return np.zeros((STATES, len(ACTIONS)))
