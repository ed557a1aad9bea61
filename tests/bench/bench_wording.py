"""How varied the questions are, and what they give away: docs/figures/wording.json and the tables of docs/wording.md.

python -m tests.bench.bench_wording            (about ten minutes on two cores)
python -m tests.bench.bench_wording --from F   from snapshots F/factbook and F/world and tasks F/factbook.jsonl, ...
python -m tests.bench.bench_wording --render   writes the page from the figures alone
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from corpus.build import BuildOptions, build_snapshot
from corpus.facts.base import FactBase, open_facts
from corpus.languages import segmented
from corpus.snapshot import Snapshot, open_snapshot
from tests.bench.figures import FIGURES, write_figures
from training.synthesis.leaks import LeakChecks
from training.synthesis.make import chosen, prepare
from training.synthesis.overlap import GRAM
from training.synthesis.proof import Proof, TaskDraft
from training.synthesis.recipe import Recipe
from training.synthesis.seeds import pages_of
from training.synthesis.wording import LANGUAGES, Wording, worded
from training.tasks import Task, read_tasks

PAGE = FIGURES.parent / "wording.md"
CORPORA = {"factbook": "factbook:", "world": "world:seed=7,pages=5000"}
QUESTIONS = 1000
COMMON = 5
"""Questions in which an 8-gram may stand before it counts as common."""
EXAMPLES = 4
_READ = ("tasks", "natural", "unique", "answerable", "all_three")


def main(made: Path | None = None) -> None:
    variety, leaks, examples = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for corpus, source in CORPORA.items():
            out = (made or Path(folder)) / corpus
            if made is None:
                build_snapshot([source], out, BuildOptions(encoder="static"))
            snapshot, facts = open_snapshot(out), open_facts(out)
            tasks = tasks_of(snapshot, facts) if made is None else list(read_tasks(made / f"{corpus}.jsonl"))
            drafts = [TaskDraft(Proof.model_validate(task.proof), facts) for task in tasks]
            leaks.append({"corpus": corpus, **leak_figures(snapshot, facts, drafts)})
            for language in LANGUAGES:
                started = time.process_time()
                questions = [worded(draft, np.random.default_rng(at), language) for at, draft in enumerate(drafts)]
                spent = time.process_time() - started
                found = variety_of(questions, drafts, language)
                variety.append(
                    {"corpus": corpus, "language": language, **found, "ms": round(spent / len(drafts) * 1e3, 2)}
                )
                examples += [
                    {"corpus": corpus, "language": language, "question": question.text}
                    for question in questions[:: len(questions) // EXAMPLES][:EXAMPLES]
                ]
    measured = {"variety": variety, "leaks": leaks, "examples": examples}
    write_figures("wording", f"python -m tests.bench.bench_wording{' --from FOLDER' if made else ''}", measured)
    PAGE.write_text(rendered(measured), "utf-8")


def tasks_of(snapshot: Snapshot, facts: FactBase) -> list[Task]:
    """Tasks of treewidth 1 and 2 that passed every gate but searches, which `leak_figures` makes: facts alone."""
    recipe = Recipe(treewidths=(1, 2), per_answer=30)
    maker = prepare(facts, pages_of(snapshot), recipe)
    return list(chosen(maker, count=QUESTIONS))


def variety_of(questions: Sequence[Wording], drafts: Sequence[TaskDraft], language: str) -> dict[str, Any]:
    """Common 8-grams with names masked, as a share of the different ones and of all that stand in the questions."""
    questions_with: Counter[str] = Counter()
    occurrences: Counter[str] = Counter()
    lengths = []
    for question, draft in zip(questions, drafts, strict=True):
        text = question.text
        for name in sorted({draft.name(doc_id) for doc_id in draft.names_shown}, key=len, reverse=True):
            text = text.replace(name, " NAME ")
        words = re.findall(r"\w+", (segmented(text) if language == "zh" else text).casefold())
        lengths.append(len(words))
        grams = [" ".join(words[at : at + GRAM]) for at in range(len(words) - GRAM + 1)]
        questions_with.update(set(grams))
        occurrences.update(grams)
    common = {gram for gram, count in questions_with.items() if count > COMMON}
    return {
        "questions": len(questions),
        "common_8_grams": round(len(common) / len(questions_with), 4),
        "common_8_gram_occurrences": round(sum(occurrences[gram] for gram in common) / occurrences.total(), 4),
        "skeletons": len({question.skeleton for question in questions}),
        "words": round(float(np.mean(lengths)), 1),
    }


def leak_figures(snapshot: Snapshot, facts: FactBase, drafts: Sequence[TaskDraft]) -> dict[str, Any]:
    """Verdicts on every tenth question, the CPU time of the checks of one, and that of the index of 8-grams."""
    checks = LeakChecks(facts, snapshot)
    started = time.process_time()
    checks.warm()
    warm = time.process_time() - started
    verdicts: Counter[str] = Counter()
    some = drafts[::10]
    started = time.process_time()
    for at, draft in enumerate(some):
        verdict = checks.check(draft, worded(draft, np.random.default_rng(at), "en").text).verdict
        verdicts[verdict.reason or "passed"] += 1
    spent = time.process_time() - started
    return {
        "pages": len(snapshot.store),
        "modes": list(snapshot.modes),
        "index_s": round(warm, 2),
        "ms": round(spent / len(some) * 1e3, 1),
        "yields": dict(sorted(verdicts.items())),
    }


def rendered(measured: dict[str, Any]) -> str:
    """docs/wording.md with its tables and examples as they were measured."""
    rows = [
        "| corpus | language | questions | 8-grams in more than five | occurrences of these | skeletons | words |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in measured["variety"]:
        shares = f"{row['common_8_grams']:.1%} | {row['common_8_gram_occurrences']:.1%}"
        counts = f"{row['questions']} | {shares} | {row['skeletons']} | {row['words']}"
        rows.append(f"| {row['corpus']} | {row['language']} | {counts} |")
    names = ("corpus", "passed", *_gates(measured), "CPU a task")
    gates = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in measured["leaks"]:
        cells = [str(row["yields"].get(gate, 0)) for gate in ("passed", *_gates(measured))]
        gates.append(f"| {row['corpus']} | {' | '.join(cells)} | {row['ms']} ms |")
    shown = [f"- {row['question']}" for row in measured["examples"]]
    page = PAGE.read_text("utf-8")
    for name, lines in (("variety", rows), ("leaks", gates), ("examples", shown), ("read", _read())):
        marks = f"<!-- {name} -->", f"<!-- /{name} -->"
        page = re.sub(
            f"({re.escape(marks[0])}\n).*?({re.escape(marks[1])})",
            lambda found, lines=lines: found[1] + "\n".join(lines) + "\n" + found[2],  # type: ignore[misc]
            page,
            flags=re.DOTALL,
        )
    return page


def _read() -> list[str]:
    """Verdicts on tasks that were read one by one, by corpus."""
    totals = json.loads((FIGURES / "tasks_read.json").read_text("utf-8"))["totals"]
    lines = ["| corpus | tasks | natural | unique | answerable | all three |", "|---|---|---|---|---|---|"]
    return lines + [
        f"| {corpus} | {' | '.join(str(found[key]) for key in _READ)} |" for corpus, found in totals.items()
    ]


def _gates(measured: dict[str, Any]) -> list[str]:
    return sorted({gate for row in measured["leaks"] for gate in row["yields"]} - {"passed"})


if __name__ == "__main__":
    if "--render" in sys.argv:
        PAGE.write_text(rendered(json.loads((FIGURES / "wording.json").read_text())["measured"]), "utf-8")
    else:
        main(Path(sys.argv[2]) if "--from" in sys.argv else None)
