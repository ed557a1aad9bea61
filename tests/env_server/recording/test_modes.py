"""Modes, misses, retries, backups and keys, with a live API of a few lines over real HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from env_server.dialects import DIALECTS
from env_server.dialects.dialect import Reply, json_reply
from env_server.recording.calling import Caller, vendors_url
from env_server.recording.modes import Plan, Recorder
from env_server.recording.opening import environment_of, recorder_of
from env_server.recording.retrying import Patience, retry_after_of
from env_server.recording.store import Recording
from env_server.recording.upstreams import UPSTREAMS
from env_server.settings import ServerSettings
from env_server.view import EMPTY_VIEW, View
from tests.env_server.recording.live_web import LiveWeb, live_web, raw

KEY = "sk-very-secret-key"
FOUND = b'{"organic":[{"title":"T","link":"https://e.org/a","snippet":"s"}]}'
JSON = "application/json"


async def ask(
    recorder: Recorder,
    path: str = "/search",
    body: bytes = b'{"q":"lakes"}',
    *,
    dialect: str = "serper",
    local: Reply | None = None,
    view: View = EMPTY_VIEW,
    method: str = "POST",
    query: bytes = b"",
    headers: Mapping[str, str] = {},
) -> Reply:
    scope: dict[str, Any] = {
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"content-type", JSON.encode())],
    }

    async def locally() -> Reply:
        return local or json_reply({"organic": [], "from": "the snapshot"})

    return await recorder.answer(DIALECTS[dialect], view, scope, body, headers, locally)


@asynccontextmanager
async def recorder(
    web: LiveWeb,
    database: Path | None,
    mode: str = "record",
    *more: str,
    pauses: list[float] | None = None,
    **options: Any,
) -> AsyncIterator[Recorder]:
    waited = [] if pauses is None else pauses

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    plan = Plan(
        modes={"serper": mode},  # type: ignore[dict-item]
        upstreams={"serper": [web.url, *more]},
        keys={"serper": KEY},
        **options,
    )
    recording = Recording(database) if database else None
    one = Recorder(plan, recording, caller=Caller(timeout_s=5, patience=Patience(pause=pause)))
    try:
        yield one
    finally:
        await one.close()


def all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_record_asks_once_and_replay_gives_equal_bytes_without_the_live_web(tmp_path: Path) -> None:
    database = tmp_path / "web.db"
    async with live_web(search=raw(FOUND, content_type="application/json; charset=utf-8")) as web:
        async with recorder(web, database) as recording:
            first = await ask(recording)
            assert (first.status, first.body, first.media_type) == (200, FOUND, "application/json; charset=utf-8")
            assert await ask(recording, body=b'{ "q" : "lakes" }') == first
            assert web.paths == ["/search"]
            assert web.bodies == [b'{"q":"lakes"}']
            assert f"x-api-key: {KEY}" in web.heads[0].lower()
        async with recorder(web, database, "replay") as replaying:
            assert await ask(replaying) == first
        assert len(web.heads) == 1


async def test_the_key_goes_upstream_and_into_no_recording_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="env_server")
    told = raw(b'{"message":"hello ' + KEY.encode() + b'"}', content_type=JSON)
    async with (
        live_web(search=[told, raw("", "500 No"), raw("", "401 No")]) as web,
        recorder(web, tmp_path / "web.db") as recording,
    ):
        reply = await ask(recording, body=b'{"q":"a","api_key":"sk-of-the-client"}', query=b"apiKey=sk-of-the-client")
        assert reply.body == b'{"message":"hello [key]"}'
        assert (await ask(recording, body=b'{"q":"b"}')).status == 502
    assert "401" in caplog.text
    kept = all_bytes(tmp_path)
    assert b"hello [key]" in kept
    for secret in (KEY, "sk-of-the-client"):
        assert secret not in caplog.text
        assert secret.encode() not in kept
        assert all(secret.encode() not in body for body in web.bodies)


async def test_live_keeps_nothing_and_says_so_to_the_cache(tmp_path: Path) -> None:
    async with live_web(search=[raw(b"1", content_type=JSON), raw(b"2", content_type=JSON)]) as web:
        async with recorder(web, tmp_path / "web.db", "live") as live:
            replies = [await ask(live), await ask(live)]
        assert [reply.body for reply in replies] == [b"1", b"2"]
        assert all((b"cache-control", b"no-store") in reply.headers for reply in replies)
    assert not list(Recording(tmp_path / "web.db").rows())


async def test_local_then_live_asks_only_where_the_snapshot_has_nothing(tmp_path: Path) -> None:
    local = json_reply({"organic": [{"link": "https://here.org/", "title": "h", "snippet": "s"}]})
    gone = json_reply({"message": "no such page"}, 404)
    async with (
        live_web(search=raw(FOUND, content_type=JSON)) as web,
        recorder(web, tmp_path / "web.db", "local-then-live") as both,
    ):
        assert await ask(both, local=local) == local
        assert web.heads == []
        assert (await ask(both)).body == FOUND
        assert (await ask(both, body=b'{"q":"b"}', local=gone)).body == FOUND
        assert (await ask(both)).body == FOUND
        assert len(web.heads) == 2


async def test_a_miss_in_replay_gets_what_the_policy_says(tmp_path: Path) -> None:
    async with live_web() as web:
        database = tmp_path / "web.db"
        async with recorder(web, database, "replay") as strict:
            reply = await ask(strict)
            assert reply.status == 404
            assert "holds no answer" in orjson.loads(reply.body)["message"]
        async with recorder(web, database, "replay", on_miss="local") as local:
            assert orjson.loads((await ask(local)).body)["from"] == "the snapshot"
        async with recorder(web, database, "replay", on_miss="empty") as empty:
            assert orjson.loads((await ask(empty)).body)["organic"] == []
            several = orjson.loads((await ask(empty, body=b'[{"q":"a"},{"q":"b"},7]')).body)
            assert [item["organic"] for item in several] == [[], [], []]
            page = await ask(empty, "/scrape", b'{"url":"https://e.org/a"}')
            assert page.status == 404
            assert "https://e.org/a" in orjson.loads(page.body)["message"]
        assert web.heads == []


async def test_a_failure_that_may_pass_is_tried_again_after_as_long_as_the_vendor_asks(tmp_path: Path) -> None:
    busy = raw("", "429 Too Many", "text/plain", "Retry-After: 7")
    pauses: list[float] = []
    async with (
        live_web(search=[busy, raw("", "503 No"), raw(FOUND, content_type=JSON)]) as web,
        recorder(web, tmp_path / "web.db", pauses=pauses) as recording,
    ):
        assert (await ask(recording)).body == FOUND
    assert pauses == [7.0, 1.0]


async def test_who_asks_for_too_long_a_wait_is_not_tried_again_and_the_client_is_told_how_long(tmp_path: Path) -> None:
    busy = raw("", "429 Too Many", "text/plain", "Retry-After: 3600")
    pauses: list[float] = []
    async with live_web(search=busy) as web, recorder(web, tmp_path / "web.db", pauses=pauses) as recording:
        reply = await ask(recording)
    assert (reply.status, pauses) == (429, [])
    assert (b"retry-after", b"3600") in reply.headers
    assert not list(Recording(tmp_path / "web.db").rows())


async def test_the_backup_answers_where_the_first_upstream_fails(tmp_path: Path) -> None:
    async with live_web(search=raw("", "500 No")) as web, live_web(search=raw(FOUND, content_type=JSON)) as backup:
        async with recorder(web, tmp_path / "web.db", "record", backup.url) as recording:
            assert (await ask(recording)).body == FOUND
        assert len(web.heads) == 3
        assert len(backup.heads) == 1
    [kept] = Recording(tmp_path / "web.db").rows()
    assert kept.answer.upstream == "127.0.0.1"


async def test_an_answer_about_the_request_is_kept_and_one_about_the_key_is_not(tmp_path: Path) -> None:
    bad = raw(b'{"message":"bad"}', "400 Bad Request", JSON)
    async with (
        live_web(search=bad, news=raw("{}", "403 Forbidden", JSON)) as web,
        recorder(web, tmp_path / "web.db") as recording,
    ):
        assert (await ask(recording)).status == 400
        refused = await ask(recording, "/news")
        assert (refused.status, b"refused the key" in refused.body) == (502, True)
    assert [kept.answer.status for kept in Recording(tmp_path / "web.db").rows()] == [400]


async def test_an_upstream_that_is_not_there_is_told_in_the_vendors_shape(tmp_path: Path) -> None:
    async with live_web() as web:
        pass
    async with recorder(web, tmp_path / "web.db") as recording:
        reply = await ask(recording)
    assert reply.status == 502
    assert orjson.loads(reply.body)["statusCode"] == 502


async def test_no_request_goes_upstream_by_a_route_that_the_dialect_does_not_have(tmp_path: Path) -> None:
    async with live_web(account=raw(b"{}")) as web:
        async with recorder(web, tmp_path / "web.db") as recording:
            assert (await ask(recording, "/account")).status == 404
        assert web.heads == []


async def test_a_request_under_a_view_is_refused_rather_than_shown_what_the_view_hides(tmp_path: Path) -> None:
    async with live_web(search=raw(FOUND, content_type=JSON)) as web:
        async with recorder(web, tmp_path / "web.db") as recording:
            reply = await ask(recording, view=View(exclude_domains=("e.org",)))
        assert (reply.status, web.heads) == (501, [])


async def test_a_job_under_way_is_not_kept_and_its_end_is(tmp_path: Path) -> None:
    states = [
        b'{"status":"scraping"}',
        b'{"status":"completed","data":[{"markdown":"m","metadata":{"url":"https://e.org/"}}]}',
    ]
    async with live_web(v2__crawl__7=[raw(state, content_type=JSON) for state in states]) as web:
        plan = Plan(modes={"firecrawl": "record"}, upstreams={"firecrawl": [web.url]})
        recording = Recording(tmp_path / "web.db")
        one = Recorder(plan, recording)
        replies = [await ask(one, "/v2/crawl/7", b"", dialect="firecrawl", method="GET") for _ in range(3)]
        assert [reply.body for reply in replies] == [states[0], states[1], states[1]]
        assert [row["url"] for row in recording.read()] == ["https://e.org/"]
        await one.close()
        assert len(web.heads) == 2


async def test_pages_are_recorded_with_the_refusals_of_their_robots_txt(tmp_path: Path) -> None:
    rules = raw("User-agent: *\nDisallow: /no", content_type="text/plain")
    async with live_web(robots=rules, yes=raw("<title>Y</title><p>yes")) as web:
        database = tmp_path / "web.db"
        headers = {"host": web.host}
        plan = Plan(modes={"origin": "record"}, allowed_hosts=frozenset({web.host}))
        one = Recorder(plan, Recording(database))
        paths = ("/yes", "/no", "/gone")
        first = [await ask(one, path, b"", dialect="origin", method="GET", headers=headers) for path in paths]
        await one.close()
        assert [reply.status for reply in first] == [200, 403, 404]
        assert b"sandbox" in dict(first[0].headers)[b"content-security-policy"]
        asked = len(web.heads)
        again = Recorder(Plan(modes={"origin": "replay"}), Recording(database))
        assert [await ask(again, path, b"", dialect="origin", method="GET", headers=headers) for path in paths] == first
        await again.close()
        assert len(web.heads) == asked


@pytest.mark.parametrize("host", ["[", "a b", "\xe9", "e.org:99999", "", "e.org:x", "user@127.0.0.1", "%00", "a" * 300])
async def test_a_host_that_is_none_is_told_and_never_breaks_the_server(host: str, tmp_path: Path) -> None:
    one = Recorder(Plan(modes={"origin": "record"}), Recording(tmp_path / "web.db"))
    reply = await ask(one, "/a", b"", dialect="origin", method="GET", headers={"host": host})
    await one.close()
    assert reply.status in (403, 502)


async def test_a_redirect_to_what_is_no_address_is_told(tmp_path: Path) -> None:
    async with live_web(a=raw("", "302 Found", "text/html", "Location: http://[")) as web:
        one = Recorder(Plan({"origin": "record"}, allowed_hosts=frozenset({web.host})), Recording(tmp_path / "web.db"))
        reply = await ask(one, "/a", b"", dialect="origin", method="GET", headers={"host": web.host})
        await one.close()
    assert reply.status == 502


@pytest.fixture(scope="module")
def empty_recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return Recording(tmp_path_factory.mktemp("empty") / "web.db")


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(UPSTREAMS)), st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_nothing_that_a_client_sends_breaks_a_replay(
    empty_recording: Recording, dialect: str, path: bytes, query: bytes, body: bytes
) -> None:
    async def run() -> None:
        plan = Plan(modes={dialect: "replay"}, on_miss="empty")
        one = Recorder(plan, empty_recording)
        for method in ("GET", "POST"):
            for start in (b"/search", b"/"):
                scope = {
                    "method": method,
                    "path": (start + path).decode("utf-8", "replace"),
                    "raw_path": start + path,
                    "query_string": query,
                    "headers": [(b"content-type", b"application/x-www-form-urlencoded")] if path else [],
                }
                reply = await one.answer(DIALECTS[dialect], EMPTY_VIEW, scope, body, {"host": "e.org"}, _never)
                assert reply.status < 500, reply.body
        await one.close()

    asyncio.run(run())


async def _never() -> Reply:
    raise AssertionError("the snapshot is not asked")


def test_the_longest_route_that_fits_tells_the_mode() -> None:
    plan = Plan(modes={"serper": "record", "serper/scrape": "local", "jina/search": "replay"})
    assert [plan.mode_of("serper", path) for path in ("/search", "/scrape", "/scrape/", "/scraped")] == [
        "record",
        "local",
        "local",
        "record",
    ]
    assert [plan.mode_of("jina", path) for path in ("/https://e.org", "/search", "/search/a")] == [
        "local",
        "replay",
        "replay",
    ]


def test_a_path_goes_to_that_host_of_the_vendor_that_has_it() -> None:
    assert vendors_url(DIALECTS["serper"], "/news") == "https://google.serper.dev/news"
    assert vendors_url(DIALECTS["serper"], "/scrape") == "https://scrape.serper.dev/"
    assert vendors_url(DIALECTS["jina"], "/search/a") == "https://s.jina.ai/a"
    assert vendors_url(DIALECTS["jina"], "/https://e.org/a") == "https://r.jina.ai/https://e.org/a"
    assert vendors_url(DIALECTS["searxng"], "/search") is None


def test_a_wait_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after_of("12") == 12.0
    assert retry_after_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after_of("soon") is None


NOTHING: dict[str, Any] = {
    "record": None,
    "replay": None,
    "modes": [],
    "upstreams": [],
    "on_miss": "error",
    "allow_hosts": [],
}


def test_record_takes_the_dialects_that_can_be_asked_and_leaves_the_rest_local(tmp_path: Path) -> None:
    told = environment_of(
        DIALECTS,
        {"SERPER_API_KEY": "k"},
        **{**NOTHING, "record": "web.db", "upstreams": ["searxng=http://127.0.0.1:1"]},
    )
    assert orjson.loads(told["STILLWEB_MODES"]) == dict.fromkeys(("jina", "origin", "searxng", "serper"), "record")
    assert "k" not in orjson.loads(told["STILLWEB_MODES"]).values()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"record": "a", "replay": "b"}, "Use one"),
        ({"replay": "nowhere.db"}, "There is no recording nowhere.db"),
        ({"modes": ["serper=record"]}, "needs a recording"),
        ({"modes": ["serper=live"]}, "Set SERPER_API_KEY"),
        ({"modes": ["searxng=live"]}, "--upstream searxng=URL"),
        ({"modes": ["serper=recrod"]}, "the mode one of local, record"),
        ({"modes": ["bing=live"]}, "the dialect one of brave"),
        ({"record": "a", "upstreams": ["serper=ftp://x"]}, "write DIALECT=URL"),
        ({"record": "a", "on_miss": "guess"}, "error, local, empty"),
    ],
)
def test_options_that_make_no_sense_are_told_with_what_to_write(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        environment_of(DIALECTS, {}, **{**NOTHING, **given})


def test_where_nothing_is_recorded_there_is_no_recorder(tiny_path: Path) -> None:
    assert recorder_of(ServerSettings(snapshots={"tiny": tiny_path})) is None  # type: ignore[arg-type]
