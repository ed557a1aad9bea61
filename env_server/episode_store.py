"""Episodes, calls and gold answers in SQL: SQLite by default, PostgreSQL by URL; SQLAlchemy Core.

    about      the version of these tables, by part
    episodes   spec, state, result
    calls      one row a call, and one for the end, numbered within the episode: (episode_id, seq) is the key
    answers    gold; read by `gold`, for the answer call, and by nothing else

A row is acknowledged once its transaction is committed, so it outlives the process (`kill -9`). Rows that arrive while
a transaction is under way go together in the next one. What a worker keeps of an episode (`EpisodeState`) is a cache:
it numbers the rows, and where another worker has used a number already, the key says so; then what is new is read, and
every row of the batch asked once more whether it still may come.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from env_server.database import engine_of, writer_of
from env_server.episode_tables import (
    ONE_EPISODE,
    answers,
    calls,
    create_tables,
    delete_ended,
    delete_episodes,
    episodes,
    insert_episodes,
    insert_rows,
    later_rows,
)
from env_server.episodes import Episode, EpisodeState, Gold, Row, Spec
from env_server.errors import EnvServerError, Problem
from env_server.threads import Threads

T = TypeVar("T")
Outcome = int | Literal["again"] | Problem
"""The number of a committed row; "again" where it was made of a state that is past; or why it may not be."""

logger = logging.getLogger(__name__)

_KEPT_STATES = 20_000
_MOST_ROWS = 512
_SHARED_BATCHES = 8
_TRIES = 50
"""Each failed try means that another worker has got on."""
_PASSING = ("40001", "40P01")
"""PostgreSQL's states of transactions that were only unlucky: serialization failure and deadlock."""


@dataclass(slots=True)
class _Waiting:
    row: Row
    state: EpisodeState
    done: asyncio.Future[Outcome]


@dataclass(slots=True)
class _Opening:
    episode: Episode
    gold: Gold | None
    done: asyncio.Future[bool]


W = TypeVar("W", _Waiting, _Opening)


