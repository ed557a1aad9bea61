"""The ledger in SQL, on SQLite and on a real PostgreSQL: added to by several workers, and what a kill may take."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from env_server.cache import FinishedAnswer
from env_server.calls import Call
from env_server.database import engine_of
from env_server.episode_store import EpisodeStore
from env_server.episode_turns import Episodes, Turn
from env_server.episodes import Spec
from env_server.errors import EnvServerError
from env_server.ledger.charging import counts_of
from env_server.ledger.counts import Counts, Line
from env_server.ledger.store import LedgerStore, read_ledger
from env_server.ledger.tallies import RUN, Key, Ledger
from env_server.metrics import Metrics
from env_server.view import EMPTY_VIEW
from tests.env_server.test_determinism import running_server
from tests.ports import free_port


def page(number: int) -> FinishedAnswer:
    return FinishedAnswer(200, [], b"x" * 40, [], opened=number.to_bytes(8, "big"), tokens=10)


def count(ledger: Ledger, run: str, number: int) -> None:
    scope = {"stillweb": Call("web", EMPTY_VIEW), "path": "/v1/fetch", RUN: run.encode()}
    ledger.count(scope, "/v1/fetch", page(number), "miss")


async def test_workers_add_to_the_same_rows(url: str) -> None:
    ledgers = [Ledger(Metrics(), LedgerStore(url)) for _ in range(3)]

    async def work(place: int) -> None:
        for turn in range(20):
            for run in ("a", "b") if place % 2 else ("b", "a"):
                count(ledgers[place], run, place * 100 + turn % 5)
            await ledgers[place].flush()

    await asyncio.gather(*map(work, range(3)))
    for ledger in ledgers:
        read = await ledger.read()
        assert [(line.run, line.counts.calls, line.counts.tokens) for line in read.lines] == [
            ("a", 60, 600),
            ("b", 60, 600),
        ]
        assert read.pages == {"a": 15, "b": 15}
        await ledger.close()
    counts = Counts(60, 60, 0, 60, 2400, 600, 600, 0, 60, 0)
    assert read_ledger(url, "a").lines == (Line("a", "native", "fetch", counts),)


async def test_what_a_database_did_not_take_is_written_once_it_answers(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(Metrics(), LedgerStore(url))
    count(ledger, "a", 1)
    await ledger.flush()
    with engine_of(url).connect() as connection:
        connection.execute(sa.text("alter table ledger_pages rename to away"))
        connection.commit()
    for number in range(3):
        count(ledger, "a", number)
        await ledger.flush()  # the sums go with the pages or not at all
    assert caplog.messages == ["the ledger is not saved, and tried again: EnvServerError"] * 3
    assert ledger.store is not None
    with pytest.raises(EnvServerError) as refused:
        await ledger.store.read()
    assert refused.value.problem.code == "ledger_unavailable"
    with engine_of(url).connect() as connection:
        assert connection.execute(sa.text("select calls from ledger")).scalars().all() == [1]
        connection.execute(sa.text("alter table away rename to ledger_pages"))
        connection.commit()
    count(ledger, "b", 9)
    await ledger.close()
    read = read_ledger(url)
    assert {line.run: line.counts.calls for line in read.lines} == {"a": 4, "b": 1}
    assert read.pages == {"a": 3, "b": 1}


async def test_the_sums_of_episodes_are_those_of_their_rows(url: str) -> None:
    draw = random.Random(5)
    await LedgerStore(url).open()
    episodes = Episodes(EpisodeStore(url))
    expected: dict[tuple[str, str, str], Counts] = {}
    opened: dict[str, set[str]] = {}
    for name in ("e1", "e2"):
        await episodes.open(Spec(), None, snapshot="web", snapshot_id="s1", episode_id=name)
        for number in range(40):
            turn = await episodes.begin(name, b"%d" % number, draw.choice(["search", "fetch"]), snapshot_id="s1")
            assert isinstance(turn, Turn)
            pages = tuple(f"{draw.randrange(9):016x}" for _ in range(draw.choice([0, 0, 1, 3])))
            run, chars = draw.choice(["a", "b"]), draw.choice([0, 1, 4, 5, 2**33])
            await episodes.end(
                turn, draw.choice([0, 200, 304, 399, 400, 503]), "", chars, opened=pages, run=run,
                dialect=draw.choice(["native", "serper"]), is_cached=draw.random() < 0.5, body_bytes=chars + 7,
                missed=draw.choice([0, 2]), fault=draw.choice(["", "stale"]),
            )  # fmt: skip
            opened.setdefault(run, set()).update(pages)
    await episodes.close("e2")
    for name in ("e1", "e2"):
        for row in await episodes.store.rows(name):
            if row.kind == "call":
                expected.setdefault((row.run, row.dialect, row.tool), Counts()).add(counts_of(row))
    read = read_ledger(url)
    assert {(line.run, line.dialect, line.tool): line.counts for line in read.lines} == expected
    assert read.pages == {run: len(pages) for run, pages in opened.items()}
    assert read.episodes == {"a": 2, "b": 2}
    assert sum(line.counts.calls for line in read_ledger(url, episode="e1").lines) == 40
    await episodes.store.remove("e2")
    kept = read_ledger(url)
    assert (kept.lines, kept.pages) == (read.lines, read.pages)
    assert kept.episodes == {"a": 1, "b": 1}
    assert {line.run for line in read_ledger(url, "a").lines} == {"a"}


async def test_tables_of_another_version_are_refused(url: str) -> None:
    await LedgerStore(url).open()
    with engine_of(url).connect() as connection:
        connection.execute(sa.text("update about set version = 99 where part = 'ledger'"))
        connection.commit()
    with pytest.raises(EnvServerError) as refused:
        await LedgerStore(url).open()
    assert refused.value.problem.code == "ledger_version"


async def test_reading_makes_no_tables(url: str) -> None:
    await EpisodeStore(url).open()
    with pytest.raises(EnvServerError) as refused:
        read_ledger(url)
    assert refused.value.problem.code == "no_ledger"
    assert not sa.inspect(engine_of(url)).has_table("ledger")


async def test_a_failing_database_is_named_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ledger = Ledger(Metrics(), LedgerStore("postgresql://someone:hush@127.0.0.1:9/none"))
    count(ledger, "a", 1)
    await ledger.flush()
    with pytest.raises(EnvServerError) as refused:
        await ledger.read()
    assert "hush" not in caplog.text + str(refused.value.problem)
    assert (await Ledger(Metrics()).read()).lines == ()


def calls_of(url: str) -> int:
    return sum(line.counts.calls for line in read_ledger(url, "r").lines)


def ask(client: httpx.Client, number: int) -> None:
    body = {"query": f"harbour {number % 7}", "k": 1}
    assert client.post("/v1/search", json=body, headers={"X-Stillweb-Run": "r"}).status_code == 200


@pytest.mark.slow
def test_two_workers_of_a_server_add_up_and_its_end_loses_nothing(tiny_path: Path, url: str) -> None:
    with running_server(tiny_path, database=url, workers="2") as server:
        for number in range(60):
            with httpx.Client(base_url=server, timeout=30) as client:  # a connection each: both workers get some
                ask(client, number)
    assert calls_of(url) == 60


@contextmanager
def started(snapshot: Path, database: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = str(free_port())
    command = [sys.executable, "-m", "stillweb", "serve", str(snapshot), "--port", port, "--database", database]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def test_what_was_counted_is_saved_a_second_later() -> None:
    """By a loop's own clock, which the test puts forward."""

    class Loop(asyncio.SelectorEventLoop):
        now_s = 0.0

        def time(self) -> float:
            return self.now_s

    class Kept(LedgerStore):
        calls = 0

        async def add(self, sums: dict[Key, Counts], pages: dict[str, set[str]]) -> None:
            self.calls += sum(counts.calls for counts in sums.values())

    async def turns() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def main() -> list[int]:
        kept = Kept("")
        ledger = Ledger(Metrics(), kept)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        watching = asyncio.create_task(ledger.watch())
        saved = []
        for moment_s in (0.0, 0.9, 1.0, 1.9, 2.0):
            loop.now_s = moment_s
            await turns()
            saved.append(kept.calls)
            count(ledger, "a", 1)
        watching.cancel()
        return saved

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(main()) == [0, 0, 2, 2, 4]


@pytest.mark.slow
def test_kill_9_takes_nothing_that_was_saved(tiny_path: Path, url: str) -> None:
    """And all is saved within a second (above), while the machine gives the server its turn."""
    with started(tiny_path, url) as (server, process), httpx.Client(base_url=server, timeout=30) as client:
        waited = time.monotonic()
        while True:
            try:
                if client.get("/ready").status_code == 200:
                    break
            except httpx.HTTPError:
                assert process.poll() is None
                assert time.monotonic() - waited < 60
            time.sleep(0.05)
        for number in range(50):
            ask(client, number)
        asked = time.monotonic()
        while calls_of(url) < 50:
            assert time.monotonic() - asked < 60
            time.sleep(0.1)
        for number in range(50, 70):
            ask(client, number)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert 50 <= calls_of(url) <= 70
