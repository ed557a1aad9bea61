"""Markdown, text, PDF, WARC and WET: real files, made here with the libraries people make them with."""

from __future__ import annotations

import datetime
import gzip
import io
import os
import time
import zlib
from pathlib import Path

import fsspec
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
import zstandard
from fpdf import FPDF
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from corpus import Document, Skipped, read_source
from corpus.errors import BadSource
from corpus.sources import folder, guess_kind, warc

PAGE = b"<!doctype html><title>Harbour</title><h1>Harbour</h1><p>Boats at <a href='/inn'>the inn</a>.</p>"


def documents(spec: str | Path) -> list[Document]:
    return [item for item in read_source(str(spec)) if isinstance(item, Document)]


def skipped(spec: str | Path) -> list[Skipped]:
    return [item for item in read_source(str(spec)) if isinstance(item, Skipped)]


def make_pdf(words: list[str], *, title: str = "", link: str = "", password: str = "") -> bytes:
    pdf = FPDF()
    pdf.set_font("helvetica", size=12)
    if title:
        pdf.set_title(title)
    if password:
        pdf.set_encryption(owner_password=password, user_password=password)
    for line in words:
        pdf.add_page()
        if line:
            pdf.cell(text=line, link=link)
    return bytes(pdf.output())


def write_warc(path: Path, captures: list[tuple[str, str, str, bytes]], *, gzip: bool = True) -> Path:
    """Captures are (URL, status line, content type or header lines, body)."""
    with open(path, "wb") as file:
        writer = WARCWriter(file, gzip=gzip)
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "a test"}))
        for url, status, kind, body in captures:
            lines = kind.split("\n") if ": " in kind else [f"Content-Type: {kind}"]
            headers = StatusAndHeaders(status, [tuple(line.split(": ", 1)) for line in lines], protocol="HTTP/1.1")
            record = writer.create_warc_record(
                url, "response", payload=io.BytesIO(body), http_headers=headers,
                warc_headers_dict={"WARC-Date": "2024-05-06T07:08:09Z"},
            )  # fmt: skip
            writer.write_record(record)
    return path


def test_a_folder_of_markdown_text_and_pdf_is_read_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "---\ntitle: The Inn\ndate: 2021-03-04\nurl: https://a.example/inn\nlang: en\n---\n"
        "# Inn\n\nSee [the harbour](b.html) & <b>more</b>.\n\n| Bed | Price |\n|---|---|\n| one | 2 |\n"
    )
    (tmp_path / "b.html").write_bytes(PAGE)
    (tmp_path / "c.txt").write_bytes("\ufeffFirst line\r\n\r\nSecond line é.".encode())
    (tmp_path / "d.pdf").write_bytes(
        make_pdf(["First words", "Last words"], title="A paper", link="https://a.example/x")
    )
    (tmp_path / "ignored.bin").write_bytes(b"x")
    assert guess_kind(str(tmp_path)) == "folder"
    inn, harbour, text, paper = documents(tmp_path)
    assert (inn.url, inn.title, inn.date, inn.language) == ("https://a.example/inn", "The Inn", "2021-03-04", "en")
    assert "| one | 2 |" in inn.text
    assert "](" not in inn.text
    assert [(link.anchor, inn.text[link.start : link.end]) for link in inn.links] == [("the harbour", "the harbour")]
    assert inn.aliases[0].endswith(".invalid/a.md")
    assert harbour.title == "Harbour"
    assert (text.title, text.text) == ("First line", "First line\n\nSecond line é.")
    assert paper.title == "A paper"
    assert paper.text == "## Page 1\n\nFirst words\n\n## Page 2\n\nLast words"
    assert [(link.url, link.start) for link in paper.links] == [("https://a.example/x", None)]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.pdf", b"", "cannot be read"),
        ("x.pdf", b"%PDF-1.4 nothing", "cannot be read"),
        ("x.pdf", make_pdf(["words"])[:400], "cannot be read"),
        ("x.pdf", make_pdf([""]), "no text in the PDF"),
        ("x.pdf", make_pdf(["secret"], password="p"), "encrypted"),
        ("x.txt", b" \n ", "no text"),
        ("x.md", b"", "no text"),
    ],
)
def test_a_file_that_is_no_page_is_told_with_its_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    (item,) = skipped(tmp_path)
    assert item.where == name
    assert reason in item.reason


@pytest.mark.parametrize("front", ["---\n: : broken [\n---\n", "---\n- a list\n---\n", "---\nnever closed\n"])
def test_front_matter_that_is_none_stays_text(tmp_path: Path, front: str) -> None:
    (tmp_path / "a.md").write_text(front + "\nSome words.\n")
    (page,) = documents(tmp_path)
    assert "Some words." in page.text


