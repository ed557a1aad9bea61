"""Pages that are exported build to the same snapshot again, as JSON lines and as a Parquet table."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from corpus.errors import BuildRefused
from corpus.export import export, export_parquet, export_rows
from corpus.transport import diff

FORMATS = ["pages.jsonl", "pages.jsonl.zst", "pages.parquet"]
WORDS_ONLY = BuildOptions(encoder="none")

EVERY_KIND = [
    {
        "url": "https://a.example/everything",
        "title": "Ünïcode 漢字 \u2028 title",
        "text": "# Head\n\none\n  two https://b.example/ three\n\n| a | b |\n| - | - |\n| 1 | 2 |",
        "html": "<html><body><h1>Head</h1>\r\n<p>stored as it came \U0001f40b</body></html>",
        "links": [
            {"url": "/x", "anchor": "one\n  two", "start": 8},
            {"url": "https://b.example/", "anchor": "https://b.example/", "start": None},
            {"url": "https://b.example/odd?q=%20&r=1", "anchor": "", "start": None},
        ],
        "images": [
            {"file": "images/a b.png", "alt": "A", "caption": "Caption of A"},
            {"file": "HTTPS://b.example/%7e"},
            {"url": "https://a.example/i.png", "caption": "only a caption"},
            "/j.png",
        ],
        "aliases": ["https://a.example/old", "https://a.example/older?x=1"],
        "date": "2014-06",
        "fetched_at": "2024-05-06T07:08:09Z",
        "language": "de",
    },
    {"url": "https://a.example/least", "text": "Only words."},
    {"url": "https://a.example/year", "title": "Year", "text": "Dated.", "date": "0987", "aliases": []},
    {
        "url": "https://a.example/page",
        "html": "<title>H</title><p>From <a href='/least'>HTML</a> alone.",
        "language": "en",
    },
]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A snapshot whose pages have every kind of field, and a page that has hardly any."""
    folder = tmp_path_factory.mktemp("everything")
    (folder / "in.jsonl").write_bytes(b"\n".join(map(orjson.dumps, EVERY_KIND)))
    build_snapshot([str(folder / "in.jsonl")], folder / "web", WORDS_ONLY)
    return open_snapshot(folder / "web")


@pytest.fixture(params=FORMATS)
def name(request: pytest.FixtureRequest) -> str:
    if request.param.endswith(".parquet"):
        pytest.importorskip("pyarrow", reason="pip install 'stillweb[sources]'")
    return str(request.param)


def test_the_page_with_everything_has_everything(everything: Snapshot) -> None:
    page = everything.document(url="https://a.example/everything")
    assert all((page.title, page.text, page.links, page.images, page.date, page.fetched_at, page.language, page.html))
    assert page.aliases == ("https://a.example/old", "https://a.example/older?x=1")
    assert [(image.alt, image.caption) for image in page.images] == [
        ("A", "Caption of A"),
        ("", ""),
        ("", "only a caption"),
        ("", ""),
    ]
    assert [image.url for image in page.images[2:]] == ["https://a.example/i.png", "https://a.example/j.png"]
    assert [(link.anchor, link.start) for link in page.links] == [
        ("one\n  two", 8),
        ("https://b.example/", None),
        ("", None),
    ]


def test_every_kind_of_field_comes_back(everything: Snapshot, tmp_path: Path, name: str) -> None:
    assert export(everything, tmp_path / name) == len(EVERY_KIND)
    manifest = build_snapshot([str(tmp_path / name)], tmp_path / "again", WORDS_ONLY)
    assert not diff(everything, open_snapshot(tmp_path / "again"))
    assert manifest.content_id == everything.manifest.content_id
    assert manifest.counts.skipped == 0


def test_exported_pages_build_to_the_same_snapshot(tiny: Snapshot, tmp_path: Path, name: str) -> None:
    assert export(tiny, tmp_path / name) == 12
    manifest = build_snapshot([str(tmp_path / name)], tmp_path / "again")
    assert (manifest.content_id, manifest.snapshot_id) == (tiny.manifest.content_id, tiny.snapshot_id)


def test_the_demo_s_pages_survive_an_export(factbook: Snapshot, tmp_path: Path, name: str) -> None:
    export(factbook, tmp_path / name)
    assert build_snapshot([str(tmp_path / name)], tmp_path / "again").snapshot_id == factbook.snapshot_id


def test_the_same_snapshot_exports_to_the_same_bytes(tiny: Snapshot, tmp_path: Path, name: str) -> None:
    (tmp_path / "b").mkdir()
    for folder in (tmp_path, tmp_path / "b"):
        export(tiny, folder / name)
    assert (tmp_path / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["b", name])


def test_a_parquet_table_has_the_columns_of_the_json_lines(everything: Snapshot, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install 'stillweb[sources]'")
    export(everything, tmp_path / "pages.parquet")
    table = parquet.read_table(tmp_path / "pages.parquet")
    rows = list(export_rows(everything))
    assert set(table.column_names) == {key for row in rows for key in row}
    assert str(table.schema.field("images").type.value_type).startswith("struct<url: string, file: string")
    for read, row in zip(table.to_pylist(), rows, strict=True):
        assert {key: _without_none(value) for key, value in read.items() if value is not None} == {
            key: _without_none(value) for key, value in row.items()
        }


def _without_none(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_without_none(entry) for entry in value]
    return {key: entry for key, entry in value.items() if entry is not None} if isinstance(value, dict) else value


def test_row_groups_are_bounded_by_rows_and_by_bytes(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install 'stillweb[sources]'")
    rows = [{"url": f"https://a.example/{i}", "text": f"page {i} " * (2000 if i % 5 == 0 else 1)} for i in range(100)]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    first = build_snapshot([str(tmp_path / "in.jsonl")], tmp_path / "web", WORDS_ONLY)
    export_parquet(open_snapshot(tmp_path / "web"), tmp_path / "pages.parquet", group_rows=7, group_bytes=40_000)
    file = parquet.ParquetFile(tmp_path / "pages.parquet")
    groups = [file.read_row_group(i).to_pylist() for i in range(file.num_row_groups)]
    assert sum(map(len, groups)) == len(rows)
    sizes = [sum(len(row["text"]) for row in group) for group in groups]
    assert max(sizes) < 40_000 + 2000 * len("page 100 ")
    assert max(map(len, groups)) == 7
    assert any(len(group) < 7 for group in groups[:-1]), "some end for their bytes"
    assert (
        build_snapshot([str(tmp_path / "pages.parquet")], tmp_path / "again", WORDS_ONLY).content_id == first.content_id
    )


def test_a_name_that_does_not_tell_the_format_is_refused(tiny: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(BuildRefused, match="pages.parquet"):
        export(tiny, tmp_path / "pages.csv")
    assert not list(tmp_path.iterdir())
