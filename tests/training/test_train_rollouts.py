"""Rollouts for a trainer by the agent's loop: what is drawn, what waits for what, and what the trainer is given."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.loop import Limits
from agent.records import decode
from training.drawing import Writer
from training.miniature_agent import small_manner
from training.rollouts import Rollouts, as_batch
from training.tasks import Task

TASKS = [
    Task(task_id=f"t{number}", question=question, answer=answer, evidence=("none",))
    for number, (question, answer) in enumerate(
        [("Who drew the harbour map?", "Ada Verne"), ("Which island exports salt?", "Brine"), ("Who?", "Nobody")]
    )
]
STOP = 10
LIMITS = Limits(turns=4, calls=3, context_tokens=4096, malformed=1, repeated=1)


class Letters:
    """A tokenizer whose ids are code points, with the plain template: enough for what the rollouts ask of one."""

    def apply_chat_template(self, messages: Sequence[dict[str, Any]], **rest: Any) -> str:
        return "".join(f"{message['content']}\n" for message in messages)

    def __call__(self, text: str, **rest: Any) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}

    def decode(self, ids: Sequence[int], **rest: Any) -> str:
        return "".join(map(chr, ids))


class Speaker:
    """Draws what a script says: a function of the prompt's text."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()

    def __call__(self, prompts: list[list[int]]) -> tuple[list[list[int]], list[list[float]] | None]:
        texts = ["".join(map(chr, one)) for one in prompts]
        self.batches.append(texts)
        self.threads.add(threading.get_ident())
        asked = [text[len(small_manner().system) :].count("Results:") for text in texts]
        said = [self.lines[min(turn, len(self.lines) - 1)] for turn in asked]
        ids = [[ord(letter) for letter in line] for line in said]
        return ids, [[-0.5] * len(one) for one in ids]


def rolling(server: str, **given: Any) -> Rollouts:
    return Rollouts(small_manner(), LIMITS, TASKS, server, stops=[STOP], **given)


def test_what_is_trained_on_is_what_was_drawn_and_the_rest_is_masked(server: str) -> None:
    roll, speaker = rolling(server), Speaker("Search: harbour map\n", "Answer: Ada Verne\nQuestion: more")
    episodes = roll.play(TASKS[:1], speaker, Letters())
    batch = as_batch(episodes, TASKS[:1])
    whole = "".join(map(chr, batch["completion_ids"][0]))
    drawn = "".join(
        chr(one) for one, mask in zip(batch["completion_ids"][0], batch["env_mask"][0], strict=True) if mask
    )
    assert drawn == "Search: harbour map\nAnswer: Ada Verne\n"  # cut where the turn ends
    assert whole.startswith("Search: harbour map\nResults: 1. ")
    assert "".join(map(chr, batch["prompt_ids"][0])).endswith("Question: Who drew the harbour map?\n")
    assert [len(one) for one in batch["logprobs"]] == [len(whole)]
    assert {(mask, value) for mask, value in zip(batch["env_mask"][0], batch["logprobs"][0], strict=True)} == {
        (0, 0.0),
        (1, -0.5),
    }
    # The second prompt is the first, what was drawn, and what the environment said: nothing was written anew.
    assert speaker.batches[1][0] == speaker.batches[0][0] + whole[: -len("Answer: Ada Verne\n")]
    assert (batch["correct"], batch["calls"], batch["stop_reason"], batch["abnormal"]) == (
        [1.0],
        [1],
        ["answered"],
        [False],
    )


def test_replies_are_drawn_together_in_the_order_of_the_batch_and_in_this_thread(server: str) -> None:
    speaker = Speaker("Search: harbour\n", "Search: island\n", "Answer: x\n")
    tasks = [TASKS[0], TASKS[1], TASKS[0], TASKS[2]]
    episodes = rolling(server).play(tasks, speaker, Letters())
    assert [len(batch) for batch in speaker.batches] == [4, 4, 4]
    assert [[task.question in text for text, task in zip(batch, tasks, strict=True)] for batch in speaker.batches] == [
        [True] * 4
    ] * 3
    assert speaker.threads == {threading.get_ident()}
    assert [(one.task.id, one.group.sample) for one in episodes] == [("t0", 0), ("t1", 0), ("t0", 1), ("t2", 0)]


