"""What must hold on every route of every dialect: budgets, masks, and no road for the gold answer."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from corpus import Snapshot
from env_server.app import create_app
from env_server.dialects import DIALECTS
from env_server.front import Front
from env_server.settings import ServerSettings
from tests.env_server.every_route import ADA, ADA_ID, GROUPS, called, of_dialect, of_group, of_native
from tests.env_server.non_interference import Sent, everything_seen
from tests.env_server.test_skies import client_of

GOLD = "zanzibar-quetzal-7f3a"
CONTROL = ("/v1/episodes", "/v1/tasks", "/v1/ledger", "/health", "/ready", "/metrics")
UNSEEN = ("/ws", "/static-offline-docs")
"""Of the framework, but no route that a request to HTTP in an episode has."""


@asynccontextmanager
async def served(tiny: Snapshot, folder: Path, name: str = "episodes", **options: Any) -> AsyncIterator[Front]:
    """A front over a new database in a folder."""
    settings = ServerSettings(
        snapshots={"tiny": tiny.path}, database=str(folder / f"{name}.sqlite"), virtual_time=True, **options
    )
    front = create_app({"tiny": tiny}, settings)
    assert front._skies is not None
    assert front._skies._episodes is not None
    store = front._skies._episodes.store
    await store.open()
    yield front
    await store.close()


async def send(client: httpx.AsyncClient, episode: str, sent: Sent) -> httpx.Response:
    headers = {"X-Stillweb-Episode": episode, **sent.headers}
    path = sent.path.replace("{id}", episode)
    return await client.request(sent.method, path, headers=headers, json=sent.json)


async def opened(client: httpx.AsyncClient, **body: Any) -> str:
    answer = await client.post("/v1/episodes", json=body)
    assert answer.status_code == 201, answer.text
    episode_id: str = answer.json()["id"]
    return episode_id


def test_the_requests_of_these_tests_meet_every_route(make_app: Any, tmp_path: Path) -> None:
    app = make_app(database=str(tmp_path / "e.sqlite")).app.framework
    sent = {(each.method, each.path.removeprefix("/e/{id}").partition("?")[0]) for each in of_native()}
    for route in app.routes:
        if not route.path.startswith(CONTROL) and route.path not in UNSEEN:
            for method in route.methods - {"HEAD"}:
                assert (method, route.path) in sent, route.path
    for name, dialect in DIALECTS.items():
        paths = [
            (each.method, each.path.removeprefix(f"/e/{{id}}/{name}").partition("?")[0]) for each in of_dialect(name)
        ]
        for route in dialect.routes:
            for method in route.methods.split():
                assert any(method == m and route.pattern.fullmatch(path) for m, path in paths), (name, route.path)


@contextmanager
def kept_lines() -> Iterator[list[logging.LogRecord]]:
    """What is logged meanwhile."""
    kept: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    handler, root = Keeping(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield kept
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def rollouts(tiny: Snapshot, folder: Path, answer: str) -> dict[str, list[Any]]:
    """What a rollout over all routes of a group sees, by group: an episode each, opened with this answer."""

    async def run() -> dict[str, list[Any]]:
        seen = {}
        with kept_lines() as lines:
            async with served(tiny, folder, answer, access_log=True, weather="weekday") as front:
                for group in GROUPS:
                    lines.clear()
                    front.cache._kept.clear()
                    opening = {"id": group, "task": "t", "answer": answer, "aliases": [f"{answer} II"], "seed": 3,
                               "weather": "weekday", "evidence": [ADA_ID]}  # fmt: skip
                    seen[group] = await everything_seen(
                        front, opening, of_group(group), keys_of=lambda: front.cache._kept, records=lambda: list(lines)
                    )
        return seen

    return asyncio.run(run())


@pytest.fixture(scope="module")
def both_rollouts(tiny: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[Any]]]:
    folder = tmp_path_factory.mktemp("rollouts")
    return [rollouts(tiny, folder, answer) for answer in ("Skerrow", GOLD)]


@pytest.mark.parametrize("group", GROUPS)
def test_no_route_tells_an_episode_s_answer_from_a_random_string(
    both_rollouts: list[dict[str, list[Any]]], group: str
) -> None:
    first, second = (run[group] for run in both_rollouts)
    assert len(first) == len(second) == len(of_group(group)) + 5  # opening, listing, episode, log, keys
    for one, other in zip(first, second, strict=True):
        assert one == other
    assert GOLD not in repr(second)
    assert 200 in [status for status, _, _ in first[1:-4]]
    assert first[-2], "nothing was logged: no line is compared"
    assert first[-1], "nothing was kept: no key is compared"


# Budgets

_STATUS = {"bing": 403, "tavily": 432, "mcp": 200}
"""Where it is not 402: what the vendors themselves say of an account that is used up."""


def told_in(name: str, answer: httpx.Response) -> str:
    """The message where the clients of a dialect look for it."""
    if name == "ddg":
        return answer.text.partition('<p class="error">')[2].partition("</p>")[0]
    if name == "origin":
        return answer.text.partition("<h1>402</h1>")[2]
    body = answer.json()
    if name == "mcp":
        assert body["result"]["isError"] is True
        assert body["id"] == 7
        return str(body["result"]["content"][0]["text"])
    if name == "tavily":
        return str(body["detail"]["error"])
    if name == "bing":
        assert body["error"]["code"] == "403"
        return str(body["error"]["message"])
    if name == "brave":
        assert (body["type"], body["error"]["status"]) == ("ErrorResponse", 402)
        return str(body["error"]["detail"])
    if name == "exa":
        assert body["tag"] == "API_KEY_BUDGET_EXCEEDED"
        return str(body["error"])
    if name == "firecrawl":
        assert body["success"] is False
        return str(body["error"])
    if name == "jina":
        assert (body["code"], body["name"], body["data"]) == (402, "InsufficientBalanceError", None)
        return str(body["message"])
    if name == "serper":
        assert body["statusCode"] == 402
        return str(body["message"])
    if name in ("custom", "searxng", "serpapi"):
        return str(body["error"])
    if name == "native":
        assert body["error"]["code"] == "budget_exhausted"
        return f"{body['error']['message']} {body['error']['remedy']}"
    return str(body["detail"])  # research servers stand on FastAPI


_BUDGETS = {
    "calls": ({"calls": 0}, "0 calls"),
    "tools": ({"tools": {"search": 0, "fetch": 0}}, "0 calls of"),
    "tokens": ({"tokens": 1}, "1 tokens of observations"),
}


@pytest.fixture(scope="module")
def refusals(tiny: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], httpx.Response]:
    """What the first call behind a budget's end is answered, by group and kind of budget."""

    async def run() -> dict[tuple[str, str], httpx.Response]:
        found = {}
        async with served(tiny, tmp_path_factory.mktemp("refusals")) as front, client_of(front) as client:
            for group in GROUPS:
                call = Sent("POST", "/e/{id}/mcp", json=called("search", query="lamp") | {"id": 7})
                for kind, (budget, _) in _BUDGETS.items():
                    episode = await opened(client, budget=budget, answer="x")
                    if kind == "tokens":
                        assert (await send(client, episode, of_native()[0])).status_code == 200
                    found[group, kind] = await send(client, episode, call if group == "mcp" else of_group(group)[0])
                    spent = (await client.get(f"/v1/episodes/{episode}")).json()["spent"]
                    assert spent["calls"] == (kind == "tokens"), "a refused call is not counted"
        return found

    return asyncio.run(run())


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("kind", _BUDGETS)
def test_a_spent_budget_is_told_in_the_dialect_s_own_shape(
    refusals: dict[tuple[str, str], httpx.Response], kind: str, group: str
) -> None:
    refused = refusals[group, kind]
    assert refused.status_code == _STATUS.get(group, 402), refused.text
    assert int(refused.headers["content-length"]) == len(refused.content)
    told = told_in(group, refused)
    assert _BUDGETS[kind][1] in told
    assert "Give your final answer with what you have." in told


