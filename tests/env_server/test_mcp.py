"""MCP over HTTP and stdio: the tools that clients expect, what goes wrong in words, and equal bytes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client, StdioServerParameters

from corpus import Snapshot
from corpus.errors import EncoderUnavailable
from env_server.dialects.dialect import Asked, Reply
from env_server.dialects.mcp import MCP, answered
from env_server.errors import problem_of
from env_server.front import Front
from env_server.searching import Searcher
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.view import EMPTY_VIEW, View
from tests.conftest import MakeClient
from tests.env_server.test_determinism import running_server

ADA, HOME = "https://tiny.example/people/ada", "https://tiny.example/"
HARBOUR = "https://tiny.example/places/harbour"
Json = dict[str, Any]


def message(method: str, params: Json | None = None, id: int | str = 1) -> Json:
    return {"jsonrpc": "2.0", "id": id, "method": method} | ({} if params is None else {"params": params})


def called(name: str, **arguments: Any) -> Json:
    return message("tools/call", {"name": name, "arguments": arguments})


async def result(client: httpx.AsyncClient, sent: Json, path: str = "/mcp") -> Json:
    answer = await client.post(path, json=sent)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: Json = answer.json()
    assert (body["jsonrpc"], body["id"]) == ("2.0", sent["id"])
    found: Json = body["result"]
    return found


async def tool(client: httpx.AsyncClient, name: str, path: str = "/mcp", **arguments: Any) -> Any:
    """The value in the one text block that a tool answers with."""
    found = await result(client, called(name, **arguments), path)
    assert found["isError"] is False, found
    (block,) = found["content"]
    assert block["type"] == "text"
    return json.loads(block["text"])


async def trouble(client: httpx.AsyncClient, name: str, path: str = "/mcp", **arguments: Any) -> str:
    found = await result(client, called(name, **arguments), path)
    assert found["isError"] is True
    (block,) = found["content"]
    text: str = block["text"]
    return text


def id_of(sent: bytes) -> Any:
    """The id that an answer has to carry: null where what was sent is no message or names no request."""
    try:
        body = json.loads(sent)
    except ValueError:
        return None
    is_message = isinstance(body, dict) and body.get("jsonrpc") == "2.0" and isinstance(body.get("method"), str)
    return body.get("id") if is_message else None


def refusal(answer: httpx.Response, status: int, code: int) -> str:
    assert answer.status_code == status, answer.text
    body = answer.json()
    # Whoever may not come in is not read.
    name = None if status == 401 else id_of(answer.request.content)
    assert (body["jsonrpc"], body["id"], body["error"]["code"]) == ("2.0", name, code)
    text: str = body["error"]["message"]
    return text


# Tools


@pytest.mark.parametrize(
    ("path", "tools"),
    [
        ("/mcp", {"search": "query", "fetch": "id", "find": "id pattern", "links": "id", "extract": "id goal"}),
        ("/mcp/", {"search": "query", "fetch": "id", "find": "id pattern", "links": "id", "extract": "id goal"}),
        ("/mcp/browsecomp-plus", {"search": "query", "get_document": "docid"}),
        ("/mcp/wiki", {"search_pages": "query", "view_sections": "page_id", "read_section": "section_id"}),
        ("/s/tiny/mcp/wiki", {"search_pages": "query", "view_sections": "page_id", "read_section": "section_id"}),
    ],
)
async def test_each_profile_lists_its_tools_and_what_they_need(
    client: httpx.AsyncClient, path: str, tools: dict[str, str]
) -> None:
    listed = (await result(client, message("tools/list"), path))["tools"]
    assert {t["name"]: " ".join(t["inputSchema"]["required"]) for t in listed} == tools
    assert all(t["description"] and t["annotations"]["readOnlyHint"] for t in listed)
    assert all("description" in p for t in listed for p in t["inputSchema"]["properties"].values())


async def test_search_and_fetch_are_as_connectors_expect_them(client: httpx.AsyncClient) -> None:
    found = await tool(client, "search", query="who drew the sea charts")
    assert list(found) == ["results"]
    assert all(set(item) == {"id", "title", "url"} for item in found["results"])
    (best,) = [item for item in found["results"] if item["url"] == ADA]
    page = await tool(client, "fetch", id=best["id"])
    assert set(page) == {"id", "title", "text", "url", "metadata"}
    assert (page["id"], page["title"], page["url"]) == (best["id"], best["title"], ADA)
    assert "[the museum](https://tiny.example/places/museum)" in page["text"]
    assert await tool(client, "fetch", id=ADA) == page, "its URL names a page as well"


async def test_a_page_longer_than_the_server_gives_says_that_it_is_cut(make_client: MakeClient) -> None:
    async with make_client(max_page_chars=100) as client:
        page = await tool(client, "fetch", id=ADA)
    assert page["metadata"]["cut"].startswith("part 1 of ")


async def test_find_links_and_extract_tell_of_a_page(client: httpx.AsyncClient) -> None:
    found = await tool(client, "find", id=ADA, pattern="rowing boat")
    assert (found["url"], found["total"]) == (ADA, 1)
    assert found["matches"][0]["text"] == "rowing boat"
    assert (await tool(client, "find", id=ADA, pattern="18[0-9]{2}", regex=True))["total"] >= 2
    told = await tool(client, "links", id=ADA)
    assert HOME in [link["url"] for link in told["out"]]
    known = next(link for link in told["in"])
    assert (await tool(client, "fetch", id=known["id"]))["url"] == known["url"]
    parts = await tool(client, "extract", id=ADA, goal="where was she born", max_chars=300)
    assert any("born" in part["text"] for part in parts["passages"])


async def test_the_tools_of_browsecomp_plus_answer_as_its_server_does(client: httpx.AsyncClient) -> None:
    path = "/mcp/browsecomp-plus"
    hits = await tool(client, "search", path, query="sea charts")
    assert all(set(hit) == {"docid", "score", "snippet"} and isinstance(hit["docid"], str) for hit in hits)
    page = await tool(client, "get_document", path, docid=hits[0]["docid"])
    assert set(page) == {"docid", "text"}
    assert await tool(client, "get_document", path, docid="nope") is None
    whole = await result(client, called("search", query="sea charts"), path)
    assert whole["structuredContent"] == {"result": hits}


async def test_the_sections_of_a_wiki_page_make_up_the_page(client: httpx.AsyncClient) -> None:
    path = "/mcp/wiki"
    pages = await tool(client, "search_pages", path, query="Ada Quill")
    assert all(set(page) == {"page_id", "title"} for page in pages)
    page_id = next(page["page_id"] for page in pages if page["title"].startswith("Ada Quill"))
    sections = await tool(client, "view_sections", path, page_id=page_id)
    assert {"Life", "Later years"} <= {section["section_name"] for section in sections}
    life = next(section["section_id"] for section in sections if section["section_name"] == "Life")
    (block,) = (await result(client, called("read_section", section_id=life), path))["content"]
    assert block["text"].startswith("## Life"), "a section is its words, not JSON"
    assert "storm of 1887" in block["text"]
    for wrong in ("nope", f"{page_id}:99", f"{page_id}:", f"{page_id}:²", ":1"):
        assert repr(wrong) in await trouble(client, "read_section", path, section_id=wrong)
    assert "'nope'" in await trouble(client, "read_section", path, section_id="nope:1")


# What goes wrong


async def test_an_unknown_page_is_an_error_that_the_model_can_read(client: httpx.AsyncClient) -> None:
    assert "'nope'" in await trouble(client, "fetch", id="nope")
    assert "nobody" in await trouble(client, "fetch", id="https://tiny.example/people/nobody")


async def test_arguments_that_do_not_fit_are_told_by_name(client: httpx.AsyncClient) -> None:
    assert await trouble(client, "fetch") == "fetch: id: Field required. It takes id."
    assert "query" in await trouble(client, "search", query=["a"])
    assert "empty" in await trouble(client, "search", query=" ")
    assert "pattern" in await trouble(client, "find", id=ADA, pattern="(", regex=True)


async def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/mcp", json=called("frob"))).json()
    assert answer["error"]["code"] == -32602
    assert "'frob'" in answer["error"]["message"]
    assert "search, fetch" in answer["error"]["message"]


async def test_a_stream_is_refused_at_once(client: httpx.AsyncClient) -> None:
    asked = client.get("/mcp", headers={"accept": "text/event-stream"})
    answer = await asyncio.wait_for(asked, 10)
    assert "Use POST" in refusal(answer, 405, -32600)
    assert answer.headers["allow"] == "POST"
    assert (await client.delete("/mcp")).status_code == 405
    assert "/wiki" in refusal(await client.post("/mcp/nope", json=message("ping")), 404, -32600)


async def test_what_is_no_message_is_refused_in_json_rpc(client: httpx.AsyncClient) -> None:
    json_ = {"content-type": "application/json"}
    refusal(await client.post("/mcp", content=b"{", headers=json_), 400, -32700)
    assert "Batches" in refusal(await client.post("/mcp", json=[message("ping")]), 400, -32600)
    refusal(await client.post("/mcp", json=3), 400, -32600)
    refusal(await client.post("/mcp", json={"jsonrpc": "1.0", "id": 1, "method": "ping"}), 400, -32600)
    refusal(await client.post("/mcp", content=b"{}", headers={"content-type": "text/plain"}), 415, -32600)
    refusal(await client.post("/mcp", json={}), 200, -32600)


async def test_notifications_are_taken_and_not_answered(client: httpx.AsyncClient) -> None:
    answer = await client.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (answer.status_code, answer.content) == (202, b"")


async def test_a_server_with_a_token_asks_for_it(make_client: MakeClient) -> None:
    async with make_client(token="s3cret") as client:
        refusal(await client.post("/mcp", json=message("ping")), 401, -32600)
        client.headers["authorization"] = "Bearer s3cret"
        assert await result(client, message("ping")) == {}


async def test_overload_is_a_503_that_says_when_to_come_back(make_app: Callable[..., Front]) -> None:
    front = make_app(max_queue=1)
    behind, opened, reached = front.app, asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):  # type: ignore[no-untyped-def]
        reached.set()
        await opened.wait()
        await behind(scope, receive, send)

    front.app = slow
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver") as client:
        held = asyncio.create_task(client.post("/mcp", json=message("ping")))
        await reached.wait()
        refused = await client.post("/mcp", json=message("tools/list", id=2))
        refusal(refused, 503, -32000)
        assert refused.headers["retry-after"] == "1"
        opened.set()
        assert (await held).status_code == 200


class _NoEncoder(Searcher):
    """Of a snapshot whose encoder's endpoint is down."""

    def search(self, request: Any, view: View) -> Any:
        raise EncoderUnavailable("The encoder does not answer.", "Start it.")


