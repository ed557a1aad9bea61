"""Preference pairs of a run, of every kind that its rollouts give, with what they teach besides.

files     steps                    pairs of one reply each: TRL as it is
          steps_sharegpt           the same for LLaMA-Factory
          trajectories             whole rollouts: TRL with `training.collators.TrajectoryPairs`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.exports.parts import Unfit
from agent.records import Episode
from corpus.manifest import Manifest
from training.data.bias import bias_report
from training.data.card import BadSet, Sources, by_id, write_set
from training.data.filters import Sieve, inspect
from training.data.forks import Fork, fork_pairs
from training.data.pairing import MARGIN, Rollout, mixed, outcome_pairs, rollout, step_pairs
from training.data.pairs import KINDS, Kept, PreferencePair, keep
from training.data.reading import Prefix
from training.tasks import Task

USES = {
    "steps": "TRL's DPOTrainer: one reply on each side",
    "steps_sharegpt": "LLaMA-Factory: the same pairs",
    "trajectories": "TRL's DPOTrainer with `training.collators.TrajectoryPairs` and `remove_unused_columns=False`; "
    "without it the loss falls on observations",
}


@dataclass(frozen=True)
class Recipe:
    prefix: Prefix = "messages"
    """When two turns count as taken in one state."""
    margin: float = MARGIN
    tokens: int = 49_152
    """Of prompt and the longer side, at most: OffSeeker's cutoff."""
    per_task: int = 2
    """Pairs of a kind."""
    kinds: tuple[str, ...] = tuple(KINDS)
    policy: str | None = None
    """Name of the model that will be trained, for the share of pairs that are its own."""
    snippets: bool = False
    """What search results showed supports an answer, too."""


def build_dpo(
    episodes: Iterable[Episode],
    tasks: Iterable[Task],
    out: Path,
    *,
    recipe: Recipe = Recipe(),
    forks: Iterable[Fork] = (),
    verdicts: Mapping[str, bool] | None = None,
    manifest: Manifest | None = None,
    seeds: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the set; returns its card. The records of all tasks are held in memory. Raises BadSet where no pair is."""
    known, sources = by_id(tasks), Sources(seeds or {})
    counts: Counter[str] = Counter()
    groups: dict[str, dict[str, Rollout]] = {}
    for episode in episodes:
        counts["rollouts"] += 1
        if episode.task.id not in known or episode.status != "ok":
            counts["of no task of the file" if episode.task.id not in known else "ended in an error"] += 1
            continue
        task = known[episode.task.id]
        group = groups.setdefault(task.task_id, {})
        if episode.id in group:
            raise BadSet(f"Rollout {episode.id} is there twice. Name each run once.")
        told = inspect(
            episode,
            task,
            Sieve(snippets=recipe.snippets),
            verdict=None if verdicts is None else verdicts.get(episode.id),
        )
        group[episode.id] = rollout(episode, task, told, prefix=recipe.prefix)
        sources.note(episode)
    left_out: Counter[str] = Counter()
    found = [pair for pair in _all(groups, known, recipe, left_out) if pair.kind in recipe.kinds]
    found += [pair for pair in fork_pairs(forks, left_out) if "fork" in recipe.kinds]
    kept = keep(found, tokens=recipe.tokens, per_task=recipe.per_task)
    left_out.update(kept.left_out)
    steps, whole = _split(kept)

    def about() -> dict[str, Any]:
        return {
            "counts": {
                **counts,
                "tasks with a rollout": len(groups),
                "of them with right and wrong rollouts": sum(mixed(group.values()) for group in groups.values()),
                "pairs found": len(found),
                "pairs kept": len(kept.pairs),
                **{f"{kind} pairs": sum(pair.kind == kind for pair in kept.pairs) for kind in KINDS},
            },
            "kinds": dict(KINDS),
            "left_out": dict(sorted((reason, count) for reason, count in left_out.items() if count)),
            "bias": bias_report(kept.pairs, recipe.policy),
            "settings": asdict(recipe) | {"kinds": ", ".join(recipe.kinds)},
            **sources.to_json(manifest),
        }

    files = {
        "steps": (pair.row(recipe.policy) for pair in steps),
        "steps_sharegpt": _sharegpt(steps, left_out),
        "trajectories": (pair.row(recipe.policy) for pair in whole),
    }
    return write_set(out, "Preference pairs", files, about, USES)


def _all(
    groups: Mapping[str, Mapping[str, Rollout]], known: Mapping[str, Task], recipe: Recipe, left_out: Counter[str]
) -> Iterator[PreferencePair]:
    for task_id, group in groups.items():
        rollouts = list(group.values())
        yield from step_pairs(rollouts, known[task_id], left_out, margin=recipe.margin)
        yield from outcome_pairs(rollouts, known[task_id], left_out)


def _split(kept: Kept) -> tuple[list[PreferencePair], list[PreferencePair]]:
    return (
        [pair for pair in kept.pairs if pair.kind != "outcome"],
        [pair for pair in kept.pairs if pair.kind == "outcome"],
    )


def _sharegpt(pairs: Iterable[PreferencePair], left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    for pair in pairs:
        try:
            yield pair.sharegpt()
        except Unfit as error:
            left_out[f"steps_sharegpt: {error}"] += 1
