"""How long a newcomer waits: the demo's first start, which builds it, and its second.

python -m tests.bench.bench_start
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from typing import Any

from tests.bench.figures import write_figures
from tests.ports import free_port


def first_answer_s(home: str, encoder: str) -> float:
    """Seconds from the command to the answer of a first search."""
    port = free_port()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/search",
        json.dumps({"query": "doubly landlocked country"}).encode(),
        {"content-type": "application/json"},
    )
    started = time.perf_counter()
    arguments = ["-m", "stillweb", "serve", "--port", str(port), "--encoder", encoder]
    server = subprocess.Popen(
        [sys.executable, *arguments], env={**os.environ, "STILLWEB_HOME": home}, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as response:
                    response.read()
                    return time.perf_counter() - started
            except OSError:
                if server.poll() is not None or time.perf_counter() - started > 1800:
                    raise
                time.sleep(0.02)
    finally:
        server.terminate()
        server.wait(20)


def main() -> dict[str, Any]:
    """Static encoder: medians of three second starts; one first start."""
    with tempfile.TemporaryDirectory() as home:
        first = first_answer_s(home, "static")
        second = sorted(first_answer_s(home, "static") for _ in range(3))[1]
    return {"first_start_s": round(first, 1), "second_start_s": round(second, 2)}


if __name__ == "__main__":
    write_figures("start", "python -m tests.bench.bench_start", main())
