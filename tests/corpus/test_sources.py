"""Sources: every row or file becomes a Document or a Skipped with a reason, and reading resumes where it stopped."""

from __future__ import annotations

import gzip
import itertools
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from corpus.errors import BadSource
from corpus.extract import MAX_TITLE_CHARS
from corpus.records import Document, Image, Link, Skipped
from corpus.sources import KINDS, describe_source, guess_kind, jsonl, read_source
from corpus.sources.anchors import place_links
from corpus.sources.folder import read_folder
from corpus.sources.jsonl import read_jsonl
from corpus.sources.snapshot import snapshot_at

TINY_WEB = Path(__file__).parents[1] / "tiny_web"
ADA = "https://tiny.example/people/ada"


def rows(count: int) -> bytes:
    return b"".join(
        json.dumps({"url": f"https://a.example/{n}", "title": f"T{n}", "text": f"text {n} " * 50}).encode() + b"\n"
        for n in range(count)
    )


def written(folder: Path, *lines: object, name: str = "docs.jsonl") -> str:
    path = folder / name
    path.write_bytes(b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines) + b"\n")
    return str(path)


def only(items: Iterator[Document | Skipped]) -> Document:
    (item,) = items
    assert isinstance(item, Document), item
    return item


# -- the seam


def test_kinds_are_told_from_names(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.gz", "C.JSONL.ZST", "d.json", "e.ndjson"):
        (tmp_path / name).touch()
        assert guess_kind(str(tmp_path / name)) == "jsonl"
    assert guess_kind(str(TINY_WEB)) == "folder"
    assert set(KINDS) >= {"factbook", "folder", "jsonl", "mediawiki", "parquet", "warc", "zim"}


def test_a_kind_can_be_named_for_a_file_called_otherwise(tmp_path: Path) -> None:
    path = written(tmp_path, {"url": "https://a.example/", "text": "x"}, name="docs.txt")
    with pytest.raises(BadSource, match=r"jsonl:.*docs\.txt"):
        read_source(path)
    assert only(read_source(f"jsonl:{path}")).url == "https://a.example/"


@pytest.mark.parametrize(
    "spec",
    [
        "no/such/path",
        "no/such.jsonl",
        "jsonl:no/such.jsonl",
        "jsonl:",
        "folder:no/such",
        "nokind:x",
        "",
        "https://a.example/",
    ],
)
def test_a_source_that_is_not_there_is_refused_at_once(spec: str) -> None:
    with pytest.raises(BadSource):
        read_source(spec)


def test_a_folder_without_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="holds no"):
        read_source(str(tmp_path))


# -- JSONL rows


def test_a_full_row_keeps_everything(tmp_path: Path) -> None:
    row = {
        "url": "HTTPS://A.example/p#x",
        "title": " A  title ",
        "text": "See the harbour,\r\nthe lighthouse and the harbour.",
        "links": ["/harbour", "https://b.example/light", "mailto:x@y.z", "/gone"],
        "anchors": ["harbour", "lighthouse", "harbour", "museum"],
        "date": "2014-06-07T23:30:00-05:00",
        "images": [{"src": "/i.png", "alt": "I", "caption": "C"}, {"file": "images/f.png"}, "j.png", {"src": "data:,"}],
        "language": "en",
        "fetched_at": "2024-01-02T03:04:05Z",
        "aliases": ["http://a.example/p", "https://a.example/p", "bad url://"],
        "html": "<p>stored",
    }
    text = "See the harbour,\nthe lighthouse and the harbour."
    (page, picture) = read_jsonl(written(tmp_path, row))
    assert picture == Skipped("docs.jsonl:1 images/f.png", "there is no such file")
    assert page == Document(
        url="https://a.example/p",
        title="A title",
        text=text,
        links=(
            Link("https://a.example/harbour", "harbour", 8, 15),
            Link("https://b.example/light", "lighthouse", 21, 31),
            Link("https://a.example/gone", "museum"),
        ),
        images=(
            Image("https://a.example/i.png", "I", "C"),
            Image("https://a.example/images/f.png"),
            Image("https://a.example/j.png"),
        ),
        date="2014-06-08",
        fetched_at="2024-01-02T03:04:05Z",
        language="en",
        html="<p>stored",
        aliases=("http://a.example/p",),
    )


