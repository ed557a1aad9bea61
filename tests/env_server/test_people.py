"""The pages for people: what they show, that no page of the corpus can harm its reader, that refusals are HTML."""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest
from fastapi import FastAPI, Response

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from env_server import people
from env_server.front import Call, Receive, Scope, Send
from env_server.people import add_pages
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.view import View
from tests.conftest import MakeClient

ADA = "https://tiny.example/people/ada"
LIGHTHOUSE = "https://tiny.example/places/lighthouse"


class Seen(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and the text of some."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(response.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag not in ("meta", "link", "input", "br", "hr", "img"):
            self._open.append(attributes.get("class") or tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for name in set(self._open):
            self.texts[name] = self.texts.get(name, "") + data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def hrefs(self) -> list[str]:
        return [a["href"] for a in self.all("a")]

    @property
    def reading_views(self) -> list[str]:
        """URLs of the pages that the page leads to, without leaving the snapshot."""
        return [parse_qs(urlsplit(h).query)["url"][0] for h in self.hrefs if urlsplit(h).path.endswith("/page")]


async def see(client: httpx.AsyncClient, path: str, **params: str) -> Seen:
    response = await client.get(path, params=params or None)  # {} would take the query off the path
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return Seen(response)


def build(folder: Path, *rows: dict[str, str]) -> Snapshot:
    source = folder / "pages.jsonl"
    source.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    build_snapshot([str(source)], folder / "snapshot", BuildOptions(encoder="none"))
    return open_snapshot(folder / "snapshot")


HOSTILE = {
    "url": "https://bad.example/'\"><script>alert(1)</script>",
    "title": "</title><script>alert(2)</script> \"onmouseover='alert(3)'",
    "text": "# Trap\n\n<script>alert(4)</script> <img src=x onerror=alert(5)>\n\n"
    "[one](javascript:alert(6)) [two](JaVaScRiPt:alert(7)) [three](data:text/html,x) [four](/relative)\n\n"
    "<javascript:x> [five](java&#115;cript:alert(8)) [six]: vbscript:x\n\n[six]\n\n![picture](https://away.example/pixel.png)\n\n"
    "[away](https://away.example/x?a=1&b=2) [friend](https://good.example/a|b)\n",
}
FRIEND = {"url": "https://good.example/a|b", "title": "Friend", "text": "A page beside the trap."}


# What is shown


async def test_the_front_page_tells_of_the_snapshot_and_gives_examples_that_find_something(
    client: httpx.AsyncClient, tiny: Snapshot
) -> None:
    page = await see(client, "/")
    counts = tiny.manifest.counts
    facts = [f"Pages{counts.documents}", f"Passages{counts.passages}", f"Links between pages{counts.links}"]
    assert page.texts["facts"].split("\n")[1:-1] == facts
    assert tiny.snapshot_id in page.texts["about"]
    examples = [href for href in page.hrefs if href.startswith("/?q=")]
    assert 3 <= len(examples) <= 4
    for example in examples:
        assert (await see(client, example)).reading_views
    assert {"/docs", "/metrics"} <= set(page.hrefs)


async def test_a_search_shows_hits_that_lead_to_their_reading_views(client: httpx.AsyncClient) -> None:
    page = await see(client, "/", q="Ada Quill", mode="bm25", k="3")
    answer = (await client.post("/v1/search", json={"query": "Ada Quill", "mode": "bm25", "k": 3})).json()
    assert page.reading_views == [hit["url"] for hit in answer["hits"]]
    assert page.texts["snippet"] == "".join(hit["snippet"] for hit in answer["hits"])
    assert page.texts["mark"].startswith("Ada")
    for hit in answer["hits"]:
        assert hit["title"] in page.texts["hits"]


async def test_the_form_keeps_what_was_asked(client: httpx.AsyncClient) -> None:
    page = await see(client, "/", q='"harbour" & <pier>', mode="dense", k="7")
    assert [field.get("value") for field in page.all("input")] == ['"harbour" & <pier>', "7"]
    assert [option["value"] for option in page.all("option") if "selected" in option] == ["dense"]


async def test_nothing_found_is_said(tmp_path: Path, make_client: MakeClient) -> None:
    async with make_client(snapshots={"one": build(tmp_path, FRIEND)}) as client:
        page = await see(client, "/", q="zyzzyva")
    assert "Nothing found for zyzzyva" in page.texts["main"]


async def test_a_page_is_shown_with_its_text_title_and_contents(client: httpx.AsyncClient) -> None:
    page = await see(client, "/page", url="https://tiny.example/places/harbour")
    assert page.texts["h1"] == "Harbour of Skerrow"
    assert page.texts["time"] == "2019-05-14"
    assert "behind a wall of grey stone 190 metres long" in page.texts["text"]
    assert page.texts["text"].count("Harbour of Skerrow") == 0, "the title is not shown twice"
    ids = {f"#{heading['id']}" for heading in page.all("h2") if "id" in heading}
    contents = [href for href in page.hrefs if href.startswith("#s")]
    assert contents
    assert set(contents) <= ids


async def test_links_to_pages_of_the_snapshot_stay_in_it_and_others_leave_unfollowed(client: httpx.AsyncClient) -> None:
    page = await see(client, "/page", url="https://tiny.example/places/harbour")
    assert ADA in page.reading_views
    away = [a for a in page.all("a") if a["href"].startswith("http")]
    assert away
    assert all(a["rel"] == "nofollow noreferrer" for a in away)


async def test_pages_that_link_here_are_listed_once_each(client: httpx.AsyncClient) -> None:
    links = (await client.get("/v1/links", params={"url": ADA})).json()
    page = await see(client, "/page", url=ADA)
    origins = {link["url"] for link in links["in"]}
    assert origins <= set(page.reading_views)
    assert f"Pages of this snapshot that link here ({len(origins)})" in page.texts["end"]


async def test_a_long_page_comes_in_parts_and_its_contents_span_them(tmp_path: Path, make_client: MakeClient) -> None:
    text = "# Long\n\n" + "".join(f"## Chapter {n}\n\n{'Words and words. ' * 120}\n\n" for n in range(30))
    url = "https://long.example/a?b=1&c=2"
    async with make_client(snapshots={"one": build(tmp_path, {"url": url, "title": "Long", "text": text})}) as client:
        first = await see(client, "/page", url=url)
        following = next(a["href"] for a in first.all("a") if a.get("rel") == "next")
        second = await see(client, following)
        assert not any(a.get("rel") == "prev" for a in first.all("a"))
        assert any(a.get("rel") == "prev" for a in second.all("a"))
        entries = [href for href in first.hrefs if "#s" in href]
        assert len(entries) == 30
        for entry in entries:
            address, _, name = entry.partition("#")
            part = await see(client, address) if address else first
            assert any(heading.get("id") == name for heading in part.all("h2")), entry


async def test_contents_of_a_page_with_many_sections_keep_its_upper_levels(
    tmp_path: Path, make_client: MakeClient
) -> None:
    text = "".join(f"## Part {n}\n\n" + "### Detail\n\nWords.\n\n" * 9 for n in range(9))
    row = {"url": "https://deep.example/", "title": "Deep", "text": text}
    async with make_client(snapshots={"one": build(tmp_path, row)}) as client:
        page = await see(client, "/page", url="https://deep.example/")
    assert "Detail" not in page.texts["contents"]
    assert "Part 8" in page.texts["contents"]


async def test_contents_of_a_flat_page_end_at_their_limit(tmp_path: Path, make_client: MakeClient) -> None:
    text = "".join(f"## Part {n}\n\nWords.\n\n" for n in range(3000))
    row = {"url": "https://flat.example/", "title": "Flat", "text": text}
    async with make_client(snapshots={"one": build(tmp_path, row)}) as client:
        page = await see(client, "/page", url="https://flat.example/")
    assert page.texts["contents"].count("Part ") == people.MAX_CONTENTS


def test_the_upper_levels_of_half_a_million_headings_are_listed() -> None:
    assert people._upper([2] * 500_000) == [(place, 0) for place in range(people.MAX_CONTENTS)]
    assert people._upper([2, *[4] * 500_000, 2, 3]) == [(0, 0), (500_001, 0), (500_002, 1)]
    assert people._upper([]) == []


async def test_every_page_is_made_beside_the_event_loop(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_in = []
    make = people._html

    def noted(template: str, status: int = 200, **values: object) -> Response:
        made_in.append(threading.current_thread())
        return make(template, status, **values)

    monkeypatch.setattr(people, "_html", noted)
    for path in ("/", "/?q=storm", "/?q=x&k=0", f"/page?url={ADA}", "/page?url=x"):
        await client.get(path)
    assert len(made_in) == 5
    assert threading.main_thread() not in made_in


# Views

BACK = '<html><head><title>Hidden</title></head><body><p>The way <a href="https://open.example/">back</a>.</p></body></html>'
HIDDEN = {"url": "https://hidden.example/", "html": BACK}
OPEN = {
    "url": "https://open.example/",
    "html": "<html><head><title>Open</title></head><body><p>Words, &lt;https://hidden.example/&gt;, "
    '<a href="https://hidden.example/">there</a> and <a href="https://good.example/a|b">friend</a>.</p></body></html>',
}
MASKED = View(exclude_urls=("https://hidden.example/",))


@asynccontextmanager
async def seen_through(view: View, snapshot: Snapshot) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the pages alone, each request with this view."""
    app = FastAPI()
    settings = ServerSettings(snapshots={"one": snapshot.path})
    add_pages(app, {"one": SearchService("one", snapshot, settings)})

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "stillweb": Call("one", view)}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver") as client:
        yield client


async def test_a_masked_page_is_as_one_of_elsewhere(tmp_path: Path) -> None:
    snapshot = build(tmp_path, HIDDEN, OPEN, FRIEND)
    async with seen_through(View(), snapshot) as client:
        page = await see(client, "/page", url=OPEN["url"])
        assert page.reading_views.count(HIDDEN["url"]) >= 2, "in the text and among the links, both ways"
    async with seen_through(MASKED, snapshot) as client:
        page = await see(client, "/page", url=OPEN["url"])
        refused = await client.get("/page", params={"url": HIDDEN["url"]})
        home = await see(client, "/")
    assert set(page.reading_views) == {FRIEND["url"]}
    assert all(a["class"] == "away" for a in page.all("a") if a["href"] == HIDDEN["url"])
    assert "link here" not in page.texts["end"]
    assert refused.status_code == 404
    assert "Hidden" not in home.texts.get("examples", "")


async def test_whether_many_pages_link_here_is_told_of_those_a_view_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "MAX_ORIGINS", 1)
    other = {**HIDDEN, "url": "https://other.example/"}
    snapshot = build(tmp_path, HIDDEN, other, OPEN)
    async with seen_through(View(), snapshot) as client:
        assert "Many pages link here" in (await see(client, "/page", url=OPEN["url"])).texts["end"]
    async with seen_through(MASKED, snapshot) as client:
        end = (await see(client, "/page", url=OPEN["url"])).texts["end"]
    assert "Many pages link here" not in end
    assert "Pages of this snapshot that link here (1)" in end


# What an agent gets


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/", {"q": 'the keeper\'s lamp; $(rm) `x` \\ "é"', "k": "2", "mode": "bm25"}),
        ("/", {"q": "storm"}),
        ("/page", {"url": ADA, "page": "1"}),
    ],
)
async def test_the_command_shown_gets_the_answer_shown(
    client: httpx.AsyncClient, path: str, params: dict[str, str]
) -> None:
    page = await see(client, path, **params)
    words = shlex.split(page.texts["command"])
    assert words[:2] == ["curl", "-s"]
    headers = dict(words[i + 1].split(": ") for i, word in enumerate(words) if word == "-H")
    body = words[words.index("-d") + 1]
    response = await client.post(urlsplit(words[2]).path, content=body.encode(), headers=headers)
    assert response.status_code == 200
    assert response.json() == orjson.loads(page.texts["json"])


async def test_a_long_answer_is_shown_as_far_as_its_limit(tmp_path: Path, make_client: MakeClient) -> None:
    row = {"url": "https://flat.example/", "title": "Flat", "text": "# A\n\n" * 3000}
    async with make_client(snapshots={"one": build(tmp_path, row)}) as client:
        page = await see(client, "/page", url=row["url"])
        short = await see(client, "/", q="zyzzyva")
        answer = (await client.post("/v1/fetch", json={"url": row["url"]})).json()
    assert page.texts["json"] == orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()[: people.MAX_JSON_CHARS]
    assert "The first 20,000 characters" in page.texts["agent"] + page.texts["faint"]
    assert "20,000" not in short.texts["main"]


async def test_the_command_names_the_token_a_server_asks_for_but_never_shows_it(make_client: MakeClient) -> None:
    async with make_client(token="s3cret") as client:
        response = await client.get("/", params={"q": "storm"}, headers={"Authorization": "Bearer s3cret"})
    assert "$STILLWEB_TOKEN" in response.text
    assert "s3cret" not in response.text


# Hostile pages


async def test_nothing_in_a_page_becomes_markup(tmp_path: Path, make_client: MakeClient) -> None:
    async with make_client(snapshots={"one": build(tmp_path, HOSTILE, FRIEND)}) as client:
        home = await see(client, "/")
        hits = await see(client, "/", q="trap <script>alert(9)</script>")
        url = next(url for url in hits.reading_views if "bad.example" in url)
        page = await see(client, "/page", url=url)
        refused = Seen(await client.get("/page", params={"url": "<script>alert(10)</script>"}))
        missed = Seen(await client.get("/page", params={"url": "https://no.example/<script>alert(11)</script>"}))
        wrong = Seen(await client.get("/", params={"q": "<script>", "k": "<script>", "mode": '"><script>'}))
    for seen in (home, hits, page, refused, missed, wrong):
        assert not seen.all("script")
        assert not seen.all("img")
        assert not any(name.startswith("on") for _, attributes in seen.elements for name in attributes)
    assert "<script>alert(4)</script>" in page.texts["text"], "it is shown, as text"
    assert "</title><script>" in page.texts["h1"]


async def test_only_web_links_become_links(tmp_path: Path, make_client: MakeClient) -> None:
    async with make_client(snapshots={"one": build(tmp_path, HOSTILE, FRIEND)}) as client:
        (url,) = [row["url"] for row in (await client.get("/v1/documents?domain=bad.example")).json()["documents"]]
        page = await see(client, "/page", url=url)
    assert all(re.match(r"/|#|https://", href) for href in page.hrefs), page.hrefs
    assert "https://away.example/x?a=1&b=2" in page.hrefs
    assert "/relative" not in page.hrefs
    assert page.reading_views == ["https://good.example/a|b"]


async def test_pages_load_nothing_and_forbid_loading(client: httpx.AsyncClient) -> None:
    for path in ("/", "/?q=storm", f"/page?url={ADA}", "/page?url=x"):
        response = await client.get(path)
        seen = Seen(response)
        assert not [tag for tag, attributes in seen.elements if "src" in attributes]
        assert all(link["href"].startswith("data:") for link in seen.all("link"))
        assert "url(" not in response.text.partition("</style>")[0]
        assert response.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert response.headers["referrer-policy"] == "no-referrer"


# Several snapshots


async def test_links_keep_the_prefix_of_a_snapshot(tmp_path: Path, make_client: MakeClient, tiny: Snapshot) -> None:
    rows = [
        FRIEND,
        {**FRIEND, "url": "https://good.example/2", "title": "Two", "text": "[x](https://good.example/a|b)"},
    ]
    async with make_client(snapshots={"tiny": tiny, "other one": build(tmp_path, *rows)}) as client:
        root = await see(client, "/")
        assert "/s/other%20one/" in root.hrefs
        assert (await see(client, "/s/tiny/")).hrefs == root.hrefs, "the first snapshot's pages lead to the root"
        home = await see(client, "/s/other one/")
        hits = await see(client, "/s/other one/", q="page beside the trap")
        page = await see(client, "/s/other one/page", url="https://good.example/2")
        refused = Seen(await client.get("/s/other one/page", params={"url": ADA}))
        assert home.hrefs.count("/") == 1, "the way back to the first snapshot"
        home.elements = [(tag, a) for tag, a in home.elements if a.get("href") != "/"]
        for seen in (home, hits, page, refused):
            kept = [h for h in seen.hrefs if not h.startswith(("#", "https://"))]
            assert kept
            assert all(h.startswith("/s/other%20one/") for h in kept), kept
            assert [form["action"] for form in seen.all("form")] == ["/s/other%20one/"]
        for href in hits.hrefs + page.hrefs + home.hrefs:
            if href.startswith("/"):
                assert (await client.get(href)).status_code == 200, href
        assert "/s/other%20one/v1/search" in hits.texts["command"]


# Refusals


@pytest.mark.parametrize(
    ("path", "params", "status", "words"),
    [
        ("/", {"q": "x", "k": "abc"}, 422, "k cannot be 'abc'. Give a number"),
        ("/", {"q": "x", "k": "0"}, 422, "k cannot be '0'. Give a number of results from 1."),
        ("/", {"q": "x", "k": "100000"}, 422, "k: 100,000 is over the limit of 1,000."),
        ("/", {"q": "x", "k": "9" * 5000}, 422, "k cannot be '999"),
        ("/", {"q": "x", "mode": "telepathy"}, 422, "Choose bm25, dense or hybrid."),
        ("/", {"q": "x" * 9000}, 422, "over the limit of 8,192"),
        ("/page", {}, 422, "no absolute URL"),
        ("/page", {"url": "javascript:alert(1)"}, 422, "which is no web page"),
        ("/page", {"url": "https://nowhere.example/"}, 404, "No page 'https://nowhere.example/' in this snapshot."),
        ("/page", {"url": ADA, "page": "99"}, 404, "Ask for page 1 to 1."),
        ("/page", {"url": ADA, "page": "0"}, 422, "page cannot be '0'. Give the number of a part, from 1."),
        ("/page", {"url": ADA, "page": "two"}, 422, "page cannot be 'two'."),
    ],
)
async def test_a_refusal_is_a_page_that_says_why(
    client: httpx.AsyncClient, path: str, params: dict[str, str], status: int, words: str
) -> None:
    response = await client.get(path, params=params)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    page = Seen(response)
    assert words in page.texts["problem"]
    assert page.all("form"), "from here one can search again"


async def test_a_mode_without_vectors_is_refused_in_words(tmp_path: Path, make_client: MakeClient) -> None:
    async with make_client(snapshots={"one": build(tmp_path, FRIEND)}) as client:
        response = await client.get("/", params={"q": "x", "mode": "dense"})
        assert [option["value"] for option in (await see(client, "/")).all("option")] == ["bm25"]
    assert response.status_code == 422
    assert "built without vectors" in Seen(response).texts["problem"]


@pytest.mark.parametrize(
    "value", ["\x00", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "%", "[" * 500]
)
async def test_no_value_is_a_server_error(client: httpx.AsyncClient, value: str) -> None:
    for path in ("/", "/page"):
        for name in ("q", "url", "k", "mode", "page"):
            params = {"q": "storm", "url": ADA, name: value}
            assert (await client.get(path, params=params)).status_code in (200, 404, 422)
