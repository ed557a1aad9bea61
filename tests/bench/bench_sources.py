"""Pages a CPU second by kind of source, and passages a CPU second by encoder: real pages in every wrapping.

    python -m tests.bench.bench_sources

The saved Wikipedia pages of wtq as a folder, WARC, WET, ZIM and MediaWiki dump; FOLDOC as JSON lines and Parquet; the
Factbook; PDFs of text made for this.
"""

from __future__ import annotations

import argparse
import bz2
import io
import itertools
import re
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard
from fpdf import FPDF
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from corpus import open_snapshot
from corpus.build import BuildOptions, build_snapshot
from corpus.dense import passage_input
from corpus.encoders import open_encoder
from corpus.export import export
from corpus.origins import resolve_sources
from corpus.records import Document
from tests.bench.figures import write_figures
from tests.corpus.test_mediawiki import export as mediawiki_export
from tests.corpus.test_zim import Entry, make_zim


def main(data: Path, pages: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = {}
        for kind, spec in _sources(data, Path(folder), pages):
            found[kind] = _rate(spec)
            print(kind, found[kind])
        return {"sources": found, "encoders": _encoders(data, Path(folder))}


def _rate(spec: str) -> dict[str, float]:
    """Read a source to its end, with the language of each page looked at, as a build does."""
    (source,) = resolve_sources([spec], [])
    started, pages, chars = time.process_time(), 0, 0
    for item, _ in source.items(0):
        if isinstance(item, Document):
            pages += 1
            chars += len(item.text)
    cpu_s = time.process_time() - started
    return {"pages": pages, "pages_per_cpu_s": round(pages / cpu_s), "text_mb_per_cpu_s": round(chars / cpu_s / 1e6, 1)}


def _sources(data: Path, folder: Path, pages: int) -> Iterator[tuple[str, str]]:
    html = dict(itertools.islice(_html(data), pages))
    site = folder / "site" / "en.wikipedia.org"
    site.mkdir(parents=True)
    for name, page in html.items():
        (site / f"{name}.html").write_bytes(page)
    yield "folder of HTML", str(folder / "site")
    texts = {name: re.sub(rb"<[^>]+>", b" ", page) for name, page in html.items()}
    for suffix, record, kind, bodies in (("warc", "response", "text/html", html), ("wet", "conversion", "", texts)):
        file = folder / f"crawl.{suffix}.gz"
        with open(file, "wb") as stream:
            writer = WARCWriter(stream, gzip=True)
            for name, body in bodies.items():
                headers = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.1") if kind else None
                url = f"https://en.wikipedia.org/wiki/{name}"
                writer.write_record(writer.create_warc_record(url, record, io.BytesIO(body), http_headers=headers))
        yield suffix.upper(), str(file)
    entries = [Entry(name, "text/html", b"<title>x</title>" + page) for name, page in html.items()]
    yield "ZIM", make_zim(folder / "wiki.zim", entries, Name="wikipedia_en_all")
    articles = [(row["title"], 0, None, _wikitext(row)) for row in _rows(data, "wtq", pages)]
    (folder / "dump.xml.bz2").write_bytes(bz2.compress(mediawiki_export(*articles)))
    yield "MediaWiki dump", str(folder / "dump.xml.bz2")
    foldoc = data / "foldoc" / "docs.jsonl.zst"
    yield "JSON lines", str(foldoc)
    build_snapshot([str(foldoc)], folder / "foldoc", BuildOptions(encoder="none"))
    export(open_snapshot(folder / "foldoc"), folder / "foldoc.parquet")
    yield "Parquet", str(folder / "foldoc.parquet")
    yield "snapshot", str(folder / "foldoc")
    yield "Factbook", "factbook:"
    (folder / "pdf").mkdir()
    for number, row in enumerate(_rows(data, "scifact", 200)):
        pdf = FPDF()
        pdf.add_page()
        pdf.set_font("Helvetica", size=11)
        pdf.multi_cell(0, 5, (row["text"] * 3).encode("latin-1", "replace").decode("latin-1"))
        pdf.output(str(folder / "pdf" / f"{number}.pdf"))
    yield "PDF, a page or two", str(folder / "pdf")


def _html(data: Path) -> Iterator[tuple[str, bytes]]:
    with (
        open(data / "wtq" / "html_pages.tar.zst", "rb") as file,
        tarfile.open(fileobj=zstandard.ZstdDecompressor().stream_reader(file), mode="r|") as archive,
    ):
        for member in archive:
            if member.name.endswith(".html") and (body := archive.extractfile(member)):
                yield member.name.removesuffix(".html").replace("/", "-"), body.read()


def _rows(data: Path, name: str, count: int) -> Iterator[dict[str, Any]]:
    with open(data / name / "docs.jsonl.zst", "rb") as file:
        lines = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file), 1 << 20)
        yield from map(orjson.loads, itertools.islice(lines, count))


def _wikitext(row: dict[str, Any]) -> str:
    """A page's text in the dump's own markup: headings, tables, links."""
    text = re.sub(
        r"^(#+) (.*)$", lambda m: f"{'=' * (len(m[1]) + 1)} {m[2]} {'=' * (len(m[1]) + 1)}", row["text"], flags=re.M
    )
    text = re.sub(r"(?:^\|?.* \| .*$\n?)+", lambda m: _table(m[0]), text, flags=re.M)
    for anchor in dict.fromkeys(row.get("anchors") or []):
        text = text.replace(f" {anchor} ", f" [[{anchor}]] ", 1) if anchor else text
    return f"{{{{Infobox thing | name = {row['title']} | kind = page}}}}\n{text}"


def _table(rows: str) -> str:
    cells = "\n|-\n".join("| " + line.strip("| ").replace(" | ", " || ") for line in rows.strip().split("\n"))
    return f"{{| class=wikitable\n{cells}\n|}}\n"


def _encoders(data: Path, folder: Path) -> dict[str, Any]:
    """Passages of FOLDOC: what a build encodes, titles included."""
    found = {}
    texts = [passage_input(title, p) for _, title, _, p in open_snapshot(folder / "foldoc").store.iter_passages()]
    for name, count in (("static", 10_000), ("minilm", 200)):
        encoder = open_encoder(name)
        encoder.encode_passages(texts[:8])
        started, wall = time.process_time(), time.perf_counter()
        encoder.encode_passages(texts[:count])
        found[name] = {
            "passages_per_cpu_s": round(count / (time.process_time() - started)),
            "passages_per_s": round(count / (time.perf_counter() - wall)),
        }
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pages", type=int, default=1000, help="pages of wtq in each wrapping")
    arguments = parser.parse_args()
    write_figures("sources", "python -m tests.bench.bench_sources", main(arguments.data, arguments.pages))
