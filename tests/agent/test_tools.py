"""What a model may call, in every manner, against a real server of the tiny web."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.client import AsyncClient
from agent.errors import EnvError, EnvUnreachable
from agent.records import Citation
from agent.sandbox import Sandbox
from agent.tools import (
    NAMES,
    GoalReader,
    Observation,
    Profile,
    SummaryModel,
    SummaryStore,
    Tool,
    json_lines,
    mcp_tools,
    openai_tools,
    profile,
    prompt_text,
    python_functions,
    python_source,
)
from agent.tools.browser import Browser, Opened, linked, wrapped
from agent.tools.schema import check_schema, checked, object_of
from corpus import evidence
from corpus.evidence import score_citations
from tests.env_server.test_determinism import running_server

ADA = "https://tiny.example/people/ada"
HARBOUR = "https://tiny.example/places/harbour"
NOWHERE = "https://tiny.example/nowhere"


@pytest.fixture(scope="module")
def server(tiny_path: Path) -> Iterator[str]:
    with running_server(tiny_path) as url:
        yield url


@pytest.fixture
async def env(server: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server) as env:
        yield env


def made(name: str) -> Profile:
    return profile(name, sandbox=Sandbox())


async def called(env: AsyncClient, name: str, tool: str, /, **arguments: Any) -> Observation:
    return await made(name).fresh()[tool].run(arguments, env)


EXAMPLES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "default": [
        ("search", {"query": "harbour", "k": 3}),
        ("fetch", {"url": ADA}),
        ("find", {"url": ADA, "pattern": "ada"}),
        ("extract", {"url": ADA, "goal": "maps of the coast"}),
        ("python", {"code": "6 * 7"}),
        ("answer", {"answer": "Ada", "confidence": 0.5, "citations": [{"url": ADA, "quote": "Ada"}]}),
    ],
    "tongyi": [
        ("search", {"query": ["harbour", "kelp"]}),
        ("visit", {"url": [ADA, HARBOUR], "goal": "sea charts"}),
        ("PythonInterpreter", {"code": "print(6 * 7)"}),
    ],
    "browser": [
        ("search", {"query": "harbour", "topn": 3}),
        ("open", {"id": 0}),
        ("open", {"loc": 1, "num_lines": 2}),
        ("find", {"pattern": "the"}),
        ("open", {"id": ADA}),
    ],
    "browsecomp_plus": [("search", {"query": "harbour"}), ("get_document", {"docid": ADA})],
    "search_r1": [("search", {"query": "harbour"})],
    "redsearcher": [
        ("search", {"query": ["harbour"], "topn": 5, "source": "web"}),
        ("google_scholar", {"query": ["terns"]}),
        ("google_maps", {"q": "market", "page": 1}),
        ("visit", {"url": [HARBOUR], "goal": "depth"}),
        ("PythonInterpreter", {"code": "6 * 7"}),
    ],
    "offseeker": [
        ("search", {"query": ["harbour"]}),
        ("visit_urls", {"urls": [HARBOUR], "query": "depth"}),
        ("search_wiki", {"entities": ["nobody at all"]}),
        ("execute_code", {"code": "6 * 7"}),
    ],
}


def test_every_profile_and_every_tool_has_an_example() -> None:
    assert set(EXAMPLES) == set(NAMES)
    for name in NAMES:
        assert {tool for tool, _ in EXAMPLES[name]} == set(made(name).fresh()), name


@pytest.mark.parametrize("name", NAMES)
async def test_a_profile_s_tools_say_the_same_twice_and_tell_what_they_showed(name: str, env: AsyncClient) -> None:
    async def once() -> list[Observation]:
        tools = made(name).fresh()
        return [await tools[tool].run(arguments, env) for tool, arguments in EXAMPLES[name]]

    first, second = await once(), await once()
    assert [one.text for one in first] == [one.text for one in second]
    assert [one.digest for one in first] == [one.digest for one in second]
    for (tool, _), seen, again in zip(EXAMPLES[name], first, second, strict=True):
        assert seen.status == "ok", (tool, seen.text)
        assert seen.text.strip()
        assert len(seen.doc_ids) == len(seen.urls)
        assert not seen.ranks or len(seen.ranks) == len(seen.doc_ids)
        assert set(seen.opened) <= set(seen.doc_ids)
        if seen.latency_ms and name != "offseeker":
            assert again.cached, tool
        if tool in ("search", "google_scholar", "google_maps"):
            assert seen.doc_ids
            assert seen.ranks[0] == 1
        if tool in ("fetch", "open", "visit", "visit_urls", "get_document", "extract"):
            assert seen.opened


async def test_a_search_shows_ranks_titles_urls_and_snippets(env: AsyncClient) -> None:
    found = await env.search("harbour", k=3)
    seen = await called(env, "default", "search", query="harbour", k=3)
    assert seen.doc_ids == tuple(hit.doc_id for hit in found.hits)
    assert seen.ranks == (1, 2, 3)
    for hit in found.hits:
        assert f"{hit.rank}. {hit.title}" in seen.text
        assert f"\n   {hit.url}\n" in seen.text


async def test_a_long_page_says_how_to_go_on(env: AsyncClient) -> None:
    page = await env.fetch(ADA, page_chars=100)
    assert page.pages > 1
    from agent.tools.native import _page

    assert _page(page).endswith("[There is more: page=2.]")
    assert "part 1 of" in _page(page)
    last = await env.fetch(ADA, page_chars=100, number=page.pages)
    assert "There is more" not in _page(last)


# Errors.


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("search", {}, "'query' is missing"),
        ("search", {"query": ""}, "query has 0 characters; the least is 1"),
        ("search", {"query": 3}, "query is an integer, not a string"),
        ("search", {"query": None}, "query is null, not a string"),
        ("search", {"query": "x", "k": 0}, "k is 0; the least is 1"),
        ("search", {"query": "x", "k": 51}, "k is 51; the most is 50"),
        ("search", {"query": "x", "k": "5"}, "k is a string, not an integer"),
        ("search", {"query": "x", "k": True}, "k is a boolean, not an integer"),
        ("search", {"query": "x", "top": 3}, "'top' is not among its arguments"),
        ("search", [], "arguments are an array, not an object"),
        ("search", None, "arguments are null, not an object"),
        ("answer", {"answer": "x", "confidence": float("nan")}, "confidence is nan"),
        ("answer", {"answer": "x", "citations": [{"quote": "y"}]}, "citations[0]: 'url' is missing"),
        ("answer", {"answer": "x", "citations": ["y"]}, "citations[0] is a string, not an object"),
    ],
)
async def test_arguments_that_do_not_fit_are_answered_with_what_is_wrong(
    tool: str, arguments: Any, says: str, env: AsyncClient
) -> None:
    tools = made("default").fresh()
    seen = await tools[tool].run(arguments, env)
    assert (seen.status, seen.error_code) == ("error", "bad_arguments")
    error = json.loads(seen.text)["error"]
    assert set(error) == {"code", "message", "remedy"}
    assert says in error["message"]
    assert error["remedy"].startswith(f"{tool} takes ")
    assert tools[tool].check(arguments) == seen


def test_arguments_that_fit_pass_the_check() -> None:
    assert made("default").fresh()["search"].check({"query": "x"}) is None


async def test_what_the_server_refuses_is_shown_in_its_words(env: AsyncClient) -> None:
    seen = await called(env, "default", "fetch", url=NOWHERE)
    assert (seen.status, seen.error_code) == ("error", "page_not_found")
    assert NOWHERE in json.loads(seen.text)["error"]["message"]
    assert seen.latency_ms > 0


async def test_half_a_surrogate_pair_gives_an_observation_as_anything_else(env: AsyncClient) -> None:
    for name, tool, arguments, status in (
        ("default", "search", {"query": "\ud83d"}, "ok"),
        ("default", "search", {"query": "x", "\ud83d": 1}, "error"),
        ("browser", "find", {"pattern": "\ud83d"}, "error"),
        ("tongyi", "search", {"query": ["\ud83d"]}, "ok"),
        ("tongyi", "visit", {"url": ["\udc00"], "goal": "\udc00"}, "error"),
        ("default", "find", {"url": "\udc00", "pattern": "x"}, "error"),
        ("tongyi", "PythonInterpreter", {"code": "print('\ud83d')"}, "error"),
    ):
        seen = await called(env, name, tool, **arguments)
        assert seen.status == status, (tool, arguments, seen.text)
        assert seen.text.encode("utf-8", "replace").decode() == seen.text, tool


async def test_a_failure_that_may_pass_is_raised_and_not_shown() -> None:
    async with AsyncClient("http://127.0.0.1:1") as gone:
        with pytest.raises(EnvUnreachable):
            await called(gone, "default", "search", query="x")
        with pytest.raises(EnvError):
            await called(gone, "tongyi", "visit", url=["https://a.example", "https://b.example"], goal="x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([(name, tool) for name in NAMES for tool, _ in EXAMPLES[name]]),
    st.dictionaries(st.sampled_from("query url urls goal pattern k topn id loc code q page entities x".split()), JSON),
)
def test_any_arguments_are_checked_as_their_schema_says(which: tuple[str, str], arguments: dict[str, Any]) -> None:
    tool = made(which[0]).fresh()[which[1]]
    fits = tool.check(arguments) is None
    lenient = {
        name: [value]
        if tool.parameters["properties"].get(name, {}).get("type") == "array" and isinstance(value, str)
        else value
        for name, value in arguments.items()
        if value is not None or name in tool.parameters["required"]
    }
    whole = {name: value for name, value in lenient.items() if not (isinstance(value, float) and value.is_integer())}
    if len(whole) == len(lenient):  # 1.0 is an integer to JSON Schema and none to us
        assert fits == jsonschema.Draft202012Validator(tool.parameters).is_valid(lenient), arguments


def test_a_keyword_that_nobody_checks_is_refused_when_a_tool_is_made() -> None:
    with pytest.raises(ValueError, match="pattern"):
        object_of({"query": {"type": "string", "pattern": "a+"}})
    with pytest.raises(ValueError, match="date"):
        check_schema({"type": "date"})


def test_one_string_counts_as_a_list_of_it() -> None:
    schema = object_of({"query": {"type": "array", "items": {"type": "string"}}})
    assert checked({"query": "a"}, schema) == ({"query": ["a"]}, None)


# One schema, four ways to show it.


@pytest.mark.parametrize("name", NAMES)
def test_every_rendering_has_every_tool_and_argument(name: str) -> None:
    tools = made(name).make()
    functions = {tool["function"]["name"]: tool["function"] for tool in openai_tools(tools)}
    assert functions == {
        tool["name"]: {"name": tool["name"], "description": tool["description"], "parameters": tool["inputSchema"]}
        for tool in mcp_tools(tools)
    }
    assert [json.loads(line) for line in json_lines(tools).splitlines()] == openai_tools(tools) == made(name).schemas
    words, source = prompt_text(tools), python_source(tools)
    compile(source, "tools", "exec")
    for tool in tools:
        jsonschema.Draft202012Validator.check_schema(tool.parameters)
        assert f"{tool.name}: {tool.description}" in words
        assert f"def {tool.name}(" in source
        for argument, part in tool.parameters["properties"].items():
            assert f"  {argument} (" in words
            assert part["description"] in words
            assert part["description"] in source


def test_a_python_function_hands_over_what_it_was_given() -> None:
    given: list[Any] = []

    def call(name: str, arguments: dict[str, Any]) -> str:
        given.append((name, arguments))
        return "text"

    search, *_ = python_functions(made("default").make(), call)
    assert search("harbour", k=3) == "text"
    assert search(query="kelp") == "text"
    assert given == [("search", {"query": "harbour", "k": 3}), ("search", {"query": "kelp"})]
    assert str(inspect.signature(search)) == "(query: str, k: int = 10) -> str"
    with pytest.raises(TypeError):
        search()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_trainers_read_the_same_schema_out_of_the_functions(name: str) -> None:
    """TRL makes it with transformers' own reader."""
    from transformers.utils import get_json_schema

    tools = made(name).make()
    for tool, function in zip(tools, python_functions(tools, lambda name, arguments: ""), strict=True):
        read = get_json_schema(function)["function"]
        assert (read["name"], read["description"]) == (tool.name, tool.description)
        assert read["parameters"].get("required", []) == tool.parameters["required"]
        assert set(read["parameters"]["properties"]) == set(tool.parameters["properties"])
        for argument, part in tool.parameters["properties"].items():
            assert read["parameters"]["properties"][argument]["description"] == part["description"]
            assert read["parameters"]["properties"][argument]["type"] == part["type"]


