"""How a profile speaks with a model: the opening, what a reply says, how results go back.

Native calls pass through; text formats (`agent.formats`) are read out of the reply's text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import orjson

from agent.canonical import digest, safe_json, tame
from agent.formats import FORMATS, Format
from agent.models.protocol import Reply, Sampling, Tokens, ToolCall, Usage
from agent.parsing import Parsed
from agent.records import AgentRef, Answer, Citation, Message
from agent.tools.profile import Profile
from agent.tools.tool import Tool, error_text

AGENT = "stillweb-react"
_TAGGED = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL)
_MARKDOWN_LINK = re.compile(r"\[[^\]\n]*\]\((https?://[^)\s]+)\)")


@dataclass(frozen=True)
class Call:
    """A call as the model made it. `arguments` is its text where that is no JSON object."""

    id: str
    name: str
    arguments: dict[str, Any] | str


@dataclass(frozen=True)
class Said:
    """A reply, read."""

    reply: Reply
    message: Message
    """As it goes into the context; what the format cuts is gone."""
    calls: tuple[Call, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be read."""
    cut: str | None = None
    answer: Answer | None = None


@dataclass(frozen=True)
class Manner:
    """A profile in a format: what is equal for all rollouts of a run."""

    profile: Profile
    format: Format
    system: str
    """The system prompt as the model is given it, with the tools where the format has them there."""
    schemas: tuple[dict[str, Any], ...]
    """Of the tools, as they stand in the record."""

    @property
    def offered(self) -> tuple[dict[str, Any], ...]:
        """The tools that go along with each request."""
        return self.schemas if self.format.tools_in_request else ()

    def opening(self, question: str) -> list[Message]:
        head: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        return [*head, *self.format.shots, {"role": "user", "content": self.format.question(question)}]

    def said(self, reply: Reply, turn: int, tools: dict[str, Tool]) -> Said:
        """Read a reply; calls that come without an id get one from the turn's number, never a random one."""
        if self.format.tools_in_request and not all(call.id for call in reply.tool_calls):
            numbered = enumerate(reply.tool_calls)
            named = tuple(replace(call, id=call.id or f"call_{turn}_{place}") for place, call in numbered)
            reply = replace(reply, tool_calls=named)
        parsed = self.format.read(reply, f"call_{turn}")
        if parsed.cut and reply.tokens is not None:
            reply = replace(reply, tokens=reply.tokens.cut(len(parsed.content)))
        message = reply.as_message() | {"content": parsed.content}
        calls = tuple(Call(call.id, call.name, _object(call.arguments)) for call in parsed.tool_calls)
        problems = tuple(f"{problem.code}: {problem.message}" for problem in parsed.problems)
        answer = self._answer(parsed, calls, tools)
        return Said(reply, message, calls, problems, parsed.cut or None, answer)

    def results(self, given: Sequence[tuple[Call, str]], problems: Sequence[str]) -> list[Message]:
        """Messages that answer a turn: with its results, or where nothing could be read, the structured error."""
        texts = [(_as_made(call), text) for call, text in given]
        return self.format.observations(texts or [(None, unreadable(problems))])

    def sampling(self, sampling: Sampling) -> Sampling:
        """Stops where an observation of the model's own making would begin."""
        return replace(sampling, stop=tuple(dict.fromkeys((*sampling.stop, *self.format.stop))))

    def _answer(self, parsed: Parsed, calls: Sequence[Call], tools: dict[str, Tool]) -> Answer | None:
        """The turn's answer, if it gives one in the profile's way. One that does not fit its schema is a call."""
        final = self.profile.final_answer
        for call in calls:
            if call.name == final and isinstance(call.arguments, dict) and tools[final].check(call.arguments) is None:
                return _handed_in(call.arguments)
        if parsed.answer is not None:
            return Answer(text=parsed.answer.strip(), citations=_cited(parsed.content, tools))
        # A text format has a tag for the answer; without it a message is a message. Natively it is the answer.
        if not final and not calls and not parsed.problems and self.format.tools_in_request:
            return answer_in(parsed.content, tools)
        return None


