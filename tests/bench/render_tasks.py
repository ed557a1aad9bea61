"""docs/tasks.md from its figures: fields of a proof, tables of what was made and proven, tasks with their proofs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tests.bench.figures import FIGURES
from training.synthesis.proof import Hop, Phrase, Proof, ProvedClue, ProvedDispersion, ProvedEdge, Stated, Witness

PAGE = FIGURES.parent / "tasks.md"
EXAMPLES = FIGURES / "tasks_examples.json"


def rendered() -> str:
    """docs/tasks.md with the fields of a proof as the code has them, and tables and tasks as the figures have them."""
    found = json.loads((FIGURES / "tasks.json").read_text("utf-8"))["measured"]
    shown = json.loads(EXAMPLES.read_text("utf-8"))
    page = PAGE.read_text("utf-8")
    examples = [line for corpus in found for line in [f"### Tasks of {corpus}\n", *told(shown[corpus])]]
    for name, lines in (
        ("fields", fields()),
        ("made", made(found)),
        ("checks", checks(found)),
        ("spread", spread(found)),
        ("gates", gates(found)),
        ("examples", examples),
    ):
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


def made(found: dict[str, Any]) -> list[str]:
    """How many tasks in what time, and how they are built."""
    rows = [
        "| corpus | pages | tasks | treewidth 1, 2, 3 | 2 or more | a minute and core, made | of treewidth 1, 2, 3 "
        "| made, verified and asked of the second | CPU s | answers | most of one answer | structures |",
        f"|{'---|' * 12}",
    ]
    for corpus, row in found.items():
        widths = ", ".join(str(row["treewidth"].get(width, 0)) for width in "123")
        rates = ", ".join(f"{rate:,}" for rate in row["tasks_per_cpu_minute_by_treewidth"].values())
        wide = percent(row["share_treewidth_2_or_more"])
        rows.append(
            f"| {corpus} | {row['pages']:,} | {row['tasks']:,} | {widths} | {wide} "
            f"| {row['tasks_per_cpu_minute']:,} | {rates} | {row['proven_per_cpu_minute']:,} | {row['cpu_s']:,} "
            f"| {row['answers']:,} | {row['most_tasks_of_an_answer']} | {row['structure_classes']:,} |"
        )
    return [*rows, total(found)]


def total(found: dict[str, Any]) -> str:
    """What all real corpora but the Factbook give together."""
    others = [row for corpus, row in found.items() if corpus != "factbook" and not corpus.startswith("world")]
    tasks, proven = (sum(row[name] for row in others) for name in ("tasks", "proven"))
    return f"\nThe real corpora other than the Factbook give {tasks:,} tasks together, {proven:,} of them proven."


def checks(found: dict[str, Any]) -> list[str]:
    """What became of the tasks when they were checked again."""
    opinions = ("confirmed", "ambiguous", "other answer", "no answer", "not read")
    rows = [
        f"| corpus | tasks | proven again | treewidth as asked | {' | '.join(opinions)} | confirmed of those read "
        "| unique where found | searches survived | answer in the top 50 |",
        f"|{'---|' * 13}",
    ]
    for corpus, row in found.items():
        asked = row["second"]
        counts = " | ".join(f"{asked.get(opinion, 0):,}" if asked else "not asked" for opinion in opinions)
        shares = " | ".join(
            percent(row[name], 1)
            for name in (
                "second_share_confirmed",
                "second_share_unique",
                "share_shortcuts_survived",
                "share_answer_in_top_50",
            )
        )
        rows.append(
            f"| {corpus} | {row['tasks']:,} | {row['proven']:,} | {percent(row['share_treewidth_as_asked'], 1)} "
            f"| {counts} | {shares} |"
        )
    return rows


def spread(found: dict[str, Any]) -> list[str]:
    """How many tasks need how many pages."""
    over_what = (("dispersion", "all pages"), ("dispersion_constructing", "own pages"))
    numbers = sorted({int(pages) for row in found.values() for name, _ in over_what for pages in row[name]})
    rows = [f"| corpus | counted over | {' | '.join(map(str, numbers))} |", f"|{'---|' * (2 + len(numbers))}"]
    for corpus, row in found.items():
        for name, over in over_what:
            counts = " | ".join(f"{row[name].get(str(pages), 0):,}" for pages in numbers)
            rows.append(f"| {corpus} | {over} | {counts} |")
    return rows


def gates(found: dict[str, Any]) -> list[str]:
    """Shapes that each gate stopped, in all treewidths, the commonest gate first."""
    counts = {corpus: Counter[str]() for corpus in found}
    for corpus, row in found.items():
        for gates_of_width in row["yields"].values():
            counts[corpus].update(gates_of_width)
    every: Counter[str] = sum(counts.values(), Counter[str]())
    names = ["passed", *(gate for gate, _ in every.most_common() if gate != "passed")]
    rows = [f"| gate | {' | '.join(found)} |", f"|{'---|' * (1 + len(found))}"]
    rows += [f"| {gate} | {' | '.join(f'{counts[corpus][gate]:,}' for corpus in found)} |" for gate in names]
    lost = Counter[str]()
    for row in found.values():
        lost.update(row["not_kept"])
    for name in sorted(lost):
        counted = " | ".join(f"{row['not_kept'].get(name, 0):,}" for row in found.values())
        rows.append(f"| not kept: {name} | {counted} |")
    return rows


def percent(part: float | None, digits: int = 0) -> str:
    return "" if part is None else f"{part:.{digits}%}"


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
