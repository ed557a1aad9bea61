"""The pages of a snapshot as rows that `corpus build` reads back: JSON lines, or a Parquet table with the same columns.

url, title, text, date, fetched_at, language, html    strings
links                                                 list of {url, anchor, start, end}
images                                                list of {url | file, alt, caption}
aliases                                               list of strings
place, paper                                          {name, latitude, ...}, {title, authors, ...}
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import zstandard

from corpus.errors import BadUrl, BuildRefused
from corpus.snapshot import Snapshot
from corpus.transport import whole_file
from corpus.urls import canonical_url

_LEVEL = 10
GROUP_ROWS = 4096
GROUP_BYTES = 16 * 1024**2


def export(snapshot: Snapshot, out: Path) -> int:
    """Write every page to a file that `corpus build` reads back to the same content_id; return how many.

    The suffix chooses: .jsonl, .jsonl.zst or .parquet. The same snapshot gives the same bytes with the same versions
    of the libraries. Raises BuildRefused for another suffix, or where the file cannot be written.
    """
    name = out.name.lower()
    if name.endswith(".parquet"):
        return export_parquet(snapshot, out)
    if name.endswith((".jsonl", ".jsonl.zst")):
        return export_jsonl(snapshot, out)
    raise BuildRefused(
        f"{out} does not tell by its name what to write.", "Choose pages.jsonl, pages.jsonl.zst or pages.parquet."
    )


def export_rows(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Every page as a row that `corpus build` reads back: the same rows give the same content_id."""
    for number in range(len(snapshot.store)):
        document = snapshot.store.document(number)
        row = {name: value for name, value in asdict(document).items() if value not in (None, (), "")}
        for image in row.get("images", ()):
            if not _is_canonical(image["url"]):  # a path beside the source, which only "file" leaves as it is
                image["file"] = image.pop("url")
        yield {"url": document.url, **row}


def _is_canonical(url: str) -> bool:
    try:
        return canonical_url(url) == url
    except BadUrl:
        return False


def export_jsonl(snapshot: Snapshot, out: Path) -> int:
    """Write every page as a line of JSON, zstd-packed if the name ends in .zst; return how many."""
    count = 0
    with whole_file(out) as file:
        compress = zstandard.ZstdCompressor(level=_LEVEL)
        packed = compress.stream_writer(file, closefd=False) if out.suffix == ".zst" else nullcontext(file)
        with packed as target:
            for row in export_rows(snapshot):
                target.write(orjson.dumps(row) + b"\n")
                count += 1
    return count


def export_parquet(
    snapshot: Snapshot, out: Path, *, group_rows: int = GROUP_ROWS, group_bytes: int = GROUP_BYTES
) -> int:
    """Write every page as a row of a Parquet table, zstd-packed; return how many.

    A row group ends at either bound, the bytes counted before packing: readers hold one at a time, and so do we.
    Raises BuildRefused where pyarrow is not installed or the file cannot be written.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BuildRefused(
            f"{out} needs the package pyarrow to be written.", "Install it: pip install 'stillweb[sources]'"
        ) from error
    tables = snapshot.store.tables
    schema, count = _schema(places=len(tables.places) > 0, papers=len(tables.papers) > 0), 0
    with (
        whole_file(out) as file,
        parquet.ParquetWriter(file, schema, compression="zstd", compression_level=_LEVEL, version="2.6") as writer,
    ):
        for rows in _groups(snapshot, group_rows, group_bytes):
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema), row_group_size=len(rows))
            count += len(rows)
    return count


def _schema(*, places: bool, papers: bool) -> Any:
    import pyarrow

    text, place = pyarrow.string(), pyarrow.int64()
    link = pyarrow.struct({"url": text, "anchor": text, "start": place, "end": place})
    image = pyarrow.struct({"url": text, "file": text, "alt": text, "caption": text})
    columns = dict.fromkeys(("url", "title", "text", "date", "fetched_at", "language", "html"), text)
    lists = {"links": link, "images": image, "aliases": text}
    degrees, names = pyarrow.float64(), pyarrow.list_(text)
    rows: dict[str, Any] = {}
    if places:
        rows["place"] = pyarrow.struct({"name": text, "latitude": degrees, "longitude": degrees, "kind": text})
    if papers:
        figures = {"year": place, "citations": place}
        rows["paper"] = pyarrow.struct({"title": text, "authors": names, **figures, "cites": names})
    return pyarrow.schema({**columns, **{name: pyarrow.list_(kind) for name, kind in lists.items()}, **rows})


def _groups(snapshot: Snapshot, group_rows: int, group_bytes: int) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    size_bytes = 0
    for row in export_rows(snapshot):
        rows.append(row)
        size_bytes += len(row["text"]) + len(row.get("html", "")) + 100 * len(row.get("links", ()))
        if len(rows) == group_rows or size_bytes >= group_bytes:
            yield rows
            rows, size_bytes = [], 0
    if rows:
        yield rows
