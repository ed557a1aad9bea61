"""What is damaged is named, what is unfinished never looks finished, and a build that was killed goes on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import orjson
import pytest

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from corpus.errors import (
    BadSource,
    BuildRefused,
    CorpusError,
    EncoderUnavailable,
    SnapshotCorrupt,
    SnapshotFormat,
    SnapshotIncomplete,
)
from corpus.manifest import Manifest, check_files, read_manifest
from corpus.staging import COMMIT_EVERY
from tests.conftest import TINY_WEB

T = TypeVar("T")

STAGES = ("reading", "storing pages", "comparing pages", "indexing words", "encoding (static)")
WORDS_ONLY = BuildOptions(encoder="none")


class Crash(Exception):
    """What no build expects."""


@dataclass
class CrashAt:
    """A progress display that crashes when `items` items of a stage have gone by, and remembers what went by."""

    stage: str = ""
    items: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    def __call__(self, items: Iterator[T], stage: str, total: int | None) -> Iterator[T]:
        name = "reading" if stage.startswith("reading") else stage
        for item in items:
            if name == self.stage and self.seen.get(name, 0) == self.items:
                raise Crash(name)
            self.seen[name] = self.seen.get(name, 0) + 1
            yield item


@pytest.fixture
def copy(tiny_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_path, tmp_path / "copy"))


def write_rows(path: Path, count: int) -> str:
    """Pages of which every tenth replaces an earlier one, and every hundredth line is broken."""
    lines = []
    for i in range(count):
        number = i // 2 if i % 10 == 9 else i
        text = f"Page {number} of {count}, written in line {i}."
        row = {"url": f"https://many.example/{number}", "text": text, "aliases": [f"https://many.example/old/{number}"]}
        lines.append("broken" if i % 100 == 50 else json.dumps(row))
    path.write_text("\n".join(lines))
    return str(path)


def refused(path: Path, kind: type[CorpusError], *words: str) -> None:
    """Opening fails, and says of what and what to do."""
    with pytest.raises(kind) as caught:
        open_snapshot(path)
    for word in words:
        assert word in str(caught.value)


def same_answers(one: Snapshot, two: Snapshot) -> None:
    queries = ["harbour", "who kept the lighthouse", "storm of 1887", "kelp bread", "the a of", "Þórunn", "mail boat -"]
    for query in queries:
        for mode in one.modes:
            for by_page in (True, False):
                assert one.search(query, mode=mode, by_page=by_page) == two.search(query, mode=mode, by_page=by_page)


# Opening


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", SnapshotIncomplete, "nowhere", "stillweb corpus build")


def test_a_folder_of_something_else_is_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    refused(tmp_path, SnapshotIncomplete, str(tmp_path), "manifest.json", "stillweb corpus build")


def test_an_unfinished_build_is_told_how_to_go_on(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    (copy / ".build").mkdir()
    refused(copy, SnapshotIncomplete, str(copy), "did not finish", "again")


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"x"',
        b"{}",
        b"\xff\xfe",
        b'{"format_version": "1"}',
        b'{"format_version": null}',
    ],
)
def test_a_manifest_that_is_none_is_named(copy: Path, manifest: bytes) -> None:
    (copy / "manifest.json").write_bytes(manifest)
    refused(copy, SnapshotCorrupt, str(copy / "manifest.json"), "not a manifest")


def test_a_manifest_with_other_fields_is_refused(copy: Path) -> None:
    data = orjson.loads((copy / "manifest.json").read_bytes())
    del data["counts"]
    (copy / "manifest.json").write_bytes(orjson.dumps({**data, "colour": "blue"}))
    refused(copy, SnapshotCorrupt, "manifest.json", "2 fields")


@pytest.mark.parametrize(("version", "remedy"), [(3, "newer stillweb"), (10**9, "newer stillweb"), (1, "Build")])
def test_another_format_is_refused_by_its_number(copy: Path, version: int, remedy: str) -> None:
    data = orjson.loads((copy / "manifest.json").read_bytes())
    (copy / "manifest.json").write_bytes(orjson.dumps({**data, "format_version": version, "unknown": 1}))
    refused(copy, SnapshotFormat, str(copy), f"format {version},", "format 2", remedy)


def test_a_file_that_is_missing_or_cut_off_is_named_when_the_snapshot_is_opened(copy: Path) -> None:
    for name, record in read_manifest(copy).files.items():
        file, data = copy / name, (copy / name).read_bytes()
        file.unlink()
        refused(copy, SnapshotCorrupt, name, "missing")
        if record.size_bytes:
            file.write_bytes(data[:-1])
            refused(copy, SnapshotCorrupt, name, f"{record.size_bytes:,}")
        file.write_bytes(data + b"\0")
        refused(copy, SnapshotCorrupt, name, f"{record.size_bytes:,}")
        file.write_bytes(data)
    open_snapshot(copy)


def test_one_flipped_bit_in_any_file_is_found_and_the_file_named(copy: Path) -> None:
    manifest = read_manifest(copy)
    checked: list[str] = []
    check_files(copy, manifest, checked.append)
    on_disk = {str(p.relative_to(copy)) for p in copy.rglob("*") if p.is_file() and p.suffix != ".lock"}
    assert set(checked) == on_disk - {"manifest.json", "build.json", "skipped.jsonl"}
    for name in checked:
        file, data = copy / name, bytearray((copy / name).read_bytes())
        if not data:
            continue
        for place in {0, len(data) // 2, len(data) - 1}:
            data[place] ^= 1
            file.write_bytes(data)
            with pytest.raises(SnapshotCorrupt, match="sha256") as caught:
                check_files(copy, manifest)
            assert str(file) in str(caught.value)
            data[place] ^= 1
        file.write_bytes(data)
    check_files(copy, manifest)


@pytest.mark.parametrize(
    "change",
    [
        {"snapshot_id": "0" * 32},
        {"content_id": "0" * 32},
        {"settings": {"default_mode": "bm25"}},
        {"settings": {"fusion_weights": {"bm25": 1.0, "dense": 1.0}}},
    ],
    ids=str,
)
def test_a_changed_manifest_is_found(copy: Path, change: dict[str, object]) -> None:
    data = orjson.loads((copy / "manifest.json").read_bytes())
    for name, value in change.items():
        data[name] = {**data[name], **value} if isinstance(value, dict) else value
    with pytest.raises(SnapshotCorrupt, match=r"manifest\.json"):
        check_files(copy, Manifest.model_validate(data))


# Builds that must not start


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(BuildRefused, match=r"photo\.jpg"):
        build_snapshot([str(TINY_WEB)], tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != ".lock") == ["photo.jpg"]


def test_a_finished_snapshot_of_other_sources_is_left_alone(copy: Path, tmp_path: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in copy.rglob("*") if p.is_file()}
    with pytest.raises(BuildRefused, match="finished snapshot") as caught:
        build_snapshot([write_rows(tmp_path / "rows.jsonl", 10)], copy)
    assert read_manifest(copy).snapshot_id in str(caught.value)
    assert "--out" in str(caught.value)
    assert {p: p.stat().st_mtime_ns for p in copy.rglob("*") if p.is_file()} == before


def test_sources_that_have_changed_since_are_another_snapshot(tmp_path: Path) -> None:
    pages = Path(shutil.copytree(TINY_WEB, tmp_path / "pages"))
    build_snapshot([str(pages)], tmp_path / "out", WORDS_ONLY)
    (pages / "tiny.example" / "new.html").write_text("<title>New</title><p>A new page.")
    with pytest.raises(BuildRefused, match="changed since"):
        build_snapshot([str(pages)], tmp_path / "out", WORDS_ONLY)


@pytest.mark.parametrize("place", ["file/out", "file", "/proc/nowhere/out", "/proc/out", "x" * 300])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildRefused, match="cannot be written") as caught:
        build_snapshot([str(TINY_WEB)], tmp_path / place, WORDS_ONLY)
    assert str(tmp_path / place) in str(caught.value)
    assert "--out" in str(caught.value)


@pytest.mark.parametrize(
    "source", ["nowhere.jsonl", "nowhere", "jsonl:nowhere", "html:nowhere", "x" * 300, "", "ftp://x/"]
)
def test_a_source_that_is_not_there_is_named_before_anything_is_written(tmp_path: Path, source: str) -> None:
    with pytest.raises(BadSource) as caught:
        build_snapshot([str(TINY_WEB), source], tmp_path / "out")
    assert source.partition(":")[2] or source in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_build_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildRefused, match="No source"):
        build_snapshot([], tmp_path / "out")


def test_an_unknown_encoder_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match="'quantum'.*static"):
        build_snapshot([str(TINY_WEB)], tmp_path / "out", BuildOptions(encoder="quantum"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [{"passage_chars": 99}, {"passage_chars": 100_001}, {"overlap_chars": -1}, {"overlap_chars": 500}],
    ids=str,
)
def test_sizes_that_make_no_passages_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(BuildRefused, match="give"):
        BuildOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", ["hold none"]),
        ("\n\n \n", ["hold none"]),
        ("not json\n[]\n", ["pages.jsonl:1", "pages.jsonl:2", "broken JSON", "no JSON object"]),
        ('{"url": "https://a.example/", "text": " "}\n{"text": "x"}', ["no text", "no url"]),
    ],
)
def test_a_source_without_a_page_is_refused_with_the_reasons_and_may_be_mended(
    tmp_path: Path, rows: str, words: list[str]
) -> None:
    source = tmp_path / "pages.jsonl"
    source.write_text(rows)
    with pytest.raises(BuildRefused, match="No page came out") as caught:
        build_snapshot([str(source)], tmp_path / "out", WORDS_ONLY)
    for word in [*words, str(source)]:
        assert word in str(caught.value)
    refused(tmp_path / "out", SnapshotIncomplete, "manifest.json")
    source.write_text('{"url": "https://a.example/", "text": "mended"}')
    assert build_snapshot([str(source)], tmp_path / "out", WORDS_ONLY).counts.documents == 1


def test_of_two_builds_in_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    refusals = []

    def meanwhile(items: Iterator[T], stage: str, total: int | None) -> Iterator[T]:
        with pytest.raises(BuildRefused, match="Another build") as caught:
            build_snapshot([str(TINY_WEB)], tmp_path / "out", WORDS_ONLY)
        refusals.append(str(caught.value))
        yield from items

    build_snapshot([str(TINY_WEB)], tmp_path / "out", WORDS_ONLY, progress=meanwhile)
    assert len(refusals) == len(STAGES) - 1  # all but the encoding, which WORDS_ONLY leaves out
    assert str(tmp_path / "out") in refusals[0]
    check_files(tmp_path / "out", read_manifest(tmp_path / "out"))


# Builds that crash


@pytest.mark.parametrize("stage", STAGES)
def test_a_build_goes_on_after_a_crash_to_the_same_snapshot(tiny: Snapshot, tmp_path: Path, stage: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(Crash):
        build_snapshot([str(TINY_WEB)], out, progress=CrashAt(stage, 7))
    assert not (out / "manifest.json").exists()
    refused(out, SnapshotIncomplete, "did not finish")
    again = CrashAt()
    manifest = build_snapshot([str(TINY_WEB)], out, progress=again)
    first = STAGES.index("storing pages" if stage == "comparing pages" else stage)  # one part on disk
    assert tuple(again.seen) == STAGES[first:], "what was whole is not made again"
    assert (manifest.snapshot_id, manifest.content_id) == (tiny.snapshot_id, tiny.manifest.content_id)
    assert manifest.counts == tiny.manifest.counts
    check_files(out, manifest)
    same_answers(open_snapshot(out), tiny)
    assert not (out / ".build").exists()


def test_a_build_may_crash_at_every_stage_in_turn(tiny: Snapshot, tmp_path: Path) -> None:
    for stage in STAGES:
        with pytest.raises(Crash):
            build_snapshot([str(TINY_WEB)], tmp_path / "out", progress=CrashAt(stage, 5))
    manifest = build_snapshot([str(TINY_WEB)], tmp_path / "out")
    assert (manifest.snapshot_id, manifest.counts) == (tiny.snapshot_id, tiny.manifest.counts)


def test_pages_taken_in_before_a_crash_are_not_read_again_and_counted_once(tmp_path: Path) -> None:
    rows = 2 * COMMIT_EVERY + 900
    source = write_rows(tmp_path / "rows.jsonl", rows)
    whole = build_snapshot([source], tmp_path / "whole", WORDS_ONLY)
    with pytest.raises(Crash):
        build_snapshot([source], tmp_path / "out", WORDS_ONLY, progress=CrashAt("reading", rows - 100))
    again = CrashAt()
    resumed = build_snapshot([source], tmp_path / "out", WORDS_ONLY, progress=again)
    assert again.seen["reading"] == 900
    assert (resumed.snapshot_id, resumed.counts) == (whole.snapshot_id, whole.counts)
    assert whole.counts.duplicates > 0 < whole.counts.skipped
    assert (tmp_path / "out" / "skipped.jsonl").read_bytes() == (tmp_path / "whole" / "skipped.jsonl").read_bytes()


def test_an_unfinished_build_is_not_mixed_with_another(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "rows.jsonl", 30)
    with pytest.raises(Crash):
        build_snapshot([source], tmp_path / "out", WORDS_ONLY, progress=CrashAt("indexing words", 3))
    others: list[tuple[list[str], BuildOptions]] = [
        ([str(TINY_WEB)], WORDS_ONLY),
        ([source, str(TINY_WEB)], WORDS_ONLY),
        ([source], BuildOptions(encoder="none", passage_chars=300)),
        ([source], BuildOptions()),
    ]
    for sources, options in others:
        with pytest.raises(BuildRefused, match="unfinished build of other sources or settings"):
            build_snapshot(sources, tmp_path / "out", options)
    write_rows(tmp_path / "rows.jsonl", 31)
    with pytest.raises(BuildRefused, match="unfinished build"):
        build_snapshot([source], tmp_path / "out", WORDS_ONLY)


_KILLED = """
import os, sys
from pathlib import Path
from corpus import build_snapshot

