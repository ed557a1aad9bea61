"""A page's whole text, read without its lists, is what a fetch as text gives."""

from __future__ import annotations

import orjson
import pytest

from corpus import Snapshot, build_snapshot, open_snapshot
from corpus.errors import PageNotFound
from env_server.schemas import FetchRequest, PageRef
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.trace import begin_trace
from env_server.view import EMPTY_VIEW, View
from env_server.weather.content import ContentFault

TAGS = ("en", "pt-BR", "", "zh_Hans", 'e"n', 'x",null,"en', "日本語", "e\\n", "a" * 300, "[]", None)
FETCHED = ("2024-05-01T00:00:00Z", None)
ALIASES: tuple[list[str], ...] = ([], ["https://tags.example/alias/%d"], ["https://tags.example/alias/%d/[]]"])


@pytest.fixture(scope="module")
def tags(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Pages with every language above, fetched or not, with and without aliases, with links and pictures."""
    folder = tmp_path_factory.mktemp("tags")
    rows: list[dict[str, object]] = []
    for tag in TAGS:
        for fetched_at in FETCHED:
            for aliases in ALIASES:
                number = len(rows)
                row: dict[str, object] = {
                    "url": f"https://tags.example/{number}",
                    "title": f"Page {number}",
                    "text": f"Harbour {number}. " * (1 + number * 7 % 40),
                    "language": tag,
                    "fetched_at": fetched_at,
                    "aliases": [alias % number if "%d" in alias else alias for alias in aliases],
                    "links": [{"url": "https://tags.example/0", "anchor": "Harbour"}],
                    "images": [{"url": f"https://tags.example/{number}.png", "alt": 'a "picture"', "caption": ""}],
                }
                rows.append({name: value for name, value in row.items() if value is not None})
    (folder / "pages.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    build_snapshot([str(folder / "pages.jsonl")], folder / "out")
    return open_snapshot(folder / "out")


def test_the_language_is_that_of_the_body(tags: Snapshot) -> None:
    store = tags.store
    found = [store.language_tag(number) for number in range(len(store))]
    assert found == [store.body(number).language for number in range(len(store))]
    assert len(store) == len(TAGS) * len(FETCHED) * len(ALIASES)
    assert {"en", "pt-BR", None} < set(found)


@pytest.mark.parametrize("max_page_chars", [120, 1_000_000])
@pytest.mark.parametrize(
    "view",
    [EMPTY_VIEW, View(page_chars=100), View(content_fault=ContentFault("captcha")), View(exclude_urls=("https://x/",))],
    ids=["clear", "short", "captcha", "masked"],
)
def test_it_is_what_a_fetch_as_text_gives(tags: Snapshot, view: View, max_page_chars: int) -> None:
    service = SearchService("tags", tags, ServerSettings(snapshots={"tags": tags.path}, max_page_chars=max_page_chars))
    for number in range(0, len(tags.store), 5):
        doc_id = tags.store.doc_id(number)
        request = FetchRequest(doc_id=doc_id, format="text", page_chars=max_page_chars)
        fetched_trace = begin_trace()
        fetched = service.reader.fetch(request, request, view)
        trace = begin_trace()
        whole = service.reader.whole_text(PageRef(doc_id=doc_id), view)
        assert {
            name: fetched[name] for name in ("doc_id", "url", "title", "text", "date", "language")
        }.items() <= whole.items()
        assert trace.opened == fetched_trace.opened


def test_a_masked_page_is_not_there(tags: Snapshot) -> None:
    service = SearchService("tags", tags, ServerSettings(snapshots={"tags": tags.path}))
    url, doc_id = tags.store.head(3)[0], tags.store.doc_id(3)
    assert service.reader.whole_text(PageRef(url=url), EMPTY_VIEW)["doc_id"] == doc_id
    with pytest.raises(PageNotFound):
        service.reader.whole_text(PageRef(url=url), View(exclude_urls=(url,)))