def manner_of(profile: Profile, format: str | None = None) -> Manner:
    """Raises ValueError for a format that is none."""
    name = format or profile.format
    if name not in FORMATS:
        raise ValueError(f"{name!r} is no format. Use one of {', '.join(FORMATS)}.")
    chosen, schemas = FORMATS[name], tuple(profile.schemas)
    # A prompt written for its format, as Search-R1's, tells of the tags itself.
    told = "" if profile.format == name == "search_r1" else chosen.instructions(schemas)
    return Manner(profile, chosen, "\n\n".join(filter(None, (profile.system_prompt, told))), schemas)


def agent_ref(manner: Manner, context_policy: str, limits: dict[str, Any], summaries: str | None = None) -> AgentRef:
    """`summaries`: name of the model that reads for goals."""
    return AgentRef(
        name=AGENT,
        version=version("stillweb"),
        profile=manner.profile.name,
        format=manner.format.name,
        prompt_digest=digest(manner.system),
        tools_digest=digest(list(manner.schemas)),
        context_policy=context_policy,
        limits=limits,
        summaries=summaries,
    )


def unreadable(problems: Sequence[str]) -> str:
    return error_text(
        "malformed_call", " ".join(problems), "Write one call in the form you were given, or the final answer."
    )


def answer_in(text: str, tools: Mapping[str, Tool]) -> Answer | None:
    """What a message states: in <answer> tags if it has any, else the whole; pages it links or cites are citations."""
    tagged = _TAGGED.findall(text)
    words = (tagged[-1] if tagged else text).strip()
    if not words:
        return None
    return Answer(text=words, citations=_cited(text, tools))


def _cited(text: str, tools: Mapping[str, Tool]) -> list[Citation]:
    """Pages that a message links as Markdown (a bare URL may be one that was only spoken of), then those that it cites
    by marks of its tools."""
    linked = [Citation(url=url) for url in dict.fromkeys(_MARKDOWN_LINK.findall(text))]
    return linked + [citation for tool in tools.values() if tool.cited for citation in tool.cited(text)]


def _as_made(call: Call) -> ToolCall:
    text = call.arguments if isinstance(call.arguments, str) else safe_json(call.arguments).decode()
    return ToolCall(call.id, call.name, text)


def _handed_in(arguments: dict[str, Any]) -> Answer:
    citations = [Citation(url=item["url"], quote=item.get("quote")) for item in arguments.get("citations") or ()]
    return Answer(text=arguments["answer"], confidence=arguments.get("confidence"), citations=citations)


def _object(arguments: str) -> dict[str, Any] | str:
    try:
        # The standard library's, since a model may write half a surrogate pair or a number past 64 bits.
        value = json.loads(arguments or "{}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        return arguments
    if not isinstance(value, dict):
        return arguments
    try:
        orjson.dumps(value)
    except TypeError:
        return dict(tame(value))  # as the record will have it, so that a replay asks the same
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON.")


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """A reply for the journal."""
    said: dict[str, Any] = {
        "content": reply.content,
        "reasoning": reply.reasoning,
        "calls": [[call.id, call.name, call.arguments] for call in reply.tool_calls],
        "finish_reason": reply.finish_reason,
        "usage": [reply.usage.prompt_tokens, reply.usage.completion_tokens],
    }
    if (tokens := reply.tokens) is not None:
        said["tokens"] = [
            tokens.prompt_ids, tokens.completion_ids, tokens.logprobs, tokens.loss_mask, tokens.offsets
        ]  # fmt: skip
    return said


def reply_from_json(said: dict[str, Any]) -> Reply:
    tokens = said.get("tokens")
    return Reply(
        said["content"],
        said["reasoning"],
        tuple(ToolCall(*call) for call in said["calls"]),
        said["finish_reason"],
        Usage(*said["usage"]),
        None if tokens is None else Tokens(*map(tuple, tokens)),
    )
