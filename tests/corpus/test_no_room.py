"""A full or a read-only disk is said in a line, spoils nothing that was there, and the same command then finishes.

On a real disk of a few megabytes: a tmpfs, which takes a machine where one may mount.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from corpus import build_snapshot, open_snapshot, read_manifest
from corpus.errors import CorpusError
from corpus.export import export
from corpus.manifest import check_files
from corpus.remote import pull, push
from corpus.transport import pack, unpack

pytest.importorskip("pyarrow", reason="pip install 'stillweb[sources]'")
pytest.importorskip("fsspec", reason="pip install 'stillweb[sources]'")

PAGES = 1500


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pages.jsonl, the snapshot `web` of it and `web.tar.zst`: what the commands below start from."""
    folder = tmp_path_factory.mktemp("web")
    words = [f"{word}{i}" for i in range(300) for word in ("harbour", "kelp", "lamp", "storm")]
    rows = [
        {"url": f"https://many.example/{i}", "title": f"Page {i}", "text": " ".join(words[i % 400 : i % 400 + 300])}
        for i in range(PAGES)
    ]
    (folder / "pages.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    build_snapshot([str(folder / "pages.jsonl")], folder / "web")
    pack(folder / "web", folder / "web.tar.zst")
    return folder


class Disk:
    """A disk of its own, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mount("-t", "tmpfs", "-o", "size=100k", "stillweb-test")

    def _mount(self, *options: str) -> None:
        done = subprocess.run(["mount", *options, str(self.path)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"needs a disk that can be full, and none can be mounted here: {done.stderr.strip()}")

    def resize(self, size_bytes: int) -> None:
        self._mount("-o", f"remount,rw,size={size_bytes}")

    def make_read_only(self) -> None:
        self._mount("-o", "remount,ro")

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() or not Path("/proc/mounts").is_file():
        pytest.skip("needs a disk that can be full: only root may mount one, and only on Linux")
    (tmp_path / "disk").mkdir()
    disk = Disk(tmp_path / "disk")
    yield disk
    disk.unmount()


Command = Callable[[Path, Path], object]
"""(folder `web`, where to write): what fills a disk."""

COMMANDS: dict[str, Command] = {
    "build": lambda web, disk: build_snapshot([str(web / "pages.jsonl")], disk / "new"),
    "pack": lambda web, disk: pack(web / "web", disk / "new.tar.zst"),
    "unpack": lambda web, disk: unpack(web / "web.tar.zst", disk / "new"),
    "pull": lambda web, disk: pull(f"file://{web}/web", disk / "new"),
    "pull-packed": lambda web, disk: pull(f"file://{web}/web.tar.zst", disk / "new"),
    "push": lambda web, disk: push(web / "web", f"file://{disk}/new"),
    "export": lambda web, disk: export(open_snapshot(web / "web"), disk / "new.jsonl"),
    "export-parquet": lambda web, disk: export(open_snapshot(web / "web"), disk / "new.parquet"),
}


@pytest.fixture(scope="module", params=COMMANDS)
def needed(request: pytest.FixtureRequest, web: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    """A command, and how many bytes it comes to have on a disk where there is room."""
    folder = tmp_path_factory.mktemp("room")
    COMMANDS[request.param](web, folder)
    return request.param, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def put_an_older_snapshot_on(disk: Disk, web: Path) -> Path:
    disk.resize(64 * 1024**2)
    return Path(shutil.copytree(web / "web", disk.path / "old"))


def taken_bytes(path: Path) -> int:
    """What a tmpfs has taken, in whole pages."""
    stat = os.statvfs(path)
    return (stat.f_blocks - stat.f_bfree) * stat.f_frsize


@pytest.mark.parametrize("share", [0.05, 0.4, 0.95])
def test_a_full_disk_is_said_and_with_room_the_same_command_finishes(
    web: Path, disk: Disk, needed: tuple[str, int], share: float
) -> None:
    name, needed_bytes = needed
    old = put_an_older_snapshot_on(disk, web)
    disk.resize(taken_bytes(disk.path) + int(needed_bytes * share))
    with pytest.raises(CorpusError) as caught:
        COMMANDS[name](web, disk.path)
    assert str(disk.path / "new") in str(caught.value)
    assert "room" in str(caught.value) or "again" in str(caught.value)
    check_files(old, read_manifest(old))
    assert not list(disk.path.glob("new.*")), "half a file looks finished"
    if (disk.path / "new").exists():
        with pytest.raises(CorpusError):
            open_snapshot(disk.path / "new")
    disk.resize(96 * 1024**2)
    COMMANDS[name](web, disk.path)
    if (disk.path / "new").is_dir():
        manifest = open_snapshot(disk.path / "new").manifest
        check_files(disk.path / "new", manifest)
        assert manifest.snapshot_id == read_manifest(web / "web").snapshot_id
    assert len(list(disk.path.iterdir())) == 2, "nothing is left but the old and the new"


def test_a_disk_too_full_for_a_build_to_begin_is_said(web: Path, disk: Disk) -> None:
    disk.resize(8192)
    with pytest.raises(CorpusError):
        COMMANDS["build"](web, disk.path)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_read_only_disk_is_said(web: Path, disk: Disk, name: str) -> None:
    old = put_an_older_snapshot_on(disk, web)
    before = {path: path.stat().st_mtime_ns for path in disk.path.rglob("*")}
    disk.make_read_only()
    with pytest.raises(CorpusError, match="Read-only file system") as caught:
        COMMANDS[name](web, disk.path)
    assert str(disk.path / "new") in str(caught.value)
    assert {path: path.stat().st_mtime_ns for path in disk.path.rglob("*")} == before
    check_files(old, read_manifest(old))


def test_a_snapshot_on_a_read_only_disk_can_be_read(web: Path, disk: Disk, tmp_path: Path) -> None:
    old = put_an_older_snapshot_on(disk, web)
    disk.make_read_only()
    pack(old, tmp_path / "old.tar.zst")
    push(old, str(tmp_path / "far"))
    pull(str(old), tmp_path / "back")
    export(open_snapshot(old), tmp_path / "pages.parquet")
    assert (tmp_path / "old.tar.zst").read_bytes() == (web / "web.tar.zst").read_bytes()


def test_a_snapshot_on_a_read_only_disk_can_be_searched(web: Path, disk: Disk) -> None:
    """A folder without write permission does not show it: to root it is writable."""
    old = put_an_older_snapshot_on(disk, web)
    disk.make_read_only()
    assert len(open_snapshot(old).search("kelp7", k=3).hits) == 3


@pytest.mark.parametrize("name", COMMANDS)
def test_a_place_where_nothing_can_be_written_is_said(web: Path, name: str) -> None:
    """Where no disk can be mounted, this is what is left to try."""
    with pytest.raises(CorpusError, match="/proc/nowhere"):
        COMMANDS[name](web, Path("/proc/nowhere"))
