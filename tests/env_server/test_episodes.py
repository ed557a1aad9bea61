"""Episodes over the real application: equal specifications, equal observations; budgets; and no road for the answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from corpus import Snapshot
from env_server.episode_store import EpisodeStore
from env_server.episode_turns import Episodes, Turn
from env_server.episodes import Budget, Gold, Spec
from env_server.errors import EnvServerError, Problem
from env_server.front import Front
from env_server.task_file import read_tasks
from tests.env_server.episode_front import EpisodeFront
from tests.env_server.non_interference import Sent, everything_seen

ADA = "https://tiny.example/people/ada"
LIGHTHOUSE = "https://tiny.example/places/lighthouse"
SECRET = "the-true-answer-7f3a"
MakeFront = Callable[..., EpisodeFront]


@pytest.fixture
def make_front(make_app: Callable[..., Front], tmp_path: Path) -> MakeFront:
    """A worker over `tmp_path`'s database, or the one named."""

    def make(database: str = "episodes.sqlite", **options: Any) -> EpisodeFront:
        return EpisodeFront(make_app(), Episodes(EpisodeStore(tmp_path / database)), **options)

    return make


@pytest.fixture
def front(make_front: MakeFront) -> EpisodeFront:
    return make_front()


def client_of(front: EpisodeFront) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver")


@pytest.fixture
async def client(front: EpisodeFront) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(front) as client:
        yield client


async def opened(client: httpx.AsyncClient, **body: Any) -> str:
    answer = await client.post("/v1/episodes", json=body)
    assert answer.status_code == 201, answer.text
    episode_id: str = answer.json()["id"]
    return episode_id


async def search(client: httpx.AsyncClient, episode_id: str, query: str, **headers: str) -> httpx.Response:
    return await client.post("/v1/search", json={"query": query}, headers={"X-Stillweb-Episode": episode_id, **headers})


def error(answer: httpx.Response) -> str:
    code: str = answer.json()["error"]["code"]
    return code


