"""The ledger in SQL, beside the episodes: SQLite or PostgreSQL, SQLAlchemy Core.

ledger         sums of stateless calls by run, dialect and tool; several workers add to the same rows
ledger_pages   which pages a run has opened, for how many they are
calls          those of episodes, one row each (`episode_tables.py`): read here, never written
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from env_server.database import engine_of, writing
from env_server.episode_tables import calls, create_tables
from env_server.errors import EnvServerError
from env_server.ledger.counts import CHARS_A_TOKEN, NAMES, Counts, Line, Read, summed
from env_server.ledger.tallies import Key
from env_server.threads import Threads

T = TypeVar("T")

VERSION = 2
_PART = "ledger"
_ID_CHARS = 17
"""A doc_id and the space behind it, as rows of calls have them."""
_MOST_ROWS = 5000

metadata = sa.MetaData()
ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("dialect", sa.Text, primary_key=True),
    sa.Column("tool", sa.Text, primary_key=True),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in NAMES),
)
ledger_pages = sa.Table(
    "ledger_pages",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("doc_id", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

_tokens = (calls.c.chars + (CHARS_A_TOKEN - 1)) // CHARS_A_TOKEN
_is_billed = calls.c.status.between(200, 399)
_OF_A_ROW: Mapping[str, sa.ColumnElement[int]] = {
    "calls": sa.literal(1),
    "items": calls.c["items"],
    "cached": calls.c.cached,
    "billed": sa.case((_is_billed, calls.c["items"]), else_=0),
    "bytes": calls.c.bytes,
    "tokens": _tokens,
    "billed_tokens": sa.case((_is_billed, _tokens), else_=0),
    "faults": sa.case((calls.c.fault != "", 1), else_=0),
    "pages": (sa.func.length(calls.c.opened) + 1) // _ID_CHARS,
    "missed": calls.c.missed,
}
"""What the row of an episode's call counts for."""
_names = (calls.c.run, calls.c.dialect, calls.c.tool)
_of_episodes = (
    sa.select(*_names, *(sa.func.sum(_OF_A_ROW[name]).label(name) for name in NAMES))
    .where(calls.c.kind == "call")
    .group_by(*_names)
)
_opened = sa.select(calls.c.run, calls.c.opened).where(calls.c.kind == "call", calls.c.opened != "").distinct()


class LedgerStore:
    """Opened by its first use. Every method raises EnvServerError: 503 `ledger_unavailable` where the database does not
    answer, 500 `ledger_version` where it was written by another version."""

    def __init__(self, url: str | Path, *, must_exist: bool = False) -> None:
        self._url = url
        self._must_exist = must_exist

    @cached_property
    def _threads(self) -> Threads:
        return Threads(1)

    @cached_property
    def _engine(self) -> sa.Engine:
        engine = engine_of(self._url)
        if self._must_exist and not sa.inspect(engine).has_table(ledger.name):
            name = engine.url.render_as_string(hide_password=True)
            raise EnvServerError(
                404, "no_ledger", f"{name} holds no ledger.", "Name that of `stillweb serve --database`."
            )
        create_tables(engine)  # its calls are read
        create_tables(engine, metadata, _PART, VERSION)
        return engine

    async def open(self) -> None:
        """Connect now, and make the tables where there are none."""
        await self._run(lambda: self._engine)

    async def close(self) -> None:
        if "_engine" in self.__dict__:
            await self._run(self._engine.dispose)

    async def add(self, sums: dict[Key, Counts], pages: dict[str, set[str]]) -> None:
        """Add to the rows that are there, all or nothing."""
        await self._run(lambda: self._add(sums, pages))

    async def read(self, run: str | None = None, episode: str | None = None) -> Read:
        """What is on record of all runs, of one, or of one episode."""
        return await self._run(lambda: self.read_now(run, episode))

    def _add(self, sums: dict[Key, Counts], pages: dict[str, set[str]]) -> None:
        with writing(self._engine) as connection:
            _add(connection, sums, pages)

    def read_now(self, run: str | None = None, episode: str | None = None) -> Read:
        """`read` in the caller's own thread."""
        of_episodes = _of_episodes
        opened = _opened
        counted = sa.select(calls.c.run, sa.func.count(calls.c.episode_id.distinct())).where(calls.c.kind == "call")
        if run is not None:
            of_episodes, opened, counted = (each.where(calls.c.run == run) for each in (of_episodes, opened, counted))
        if episode is not None:
            mine = calls.c.episode_id == episode
            of_episodes, opened, counted = (each.where(mine) for each in (of_episodes, opened, counted))
        lines: list[Line] = []
        pages: dict[str, set[str]] = {}
        with self._engine.connect() as connection:
            if episode is None:
                stateless = sa.select(ledger) if run is None else sa.select(ledger).where(ledger.c.run == run)
                lines += _lines(connection.execute(stateless))
                shown = sa.select(ledger_pages)
                for name, doc_id in connection.execute(
                    shown if run is None else shown.where(ledger_pages.c.run == run)
                ):
                    pages.setdefault(name, set()).add(doc_id)
            lines += _lines(connection.execute(of_episodes))
            for name, doc_ids in connection.execute(opened):
                pages.setdefault(name, set()).update(doc_ids.split())
            episodes = {name: int(count) for name, count in connection.execute(counted.group_by(calls.c.run))}
        return Read(tuple(summed(lines)), {name: len(doc_ids) for name, doc_ids in pages.items()}, episodes)

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._threads.run(lambda: _told(work))


