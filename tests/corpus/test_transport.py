"""Snapshots on the move arrive as they left, or not at all."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import tarfile
from pathlib import Path

import orjson
import pytest
import zstandard

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot, read_manifest
from corpus.errors import BuildRefused, CorpusError, SnapshotCorrupt, SnapshotFormat
from corpus.export import export_jsonl
from corpus.manifest import check_files
from corpus.transport import diff, pack, unpack
from tests.conftest import TINY_WEB


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
        member("documents", kind=tarfile.SYMTYPE, link="graph"),
        member("graph/in_origins.npy", kind=tarfile.SYMTYPE, link="../documents/text.bin"),
        member("graph/in_origins.npy", kind=tarfile.LNKTYPE, link="documents/text.bin"),
        member("documents/text.bin", kind=tarfile.DIRTYPE),
        member("documents/text.bin", kind=tarfile.CHRTYPE),
        member("documents\\text.bin"),
        member("..\\outside"),
        member("documents\0/text.bin"),
        member("./documents/text.bin"),
        member("documents//text.bin"),
        member("manifest.json"),
        member(".lock"),
    ],
    ids=lambda info: f"{info.name!r}-{info.type!r}-{info.size}",
)
def test_members_the_manifest_does_not_list_are_refused(tiny_path: Path, tmp_path: Path, bad: tarfile.TarInfo) -> None:
    packed = repacked(tiny_path, tmp_path / "bad.tar.zst", [bad])
    with pytest.raises(SnapshotCorrupt, match="does not list"):
        unpack(packed, tmp_path / "web")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tar.zst"]


@pytest.mark.parametrize("name", ["documents/digest.txt", "skipped.jsonl"])
def test_a_member_that_comes_twice_is_refused(tiny_path: Path, tmp_path: Path, name: str) -> None:
    packed = repacked(tiny_path, tmp_path / "bad.tar.zst", [member(name), member(name)])
    with pytest.raises(SnapshotCorrupt, match=f"{name}.*does not list"):
        unpack(packed, tmp_path / "web")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tar.zst"]


def test_a_link_is_refused_before_what_comes_through_it(tiny_path: Path, tmp_path: Path) -> None:
    """The classic: a folder that is a link, then a file in it; here to a place outside, and to one inside."""
    (tmp_path / "victim").mkdir()
    for target in (str(tmp_path / "victim"), "../victim", "graph"):
        members = [member("documents", kind=tarfile.SYMTYPE, link=target), member("documents/text.bin")]
        with pytest.raises(SnapshotCorrupt, match="'documents', which its manifest does not list"):
            unpack(repacked(tiny_path, tmp_path / "bad.tar.zst", members), tmp_path / "web")
    assert not list((tmp_path / "victim").iterdir())
    assert not (tmp_path / "web").exists()


def test_links_in_the_working_folder_are_removed_and_not_followed(tiny_path: Path, tmp_path: Path) -> None:
    pack(tiny_path, tmp_path / "web.tar.zst")
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "text.bin").write_bytes(b"precious")
    (tmp_path / ".web.unpacking").mkdir()
    (tmp_path / ".web.unpacking" / "documents").symlink_to(tmp_path / "victim")
    unpack(tmp_path / "web.tar.zst", tmp_path / "web")
    assert files_of(tmp_path / "victim") == {"text.bin": b"precious"}
    check_files(tmp_path / "web", read_manifest(tiny_path))
    (tmp_path / ".other.unpacking").symlink_to(tmp_path / "victim")
    with pytest.raises(BuildRefused, match=r"\.other\.unpacking"):
        unpack(tmp_path / "web.tar.zst", tmp_path / "other")
    assert files_of(tmp_path / "victim") == {"text.bin": b"precious"}


@pytest.mark.parametrize(
    "name",
    ["../outside", "/tmp/outside", "a/../../outside", "a\\b", "..\\outside", "a\0b", "", ".", "documents", "a//b"],
)
def test_a_manifest_that_lists_files_outside_is_refused(tiny_path: Path, tmp_path: Path, name: str) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    manifest = orjson.loads((tiny_path / "manifest.json").read_bytes())
    manifest["files"][name] = {"size_bytes": 1, "sha256": "0" * 64}
    (evil / "manifest.json").write_bytes(orjson.dumps(manifest))
    packed = repacked(evil, tmp_path / "bad.tar.zst", [member(name)])
    with pytest.raises(SnapshotCorrupt, match="outside"):
        unpack(packed, tmp_path / "web")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar.zst", "evil"]


@pytest.mark.parametrize(("version", "remedy"), [(10**6, "Install a newer stillweb"), (0, "again")])
def test_a_packed_snapshot_of_another_format_is_refused_by_its_number(
    tiny_path: Path, tmp_path: Path, version: int, remedy: str
) -> None:
    manifest = {**orjson.loads((tiny_path / "manifest.json").read_bytes()), "format_version": version}
    (tmp_path / "manifest.json").write_bytes(orjson.dumps(manifest))
    packed = repacked(tmp_path, tmp_path / "web.tar.zst", [])
    with pytest.raises(SnapshotFormat, match=f"format {version},.*{remedy}"):
        unpack(packed, tmp_path / "web")
    assert not (tmp_path / "web").exists()


def test_a_snapshot_unpacked_before_is_verified_and_left(tiny_path: Path, tmp_path: Path) -> None:
    pack(tiny_path, tmp_path / "web.tar.zst")
    for _ in range(2):
        assert unpack(tmp_path / "web.tar.zst", tmp_path / "web") == read_manifest(tiny_path)
    (tmp_path / "web" / "documents" / "text.bin").write_bytes(b"")
    with pytest.raises(SnapshotCorrupt, match="text.bin"):
        unpack(tmp_path / "web.tar.zst", tmp_path / "web")
    build_snapshot([str(TINY_WEB)], tmp_path / "other", BuildOptions(encoder="none"))
    with pytest.raises(BuildRefused, match="there already.*was to come"):
        unpack(tmp_path / "web.tar.zst", tmp_path / "other")


@pytest.mark.parametrize("seed", range(60))
def test_a_packed_file_with_a_few_changed_bytes_is_refused_in_our_words(
    tiny_path: Path, tmp_path: Path, seed: int
) -> None:
    """Changed inside the compression, where the archive's own headers are."""
    draw = random.Random(seed)
    pack(tiny_path, tmp_path / "web.tar.zst")
    with open(tmp_path / "web.tar.zst", "rb") as file:
        data = bytearray(zstandard.ZstdDecompressor().stream_reader(file).read())
    headers = [place for place in range(0, len(data), 512) if data[place + 257 : place + 262] == b"ustar"]
    for _ in range(3):
        data[draw.choice(headers) + draw.randrange(512)] = draw.choice([0, 0x20, 0x2E, 0x2F, 0x37, 0x80, 0xFF])
    (tmp_path / "web.tar.zst").write_bytes(zstandard.compress(bytes(data)))
    try:
        unpack(tmp_path / "web.tar.zst", tmp_path / "web")
    except CorpusError:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["web.tar.zst"]
    else:
        check_files(tmp_path / "web", read_manifest(tiny_path))  # what was changed did not matter


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
    assert found.settings == (("passage_chars", 1000, 500), ("whole_chars", 2000, 1000))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_header_of_gigabytes_is_refused_unread(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = kind, 1 << 40
    (tmp_path / "web.tar.zst").write_bytes(zstandard.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    with pytest.raises(SnapshotCorrupt, match="a header that no packed snapshot has"):
        unpack(tmp_path / "web.tar.zst", tmp_path / "web")


def test_a_thousand_headers_before_one_member_are_refused_in_our_words(tmp_path: Path) -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 4
    one = header.tobuf(tarfile.GNU_FORMAT) + b"name".ljust(512, b"\0")
    (tmp_path / "web.tar.zst").write_bytes(zstandard.compress(one * 5000))
    with pytest.raises(SnapshotCorrupt, match="no packed snapshot"):
        unpack(tmp_path / "web.tar.zst", tmp_path / "web")


def test_a_name_too_long_for_a_plain_header_travels(tiny_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_path, copy)
    manifest = orjson.loads((copy / "manifest.json").read_bytes())
    name = "lexical/" + "ü" * 100
    (copy / name).write_bytes(b"x")
    manifest["files"][name] = {"size_bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    (copy / "manifest.json").write_bytes(orjson.dumps(manifest))
    pack(copy, tmp_path / "web.tar.zst")
    assert name in unpack(tmp_path / "web.tar.zst", tmp_path / "web").files
