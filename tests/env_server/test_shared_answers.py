"""What one worker has answered the others find, whole and in equal bytes, or not at all."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from env_server.front import Front
from env_server.shared_answers import SharedAnswers, made
from tests.env_server.share_answers import fields_of
from tests.env_server.test_determinism import running_server
from tests.ports import wait_until_listening

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each worker keeps its own answers")
ROOT = Path(__file__).parent.parent.parent
LAMP = {"query": "lamp", "mode": "bm25"}


@pytest.fixture
def memory() -> Iterator[Callable[[int], str]]:
    """`memory(max_bytes)`: a path; let go of at the end of the test."""
    paths: list[str] = []

    def make(max_bytes: int) -> str:
        paths.append(made(max_bytes))
        return paths[-1]

    yield make
    for path in paths:
        os.close(int(path.rpartition("/")[2]))


def test_what_one_has_put_another_gets(memory: Callable[[int], str]) -> None:
    path = memory(1 << 20)
    one, other = SharedAnswers(path), SharedAnswers(path)
    fields = (200, [(b"content-type", b"text/plain")], b"\x00\xff" * 3000, "é", 2**40, (), b"")
    assert other.get(b"k") is None
    assert one.put(b"k", fields)
    assert other.get(b"k") == one.get(b"k") == fields
    assert other.get(b"K") is None
    assert other.put(b"k", (1,))
    assert one.get(b"k") == (1,)


def test_memory_that_is_full_is_written_over_from_the_start_and_nothing_is_mixed(memory: Callable[[int], str]) -> None:
    answers, rng = SharedAnswers(memory(200_000)), random.Random(0)
    newest: dict[int, tuple[object, ...]] = {}
    for _ in range(3000):
        number = rng.randrange(100)
        fields = fields_of(number, rng.randrange(1, 3000))
        if answers.put(b"%d" % number, fields):
            newest[number] = fields
            assert answers.get(b"%d" % number) == fields
    kept = {number: answers.get(b"%d" % number) for number in newest}
    assert all(found in (None, newest[number]) for number, found in kept.items())
    assert 5 < sum(found is not None for found in kept.values()) < 100


def test_what_is_too_long_is_not_kept_and_takes_no_room(memory: Callable[[int], str]) -> None:
    answers = SharedAnswers(memory(100_000))
    assert answers.put(b"k", (b"x" * 20_000,))
    assert not answers.put(b"long", (b"x" * 30_000,))
    assert answers.get(b"long") is None
    assert answers.get(b"k") == (b"x" * 20_000,)


def test_a_copy_that_was_being_written_over_is_no_answer(memory: Callable[[int], str]) -> None:
    path = memory(1 << 20)
    answers, other = SharedAnswers(path), SharedAnswers(path)
    for key in (b"a", b"b"):
        assert answers.put(key, (key * 1000,))
    with open(path, "r+b", buffering=0) as file:
        at = os.pread(file.fileno(), 1 << 20, 0).index(b"a" * 1000)
        os.pwrite(file.fileno(), b"z", at + 500)
    assert other.get(b"a") is None
    assert other.get(b"b") == (b"b" * 1000,)
    assert answers.put(b"a", (b"again",))
    assert other.get(b"a") == (b"again",)


def test_answers_of_other_code_are_not_read_and_another_file_is_left_alone(
    memory: Callable[[int], str], tmp_path: Path
) -> None:
    path = memory(1 << 20)
    old, new = SharedAnswers(path, "0.2.0"), SharedAnswers(path, "0.3.0")
    assert old.put(b"k", (1,))
    assert new.get(b"k") is None
    assert SharedAnswers(path, "0.2.0").get(b"k") == (1,)
    for text in (b"", b"notes " * 5000):
        (tmp_path / "notes").write_bytes(text)
        with pytest.raises(OSError, match="no answers"):
            SharedAnswers(str(tmp_path / "notes"))
        assert (tmp_path / "notes").read_bytes() == text


@pytest.mark.parametrize("size", [4096, 4099, 8193, 100_003])
def test_any_size_will_do(memory: Callable[[int], str], size: int) -> None:
    answers = SharedAnswers(memory(size))
    for number in range(200):
        assert answers.put(b"%d" % number, fields_of(number, 20))
        assert answers.get(b"%d" % number) == fields_of(number, 20)


def test_no_room_is_an_error_and_leaves_nothing_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    for size in (10**18, 10**30):
        with pytest.raises(OSError, match="no room"):
            made(size)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_nobody_waits_for_another_who_writes(memory: Callable[[int], str]) -> None:
    path = memory(1 << 20)
    answers = SharedAnswers(path)
    assert answers.put(b"k", (1,))
    with open(path, "r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not answers.put(b"k", (2,))
        assert answers.get(b"k") == (1,)
    assert answers.put(b"k", (2,))
    assert answers.get(b"k") == (2,)


def test_workers_that_write_at_once_and_are_killed_leave_nothing_broken(memory: Callable[[int], str]) -> None:
    path = memory(600_000)  # of 300 answers of 4 kB half are written over at any time
    command = [sys.executable, str(ROOT / "tests/env_server/share_answers.py"), path]

    def started(seed: int) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen([*command, str(seed)], env=environment, **pipes)  # type: ignore[call-overload,no-any-return]

    def told(worker: subprocess.Popen[bytes], lines: int) -> None:
        assert worker.stdout is not None
        for _ in range(lines):
            assert worker.stdout.readline(), worker.stderr and worker.stderr.read().decode()

    stays = started(0)
    try:
        for seed in range(1, 5):
            killed = started(seed)
            try:
                told(killed, 3)
            finally:
                killed.send_signal(signal.SIGKILL)
                killed.communicate()
            told(stays, 3)
        out, err = stays.communicate(b"leave\n", timeout=60)
        assert stays.returncode == 0, err.decode()
        assert int(out.split()[-1]) > 300
    finally:
        with suppress(ProcessLookupError):
            stays.kill()
        stays.wait()


def of_worker(app: Front) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver")


async def test_a_search_that_one_worker_has_made_is_a_hit_at_another(
    make_app: Callable[..., Front], memory: Callable[[int], str]
) -> None:
    settings = {"workers": 2, "shared_answers": memory(1 << 20)}
    async with of_worker(make_app(**settings)) as one, of_worker(make_app(**settings)) as other:
        made_there = await one.post("/v1/search", json=LAMP)
        found_here = [await other.post("/v1/search", json=LAMP) for _ in range(2)]
        assert made_there.headers["x-stillweb-cache"] == "miss"
        for found in found_here:
            assert found.headers["x-stillweb-cache"] == "hit"
            assert found.content == made_there.content
            assert {**found.headers, "x-stillweb-cache": "miss"} == dict(made_there.headers)
        told = (await other.get("/metrics")).text
        assert float(re.findall(r"^stillweb_cache_bytes (.*)$", told, re.M)[0]) > len(made_there.content)
        # Many at once: whoever makes them they are equal, and no count of what is under way is lost.
        for number in range(20):
            body = {**LAMP, "k": 1 + number}
            answers = await asyncio.gather(*(worker.post("/v1/search", json=body) for worker in (one, other, other)))
            assert len({answer.content for answer in answers}) == 1
        for worker in (one, other):
            assert "stillweb_queue 0.0" in (await worker.get("/metrics")).text


async def test_a_failure_is_shared_with_nobody_and_neither_is_another_setting(
    make_app: Callable[..., Front], memory: Callable[[int], str]
) -> None:
    path = memory(1 << 20)
    settings = {"workers": 2, "shared_answers": path}
    async with of_worker(make_app(**settings)) as one, of_worker(make_app(**settings)) as other:
        for worker in (one, other):
            refused = await worker.post("/v1/fetch", json={"url": "https://nowhere.example/"})
            assert (refused.status_code, refused.headers["x-stillweb-cache"]) == (404, "miss")
    # The key has what a request may see in it.
    async with (
        of_worker(make_app(**settings)) as one,
        of_worker(make_app(exclude_domains=["lamps.example"], **settings)) as other,
    ):
        assert (await one.post("/v1/search", json={"query": "beacon"})).headers["x-stillweb-cache"] == "miss"
        assert (await other.post("/v1/search", json={"query": "beacon"})).headers["x-stillweb-cache"] == "miss"


async def test_an_episode_records_what_it_saw_wherever_the_answer_was_made(
    make_app: Callable[..., Front], memory: Callable[[int], str], tmp_path: Path
) -> None:
    settings = {"workers": 2, "shared_answers": memory(1 << 20), "database": str(tmp_path / "episodes.sqlite")}
    seen = []
    async with of_worker(make_app(**settings)) as one, of_worker(make_app(**settings)) as other:
        for worker, state in ((one, "miss"), (other, "hit")):
            episode = (await worker.post("/v1/episodes", json={})).json()["id"]
            answer = await worker.post(f"/e/{episode}/v1/search", json=LAMP)
            assert answer.headers["x-stillweb-cache"] == state
            record = (await worker.get(f"/v1/episodes/{episode}")).json()
            seen.append(
                json.dumps([{k: v for k, v in call.items() if k not in ("at", "seq")} for call in record["calls"]])
            )
    assert seen[0] == seen[1]
    assert json.loads(seen[0])[0]["seen"]


def test_a_server_of_two_workers_makes_an_answer_once(tiny_path: Path) -> None:
    with running_server(tiny_path, workers="2") as url:
        wait_until_listening(int(url.rpartition(":")[2]), 2)
        # Each on a connection of its own, which the kernel gives to either worker.
        answers = [httpx.post(f"{url}/v1/search", json=LAMP, timeout=60) for _ in range(24)]
    assert [answer.headers["x-stillweb-cache"] for answer in answers] == ["miss"] + ["hit"] * 23
    assert len({answer.content for answer in answers}) == 1


async def test_a_worker_that_cannot_see_the_others_says_so_and_keeps_its_own(
    make_app: Callable[..., Front], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with of_worker(make_app(workers=2, shared_answers=str(tmp_path / "none"))) as worker:
        states = [(await worker.post("/v1/search", json=LAMP)).headers["x-stillweb-cache"] for _ in range(2)]
    assert states == ["miss", "hit"]
    assert "each keeps its own" in caplog.text
