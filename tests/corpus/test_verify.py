"""Verifying reads every byte, on several threads, and says the same whatever finishes first."""

from __future__ import annotations

import hashlib
import random
import shutil
import threading
from pathlib import Path

import orjson
import pytest

from corpus import read_manifest
from corpus.errors import SnapshotCorrupt
from corpus.manifest import check_files, check_ids, snapshot_id_of
from tests.env_server.test_command import run


@pytest.fixture
def copy(tiny_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_path, tmp_path / "copy"))


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_of_many_damaged_files_the_first_by_name_is_reported(copy: Path, threads: int) -> None:
    manifest = read_manifest(copy)
    names = sorted(name for name, record in manifest.files.items() if record.size_bytes)
    draw = random.Random(threads)
    for _ in range(20):
        damaged = sorted(draw.sample(names, 3))
        kept = {name: (copy / name).read_bytes() for name in damaged}
        for name, data in kept.items():
            (copy / name).write_bytes(bytes([data[0] ^ 1]) + data[1:])
        checked: list[str] = []
        with pytest.raises(SnapshotCorrupt, match="sha256") as caught:
            check_files(copy, manifest, checked.append, threads=threads)
        assert str(copy / damaged[0]) in str(caught.value)
        assert checked == [name for name in sorted(manifest.files) if name < damaged[0]]
        for name, data in kept.items():
            (copy / name).write_bytes(data)
    check_files(copy, manifest, threads=threads)


@pytest.mark.parametrize("threads", [1, 4])
def test_progress_counts_every_byte_from_one_thread_at_a_time(copy: Path, threads: int) -> None:
    manifest = read_manifest(copy)
    lock, total_bytes = threading.Lock(), 0

    def moved(size_bytes: int) -> None:
        nonlocal total_bytes
        assert lock.acquire(blocking=False), "two threads at once"
        total_bytes += size_bytes
        lock.release()

    check_files(copy, manifest, moved=moved, threads=threads)
    assert total_bytes == sum(record.size_bytes for record in manifest.files.values())


def test_a_file_that_cannot_be_read_is_named(copy: Path) -> None:
    """A folder of the listed size in a file's place is one; a bad sector looks the same from here."""
    manifest = read_manifest(copy)
    (copy / "documents" / "text.bin").unlink()
    (copy / "documents" / "text.bin").mkdir()
    with pytest.raises(SnapshotCorrupt, match="documents/text.bin"):
        check_files(copy, manifest)


def test_the_command_shows_progress_on_standard_error_and_prints_the_id_alone(copy: Path) -> None:
    done = run("corpus", "verify", copy)
    assert (done.returncode, done.stdout) == (0, f"{read_manifest(copy).snapshot_id}\n")
    assert "verifying" in done.stderr


def test_a_snapshot_of_before_short_pages_stayed_whole_keeps_its_ids(copy: Path) -> None:
    """Its manifest says nothing of that, and its ids were made of what it says."""
    told = orjson.loads((copy / "manifest.json").read_bytes())
    del told["settings"]["whole_chars"]
    told["settings"]["field_weights"] = {"title": 0.5, "headings": 0.25, "text": 1.0}
    hashed = {name: value for name, value in told["settings"].items() if name != "encoder"}
    digest = (copy / "documents" / "digest.txt").read_text()
    material = f"2\n{digest}\n".encode() + orjson.dumps(hashed, option=orjson.OPT_SORT_KEYS)
    told["content_id"] = hashlib.sha256(material).hexdigest()[:32]
    told["snapshot_id"] = snapshot_id_of(told["content_id"], read_manifest(copy).files)
    (copy / "manifest.json").write_bytes(orjson.dumps(told))
    manifest = read_manifest(copy)
    assert manifest.settings.whole_chars == 0
    check_ids(copy, manifest)
    changed = manifest.settings.model_copy(update={"whole_chars": 1})
    with pytest.raises(SnapshotCorrupt, match="content_id"):
        check_ids(copy, manifest.model_copy(update={"settings": changed}))