# The manners of others.


async def test_tongyi_s_search_joins_its_queries(env: AsyncClient) -> None:
    seen = await called(env, "tongyi", "search", query=["harbour", "kelp"])
    first, second = seen.text.split("\n=======\n")
    assert first.startswith("A Google search for 'harbour' found ")
    assert second.startswith("A Google search for 'kelp' found ")
    assert "## Web Results\n1. [" in first
    assert [rank for rank in seen.ranks if rank == 1] == [1, 1]
    only = await called(env, "tongyi", "search", query=["zzzz qqqq"])
    assert only.status == "ok"


async def test_tongyi_s_visit_reads_for_a_goal_and_says_which_page_it_could_not_read(env: AsyncClient) -> None:
    extracted = await env.extract(ADA, "sea charts")
    seen = await called(env, "tongyi", "visit", url=[ADA, NOWHERE], goal="sea charts")
    first, second = seen.text.split("\n=======\n")
    assert first.startswith(
        f"The useful information in {ADA} for user goal sea charts as follows: \n\nEvidence in page: \n"
    )
    assert extracted.passages[0].text in first
    assert "\n\nSummary: \n" in first
    assert "could not be accessed" in second
    assert (seen.status, seen.opened) == ("ok", (extracted.doc_id,))
    alone = await called(env, "tongyi", "visit", url=[NOWHERE], goal="sea charts")
    assert (alone.status, alone.error_code, alone.opened) == ("error", "page_not_found", ())


