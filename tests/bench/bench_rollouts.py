"""A load shaped like rollouts for GRPO: how much of it repeats, and what the cache makes of that.

    python -m tests.bench.bench_rollouts [--snapshot DIR]

The model (`serving/rollouts.py` has it in code). A step takes 8 tasks, each rolled out by a group of 8 at once; a
rollout makes 10 to 100 calls (log-uniform), each after the answer of the last: 55 % search, 30 % fetch, 10 % find,
5 % extract. Six of ten rollouts begin with the task's question as it stands. Later searches take, seven times of ten,
one of the task's 60 formulations by Zipf's law (exponent 1), else words that no other rollout sends. A fetch opens a
hit of the last search, by Zipf over its ranks; find and extract go to the page opened last. An epoch is 2 steps over
16 tasks; the second epoch has the same tasks and formulations, drawn anew.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from corpus import open_snapshot
from tests.bench.figures import write_figures
from tests.bench.serving.client import run
from tests.bench.serving.processes import Server, cpu_s, stillweb
from tests.bench.serving.rollouts import Epoch, Tally, play
from tests.bench.serving.snapshots import built
from tests.bench.serving.traffic import QUESTIONS, Mix, read_questions
from tests.ports import wait_until_listening

ROOT = Path(__file__).parent.parent.parent
NOTHING_SHARED = "import env_server.cli; env_server.cli._share_answers = lambda: None"


def measured(server: Server, epoch: Epoch, *, pause_s: float = 0.0, at_most_s: float | None = None) -> dict[str, Any]:
    """Shares, calls a second, the server's CPU and the busiest worker's share of it: an epoch or its first seconds."""
    workers = server.workers()
    before, started = {pid: cpu_s(pid) for pid in workers}, time.perf_counter()
    tally: Tally = run(play(server.port, epoch, pause_s=pause_s, at_most_s=at_most_s))
    wall_s = time.perf_counter() - started
    calls = tally.calls
    used = {pid: cpu_s(pid) - before[pid] for pid in workers}
    return {
        "calls": calls,
        "hit_rate": round(tally.states["hit"] / calls, 4),
        "coalesced": round(tally.states["coalesced"] / calls, 4),
        "search_hit_rate": round(tally.search_hits / max(1, tally.searches), 4),
        "calls_per_s": round(calls / wall_s, 1),
        "server_us": round(1e6 * sum(used.values()) / calls, 1),
        "busiest_worker": round(max(used.values()) / sum(used.values()), 3),
        "errors": tally.errors,
    }


def main(path: Path, minute_s: float, mode: str, seed: int) -> dict[str, Any]:
    web = open_snapshot(path)
    tasks = Epoch.tasks_of(Mix(web, read_questions(QUESTIONS), seed), 16)

    def epoch(number: int) -> Epoch:
        return Epoch(web, tasks, mode, seed=1000 * seed + number)

    figures: dict[str, Any] = {"snapshot_id": web.snapshot_id, "mode": mode, "seed": seed}
    with stillweb(path) as server:
        figures["first epoch"] = measured(server, epoch(1))
        figures["second epoch"] = measured(server, epoch(2))
    with stillweb(path) as server:
        figures["second epoch, restarted before it"] = measured(server, epoch(2))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(NOTHING_SHARED)
        alone = {"PYTHONPATH": f"{folder}:{ROOT}"}
        for workers in (2, 8):
            for named, environment in (("", {}), (", nothing shared", alone)):
                with stillweb(path, "--workers", str(workers), **environment) as server:
                    wait_until_listening(server.port, workers)
                    for number, which in ((1, "first"), (2, "second")):
                        figures[f"{which} epoch, {workers} workers{named}"] = measured(server, epoch(number))
    with stillweb(path, "--cache-mb", "0") as server:
        figures["first epoch, no cache"] = measured(server, epoch(1))
    # A model takes its time: a call each second and a rollout. What a minute costs, with what was known and without.
    with stillweb(path) as server:
        measured(server, epoch(1))
        figures["first minute, kept on"] = measured(server, epoch(3), pause_s=1.0, at_most_s=minute_s)
    with stillweb(path) as server:
        figures["first minute after a restart"] = measured(server, epoch(3), pause_s=1.0, at_most_s=minute_s)
    return {**figures, "minute_s": minute_s, "decision": decision(figures)}


def decision(figures: dict[str, Any]) -> dict[str, float]:
    """What sharing answers gives, and what a cache saved over a restart could gain at the very most.

    The second epoch, since it repeats more: whatever one worker learned in the first, the others have to learn, too.
    """
    kept, restarted = figures["first minute, kept on"], figures["first minute after a restart"]
    found = {}
    for workers in (2, 8):
        shared, alone = (figures[f"second epoch, {workers} workers{how}"] for how in ("", ", nothing shared"))
        found[f"hit_rate_won_by_sharing_with_{workers}_workers"] = round(shared["hit_rate"] - alone["hit_rate"], 4)
        found[f"server_us_a_call_won_with_{workers}_workers"] = round(alone["server_us"] - shared["server_us"], 1)
    return found | {
        "hit_rate_lost_in_the_minute_after_a_restart": round(kept["hit_rate"] - restarted["hit_rate"], 4),
        "server_cpu_s_lost_in_that_minute": round(
            1e-6 * (restarted["server_us"] * restarted["calls"] - kept["server_us"] * kept["calls"]), 2
        ),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--minute-s", type=float, default=60.0)
    parser.add_argument("--mode", default="hybrid", help="retriever of the searches")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with built(given.data, given.snapshot, "union") as folder:
        figures = main(folder, given.minute_s, given.mode, given.seed)
    write_figures("rollouts", "python -m tests.bench.bench_rollouts", figures)
