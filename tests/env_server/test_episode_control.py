"""Control routes at a port of their own, and the removal of episodes that are over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from env_server.episode_store import EpisodeStore
from env_server.episode_turns import Episodes, Turn
from env_server.episodes import Gold, Spec
from env_server.errors import EnvServerError
from tests.env_server.test_determinism import running_server
from tests.env_server.test_skies import client_of, open_front
from tests.ports import free_port

__all__ = ["open_front"]  # a fixture, used by its name

CONTROL = ("/v1/episodes", "/v1/tasks", "/metrics", "/v1/ledger")
COMMON = "http://testserver:8080"
OWN = "http://testserver:8999"


async def test_control_routes_answer_at_their_port_alone_and_nothing_else_does_there(open_front: Any) -> None:
    front = await open_front(control_port=8999)
    async with client_of(front) as client:
        for path in (*CONTROL, "/s/tiny/v1/episodes"):
            at_common, at_own = await client.get(COMMON + path), await client.get(OWN + path)
            assert (at_common.status_code, at_common.json()["error"]["code"]) == (404, "another_port")
            assert at_own.status_code == (404 if path == "/v1/tasks" else 200), at_own.text
            assert "another_port" not in at_own.text
        refused = await client.post(COMMON + "/v1/episodes", json={})
        assert refused.status_code == 404
        episode = (await client.post(OWN + "/v1/episodes", json={"answer": "x"})).json()["id"]
        for path, body in (("/v1/search", {"query": "lamp"}), ("/serper/search", {"q": "lamp"})):
            assert (await client.post(f"{COMMON}/e/{episode}{path}", json=body)).status_code == 200
            assert (await client.post(f"{OWN}/e/{episode}{path}", json=body)).status_code == 404
        for origin in (COMMON, OWN):
            assert (await client.get(origin + "/health")).status_code == 200
        answered = await client.post(f"{OWN}/v1/episodes/{episode}/answer", json={"answer": "x"})
        assert answered.json()["reward"] == 1.0


async def test_the_control_port_asks_for_the_control_token(open_front: Any) -> None:
    front = await open_front(control_port=8999, token="model", control_token="trainer")
    async with client_of(front) as client:
        for token, status in (("model", 401), ("trainer", 200)):
            answer = await client.get(OWN + "/v1/episodes", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status


@pytest.mark.slow
def test_a_served_control_port_is_one_of_its_own(tiny_path: Path, tmp_path: Path) -> None:
    port = free_port()
    options = {"database": str(tmp_path / "e.sqlite"), "control_port": str(port), "exclude_domain": "other.example"}
    with running_server(tiny_path, **options) as url:
        own = f"http://127.0.0.1:{port}"
        episode = httpx.post(f"{own}/v1/episodes", json={"answer": "x"}).json()["id"]
        assert httpx.post(f"{url}/e/{episode}/v1/search", json={"query": "lamp"}).status_code == 200
        assert httpx.get(f"{url}/v1/episodes/{episode}").status_code == 404
        assert httpx.get(f"{own}/v1/episodes/{episode}").json()["spent"]["calls"] == 1


# Removal


async def test_an_episode_that_is_over_is_removed_on_command_and_its_id_is_free(open_front: Any) -> None:
    front = await open_front()
    async with client_of(front) as client:
        await client.post("/v1/episodes", json={"id": "e", "answer": "x", "seed": 1, "view": {"as_of": "1800"}})
        assert (await client.post("/e/e/v1/search", json={"query": "lamp"})).status_code == 200
        still_open = await client.delete("/v1/episodes/e")
        assert (still_open.status_code, still_open.json()["error"]["code"]) == (409, "episode_open")
        await client.post("/v1/episodes/e/answer", json={"answer": "x"})
        assert (await client.delete("/v1/episodes/e")).status_code == 204
        for gone in (await client.get("/v1/episodes/e"), await client.delete("/v1/episodes/e")):
            assert gone.status_code == 404
        assert (await client.post("/e/e/v1/search", json={"query": "lamp"})).status_code == 404
        again = await client.post("/v1/episodes", json={"id": "e"})
        assert again.json()["spent"]["calls"] == 0
        assert (await client.post("/e/e/v1/search", json={"query": "lamp"})).status_code == 200
        no_gold = await client.post("/v1/episodes/e/answer", json={"answer": "x"})
        assert no_gold.json()["error"]["code"] == "no_gold", "the gold of the episode that was removed"


async def _rollout(episodes: Episodes, name: str, *, ends: bool) -> None:
    await episodes.open(Spec(), Gold("x"), snapshot="web", snapshot_id="s1", episode_id=name)
    turn = await episodes.begin(name, b"q", "search", snapshot_id="s1")
    assert isinstance(turn, Turn)
    await episodes.end(turn, 200, "", 4)
    if ends:
        await episodes.answer(name, "x")


async def test_what_ended_long_enough_ago_is_removed_with_all_its_rows(tmp_path: Path) -> None:
    now = [1000.0]
    store = EpisodeStore(tmp_path / "e.sqlite")
    episodes = Episodes(store, clock=lambda: now[0], max_idle_s=500)
    for number in range(3):
        await _rollout(episodes, f"old-{number}", ends=True)
    await _rollout(episodes, "abandoned", ends=False)
    now[0] = 1400.0
    await _rollout(episodes, "young", ends=True)
    await _rollout(episodes, "open", ends=False)
    now[0] = 1600.0
    assert await episodes.expire() == 1  # the one that was abandoned; it ends now
    assert await episodes.remove_ended(keep_s=300) == 3
    left = [row["episode_id"] for row in await store.listing()]
    assert left == ["abandoned", "open", "young"]
    assert [len(await store.rows(name)) for name in ("old-0", "young", "open", "abandoned")] == [0, 2, 1, 2]
    assert await store.gold("old-0") is None
    assert await episodes.remove_ended(keep_s=300) == 0
    await store.close()


async def test_another_worker_learns_that_an_episode_was_removed_and_its_id_taken_anew(tmp_path: Path) -> None:
    one, other = (Episodes(EpisodeStore(tmp_path / "e.sqlite")) for _ in range(2))
    await _rollout(one, "e", ends=True)
    assert (await other.find("e")).state == "answered"
    await one.remove("e")
    with pytest.raises(EnvServerError, match="No episode"):
        await other.find("e")
    await _rollout(one, "e", ends=False)
    turn = await other.begin("e", b"q", "search", snapshot_id="s1")
    assert isinstance(turn, Turn)
    assert turn.attempt == 2
    other.leave(turn)
    for episodes in (one, other):
        await episodes.store.close()


# Masks of the server


async def test_the_masks_of_a_server_and_of_an_episode_add_up(open_front: Any) -> None:
    ada, lighthouse = "https://tiny.example/people/ada", "https://tiny.example/places/lighthouse"
    front = await open_front(exclude_urls=[ada])
    async with client_of(front) as client:

        async def statuses(before: str) -> list[int]:
            bodies = [{"url": url} for url in (ada, lighthouse)]
            return [(await client.post(f"{before}/v1/fetch", json=body)).status_code for body in bodies]

        assert await statuses("") == [404, 200]
        episode = (await client.post("/v1/episodes", json={"view": {"exclude_urls": [lighthouse]}})).json()["id"]
        assert await statuses(f"/e/{episode}") == [404, 404]
        bare = (await client.post("/v1/episodes", json={"weather": "weekday"})).json()["id"]
        assert (await statuses(f"/e/{bare}"))[0] == 404
        links = await client.get("/v1/links", params={"url": "https://tiny.example/places/museum"})
        assert ada not in links.text


@pytest.mark.parametrize("settings", [{"as_of": "soon"}, {"exclude_domains": ["..."]}])
async def test_a_server_does_not_start_with_masks_that_no_one_can_draw(make_app: Any, settings: Any) -> None:
    with pytest.raises(EnvServerError, match="is no"):
        make_app(**settings)


async def test_of_two_days_the_earlier_one_hides_more(open_front: Any) -> None:
    front = await open_front(as_of="2001-06")
    async with client_of(front) as client:
        sky = front._skies
        assert sky is not None
        for own, shown in (("1999", "1999"), ("2014-01-01", "2001-06"), (None, "2001-06")):
            episode = (await client.post("/v1/episodes", json={"view": {"as_of": own}})).json()["id"]
            turn = await sky._episodes.begin(episode, b"q", "search", snapshot_id=front._default.snapshot_id)
            assert isinstance(turn, Turn)
            assert sky._view_of(episode, turn).as_of == shown
            sky._episodes.leave(turn)