async def test_maps_go_on_where_the_page_before_ended(env: AsyncClient) -> None:
    first = await called(env, "redsearcher", "google_maps", q="the island")
    second = await called(env, "redsearcher", "google_maps", q="the island", page=2)
    assert not set(first.doc_ids) & set(second.doc_ids)
    assert second.ranks[:1] in ((), (11,))


async def test_an_entity_is_the_page_of_its_name(env: AsyncClient) -> None:
    title = (await env.fetch(ADA)).title
    seen = await called(env, "offseeker", "search_wiki", entities=[title.upper(), "Nobody Atall"])
    first, second = seen.text.split("\n=======\n")
    assert first.startswith(f"{title}\n{ADA}\n")
    assert second.startswith("No page found for 'Nobody Atall'. Similar: ")
    assert seen.opened == ((await env.fetch(ADA)).doc_id,)


async def test_offseeker_s_search_is_serper_s_json(env: AsyncClient) -> None:
    seen = await called(env, "offseeker", "search", query=["harbour"])
    value = json.loads(seen.text)
    assert value["searchParameters"] == {"q": "harbour"}
    assert [row["position"] for row in value["organic"]] == list(range(1, len(value["organic"]) + 1))
    assert {"title", "link", "snippet"} <= value["organic"][0].keys()