@pytest.mark.parametrize("gzip", [True, False])
def test_captures_of_a_warc_are_kept_as_what_they_are(tmp_path: Path, gzip: bool) -> None:
    path = write_warc(
        tmp_path / ("web.warc.gz" if gzip else "web.warc"),
        [
            ("http://a.example/", "200 OK", "text/html; charset=utf-8", PAGE),
            ("http://a.example/old", "301 Moved Permanently", "Location: /", b""),
            ("http://a.example/gone", "404 Not Found", "text/html", b"<p>gone"),
            ("http://a.example/p.pdf", "200 OK", "application/pdf", make_pdf(["Paper words"])),
            ("http://a.example/t", "200 OK", "text/plain", b"Plain words"),
            ("http://a.example/i.png", "200 OK", "image/png", b"\x89PNG"),
            ("http://a.example/undeclared", "200 OK", "application/octet-stream", PAGE),
            ("dns:a.example", "200 OK", "text/plain", b"1.2.3.4"),
        ],
        gzip=gzip,
    )
    assert guess_kind(str(path)) == "warc"
    home, pdf, plain, undeclared = documents(path)
    assert (home.url, home.title, home.fetched_at, home.date) == (
        "http://a.example/", "Harbour", "2024-05-06T07:08:09Z", None,
    )  # fmt: skip
    assert home.links[0].url == "http://a.example/inn"
    assert "Paper words" in pdf.text
    assert plain.text == "Plain words"
    assert undeclared.title == "Harbour"
    reasons = [item.reason for item in skipped(path)]
    assert reasons[0] == "a redirect (301) to http://a.example/"
    assert reasons[1] == "answered with status 404"
    assert "image/png" in reasons[2]
    assert "dns:" in reasons[3]
    everything = list(read_source(str(path)))
    for skip in range(len(everything) + 1):
        assert list(read_source(str(path), skip=skip)) == everything[skip:]


def test_the_text_of_a_wet_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "web.warc.wet.gz"
    with open(path, "wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url, text in (("http://a.example/1", "Title line\nBody ü"), ("http://a.example/2", " \n")):
            record = writer.create_warc_record(
                url, "conversion", payload=io.BytesIO(text.encode()), warc_content_type="text/plain"
            )
            writer.write_record(record)
    (page,) = documents(path)
    assert (page.title, page.text) == ("Title line", "Title line\nBody ü")
    assert [item.reason for item in skipped(path)] == ["no text"]


def test_a_truncated_archive_keeps_what_was_read(tmp_path: Path) -> None:
    body = PAGE + b"<p>" + b"many words " * 5000
    path = write_warc(
        tmp_path / "web.warc.gz", [(f"http://a.example/{i}", "200 OK", "text/html", body) for i in range(5)]
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 60])
    items = list(read_source(str(path)))
    assert len(items) >= 4
    assert [page.url for page in documents(path)][:4] == [f"http://a.example/{i}" for i in range(4)]
    for skip in range(len(items) + 2):
        assert list(read_source(str(path), skip=skip)) == items[skip:]


def test_a_file_that_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.warc").write_bytes(b"not an archive\n" * 10)
    assert [item.where for item in skipped(tmp_path / "x.warc")] == ["x.warc"]
    with pytest.raises(BadSource, match="no file"):
        read_source("warc:nowhere.warc.gz")


