"""Requests as agents send them, from a seed: queries of real questions and titles, pages that such queries find."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard

from corpus import Snapshot
from tests.bench.serving.processes import TOKEN

QUESTIONS = Path("../shared/data/wtq/questions.train.jsonl.zst")


def post(path: str, payload: dict[str, Any], pin: str = "") -> bytes:
    """A whole HTTP request with token, and pin where one is given, as a client library would send it."""
    body = orjson.dumps(payload)
    pinned = f"X-Stillweb-Snapshot: {pin}\r\n" if pin else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\n"
        f"Authorization: Bearer {TOKEN}\r\n{pinned}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def read_questions(path: Path) -> list[str]:
    """The questions of a JSONL file; none where it is absent."""
    if not path.is_file():
        return []
    with open(path, "rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8")
        return [json.loads(line)["question"] for line in lines]


class Mix:
    """Distinct queries and requests over one snapshot. Equal seeds give equal sequences."""

    def __init__(self, web: Snapshot, questions: list[str], seed: int) -> None:
        self._web, self._questions = web, list(questions)
        self._rng = random.Random(seed)
        self._rng.shuffle(self._questions)
        self._next = iter(self._questions)
        self._given: set[str] = set()
        self._fetched = 0
        self._pages = self._found_pages(400)

    def queries(self, count: int) -> list[str]:
        """Distinct from all given before: half of them questions as asked (while they last), a quarter words of one,
        a quarter a page's title and some of its words. Without questions: titles with words."""
        made: list[str] = []
        while len(made) < count:
            query = self._query()
            if query and query not in self._given:
                self._given.add(query)
                made.append(query)
        return made

    def _query(self) -> str:
        drawn = self._rng.random()
        if self._questions and drawn < 0.5:
            question = next(self._next, None)
            if question is not None:
                return question
        if self._questions and drawn < 0.75:
            words = self._rng.choice(self._questions).rstrip("?").split()
            kept = sorted(self._rng.sample(range(len(words)), min(len(words), self._rng.randint(4, 8))))
            return " ".join(words[place] for place in kept)
        number = self._rng.randrange(len(self._web.store))
        words = re.findall(r"\w{4,}", self._web.store.text(number)[:5000]) or ["page"]
        return f"{self._web.store.head(number)[1]} {' '.join(self._rng.choices(words, k=self._rng.randint(1, 4)))}"

    def searches(self, count: int, mode: str, **options: Any) -> list[bytes]:
        """Distinct searches, pinned."""
        pin = self._web.snapshot_id
        return [post("/v1/search", {"query": q, "mode": mode, **options}, pin) for q in self.queries(count)]

    def fetches(self, count: int) -> list[bytes]:
        """Distinct fetches of pages that searches find; they differ in a `page_chars` that cuts (nearly) alike."""
        made = []
        for _ in range(count):
            self._fetched += 1
            page = {"url": self._url(), "page_chars": 20_000 + self._fetched}
            made.append(post("/v1/fetch", page, self._web.snapshot_id))
        return made

    def finds(self, count: int) -> list[bytes]:
        """Distinct finds of a word or two of the page."""
        made: list[bytes] = []
        while len(made) < count:
            number = self._rng.choice(self._pages)
            words = self._web.store.text(number).split()
            start = self._rng.randrange(max(1, len(words) - 2))
            pattern = " ".join(words[start : start + self._rng.randint(1, 2)])
            url = self._web.store.head(number)[0]
            self._fetched += 1
            # A context that differs by a few characters keeps repeated patterns distinct.
            values = {"url": url, "pattern": pattern or "a", "context_chars": 60 + self._fetched % 80}
            request = post("/v1/find", values, self._web.snapshot_id)
            if str(values) not in self._given:
                self._given.add(str(values))
                made.append(request)
        return made

    def extracts(self, count: int) -> list[bytes]:
        """Distinct extracts: a page that searches find, and a query as its goal."""
        pin = self._web.snapshot_id
        return [post("/v1/extract", {"url": self._url(), "goal": goal}, pin) for goal in self.queries(count)]

    def of(self, kind: str, count: int) -> list[bytes]:
        """Distinct requests by kind: bm25, hybrid, fetch, find, extract."""
        if kind in ("bm25", "hybrid"):
            return self.searches(count, kind)
        return {"fetch": self.fetches, "find": self.finds, "extract": self.extracts}[kind](count)

    def _url(self) -> str:
        return self._web.store.head(self._rng.choice(self._pages))[0]

    def _found_pages(self, queries: int) -> list[int]:
        """Numbers of the pages that some queries find, each once, in the order of their finding."""
        found: dict[int, None] = {}
        for query in self.queries(queries):
            for _, passage in self._web.scored(query, k=10, mode="bm25"):
                found[int(self._web.store.passage_doc[passage])] = None
        return list(found)


def endless(requests: list[bytes]) -> Iterator[bytes]:
    """The same requests again and again: all but the first round are hits."""
    while True:
        yield from requests
