"""Any number of distinct pages with real words: sentences of the shared corpora, drawn and put together by seed."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard

CORPORA = ("tate", "foldoc", "techdocs", "wtq", "2wiki")
_SENTENCE = re.compile(r"[^.!?\n|]{30,240}[.!?]")
_HOSTS = 2000


def sentences(data: Path, limit: int = 400_000) -> list[str]:
    """At most `limit` distinct sentences of the corpora, in their order, evenly from each."""
    found: dict[str, None] = {}
    for number, name in enumerate(CORPORA, 1):
        with open(data / name / "docs.jsonl.zst", "rb") as file:
            for line in io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file), 1 << 20):
                found.update(dict.fromkeys(_SENTENCE.findall(orjson.loads(line)["text"])))
                if len(found) >= limit * number // len(CORPORA):
                    break
    return list(found)


def rows(pages: int, pool: list[str], seed: int = 0) -> Iterator[dict[str, Any]]:
    """Pages of 4 to 12 sentences (about 900 characters), each with three links to others; half of them dated."""
    rng = random.Random(seed)
    for number in range(pages):
        chosen = rng.choices(pool, k=rng.randint(4, 12))
        links = [f"https://site{n % _HOSTS}.example/{n}" for n in (rng.randrange(pages) for _ in range(3))]
        row = {
            "url": f"https://site{number % _HOSTS}.example/{number}",
            "title": f"{' '.join(chosen[0].split()[:5])} ({number})",
            "text": "\n\n".join(chosen),
            "links": [{"url": link, "start": None} for link in links],
        }
        if number % 2:
            row["date"] = f"{rng.randint(1990, 2025)}-{rng.randint(1, 12):02}"
        yield row


def write_pages(pages: int, data: Path, out: Path, seed: int = 0) -> None:
    """Write the pages as .jsonl.zst."""
    pool = sentences(data)
    with open(out, "wb") as file, zstandard.ZstdCompressor(level=1).stream_writer(file) as packed:
        for row in rows(pages, pool, seed):
            packed.write(orjson.dumps(row) + b"\n")
