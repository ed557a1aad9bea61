"""What a snapshot stores comes back as it was, by every name it has."""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import orjson
import pytest

from corpus import BuildOptions, Document, Snapshot, build_snapshot, open_snapshot, read_source
from corpus.docstore import UNDATED, day_number
from corpus.errors import BadUrl, BuildRefused, PageNotFound
from corpus.records import document_from_json, document_to_json
from tests.conftest import TINY_WEB

ADA = "https://tiny.example/people/ada"
HARBOUR = "https://tiny.example/places/harbour"


def pages() -> list[Document]:
    return [page for page in read_source(str(TINY_WEB)) if isinstance(page, Document)]


def write_rows(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(path)


def test_every_page_comes_back_as_it_went_in(tiny: Snapshot) -> None:
    for page in pages():
        assert tiny.document(url=page.url) == page
        assert tiny.document(doc_id=page.doc_id) == page


def test_a_document_survives_its_line_of_json() -> None:
    for page in pages():
        assert document_from_json(document_to_json(page)) == page


@pytest.mark.parametrize(
    "spelling",
    [ADA, ADA + "/", ADA.replace("https", "http"), ADA + "#life", "HTTPS://TINY.example:443/x/../people/ada"],
)
def test_near_spellings_of_a_url_find_its_page(tiny: Snapshot, spelling: str) -> None:
    assert tiny.document(url=spelling).url == ADA


def test_an_unknown_page_is_named_in_the_error(tiny: Snapshot) -> None:
    with pytest.raises(PageNotFound, match="tiny.example/nobody"):
        tiny.document(url="https://tiny.example/nobody")
    with pytest.raises(PageNotFound, match="0000000000000000"):
        tiny.document(doc_id="0" * 16)
    with pytest.raises(BadUrl, match="javascript"):
        tiny.document(url="javascript:alert(1)")


def test_documents_are_numbered_by_ascending_id(tiny: Snapshot) -> None:
    ids = [tiny.store.doc_id(number) for number in range(len(tiny.store))]
    assert ids == sorted(page.doc_id for page in pages())


def test_passages_are_spans_of_the_text_with_the_headings_above_them(factbook: Snapshot) -> None:
    store = factbook.store
    for seen, (number, title, host, passage) in enumerate(islice(store.iter_passages(), 400)):
        assert store.passage_text(seen) == passage.text == store.text(number)[passage.start : passage.end]
        assert store.passage_id(seen) == passage.passage_id
        assert title == store.head(number)[1]
        assert host == "www.cia.gov"
        above = [s.title for s in store.body(number).sections if s.start < passage.start < s.end]
        assert list(passage.headings) == above
    assert store.find_passage(store.passage_id(17)) == 17
    assert any(p.headings for _, _, _, p in store.iter_passages())


def test_links_of_the_graph_lead_both_ways(tiny: Snapshot) -> None:
    by_url = {page.url: page for page in pages()}
    expected = sorted(
        (page.url, link.url, link.anchor) for page in by_url.values() for link in page.links if link.url in by_url
    )
    out, into = [], []
    for number in range(len(tiny.store)):
        url = tiny.store.head(number)[0]
        links = tiny.store.body(number).links
        for place, target in tiny.graph.targets(number).items():
            out.append((url, tiny.store.head(target)[0], links[place].anchor))
        for origin, place in tiny.graph.origins(number):
            into.append((tiny.store.head(origin)[0], url, tiny.store.body(origin).links[place].anchor))
    assert sorted(out) == sorted(into) == expected
    assert tiny.manifest.counts.links == len(expected)


def test_dates_become_days_and_partial_dates_their_first() -> None:
    assert day_number("1970-01-02") == 1
    assert day_number("2014") == day_number("2014-01-01")
    assert day_number("2014-06") == day_number("2014-06-01")
    assert day_number(None) == UNDATED < day_number("0001-01-01")


def test_the_last_page_of_a_url_wins_and_is_counted(tmp_path: Path) -> None:
    source = write_rows(
        tmp_path / "pages.jsonl",
        [
            {"url": "https://a.example/x", "title": "Old", "text": "old words"},
            {"url": "https://a.example/y", "title": "Y", "text": "other"},
            {"url": "HTTPS://A.example/x#part", "title": "New", "text": "new words"},
        ],
    )
    manifest = build_snapshot([source], tmp_path / "out")
    assert (manifest.counts.documents, manifest.counts.duplicates) == (2, 1)
    assert open_snapshot(tmp_path / "out").document(url="https://a.example/x").title == "New"


def test_an_alias_finds_its_page_unless_a_page_has_that_url(tmp_path: Path) -> None:
    source = write_rows(
        tmp_path / "pages.jsonl",
        [
            {"url": "https://a.example/x", "text": "x", "aliases": ["https://a.example/old-x", "https://a.example/y"]},
            {"url": "https://a.example/y", "text": "y"},
        ],
    )
    build_snapshot([source], tmp_path / "out")
    web = open_snapshot(tmp_path / "out")
    assert web.document(url="https://a.example/old-x").url == "https://a.example/x"
    assert web.document(url="https://a.example/y").text == "y"


def test_two_builds_of_the_same_pages_in_another_order_are_equal(tmp_path: Path) -> None:
    rows = [{"url": f"https://a.example/{i}", "title": f"T{i}", "text": f"word{i} " * 30} for i in range(50)]
    first = build_snapshot([write_rows(tmp_path / "a.jsonl", rows)], tmp_path / "one")
    second = build_snapshot([write_rows(tmp_path / "b.jsonl", rows[::-1])], tmp_path / "two")
    assert (first.snapshot_id, first.content_id) == (second.snapshot_id, second.content_id)
    assert {n: r.sha256 for n, r in first.files.items() if not n.startswith("lexical/")} == {
        n: r.sha256 for n, r in second.files.items() if not n.startswith("lexical/")
    }


def test_another_setting_that_changes_answers_is_another_snapshot(tiny: Snapshot, tmp_path: Path) -> None:
    seen = {tiny.manifest.content_id}
    for number, options in enumerate([BuildOptions(passage_chars=300), BuildOptions(encoder="none")]):
        seen.add(build_snapshot([str(TINY_WEB)], tmp_path / str(number), options).content_id)
    assert len(seen) == 3


def test_building_a_finished_snapshot_again_gives_it_back_untouched(tmp_path: Path) -> None:
    first = build_snapshot([str(TINY_WEB)], tmp_path / "out")
    before = (tmp_path / "out" / "manifest.json").stat().st_mtime_ns
    assert build_snapshot([str(TINY_WEB)], tmp_path / "out") == first
    assert (tmp_path / "out" / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(BuildRefused, match="other sources or settings"):
        build_snapshot([str(TINY_WEB)], tmp_path / "out", BuildOptions(encoder="none"))


def test_skipped_pages_are_listed_with_their_reason(tmp_path: Path) -> None:
    (tmp_path / "pages.jsonl").write_text('{"url": "https://a.example/", "text": "fine"}\nnot json\n{"url": "x"}\n')
    manifest = build_snapshot([str(tmp_path / "pages.jsonl")], tmp_path / "out")
    rows = [orjson.loads(line) for line in (tmp_path / "out" / "skipped.jsonl").read_bytes().splitlines()]
    assert manifest.counts.skipped == len(rows) == 2
    assert all(row["reason"] and "pages.jsonl:" in row["where"] for row in rows)


def test_a_snapshot_can_be_moved_and_served_from_a_read_only_folder(tiny_path: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(tiny_path, tmp_path / "moved"))
    for path in moved.rglob("*"):
        path.chmod(0o444 if path.is_file() else 0o555)
    hits = open_snapshot(moved).search("kelp", k=1).hits
    assert len(hits) == 1


def test_a_snapshot_is_searched_without_a_server_as_the_docs_say(tiny_path: Path) -> None:
    code = (
        "from corpus import open_snapshot\n"
        f"web = open_snapshot({str(tiny_path)!r})\n"
        "print([web.document(doc_id=hit.doc_id).title for hit in web.search('kelp bread recipe', k=1).hits])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "['Kelp Bread']"
