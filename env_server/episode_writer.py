"""Rows of episodes on their way into the database: what the store's one writing thread does, and the event loop in its
place where that goes without waiting (`episode_near.py`); never both at once.

Optimistic first: rows are numbered by what this worker knows of their episodes. Where another worker has used a number
already, the key says so; then what is new is read, and every row of the batch asked again whether it still may come.
A row whose episode was removed meanwhile is refused with "again", whoever has the id by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from env_server.database import writer_of
from env_server.episode_near import Lost, Near, Unlucky, open_near
from env_server.episode_tables import insert_episodes, insert_rows, later_rows, removed_of
from env_server.episodes import Episode, EpisodeState, Gold, Row
from env_server.errors import EnvServerError, Problem

logger = logging.getLogger(__name__)

Outcome = int | Literal["again"] | Problem
"""The number of a committed row; "again" where it was made of a state that is past; or why it may not be."""

_SHARED_BATCHES = 8
_TRIES = 50
"""Each failed try means that another worker has got on."""
_PASSING = ("40001", "40P01")
"""PostgreSQL's states of transactions that were only unlucky: serialization failure and deadlock."""


def unavailable() -> EnvServerError:
    """What is told where the database fails; its log has more."""
    return EnvServerError(
        503, "episodes_unavailable", "The database of episodes does not answer.", "Retry; the server's log has more."
    )


def catch_up(states: Sequence[EpisodeState], connection: sa.Connection) -> None:
    """Add the rows that are in the database and not yet in these states, each of another episode.

    Rows of an episode that has taken over the id of a removed one are not told apart here.
    """
    known = {state.episode.episode_id: state for state in states}
    for row in later_rows(connection, {name: state.seq for name, state in known.items()}):
        known[row.episode_id].apply(row)


def _passes(error: BaseException) -> bool:
    """Whether a transaction failed because of another one, and may be tried again."""
    if not isinstance(error, DBAPIError):
        return False
    # In a pipeline psycopg may tell of what came behind the row that failed, and not of the row.
    is_behind = type(error.orig).__name__ == "PipelineAborted"
    return isinstance(error, IntegrityError) or is_behind or getattr(error.orig, "sqlstate", None) in _PASSING


@dataclass(slots=True)
class Waiting:
    """A row to commit, and the state that it was made of."""

    row: Row
    state: EpisodeState
    done: asyncio.Future[Outcome]


@dataclass(slots=True)
class Opening:
    """An episode to keep; `done` tells whether its id was free."""

    episode: Episode
    gold: Gold | None
    done: asyncio.Future[bool]


class _Removed(Exception):
    """An episode of the batch is not there any more."""


def _states_of(batch: Sequence[Waiting]) -> dict[str, EpisodeState]:
    """By episode. One may have left the cache and come back: then two states of it are about, and one counts."""
    states: dict[str, EpisodeState] = {}
    for waiting in batch:
        states.setdefault(waiting.row.episode_id, waiting.state)
    return states


def _admit(
    batch: Sequence[Waiting], states: Mapping[str, EpisodeState], outcomes: list[Outcome], rows: list[Row]
) -> None:
    """Number the rows that may come and apply them: `outcomes` of all, `rows` those to insert."""
    for waiting in batch:
        row, state = waiting.row, states[waiting.row.episode_id]
        verdict = "again" if state.is_removed else state.admit(row)
        if verdict == "yes":
            row.seq = state.seq + 1
            state.apply(row)
            rows.append(row)
        outcomes.append(row.seq if verdict == "yes" else verdict)


