"""The snapshots that the benchmarks serve, built where none is given.

python -m tests.bench.serving.snapshots NAME OUT DATA
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.bench_union import CORPORA

BUILDS = {"union": (CORPORA, "static"), "foldoc-minilm": (("foldoc",), "minilm")}


@contextmanager
def built(data: Path, given: Path | None, name: str) -> Iterator[Path]:
    """The snapshot given, or `name` built in a temporary folder for the time of a `with`."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / name
        build(data, name, out)
        yield out


def build(data: Path, name: str, out: Path) -> None:
    corpora, encoder = BUILDS[name]
    sources = [str(data / corpus / "docs.jsonl.zst") for corpus in corpora]
    command = [sys.executable, "-m", "stillweb", "corpus", "build", *sources, "--out", str(out), "--encoder", encoder]
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    build(Path(sys.argv[3]), sys.argv[1], Path(sys.argv[2]))
