"""The store of episodes, on SQLite and on a real PostgreSQL: numbers, budgets and attempts are right whichever worker a
call comes to, and what was acknowledged stays."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from env_server.database import engine_of
from env_server.episode_reward import Pages, Reward
from env_server.episode_store import EpisodeStore
from env_server.episode_turns import Episodes, Turn
from env_server.episodes import Budget, Gold, Row, Spec
from env_server.errors import EnvServerError, Problem

SECRET = "the-true-answer-7f3a"
KILLS = int(os.environ.get("STILLWEB_KILLS", "3"))
"""Rounds in which two workers are killed; `make full` sets 20."""


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def opened(episodes: Episodes, episode_id: str = "e1", gold: Gold | None = None, **spec: object) -> None:
    await episodes.open(Spec(**spec), gold, snapshot="web", snapshot_id="s1", episode_id=episode_id)


async def begun(episodes: Episodes, request: str = "q", episode_id: str = "e1", **options: object) -> Turn:
    turn = await episodes.begin(episode_id, request.encode(), "search", snapshot_id="s1", **options)
    assert isinstance(turn, Turn), turn
    return turn


async def call(episodes: Episodes, request: str = "q", episode_id: str = "e1", tool: str = "search") -> int | Problem:
    """A whole call as the front makes it: its attempt, or why there was none."""
    while True:
        turn = await episodes.begin(episode_id, request.encode(), tool, snapshot_id="s1")
        if isinstance(turn, Problem):
            return turn
        done = await episodes.end(turn, 200, f"{turn.attempt:032x}", 10)
        if isinstance(done, Problem):
            return done
        if done != "again":
            return turn.attempt


def code(problem: object) -> str:
    assert isinstance(problem, Problem), problem
    return problem.code


async def test_calls_are_numbered_as_they_are_committed_and_kept_with_all_they_brought(url: str) -> None:
    episodes = Episodes(EpisodeStore(url))
    await opened(episodes, seed=7)
    one, other = await begun(episodes, "one"), await begun(episodes, "other")
    assert await episodes.end(other, 404, "b" * 32, 9, micro_usd=5000, fault="dead_page") == 1
    assert await episodes.end(one, 200, "a" * 32, 5001, seen=("0" * 16, "1" * 16), opened=("2" * 16,)) == 2
    rows = await EpisodeStore(url).rows("e1")
    assert [
        (r.seq, r.kind, r.tool, r.status, r.observation, r.chars, r.tokens, r.micro_usd, r.fault) for r in rows
    ] == [
        (1, "call", "search", 404, "b" * 32, 9, 3, 5000, "dead_page"),
        (2, "call", "search", 200, "a" * 32, 5001, 1251, 0, ""),
    ]
    assert (rows[1].seen, rows[1].opened) == (("0" * 16, "1" * 16), ("2" * 16,))
    assert [row.request for row in rows] == [other.request, one.request]


async def test_an_id_is_taken_once_and_a_right_guess_of_the_answer_changes_no_word_of_the_refusal(url: str) -> None:
    episodes = Episodes(EpisodeStore(url))
    await opened(episodes, gold=Gold(SECRET))
    told = []
    for guess in (Gold(SECRET), Gold("another"), None):
        with pytest.raises(EnvServerError) as refused:
            await opened(episodes, gold=guess)
        told.append(refused.value.problem)
    assert told[0] == told[1] == told[2]
    assert told[0].code == "episode_exists"


async def test_two_workers_count_the_attempts_of_one_request_without_a_gap_or_a_double(url: str) -> None:
    workers = [Episodes(EpisodeStore(url)) for _ in range(2)]
    await opened(workers[0])
    attempts = await asyncio.gather(*(call(workers[number % 2]) for number in range(24)))
    assert sorted(attempts, key=str) == sorted(range(1, 25), key=str)
    rows = await workers[0].store.rows("e1")
    assert [row.seq for row in rows] == list(range(1, 25))
    assert [row.attempt for row in rows] == list(range(1, 25))


async def test_two_workers_together_spend_a_budget_once(url: str) -> None:
    workers = [Episodes(EpisodeStore(url)) for _ in range(2)]
    await opened(workers[0], budget=Budget(calls=10))
    done = await asyncio.gather(*(call(workers[number % 2], f"q{number}") for number in range(30)))
    assert sum(isinstance(each, int) for each in done) == 10
    assert {code(each) for each in done if not isinstance(each, int)} == {"budget_exhausted"}
    assert len(await workers[0].store.rows("e1")) == 10


async def test_a_call_that_another_worker_has_overtaken_begins_again_with_the_next_attempt(url: str) -> None:
    first, second = Episodes(EpisodeStore(url)), Episodes(EpisodeStore(url))
    await opened(first)
    slow = await begun(first)
    assert await call(second) == 1
    assert slow.attempt == 1
    assert await first.end(slow, 200, "a" * 32, 10) == "again"
    assert await call(first) == 2
    assert [row.attempt for row in await first.store.rows("e1")] == [1, 2]


async def test_a_call_that_was_under_way_when_another_worker_took_the_answer_is_refused(url: str) -> None:
    first, second = Episodes(EpisodeStore(url)), Episodes(EpisodeStore(url))
    await opened(first, gold=Gold("Vienna"))
    turn = await begun(first)
    assert (await second.answer("e1", "Vienna")).reward == 1.0
    assert code(await first.end(turn, 200, "a" * 32, 10)) == "episode_over"
    assert code(await call(first)) == "episode_over"
    assert [row.kind for row in await first.store.rows("e1")] == ["answered"]


async def test_one_refused_call_takes_none_of_its_batch_along(url: str) -> None:
    episodes = Episodes(EpisodeStore(url))
    await opened(episodes, "full", budget=Budget(calls=1))
    await opened(episodes, "free")
    turns = [await begun(episodes, request, "full") for request in ("a", "b")]
    turns.append(await begun(episodes, "c", "free"))
    done = await asyncio.gather(*(episodes.end(turn, 200, "a" * 32, 1) for turn in turns))
    assert (done[0], code(done[1]), done[2]) == (1, "budget_exhausted", 1)


async def test_an_answer_is_taken_once_over_all_workers(url: str) -> None:
    workers = [Episodes(EpisodeStore(url)) for _ in range(2)]
    await opened(workers[0], gold=Gold("Vienna", ("Wien",)))
    texts = ["Wien", "Rome"]
    done = await asyncio.gather(
        *(worker.answer("e1", text) for worker, text in zip(workers, texts, strict=True)), return_exceptions=True
    )
    taken = [text for text, each in zip(texts, done, strict=True) if not isinstance(each, BaseException)]
    assert len(taken) == 1
    for worker in workers:  # a reply that was lost can be asked for again, at any worker
        assert (await worker.answer("e1", taken[0])).reward == (1.0 if taken == ["Wien"] else 0.0)
        with pytest.raises(EnvServerError) as refused:
            await worker.answer("e1", "Paris")
        assert refused.value.problem.code == "episode_over"


async def test_an_answer_is_scored_over_every_call_that_is_numbered_before_it(url: str) -> None:
    is_scoring, may_go_on, scored = threading.Event(), threading.Event(), list[int]()

    def score(answer: str, gold: Gold, spec: Spec, rows: Sequence[Row], pages: Pages | None) -> Reward:
        scored.append(len(rows))
        is_scoring.set()
        assert may_go_on.wait(20)
        return Reward(1.0, True, 1.0, "exact")

    episodes, other = Episodes(EpisodeStore(url), score=score), Episodes(EpisodeStore(url))
    await opened(episodes, gold=Gold("Vienna"))
    answering = asyncio.create_task(episodes.answer("e1", "Vienna"))
    await asyncio.to_thread(is_scoring.wait, 20)
    assert await call(other) == 1
    may_go_on.set()
    await answering
    assert scored == [0, 1]
    assert [row.kind for row in await other.store.rows("e1")] == ["call", "answered"]


async def test_episodes_survive_a_restart(url: str) -> None:
    before = Episodes(EpisodeStore(url))
    await opened(before, gold=Gold("Vienna"), seed=3, budget=Budget(tools={"search": 3}, tokens=1000))
    assert [await call(before, "q") for _ in range(2)] == [1, 2]
    await before.store.close()
    after = Episodes(EpisodeStore(url))
    assert (await after.find("e1")).episode == (await before.find("e1")).episode
    assert await call(after, "q") == 3
    assert code(await call(after, "q")) == "budget_exhausted"
    assert (await after.answer("e1", "Vienna")).correct


async def test_two_thousand_episodes_are_open_at_once_and_each_goes_on_also_after_a_restart(url: str) -> None:
    episodes = Episodes(EpisodeStore(url))
    ids = [f"e{number}" for number in range(2000)]
    await asyncio.gather(*(opened(episodes, each) for each in ids))
    for attempt in (1, 2):
        assert set(await asyncio.gather(*(call(episodes, "q", each) for each in ids))) == {attempt}
    assert len(await episodes.store.listing(state="open", limit=5000)) == 2000
    with engine_of(url).connect() as connection:
        assert connection.execute(sa.text("select count(*) from calls")).scalar() == 4000
    await episodes.store.close()
    restarted = Episodes(EpisodeStore(url))
    assert set(await asyncio.gather(*(call(restarted, "q", each) for each in ids))) == {3}


async def test_what_is_left_alone_expires_and_what_is_used_does_not(url: str) -> None:
    clock = Clock()
    first, second = (Episodes(EpisodeStore(url), max_idle_s=100, clock=clock) for _ in range(2))
    for each in ("left", "used", "asked"):
        await opened(first, each)
    clock.now += 99
    assert await call(second, "q", "used") == 1
    clock.now += 2
    assert code(await call(first, "q", "asked")) == "episode_expired"  # without waiting for anyone to come by
    assert await call(first, "q2", "used") == 1  # although this worker has not seen the call that kept it alive
    assert await second.expire() == 1
    assert [row["episode_id"] for row in await first.store.listing(state="expired")] == ["asked", "left"]
    assert code(await call(first, "q", "left")) == "episode_expired"


async def test_what_is_written_while_the_database_is_away_is_refused_and_comes_back_right(tmp_path: Path) -> None:
    path = tmp_path / "episodes.sqlite"
    episodes = Episodes(EpisodeStore(path))
    await opened(episodes)
    assert await call(episodes) == 1
    with engine_of(path).connect() as connection:
        connection.exec_driver_sql("alter table calls rename to away")
        connection.exec_driver_sql("commit")
        assert code(await call(episodes)) == "episodes_unavailable"
        connection.exec_driver_sql("alter table away rename to calls")
    assert await call(episodes) == 2  # the call that failed is not counted


async def test_a_server_that_ends_connections_is_asked_again(server: partial[str]) -> None:
    url = server()
    episodes = Episodes(EpisodeStore(url))
    await opened(episodes)
    assert await call(episodes) == 1
    with engine_of(url).connect() as connection:
        connection.exec_driver_sql(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert code(await call(episodes)) == "episodes_unavailable"
    assert await call(episodes) == 2


async def test_a_call_that_waits_for_the_database_keeps_no_other_from_being_answered(url: str) -> None:
    episodes = Episodes(EpisodeStore(url))
    await opened(episodes)
    assert [await call(episodes, name) for name in "abc"] == [1, 1, 1]
    engine = engine_of(url)
    lock = (
        "lock table calls in exclusive mode"
        if engine.dialect.name == "postgresql"
        else "insert into about values (1, 1)"
    )
    with engine.connect() as other, other.begin() as transaction:
        other.exec_driver_sql(lock)
        waiting = asyncio.create_task(call(episodes, "a"))
        for turn in range(50):  # the event loop goes on
            assert isinstance(await episodes.begin("e1", b"%d" % turn, "search", snapshot_id="s1"), Turn)
            await asyncio.sleep(0)
        assert not waiting.done()
        transaction.rollback()
    assert await waiting == 2
    assert [row.seq for row in await episodes.store.rows("e1")] == [1, 2, 3, 4]


def test_the_log_of_sqlite_is_written_back_though_calls_are_committed_on_the_event_loop(tmp_path: Path) -> None:
    path = tmp_path / "episodes.sqlite"

    async def make_calls() -> None:
        episodes = Episodes(EpisodeStore(path))
        await opened(episodes)
        for number in range(2000):
            assert await call(episodes, f"q{number}") == 1

    asyncio.run(make_calls())
    assert Path(f"{path}-wal").stat().st_size < 16 * 1024**2


@pytest.mark.parametrize("calls", [1, 40, 200])
async def test_calls_that_arrive_together_are_all_numbered_whatever_their_number(url: str, calls: int) -> None:
    episodes = Episodes(EpisodeStore(url))
    for number in range(4):
        await opened(episodes, f"e{number}")
    assert await call(episodes, "first", "e0") == 1
    await asyncio.gather(*(call(episodes, f"q{number}", f"e{number % 4}") for number in range(calls)))
    found = [[row.seq for row in await episodes.store.rows(f"e{number}")] for number in range(4)]
    assert sum(map(len, found)) == calls + 1
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in found)


async def test_a_call_of_an_episode_that_another_worker_removed_is_refused(url: str) -> None:
    first, second = Episodes(EpisodeStore(url)), Episodes(EpisodeStore(url))
    await opened(first)
    for name in "abc":
        assert await call(first, name) == 1
    await second.close("e1")
    await second.remove("e1")
    assert code(await call(first)) == "unknown_episode"
    assert await EpisodeStore(url).rows("e1") == []


async def test_tables_of_another_version_are_refused_by_name_with_a_remedy(url: str) -> None:
    await EpisodeStore(url).open()
    with engine_of(url).connect() as connection:
        connection.execute(sa.text("update about set version = 99 where part = 'episodes'"))
        connection.commit()
    with pytest.raises(EnvServerError) as refused:
        await EpisodeStore(url).open()
    problem = refused.value.problem
    assert problem.code == "episodes_version"
    assert "version 99" in problem.message
    assert "version 3" in problem.message
    assert "another database" in problem.remedy


async def test_a_new_file_that_another_worker_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "episodes.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # SQLite refuses to turn the file to WAL now, and does not wait
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            other.execute("COMMIT")

    monkeypatch.setattr("env_server.database.sleep", wait)
    await opened(Episodes(EpisodeStore(path)))
    assert len(waits) == 2
    assert other.execute("SELECT episode_id FROM episodes").fetchall() == [("e1",)]
    other.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [("sqlite://", "bad_database"), ("oracle+nothing://x", "bad_database"), ("no such://url", "bad_database")],
)
async def test_a_url_that_cannot_be_used_is_told_without_its_password(url: str, code: str) -> None:
    with pytest.raises(EnvServerError) as refused:
        await EpisodeStore(url).open()
    assert refused.value.problem.code == code


async def test_no_error_and_no_log_of_the_database_holds_an_answer(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = EpisodeStore(url)
    episodes = Episodes(store)
    await opened(episodes, gold=Gold(SECRET, (SECRET,)))
    with engine_of(url).connect() as connection:
        connection.exec_driver_sql("alter table answers rename to away")
        connection.commit()
    told = []
    for work in (opened(episodes, "e2", Gold(SECRET)), episodes.answer("e1", "guess")):
        with pytest.raises(EnvServerError) as failed:
            await work
        assert failed.value.problem.code == "episodes_unavailable"
        told.append(repr(failed.getrepr(showlocals=False)))
    assert SECRET not in "".join(told) + caplog.text + repr(Gold(SECRET, (SECRET,)))
    assert "the database of episodes failed" in caplog.text


@pytest.mark.slow
def test_no_acknowledged_call_is_lost_to_kill_9(url: str) -> None:
    script = Path(__file__).with_name("append_calls.py")
    acknowledged: dict[str, dict[int, str]] = {}
    for round_number in range(KILLS):
        command = [sys.executable, str(script), url]
        workers = [
            subprocess.Popen([*command, f"w{round_number}{letter}"], stdout=subprocess.PIPE, text=True)
            for letter in "ab"
        ]
        try:
            for worker in workers:
                assert worker.stdout is not None
                for _ in range(300 + 100 * (round_number % 3)):
                    episode_id, seq, observation = worker.stdout.readline().split()
                    acknowledged.setdefault(episode_id, {})[int(seq)] = observation
        finally:
            for worker in workers:
                worker.send_signal(signal.SIGKILL)
        for worker in workers:
            assert worker.stdout is not None
            whole = [line for line in worker.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
            for line in whole:
                episode_id, seq, observation = line.split()
                acknowledged.setdefault(episode_id, {})[int(seq)] = observation
            assert worker.wait() == -signal.SIGKILL

    async def check() -> None:
        store = EpisodeStore(url)
        assert len(acknowledged) == 16 * KILLS
        for episode_id, calls in acknowledged.items():
            kept = {row.seq: row.observation for row in await store.rows(episode_id)}
            assert {seq: kept.get(seq) for seq in calls} == calls
            assert sorted(kept) == list(range(1, len(kept) + 1))

    asyncio.run(check())
