"""`stillweb corpus facts`: a thin verb over `corpus.facts`. Progress to stderr, the report to stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from corpus.cli import SnapshotDir, fail
from corpus.errors import CorpusError

if TYPE_CHECKING:
    from corpus.facts.base import FactBase


def facts(
    path: SnapshotDir,
    extractor: Annotated[str, typer.Option(help="Which of the independent extractors reads the pages.")] = "first",
    again: Annotated[bool, typer.Option("--again", help="Build anew, even if the facts are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Two extractors, such as `first second`: how far they agree.")
    ] = None,
) -> None:
    """Read the facts of a snapshot, keep them beside it in DIR.facts, and tell what there is."""
    from corpus.facts.agreement import agreement
    from corpus.facts.agreement import as_text as agreement_as_text
    from corpus.facts.base import build_facts, kept_facts
    from corpus.facts.coverage import as_text, coverage

    def read(name: str) -> FactBase:
        found = None if again else kept_facts(path, extractor=name)
        if found is None:
            print(f"reading {path}", file=sys.stderr)
            found = build_facts(path, extractor=name)
        return found

    try:
        report = agreement(read(compare[0]), read(compare[1])) if compare else coverage(read(extractor))
    except CorpusError as error:
        fail(error)
    text = agreement_as_text if compare else as_text
    print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() if as_json else text(report))
