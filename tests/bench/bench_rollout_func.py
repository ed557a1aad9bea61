"""Rollouts for a trainer under latency: TRL's own order of tool calls, ours, and TRL's asynchronous worker's overlap.

The policy is scripted and draws in no time, so that what is measured is the waiting alone. The server's weather makes
every answer late, a few of them very late (`only-slow-tail`). Each way draws its own waits from that one profile, since
the agent and the environment ask in other words; more rollouts bring the means nearer.

    python -m tests.bench.bench_rollout_func
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.loop import Limits
from tests.bench.figures import write_figures
from training.environment import SearchEnvironment
from training.miniature_agent import small_manner
from training.miniature_server import serving
from training.rollouts import Rollouts
from training.tasks import Task

CALLS = 3
STOP = 10
QUERIES = ("harbour", "island", "salt", "ferry", "map", "bread", "captain", "garden")


class Letters:
    """Ids are code points: the scripted policy needs no more of a tokenizer."""

    def apply_chat_template(self, messages: Any, **rest: Any) -> str:
        return "".join(f"{message['content']}\n" for message in messages)

    def __call__(self, text: str, **rest: Any) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}

    def decode(self, ids: Any, **rest: Any) -> str:
        return "".join(map(chr, ids))


def queries(number: int) -> list[str]:
    """What rollout `number` asks: no two the same, so that nobody waits less since another asked before."""
    return [f"{QUERIES[(number + turn) % len(QUERIES)]} {number} {turn}" for turn in range(CALLS)]


def main(
    rollouts: Annotated[int, typer.Option(min=1)] = 16,
    weather: Annotated[str, typer.Option()] = "only-slow-tail",
    keep: Annotated[bool, typer.Option(help="Write docs/figures/rollout_func.json.")] = True,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        web = _tiny(Path(folder))
        with serving(web, "--database", f"{folder}/episodes.sqlite") as server:
            url = server.url
            measured = {
                "rollouts": rollouts,
                "calls_each": CALLS,
                "weather": weather,
                "serial_s": _serial(url, rollouts, weather),
                "overlapped_s": _overlapped(url, rollouts, weather, lockstep=True),
                "free_s": _overlapped(url, rollouts, weather, lockstep=False),
                "threads_s": _threads(url, rollouts, weather),
            }
    for name in ("overlapped", "free", "threads"):
        measured[f"{name}_speed_up"] = round(measured["serial_s"] / measured[f"{name}_s"], 2)
    if keep:
        write_figures("rollout_func", f"{Path(sys.argv[0]).name} --rollouts {rollouts}", measured)
    else:
        print(measured)


def _environments(url: str, rollouts: int, weather: str) -> list[SearchEnvironment]:
    found = [SearchEnvironment(url, weather=weather, seed=1) for _ in range(rollouts)]
    for number, environment in enumerate(found):
        environment.reset(task_id=f"t{number}")
    return found


def _ask(environment: SearchEnvironment, query: str) -> None:
    environment.search(query, 2)


def _serial(url: str, rollouts: int, weather: str) -> float:
    """As `GRPOTrainer._tool_call_loop` of TRL 1.16 does: in a turn, one rollout's call after the other's."""
    environments = _environments(url, rollouts, weather)
    began = time.perf_counter()
    for turn in range(CALLS):
        for number, environment in enumerate(environments):
            _ask(environment, queries(number)[turn])
    return round(time.perf_counter() - began, 2)


def _threads(url: str, rollouts: int, weather: str) -> float:
    """As `AsyncGRPOTrainer`'s worker does: each rollout on its own, sync tools in threads, no turn in common."""
    environments = _environments(url, rollouts, weather)

    async def all_of_them() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(rollouts))

        async def one(number: int) -> None:
            for query in queries(number):
                await asyncio.to_thread(_ask, environments[number], query)

        await asyncio.gather(*map(one, range(rollouts)))

    began = time.perf_counter()
    asyncio.run(all_of_them())
    return round(time.perf_counter() - began, 2)


def _overlapped(url: str, rollouts: int, weather: str, *, lockstep: bool) -> float:
    tasks = [Task(task_id=f"t{number}", question=f"Question {number}?", answer="x") for number in range(rollouts)]
    limits = Limits(turns=CALLS + 1, calls=CALLS, context_tokens=100_000, repeated=CALLS + 1)
    roll = Rollouts(
        small_manner(), limits, tasks, url, stops=[STOP], seed=1, lockstep=lockstep, weather=weather,
    )  # fmt: skip
    example = small_manner().system.count("Results:")

    def draw(prompts: list[list[int]]) -> tuple[list[list[int]], None]:
        lines = []
        for ids in prompts:
            text = "".join(map(chr, ids))
            number = int(text.split("Question ")[-1].split("?")[0])
            turn = text.count("Results:") - example
            lines.append(f"Search: {queries(number)[turn]}\n" if turn < CALLS else "Answer: x\n")
        return [[ord(letter) for letter in line] for line in lines], None

    began = time.perf_counter()
    episodes = roll.play(tasks, draw, Letters())
    took = time.perf_counter() - began
    assert all(len(episode.tool_events) == CALLS and episode.status == "ok" for episode in episodes)
    return round(took, 2)


def _tiny(folder: Path) -> Path:
    from corpus.build import BuildOptions, build_snapshot

    out = folder / "web"
    build_snapshot(["world:seed=1,pages=400"], out, BuildOptions(encoder="none"))
    return out


if __name__ == "__main__":
    typer.run(main)