async def test_the_handshake_of_mcp_is_no_call_of_an_episode(tiny: Snapshot, tmp_path: Path) -> None:
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with served(tiny, tmp_path) as front, client_of(front) as client:
        episode = await opened(client, budget={"calls": 1}, weather="storm", seed=1)
        for _ in range(5):
            listed = await client.post(f"/e/{episode}/mcp", json=listing)
            assert listed.json()["result"]["tools"]
        unknown = await client.post("/e/nobody/mcp", json=listing)
        assert (unknown.status_code, unknown.json()["id"]) == (404, 1)
        calls = (await client.get(f"/v1/episodes/{episode}")).json()["calls"]
    assert calls == []


async def test_equal_calls_over_mcp_are_attempts_of_one_request_whatever_their_ids(
    tiny: Snapshot, tmp_path: Path
) -> None:
    async with served(tiny, tmp_path) as front, client_of(front) as client:
        episode = await opened(client)
        for id in (1, 2, "three"):
            answer = await client.post(f"/e/{episode}/mcp", json=called("search", query="lamp") | {"id": id})
            assert answer.json()["id"] == id
        calls = (await client.get(f"/v1/episodes/{episode}")).json()["calls"]
    assert [call["attempt"] for call in calls] == [1, 2, 3]
    assert len({call["observation"] for call in calls}) == 1
    bare = answer.content.replace(b'"id":"three"', b'"id":0')
    assert calls[0]["observation"] == hashlib.sha256(bare).hexdigest()[:32]