def table() -> pyarrow.Table:
    return pyarrow.table(
        {
            "url": [f"https://a.example/{i}" for i in range(700)] + [None],
            "title": [f"Page {i}" for i in range(700)] + ["None"],
            "text": [f"Words of page {i}." for i in range(700)] + ["words"],
            "links": [["https://a.example/0"]] * 701,
            "anchors": [["Words"]] * 701,
            "date": [datetime.date(2020, 1, 1 + i % 28) for i in range(700)] + [None],
        }
    )


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "stream.arrow", "t.feather"])
def test_tables_are_read_by_their_columns(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "t.parquet":
        pyarrow.parquet.write_table(table(), path, row_group_size=300)
    elif name == "t.feather":
        pyarrow.feather.write_feather(table(), path)
    else:
        new = pyarrow.ipc.new_stream if name.startswith("stream") else pyarrow.ipc.new_file
        with new(str(path), table().schema) as writer:
            writer.write_table(table(), max_chunksize=100)
    items = list(read_source(str(path)))
    assert len(documents(path)) == 700
    page = documents(path)[29]
    assert (page.url, page.title, page.date) == ("https://a.example/29", "Page 29", "2020-01-02")
    assert [(link.anchor, link.start, link.end) for link in page.links] == [("Words", 0, 5)]
    assert skipped(path)[0].where == f"{name}:701"
    for skip in (1, 99, 100, 101, 256, 300, 699, 700, 701):
        assert list(read_source(str(path), skip=skip)) == items[skip:]


def test_a_table_is_read_where_it_lies(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(table(), tmp_path / "t.parquet")
    memory = fsspec.filesystem("memory")
    memory.pipe("/t.parquet", (tmp_path / "t.parquet").read_bytes())
    assert documents("parquet:memory://t.parquet") == documents(tmp_path / "t.parquet")


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / "t.arrow").write_bytes(b"nothing")
    for spec in (
        tmp_path / "t.parquet",
        tmp_path / "t.arrow",
        "parquet:nowhere.parquet",
        "parquet:nowhere://x.parquet",
    ):
        with pytest.raises(BadSource, match="cannot be read"):
            read_source(str(spec))


# -- one bad file costs no other


def broken(*_: object, **__: object) -> Document:
    raise RuntimeError("nobody thought of this")


def test_an_unforeseen_error_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "b.html").write_bytes(PAGE)
    monkeypatch.setitem(folder.FILES, ".html", broken)
    assert [page.text for page in documents(tmp_path)] == ["words"]
    assert skipped(tmp_path) == [Skipped("b.html", "the page cannot be read: nobody thought of this")]


def test_an_unforeseen_error_costs_one_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captures = [
        ("http://a.example/1", "200 OK", "text/html", PAGE),
        ("http://a.example/2", "200 OK", "text/plain", b"words"),
    ]
    path = write_warc(tmp_path / "web.warc.gz", captures)
    monkeypatch.setattr(warc, "extract_html", broken)
    first, second = read_source(str(path))
    assert first == Skipped("web.warc.gz:1", "the page cannot be read: nobody thought of this")
    assert isinstance(second, Document)


def test_captures_passed_over_are_not_extracted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_warc(
        tmp_path / "web.warc.gz", [(f"http://a.example/{i}", "200 OK", "text/html", PAGE) for i in range(5)]
    )
    seen = []
    extract = warc.extract_html
    monkeypatch.setattr(warc, "extract_html", lambda url, html: seen.append(url) or extract(url, html))
    assert len(list(read_source(str(path), skip=3))) == 2
    assert seen == ["http://a.example/3", "http://a.example/4"]


def test_a_pdf_with_a_bad_date_is_a_page_without_one(tmp_path: Path) -> None:
    data = make_pdf(["words"])
    at = data.index(b"/CreationDate (D:") + len(b"/CreationDate (D:")
    (tmp_path / "x.pdf").write_bytes(data[:at] + b"20241399" + data[at + 8 :])
    (page,) = documents(tmp_path)
    assert page.date is None
    assert "words" in page.text


def test_a_pdf_that_needs_what_is_not_installed_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdf
    from pypdf.errors import DependencyError

    def reader(_: object) -> None:
        raise DependencyError("cryptography is required")

    monkeypatch.setattr(pypdf, "PdfReader", reader)
    (tmp_path / "x.pdf").write_bytes(b"%PDF")
    assert skipped(tmp_path) == [Skipped("x.pdf", "the PDF cannot be read: cryptography is required")]