async def test_browsecomp_plus_s_tools_are_json_with_docids(env: AsyncClient) -> None:
    rows = json.loads((await called(env, "browsecomp_plus", "search", query="harbour")).text)
    assert set(rows[0]) == {"docid", "score", "snippet"}
    seen = await called(env, "browsecomp_plus", "get_document", docid=rows[0]["docid"])
    assert json.loads(seen.text)["docid"] == rows[0]["docid"] == seen.opened[0]
    for wrong in ("0" * 16, "no such thing"):
        none = await called(env, "browsecomp_plus", "get_document", docid=wrong)
        assert (none.text, none.status) == ("null", "error")


async def test_search_r1_s_passages_are_numbered(env: AsyncClient) -> None:
    seen = await called(env, "search_r1", "search", query="harbour")
    assert [line[:12] for line in seen.text.splitlines()] == [f"Doc {n}(Title:"[:12] for n in (1, 2, 3)]


async def test_code_that_fails_is_an_observation(env: AsyncClient) -> None:
    seen = await called(env, "tongyi", "PythonInterpreter", code="1 / 0")
    assert (seen.status, seen.error_code) == ("error", "code_error")
    assert "ZeroDivisionError" in seen.text
    assert (await called(env, "tongyi", "PythonInterpreter", code=" ")).error_code == "no_code"


