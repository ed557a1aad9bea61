"""The ledger over the real application: what is counted, under which name, and that counting changes nothing."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from env_server.front import Front
from env_server.ledger import cli
from env_server.ledger.counts import RUN
from env_server.ledger.tallies import MOST_RUNS
from env_server.weather.groups import items_of

ADA = "https://tiny.example/people/ada"
HARBOUR = "https://tiny.example/places/harbour"
NOWHERE = "https://nowhere.example/ada"
MakeApp = Any
Rows = dict[tuple[str, str], dict[str, Any]]


@asynccontextmanager
async def client_of(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver") as client:
        yield client


@pytest.fixture(params=["worker", "database"])
async def client(request: pytest.FixtureRequest, make_app: MakeApp, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Of an application that keeps its ledger in memory, and of one that keeps it in a database."""
    options = {"database": str(tmp_path / "kept.sqlite")} if request.param == "database" else {}
    async with client_of(make_app(**options)) as client:
        yield client
        assert (await client.get("/v1/ledger")).json()["source"] == request.param


@pytest.fixture
async def kept(make_app: MakeApp, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app(database=str(tmp_path / "kept.sqlite"), virtual_time=True)) as client:
        yield client


async def told(client: httpx.AsyncClient, **params: str) -> dict[str, Any]:
    answer = await client.get("/v1/ledger", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def rows(client: httpx.AsyncClient, run: str = "default", **params: str) -> Rows:
    runs = {each["run"]: each["rows"] for each in (await told(client, **params))["runs"]}
    return {(row["dialect"], row["tool"]): row for row in runs.get(run, [])}


async def opened(client: httpx.AsyncClient, **body: Any) -> str:
    answer = await client.post("/v1/episodes", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_calls_are_counted_by_dialect_and_tool_with_what_they_brought(client: httpx.AsyncClient) -> None:
    answers = [await client.post("/v1/search", json={"query": "lamp"}) for _ in range(3)]
    pages = [await client.post("/v1/fetch", json={"url": url}) for url in (ADA, HARBOUR, ADA, NOWHERE)]
    await client.post("/serper/search", json={"q": "lamp"})
    found = await rows(client)
    assert set(found) == {("native", "search"), ("native", "fetch"), ("serper", "search")}
    search, fetch = found["native", "search"], found["native", "fetch"]
    assert (search["calls"], search["cached"], search["billed"], search["missed"]) == (3, 2, 3, 0)
    assert search["bytes"] == sum(len(answer.content) for answer in answers)
    assert search["tokens"] == sum(-(-len(answer.text) // 4) for answer in answers)
    assert (fetch["calls"], fetch["cached"], fetch["billed"]) == (4, 1, 3)
    assert (fetch["pages"], fetch["missed"]) == (3, 1)
    assert fetch["billed_tokens"] == sum(-(-len(answer.text) // 4) for answer in pages[:3]) < fetch["tokens"]
    assert (await told(client))["runs"][0]["distinct_pages"] == 2


async def test_a_batch_counts_each_of_its_questions_as_vendors_charge_for_them(client: httpx.AsyncClient) -> None:
    for batch in ([{"q": "lamp"}, {"q": "terns"}, {"q": "lamp"}], [{"q": "lamp"}], {"q": "lamp"}):
        assert (await client.post("/serper/search", json=batch)).status_code == 200
    assert (await client.post("/v1/search/batch", json={"queries": ["lamp", "terns"]})).status_code == 200
    assert (await client.post("/v1/fetch/batch", json={"items": [{"url": ADA}, {"url": NOWHERE}]})).status_code == 200
    found = await rows(client)
    serper, search, fetch = found["serper", "search"], found["native", "search"], found["native", "fetch"]
    assert (serper["calls"], serper["items"], serper["billed"]) == (3, 5, 5)
    assert serper["avoided_micro_usd"] == 5 * 1000
    assert (search["calls"], search["items"], search["billed"]) == (1, 2, 2)
    assert (fetch["calls"], fetch["items"], fetch["pages"]) == (1, 2, 1)


async def test_a_batch_in_an_episode_counts_as_much_as_one_outside(kept: httpx.AsyncClient) -> None:
    batch = [{"q": "lamp"}, {"q": "terns"}]
    episode = await opened(kept, budget={"calls": 3, "dollars": 1})
    assert (await kept.post("/serper/search", json=batch)).status_code == 200
    stateless = (await rows(kept))["serper", "search"]
    for allowed in (True, True, False):  # begun while one was left, the second is answered whole
        answer = await kept.post(f"/e/{episode}/serper/search", json=batch)
        assert answer.status_code == (200 if allowed else 402)
    shown = (await kept.get(f"/v1/episodes/{episode}")).json()
    assert [call["items"] for call in shown["calls"]] == [2, 2]
    assert (shown["spent"]["calls"], shown["spent"]["tools"]) == (4, {"search": 4})
    assert shown["spent"]["dollars"] == pytest.approx(2 * stateless["avoided_micro_usd"] / 1e6)
    found = (await rows(kept, episode=episode))["serper", "search"]
    assert (found["calls"], found["items"], found["billed"]) == (2, 4, 4)


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (b"", 1), (b'{"query": "a"}', 1), (b'{"query": "[a]"}', 1), (b"[", 1), (b"[]", 1), (b"[1, 2]", 2),
        (b'{"queries": ["a", "b"]}', 2), (b'{"urls": "a", "ids": ["b", "c", "d"]}', 3),
        (b'{"query": "a", "include_domains": ["b", "c"]}', 1), (b'{"queries": []}', 1), (b"\xff[", 1),
    ],
)  # fmt: skip
def test_a_request_asks_for_as_many_items_as_it_lists(body: bytes, items: int) -> None:
    assert items_of(body) == items


async def test_a_run_is_what_a_header_names_and_no_part_of_the_request(client: httpx.AsyncClient) -> None:
    plain = await client.post("/v1/search", json={"query": "lamp"})
    for run in ("arm-1", "arm-2"):
        named = await client.post("/v1/search", json={"query": "lamp"}, headers={"X-Stillweb-Run": run})
        assert named.headers["x-stillweb-cache"] == "hit"
        assert named.content == plain.content
        assert run not in str(named.headers)
        assert (await rows(client, run))["native", "search"]["calls"] == 1
    assert [each["run"] for each in (await told(client))["runs"]] == ["arm-1", "arm-2", "default"]
    assert [each["run"] for each in (await told(client, run="arm-2"))["runs"]] == ["arm-2"]


async def test_whatever_stands_in_the_runs_header_the_answer_is_the_same(client: httpx.AsyncClient) -> None:
    draw = random.Random(3)
    plain = await client.post("/v1/fetch", json={"url": ADA})
    given = [b"", b" ", b"a b", b"\xff", b"x" * 65, b"../etc", b".hidden", b"a\tb", b"%00", b"{}", b"a" * 8000]
    given += [bytes(draw.choice(range(33, 256)) for _ in range(draw.randint(1, 80))) for _ in range(300)]
    for header in given:
        named = await client.post("/v1/fetch", json={"url": ADA}, headers={b"X-Stillweb-Run": header})
        assert (named.status_code, named.content) == (200, plain.content)
    report = await told(client)
    assert report["total"]["calls"] == len(given) + 1
    assert all(RUN.fullmatch(each["run"]) for each in report["runs"])
    assert {"default", "other"} <= {each["run"] for each in report["runs"]}


async def test_a_client_that_invents_runs_fills_neither_memory_nor_ledger(make_app: MakeApp) -> None:
    front = make_app()
    async with client_of(front) as client:
        for number in range(MOST_RUNS + 50):
            await client.post("/v1/search", json={"query": "lamp"}, headers={"X-Stillweb-Run": f"run-{number}"})
        report = await told(client)
    assert len(report["runs"]) == MOST_RUNS + 1
    assert {each["run"]: each["total"]["calls"] for each in report["runs"]}["other"] == 50
    assert not front.ledger._known
    assert not front.ledger._tallies


async def test_what_is_not_let_in_is_not_counted_and_neither_are_control_routes(make_app: MakeApp) -> None:
    async with client_of(make_app(token="t", control_token="c")) as client:
        assert (await client.post("/v1/search", json={"query": "lamp"})).status_code == 401
        mine = {"Authorization": "Bearer t"}
        assert (await client.post("/v1/search", json={"query": "lamp"}, headers=mine)).status_code == 200
        pinned = mine | {"X-Stillweb-Snapshot": "0" * 32}
        assert (await client.post("/v1/search", json={"query": "lamp"}, headers=pinned)).status_code == 409
        assert (await client.get("/v1/ledger", headers=mine)).status_code == 401
        client.headers["Authorization"] = "Bearer c"
        for path in ("/metrics", "/v1/ledger", "/health"):
            assert (await client.get(path)).status_code == 200
        assert (await told(client))["total"]["calls"] == 1


async def test_a_dialect_told_by_its_key_or_by_its_message_is_counted_as_that(client: httpx.AsyncClient) -> None:
    await client.post("/search", json={"q": "lamp"}, headers={"X-API-KEY": "any"})
    for name, arguments in (("search", {"query": "lamp"}), ("fetch", {"url": ADA})):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        headers = {"Accept": "application/json, text/event-stream"}
        assert (await client.post("/mcp", json=message, headers=headers)).status_code == 200
    await client.get(f"/jina/{ADA}")
    await client.get("/jina/search", params={"q": "lamp"})
    found = await rows(client)
    expected = {("serper", "search"), ("mcp", "search"), ("mcp", "fetch"), ("jina", "search"), ("jina", "fetch")}
    assert set(found) == expected


async def test_hallucinated_addresses_are_counted_wherever_they_are_asked_for(client: httpx.AsyncClient) -> None:
    asked: list[tuple[str, str, Any, tuple[str, str], int]] = [
        ("POST", "/v1/fetch/batch", {"items": [{"url": ADA}, {"url": NOWHERE}]}, ("native", "fetch"), 1),
        ("POST", "/v1/find", {"url": NOWHERE, "pattern": "x"}, ("native", "find"), 1),
        ("POST", "/v1/fetch", {"doc_id": "0" * 16}, ("native", "fetch"), 2),
        ("POST", "/tavily/extract", {"urls": [NOWHERE, f"{NOWHERE}/2", ADA]}, ("tavily", "fetch"), 2),
        ("POST", "/tavily/extract", {"urls": [NOWHERE, f"{NOWHERE}/2", ADA]}, ("tavily", "fetch"), 4),
        ("POST", "/serper/scrape", {"url": NOWHERE}, ("serper", "fetch"), 1),
        ("POST", "/v1/search", {"query": "nowhere"}, ("native", "search"), 0),
    ]
    for method, path, body, key, missed in asked:
        await client.request(method, path, json=body)
        assert (await rows(client))[key]["missed"] == missed, path


async def test_a_hidden_or_disguised_page_is_as_hallucinated_as_one_that_never_was(make_app: MakeApp) -> None:
    async with client_of(make_app(obfuscation_seed=4)) as client:
        await client.post("/v1/fetch", json={"url": ADA})
        shown = (await client.post("/v1/search", json={"query": "lamp"})).json()["hits"][0]["url"]
        assert (await client.post("/v1/fetch", json={"url": shown})).status_code == 200
        assert (await rows(client))["native", "fetch"]["missed"] == 1


# Episodes


async def test_a_call_of_an_episode_is_counted_once_from_its_own_row(kept: httpx.AsyncClient) -> None:
    one, two = await opened(kept), await opened(kept)
    for episode in (one, two):
        for _ in range(2):
            await kept.post(f"/e/{episode}/v1/fetch", json={"url": ADA}, headers={"X-Stillweb-Run": "r"})
    await kept.post(f"/e/{one}/tavily/extract", json={"urls": [HARBOUR, NOWHERE]}, headers={"X-Stillweb-Run": "r"})
    await kept.post("/v1/fetch", json={"url": HARBOUR}, headers={"X-Stillweb-Run": "r"})
    report = await told(kept, run="r")
    (run,) = report["runs"]
    assert (run["episodes"], run["distinct_pages"], run["total"]["calls"]) == (2, 2, 6)
    found = await rows(kept, "r")
    fetch = found["native", "fetch"]
    assert (fetch["calls"], fetch["cached"], fetch["pages"]) == (5, 3, 5)
    assert found["tavily", "fetch"]["missed"] == 1
    of_one = await told(kept, episode=one)
    assert of_one["total"]["calls"] == 3
    assert of_one["total"]["bytes"] > 0
    metrics = (await kept.get("/metrics")).text
    assert 'stillweb_ledger_calls_total{dialect="native",tool="fetch"} 5.0' in metrics
    assert 'stillweb_ledger_missed_total{dialect="tavily",tool="fetch"} 1.0' in metrics


async def test_a_budget_of_dollars_ends_an_episode_at_the_vendors_prices(kept: httpx.AsyncClient) -> None:
    episode = await opened(kept, budget={"dollars": 0.02})
    asked = [("tavily/search", {"query": "lamp"}), ("exa/search", {"query": "lamp"}), ("v1/fetch", {"url": ADA})]
    for path, body in asked:
        assert (await kept.post(f"/e/{episode}/{path}", json=body)).status_code == 200
    # 8,000 and 7,000 millionths by Tavily's and Exa's prices, 2,000 as a scraped page of Serper's; a miss is free.
    assert (await kept.post(f"/e/{episode}/v1/fetch", json={"url": NOWHERE})).status_code == 404
    spent = (await kept.get(f"/v1/episodes/{episode}")).json()
    assert spent["spent"]["dollars"] == 0.017
    assert [call["dollars"] for call in spent["calls"]] == [0.008, 0.007, 0.002, 0.0]
    assert (await told(kept, episode=episode))["total"]["avoided_micro_usd"] == 17_000
    assert (await kept.post(f"/e/{episode}/tavily/search", json={"query": "bread"})).status_code == 200
    for path, body in asked:
        refused = await kept.post(f"/e/{episode}/{path}", json=body)
        assert 400 <= refused.status_code < 500
        assert "budget of 0.02 dollars is spent" in refused.text
        assert "final answer" in refused.text


async def test_a_price_nobody_knows_still_ends_a_budget_and_is_not_told_as_money(kept: httpx.AsyncClient) -> None:
    episode = await opened(kept, budget={"dollars": 0.001})
    assert (await kept.get(f"/e/{episode}/jina/{ADA}")).status_code == 200
    assert (await kept.get(f"/e/{episode}/jina/{HARBOUR}")).status_code == 402
    report = await told(kept, episode=episode)
    assert report["runs"][0]["rows"][0]["avoided_micro_usd"] is None
    assert (report["total"]["avoided_micro_usd"], report["total"]["unpriced_calls"]) == (0, 1)


async def test_nothing_that_the_ledger_tells_depends_on_an_answer(make_app: MakeApp, tmp_path: Path) -> None:
    seen = []
    for place, answer in enumerate(["Skerrow", "x9-another-answer", None]):
        async with client_of(make_app(database=str(tmp_path / f"{place}.sqlite"))) as client:
            episode = await opened(client, id="e", **({} if answer is None else {"answer": answer}))
            for body in ({"query": "lamp"}, {"query": "Skerrow"}):
                await client.post(f"/e/{episode}/v1/search", json=body)
            if answer is not None:
                await client.post(f"/v1/episodes/{episode}/answer", json={"answer": "Skerrow"})
            texts = [(await client.get("/v1/ledger", params=params)).text for params in ({}, {"episode": episode})]
            metrics = [line for line in (await client.get("/metrics")).text.splitlines() if "ledger_" in line]
            assert "another-answer" not in "".join([*texts, *metrics])
            seen.append((texts, [line for line in metrics if "/v1/episodes" not in line]))
    assert seen[0] == seen[1] == seen[2]


# Weather


async def test_drawn_faults_are_counted_and_closed_connections_are_in_the_metrics(
    make_app: MakeApp, tmp_path: Path
) -> None:
    profile = tmp_path / "closing.yaml"
    profile.write_text("name: closing\nfaults:\n  - {kind: timeout, rate: 1.0, after_s: 0.05, then: close}\n")
    async with client_of(make_app(weather=str(profile), virtual_time=True)) as client:
        for number in range(3):
            with pytest.raises(ConnectionResetError):
                await client.post("/v1/search", json={"query": f"lamp {number}"})
        metrics = (await client.get("/metrics")).text
        found = await rows(client)
    counted = 'stillweb_requests_total{cache="weather",route="/v1/search",snapshot="tiny",status="0"} 3.0'
    assert counted in metrics
    assert 'stillweb_ledger_faults_total{dialect="native",tool="search"} 3.0' in metrics
    search = found["native", "search"]
    assert (search["calls"], search["faults"], search["billed"], search["tokens"]) == (3, 3, 0, 0)


async def test_a_fault_in_the_content_is_counted_with_the_page_it_changed(make_app: MakeApp) -> None:
    async with client_of(make_app(weather="storm", virtual_time=True)) as client:
        answers = [
            await client.post("/v1/fetch", json={"url": ADA}, headers={"X-Stillweb-Seed": str(seed)})
            for seed in range(60)
        ]
        found = (await rows(client))["native", "fetch"]
    drawn = [answer.headers.get("x-stillweb-fault") for answer in answers]
    assert found["faults"] == sum(map(bool, drawn)) > 0
    assert found["billed"] == sum(answer.status_code < 400 for answer in answers)
    assert any(fault and answer.status_code == 200 for fault, answer in zip(drawn, answers, strict=True))


# The verb


def ledger(*arguments: str) -> Result:
    verb = typer.Typer()
    verb.command()(cli.ledger)
    return CliRunner().invoke(verb, arguments)


async def test_the_verb_prints_what_a_database_has_and_prices_it_as_asked(
    kept: httpx.AsyncClient, tmp_path: Path
) -> None:
    for _ in range(2):
        await kept.post("/v1/search", json={"query": "lamp"}, headers={"X-Stillweb-Run": "arm-1"})
    await kept.get(f"/jina/{ADA}")
    await told(kept)
    database = str(tmp_path / "kept.sqlite")
    own = tmp_path / "own.yaml"
    own.write_text(
        "date: 2026-01-02\nvendors:\n  jina:\n    source: [ours]\n    read: 2026-01-02\n"
        "    prices: {search: null, fetch: {usd: 3, per: 1, unit: page}}\n"
    )
    whole, as_json, unpriced, other, strange = (
        ledger("--database", database, *arguments)
        for arguments in (
            (),
            ("--run", "arm-1", "--json"),
            ("--as", "none"),
            ("--as", "none", "--prices", str(own)),
            ("--as", "nobody"),
        )
    )
    assert whole.exit_code == 0, whole.stderr
    assert "run arm-1" in whole.stdout
    assert "0.002000" in whole.stdout
    assert "unknown" in whole.stdout
    assert "1 items whose price is unknown" in whole.stdout
    assert '"avoided_micro_usd": 2000' in as_json.stdout
    assert '"jina"' not in as_json.stdout
    assert "Avoided: $0.000000" in unpriced.stdout
    assert "Avoided: $3.000000, by prices of 2026-01-02" in other.stdout
    assert strange.exit_code == 2
    assert "no vendor 'nobody'" in strange.stderr


def test_the_verb_says_what_is_wrong_in_a_line(tmp_path: Path) -> None:
    for arguments, words in (
        (("--database", str(tmp_path / "none.sqlite")), "is no file"),
        (("--server", "http://127.0.0.1:9"), "does not answer"),
        (("--prices", str(tmp_path / "none.yaml")), "cannot be read"),
    ):
        done = ledger(*arguments)
        assert done.exit_code == 2
        assert words in done.stderr
        assert isinstance(done.exception, SystemExit)
    assert not (tmp_path / "none.sqlite").exists()