def bomb() -> str:
    """Nine lists, each of nine of the one before it: four hundred million words."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join([*lines, "title: *a8"])


@pytest.mark.parametrize(
    "front",
    [
        bomb(),
        "a: &a x\ntitle: *a",
        "title: " + "[" * 20_000,
        "".join(" " * n + "a:\n" for n in range(300)),
        "date: !!timestamp x",
        'title: !!int ""',
        "x: y\n" * 20_000,
    ],
    ids=["bomb", "alias", "deep list", "deep map", "timestamp", "int", "long"],
)
def test_front_matter_out_of_the_ordinary_costs_no_page(tmp_path: Path, front: str) -> None:
    (tmp_path / "a.md").write_text(f"---\n{front}\n---\nSome words.\n")
    began = time.process_time()
    (page,) = documents(tmp_path)
    assert "Some words." in page.text
    assert len(page.title) <= 500
    assert time.process_time() - began < 5


def test_front_matter_gives_words_numbers_and_dates_only(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: [A, list]\nlang: {a: b}\ndate: 2021\n---\n# Heading\n")
    (tmp_path / "b.md").write_text('---\ntitle: "odd \\ud800"\nlang: "e\\ud800"\nurl: "\\ud800"\n---\nwords\n')
    listed, odd = documents(tmp_path)
    assert (listed.title, listed.language, listed.date) == ("Heading", None, "2021")
    assert (odd.title, odd.language) == ("odd \ufffd", "e\ufffd")
    assert len(odd.digest) == 64  # it can be stored


def test_names_that_are_no_utf_8_can_be_told(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.html")
    try:
        (tmp_path / name).write_bytes(b"")
    except OSError:
        pytest.skip("this file system refuses such names")
    assert [item.where for item in skipped(tmp_path)] == ["\\udcff.html"]
    for end, data in ((".jsonl", b"{"), (".warc", b"nothing\n" * 10)):
        path = tmp_path / os.fsdecode(b"\xff" + end.encode())
        path.write_bytes(data)
        (item,) = skipped(path)
        assert item.where.encode().startswith(b"\\udcff" + end.encode())


# -- bodies as HTTP sent them


def chunked(data: bytes) -> bytes:
    parts = [data[at : at + 40] for at in range(0, len(data), 40)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def bare_deflate(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(data) + deflate.flush()


BROTLI = bytes.fromhex("0b0280") + b"words" + b"\x03"
"""What `brotli` makes of b"words"."""


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Transfer-Encoding: chunked", chunked(PAGE)),
        ("Content-Encoding: gzip", gzip.compress(PAGE)),
        ("content-encoding: X-GZIP", gzip.compress(PAGE[:30]) + gzip.compress(PAGE[30:])),
        ("Transfer-Encoding: chunked\nContent-Encoding: gzip", chunked(gzip.compress(PAGE))),
        ("Content-Encoding: deflate", zlib.compress(PAGE)),
        ("Content-Encoding: deflate", bare_deflate(PAGE)),
        ("Content-Encoding: zstd", zstandard.compress(PAGE)),
        ("Content-Encoding: identity", PAGE),
        ("Content-Encoding: gzip", PAGE),  # stored decoded, with the headers it came with
        ("Transfer-Encoding: chunked\nContent-Encoding: br", PAGE),
    ],
    ids=["chunked", "gzip", "members", "both", "zlib", "deflate", "zstd", "identity", "no gzip", "neither"],
)
def test_bodies_are_decoded_and_the_archive_goes_on(tmp_path: Path, headers: str, body: bytes) -> None:
    captures = [
        ("http://a.example/1", "200 OK", f"Content-Type: text/html\n{headers}", body),
        ("http://a.example/2", "200 OK", "text/html", PAGE),
    ]
    first, second = documents(write_warc(tmp_path / "web.warc.gz", captures))
    assert first.text == second.text
    assert first.title == "Harbour"


def test_a_brotli_body_is_decoded(tmp_path: Path) -> None:
    headers = "Content-Type: text/plain\nContent-Encoding: br"
    path = write_warc(tmp_path / "web.warc.gz", [("http://a.example/1", "200 OK", headers, BROTLI)])
    assert [page.text for page in documents(path)] == ["words"]


@pytest.mark.parametrize("name", ["gzip", "br", "deflate", "zstd", "unheard-of"])
def test_a_body_that_does_not_decode_is_skipped(tmp_path: Path, name: str) -> None:
    captures = [
        ("http://a.example/1", "200 OK", f"Content-Type: text/html\nContent-Encoding: {name}", b"\x1f\x8b\xff\xfe" * 9),
        ("http://a.example/2", "200 OK", "text/html", PAGE),
    ]
    path = write_warc(tmp_path / "web.warc.gz", captures)
    (item,) = skipped(path)
    assert f"its {name} encoding cannot be undone" in item.reason
    assert len(documents(path)) == 1


def test_a_body_that_unpacks_to_more_than_a_page_is_skipped(tmp_path: Path) -> None:
    headers = "Content-Type: text/html\nContent-Encoding: gzip"
    path = write_warc(
        tmp_path / "web.warc.gz", [("http://a.example/1", "200 OK", headers, gzip.compress(bytes(64 * 1024**2)))]
    )
    (item,) = skipped(path)
    assert "33,554,432" in item.reason


def test_a_body_of_many_empty_members_costs_no_more_than_its_length(tmp_path: Path) -> None:
    body = gzip.compress(b"") * 150_000 + gzip.compress(PAGE)
    headers = "Content-Type: text/html\nContent-Encoding: gzip"
    path = write_warc(tmp_path / "a.warc.gz", [("https://a.example/", "200 OK", headers, body)])
    began = time.process_time()
    (page,) = read_source(str(path))
    assert isinstance(page, Document)
    assert page.title == "Harbour"
    assert time.process_time() - began < 6  # with the square of the length it took nine seconds