async def test_every_call_is_on_record_with_the_digest_of_what_it_was_answered(client: httpx.AsyncClient) -> None:
    episode = await opened(client, seed=1)
    by_header = await search(client, episode, "lamp")
    by_path = await client.post(f"/e/{episode}/v1/fetch", json={"url": ADA})
    serper = await client.post(f"/e/{episode}/serper/search", json={"q": "lamp"})
    shown = (await client.get(f"/v1/episodes/{episode}")).json()
    assert [call["tool"] for call in shown["calls"]] == ["search", "fetch", "search"]
    for call, answer in zip(shown["calls"], (by_header, by_path, serper), strict=True):
        assert answer.status_code == call["status"] == 200
        assert call["observation"] == hashlib.sha256(answer.content).hexdigest()[:32]
        assert call["chars"] == len(answer.text)
    tokens = sum(-(-len(answer.text) // 4) for answer in (by_header, by_path, serper))
    assert shown["spent"] == {"calls": 3, "tools": {"fetch": 1, "search": 2}, "tokens": tokens, "dollars": 0.0}
    first = (await client.get(f"/v1/episodes/{episode}", params={"limit": 2})).json()
    rest = (await client.get(f"/v1/episodes/{episode}", params={"limit": 2, "after": first["next"]})).json()
    assert first["calls"] + rest["calls"] == shown["calls"]
    assert rest["next"] is None


async def test_equal_specifications_get_equal_observations_whatever_the_id_and_share_finished_answers(
    front: EpisodeFront, client: httpx.AsyncClient
) -> None:
    spec = {"seed": 3, "weather": "flaky", "view": {"exclude_urls": [ADA]}}
    seen = []
    for name in ("a", "quite-another-id"):
        episode = await opened(client, id=name, **spec)
        answers = [await search(client, episode, query) for query in ("lamp", "lamp", "cartographer", "lamp")]
        answers.append(await client.post(f"/e/{episode}/v1/fetch", json={"url": ADA}))
        seen.append([(answer.status_code, answer.headers.raw, answer.content) for answer in answers])
    assert seen[0] == seen[1]
    assert [status for status, _, _ in seen[0]] == [503, 200, 503, 200, 503]
    assert set(front.computed.values()) == {1}
    other = await opened(client, **(spec | {"seed": 4}))
    assert (await search(client, other, "lamp")).status_code == 200


async def test_the_view_of_an_episode_hides_its_pages_from_its_calls_alone(client: httpx.AsyncClient) -> None:
    hidden, whole = await opened(client, view={"exclude_urls": [ADA]}), await opened(client)
    assert ADA not in (await search(client, hidden, "cartographer")).text
    assert (await client.post(f"/e/{hidden}/v1/fetch", json={"url": ADA})).status_code == 404
    assert ADA in (await search(client, whole, "cartographer")).text


@pytest.mark.parametrize(
    ("budget", "allowed", "told"),
    [
        ({"calls": 2}, 2, "2 calls"),
        ({"calls": 0}, 0, "0 calls"),
        ({"tools": {"search": 3, "fetch": 0}}, 3, "3 calls of search"),
        ({"tokens": 1}, 1, "1 tokens"),
        ({"dollars": 0}, 0, "0 dollars"),
    ],
)
async def test_a_spent_budget_ends_the_calls_with_a_clear_word_in_each_dialect(
    client: httpx.AsyncClient, budget: dict[str, Any], allowed: int, told: str
) -> None:
    episode = await opened(client, budget=budget, answer="Vienna")
    for number in range(allowed):
        assert (await search(client, episode, f"lamp {number}")).status_code == 200
    native = await search(client, episode, "lamp")
    assert (native.status_code, error(native)) == (402, "budget_exhausted")
    assert told in native.json()["error"]["message"]
    for path, body in (
        ("/serper/search", {"q": "x"}),
        ("/tavily/search", {"query": "x"}),
        ("/exa/search", {"query": "x"}),
    ):
        refused = await client.post(f"/e/{episode}{path}", json=body)
        assert refused.status_code == (432 if "tavily" in path else 402)
        assert told in refused.text
        assert "final answer" in refused.text
    assert (await client.post(f"/v1/episodes/{episode}/answer", json={"answer": "Vienna"})).json()["reward"] == 1.0


async def test_dollars_are_counted_in_whole_millionths(tmp_path: Path) -> None:
    episodes = Episodes(EpisodeStore(tmp_path / "e.sqlite"))
    spec = Spec(budget=Budget(dollars=0.3))
    await episodes.open(spec, None, snapshot="web", snapshot_id="s1", episode_id="e")
    for _ in range(3):  # 0.1 + 0.1 + 0.1 is more than 0.3 in floating point, and twice less
        turn = await episodes.begin("e", b"q", "search", snapshot_id="s1")
        assert isinstance(turn, Turn)
        await episodes.end(turn, 200, "", 0, micro_usd=100_000)
    refused = await episodes.begin("e", b"q", "search", snapshot_id="s1")
    assert isinstance(refused, Problem)
    assert "0.3 dollars" in refused.message


async def test_equal_calls_at_once_are_the_attempts_of_one_request(client: httpx.AsyncClient) -> None:
    episode = await opened(client, seed=1, weather="flaky")
    answers = await asyncio.gather(*(search(client, episode, "lamp") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [503]
    calls = (await client.get(f"/v1/episodes/{episode}")).json()["calls"]
    assert [call["attempt"] for call in calls] == [1, 2, 3, 4, 5, 6]
    assert len({call["request"] for call in calls}) == 1


async def test_two_workers_draw_one_fault_for_the_first_attempt_of_a_request(make_front: MakeFront) -> None:
    async with client_of(make_front()) as one, client_of(make_front()) as other:
        episode = await opened(one, seed=1, weather="flaky")
        answers = await asyncio.gather(*(search(client, episode, "lamp") for client in (one, other) * 8))
    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [503]


async def test_a_client_may_say_which_attempt_it_is(client: httpx.AsyncClient) -> None:
    episode = await opened(client, seed=1, weather="flaky")
    statuses = [(await search(client, episode, "lamp", **{"X-Stillweb-Attempt": n})).status_code for n in "2112"]
    assert statuses == [200, 503, 503, 200]
    for wrong in ("0", "-1", "one", "1.5", "9" * 30):
        refused = await search(client, episode, "lamp", **{"X-Stillweb-Attempt": wrong})
        assert (refused.status_code, error(refused)) == (400, "bad_attempt")
    assert (await search(client, episode, "lamp")).status_code == 200  # its fifth attempt


async def test_a_turn_that_is_given_up_counts_for_nothing_and_lets_the_next_one_in(tmp_path: Path) -> None:
    episodes = Episodes(EpisodeStore(tmp_path / "e.sqlite"))
    await episodes.open(Spec(), None, snapshot="web", snapshot_id="s1", episode_id="e")
    first = await episodes.begin("e", b"q", "search", snapshot_id="s1")
    waiting = asyncio.create_task(episodes.begin("e", b"q", "search", snapshot_id="s1"))
    await asyncio.sleep(0)
    assert isinstance(first, Turn)
    assert not waiting.done()
    episodes.leave(first)
    second = await waiting
    assert isinstance(second, Turn)
    assert second.attempt == 1
    assert await episodes.end(second, 200, "", 0) == 1


async def test_an_answer_is_rewarded_once_by_the_scorer_named_and_ends_the_episode(client: httpx.AsyncClient) -> None:
    exact = await opened(client, answer="Vienna", aliases=["Wien"])
    first = await client.post(f"/v1/episodes/{exact}/answer", json={"answer": "Wien"})
    assert (first.status_code, first.json()["reward"], first.json()["correct"]) == (200, 1.0, True)
    again = await client.post(f"/v1/episodes/{exact}/answer", json={"answer": "Wien"})
    assert again.content == first.content
    other = await client.post(f"/v1/episodes/{exact}/answer", json={"answer": "Vienna"})
    assert (other.status_code, error(other)) == (409, "episode_over")
    assert error(await search(client, exact, "lamp")) == "episode_over"
    words = await opened(client, answer="the old lamp of the harbour", scorer="f1")
    scored = (await client.post(f"/v1/episodes/{words}/answer", json={"answer": "the lamp of the town"})).json()
    assert scored["scorer"] == "f1"
    assert 0 < scored["reward"] == scored["f1"] < 1
    items = await opened(client, answer=["bread", "kelp"])
    assert (await client.post(f"/v1/episodes/{items}/answer", json={"answer": "kelp; bread"})).json()["correct"]
    shown = (await client.get(f"/v1/episodes/{words}")).json()
    assert (shown["state"], shown["result"]["answer"]) == ("answered", "the lamp of the town")
    bare = await opened(client)
    refused = await client.post(f"/v1/episodes/{bare}/answer", json={"answer": "x"})
    assert (refused.status_code, error(refused)) == (409, "no_gold")


async def test_episodes_are_closed_and_listed_by_state_and_page(client: httpx.AsyncClient) -> None:
    for name in "abcd":
        await opened(client, id=name, task=f"task-{name}", answer="x")
    assert (await client.post("/v1/episodes/b/close")).json()["state"] == "closed"
    assert (await client.post("/v1/episodes/b/close")).json()["state"] == "closed"
    await client.post("/v1/episodes/c/answer", json={"answer": "x"})
    assert error(await search(client, "b", "lamp")) == "episode_over"
    page = (await client.get("/v1/episodes", params={"limit": 3})).json()
    assert [(e["id"], e["state"], e["reward"]) for e in page["episodes"]] == [
        ("a", "open", None),
        ("b", "closed", None),
        ("c", "answered", 1.0),
    ]
    rest = (await client.get("/v1/episodes", params={"limit": 3, "cursor": page["next"]})).json()
    assert ([e["id"] for e in rest["episodes"]], rest["next"]) == (["d"], None)
    still = (await client.get("/v1/episodes", params={"state": "open", "task": "task-d"})).json()
    assert [e["id"] for e in still["episodes"]] == ["d"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"seed": -1}, 422, "invalid_request"),
        ({"seed": "x"}, 422, "invalid_request"),
        ({"weather": 3}, 422, "invalid_request"),
        ({"budget": {"calls": -1}}, 422, "invalid_request"),
        ({"budget": {"hours": 1}}, 422, "invalid_request"),
        ({"id": "../x"}, 422, "invalid_request"),
        ({"id": ""}, 422, "invalid_request"),
        ({"task": "a\0b", "answer": "x"}, 422, "invalid_request"),
        ({"task": "t1"}, 404, "unknown_task"),
        ({"answer": "x", "scorer": "best"}, 422, "bad_scorer"),
        ({"answer": ["x", "y"], "scorer": "number"}, 422, "bad_scorer"),
        ({"evidence": ["0" * 16]}, 422, "unknown_document"),
        ({"evidence": ["x"]}, 422, "invalid_request"),
        ({"view": {"as_of": "soon"}}, 422, "bad_date"),
        ({"view": {"exclude_domains": ["..."]}}, 422, "bad_domain"),
        ({"view": {"exclude_urls": "x"}}, 422, "invalid_request"),
        ({"gold": "x"}, 422, "invalid_request"),
    ],
)
async def test_what_no_episode_can_be_opened_with_is_refused_by_name(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, code: str
) -> None:
    refused = await client.post("/v1/episodes", json=body)
    assert (refused.status_code, error(refused)) == (status, code), refused.text
    assert refused.json()["error"]["remedy"]
    assert (await client.get("/v1/episodes")).json()["episodes"] == []


@pytest.mark.parametrize("name", ["nothing", "a%00b", "%F0%9F%90%9A", "..", "x" * 500])
async def test_an_unknown_episode_is_told_wherever_its_id_comes(client: httpx.AsyncClient, name: str) -> None:
    for answer in (
        await client.post(f"/e/{name}/v1/search", json={"query": "lamp"}),
        await client.get(f"/v1/episodes/{name}"),
        await client.post(f"/v1/episodes/{name}/answer", json={"answer": "x"}),
        await client.post(f"/v1/episodes/{name}/close"),
    ):
        assert answer.status_code == 404, answer.text
    for params in ({"cursor": "\0"}, {"task": "\0"}, {"state": "x"}, {"limit": 0}, {"after": 1}):
        assert error(await client.get("/v1/episodes", params=params)) == "invalid_request"
    assert (await client.get("/v1/episodes/x", params={"after": 10**400})).status_code in (404, 422)


async def test_an_episode_of_another_snapshot_is_refused(tmp_path: Path) -> None:
    episodes = Episodes(EpisodeStore(tmp_path / "e.sqlite"))
    await episodes.open(Spec(), None, snapshot="web", snapshot_id="s1", episode_id="e")
    refused = await episodes.begin("e", b"q", "search", snapshot_id="s2")
    assert isinstance(refused, Problem)
    assert (refused.status, refused.code) == (409, "snapshot_mismatch")
    assert "/s/web/" in refused.remedy


def tasks_file(folder: Path, *lines: Any) -> Path:
    path = folder / "tasks.jsonl"
    path.write_text("\n".join(json.dumps(line) if not isinstance(line, str) else line for line in lines) + "\n")
    return path


async def test_tasks_are_given_out_without_answers_and_opened_with_them(
    make_front: MakeFront, tmp_path: Path, tiny: Snapshot
) -> None:
    lines = [
        {
            "id": f"t{number}",
            "question": f"Which lamp {number}?",
            "answer": f"{SECRET} {number}",
            "aliases": [f"{SECRET} alias {number}"],
            "evidence": [tiny.store.doc_id(0)],
            "split": "train" if number % 2 else "test",
            "proof": SECRET,
        }
        for number in range(5)
    ]
    tasks = dict(read_tasks(tasks_file(tmp_path, *lines)))
    async with client_of(make_front(tasks=tasks)) as client:
        page = await client.get("/v1/tasks", params={"split": "train", "limit": 1})
        assert page.json() == {
            "tasks": [{"id": "t1", "question": "Which lamp 1?", "split": "train", "snapshot_id": None}],
            "next": 1,
            "total": 2,
        }
        rest = await client.get("/v1/tasks", params={"split": "train", "cursor": 1})
        assert ([task["id"] for task in rest.json()["tasks"]], rest.json()["next"]) == (["t3"], None)
        episode = await opened(client, task="t2")
        shown = await client.get(f"/v1/episodes/{episode}")
        assert SECRET not in page.text + rest.text + shown.text + repr(tasks)
        right = await client.post(f"/v1/episodes/{episode}/answer", json={"answer": f"{SECRET} alias 2"})
        assert right.json()["reward"] == 1.0
        both = await client.post("/v1/episodes", json={"task": "t2", "answer": "x"})
        assert (both.status_code, error(both)) == (422, "two_answers")
        assert error(await client.post("/v1/episodes", json={"task": "t9"})) == "unknown_task"
        own = await opened(client, task="of-my-own", answer="Vienna")
        assert (await client.get(f"/v1/episodes/{own}")).json()["task"] == "of-my-own"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["{"], "line 1"),
        ([{"id": "a", "question": "q", "answer": SECRET}, {"id": "a", "question": "q", "answer": "x"}], "line 2"),
        ([{"id": "a", "question": "q"}], "answer"),
        ([{"id": "a", "question": "q", "answer": {"text": SECRET}}], "answer"),
        ([{"id": "a", "question": "q", "answer": SECRET, "evidence": [SECRET]}], "evidence"),
        ([{"id": "a", "question": "q", "answer": SECRET, "scorer": "best"}], "best"),
        ([f'{{"id": "a", "answer": "{SECRET}'], "line 1"),
        ([], "holds no task"),
    ],
)
def test_a_bad_task_file_is_told_by_line_and_never_by_answer(tmp_path: Path, lines: list[Any], told: str) -> None:
    with pytest.raises(EnvServerError) as refused:
        read_tasks(tasks_file(tmp_path, *lines))
    assert told in refused.value.problem.message
    assert SECRET not in repr(refused.getrepr(showlocals=False))
    with pytest.raises(EnvServerError, match="cannot be read"):
        read_tasks(tmp_path / "absent.jsonl")


