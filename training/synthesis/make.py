"""Regions to tasks: which regions are worked on, in what order, by how many processes, and which tasks are kept."""

from __future__ import annotations

import math
import multiprocessing
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

import numpy as np

from corpus.facts.base import FactBase
from corpus.snapshot import Snapshot
from training.synthesis.attempt import Made, Maker, tasks_of_region
from training.synthesis.blur import Ladders
from training.synthesis.graph import Allowed
from training.synthesis.index import FactIndex
from training.synthesis.leaks import LeakChecks
from training.synthesis.postings import core
from training.synthesis.recipe import Recipe
from training.synthesis.seeds import Page, eligible, pages_of
from training.tasks import Task

FEW = 3
"""Tasks of one class that are always allowed, since a share of a small count is less than one."""
REGIONS_AT_ONCE = 16
"""Regions of a treewidth between two looks at what is still missing. Part of the result: not for tuning by machine."""


def make_tasks(
    snapshot: Snapshot,
    facts: FactBase,
    recipe: Recipe,
    *,
    count: int,
    processes: int = 1,
    yields: Counter[str] | None = None,
    done: Iterable[Made] = (),
    keep: Callable[[Made], None] = lambda made: None,
) -> Iterator[Task]:
    """At most `count` tasks, as many of each treewidth; fewer where the facts give no more.

    The tasks and their order depend on facts and recipe alone. `yields` is filled with counts by gate. `keep` is called
    with each finished region, and a run that was broken off goes on from `done`, what was kept of it.
    """
    maker = prepare(facts, pages_of(snapshot), recipe, snapshot=snapshot)
    return chosen(maker, count=count, processes=processes, yields=yields, done=done, keep=keep)


def prepare(
    facts: FactBase,
    pages: Iterable[Page],
    recipe: Recipe,
    *,
    snapshot: Snapshot | None = None,
) -> Maker:
    """Index the facts and choose the seeds."""
    index = FactIndex(facts, links=recipe.links)
    seeds = eligible(
        index,
        pages,
        chars=recipe.chars,
        degree=recipe.degree,
        hidden_degree=recipe.hidden_degree,
        min_facts=recipe.min_facts,
    )
    dense = {width: np.flatnonzero(core(index.joined, seeds.hidden, width)) for width in recipe.treewidths}
    ladders = Ladders(index, recipe.min_candidates)
    leaks = LeakChecks(facts, snapshot)
    leaks.warm()
    return Maker(index, ladders, seeds, recipe, snapshot, leaks, Allowed(index, seeds.hidden), dense)


def chosen(
    maker: Maker,
    *,
    count: int,
    processes: int = 1,
    yields: Counter[str] | None = None,
    done: Iterable[Made] = (),
    keep: Callable[[Made], None] = lambda made: None,
) -> Iterator[Task]:
    """Tasks of all regions in order, without repeats, with at most `per_answer` of one answer and few of one class."""
    yields = Counter() if yields is None else yields
    yields.update({f"seeds: {gate}": number for gate, number in maker.seeds.counts.items()})
    widths = maker.recipe.treewidths
    quota = {width: count // len(widths) + (at < count % len(widths)) for at, width in enumerate(widths)}
    barren = dict.fromkeys(widths, 0)
    answers: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    per_class = max(FEW, math.ceil(maker.recipe.per_class * count))
    seen: set[frozenset[str]] = set()
    if not maker.seeds.answers.any():
        return
    with closing(_regions(maker, quota, barren, processes, {(m.width, m.region): m for m in done}, keep)) as regions:
        for made in regions:
            yields.update(made.yields)
            barren[made.width] = 0 if made.tasks else barren[made.width] + 1
            for task in made.tasks:
                assert task.proof is not None
                entities = frozenset(task.proof["solution"])
                if entities in seen:
                    yields["not kept: same entities"] += 1
                elif answers[answer := task.proof["solution"][0]] >= maker.recipe.per_answer:
                    yields["not kept: answer is used up"] += 1
                elif classes[task.meta["structure"]] >= per_class:
                    yields["not kept: class is used up"] += 1
                elif quota[made.width] == 0:
                    yields["not kept: enough of the width"] += 1
                else:
                    seen.add(entities)
                    answers[answer] += 1
                    classes[task.meta["structure"]] += 1
                    quota[made.width] -= 1
                    yields["tasks"] += 1
                    yield task


def _regions(
    maker: Maker,
    quota: dict[int, int],
    barren: dict[int, int],
    processes: int,
    done: dict[tuple[int, int], Made],
    keep: Callable[[Made], None],
) -> Generator[Made, None, None]:
    """Finished regions in order, of the widths that still miss tasks and have not been given up."""
    pool = None
    if processes > 1:
        # Forked, so that the index is shared and not built again.
        pool = multiprocessing.get_context("fork").Pool(processes, _install, (maker,))
    try:
        first = 0
        while any(quota.values()):
            for width in maker.recipe.treewidths:
                if not quota[width] or barren[width] >= maker.recipe.patience:
                    continue
                units = [(width, region) for region in range(first, first + REGIONS_AT_ONCE)]
                fresh = [unit for unit in units if unit not in done]
                made = pool.imap(_of_installed, fresh) if pool else (tasks_of_region(maker, *unit) for unit in fresh)
                for unit in units:
                    if not quota[width] or barren[width] >= maker.recipe.patience:
                        break
                    found = done.get(unit)
                    if found is None:
                        found = next(made)
                        keep(found)
                    yield found
            first += REGIONS_AT_ONCE
            if all(not quota[width] or barren[width] >= maker.recipe.patience for width in quota):
                return
    finally:
        if pool:
            pool.terminate()
            pool.join()


_installed: list[Maker] = []


def _install(maker: Maker) -> None:
    _installed[:] = [maker]


def _of_installed(unit: tuple[int, int]) -> Made:
    return tasks_of_region(_installed[0], *unit)
