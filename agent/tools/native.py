"""The tools of the default profile: search, fetch, find, extract, answer. They show what the native routes answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from agent.answers import Delivery, Hit, Page
from agent.client import AsyncClient
from agent.tools.python import Workshop, python_tools
from agent.tools.schema import object_of
from agent.tools.tool import Arguments, Observation, Tool, told

FETCH_CHARS = 10_000
"""Of a page at a time: about 2,500 tokens."""

QUERY = {"type": "string", "minLength": 1, "description": "What to look for, in plain words."}
PAGE = {"type": "string", "minLength": 1, "description": "URL of the page, as a search or a link gives it."}


def of_hits(text: str, hits: Iterable[Hit], delivery: Delivery) -> Observation:
    """An observation of hits shown in their order."""
    shown = list(hits)
    return Observation(
        text,
        doc_ids=tuple(hit.doc_id for hit in shown),
        ranks=tuple(hit.rank for hit in shown),
        urls=tuple(hit.url for hit in shown),
        **told(delivery),
    )


def of_page(text: str, page: Any, delivery: Delivery) -> Observation:
    """An observation of a page's text; `page` has doc_id and url."""
    return Observation(text, doc_ids=(page.doc_id,), urls=(page.url,), opened=(page.doc_id,), **told(delivery))


async def search(arguments: Arguments, env: AsyncClient) -> Observation:
    found = await env.search(arguments["query"], k=arguments["k"])
    text = "\n\n".join(_hit(hit) for hit in found.hits) or "No results. Try other or fewer words."
    return of_hits(text, found.hits, found.delivery)


async def fetch(arguments: Arguments, env: AsyncClient) -> Observation:
    page = await env.fetch(
        arguments["url"],
        number=arguments["page"],
        section=arguments.get("section"),
        page_chars=FETCH_CHARS,
    )
    return of_page(_page(page), page, page.delivery)


async def find(arguments: Arguments, env: AsyncClient) -> Observation:
    found = await env.find(arguments["url"], arguments["pattern"], context_chars=150)
    lines = [f"{found.total} matches on {found.url}" if found.total != 1 else f"1 match on {found.url}"]
    for number, match in enumerate(found.matches[:20], 1):
        where = f" ({match.section})" if match.section else ""
        lines.append(f"{number}.{where} …{_one_line(match.before)}**{_one_line(match.text)}**{_one_line(match.after)}…")
    return of_page("\n".join(lines), found, found.delivery)


async def extract(arguments: Arguments, env: AsyncClient) -> Observation:
    found = await env.extract(arguments["url"], arguments["goal"])
    parts = [f"[{passage.section}] {passage.text}" if passage.section else passage.text for passage in found.passages]
    text = "\n\n".join(parts) or "The page says nothing on that."
    return of_page(f"From {found.url}:\n\n{text}", found, found.delivery)


async def answer(arguments: Arguments, env: AsyncClient) -> Observation:
    return Observation("The answer was handed in.")


def tools(workshop: Workshop | None = None) -> tuple[Tool, ...]:
    return (
        Tool(
            "search",
            "Search the web. Gives titles, URLs and snippets, best first.",
            object_of(
                {"query": QUERY},
                {
                    "k": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 50,
                        "default": 10,
                        "description": "How many results.",
                    }
                },
            ),
            search,
        ),
        Tool(
            "fetch",
            "Read a page as Markdown. Long pages come in parts.",
            object_of(
                {"url": PAGE},
                {
                    "page": {
                        "type": "integer",
                        "minimum": 1,
                        "default": 1,
                        "description": "Which part of a long page, from 1.",
                    },
                    "section": {"type": "string", "description": "Only the section with this title."},
                },
            ),
            fetch,
        ),
        Tool(
            "find",
            "Find words on a page, in any case, with what stands around them.",
            object_of(
                {"url": PAGE, "pattern": {"type": "string", "minLength": 1, "description": "The words to find."}}
            ),
            find,
        ),
        Tool(
            "extract",
            "Give the parts of a page that speak of a goal, word for word.",
            object_of(
                {"url": PAGE, "goal": {"type": "string", "minLength": 1, "description": "What you want to learn."}}
            ),
            extract,
        ),
        *python_tools("python", workshop),
        Tool(
            "answer",
            "Hand in the final answer. Ends the task.",
            object_of(
                {"answer": {"type": "string", "minLength": 1, "description": "The answer alone, short and exact."}},
                {
                    "confidence": {
                        "type": "number",
                        "minimum": 0,
                        "maximum": 1,
                        "description": "How sure you are, from 0 to 1.",
                    },
                    "citations": {
                        "type": "array",
                        "maxItems": 20,
                        "description": "Pages that support the answer, each with the words that do.",
                        "items": {
                            "type": "object",
                            "properties": {
                                "url": {"type": "string", "description": "URL of the page."},
                                "quote": {"type": "string", "description": "Words of the page."},
                            },
                            "required": ["url"],
                        },
                    },
                },
            ),
            answer,
        ),
    )


def _hit(hit: Hit) -> str:
    date = f" ({hit.date})" if hit.date else ""
    return f"{hit.rank}. {_flat(hit.title)}{date}\n   {hit.url}\n   {_flat(hit.snippet)}"


def _page(page: Page) -> str:
    part = f"part {page.page} of {page.pages}" if page.pages > 1 else ""
    about = ", ".join(filter(None, (page.url, page.date, part)))
    more = f"\n\n[There is more: page={page.page + 1}.]" if page.page < page.pages else ""
    return f"{_flat(page.title)}\n{about}\n\n{page.text}{more}"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _one_line(text: str) -> str:
    """As `_flat`, but for the spaces at its ends: they stand between a match and its neighbours."""
    return re.sub(r"\s+", " ", text)
