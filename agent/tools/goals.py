"""What a page says on a goal: its own words by default, a model's summary where one is given.

A summary is kept by (digest of the page's text, goal, name of the model, digest of the prompt), so that a rollout, its
samples and its replay read the same words, and the model is asked once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep

from agent.answers import Delivery, Page
from agent.client import AsyncClient

PAGE_CHARS = 200_000
"""Of a page, at most, before a model: about 50,000 tokens, as REDSearcher cuts."""
SHRINK, TRIES = 0.7, 3
"""After a reply that cannot be read, the same is asked of a shorter text, as REDSearcher does."""
_BUSY_S = 60

PROMPT = """Read the web page below for one goal.

Goal: {goal}

Page: {title}
{text}

Answer with one JSON object and nothing else:
{{"rational": "which parts of the page bear on the goal and why",
 "evidence": "what the page says on the goal, in its own words, as fully as needed",
 "summary": "a short paragraph that answers the goal from this evidence alone"}}"""


@dataclass(frozen=True)
class SummaryModel:
    """A model that reads for a goal."""

    name: str
    """Part of the key under which summaries are kept: a new revision is a new name."""
    reply: Callable[[str], Awaitable[str]] = field(repr=False, compare=False)
    """Prompt to text. What it raises reaches whoever called the tool."""


@dataclass(frozen=True)
class GoalRead:
    """What a page says on a goal."""

    doc_id: str
    url: str
    evidence: str
    """Empty where the page says nothing on it."""
    summary: str
    delivery: Delivery = field(compare=False)
    by: str
    """Name of the model, or `extract`."""


class SummaryStore:
    """Summaries on disk (SQLite; processes may share the file), or in memory without a path.

    The file is made with the first summary that is looked for. Raises OSError where it is none of ours.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @cached_property
    def _database(self) -> sqlite3.Connection:
        try:
            database = sqlite3.connect(self._path or ":memory:", timeout=_BUSY_S, isolation_level=None)
            _turn_to_wal(database)
            database.execute("PRAGMA synchronous=NORMAL")
            database.execute(
                "CREATE TABLE IF NOT EXISTS summaries "
                "(key TEXT PRIMARY KEY, evidence TEXT NOT NULL, summary TEXT NOT NULL)"
            )
        except sqlite3.Error as error:
            raise OSError(f"{self._path} cannot hold summaries ({error}). Name another file.") from error
        return database

    def get(self, key: str) -> tuple[str, str] | None:
        """(evidence, summary)."""
        row: tuple[str, str] | None = self._database.execute(
            "SELECT evidence, summary FROM summaries WHERE key = ?", (key,)
        ).fetchone()
        return row

    def put(self, key: str, evidence: str, summary: str) -> tuple[str, str]:
        """What is kept from now on: the first of several that were made at once."""
        self._database.execute("INSERT OR IGNORE INTO summaries VALUES (?, ?, ?)", (key, evidence, summary))
        return self.get(key) or (evidence, summary)

    def close(self) -> None:
        if "_database" in self.__dict__:
            self._database.close()


def _turn_to_wal(database: sqlite3.Connection) -> None:
    # Where several processes open a new file at once, SQLite refuses all but one of them without waiting.
    deadline = monotonic() + _BUSY_S
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.005)


class GoalReader:
    """Reads pages for goals. One for a whole run; rollouts share it."""

    def __init__(self, model: SummaryModel | None = None, store: SummaryStore | None = None) -> None:
        self._model, self._store = model, store or SummaryStore()
        self._under_way: dict[str, asyncio.Task[tuple[str, str] | None]] = {}

    async def read(self, env: AsyncClient, page: str, goal: str) -> GoalRead:
        """Raises EnvError, and what the model raises. Where the model gives nothing that can be read, the page's own
        words stand in, and are not kept."""
        if self._model is not None:
            whole = await env.fetch(page, format="text", page_chars=PAGE_CHARS)
            made = await self._summary(self._model, whole, goal)
            if made is not None:
                return GoalRead(whole.doc_id, whole.url, *made, whole.delivery, self._model.name)
        found = await env.extract(page, goal)
        parts = [passage.text for passage in found.passages]
        summary = parts[0] if parts else ""
        return GoalRead(found.doc_id, found.url, "\n\n".join(parts), summary, found.delivery, "extract")

    async def _summary(self, model: SummaryModel, page: Page, goal: str) -> tuple[str, str] | None:
        digests = [_digest(part) for part in (page.title + "\0" + page.text, goal, model.name, PROMPT)]
        key = _digest("\0".join(digests))
        kept = self._store.get(key)
        if kept is not None:
            return kept
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._ask(model, page, goal, key))
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(task)  # a rollout that is cancelled leaves the others what they wait for

    async def _ask(self, model: SummaryModel, page: Page, goal: str, key: str) -> tuple[str, str] | None:
        text = page.text
        for _ in range(TRIES):
            read = _parsed(await model.reply(PROMPT.format(goal=goal, title=page.title, text=text)))
            if read is not None:
                return self._store.put(key, *read)
            text = text[: int(SHRINK * len(text))]
        return None


def _parsed(reply: str) -> tuple[str, str] | None:
    """(evidence, summary) of the object in a reply, whatever stands around it."""
    start, end = reply.find("{"), reply.rfind("}")
    try:
        value = json.loads(reply[start : end + 1])
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    evidence, summary = value.get("evidence"), value.get("summary")
    if not isinstance(evidence, str) or not isinstance(summary, str) or not (evidence.strip() or summary.strip()):
        return None
    return _tame(evidence), _tame(summary)


def _tame(text: str) -> str:
    """Half a surrogate pair cannot be kept as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
