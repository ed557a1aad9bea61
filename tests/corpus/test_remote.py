"""A snapshot that goes to a remote place and comes back is the same, whatever breaks on the way."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from corpus import BuildOptions, Manifest, build_snapshot, open_snapshot, read_manifest
from corpus.errors import BuildRefused, CorpusError, RemoteUnavailable, SnapshotCorrupt, SnapshotFormat
from corpus.manifest import FileRecord, check_files
from corpus.remote import PUSHING, pull, push
from corpus.transport import Moved, pack, silent_bytes, unpack
from tests.conftest import TINY_WEB

pytest.importorskip("fsspec", reason="pip install 'stillweb[sources]'")

BIG = "documents/big.bin"
BIG_BYTES = 11 * 1024**2
"""More than two of the chunks that are read at once."""

needs_aiohttp = pytest.mark.skipif(
    importlib.util.find_spec("aiohttp") is None, reason="fsspec speaks HTTP through aiohttp: pip install aiohttp"
)


def with_manifest(folder: Path, **changes: object) -> Manifest:
    manifest = read_manifest(folder).model_copy(update=changes)
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest.model_dump()))
    return manifest


@pytest.fixture(scope="module")
def big_path(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny web with one more file, of eleven megabytes."""
    folder = Path(shutil.copytree(tiny_path, tmp_path_factory.mktemp("big") / "big"))
    data = random.Random(0).randbytes(BIG_BYTES)
    (folder / BIG).write_bytes(data)
    record = FileRecord(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    with_manifest(folder, files={**read_manifest(folder).files, BIG: record})
    return folder


@pytest.fixture
def other_path(tmp_path: Path) -> Path:
    build_snapshot([str(TINY_WEB)], tmp_path / "other", BuildOptions(encoder="none"))
    return tmp_path / "other"


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sent_of(folder: Path) -> dict[str, bytes]:
    """What of a snapshot travels: what the manifest lists, the manifest, and the list of what was skipped."""
    names = {*read_manifest(folder).files, "manifest.json", "skipped.jsonl"}
    return {name: data for name, data in files_of(folder).items() if name in names}


@dataclass
class Counted:
    """Progress that adds up the bytes of every stage."""

    moved: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int | None] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str, total_bytes: int | None) -> Iterator[Moved]:
        self.moved[stage], self.totals[stage] = 0, total_bytes

        def moved(size_bytes: int) -> None:
            self.moved[stage] += size_bytes

        yield moved


class Broken(Exception):
    """The line goes dead."""


@contextmanager
def breaking(stage: str, total_bytes: int | None, *, at: str, after_bytes: int) -> Iterator[Moved]:
    """Progress that breaks a stage off once more than so many bytes have gone by."""
    seen = 0

    def moved(size_bytes: int) -> None:
        nonlocal seen
        seen += size_bytes
        if stage == at and seen > after_bytes:
            raise Broken

    yield moved


# There and back


@pytest.mark.parametrize("kind", ["file", "memory", "plain"])
def test_a_snapshot_comes_back_as_it_went(tiny_path: Path, tmp_path: Path, kind: str) -> None:
    url = {"file": f"file://{tmp_path}/far/away", "memory": f"memory://{uuid4().hex}", "plain": str(tmp_path / "far")}
    manifest = read_manifest(tiny_path)
    assert push(tiny_path, url[kind]) == manifest
    counted = Counted()
    assert pull(url[kind], tmp_path / "back", progress=counted) == manifest
    assert files_of(tmp_path / "back") == sent_of(tiny_path)
    assert open_snapshot(tmp_path / "back").snapshot_id == manifest.snapshot_id
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    total_bytes = sum(record.size_bytes for record in manifest.files.values())
    assert counted.moved == counted.totals == {"downloading": total_bytes}


def test_what_was_pushed_to_a_folder_is_a_snapshot_there(tiny_path: Path, tmp_path: Path) -> None:
    push(tiny_path, str(tmp_path / "far"))
    assert files_of(tmp_path / "far") == sent_of(tiny_path)
    check_files(tmp_path / "far", read_manifest(tmp_path / "far"))