@pytest.fixture
def service(tiny: Snapshot) -> SearchService:
    return SearchService("tiny", tiny, ServerSettings(snapshots={"tiny": tiny.path}))


@pytest.mark.parametrize("headers", [{}, {"mcp-protocol-version": "2026-07-28"}], ids=["handshake", "newest"])
def test_what_may_pass_is_not_an_answer_to_keep(service: SearchService, headers: dict[str, str]) -> None:
    service.searcher = _NoEncoder(service.snapshot, service.settings, service.sight)
    sent = called("search", query="harbour")
    if headers:
        headers |= {"mcp-method": "tools/call", "mcp-name": "search"}
        sent["params"]["_meta"] = _META
    with pytest.raises(EncoderUnavailable):
        answered(service, EMPTY_VIEW, "", headers, sent)


# Revisions, determinism, views

_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


async def test_a_client_of_any_revision_is_answered_in_its_own(client: httpx.AsyncClient) -> None:
    for revision in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"):
        params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        begun = await result(client, message("initialize", params))
        assert (begun["protocolVersion"], begun["serverInfo"]["name"]) == (revision, "stillweb")
    newest = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "search"}
    sent = called("search", query="harbour")
    sent["params"]["_meta"] = _META
    answer = await client.post("/mcp", json=sent, headers=newest)
    assert answer.json()["result"]["resultType"] == "complete"
    wrong = await client.post("/mcp", json=sent, headers=newest | {"mcp-name": "fetch"})
    assert (wrong.status_code, wrong.headers["x-stillweb-cache"]) == (400, "miss"), "and not the other's answer"
    unknown = await client.post("/mcp", json=message("ping"), headers={"mcp-protocol-version": "1999-01-01"})
    assert unknown.status_code == 400


