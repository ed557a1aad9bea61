"""Reading a turn out of what a model wrote. `agent.formats` says what the formats are.

Strict, and never raises: the first complete call or answer ends the turn, what comes after it is cut, and a call that
cannot be read is a `FormatProblem`, not a guess. Takes time linear in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from agent.models.protocol import Reply, ToolCall
from agent.plain_format import read_line

Code = Literal[
    "unclosed_think", "unclosed_call", "unopened_call", "malformed_json", "malformed_call", "bad_arguments",
    "empty_call", "unclosed_answer", "empty_answer", "nested_tag", "invented_observation", "no_action",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class FormatProblem:
    """Why a turn holds no call that can be made. `message` may be shown to the model."""

    code: Code
    message: str
    call_id: str | None = None
    """Of the call at fault, where the endpoint gave it one."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A turn as read. At most one of call and answer comes out of a text format; native may hold several calls."""

    content: str
    """What goes into the history: the text as written, up to where it is cut."""
    cut: str = ""
    """What was written after that."""
    reasoning: str = ""
    text: str = ""
    """`content` without tags."""
    tool_calls: tuple[ToolCall, ...] = ()
    answer: str | None = None
    problems: tuple[FormatProblem, ...] = ()


def hermes(text: str, call_id: str = "call") -> Parsed:
    """Also Tongyi's way to hand over code: <code> after a call without arguments becomes its argument `code`."""
    return _tagged(text, "tool_call", "tool_response", lambda at: _json_call(text, at, call_id))


def search_r1(text: str, call_id: str = "call") -> Parsed:
    return _tagged(text, "search", "information", lambda at: _words_call(text, at, call_id))


def plain(text: str, call_id: str = "call") -> Parsed:
    """The first line that is not empty is the turn."""
    start = len(text) - len(text.lstrip())
    stop = text.find("\n", start)
    content = text[:stop] if stop >= 0 else text
    found = read_line(content.strip())
    if found is None:
        said = "Begin the line with Search:, Open: or Answer:, and write something after it."
        return Parsed(content, text[len(content) :], problems=(FormatProblem("no_action", said),))
    name, argument, value = found
    if name == "answer":
        return Parsed(content, text[len(content) :], answer=value)
    try:
        call = ToolCall(call_id, name, _checked({argument: value}))
    except _Unreadable as error:
        return Parsed(content, text[len(content) :], problems=(FormatProblem(error.code, str(error)),))
    return Parsed(content, text[len(content) :], tool_calls=(call,))


def native(reply: Reply) -> Parsed:
    """As the endpoint read it. Calls whose arguments are no JSON object stay, each with a problem that names it."""
    problems = []
    for call in reply.tool_calls:
        try:
            _made({"name": call.name, "arguments": _DECODER.decode(call.arguments or "{}")}, None, call.id)
        except _Unreadable as error:
            problems.append(FormatProblem(error.code, str(error), call.id))
        except (ValueError, RecursionError) as error:
            problems.append(
                FormatProblem("malformed_json", f"The arguments are not valid JSON: {_cause(error)}.", call.id)
            )
    return Parsed(reply.content, "", reply.reasoning, reply.content, reply.tool_calls, None, tuple(problems))


_DECODER = json.JSONDecoder(parse_constant=lambda name: _refuse(name))
_SPACE = re.compile(r"\s*")
_FENCE = re.compile(r"```(?:json)?[ \t]*\n?")


class _Unreadable(Exception):
    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code: Code = code


def _tagged(text: str, call: str, observation: str, read: Callable[[int], tuple[ToolCall, int]]) -> Parsed:
    """Segments between tags, until the first call, answer or observation ends the turn.

    `read` takes the position after a call's opening tag, gives the call and where it ends, and raises _Unreadable.
    """
    tags = re.compile(f"<(/think|think|answer|{call}|/{call}|{observation})>")
    reasoning: list[str] = []
    outside: list[str] = []
    at = 0

    def turn(end: int, **found: Any) -> Parsed:
        thoughts, words = ("\n".join(filter(None, map(str.strip, parts))) for parts in (reasoning, outside))
        return Parsed(text[:end], text[end:], thoughts, words, **found)

    def broken(end: int, code: Code, message: str) -> Parsed:
        return turn(end, problems=(FormatProblem(code, message),))

    first = tags.search(text)
    if first and first[1] == "/think":  # the prompt had opened it already
        reasoning.append(text[: first.start()])
        at = first.end()
    while match := tags.search(text, at):
        outside.append(text[at : match.start()])
        tag, at = match[1], match.end()
        if tag == "think":
            end = text.find("</think>", at)
            if end < 0:
                reasoning.append(text[at:])
                return broken(len(text), "unclosed_think", "<think> is not closed.")
            reasoning.append(text[at:end])
            at = end + len("</think>")
        elif tag == observation:
            told = f"<{observation}> is for what tools return, and no tool was called."
            return broken(match.start(), "invented_observation", told)
        elif tag == f"/{call}":
            return broken(at, "unopened_call", f"</{call}> stands without <{call}> before it.")
        elif tag in ("answer", call):
            try:
                if tag == "answer":
                    answer, end = _between(text, at, "answer")
                    return turn(end, answer=answer)
                made, end = read(at)
                return turn(end, tool_calls=(made,))
            except _Unreadable as error:
                end = _end_of(text, at, tag, observation)
                if error.code == "nested_tag" and not text.endswith(f"</{tag}>", at, end):
                    error = _unclosed(tag)  # what would close it stands behind an invented observation, and is cut
                return broken(end, error.code, str(error))
    outside.append(text[at:])
    return turn(len(text))


