"""Memory stays flat as the input grows: pages wait on disk, duplicates and aliases are resolved there."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest


def write_pages(path: Path, count: int) -> str:
    """Pages of about 1.5 kB with links, aliases and every tenth one twice."""
    rng = random.Random(1)
    words = [f"word{i}" for i in range(5000)]
    with open(path, "w") as file:
        for i in range(count):
            number = i if i % 10 else i // 2
            row = {
                "url": f"https://d{number % 97}.example/{number}",
                "title": f"Page {number}",
                "text": " ".join(rng.choices(words, k=180)),
                "links": [f"https://d{j % 97}.example/{j}" for j in rng.choices(range(count), k=5)],
                "aliases": [f"https://old.example/{number}"],
            }
            file.write(json.dumps(row) + "\n")
    return str(path)


def peak_mib(source: str, out: Path) -> float:
    """Peak resident memory of a build in a process of its own, without the pages of mapped files."""
    code = (
        "import sys, re, threading, time\n"
        "peak = 0\n"
        "def watch():\n"
        "    global peak\n"
        "    while True:\n"
        "        status = open('/proc/self/status').read()\n"
        "        peak = max(peak, int(re.search(r'RssAnon:\\s+(\\d+)', status)[1]))\n"
        "        time.sleep(0.02)\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
        "from pathlib import Path\n"
        "from corpus import BuildOptions, build_snapshot\n"
        "build_snapshot([sys.argv[1]], Path(sys.argv[2]), BuildOptions(exact_up_to=10**9))\n"
        "print(peak / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, source, str(out)], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.slow
def test_four_times_the_pages_take_hardly_more_memory(tmp_path: Path) -> None:
    small = peak_mib(write_pages(tmp_path / "small.jsonl", 15_000), tmp_path / "small")
    large = peak_mib(write_pages(tmp_path / "large.jsonl", 60_000), tmp_path / "large")
    print(f"peak {small:.0f} MiB for 15,000 pages, {large:.0f} MiB for 60,000")
    # What may grow is a few bytes a page in columns, and caches up to their bound.
    assert large < small + 60
