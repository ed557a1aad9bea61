"""Two workers that write to the same episodes on PostgreSQL: CPU and wall time a call, by how many episodes they share.

Each worker is a process with `--agents` rollouts at once, spread over the shared episodes. Calls are those of
`Episodes.begin` and `end` with an observation of a search's size: the store alone, without HTTP. `cpu_us` is of the
workers alone, `wall_us` the time of all together, divided by their calls: a busy machine shows in it.
`python -m tests.bench.bench_episode_workers`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from env_server.episode_store import EpisodeStore
from env_server.episode_turns import Episodes, Turn
from env_server.episodes import Spec
from tests.bench.figures import write_figures
from tests.env_server.databases import postgresql


async def rollouts(url: str, worker: str, shared: int, agents: int, calls: int) -> dict[str, float]:
    """CPU and wall seconds of one worker's calls."""
    episodes = Episodes(EpisodeStore(url))
    await episodes.store.open()

    async def agent(number: int) -> None:
        episode_id = f"e{number % shared}"
        for call in range(calls):
            request = b"%b %d %d" % (worker.encode(), number, call)
            done: Any = "again"
            while done == "again":
                turn = await episodes.begin(episode_id, request, "search", snapshot_id="s1")
                assert isinstance(turn, Turn)
                done = await episodes.end(turn, 200, "0" * 32, 5000, seen=("0" * 16,) * 10)
                assert isinstance(done, int) or done == "again", done

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(agent(number) for number in range(agents)))
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    await episodes.store.close()
    return spent


def measured(url: str, shared: int, *, workers: int, agents: int, calls: int) -> dict[str, float]:
    """Microseconds a call, over all workers."""

    async def opened() -> None:
        episodes = Episodes(EpisodeStore(url))
        for number in range(shared):
            await episodes.open(Spec(seed=number), None, snapshot="web", snapshot_id="s1", episode_id=f"e{number}")
        await episodes.store.close()

    asyncio.run(opened())
    command = [sys.executable, "-m", "tests.bench.bench_episode_workers", "--child", url]
    options = ["--shared", str(shared), "--agents", str(agents), "--calls", str(calls)]
    started = [
        subprocess.Popen([*command, f"w{number}", *options], stdout=subprocess.PIPE) for number in range(workers)
    ]
    spent = [json.loads(process.communicate(timeout=600)[0]) for process in started]
    made = workers * agents * calls
    return {
        "cpu_us": round(sum(each["cpu_s"] for each in spent) / made * 1e6, 1),
        "wall_us": round(max(each["wall_s"] for each in spent) / made * 1e6, 1),
    }


def main(
    worker: Annotated[str, typer.Argument(hidden=True)] = "",
    child: Annotated[str, typer.Option(hidden=True)] = "",
    shared: Annotated[int, typer.Option(help="Episodes; 0: a table of 2 and 16.")] = 0,
    agents: int = 16,
    calls: int = 60,
    write: Annotated[bool, typer.Option("--write", help="Write docs/figures/episode-workers.json.")] = False,
) -> None:
    if child:
        print(json.dumps(asyncio.run(rollouts(child, worker, shared, agents, calls))))
        return
    rows = []
    with postgresql() as new:
        for number in [shared] if shared else [2, 16]:
            for workers in (1, 2):
                found = [measured(new(), number, workers=workers, agents=agents, calls=calls) for _ in range(2)]
                best = min(found, key=lambda row: row["cpu_us"])
                rows.append({"episodes": number, "workers": workers, **best})
    with tempfile.TemporaryDirectory() as folder:
        url = str(Path(folder) / "episodes.sqlite")
        for number, workers in ((2, 2), (16, 2)):
            found_one = measured(f"{url}-{number}", number, workers=workers, agents=agents, calls=calls)
            rows.append({"database": "sqlite", "episodes": number, "workers": workers, **found_one})
    figures = {"rows": rows, "agents": agents, "calls": calls}
    if write:
        write_figures("episode-workers", "python -m tests.bench.bench_episode_workers --write", figures)
    else:
        print(json.dumps(figures))


if __name__ == "__main__":
    typer.run(main)
