"""MiniLM with its products in whole numbers of 8 bits, against the shipped weights of 8 bits computed in 32.

    pip install onnx
    python -m tests.bench.bench_int8 SNAPSHOT [--data ../shared/data]

SNAPSHOT is SciFact's, by the encoder minilm. Queries are encoded both ways, passages as they are stored; what is told
is CPU time of an encoding on one thread, the cosine of the two vectors, and what the vectors find.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from corpus import open_snapshot
from corpus.encoders import MiniLmEncoder, Vector
from corpus.judgements import match_documents, read_judgements
from corpus.relevance import measure, run_queries
from tests.bench.figures import write_figures

WAYS: dict[str, dict[str, bool]] = {
    "scale for each matrix": {},
    "scale for each column": {"per_channel": True, "reduce_range": True},
}
"""Options of ONNX Runtime's dynamic quantisation."""
TIMED = 200
PASSAGE_CHARS = 1200


def sessions(folder: Path, shipped: Path) -> dict[str, onnxruntime.InferenceSession]:
    from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "folded.onnx")  # weights as 32-bit constants, to be cut again
    onnxruntime.InferenceSession(str(shipped), options, providers=["CPUExecutionProvider"])
    made = {}
    for number, (name, more) in enumerate(WAYS.items()):
        file = folder / f"{number}.onnx"
        quantize_dynamic(
            folder / "folded.onnx", file, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"], **more
        )
        single = onnxruntime.SessionOptions()
        single.intra_op_num_threads = single.inter_op_num_threads = 1
        made[name] = onnxruntime.InferenceSession(str(file), single, providers=["CPUExecutionProvider"])
    return made


class Known:
    """Vectors of queries by text, in place of an encoder."""

    def __init__(self, vectors: dict[str, Vector]) -> None:
        self.encode = vectors.__getitem__


def main(snapshot: Path, data: Path) -> dict[str, Any]:
    web, encoder = open_snapshot(snapshot), MiniLmEncoder()
    judged = match_documents(read_judgements(data / "queries.train.jsonl", data / "qrels.train.tsv"), web.store)
    texts = list(judged.queries.values())
    passages = [web.store.text(number)[:PASSAGE_CHARS] for number in range(40)]
    with tempfile.TemporaryDirectory() as folder:
        ways = {"shipped": encoder._session, **sessions(Path(folder), encoder._weights)}
        took: dict[str, dict[str, list[float]]] = {name: {"query": [], "passage": []} for name in ways}

        def encode(name: str, text: str) -> Vector:
            encoder._session = ways[name]
            return encoder.encode_query(text)

        for kind, some in (("query", texts[:TIMED]), ("passage", passages)):
            for text in some:
                for name in random.sample(list(ways), len(ways)):
                    began = time.thread_time()
                    encode(name, text)
                    took[name][kind].append(time.thread_time() - began)
        vectors = {name: {text: encode(name, text) for text in texts} for name in ways}
    told: dict[str, Any] = {}
    for name in ways:
        web.dense._queries = Known(vectors[name])  # type: ignore[assignment]
        found = measure(run_queries(web, "dense", judged.queries), judged, web.store)
        cosines = [float(vectors[name][text] @ vectors["shipped"][text]) for text in texts]
        told[name] = {
            **{f"{kind}_us": round(1e6 * statistics.median(times)) for kind, times in took[name].items()},
            "cosine_mean": round(float(np.mean(cosines)), 4),
            "cosine_least": round(min(cosines), 4),
            **{metric: round(float(values.mean()), 4) for metric, values in found.items()},
        }
    return {"snapshot_id": web.snapshot_id, "queries": len(texts), "ways": told}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    command = f"python -m tests.bench.bench_int8 {given.snapshot.name}"
    write_figures("int8", command, main(given.snapshot, given.data / "scifact"))