def test_without_a_sandbox_there_is_no_python() -> None:
    assert set(profile("tongyi").fresh()) == {"search", "visit"}
    assert "execute_code" not in profile("offseeker").fresh()


def test_a_profile_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="default, tongyi"):
        profile("gpt")


# The browser.


async def test_the_browser_opens_a_result_and_a_link_by_id(env: AsyncClient) -> None:
    tools = profile("browser").fresh()
    results = await tools["search"].run({"query": "harbour", "topn": 3}, env)
    assert results.text.startswith("[0] Search results for: harbour\n**viewing lines [0 - ")
    page = await tools["open"].run({"id": 1}, env)
    assert page.opened == (results.doc_ids[1],)
    assert page.text.startswith("[1] ")
    assert f"\nL0: URL: {page.urls[0]}\n" in page.text
    link = re.search(r"【(\d+)†[^】]*】", page.text)
    assert link
    number = int(link[1])
    target = linked((await env.fetch(page.urls[0], page_chars=200_000)).text, page.urls[0])[1][number]
    followed = await tools["open"].run({"id": number, "cursor": 1}, env)
    assert followed.status == "ok"
    assert followed.urls == ((await env.fetch(target)).url,)


async def test_lines_keep_their_numbers_wherever_a_view_begins(env: AsyncClient) -> None:
    tools = profile("browser").fresh()
    whole = await tools["open"].run({"id": ADA, "num_lines": 1000}, env)
    numbered = dict(re.findall(r"^L(\d+): (.*)$", whole.text, re.MULTILINE))
    part = await tools["open"].run({"cursor": 0, "loc": 3, "num_lines": 2}, env)
    assert re.findall(r"^L(\d+): (.*)$", part.text, re.MULTILINE) == [("3", numbered["3"]), ("4", numbered["4"])]
    assert part.text.startswith("[1] ")


async def test_the_browser_finds_in_the_page_that_was_opened_and_asks_nobody(env: AsyncClient) -> None:
    tools = profile("browser").fresh()
    opened = await tools["open"].run({"id": ADA, "num_lines": 1000}, env)
    lines = re.findall(r"^L(\d+): (.*)$", opened.text, re.MULTILINE)
    expected = [number for number, line in lines if "ada" in line.casefold()]
    async with AsyncClient("http://127.0.0.1:1") as gone:
        found = await tools["find"].run({"pattern": "ADA"}, gone)
        assert re.findall(r"【\d+†match at L(\d+)】", found.text) == expected
        nothing = await tools["find"].run({"pattern": "zzz", "cursor": 0}, gone)
    assert "No line has `zzz`" in nothing.text


@pytest.mark.parametrize(
    ("before", "tool", "arguments", "code"),
    [
        (False, "open", {"id": 0}, "no_page"),
        (False, "find", {"pattern": "x"}, "no_page"),
        (True, "open", {"id": 10**30}, "no_such_link"),
        (True, "open", {"id": "-7"}, "no_such_link"),
        (True, "open", {"cursor": 9}, "no_such_cursor"),
        (True, "find", {"pattern": "x", "cursor": -2}, "no_such_cursor"),
        (True, "open", {"loc": 10**9}, "no_such_line"),
        (True, "open", {"id": ADA, "loc": 10**9}, "no_such_line"),
        (True, "open", {"id": "--1"}, "bad_url"),
        (True, "open", {"id": NOWHERE}, "page_not_found"),
    ],
)
async def test_what_the_browser_cannot_do_it_says_and_opens_no_page(
    before: bool, tool: str, arguments: dict[str, Any], code: str, env: AsyncClient
) -> None:
    tools = profile("browser").fresh()
    if before:
        await tools["search"].run({"query": "harbour"}, env)
    seen = await tools[tool].run(arguments, env)
    assert (seen.status, seen.error_code) == ("error", code)
    again = await tools["search"].run({"query": "harbour"}, env)
    assert again.text.startswith(f"[{int(before)}] ")