def test_a_row_with_html_is_extracted(tmp_path: Path) -> None:
    page = only(read_jsonl(written(tmp_path, {"url": "https://a.example/p", "html": "<h1>H</h1><a href=q>q</a>"})))
    assert (page.title, page.text) == ("H", "# H\n\nq")
    assert page.links == (Link("https://a.example/q", "q", 5, 6),)


def test_beir_and_search_r1_rows_get_stable_urls(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"_id": "a/b ü", "title": "T", "text": "x"},
        {"id": 7, "contents": '"Quoted title"\nbody\nmore'},
        {"id": "8", "contents": "only a line"},
    )
    pages = [page for page in read_jsonl(path) if isinstance(page, Document)]
    assert [(page.url, page.title, page.text) for page in pages] == [
        ("https://beir.invalid/a%2Fb%20%C3%BC", "T", "x"),
        ("https://passages.invalid/7", "Quoted title", "body\nmore"),
        ("https://passages.invalid/8", "only a line", "only a line"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"url": "https://a.example/", "text": ', "broken JSON"),
        (b"[" * 100_000, "broken JSON"),
        (b'["a"]', "no JSON object"),
        ({"text": "x"}, "no url"),
        ({"url": None, "text": "x"}, "no url"),
        ({"_id": "..", "text": "x"}, "no url"),
        ({"url": "https://a.example/"}, "no text"),
        ({"url": "https://a.example/", "text": " \n"}, "no text"),
        ({"url": "https://a.example/", "text": ["x"]}, "no text"),
        ({"url": "https://a.example/", "html": "<nav>x"}, "no text"),
        ({"url": "ftp://a.example/", "text": "x"}, "scheme"),
        ({"url": "here", "text": "x"}, "absolute"),
    ],
)
def test_a_bad_row_is_skipped_with_its_line_and_the_next_is_read(tmp_path: Path, line: object, reason: str) -> None:
    path = written(tmp_path, b"", line, {"url": "https://a.example/", "text": "x"})
    skipped, page = read_jsonl(path)
    assert isinstance(skipped, Skipped)
    assert skipped.where == "docs.jsonl:2"
    assert reason in skipped.reason
    assert isinstance(page, Document)


def test_odd_bytes_are_cleaned_and_do_not_stop_the_reading(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        b'\xef\xbb\xbf{"url": "https://a.example/1", "text": "a\\u0000b\\ud800c"}\r',
        b'{"url": "https://a.example/2", "text": "caf\xe9"}',
    )
    pages = [page for page in read_jsonl(path) if isinstance(page, Document)]
    assert [page.text for page in pages] == ["ab\ufffdc", "caf\ufffd"]


def test_an_overlong_line_is_skipped_in_flat_memory(tmp_path: Path) -> None:
    path = written(tmp_path, b"x" * 20_000_000, {"url": "https://a.example/", "text": "x"})
    tracemalloc.start()
    skipped, page = read_jsonl(path, max_line_bytes=1_000_000)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert skipped == Skipped("docs.jsonl:1", "the line is longer than 1,000,000 bytes")
    assert isinstance(page, Document)
    assert peak_bytes < 5_000_000


def test_titles_are_bounded_and_folded(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"url": "https://a.example/", "title": "long " * 1000, "text": "x"},
        {"id": 1, "contents": f"two  {'words ' * 1000}\nbody"},
    )
    for page in read_jsonl(path):
        assert isinstance(page, Document)
        assert 490 < len(page.title) <= MAX_TITLE_CHARS
        assert page.title == " ".join(page.title.split())


def test_an_unforeseen_error_costs_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Document:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(jsonl, "extract_html", broken)
    path = written(tmp_path, {"url": "https://a.example/", "html": "<p>x"}, {"url": "https://a.example/", "text": "x"})
    first, second = read_jsonl(path)
    assert first == Skipped("docs.jsonl:1", "the page cannot be read: nobody thought of this")
    assert isinstance(second, Document)


def test_a_link_that_says_where_it_starts_keeps_its_anchor(tmp_path: Path) -> None:
    links = [
        {"url": "/a", "anchor": "two\n words", "start": 0},
        {"url": "/b", "anchor": "more", "start": None},
        {"url": "/c", "anchor": " more "},
    ]
    page = only(
        read_jsonl(written(tmp_path, {"url": "https://a.example/", "text": "two\n words more", "links": links}))
    )
    assert page.links == (
        Link("https://a.example/a", "two\n words", 0, 10),
        Link("https://a.example/c", "more", 11, 15),
        Link("https://a.example/b", "more"),
    )


