"""Prompts for RL: tasks whose measured pass rate leaves something to learn, sources mixed as asked.

    files     prompts     TRL's GRPOTrainer: prompt, and what a reward needs as columns
              redsearcher {"prompt", "label"}, as REDSearcher's scripts for Slime read them

Both have the gold answer. It is for the reward alone: what opens an episode must not hand it to a model.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.records import Episode
from agent.speech import Manner
from corpus.manifest import Manifest
from training.data.card import BadSet, Sources, write_set
from training.data.filters import Sieve, inspect
from training.rubric import gold_of
from training.tasks import Task

USES = {
    "prompts": "TRL's GRPOTrainer, or any trainer that takes messages",
    "redsearcher": "REDSearcher's scripts for Slime",
}
BANDS = ("never", "too_hard", "in_band", "too_easy", "always", "unmeasured")


@dataclass(frozen=True)
class Curation:
    low: float = 1 / 8
    """Pass rate from which a task is kept: below it a group of eight seldom has a right rollout to learn from."""
    high: float = 6 / 8
    """Up to which it is kept."""
    samples: int = 1
    """Rollouts of a task from which on its rate counts as measured."""
    unmeasured: bool = False
    """Keep tasks that are not measured."""
    mix: Mapping[str, float] | None = None
    """Source -> share of the set; None: all that is left of each. Shares are scaled to add up to 1."""
    total: int | None = None
    """Prompts, at most; with `mix` as many as the scarcest source allows, unless this is fewer."""
    seed: int = 0
    """Of which tasks a source gives, and of the order."""


@dataclass(frozen=True)
class Prompt:
    """A task with what was measured."""

    task: Task
    source: str
    right: int
    of: int
    band: str

    @property
    def pass_rate(self) -> float | None:
        return self.right / self.of if self.of else None


def build_rl(
    sources: Mapping[str, Sequence[Task]],
    episodes: Iterable[Episode],
    manner: Manner,
    out: Path,
    *,
    curation: Curation = Curation(),
    verdicts: Mapping[str, bool] | None = None,
    manifest: Manifest | None = None,
    seeds: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the set; returns its card. `sources`: name -> tasks; `manner`: in whose manner prompts open.

    Raises BadSet for a task in two sources, a source in the mix that is none, and where nothing is left.
    """
    made, counts = Sources(seeds or {}), Counter[str]()
    known: dict[str, tuple[str, Task]] = {}
    for name, tasks in sources.items():
        for task in tasks:
            if task.task_id in known:
                raise BadSet(f"Task {task.task_id} is in {known[task.task_id][0]} and in {name}. Keep it in one.")
            known[task.task_id] = name, task
    right, of = Counter[str](), Counter[str]()
    for episode in episodes:
        counts["rollouts"] += 1
        if episode.task.id not in known or episode.status != "ok":
            counts["of no task of the files" if episode.task.id not in known else "ended in an error"] += 1
            continue
        task = known[episode.task.id][1]
        made.note(episode)
        of[task.task_id] += 1
        verdict = None if verdicts is None else verdicts.get(episode.id)
        right[task.task_id] += inspect(episode, task, Sieve(), verdict=verdict).correct
    prompts = [
        Prompt(task, name, right[task_id], of[task_id], band(right[task_id], of[task_id], curation))
        for task_id, (name, task) in known.items()
    ]
    fit = [one for one in prompts if one.band == "in_band" or (one.band == "unmeasured" and curation.unmeasured)]
    kept = mixed(fit, curation)

    def about() -> dict[str, Any]:
        return {
            "counts": {**counts, "tasks": len(prompts), "fit": len(fit), "kept": len(kept)},
            "before": _table(prompts),
            "after": _table(kept),
            "settings": asdict(curation) | {"mix": _told(curation.mix)},
            **made.to_json(manifest),
        }

    files = {"prompts": _rows(kept, manner), "redsearcher": _redsearcher(kept, manner)}
    return write_set(out, "Prompts for RL", files, about, USES)


def band(right: int, of: int, curation: Curation) -> str:
    """One of BANDS. A task that was never or always right is told apart: it gives no gradient, or it may be broken."""
    if of < curation.samples or not of:
        return "unmeasured"
    rate = right / of
    if curation.low <= rate <= curation.high:
        return "in_band"
    if rate < curation.low:
        return "never" if right == 0 else "too_hard"
    return "always" if right == of else "too_easy"


def mixed(prompts: Sequence[Prompt], curation: Curation) -> list[Prompt]:
    """As many of each source as its share says, in an order that the seed draws and no source's size changes.

    Largest remainders round the shares. Raises BadSet for a source that is none, or has nothing left.
    """
    by_source: dict[str, list[Prompt]] = {}
    for one in sorted(prompts, key=lambda one: _drawn(one, curation.seed)):
        by_source.setdefault(one.source, []).append(one)
    if curation.mix is None:
        everything = sorted(prompts, key=lambda one: _drawn(one, curation.seed))
        return everything[: curation.total]
    shares = {name: share for name, share in curation.mix.items() if share > 0}
    if not shares:
        raise BadSet("The mix gives no source a share. Write it as in --mix one=0.7 --mix other=0.3.")
    for name in shares:
        if name not in by_source:
            raise BadSet(
                f"Source {name} of the mix has no task left. There are {', '.join(sorted(by_source)) or 'none'}."
            )
    whole = math.fsum(shares.values())
    total = math.floor(min(len(by_source[name]) * whole / share for name, share in shares.items()) + 1e-9)
    if curation.total is not None:
        total = min(total, curation.total)
    exact = {name: total * share / whole for name, share in shares.items()}
    quota = {name: math.floor(one + 1e-9) for name, one in exact.items()}
    rest = sorted(exact, key=lambda name: (quota[name] - exact[name], name))[: total - sum(quota.values())]
    taken = [one for name in shares for one in by_source[name][: quota[name] + (name in rest)]]
    return sorted(taken, key=lambda one: _drawn(one, curation.seed))


def _drawn(one: Prompt, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{one.task.task_id}".encode()).digest()


def _rows(prompts: Iterable[Prompt], manner: Manner) -> Iterator[dict[str, Any]]:
    for one in prompts:
        gold = gold_of(one.task)
        yield {
            "prompt": manner.opening(one.task.question),
            "task_id": one.task.task_id,
            "question": one.task.question,
            "answer": [gold] if isinstance(gold, str) else gold,
            "aliases": list(one.task.aliases),
            "scorer": one.task.scorer,
            "source": one.source,
            "pass_rate": one.pass_rate,
            "samples": one.of,
        }


def _redsearcher(prompts: Iterable[Prompt], manner: Manner) -> Iterator[dict[str, Any]]:
    for one in prompts:
        gold = gold_of(one.task)
        yield {
            "prompt": manner.opening(one.task.question),
            "label": gold if isinstance(gold, str) else ", ".join(gold),
        }


def _table(prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
    """Of each source: tasks by band, and their mean pass rate."""
    rows = []
    for name in sorted({one.source for one in prompts}):
        mine = [one for one in prompts if one.source == name]
        rates = [one.pass_rate for one in mine if one.pass_rate is not None]
        bands = Counter(one.band for one in mine)
        mean = round(math.fsum(rates) / len(rates), 4) if rates else None
        rows.append({"source": name, "tasks": len(mine), **{one: bands[one] for one in BANDS}, "mean_pass_rate": mean})
    return rows


def _told(mix: Mapping[str, float] | None) -> str:
    return "all of each" if mix is None else ", ".join(f"{name}={share:g}" for name, share in mix.items())
