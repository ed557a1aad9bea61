"""The one door from the event loop to threads.

Threads of our own take the next job themselves. A pool that hands jobs out from the event loop has each thread wait for
the loop once it is done, and the loop wait for the interpreter's lock: under load a short page read cost twice as much.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from functools import cache
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Context, Callable[[], Any]]


class Threads:
    """A fixed number of threads; jobs first come, first served. They end with the process.

    A job goes to the thread that was idle last: its stack and what it read are still in the processor's caches. Where
    one search follows the other that saves a sixth of its CPU.
    """

    def __init__(self, count: int) -> None:
        self._waiting: deque[_Job] = deque()
        self._idle: list[SimpleQueue[_Job | None]] = []
        for number in range(count):
            Thread(target=self._work, name=f"stillweb-{number}", daemon=True).start()

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Work whose caller has left before its turn is not begun.

        It runs in the caller's context, as `asyncio.to_thread` has it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job: _Job = loop, future, copy_context(), work
        try:
            self._idle.pop().put(job)
        except IndexError:
            self._waiting.append(job)
            # A thread that found nothing just before this is woken to look again.
            with suppress(IndexError):
                self._idle.pop().put(None)
        return await future

    def _next(self, mine: SimpleQueue[_Job | None]) -> _Job:
        # Without a lock, which the event loop would have to wait for: each step is one of the interpreter's own.
        while True:
            with suppress(IndexError):
                return self._waiting.popleft()
            self._idle.append(mine)
            if self._waiting:
                with suppress(ValueError):
                    self._idle.remove(mine)
                    continue
            # In the list, or taken from it by one who puts something here.
            if (job := mine.get()) is not None:
                return job

    def _work(self) -> None:
        mine: SimpleQueue[_Job | None] = SimpleQueue()
        while True:
            loop, future, context, work = self._next(mine)
            if not future.cancelled():
                result: Any = None
                error: BaseException | None = None
                try:
                    result = context.run(work)
                except BaseException as raised:  # it belongs to who waits, and the thread goes on
                    error = raised
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(_settle, future, result, error)
                del result, error
            del loop, future, context, work  # while this thread waits it keeps nothing alive


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # its caller left in the meantime
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


@cache
def shared_threads(count: int) -> Threads:
    """The threads of this process, by their number: every application in it shares them."""
    return Threads(count)
