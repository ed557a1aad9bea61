"""Rows of calls committed from the event loop itself: waking a thread, and the loop again, costs more than the row.

    SQLite       a batch at once, while nobody else writes. What may take long is the thread's: another's lock, and
                 checkpoints, which are not made here since the thread commits now and then
    PostgreSQL   one row, as a prepared statement over libpq; the loop goes on until the answer is there

Whatever does not go as it mostly does is `Unlucky`: then nothing is committed, and the thread has to see to it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol

import orjson
import sqlalchemy as sa

from env_server.database import writer_of
from env_server.episode_tables import LATER_OF_MANY, add_call_for, passed_on, values_of
from env_server.episodes import Episode, Row

_MOST_ROWS = 64
"""In one transaction on the loop, at some 8 us each."""
_BATCHES = 256
"""After so many it is the thread's turn. A row dirties about three pages, and a checkpoint is due after a thousand."""
_SLOW_S = 0.02
_SLOW_RUN = 3
"""A disk that holds up the loop for so long, so often running, is left to the thread for `_BATCHES` batches. Once may
have been the head of a log begun anew, the one thing here that waits for the disk."""

Admit = Callable[[Sequence[Row]], list[Row]]
"""The rows to insert, by what other workers have written."""


class Unlucky(Exception):
    """Nothing is committed, and nothing need be wrong: another worker was first, or is writing."""


class Lost(Exception):
    """The connection is gone, and nobody knows whether the row was committed."""


class Near(Protocol):
    """A connection for one event loop: opened in any thread, used where neither it nor the thread is at work."""

    catches_up: bool
    """Whether it can read first what other workers have written."""

    def takes(self, rows: int) -> bool:
        """Whether a batch of so many calls should come here."""

    async def commit(self, known: Mapping[str, int] | None, opened: Mapping[str, Episode], admit: Admit) -> None:
        """Commit what `admit` gives, all or nothing. `known`: the last known row of each episode, where what others
        have written behind them is to be read first, in the same transaction. Raises Unlucky or Lost."""

    def close(self) -> None: ...


def open_near(engine: sa.Engine) -> Near | None:
    """None for a driver that nobody has looked at."""
    writer = writer_of(engine, in_transactions=False)
    driver: Any = writer.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        return SqliteNear(writer, driver)
    if engine.dialect.driver == "psycopg":
        from env_server.episode_near_postgres import PostgresNear  # here: SQLite needs no driver of PostgreSQL

        return PostgresNear(writer, driver.pgconn)
    writer.close()
    return None


class SqliteNear:
    catches_up = True

    def __init__(self, writer: sa.Connection, driver: sqlite3.Connection) -> None:
        self._writer, self._driver = writer, driver
        driver.execute("PRAGMA busy_timeout=0")
        driver.execute("PRAGMA wal_autocheckpoint=0")
        self._add, order = add_call_for(writer.dialect)
        self._in_order = itemgetter(*order)
        self._later = str(LATER_OF_MANY["sqlite"].compile(dialect=writer.dialect))
        self._batches = 0
        self._rests_until = 0
        self._slow_run = 0

    def takes(self, rows: int) -> bool:
        self._batches += 1
        is_threads_turn = self._batches % _BATCHES == 0 or self._batches < self._rests_until
        return rows <= _MOST_ROWS and not is_threads_turn

    async def commit(self, known: Mapping[str, int] | None, opened: Mapping[str, Episode], admit: Admit) -> None:
        begun = time.perf_counter()
        try:
            self._commit(known, opened, admit)
        except sqlite3.Error as error:  # a lock, a key that is taken; of anything worse the thread says what it is
            raise Unlucky from error
        finally:
            self._slow_run = self._slow_run + 1 if time.perf_counter() - begun > _SLOW_S else 0
            if self._slow_run == _SLOW_RUN:
                self._rests_until, self._slow_run = self._batches + _BATCHES, 0

    def close(self) -> None:
        self._writer.close()

    def _commit(self, known: Mapping[str, int] | None, opened: Mapping[str, Episode], admit: Admit) -> None:
        execute = self._driver.execute
        if known is None:
            rows = admit([])
            if len(rows) == 1:  # a statement by itself is a transaction
                if execute(self._add, self._in_order(values_of(rows[0], opened))).rowcount != 1:
                    raise Unlucky
                return
        execute("BEGIN IMMEDIATE")
        try:
            if known is not None:
                rows = admit(passed_on(execute(self._later, (orjson.dumps(known).decode(),))))
            given = [self._in_order(values_of(row, opened)) for row in rows]
            if rows and self._driver.executemany(self._add, given).rowcount != len(rows):
                raise Unlucky  # an episode is not there any more
            execute("COMMIT")
        except BaseException:
            if self._driver.in_transaction:
                execute("ROLLBACK")
            raise
