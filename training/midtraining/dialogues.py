"""Tool-protocol dialogues: a user with several wishes, an assistant that reasons and calls, a simulated service.

Calls are checked against their JSON schemas, every return is what the service gives, and what the assistant tells in
the end stands in what it was given. A dialogue is a function of its seed.

Source of the task: REDSearcher (arXiv 2602.14234), mid-training II-a, where a model invents the tools and plays the
environment; a service in code is what keeps its returns consistent.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.tools.schema import check_schema, checked
from training.midtraining.rows import LONG_TOKENS, Message, ToolsRow, reckoned, row_id
from training.midtraining.service import Service

TURNS = (2, 4)
"""Wishes of a user, least and most."""
_SYSTEM = "You help with a service. Use the tools; tell nothing that they did not give."


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Function(_Part):
    name: str
    arguments: str


class _Call(_Part):
    id: str
    type: Literal["function"]
    function: _Function


class _Told(_Part):
    role: Literal["system", "user"]
    content: str


class _Said(_Part):
    role: Literal["assistant"]
    content: str
    reasoning_content: str = ""
    tool_calls: list[_Call] = []


class _Returned(_Part):
    role: Literal["tool"]
    tool_call_id: str
    content: str


_CHAT: TypeAdapter[list[_Told | _Said | _Returned]] = TypeAdapter(
    Annotated[list[Annotated[_Told | _Said | _Returned, Field(discriminator="role")]], Field(min_length=1)]
)
"""What the messages of a row have to look like before anything is read out of them."""


def make_dialogues(*, count: int, seed: int = 0, counts: Counter[str]) -> Iterator[ToolsRow]:
    for number in range(count):
        row = dialogue(int(np.random.default_rng([seed, 22, number]).integers(2**31)))
        counts["rows"] += 1
        counts["calls"] += sum(len(message.get("tool_calls") or ()) for message in row.messages)
        counts["turns of users"] += sum(message["role"] == "user" for message in row.messages)
        yield row


def dialogue(seed: int) -> ToolsRow:
    """The dialogue of a seed."""
    talk = _Talk(Service(seed))
    rng = np.random.default_rng([seed, 23])
    wishes = [_WISHES[at] for at in rng.permutation(len(_WISHES))[: int(rng.integers(TURNS[0], TURNS[1] + 1))]]
    for wish in wishes:
        wish(talk, rng)
    tools = Service(seed).tools
    return ToolsRow(
        id=row_id("tools", seed), tokens=reckoned(talk.messages, tools), messages=talk.messages, seed=seed, tools=tools
    )


class _Talk:
    """A dialogue under way: what is said goes to the service and into the messages."""

    def __init__(self, service: Service) -> None:
        self.service, self.names = service, service.names
        self.messages: list[Message] = [{"role": "system", "content": _SYSTEM}]
        self._calls = 0

    def user(self, text: str) -> None:
        self.messages.append({"role": "user", "content": text})

    def call(self, thought: str, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """One reply with one call or several; their returns."""
        made, told, returns = [], [], []
        for name, arguments in calls:
            call_id = f"call_{self._calls}"
            self._calls += 1
            written = json.dumps(arguments, ensure_ascii=False)
            made.append({"id": call_id, "type": "function", "function": {"name": name, "arguments": written}})
            returns.append(self.service.call(name, arguments))
            content = json.dumps(returns[-1], ensure_ascii=False)
            told.append({"role": "tool", "tool_call_id": call_id, "content": content})
        self.messages.append({"role": "assistant", "content": "", "reasoning_content": thought, "tool_calls": made})
        self.messages += told
        return returns

    def say(self, text: str) -> None:
        self.messages.append({"role": "assistant", "content": text})


def _one(options: Any, rng: np.random.Generator) -> Any:
    return options[int(rng.integers(len(options)))]


def _sum_of_some(talk: _Talk, rng: np.random.Generator) -> None:
    names = talk.names
    field, values = names.choices[0]
    number, low, high = _one(names.numbers, rng)
    value, bound = _one(values, rng), int(rng.integers(low, (low + high) // 2))
    label = number.replace("_", " ")
    talk.user(
        f"Which {names.things} with {field} “{value}” have a {label} of {bound} or more, and what is it in all of them?"
    )
    [found] = talk.call(
        f"The list can be filtered by {field} and by {label}.",
        (names.find, {field: value, f"{names.at_least}{number}": bound}),
    )
    ids = found[names.things]
    if not ids:
        talk.say(f"There are none: no {names.thing} with {field} “{value}” has a {label} of {bound} or more.")
        return
    [total] = talk.call(f"{len(ids)} fit; now their sum.", (names.sum, {"ids": ids, "field": number}))
    talk.say(f"These fit: {', '.join(ids)}. Their {label} comes to {total['total']}.")


def _change_one(talk: _Talk, rng: np.random.Generator) -> None:
    names = talk.names
    field, values = names.choices[1]
    changing, options = names.choices[-1]
    value, wanted = _one(values, rng), _one(options, rng)
    number = names.numbers[0][0]
    label = number.replace("_", " ")
    talk.user(
        f"Of the {names.things} with {field} “{value}”, set the one with the highest {label} to {changing} “{wanted}”. "
        f"What was its {changing} before?"
    )
    [found] = talk.call(f"First all {names.things} with that {field}.", (names.find, {field: value}))
    ids = found[names.things]
    if not ids:
        talk.say(f"Nothing was changed: there is no {names.thing} with {field} “{value}”.")
        return
    records = talk.call(
        f"Their {label} has to be compared, so each is read.", *[(names.get, {names.id: i}) for i in ids]
    )
    top = max(records, key=lambda record: (record[number], record[names.id]))
    before = top[changing]
    if before == wanted:
        talk.say(f"{top[names.id]} has the highest {label}, {top[number]}, and its {changing} is “{wanted}” already.")
        return
    [after] = talk.call(
        f"{top[names.id]} has the highest, {top[number]}.", (names.set, {names.id: top[names.id], "value": wanted})
    )
    talk.say(f"{top[names.id]} now has {changing} “{after[changing]}”; before it was “{before}”.")
    if rng.random() < 0.7:
        talk.user(f"Are you sure? Read {top[names.id]} again and tell me its {changing}.")
        [again] = talk.call("A fresh read shows whether the change was kept.", (names.get, {names.id: top[names.id]}))
        talk.say(f"Yes: {again[names.id]} has {changing} “{again[changing]}”.")


def _missing_one(talk: _Talk, rng: np.random.Generator) -> None:
    names = talk.names
    known = {record[names.id] for record in talk.service.records}
    prefix = names.thing[:2].upper()
    wrong = next(name for at in rng.permutation(9000) if (name := f"{prefix}-{at + 1000}") not in known)
    field, _ = names.choices[0]
    talk.user(f"What do you have on {wrong}? If there is no such {names.thing}, how many are there by {field}?")
    [found] = talk.call(f"{wrong} may or may not exist; reading it tells.", (names.get, {names.id: wrong}))
    assert found["error"] == "not_found"
    [counted] = talk.call(f"There is none, so the counts by {field} are wanted.", (names.count, {"by": field}))
    told = ", ".join(f"{number} “{value}”" for value, number in counted.items())
    talk.say(f"There is no {names.thing} {wrong}. By {field} there are {told}.")


def _compare_two(talk: _Talk, rng: np.random.Generator) -> None:
    names = talk.names
    one, other = (talk.service.records[at][names.id] for at in rng.permutation(len(talk.service.records))[:2])
    number = _one(names.numbers, rng)[0]
    label = number.replace("_", " ")
    talk.user(f"Which has the higher {label}, {one} or {other}?")
    first, second = talk.call("Both can be read at once.", (names.get, {names.id: one}), (names.get, {names.id: other}))
    if first[number] == second[number]:
        talk.say(f"Neither: both have {first[number]}.")
        return
    high, low = (first, second) if first[number] > second[number] else (second, first)
    talk.say(f"{high[names.id]}, with {high[number]}; {low[names.id]} has {low[number]}.")


def _commonest(talk: _Talk, rng: np.random.Generator) -> None:
    names = talk.names
    field, _ = _one(names.choices, rng)
    talk.user(f"How are the {names.things} spread over {field}, and which are those of the rarest {field}?")
    [counted] = talk.call(f"One call counts by {field}.", (names.count, {"by": field}))
    value = min(counted, key=lambda name: (counted[name], name))
    [found] = talk.call(f"“{value}” is rarest.", (names.find, {field: value}))
    told = ", ".join(f"“{name}” {number}" for name, number in counted.items())
    talk.say(f"{field}: {told}. The rarest is “{value}”: {', '.join(found[names.things])}.")


_WISHES: tuple[Callable[[_Talk, np.random.Generator], None], ...] = (
    _sum_of_some,
    _change_one,
    _missing_one,
    _compare_two,
    _commonest,
)


def dialogue_flaws(row: ToolsRow, *, tokens_limit: int = LONG_TOKENS) -> list[str]:
    """What is wrong with a row; empty where nothing is. Every call is made again, in a service of its seed."""
    try:
        _CHAT.validate_python(row.messages)
    except ValidationError:
        return ["a message is not as it may be"]
    if row.seed < 0:
        return ["the tools are not those of its seed"]
    service = Service(row.seed)
    if row.tools != service.tools:
        return ["the tools are not those of its seed"]
    flaws = []
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in row.tools}
    for schema in schemas.values():
        check_schema(schema)
    open_calls: dict[str, Any] = {}
    used: set[str] = set()
    known = ""
    for message in row.messages:
        role = message["role"]
        if role != "tool" and open_calls:
            flaws.append("a call has no return")
            open_calls = {}
        if role == "user":
            known += f" {message['content']}"
        elif role == "tool":
            name = str(message.get("tool_call_id"))
            if name not in open_calls:
                flaws.append("a return answers no call")
            elif _json(message["content"]) != open_calls.pop(name):
                flaws.append("a return is not what the service gives")
            known += f" {message['content']}"
        elif role == "assistant" and message.get("tool_calls"):
            for call in message["tool_calls"]:
                function, arguments = call["function"], _json(call["function"]["arguments"])
                if call["id"] in used:
                    flaws.append("an id is used twice")
                used.add(call["id"])
                schema = schemas.get(function["name"])
                problem = "no such tool" if schema is None else checked(arguments, schema)[1]
                if problem:
                    flaws.append(f"a call does not fit its schema: {problem}")
                    open_calls[call["id"]] = None
                else:
                    open_calls[call["id"]] = service.call(function["name"], arguments)
        elif role == "assistant" and any(one not in known for one in _claims(message["content"])):
            flaws.append("the assistant tells what no tool gave")
    if open_calls:
        flaws.append("a call has no return")
    if row.messages[-1]["role"] != "assistant" or row.messages[-1].get("tool_calls"):
        flaws.append("it does not end with an answer")
    if sum(message["role"] == "user" for message in row.messages) < TURNS[0] or len(used) < TURNS[0]:
        flaws.append("it is not of several turns")
    if row.tokens != reckoned(row.messages, row.tools) or row.tokens > tokens_limit:
        flaws.append("it is longer than it may be")
    return flaws


def _claims(text: str) -> list[str]:
    """Ids, numbers and quoted values that an answer tells."""
    found = re.findall(r"[A-Z]{2}-\d{4}|“([^”]+)”|(?<![\w-])(\d+)(?![\w-])", text)
    ids = re.findall(r"[A-Z]{2}-\d{4}", text)
    return [*ids, *(quoted or number for quoted, number in found if quoted or number)]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
