"""Rejection sampling: what each filter leaves out, what is kept, and what is written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.context import Policy
from agent.records import Episode
from tests.training.data_parts import (
    KEEPER,
    LIGHTHOUSE,
    OPEN,
    PERSON,
    PLAIN,
    READ,
    RIGHT,
    ROLLOUTS,
    TASK,
    URLS,
    rolled,
    script,
)
from training.data.card import BadSet
from training.data.filters import FILTERS, Sieve, Told, chosen, inspect
from training.data.forms import completions, messages, sharegpt
from training.data.sft import build_sft

REASONS = {
    "good": (),
    "other pages": (),
    "same pages, more calls": (),
    "short": ("few_calls",),
    "wrong": ("wrong",),
    "early": ("wrong", "unsupported", "few_calls"),
    "lost": ("wrong", "unsupported"),
    "unopened": ("unsupported",),
    "leaked": ("leaked",),
    "malformed": ("malformed",),
    "repeating": ("duplicates",),
    "error": ("error", "wrong", "unsupported", "few_calls"),
}


@pytest.mark.parametrize("name", ROLLOUTS)
def test_each_rollout_is_told_every_reason_against_it(episodes: dict[str, Episode], name: str) -> None:
    sieve = Sieve(failures=1.0)
    assert inspect(episodes[name], TASK, sieve).reasons == REASONS[name]


def test_a_context_over_the_cap_and_failed_calls_are_reasons_too(episodes: dict[str, Episode]) -> None:
    assert inspect(episodes["good"], TASK, Sieve(tokens=100)).reasons == ("too_long",)
    assert inspect(episodes["malformed"], TASK, Sieve(failures=0.0)).reasons == ("malformed",)
    failing = episodes["good"].model_copy(
        update={"tool_events": [one.model_copy(update={"status": "error"}) for one in episodes["good"].tool_events]}
    )
    assert inspect(failing, TASK, Sieve()).reasons == ("failures",)


def test_weather_near_the_end_is_a_reason_and_early_weather_is_none(episodes: dict[str, Episode]) -> None:
    events = episodes["good"].tool_events

    def met(place: int) -> Episode:
        hit = events[place].model_copy(update={"status": "error", "error_code": "rate_limited"})
        return episodes["good"].model_copy(update={"tool_events": [*events[:place], hit, *events[place + 1 :]]})

    assert inspect(met(0), TASK).reasons == ()
    assert inspect(met(2), TASK).reasons == ("late_fault",)
    assert inspect(met(2), TASK, Sieve(last_turns=2)).reasons == ()


def test_what_a_search_showed_supports_an_answer_where_that_counts(episodes: dict[str, Episode]) -> None:
    counting = Sieve(snippets=True)
    assert inspect(episodes["unopened"], TASK).reasons == ("unsupported",)
    assert "unsupported" not in inspect(episodes["unopened"], TASK, counting).reasons
    assert inspect(episodes["error"], TASK, counting).reasons == REASONS["error"]
    nothing = [event.model_copy(update={"doc_ids": []}) for event in episodes["unopened"].tool_events]
    echoed = episodes["unopened"].model_copy(update={"tool_events": nothing})
    assert "unsupported" in inspect(echoed, TASK, counting).reasons, "a query that is echoed is no result"


def test_a_verdict_of_a_judge_says_what_is_right(episodes: dict[str, Episode]) -> None:
    assert "wrong" not in inspect(episodes["wrong"], TASK, verdict=True).reasons
    assert "wrong" in inspect(episodes["good"], TASK, verdict=False).reasons


def test_asking_for_the_answer_after_it_was_read_is_no_leak(server: str) -> None:
    late = asyncio.run(rolled(server, {"late": script(KEEPER, OPEN, READ, ROLLOUTS["leaked"]([], ""), RIGHT)}))["late"]
    assert inspect(late, TASK).reasons == ()


def told(name: str, opened: str, calls: int = 3, task: str = "t", reasons: tuple[str, ...] = ()) -> Told:
    return Told(name, task, True, reasons, frozenset(opened), calls, 10)


def test_of_a_task_the_rollouts_that_opened_the_most_different_pages_are_kept() -> None:
    found = [told("a", "pq", 5), told("b", "pq", 3), told("c", "pqr"), told("d", "xy", 9), told("e", "x", task="u")]
    assert chosen(found, 2) == {"a": "same_pages", "c": "surplus"}
    assert chosen(found, 3) == {"a": "same_pages"}
    assert chosen(found, 1) == {"a": "same_pages", "c": "surplus", "d": "surplus"}
    assert chosen(found[::-1], 2) == chosen(found, 2), "the order of the records decides nothing"
    assert chosen([told("a", "p", reasons=("wrong",)), told("b", "p")], 1) == {}


def test_the_counts_of_a_set_add_up_and_its_card_says_what_it_rests_on(
    episodes: dict[str, Episode], tmp_path: Path
) -> None:
    def given() -> Iterator[Episode]:
        yield from episodes.values()

    card = build_sft(given, [TASK], tmp_path / "set", sieve=Sieve(failures=1.0), seeds={"run": 3})
    counts = card["counts"]
    assert counts["rollouts"] == len(ROLLOUTS)
    assert counts["kept"] == 2
    reasons = [name for name in (*FILTERS, "same_pages", "surplus") if name in counts]
    assert sum(counts[name] for name in reasons) + counts["kept"] == counts["rollouts"]
    by_name = {row["filter"]: row for row in card["filters"]}
    assert by_name["unsupported"]["rollouts"] == 4
    assert by_name["unsupported"]["by_it_alone"] == 1
    assert by_name["same_pages"]["rollouts"] == 1
    assert card["seeds_of_runs"] == {"run": 3}
    assert card["rollouts"][0]["snapshot_id"] == episodes["good"].env.snapshot_id
    assert json.loads((tmp_path / "set" / "card.json").read_bytes()) == card
    page = (tmp_path / "set" / "README.md").read_text()
    assert "data_files: unfiltered.jsonl" in page
    assert episodes["good"].env.snapshot_id in page


def test_the_unfiltered_set_has_every_rollout_with_what_speaks_against_it(
    episodes: dict[str, Episode], tmp_path: Path
) -> None:
    build_sft(lambda: episodes.values(), [TASK], tmp_path / "set", sieve=Sieve(failures=1.0))
    rows = [json.loads(line) for line in (tmp_path / "set" / "unfiltered.jsonl").read_text().splitlines()]
    told_of = {row["id"]: row for row in rows}
    assert set(told_of) == {one.id for name, one in episodes.items() if name != "malformed"}, "broken JSON fits no form"
    assert told_of["early"]["reasons"] == "wrong unsupported few_calls"
    assert told_of["same-pages,-more-calls"]["reasons"] == "same_pages"
    assert told_of["good"]["reasons"] == ""
    assert {name for name, row in told_of.items() if row["kept"]} == {"good", "other-pages"}


def test_two_builds_are_equal_bytes_and_nothing_stands_under_the_name_of_an_empty_one(
    episodes: dict[str, Episode], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        build_sft(lambda: episodes.values(), [TASK], tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [
        "README.md",
        "card.json",
        "completions.jsonl",
        "messages.jsonl",
        "sharegpt.jsonl",
        "unfiltered.jsonl",
    ]
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    with pytest.raises(BadSet, match="there already"):
        build_sft(lambda: episodes.values(), [TASK], tmp_path / "one")
    with pytest.raises(BadSet, match="Not one row"):
        build_sft(list, [TASK], tmp_path / "three")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    with pytest.raises(BadSet, match="twice"):
        build_sft(lambda: [episodes["good"], episodes["good"]], [TASK], tmp_path / "four")


def test_gold_answers_stand_in_no_form_that_trains_a_model_but_where_the_model_said_them(
    episodes: dict[str, Episode],
) -> None:
    secret = TASK.model_copy(update={"answer": "Zanzibar", "aliases": ("Unguja",)})
    for form in (messages, completions):
        assert "Zanzibar" not in json.dumps(form(episodes["good"], secret))
    assert sharegpt(episodes["good"], secret)[0]["meta"]["answer"] == "Zanzibar"


def test_each_reply_is_in_one_row_after_exactly_what_the_model_was_given(server: str) -> None:
    speak = {"kept": script(KEEPER, OPEN, PERSON, READ, RIGHT)}
    episode = asyncio.run(rolled(server, speak, policy=Policy("keep_last_k", 1)))["kept"]
    assert episode.context_events, "the policy rewrote the context"
    rows = completions(episode, TASK)
    assert len(rows) > 1
    replies = [one for row in rows for one in row["completion"] if one["role"] == "assistant"]
    assert len(replies) == len(episode.turns)
    for row in rows:
        turn = next(turn for turn in episode.turns if turn.index == int((row["id"] + ":0").split(":")[1]))
        assert [one["content"] for one in row["prompt"]] == [one["content"] for one in episode.path(turn.prompt)]


def test_a_prompt_with_worked_examples_is_no_row_of_messages(server: str) -> None:
    from agent.exports.parts import Unfit

    episode = asyncio.run(rolled(server, {"plain": PLAIN}, format="plain"))["plain"]
    with pytest.raises(Unfit, match="worked examples"):
        messages(episode, TASK)
    (row,) = completions(episode, TASK)
    replies = [one["content"] for one in row["completion"] if one["role"] == "assistant"]
    assert replies == [
        "Search: keeper",
        f"Open: {URLS[LIGHTHOUSE]}",
        "Answer: 1978",
    ]
    assert row["tools"] == [], "a text format tells of its tools in the prompt, once"
    assert row["prompt"][-1]["content"] == f"Question: {TASK.question}"


def test_settings_are_what_the_card_says_they_are(episodes: dict[str, Episode], tmp_path: Path) -> None:
    sieve = replace(Sieve(), calls=2, per_task=1)
    card = build_sft(lambda: episodes.values(), [TASK], tmp_path / "set", sieve=sieve)
    assert card["settings"]["calls"] == 2
    assert card["counts"]["few_calls"] == 0
    assert card["counts"]["kept"] == 1
