"""Preference pairs: of which turns they are made, what keeps them out, what the report says of them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.records import Episode
from tests.training.data_parts import (
    KEEPER,
    LIGHTHOUSE,
    OPEN,
    PERSON,
    RIGHT,
    TASK,
    TERNS,
    WRONG,
    answer,
    rolled,
    said,
    script,
    search,
)
from training.data.bias import bias_report
from training.data.card import BadSet
from training.data.dpo import Recipe, build_dpo
from training.data.filters import inspect
from training.data.pairing import Rollout, outcome_pairs, rollout, step_pairs
from training.data.pairs import KINDS, PreferencePair, keep
from training.data.reading import Prefix, steps_of

STORMY = {"name": "stormy", "faults": [{"kind": "rate_limit", "rate": 0.5, "retry_after_s": [0, 0]}]}


def rollouts(episodes: Sequence[Episode], prefix: Prefix = "messages") -> list[Rollout]:
    return [rollout(one, TASK, inspect(one, TASK), prefix=prefix) for one in episodes if one.status == "ok"]


def pairs_of(
    episodes: Sequence[Episode], *kinds: str, prefix: Prefix = "messages", left_out: Counter[str] | None = None
) -> list[PreferencePair]:
    found = step_pairs(rollouts(episodes, prefix), TASK, Counter() if left_out is None else left_out)
    return [one for one in found if not kinds or one.kind in kinds]


def calls_in(pair: PreferencePair) -> tuple[str, str]:
    """What the two sides do, in short."""

    def short(message: dict[str, object]) -> str:
        (call,) = message["tool_calls"]  # type: ignore[misc]
        return str(next(iter(call["function"]["arguments"].values())))

    return short(pair.chosen[0]), short(pair.rejected[0])


def test_a_right_and_a_wrong_rollout_give_a_pair_where_they_first_part(episodes: dict[str, Episode]) -> None:
    (pair,) = pairs_of([episodes["good"], episodes["wrong"]], "step")
    assert calls_in(pair) == ("https://tiny.example/people/thorunn", "1941")
    assert pair.margin == 1.0
    assert [one["role"] for one in pair.prompt] == ["system", "user", *["assistant", "tool"] * 3]
    events = [episodes[name].tool_events[:3] for name in ("good", "wrong")]
    digests = [[one.observation_digest for one in found] for found in events]
    assert digests[0] == digests[1] == list(pair.observations), "the environment answered both equally, up to there"


def test_rollouts_that_the_environment_answered_differently_share_no_state(episodes: dict[str, Episode]) -> None:
    good, wrong = episodes["good"], episodes["wrong"]
    other = wrong.tool_events[1].model_copy(update={"observation_digest": "0" * 32})
    changed = wrong.model_copy(update={"tool_events": [wrong.tool_events[0], other, *wrong.tool_events[2:]]})
    states = [{step.state for step in steps_of(one, TASK)} for one in (good, wrong, changed)]
    assert len(states[0] & states[1]) == 4
    assert len(states[0] & states[2]) == 2, "those before the second call's answer"
    assert pairs_of([good, changed], "step") == []
    another_web = wrong.model_copy(update={"env": wrong.env.model_copy(update={"snapshot_id": "x"})})
    assert pairs_of([good, another_web], "step") == []


def test_replies_that_differ_only_in_words_and_spaces_are_no_pair(server: str) -> None:
    wordy = search("keeper of the lighthouse", "Well, let me see.")
    found = asyncio.run(rolled(server, {"a": script(wordy, OPEN, RIGHT), "b": script(KEEPER, OPEN, WRONG)}))
    assert pairs_of(list(found.values())) == [], "their first replies do the same, and then their messages differ"
    (pair,) = [one for one in pairs_of(list(found.values()), prefix="calls") if one.kind == "step"]
    assert calls_in(pair) == ("1978", "1941")
    assert pair.prompt[2]["content"] == "Well, let me see.", "the prompt is what the chosen side's model was given"


def test_an_endpoint_s_own_ids_of_calls_do_not_part_two_rollouts(server: str) -> None:
    def with_ids(name: str, last: object) -> object:
        first = said("", ("search", {"query": "keeper of the lighthouse", "k": 3}), id_=name)
        return script(first, last)  # type: ignore[arg-type]

    found = asyncio.run(rolled(server, {"a": with_ids("x", RIGHT), "b": with_ids("y", WRONG)}))  # type: ignore[dict-item]
    assert len({step.state for one in found.values() for step in steps_of(one, TASK)}) == 2


def test_a_query_that_shows_new_evidence_is_better_than_one_that_shows_none(server: str) -> None:
    queries = {"a": script(KEEPER, WRONG), "b": script(search("herring"), WRONG), "c": script(TERNS, WRONG)}
    found = asyncio.run(rolled(server, queries))
    made = pairs_of(list(found.values()), "evidence")
    assert {calls_in(one) for one in made} == {
        ("keeper of the lighthouse", "herring"), ("keeper of the lighthouse", "terns")
    }  # fmt: skip
    assert {one.margin for one in made} == {0.5}, "one of two pages of evidence; no outcome was asked"


def test_asking_for_more_results_is_no_better_query(server: str) -> None:
    greedy = said("", ("search", {"query": "terns", "k": 9}))
    found = asyncio.run(rolled(server, {"a": script(greedy, WRONG), "b": script(search("herring"), WRONG)}))
    assert [bool(steps_of(one, TASK)[0].adds) for one in found.values()] == [True, False]
    assert pairs_of(list(found.values()), "evidence") == []


def test_answering_with_all_evidence_seen_beats_calling_on_and_calling_on_beats_answering_too_early(
    server: str,
) -> None:
    on = {"stops": script(KEEPER, PERSON, RIGHT), "goes on": script(KEEPER, PERSON, TERNS, OPEN, RIGHT)}
    found = asyncio.run(rolled(server, on))
    (pair,) = pairs_of(list(found.values()), "stop")
    assert calls_in(pair) == ("1978", "terns")
    assert pair.margin == pytest.approx(2 / 3), "two calls saved"
    early = asyncio.run(rolled(server, {"early": script(KEEPER, WRONG), "on": script(KEEPER, OPEN, PERSON, RIGHT)}))
    (pair,) = pairs_of(list(early.values()), "stop")
    assert calls_in(pair) == ("https://tiny.example/places/lighthouse", "1941")


def test_of_two_right_rollouts_the_one_with_at_most_0_6_of_the_calls_is_better(episodes: dict[str, Episode]) -> None:
    short, longer = episodes["short"], episodes["same pages, more calls"]
    (pair,) = pairs_of([short, longer], "efficiency")
    assert calls_in(pair) == ("1978", "Thorunn")
    assert pair.margin == pytest.approx(1 - 2 / 5)
    assert pairs_of([episodes["good"], longer], "efficiency") == [], "four calls are not 0.6 of five"


def test_going_on_after_weather_is_better_than_giving_up(server: str) -> None:
    play = {"retries": script(KEEPER, KEEPER, OPEN, RIGHT), "gives up": script(KEEPER, WRONG)}
    for seed in range(40):
        found = asyncio.run(rolled(server, play, weather=STORMY, episode_seed=seed))
        if [one.status for one in found["retries"].tool_events] == ["error", "ok", "ok"]:
            break
    else:
        pytest.fail("no seed of 40 draws a fault for the first call alone")
    (pair,) = pairs_of(list(found.values()), "recovery")
    assert calls_in(pair) == ("keeper of the lighthouse", "1941")
    assert "rate_limited" in str(pair.prompt[-1]["content"])


def test_the_chosen_side_never_asks_for_an_answer_it_has_not_read(episodes: dict[str, Episode]) -> None:
    left_out: Counter[str] = Counter()
    assert pairs_of([episodes["leaked"], episodes["lost"]], "step", left_out=left_out) == []
    assert left_out["chosen side asks for the answer by name before it had read it"] == 2, "as a step and as evidence"


def test_whole_rollouts_are_paired_when_both_are_whole_and_of_like_length(episodes: dict[str, Episode]) -> None:
    left_out: Counter[str] = Counter()
    (pair,) = outcome_pairs(rollouts([episodes["good"], episodes["wrong"], episodes["early"]]), TASK, left_out)
    assert (pair.chosen_id, pair.rejected_id) == ("good", "wrong")
    assert [one["role"] for one in pair.prompt] == ["system", "user"]
    assert sum(one["role"] == "tool" for one in pair.chosen) == 4
    forced = episodes["wrong"].model_copy(update={"forced_answer": True})
    assert list(outcome_pairs(rollouts([episodes["good"], forced]), TASK, left_out)) == []
    assert list(outcome_pairs(rollouts([episodes["good"], episodes["early"]]), TASK, left_out)) == []
    assert left_out["outcome pair of unlike lengths"] == 1


def test_two_actions_in_a_state_are_one_pair_of_the_most_special_kind(episodes: dict[str, Episode]) -> None:
    found = pairs_of([episodes["short"], episodes["early"]])
    assert {one.kind for one in found} == {"stop", "step"}
    kept = keep(found, tokens=49_152, per_task=5)
    assert [one.kind for one in kept.pairs] == ["stop"]
    assert kept.left_out["the same two actions in the same state are there already"] == 1
    assert keep(found, tokens=10, per_task=5).left_out == {"too long": len(found)}
    every = pairs_of(list(episodes.values()))
    assert max(Counter(one.kind for one in keep(every, tokens=49_152, per_task=1).pairs).values()) == 1


def test_what_length_and_calls_alone_tell_is_reported_by_kind(episodes: dict[str, Episode]) -> None:
    found = keep(pairs_of(list(episodes.values())), tokens=49_152, per_task=9).pairs
    rows = {row["kind"]: row for row in bias_report(found, "spoken")}
    assert rows["all"]["pairs"] == len(found) == sum(row["pairs"] for kind, row in rows.items() if kind != "all")
    assert sum(row["share"] for kind, row in rows.items() if kind != "all") == pytest.approx(1.0, abs=0.01)
    assert rows["all"]["on_policy"] == 1.0
    assert bias_report(found, "another")[0]["on_policy"] == 0.0
    one = found[0]
    long = tuple({"role": "assistant", "content": "x" * 100 * n} for n in (3, 4))
    short = ({"role": "assistant", "content": "x"},)
    telling = [replace(one, chosen=(side,), rejected=short, calls=(1, 1)) for side in long]
    (row, *_) = bias_report(telling, None)
    assert (row["length_auc"], row["calls_auc"], row["longer_chosen"], row["biased"]) == (1.0, 0.5, 1.0, True)
    fair = [*telling, *(replace(one, chosen=short, rejected=(side,), calls=(1, 1)) for side in long)]
    assert bias_report(fair, None)[0]["length_auc"] == 0.5
    assert bias_report(fair, None)[0]["biased"] is False


def test_a_set_of_pairs_is_written_with_its_report(episodes: dict[str, Episode], tmp_path: Path) -> None:
    card = build_dpo(episodes.values(), [TASK], tmp_path / "set", recipe=Recipe(policy="spoken"))
    counts = card["counts"]
    assert counts["ended in an error"] == 1
    assert counts["pairs kept"] == sum(counts[f"{kind} pairs"] for kind in KINDS)
    assert card["files"]["steps"]["rows"] == counts["pairs kept"] - counts["outcome pairs"]
    rows = [json.loads(line) for line in (tmp_path / "set" / "steps.jsonl").read_text().splitlines()]
    assert all(len(row["chosen"]) == len(row["rejected"]) == 1 for row in rows)
    assert all(row["prompt"][-1]["role"] in ("user", "tool") for row in rows)
    assert len({row["pair_id"] for row in rows}) == len(rows)
    shared = [json.loads(line) for line in (tmp_path / "set" / "steps_sharegpt.jsonl").read_text().splitlines()]
    for row in shared:
        speakers = [one["from"] for one in row["conversations"]]
        assert speakers == ["human", "gpt"] * (len(speakers) // 2) + ["human"], "by turns, and the human's last"
        assert "<tool_call>" in row["chosen"]["value"]
    page = (tmp_path / "set" / "README.md").read_text()
    assert "length auc" in page
    assert "trajectories.jsonl" in page
    build_dpo(episodes.values(), [TASK], tmp_path / "again", recipe=Recipe(policy="spoken"))
    assert (tmp_path / "again" / "steps.jsonl").read_bytes() == (tmp_path / "set" / "steps.jsonl").read_bytes()
    with pytest.raises(BadSet, match="Not one row"):
        build_dpo([episodes["good"]], [TASK], tmp_path / "none")


def test_evidence_pairs_need_no_right_rollout(server: str, tmp_path: Path) -> None:
    found = asyncio.run(rolled(server, {"a": script(KEEPER, answer("?")), "b": script(TERNS, answer("?"))}))
    card = build_dpo(found.values(), [TASK], tmp_path / "set")
    assert (card["counts"]["evidence pairs"], card["counts"]["pairs kept"]) == (1, 1)
    assert LIGHTHOUSE in TASK.evidence


def test_only_the_kinds_asked_for_are_written(episodes: dict[str, Episode], tmp_path: Path) -> None:
    card = build_dpo(episodes.values(), [TASK], tmp_path / "set", recipe=Recipe(kinds=("step",)))
    assert card["counts"]["pairs kept"] == card["counts"]["step pairs"] > 0