# -- files, packed and broken


def test_packed_files_read_like_plain_ones(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(rows(300))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(rows(200)) + gzip.compress(rows(300)[len(rows(200)) :]))
    frames = [zstandard.compress(rows(300)[at : at + 1000]) for at in range(0, len(rows(300)), 1000)]
    (tmp_path / "a.jsonl.zst").write_bytes(b"".join(frames))
    plain, *packed = [list(read_source(str(tmp_path / f"a.jsonl{end}"))) for end in ("", ".gz", ".zst")]
    assert len(plain) == 300
    assert packed == [plain, plain]


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_a_truncated_file_gives_what_it_has_and_says_that_it_ends_early(tmp_path: Path, packing: str) -> None:
    noise = "".join(f"{n * n % 7919} " for n in range(20_000))  # so that the loss is in the middle of many blocks
    data = b"".join(
        json.dumps({"url": f"https://a.example/{n}", "text": noise[n * 50 :][:2000]}).encode() + b"\n"
        for n in range(1000)
    )
    packed = gzip.compress(data) if packing == "gz" else zstandard.compress(data)
    path = tmp_path / f"a.jsonl.{packing}"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    *pages, last = read_jsonl(str(path))
    assert len(pages) > 100
    assert all(isinstance(page, Document) for page in pages)
    assert isinstance(last, Skipped)
    assert last.where == f"a.jsonl.{packing}:{len(pages) + 1}"
    assert last.reason.startswith(f"the file ends early, after {len(pages):,} rows")
    for skip in (len(pages) - 1, len(pages), len(pages) + 1):
        assert list(read_jsonl(str(path), skip=skip)) == [*pages, last][skip:]


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_a_damaged_file_is_told_from_one_that_ends_early(tmp_path: Path, packing: str) -> None:
    packed = gzip.compress(rows(300)) if packing == "gz" else zstandard.compress(rows(300))
    path = tmp_path / f"a.jsonl.{packing}"
    path.write_bytes(packed + b"garbage beyond the end")
    *pages, last = read_jsonl(str(path))
    assert len(pages) == 300
    assert isinstance(last, Skipped)
    assert "damaged" in last.reason


