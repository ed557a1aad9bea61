"""Databases of episodes and recordings: SQLite by a path, PostgreSQL by its URL, through SQLAlchemy Core."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError

from env_server.errors import EnvServerError

_BUSY_MS = 30_000


def engine_of(url: str | Path) -> sa.Engine:
    """An engine for a path (SQLite) or a URL. Raises EnvServerError where it cannot be read or its driver is missing.

    It says nothing of parameters, in errors or in logs: among them are gold answers, pages and queries.
    """
    text = str(url)
    if "://" not in text:
        Path(text).parent.mkdir(parents=True, exist_ok=True)
        text = f"sqlite:///{text}"
    for short in ("postgres://", "postgresql://"):
        if text.startswith(short):
            text = "postgresql+psycopg://" + text.removeprefix(short)
    try:
        engine = sa.create_engine(text, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise EnvServerError(
            500,
            "no_driver",
            f"A database of this kind needs the package {error.name}.",
            "For PostgreSQL: pip install 'stillweb[postgres]'.",
        ) from error
    except ArgumentError as error:  # its words hold the URL, and that may hold a password
        raise EnvServerError(
            500, "bad_database", "The database's URL cannot be read.", "Write a path, or postgresql://USER@HOST/NAME."
        ) from error
    if engine.dialect.name == "sqlite":
        if engine.url.database in (None, "", ":memory:"):
            raise EnvServerError(500, "bad_database", "Workers cannot share a database in memory.", "Give a path.")
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def writer_of(engine: sa.Engine, *, in_transactions: bool = True) -> sa.Connection:
    """A connection to write with: `with writer.begin()`. On SQLite a transaction waits for its turn at its start.

    Not `in_transactions`, each statement is committed by itself.
    """
    level = {} if in_transactions else {"isolation_level": "AUTOCOMMIT"}
    return engine.execution_options(begins="BEGIN IMMEDIATE" if in_transactions else "", **level).connect()


def writing(engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
    """One transaction that writes: `with writing(engine) as connection`."""
    return engine.execution_options(begins="BEGIN IMMEDIATE").begin()


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says so, not where the driver guesses
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    _turn_to_wal(cursor)
    # What is committed survives the process. A power cut may take the last moments; PostgreSQL waits for the disk.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _turn_to_wal(cursor: sqlite3.Cursor) -> None:
    # Where several workers open a new file at once, SQLite refuses all but one of them without waiting: whoever turns a
    # file to WAL has read it before, and two such readers would wait for each other.
    deadline = monotonic() + _BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.005)


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes then would be refused where another has written in between.
    begins = connection.get_execution_options().get("begins", "BEGIN")
    if begins:
        connection.exec_driver_sql(begins)
