"""The episode record: one JSON object a rollout, schema `stillweb.episode/1`. Fields: `docs/episode-record.md`.

    Episode          identity of everything, the tree of messages, turns, tool events, answer, errors, timing
    comparable       a row without what may differ between two runs of one rollout

There is no field for a gold answer, and none for a score: those are made of a record, not kept in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.canonical import safe_json

SCHEMA = "stillweb.episode/1"

Message = dict[str, Any]
"""In OpenAI's chat form: role, content, reasoning_content?, tool_calls?, tool_call_id?, name?."""

StopReason = Literal[
    "answered",
    "no_tool_call",
    "max_turns",
    "max_tool_calls",
    "context_overflow",
    "token_budget",
    "wall_time",
    "malformed_limit",
    "repeated_call_limit",
    "model_error",
    "env_error",
    "cancelled",
]
FAILED: frozenset[StopReason] = frozenset({"model_error", "env_error", "cancelled"})
"""Stop reasons that say nothing of the agent: such a rollout is owed again."""

VOLATILE = frozenset({"timing", "latency_ms", "duration_ms", "cached", "attempts", "resumed_calls", "opened_as"})
"""Keys, wherever they stand in a record, in which two runs of one rollout may differ. All others are equal."""


class Value(BaseModel):
    """What crosses a file: frozen, and without fields that nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TaskRef(Value):
    id: str
    digest: str
    """Of the question alone: 32 hex digits of sha256."""
    question: str


class GroupRef(Value):
    """Which of the n rollouts of a task this is."""

    sample: int
    """From 0."""
    seed: int
    """Of this rollout, from the run's seed, the task and the sample; the model samples by it."""


class EnvRef(Value):
    """What was searched. Every call was pinned to the snapshot."""

    snapshot_id: str
    content_id: str | None = None
    server_version: str
    weather: str | dict[str, Any] | None = None
    """Profile of the weather: its name, or the whole of it. None: calls were made outside any episode."""
    episode_seed: int | None = None
    """Of the weather; None without an episode."""
    opened_as: str | None = None
    """Id of the server's episode, in which its ledger has the calls."""


class AgentRef(Value):
    name: str
    version: str
    profile: str
    """Which tools, prompt and format: a name of `agent.tools`."""
    format: str
    """How tool calls are written: `native`, or a format of text tags."""
    prompt_digest: str
    """Of the system prompt."""
    tools_digest: str
    """Of the tools' JSON schemas."""
    context_policy: str
    """As `--context` takes it: `none`, `keep_last_k:5`, ..."""
    limits: dict[str, Any]
    """Budgets of a rollout, as `agent.loop.Limits` has them."""
    summaries: str | None = None
    """The model that sums pages up for a goal; None: the pages' own words."""


class ModelRef(Value):
    name: str
    revision: str | None = None
    sampling: dict[str, Any]


class Node(Value):
    """A message in the tree. What the model was given for a turn is the path from the root to the turn's `prompt`."""

    node_id: int
    """From 0, in the order in which they came to be."""
    parent_id: int | None
    sampled: bool
    """The model wrote it here. False for a copy, whose tokens are part of a prompt."""
    copy_of: int | None = None
    """A branch repeats this node's message under another parent; `message` is then None."""
    message: Message | None


class Usage(Value):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class TokenIds(Value):
    """As the endpoint gave them; never made by tokenising text again. `Episode.prompt_ids` puts prompts together."""

    shared: int = 0
    """So many ids of the prompt are the beginning of the turn before's prompt and completion; they are not repeated."""
    prompt_ids: list[int]
    """From there on."""
    completion_ids: list[int]
    logprobs: list[float] = []
    """Of the completion's tokens; empty where the endpoint gave none."""
    loss_mask: list[int] = []
    """1 where the model drew the token and its text was kept; empty: all were."""


class Turn(Value):
    """A reply of the model."""

    index: int
    node_id: int
    """The reply."""
    prompt: int
    """The last node that the model saw."""
    purpose: Literal["act", "summary", "final"] = "act"
    finish_reason: str
    usage: Usage
    tokens: TokenIds | None = None
    problems: list[str] = []
    """What the parser of the format had to say: unreadable calls, observations that the model made up."""
    cut: str | None = None
    """What the model wrote after the point at which the format cuts, as invented observations are."""
    attempts: int = 1
    duration_ms: float = 0.0


