"""How fast tasks are made from each corpus, what every gate stops, and what they are like: docs/figures/tasks.json.

python -m tests.bench.bench_tasks
python -m tests.bench.bench_tasks factbook --snapshots FOLDER     # one corpus again; the others keep their figures
python -m tests.bench.bench_tasks tate --count 600 --cap 120 --snapshots FOLDER --tasks FOLDER2

All tasks are verified and asked of the second extractor. A treewidth ends after --cap seconds of processor time with
the tasks made until then. Snapshots are built without dense vectors, and kept in FOLDER for the next run.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from corpus.build import BuildOptions, build_snapshot
from corpus.facts.base import EXTRACTORS, open_facts
from corpus.snapshot import Snapshot, open_snapshot
from tests.bench.bench_facts import DATA
from tests.bench.figures import FIGURES, write_figures
from tests.bench.proven_tasks import proven, share, survived
from tests.bench.render_tasks import EXAMPLES, PAGE, rendered
from training.synthesis.attempt import Made, Maker
from training.synthesis.confirm import opinion_on
from training.synthesis.index import FactIndex
from training.synthesis.make import chosen, prepare
from training.synthesis.proof import Proof
from training.synthesis.recipe import Recipe
from training.synthesis.seeds import pages_of
from training.tasks import Task, read_tasks, write_tasks

CAP_S = 240.0
COUNT = 2_000
SHOWN = 3
CORPORA: dict[str, tuple[tuple[str, ...], Recipe]] = {
    "factbook": (("factbook:",), Recipe(per_answer=6)),
    "wtq and 2wiki": (
        (f"{DATA}/wtq/docs.jsonl.zst", f"{DATA}/2wiki/docs.jsonl.zst"),
        Recipe(min_candidates=10, patience=60, apart=True),
    ),
    "techdocs and foldoc": (
        (f"{DATA}/techdocs/docs.jsonl.zst", f"{DATA}/foldoc/docs.jsonl.zst"),
        Recipe(links=True, min_candidates=10),
    ),
    # A clue that fits 20 of 60,000 works leaves no edge needed.
    "tate": ((f"{DATA}/tate/docs.jsonl.zst",), Recipe(min_candidates=400, apart=True)),
    "world of 5,000": (("world:seed=7,pages=5000",), Recipe()),
    "world of 100,000": (("world:seed=7,pages=100000",), Recipe()),
}
SIFTED = ("wtq and 2wiki",)
"""Corpora of whose tasks only those count that the second extractor confirms: of Wikipedia's tables each of the two
reads what the other does not, so an answer that one finds alone need not be."""
IN_FULL = ("factbook", "world of 5,000", "world of 100,000")
"""Corpora whose words may stand in the docs: public domain, and generated."""


@dataclass(frozen=True)
class Asked:
    """What is asked of every corpus."""

    count: int
    cap_s: float
    """Processor seconds of making a treewidth."""
    snapshots: Path
    tasks: Path
    """Folder for tasks of a corpus and treewidth: a run that breaks off goes on with the next."""
    second: bool = True


@dataclass(frozen=True)
class Batch:
    """Tasks of one treewidth, what they cost, and what each gate stopped."""

    tasks: list[Task]
    cpu_s: float
    yields: Counter[str]


def measured(corpus: str, asked: Asked) -> dict[str, Any]:
    """Figures of one corpus; processor time without building, opening and indexing, which stand beside it."""
    specs, recipe = CORPORA[corpus]
    web = snapshot_of(corpus, specs, asked.snapshots)
    facts = open_facts(web.path)
    started = time.process_time()
    maker = prepare(facts, pages_of(web), recipe, snapshot=web)
    prepared_s = time.process_time() - started
    batches: dict[int, Batch] = {}
    # A treewidth at a time, the dearest first: what the cap leaves of its share the others make up for.
    for at, width in enumerate(sorted(recipe.treewidths, reverse=True)):
        left = asked.count - sum(len(batch.tasks) for batch in batches.values())
        batches[width] = made(replace(maker, recipe=replace(recipe, treewidths=(width,))), corpus, asked, left, at)
    made_in_all = sum(len(batch.tasks) for batch in batches.values())
    if corpus in SIFTED:
        other = FactIndex(open_facts(web.path, extractor="second"), links=recipe.links)
        batches = {
            width: replace(batch, tasks=[task for task in batch.tasks if opinion_on(task, other) == "confirmed"])
            for width, batch in batches.items()
        }
    batches = dict(sorted(batches.items()))
    tasks = [task for batch in batches.values() for task in batch.tasks]
    took_s = sum(batch.cpu_s for batch in batches.values())
    yields: Counter[str] = Counter()
    for batch in batches.values():
        yields.update({gate: n for gate, n in batch.yields.items() if not gate.startswith("seeds: ")})
    seeds = next(iter(batches.values())).yields
    by_width = {width: batch.tasks for width, batch in batches.items()}
    checks = proven(by_width, web, links=recipe.links, second=asked.second)
    checked_s = took_s + checks["verify_cpu_s"] + checks["second_cpu_s"]
    proofs = [Proof.model_validate(task.proof) for task in tasks]
    answers = Counter(proof.solution[0] for proof in proofs)
    per_width = {
        str(width): {
            gate.partition(": ")[2]: n for gate, n in sorted(yields.items()) if gate.startswith(f"width {width}:")
        }
        for width in batches
    }
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "extractors": {name: str(import_module(EXTRACTORS[name]).VERSION) for name in EXTRACTORS},
        "pages": len(web.store),
        "typed_facts": len(maker.index.facts),
        "recipe": {
            "links": recipe.links,
            "min_candidates": recipe.min_candidates,
            "apart": recipe.apart,
            "per_answer_and_treewidth": recipe.per_answer,
        },
        "asked": asked.count,
        "cpu_cap_s": asked.cap_s,
        "index_cpu_s": round(prepared_s, 1),
        "cpu_s": round(took_s, 1),
        "made_before_the_second_was_asked": made_in_all,
        "tasks": len(tasks),
        **checks,
        "tasks_per_cpu_minute": per_minute(len(tasks), took_s),
        "tasks_per_cpu_minute_by_treewidth": {
            str(width): per_minute(len(batch.tasks), batch.cpu_s) for width, batch in batches.items()
        },
        "proven_per_cpu_minute": per_minute(checks["proven"], checked_s),
        "treewidth": counted(proof.treewidth for proof in proofs),
        "share_treewidth_2_or_more": share(sum(proof.treewidth >= 2 for proof in proofs), len(proofs)),
        "dispersion": counted(proof.dispersion.minimum for proof in proofs),
        "dispersion_constructing": counted(proof.dispersion.constructing for proof in proofs),
        "share_shortcuts_survived": survived(yields),
        "answers": len(answers),
        "most_tasks_of_an_answer": max(answers.values(), default=0),
        "structure_classes": len({task.meta["structure"] for task in tasks}),
        "share_of_regions_with_chords": share(yields["regions with chords"], yields["regions"]),
        "seeds": {gate[7:]: n for gate, n in seeds.items() if gate.startswith("seeds: ")},
        "not_kept": {gate[10:]: n for gate, n in sorted(yields.items()) if gate.startswith("not kept: ")},
        "yields": per_width,
        "examples": [example(task, web, in_full=corpus in IN_FULL) for task in drawn(tasks)],
    }


def made(maker: Maker, corpus: str, asked: Asked, left: int, at: int) -> Batch:
    """Tasks of one treewidth, an even share of what is left; read back where the same was asked before."""
    (width,) = maker.recipe.treewidths
    count = round(left / (len(CORPORA[corpus][1].treewidths) - at))
    base = maker.index.base
    version = import_module(EXTRACTORS[base.extractor]).VERSION
    key = [maker.recipe.digest, base.snapshot_id, version, count, asked.cap_s]
    path = asked.tasks / f"{slug(corpus)}-{width}.jsonl"
    about = path.with_suffix(".json")
    if about.is_file() and (kept := json.loads(about.read_text("utf-8")))["key"] == key:
        return Batch(list(read_tasks(path)), kept["cpu_s"], Counter(kept["yields"]))
    yields: Counter[str] = Counter()
    started = time.process_time()
    tasks = list(until(maker, count, started + asked.cap_s, yields))
    spent_s = time.process_time() - started
    path.parent.mkdir(parents=True, exist_ok=True)
    about.unlink(missing_ok=True)
    write_tasks(tasks, path)
    # Written last: it says that the file of tasks is of this key.
    about.write_text(json.dumps({"key": key, "cpu_s": spent_s, "yields": dict(yields)}), "utf-8")
    print(f"{corpus}, treewidth {width}: {len(tasks)} of {count} tasks in {spent_s:.0f} s", file=sys.stderr)
    return Batch(tasks, spent_s, yields)


def per_minute(number: int, seconds: float) -> int:
    return round(60 * number / seconds) if seconds else 0


def until(maker: Maker, count: int, end_s: float, yields: Counter[str]) -> Iterator[Task]:
    """Tasks until the processor clock shows `end_s`, asked after each region: many regions may give none."""

    def keep(_: Made) -> None:
        if time.process_time() >= end_s:
            raise _Over

    with suppress(_Over):
        yield from chosen(maker, count=count, yields=yields, keep=keep)


class _Over(Exception):
    """The time is over; the region that was last is not counted."""


def drawn(tasks: Sequence[Task]) -> list[Task]:
    """The first task of each treewidth, then more from the start, SHOWN in all."""
    first = {task.meta["treewidth"]: task for task in reversed(tasks)}
    rest = [task for task in tasks if task not in first.values()]
    return list(islice([*(first[width] for width in sorted(first)), *rest], SHOWN))


def example(task: Task, web: Snapshot, *, in_full: bool) -> dict[str, Any]:
    """A task with its proof. Words of pages stand in it only where they may be shown: else URLs, ids and offsets."""
    assert task.proof is not None
    proof = Proof.model_validate(task.proof)
    words = {}
    for fact in proof.facts:
        for doc_id, start, end in fact.supports:
            page = web.document(doc_id=doc_id)
            words[f"{doc_id} {start} {end}"] = page.text[start:end] if in_full else page.url
    if not in_full:
        return {"task_id": task.task_id, "meta": task.meta, "evidence": task.evidence, "spans": words}
    return {"task": task.model_dump(mode="json", by_alias=True), "spans": words}


def snapshot_of(corpus: str, specs: Sequence[str], folder: Path) -> Snapshot:
    path = folder / slug(corpus)
    if not (path / "manifest.json").is_file():
        build_snapshot(list(specs), path, BuildOptions(encoder="none"))
    return open_snapshot(path)


def counted(values: Iterator[int]) -> dict[str, int]:
    return {str(value): n for value, n in sorted(Counter(values).items())}


def slug(corpus: str) -> str:
    return corpus.replace(" ", "-").replace(",", "")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help=f"Of {', '.join(CORPORA)}; all if none is given.")
    parser.add_argument("--snapshots", type=Path, help="Folder in which snapshots are kept.")
    parser.add_argument("--count", type=int, default=COUNT, help="Tasks of each corpus.")
    parser.add_argument("--cap", type=float, default=CAP_S, help="Processor seconds of making a treewidth.")
    parser.add_argument("--tasks", type=Path, help="Folder in which tasks are kept; a run goes on from there.")
    parser.add_argument("--no-second", action="store_true", help="Do not ask the second extractor.")
    parser.add_argument("--render", action="store_true", help="Write the page anew from the kept figures.")
    asked = parser.parse_args(arguments)
    if unknown := [corpus for corpus in asked.corpora if corpus not in CORPORA]:
        parser.error(f"There is no corpus {unknown[0]!r}: use {', '.join(CORPORA)}.")
    if asked.render:
        PAGE.write_text(rendered(), "utf-8")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folders = asked.snapshots or Path(scratch), asked.tasks or Path(scratch) / "tasks"
        for corpus in asked.corpora or CORPORA:
            keep(corpus, measured(corpus, Asked(asked.count, asked.cap, *folders, second=not asked.no_second)))


def keep(corpus: str, found: dict[str, Any]) -> None:
    """Put the figures of one corpus among those of the others."""
    path = FIGURES / "tasks.json"
    kept = json.loads(path.read_text("utf-8"))["measured"] if path.is_file() else {}
    shown = json.loads(EXAMPLES.read_text("utf-8")) if EXAMPLES.is_file() else {}
    shown[corpus] = found.pop("examples")
    kept[corpus] = found
    EXAMPLES.write_text(json.dumps(shown, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    write_figures(
        "tasks",
        "python -m tests.bench.bench_tasks --snapshots FOLDER --tasks FOLDER2",
        {name: kept[name] for name in CORPORA if name in kept},
    )
    PAGE.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
