"""Fork and replay: a state is reached again exactly, and what other actions there lead to is counted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.client import AsyncClient
from agent.failures import AgentError, Diverged
from agent.loop import Player
from agent.models.protocol import Message, Reply
from agent.models.scripted import ScriptedModel
from agent.records import Episode
from agent.world import look_at
from tests.agent.loop_parts import gates, player, turn_of
from tests.training.data_parts import (
    KEEPER,
    OPEN,
    PERSON,
    RIGHT,
    TASK,
    TERNS,
    WRONG,
    a_run,
    rolled,
    script,
)
from training.data.dpo import Recipe, build_dpo
from training.data.filters import inspect
from training.data.fork_runs import Forking, make_forks
from training.data.forking import fork_at
from training.data.forks import Fork, fisher, fork_pairs, read_forks, worth_forking
from training.data.pairing import rollout


class Seeded:
    """A policy whose first own action is drawn by the seed, and which is right after opening the page alone."""

    name = "seeded"

    def __init__(self) -> None:
        self.asked: list[tuple[int, Sequence[Message]]] = []

    async def reply(self, messages: Sequence[Message], tools: Any, sampling: Any, *, rollout: str) -> Reply:
        self.asked.append((sampling.seed, messages))
        turn = turn_of(messages)
        if turn == 1:
            return (OPEN, TERNS)[sampling.seed % 2]
        opened = any(call["function"]["name"] == "fetch" for one in messages for call in one.get("tool_calls") or ())
        return RIGHT if opened else WRONG

    async def close(self) -> None:
        pass


async def forked(url: str, episode: Episode, turn: int, played: Player, **how: Any) -> Fork:
    async with AsyncClient(url) as client:
        world = await look_at(client, weather=episode.env.weather)
        return await fork_at(episode, turn, TASK, played, world, gates(), **how)


def test_a_fork_draws_actions_in_the_state_and_counts_how_their_continuations_end(
    server: str, episodes: dict[str, Episode]
) -> None:
    model = Seeded()
    fork = asyncio.run(forked(server, episodes["early"], 1, player(model), actions=8, continuations=4, seed=3))
    by_call = {next(iter(one.message["tool_calls"][0]["function"]["arguments"].values())): one for one in fork.actions}
    assert {name: (one.right, one.of) for name, one in by_call.items()} == {
        "https://tiny.example/places/lighthouse": (4, 4), "terns": (0, 4)
    }  # fmt: skip
    assert sum(one.drawn for one in fork.actions) == 8
    given = {json.dumps(messages) for _, messages in model.asked if turn_of(messages) == 1}
    assert given == {json.dumps(episodes["early"].path(episodes["early"].turns[1].prompt))}, "the same state"
    (pair,) = fork_pairs([fork], Counter())
    assert pair.margin == 1.0
    assert pair.chosen[0]["tool_calls"][0]["function"]["name"] == "fetch"
    assert pair.observations == (episodes["early"].tool_events[0].observation_digest,)
    again = asyncio.run(forked(server, episodes["early"], 1, player(Seeded()), actions=8, continuations=4, seed=3))
    assert again == fork
    assert (
        asyncio.run(forked(server, episodes["early"], 1, player(Seeded()), actions=3, continuations=1, seed=4)) != fork
    )


def test_a_state_under_weather_is_reached_again_too(server: str) -> None:
    stormy = {"name": "stormy", "faults": [{"kind": "rate_limit", "rate": 0.6, "retry_after_s": [0, 0]}]}
    plays = {"a": script(KEEPER, KEEPER, PERSON, TERNS, WRONG)}
    episode = asyncio.run(rolled(server, plays, weather=stormy, episode_seed=5))["a"]
    assert {one.status for one in episode.tool_events} == {"ok", "error"}
    lines = ScriptedModel(lambda name, turn, messages: RIGHT)
    fork = asyncio.run(forked(server, episode, 4, player(lines), actions=2, continuations=2))
    (only,) = fork.actions
    assert (only.right, only.of, only.drawn) == (2, 2, 2)


def test_an_environment_that_answers_otherwise_is_no_state_to_fork(server: str, episodes: dict[str, Episode]) -> None:
    wrong = episodes["wrong"]
    event = wrong.tool_events[0].model_copy(update={"observation_digest": "0" * 32})
    changed = wrong.model_copy(update={"tool_events": [event, *wrong.tool_events[1:]]})
    with pytest.raises(Diverged):
        asyncio.run(forked(server, changed, 2, player(Seeded()), actions=2, continuations=1))
    elsewhere = wrong.model_copy(update={"env": wrong.env.model_copy(update={"snapshot_id": "x"})})
    with pytest.raises(AgentError, match="Serve the snapshot"):
        asyncio.run(forked(server, elsewhere, 2, player(Seeded())))
    with pytest.raises(AgentError, match="another prompt"):
        asyncio.run(forked(server, wrong, 2, player(Seeded(), name="browser")))


def test_states_are_forked_where_right_and_wrong_rollouts_were_together_last(episodes: dict[str, Episode]) -> None:
    found = [rollout(episodes[name], TASK, inspect(episodes[name], TASK)) for name in ("good", "wrong", "early")]
    places = [(one.episode.id, turn) for one, turn in worth_forking(found, 3)]
    assert places == [("wrong", 3), ("wrong", 2), ("early", 1)] or places == [("wrong", 3), ("wrong", 2), ("wrong", 1)]
    assert worth_forking(found[1:], 3) == []


def test_fisher_s_test_gives_the_p_of_tables_counted_by_hand() -> None:
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70), "Fisher's lady: 16 + 1 ways on either side of 70"
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert fisher(4, 4, 1, 4) == pytest.approx((4 + 4) / 56)
    assert fisher(2, 2, 0, 3) == pytest.approx(1 / 10), "the other side has no table as unlikely"


def test_actions_that_end_alike_are_no_pair(server: str, episodes: dict[str, Episode]) -> None:
    fork = asyncio.run(forked(server, episodes["early"], 1, player(Seeded()), actions=8, continuations=2))
    left_out: Counter[str] = Counter()
    assert list(fork_pairs([fork], left_out)) == [], "2 of 2 against 0 of 2 says little: p = 0.33"
    assert left_out["fork whose actions do not differ enough"] == 1


def test_forks_of_a_run_are_written_and_become_pairs(server: str, tmp_path: Path, episodes: dict[str, Episode]) -> None:
    """With the random policy, as the command line calls it."""
    kept = [episodes[name] for name in ("good", "wrong")]
    a_run(tmp_path / "run", kept)
    from agent.models.protocol import Sampling

    how = Forking(("random",), None, server, None, 2, 4, 2, Sampling(), 8, None, 0)
    seen: list[tuple[int, int]] = []
    count = asyncio.run(
        make_forks(kept, [TASK], tmp_path / "forks.jsonl", how, told=lambda done, of: seen.append((done, of)))
    )
    assert (count, seen) == (2, [(1, 2), (2, 2)])
    forks = read_forks(tmp_path / "forks.jsonl")
    assert [fork.turn for fork in forks] == [3, 2]
    assert not list(tmp_path.glob("*.part"))
    best = forks[0].actions[0].model_copy(update={"right": 4, "of": 4, "well_formed": True, "leaks": False})
    worst = forks[0].actions[-1].model_copy(update={"right": 0, "of": 4, "action": "other"})
    told = forks[0].model_copy(update={"actions": (best, worst)})
    card = build_dpo(kept, [TASK], tmp_path / "set", recipe=Recipe(kinds=("fork",)), forks=[told])
    assert card["counts"]["fork pairs"] == 1
