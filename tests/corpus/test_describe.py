"""What a snapshot says of itself: provenance, citation, schema, near-duplicates, pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from corpus import Snapshot, open_snapshot
from corpus.build import BuildOptions, build_snapshot
from corpus.describe import describe, page_rows
from corpus.images import Images, write_images
from corpus.manifest import Manifest
from corpus.origins import shown
from corpus.records import Picture, doc_id_of

TEXT = "The lighthouse keeper lit the lamp at dusk and wrote the weather of every night into a long grey book. " * 3


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("described")
    rows: list[dict[str, Any]] = [
        {"url": "https://a.example/1", "title": "One", "text": TEXT, "date": "1999"},
        {"url": "https://a.example/2", "title": "Two", "text": TEXT + "The end."},
        {"url": "https://b.example/3", "text": "Die Häuser der Altstadt stehen am Fluss und sind alt.", "date": "2021"},
    ]
    (folder / "one.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "two.jsonl").write_text(json.dumps({"url": "https://c.example/", "text": "Short."}) + "\n{}\n")
    build_snapshot(
        [str(folder / "one.jsonl"), str(folder / "two.jsonl")],
        folder / "out",
        BuildOptions(encoder="none", title="Keepers", licences=("CC BY 4.0", "")),
    )
    return open_snapshot(folder / "out")


def test_sizes_languages_domains_and_dates_are_told(web: Snapshot) -> None:
    told = describe(web)
    assert told["languages"] == {"en": 2, "de": 1, "unknown": 1}
    assert told["domains"] == {"a.example": 2, "b.example": 1, "c.example": 1}
    assert told["dates"] == {"first": "1999-01-01", "last": "2021-01-01", "undated": 2}
    assert set(told["size_bytes"]) == {"documents", "graph", "lexical"}
    assert sum(told["size_bytes"].values()) == sum(record.size_bytes for record in web.manifest.files.values())


def test_every_page_says_where_it_came_from(web: Snapshot) -> None:
    rows = {row["url"]: row for row in page_rows(web)}
    assert rows["https://a.example/1"]["source"].endswith("one.jsonl")
    assert rows["https://a.example/1"]["licence"] == "CC BY 4.0"
    assert rows["https://c.example/"]["source"].endswith("two.jsonl")
    assert rows["https://c.example/"]["licence"] is None
    assert rows["https://c.example/"]["digest"] == web.document(url="https://c.example/").digest


def test_pages_that_say_nearly_the_same_are_flagged_and_kept(web: Snapshot) -> None:
    assert web.manifest.counts.near_duplicates == 1
    twins = [row for row in page_rows(web) if row["near_duplicate_of"]]
    urls = sorted(["https://a.example/1", "https://a.example/2"], key=doc_id_of)
    assert [(row["url"], row["near_duplicate_of"]) for row in twins] == [(urls[1], urls[0])]
    assert len(web.search("lighthouse keeper", k=5).hits) == 2


def test_the_citation_names_the_snapshot_its_pages_and_their_licences(web: Snapshot) -> None:
    citation = web.manifest.citation
    assert citation.startswith(f"Keepers. Stillweb snapshot {web.snapshot_id}, 4 pages and 4 passages from ")
    assert "one.jsonl (CC BY 4.0); " in citation
    assert "two.jsonl (licence not stated)." in citation


def test_titles_and_licences_change_no_id(web: Snapshot, tmp_path: Path) -> None:
    sources = [str(web.path.parent / "one.jsonl"), str(web.path.parent / "two.jsonl")]
    plain = build_snapshot(sources, tmp_path / "plain", BuildOptions(encoder="none"))
    assert plain.snapshot_id == web.snapshot_id
    assert plain.citation.startswith("Untitled.")


def stillweb(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "stillweb", *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_info_is_readable_and_complete(web: Snapshot) -> None:
    told = stillweb("corpus", "info", web.path)
    for word in [
        "Keepers",
        "en 2, de 1",
        "a.example 2",
        "1999-01-01 to 2021-01-01",
        "CC BY 4.0",
        "cite as",
        "1 nearly",
    ]:
        assert word in told, word
    rows = [json.loads(line) for line in stillweb("corpus", "info", web.path, "--pages").splitlines()]
    assert len(rows) == 4
    assert json.loads(stillweb("corpus", "info", web.path, "--json"))["dates"]["undated"] == 2


def test_the_schema_describes_the_manifest(web: Snapshot) -> None:
    schema = json.loads(stillweb("corpus", "schema"))
    data = json.loads((web.path / "manifest.json").read_bytes())
    assert set(schema["properties"]) == set(data)
    assert schema == Manifest.model_json_schema()
    assert schema["$defs"]["SourceRecord"]["properties"]["licence"]


def test_building_says_what_a_source_was_taken_for(web: Snapshot, tmp_path: Path) -> None:
    source = str(web.path.parent / "one.jsonl")
    command = [sys.executable, "-m", "stillweb", "corpus", "build", source, "--encoder", "none", "--out", "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "one.jsonl as jsonl" in done.stderr
    assert done.stdout.strip() == open_snapshot(tmp_path / "out").snapshot_id


# Pictures


def test_pictures_are_kept_once_and_know_the_pages_that_show_them(web: Snapshot, tmp_path: Path) -> None:
    rows = [
        {"url": "https://a.example/1", "text": "One.", "images": [{"url": "https://a.example/x.png"}]},
        {
            "url": "https://a.example/2",
            "text": "Two.",
            "images": ["https://a.example/x.png", "https://a.example/y.gif"],
        },
    ]
    (tmp_path / "pages.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    build_snapshot([str(tmp_path / "pages.jsonl")], tmp_path / "out", BuildOptions(encoder="none"))
    store = open_snapshot(tmp_path / "out").store
    same = b"\x89PNG same bytes"
    pictures = [
        Picture("https://a.example/x.png", "image/png", same),
        Picture("https://a.example/y.gif", "image/gif", b"GIF89a"),
        Picture("https://a.example/unseen.png", "image/png", same),
    ]
    pictures.sort(key=lambda picture: doc_id_of(picture.url))
    assert write_images(pictures, store, tmp_path / "images") == 3
    assert (tmp_path / "images" / "data.bin").stat().st_size == len(same) + 6
    images = Images(tmp_path / "images")
    for picture in pictures:
        number = images.find(picture.url)
        assert number is not None
        assert images.picture(number) == picture
    shown = {
        url: [store.head(n)[0][-1] for n in images.pages_of(images.find(url) or 0)]
        for url in ("https://a.example/x.png", "https://a.example/y.gif", "https://a.example/unseen.png")
    }
    assert {url[-9:]: sorted(pages) for url, pages in shown.items()} == {
        "ple/x.png": ["1", "2"],
        "ple/y.gif": ["2"],
        "nseen.png": [],
    }
    assert images.find("https://a.example/other.png") is None
    assert len(Images(tmp_path / "nowhere")) == 0


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("parquet:https://user:word@data.example/x.parquet?sig=abc", "parquet:https://data.example/x.parquet"),
        ("parquet:s3://bucket/x.parquet", "parquet:s3://bucket/x.parquet"),
        ("factbook:", "factbook:"),
    ],
)
def test_a_source_is_named_without_what_opens_it(spec: str, name: str) -> None:
    assert shown(spec) == name
