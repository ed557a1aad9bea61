"""What each kind of fault does to an agent: how often it still succeeds, and what more it takes.

    python -m tests.bench.bench_faults [--questions N]

The agent is a script. It is asked for the capital of the country that has the longest border with a given one, which
takes two pages of the demo corpus. For each it searches (k = 5) and looks at the hit with the country's title: first
whether the snippet says it, else it opens the page; a page that lacks what it should say is opened once more; where no
hit has the title, it searches in other words (k = 10), once. What may pass (429, 5xx) is tried three times in all, and
Retry-After is waited for. Success is the reward of the answer call, so a wrong answer is no success.

Each question is an episode whose seed is its number under every profile: the profiles' draws are the same numbers, so
rows differ by the faults and not by luck. `calls` and `waited_s` are means over episodes; time is virtual.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from corpus import Snapshot, build_snapshot, open_snapshot
from env_server.weather.profiles import READY_MADE
from tests.bench.bench_storm import TRIES, Clients, Observation, clients_of
from tests.bench.figures import write_figures
from tests.bench.serving.client import run
from tests.bench.serving.processes import Server, stillweb

AGENTS = 16
ORDER = ("calm", *(name for name in READY_MADE if name.startswith("only-")), "weekday", "storm")
_BORDERS = re.compile(r"- border countries: (.+?)(?:\n| - [a-z]| ###)")
_BORDER = re.compile(r"(?:^|; )([^;]+?) ([\d,.]+) km")
_CAPITAL = re.compile(r"### Capital\s+- name: ([^;(,\n]{2,30}?)(?:\n| - [a-z])")
_PAGE_CHARS = 60_000


@dataclass(frozen=True, slots=True)
class Question:
    number: int
    country: str
    capital: str
    """Of the neighbour."""
    evidence: tuple[str, ...]
    """doc_ids of both pages."""
    distractors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rollout:
    reward: float
    calls: int
    waited_s: float


def neighbour_in(text: str) -> str | None:
    """The country with the longest border, of a page or a snippet that lists them all."""
    listed = _BORDERS.search(text)
    borders = _BORDER.findall(listed[1]) if listed else []
    return max(borders, key=lambda border: float(border[1].replace(",", "")))[0] if borders else None


def capital_in(text: str) -> str | None:
    named = _CAPITAL.search(text)
    return named[1] if named else None


def questions_of(web: Snapshot, most: int) -> list[Question]:
    """One for each country whose page lists its borders and whose neighbour's page tells its capital."""
    store = web.store
    places = {store.head(number)[1]: number for number in range(len(store))}
    found: list[Question] = []
    for country, number in sorted(places.items()):
        place = places.get(neighbour_in(store.text(number)) or "")
        capital = None if place is None else capital_in(store.text(place))
        if place is None or capital is None:
            continue
        others = [store.doc_id(other) for other in range(len(store)) if other not in (number, place)]
        distractors = tuple(random.Random(f"distractors {country}").sample(others, 5))
        evidence = (store.doc_id(number), store.doc_id(place))
        found.append(Question(len(found), country, capital, evidence, distractors))
    return found[:most]


class Agent:
    """One rollout."""

    def __init__(self, clients: Clients, question: Question, episode: str) -> None:
        self._clients, self._question, self._episode = clients, question, episode
        self.calls, self.waited_s = 0, 0.0

    async def answer(self) -> str:
        """The capital, or nothing."""
        neighbour = await self._read(self._question.country, "land boundaries border countries", neighbour_in)
        return (neighbour and await self._read(neighbour, "capital name", capital_in)) or ""

    async def _read(self, title: str, about: str, read: Callable[[str], str | None]) -> str | None:
        """What a snippet of a page or the page itself says."""
        for query, k in ((f"{title} {about}", 5), (title, 10)):
            hits = (await self._ask("search", {"query": query, "k": k}) or {}).get("hits", [])
            for hit in hits:
                if hit["title"] != title:
                    continue
                said = read(hit["snippet"])
                for _ in range(2):
                    if said is None:
                        page = await self._ask(
                            "fetch", {"url": hit["url"], "format": "text", "page_chars": _PAGE_CHARS}
                        )
                        said = read(page["text"]) if page else None
                return said
        return None

    async def _ask(self, route: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """A call, tried again where that may help; None where it did not."""
        sent = orjson.dumps(body)
        for _ in range(TRIES):
            answer = await self._clients.ask("POST", f"/e/{self._episode}/v1/{route}", sent)
            self.calls += 1
            told = Observation.of(answer)
            self.waited_s += float(told.latency_s or 0) + float(told.retry_after or 0)
            if told.status == 200:
                found: dict[str, Any] = orjson.loads(answer[2])
                return found
            assert told.faults, answer  # nothing goes wrong here that was not drawn
            if told.status != 429 and told.status < 500:
                return None
        return None


async def rolled_out(clients: Clients, question: Question, profile: str) -> Rollout:
    episode = f"{profile}-{question.number}"
    spec = {
        "id": episode,
        "seed": question.number,
        "weather": profile,
        "answer": question.capital,
        "evidence": question.evidence,
        "distractors": question.distractors,
    }
    status, _, body = await clients.ask("POST", "/v1/episodes", orjson.dumps(spec))
    assert status in (200, 201), body
    agent = Agent(clients, question, episode)
    said = await agent.answer()
    status, _, body = await clients.ask("POST", f"/v1/episodes/{episode}/answer", orjson.dumps({"answer": said}))
    assert status == 200, body
    return Rollout(orjson.loads(body)["reward"], agent.calls, agent.waited_s)


async def under(server: Server, questions: Sequence[Question], profile: str) -> list[Rollout]:
    """Every question under one profile."""
    waiting = iter(questions)
    found: dict[int, Rollout] = {}
    async with clients_of(server.port, AGENTS) as clients:

        async def work() -> None:
            for question in waiting:
                found[question.number] = await rolled_out(clients, question, profile)

        await asyncio.gather(*(work() for _ in range(AGENTS)))
    return [found[question.number] for question in questions]


def row_of(rollouts: Sequence[Rollout], calm: Sequence[Rollout]) -> dict[str, float]:
    """One row of the table."""
    calls, calm_calls = (statistics.mean(each.calls for each in some) for some in (rollouts, calm))
    return {
        "success": round(statistics.mean(each.reward for each in rollouts), 3),
        "calls": round(calls, 2),
        "extra_calls": round(calls - calm_calls, 2),
        "waited_s": round(statistics.mean(each.waited_s for each in rollouts), 1),
    }


def measured(snapshot: Path, most: int, profiles: Sequence[str], folder: Path) -> dict[str, Any]:
    """The table: profile -> its row, calm first."""
    web = open_snapshot(snapshot)
    questions = questions_of(web, most)
    with stillweb(snapshot, "--virtual-time", "--database", str(folder / "faults.sqlite")) as server:
        found = {profile: run(under(server, questions, profile)) for profile in profiles}
    return {
        "snapshot_id": web.snapshot_id,
        "questions": len(questions),
        "profiles": {profile: row_of(rollouts, found["calm"]) for profile, rollouts in found.items()},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=1000, help="at most; the demo has some 150")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        build_snapshot(["factbook:"], Path(place) / "demo")
        figures = measured(Path(place) / "demo", given.questions, ORDER, Path(place))
    write_figures("faults", "python -m tests.bench.bench_faults", figures)
