"""Official clients in front of a server that records, and of one that replays: a second Stillweb is the live web."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from corpus import Snapshot
from env_server.recording.store import Recording
from tests.clients.conftest import Ask
from tests.env_server.recording.live_web import other_web, served

Way = tuple[str, str, str, str]
"""Pins, script, way of asking, and what stands behind the server's URL; "" is the root, by `stillweb run`."""
WAYS: dict[str, Way] = {
    "tavily-python": ("main", "ask_tavily.py", "sync", "/tavily"),
    "exa-py": ("main", "ask_exa.py", "sync", "/exa"),
    "firecrawl-py": ("main", "ask_firecrawl.py", "v2_async", "/firecrawl"),
    "brave-api-client": ("brave", "ask_brave.py", "sync", "/brave/res/v1"),
    "langchain's SearXNG": ("langchain", "ask_langchain_community.py", "searxng", "/searxng"),
    "langchain's Jina": ("langchain", "ask_langchain_community.py", "jina", "/jina"),
    "langchain's Serper": ("langchain", "ask_langchain_community.py", "serper", ""),
}
TIERS = {"tavily-python": "A", "exa-py": "A", "firecrawl-py": "A", "langchain's Serper": "A"}
DIALECTS = ("tavily", "exa", "firecrawl", "brave", "searxng", "jina", "serper")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot that has nothing of what is asked for: what comes was not found here."""
    return other_web(tmp_path_factory.mktemp("other"))


@pytest.mark.parametrize(
    "client", [pytest.param(name, marks=pytest.mark.clients(tier=TIERS.get(name, "B"))) for name in WAYS]
)
def test_a_client_sees_the_live_web_through_a_recording_and_the_same_again_without_it(
    client: str, factbook: Snapshot, other: Path, tmp_path: Path, ask: Ask, ask_hard_coded: Ask
) -> None:
    pins, script, way, behind = WAYS[client]

    def seen_at(url: str) -> Any:
        if not behind:
            return ask_hard_coded(pins, script, way, "", server=url)
        seen = ask(pins, script, way, f"{url}{behind}")
        if "no_job" in seen:  # of Firecrawl: what is said of a job that is none is not kept, and refused in other words
            assert seen["no_job"].pop("text")
        return seen

    database = tmp_path / "web.db"
    with served(factbook.path, tmp_path / "live.log") as live:
        upstreams = [word for name in DIALECTS for word in ("--upstream", f"{name}={live.url}/{name}")]
        expected = seen_at(live.url)
        with served(other, tmp_path / "record.log", "--record", str(database), *upstreams) as recording:
            recorded = seen_at(recording.url)
    assert recorded == expected
    rows = list(Recording(database).rows())
    assert rows
    with served(other, tmp_path / "replay.log", "--replay", str(database)) as replay:
        assert seen_at(replay.url) == recorded
    assert {row.answer.upstream for row in rows} == {"127.0.0.1"}
