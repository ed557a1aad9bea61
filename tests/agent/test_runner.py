"""The batch runner against a real server: order, limits, errors owed again, interruption, backing off, replay."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.failures import AgentError
from agent.journal import FOLDER
from agent.loop import Gates, Limits
from agent.models.protocol import Message, ModelError, Reply
from agent.plan import settle
from agent.records import comparable
from agent.replay import replay
from agent.runner import Counts, Drain, run
from agent.shards import SHARDS, rows
from agent.stats import stats
from agent.terminal import standing
from agent.throttle import Gate, Setback
from agent.tools.profiles import profile
from env_server.front import Receive, Scope, Send
from tests.agent.loop_parts import Spoken, episodes, gates, looking_at, plan_of, player, said, turn_of, wander
from tests.conftest import ROOT
from tests.env_server.test_connection import served
from tests.env_server.test_determinism import running_server
from tests.env_server.test_front import MakeApp, until


@pytest.fixture(scope="module")
def server(tiny_path: Path) -> Iterator[str]:
    with running_server(tiny_path) as url:
        yield url


async def roll(url: str, out: Path, model: Any, *, samples: int = 2, limits: Limits = Limits(), **how: Any) -> Counts:
    async with looking_at(url, how.pop("token", None)) as world:
        played = player(model, limits=limits)
        plan = plan_of(played, world, samples=samples)
        settle(out, plan, {"server": url})
        return await run(plan, played, world, how.pop("gates", None) or gates(), out, **how)


def plain(out: Path) -> list[Any]:
    return [comparable(json.loads(row)) for row in rows(out)]


async def test_every_question_is_rolled_out_n_times_and_stands_in_the_order_of_the_file(
    server: str, tmp_path: Path
) -> None:
    counts = await roll(server, tmp_path, Spoken(wander(4)), samples=3)
    made = episodes(tmp_path)
    assert [(e.task.id, e.group.sample) for e in made] == [(str(q), s) for q in range(3) for s in range(3)]
    assert (counts.planned, counts.done, counts.answered, counts.failed, counts.calls) == (9, 9, 9, 0, 36)
    assert (
        len({e.id for e in made}) == len({e.group.seed for e in made}) == len({e.env.episode_seed for e in made}) == 9
    )
    assert not list((tmp_path / SHARDS).iterdir())
    assert not list((tmp_path / FOLDER).iterdir())


async def test_two_runs_of_one_plan_are_equal_but_for_times(server: str, tmp_path: Path) -> None:
    await roll(server, tmp_path / "one", Spoken(wander(5)), samples=3)
    await roll(server, tmp_path / "two", Spoken(wander(5), delay_s=0.001), samples=3, concurrency=2)
    assert plain(tmp_path / "one") == plain(tmp_path / "two")


async def test_a_finished_run_given_again_does_nothing(server: str, tmp_path: Path) -> None:
    await roll(server, tmp_path, Spoken(wander(2)))
    before = (tmp_path / "episodes.jsonl.zst").read_bytes()
    model = Spoken(wander(2))
    counts = await roll(server, tmp_path, model)
    assert (counts.done, counts.before, model.asked) == (6, 6, [])
    assert (tmp_path / "episodes.jsonl.zst").read_bytes() == before


async def test_more_samples_are_added_to_those_that_are_there(server: str, tmp_path: Path) -> None:
    await roll(server, tmp_path, Spoken(wander(2)), samples=1)
    first = {e.id for e in episodes(tmp_path)}
    counts = await roll(server, tmp_path, Spoken(wander(2)), samples=2)
    assert (counts.before, counts.done) == (3, 6)
    assert first < {e.id for e in episodes(tmp_path)}
    with pytest.raises(AgentError, match="2 samples"):
        await roll(server, tmp_path, Spoken(wander(2)), samples=1)


async def test_a_folder_of_another_run_is_refused_with_what_differs(server: str, tmp_path: Path) -> None:
    await roll(server, tmp_path, Spoken(wander(2)))
    with pytest.raises(AgentError, match="differs in agent.limits.turns.*100.*7"):
        await roll(server, tmp_path, Spoken(wander(2)), limits=Limits(turns=7))
    with pytest.raises(AgentError, match="model.name"):
        await roll(server, tmp_path, Spoken(wander(2), name="another"))


async def test_a_rollout_that_failed_is_made_again_from_where_it_was(server: str, tmp_path: Path) -> None:
    failing = Counter[str]()

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        if turn_of(messages) == 2 and not failing[rollout]:
            failing[rollout] += 1
            raise ModelError("gone for a moment", retry=False, kind="server")
        return wander(4)(messages, rollout)

    model = Spoken(speak)
    counts = await roll(server, tmp_path, model)
    assert (counts.done, counts.failed, counts.retried, counts.resumed) == (6, 0, 6, 6)
    # 3 asked, the third in vain; then 3 more: the first two replies were not asked for again.
    assert len(model.asked) == 6 * 6
    await roll(server, tmp_path / "calm", Spoken(wander(4)))
    assert plain(tmp_path) == plain(tmp_path / "calm")


async def test_what_fails_for_good_has_a_row_that_says_so_and_is_owed_by_the_next_run(
    server: str, tmp_path: Path
) -> None:
    def broken(messages: Sequence[Message], rollout: str) -> Reply:
        raise ModelError("no such model", retry=False, kind="refused")

    counts = await roll(server, tmp_path, Spoken(broken))
    assert (counts.done, counts.failed) == (0, 6)
    assert [(e.status, e.stop_reason) for e in episodes(tmp_path)] == [("error", "model_error")] * 6
    counts = await roll(server, tmp_path, Spoken(wander(1)))
    assert (counts.done, counts.before) == (6, 0)
    assert [e.status for e in episodes(tmp_path)] == ["ok"] * 6


async def test_a_drained_run_ends_what_is_under_way_and_begins_nothing(server: str, tmp_path: Path) -> None:
    drain = Drain()

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        drain.asked = True
        return wander(3)(messages, rollout)

    counts = await roll(server, tmp_path, Spoken(speak), drain=drain, concurrency=2)
    assert counts.done == 2
    assert [len(e.tool_events) for e in episodes(tmp_path)] == [3, 3]
    await roll(server, tmp_path, Spoken(wander(3)))
    await roll(server, tmp_path / "calm", Spoken(wander(3)))
    assert plain(tmp_path) == plain(tmp_path / "calm")


async def test_a_run_stopped_at_once_goes_on_in_the_middle_of_its_rollouts(server: str, tmp_path: Path) -> None:
    reached = asyncio.Event()

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        if turn_of(messages) == 3:
            reached.set()
        return wander(5)(messages, rollout)

    running = asyncio.create_task(roll(server, tmp_path, Spoken(speak, delay_s=0.01)))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    model = Spoken(wander(5))
    counts = await roll(server, tmp_path, model)
    assert counts.resumed == 6
    assert counts.diverged == 0
    assert len(model.asked) < 6 * 6
    assert sum(e.timing.resumed_calls for e in episodes(tmp_path)) > 0
    await roll(server, tmp_path / "calm", Spoken(wander(5)))
    assert plain(tmp_path) == plain(tmp_path / "calm")


async def test_steps_that_do_not_fit_the_environment_any_more_are_thrown_away(server: str, tmp_path: Path) -> None:
    await roll(server, tmp_path / "calm", Spoken(wander(3)))
    drain = Drain(asked=True)
    await roll(server, tmp_path, Spoken(wander(3)), drain=drain)
    lies = [
        {"rollout": e.id, "place": place, **step}
        for e in episodes(tmp_path / "calm")
        for place, step in enumerate(
            [
                {"reply": {"content": "", "reasoning": "", "finish_reason": "stop", "usage": [0, 7],
                           "calls": [["", "search", '{"query": "map"}']]}, "tries": 1, "took_s": 0.0},
                {"observation": "0" * 32},
            ]
        )
    ]  # fmt: skip
    (tmp_path / FOLDER / "00009.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lies))
    counts = await roll(server, tmp_path, Spoken(wander(3)))
    assert (counts.resumed, counts.diverged, counts.done) == (6, 6, 6)
    assert plain(tmp_path) == plain(tmp_path / "calm")


def test_the_bar_says_how_fast_and_how_well_it_goes() -> None:
    counts = Counts(planned=50, done=30, before=10, answered=15, failed=2, under_way=7)
    narrow = Gates(Gate(8), Gate(64))
    narrow.env.limit = 12.7
    assert standing(counts, narrow, 4.0) == ("5.0/s, 15 answered, 2 failed, 7 under way, at once: 8 model, 12 server")


async def test_one_process_at_a_time_writes_to_a_run(server: str, tmp_path: Path) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    class Waiting(Spoken):
        async def reply(self, *about: Any, **more: Any) -> Reply:
            asked.set()
            await go_on.wait()
            return await super().reply(*about, **more)

    first = asyncio.create_task(roll(server, tmp_path, Waiting(wander(3))))
    async with asyncio.timeout(60):
        await asked.wait()
    with pytest.raises(AgentError, match="Another process"):
        await roll(server, tmp_path, Spoken(wander(3)))
    go_on.set()
    assert (await first).done == 6


async def test_no_more_calls_than_allowed_are_under_way_at_once(server: str, tmp_path: Path) -> None:
    most = 0

    class Watched(Gate):
        def _leave(self) -> None:
            nonlocal most
            most = max(most, self.busy)
            super()._leave()

    await roll(server, tmp_path, Spoken(wander(3), delay_s=0.002), samples=6, gates=Gates(Watched(3), Gate(2)))
    assert most == 3


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.now += seconds


def overloaded(error: Exception) -> Setback:
    return Setback(True, slow_down=True, retry_after_s=error.args[0])


async def test_an_overload_halves_the_limit_once_for_all_that_was_under_way_and_it_grows_back() -> None:
    time = Time()
    gate = Gate(16, clock=time, sleep=time.sleep)
    full = asyncio.Event()
    tries = Counter[int]()

    async def call(number: int) -> None:
        tries[number] += 1
        if tries[number] == 1:
            if gate.busy == 16:
                full.set()
            await full.wait()
            raise OSError(None)

    await asyncio.gather(*(gate.run(lambda number=number: call(number), overloaded) for number in range(16)))
    assert gate.slowed == 1
    assert gate.limit >= 8
    for _ in range(1000):
        await asyncio.gather(*(gate.run(lambda: asyncio.sleep(0), overloaded) for _ in range(20)))
    assert gate.limit == 16


async def test_retry_after_closes_the_gate_for_everybody() -> None:
    time = Time()
    gate = Gate(4, clock=time, sleep=time.sleep)
    began: list[float] = []

    async def call() -> None:
        began.append(time.now)
        if len(began) == 1:
            raise OSError(7.0)

    await gate.run(call, overloaded)
    assert began[0] == 0
    assert began[1] >= 7
    gate._note(Setback(True, True, 5.0), time.now)
    closed_at = time.now
    tried = await gate.run(call, overloaded)
    assert began[-1] >= closed_at + 5
    assert tried.waited_s == pytest.approx(5)
    assert tried.took_s == 0


async def test_the_last_try_s_error_goes_on_and_what_may_not_pass_is_tried_once() -> None:
    time = Time()
    gate = Gate(4, clock=time, sleep=time.sleep)
    tries = Counter[str]()

    async def call(name: str) -> None:
        tries[name] += 1
        raise OSError(None)

    with pytest.raises(OSError):  # noqa: PT011
        await gate.run(lambda: call("may pass"), overloaded, tries=3)
    with pytest.raises(OSError):  # noqa: PT011
        await gate.run(lambda: call("final"), lambda error: Setback(retry=False))
    assert tries == {"may pass": 3, "final": 1}
    assert len(time.slept) == 2
    assert gate.busy == 0


async def test_a_caller_that_gives_up_in_the_queue_takes_no_place() -> None:
    gate = Gate(1)
    held, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        held.set()
        await go_on.wait()

    first = asyncio.create_task(gate.run(hold, overloaded))
    await held.wait()
    second = asyncio.create_task(gate.run(hold, overloaded))
    await asyncio.sleep(0)
    second.cancel()
    go_on.set()
    await first
    await asyncio.gather(second, return_exceptions=True)
    await gate.run(lambda: asyncio.sleep(0), overloaded)
    assert gate.busy == 0


@pytest.mark.slow
async def test_overload_by_the_server_is_waited_out_and_no_row_shows_it(make_app: MakeApp, tmp_path: Path) -> None:
    """With a queue of one request, whose first search is not answered before another call was refused."""
    env = Gate(8)
    front = make_app(max_queue=1, cache_bytes=0)
    behind = front.app

    async def held(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/v1/search":
            await until(lambda: env.setbacks > 0)
        await behind(scope, receive, send)

    front.app = held
    async with served(front) as port:
        url = f"http://127.0.0.1:{port}"
        counts = await roll(url, tmp_path, Spoken(wander(4)), samples=4, gates=Gates(Gate(64), env))
    assert counts.done == 12
    assert env.slowed > 0
    assert not any("overloaded" in (event.error_code or "") for e in episodes(tmp_path) for event in e.tool_events)


async def test_a_replay_finds_every_observation_equal_and_names_the_first_that_is_not(
    server: str, tmp_path: Path
) -> None:
    await roll(server, tmp_path, Spoken(wander(4)))
    made = episodes(tmp_path)
    async with looking_at(server) as world:
        same = await replay(made, world, profile, Gate(8))
        assert (same.rollouts, same.calls, same.difference) == (6, 24, None)
        event = made[2].tool_events[1].model_copy(update={"observation_digest": "0" * 32})
        made[2] = made[2].model_copy(update={"tool_events": [made[2].tool_events[0], event]})
        other = await replay(made, world, profile, Gate(8), concurrency=1)
    assert other.difference is not None
    assert (other.difference.rollout, other.difference.place) == (made[2].id, 2)
    assert other.difference.made == other.difference.recorded


async def test_stats_tell_made_up_urls_over_search_and_repeats(server: str, tmp_path: Path) -> None:
    calls = [
        ("search", {"query": "lamp"}),
        ("search", {"query": "lamp"}),
        ("fetch", {"url": "https://tiny.example/people/ada"}),
        ("fetch", {"url": "https://tiny.example/made-up"}),
        ("teleport", {}),
    ]

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        turn = turn_of(messages)
        return said("", calls[turn]) if turn < len(calls) else said("", ("answer", {"answer": "x"}))

    await roll(server, tmp_path, Spoken(speak))
    found = stats(episodes(tmp_path), dollars_a_million=(1.0, 1_000_000.0))
    assert found["tools"] == {"search": 12, "fetch": 12, "teleport": 6}
    assert (found["over_search"], found["repeats"], found["malformed"]) == (0.5, 0.2, 0.2)
    assert found["made_up_urls"] == 0.5
    assert found["stop_reasons"] == {"answered": 6}
    assert found["dollars"] == 6 * 6 * 7
    assert found["error_codes"] == {"page_not_found": 6, "unknown_tool": 6}


def stillweb(*words: str | Path, url: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "STILLWEB_URL": url, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-m", "stillweb", *map(str, words)], capture_output=True, text=True, env=environment, cwd=ROOT
    )


@pytest.mark.slow
async def test_an_interrupted_command_ends_what_is_under_way_and_the_same_command_ends_the_run(
    make_app: MakeApp, tmp_path: Path
) -> None:
    """The server keeps the hundredth request and all later ones waiting until the command has told of the Ctrl-C."""
    front = make_app()
    come, held, go_on = 0, asyncio.Event(), asyncio.Event()

    async def holding(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal come
        come += 1
        # Four rollouts at once take fewer to be done, and 400 take more: some are done then, and most are owed.
        if come >= 100:
            held.set()
            await go_on.wait()
        await front(scope, receive, send)

    tasks, out = tmp_path / "q.jsonl", tmp_path / "run"
    tasks.write_text('{"id": "lamp", "question": "Who keeps the lamp of the lighthouse?"}\n')
    words: list[str | Path] = ["agent", "run", "--tasks", tasks, "--model", "random", "--out", out]
    words += ["-n", "400", "--concurrency", "4"]
    command = [sys.executable, "-m", "stillweb", *map(str, words)]
    async with served(holding) as port:
        url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "STILLWEB_URL": url, "PYTHONPATH": str(ROOT)}
        process = await asyncio.create_subprocess_exec(
            *command, stderr=asyncio.subprocess.PIPE, env=environment, cwd=ROOT
        )
        assert process.stderr is not None
        lines = []
        try:
            async with asyncio.timeout(120):
                await held.wait()
                await until(lambda: any((out / SHARDS).glob("*.zst")))
                process.send_signal(signal.SIGINT)
                async for line in process.stderr:
                    lines.append(line.decode())
                    if "Waiting for what is under way" in lines[-1]:
                        go_on.set()
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        told = "".join(lines)
        assert process.returncode == 1, told
        assert go_on.is_set(), told
        assert "are owed" in told
        assert 0 < len(episodes(out)) < 400
        assert {e.status for e in episodes(out)} == {"ok"}
        assert (await asyncio.to_thread(stillweb, *words, url=url)).returncode == 0
    assert len(episodes(out)) == 400


@pytest.mark.slow
def test_the_verbs_roll_out_show_count_and_replay(server: str, tmp_path: Path) -> None:
    tasks, out = tmp_path / "q.jsonl", tmp_path / "run"
    tasks.write_text('{"id": "lamp", "question": "Who keeps the lamp of the lighthouse?"}\n')
    done = stillweb("agent", "run", "--tasks", tasks, "--model", "random", "--out", out, "-n", 4, url=server)
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    assert "4 of 4" in done.stderr
    listed = stillweb("agent", "show", out)
    assert len(listed.stdout.splitlines()) == 4, listed.stderr
    assert "Who keeps the lamp" in stillweb("agent", "show", out, "lamp").stdout
    assert json.loads(stillweb("agent", "stats", out).stdout)["rollouts"] == 4
    replayed = stillweb("agent", "replay", out)
    assert replayed.returncode == 0, replayed.stderr
    assert "are equal" in replayed.stdout


def test_ask_prints_the_answer_alone_and_the_steps_beside_it(server: str) -> None:
    done = stillweb("agent", "ask", "Who keeps the lamp?", "--model", "random", url=server)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Who keeps the lamp?" in done.stderr


def test_a_file_with_answers_ends_the_command_before_anything_is_asked(tmp_path: Path) -> None:
    tasks = tmp_path / "q.jsonl"
    tasks.write_text('{"id": 1, "question": "x?", "answer": "y"}\n')
    done = stillweb(
        "agent", "run", "--tasks", tasks, "--model", "random", "--out", tmp_path / "o", url="http://127.0.0.1:9"
    )
    assert done.returncode == 1
    assert "'answer'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o").exists()