class ToolEvent(Value):
    """A tool call and what came of it."""

    call_id: str
    turn: int
    name: str
    args: dict[str, Any] | str
    """A string where the model's arguments were no JSON object."""
    args_digest: str
    """Of name and canonical arguments: equal calls have equal digests, whatever the order of keys."""
    status: Literal["ok", "error", "malformed"]
    """`malformed`: the call was answered by the loop and never reached a tool."""
    error_code: str | None = None
    observation_digest: str
    chars: int
    """Of the observation."""
    node_id: int
    """The message that holds the observation."""
    doc_ids: list[str] = []
    """Documents seen, in order."""
    ranks: list[int] = []
    """Of `doc_ids` where they are hits of a search."""
    opened: list[str] = []
    """Documents read."""
    fault: str | None = None
    """What the weather drew."""
    repeat_of: str | None = None
    """Call id of an earlier call that was equal and went well."""
    cached: bool = False
    latency_ms: float = 0.0
    attempts: int = 1


class ContextEvent(Value):
    """The context was rewritten, or gone back in: the path to `before` was left for the path to `after`."""

    kind: str
    """The policy's name, or `rollback`."""
    turn: int
    before: int
    after: int
    tokens_before: int
    tokens_after: int
    """Both as the loop reckons them."""


class Citation(Value):
    url: str
    doc_id: str | None = None
    quote: str | None = None


class Answer(Value):
    text: str
    confidence: float | None = None
    citations: list[Citation] = []


class RecordedError(Value):
    """A failure as data; the other rollouts go on."""

    where: Literal["model", "env", "loop"]
    code: str
    message: str
    turn: int


class Timing(Value):
    """Times are UTC; seconds of the loop's clock."""

    started_at: str
    wall_s: float
    model_s: float
    """Spent waiting for replies."""
    env_s: float
    """Spent waiting for observations."""
    resumed_calls: int = 0
    """Observations that were made again after an interruption and found equal."""


class Origin(Value):
    """Where a record comes from that was not rolled out here."""

    format: str
    """`sharegpt` or `deeptracehub`."""
    row: str
    """Of the source's row, without its answer: 32 hex digits of sha256."""
    unknown: list[str]
    """Fields that the source does not tell, as paths (`env.snapshot_id`, `turns.usage`): what stands in them is nothing
    but their type's blank, `unknown`, 0 or an empty list."""


class Episode(Value):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True)

    schema_: Literal["stillweb.episode/1"] = Field(default="stillweb.episode/1", alias="schema")
    origin: Origin | None = None
    """None: rolled out here, and every field is known."""
    id: str
    """From the plan's digest, task and sample: the same in every run of one plan."""
    status: Literal["ok", "error"]
    """`error`: the model, the environment or a person ended it; such a row is owed again."""
    stop_reason: StopReason
    forced_answer: bool = False
    """The answer was asked for after a limit was reached; `stop_reason` names the limit."""
    task: TaskRef
    group: GroupRef
    env: EnvRef
    agent: AgentRef
    model: ModelRef
    tools: list[dict[str, Any]]
    """As the model was given them."""
    messages: list[Node]
    turns: list[Turn]
    tool_events: list[ToolEvent]
    context_events: list[ContextEvent] = []
    answer: Answer | None = None
    usage: Usage
    """Of all turns."""
    errors: list[RecordedError] = []
    timing: Timing

    def leaf(self) -> int:
        """Where the last branch ends."""
        return self.messages[-1].node_id

    def prompt_ids(self, turn: int) -> list[int]:
        """Ids of a turn's whole prompt; empty where the endpoint gave none."""
        known: list[int] = []  # prompt and completion of the turn before
        for at in self.turns[: turn + 1]:
            if at.tokens is None:
                known, prompt = [], []
            else:
                prompt = known[: at.tokens.shared] + at.tokens.prompt_ids
                known = prompt + at.tokens.completion_ids
        return prompt

    def path(self, node_id: int | None = None) -> list[Message]:
        """The messages from the root to a node (None: the last), copies resolved: what a model saw."""
        nodes = {node.node_id: node for node in self.messages}
        found: list[Message] = []
        at: int | None = self.leaf() if node_id is None else node_id
        while at is not None:
            node = nodes[at]
            found.append(_resolved(node, nodes))
            at = node.parent_id
        return found[::-1]


def _resolved(node: Node, nodes: Mapping[int, Node]) -> Message:
    while node.message is None:
        if node.copy_of is None:
            raise ValueError(
                f"Node {node.node_id} has neither a message nor copy_of. The record was not written by us."
            )
        node = nodes[node.copy_of]
    return node.message


def comparable(row: Any) -> Any:
    """A row without what may differ between two runs of one rollout (`VOLATILE`)."""
    if isinstance(row, dict):
        return {key: comparable(value) for key, value in row.items() if key not in VOLATILE}
    if isinstance(row, list):
        return [comparable(value) for value in row]
    return row


def encode(episode: Episode) -> bytes:
    """A row as it lies in a shard, without the line's end."""
    return safe_json(episode.model_dump(by_alias=True))


def decode(line: bytes) -> Episode:
    """Raises ValueError (pydantic's ValidationError is one) for what is no record of this schema."""
    return Episode.model_validate_json(line)
