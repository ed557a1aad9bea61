"""Re-ranking a run by a cross-encoder, for evaluation only: no server does this.

A cross-encoder reads query and passage together, which is slow (tens of passages a second on a CPU) and the best that
a small model can do. It tells how much an order could gain that the candidates already hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from corpus.docstore import DocStore
from corpus.errors import EncoderUnavailable
from corpus.progress import Progress, silent
from corpus.rankings import Scored
from corpus.relevance import Run

DEPTH = 50
"""Pages of a run that are read again; the others follow behind in their order."""
PRECISION = 3
"""Decimals of a score. All candidates of a query make one batch, and a batch can move the last bits of a 32-bit sum."""


class Reranker(Protocol):
    """Anything that scores texts for a query; more is better."""

    def scores(self, query: str, texts: Sequence[str]) -> list[float]: ...


class CrossEncoderReranker:
    """A sentence-transformers CrossEncoder by local path, on the CPU (extra `st`). Nothing is downloaded."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise EncoderUnavailable(
                f"There is no folder {path} with a cross-encoder.", "Save one there: CrossEncoder(...).save(PATH)."
            )
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise EncoderUnavailable(
                f"A cross-encoder needs the package {error.name!r}. Install it with `pip install 'stillweb[st]'`."
            ) from error
        try:
            self._model: Any = CrossEncoder(str(path), device="cpu", local_files_only=True)
        except (OSError, ValueError) as error:
            raise EncoderUnavailable(
                f"{path} holds no cross-encoder that can be opened: {error}.",
                "Save one there: CrossEncoder(...).save(PATH).",
            ) from error

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        pairs = [(query, text) for text in texts]
        scores = self._model.predict(pairs, batch_size=len(pairs), show_progress_bar=False)
        if scores.ndim != 1:
            raise EncoderUnavailable(
                f"The cross-encoder gives {scores.shape[1]} scores for a passage.", "Use one with a single label."
            )
        return [round(float(score), PRECISION) for score in scores]


def rerank(
    run: Run, queries: Mapping[str, str], store: DocStore, reranker: Reranker, *, progress: Progress = silent
) -> Run:
    """A run with its best DEPTH pages in the order of their passages' new scores; equal ones keep their order."""
    again: Run = {}
    for query, text in progress(iter(queries.items()), "re-ranking", len(queries)):
        head, tail = run[query][:DEPTH], run[query][DEPTH:]
        scores = reranker.scores(text, [_readable(store, passage) for _, passage in head]) if head else []
        order = sorted(range(len(head)), key=lambda at: -scores[at])
        reordered: list[Scored] = [(scores[at], head[at][1]) for at in order]
        # What was not read again stands behind what was: its old scores mean something else.
        last = min(scores, default=0.0)
        again[query] = reordered + [(last - rank, passage) for rank, (_, passage) in enumerate(tail, 1)]
    return again


def _readable(store: DocStore, passage: int) -> str:
    title = store.head(int(store.passage_doc[passage]))[1]
    return "\n".join(part for part in (title, store.passage_text(passage)) if part)
