"""Sources of every kind side by side: pages and pictures, under URLs that join, resumed anywhere."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from libzim.writer import Creator, Hint, Item, StringProvider
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from corpus import BuildOptions, Document, Skipped, build_snapshot, open_snapshot, read_source
from corpus.records import Image, Picture
from corpus.sources import describe_source
from corpus.sources.pictures import MAX_PICTURE_BYTES, media_type_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
GIF = b"GIF89a" + bytes(8)
SVG = b'<?xml version="1.0"?>\n<!-- a flag -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'


def pictures(spec: str | Path) -> list[Picture]:
    return [item for item in read_source(str(spec)) if isinstance(item, Picture)]


def documents(spec: str | Path) -> list[Document]:
    return [item for item in read_source(str(spec)) if isinstance(item, Document)]


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


class Page(Item):  # type: ignore[misc]  # the library has no types
    def get_path(self) -> str:
        return "Ada"

    def get_title(self) -> str:
        return "Ada"

    def get_mimetype(self) -> str:
        return "text/html"

    def get_contentprovider(self) -> StringProvider:
        return StringProvider("<p>From a ZIM file.")

    def get_hints(self) -> dict[Hint, bool]:
        return {}


def every_kind(root: Path) -> dict[str, str]:
    """One source of each kind, each with one page."""
    write(root / "site/a.html", "<p>From a folder.<img src=p.png>")
    write(root / "site/p.png", PNG)
    with open(root / "web.warc.gz", "wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url, kind, body in (
            ("http://w.example/", "text/html", b"<p>From a WARC."),
            ("http://w.example/i", "", GIF),
        ):
            headers = StatusAndHeaders("200 OK", [("Content-Type", kind)] if kind else [], protocol="HTTP/1.1")
            record = writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=headers)
            writer.write_record(record)
    with Creator(root / "wiki.zim") as creator:
        creator.add_item(Page())
    write(
        root / "dump.xml",
        "<mediawiki><siteinfo><base>https://x.example/wiki/Main</base></siteinfo><page><title>T</title><ns>0</ns>"
        "<revision><text>From a dump.</text></revision></page></mediawiki>",
    )
    row = {"url": "https://j.example/p", "text": "From JSON lines.", "images": [{"file": "flags/f.svg"}]}
    write(root / "docs.jsonl", json.dumps(row) + "\n")
    write(root / "flags/f.svg", SVG)
    pyarrow.parquet.write_table(
        pyarrow.table({"url": ["https://t.example/"], "text": ["From a table."]}), root / "t.parquet"
    )
    names = {"folder": "site", "warc": "web.warc.gz", "zim": "wiki.zim", "mediawiki": "dump.xml"}
    names |= {"jsonl": "docs.jsonl", "parquet": "t.parquet"}
    return {kind: str(root / name) for kind, name in names.items()}


def test_every_kind_is_read_through_one_door_and_resumes_anywhere(tmp_path: Path) -> None:
    sources = every_kind(tmp_path)
    assert [describe_source(spec)[0] for spec in sources.values()] == list(sources)
    items = {kind: list(read_source(spec)) for kind, spec in sources.items()}
    assert [item.text for found in items.values() for item in found if isinstance(item, Document)] == [
        "From a folder.", "From a WARC.", "From a ZIM file.", "From a dump.", "From JSON lines.", "From a table.",
    ]  # fmt: skip
    assert [(item.url, item.media_type) for found in items.values() for item in found if isinstance(item, Picture)] == [
        ("https://site.invalid/p.png", "image/png"),
        ("http://w.example/i", "image/gif"),
        ("https://j.example/flags/f.svg", "image/svg+xml"),
    ]
    for kind, spec in sources.items():
        for skip in range(len(items[kind]) + 2):
            assert list(read_source(spec, skip=skip)) == items[kind][skip:], (kind, skip)


# -- pictures beside pages


@pytest.mark.parametrize(
    ("page", "head", "source", "file", "url"),
    [
        ("a.example/d/p.html", "", "i/x.png", "a.example/d/i/x.png", "https://a.example/d/i/x.png"),
        ("a.example/d/p.html", "", "/x.png", "a.example/x.png", "https://a.example/x.png"),
        ("a.example/p.html", "", "x.png?v=2", "a.example/x.png?v=2", "https://a.example/x.png%3Fv%3D2"),
        ("a.example/p.html", "", "a,b%20c.png", "a.example/a,b c.png", "https://a.example/a%2Cb%20c.png"),
        ("d/p.html", "https://c.example/e/f", "../i/x.png", "i/x.png", "https://my-pages.invalid/i/x.png"),
        ("d/p.html", "https://c.example/e/f", "p_files/x.png", "d/p_files/x.png",
         "https://my-pages.invalid/d/p_files/x.png"),
        ("d/p.html", "https://c.example/e/f", "/x.png", "x.png", "https://my-pages.invalid/x.png"),
        ("d/p.html", "https://c.example/e/f", "https://c.example/x.png", "c.example/x.png", "https://c.example/x.png"),
    ],
)  # fmt: skip
def test_a_pages_reference_finds_the_file_it_means(
    tmp_path: Path, page: str, head: str, source: str, file: str, url: str
) -> None:
    root = tmp_path / "My Pages"
    write(root / page, (f"<link rel=canonical href={head}>" if head else "") + f"<body>x<img src='{source}'>")
    write(root / file, PNG)
    assert [image.url for document in documents(root) for image in document.images] == [url]
    assert [picture.url for picture in pictures(root)] == [url]


def test_a_reference_to_no_file_stays_as_it_is(tmp_path: Path) -> None:
    write(
        tmp_path / "p.html",
        "<link rel=canonical href=https://c.example/e/f>x<img src=y.png><img src=//o.example/x.png>",
    )
    write(tmp_path / "x.png", PNG)
    (page,) = documents(tmp_path)
    assert [image.url for image in page.images] == ["https://c.example/e/y.png", "https://o.example/x.png"]


def test_pictures_of_a_folder_that_are_none_are_told_with_their_reason(tmp_path: Path) -> None:
    root = tmp_path / "site"
    write(root / "p.html", "x")
    write(root / "empty.png", b"")
    write(root / "words.jpg", "no picture")
    write(tmp_path / "outside.png", PNG)
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    (root / "round.png").symlink_to(root / "round.png")
    os.mkfifo(root / "pipe.png")
    with open(root / "huge.png", "wb") as file:
        file.truncate(MAX_PICTURE_BYTES + 1)
    told = {item.where: item.reason for item in read_source(str(root)) if isinstance(item, Skipped)}
    assert told["empty.png"] == "the picture is empty"
    assert told["words.jpg"] == "its bytes are no picture of a known kind"
    assert told["link.png"] == "the path leads out of the folder of its source"
    assert told["pipe.png"] == "there is no such file"
    assert "16,777,217 bytes" in told["huge.png"]
    assert "round.png" in told
    assert not pictures(root)


def test_pictures_of_a_json_line_follow_its_page(tmp_path: Path) -> None:
    images = [
        {"file": "i/a b#1.png", "alt": "A"},
        {"src": "https://o.example/o.png", "file": "i/a b#1.png"},
        {"file": "i/gone.png"},
        {"file": "i/a b#1.png"},
    ]
    rows = [
        {"url": "https://j.example/d/p", "text": "x", "images": images},
        {"url": "https://j.example/q", "text": "y"},
    ]
    path = write(tmp_path / "docs.jsonl", "\n".join(map(json.dumps, rows)))
    write(tmp_path / "i/a b#1.png", PNG)
    page, first, second, gone, last = items = list(read_source(str(path)))
    assert isinstance(page, Document)
    assert page.images[0] == Image("https://j.example/d/i/a%20b%231.png", "A")
    assert first == Picture(page.images[0].url, "image/png", PNG)
    assert second == Picture("https://o.example/o.png", "image/png", PNG)
    assert gone == Skipped("docs.jsonl:1 i/gone.png", "there is no such file")
    assert isinstance(last, Document)
    for skip in range(7):
        assert list(read_source(str(path), skip=skip)) == items[skip:]


@pytest.mark.parametrize(
    "file", ["../secret.png", "/etc/passwd", "a/../../secret.png", "out.png", "//h/x.png", "a\0.png"]
)
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, file: str) -> None:
    write(tmp_path / "secret.png", PNG)
    row = {"url": "https://j.example/p", "text": "x", "images": [{"file": file}]}
    path = write(tmp_path / "set/docs.jsonl", json.dumps(row))
    (path.parent / "out.png").symlink_to(tmp_path / "secret.png")
    page, refused = read_source(str(path))
    assert isinstance(page, Document)
    assert isinstance(refused, Skipped)
    assert refused.reason in ("the path leads out of the folder of its source", "there is no such file")
    assert not page.images or file in ("out.png", "a\0.png")


@pytest.mark.parametrize(
    ("data", "declared", "media_type"),
    [
        (PNG, "", "image/png"),
        (PNG, "image/jpeg", "image/png"),
        (b"\xff\xd8\xff\xe0", "", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "", "image/webp"),
        (b"\x00\x00\x00\x1cftypavif", "", "image/avif"),
        (SVG, "text/plain", "image/svg+xml"),
        (b"<html><svg></svg>", "image/svg+xml", None),
        (b"jxl", "image/jxl; q=1", "image/jxl"),
        (b"jxl", "image/jxl\r\nX: y", None),
        (b"words", "image/png", None),
        (b"words", "", None),
    ],
)
def test_the_kind_of_a_picture_is_what_its_bytes_say(data: bytes, declared: str, media_type: str | None) -> None:
    assert media_type_of(data, declared) == media_type


def test_a_build_takes_every_kind_into_one_snapshot(tmp_path: Path) -> None:
    sources = list(every_kind(tmp_path).values())
    build_snapshot(sources, tmp_path / "snapshot", BuildOptions(encoder="none"))
    store = open_snapshot(tmp_path / "snapshot").store
    assert len(store) == 6
    (page,) = [store.document(n) for n in range(6) if store.head(n)[0] == "https://j.example/p"]
    assert page.images == (Image("https://j.example/flags/f.svg"),)
