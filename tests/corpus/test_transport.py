"""Snapshots on the move arrive as they left, or not at all."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import orjson
import pytest
import zstandard

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot, read_manifest
from corpus.errors import BuildRefused, CorpusError, SnapshotCorrupt
from corpus.manifest import check_files
from corpus.transport import diff, export_jsonl, pack, unpack


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_snapshot_arrives_as_it_left(tiny_path: Path, tmp_path: Path) -> None:
    pack(tiny_path, tmp_path / "web.tar.zst")
    manifest = unpack(tmp_path / "web.tar.zst", tmp_path / "web")
    assert manifest == read_manifest(tiny_path)
    there = files_of(tmp_path / "web")
    assert there == {name: data for name, data in files_of(tiny_path).items() if name in there}
    assert set(there) >= {*manifest.files, "manifest.json", "skipped.jsonl"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web", "web.tar.zst"]


def test_the_same_snapshot_packs_to_the_same_bytes(tiny_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_path, copy, copy_function=shutil.copy)  # other times than the first
    pack(tiny_path, tmp_path / "a.tar.zst")
    pack(copy, tmp_path / "b.tar.zst")
    assert (tmp_path / "a.tar.zst").read_bytes() == (tmp_path / "b.tar.zst").read_bytes()


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.999])
def test_a_file_cut_short_leaves_nothing(tiny_path: Path, tmp_path: Path, keep: float) -> None:
    pack(tiny_path, tmp_path / "web.tar.zst")
    data = (tmp_path / "web.tar.zst").read_bytes()
    (tmp_path / "web.tar.zst").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(CorpusError):
        unpack(tmp_path / "web.tar.zst", tmp_path / "web")
    assert [path.name for path in tmp_path.iterdir()] == ["web.tar.zst"]


def repacked(tiny_path: Path, out: Path, members: list[tarfile.TarInfo]) -> Path:
    """A packed snapshot with members of an attacker's choosing behind the manifest."""
    manifest = (tiny_path / "manifest.json").read_bytes()
    first = tarfile.TarInfo("manifest.json")
    first.size = len(manifest)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        archive.addfile(first, io.BytesIO(manifest))
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    out.write_bytes(zstandard.compress(raw.getvalue()))
    return out


def member(name: str, *, size: int = 1, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside"),
        member("/tmp/outside"),
        member("documents/../../outside"),
        member("documents/text.bin", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("documents", kind=tarfile.SYMTYPE, link="/tmp"),
        member("documents/text.bin", kind=tarfile.LNKTYPE, link="manifest.json"),
        member("documents/text.bin", kind=tarfile.FIFOTYPE),
        member("not/listed"),
        member("documents/text.bin", size=50_000_000),
    ],
    ids=lambda info: f"{info.name}-{info.type!r}-{info.size}",
)
def test_members_the_manifest_does_not_list_are_refused(tiny_path: Path, tmp_path: Path, bad: tarfile.TarInfo) -> None:
    packed = repacked(tiny_path, tmp_path / "bad.tar.zst", [bad])
    with pytest.raises(SnapshotCorrupt, match="does not list"):
        unpack(packed, tmp_path / "web")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tar.zst"]


