"""A second Stillweb as the live web, over real HTTP, with an official client in front."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import httpx
import pytest
from tavily import TavilyClient

from env_server.recording.store import Recording
from tests.env_server.recording.live_web import live_web, other_web, raw, served

KILLS = int(os.environ.get("STILLWEB_KILLS", "1"))
"""How often a server that records is killed; `make full` sets 20."""
QUERIES = ["lighthouse", "storm of 1887", "kelp bread", "terns"]
PAGES = ["https://tiny.example/places/lighthouse", "https://tiny.example/nature/terns"]


@pytest.fixture(scope="module")
def other_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of one page that has nothing of the tiny web: what comes from there was not found here."""
    return other_web(tmp_path_factory.mktemp("other"))


def run_agent(url: str) -> list[object]:
    """What an agent sees over the official client and by asking for pages."""
    tavily = TavilyClient(api_key="tvly-stillweb", api_base_url=f"{url}/tavily")
    seen: list[object] = [tavily.search(query, max_results=3) for query in QUERIES]
    seen.append(tavily.extract(PAGES))
    with httpx.Client(base_url=url) as client:
        for page in PAGES:
            host, _, path = page.removeprefix("https://").partition("/")
            answer = client.get(f"/{path}", headers={"host": host, "x-stillweb-origin": "/"})
            seen.append((answer.status_code, answer.content))
        for query in QUERIES:
            answer = client.post("/serper/search", json={"q": query})
            seen.append((answer.status_code, answer.content))
    return seen


@pytest.mark.slow
def test_a_run_is_replayed_with_equal_bytes_and_the_live_web_switched_off(
    tiny_path: Path, other_path: Path, tmp_path: Path
) -> None:
    database = tmp_path / "web.db"
    with served(tiny_path, tmp_path / "live.log") as live:
        upstreams = [f"tavily={live.url}/tavily", f"serper={live.url}/serper", f"origin={live.url}"]
        named = [word for each in upstreams for word in ("--upstream", each)]
        options = ["--record", str(database), "--workers", "2", *named]
        keys = {"TAVILY_API_KEY": "tvly-of-the-operator", "SERPER_API_KEY": "sk-of-the-operator"}
        with served(other_path, tmp_path / "record.log", *options, **keys) as recording:
            first = run_agent(recording.url)
            asked = live.answered()
            assert asked >= len(first)
            assert run_agent(recording.url) == first
            assert live.answered() == asked
        expected = TavilyClient(api_key="t", api_base_url=f"{live.url}/tavily").search(QUERIES[0], max_results=3)
        assert first[0] == expected
    said = (tmp_path / "record.log").read_text()
    assert "tavily record" in said
    with served(other_path, tmp_path / "replay.log", "--replay", str(database)) as replay:
        assert run_agent(replay.url) == first
        missed = httpx.post(f"{replay.url}/serper/search", json={"q": "never asked"})
        assert missed.status_code == 404
    with served(other_path, tmp_path / "empty.log", "--replay", str(database), "--on-miss", "empty") as empty:
        assert TavilyClient(api_key="t", api_base_url=f"{empty.url}/tavily").search("never asked")["results"] == []
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    for secret in keys.values():
        assert secret.encode() not in kept


@pytest.mark.slow
def test_a_server_killed_while_it_records_loses_no_answer_that_it_gave(
    tiny_path: Path, other_path: Path, tmp_path: Path
) -> None:
    database = tmp_path / "web.db"
    given: list[str] = []
    with served(tiny_path, tmp_path / "live.log") as live:
        options = ["--record", str(database), "--upstream", f"serper={live.url}/serper"]
        for kill in range(KILLS):
            with served(other_path, tmp_path / "record.log", *options) as recording:
                enough = threading.Event()

                def ask(kill: int, url: str, enough: threading.Event) -> None:
                    with httpx.Client(base_url=url) as client:
                        for number in range(100_000):
                            query = f"lighthouse {kill} {number}"
                            try:
                                answer = client.post("/serper/search", json={"q": query})
                            except httpx.HTTPError:
                                return
                            assert answer.status_code == 200
                            given.append(f'{{"q":"{query}"}}')
                            if number == 100:
                                enough.set()

                asking = threading.Thread(target=ask, args=(kill, recording.url, enough))
                asking.start()
                assert enough.wait(60)
                os.killpg(recording.process.pid, signal.SIGKILL)
                asking.join(60)
                recording.process.wait(20)
            kept = {row.outgoing.body.decode() for row in Recording(database).rows()}
            assert len(given) > 100 * (kill + 1)
            assert set(given) <= kept


@pytest.mark.slow
async def test_two_workers_that_record_the_same_search_at_once_answer_with_the_same_bytes(
    other_path: Path, tmp_path: Path
) -> None:
    database = tmp_path / "web.db"
    seen: dict[str, set[bytes]] = {}
    # A live web that never says the same thing twice.
    answers = [raw(b'{"organic":[],"n":%d}' % number, content_type="application/json") for number in range(1000)]
    async with live_web(search=answers) as web:
        options = ["--record", str(database), "--workers", "2", "--upstream", f"serper={web.url}"]
        with served(other_path, tmp_path / "record.log", *options) as recording:

            async def ask(query: str) -> None:
                async with httpx.AsyncClient(timeout=60) as client:  # a connection each: either worker may take it
                    answer = await client.post(f"{recording.url}/serper/search", json={"q": query})
                    seen.setdefault(query, set()).add(answer.content)

            for number in range(10):
                await asyncio.gather(*(ask(f"terns {number}") for _ in range(6)))
        assert len(web.heads) >= 10
    kept = {row.outgoing.fields["q"]: row.answer.body for row in Recording(database).rows()}
    assert {query: {body} for query, body in kept.items()} == seen
    assert len(kept) == 10


def test_what_is_wrong_with_the_options_is_told_before_anything_is_served(tiny_path: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="There is no recording"),
        served(tiny_path, tmp_path / "log", "--replay", str(tmp_path / "none.db")),
    ):
        pass
