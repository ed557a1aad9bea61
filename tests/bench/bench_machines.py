"""The same questions to the same snapshots in processes that believe to be on another machine.

    python -m tests.bench.bench_machines SNAPSHOT... [--qemu]

Each process answers a fixed set of requests under other thread counts, BLAS kernels, instruction sets or C library
routines, and the finished bytes are compared. `--qemu` adds processors that an emulator plays (Debian's qemu-user).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from corpus import Snapshot, open_snapshot
from tests.bench.figures import write_figures

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Machine:
    """What a process is told about the machine it runs on."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    onnx: str = ""
    """Optimisation level and threads of ONNX Runtime, as in `basic,4`; empty: as the encoder has them."""
    cpu: str = ""
    """A processor for qemu to play; empty: the real one."""


MACHINES = (
    Machine("as it is"),
    Machine("OpenMP, 1 thread", {"OMP_NUM_THREADS": "1"}),
    Machine("OpenMP, 2 threads", {"OMP_NUM_THREADS": "2"}),
    Machine("OpenMP, 4 threads", {"OMP_NUM_THREADS": "4", "OMP_DYNAMIC": "true"}),
    Machine("OpenBLAS, 1 thread", {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}),
    Machine("OpenBLAS, 4 threads", {"OPENBLAS_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}),
    Machine("OpenBLAS kernels of 2008 (Nehalem)", {"OPENBLAS_CORETYPE": "Nehalem"}),
    Machine("OpenBLAS kernels of 2013 (Haswell)", {"OPENBLAS_CORETYPE": "Haswell"}),
    Machine("OpenBLAS kernels of 2017 (SkylakeX)", {"OPENBLAS_CORETYPE": "SkylakeX"}),
    Machine("FAISS without SIMD", {"FAISS_SIMD_LEVEL": "NONE"}),
    Machine("FAISS with AVX2", {"FAISS_SIMD_LEVEL": "AVX2"}),
    Machine("FAISS with AVX-512", {"FAISS_SIMD_LEVEL": "AVX512"}),
    Machine("NumPy without AVX2 and AVX-512", {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"}),
    Machine("C library without FMA and AVX2", {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F"}),
    Machine(
        "all of these at their least",
        {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_CORETYPE": "Nehalem",
            "FAISS_SIMD_LEVEL": "NONE",
            "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
        },
    ),
)
ONNX = (
    Machine("ONNX Runtime, no optimisation", onnx="none,1"),
    Machine("ONNX Runtime, basic optimisation", onnx="basic,1"),
    Machine("ONNX Runtime, extended optimisation", onnx="extended,1"),
    Machine("ONNX Runtime, 2 threads", onnx="all,2"),
    Machine("ONNX Runtime, 4 threads", onnx="all,4"),
)
EMULATED = (
    Machine("qemu: Haswell (AVX2, FMA)", cpu="Haswell-noTSX"),
    Machine("qemu: Sandy Bridge (AVX, no FMA)", cpu="SandyBridge"),
)
"""NumPy's own BLAS stops at an illegal instruction under qemu's Nehalem, so that nothing older can be played."""
_HARDWARE = (
    "OMP_NUM_THREADS", "OMP_DYNAMIC", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "MKL_NUM_THREADS",
    "FAISS_SIMD_LEVEL", "NPY_DISABLE_CPU_FEATURES", "GLIBC_TUNABLES",
)  # fmt: skip


def queries_for(web: Snapshot, count: int, seed: int) -> list[str]:
    """Titles, and runs of one to twelve words of the pages."""
    rng = random.Random(seed)
    queries = []
    for i in range(count):
        number = rng.randrange(len(web.store))
        words = web.store.text(number).split()
        start = rng.randrange(max(1, len(words) - 12))
        queries.append(web.store.head(number)[1] if i % 3 == 0 else " ".join(words[start : start + rng.randint(1, 12)]))
    return [query for query in queries if query.strip()]


def answers(path: Path, count: int, seed: int, onnx: str, out: Path) -> None:
    """What a child process does: finished bytes by route and mode, query vectors, and the idf's logarithms."""
    import ctypes

    import faiss

    from env_server.schemas import ExtractRequest, SearchRequest, SimilarRequest
    from env_server.service import SearchService
    from env_server.settings import ServerSettings

    web = open_snapshot(path)
    if onnx:
        _open_onnx_otherwise(web, onnx)
    service = SearchService("web", web, ServerSettings(snapshots={"web": path}))
    queries = queries_for(web, count, seed)
    bodies: dict[str, list[str]] = {}
    for mode in web.modes:
        for level in ("page", "passage"):
            searches = [
                SearchRequest(query=query, mode=mode, level=level, k=20, snippet_chars=100) for query in queries
            ]
            bodies[f"{mode}, {level}s"] = [service.search_bytes(search).decode() for search in searches]
    rng = random.Random(seed)
    doc_ids = [web.store.doc_id(rng.randrange(len(web.store))) for _ in queries]

    async def of_pages() -> None:
        if "dense" in web.modes:
            asked = [SimilarRequest(doc_id=doc_id, snippet_chars=0) for doc_id in doc_ids]
            bodies["similar"] = [(await service.similar(request)).decode() for request in asked]
        goals = [ExtractRequest(doc_id=doc_id, goal=query) for doc_id, query in zip(doc_ids, queries, strict=True)]
        bodies["extract"] = [(await service.extract(request)).decode() for request in goals]

    asyncio.run(of_pages())
    vectors = [web.dense._queries.encode(query) for query in queries] if "dense" in web.modes else []
    logf = ctypes.CDLL("libm.so.6").logf  # what Tantivy takes the rarity of a word with
    logf.argtypes, logf.restype = [ctypes.c_float], ctypes.c_float
    passages = len(web.store.passage_doc)
    logarithms = np.array([logf(1 + (passages - n + 0.5) / (n + 0.5)) for n in range(1, passages + 1)], np.float32)
    np.savez(out, vectors=np.array(vectors), logarithms=logarithms)
    print(json.dumps({"faiss": faiss.SIMDConfig.get_level_name(), "bodies": bodies}))


def _open_onnx_otherwise(web: Snapshot, how: str) -> None:
    """Give a MiniLM snapshot a session with another optimisation level and number of threads."""
    import onnxruntime

    level, _, threads = how.partition(",")
    levels = {"none": "DISABLE_ALL", "basic": "BASIC", "extended": "EXTENDED", "all": "ALL"}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel,
        "ORT_DISABLE_ALL" if level == "none" else f"ORT_ENABLE_{levels[level]}",
    )
    options.intra_op_num_threads = int(threads)
    encoder: Any = web.dense._queries._open()
    encoder._session = onnxruntime.InferenceSession(str(encoder._weights), options, providers=["CPUExecutionProvider"])


@dataclass(frozen=True, slots=True)
class Played:
    """What came out on one machine: finished bytes by kind of request, query vectors, logarithms."""

    faiss: str
    bodies: dict[str, list[str]]
    vectors: Any
    logarithms: Any


def play(machine: Machine, path: Path, count: int, seed: int = 0) -> Played:
    """Answer in a process of its own. Raises RuntimeError with the last words of a child that fails."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "vectors.npz"
        arguments = ["--child", "--queries", str(count), "--seed", str(seed), "--onnx", machine.onnx, "--out", str(out)]
        done = run_python(machine, ["-m", "tests.bench.bench_machines", str(path.absolute()), *arguments])
        said = json.loads(done.splitlines()[-1])
        arrays = np.load(out)
        return Played(said["faiss"], said["bodies"], arrays["vectors"], arrays["logarithms"])


def run_python(machine: Machine, arguments: Sequence[str]) -> str:
    """Standard output of this Python on a machine."""
    environment = {name: value for name, value in os.environ.items() if name not in _HARDWARE} | machine.environment
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, *arguments]
    if machine.cpu:
        # The emulator starts a binary by its own path, which then does not know of a virtual environment.
        places = [place for place in sys.path if place.endswith("site-packages")]
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *places])
        command = ["qemu-x86_64", "-cpu", machine.cpu, os.path.realpath(sys.executable), *arguments]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{machine.name}: {' '.join(command)} failed: {done.stderr[-2000:]}")
    return done.stdout


def differences(usual: Played, other: Played) -> dict[str, Any]:
    """Changed bodies and orders by kind of request, the greatest change of a score, of a vector, of a logarithm."""
    changed: dict[str, Any] = {}
    for kind, bodies in usual.bodies.items():
        pairs = [(a, b) for a, b in zip(bodies, other.bodies[kind], strict=True) if a != b]
        orders = scores = 0.0
        for a, b in pairs:
            one, two = places(a), places(b)
            orders += [place for place, _ in one] != [place for place, _ in two]
            there = dict(two)
            scores = max([scores, *(abs(score - there[place]) for place, score in one if place in there)])
        changed[kind] = {"bodies": len(pairs), "orders": int(orders), "score": round(scores, 6), "of": len(bodies)}
    vectors = np.abs(usual.vectors.astype(np.float64) - other.vectors)
    return {
        "faiss": other.faiss,
        "changed": changed,
        "vector": float(vectors.max(initial=0.0)),
        "logarithms": int((usual.logarithms != other.logarithms).sum()),
    }


def places(body: str) -> list[tuple[str, float]]:
    """(passage or span, score) of an answer's hits, in order."""
    answer = orjson.loads(body)
    if "hits" in answer:
        return [(hit["passage_id"], hit["score"]) for hit in answer["hits"]]
    return [(f"{part['start']}-{part['end']}", part["score"]) for part in answer["passages"]]


def write_codes_on(machine: Machine, vectors: Path, folder: Path) -> str:
    """Digest of the codes that a build writes for an npy file of vectors on a machine."""
    folder.mkdir(parents=True)
    code = (
        "import sys, numpy as np; from pathlib import Path; from corpus.dense import write_codes; "
        "write_codes(np.load(sys.argv[1]), Path(sys.argv[2]))"
    )
    run_python(machine, ["-c", code, str(vectors), str(folder)])
    return hashlib.sha256((folder / "codes.faiss").read_bytes()).hexdigest()


def machines_for(web: Snapshot, qemu: bool) -> tuple[Machine, ...]:
    emulated = EMULATED if qemu and shutil.which("qemu-x86_64") else ()
    return (*MACHINES, *(ONNX if web.manifest.settings.encoder == "minilm" else ()), *emulated)


def main(snapshots: Sequence[Path], count: int, qemu: bool) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    for path in snapshots:
        web = open_snapshot(path)
        usual = play(MACHINES[0], path, count)
        rows: dict[str, Mapping[str, Any]] = {}
        for machine in machines_for(web, qemu):
            rows[machine.name] = differences(usual, play(machine, path, count))
            print(path.name, machine.name, json.dumps(rows[machine.name]), flush=True)
        measured[path.name] = {
            "snapshot_id": web.snapshot_id,
            "encoder": web.manifest.settings.encoder,
            "dense_index": web.manifest.settings.dense_index,
            "machines": rows,
        }
    return measured


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snapshots", type=Path, nargs="+")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--qemu", action="store_true", help="Play older processors with qemu-user, too.")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--onnx", default="", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        answers(given.snapshots[0], given.queries, given.seed, given.onnx, given.out)
    else:
        write_figures(
            "machines",
            " ".join(["python -m tests.bench.bench_machines", *(word.rpartition("/")[2] for word in sys.argv[1:])]),
            main(given.snapshots, given.queries, given.qemu),
        )