def _end_of(text: str, at: int, tag: str, observation: str) -> int:
    """Where an unreadable element ends: its closing tag, else an invented observation, else the text."""
    end, invented = text.find(f"</{tag}>", at), text.find(f"<{observation}>", at)
    if end >= 0 and not 0 <= invented < end:
        return end + len(tag) + 3
    return invented if invented >= 0 else len(text)


def _unclosed(tag: str) -> _Unreadable:
    return _Unreadable("unclosed_answer" if tag == "answer" else "unclosed_call", f"<{tag}> is not closed.")


def _between(text: str, at: int, tag: str) -> tuple[str, int]:
    end = text.find(f"</{tag}>", at)
    if end < 0:
        raise _unclosed(tag)
    inner = text[at:end].strip()
    if f"<{tag}>" in inner:
        raise _Unreadable("nested_tag", f"<{tag}> stands inside <{tag}>.")
    if not inner:
        raise _Unreadable("empty_answer" if tag == "answer" else "empty_call", f"<{tag}> is empty.")
    return inner, end + len(tag) + 3


def _words_call(text: str, at: int, call_id: str) -> tuple[ToolCall, int]:
    words, end = _between(text, at, "search")
    return ToolCall(call_id, "search", _checked({"query": words})), end


def _json_call(text: str, at: int, call_id: str) -> tuple[ToolCall, int]:
    at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
    fence = _FENCE.match(text, at)
    if text.startswith("</tool_call>", at):
        raise _Unreadable("empty_call", "<tool_call> is empty.")
    try:
        value, at = _DECODER.raw_decode(text, _SPACE.match(text, fence.end() if fence else at).end())  # type: ignore[union-attr]
    except (ValueError, RecursionError) as error:
        told = _cause(error)
        raise _Unreadable("malformed_json", f"The call is not valid JSON: {told}.") from None
    at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
    if fence:
        if not text.startswith("```", at):
            raise _Unreadable("malformed_json", "The fence around the JSON is not closed.")
        at = _SPACE.match(text, at + 3).end()  # type: ignore[union-attr]
    code = None
    if text.startswith("<code>", at):
        end = text.find("</code>", at)
        if end < 0:
            raise _Unreadable("unclosed_call", "<code> is not closed.")
        code = text[at + 6 : end].strip("\n")
        at = _SPACE.match(text, end + 7).end()  # type: ignore[union-attr]
    if not text.startswith("</tool_call>", at):
        if at == len(text):
            raise _Unreadable("unclosed_call", "<tool_call> is not closed.")
        raise _Unreadable("malformed_call", "Something else than </tool_call> stands after the JSON.")
    return _made(value, code, call_id), at + len("</tool_call>")


def _made(value: Any, code: str | None, call_id: str) -> ToolCall:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"].strip():
        raise _Unreadable("malformed_call", "A call is an object with a `name` and `arguments`.")
    arguments = value.get("arguments")
    if not isinstance(arguments, dict):
        raise _Unreadable("bad_arguments", "`arguments` must be an object.")
    if code is not None:
        arguments = {**arguments, "code": code}
    _checked(value["name"])
    return ToolCall(call_id, value["name"].strip(), _checked(arguments))


def _checked(value: Any) -> str:
    """As JSON that any other reader takes: no infinite numbers, no half characters, not too deep."""
    try:
        written = dumps(value)
        written.encode()
    except (ValueError, RecursionError) as error:
        raise _Unreadable("bad_arguments", f"The call cannot be written as JSON again: {_cause(error)}.") from None
    return written


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _cause(error: Exception) -> str:
    """In words that do not differ between versions of Python more than they must."""
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, UnicodeEncodeError):
        return "it has half of a surrogate pair"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
