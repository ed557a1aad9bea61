"""PostgreSQL's side of `episode_near.py`: one prepared statement over libpq, whose answer the event loop waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import pq
from psycopg.pq.abc import PGconn

from env_server.episode_near import Admit, Lost, Unlucky
from env_server.episode_tables import add_call_for, values_of
from env_server.episodes import Episode

_NAME = b"stillweb_add_call"
_TAKEN = b"23505"
"""The state for a key that is there already."""

_Outcome = tuple[int, bytes]
"""How many rows were inserted, and the state (SQLSTATE) where that failed."""


class PostgresNear:
    catches_up = False

    def __init__(self, writer: sa.Connection, driver: PGconn) -> None:
        """`driver` is that of `writer`, which keeps it from others."""
        self._writer, self._driver = writer, driver
        dialect: Callable[..., sa.Dialect] = type(writer.dialect)
        statement, order = add_call_for(dialect(paramstyle="numeric_dollar"))
        self._in_order = itemgetter(*order)
        prepared = driver.prepare(_NAME, statement.encode())
        self._is_usable = prepared.status == pq.ExecStatus.COMMAND_OK
        driver.nonblocking = 1
        self._socket = driver.socket  # libpq forgets it where the server closes it
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Future[_Outcome] | None = None
        self._outcome: _Outcome = (0, b"")

    def takes(self, rows: int) -> bool:
        return rows == 1 and self._is_usable

    async def commit(self, known: Mapping[str, int] | None, opened: Mapping[str, Episode], admit: Admit) -> None:
        assert known is None
        [row] = admit([])
        inserted, state = await self._ask([_as_text(value) for value in self._in_order(values_of(row, opened))])
        if not inserted:
            # What is no question of luck is not tried again: a pool in between may keep no prepared statements.
            self._is_usable = state in (b"", _TAKEN)
            raise Unlucky

    def close(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._loop, self._is_usable = None, False
        self._writer.invalidate()  # not to be used by others: it is set not to block
        self._writer.close()

    async def _ask(self, given: Sequence[bytes | None]) -> _Outcome:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            try:
                loop.add_reader(self._socket, self._read)
            except NotImplementedError as error:  # Windows has an event loop that watches no sockets
                self._is_usable = False
                raise Unlucky from error
            self._loop = loop
        done: asyncio.Future[_Outcome] = loop.create_future()
        self._done = done
        try:
            self._driver.send_query_prepared(_NAME, given)
            self._flush()
        except psycopg.Error as error:
            self._lose(error)
        return await done

    def _flush(self) -> None:
        is_more = self._driver.flush()  # than the socket takes at once
        if is_more and self._loop is not None:
            self._loop.add_writer(self._socket, self._write)

    def _write(self) -> None:
        assert self._loop is not None
        self._loop.remove_writer(self._socket)
        try:
            self._flush()
        except psycopg.Error as error:
            self._lose(error)

    def _read(self) -> None:
        """A part of the answer has come, or the server leaves."""
        driver = self._driver
        try:
            driver.consume_input()
            while not driver.is_busy():
                result = driver.get_result()
                if result is None:  # all of it is there
                    self._tell()
                    return
                self._outcome = result.command_tuples or 0, result.error_field(pq.DiagnosticField.SQLSTATE) or b""
        except psycopg.Error as error:
            self._lose(error)

    def _tell(self) -> None:
        if self._driver.status != pq.ConnStatus.OK:
            self._lose(psycopg.OperationalError("the connection is closed"))
        elif self._done is not None:
            done, self._done = self._done, None
            if not done.done():
                done.set_result(self._outcome)

    def _lose(self, error: Exception) -> None:
        done, self._done = self._done, None
        self.close()
        if done is not None and not done.done():
            lost = Lost()
            lost.__cause__ = error
            done.set_exception(lost)


def _as_text(value: Any) -> bytes | None:
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else repr(value).encode()
