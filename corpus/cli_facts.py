"""`stillweb corpus facts`: a thin verb over `corpus.facts`. Progress to stderr, the report to stdout."""

from __future__ import annotations

import sys
from typing import Annotated

import orjson
import typer

from corpus.cli import SnapshotDir, fail
from corpus.errors import CorpusError


def facts(
    path: SnapshotDir,
    extractor: Annotated[str, typer.Option(help="Which of the independent extractors reads the pages.")] = "first",
    again: Annotated[bool, typer.Option("--again", help="Build anew, even if the facts are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Read the facts of a snapshot, keep them beside it in DIR.facts, and tell what there is."""
    from corpus.facts.base import build_facts, kept_facts
    from corpus.facts.coverage import as_text, coverage

    try:
        found = None if again else kept_facts(path, extractor=extractor)
        if found is None:
            print(f"reading {path}", file=sys.stderr)
            found = build_facts(path, extractor=extractor)
    except CorpusError as error:
        fail(error)
    report = coverage(found)
    print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() if as_json else as_text(report))