# Masks

_OWN_WORDS = ("Ada Quill, cartographer", "measured every bay", "eleven sea charts")


def shows_ada(sent: Sent, text: str) -> bool:
    """Whether a page is shown, listed or linked to. A request that names it may get its name back, in what it lacks."""
    for coded in re.findall(r'"(eyJ[A-Za-z0-9+/=]{80,})"', text):  # DeepResearchGym's documents
        text += base64.b64decode(coded).decode("utf-8", "replace")
    is_named = "people/ada" in unquote(sent.path) or "people/ada" in json.dumps(sent.json)
    return ADA_ID in text or any(words in text for words in _OWN_WORDS) or (not is_named and "people/ada" in text)


MASKS: dict[str, dict[str, Any]] = {
    "url": {"exclude_urls": [ADA]},
    "domain": {"exclude_domains": ["tiny.example"]},
}
_WHERE = ("clear", *(f"{where} {kind}" for where in ("episode", "server") for kind in MASKS))


@pytest.fixture(scope="module")
def texts(tiny: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    """Bodies of every request, by group and by where which mask is."""

    async def run() -> dict[tuple[str, str], list[str]]:
        found = {}
        for where in _WHERE:
            place, _, kind = where.partition(" ")
            of_server = MASKS[kind] if place == "server" else {}
            async with (
                served(tiny, tmp_path_factory.mktemp("masks"), **of_server) as front,
                client_of(front) as client,
            ):
                for group in GROUPS:
                    episode = await opened(client, view=MASKS[kind] if place == "episode" else {})
                    found[group, where] = [(await send(client, episode, each)).text for each in _asking(group)]
        return found

    return asyncio.run(run())


def _asking(group: str) -> list[Sent]:
    """Requests without the page's id, which comes back where it is not known."""
    return [each for each in of_group(group) if ADA_ID not in json.dumps(each.json) and ADA_ID not in each.path]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("where", _WHERE[1:])
def test_a_masked_page_vanishes_from_every_route(
    texts: dict[tuple[str, str], list[str]], group: str, where: str
) -> None:
    sent = _asking(group)
    assert any(map(shows_ada, sent, texts[group, "clear"])), "nothing to hide: the test shows nothing"
    for each, text in zip(sent, texts[group, where], strict=True):
        assert not shows_ada(each, text), (each.method, each.path, text[:500])
