"""Tools as the agents of papers know them: Tongyi DeepResearch, REDSearcher (DeepTraceHub) and OffSeeker.

Names, arguments and the frame of each text are theirs, since models were trained on them; what fills the frame comes
from the native routes. google_scholar and google_maps are stand-ins over the snapshot's tables, or over its pages where
it has none (`agent.tools.tables`). Arguments they do not name are left out, as by their own servers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.answers import Failure, Hit, SearchAnswer
from agent.client import AsyncClient
from agent.errors import EnvError
from agent.tools.goals import GoalReader
from agent.tools.native import of_hits, of_page
from agent.tools.python import Workshop, python_tools
from agent.tools.schema import Schema, object_of
from agent.tools.tables import maps_over_tables, scholar_over_tables
from agent.tools.tool import Act, Arguments, Observation, Tool, failed, joined

TOP = 10
BETWEEN = "\n=======\n"
WIKI_CHARS = 10_000
"""Of an entity's page, as OffSeeker cuts it."""

_STRINGS: Schema = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 32}
_NO_PAGE = "The provided webpage content could not be accessed. Please check the URL or file format."
_NO_SUMMARY = "The webpage content could not be processed, and therefore, no information is available."


async def searched(
    queries: Sequence[str], env: AsyncClient, shown: Callable[[str, Sequence[Hit]], str], *, k: int = TOP, skip: int = 0
) -> Observation:
    """Several queries in one request; one observation, their parts in the order of the queries."""
    found = await env.search_batch(queries, k=k + skip)

    def part(query: str, result: SearchAnswer | Failure) -> Observation:
        if isinstance(result, Failure):
            return failed(EnvError(422, result.code, result.message, result.remedy, delivery=found.delivery))
        hits = result.hits[skip:]
        return of_hits(shown(query, hits), hits, found.delivery)

    parts = [part(query, result) for query, result in zip(queries, found.results, strict=True)]
    return replace(joined(parts, BETWEEN), latency_ms=found.delivery.latency_ms)  # one request, counted once


def google_search(kind: str = "search", heading: str = "Web Results") -> Act:
    """`search` and `google_scholar`: a list of queries."""

    def shown(query: str, hits: Sequence[Hit]) -> str:
        if not hits:
            return f"No results found for '{query}'. Try with a more general query."
        head = f"A Google {kind} for '{query}' found {len(hits)} results:\n\n## {heading}\n"
        return head + "\n\n".join(_listed(place, hit) for place, hit in enumerate(hits, 1))

    async def run(arguments: Arguments, env: AsyncClient) -> Observation:
        return await searched(arguments["query"], env, shown)

    return run


async def google_maps(arguments: Arguments, env: AsyncClient) -> Observation:
    query, skip = arguments["q"], TOP * (arguments["page"] - 1)

    def shown(query: str, hits: Sequence[Hit]) -> str:
        head = f"A Google maps search for '{query}' found {len(hits)} results:\n\n## Map Results\n"
        return head + "\n\n".join(_listed(place, hit) for place, hit in enumerate(hits, 1))

    return await searched([query], env, shown, skip=skip)


def visit(goals: GoalReader, urls_name: str = "url", goal_name: str = "goal") -> Act:
    """Pages read for a goal, all at once."""

    async def one(url: str, goal: str, env: AsyncClient) -> Observation:
        try:
            read = await goals.read(env, url, goal)
        except EnvError as error:
            if error.retry:
                raise
            return replace(failed(error), text=_visited(url, goal, _NO_PAGE, _NO_SUMMARY))
        text = _visited(url, goal, read.evidence or _NO_SUMMARY, read.summary or _NO_SUMMARY)
        return of_page(text, read, read.delivery)

    async def run(arguments: Arguments, env: AsyncClient) -> Observation:
        tasks = [asyncio.create_task(one(url, arguments[goal_name], env)) for url in arguments[urls_name]]
        try:
            return joined(await asyncio.gather(*tasks), BETWEEN)
        finally:
            for task in tasks:  # where one page must be asked for again, the others are not left running
                task.cancel()

    return run


async def serper_search(arguments: Arguments, env: AsyncClient) -> Observation:
    """OffSeeker shows its model Serper's JSON as it comes."""

    def shown(query: str, hits: Sequence[Hit]) -> str:
        organic = [
            {"title": hit.title, "link": hit.url, "snippet": hit.snippet, "position": place}
            | ({"date": hit.date} if hit.date else {})
            for place, hit in enumerate(hits, 1)
        ]
        return json.dumps({"searchParameters": {"q": query}, "organic": organic}, ensure_ascii=False)

    return await searched(arguments["query"], env, shown)