def test_an_empty_file_has_no_pages(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.jsonl.gz", "a.jsonl.zst"):
        (tmp_path / name).touch()
        assert list(read_source(str(tmp_path / name))) == []


@pytest.mark.parametrize("skip", [0, 1, 3, 4, 5, 9])
def test_skip_resumes_exactly(tmp_path: Path, skip: int) -> None:
    good = {"url": "https://a.example/", "text": "x"}
    path = written(tmp_path, good, b"{", b"", {"text": "x"}, good, b"x" * 2000)
    assert list(read_jsonl(path, max_line_bytes=1000, skip=skip)) == list(read_jsonl(path, max_line_bytes=1000))[skip:]
    assert list(read_folder(str(TINY_WEB), skip=skip)) == list(read_folder(str(TINY_WEB)))[skip:]


# -- anchors


def placed(text: str, *anchors: str) -> list[tuple[str, int | None]]:
    links = place_links(text, [Link("https://a.example/", anchor) for anchor in anchors])
    for link in links:
        assert link.start is None or text[link.start : link.end] == link.anchor
    return [(link.anchor, link.start) for link in links]


def test_anchors_are_found_as_whole_words_in_the_order_of_the_links() -> None:
    assert placed("Cart, Car and Art, Car", "Art", "Car") == [("Art", 14), ("Car", 19)]
    assert placed("Cart, Car", "Car", "Cart") == [("Cart", 0), ("Car", 6)]
    assert placed("C++ (see D) é日本語é", "D", "(see", "本", "é") == [("(see", 4), ("D", 9), ("本", 14), ("é", 16)]


def test_an_anchor_that_is_taken_or_missing_has_no_place() -> None:
    assert placed("New York City", "New York", "York", "", "Paris") == [
        ("New York", 0),
        ("York", None),
        ("", None),
        ("Paris", None),
    ]


def test_given_spans_stand_only_where_they_are_exact_and_free() -> None:
    links = [Link("https://a.example/", "one", start, 0) for start in (8, 8, 1, -4, 99)]
    assert [link.start for link in place_links("one two one", links)] == [0, 8, None, None, None]


def test_placing_many_links_in_a_long_text_is_quick() -> None:
    text = "the ship of the harbour " * 40_000
    links = [Link("https://a.example/", f"the ship of {n}") for n in range(2000)]
    assert all(link.start is None for link in place_links(text, links))


# -- HTML folders


def test_the_tiny_web_is_twelve_linked_pages_known_by_heart() -> None:
    pages = {page.url: page for page in read_source(str(TINY_WEB)) if isinstance(page, Document)}
    assert len(pages) == 12
    assert pages[ADA].title == "Ada Quill, cartographer"
    assert not [url for url, page in pages.items() if "cartographer" in page.text.lower()]
    assert [url for url, page in pages.items() if "cartographer" in page.title] == [ADA]
    links = {(url, link.url) for url, page in pages.items() for link in page.links}
    assert [target for _, target in sorted(links) if target not in pages] == [
        "https://www.example.org/societies/geography"
    ]
    assert {target for _, target in links} >= set(pages) - {"https://tiny.example/news/lamp-is-lit-again"}
    assert sum(page.date is None for page in pages.values()) == 3
    assert "| Kelp bread | Osk Bakery | 2 crowns |" in pages["https://tiny.example/places/market"].text
    assert not [url for url, page in pages.items() if "Imprint" in page.text or "Cookie" in page.text]
    for page in pages.values():
        assert all(page.text[link.start : link.end] == link.anchor for link in page.links)


def test_a_pages_url_is_what_it_declares_else_its_place(tmp_path: Path) -> None:
    root = tmp_path / "My Pages"
    for name, head in {
        "a.example/index.html": "",
        "a.example/b c.htm": "<meta property=og:url content=https://c.example/og>",
        "a.example/d/INDEX.HTML": "<link rel=canonical href=/relative>",
        "a.example/e.xhtml": "<link rel='canonical' href='https://c.example/e#x'><meta property=og:url content=https://x.example>",
        "v1.2/index.html": "",
        "f.html": "",
        "g.bin": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{head}<title>t</title><body>x")
    assert [(page.url, page.aliases) for page in read_source(str(root)) if isinstance(page, Document)] == [
        ("https://c.example/og", ("https://a.example/b%20c.htm",)),
        ("https://a.example/d/", ()),
        ("https://c.example/e", ("https://a.example/e.xhtml",)),
        ("https://a.example/", ()),
        ("https://my-pages.invalid/f.html", ()),
        ("https://my-pages.invalid/v1.2/", ()),
    ]


def test_files_that_cannot_be_pages_are_skipped_by_name(tmp_path: Path) -> None:
    (tmp_path / "dangling.html").symlink_to(tmp_path / "gone")
    (tmp_path / "empty.html").touch()
    with open(tmp_path / "huge.html", "wb") as file:
        file.truncate(50 * 1024**2)
    (tmp_path / "page.html").write_bytes(b"caf\xe9")
    dangling, empty, huge, page = read_source(str(tmp_path))
    assert dangling == Skipped("dangling.html", "the file cannot be read: No such file or directory")
    assert empty == Skipped("empty.html", "no text after extraction")
    assert isinstance(huge, Skipped)
    assert "52,428,800" in huge.reason
    assert isinstance(page, Document)
    assert page.text == "caf\ufffd"


# -- real data


@pytest.mark.shared_data
def test_real_pages_keep_their_links_with_exact_spans(shared_data: Path) -> None:
    for name, share in (("wtq", 0.5), ("foldoc", 0.9)):
        items = list(itertools.islice(read_source(str(shared_data / name / "docs.jsonl.zst")), 300))
        pages = [page for page in items if isinstance(page, Document)]
        assert len(pages) == 300
        links = [(page, link) for page in pages for link in page.links]
        inside = [(page, link) for page, link in links if link.start is not None]
        assert all(page.text[link.start : link.end] == link.anchor for page, link in inside)
        assert len(inside) > share * len(links)


def test_the_folder_of_a_web_app_is_a_folder_of_pages(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "An app", "icons": []}')
    (tmp_path / "index.html").write_text("<title>Harbour</title><p>Boats at the pier.</p>")
    assert describe_source(str(tmp_path))[0] == "folder"
    assert snapshot_at(str(tmp_path)) is None
    (page,) = read_source(str(tmp_path))
    assert isinstance(page, Document)
