"""Episodes, calls and gold answers in SQL: SQLite by default, PostgreSQL by URL; SQLAlchemy Core.

    about      the version of these tables, by part
    episodes   spec, state, result
    calls      one row a call, and one for the end, numbered within the episode: (episode_id, seq) is the key
    answers    gold; read by `gold`, for the answer call, and by nothing else

A row is acknowledged once its transaction is committed, so it outlives the process (`kill -9`). Rows that arrive while
a transaction is under way go together in the next one (`episode_writer.py`). What a worker keeps of an episode
(`episode_states.py`) is a cache: the database has the word.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from env_server.database import engine_of
from env_server.episode_states import MOST_BYTES, KeptStates
from env_server.episode_tables import (
    ONE_EPISODE,
    answers,
    calls,
    create_tables,
    delete_ended,
    delete_episodes,
    episodes,
    removed_of,
    rows_of,
)
from env_server.episode_writer import EpisodeWriter, Opening, Outcome, Waiting, catch_up, unavailable
from env_server.episodes import Episode, EpisodeState, Gold, Row, Spec
from env_server.threads import Threads

T = TypeVar("T")
W = TypeVar("W", Waiting, Opening)

logger = logging.getLogger(__name__)

_MOST_ROWS = 512
"""In one transaction."""


class EpisodeStore:
    """For one event loop. `url` is SQLAlchemy's, or a path of an SQLite file; opened by its first use.

    Every method raises EnvServerError: 503 `episodes_unavailable` where the database does not answer, 500
    `episodes_version` where it was written by another version.
    """

    def __init__(self, url: str | Path, *, most_bytes: int = MOST_BYTES) -> None:
        """`most_bytes` bounds what is kept in memory of open episodes."""
        self._url = url
        self.states = KeptStates(most_bytes)
        self._waiting: list[Waiting] = []
        self._opening: list[Opening] = []
        self._writing: asyncio.Task[None] | None = None

    @cached_property
    def _write_thread(self) -> Threads:
        return Threads(1)

    @cached_property
    def _read_thread(self) -> Threads:
        return Threads(1)

    @cached_property
    def _engine(self) -> sa.Engine:
        engine = engine_of(self._url)
        create_tables(engine)
        return engine

    @cached_property
    def _writer(self) -> EpisodeWriter:
        return EpisodeWriter(self._engine)

    async def open(self) -> None:
        """Connect now, and make the tables where there are none."""
        await self._write(lambda: self._engine)

    async def close(self) -> None:
        """Wait for what is being written and let go of the database."""
        if self._writing is not None:
            await self._writing
        if "_writer" in self.__dict__:
            self._writer.close_near()
        if "_engine" in self.__dict__:
            await self._write(self._engine.dispose)

    async def add(self, episode: Episode, gold: Gold | None) -> bool:
        """Keep a new episode. False where its id is taken, whatever by."""
        opening = Opening(episode, gold, asyncio.get_running_loop().create_future())
        self._opening.append(opening)
        self._start_writing()
        if not await opening.done:
            return False
        self.states.keep(EpisodeState(episode), is_newer=True)  # an id is free again once its episode is removed
        return True

    async def state(self, episode_id: str) -> EpisodeState | None:
        """What is known of an episode here; read from the database where nothing is, and where it is over."""
        kept = self.kept(episode_id)
        if kept is not None:
            return kept
        state = await self._read(lambda: self._load(episode_id))
        return None if state is None else self.states.keep(state)

    def kept(self, episode_id: str) -> EpisodeState | None:
        """What is known of an open episode in this worker."""
        return self.states.get(episode_id)

    async def refresh(self, state: EpisodeState) -> None:
        """Add the rows that other workers have written, or mark it as removed."""

        def work() -> None:
            with self._engine.connect() as connection:
                if removed_of(connection, [state.episode]):
                    state.is_removed = True
                else:
                    catch_up([state], connection)

        await self._write(work)

    def append(self, row: Row, state: EpisodeState) -> asyncio.Future[Outcome]:
        """Commit a row, together with all that wait; the future is done when it is on record."""
        waiting = Waiting(row, state, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._start_writing()
        return waiting.done

    async def gold(self, episode_id: str) -> Gold | None:
        """For the answer call alone."""

        def work() -> Gold | None:
            with self._engine.connect() as connection:
                found = connection.execute(
                    sa.select(answers.c.gold).where(answers.c.episode_id == episode_id)
                ).scalar_one_or_none()
            if found is None:
                return None
            answer, aliases, scorer = orjson.loads(found)
            return Gold(answer if isinstance(answer, str) else tuple(answer), tuple(aliases), scorer)

        return await self._read(work)

    async def rows(self, episode_id: str, *, after: int = 0, limit: int | None = None) -> list[Row]:
        """Rows of an episode in their order, behind number `after`."""

        def work() -> list[Row]:
            with self._engine.connect() as connection:
                return rows_of(connection, episode_id, after, limit)

        return await self._read(work)

    async def listing(
        self, *, state: str | None = None, task: str | None = None, after: str = "", limit: int = 100
    ) -> list[dict[str, Any]]:
        """Episodes by id: episode_id, snapshot, task, state, opened_at, ended_at, result (JSON or None)."""
        c = episodes.c
        wanted = sa.select(c.episode_id, c.snapshot, c.task, c.state, c.opened_at, c.ended_at, c.result)
        wanted = wanted.where(c.episode_id > after).order_by(c.episode_id).limit(limit)
        wanted = wanted if state is None else wanted.where(c.state == state)
        wanted = wanted if task is None else wanted.where(c.task == task)

        def work() -> list[dict[str, Any]]:
            with self._engine.connect() as connection:
                return [dict(row) for row in connection.execute(wanted).mappings()]

        return await self._read(work)

    async def idle(self, before: float, limit: int = 1000) -> list[str]:
        """Ids of open episodes without a row since that time."""
        recent = sa.exists().where(calls.c.episode_id == episodes.c.episode_id, calls.c.at >= before)
        wanted = sa.select(episodes.c.episode_id).where(
            episodes.c.state == "open", episodes.c.opened_at < before, sa.not_(recent)
        )

        def work() -> list[str]:
            with self._engine.connect() as connection:
                return list(connection.execute(wanted.limit(limit)).scalars())

        return await self._read(work)

    async def remove_ended(self, before: float, limit: int = 200) -> int:
        """Remove up to `limit` episodes that ended before that time, with calls and answers; how many those were."""
        return await self._remove(lambda connection: delete_ended(connection, before, limit))

    async def remove(self, episode_id: str) -> None:
        """Remove one episode, whatever its state."""

        def work(connection: sa.Connection) -> list[str]:
            delete_episodes(connection, [episode_id])
            return [episode_id]

        await self._remove(work)

    async def _remove(self, work: Callable[[sa.Connection], list[str]]) -> int:
        removed = await self._write(lambda: self._writer.remove(work))
        for episode_id in removed:
            self.states.drop(episode_id)
        return len(removed)

    async def run(self, work: Callable[[], T]) -> T:
        """Something slow that belongs to no search, such as scoring an answer."""
        return await self._read_thread.run(work)

    def _start_writing(self) -> None:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._opening or self._waiting:
                opening, self._opening = self._opening[:_MOST_ROWS], self._opening[_MOST_ROWS:]
                if opening:
                    await self._settle(opening, lambda batch: self._write(lambda: self._writer.open(batch)))
                batch, self._waiting = self._waiting[:_MOST_ROWS], self._waiting[_MOST_ROWS:]
                if batch:
                    await self._settle(batch, self._commit)
                    self._drop_ended(batch)
        finally:
            self._writing = None

    async def _commit(self, batch: list[Waiting]) -> list[Outcome]:
        # The writer is made in its thread, where it connects.
        outcomes = await self._writer.commit_near(batch) if "_writer" in self.__dict__ else None
        return await self._write(lambda: self._writer.commit(batch)) if outcomes is None else outcomes

    async def _settle(self, batch: list[W], commit: Callable[[list[W]], Awaitable[Sequence[Any]]]) -> None:
        """Commit a batch and tell those who wait for it; whoever has left is not told."""
        try:
            outcomes: Sequence[Any] = await commit(batch)
        except Exception as error:
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            return
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(outcome)

    def _drop_ended(self, batch: Sequence[Waiting]) -> None:
        for waiting in batch:
            if waiting.row.kind != "call" and waiting.row.seq:
                self.states.drop(waiting.row.episode_id)

    def _load(self, episode_id: str) -> EpisodeState | None:
        with self._engine.connect() as connection:
            found = connection.execute(ONE_EPISODE, {"id": episode_id}).one_or_none()
            if found is None:
                return None
            spec = Spec.model_validate_json(found.spec)
            state = EpisodeState(Episode(episode_id, found.snapshot, found.snapshot_id, spec, found.opened_at))
            catch_up([state], connection)
            return state

    async def _write(self, work: Callable[[], T]) -> T:
        return await self._write_thread.run(lambda: _told(work))

    async def _read(self, work: Callable[[], T]) -> T:
        if "_engine" not in self.__dict__:
            await self.open()  # in the writer's thread: two that open at once would make two engines
        return await self._read_thread.run(lambda: _told(work))


def _told(work: Callable[[], T]) -> T:
    """What the database says, as an answer: its own words may hold what was being written, so they stay here."""
    try:
        return work()
    except DBAPIError as error:
        # The statement without its parameters: among them may be a gold answer.
        state = getattr(error.orig, "sqlstate", getattr(error.orig, "sqlite_errorname", None))
        logger.error("the database of episodes failed: %s, %s", type(error.orig or error).__name__, state)
        raise unavailable() from None
