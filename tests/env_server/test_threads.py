"""The door to threads: results and errors come back, who leaves is not waited for, and nothing is lost under load."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref

import pytest

from env_server.threads import Threads, shared_threads


async def test_results_and_errors_come_back_to_whoever_asked() -> None:
    threads = Threads(2)

    def work(number: int) -> int:
        if number % 3 == 0:
            raise ValueError(f"no {number}")
        return number * number

    answers = await asyncio.gather(*(threads.run(lambda n=n: work(n)) for n in range(1000)), return_exceptions=True)
    for number, answer in enumerate(answers):
        assert str(answer) == (f"no {number}" if number % 3 == 0 else str(number * number))


async def test_no_more_run_at_once_than_there_are_threads() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    threads = Threads(3)
    await asyncio.gather(*(threads.run(work) for _ in range(50)))
    assert most == 3


async def test_work_whose_caller_has_left_is_not_begun_and_the_rest_goes_on() -> None:
    threads, begun, gate = Threads(1), list[str](), threading.Event()
    first = asyncio.create_task(threads.run(gate.wait))
    await asyncio.sleep(0.01)
    left = asyncio.create_task(threads.run(lambda: begun.append("left")))
    await asyncio.sleep(0.01)
    left.cancel()
    await asyncio.sleep(0)
    gate.set()
    await first
    await threads.run(lambda: begun.append("stayed"))
    assert begun == ["stayed"]


async def test_a_caller_who_leaves_in_the_middle_costs_the_thread_nothing() -> None:
    threads, gate = Threads(1), threading.Event()
    leaving = asyncio.create_task(threads.run(gate.wait))
    await asyncio.sleep(0.01)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    gate.set()
    assert await threads.run(lambda: 7) == 7


def test_a_loop_that_is_closed_meanwhile_does_not_end_the_thread() -> None:
    threads, gate = Threads(1), threading.Event()

    async def leave() -> None:
        task = asyncio.create_task(threads.run(gate.wait))
        await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(leave())
    gate.set()
    assert asyncio.run(threads.run(lambda: 7)) == 7


async def test_nothing_is_kept_alive_by_a_thread_that_waits() -> None:
    class Big:
        pass

    threads, big = Threads(1), Big()
    gone = weakref.ref(big)
    await threads.run(lambda kept=big: None)
    del big
    await threads.run(lambda: None)
    gc.collect()
    assert gone() is None


def test_one_process_has_one_set_of_threads_of_a_size() -> None:
    assert shared_threads(2) is shared_threads(2)
