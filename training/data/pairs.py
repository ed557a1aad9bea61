"""A preference pair: what a model was given, and two ways to go on, one better.

A pair of one reply each is a *step* pair, which TRL's DPOTrainer trains rightly as it is. A pair of whole trajectories
has observations on both sides, which it would train on: such pairs need `training.collators`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.canonical import digest, safe_json
from agent.exports.parts import Unfit
from agent.formats import hermes_instructions, render_hermes
from agent.models.protocol import ToolCall
from agent.parsing import Parsed
from agent.records import Message

Kind = Literal["recovery", "stop", "evidence", "efficiency", "step", "fork", "outcome"]
KINDS: dict[Kind, str] = {
    "recovery": "after a call that met weather: going on to the right answer, over giving up",
    "stop": "answering rightly once all evidence was seen, over calling on; calling on, over answering too early",
    "evidence": "a query that newly shows a page of evidence, over one that shows none; no model and no outcome",
    "efficiency": "both go on to the right answer, the chosen one with at most 0.6 of the other's calls",
    "step": "the first reply in which a right and a wrong rollout differ",
    "fork": "the reply after which continuations went right more often, over one after which they seldom did",
    "outcome": "a right and supported trajectory over a wrong one of like length",
}
"""In the order in which a pair that is of two kinds is told: the more special first."""


@dataclass(frozen=True)
class PreferencePair:
    kind: Kind
    task_id: str
    state: str
    """In which both were taken (`reading.Step.state`)."""
    observations: tuple[str, ...]
    """Digests of the observations before it, equal on both sides."""
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...]
    chosen_id: str
    """Rollout that the side is of."""
    rejected_id: str
    models: tuple[str, str]
    """That wrote the sides."""
    margin: float
    """How much better: of success, of evidence newly shown, or of calls saved, 0.0 to 1.0."""
    actions: tuple[str, str]
    """Of the sides' first replies (`reading.Step.action`)."""
    calls: tuple[int, int]
    """That the sides make."""

    @property
    def pair_id(self) -> str:
        return digest([self.kind, self.state, *map(_written, (self.chosen, self.rejected))])

    def row(self, policy: str | None) -> dict[str, Any]:
        """As TRL reads it; it passes over the columns that it does not know."""
        return {
            "prompt": list(self.prompt),
            "chosen": list(self.chosen),
            "rejected": list(self.rejected),
            "tools": list(self.tools),
            "pair_id": self.pair_id,
            "kind": self.kind,
            "task_id": self.task_id,
            "state": self.state,
            "chosen_id": self.chosen_id,
            "rejected_id": self.rejected_id,
            "margin": round(self.margin, 6),
            "on_policy": self.on_policy(policy),
        }

    def on_policy(self, policy: str | None) -> bool | None:
        return None if policy is None else self.models == (policy, policy)

    def sharegpt(self) -> dict[str, Any]:
        """As LLaMA-Factory's preference form (`ranking`): turns of human and gpt, calls and results in tags."""
        system = next((str(one["content"]) for one in self.prompt if one["role"] == "system"), "")
        if self.tools:
            system = "\n\n".join(filter(None, (system, hermes_instructions(self.tools))))
        chosen, rejected = (_spoken(side)[0] for side in (self.chosen, self.rejected))
        return {
            "system": system,
            "conversations": _spoken([one for one in self.prompt if one["role"] != "system"]),
            "chosen": chosen,
            "rejected": rejected,
        }


@dataclass
class Kept:
    """Pairs with what was left out, and why."""

    pairs: list[PreferencePair] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def keep(pairs: Iterable[PreferencePair], *, tokens: int, per_task: int) -> Kept:
    """Each pair of actions in a state once, within `tokens` (prompt and the longer side, reckoned), and of a task at
    most `per_task` of a kind: those of the widest margin, ties by id. In the order of tasks as they come."""
    kept, taken, of_task = Kept(), set[tuple[str, ...]](), Counter[tuple[str, str]]()
    order = {kind: place for place, kind in enumerate(KINDS)}
    tasks: dict[str, int] = {}
    pairs = list(pairs)
    for pair in pairs:
        tasks.setdefault(pair.task_id, len(tasks))
    for pair in sorted(
        pairs, key=lambda one: (tasks[one.task_id], order[one.kind], -round(one.margin, 9), one.pair_id)
    ):
        same = (pair.state, *pair.actions)
        longer = max(_reckoned(pair.chosen), _reckoned(pair.rejected))
        if same in taken and pair.kind != "outcome":
            kept.left_out["the same two actions in the same state are there already"] += 1
        elif _reckoned(pair.prompt) + longer > tokens:
            kept.left_out["too long"] += 1
        elif of_task[pair.task_id, pair.kind] >= per_task:
            kept.left_out["its task has enough of its kind"] += 1
        else:
            taken.add(same)
            of_task[pair.task_id, pair.kind] += 1
            kept.pairs.append(pair)
    return kept


def _reckoned(messages: Sequence[Message]) -> int:
    """Tokens, without a tokenizer: a quarter of the bytes that the messages are as JSON."""
    return len(safe_json(list(messages))) // 4


def _written(side: Sequence[Message]) -> str:
    return safe_json(list(side)).decode()


def _spoken(messages: Sequence[Message]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for message in messages:
        content = str(message.get("content") or "")
        if message["role"] == "assistant":
            said = {"from": "gpt", "value": _tagged(message, content)}
        elif message["role"] == "tool":
            shown = content.replace("</tool_response>", "&lt;/tool_response&gt;")
            said = {"from": "human", "value": f"<tool_response>\n{shown}\n</tool_response>"}
        else:
            said = {"from": "human", "value": content}
        if found and found[-1]["from"] == said["from"]:
            found[-1]["value"] += "\n" + said["value"]
        else:
            found.append(said)
    return found


def _tagged(message: Message, content: str) -> str:
    calls = tuple(
        ToolCall(call.get("id") or "", call["function"]["name"], _arguments(call["function"]["arguments"]))
        for call in message.get("tool_calls") or ()
    )
    reasoning = message.get("reasoning_content") or ""
    if not calls and not reasoning:
        return content
    return render_hermes(Parsed(content, reasoning=reasoning, text=content, tool_calls=calls))


def _arguments(value: Any) -> str:
    if not isinstance(value, dict):
        raise Unfit("the arguments of a call are no JSON object")
    return safe_json(value).decode()
