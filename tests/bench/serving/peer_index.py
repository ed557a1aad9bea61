"""The same passages for another engine: written out from a snapshot, and indexed in that engine's environment.

    python peer_index.py ENGINE FOLDER     with FOLDER/passages.jsonl; ENGINE: bm25s or lucene

Title, headings and text are one text for these engines; defaults are their own (bm25s: English stop words and stems;
Lucene: Anserini's, Porter stems and stop words).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def bm25s_index(folder: Path) -> None:
    import bm25s
    import Stemmer

    with open(folder / "passages.jsonl") as file:
        texts = [json.loads(line)["contents"] for line in file]
    tokens = bm25s.tokenize(texts, stopwords="en", stemmer=Stemmer.Stemmer("english"), show_progress=False)
    retriever = bm25s.BM25()
    retriever.index(tokens, show_progress=False)
    retriever.save(str(folder / "bm25s"))


def lucene_index(folder: Path) -> None:
    source = folder / "lucene-source"
    source.mkdir(exist_ok=True)
    (source / "passages.jsonl").unlink(missing_ok=True)
    (source / "passages.jsonl").symlink_to(folder.resolve() / "passages.jsonl")
    options = "--collection JsonCollection --generator DefaultLuceneDocumentGenerator --threads 2 --storeRaw --optimize"
    command = [sys.executable, "-m", "pyserini.index.lucene", *options.split()]
    subprocess.run([*command, "--input", str(source), "--index", str(folder / "lucene")], check=True)


if __name__ == "__main__":
    {"bm25s": bm25s_index, "lucene": lucene_index}[sys.argv[1]](Path(sys.argv[2]))
