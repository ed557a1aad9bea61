"""An episode: one rollout from open to answer. Values and rules; nothing here reads a clock, a database or an answer.

    Spec            what it was opened with: seed, view, weather, budget, documents of the opener. Never its answer
    Row             one call, or the episode's end; numbered by `seq` in the order in which they were committed
    EpisodeState    a spec with its rows, folded: what is spent, how often each request was made, whether it is open

Two episodes of equal spec get equal observations for equal calls: what a call is given is a function of the spec, of
the request and of its attempt, never of the episode's id. Calls that run at once are numbered as they are committed.
Which of them came first changes what they are given only where they are equal (they are the attempts 1, 2, ... of one
request, in some order) or where a budget ends between them.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from env_server.errors import EnvServerError, Problem
from env_server.ledger.counts import CHARS_A_TOKEN
from env_server.view import View

State = Literal["open", "answered", "closed", "expired"]
Kind = Literal["call", "answered", "closed", "expired"]

EPISODE_ID = re.compile("[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}")
"""It stands in paths as it is."""
EpisodeId = Annotated[str, StringConstraints(pattern=f"^{EPISODE_ID.pattern}$")]
DocId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
DocIds = Annotated[tuple[DocId, ...], Field(max_length=1000)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
_Text = Annotated[str, StringConstraints(max_length=8192)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Budget(_Value):
    """What an episode may spend. A call begins while something of each is left, and is then answered whole, batches
    too."""

    calls: Count | None = None
    """Calls of any tool; a batch counts each of its questions or pages."""
    tools: Annotated[dict[Annotated[str, StringConstraints(max_length=64)], Count], Field(max_length=64)] = {}
    """Calls of one tool: {"search": 10, "fetch": 20}."""
    tokens: Count | None = None
    """Of observations: a quarter of their characters, rounded up for each."""
    dollars: Annotated[float, Field(ge=0, le=1e9)] | None = None
    """Simulated: what the calls would have cost at the vendor's."""


class ViewFields(_Value):
    """What of the snapshot the episode shows."""

    exclude_urls: Annotated[tuple[_Text, ...], Field(max_length=10_000)] = ()
    exclude_domains: Annotated[tuple[_Text, ...], Field(max_length=10_000)] = ()
    dropped: DocIds = ()
    """Documents hidden by id."""
    as_of: Annotated[str, StringConstraints(max_length=32)] | None = None
    """Hides pages dated on or after this day."""
    obfuscation_seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    degradation: Annotated[float, Field(ge=0, le=1)] | None = None
    """Recall to which retrieval is lowered."""


class Spec(_Value):
    """What an episode is opened with, without its answer."""

    task: Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")] | None = None
    """Id of a task: one of the server's task file, or any name where the answer comes along."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of the weather."""
    weather: _Text | dict[str, JsonValue] | None = None
    """A profile: its name, or the whole of it."""
    view: ViewFields = ViewFields()
    budget: Budget = Budget()
    evidence: DocIds = ()
    """Documents that state the answer: for scorers of evidence, and for weather that drops them."""
    distractors: DocIds = ()
    """Documents that the weather may mix in."""

    def shown(self) -> View:
        """The view of its calls, before the weather adds distractors, dropped evidence and what it draws."""
        return View(**self.view.model_dump())


@dataclass(frozen=True, slots=True)
class Gold:
    """The answer that a rollout must not see."""

    answer: str | tuple[str, ...] = field(repr=False)
    """Several strings are the items of a list."""
    aliases: tuple[str, ...] = field(default=(), repr=False)
    scorer: str | None = None


@dataclass(frozen=True, slots=True)
class Episode:
    """An opened episode. `snapshot` is the name it was opened under, `opened_at` seconds since 1970, UTC."""

    episode_id: str
    snapshot: str
    snapshot_id: str
    spec: Spec
    opened_at: float
    view: View = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "view", self.spec.shown())