async def test_two_rollouts_have_each_their_own_browser(env: AsyncClient) -> None:
    browser = profile("browser")
    one, other = browser.fresh(), browser.fresh()
    await one["search"].run({"query": "harbour"}, env)
    assert (await other["open"].run({"id": 0}, env)).error_code == "no_page"


def test_links_are_numbered_and_pictures_are_not() -> None:
    text, links = linked(
        "A [b (c)](https://x.example/d_(e)) ![p](https://x.example/p.png) [](https://y.example) z[1]",
        "https://x.example/",
    )
    assert text == "A 【0†b (c)】 [Image: p] 【1††y.example】 z[1]"
    assert links == ("https://x.example/d_(e)", "https://y.example")
    assert wrapped("a " * 60 + "\n\n" + "b" * 100) == (("a " * 40).strip(), ("a " * 20).strip(), "", "b" * 100)


def cited_by(tools: dict[str, Tool], text: str) -> list[Citation]:
    return [citation for tool in tools.values() if tool.cited for citation in tool.cited(text)]


async def test_lines_that_an_answer_cites_are_pages_and_words_that_stand_on_them(env: AsyncClient) -> None:
    tools = profile("browser").fresh()
    found = await tools["search"].run({"query": "harbour sea charts"}, env)
    opened = await tools["open"].run({"id": ADA}, env)
    page = await env.fetch(ADA, format="text")
    number = next(int(line[1 : line.index(":")]) for line in opened.text.split("\n") if "coast" in line)
    of_lines, of_page = cited_by(tools, f"So it is 【1†L{number}】, and more 【1†L0-L400】【1†L{number}-{number}】.")
    assert (of_lines.url, of_lines.doc_id) == (page.url, page.doc_id) == (of_page.url, of_page.doc_id)
    assert of_lines.quote is not None
    assert "coast" in of_lines.quote
    quoted = score_citations(
        [evidence.Citation(page.doc_id, of_lines.quote), evidence.Citation(page.doc_id, of_page.quote or "")],
        [],
        text_of={page.doc_id: page.text}.get,
        gold="x",
    )
    assert [verdict.quoted for verdict in quoted.verdicts] == [True, True]
    hits = cited_by(tools, "【0†L0-L99】")
    assert [(hit.url, hit.doc_id) for hit in hits] == list(zip(found.urls, found.doc_ids, strict=True))
    assert all(hit.quote and "†" not in hit.quote for hit in hits)


async def test_a_find_is_cited_as_the_page_it_looked_through(env: AsyncClient) -> None:
    tools = profile("browser").fresh()
    await tools["open"].run({"id": ADA}, env)
    await tools["find"].run({"pattern": "coast"}, env)
    page = await env.fetch(ADA, format="text")
    (citation,) = cited_by(tools, "【1†L0-L3】")
    assert (citation.url, citation.doc_id) == (ADA, page.doc_id)
    assert citation.quote is not None
    assert "match at" not in citation.quote
    assert "coast" in citation.quote


@pytest.mark.parametrize(
    "text", ["【7†L1】", "【0†L999】", "【0†L9-L3】", "【0†source】", "[0†L1]", "【L1】", "【-1†L1】"]
)
async def test_a_mark_that_names_no_line_cites_nothing(env: AsyncClient, text: str) -> None:
    tools = profile("browser").fresh()
    await tools["open"].run({"id": ADA}, env)
    assert cited_by(tools, text) == []


