"""`stillweb eval ...`: thin verbs over `corpus.relevance`. Progress to stderr, results to stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from corpus.cli import SnapshotDir, fail, progress_bar
from corpus.errors import CorpusError
from corpus.relevance import METRICS, Report


def retrieval(
    path: SnapshotDir,
    queries: Annotated[
        Path, typer.Option(help="BEIR folder, or a file: JSON lines, id<TAB>text, TREC topics, questions.")
    ],
    qrels: Annotated[
        Path | None, typer.Option(help="BEIR or TREC qrels; not needed for a BEIR folder or questions with evidence.")
    ] = None,
    mode: Annotated[
        list[str] | None, typer.Option(help="bm25, dense or hybrid; may be repeated. All there are by default.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out judgements of pages that are not in the snapshot.")
    ] = False,
    self_contained: Annotated[
        bool, typer.Option("--self-contained", help="Leave out questions that say 'this', 'the table', 'he' and so on.")
    ] = False,
    sample: Annotated[int | None, typer.Option(min=1, help="Ask that many of the queries, drawn by the seed.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample and of the tests.")] = 0,
    run: Annotated[Path | None, typer.Option(help="Folder to write a TREC run file for each mode into.")] = None,
    rerank: Annotated[
        Path | None, typer.Option(help="Folder of a cross-encoder that re-ranks the best 50 of each mode.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Measure how well a snapshot's modes rank the pages that were judged relevant."""
    from corpus.judgements import match_documents, read_judgements, sampled
    from corpus.relevance import evaluate, run_queries, write_run
    from corpus.snapshot import open_snapshot

    try:
        web = open_snapshot(path)
        read = sampled(read_judgements(queries, qrels), alone=self_contained, sample=sample, seed=seed)
        judged = match_documents(read, web.store, partial=partial)
        runs = {
            name: run_queries(web, name, judged.queries, progress=progress_bar)
            for name in dict.fromkeys(mode or web.modes)
        }
        if rerank is not None:
            from corpus.rerank import CrossEncoderReranker
            from corpus.rerank import rerank as read_again

            reranker = CrossEncoderReranker(rerank)
            for name in list(runs):
                runs[f"{name}+rerank"] = read_again(
                    runs[name], judged.queries, web.store, reranker, progress=progress_bar
                )
        report = evaluate(runs, judged, web.store, web.snapshot_id, seed=seed)
        if run is not None:
            for name, hits in runs.items():
                write_run(hits, judged, web.store, name, run / f"{name}.run")
    except CorpusError as error:
        fail(error)
    except OSError as error:
        print(f"stillweb: the run files cannot be written: {error}.", file=sys.stderr)
        raise typer.Exit(1) from error
    print(
        f"{report.queries:,} queries, {report.queries_left_out:,} left out without a relevant page; "
        f"{report.matched:,} of {report.judgements:,} judgements matched ({report.matched / report.judgements:.1%})",
        file=sys.stderr,
    )
    print(orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2).decode() if as_json else as_table(report))


def as_table(report: Report) -> str:
    """Means of each run, then every pair of runs with its difference, interval and p."""
    names = list(METRICS)
    width = max(len(name) for name in report.means) + 2
    lines = ["".join([f"{'':<{width}}", *(f"{name:>12}" for name in names)])]
    for name, means in report.means.items():
        lines.append("".join([f"{name:<{width}}", *(f"{means[metric]:>12.4f}" for metric in names)]))
    if report.comparisons:
        pair = max(len(f"{c.run} - {c.baseline}") for c in report.comparisons) + 2
        lines += ["", f"{'':<{pair}}{'metric':<12}{'difference':>11}{'95 % interval':>20}{'p':>9}"]
        for c in report.comparisons:
            interval = f"{c.low:+.4f} to {c.high:+.4f}"
            lines.append(
                f"{f'{c.run} - {c.baseline}':<{pair}}{c.metric:<12}{c.difference:>+11.4f}{interval:>20}{c.p:>9.4f}"
            )
    return "\n".join(lines)
