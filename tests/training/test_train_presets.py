"""Published figures under their names, and rewards as a trainer calls them."""

from __future__ import annotations

from typing import Any

import pytest

from agent.records import Episode
from training.presets import PRESETS, NoPreset, preset
from training.rewards import Shape, binary, is_abnormal, reward_of, shaped

BATCH: dict[str, Any] = {
    "correct": [1.0, 0.0, None],
    "seen": [1.0, 0.5, None],
    "answered": [True, False, False],
    "calls": [2, 3, 0],
    "malformed": [0, 1, 0],
    "stop_reason": ["answered", "malformed_limit", "env_error"],
}


def test_what_the_papers_publish_stands_under_their_names() -> None:
    grpo = preset("redsearcher-grpo", "grpo").values
    assert (grpo["num_generations"], grpo["epsilon_high"], grpo["beta"], grpo["learning_rate"]) == (16, 0.28, 0.0, 1e-6)
    sft, dpo = preset("offseeker-sft", "sft").values, preset("offseeker-dpo", "dpo").values
    assert (sft["learning_rate"], sft["num_train_epochs"], sft["weight_decay"]) == (3e-5, 3, 0.1)
    assert (dpo["learning_rate"], dpo["lr_scheduler_kwargs"], dpo["num_train_epochs"]) == (1e-6, {"min_lr": 1e-7}, 1)
    red = preset("redsearcher-sft", "sft")
    assert (red.values["learning_rate"], red.values["lr_scheduler_kwargs"]) == (5e-5, {"min_lr": 1e-6})
    assert red.beyond["global_batch"] == 128


def test_what_a_paper_does_not_state_stands_in_no_value() -> None:
    assert "beta" not in preset("offseeker-dpo", "dpo").values
    assert "epsilon" not in preset("redsearcher-grpo", "grpo").values
    assert all(one.unstated for name, one in PRESETS.items() if not name.startswith("small"))


@pytest.mark.parametrize(("name", "kind"), [("nothing", "sft"), ("offseeker-sft", "dpo")])
def test_a_preset_that_is_not_there_is_told_with_those_that_are(name: Any, kind: Any) -> None:
    with pytest.raises(NoPreset, match=f"small-{kind}"):
        preset(name, kind)


def test_the_binary_reward_is_the_outcome_and_none_where_the_environment_failed() -> None:
    assert binary(**BATCH) == [1.0, 0.0, None]


def test_the_shaped_reward_adds_up() -> None:
    reward = shaped(Shape(seen=0.2, answered=0.1, call=-0.01, malformed=-0.1))
    assert reward(**BATCH) == pytest.approx([1 + 0.2 + 0.1 - 0.02, 0.1 - 0.03 - 0.1, None])


def test_rewards_go_by_name() -> None:
    assert (reward_of("binary").__name__, reward_of("shaped").__name__) == ("binary", "shaped")
    with pytest.raises(ValueError, match="binary or shaped"):
        reward_of("f1")


def test_a_rollout_that_repeats_itself_or_runs_long_or_fails_often_is_abnormal(episodes: dict[str, Episode]) -> None:
    plain = next(one for one in episodes.values() if one.stop_reason == "answered" and one.tool_events)
    assert not is_abnormal(plain)
    for reason in ("repeated_call_limit", "max_turns", "context_overflow"):
        assert is_abnormal(plain.model_copy(update={"stop_reason": reason}))
    cut = [turn.model_copy(update={"finish_reason": "length"}) for turn in plain.turns]
    assert is_abnormal(plain.model_copy(update={"turns": cut}))
    ok, bad = (plain.tool_events[0].model_copy(update={"status": status}) for status in ("ok", "error"))
    assert is_abnormal(plain.model_copy(update={"tool_events": [ok, bad, bad]}))
    assert not is_abnormal(plain.model_copy(update={"tool_events": [ok, ok, bad]}))
    assert not is_abnormal(plain.model_copy(update={"tool_events": [bad, bad]}))  # too few to say
