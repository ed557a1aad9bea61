"""How fast tasks are made from each corpus, what every gate stops, and what they are like: docs/figures/tasks.json.

python -m tests.bench.bench_tasks
python -m tests.bench.bench_tasks factbook --snapshots FOLDER     # one corpus again; the others keep their figures

A run ends after CAP_S seconds of processor time a treewidth: the figures are of the tasks made until then. Snapshots
are built without dense vectors, and kept in FOLDER for the next run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from corpus.build import BuildOptions, build_snapshot
from corpus.facts.base import open_facts
from corpus.snapshot import Snapshot, open_snapshot
from tests.bench.bench_facts import DATA
from tests.bench.figures import FIGURES, write_figures
from training.synthesis.make import chosen, prepare
from training.synthesis.proof import Hop, Phrase, Proof, ProvedClue, ProvedDispersion, ProvedEdge, Stated, Witness
from training.synthesis.recipe import Recipe
from training.synthesis.seeds import pages_of
from training.tasks import Task

CAP_S = 4.0
"""Processor seconds a corpus and treewidth."""
PAGE = FIGURES.parent / "tasks.md"
EXAMPLES = FIGURES / "tasks_examples.json"
COUNT = 6_000
SHOWN = 3
CORPORA: dict[str, tuple[tuple[str, ...], Recipe]] = {
    "factbook": (("factbook:",), Recipe()),
    "wtq and 2wiki": (
        (f"{DATA}/wtq/docs.jsonl.zst", f"{DATA}/2wiki/docs.jsonl.zst"),
        Recipe(min_candidates=5, patience=60),
    ),
    "techdocs and foldoc": (
        (f"{DATA}/techdocs/docs.jsonl.zst", f"{DATA}/foldoc/docs.jsonl.zst"),
        Recipe(links=True, min_candidates=10),
    ),
    "tate": ((f"{DATA}/tate/docs.jsonl.zst",), Recipe()),
    "world of 5,000": (("world:seed=7,pages=5000",), Recipe()),
    "world of 100,000": (("world:seed=7,pages=100000",), Recipe()),
}
IN_FULL = ("factbook", "world of 5,000")
"""Corpora whose words may stand in the docs: public domain, and generated."""


def measured(corpus: str, folder: Path) -> dict[str, Any]:
    """Figures of one corpus; processor time without building, opening and indexing, which stand beside it."""
    specs, recipe = CORPORA[corpus]
    web = snapshot_of(corpus, specs, folder)
    facts = open_facts(web.path)
    started = time.process_time()
    maker = prepare(facts, pages_of(web), recipe, snapshot=web)
    prepared_s = time.process_time() - started
    yields: Counter[str] = Counter()
    tasks: list[Task] = []
    rates: dict[str, int] = {}
    took_s = 0.0
    # A treewidth at a time: with all in one run the cap would fall on the last, and share them unevenly.
    for width in recipe.treewidths:
        one = replace(maker, recipe=replace(recipe, treewidths=(width,)))
        started = time.process_time()
        found = list(until(chosen(one, count=COUNT // len(recipe.treewidths), yields=yields), started + CAP_S))
        spent_s = time.process_time() - started
        took_s += spent_s
        rates[str(width)] = round(60 * len(found) / spent_s)
        tasks += found
    proofs = [Proof.model_validate(task.proof) for task in tasks]
    per_width = {
        str(width): {
            gate.partition(": ")[2]: n for gate, n in sorted(yields.items()) if gate.startswith(f"width {width}:")
        }
        for width in recipe.treewidths
    }
    return {
        "pages": len(web.store),
        "typed_facts": len(maker.index.facts),
        "recipe": {"links": recipe.links, "min_candidates": recipe.min_candidates},
        "cpu_cap_s": CAP_S,
        "index_cpu_s": round(prepared_s, 1),
        "cpu_s": round(took_s, 1),
        "tasks": len(tasks),
        "tasks_per_cpu_minute": round(60 * len(tasks) / took_s),
        "tasks_per_cpu_minute_by_treewidth": rates,
        "treewidth": counted(proof.treewidth for proof in proofs),
        "share_treewidth_2_or_more": share(sum(proof.treewidth >= 2 for proof in proofs), len(proofs)),
        "dispersion": counted(proof.dispersion.minimum for proof in proofs),
        "dispersion_constructing": counted(proof.dispersion.constructing for proof in proofs),
        "answers": len({proof.solution[0] for proof in proofs}),
        "structure_classes": len({task.meta["structure"] for task in tasks}),
        "share_of_regions_with_chords": share(yields["regions with chords"], yields["regions"]),
        "seeds": {gate[7:]: n for gate, n in yields.items() if gate.startswith("seeds: ")},
        "not_kept": {gate[10:]: n for gate, n in sorted(yields.items()) if gate.startswith("not kept: ")},
        "yields": per_width,
        "examples": [example(task, web, in_full=corpus in IN_FULL) for task in drawn(tasks)],
    }


def until(tasks: Iterator[Task], end_s: float) -> Iterator[Task]:
    """Tasks until the processor clock shows `end_s`, asked between two of them: a run without any ends by patience."""
    for task in tasks:
        yield task
        if time.process_time() >= end_s:
            return


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
    path = folder / corpus.replace(" ", "-").replace(",", "")
    if not (path / "manifest.json").is_file():
        build_snapshot(list(specs), path, BuildOptions(encoder="none"))
    return open_snapshot(path)


def counted(values: Iterator[int]) -> dict[str, int]:
    return {str(value): n for value, n in sorted(Counter(values).items())}


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def rendered() -> str:
    """docs/tasks.md with the fields of a proof as the code has them, and tables and tasks as the figures have them."""
    found = json.loads((FIGURES / "tasks.json").read_text("utf-8"))["measured"]
    shown = json.loads(EXAMPLES.read_text("utf-8"))
    page = PAGE.read_text("utf-8")
    examples = [line for corpus in found for line in [f"### Tasks of {corpus}\n", *told(shown[corpus])]]
    for name, lines in (("fields", fields()), ("made", table(found)), ("examples", examples)):
        before, _, rest = page.partition(f"<!-- {name} -->\n")
        page = "\n".join([before + f"<!-- {name} -->", *lines, "<!-- end -->" + rest.partition("<!-- end -->")[2]])
    return page


def fields() -> list[str]:
    """Every field of every part of a proof."""
    rows = ["| part | field | is |", "|---|---|---|"]
    for part in (Proof, ProvedEdge, ProvedClue, Stated, ProvedDispersion, Phrase, Witness, Hop):
        for name, field in part.model_fields.items():
            rows.append(f"| {part.__name__} | {field.alias or name} | {' '.join((field.description or '').split())} |")
    return rows


def table(found: dict[str, Any]) -> list[str]:
    rows = [
        "| corpus | pages | CPU s | tasks | tasks a minute and core | at treewidth 1, 2, 3 | tasks of 1, 2, 3 "
        "| 2 or more | dispersion: tasks | own pages: tasks | answers |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for corpus, row in found.items():
        widths = ", ".join(str(row["treewidth"].get(width, 0)) for width in "123")
        rates = ", ".join(map(str, row["tasks_per_cpu_minute_by_treewidth"].values()))
        spread, own = (
            ", ".join(f"{pages}: {n}" for pages, n in row[name].items())
            for name in ("dispersion", "dispersion_constructing")
        )
        wide = row["share_treewidth_2_or_more"]
        rows.append(
            f"| {corpus} | {row['pages']:,} | {row['cpu_s']} | {row['tasks']:,} | {row['tasks_per_cpu_minute']:,} "
            f"| {rates} | {widths} | {'' if wide is None else f'{wide:.0%}'} | {spread} | {own} | {row['answers']:,} |"
        )
    return rows


def told(examples: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Tasks with proof and words in full, or by ids, offsets and URLs."""
    for one in examples:
        task = one.get("task")
        if task:
            yield f"{task['question']} **{task['answer']}**\n"
            shown = {"proof": task["proof"], "spans": one["spans"]}
        else:
            yield f"Task {one['task_id']}:\n"
            shown = one
        yield f"```json\n{json.dumps(shown, ensure_ascii=False)}\n```\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help=f"Of {', '.join(CORPORA)}; all if none is given.")
    parser.add_argument("--snapshots", type=Path, help="Folder in which snapshots are kept.")
    parser.add_argument("--render", action="store_true", help="Write the page anew from the kept figures.")
    asked = parser.parse_args(arguments)
    if unknown := [corpus for corpus in asked.corpora if corpus not in CORPORA]:
        parser.error(f"There is no corpus {unknown[0]!r}: use {', '.join(CORPORA)}.")
    if asked.render:
        PAGE.write_text(rendered(), "utf-8")
        return
    with tempfile.TemporaryDirectory() as scratch:
        for corpus in asked.corpora or CORPORA:
            keep(corpus, measured(corpus, asked.snapshots or Path(scratch)))


def keep(corpus: str, found: dict[str, Any]) -> None:
    """Put the figures of one corpus among those of the others."""
    path = FIGURES / "tasks.json"
    kept = json.loads(path.read_text("utf-8"))["measured"] if path.is_file() else {}
    shown = json.loads(EXAMPLES.read_text("utf-8")) if EXAMPLES.is_file() else {}
    shown[corpus] = found.pop("examples")
    kept[corpus] = found
    EXAMPLES.write_text(json.dumps(shown, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    write_figures("tasks", "python -m tests.bench.bench_tasks", {name: kept[name] for name in CORPORA if name in kept})
    PAGE.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
