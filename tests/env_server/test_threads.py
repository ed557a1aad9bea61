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
    running, most, lock, three = 0, 0, threading.Lock(), threading.Barrier(3)

    def work(number: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if number < 3:
            three.wait(60)  # the first three wait for each other, so that each of them has a thread
        time.sleep(0.002)
        with lock:
            running -= 1

    threads = Threads(3)
    await asyncio.gather(*(threads.run(lambda n=n: work(n)) for n in range(50)))
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


def test_a_job_goes_to_the_thread_that_was_idle_last() -> None:
    threads, seen = Threads(8), set()
    with asyncio.Runner() as runner:
        for _ in range(50):
            until = time.monotonic() + 60
            while len(threads._idle) < 8:  # a thread is idle a moment after its result is known
                assert time.monotonic() < until
                time.sleep(0.001)
            seen.add(runner.run(threads.run(threading.get_ident)))
    assert len(seen) == 1


def test_no_job_is_forgotten_while_threads_fall_idle_and_wake() -> None:
    """Three loops ask threads that run out of work again and again: one that is overlooked would wait for ever."""
    threads, done = Threads(3), [0, 0, 0]

    async def ask(place: int) -> None:
        for burst in range(300):
            numbers = range(burst % 4)
            assert await asyncio.gather(*(threads.run(lambda n=n: n) for n in numbers)) == list(numbers)
            done[place] += len(numbers)

    async def timed(place: int) -> None:
        await asyncio.wait_for(ask(place), 60)

    asking = [threading.Thread(target=asyncio.run, args=(timed(place),)) for place in range(3)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert done == [450] * 3
