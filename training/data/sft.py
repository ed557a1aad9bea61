"""Rejection sampling: of a run's rollouts those that are fit to imitate, and all of them with what speaks against each.

files     messages, completions, sharegpt   the kept ones, a form each
          unfiltered                        every rollout as `completions`, with correct, kept, reasons
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.exports.parts import Unfit
from agent.records import Episode
from corpus.manifest import Manifest
from training.data.card import BadSet, Sources, by_id, write_set
from training.data.filters import CHOICES, FILTERS, Sieve, Told, chosen, inspect
from training.data.forms import FORMS, Row, completions
from training.tasks import Task

USES = {
    "messages": "TRL's SFTTrainer with `assistant_only_loss=True`: the last branch of each rollout",
    "completions": "the same with a prompt apart: every branch, and no loss on worked examples in the prompt",
    "sharegpt": "ms-swift, LLaMA-Factory and REDSearcher's scripts",
    "unfiltered": "as `completions`, all rollouts, with `correct`, `kept` and `reasons`: filter it your way",
}


def build_sft(
    episodes: Callable[[], Iterable[Episode]],
    tasks: Iterable[Task],
    out: Path,
    *,
    sieve: Sieve = Sieve(),
    verdicts: Mapping[str, bool] | None = None,
    manifest: Manifest | None = None,
    seeds: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the set; returns its card. `episodes` gives the records twice: they are not held in memory.

    `verdicts`: a judge's by episode id; a rollout without one is scored by the rules. `manifest` is the snapshot's, for
    the licences of its pages; `seeds` are the runs'. Raises BadSet where nothing is left.
    """
    known, sources, told = by_id(tasks), Sources(seeds or {}), dict[str, Told]()
    counts: Counter[str] = Counter()
    for episode in episodes():
        counts["rollouts"] += 1
        if episode.task.id not in known:
            counts["of no task of the file"] += 1
            continue
        if episode.id in told:
            raise BadSet(f"Rollout {episode.id} is there twice. Name each run once.")
        verdict = None if verdicts is None else verdicts.get(episode.id)
        told[episode.id] = inspect(episode, known[episode.task.id], sieve, verdict=verdict)
        sources.note(episode)
    left = chosen(told.values(), sieve.per_task)
    kept = {name for name, one in told.items() if not one.reasons and name not in left}
    unfit: dict[str, Counter[str]] = {name: Counter() for name in USES}

    def in_form(name: str) -> Iterator[Row]:
        for episode in episodes():
            if episode.id in kept:
                yield from _rows(FORMS[name], episode, known[episode.task.id], unfit[name])

    def everything() -> Iterator[Row]:
        for episode in episodes():
            if episode.id not in told:
                continue
            one = told[episode.id]
            against = [*one.reasons, *([left[one.episode_id]] if one.episode_id in left else [])]
            # Reasons as one text: a column of lists that are all empty has no type for `datasets`.
            flags = {"correct": one.correct, "kept": one.episode_id in kept, "reasons": " ".join(against)}
            flags |= {"calls": one.calls, "opened": len(one.opened), "tokens": one.tokens}
            for row in _rows(completions, episode, known[episode.task.id], unfit["unfiltered"]):
                yield row | flags

    def about() -> dict[str, Any]:
        return {
            "counts": {
                **counts,
                "tasks with a rollout": len({one.task_id for one in told.values()}),
                **_funnel(told.values(), left),
                "kept": len(kept),
                "tasks kept": len({told[name].task_id for name in kept}),
            },
            "filters": _filters(told.values(), left),
            "settings": asdict(sieve),
            "left_out_of_a_form": {name: dict(sorted(reasons.items())) for name, reasons in unfit.items() if reasons},
            **sources.to_json(manifest),
        }

    return write_set(
        out,
        "Rollouts to imitate",
        {**{name: in_form(name) for name in FORMS}, "unfiltered": everything()},
        about,
        USES,
    )


def _rows(
    form: Callable[[Episode, Task], list[Row]], episode: Episode, task: Task, unfit: Counter[str]
) -> Iterator[Row]:
    try:
        yield from form(episode, task)
    except Unfit as error:
        unfit[str(error)] += 1


def _funnel(told: Iterable[Told], left: Mapping[str, str]) -> dict[str, int]:
    """First reason -> rollouts: with those kept they add up to all."""
    first = Counter(one.reasons[0] if one.reasons else left.get(one.episode_id, "") for one in told)
    return {name: first[name] for name in (*FILTERS, *CHOICES)}


def _filters(told: Iterable[Told], left: Mapping[str, str]) -> list[dict[str, Any]]:
    """Of each reason: rollouts that it speaks against, and those against which nothing else does."""
    told = list(told)
    every = Counter(reason for one in told for reason in one.reasons)
    alone = Counter(one.reasons[0] for one in told if len(one.reasons) == 1)
    rows = [
        {"filter": name, "left_out_because": why, "rollouts": every[name], "by_it_alone": alone[name]}
        for name, why in FILTERS.items()
    ]
    chosen_by = Counter(left.values())
    return rows + [
        {"filter": name, "left_out_because": why, "rollouts": chosen_by[name], "by_it_alone": chosen_by[name]}
        for name, why in CHOICES.items()
    ]
