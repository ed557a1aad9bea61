"""The tables of episodes, and what is read from them and written to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from env_server.database import writer_of
from env_server.episodes import Episode, Gold, Row
from env_server.errors import EnvServerError

VERSION = 3
_PART = "episodes"
_LOCK = 0x57111EB
"""Of PostgreSQL's advisory lock, while tables are made: two workers begin at once."""

metadata = sa.MetaData()
about = sa.Table(
    "about",
    metadata,
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)
episodes = sa.Table(
    "episodes",
    metadata,
    sa.Column("episode_id", sa.Text, primary_key=True),
    sa.Column("snapshot", sa.Text, nullable=False),
    sa.Column("snapshot_id", sa.Text, nullable=False),
    sa.Column("task", sa.Text),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("opened_at", sa.Double, nullable=False),
    sa.Column("ended_at", sa.Double),
    sa.Column("result", sa.Text),
    sa.Index("episodes_by_state", "state", "opened_at"),
)
calls = sa.Table(
    "calls",
    metadata,
    # No foreign key: PostgreSQL would lock the episode's row behind that of the call, and two workers each other out.
    sa.Column("episode_id", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("observation", sa.Text, nullable=False),
    sa.Column("chars", sa.BigInteger, nullable=False),
    sa.Column("micro_usd", sa.BigInteger, nullable=False),
    sa.Column("fault", sa.Text, nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
    sa.Column("opened", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Column("ranks", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("dialect", sa.Text, nullable=False),
    sa.Column("cached", sa.Integer, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("missed", sa.Integer, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("episode_id", sa.Text, primary_key=True),
    sa.Column("gold", sa.Text, nullable=False),
)

# Only to the episode that it was made for: its id may be another one's by now, at another worker.
_there = sa.exists().where(
    episodes.c.episode_id == sa.bindparam("episode_id", type_=sa.Text),
    episodes.c.opened_at == sa.bindparam("opened_at", type_=sa.Double),
)
_add_call = calls.insert().from_select(
    list(calls.c), sa.select(*(sa.bindparam(column.name, type_=column.type) for column in calls.c)).where(_there)
)
_opened = sa.select(episodes.c.episode_id, episodes.c.opened_at)
_later = (
    sa.select(calls)
    .where(calls.c.episode_id == sa.bindparam("id"), calls.c.seq > sa.bindparam("seq"))
    .order_by(calls.c.seq)
)
_known = (
    sa.func.unnest(sa.bindparam("ids", type_=ARRAY(sa.Text)), sa.bindparam("seqs", type_=ARRAY(sa.Integer)))
    .table_valued(sa.column("id", sa.Text), sa.column("seq", sa.Integer), name="known")
    .render_derived()
)
_known_json = (
    sa.func.json_each(sa.bindparam("known", type_=sa.Text))
    .table_valued(sa.column("key"), sa.column("value"))
    .alias("known")
)
_PASSED_ON = [
    calls.c[name] for name in ("episode_id", "kind", "at", "tool", "request", "chars", "micro_usd", "result", "items")
]
"""What of a row changes the state of its episode."""


def _later_of_many(known: Any, name: sa.ColumnElement[str], seq: sa.ColumnElement[int]) -> sa.Select[Any]:
    return (
        sa.select(*_PASSED_ON)
        .join(known, sa.and_(calls.c.episode_id == name, calls.c.seq > seq))
        .order_by(calls.c.episode_id, calls.c.seq)
    )


LATER_OF_MANY = {
    "postgresql": _later_of_many(_known, _known.c.id, _known.c.seq),
    "sqlite": _later_of_many(_known_json, _known_json.c.key, _known_json.c.value),
}
"""Rows behind the last known one of each episode, by dialect. `known` of SQLite is JSON: {"ID": SEQ}."""
ONE_EPISODE = sa.select(episodes).where(episodes.c.episode_id == sa.bindparam("id"))
_end = (
    episodes.update()
    .where(episodes.c.episode_id == sa.bindparam("id"))
    .values(state=sa.bindparam("to"), ended_at=sa.bindparam("at"), result=sa.bindparam("with"))
)


def create_tables(engine: sa.Engine, tables: sa.MetaData = metadata, part: str = _PART, version: int = VERSION) -> None:
    """Make what is not there, and refuse tables of another version."""
    with writer_of(engine) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        about.create(connection, checkfirst=True)
        tables.create_all(connection)
        found = connection.execute(sa.select(about.c.version).where(about.c.part == part)).scalar_one_or_none()
        if found is None:
            connection.execute(about.insert(), {"part": part, "version": version})
        elif found != version:
            name = engine.url.render_as_string(hide_password=True)
            raise EnvServerError(
                500,
                f"{part}_version",
                f"{name} holds {part} of version {found}; this Stillweb writes version {version}.",
                "Serve them with the Stillweb that wrote them, or name another database.",
            )


def insert_episodes(connection: sa.Connection, opened: Sequence[tuple[Episode, Gold | None]]) -> None:
    rows = [
        {
            "episode_id": episode.episode_id,
            "snapshot": episode.snapshot,
            "snapshot_id": episode.snapshot_id,
            "task": episode.spec.task,
            "spec": episode.spec.model_dump_json(),
            "state": "open",
            "opened_at": episode.opened_at,
        }
        for episode, _ in opened
    ]
    connection.execute(episodes.insert(), rows)
    golds = [
        {"episode_id": episode.episode_id, "gold": orjson.dumps([gold.answer, gold.aliases, gold.scorer]).decode()}
        for episode, gold in opened
        if gold is not None
    ]
    if golds:
        connection.execute(answers.insert(), golds)


_over = (
    sa.select(episodes.c.episode_id)
    .where(episodes.c.state != "open", episodes.c.ended_at < sa.bindparam("before"))
    .order_by(episodes.c.ended_at, episodes.c.episode_id)
)


def delete_ended(connection: sa.Connection, before: float, limit: int) -> list[str]:
    """Remove up to `limit` of the episodes that ended before a time, the oldest first, with calls and answers."""
    ids = list(connection.execute(_over.limit(limit), {"before": before}).scalars())
    delete_episodes(connection, ids)
    return ids


def delete_episodes(connection: sa.Connection, ids: Sequence[str]) -> None:
    from env_server.ledger.store import fold_episodes  # here: it reads the table of calls above

    fold_episodes(connection, ids)
    for table in (calls, answers, episodes):
        connection.execute(table.delete().where(table.c.episode_id.in_(ids)))


def insert_rows(connection: sa.Connection, rows: list[Row], opened: Mapping[str, Episode]) -> bool:
    """Add rows to the episodes that `opened` gives by their ids. False where one is not there any more: then some rows
    may be added and others not, and who asked takes them back."""
    if not rows:
        return True
    # By episode: two workers whose rows meet wait for each other in one order, and so not for ever.
    rows = sorted(rows, key=lambda row: (row.episode_id, row.seq))
    values = [values_of(row, opened) for row in rows]
    statement, order = add_call_for(connection.dialect)
    given = [tuple(map(row.__getitem__, order)) for row in values] if order else values
    # Past what SQLAlchemy does for each execution, which costs a call in an episode 30 microseconds.
    done = connection.exec_driver_sql(statement, given if len(given) > 1 else given[0])
    if done.rowcount != len(rows):
        return False
    ends = [row for row in rows if row.kind != "call"]
    if ends:
        connection.execute(
            _end, [{"id": row.episode_id, "to": row.kind, "at": row.at, "with": row.result} for row in ends]
        )
    return True


@cache
def add_call_for(dialect: sa.Dialect) -> tuple[str, tuple[str, ...]]:
    """The statement that adds a row as the driver takes it, and the order of its parameters where it goes by order."""
    compiled = _add_call.compile(dialect=dialect)
    return str(compiled), tuple(compiled.positiontup or ())


def removed_of(connection: sa.Connection, opened: Sequence[Episode]) -> set[str]:
    """Ids of those episodes that are not there any more, whether or not another one has the id."""
    ids = [episode.episode_id for episode in opened]
    found = {row.episode_id: row.opened_at for row in connection.execute(_opened.where(episodes.c.episode_id.in_(ids)))}
    return {episode.episode_id for episode in opened if found.get(episode.episode_id) != episode.opened_at}


def values_of(row: Row, opened: Mapping[str, Episode]) -> dict[str, Any]:
    """The parameters of `add_call_for`; `opened` gives the row's episode."""
    return {
        "opened_at": opened[row.episode_id].opened_at,
        "episode_id": row.episode_id,
        "seq": row.seq,
        "kind": row.kind,
        "at": row.at,
        "tool": row.tool,
        "request": row.request,
        "attempt": row.attempt,
        "status": row.status,
        "observation": row.observation,
        "chars": row.chars,
        "micro_usd": row.micro_usd,
        "fault": row.fault,
        "seen": " ".join(row.seen),
        "opened": " ".join(row.opened),
        "result": row.result,
        "ranks": row.ranks,
        "run": row.run,
        "dialect": row.dialect,
        "cached": row.cached,
        "bytes": row.bytes,
        "missed": row.missed,
        "items": row.items,
    }


def rows_of(connection: sa.Connection, episode_id: str, after: int, limit: int | None = None) -> list[Row]:
    """Rows of an episode behind number `after`, in their order."""
    wanted = _later if limit is None else _later.limit(limit)
    return [_row(each) for each in connection.execute(wanted, {"id": episode_id, "seq": after}).all()]


def later_rows(connection: sa.Connection, known: Mapping[str, int]) -> list[Row]:
    """What is behind the last known row of each episode, in the order of each: rows as `passed_on` has them."""
    # One way there and back for all of them.
    if connection.dialect.name == "postgresql":
        given: dict[str, Any] = {"ids": list(known), "seqs": list(known.values())}
    else:
        given = {"known": orjson.dumps(known).decode()}
    return passed_on(connection.execute(LATER_OF_MANY[connection.dialect.name], given))


def passed_on(found: Iterable[Sequence[Any]]) -> list[Row]:
    """Rows with what changes the state of their episode, and nothing else."""
    return [
        Row(name, kind, at, tool, request, chars=chars, micro_usd=micro_usd, result=result, items=items)
        for name, kind, at, tool, request, chars, micro_usd, result, items in found
    ]


def _row(found: Any) -> Row:
    values = dict(found._mapping)
    values["seen"], values["opened"] = tuple(values["seen"].split()), tuple(values["opened"].split())
    return Row(**values)
