"""Adding pages to a snapshot, and snapshots as sources: as if all had been built at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corpus import Snapshot, open_snapshot
from corpus.build import BuildOptions, add_to_snapshot, build_snapshot
from corpus.encoders import StaticEncoder
from corpus.errors import BuildRefused, SnapshotIncomplete
from corpus.manifest import Manifest, check_files
from corpus.sources import describe_source
from corpus.transport import pack, unpack

OLD = [
    {"url": f"https://a.example/{i}", "title": f"Page {i}", "text": f"# Page {i}\n\nThe {word} of harbour {i}. " * 90}
    for i, word in enumerate("lantern anchor compass tide gull rope".split())
]
NEW = [
    {"url": "https://a.example/2", "title": "Page 2, again", "text": "The compass was mended.", "date": "2024-05-06"},
    {"url": "https://b.example/x", "text": "A lantern of another house.", "aliases": ["https://a.example/old"]},
    {"url": "https://b.example/x", "text": "A lantern of another house, corrected."},
    {"url": "https://b.example/empty", "text": ""},
    {"url": "https://c.example/de", "text": "Die Häuser der Altstadt stehen am Fluss und sind sehr alt geworden."},
]


def write(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


def without_lexical(manifest: Manifest) -> dict[str, object]:
    """Tantivy names its files at random."""
    dumped = manifest.model_dump()
    dumped["files"] = {name: row for name, row in dumped["files"].items() if not name.startswith("lexical/")}
    return dumped


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    return write(tmp_path / "old.jsonl", OLD), write(tmp_path / "new.jsonl", NEW)


@pytest.mark.parametrize("encoder", ["none", "static"])
@pytest.mark.parametrize("exact_up_to", [None, 10])
def test_a_snapshot_with_pages_added_is_the_one_built_from_everything(
    files: tuple[str, str], tmp_path: Path, encoder: str, exact_up_to: int | None
) -> None:
    old, new = files
    options = BuildOptions(encoder=encoder, exact_up_to=exact_up_to, licences=("CC0", "CC BY"), title="Harbours")
    scratch = build_snapshot([old, new], tmp_path / "scratch", options)
    base = BuildOptions(encoder=encoder, exact_up_to=exact_up_to, licences=("CC0",), title="Harbours")
    build_snapshot([old], tmp_path / "base", base)
    added = add_to_snapshot(tmp_path / "base", [new], tmp_path / "added", licences=("CC BY",))
    assert without_lexical(added) == without_lexical(scratch)
    assert (added.counts.duplicates, added.counts.skipped) == (2, 1)
    check_files(tmp_path / "added", added)
    assert (tmp_path / "added" / "skipped.jsonl").read_bytes() == (tmp_path / "scratch" / "skipped.jsonl").read_bytes()
    same_answers(open_snapshot(tmp_path / "added"), open_snapshot(tmp_path / "scratch"))


def same_answers(one: Snapshot, other: Snapshot) -> None:
    for mode in one.modes:
        for query in ("lantern harbour", "compass mended", "Haus Altstadt", "page", "rope 5"):
            assert one.search(query, k=20, mode=mode) == other.search(query, k=20, mode=mode)
    for number in range(len(one.store)):
        assert one.store.document(number) == other.store.document(number)


def test_adding_twice_is_adding_once(files: tuple[str, str], tmp_path: Path) -> None:
    old, new = files
    more = write(tmp_path / "more.jsonl", [{"url": "https://d.example/", "text": "Yet another gull."}])
    options = BuildOptions(encoder="static")
    build_snapshot([old], tmp_path / "one", options)
    add_to_snapshot(tmp_path / "one", [new], tmp_path / "two")
    three = add_to_snapshot(tmp_path / "two", [more], tmp_path / "three")
    assert without_lexical(three) == without_lexical(build_snapshot([old, new, more], tmp_path / "all", options))
    assert [source.name.rsplit("/", 1)[1] for source in three.sources] == ["old.jsonl", "new.jsonl", "more.jsonl"]


def test_what_was_encoded_before_is_not_encoded_again(
    files: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = files
    build_snapshot([old], tmp_path / "base", BuildOptions(encoder="static"))
    encoded: list[str] = []
    encode = StaticEncoder.encode_passages

    def counting(self: StaticEncoder, texts: list[str]) -> object:
        encoded.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(StaticEncoder, "encode_passages", counting)
    added = add_to_snapshot(tmp_path / "base", [new], tmp_path / "added")
    assert len(encoded) == 3, "the page that changed and the two new ones"
    assert added.counts.passages > 9


def test_passages_of_another_size_are_cut_and_encoded_anew(files: tuple[str, str], tmp_path: Path) -> None:
    old, new = files
    build_snapshot([old], tmp_path / "base", BuildOptions(encoder="static", passage_chars=400))
    options = BuildOptions(encoder="static", passage_chars=200)
    mixed = build_snapshot([f"snapshot:{tmp_path / 'base'}", new], tmp_path / "mixed", options)
    scratch = build_snapshot([old, new], tmp_path / "scratch", options)
    assert without_lexical(mixed) == without_lexical(scratch)


def test_two_snapshots_make_one(files: tuple[str, str], tmp_path: Path) -> None:
    old, new = files
    options = BuildOptions(encoder="static")
    build_snapshot([old], tmp_path / "one", options)
    build_snapshot([new], tmp_path / "two", options)
    both = build_snapshot([str(tmp_path / "one"), f"snapshot:{tmp_path / 'two'}"], tmp_path / "both", options)
    scratch = build_snapshot([old, new], tmp_path / "scratch", options)
    assert (both.snapshot_id, both.content_id, both.counts) == (scratch.snapshot_id, scratch.content_id, scratch.counts)
    assert describe_source(str(tmp_path / "one")) == ("snapshot", "by what is in it")


def test_the_order_of_sources_leaves_no_trace_in_ids_where_no_page_is_told_twice(tmp_path: Path) -> None:
    shared = "https://a.example/shared"
    one = write(tmp_path / "one.jsonl", [{"url": "https://a.example/1", "text": "One.", "aliases": [shared]}])
    two = write(tmp_path / "two.jsonl", [{"url": "https://a.example/2", "text": "Two.", "aliases": [shared]}])
    forth = build_snapshot([one, two], tmp_path / "forth", BuildOptions(encoder="none"))
    back = build_snapshot([two, one], tmp_path / "back", BuildOptions(encoder="none"))
    assert forth.snapshot_id == back.snapshot_id


def test_an_unfinished_snapshot_is_nothing_to_add_to(files: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    with pytest.raises(SnapshotIncomplete, match="no manifest"):
        add_to_snapshot(tmp_path / "base", [files[1]], tmp_path / "added")
    assert not (tmp_path / "added").exists()


def test_licences_that_do_not_fit_the_sources_are_refused(files: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(BuildRefused, match="3 licences for 2 sources"):
        build_snapshot(list(files), tmp_path / "out", BuildOptions(licences=("a", "b", "c")))
    assert not (tmp_path / "out").exists()


def test_licences_of_an_addition_are_counted_against_its_own_sources(files: tuple[str, str], tmp_path: Path) -> None:
    build_snapshot([files[0]], tmp_path / "base", BuildOptions(encoder="none"))
    with pytest.raises(BuildRefused, match="2 licences for 3 sources"):
        add_to_snapshot(tmp_path / "base", [files[1]] * 3, tmp_path / "added", licences=("a", "b"))


def test_a_base_that_was_unpacked_and_then_opened_is_the_same_base(files: tuple[str, str], tmp_path: Path) -> None:
    build_snapshot([files[0]], tmp_path / "built", BuildOptions(encoder="none"))
    pack(tmp_path / "built", tmp_path / "packed.tar.zst")
    unpack(tmp_path / "packed.tar.zst", tmp_path / "base")
    added = add_to_snapshot(tmp_path / "base", [files[1]], tmp_path / "added")
    assert open_snapshot(tmp_path / "base").search("lantern", mode="bm25").hits  # leaves a lock in the folder
    assert add_to_snapshot(tmp_path / "base", [files[1]], tmp_path / "added") == added
