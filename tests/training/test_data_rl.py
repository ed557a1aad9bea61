"""Prompts for RL: bands of pass rates, mixing of sources, what a row holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.records import Episode
from agent.speech import manner_of
from agent.tools.profiles import profile
from tests.training.made_records import a_task, an_episode
from training.data.card import BadSet
from training.data.rl import Curation, Prompt, band, build_rl, mixed
from training.tasks import Task

MANNER = manner_of(profile("default"))


def measured(task_id: str, right: int, of: int) -> list[Episode]:
    return [an_episode(task_id, "Vienna" if n < right else "Graz", sample=n) for n in range(of)]


@pytest.mark.parametrize(
    ("right", "of", "name"),
    [(0, 8, "never"), (1, 8, "in_band"), (6, 8, "in_band"), (7, 8, "too_easy"), (8, 8, "always"), (1, 16, "too_hard")],
)
def test_a_task_is_in_the_band_its_pass_rate_says(right: int, of: int, name: str) -> None:
    assert band(right, of, Curation()) == name
    assert band(right, of, Curation(samples=17)) == "unmeasured"
    assert band(0, 0, Curation()) == "unmeasured"


def prompts(source: str, count: int) -> list[Prompt]:
    return [Prompt(a_task(f"{source}{n}"), source, 1, 2, "in_band") for n in range(count)]


def shares(kept: Sequence[Prompt]) -> dict[str, int]:
    return {name: sum(one.source == name for one in kept) for name in sorted({one.source for one in kept})}


def test_sources_are_mixed_by_their_shares_as_far_as_the_scarcest_goes() -> None:
    found = prompts("chains", 40) + prompts("cycles", 10)
    assert shares(mixed(found, Curation(mix={"chains": 0.7, "cycles": 0.3}))) == {"chains": 23, "cycles": 10}
    assert shares(mixed(found, Curation(mix={"chains": 1, "cycles": 1}))) == {"chains": 10, "cycles": 10}
    assert shares(mixed(found, Curation(mix={"chains": 3, "cycles": 1}, total=8))) == {"chains": 6, "cycles": 2}
    assert shares(mixed(found, Curation(mix={"chains": 1.0, "cycles": 0.0}))) == {"chains": 40}
    assert shares(mixed(found, Curation())) == {"chains": 40, "cycles": 10}
    with pytest.raises(BadSet, match="walks of the mix"):
        mixed(found, Curation(mix={"walks": 1.0}))


def test_the_seed_draws_and_another_source_s_size_changes_nothing() -> None:
    few, many = prompts("cycles", 10), prompts("cycles", 10) + prompts("chains", 30)
    mix = Curation(mix={"cycles": 1.0}, total=4, seed=1)
    assert mixed(few, mix) == mixed(many[::-1], mix)
    assert mixed(few, mix) != mixed(few, Curation(mix={"cycles": 1.0}, total=4, seed=2))


@pytest.fixture
def sources() -> dict[str, list[Task]]:
    return {"chains": [a_task("a"), a_task("b", aliases=("Wien",)), a_task("c")], "cycles": [a_task("d"), a_task("e")]}


def test_a_set_of_prompts_tells_before_and_after(sources: dict[str, list[Task]], tmp_path: Path) -> None:
    episodes = [*measured("a", 0, 4), *measured("b", 2, 4), *measured("c", 4, 4), *measured("d", 1, 4)]
    episodes += [an_episode("e", None, status="error"), an_episode("elsewhere")]
    card = build_rl(sources, episodes, MANNER, tmp_path / "set")
    assert card["counts"] == {
        "rollouts": 18, "ended in an error": 1, "of no task of the files": 1, "tasks": 5, "fit": 2, "kept": 2
    }  # fmt: skip
    before = {row["source"]: row for row in card["before"]}
    assert (before["chains"]["never"], before["chains"]["always"], before["cycles"]["unmeasured"]) == (1, 1, 1)
    assert before["chains"]["mean_pass_rate"] == 0.5
    rows = {
        row["task_id"]: row for row in map(json.loads, (tmp_path / "set" / "prompts.jsonl").read_text().splitlines())
    }
    assert rows["b"]["pass_rate"] == 0.5
    assert rows["b"]["answer"] == ["Vienna"]
    assert rows["b"]["prompt"] == MANNER.opening("Question b?")
    labels = [json.loads(line) for line in (tmp_path / "set" / "redsearcher.jsonl").read_text().splitlines()]
    assert [set(row) for row in labels] == [{"prompt", "label"}] * 2
    assert "Vienna" not in json.dumps([row["prompt"] for row in labels])
    kept = build_rl(sources, episodes, MANNER, tmp_path / "all", curation=Curation(unmeasured=True))
    assert kept["counts"]["kept"] == 3


def test_a_task_of_two_sources_is_refused(sources: dict[str, list[Task]], tmp_path: Path) -> None:
    with pytest.raises(BadSet, match="Task a is in chains and in other"):
        build_rl({**sources, "other": [a_task("a")]}, [], MANNER, tmp_path / "set")


def test_a_list_of_answers_is_a_list_and_one_label(tmp_path: Path) -> None:
    task = a_task("l", answer=("Graz", "Linz"))
    build_rl({"lists": [task]}, [], MANNER, tmp_path / "set", curation=Curation(unmeasured=True))
    (row,) = map(json.loads, (tmp_path / "set" / "prompts.jsonl").read_text().splitlines())
    (label,) = map(json.loads, (tmp_path / "set" / "redsearcher.jsonl").read_text().splitlines())
    assert (row["answer"], label["label"]) == (["Graz", "Linz"], "Graz, Linz")
