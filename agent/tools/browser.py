"""A text browser as gpt-oss and OpenResearcher have it: search, open and find, cursors, numbered lines, line citations.

Every call opens a page with the next cursor. Links are shown as 【id†anchor†domain】 and opened by id. An answer cites
lines as 【cursor†Lx-Ly】; `Browser.cited` turns that into URL and quote. Find looks through the page as it was opened
and asks the server nothing.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from agent.client import AsyncClient
from agent.records import Citation
from agent.tools.native import QUERY, of_hits, of_page
from agent.tools.schema import object_of
from agent.tools.tool import Arguments, Observation, Tool, refused

PAGE_CHARS = 200_000
WIDTH = 80
VIEW_CHARS = 4_000
"""Of a page at a time where num_lines is not given: about 1,024 tokens."""
MATCHES = 50
QUOTE_CHARS = 2_000
"""Of the lines that a citation names."""

_NUMBER = re.compile("-?[0-9]{1,8}")
_CITED = re.compile(r"【([0-9]{1,6})†L([0-9]{1,8})(?: ?[-–] ?L?([0-9]{1,8}))?】")
_MARK = re.compile(r"【[0-9]+†([^】†]*)(?:†[^】]*)?(?:】|$)")
"""A link as a page shows it; the lines that are cited may end in the middle of one."""
_REST_OF_MARK = re.compile(r"^([^【】†]*)†[^【】]*】")
_MATCH = re.compile(r"# 【[0-9]+†match at L[0-9]+】")
_RESULT = re.compile(r"【([0-9]+)†")
_PICTURE = re.compile(r"\[Image: [^\]]*\]")
_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?: \"[^\"]*\")?\)")


@dataclass(frozen=True)
class Opened:
    """A page of the browser: a document, results of a search, or matches of a find."""

    title: str
    url: str
    lines: tuple[str, ...]
    links: tuple[str, ...] = ()
    """URL by id."""
    doc_id: str = ""
    hits: tuple[str, ...] = ()
    """doc_id by the id of a link, on a page of results or matches."""

    def read(self, *, opened: bool) -> dict[str, Any]:
        """What an observation tells of a document shown once more; nothing for results and matches."""
        if not self.doc_id:
            return {}
        return {"doc_ids": (self.doc_id,), "urls": (self.url,), "opened": (self.doc_id,) if opened else ()}


@dataclass
class Browser:
    """One rollout's pages; the cursor is the place in the list."""

    pages: list[Opened] = field(default_factory=list)

    async def search(self, arguments: Arguments, env: AsyncClient) -> Observation:
        found = await env.search(arguments["query"], k=arguments["topn"], snippet_chars=200)
        rows = [f"【{n}†{_flat(h.title)}†{_domain(h.url)}】 {_flat(h.snippet)}" for n, h in enumerate(found.hits)]
        lines = wrapped("\n\n".join(rows) or "No results. Try other or fewer words.")
        urls, doc_ids = tuple(hit.url for hit in found.hits), tuple(hit.doc_id for hit in found.hits)
        page = Opened(f"Search results for: {_flat(found.query)}", "", lines, urls, hits=doc_ids)
        return of_hits(self._show(page, 0, len(lines)), found.hits, found.delivery)

    async def open(self, arguments: Arguments, env: AsyncClient) -> Observation:
        wanted, start, count = arguments["id"], max(0, arguments["loc"]), arguments["num_lines"]
        if isinstance(wanted, str) and not _NUMBER.fullmatch(wanted):
            return await self._fetch(wanted, start, count, env)
        at = self._at(arguments["cursor"])
        if isinstance(at, Observation):
            return at
        number = int(wanted)
        if number == -1:
            if start >= len(at.lines):
                return _past_end(start, at)
            text = self._show(at, start, count)
            return Observation(text, **at.read(opened=True))
        if not 0 <= number < len(at.links):
            has = f"ids 0 to {len(at.links) - 1}" if at.links else "no links"
            return refused("no_such_link", f"`{at.title}` has no link {number:.8g}.", f"It has {has}.")
        return await self._fetch(at.links[number], start, count, env)

    async def find(self, arguments: Arguments, env: AsyncClient) -> Observation:
        at = self._at(arguments["cursor"])
        if isinstance(at, Observation):
            return at
        pattern = arguments["pattern"].casefold()
        matches = [number for number, line in enumerate(at.lines) if pattern in line.casefold()][:MATCHES]
        parts = [
            f"# 【{place}†match at L{number}】\n" + "\n".join(at.lines[number : number + 4])
            for place, number in enumerate(matches)
        ]
        lines = wrapped("\n\n".join(parts) or f"No line has `{_flat(arguments['pattern'])}`.")
        title = f"Find results for text: `{_flat(arguments['pattern'])}` in `{at.title}`"
        links = (at.url,) * len(matches) if at.url else ()
        text = self._show(Opened(title, at.url, lines, links, hits=(at.doc_id,) * len(links)), 0, len(lines))
        return Observation(text, **at.read(opened=False))

    def cited(self, text: str) -> list[Citation]:
        """Pages that a text cites by cursor and lines, each with the words of the lines, once.

        Lines of a list of results cite the page whose result they are. A mark that names no page or no line that there
        is has nothing to stand for, and is left out.
        """
        found: dict[Citation, None] = {}
        for cursor, first, last in _CITED.findall(text):
            if int(cursor) < len(self.pages):
                page, start = self.pages[int(cursor)], int(first)
                lines = range(start, min(int(last or first) + 1, len(page.lines)))
                for url, doc_id, quote in _quoted(page, lines):
                    found[Citation(url=url, doc_id=doc_id or None, quote=quote[:QUOTE_CHARS] or None)] = None
        return list(found)

    async def _fetch(self, url: str, start: int, count: int, env: AsyncClient) -> Observation:
        page = await env.fetch(url, page_chars=PAGE_CHARS)
        text, links = linked(page.text, page.url)
        opened = Opened(_flat(page.title), page.url, wrapped(f"URL: {page.url}\n{text}"), links, page.doc_id)
        if start >= len(opened.lines):
            return _past_end(start, opened)
        return of_page(self._show(opened, start, count), page, page.delivery)

    def _at(self, cursor: int) -> Opened | Observation:
        """The page of a cursor; -1: the last."""
        if not self.pages:
            return refused("no_page", "No page is open.", "Search first, or open a URL.")
        if not -1 <= cursor < len(self.pages):
            last = len(self.pages) - 1
            return refused(
                "no_such_cursor", f"There is no page {cursor}.", f"Cursors go from 0 to {last}; -1 is {last}."
            )
        return self.pages[cursor]

    def _show(self, page: Opened, start: int, count: int) -> str:
        """Adds the page and shows lines from `start`, `count` of them; less than 1: as many as a view holds."""
        end, size = start, 0
        while end < len(page.lines) and (end - start < count if count > 0 else size <= VIEW_CHARS):
            size += len(page.lines[end]) + 1
            end += 1
        self.pages.append(page)
        url = f" ({page.url})" if page.url else ""
        where = f"**viewing lines [{start} - {end - 1}] of {len(page.lines) - 1}**"
        head = f"[{len(self.pages) - 1}] {page.title}{url}\n{where}\n\n"
        return head + "\n".join(f"L{number}: {page.lines[number]}" for number in range(start, end))