def test_equal_seeds_give_equal_records_and_another_batch_other_ids(server: str) -> None:
    def ids(batch: int, seed: int = 0) -> list[str]:
        speaker = Speaker("Search: harbour\n", "Answer: x\n")
        return [one.id for one in rolling(server, seed=seed).play(TASKS, speaker, Letters(), batch=batch)]

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(2))
    assert not set(ids(1)) & set(ids(1, seed=1))


def test_an_abnormal_rollout_has_a_reward_and_no_gradient(server: str) -> None:
    same = Speaker("Search: harbour\n")  # again and again: ended for repeating itself
    tasks = TASKS[:2]
    episodes = rolling(server).play(tasks, same, Letters())
    masked, kept = as_batch(episodes, tasks), as_batch(episodes, tasks, mask_abnormal=False)
    assert masked["abnormal"] == [True, True]
    assert masked["stop_reason"] == ["repeated_call_limit"] * 2
    assert masked["correct"] == [0.0, 0.0]
    assert all(not any(mask) for mask in masked["env_mask"])
    assert all(any(mask) for mask in kept["env_mask"])
    assert masked["completion_ids"] == kept["completion_ids"]


def test_records_of_all_rollouts_are_kept_in_the_order_of_the_batches(server: str, tmp_path: Path) -> None:
    roll = rolling(server, out=tmp_path / "rollouts.jsonl")
    for batch in (1, 2):
        roll.play(TASKS, Speaker("Answer: x\n"), Letters(), batch=batch)
    kept = [decode(line) for line in (tmp_path / "rollouts.jsonl").read_bytes().splitlines()]
    assert [one.task.id for one in kept] == ["t0", "t1", "t2"] * 2
    assert all(turn.tokens is not None and turn.tokens.logprobs for one in kept for turn in one.turns)


def test_where_drawing_breaks_off_the_trainer_hears_why_and_no_rollout_waits_for_ever(server: str) -> None:
    def broken(prompts: list[list[int]]) -> Any:
        raise MemoryError("no room for the cache")

    with pytest.raises(MemoryError, match="no room"):
        rolling(server).play(TASKS, broken, Letters())
    assert not [one for one in threading.enumerate() if one.name == "rollouts"]


def test_a_server_that_is_not_there_is_told_and_not_waited_for() -> None:
    with pytest.raises(Exception, match="no complete answer"):
        rolling("http://127.0.0.1:9").play(TASKS, Speaker("Answer: x\n"), Letters())


def test_without_lockstep_whoever_waits_is_served(server: str) -> None:
    speaker = Speaker("Search: harbour\n", "Answer: x\n")
    episodes = rolling(server, lockstep=False).play(TASKS, speaker, Letters())
    assert [one.stop_reason for one in episodes] == ["answered"] * 3
    assert sum(map(len, speaker.batches)) == 6


def test_two_tasks_that_ask_the_same_are_refused(server: str) -> None:
    twice = [TASKS[0], TASKS[0].model_copy(update={"task_id": "other"})]
    with pytest.raises(ValueError, match="same question"):
        Rollouts(small_manner(), LIMITS, twice, server, stops=[STOP])


def test_a_turn_that_was_cut_is_ended_by_the_template_and_not_by_the_writer() -> None:
    writer = Writer(Letters(), [STOP])
    opening = [{"role": "user", "content": "q"}]
    known = writer.prompt(opening, (), [])
    for said in ("cut off", "ended\n"):
        told = [*opening, {"role": "assistant", "content": said.strip()}, {"role": "user", "content": "Results: r"}]
        prompt = writer.prompt(told, (), [*known, *writer.ids(said)])
        assert "".join(map(chr, prompt)) == f"q\n{said.strip()}\nResults: r\n"