async def search_wiki(arguments: Arguments, env: AsyncClient) -> Observation:
    """An entity is the best hit whose title is its name; else the titles of what came near are told."""
    found = await env.search_batch(arguments["entities"], k=TOP, snippet_chars=0)

    async def one(entity: str, result: SearchAnswer | Failure) -> Observation:
        if isinstance(result, Failure):
            return failed(EnvError(422, result.code, result.message, result.remedy, delivery=found.delivery))
        hit = next((hit for hit in result.hits if _is_named(hit.title, entity)), None)
        if hit is None:
            near = "; ".join(hit.title for hit in result.hits[:5])
            return of_hits(f"No page found for '{entity}'. Similar: {near or 'none'}.", result.hits[:5], found.delivery)
        page = await env.fetch(hit.doc_id, format="text", page_chars=WIKI_CHARS)
        return of_page(f"{page.title}\n{page.url}\n\n{page.text}", page, page.delivery)

    pairs = zip(arguments["entities"], found.results, strict=True)
    return joined([await one(entity, result) for entity, result in pairs], BETWEEN)


def tongyi_tools(goals: GoalReader, workshop: Workshop | None) -> tuple[Tool, ...]:
    search_tool = Tool(
        "search",
        "Perform web searches. Takes several complementary queries at once; gives the top 10 results of each.",
        object_of({"query": {**_STRINGS, "description": "The queries."}}, closed=False),
        google_search(),
    )
    visit_tool = Tool(
        "visit",
        "Visit webpages and get what they say on a goal.",
        object_of(
            {
                "url": {**_STRINGS, "description": "URLs of the pages."},
                "goal": {"type": "string", "minLength": 1, "description": "What you want to learn from the pages."},
            },
            closed=False,
        ),
        visit(goals),
    )
    return (search_tool, visit_tool, *python_tools("PythonInterpreter", workshop))


def redsearcher_tools(goals: GoalReader, workshop: Workshop | None) -> tuple[Tool, ...]:
    return (
        *tongyi_tools(goals, workshop),
        Tool(
            "google_scholar",
            "Search academic publications. Takes several queries at once.",
            object_of({"query": {**_STRINGS, "description": "The queries."}}, closed=False),
            scholar_over_tables(google_search("scholar", "Scholar Results")),
        ),
        Tool(
            "google_maps",
            "Search places, what lies near one ('towns near X', '120 to 160 km from X'), or the way 'from X to Y'.",
            object_of(
                {"q": {"type": "string", "minLength": 1, "description": "The place or kind of place."}},
                {
                    "page": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 20,
                        "default": 1,
                        "description": "Page of the results.",
                    }
                },
                closed=False,
            ),
            maps_over_tables(google_maps),
        ),
    )


def offseeker_tools(goals: GoalReader, workshop: Workshop | None) -> tuple[Tool, ...]:
    return (
        Tool(
            "search",
            "Search the web. Takes several queries at once; gives the results of each as JSON.",
            object_of({"query": {**_STRINGS, "description": "The queries."}}, closed=False),
            serper_search,
        ),
        Tool(
            "visit_urls",
            "Visit webpages and extract what bears on a query.",
            object_of(
                {
                    "urls": {**_STRINGS, "description": "URLs of the pages."},
                    "query": {"type": "string", "minLength": 1, "description": "What you want to learn from them."},
                },
                closed=False,
            ),
            visit(goals, "urls", "query"),
        ),
        Tool(
            "search_wiki",
            "Look up entities by name and read the beginning of their pages.",
            object_of({"entities": {**_STRINGS, "description": "Names of the entities."}}, closed=False),
            search_wiki,
        ),
        *python_tools("execute_code", workshop),
    )


def _listed(place: int, hit: Hit) -> str:
    date = f"\nDate published: {hit.date}" if hit.date else ""
    return f"{place}. [{hit.title}]({hit.url}){date}\n{hit.snippet}"


def _visited(url: str, goal: str, evidence: str, summary: str) -> str:
    head = f"The useful information in {url} for user goal {goal} as follows: \n\n"
    return f"{head}Evidence in page: \n{evidence}\n\nSummary: \n{summary}\n\n"


def _is_named(title: str, entity: str) -> bool:
    """Sites add their own name to a title, after a dash."""
    wanted = " ".join(entity.replace("_", " ").casefold().split())
    plain = " ".join(title.casefold().split())
    return wanted in (plain, plain.rpartition(" - ")[0], plain.rpartition(" — ")[0], plain.partition(" | ")[0])