async def test_the_answer_of_an_episode_changes_nothing_before_the_answer_call(
    make_front: MakeFront, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rollout = [
        Sent("POST", "/v1/search", json={"query": "lamp"}),
        Sent("POST", "/v1/search", json={"query": "lamp"}),
        Sent("POST", "/e/{id}/v1/fetch", json={"url": LIGHTHOUSE}),
        Sent("POST", "/e/{id}/serper/search", json={"q": "harbour"}),
        Sent("POST", "/e/{id}/tavily/extract", json={"urls": [ADA]}),
        Sent("POST", "/v1/search", headers={"Content-Type": "application/json"}, content=b"{"),
        Sent("POST", "/v1/episodes", json={"id": "e", "answer": SECRET}),
        Sent("GET", "/v1/episodes", headers={"Accept": "*/*"}),
        Sent("POST", "/v1/search", json={"query": "one over the budget"}),
    ]
    seen = []
    answers: list[Any] = [SECRET, "x", ["some", SECRET, "items"], "9" * 5000]
    for number, answer in enumerate(answers):
        front = make_front(f"{number}.sqlite")
        caplog.clear()
        opening = {"id": "e", "seed": 1, "answer": answer, "aliases": [SECRET], "budget": {"calls": 6}}
        seen.append(
            await everything_seen(
                front, opening, rollout, keys_of=lambda front=front: front.cache, records=lambda: caplog.records
            )
        )
        assert SECRET not in caplog.text
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert [each[0] for each in seen[0][:10]] == [201, 200, 200, 200, 200, 200, 400, 409, 200, 402]
    assert SECRET not in repr(seen)


def test_a_gold_answer_has_no_repr() -> None:
    assert SECRET not in repr(Gold(SECRET, (SECRET,)))