@dataclass(slots=True)
class Row:
    """One call of an episode, or its end. `seq` is 0 until it is admitted."""

    episode_id: str
    kind: Kind
    at: float
    """When it was handed in, seconds since 1970; for control routes and expiry alone."""
    tool: str = ""
    request: str = ""
    """Digest of the canonical request: 32 hex digits."""
    attempt: int = 0
    is_attempt_given: bool = False
    """The client said which attempt it is; then nobody counts."""
    status: int = 0
    observation: str = ""
    """Digest of the body: 32 hex digits of its sha256."""
    chars: int = 0
    micro_usd: int = 0
    """Whole numbers, so that a sum does not depend on its order."""
    fault: str = ""
    """What the weather drew for it."""
    seen: tuple[str, ...] = ()
    """Documents (doc_id) that the answer listed."""
    opened: tuple[str, ...] = ()
    """Documents whose text it gave."""
    after: int | None = None
    """An end that was made of the rows up to this one: no other may come in between."""
    result: str | None = None
    """JSON of the reward, for the end "answered"."""
    seq: int = 0
    ranks: str = ""
    """Of a search in an episode with evidence: "BEFORE>AFTER" for each page of it, "-" where it is not shown."""
    run: str = ""
    """What X-Stillweb-Run named. This and the rest are for the ledger."""
    dialect: str = ""
    cached: int = 0
    """1 where the answer came from the cache."""
    bytes: int = 0
    missed: int = 0
    """Pages asked for that are not there."""
    items: int = 1
    """Questions or pages it asked for: what budgets of calls count."""

    @property
    def tokens(self) -> int:
        return -(-self.chars // CHARS_A_TOKEN)


class EpisodeState:
    """An episode and what its rows add up to. Changed by the store's writer alone; a copy of what the database says,
    which may be behind it where several workers serve one episode: `admit` is asked again when a row is committed."""

    __slots__ = (
        "attempts", "calls", "episode", "is_removed", "last_at", "micro_usd",
        "profile", "result", "running", "seq", "state", "tokens", "tools",
    )  # fmt: skip

    def __init__(self, episode: Episode) -> None:
        self.episode = episode
        self.state: State = "open"
        self.is_removed = False
        """The database has it no more; its id may be another episode's."""
        self.seq = 0
        self.calls = 0
        self.tokens = 0
        self.micro_usd = 0
        self.tools: dict[str, int] = {}
        self.attempts: dict[str, int] = {}
        self.last_at = episode.opened_at
        self.result: str | None = None
        self.profile: Any = None
        """The weather's profile, once a call has read it."""
        self.running: dict[str, asyncio.Event] = {}
        """Requests on their way in this worker: an equal one waits for its turn."""

    def apply(self, row: Row, sign: Literal[1, -1] = 1) -> None:
        """Add a row, or take the last one off again."""
        self.seq += sign
        if sign > 0:
            self.last_at = max(self.last_at, row.at)
        if row.kind != "call":
            self.state = row.kind if sign > 0 else "open"
            self.result = row.result if sign > 0 else None
            return
        self.calls += sign * row.items
        self.tokens += sign * row.tokens
        self.micro_usd += sign * row.micro_usd
        self.tools[row.tool] = self.tools.get(row.tool, 0) + sign * row.items
        self.attempts[row.request] = self.attempts.get(row.request, 0) + sign

    def admit(self, row: Row) -> Literal["yes", "again"] | Problem:
        """Whether a row may come next. "again": something came in between that it should have known of."""
        if row.kind == "call":
            problem = self.refusal(row.tool)
            if problem is not None:
                return problem
            fits = row.is_attempt_given or row.attempt == self.attempts.get(row.request, 0) + 1
        else:
            if self.state != "open":
                return is_over(self.state)
            fits = row.after is None or row.after == self.seq
        return "yes" if fits else "again"

    def refusal(self, tool: str) -> Problem | None:
        """Why a call may not be made: the episode is over, or its budget is."""
        if self.state != "open":
            return is_over(self.state)
        budget = self.episode.spec.budget
        if budget.calls is not None and self.calls >= budget.calls:
            return _exhausted(f"{budget.calls:,} calls")
        if budget.tools and self.tools.get(tool, 0) >= (limit := budget.tools.get(tool, 2**62)):
            return _exhausted(f"{limit:,} calls of {tool}")
        if budget.tokens is not None and self.tokens >= budget.tokens:
            return _exhausted(f"{budget.tokens:,} tokens of observations")
        if budget.dollars is not None and self.micro_usd >= round(budget.dollars * 1_000_000):
            return _exhausted(f"{budget.dollars:g} dollars")
        return None


def _exhausted(what: str) -> Problem:
    """402, which clients raise without trying again; dialects put it in their vendor's words."""
    return Problem(
        402,
        "budget_exhausted",
        f"This episode's budget of {what} is spent.",
        "Give your final answer with what you have.",
    )


def is_over(state: str) -> Problem:
    """Without the episode's id: no body of a call has it."""
    if state == "expired":
        return Problem(410, "episode_expired", "This episode was left alone too long.", "Open another.")
    return Problem(409, "episode_over", f"This episode is {state}.", "Open another with POST /v1/episodes.")


def unknown_episode(episode_id: str) -> Problem:
    return Problem(
        404, "unknown_episode", f"No episode {episode_id[:80]!r} is known here.", "Open one with POST /v1/episodes."
    )


def error_of(problem: Problem) -> EnvServerError:
    """A problem, to raise."""
    return EnvServerError(problem.status, problem.code, problem.message, problem.remedy)
