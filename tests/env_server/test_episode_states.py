"""What a worker keeps of episodes in memory: open ones, within a bound, and answers do not depend on it."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from env_server.episode_states import KeptStates
from env_server.episode_store import EpisodeStore
from env_server.episode_turns import Episodes
from env_server.episodes import Budget, Episode, EpisodeState, Gold, Row, Spec
from env_server.errors import EnvServerError, Problem
from env_server.weather.profiles import profile_of


def doc_id(number: int) -> str:
    return f"{number:016x}"


def state_of(episode_id: str, requests: int = 0, **spec: object) -> EpisodeState:
    state = EpisodeState(Episode(episode_id, "web", "s1", Spec.model_validate(spec), 1.0))
    for number in range(requests):
        state.apply(row_of(episode_id, number))
    return state


def row_of(episode_id: str, number: int) -> Row:
    request = hashlib.sha256(f"{episode_id} {number}".encode()).hexdigest()[:32]
    return Row(episode_id, "call", 2.0, "search", request, 1, status=200, chars=1000)


async def opened(episodes: Episodes, *ids: str, gold: Gold | None = None, **spec: object) -> None:
    for each in ids:
        await episodes.open(Spec(**spec), gold, snapshot="web", snapshot_id="s1", episode_id=each)


async def call(episodes: Episodes, episode_id: str, request: str = "q") -> int | Problem:
    """A whole call as the front makes it: its attempt, or why there was none."""
    while True:
        turn = await episodes.begin(episode_id, request.encode(), "search", snapshot_id="s1")
        if isinstance(turn, Problem):
            return turn
        await asyncio.sleep(0)  # others come in between
        done = await episodes.end(turn, 200, f"{turn.attempt:032x}", 10)
        if done != "again":
            return done if isinstance(done, Problem) else turn.attempt


def code(problem: object) -> str:
    assert isinstance(problem, Problem), problem
    return problem.code


def test_those_used_last_stay_within_the_bound() -> None:
    states = KeptStates(10_000)
    for number in range(5):
        states.keep(state_of(f"e{number}"))
    assert states.get("e0") is not None
    states.keep(state_of("e5"))
    states.keep(state_of("e6"))
    assert [number for number in range(7) if states.get(f"e{number}")] == [0, 3, 4, 5, 6]
    assert 0 < states.bytes <= 10_000
    for number in range(7):
        states.drop(f"e{number}")
    assert (len(states), states.bytes) == (0, 0)


def test_an_episode_weighs_more_the_more_it_has_asked_and_the_longer_its_lists_are() -> None:
    states = KeptStates()
    states.keep(state_of("short"))
    short = states.bytes
    states.keep(state_of("asking", requests=100))
    asking = states.bytes - short
    states.keep(state_of("listed", evidence=[doc_id(number) for number in range(500)]))
    listed = states.bytes - asking - short
    assert asking > 5 * short
    assert listed > 10 * short
    grown = states.get("short")
    assert grown is not None
    for number in range(100):
        grown.apply(row_of("short", number))
    assert states.get("short") is grown
    assert states.bytes == 2 * asking + listed


def test_one_episode_over_the_bound_is_kept_alone() -> None:
    states = KeptStates(10_000)
    states.keep(state_of("small"))
    long = state_of("long")
    states.keep(long)
    for number in range(1000):
        long.apply(row_of("long", number))
    assert states.get("long") is long
    assert states.get("small") is None
    assert len(states) == 1


def weather_of(number: int) -> dict[str, object]:
    fault = {"kind": "stale", "rate": 0.1, "missing": [0.2, 0.2], "days": [365, 365]}
    return {"name": f"mine-{number}", "faults": [fault] * 3, "seed": abs(number)}


@pytest.mark.parametrize(
    ("requests", "spec"),
    [
        (0, lambda number: {"weather": "storm"}),
        (10, lambda number: {"weather": "storm"}),
        (300, lambda number: {}),
        (10, lambda number: {"evidence": [doc_id(1000 * number + each) for each in range(300)]}),
        (
            10,
            lambda number: {"view": {"exclude_urls": [f"https://example.org/{number}/{each}" for each in range(300)]}},
        ),
        (1, lambda number: {"weather": weather_of(number)}),
    ],
    ids=["fresh", "asked", "asked a lot", "much evidence", "many masks", "weather of its own"],
)
def test_the_bound_is_of_the_memory_that_states_take(requests: int, spec: Callable[[int], dict[str, object]]) -> None:
    states, kept = KeptStates(2**40), []
    for shared in ("storm", weather_of(-1)):  # what is made once is no part of a state
        for route in ("search", "fetch", "find"):
            profile_of(shared).rules(route, "serper")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(100):
            state = state_of(f"e{number}", requests, **spec(number))
            weather = state.episode.spec.weather
            state.profile = None if weather is None else profile_of(weather)
            for route in ("search", "fetch", "find"):
                if state.profile is not None:
                    state.profile.rules(route, "serper")
            kept.append(states.keep(state))
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.5 < states.bytes / taken < 2


async def test_what_has_ended_in_whatever_way_takes_no_memory(tmp_path: Path) -> None:
    now = [1_000_000.0]
    path = tmp_path / "episodes.sqlite"
    episodes, other = (Episodes(EpisodeStore(path), max_idle_s=100, clock=lambda: now[0]) for _ in range(2))
    await opened(episodes, "answered", "closed", "elsewhere", "expired", gold=Gold("Vienna"))
    for name in ("answered", "closed", "elsewhere"):
        assert await call(episodes, name) == 1
    assert len(episodes.store.states) == 4
    await episodes.answer("answered", "Vienna")
    assert (await episodes.close("closed")).state == "closed"
    assert len(episodes.store.states) == 2
    await other.close("elsewhere")
    assert len(other.store.states) == 0
    assert code(await call(episodes, "elsewhere")) == "episode_over"
    assert len(episodes.store.states) == 2  # it is forgotten when it is next asked for
    assert code(await call(episodes, "elsewhere")) == "episode_over"
    assert len(episodes.store.states) == 1
    now[0] += 101
    assert await episodes.expire() == 1
    assert (len(episodes.store.states), episodes.store.states.bytes) == (0, 0)
    for name, how in [("answered", "answered"), ("closed", "closed"), ("elsewhere", "closed"), ("expired", "expired")]:
        shown = await episodes.find(name)
        assert (shown.state, shown.calls) == (how, 0 if name == "expired" else 1)
    assert (await episodes.answer("answered", "Vienna")).correct  # a reply that was lost can still be asked for
    assert (len(episodes.store.states), episodes.store.states.bytes) == (0, 0)


async def test_a_worker_that_can_keep_one_episode_counts_as_one_that_keeps_all(url: str) -> None:
    ids = [f"e{number}" for number in range(6)]
    narrow = [Episodes(EpisodeStore(url, most_bytes=1)) for _ in range(2)]
    await opened(narrow[0], *ids, gold=Gold("Vienna"), budget=Budget(calls=9))
    done = await asyncio.gather(*(call(narrow[number % 2], each) for number in range(8) for each in ids))
    for place, each in enumerate(ids):
        assert sorted(done[place :: len(ids)], key=str) == list(range(1, 9)), each
        rows = await narrow[0].store.rows(each)
        assert [(row.seq, row.attempt) for row in rows] == [(number, number) for number in range(1, 9)]
    last = await asyncio.gather(*(call(narrow[number], each, "other") for each in ids for number in range(2)))
    assert sum(isinstance(each, int) for each in last) == len(ids)  # the ninth call of each, at one of the workers
    assert {code(each) for each in last if not isinstance(each, int)} == {"budget_exhausted"}
    assert all(len(worker.store.states) <= 1 for worker in narrow)
    for each in ids:
        assert (await narrow[1].answer(each, "Vienna")).correct
        assert (await narrow[0].find(each)).calls == 9


async def test_an_episode_that_is_put_out_while_it_is_being_closed_is_shown_as_closed(tmp_path: Path) -> None:
    episodes = Episodes(EpisodeStore(tmp_path / "episodes.sqlite", most_bytes=1))
    await opened(episodes, "one", "other")
    begun = await episodes.begin("one", b"q", "search", snapshot_id="s1")
    assert not isinstance(begun, Problem)
    assert await call(episodes, "other") == 1  # puts the first one out, and its close reads it anew
    ended, closed = await asyncio.gather(episodes.end(begun, 200, "a" * 32, 10), episodes.close("one"))
    assert (closed.state, closed.calls) == ("closed", 1 if isinstance(ended, int) else 0)
    assert [row.kind for row in await episodes.store.rows("one")] == ["call"] * closed.calls + ["closed"]


async def test_an_id_that_is_used_again_after_its_episode_is_the_new_episode_at_every_worker(url: str) -> None:
    first, second = Episodes(EpisodeStore(url)), Episodes(EpisodeStore(url))
    await opened(first, "again", seed=1)
    assert [await call(first, "again") for _ in range(3)] == [1, 2, 3]
    await second.close("again")
    await second.remove("again")
    assert code(await call(first, "again")) == "unknown_episode"
    with pytest.raises(EnvServerError):
        await first.find("again")
    await opened(second, "again", seed=2)
    assert await call(first, "again") == 1
    rows = await second.store.rows("again")
    assert [(row.seq, row.attempt) for row in rows] == [(1, 1)]
    assert (await first.find("again")).episode.spec.seed == 2


async def test_an_id_that_is_used_again_at_once_is_the_new_episode_at_every_worker(url: str) -> None:
    first, second = Episodes(EpisodeStore(url)), Episodes(EpisodeStore(url))
    await opened(first, "again", seed=1)
    assert [await call(first, "again") for _ in range(3)] == [1, 2, 3]
    await second.close("again")
    await second.remove("again")
    await opened(second, "again", seed=2)
    turn = await first.begin("again", b"q", "search", snapshot_id="s1")
    assert not isinstance(turn, Problem)
    assert await first.end(turn, 200, "a" * 32, 10) == "again"
    assert await call(first, "again") == 1
    assert [(row.seq, row.attempt) for row in await first.store.rows("again")] == [(1, 1)]
    assert (await first.find("again")).episode.spec.seed == 2
