"""What the first extractor reads from each corpus, how long it takes, and how much of it was found right by hand:
docs/figures/facts.json.

python -m tests.bench.bench_facts                         # all corpora
python -m tests.bench.bench_facts factbook foldoc         # these, the others stay as they are
python -m tests.bench.bench_facts --sample wikipedia      # facts to read by hand, with their words
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corpus.facts.base import FactBase, facts_of
from corpus.facts.coverage import coverage
from corpus.facts.factbook_relations import CLIMATES, FACTBOOK_RELATIONS, HAZARDS, NUMBER_FIELDS, TERRAINS
from corpus.facts.records import Fact, Support
from corpus.facts.store import read_facts, write_facts
from corpus.records import Document
from corpus.sources import read_source
from tests.bench.figures import FIGURES, write_figures

LABELLED = Path(__file__).parent.parent / "corpus" / "labelled_facts.jsonl"
PAGE = FIGURES.parent / "facts.md"
DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"
SEED = 20
SAMPLE = 50
CORPORA: dict[str, tuple[str, ...]] = {
    "factbook": ("factbook:",),
    "wikipedia": (f"{DATA}/wtq/docs.jsonl.zst", f"{DATA}/2wiki/docs.jsonl.zst"),
    "foldoc": (f"{DATA}/foldoc/docs.jsonl.zst",),
    "tate": (f"{DATA}/tate/docs.jsonl.zst",),
    "techdocs": (f"{DATA}/techdocs/docs.jsonl.zst",),
    "world": ("world:seed=7,pages=5000",),
}
READ_BY_HAND = ("factbook", "wikipedia", "foldoc", "tate")


def documents_of(corpus: str) -> list[Document]:
    """Pages of a corpus; a later page of the same URL replaces an earlier one, as in a build."""
    pages = {item.url: item for spec in CORPORA[corpus] for item in read_source(spec) if isinstance(item, Document)}
    return list(pages.values())


def worlds_of(corpus: str) -> list[str]:
    return [spec.removeprefix("world:") for spec in CORPORA[corpus] if spec.startswith("world:")]


def sample(facts: FactBase, *, count: int = SAMPLE, seed: int = SEED) -> list[tuple[Fact, Support]]:
    """Typed facts to read by hand, each with the words that state it: the relation is drawn first, so that the few
    relations with most of the facts do not stand for all."""
    rng = random.Random(seed)
    by_relation: dict[str, list[tuple[Fact, Support]]] = {}
    for fact in facts.facts:
        read = [support for support in fact.supports if not support.scanned and not support.inverse]
        if facts.relations[fact.relation].typed and read:
            by_relation.setdefault(fact.relation, []).append((fact, read[0]))
    names = sorted(by_relation)
    return [rng.choice(by_relation[rng.choice(names)]) for _ in range(count)]


def labelled() -> list[dict[str, Any]]:
    return [json.loads(line) for line in LABELLED.read_text("utf-8").splitlines()]


def row_of(corpus: str, fact: Fact, support: Support, urls: dict[str, str]) -> dict[str, Any]:
    """A line of the labelled facts, without its verdict. The words of the Factbook are public domain; of the other
    corpora only the place is kept."""
    row: dict[str, Any] = {
        "corpus": corpus, "url": urls[support.doc_id], "relation": fact.relation, "start": support.start,
        "end": support.end, "object": fact.object,
    }  # fmt: skip
    if corpus == "factbook":
        row["value"] = fact.value.text if fact.value else None
    return row


def precision(corpus: str) -> dict[str, Any]:
    """How many of the facts read by hand are what their words say."""
    rows = [row for row in labelled() if row["corpus"] == corpus]
    right = sum(row["right"] for row in rows)
    places = [{name: row[name] for name in ("url", "relation", "start", "end", "right")} for row in rows]
    return {"read": len(rows), "right": right, "verdicts": places}


def measured(corpus: str) -> dict[str, Any]:
    """Coverage and CPU seconds: reading the facts from pages in memory, writing their file, opening it."""
    pages = documents_of(corpus)
    started = time.process_time()
    facts = facts_of(pages, worlds=worlds_of(corpus), snapshot_id="0" * 32)
    build_s = time.process_time() - started
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facts"
        write_facts(facts, path)
        started = time.process_time()
        read_facts(path)
        open_s = time.process_time() - started
        size = path.stat().st_size
    report = coverage(facts)
    del report["contradictions"], report["snapshot_id"]
    relations = report.pop("relations")
    return {
        **report,
        "relation_count": len(relations),
        "relations": dict(list(relations.items())[:25]),
        "build_cpu_s": round(build_s, 1),
        "pages_per_cpu_s": round(len(pages) / build_s),
        "open_cpu_s": round(open_s, 2),
        "file_bytes": size,
    } | ({"precision": precision(corpus)} if corpus in READ_BY_HAND else {})


def show(corpus: str) -> None:
    """Print the sample with its words, and as lines for the file of labels."""
    pages = documents_of(corpus)
    facts = facts_of(pages, worlds=worlds_of(corpus))
    texts, urls = {page.doc_id: page.text for page in pages}, {page.doc_id: page.url for page in pages}
    for number, (fact, support) in enumerate(sample(facts)):
        text = texts[support.doc_id]
        said = facts.entities[fact.object].name if fact.object else fact.value.text if fact.value else ""
        words = text[support.start : support.end]
        print(
            number, facts.entities[fact.subject].name, fact.relation, said, [a.text for a in fact.amounts],
            repr(text[max(0, support.start - 60) : support.start]), f">>{words}<<",
            repr(text[support.end : support.end + 30]), sep=" | ",
        )  # fmt: skip
        print(json.dumps(row_of(corpus, fact, support, urls)))


def rendered() -> str:
    """docs/facts.md with its tables as code, labels and figures have them now."""
    units = {relation.name: relation for relation in FACTBOOK_RELATIONS}
    numbers = ["| relation | field, subfield | unit |", "|---|---|---|"]
    for row in NUMBER_FIELDS:
        where = ", ".join(filter(None, (row.field, "YYYY" if row.newest else row.item)))
        numbers.append(f"| {row.relation} | {where} | {units[row.relation].unit} |")
    found = json.loads((FIGURES / "facts.json").read_text("utf-8"))["measured"]
    precise = ["| corpus | read | right |", "|---|---|---|"]
    for corpus in READ_BY_HAND:
        precise.append(f"| {corpus} | {found[corpus]['precision']['read']} | {found[corpus]['precision']['right']} |")
    covered = [
        "| corpus | pages | typed facts | relations | pages with a typed fact | in conflict | scanned places "
        "| pages a CPU second | opened in CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for corpus, row in found.items():
        share = row["pages_with_typed_facts"] / row["pages"]
        disputed = sum(row["conflicts"].values())
        covered.append(
            f"| {corpus} | {row['pages']:,} | {row['typed_facts']:,} | {row['relation_count']:,} | {share:.0%} "
            f"| {disputed:,} | {row['scanned']:,} | {row['pages_per_cpu_s']:,} | {row['open_cpu_s']} |"
        )
    words = ["| relation | words |", "|---|---|"]
    for relation, vocabulary in (("climate", CLIMATES), ("terrain", TERRAINS), ("hazard", HAZARDS)):
        words.append(f"| {relation} | {', '.join(sorted(vocabulary, key=str.lower))} |")
    page = PAGE.read_text("utf-8")
    blocks = (("words", words), ("numbers", numbers), ("precision", precise), ("coverage", covered))
    for name, lines in blocks:
        before, _, rest = page.partition(f"<!-- {name} -->\n")
        page = "\n".join([before + f"<!-- {name} -->", *lines, "<!-- end -->" + rest.partition("<!-- end -->")[2]])
    return page


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help=", ".join(CORPORA))
    parser.add_argument("--sample", choices=READ_BY_HAND)
    asked = parser.parse_args(arguments)
    if asked.sample:
        show(asked.sample)
        return
    if unknown := {*asked.corpora} - CORPORA.keys():
        parser.error(f"there is no corpus {', '.join(sorted(unknown))}")
    kept = FIGURES / "facts.json"
    figures: dict[str, Any] = json.loads(kept.read_text("utf-8"))["measured"] if kept.exists() else {}
    figures |= {corpus: measured(corpus) for corpus in asked.corpora or CORPORA}
    write_figures("facts", "python -m tests.bench.bench_facts", figures)
    PAGE.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
