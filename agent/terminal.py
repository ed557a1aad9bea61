"""A run seen from a terminal: its progress, Ctrl-C, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from agent.errors import EnvError
from agent.failures import AgentError
from agent.loop import Gates
from agent.models.protocol import ModelError
from agent.runner import Counts, Drain

T = TypeVar("T")


def drain_on_interrupt(drain: Drain) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupted() -> None:
        if drain.asked and task is not None:
            task.cancel()
            return
        drain.asked = True
        print("Waiting for what is under way; Ctrl-C again stops at once.", file=sys.stderr)

    loop.add_signal_handler(signal.SIGINT, interrupted)


def standing(counts: Counts, gates: Gates, elapsed_s: float) -> str:
    """How a run stands, in a line: rollouts a second are those of this process."""
    rate = (counts.done - counts.before) / elapsed_s
    return (
        f"{rate:.1f}/s, {counts.answered} answered, {counts.failed} failed, {counts.under_way} under way, "
        f"at once: {int(gates.model.limit)} model, {int(gates.env.limit)} server"
    )


async def show_progress(counts: Counts, gates: Gates) -> None:
    """A bar where standard error is a terminal, a line every half minute where it is not."""
    console = Console(stderr=True)
    told_column = TextColumn("{task.fields[told]}")
    columns = (BarColumn(), MofNCompleteColumn(), told_column, TimeElapsedColumn(), TimeRemainingColumn())
    loop = asyncio.get_running_loop()
    began = said = loop.time()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("rollouts", total=None, told="")
        while True:
            await asyncio.sleep(0.5)
            told = standing(counts, gates, loop.time() - began)
            bar.update(task, completed=counts.done, total=counts.planned or None, told=told)
            if not console.is_terminal and loop.time() - said >= 30:
                said = loop.time()
                print(f"{counts.done} of {counts.planned} rollouts, {told}", file=sys.stderr)


def run_to_end(main: Coroutine[Any, Any, T]) -> T:
    """Run a verb's coroutine; what went wrong is told in a sentence, and the exit status is 1 (130: stopped)."""
    import uvloop

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main)
    except (AgentError, EnvError, ModelError, OSError, ValueError) as error:
        fail(str(error))
    except asyncio.CancelledError:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        raise typer.Exit(130) from None


def told(function: Callable[[], T], *, status: int = 1) -> T:
    """What a function gives; its AgentError is told in a sentence, with that exit status."""
    try:
        return function()
    except AgentError as error:
        fail(str(error), status)


def fail(message: str, status: int = 1) -> NoReturn:
    print(f"stillweb: {message}", file=sys.stderr)
    raise typer.Exit(status)
