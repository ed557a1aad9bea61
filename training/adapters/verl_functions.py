"""Stillweb as function tools of verl 0.9 (`function_tool_path`): search and fetch, without an episode.

Nothing but the tools may stand in this file: verl keeps functions by name and refuses a second one, so what it loads by
path for something else too (a reward, say) must not bring them along.
"""

from __future__ import annotations

from verl.tools.function_tool import function_tool

from training.adapters.web import shown, web_from_environment


@function_tool
def search(query: str, top_k: int = 5) -> str:
    """Search the web. Gives titles, URLs and snippets, best first.

    Args:
        query: What to look for, in plain words.
        top_k: Number of results, from 1 to 10.
    """
    return shown(lambda: web_from_environment().search(query, top_k=top_k))


@function_tool
def fetch(url: str, page: int = 1) -> str:
    """Read a page. Long pages come in parts.

    Args:
        url: URL of the page, as a search gives it.
        page: Which part of a long page, from 1.
    """
    return shown(lambda: web_from_environment().fetch(url, page=page))
