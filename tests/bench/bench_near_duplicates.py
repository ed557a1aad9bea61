"""Near-duplicates: planted ones found, those of the shared corpora counted, time and memory, rensa beside datasketch.

    pip install datasketch
    python -m tests.bench.bench_near_duplicates

Exact Jaccard similarity of the pages' shingle sets is the truth. CPU seconds are of one process.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from rensa import RMinHash

from corpus.near_duplicates import SEED, SLOTS, THRESHOLD, near_duplicates, shingles
from tests.bench.figures import write_figures

try:
    from datasketch import MinHash
except ImportError:
    sys.exit("This comparison needs another package beside ours: pip install datasketch")

CORPORA = ("foldoc", "techdocs", "wtq", "tate", "2wiki")
EDITS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.2, 0.5)


def texts_of(data: Path, name: str) -> list[str]:
    with zstandard.open(data / name / "docs.jsonl.zst", "rb") as file:
        return [json.loads(line)["text"] for line in io.BufferedReader(file)]


def shingle_set(text: str) -> set[int]:
    return set(shingles([text])[0].tolist())


def jaccard(one: str, other: str) -> float:
    first, second = shingle_set(one), shingle_set(other)
    return len(first & second) / max(1, len(first | second))


def planted(texts: list[str], seed: int) -> dict[str, Any]:
    """Each page beside a copy in which a share of the words, at random places, is another word of the corpus."""
    rng = random.Random(seed)
    vocabulary = [word for text in texts[:200] for word in text.split()]
    rows: dict[str, Any] = {}
    true_found = found_all = true_all = 0
    for share in EDITS:
        copies = []
        for text in texts:
            words = text.split()
            for at in rng.sample(range(len(words)), round(share * len(words))):
                words[at] = rng.choice(vocabulary)
            copies.append(" ".join(words))
        flagged = near_duplicates([*texts, *copies])[len(texts) :] == np.arange(len(texts))
        similar = np.array([jaccard(text, copy) for text, copy in zip(texts, copies, strict=True)])
        true = similar >= THRESHOLD
        rows[f"{share:.0%}"] = {
            "mean_jaccard": round(float(similar.mean()), 3),
            "at_threshold": round(float(true.mean()), 3),
            "flagged": round(float(flagged.mean()), 3),
        }
        true_found += int((true & flagged).sum())
        found_all += int(flagged.sum())
        true_all += int(true.sum())
    return {
        "pages": len(texts),
        "by_share_of_words": rows,
        "precision": round(true_found / found_all, 4),
        "recall": round(true_found / true_all, 4),
    }


def counted(texts: list[str], sample: int, seed: int) -> dict[str, Any]:
    """How many pages are flagged, how fast, and how alike sampled ones are to the nearest of their group."""
    started = time.process_time()
    groups = near_duplicates(texts)
    cpu_s = time.process_time() - started
    flagged = np.flatnonzero(groups != np.arange(len(groups)))
    members: dict[int, list[int]] = {}
    for page, first in enumerate(groups.tolist()):
        members.setdefault(first, []).append(page)
    rng = random.Random(seed)
    nearest = []
    for page in rng.sample(flagged.tolist(), min(sample, len(flagged))):
        others = [other for other in members[int(groups[page])] if other != page]
        if texts[page] in (texts[other] for other in others):
            nearest.append(1.0)
        else:
            nearest.append(max(jaccard(texts[page], texts[other]) for other in others[:500]))
    return {
        "pages": len(texts),
        "flagged": len(flagged),
        "groups": len({int(groups[page]) for page in flagged}),
        "largest_group": max(map(len, members.values())),
        "equal_texts": len(texts) - len(set(texts)),
        "sampled": len(nearest),
        "sampled_at_threshold": round(float(np.mean(np.array(nearest) >= THRESHOLD)), 3) if nearest else None,
        "sampled_lowest_jaccard": round(min(nearest), 3) if nearest else None,
        "cpu_s": round(cpu_s, 2),
        "pages_per_cpu_s": round(len(texts) / cpu_s),
    }


def libraries(texts: list[str]) -> dict[str, Any]:
    """CPU microseconds a page from ready shingle hashes to a signature of SLOTS values; error of the estimate."""
    hashes, offsets = shingles(texts)
    bounds = offsets.tolist()
    started = time.process_time()
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, SLOTS, SEED)
    slots = np.array(matrix.to_rows(), np.uint32)
    rensa_s = time.process_time() - started
    started = time.process_time()
    others = []
    for begin, end in itertools.pairwise(bounds):
        sketch = MinHash(SLOTS, seed=SEED, hashfunc=int)
        sketch.update_batch((hashes[begin:end] & np.uint64(0xFFFFFFFF)).tolist())
        others.append(sketch)
    datasketch_s = time.process_time() - started
    errors = {"rensa": 0.0, "datasketch": 0.0}
    pairs = [(at, at + 1) for at in range(0, len(texts) - 1, 2)]
    for one, other in pairs:
        true = jaccard(texts[one], texts[other])
        errors["rensa"] += (float((slots[one] == slots[other]).mean()) - true) ** 2
        errors["datasketch"] += (others[one].jaccard(others[other]) - true) ** 2
    return {
        "rensa_us": round(1e6 * rensa_s / len(texts), 1),
        "datasketch_us": round(1e6 * datasketch_s / len(texts), 1),
        "rms_error": {name: round((error / len(pairs)) ** 0.5, 4) for name, error in errors.items()},
        "versions": {name: version(name) for name in ("rensa", "datasketch")},
    }


def many_pages(count: int) -> Iterator[str]:
    """Pages of 250 words (1,500 characters) that share nothing much; every tenth a copy of the one before."""
    rng = np.random.default_rng(0)
    text = ""
    for number in range(count):
        if number % 10 != 9:
            text = " ".join(map(hex, rng.integers(256, 1 << 16, 250).tolist()))
        yield text


def scale(kind: str, count: int) -> dict[str, Any]:
    """In a process of its own: CPU seconds without those of making the pages, and how far memory grew."""
    code = (
        "import json, re, sys, time\n"
        "from tests.bench import bench_near_duplicates as b\n"
        "b.near_duplicates(b.many_pages(2000))\n"
        "kind, count = sys.argv[1], int(sys.argv[2])\n"
        # Not ru_maxrss, which begins with the memory of the process that started this one.
        "peak = lambda: 1024 * int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "text = next(b.many_pages(1))\n"
        "def pages():\n"
        "    if kind == 'distinct': return b.many_pages(count)\n"
        "    return (text + (f' {n:x}' * 9 if kind == 'alike' else '') for n in range(count))\n"
        "spent = time.process_time()\n"
        "for page in pages(): pass\n"
        "before, making, spent = peak(), time.process_time() - spent, time.process_time()\n"
        "found = int((b.near_duplicates(pages()) != b.np.arange(count)).sum())\n"
        "print(json.dumps([time.process_time() - spent - making, (peak() - before) / count, found]))"
    )
    done = subprocess.run([sys.executable, "-c", code, kind, str(count)], check=True, capture_output=True, text=True)
    cpu_s, per_page, found = json.loads(done.stdout)
    return {"pages": count, "flagged": found, "cpu_s": round(cpu_s, 1), "bytes_a_page": round(per_page)}


def main(data: Path, seed: int = 0) -> dict[str, Any]:
    corpora = {name: texts_of(data, name) for name in CORPORA}
    pages = [" ".join(text.split()[:250]) for text in corpora["wtq"] if len(text.split()) >= 100]
    neighbours = [copy for text in pages[:500] for copy in (text, " ".join(text.split()[10:]))]
    union = [text for texts in corpora.values() for text in texts]
    started = time.process_time()
    groups = near_duplicates(union)
    union_s = time.process_time() - started
    return {
        "planted_250_words": planted(pages, seed),
        "planted_whole_pages": planted([text for text in corpora["wtq"] if len(text.split()) >= 100][:600], seed),
        "corpora": {name: counted(texts, 300, seed) for name, texts in corpora.items()},
        "union": {
            "pages": len(union),
            "flagged": int((groups != np.arange(len(union))).sum()),
            "cpu_s": round(union_s, 1),
        },
        "libraries": libraries(neighbours),
        "scale": {
            "distinct": scale("distinct", 300_000),
            "identical": scale("identical", 100_000),
            "alike": scale("alike", 100_000),
        },
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "seed": seed,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    write_figures("near_duplicates", "python -m tests.bench.bench_near_duplicates", main(arguments.data))
