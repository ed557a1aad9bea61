"""How deep one request may rank where only some hits are wanted: a batch of such questions has one bound together."""

from __future__ import annotations

import json
from contextvars import Context
from pathlib import Path

import httpx
import pytest

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from env_server.app import create_app
from env_server.searching import CHOSEN_DEPTH, CHOSEN_FROM
from env_server.settings import ServerSettings
from env_server.trace import note_looked_at

PAGES = 2500
NOWHERE = "harbour site:example.org/nowhere"
"""No page lies there, so that all of a ranking is looked at."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Many pages of one host, all of which speak of a harbour."""
    folder = tmp_path_factory.mktemp("host")
    rows = [{"url": f"https://example.org/n/{n}", "title": f"Note {n}", "text": "A harbour."} for n in range(PAGES)]
    (folder / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    build_snapshot([str(folder / "pages.jsonl")], folder / "out", BuildOptions(encoder="none"))
    return open_snapshot(folder / "out")


async def test_a_batch_of_questions_that_rank_deep_is_cut_off_and_each_before_is_what_it_would_be_alone(
    host: Snapshot,
) -> None:
    app = create_app({"web": host}, ServerSettings(snapshots={"web": Path(host.path)}))
    asked = [{"q": f"{NOWHERE} {number}"} for number in range(128)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        found = (await client.post("/serper/search", json=asked)).json()
        assert len(found) == len(asked)
        refused = [place for place, item in enumerate(found) if "organic" not in item]
        assert 1 < refused[0] <= CHOSEN_FROM / PAGES
        assert refused == list(range(refused[0], len(asked)))
        assert "another request" in found[-1]["message"]
        for place in (0, refused[0] - 1, len(asked) - 1):
            alone = (await client.post("/serper/search", json=asked[place])).json()
            assert alone["organic"] == []
            assert place == len(asked) - 1 or alone == found[place]
        shallow = (await client.post("/serper/search", json=[{"q": "harbour site:example.org/n"}] * 128)).json()
        assert all(len(item["organic"]) == 10 for item in shallow)


def test_one_question_may_look_as_deep_as_any(host: Snapshot) -> None:
    assert CHOSEN_FROM >= CHOSEN_DEPTH * (1 + 1 / 4 + 1 / 16 + 1 / 64)
    assert Context().run(note_looked_at, 5) == 0, "outside of a request nothing is counted"