async def test_a_request_without_an_accept_header_is_answered(client: httpx.AsyncClient) -> None:
    del client.headers["accept"]
    assert await result(client, message("ping")) == {}


async def test_equal_requests_get_equal_bytes(make_client: MakeClient) -> None:
    async with make_client() as client, make_client(cache_bytes=0) as other:
        for sent in (message("tools/list"), called("search", query="harbour lamp"), called("fetch", id="nope")):
            first, second, computed = [await each.post("/mcp", json=sent) for each in (client, client, other)]
            assert first.content == second.content == computed.content
            assert second.headers["x-stillweb-cache"] == "hit"


async def test_a_message_s_id_is_no_part_of_what_is_cached_and_comes_back_as_it_was_sent(
    make_client: MakeClient,
) -> None:
    async with make_client() as client:
        answers = []
        for id in (1, 2, "one", "ü", 0, -7, 2**53):
            sent = called("search", query="harbour lamp") | {"id": id}
            sent["params"]["_meta"] = {"progressToken": id}
            answer = await client.post("/mcp", json=sent)
            assert answer.json()["id"] == id
            assert int(answer.headers["content-length"]) == len(answer.content)
            answers.append(answer)
    assert [answer.headers["x-stillweb-cache"] for answer in answers] == ["miss"] + ["hit"] * 6
    assert len({json.dumps(answer.json()["result"]) for answer in answers}) == 1


async def test_the_weather_of_a_tool_call_is_not_that_of_its_id(make_client: MakeClient) -> None:
    async with make_client(weather="only-rate-limit", virtual_time=True) as client:
        for number in range(12):
            sent = called("search", query=f"harbour {number}")
            statuses = {(await client.post("/mcp", json=sent | {"id": id})).status_code for id in (1, 2, 3)}
            assert len(statuses) == 1


