"""The wire format of episodes and tasks: what comes in, what goes out. OpenAPI is made from these."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from env_server.episodes import EpisodeId, Spec, State

Words = Annotated[str, StringConstraints(max_length=20_000)]


class OpenRequest(Spec):
    """An episode to open. The answer is kept for the answer call, which alone reads it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"task": "t1", "answer": "Vienna", "seed": 7, "budget": {"calls": 20}}]}
    )

    answer: Words | Annotated[tuple[Words, ...], Field(min_length=1, max_length=1000)] | None = Field(
        default=None, repr=False
    )
    """The gold answer, or the items of a list; not with a `task` of the server's task file, which has its own."""
    aliases: Annotated[tuple[Words, ...], Field(max_length=1000, repr=False)] = ()
    """Other forms of the answer."""
    scorer: Annotated[str, StringConstraints(max_length=64)] | None = None
    """How answers are scored; null: as the scorer's default says."""
    id: EpisodeId | None = None
    """The episode's id; null: a random one."""


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Spent(_Out):
    calls: int
    tools: dict[str, int]
    tokens: int
    dollars: float


class RewardOut(_Out):
    reward: float
    """0 to 1."""
    correct: bool
    """Of the answer, whatever the reward was made of."""
    f1: float
    scorer: str
    parts: dict[str, float] = {}
    """Shares that a scorer of evidence or citations made it of."""


class Answered(RewardOut):
    answer: str
    """As it was handed in."""


class CallOut(_Out):
    seq: int
    """Its place in the order in which the episode's calls were committed, from 1."""
    tool: str
    request: str
    """Digest of the canonical request."""
    attempt: int
    items: int
    """Questions or pages it asked for."""
    status: int
    observation: str
    """The first 32 hex digits of the sha256 of the body."""
    chars: int
    dollars: float
    fault: str
    """What the weather drew for it."""
    seen: list[str]
    opened: list[str]
    gold_ranks: list[tuple[int | None, int | None]]
    """Of a search: ranks of the evidence, in the order it was named in, without the weather and with it; null: not
    among what was asked for. Empty for other calls and without evidence."""
    at: float


class EpisodeOut(_Out):
    """An episode. Neither its answer nor the documents that its opener named are shown."""

    id: str
    state: State
    task: str | None
    snapshot: str
    snapshot_id: str
    seed: int
    weather: Any
    budget: dict[str, Any]
    view_digest: str
    spent: Spent
    opened_at: float
    """Seconds since 1970, UTC."""
    last_at: float
    result: Answered | None


class EpisodeAnswer(EpisodeOut):
    calls: list[CallOut]
    next: int | None
    """Where the calls go on, for `?after=`; null: these are the last."""


class ListedEpisode(_Out):
    id: str
    state: State
    task: str | None
    snapshot: str
    opened_at: float
    ended_at: float | None
    reward: float | None


class EpisodesAnswer(_Out):
    episodes: list[ListedEpisode]
    next: str | None


class AnswerRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"answer": "Vienna"}]})

    answer: Words


class TaskOut(_Out):
    id: str
    question: str
    split: str
    snapshot_id: str | None


class TasksAnswer(_Out):
    tasks: list[TaskOut]
    next: int | None
    total: int
    """Tasks of the split."""
