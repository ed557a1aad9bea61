"""Pairs from records: turns of a task's rollouts that were taken in one state, held against each other.

A state is all that came before: its key covers every message (or every call) and the digest of every observation, so
that two rollouts share it only if the environment answered both equally. No model is asked for any of these pairs.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.canonical import digest
from agent.exports.parts import Unfit
from agent.records import Episode, Message
from training.data.filters import Told
from training.data.pairs import Kind, PreferencePair
from training.data.reading import Prefix, Step, fitting, prompt_of, reply_of, steps_of, tools_of
from training.tasks import Task

FEWER_CALLS = 0.6
LENGTH_RATIO = 1.5
MARGIN = 0.5
"""Of the success of two actions in a step pair, at least."""


@dataclass(frozen=True)
class Rollout:
    """A record with its steps, and whether it is right and supported."""

    episode: Episode
    steps: Sequence[Step]
    right: bool
    supported: bool


def rollout(episode: Episode, task: Task, told: Told, *, prefix: Prefix = "messages") -> Rollout:
    steps = steps_of(episode, task, prefix=prefix)
    return Rollout(episode, steps, told.correct, "unsupported" not in told.reasons)


def step_pairs(
    rollouts: Sequence[Rollout], task: Task, left_out: Counter[str], *, margin: float = MARGIN
) -> Iterator[PreferencePair]:
    """All step pairs of a task's rollouts but forks, a kind after the other in each state."""
    states: defaultdict[str, list[Visit]] = defaultdict(list)
    for one in rollouts:
        for step in one.steps:
            states[step.state].append((one, step))
    for visits in states.values():
        if len({step.action for _, step in visits}) > 1:
            for kind, duel in _in_state(visits, task, margin):
                if (pair := _pair(kind, task, *duel, left_out)) is not None:
                    yield pair


def outcome_pairs(rollouts: Sequence[Rollout], task: Task, left_out: Counter[str]) -> Iterator[PreferencePair]:
    """Whole trajectories, nearest in length first, each rollout in one pair at most.

    Both went on one branch from the same prompt and were cut by no limit, and what the model wrote is at most
    LENGTH_RATIO times as long on one side as on the other.
    """
    whole = [one for one in rollouts if _is_whole(one.episode)]
    left_out["rollout that was cut short, or whose context was rewritten"] += len(rollouts) - len(whole)
    good = [one for one in whole if one.right and one.supported]
    bad = [one for one in whole if not one.right]
    gaps = sorted(
        (abs(math.log(_spoken_chars(a.episode) / _spoken_chars(b.episode))), a.episode.id, b.episode.id)
        for a in good
        for b in bad
        if a.steps[0].state == b.steps[0].state
    )
    by_id = {one.episode.id: one for one in whole}
    used: set[str] = set()
    for gap, better_id, worse_id in gaps:
        if used & {better_id, worse_id}:
            continue
        if gap > math.log(LENGTH_RATIO):
            left_out["outcome pair of unlike lengths"] += 1
            continue
        better, worse = by_id[better_id], by_id[worse_id]
        if any(step.leaks for step in better.steps):
            left_out["chosen side asks for the answer by name before it had read it"] += 1
            continue
        used |= {better_id, worse_id}
        try:
            first = better.steps[0]
            prompt = prompt_of(better.episode, first.turn)
            sides = _after(better.episode, len(prompt)), _after(worse.episode, len(prompt))
        except Unfit as error:
            left_out[str(error)] += 1
            continue
        yield PreferencePair(
            "outcome", task.task_id, first.state, (), tuple(prompt), *sides, tuple(tools_of(better.episode)),
            better_id, worse_id, (better.episode.model.name, worse.episode.model.name), 1.0,
            (first.action, worse.steps[0].action), (len(better.episode.tool_events), len(worse.episode.tool_events)),
        )  # fmt: skip


Visit = tuple[Rollout, Step]
Duel = tuple[Visit, Visit, float]
"""The better, the worse, and by how much."""


def _in_state(visits: list[Visit], task: Task, margin: float) -> Iterator[tuple[Kind, Duel]]:
    """Of each kind and each two actions the widest duel, the first of equals."""
    found: dict[tuple[Kind, str, str], Duel] = {}
    kinds: list[tuple[Kind, Iterator[Duel]]] = [
        ("recovery", _recovery(visits)),
        ("stop", _stop(visits, task)),
        ("evidence", _evidence(visits, task)),
        ("efficiency", _efficiency(visits)),
        ("step", _outcome(visits, margin)),
    ]
    for kind, duels in kinds:
        for duel in duels:
            key = kind, duel[0][1].action, duel[1][1].action
            if key not in found or duel[2] > found[key][2]:
                found[key] = duel
    for (kind, _, _), duel in found.items():
        yield kind, duel