def test_a_manifest_that_lists_files_outside_is_refused(tiny_path: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    manifest = orjson.loads((tiny_path / "manifest.json").read_bytes())
    manifest["files"]["../outside"] = {"size_bytes": 1, "sha256": "0" * 64}
    (evil / "manifest.json").write_bytes(orjson.dumps(manifest))
    packed = repacked(evil, tmp_path / "bad.tar.zst", [member("../outside")])
    with pytest.raises(SnapshotCorrupt, match="outside"):
        unpack(packed, tmp_path / "web")
    assert not (tmp_path / "outside").exists()


def test_what_is_no_packed_snapshot_is_told(tmp_path: Path, tiny_path: Path) -> None:
    (tmp_path / "x.tar.zst").write_bytes(b"nothing of the kind")
    with pytest.raises(SnapshotCorrupt, match="no packed snapshot"):
        unpack(tmp_path / "x.tar.zst", tmp_path / "web")
    with pytest.raises(BuildRefused, match="cannot be unpacked"):
        unpack(tmp_path / "nowhere", tmp_path / "web")
    with pytest.raises(BuildRefused, match="there already"):
        unpack(tmp_path / "x.tar.zst", tiny_path)
    with pytest.raises(BuildRefused, match="cannot be written"):
        pack(tiny_path, tmp_path / "x.tar.zst" / "y")


def test_an_unpack_that_was_killed_leaves_nothing_that_looks_finished(factbook: Snapshot, tmp_path: Path) -> None:
    pack(factbook.path, tmp_path / "web.tar.zst")
    command = [sys.executable, "-m", "stillweb", "corpus", "unpack", str(tmp_path / "web.tar.zst")]
    for delay_s in (0.15, 0.25, 0.35):
        process = subprocess.Popen([*command, "--out", str(tmp_path / "web")], stdout=subprocess.DEVNULL)
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if (tmp_path / "web").exists():  # it was faster than the kill: then it must be whole
            check_files(tmp_path / "web", read_manifest(tmp_path / "web"))
            shutil.rmtree(tmp_path / "web")
    assert unpack(tmp_path / "web.tar.zst", tmp_path / "web").snapshot_id == factbook.snapshot_id
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web", "web.tar.zst"]


@pytest.mark.parametrize("name", ["pages.jsonl", "pages.jsonl.zst"])
def test_exported_pages_build_to_the_same_content(tiny: Snapshot, tmp_path: Path, name: str) -> None:
    assert export_jsonl(tiny, tmp_path / name) == 12
    manifest = build_snapshot([str(tmp_path / name)], tmp_path / "again")
    assert manifest.content_id == tiny.manifest.content_id
    assert manifest.snapshot_id == tiny.manifest.snapshot_id
    assert not diff(tiny, open_snapshot(tmp_path / "again"))


def test_odd_images_and_links_survive_an_export(tmp_path: Path) -> None:
    row = {
        "url": "https://a.example/",
        "title": "T",
        "text": "one\n  two https://b.example/ three",
        "links": [
            {"url": "/x", "anchor": "one\n  two", "start": 0},
            {"url": "https://b.example/", "anchor": "https://b.example/", "start": None},
        ],
        "images": [{"file": "images/a b.png", "alt": "A"}, {"file": "HTTPS://b.example/%7e"}, "/i.png"],
    }
    (tmp_path / "in.jsonl").write_bytes(orjson.dumps(row))
    first = build_snapshot([str(tmp_path / "in.jsonl")], tmp_path / "first", BuildOptions(encoder="none"))
    snapshot = open_snapshot(tmp_path / "first")
    (page,) = (snapshot.store.document(number) for number in range(1))
    assert [image.url for image in page.images] == [
        "images/a b.png",
        "HTTPS://b.example/%7e",
        "https://a.example/i.png",
    ]
    assert [(link.anchor, link.start) for link in page.links] == [("one\n  two", 0), ("https://b.example/", None)]
    export_jsonl(snapshot, tmp_path / "out.jsonl")
    again = build_snapshot([str(tmp_path / "out.jsonl")], tmp_path / "again", BuildOptions(encoder="none"))
    assert again.content_id == first.content_id


def test_the_demo_s_pages_survive_an_export(factbook: Snapshot, tmp_path: Path) -> None:
    export_jsonl(factbook, tmp_path / "pages.jsonl.zst")
    manifest = build_snapshot([str(tmp_path / "pages.jsonl.zst")], tmp_path / "again")
    assert manifest.snapshot_id == factbook.snapshot_id


def test_a_difference_names_pages_and_settings(tiny: Snapshot, tmp_path: Path) -> None:
    export_jsonl(tiny, tmp_path / "pages.jsonl")
    rows = [orjson.loads(line) for line in (tmp_path / "pages.jsonl").read_bytes().splitlines()]
    gone = rows.pop(3)
    rows[0]["title"] = "Another title"
    rows.append({"url": "https://tiny.example/new", "title": "New", "text": "New words."})
    (tmp_path / "other.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    build_snapshot([str(tmp_path / "other.jsonl")], tmp_path / "other", BuildOptions(passage_chars=500))
    found = diff(tiny, open_snapshot(tmp_path / "other"))
    assert found.added == ("https://tiny.example/new",)
    assert found.removed == (gone["url"],)
    assert found.changed == (rows[0]["url"],)
    assert found.settings == (("passage_chars", 1000, 500),)