def test_a_finished_push_or_pull_is_left_as_it_is(tiny_path: Path, tmp_path: Path) -> None:
    for _ in range(2):
        push(tiny_path, str(tmp_path / "far"))
        pull(str(tmp_path / "far"), tmp_path / "back")
        times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_another_build_of_a_pushed_snapshot_need_not_be_pushed(tiny_path: Path, tmp_path: Path) -> None:
    """Its lexical files have other bytes, and the snapshot is the same."""
    build_snapshot([str(TINY_WEB)], tmp_path / "again")
    assert (tmp_path / "again" / "manifest.json").read_bytes() != (tiny_path / "manifest.json").read_bytes()
    push(tiny_path, str(tmp_path / "far"))
    before = files_of(tmp_path / "far")
    push(tmp_path / "again", str(tmp_path / "far"))
    assert files_of(tmp_path / "far") == before
    (tmp_path / "far" / "documents" / "text.bin").unlink()
    with pytest.raises(BuildRefused, match="text.bin is missing"):
        push(tmp_path / "again", str(tmp_path / "far"))
    push(tiny_path, str(tmp_path / "far"))  # the very same one mends it
    assert files_of(tmp_path / "far") == before


# Pushing


def test_a_push_that_broke_off_goes_on_and_looks_unfinished_until_then(big_path: Path, tmp_path: Path) -> None:
    far = tmp_path / "far"
    with pytest.raises(Broken):
        push(big_path, str(far), progress=partial(breaking, at="sending", after_bytes=BIG_BYTES))
    assert (far / BIG).is_file()
    assert (far / PUSHING).is_file()
    with pytest.raises(CorpusError, match="manifest.json"):
        open_snapshot(far)
    with pytest.raises(RemoteUnavailable, match="push did not finish"):
        pull(str(far), tmp_path / "back")
    sent_before = (far / BIG).stat().st_mtime_ns
    (far / "documents" / "digest.txt").write_bytes(b"half")  # a part of a file, as a break leaves it
    push(big_path, str(far))
    assert (far / BIG).stat().st_mtime_ns == sent_before
    assert files_of(far) == sent_of(big_path)


def test_a_file_of_the_right_size_and_wrong_bytes_is_sent_again_to_a_disk(big_path: Path, tmp_path: Path) -> None:
    far = tmp_path / "far"
    with pytest.raises(Broken):
        push(big_path, str(far), progress=partial(breaking, at="sending", after_bytes=BIG_BYTES))
    (far / BIG).write_bytes(bytes(BIG_BYTES))
    push(big_path, str(far))
    assert files_of(far) == sent_of(big_path)


@pytest.mark.parametrize("half", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", [PUSHING, "manifest.json"])
def test_a_push_goes_on_behind_a_manifest_that_was_half_written(
    tiny_path: Path, tmp_path: Path, name: str, half: float
) -> None:
    data = (tiny_path / "manifest.json").read_bytes()
    push(tiny_path, str(tmp_path / "far"))
    (tmp_path / "far" / PUSHING).write_bytes(data)
    (tmp_path / "far" / "manifest.json").unlink()
    (tmp_path / "far" / name).write_bytes(data[: int(len(data) * half)])
    push(tiny_path, str(tmp_path / "far"))
    assert files_of(tmp_path / "far") == sent_of(tiny_path)


def test_a_remote_folder_of_something_else_is_refused_and_left_alone(
    tiny_path: Path, other_path: Path, big_path: Path, tmp_path: Path
) -> None:
    far = tmp_path / "far"
    with pytest.raises(Broken):
        push(other_path, str(far), progress=partial(breaking, at="sending", after_bytes=1))
    before = files_of(far)
    with pytest.raises(BuildRefused, match="unfinished push of snapshot") as caught:
        push(tiny_path, str(far))
    assert read_manifest(other_path).snapshot_id in str(caught.value)
    assert files_of(far) == before
    push(other_path, str(far))
    with pytest.raises(BuildRefused, match="finished snapshot.*push to another URL"):
        push(tiny_path, str(far))
    with pytest.raises(Broken):
        push(big_path, str(tmp_path / "half"), progress=partial(breaking, at="sending", after_bytes=1))
    with pytest.raises(BuildRefused, match="another build of this snapshot"):
        push(tiny_path, str(tmp_path / "half"))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(BuildRefused, match="a.jpg is there"):
        push(tiny_path, str(tmp_path / "photos"))


def test_a_damaged_snapshot_is_not_pushed(tiny_path: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_path, tmp_path / "copy"))
    data = bytearray((copy / "documents" / "text.bin").read_bytes())
    data[5] ^= 1
    (copy / "documents" / "text.bin").write_bytes(data)
    with pytest.raises(SnapshotCorrupt, match="text.bin"):
        push(copy, str(tmp_path / "far"))
    assert not (tmp_path / "far").exists()


