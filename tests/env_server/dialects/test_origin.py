"""Pages at their own addresses, by Host header and through a real proxy connection."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import Snapshot, open_snapshot
from corpus.build import build_snapshot
from corpus.records import Document
from env_server.dialects.dialect import Asked
from env_server.dialects.origin import ORIGIN, page
from env_server.errors import EnvServerError, problem_of
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.view import EMPTY_VIEW, View
from tests.conftest import MakeClient

HARBOUR = "/places/harbour"
HOST = {"host": "tiny.example"}


async def test_a_page_comes_as_html_with_its_title_and_links(client: httpx.AsyncClient) -> None:
    answer = await client.get(HARBOUR, headers=HOST)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<html" in answer.text
    assert 'href="' in answer.text


async def test_what_a_client_has_already_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get(HARBOUR, headers=HOST)
    again = await client.get(HARBOUR, headers={**HOST, "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = await client.get(HARBOUR, headers={**HOST, "if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


async def test_head_has_the_headers_and_no_body(client: httpx.AsyncClient) -> None:
    whole, head = await client.get(HARBOUR, headers=HOST), await client.head(HARBOUR, headers=HOST)
    assert head.content == b""
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize("path", ["/nope", "/v1/search", "/health", "/%ff%00", "/a?b=%zz", "/serper/search"])
async def test_a_page_that_is_not_there_is_a_404_in_html(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=HOST)
    assert answer.status_code == 404
    assert "<h1>404</h1>" in answer.text


async def test_a_page_cannot_be_written_to(client: httpx.AsyncClient) -> None:
    assert (await client.post(HARBOUR, headers=HOST, json={})).status_code == 405


async def test_a_path_that_holds_html_is_shown_as_text(client: httpx.AsyncClient) -> None:
    answer = await client.get("/%3Cscript%3Ealert(1)%3C/script%3E", headers=HOST)
    assert "<script>" not in answer.text


async def test_the_pages_of_every_snapshot_are_served(make_client: MakeClient, tiny: Snapshot, other: Snapshot) -> None:
    async with make_client(snapshots={"tiny": tiny, "other": other}) as client:
        answer = await client.get("/deep/page?q=1", headers={"host": "other.example"})
        assert answer.status_code == 200
        assert answer.headers["x-stillweb-snapshot"] == other.snapshot_id
        assert "<b>kept</b>" in answer.text


@pytest.fixture
def other(tmp_path: Path) -> Snapshot:
    """One page with its HTML kept, and its query string a part of its URL."""
    source = tmp_path / "pages.jsonl"
    html = "<html><body><p>Some words that were <b>kept</b> for whoever asks for the page itself.</p></body></html>"
    source.write_text(
        '{"url": "http://other.example/deep/page?q=1", "html": ' + repr(html).replace("'", '"') + "}\n", "utf-8"
    )
    build_snapshot([str(source)], tmp_path / "other")
    return open_snapshot(tmp_path / "other")


def asked(web: Snapshot, path: str, view: View) -> Asked:
    service = SearchService("tiny", web, ServerSettings(snapshots={"tiny": web.path}))
    return Asked(service, view, "GET", path, path, "", "", b"", {"host": "tiny.example"})


def test_a_masked_page_is_not_there_and_no_page_links_to_it(tiny: Snapshot) -> None:
    documents = [tiny.document(doc_id=tiny.store.doc_id(number)) for number in range(len(tiny.store))]
    linking, target = next(_links_within(documents))
    assert _path(target) in page(asked(tiny, _path(linking), EMPTY_VIEW)).body.decode()
    masked = View(exclude_urls=(target,))
    with pytest.raises(Exception, match="No page"):
        page(asked(tiny, _path(target), masked))
    assert _path(target) not in page(asked(tiny, _path(linking), masked)).body.decode()


def _links_within(documents: list[Document]):  # type: ignore[no-untyped-def]
    urls = {document.url for document in documents}
    for document in documents:
        for link in document.links:
            if link.url in urls and link.url != document.url and link.start is not None:
                yield document.url, link.url


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


_pieces = st.sampled_from(
    ["/", "?", "#", "%", "..", "//", ";", "\x00", "\ud800", "é", "places", "harbour", ":", "@", "[::1]"]
)


@settings(max_examples=100, deadline=None)
@given(
    path=st.lists(_pieces | st.text(max_size=8), max_size=12).map("".join),
    host=st.sampled_from(
        ["tiny.example", "", "tiny.example:99999", "[::1", "a b", "\x00", "x" * 300, "münchen.example"]
    ),
)
def test_no_address_ends_in_a_5xx(tiny: Snapshot, path: str, host: str) -> None:
    target = "/" + quote(path.encode("utf-8", "surrogatepass"), safe="/?%;:@[]")
    service = SearchService("tiny", tiny, ServerSettings(snapshots={"tiny": tiny.path}))
    raw, _, query = target.partition("?")
    try:
        reply = page(Asked(service, EMPTY_VIEW, "GET", unquote(raw), target, query, "", b"", {"host": host}))
    except Exception as error:
        reply = ORIGIN.refuse(problem_of(error))
    assert reply.status < 500


def test_refusals_keep_their_status() -> None:
    for status in (401, 405, 413, 503):
        problem = EnvServerError(status, "code", "What happened.", "What to do.").problem
        reply = ORIGIN.refuse(problem)
        assert reply.status == status
        assert b"What happened. What to do." in reply.body