@pytest.mark.parametrize("profile", ["", "browsecomp-plus", "wiki"])
def test_a_masked_page_vanishes_from_every_tool(service: SearchService, profile: str) -> None:
    number = service.snapshot.store.require(url=ADA, doc_id=None)
    ada = service.snapshot.store.doc_id(number)
    calls = {
        "": [
            ("search", "query", "Ada Quill"),
            ("fetch", "id", ada),
            ("links", "id", HARBOUR),
            ("fetch", "id", HARBOUR),
        ],
        "browsecomp-plus": [("search", "query", "Ada Quill"), ("get_document", "docid", ada)],
        "wiki": [("search_pages", "query", "Ada Quill"), ("view_sections", "page_id", ada)],
    }[profile]
    calls += [("extract", "id", ada), ("find", "id", ada)] if not profile else []
    for name, argument, value in calls:
        arguments = {argument: value, "goal": "life", "pattern": "born"}
        seen = answered(service, EMPTY_VIEW, profile, {}, called(name, **arguments)).body.decode()
        masked = answered(service, View(exclude_urls=(ADA,)), profile, {}, called(name, **arguments)).body.decode()
        assert ada in seen or ADA in seen, (name, seen)
        assert ADA not in masked, name
        assert ada not in masked.replace(f"'{ada}'", ""), "but for the error that names what was asked for"


# Anything at all

_ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_METHODS = st.sampled_from(["tools/call", "tools/list", "initialize", "ping", "server/discover", "resources/read"])
_NAMES = st.sampled_from(["search", "fetch", "find", "links", "extract", "get_document", "read_section", "frob"])
_ARGUMENTS = st.dictionaries(
    st.sampled_from("query id pattern goal docid section_id regex max_chars".split()), _ANYTHING
)
_MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | _ANYTHING, "method": _METHODS | _ANYTHING},
    optional={
        "id": st.integers() | st.text() | _ANYTHING,
        "params": st.fixed_dictionaries({"name": _NAMES | _ANYTHING, "arguments": _ARGUMENTS | _ANYTHING}) | _ANYTHING,
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=_MESSAGES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
    path=st.sampled_from(["/", "/browsecomp-plus", "/wiki", "/nope"]),
    headers=st.fixed_dictionaries(
        {}, optional={"mcp-protocol-version": st.sampled_from(["2025-11-25", "2026-07-28", "x"]), "mcp-name": _NAMES}
    ),
)
def test_no_message_makes_the_server_fail(service: SearchService, body: bytes, path: str, headers: Any) -> None:
    def ask() -> Reply:
        try:
            route, parts = MCP.route_of("POST", path)
            asked = Asked(service, EMPTY_VIEW, "POST", path, path, "", "application/json", body, headers, parts)
            return route.handler(asked)
        except Exception as error:
            return MCP.refuse(problem_of(error))

    reply = ask()
    assert reply.status < 500, reply
    assert reply.body == b"" or json.loads(reply.body)["jsonrpc"] == "2.0"
    assert b"Internal" not in reply.body
    assert ask() == reply


# The SDK, and its own client


def test_the_sdk_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, env_server.app; print(sorted({'mcp', 'mcp_types'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def check(target: Any, mode: Any) -> None:
    async with Client(target, mode=mode) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} >= {"search", "fetch"}
        found = await client.call_tool("search", {"query": "Ada Quill"})
        (block,) = found.content
        assert block.type == "text"
        best = json.loads(block.text)["results"][0]
        assert best["url"] == ADA
        missing = await client.call_tool("fetch", {"id": "nope"})
        assert missing.is_error
        assert "'nope'" in str(missing.content)


MODES = ("auto", "legacy", "2026-07-28")


@pytest.mark.slow
async def test_the_sdk_s_client_works_over_http_and_stdio(tiny_path: Path) -> None:
    with running_server(tiny_path) as url:
        for mode in MODES:
            await check(f"{url}/mcp", mode)
            await check(f"{url}/s/{tiny_path.name}/mcp", mode)
        for arguments in ([str(tiny_path)], ["--server", url], ["--server", f"{url}/s/{tiny_path.name}/"]):
            for mode in MODES:
                command = [*"-m stillweb mcp".split(), *arguments]
                await check(StdioServerParameters(command=sys.executable, args=command), mode)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--profile", "nope"], "browsecomp-plus"),
        (["nowhere"], "is no folder"),
        (["nowhere", "--server", "http://127.0.0.1:1"], "either"),
    ],
)
def test_the_command_says_what_is_wrong_and_leaves_the_wire_alone(arguments: list[str], told: str) -> None:
    done = subprocess.run([sys.executable, "-m", "stillweb", "mcp", *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stdout == ""
