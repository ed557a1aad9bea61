"""Scripted rollouts against one server on this machine: how many a second, and what a call costs the agent.

    python -m tests.bench.bench_agent [--rollouts 1000] [--calls 20] [--snapshot DIR]

The model is a script that answers at once: 12 searches of two words of the question and 8 fetches of a hit, then the
answer. So nothing but agent and server is on the clock. The runner keeps records, journal and shards as always.
`env_share` is the part of a rollout's wall time in which it waited for observations, `agent_ms` the CPU of the agent's
process, everything in it but the script, by the calls made (bound: 1 ms); `script_ms` is the script's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvloop

from agent.client import AsyncClient
from agent.context import Policy
from agent.loop import Gates, Limits, Player
from agent.models.protocol import Message, Reply, Sampling, ToolCall, Usage
from agent.models.scripted import ScriptedModel
from agent.plan import Plan, settle
from agent.questions import Question
from agent.records import ModelRef, decode
from agent.runner import run
from agent.shards import rows
from agent.speech import agent_ref, manner_of
from agent.throttle import Gate
from agent.tools.profiles import profile
from agent.world import look_at
from corpus import build_snapshot, open_snapshot
from tests.bench.figures import write_figures
from tests.bench.serving.processes import TOKEN, Server, stillweb

BOUND_MS = 1.0
_URL = re.compile(r"https://[^\s)\]]+")


class Spent:
    """CPU seconds that the script took: the model's work, were it one."""

    cpu_s = 0.0


def scripted(calls: int, titles: Sequence[str], spent: Spent) -> ScriptedModel:
    """Draws by rollout and turn; titles give the words."""

    def timed(rollout: str, turn: int, messages: Sequence[Message]) -> Reply:
        began = time.thread_time()
        reply = speak(rollout, turn, messages)
        spent.cpu_s += time.thread_time() - began
        return reply

    def speak(rollout: str, turn: int, messages: Sequence[Message]) -> Reply:
        if turn >= calls:
            return said("answer", {"answer": "as above"})
        drawn = random.Random(f"{rollout} {turn}")
        found = _URL.findall(str(messages[-1].get("content")))
        if turn % 5 in (2, 4) and found:
            return said("fetch", {"url": drawn.choice(found)})
        return said("search", {"query": f"{drawn.choice(titles)} {drawn.choice(titles)}", "k": 5})

    return ScriptedModel(timed)


def said(name: str, arguments: dict[str, Any]) -> Reply:
    # With a usage, so that the model counts nothing: what it costs is not the agent's.
    return Reply("", tool_calls=(ToolCall("", name, json.dumps(arguments)),), usage=Usage(1, 1))


async def measured(server: Server, out: Path, titles: Sequence[str], rollouts: int, calls: int) -> dict[str, Any]:
    manner = manner_of(profile("default"))
    limits = Limits(turns=calls + 1, calls=calls, context_tokens=10**9)
    spent = Spent()
    played = Player(manner, scripted(calls, titles, spent), Sampling(), limits, Policy())
    questions = tuple(Question(str(number), f"What of {titles[number % len(titles)]}?") for number in range(rollouts))
    async with AsyncClient(f"http://127.0.0.1:{server.port}", token=TOKEN) as client:
        world = await look_at(client)
        agent = agent_ref(manner, "none", asdict(limits))
        plan = Plan(questions, 1, 0, agent, ModelRef(name="scripted", sampling={}), manner.schemas, world.identity())
        settle(out, plan, {})
        server_s, agent_s, began = server.cpu_s(), own_cpu_s(), time.perf_counter()
        counts = await run(plan, played, world, Gates(Gate(256), Gate(64)), out, concurrency=256)
        wall_s = time.perf_counter() - began
        agent_s, server_s = own_cpu_s() - agent_s, server.cpu_s() - server_s
    made = [decode(row) for row in rows(out)]
    env_s = sum(episode.timing.env_s for episode in made)
    events = [event for episode in made for event in episode.tool_events]
    return {
        "snapshot_id": world.snapshot_id,
        "rollouts": counts.done,
        "calls": counts.calls,
        "wall_s": round(wall_s, 2),
        "rollouts_per_s": round(counts.done / wall_s, 1),
        "calls_per_s": round(counts.calls / wall_s, 1),
        "env_share": round(env_s / sum(episode.timing.wall_s for episode in made), 3),
        "agent_ms": round(1000 * (agent_s - spent.cpu_s) / counts.calls, 3),
        "script_ms": round(1000 * spent.cpu_s / counts.calls, 3),
        "agent_ms_bound": BOUND_MS,
        "server_ms": round(1000 * server_s / counts.calls, 3),
        "cached": round(sum(event.cached for event in events) / len(events), 3),
        "errors": sum(event.status != "ok" for event in events),
        "row_bytes": round((out / "episodes.jsonl.zst").stat().st_size / counts.done),
    }


def own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(snapshot: Path, rollouts: int, calls: int) -> dict[str, Any]:
    titles = list(dict.fromkeys(title for _, title, _, _ in open_snapshot(snapshot).store.iter_passages()))
    with (
        stillweb(snapshot) as server,
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(measured(server, Path(folder), titles, rollouts, calls))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--snapshot", type=Path, help="default: the demo, built for the occasion")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if given.snapshot is None:
            build_snapshot(["factbook:"], Path(made) / "factbook")
        figures = main(given.snapshot or Path(made) / "factbook", given.rollouts, given.calls)
    write_figures("agent", "python -m tests.bench.bench_agent", figures)