class EpisodeStore:
    """For one event loop. `url` is SQLAlchemy's, or a path of an SQLite file; opened by its first use.

    Every method raises EnvServerError: 503 `episodes_unavailable` where the database does not answer, 500
    `episodes_version` where it was written by another version.
    """

    def __init__(self, url: str | Path) -> None:
        self._url = url
        self._states: OrderedDict[str, EpisodeState] = OrderedDict()
        self._waiting: list[_Waiting] = []
        self._opening: list[_Opening] = []
        self._writing: asyncio.Task[None] | None = None
        self._shared: dict[str, int] = {}
        """Of the writer's thread: episodes that another worker writes to, and for how many more batches to think so."""

    @cached_property
    def _writer(self) -> Threads:
        return Threads(1)

    @cached_property
    def _reader(self) -> Threads:
        return Threads(1)

    @cached_property
    def _engine(self) -> sa.Engine:
        engine = engine_of(self._url)
        create_tables(engine)
        return engine

    @cached_property
    def _connection(self) -> sa.Connection:
        """The writer's own, held open. Where the server has closed it, SQLAlchemy opens another."""
        return writer_of(self._engine)

    @cached_property
    def _statements(self) -> sa.Connection:
        """The same for single statements, each a transaction: one way to the database and back instead of three."""
        return writer_of(self._engine, in_transactions=False)

    async def open(self) -> None:
        """Connect now, and make the tables where there are none."""
        await self._write(lambda: self._engine)

    async def close(self) -> None:
        """Wait for what is being written and let go of the database."""
        if self._writing is not None:
            await self._writing
        if "_engine" in self.__dict__:
            await self._write(self._engine.dispose)

    async def add(self, episode: Episode, gold: Gold | None) -> bool:
        """Keep a new episode. False where its id is taken, whatever by."""
        opening = _Opening(episode, gold, asyncio.get_running_loop().create_future())
        self._opening.append(opening)
        self._start_writing()
        if not await opening.done:
            return False
        self._keep(EpisodeState(episode), is_newer=True)  # an id is free again once its episode is removed
        return True

    async def state(self, episode_id: str) -> EpisodeState | None:
        """What is known of an episode here; read from the database where nothing is."""
        kept = self.kept(episode_id)
        if kept is not None and kept.state == "open":
            return kept
        # One that is over may be removed since, here or by another worker, and its id have been taken anew.
        state = await self._read(lambda: self._load(episode_id))
        if state is None:
            self._states.pop(episode_id, None)
            return None
        return self._keep(state, is_newer=kept is not None)

    def kept(self, episode_id: str) -> EpisodeState | None:
        """What is known of an episode in this worker."""
        state = self._states.get(episode_id)
        if state is not None:
            self._states.move_to_end(episode_id)
        return state

    async def refresh(self, state: EpisodeState) -> None:
        """Add the rows that other workers have written."""
        await self._write(lambda: self._catch_up([state]))

    def append(self, row: Row, state: EpisodeState) -> asyncio.Future[Outcome]:
        """Commit a row, together with all that wait; the future is done when it is on record."""
        waiting = _Waiting(row, state, asyncio.get_running_loop().create_future())
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
                return later_rows(connection, {episode_id: after}, limit)

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
        def transaction() -> list[str]:
            with self._connection.begin():
                return work(self._connection)

        removed = await self._write(transaction)
        for episode_id in removed:
            self._states.pop(episode_id, None)
        return len(removed)

    async def run(self, work: Callable[[], T]) -> T:
        """Something slow that belongs to no search, such as scoring an answer."""
        return await self._reader.run(work)

    def _keep(self, state: EpisodeState, *, is_newer: bool = False) -> EpisodeState:
        if is_newer:
            self._states.pop(state.episode.episode_id, None)
        kept = self._states.setdefault(state.episode.episode_id, state)
        if len(self._states) > _KEPT_STATES:
            self._states.popitem(last=False)
        return kept

    def _start_writing(self) -> None:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._opening or self._waiting:
                opening, self._opening = self._opening[:_MOST_ROWS], self._opening[_MOST_ROWS:]
                if opening:
                    await self._settle(opening, self._commit_openings)
                batch, self._waiting = self._waiting[:_MOST_ROWS], self._waiting[_MOST_ROWS:]
                if batch:
                    await self._settle(batch, self._commit)
        finally:
            self._writing = None

    async def _settle(self, batch: list[W], commit: Callable[[list[W]], Sequence[Any]]) -> None:
        """Commit a batch and tell those who wait for it; whoever has left is not told."""
        try:
            outcomes: Sequence[Any] = await self._write(lambda: commit(batch))
        except Exception as error:
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            return
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(outcome)

    def _commit_openings(self, batch: list[_Opening]) -> list[bool]:
        """One transaction; where an id is taken, one for each."""
        try:
            with self._connection.begin():
                insert_episodes(self._connection, [(opening.episode, opening.gold) for opening in batch])
        except IntegrityError:
            return [False] if len(batch) == 1 else [self._commit_openings([opening])[0] for opening in batch]
        return [True] * len(batch)

    def _commit(self, batch: list[_Waiting]) -> list[Outcome]:
        """One transaction. Optimistic first; then, where a number was taken, with what others have written."""
        # An episode may have left the cache and come back: then two states of it are about, and one of them counts.
        states: dict[str, EpisodeState] = {}
        for waiting in batch:
            states.setdefault(waiting.row.episode_id, waiting.state)
        # Where another worker was a moment ago it mostly is still: a first try would fail, and cost as much again.
        is_shared = not self._shared.keys().isdisjoint(states)
        outcomes = self._try(batch, states, is_caught_up=is_shared)
        for _ in range(_TRIES):
            if outcomes is not None:
                return outcomes
            outcomes = self._try(batch, states, is_caught_up=True)
        raise _unavailable()

    def _try(
        self, batch: Sequence[_Waiting], states: dict[str, EpisodeState], *, is_caught_up: bool
    ) -> list[Outcome] | None:
        """None where another worker was there first, or may have been; the states are then as they were."""
        outcomes: list[Outcome] = []
        rows: list[Row] = []

        def admit() -> None:
            for waiting in batch:
                row, state = waiting.row, states[waiting.row.episode_id]
                verdict = state.admit(row)
                if verdict == "yes":
                    row.seq = state.seq + 1
                    state.apply(row)
                    rows.append(row)
                outcomes.append(row.seq if verdict == "yes" else verdict)

        try:
            if is_caught_up:
                with self._connection.begin():
                    before = {name: state.seq for name, state in states.items()}
                    self._catch_up(list(states.values()), self._connection)
                    self._note_shared(states, before)
                    admit()
                    insert_rows(self._connection, rows)
                return outcomes
            admit()
            if len(rows) == len(batch):
                is_statement = len(rows) == 1 and rows[0].kind == "call"
                writer = self._statements if is_statement else self._connection
                with writer.begin():
                    insert_rows(writer, rows)
                return outcomes
        except BaseException as error:
            self._undo(rows, states)
            if _passes(error):
                return None
            raise
        self._undo(rows, states)  # a refusal by a state that may be past
        return None

    def _note_shared(self, states: Mapping[str, EpisodeState], before: Mapping[str, int]) -> None:
        """Remember for some batches which episodes another worker writes to."""
        for name, state in states.items():
            if state.seq > before[name]:
                self._shared[name] = _SHARED_BATCHES
            elif name in self._shared:
                self._shared[name] -= 1
                if not self._shared[name]:
                    del self._shared[name]

    @staticmethod
    def _undo(rows: Sequence[Row], states: dict[str, EpisodeState]) -> None:
        for row in reversed(rows):
            states[row.episode_id].apply(row, -1)

    def _catch_up(self, states: Sequence[EpisodeState], connection: sa.Connection | None = None) -> None:
        if connection is None:
            with self._engine.connect() as connection:
                self._catch_up(states, connection)
            return
        known = {state.episode.episode_id: state for state in states}
        for row in later_rows(connection, {name: state.seq for name, state in known.items()}):
            known[row.episode_id].apply(row)

    def _load(self, episode_id: str) -> EpisodeState | None:
        with self._engine.connect() as connection:
            found = connection.execute(ONE_EPISODE, {"id": episode_id}).one_or_none()
            if found is None:
                return None
            spec = Spec.model_validate_json(found.spec)
            state = EpisodeState(Episode(episode_id, found.snapshot, found.snapshot_id, spec, found.opened_at))
            self._catch_up([state], connection)
            return state

    async def _write(self, work: Callable[[], T]) -> T:
        return await self._writer.run(lambda: _told(work))

    async def _read(self, work: Callable[[], T]) -> T:
        if "_engine" not in self.__dict__:
            await self.open()  # in the writer's thread: two that open at once would make two engines
        return await self._reader.run(lambda: _told(work))


def _passes(error: BaseException) -> bool:
    """Whether a transaction failed because of another one, and may be tried again."""
    if not isinstance(error, DBAPIError):
        return False
    # In a pipeline psycopg may tell of what came behind the row that failed, and not of the row.
    is_behind = type(error.orig).__name__ == "PipelineAborted"
    return isinstance(error, IntegrityError) or is_behind or getattr(error.orig, "sqlstate", None) in _PASSING


def _told(work: Callable[[], T]) -> T:
    """What the database says, as an answer: its own words may hold what was being written, so they stay here."""
    try:
        return work()
    except DBAPIError as error:
        # The statement without its parameters: among them may be a gold answer.
        state = getattr(error.orig, "sqlstate", None)
        logger.error("the database of episodes failed: %s, %s", type(error.orig or error).__name__, state)
        raise _unavailable() from None


def _unavailable() -> EnvServerError:
    return EnvServerError(
        503, "episodes_unavailable", "The database of episodes does not answer.", "Retry; the server's log has more."
    )