class EpisodeWriter:
    """For the store's thread that writes; `commit_near` and `close_near` for its event loop, while the thread rests."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._near: Near | None = None
        self._is_near_open = False
        self._shared: dict[str, int] = {}
        """Episodes that another worker writes to, and for how many more batches to think so."""

    @cached_property
    def _connection(self) -> sa.Connection:
        """The writer's own, held open. Where the server has closed it, SQLAlchemy opens another."""
        return writer_of(self._engine)

    def open(self, batch: list[Opening]) -> list[bool]:
        """Whether each id was free. One transaction; where an id is taken, one for each."""
        try:
            with self._connection.begin():
                insert_episodes(self._connection, [(opening.episode, opening.gold) for opening in batch])
        except IntegrityError:
            return [False] if len(batch) == 1 else [self.open([opening])[0] for opening in batch]
        return [True] * len(batch)

    def remove(self, work: Callable[[sa.Connection], list[str]]) -> list[str]:
        """Ids of the episodes that `work` has removed, in one transaction."""
        with self._connection.begin():
            return work(self._connection)

    def commit(self, batch: list[Waiting]) -> list[Outcome]:
        """What became of each row. One transaction: optimistic first, then with what others have written.

        Raises a 503 where the others are always first.
        """
        if not self._is_near_open:
            self._is_near_open = True
            with suppress(DBAPIError):  # a database that gives no more connections: the thread's own will do
                self._near = open_near(self._engine)
        states = _states_of(batch)
        # Where another worker was a moment ago it mostly is still: a first try would fail, and cost as much again.
        is_shared = not self._shared.keys().isdisjoint(states)
        for number in range(_TRIES):
            try:
                outcomes = self._try(batch, states, is_caught_up=is_shared or number > 0)
            except _Removed:
                self._mark_removed(list(states.values()))
                continue
            if outcomes is not None:
                for name, state in states.items():
                    if state.state != "open":
                        self._shared.pop(name, None)
                return outcomes
        raise unavailable()

    async def commit_near(self, batch: list[Waiting]) -> list[Outcome] | None:
        """The same on the event loop. None where the thread has to do it; the states are then as they were.

        Raises a 503 where the connection breaks off in the middle.
        """
        near = self._near
        if near is None or not near.takes(len(batch)) or any(waiting.row.kind != "call" for waiting in batch):
            return None
        states = _states_of(batch)
        is_shared = not self._shared.keys().isdisjoint(states)
        if is_shared and not near.catches_up:
            return None
        outcomes: list[Outcome] = []
        rows: list[Row] = []
        known = {name: state.seq for name, state in states.items()} if is_shared else None

        def admit(later: Sequence[Row]) -> list[Row]:
            for row in later:
                states[row.episode_id].apply(row)
            if known is not None:
                self._note_shared(states, known)
            _admit(batch, states, outcomes, rows)
            if known is None and len(rows) < len(batch):
                raise Unlucky  # a refusal by a state that may be past
            return rows

        try:
            await near.commit(known, {name: state.episode for name, state in states.items()}, admit)
        except BaseException as error:
            self._undo(rows, states)
            if isinstance(error, Lost):
                logger.error("the database of episodes broke off: %s", type(error.__cause__).__name__)
                self._forget_connections()
                raise unavailable() from None
            if isinstance(error, Unlucky):
                return None
            raise
        return outcomes

    def close_near(self) -> None:
        """Let go of the event loop's connection."""
        if self._near is not None:
            self._near.close()
        self._near = None

    def _forget_connections(self) -> None:
        """They went the same way as the one that broke off. New ones are opened at the next row."""
        self._near, self._is_near_open = None, False
        if "_connection" in self.__dict__:
            self._connection.invalidate()

    def _try(
        self, batch: Sequence[Waiting], states: dict[str, EpisodeState], *, is_caught_up: bool
    ) -> list[Outcome] | None:
        """None where another worker was there first, or may have been; the states are then as they were."""
        outcomes: list[Outcome] = []
        rows: list[Row] = []
        try:
            if is_caught_up:
                with self._connection.begin():
                    before = {name: state.seq for name, state in states.items()}
                    catch_up(list(states.values()), self._connection)
                    self._note_shared(states, before)
                    _admit(batch, states, outcomes, rows)
                    self._insert(self._connection, rows, states)
                return outcomes
            _admit(batch, states, outcomes, rows)
            if len(rows) == len(batch):
                with self._connection.begin():
                    self._insert(self._connection, rows, states)
                return outcomes
        except BaseException as error:
            self._undo(rows, states)
            if _passes(error):
                return None
            raise
        self._undo(rows, states)  # a refusal by a state that may be past
        return None

    @staticmethod
    def _insert(writer: sa.Connection, rows: list[Row], states: Mapping[str, EpisodeState]) -> None:
        if not insert_rows(writer, rows, {row.episode_id: states[row.episode_id].episode for row in rows}):
            raise _Removed

    def _mark_removed(self, states: Sequence[EpisodeState]) -> None:
        with self._connection.begin():
            removed = removed_of(self._connection, [state.episode for state in states])
        for state in states:
            state.is_removed = state.episode.episode_id in removed

    def _note_shared(self, states: Mapping[str, EpisodeState], before: Mapping[str, int]) -> None:
        """Remember for some batches which episodes another worker writes to."""
        for name, state in states.items():
            if state.seq > before[name]:
                # The first time it may be that a client has come over from there; then there is one batch to see.
                self._shared[name] = _SHARED_BATCHES if name in self._shared else 1
            elif name in self._shared:
                self._shared[name] -= 1
                if not self._shared[name]:
                    del self._shared[name]

    @staticmethod
    def _undo(rows: Sequence[Row], states: dict[str, EpisodeState]) -> None:
        for row in reversed(rows):
            states[row.episode_id].apply(row, -1)
