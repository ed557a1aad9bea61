"""The loop against a real server: every way a rollout ends, and a record that says what the model saw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.canonical import digest
from agent.client import AsyncClient
from agent.context import ELIDED, RESTARTED, SUM_UP, SUMMED_UP, Policy
from agent.failures import AgentError, Diverged
from agent.journal import Steps
from agent.loop import FINAL, Limits, roll_out
from agent.models.protocol import ModelError, Reply, Tokens, Usage
from agent.notes import Identity
from agent.questions import Question, read_questions
from agent.records import GroupRef, Message, ModelRef, comparable
from agent.speech import agent_ref
from agent.world import enter, look_at
from tests.agent.loop_parts import QUESTION, Spoken, gates, play, player, said, script, turn_of
from tests.env_server.test_determinism import running_server

ADA = "https://tiny.example/people/ada.html"
SEARCH = said("Let me look.", ("search", {"query": "lamp", "k": 3}))
ANSWER = said("", ("answer", {"answer": "Thorunn", "confidence": 0.5, "citations": [{"url": ADA, "quote": "lamp"}]}))


@pytest.fixture(scope="module")
def server(tiny_path: Path) -> Iterator[str]:
    with running_server(tiny_path) as url:
        yield url


async def test_a_rollout_that_answers_is_recorded_with_all_that_it_rests_on(server: str) -> None:
    episode = await play(server, player(Spoken(script(SEARCH, ANSWER))))
    assert (episode.status, episode.stop_reason, episode.forced_answer) == ("ok", "answered", False)
    assert episode.answer is not None
    assert (episode.answer.text, episode.answer.confidence) == ("Thorunn", 0.5)
    assert [(citation.url, citation.quote) for citation in episode.answer.citations] == [(ADA, "lamp")]
    assert episode.task.digest == digest(QUESTION.text)
    assert len(episode.env.snapshot_id) == 64 or episode.env.snapshot_id
    (event,) = episode.tool_events
    assert (event.name, event.args, event.status) == ("search", {"query": "lamp", "k": 3}, "ok")
    assert event.ranks == [1, 2, 3]
    assert len(event.doc_ids) == 3
    shown = episode.path()[-2]
    assert shown["role"] == "tool"
    assert digest(shown["content"]) == event.observation_digest


async def test_what_the_model_was_given_is_the_path_to_each_turn_s_prompt(server: str) -> None:
    model = Spoken(script(SEARCH, said("", ("fetch", {"url": ADA})), ANSWER))
    episode = await play(server, player(model))
    assert [episode.path(turn.prompt) for turn in episode.turns] == model.asked
    assert [episode.path(turn.node_id)[-1]["role"] for turn in episode.turns] == ["assistant"] * 3
    assert [node.node_id for node in episode.messages if node.sampled] == [turn.node_id for turn in episode.turns]


@pytest.mark.parametrize(
    ("limits", "reason", "calls"),
    [
        (Limits(turns=3), "max_turns", 3),
        (Limits(calls=2), "max_tool_calls", 2),
        (Limits(tokens=20), "token_budget", 3),
        (Limits(repeated=2), "repeated_call_limit", 3),
    ],
)
async def test_at_a_limit_the_final_answer_is_asked_for_and_the_reason_stays(
    server: str, limits: Limits, reason: str, calls: int
) -> None:
    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        return said("Probably **Ada**.") if messages[-1]["content"] == FINAL else SEARCH

    episode = await play(server, player(Spoken(speak), limits=limits))
    assert (episode.status, episode.stop_reason, episode.forced_answer) == ("ok", reason, True)
    assert episode.answer is not None
    assert episode.answer.text == "Probably **Ada**."
    assert len(episode.tool_events) == calls
    assert episode.turns[-1].purpose == "final"


async def test_wall_time_is_the_clock_s_that_was_passed_in(server: str) -> None:
    now = [0.0]

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        now[0] += 10
        return SEARCH

    limits = Limits(wall_s=25, forced_answer=False)
    episode = await play(server, player(Spoken(speak), limits=limits), clock=lambda: now[0])
    assert (episode.stop_reason, episode.forced_answer, episode.answer) == ("wall_time", False, None)
    assert len(episode.turns) == 3
    assert episode.timing.wall_s == 30


async def test_calls_beyond_the_budget_are_answered_so_that_the_conversation_stays_whole(server: str) -> None:
    both = said("", ("search", {"query": "lamp"}), ("search", {"query": "ferry"}), id_="c")
    episode = await play(server, player(Spoken(script(both)), limits=Limits(calls=1)))
    assert [event.error_code for event in episode.tool_events] == [None, "no_calls_left"]
    assert [m["tool_call_id"] for m in episode.path() if m["role"] == "tool"] == ["c0", "c1"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (("search", "{broken"), "bad_arguments"),
        (("search", "[1]"), "bad_arguments"),
        (("search", {"query": 7}), "bad_arguments"),
        (("search", {}), "bad_arguments"),
        (("teleport", {}), "unknown_tool"),
        (("answer", {"answer": ""}), "bad_arguments"),
        (("search", '{"query": "x", "k": ' + "9" * 30 + "}"), "bad_arguments"),
    ],
)
async def test_a_call_that_cannot_be_made_is_answered_with_what_is_wrong(server: str, call: Any, code: str) -> None:
    episode = await play(server, player(Spoken(script(said("", call), ANSWER))))
    assert episode.stop_reason == "answered"
    (event,) = episode.tool_events
    assert event.error_code == code
    assert event.status == "malformed"
    error = json.loads(episode.path()[-2]["content"])["error"]
    assert error["code"] == code
    assert error["remedy"]


async def test_half_a_surrogate_pair_in_a_call_breaks_nothing(server: str) -> None:
    episode = await play(server, player(Spoken(script(said("", ("search", '{"query": "\\ud83d"}')), ANSWER))))
    assert episode.stop_reason == "answered"
    (event,) = episode.tool_events
    assert event.args == {"query": "\N{REPLACEMENT CHARACTER}"}


async def test_malformed_turns_in_a_row_end_a_rollout_and_a_good_one_between_starts_afresh(server: str) -> None:
    bad = said("", ("teleport", {}))
    episode = await play(server, player(Spoken(script(bad, bad, SEARCH, bad, bad, bad)), limits=Limits(malformed=3)))
    assert episode.stop_reason == "malformed_limit"
    assert len(episode.tool_events) == 6


async def test_a_repeated_call_is_made_and_marked_with_the_first_one(server: str) -> None:
    again = said("", ("search", {"k": 3, "query": "lamp"}))
    episode = await play(server, player(Spoken(script(SEARCH, again, ANSWER))))
    first, second = episode.tool_events
    assert first.args_digest == second.args_digest
    assert (first.repeat_of, second.repeat_of) == (None, first.call_id)
    assert first.observation_digest == second.observation_digest


async def test_a_message_without_a_call_is_no_answer_where_a_tool_takes_the_answer(server: str) -> None:
    episode = await play(server, player(Spoken(script(SEARCH, said("It is Ada.")))))
    assert (episode.stop_reason, episode.answer) == ("no_tool_call", None)


async def test_a_message_without_a_call_is_the_answer_where_no_tool_takes_it(server: str) -> None:
    text = f"As [her page]({ADA}) says: <answer> Ada </answer>"
    episode = await play(server, player(Spoken(script(said(text))), name="browsecomp_plus"))
    assert episode.stop_reason == "answered"
    assert episode.answer is not None
    assert (episode.answer.text, [c.url for c in episode.answer.citations]) == ("Ada", [ADA])


async def test_a_text_format_s_invented_observation_is_cut_and_kept_beside(server: str) -> None:
    text = '<tool_call>{"name": "search", "arguments": {"query": ["lamp"]}}</tool_call>\n<tool_response>made up by me'
    model = Spoken(script(said(text), said("<answer>Ada</answer>")))
    episode = await play(server, player(model, name="tongyi"))
    assert episode.stop_reason == "answered"
    assert "made up by me" not in json.dumps(model.asked)
    assert "made up by me" in (episode.turns[0].cut or "")
    assert [event.name for event in episode.tool_events] == ["search"]
    assert "<tool_response>" in episode.path()[-2]["content"]
    assert episode.path()[-2]["role"] == "user"


async def test_a_text_that_cannot_be_read_is_answered_and_counted(server: str) -> None:
    model = Spoken(script(said('<tool_call>{"name": </tool_call>')))
    episode = await play(server, player(model, name="tongyi", limits=Limits(malformed=2)))
    assert episode.stop_reason == "malformed_limit"
    assert episode.turns[0].problems
    assert "malformed_call" in model.asked[1][-1]["content"]


async def test_at_a_full_window_the_rollout_goes_back_to_the_last_turn_that_leaves_room(server: str) -> None:
    fetch = said("", ("fetch", {"url": ADA}))

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        return said("Ada") if messages[-1]["content"] == FINAL else fetch

    model = Spoken(speak)
    limits = Limits(context_tokens=1700, repeated=100)
    episode = await play(server, player(model, limits=limits, max_tokens=100))
    assert (episode.stop_reason, episode.forced_answer) == ("context_overflow", True)
    (event,) = episode.context_events
    assert event.kind == "rollback"
    assert event.tokens_before > 1600 >= event.tokens_after
    kept = [message["role"] for message in model.asked[-1]]
    assert kept[-2:] == ["tool", "user"]
    assert len(kept) < len(episode.path(event.before)) + 1


async def test_an_endpoint_that_finds_the_prompt_too_long_is_believed(server: str) -> None:
    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        if turn_of(messages) >= 2:
            raise ModelError("the prompt has 9,000 tokens", retry=False, kind="too_long")
        return said("Ada") if messages[-1]["content"] == FINAL else SEARCH

    episode = await play(server, player(Spoken(speak), limits=Limits(repeated=100)))
    assert (episode.stop_reason, episode.forced_answer) == ("context_overflow", True)
    assert episode.status == "ok"


async def test_keep_last_k_is_a_new_branch_each_time_and_the_old_one_is_what_was_seen(server: str) -> None:
    model = Spoken(script(*[said("", ("fetch", {"url": ADA, "page": 1}))] * 4, ANSWER))
    policy = Policy("keep_last_k", 1)
    episode = await play(server, player(model, policy=policy, limits=Limits(repeated=100)))
    assert [episode.path(turn.prompt) for turn in episode.turns] == model.asked
    contents = [message["content"] for message in model.asked[-1] if message["role"] == "tool"]
    assert contents[:-1] == [ELIDED] * 3
    assert contents[-1] != ELIDED
    assert [event.kind for event in episode.context_events] == ["keep_last_k"] * 3
    assert model.asked[1][-1]["content"] != ELIDED


async def test_discard_all_begins_again_from_the_question(server: str) -> None:
    model = Spoken(script(*[said("", ("fetch", {"url": ADA}))] * 3, ANSWER))

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        return ANSWER if any(m["content"] == RESTARTED for m in messages) else said("", ("fetch", {"url": ADA}))

    model.speak = speak
    episode = await play(server, player(model, policy=Policy("discard_all", 0.5), limits=Limits(context_tokens=2000)))
    assert episode.stop_reason == "answered"
    assert [message["role"] for message in model.asked[-1]] == ["system", "user", "user"]
    assert episode.context_events[0].kind == "discard_all"
    assert episode.context_events[0].tokens_after < episode.context_events[0].tokens_before


async def test_truncate_cuts_earlier_results_in_a_new_branch_and_the_old_one_is_what_was_seen(server: str) -> None:
    model = Spoken(script(*[said("", ("fetch", {"url": ADA}))] * 20, ANSWER))
    limits = Limits(context_tokens=4000, repeated=100)
    episode = await play(server, player(model, policy=Policy("truncate", 100), limits=limits))
    assert episode.stop_reason == "answered"
    assert {event.kind for event in episode.context_events} == {"truncate"}
    assert all(event.tokens_after < event.tokens_before for event in episode.context_events)
    assert [episode.path(turn.prompt) for turn in episode.turns] == model.asked
    first = episode.context_events[0].turn
    *earlier, last = [str(message["content"]) for message in model.asked[first] if message["role"] == "tool"]
    assert max(map(len, earlier)) <= 100 < len(last)
    assert min(len(str(message["content"])) for message in model.asked[first - 1] if message["role"] == "tool") > 100


@pytest.mark.parametrize("policy", [Policy("truncate", 100), Policy("discard_all", 0.9)], ids=str)
async def test_a_policy_acts_before_the_longest_reply_fits_no_more(server: str, policy: Policy) -> None:
    """Half of the window is kept for a reply, so its 0.9 is never reached."""
    model = Spoken(script(*[said("", ("fetch", {"url": ADA}))] * 12, ANSWER))
    limits = Limits(context_tokens=4000, repeated=100)
    episode = await play(server, player(model, policy=policy, limits=limits, max_tokens=2000))
    assert policy.name in {event.kind for event in episode.context_events}
    assert episode.stop_reason != "context_overflow"


async def test_a_summary_is_a_turn_of_its_own_and_what_the_model_goes_on_from(server: str) -> None:
    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        if messages[-1]["content"] == SUM_UP:
            return said("Ada keeps the lamp.")
        if str(messages[-1]["content"]).startswith(SUMMED_UP):
            return ANSWER
        return said("", ("fetch", {"url": ADA}))

    model = Spoken(speak)
    episode = await play(server, player(model, policy=Policy("summary", 0.5), limits=Limits(context_tokens=2000)))
    assert episode.stop_reason == "answered"
    assert [turn.purpose for turn in episode.turns][-2:] == ["summary", "act"]
    assert model.asked[-1][-1]["content"] == SUMMED_UP + "Ada keeps the lamp."
    assert [episode.path(turn.prompt) for turn in episode.turns] == model.asked


async def test_a_model_that_fails_for_good_is_data_on_the_record(server: str) -> None:
    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        if turn_of(messages):
            raise ModelError("no such model", retry=False, kind="refused")
        return SEARCH

    episode = await play(server, player(Spoken(speak)))
    assert (episode.status, episode.stop_reason) == ("error", "model_error")
    assert [(error.where, error.code, error.turn) for error in episode.errors] == [("model", "refused", 1)]
    assert len(episode.tool_events) == 1


async def test_a_mistake_of_ours_ends_one_rollout_and_says_where(server: str) -> None:
    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        raise ZeroDivisionError("ours")

    episode = await play(server, player(Spoken(speak)))
    assert (episode.status, episode.errors[0].where, episode.errors[0].code) == ("error", "loop", "ZeroDivisionError")


async def test_a_rollout_that_is_stopped_is_cancelled_before_its_next_step(server: str) -> None:
    model = Spoken(script(SEARCH))
    episode = await play(server, player(model), stop=lambda: len(model.asked) >= 2)
    assert (episode.status, episode.stop_reason, len(episode.turns)) == ("error", "cancelled", 2)


async def test_a_rollout_goes_on_from_its_steps_without_asking_the_model_again(server: str) -> None:
    speak = script(SEARCH, said("", ("fetch", {"url": ADA})), ANSWER)
    steps = Steps()
    whole = await play(server, player(Spoken(speak)), steps=steps)
    for done in range(len(steps.known) + 1):
        model = Spoken(speak)
        again = await play(server, player(model), steps=Steps(recorded=steps.known[:done]))
        assert comparable(again.model_dump()) == comparable(whole.model_dump())
        assert len(model.asked) == 3 - sum("reply" in step for step in steps.known[:done])
        assert again.timing.resumed_calls == sum("observation" in step for step in steps.known[:done])


async def test_steps_that_the_environment_answers_otherwise_now_are_not_gone_on_with(server: str) -> None:
    steps = Steps()
    await play(server, player(Spoken(script(SEARCH, ANSWER))), steps=steps)
    steps.known[1]["observation"] = "0" * 32
    with pytest.raises(Diverged, match="search"):
        await play(server, player(Spoken(script(SEARCH, ANSWER))), steps=Steps(recorded=steps.known))


async def test_token_ids_are_kept_once_and_come_back_whole(server: str) -> None:
    given = [Tokens((1, 2, 3), (4, 5), (-0.5, -0.1)), Tokens((1, 2, 3, 4, 5, 6, 7), (8,), (-0.2,))]

    def speak(messages: Sequence[Message], rollout: str) -> Reply:
        turn = turn_of(messages)
        call = (SEARCH, ANSWER)[turn].tool_calls
        return Reply("", tool_calls=call, usage=Usage(len(given[turn].prompt_ids), 2), tokens=given[turn])

    episode = await play(server, player(Spoken(speak)))
    assert [episode.prompt_ids(turn) for turn in (0, 1)] == [list(tokens.prompt_ids) for tokens in given]
    assert [turn.tokens.prompt_ids for turn in episode.turns if turn.tokens] == [[1, 2, 3], [6, 7]]
    assert episode.usage.prompt_tokens == 10


async def test_another_snapshot_than_the_pinned_one_ends_the_rollout_and_is_not_shown(server: str) -> None:
    played = player(Spoken(script(SEARCH, ANSWER)))
    async with AsyncClient(server) as client:
        world = await look_at(client)
        env, ref = await enter(world, 7)
        identity = Identity(
            "r1", QUESTION.ref(), GroupRef(sample=0, seed=1), ref, agent_ref(played.manner, "none", {}),
            ModelRef(name="spoken", sampling={}), played.manner.schemas,
        )  # fmt: skip
        episode = await roll_out(played, identity, env.using(snapshot="0" * 64), gates())
        assert (episode.stop_reason, episode.errors[0].code) == ("env_error", "snapshot_mismatch")
        with pytest.raises(AgentError, match="snapshot_mismatch"):
            await look_at(client, pin="0" * 64)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": 1, "question": "x", "answer": "y"}, "answer"),
        ({"id": 1, "question": "x", "gold_answers": []}, "gold_answers"),
        ({"id": 1, "question": "x", "meta": [{"goldAnswer": 1}]}, "meta.goldAnswer"),
        ({"id": 1, "question": "x", "evidence_urls": None}, "evidence_urls"),
        ({"id": 1, "question": "x", "Aliases": []}, "Aliases"),
        ({"task_id": 1, "question": "x", "info": {"ground_truth": 3}}, "info.ground_truth"),
    ],
)
def test_a_file_with_answers_is_refused_by_the_field_s_name(row: dict[str, Any], field: str, tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"id": 0, "question": "fine"}\n' + json.dumps(row) + "\n")
    with pytest.raises(AgentError, match=f"line 2 has the field '{field}'.*jq"):
        read_questions(path)


def test_questions_are_read_with_ids_of_either_name_and_other_fields_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"id": 3, "question": "a?", "split": "dev"}\n\n{"task_id": "t", "question": "b?"}\n')
    assert read_questions(path) == [Question("3", "a?"), Question("t", "b?")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no question"),
        ("{", "line 1 is no JSON"),
        ("[]", "no object"),
        ('{"id": 1}', "no question"),
        ('{"question": "x"}', "no id or task_id"),
        ('{"id": 1, "question": "x"}\n{"id": 1, "question": "y"}', "line 2 has the id '1' again"),
    ],
)
def test_a_file_that_is_no_list_of_questions_is_refused_with_the_line(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(text)
    with pytest.raises(AgentError, match=says):
        read_questions(path)