# Pulling


def test_a_pull_that_broke_off_keeps_what_had_come(big_path: Path, tmp_path: Path) -> None:
    out, part = tmp_path / "out", tmp_path / ".out.pulling"
    with pytest.raises(Broken):
        pull(str(big_path), out, progress=partial(breaking, at="downloading", after_bytes=5 * 1024**2))
    assert not out.exists()
    kept = (part / BIG).stat()
    assert 0 < kept.st_size < BIG_BYTES
    assert not (part / "manifest.json").exists(), "it would look finished"
    counted = Counted()
    pull(str(big_path), out, progress=counted)
    assert counted.moved == counted.totals
    assert (out / BIG).stat().st_ino == kept.st_ino, "the part that had come was gone on with"
    assert files_of(out) == sent_of(big_path)


def test_what_lies_in_the_working_folder_is_not_believed(big_path: Path, tmp_path: Path) -> None:
    out, part, victim = tmp_path / "out", tmp_path / ".out.pulling", tmp_path / "victim"
    with pytest.raises(Broken):
        pull(str(big_path), out, progress=partial(breaking, at="downloading", after_bytes=BIG_BYTES))
    victim.mkdir()
    (victim / "file").write_bytes(b"precious")
    (part / BIG).write_bytes(bytes(BIG_BYTES // 2))  # a first half of something else
    for name in ("documents/digest.txt", "graph", "stranger"):  # links, in place of a file, a folder, and beside
        shutil.rmtree(part / name) if (part / name).is_dir() else (part / name).unlink(missing_ok=True)
        (part / name).symlink_to(victim if name == "graph" else victim / "file")
    (part / "lexical").mkdir(exist_ok=True)
    (part / "lexical" / "meta.json").unlink(missing_ok=True)
    os.link(victim / "file", part / "lexical" / "meta.json")
    (part / "lexical" / "more").write_bytes(b"x")
    pull(str(big_path), out)
    assert files_of(out) == sent_of(big_path)
    assert not [path for path in out.rglob("*") if path.is_symlink()]
    assert files_of(victim) == {"file": b"precious"}


def test_a_link_in_place_of_the_working_folder_is_not_followed(tiny_path: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / ".out.pulling").symlink_to(tmp_path / "victim")
    with pytest.raises(BuildRefused, match=r"\.out\.pulling"):
        pull(str(tiny_path), tmp_path / "out")
    assert not files_of(tmp_path / "victim")


def test_a_remote_that_changed_meanwhile_starts_over(big_path: Path, other_path: Path, tmp_path: Path) -> None:
    far, out = Path(shutil.copytree(big_path, tmp_path / "far")), tmp_path / "out"
    with pytest.raises(Broken):
        pull(str(far), out, progress=partial(breaking, at="downloading", after_bytes=BIG_BYTES))
    shutil.rmtree(far)
    shutil.copytree(other_path, far)
    assert pull(str(far), out).snapshot_id == read_manifest(other_path).snapshot_id
    assert files_of(out) == sent_of(other_path)


def test_a_folder_that_is_there_is_left_alone(tiny_path: Path, other_path: Path, tmp_path: Path) -> None:
    before = files_of(other_path)
    with pytest.raises(BuildRefused, match="there already.*choose a new folder"):
        pull(str(tiny_path), other_path)
    assert files_of(other_path) == before
    (tmp_path / "photos").mkdir()
    with pytest.raises(BuildRefused, match="there already"):
        pull(str(tiny_path), tmp_path / "photos")


def test_a_changed_byte_at_the_remote_is_found_and_nothing_appears(tiny_path: Path, tmp_path: Path) -> None:
    far = Path(shutil.copytree(tiny_path, tmp_path / "far"))
    data = bytearray((far / "documents" / "text.bin").read_bytes())
    data[5] ^= 1
    (far / "documents" / "text.bin").write_bytes(data)
    with pytest.raises(SnapshotCorrupt, match="text.bin.*sha256"):
        pull(str(far), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    shutil.copy(tiny_path / "documents" / "text.bin", far / "documents")
    pull(str(far), tmp_path / "out")
    assert files_of(tmp_path / "out") == sent_of(tiny_path)


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/tmp/outside",
        "documents/../../outside",
        "a//b",
        "./a",
        "",
        "documents/text.bin/x",
        "a\\b",
        "..\\outside",
        "a\0b",
        "a\nb",
        ".pull",
        "manifest.json",
    ],
)
def test_a_manifest_that_names_files_outside_is_refused(tiny_path: Path, tmp_path: Path, name: str) -> None:
    far = Path(shutil.copytree(tiny_path, tmp_path / "far"))
    record = FileRecord(size_bytes=1, sha256="0" * 64)
    with_manifest(far, files={**read_manifest(far).files, name: record})
    with pytest.raises(SnapshotCorrupt, match="outside the snapshot"):
        pull(str(far), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["far"]


def test_ids_that_do_not_follow_from_the_parts_are_refused(tiny_path: Path, tmp_path: Path) -> None:
    far = Path(shutil.copytree(tiny_path, tmp_path / "far"))
    with_manifest(far, snapshot_id="0" * 32)
    with pytest.raises(SnapshotCorrupt, match="snapshot_id does not follow"):
        pull(str(far), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_format_is_refused_by_its_number_and_place(tiny_path: Path, tmp_path: Path) -> None:
    far = Path(shutil.copytree(tiny_path, tmp_path / "far"))
    for version, remedy in ((10**6, "newer stillweb"), (0, "again")):
        data = {**orjson.loads((tiny_path / "manifest.json").read_bytes()), "format_version": version}
        (far / "manifest.json").write_bytes(orjson.dumps(data))
        with pytest.raises(SnapshotFormat, match=f"far has snapshot format {version},.*{remedy}"):
            pull(str(far), tmp_path / "out")


def test_room_is_asked_for_before_anything_is_fetched(tiny_path: Path, tmp_path: Path) -> None:
    far = Path(shutil.copytree(tiny_path, tmp_path / "far"))
    record = FileRecord(size_bytes=10**16, sha256="0" * 64)
    with_manifest(far, files={**read_manifest(far).files, "documents/huge.bin": record})
    with pytest.raises(BuildRefused, match=r"needs 10,000,000,\d+\.\d MB more, and its disk has .* MB free"):
        pull(str(far), tmp_path / "out")
    assert not files_of(tmp_path / ".out.pulling").keys() - {".pull"}


def test_of_two_pulls_into_one_folder_the_second_is_refused(tiny_path: Path, tmp_path: Path) -> None:
    refusals = []

    @contextmanager
    def meanwhile(stage: str, total_bytes: int | None) -> Iterator[Moved]:
        with pytest.raises(BuildRefused, match="Another process is pulling"):
            pull(str(tiny_path), tmp_path / "out")
        refusals.append(stage)
        with silent_bytes(stage, total_bytes) as moved:
            yield moved

    pull(str(tiny_path), tmp_path / "out", progress=meanwhile)
    assert refusals == ["downloading"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://bucket/web", ["s3://bucket/web", "pip install s3fs"]),
        ("gs://bucket/web", ["pip install gcsfs"]),
        ("nothing://web", ["nothing", "https://"]),
        ("nowhere/web", ["There is no snapshot", "corpus push"]),
        ("nowhere/web.tar.zst", ["nowhere/web.tar.zst", "No such file"]),
    ],
)
def test_what_cannot_be_reached_is_said_with_a_remedy(tmp_path: Path, url: str, words: list[str]) -> None:
    for package in ("s3fs", "gcsfs"):
        if package in words[-1] and importlib.util.find_spec(package):
            pytest.skip(f"{package} is installed")
    with pytest.raises(RemoteUnavailable) as caught:
        pull(url, tmp_path / "out")
    for word in words:
        assert word in str(caught.value)
    assert not list(tmp_path.iterdir())


# A packed snapshot


def test_a_packed_snapshot_is_pulled_and_goes_on_after_a_break(big_path: Path, tmp_path: Path) -> None:
    pack(big_path, tmp_path / "web.tar.zst")
    url, out, part = f"file://{tmp_path}/web.tar.zst", tmp_path / "out", tmp_path / ".out.pulling"
    with pytest.raises(Broken):
        pull(url, out, progress=partial(breaking, at="downloading", after_bytes=5 * 1024**2))
    kept = (part / "packed.tar.zst").stat().st_size
    assert 0 < kept < (tmp_path / "web.tar.zst").stat().st_size
    with pytest.raises(Broken):
        pull(url, out, progress=partial(breaking, at="unpacking", after_bytes=5 * 1024**2))
    for _ in range(2):  # the second finds it there
        assert pull(url, out) == read_manifest(big_path)
    assert files_of(out) == sent_of(big_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "web.tar.zst"]
    with pytest.raises(BuildRefused, match="there already"):
        pull(url, tmp_path / "web.tar.zst")


def test_a_packed_pull_that_was_killed_when_all_was_unpacked_is_tidied_up_by_the_next(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, out = tmp_path / "web.tar.zst", tmp_path / "out"
    manifest = pack(tiny_path, packed)

    def killed(*args: Any, **how: Any) -> None:
        unpack(*args, **how)
        raise Broken

    with monkeypatch.context() as patched:
        patched.setattr("corpus.remote.unpack", killed)
        with pytest.raises(Broken):
            pull(str(packed), out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.pulling", "out", "web.tar.zst"]
    assert pull(str(packed), out) == manifest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "web.tar.zst"]


def test_a_packed_file_that_changed_meanwhile_starts_over(big_path: Path, other_path: Path, tmp_path: Path) -> None:
    packed, out = tmp_path / "web.tar.zst", tmp_path / "out"
    pack(big_path, packed)
    with pytest.raises(Broken):
        pull(str(packed), out, progress=partial(breaking, at="downloading", after_bytes=5 * 1024**2))
    pack(other_path, packed)
    assert pull(str(packed), out) == read_manifest(other_path)


def test_a_damaged_packed_file_is_not_kept(big_path: Path, tmp_path: Path) -> None:
    packed, out = tmp_path / "web.tar.zst", tmp_path / "out"
    pack(big_path, packed)
    data = packed.read_bytes()
    packed.write_bytes(data[: len(data) // 2])
    with pytest.raises(SnapshotCorrupt, match=r"web\.tar\.zst"):
        pull(str(packed), out)
    assert not out.exists()
    packed.write_bytes(data)
    assert pull(str(packed), out) == read_manifest(big_path)


# Over HTTP


@dataclass
class Web:
    """A folder served at `url`; `requests` holds (path, first byte asked for, bytes sent)."""

    url: str = ""
    folder: Path = Path()
    ranges: bool = True
    breaks: int = 0
    """How many answers to come stop halfway, the connection closed."""
    requests: list[tuple[str, int, int]] = field(default_factory=list)


def handler_of(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            file = web.folder / self.path.partition("?")[0].lstrip("/")
            if not file.is_file():
                self.send_error(404)
                return
            data, start, end = file.read_bytes(), 0, file.stat().st_size
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if asked and web.ranges:
                start, end = int(asked[1]), min(end, int(asked[2] or end) + 1)
                self.send_response(206 if start < len(data) else 416)
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(max(0, end - start)))
            self.end_headers()
            sending = data[start:end]
            if not body:
                return
            if web.breaks and len(sending) > 1024**2:
                web.breaks -= 1
                sending = sending[: len(sending) // 2]
                self.close_connection = True
            web.requests.append((self.path, start, len(sending)))
            try:
                self.wfile.write(sending)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to standard error."""

    return Handler


@pytest.fixture
def serve() -> Iterator[Callable[..., Web]]:
    servers = []

    def start(folder: Path, **settings: object) -> Web:
        web = Web(folder=folder, **settings)  # type: ignore[arg-type]
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(web))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        web.url = f"http://127.0.0.1:{server.server_port}"
        return web

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@needs_aiohttp
@pytest.mark.parametrize("ranges", [True, False])
def test_a_snapshot_is_pulled_from_any_web_server(
    big_path: Path, tmp_path: Path, serve: Callable[..., Web], ranges: bool
) -> None:
    web, counted = serve(big_path, ranges=ranges), Counted()
    pull(web.url, tmp_path / "out", progress=counted)
    assert counted.moved == counted.totals
    assert files_of(tmp_path / "out") == sent_of(big_path)


@needs_aiohttp
@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_in_the_middle_of_a_file_is_gone_on_with(
    big_path: Path, tmp_path: Path, serve: Callable[..., Web], ranges: bool
) -> None:
    web = serve(big_path, ranges=ranges, breaks=2)
    pull(web.url, tmp_path / "out")
    assert web.breaks == 0
    assert files_of(tmp_path / "out") == sent_of(big_path)


@needs_aiohttp
def test_a_pull_goes_on_by_range_where_the_last_one_broke_off(
    big_path: Path, tmp_path: Path, serve: Callable[..., Web]
) -> None:
    web = serve(big_path)
    with pytest.raises(Broken):
        pull(web.url, tmp_path / "out", progress=partial(breaking, at="downloading", after_bytes=5 * 1024**2))
    web.breaks, web.requests = 10**6, []
    with pytest.raises(RemoteUnavailable, match=f"{BIG} failed.*run the same command again"):
        pull(web.url, tmp_path / "out")
    have = (tmp_path / ".out.pulling" / BIG).stat().st_size
    assert have > 0
    web.breaks, web.requests = 0, []
    pull(web.url, tmp_path / "out")
    asked = [(start, sent) for path, start, sent in web.requests if path == f"/{BIG}"]
    assert asked[0][0] == have
    assert sum(sent for _, sent in asked) == BIG_BYTES - have
    assert files_of(tmp_path / "out") == sent_of(big_path)


@needs_aiohttp
@pytest.mark.parametrize("ranges", [True, False])
def test_a_packed_snapshot_is_pulled_from_a_web_server_that_breaks(
    big_path: Path, tmp_path: Path, serve: Callable[..., Web], ranges: bool
) -> None:
    (tmp_path / "www").mkdir()
    pack(big_path, tmp_path / "www" / "web.tar.zst")
    web = serve(tmp_path / "www", ranges=ranges, breaks=2)
    pull(f"{web.url}/web.tar.zst?signature=s3cret", tmp_path / "out")
    assert web.breaks == 0
    assert files_of(tmp_path / "out") == sent_of(big_path)
    with pytest.raises(RemoteUnavailable) as caught:
        pull(f"{web.url}/other.tar.zst?signature=s3cret", tmp_path / "other")
    assert "s3cret" not in str(caught.value)


@needs_aiohttp
def test_a_web_server_without_a_snapshot_is_named(tmp_path: Path, serve: Callable[..., Web]) -> None:
    web = serve(tmp_path)
    with pytest.raises(RemoteUnavailable, match=f"There is no snapshot at {web.url}"):
        pull(web.url, tmp_path / "out")
    with pytest.raises(RemoteUnavailable, match="127.0.0.1:9/web.* failed: Client"):
        pull("http://127.0.0.1:9/web", tmp_path / "out")


@needs_aiohttp
def test_a_web_server_is_not_pushed_to(tiny_path: Path) -> None:
    with pytest.raises(RemoteUnavailable, match="not pushed to"):
        push(tiny_path, "http://127.0.0.1:9/web")


# The commands


def test_the_commands_print_the_id_alone(tiny_path: Path, tmp_path: Path) -> None:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stillweb", "corpus", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    line = f"{read_manifest(tiny_path).snapshot_id}\n"
    assert run("push", tiny_path, f"file://{tmp_path}/far").stdout == line
    assert run("pull", f"file://{tmp_path}/far", "--out", tmp_path / "back").stdout == line
    refused = run("pull", "nowhere", "--out", tmp_path / "other")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("stillweb: There is no snapshot at nowhere")
