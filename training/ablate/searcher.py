"""One rollout of the tabular policy against a real server: an episode opened, searched, read, answered, scored there.

It has no language model: it answers with the title of the page, among those it opened, that covers most of the
question's clues. Which way to search, how many results to open and when to stop is the policy's to learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from agent.answers import Delivery
from agent.calls import Call, SearchOptions
from agent.client import AsyncClient
from agent.errors import EnvError
from training.ablate.config import Environment
from training.ablate.draws import chance
from training.ablate.policy import ACTIONS, ANSWER, OPEN, Choice, Floats, choose, state_of
from training.ablate.reading import Reading, covered, read
from training.tasks import Task

SPENT = 402


@dataclass(frozen=True, slots=True)
class Rollout:
    """What a rollout did and what it came to. `parts`: correct, f1, seen, opened, answered (0 to 1) and calls."""

    task_id: str
    choices: tuple[Choice, ...]
    parts: Mapping[str, float]
    failures: int
    """Calls that brought an error."""

    def reward(self, weights: Mapping[Any, float]) -> float:
        """Weighted sum of parts; `call` is paid for each call."""
        return sum(weight * self.parts["calls" if name == "call" else name] for name, weight in weights.items())


@dataclass(slots=True)
class _Page:
    """A page as far as it is known: its snippet, or its text once it was opened."""

    title: str
    text: str
    opened: bool = False


@dataclass
class _Known:
    reading: Reading
    pages: dict[str, _Page] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    """Results of the last search that were not opened yet, best first."""
    failed: bool = False
    failures: int = 0
    calls: int = 0

    def best(self) -> str | None:
        """The opened page that covers most of the clues; of equal ones the one that was found first."""
        question = self.reading.question.lower()
        # What the question names is not what it asks for.
        free = [url for url, page in self.pages.items() if page.opened and page.title.lower() not in question]
        return max(free, key=self.worth, default=None)

    def worth(self, url: str) -> float:
        page = self.pages[url]
        text = f"{page.title} {page.text}"
        return covered(self.reading.clues, text) + 0.25 * covered(self.reading.other_clues, text)

    def coverage(self) -> float:
        """Of the page that would be the answer now."""
        best = self.best()
        return covered(self.reading.clues, f"{self.pages[best].title} {self.pages[best].text}") if best else 0.0

    def hop(self) -> str | None:
        """The title of the page that covers most of the clues about other things, with the clues of the one asked."""
        ranked = [url for url in self.pages if covered(self.reading.other_clues, self.pages[url].text)]
        if not ranked:
            return None
        url = max(ranked, key=lambda one: covered(self.reading.other_clues, self.pages[one].text))
        return f"{self.pages[url].title} {self.reading.own}".strip()

    def query(self, action: int) -> str | None:
        told = self.reading
        return (told.question, told.names, told.own, told.rest or None, self.hop())[action]

    def possible(self) -> list[bool]:
        return [bool(self.query(at)) for at in range(OPEN)] + [bool(self.waiting), self.best() is not None]


class Web(Protocol):
    """Search and fetch, by whichever dialect."""

    async def search(self, query: str) -> list[tuple[str, str, str]]:
        """(URL, title, snippet) of each result, best first. Raises EnvError."""

    async def text(self, url: str) -> str:
        """Raises EnvError."""


async def roll_out(
    client: AsyncClient,
    task: Task,
    logits: Floats,
    environment: Environment,
    *,
    max_calls: int,
    name: tuple[object, ...],
) -> Rollout:
    """`name`: of this rollout's draws, without the arm. Raises EnvError where the server refuses the episode."""
    number = int(chance("weather", *name) * 2**48)
    episode = await client.ask(_opening(task, environment, number, max_calls))
    web = _web(client.using(episode=episode), environment)
    known, choices = _Known(read(task.question)), list[Choice]()
    while known.calls < max_calls:
        possible = known.possible()
        state = state_of(known.calls, known.coverage(), known.failed)
        choices.append(choose(logits, state, possible, chance("action", *name, len(choices))))
        if choices[-1].action == ANSWER:
            break
        try:
            known.calls += 1
            await _act(web, known, choices[-1].action)
            known.failed = False
        except EnvError as error:
            if error.status == SPENT:
                break
            known.failed = True
            known.failures += 1
            if known.waiting and choices[-1].action == OPEN and not error.retry:
                known.waiting.pop(0)  # gone for good
    best = known.best()
    said = known.pages[best].title if best else ""
    scored = await client.ask(_answering(episode, said))
    shares = scored.get("parts", {})
    parts = {
        "correct": float(scored["correct"]), "f1": float(scored["f1"]), "answered": float(bool(said)),
        "seen": float(shares.get("evidence-seen", 0.0)), "opened": float(shares.get("evidence-opened", 0.0)),
        "calls": float(known.calls),
    }  # fmt: skip
    return Rollout(task.task_id, tuple(choices), parts, known.failures)


async def _act(web: Web, known: _Known, action: int) -> None:
    if action == OPEN:
        url = known.waiting[0]
        page = known.pages[url]
        page.text, page.opened = await web.text(url), True
        known.waiting.pop(0)
        return
    query = known.query(action)
    assert query is not None, f"{ACTIONS[action]} is not possible"
    found = await web.search(query)
    for url, title, snippet in found:
        known.pages.setdefault(url, _Page(title, snippet))
    known.waiting = [url for url, _, _ in found if not known.pages[url].opened]


@dataclass(frozen=True)
class _Native:
    client: AsyncClient
    environment: Environment

    async def search(self, query: str) -> list[tuple[str, str, str]]:
        options: SearchOptions = {"mode": self.environment.mode} if self.environment.mode else {}
        found = await self.client.search(query, k=self.environment.top_k, **options)
        return [(hit.url, hit.title, hit.snippet) for hit in found.hits]

    async def text(self, url: str) -> str:
        return (await self.client.fetch(url, format="text")).text


@dataclass(frozen=True)
class _Serper:
    client: AsyncClient
    environment: Environment

    async def search(self, query: str) -> list[tuple[str, str, str]]:
        found = await self._ask("/serper/search", {"q": query, "num": self.environment.top_k})
        return [(one["link"], one["title"], one.get("snippet", "")) for one in found.get("organic", [])]

    async def text(self, url: str) -> str:
        return str((await self._ask("/serper/scrape", {"url": url})).get("text", ""))

    async def _ask(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        return await self.client.ask(Call("POST", path, orjson.dumps(asked), _json))


def _web(client: AsyncClient, environment: Environment) -> Web:
    return _Serper(client, environment) if environment.dialect == "serper" else _Native(client, environment)


def _opening(task: Task, environment: Environment, seed: int, max_calls: int) -> Call[str]:
    """An episode that scores answer and evidence. The gold goes to the control route and nowhere else."""
    body = {
        "seed": seed,
        "weather": environment.profile(),
        "view": {"obfuscation_seed": environment.obfuscation_seed},
        "budget": {"calls": max_calls},
        "evidence": task.evidence,
        "distractors": task.distractors,
        "answer": task.answer,
        "aliases": task.aliases,
        "scorer": "evidence-opened" if task.evidence else task.scorer,
    }
    return Call("POST", "/v1/episodes", orjson.dumps(body), lambda *came: str(_json(*came)["id"]), frozenset({201}))


def _answering(episode: str, said: str) -> Call[dict[str, Any]]:
    return Call("POST", f"/v1/episodes/{episode}/answer", orjson.dumps({"answer": said}), _json)


def _json(data: bytes, kind: str, delivery: Delivery) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(data)
    return value
