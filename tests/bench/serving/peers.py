"""What users would put up instead: a plain FastAPI with a sync endpoint and a response model, over several engines.

    python peers.py PORT ENGINE PATH

ENGINE and PATH: corpus (a snapshot of ours, our library), tantivy (a snapshot's Tantivy folder, searched as the
binding's README does: the whole query parsed), bm25s and lucene (a folder that `index.py` beside this file wrote).
Imports nothing of ours beside `corpus`, and that for the first two only: bm25s and pyserini have environments of
their own.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

Found = list[tuple[str, str, str, str, float]]
"""(passage_id, url, title, text, score), best first."""
Engine = Callable[[str, int], Found]

SNIPPET_CHARS = 300


class Query(BaseModel):
    query: str
    k: int = 10


class PeerHit(BaseModel):
    passage_id: str
    url: str
    title: str
    text: str
    score: float


class Answer(BaseModel):
    query: str
    hits: list[PeerHit]


def corpus_engine(path: Path) -> Engine:
    from corpus import open_snapshot

    web = open_snapshot(path)
    web.lexical.document_frequency("warm")

    def search(query: str, k: int) -> Found:
        found: Found = []
        for score, passage in web.scored(query, k=k, mode="bm25"):
            url, title, _ = web.store.head(int(web.store.passage_doc[passage]))
            found.append((web.store.passage_id(passage), url, title, web.snippet(query, passage), score))
        return found

    return search


def tantivy_engine(path: Path) -> Engine:
    from corpus import open_snapshot

    web = open_snapshot(path)
    index, searcher, store = web.lexical._index, web.lexical._searcher, web.store

    def search(query: str, k: int) -> Found:
        parsed = index.parse_query(re.sub(r"[^\w\s]", " ", query).lower(), ["title", "headings", "text"])
        hits = searcher.search(parsed, k).hits
        passages = searcher.fast_field_values("passage", [address for _, address in hits])
        found: Found = []
        for (score, _), number in zip(hits, passages, strict=True):
            passage = int(number or 0)
            url, title, _ = store.head(int(store.passage_doc[passage]))
            found.append((store.passage_id(passage), url, title, store.passage_text(passage), score))
        return found

    return search


def bm25s_engine(path: Path) -> Engine:
    import bm25s
    import Stemmer

    retriever = bm25s.BM25.load(str(path / "bm25s"), mmap=True)
    with open(path / "passages.jsonl") as file:
        rows = [tuple(json.loads(line)[name] for name in ("id", "url", "title", "text")) for line in file]
    stemmer = Stemmer.Stemmer("english")

    def search(query: str, k: int) -> Found:
        tokens = bm25s.tokenize([query], stopwords="en", stemmer=stemmer, show_progress=False)
        numbers, scores = retriever.retrieve(tokens, k=k, show_progress=False)
        return [(*rows[int(number)], float(score)) for number, score in zip(numbers[0], scores[0], strict=True)]

    return search


def lucene_engine(path: Path) -> Engine:
    from pyserini.search.lucene import LuceneSearcher

    # Called from several threads at once the bridge to Java answers with NullPointerException or loses the process.
    alone = ThreadPoolExecutor(1)
    searcher = alone.submit(LuceneSearcher, str(path / "lucene")).result()

    def search(query: str, k: int) -> Found:
        return alone.submit(read, query, k).result()

    def read(query: str, k: int) -> Found:
        found: Found = []
        for hit in searcher.search(query, k):
            row = json.loads(hit.lucene_document.get("raw"))
            found.append((row["id"], row["url"], row["title"], row["text"], float(hit.score)))
        return found

    return search


ENGINES = {"corpus": corpus_engine, "tantivy": tantivy_engine, "bm25s": bm25s_engine, "lucene": lucene_engine}


def create_app(search: Engine) -> FastAPI:
    app = FastAPI()

    @app.get("/ready")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/search")
    def answer(body: Query) -> Answer:
        found = search(body.query, body.k)
        hits = [
            PeerHit(passage_id=passage_id, url=url, title=title, text=text[:SNIPPET_CHARS], score=score)
            for passage_id, url, title, text, score in found
        ]
        return Answer(query=body.query, hits=hits)

    return app


if __name__ == "__main__":
    engine = ENGINES[sys.argv[2]](Path(sys.argv[3]))
    uvicorn.run(create_app(engine), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