def fold_episodes(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Add the calls of episodes to the sums of their runs: their rows are about to be removed. In a transaction."""
    if not sa.inspect(connection).has_table(ledger.name):
        return
    mine = calls.c.episode_id.in_(ids)
    lines = _lines(connection.execute(_of_episodes.where(mine)))
    pages: dict[str, set[str]] = {}
    for name, doc_ids in connection.execute(_opened.where(mine)):
        pages.setdefault(name, set()).update(doc_ids.split())
    if lines:
        _add(connection, {(line.run, line.dialect, line.tool): line.counts for line in lines}, pages)


def read_ledger(url: str | Path, run: str | None = None, episode: str | None = None) -> Read:
    """What a database has on record. Raises EnvServerError; a file that is not there is not made."""
    if "://" not in str(url) and not Path(url).is_file():
        raise EnvServerError(404, "no_database", f"{url} is no file.", "Name the --database of `stillweb serve`.")
    store = LedgerStore(url, must_exist=True)
    return _told(lambda: store.read_now(run, episode))


def _add(connection: sa.Connection, sums: Mapping[Key, Counts], pages: Mapping[str, set[str]]) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    adding = insert(ledger)
    adding = adding.on_conflict_do_update(
        index_elements=[ledger.c.run, ledger.c.dialect, ledger.c.tool],
        set_={name: ledger.c[name] + adding.excluded[name] for name in NAMES},
    )
    # Sorted: two workers that lock the same rows in two orders would lock each other out.
    rows = [
        {"run": run, "dialect": dialect, "tool": tool} | {name: getattr(counts, name) for name in NAMES}
        for (run, dialect, tool), counts in sorted(sums.items())
    ]
    connection.execute(adding, rows)
    opened = [{"run": run, "doc_id": doc_id} for run in sorted(pages) for doc_id in sorted(pages[run])]
    for first in range(0, len(opened), _MOST_ROWS):
        connection.execute(insert(ledger_pages).on_conflict_do_nothing(), opened[first : first + _MOST_ROWS])


def _lines(rows: Iterable[Any]) -> list[Line]:
    # PostgreSQL adds whole numbers up to decimals.
    return [
        Line(run, dialect, tool, Counts(**{name: int(value) for name, value in zip(NAMES, values, strict=True)}))
        for run, dialect, tool, *values in rows
    ]


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except DBAPIError as error:
        raise EnvServerError(
            503, "ledger_unavailable", f"The ledger's database does not answer ({type(error.orig or error).__name__}).",
            "Check its path or address, and retry.",
        ) from None  # fmt: skip