def _recovery(visits: list[Visit]) -> Iterator[Duel]:
    for better, worse in _duels(visits):
        (good, went_on), (bad, gave_up) = better, worse
        called = any(event.status == "ok" for event in went_on.events)
        if went_on.after_fault and good.right and called and not bad.right and not gave_up.events:
            yield better, worse, 1.0


def _stop(visits: list[Visit], task: Task) -> Iterator[Duel]:
    gold = frozenset(task.evidence)
    if not gold:
        return
    for better, worse in _duels(visits):
        (good, one), (bad, other) = better, worse
        complete = gold <= one.seen
        if complete and one.answers and good.right and other.events:
            yield better, worse, 1.0 if not bad.right else other.calls_left / (1 + other.calls_left)
        elif not complete and other.answers and not bad.right and one.events and good.right:
            yield better, worse, 1.0


def _evidence(visits: list[Visit], task: Task) -> Iterator[Duel]:
    for better, worse in _duels(visits):
        one, other = _query(better[1]), _query(worse[1])
        # All but the words equal: asking for more results is no better query.
        if one is not None and one == other and better[1].events[0].ranks and better[1].adds and not worse[1].adds:
            yield better, worse, len(better[1].adds) / len(task.evidence)


def _efficiency(visits: list[Visit]) -> Iterator[Duel]:
    for better, worse in _duels(visits):
        short, long = (len(one.episode.tool_events) for one in (better[0], worse[0]))
        if better[0].right and worse[0].right and short <= FEWER_CALLS * long:
            yield better, worse, 1.0 - short / long


def _outcome(visits: list[Visit], margin: float) -> Iterator[Duel]:
    """The action that led to the right answer most often, against the one that did least often."""
    success: defaultdict[str, list[bool]] = defaultdict(list)
    for one, step in visits:
        success[step.action].append(one.right)
    rate = {action: sum(found) / len(found) for action, found in success.items()}
    best, worst = max(rate, key=lambda one: (rate[one], one)), min(rate, key=lambda one: (rate[one], one))
    if rate[best] - rate[worst] >= margin:
        better = next(
            ((one, step) for one, step in visits if step.action == best and one.right and one.supported), None
        )
        worse = next((one, step) for one, step in visits if step.action == worst and not one.right)
        if better is not None:
            yield better, worse, rate[best] - rate[worst]


def _duels(visits: list[Visit]) -> Iterator[tuple[Visit, Visit]]:
    for better in visits:
        for worse in visits:
            if better[1].action != worse[1].action:
                yield better, worse


def _query(step: Step) -> str | None:
    """A call's tool and arguments but its words; None where the turn is no single call that could be read."""
    if len(step.events) != 1 or not isinstance(step.events[0].args, dict) or step.events[0].opened:
        return None
    rest = {
        name: len(one) if isinstance(one, list) else one
        for name, one in step.events[0].args.items()
        if not isinstance(one, str)
    }
    return digest([step.events[0].name, rest])


def _pair(
    kind: Kind, task: Task, better: Visit, worse: Visit, by: float,
    left_out: Counter[str],
) -> PreferencePair | None:  # fmt: skip
    (good, one), (bad, other) = better, worse
    if one.leaks:
        left_out["chosen side asks for the answer by name before it had read it"] += 1
        return None
    if not one.well_formed:
        left_out["chosen side has a call that cannot be read"] += 1
        return None
    try:
        prompt = prompt_of(good.episode, one.turn)
        sides = (reply_of(good.episode, one.turn),), (reply_of(bad.episode, other.turn),)
    except Unfit as error:
        left_out[str(error)] += 1
        return None
    return PreferencePair(
        kind, task.task_id, one.state, one.observations, tuple(prompt), *sides, tuple(tools_of(good.episode)),
        good.episode.id, bad.episode.id, (good.episode.model.name, bad.episode.model.name), by,
        (one.action, other.action), (len(one.events), len(other.events)),
    )  # fmt: skip


def _is_whole(episode: Episode) -> bool:
    cut = episode.forced_answer or any(turn.finish_reason == "length" for turn in episode.turns)
    return bool(episode.turns) and not cut and not episode.context_events and episode.stop_reason == "answered"


def _after(episode: Episode, head: int) -> tuple[Message, ...]:
    return tuple(fitting(message) for message in episode.path()[head:])


def _spoken_chars(episode: Episode) -> int:
    """Of what the model wrote, at least 1."""
    found = 1
    for message in episode.path():
        if message["role"] == "assistant":
            found += len(str(message.get("content") or "")) + len(str(message.get("reasoning_content") or ""))
            found += sum(len(str(call["function"]["arguments"])) for call in message.get("tool_calls") or ())
    return found


def mixed(rollouts: Iterable[Rollout]) -> bool:
    """Some right, some wrong: no other task gives outcome or step pairs."""
    return len({one.right for one in rollouts}) == 2
