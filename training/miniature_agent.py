"""The agent of the miniature: two tools, short observations, one line a turn, so that an episode fits 384 tokens."""

from __future__ import annotations

from dataclasses import replace

from agent.client import AsyncClient
from agent.formats import PLAIN, Results
from agent.loop import Limits
from agent.models.protocol import Message
from agent.speech import Manner
from agent.tools.native import QUERY, of_hits, of_page
from agent.tools.profile import Profile
from agent.tools.schema import object_of
from agent.tools.tool import Arguments, Observation, Tool

HITS = 2
SNIPPET_CHARS = 120
PAGE_CHARS = 240
OBSERVATION_CHARS = 240
"""What is shown of a call; about 70 tokens."""
LIMITS = Limits(turns=4, calls=3, context_tokens=384, malformed=1, repeated=1, forced_answer=False)
REPLY_TOKENS = 24

SYSTEM = (
    "Question: What is the genre of The Salt Road?\n"
    "Search: The Salt Road genre\n"
    "Results: 1. The Salt Road: A book of 1931.\n"
    "Open: 1\n"
    "Results: The Salt Road is a travel novel.\n"
    "Answer: travel novel\n"
    "Question: In which country is Orvane?\n"
    "Search: Orvane country\n"
    "Results: 1. Orvane: A harbour town in Lurmark.\n"
    "Answer: Lurmark"
)
"""Two worked examples of a world that is not the one searched: without them the untrained model makes no call, and a
base that cannot speak the format would be no base to beat."""


class _Memory:
    """Pages of the last search, so that one is opened by its number: an address would take a third of the window."""

    def __init__(self) -> None:
        self.urls: tuple[str, ...] = ()
        self.query = ""

    async def search(self, arguments: Arguments, env: AsyncClient) -> Observation:
        found = await env.search(arguments["query"], k=HITS, snippet_chars=SNIPPET_CHARS)
        shown = " ".join(f"{hit.rank}. {_flat(hit.title)}: {_flat(hit.snippet)}" for hit in found.hits)
        self.urls, self.query = tuple(hit.url for hit in found.hits), arguments["query"]
        return of_hits(shown or "Nothing found.", found.hits, found.delivery)

    async def open(self, arguments: Arguments, env: AsyncClient) -> Observation:
        """The parts of the page that speak of the last query."""
        asked = arguments["url"].strip().rstrip(".")
        number = int(asked) if asked.isdecimal() else 0
        page = self.urls[number - 1] if 0 < number <= len(self.urls) else asked
        found = await env.extract(page, self.query or page, max_chars=PAGE_CHARS)
        text = " ".join(_flat(passage.text) for passage in found.passages)
        return of_page(text or "The page says nothing on that.", found, found.delivery)


def small_manner() -> Manner:
    profile = Profile("miniature", "plain", SYSTEM, "", _tools)
    format = replace(PLAIN, shots=(), observations=_short)
    return Manner(profile, format, SYSTEM, tuple(profile.schemas))


def _tools() -> tuple[Tool, ...]:
    memory = _Memory()
    number = {"type": "string", "minLength": 1, "description": "Number of a result, or a URL."}
    return (
        Tool("search", "Search the web.", object_of({"query": QUERY}), memory.search),
        Tool("fetch", "Open a result.", object_of({"url": number}), memory.open),
    )


def _short(results: Results) -> list[Message]:
    # One line, since the format's turns are lines and a template joins messages by newlines.
    return [{"role": "user", "content": f"Results: {_flat(text)[:OBSERVATION_CHARS].strip()}"} for _, text in results]


def _flat(text: str) -> str:
    return " ".join(text.split())