def test_links_in_cited_lines_are_quoted_as_their_words() -> None:
    browser = Browser()
    lines = wrapped(
        "URL: https://x.example/a\nSee 【0†the old town†y.example】 and [Image: a map] 【1†more】 of it. 【2†cut"
    )
    browser.pages.append(Opened("A", "https://x.example/a", (*lines, "off†z.example】 here"), (), "d" * 16))
    assert browser.cited("【0†L0-L1】")[0].quote == "See the old town and more of it. cut"
    assert browser.cited("【0†L2】")[0].quote == "off here"
    assert browser.cited("【0†L0】") == [Citation(url="https://x.example/a", doc_id="d" * 16)]


# Summaries by a model.


class Scripted:
    """A model that answers in turn, and what it was asked."""

    def __init__(self, *replies: str) -> None:
        self.replies, self.prompts = list(replies), list[str]()

    async def __call__(self, prompt: str) -> str:
        self.prompts.append(prompt)
        await asyncio.sleep(0)
        return self.replies.pop(0)


GOOD = 'Sure: {"rational": "r", "evidence": "the page says so", "summary": "so it is"} Done.'


async def test_a_summary_is_made_once_and_kept_by_page_goal_and_model(env: AsyncClient, tmp_path: Path) -> None:
    model, kept = Scripted(GOOD), tmp_path / "summaries.sqlite"
    reader = GoalReader(SummaryModel("m1", model), SummaryStore(kept))
    reads = await asyncio.gather(*(reader.read(env, ADA, "sea charts") for _ in range(5)))
    assert {(read.evidence, read.summary, read.by) for read in reads} == {("the page says so", "so it is", "m1")}
    assert len(model.prompts) == 1
    assert "Goal: sea charts" in model.prompts[0]
    assert (await env.fetch(ADA, format="text")).text in model.prompts[0]
    # After a restart, from the file: a model without replies would fail.
    again = await GoalReader(SummaryModel("m1", Scripted()), SummaryStore(kept)).read(env, ADA, "sea charts")
    assert again == reads[0]
    for name, page, goal in (("m2", ADA, "sea charts"), ("m1", ADA, "other"), ("m1", HARBOUR, "sea charts")):
        asked = Scripted(GOOD)
        await GoalReader(SummaryModel(name, asked), SummaryStore(kept)).read(env, page, goal)
        assert len(asked.prompts) == 1, (name, page, goal)


def test_a_new_file_of_summaries_that_another_process_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summaries.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # SQLite refuses to turn the file to WAL now, and does not wait
    monkeypatch.setattr("agent.tools.goals.sleep", lambda _: other.execute("COMMIT"))
    with closing(SummaryStore(path)) as store:
        assert store.put("k", "evidence", "summary") == ("evidence", "summary")
    other.close()


async def test_a_model_that_gives_nothing_readable_is_asked_of_less_and_then_left_aside(env: AsyncClient) -> None:
    model = Scripted("no", '{"evidence": 3}', "[]", GOOD)
    reader = GoalReader(SummaryModel("m", model))
    read = await reader.read(env, ADA, "sea charts")
    assert read.by == "extract"
    assert read.evidence == "\n\n".join(passage.text for passage in (await env.extract(ADA, "sea charts")).passages)
    sizes = [len(prompt) for prompt in model.prompts]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3
    assert (await reader.read(env, ADA, "sea charts")).by == "m"  # what stood in was not kept


async def test_visits_show_the_model_s_summary(env: AsyncClient) -> None:
    tools = profile("tongyi", goals=GoalReader(SummaryModel("m", Scripted(GOOD)))).fresh()
    seen = await tools["visit"].run({"url": [ADA], "goal": "sea charts"}, env)
    assert "Evidence in page: \nthe page says so\n\nSummary: \nso it is\n\n" in seen.text


async def test_a_rollout_that_is_cancelled_leaves_others_the_summary_they_wait_for(env: AsyncClient) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(prompt: str) -> str:
        begun.set()
        await go.wait()
        return GOOD

    reader = GoalReader(SummaryModel("m", slow))
    first, second = (asyncio.create_task(reader.read(env, ADA, "sea charts")) for _ in range(2))
    await begun.wait()
    first.cancel()
    go.set()
    assert (await second).by == "m"