def browser_tools() -> tuple[Tool, ...]:
    """Tools of one rollout, over one browser."""
    browser = Browser()
    cursor = {"type": "integer", "default": -1, "description": "Cursor of the page; -1 is the last one opened."}
    return (
        Tool(
            "search",
            "Search the web. Opens a page of results, whose links `open` takes by id.",
            object_of(
                {"query": QUERY},
                {
                    "topn": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 50,
                        "default": 10,
                        "description": "How many results.",
                    }
                },
                closed=False,
            ),
            browser.search,
        ),
        Tool(
            "open",
            "Open a link of a page by its id, a URL, or the same page at another line.",
            object_of(
                {},
                {
                    "id": {
                        "type": ["integer", "string"],
                        "default": -1,
                        "description": "Id of a link on the page, or a URL; -1 stays on the page.",
                    },
                    "cursor": cursor,
                    "loc": {"type": "integer", "default": -1, "description": "Line to begin with; -1 is the first."},
                    "num_lines": {
                        "type": "integer",
                        "maximum": 1000,
                        "default": -1,
                        "description": "How many lines; -1 is as many as fit.",
                    },
                },
                closed=False,
            ),
            browser.open,
            browser.cited,
        ),
        Tool(
            "find",
            "Find words on a page, in any case.",
            object_of(
                {"pattern": {"type": "string", "minLength": 1, "description": "The words, as they stand in a line."}},
                {"cursor": cursor},
                closed=False,
            ),
            browser.find,
        ),
    )


def linked(markdown: str, url: str) -> tuple[str, tuple[str, ...]]:
    """Text with links as 【id†anchor†domain】, the domain left out where it is the page's own; URL by id."""
    found: list[str] = []
    own = _domain(url)

    def shown(match: re.Match[str]) -> str:
        picture, anchor, target = match.groups()
        if picture or not target:
            return f"[Image: {_flat(anchor)}]" if picture else _flat(anchor)
        found.append(target)
        domain = _domain(target)
        return f"【{len(found) - 1}†{_flat(anchor)}{f'†{domain}' if domain and domain != own else ''}】"

    return _LINK.sub(shown, markdown), tuple(found)


def wrapped(text: str) -> tuple[str, ...]:
    """Lines of at most 80 characters, a longer word on a line of its own."""
    lines: list[str] = []
    for line in text.split("\n"):
        lines += textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    return tuple(lines)


def _quoted(page: Opened, lines: range) -> Iterator[tuple[str, str, str]]:
    """(URL, doc_id, words) of the pages that lines show, without what the browser put there itself."""
    if page.url:
        shown = [page.lines[number] for number in lines]
        if shown:
            # The first line of a document and the heads of matches are the browser's.
            own = [line for line in shown if line != f"URL: {page.url}" and not _MATCH.fullmatch(line)]
            yield page.url, page.doc_id or next(iter(page.hits), ""), _plain(own)
        return
    by_hit: dict[int, list[str]] = {}
    hit = -1
    for number, line in enumerate(page.lines):
        begins = _RESULT.match(line)
        hit = int(begins[1]) if begins else hit
        if number in lines and 0 <= hit < len(page.links):
            by_hit.setdefault(hit, []).append(line)
    for hit, of_hit in by_hit.items():
        # A result's title is its mark; what follows is the page's own words.
        words = " ".join(of_hit)
        yield page.links[hit], page.hits[hit], _plain([words[mark.end() :] if (mark := _MARK.match(words)) else words])


def _plain(lines: Iterable[str]) -> str:
    """Words as they stand on the page: links without their marks, no pictures."""
    return _flat(_PICTURE.sub("", _MARK.sub(r"\1", _REST_OF_MARK.sub(r"\1", " ".join(lines)))))


def _past_end(start: int, page: Opened) -> Observation:
    return refused("no_such_line", f"There is no line {start}.", f"Lines go from 0 to {len(page.lines) - 1}.")


def _domain(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _flat(text: str) -> str:
    return " ".join(text.split())
