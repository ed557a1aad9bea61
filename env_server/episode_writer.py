"""Rows of episodes on their way into the database: what the store's one writing thread does.

Optimistic first: rows are numbered by what this worker knows of their episodes. Where another worker has used a number
already, the key says so; then what is new is read, and every row of the batch asked again whether it still may come.
A row whose episode was removed meanwhile is refused with "again", whoever has the id by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from env_server.database import writer_of
from env_server.episode_tables import insert_episodes, insert_rows, later_rows, removed_of
from env_server.episodes import Episode, EpisodeState, Gold, Row
from env_server.errors import EnvServerError, Problem

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


class EpisodeWriter:
    """For one thread: that of the store which writes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._shared: dict[str, int] = {}
        """Episodes that another worker writes to, and for how many more batches to think so."""

    @cached_property
    def _connection(self) -> sa.Connection:
        """The writer's own, held open. Where the server has closed it, SQLAlchemy opens another."""
        return writer_of(self._engine)

    @cached_property
    def _statements(self) -> sa.Connection:
        """The same for single statements, each a transaction: one way to the database and back instead of three."""
        return writer_of(self._engine, in_transactions=False)

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
        # An episode may have left the cache and come back: then two states of it are about, and one of them counts.
        states: dict[str, EpisodeState] = {}
        for waiting in batch:
            states.setdefault(waiting.row.episode_id, waiting.state)
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

    def _try(
        self, batch: Sequence[Waiting], states: dict[str, EpisodeState], *, is_caught_up: bool
    ) -> list[Outcome] | None:
        """None where another worker was there first, or may have been; the states are then as they were."""
        outcomes: list[Outcome] = []
        rows: list[Row] = []

        def admit() -> None:
            for waiting in batch:
                row, state = waiting.row, states[waiting.row.episode_id]
                verdict = "again" if state.is_removed else state.admit(row)
                if verdict == "yes":
                    row.seq = state.seq + 1
                    state.apply(row)
                    rows.append(row)
                outcomes.append(row.seq if verdict == "yes" else verdict)

        try:
            if is_caught_up:
                with self._connection.begin():
                    before = {name: state.seq for name, state in states.items()}
                    catch_up(list(states.values()), self._connection)
                    self._note_shared(states, before)
                    admit()
                    self._insert(self._connection, rows, states)
                return outcomes
            admit()
            if len(rows) == len(batch):
                is_statement = len(rows) == 1 and rows[0].kind == "call"
                writer = self._statements if is_statement else self._connection
                with writer.begin():
                    self._insert(writer, rows, states)
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
                self._shared[name] = _SHARED_BATCHES
            elif name in self._shared:
                self._shared[name] -= 1
                if not self._shared[name]:
                    del self._shared[name]

    @staticmethod
    def _undo(rows: Sequence[Row], states: dict[str, EpisodeState]) -> None:
        for row in reversed(rows):
            states[row.episode_id].apply(row, -1)