def progress(items, stage, total):
    for number, item in enumerate(items):
        if stage.startswith(sys.argv[3]) and number == int(sys.argv[4]):
            os.kill(os.getpid(), 9)
        yield item

build_snapshot([sys.argv[1]], Path(sys.argv[2]), progress=progress)
"""


def test_a_build_killed_outright_goes_on_to_the_same_snapshot(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "rows.jsonl", COMMIT_EVERY + 400)
    whole = build_snapshot([source], tmp_path / "whole")
    out = tmp_path / "out"
    for stage, items in (("reading", COMMIT_EVERY + 200), ("storing", 900), ("encoding", 700)):
        command = [sys.executable, "-c", _KILLED, source, str(out), stage, str(items)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        refused(out, SnapshotIncomplete, "did not finish")
    again = CrashAt()
    resumed = build_snapshot([source], out, progress=again)
    assert list(again.seen) == ["encoding (static)"]
    assert (resumed.snapshot_id, resumed.counts) == (whole.snapshot_id, whole.counts)
    check_files(out, resumed)


def test_what_a_kill_leaves_of_the_last_files_is_no_part_of_the_snapshot(tiny: Snapshot, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(Crash):
        build_snapshot([str(TINY_WEB)], out, progress=CrashAt("encoding (static)", 3))
    for name in ("manifest.partial", "build.partial", "skipped.partial"):
        (out / name).write_bytes(b"{")
    manifest = build_snapshot([str(TINY_WEB)], out)
    assert set(manifest.files) >= {"documents/text.bin", "dense/vectors.faiss", "graph/out_targets.npy"}
    assert not [name for name in manifest.files if "partial" in name]
    check_files(out, manifest)
    assert manifest.snapshot_id == tiny.snapshot_id


def test_a_snapshot_may_lie_below_any_folder(tiny: Snapshot, tmp_path: Path) -> None:
    manifest = build_snapshot([str(TINY_WEB)], tmp_path / ".build" / "a.partial" / "out")
    assert manifest.files.keys() >= {"documents/text.bin", "dense/vectors.faiss", "graph/out_targets.npy"}
    assert manifest.snapshot_id == tiny.snapshot_id


def test_a_link_that_leads_nowhere_does_not_stop_a_build(tmp_path: Path) -> None:
    pages = Path(shutil.copytree(TINY_WEB, tmp_path / "pages"))
    (pages / "gone.html").symlink_to(tmp_path / "nowhere.html")
    manifest = build_snapshot([str(pages)], tmp_path / "out", WORDS_ONLY)
    assert manifest.counts.documents == 12


@pytest.mark.parametrize(
    "options", [BuildOptions(threads=4), BuildOptions(commit_every=3), BuildOptions(threads=4, commit_every=3)]
)
def test_threads_and_commits_change_neither_ids_nor_answers(
    tiny: Snapshot, tmp_path: Path, options: BuildOptions
) -> None:
    manifest = build_snapshot([str(TINY_WEB)], tmp_path / "out", options)
    assert (manifest.snapshot_id, manifest.content_id) == (tiny.snapshot_id, tiny.manifest.content_id)
    same_answers(open_snapshot(tmp_path / "out"), tiny)
