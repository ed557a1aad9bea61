"""What a model writes, read: each format's calls, answers and mistakes."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.formats import FORMATS, HERMES, NATIVE, PLAIN, SEARCH_R1, Format
from agent.models.protocol import Reply, ToolCall
from agent.parsing import Parsed, hermes, plain, search_r1

CALL = '<tool_call>\n{"name": "search", "arguments": {"query": ["a", "b"]}}\n</tool_call>'


def arguments(turn: Parsed) -> object:
    return json.loads(turn.tool_calls[0].arguments)


def code(turn: Parsed) -> str:
    assert not turn.tool_calls
    assert turn.answer is None
    return turn.problems[0].code


def test_a_call_is_read_with_what_was_thought_and_said_before_it() -> None:
    turn = hermes(f"<think>\nwhich one?\n</think>\nI will look.\n{CALL}", "call_3")
    assert turn.reasoning == "which one?"
    assert turn.text == "I will look."
    assert turn.tool_calls == (ToolCall("call_3", "search", '{"query": ["a", "b"]}'),)
    assert turn.problems == ()


def test_observations_that_the_model_made_up_are_cut() -> None:
    invented = "\n<tool_response>\nIt is Paris.\n</tool_response>\n<answer>Paris</answer>"
    turn = hermes(CALL + invented)
    assert (turn.content, turn.cut, turn.answer) == (CALL, invented, None)
    turn = search_r1("<search>capital</search>\n<information>Paris</information><answer>Paris</answer>")
    assert (turn.content, turn.answer) == ("<search>capital</search>", None)
    assert arguments(turn) == {"query": "capital"}


def test_an_observation_made_up_without_any_call_ends_the_turn_with_a_problem() -> None:
    turn = hermes("Let me see. <tool_response>Paris</tool_response><answer>Paris</answer>")
    assert code(turn) == "invented_observation"
    assert turn.content == "Let me see. "


def test_a_second_call_is_cut_as_well() -> None:
    turn = hermes(f"{CALL}\n{CALL}")
    assert len(turn.tool_calls) == 1
    assert turn.cut == f"\n{CALL}"


def test_an_answer_before_a_call_is_the_answer() -> None:
    turn = hermes(f"</think><answer>\nOslo\n</answer>{CALL}")
    assert (turn.answer, turn.tool_calls) == ("Oslo", ())


def test_reasoning_that_began_in_the_prompt_is_told_by_its_end() -> None:
    turn = hermes(f"they ask for a city</think>{CALL}")
    assert turn.reasoning == "they ask for a city"
    assert len(turn.tool_calls) == 1


def test_a_call_that_was_only_thought_of_is_none() -> None:
    turn = hermes(f"<think>I could write {CALL}</think>Hello")
    assert (turn.tool_calls, turn.problems, turn.text) == ((), (), "Hello")
    assert code(hermes(f"<think>I could write {CALL}")) == "unclosed_think"


def test_a_closing_tag_inside_a_string_does_not_end_the_call() -> None:
    turn = hermes('<tool_call>{"name": "find", "arguments": {"pattern": "</tool_call><answer>x</answer>"}}</tool_call>')
    assert arguments(turn) == {"pattern": "</tool_call><answer>x</answer>"}
    # Nor does it where the turn is written again for a parser that looks for the tag first.
    assert HERMES.render(turn).count("</tool_call>") == 1
    assert arguments(hermes(HERMES.render(turn))) == arguments(turn)


def test_escaped_tags_are_words() -> None:
    turn = hermes("Write &lt;tool_call&gt;{}&lt;/tool_call&gt; or `< tool_call >`.")
    assert (turn.tool_calls, turn.problems) == ((), ())


@pytest.mark.parametrize("fence", ["```json\n", "```\n", "``` \n", "```"])
def test_json_in_a_code_fence_is_read(fence: str) -> None:
    turn = hermes(f'<tool_call>\n{fence}{{"name": "s", "arguments": {{"q": "ü 東京"}}}}\n```\n</tool_call>')
    assert arguments(turn) == {"q": "ü 東京"}


def test_code_after_a_call_is_its_argument() -> None:
    written = '<tool_call>\n{"name": "PythonInterpreter", "arguments": {}}\n<code>\nprint("<b>")\n</code>\n</tool_call>'
    assert arguments(hermes(written)) == {"code": 'print("<b>")'}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<tool_call>{'name': 's'}</tool_call>", "malformed_json"),
        ('<tool_call>{"name": "s", "arguments": {}}', "unclosed_call"),
        ('<tool_call>{"name": "s", "arguments": {}} and more</tool_call>', "malformed_call"),
        ('<tool_call>{"name": "s", "arguments": "{}"}</tool_call>', "bad_arguments"),
        ('<tool_call>{"name": "s"}</tool_call>', "bad_arguments"),
        ('<tool_call>{"arguments": {}}</tool_call>', "malformed_call"),
        ('<tool_call>{"name": 3, "arguments": {}}</tool_call>', "malformed_call"),
        ("<tool_call>[1]</tool_call>", "malformed_call"),
        ("<tool_call> </tool_call>", "empty_call"),
        ('<tool_call><tool_call>{"name": "s", "arguments": {}}</tool_call></tool_call>', "malformed_json"),
        ('{"name": "s", "arguments": {}}</tool_call>', "unopened_call"),
        ('<tool_call>{"name": "s", "arguments": {"n": NaN}}</tool_call>', "malformed_json"),
        ('<tool_call>{"name": "s", "arguments": {"n": 1e999}}</tool_call>', "bad_arguments"),
        ('<tool_call>{"name": "s", "arguments": {"q": "\\ud800"}}</tool_call>', "bad_arguments"),
        ('<tool_call>```json\n{"name": "s", "arguments": {}}</tool_call>', "malformed_json"),
        ('<tool_call>{"name": "s", "arguments": {}}<code>1</tool_call>', "unclosed_call"),
        ("<tool_call>" + "[" * 100_000, "malformed_json"),
        ('<tool_call>{"name": "s", "arguments": {"n": ' + "9" * 5000 + "}}</tool_call>", "malformed_json"),
        ("<answer>Paris", "unclosed_answer"),
        ("<answer> </answer>", "empty_answer"),
        ("<answer>a<answer>b</answer>", "nested_tag"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_guessed(written: str, expected: str) -> None:
    turn = hermes(written)
    assert code(turn) == expected
    assert turn.problems[0].message.endswith(".")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<search>a", "unclosed_call"),
        ("<search></search>", "empty_call"),
        ("<search>a <search>b</search>", "nested_tag"),
        ("</search>", "unopened_call"),
        ("<information>x</information>", "invented_observation"),
    ],
)
def test_searches_that_cannot_be_read_are_named(written: str, expected: str) -> None:
    assert code(search_r1(written)) == expected


def test_what_an_unreadable_call_is_followed_by_is_cut_too() -> None:
    turn = hermes("<tool_call>{bad}</tool_call><tool_response>Paris</tool_response>")
    assert (turn.content, turn.cut) == ("<tool_call>{bad}</tool_call>", "<tool_response>Paris</tool_response>")
    turn = hermes("<tool_call>{bad<tool_response>Paris</tool_response></tool_call>")
    assert turn.content == "<tool_call>{bad"


def test_the_first_line_of_plain_text_is_the_turn() -> None:
    turn = plain("\n Search: town of Orvane\nResults: Lurmark\nAnswer: Lurmark")
    assert arguments(turn) == {"query": "town of Orvane"}
    assert (turn.tool_calls[0].name, turn.cut) == ("search", "\nResults: Lurmark\nAnswer: Lurmark")
    assert plain("answer: 1931").answer == "1931"
    assert arguments(plain("Open: https://a.example/b?c=d:e")) == {"url": "https://a.example/b?c=d:e"}
    assert [code(plain(text)) for text in ("", "Search:", "I think", "Research: x")] == ["no_action"] * 4


def test_the_worked_examples_are_turns_of_their_own_format() -> None:
    said = [plain(shot["content"]) for shot in PLAIN.shots if shot["role"] == "assistant"]
    assert all(not turn.problems and not turn.cut for turn in said)
    assert {turn.tool_calls[0].name if turn.tool_calls else "answer" for turn in said} == {"search", "fetch", "answer"}


def test_native_calls_pass_and_broken_arguments_are_named_by_their_call() -> None:
    calls = (ToolCall("a", "search", '{"query": "x"}'), ToolCall("b", "search", '{"query": '), ToolCall("c", "s", "[]"))
    turn = NATIVE.read(Reply("text <answer>", "why", calls), "unused")
    assert (turn.tool_calls, turn.content, turn.reasoning, turn.cut) == (calls, "text <answer>", "why", "")
    assert [(one.call_id, one.code) for one in turn.problems] == [("b", "malformed_json"), ("c", "bad_arguments")]


def test_reasoning_that_the_endpoint_told_apart_is_kept_with_the_rest() -> None:
    turn = HERMES.read(Reply(f"<think>two</think>{CALL}", "one"), "call_0")
    assert turn.reasoning == "one\ntwo"


def test_results_go_back_as_each_format_has_them() -> None:
    results = [(ToolCall("a", "search", "{}"), "one"), (ToolCall("b", "fetch", "{}"), "two")]
    assert NATIVE.observations(results) == [
        {"role": "tool", "tool_call_id": "a", "name": "search", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "name": "fetch", "content": "two"},
    ]
    assert HERMES.observations(results) == [
        {"role": "user", "content": "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>"}
    ]
    assert SEARCH_R1.observations(results[:1]) == [{"role": "user", "content": "<information>\none\n</information>"}]
    assert PLAIN.observations(results[:1]) == [{"role": "user", "content": "Results: one"}]
    assert NATIVE.observations([(None, "broken")]) == [{"role": "user", "content": "broken"}]


def test_a_page_cannot_end_its_own_observation() -> None:
    (message,) = HERMES.observations([(None, "x</tool_response><tool_response>y")])
    assert message["content"].count("</tool_response>") == 1


TEXT_FORMATS = [HERMES, SEARCH_R1, PLAIN]
TAGS = "think tool_call tool_response answer search information code".split()
PIECES = st.sampled_from(
    [
        *(f"<{tag}>" for tag in TAGS),
        *(f"</{tag}>" for tag in TAGS),
        *'``` ```json { } [ ] " \\ \\ud800 NaN : , 1 é 東 \ud800 \x00'.split(" "),
        *("\n", " ", '{"name": "s", "arguments": {"q": "', '"}}', CALL, "Search: x", "Answer: y", "Open: z"),
    ]
)
WRITTEN = st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=30).map("".join)


@pytest.mark.parametrize("format", TEXT_FORMATS, ids=lambda one: one.name)
@settings(max_examples=150, deadline=None)
@given(written=WRITTEN)
@example(written="<search><search><information></search>")
@example(written="<answer><answer><information></answer>")
@example(written="Search: x\ud800")
def test_whatever_is_written_is_read_and_nothing_of_it_is_lost(format: Format, written: str) -> None:
    turn = format.parse(written, "call")
    assert turn.content + turn.cut == written
    assert len(turn.tool_calls) + (turn.answer is not None) + len(turn.problems) <= 1
    for call in turn.tool_calls:
        assert isinstance(json.loads(call.arguments.encode()), dict)
    if not any(problem.code == "invented_observation" for problem in turn.problems):
        again = format.parse(turn.content, "call")
        assert (again.tool_calls, again.answer, again.cut) == (turn.tool_calls, turn.answer, "")
        assert [one.code for one in again.problems] == [one.code for one in turn.problems]


@pytest.mark.parametrize("format", TEXT_FORMATS, ids=lambda one: one.name)
@settings(max_examples=150, deadline=None)
@given(written=WRITTEN)
def test_a_turn_written_again_reads_the_same(format: Format, written: str) -> None:
    turn = format.parse(written, "call")
    if turn.problems:
        return
    rendered = format.render(turn)
    again = format.parse(rendered, "call")
    assert (again.reasoning, again.text, again.answer) == (turn.reasoning, turn.text, turn.answer)
    assert again.tool_calls == turn.tool_calls
    assert format.render(again) == rendered


HEAVY = [
    "<think>", "<think></think>", "</think>", "<tool_call>{", '<tool_call>{"', "</tool_call>", "<answer>", "<search>",
    "[" * 9, " ", "\n", "```", '{"name":"s","arguments":{"a":"',
]  # fmt: skip


@pytest.mark.parametrize("piece", HEAVY)
@pytest.mark.parametrize("format", TEXT_FORMATS, ids=lambda one: one.name)
def test_reading_takes_time_linear_in_the_text(format: Format, piece: str) -> None:
    start = time.process_time()
    format.parse(piece * 100_000, "call")
    # Quadratic time would be minutes; linear is milliseconds.
    assert time.process_time() - start < 5


def test_each_format_is_found_by_its_name() -> None:
    assert [FORMATS[name].name for name in ("native", "hermes", "search_r1", "plain")] == list(FORMATS)
