"""The commands a person types: what they print, and what they say when something is wrong."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from corpus import Snapshot, open_snapshot
from tests.conftest import TINY_WEB
from tests.env_server.test_determinism import running_server

LIGHTHOUSE = "https://tiny.example/places/lighthouse"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "stillweb", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def server(tiny_path: Path) -> Iterator[str]:
    with running_server(tiny_path) as url:
        yield url


def test_a_build_prints_its_id_alone_on_standard_output(tmp_path: Path, tiny: Snapshot) -> None:
    done = run("corpus", "build", TINY_WEB, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tiny.snapshot_id}\n"
    assert "12 pages" in done.stderr
    assert run("corpus", "verify", tmp_path / "out").stdout == f"{tiny.snapshot_id}\n"
    assert "12" in run("corpus", "info", tmp_path / "out").stdout
    assert json.loads(run("corpus", "info", tmp_path / "out", "--json").stdout)["snapshot_id"] == tiny.snapshot_id


def test_verify_names_the_file_with_a_flipped_byte(tiny_path: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_path, tmp_path / "copy"))
    file = copy / "documents" / "text.bin"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    done = run("corpus", "verify", copy)
    assert done.returncode == 1
    assert "documents/text.bin" in done.stderr
    assert done.stdout == ""


def test_a_plan_counts_pages_and_passages(tiny: Snapshot) -> None:
    done = run("corpus", "plan", TINY_WEB)
    counts = tiny.manifest.counts
    assert done.stdout.splitlines()[0] == f"{counts.documents} pages, {counts.passages} passages"
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == ["none", "static", "minilm"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["corpus", "build", "nowhere.jsonl", "--out", "x"], ["nowhere.jsonl", "Check the path"]),
        (["corpus", "build", str(TINY_WEB), "--out", "x", "--encoder", "magic"], ["'magic'", "static"]),
        (["corpus", "build", str(TINY_WEB), "--out", "x", "--passage-chars", "5"], ["5 characters", "100"]),
        (["corpus", "build", str(TINY_WEB), "--out", "/proc/nowhere/x"], ["/proc/nowhere/x", "--out"]),
        (["corpus", "info", "nowhere"], ["nowhere", "stillweb corpus build"]),
        (["serve", "nowhere"], ["nowhere", "stillweb corpus build"]),
        (["serve", str(TINY_WEB)], ["manifest.json", "stillweb corpus build"]),
        (["serve", "--host", "0.0.0.0"], ["0.0.0.0", "--token"]),
        (["serve", "--encoder", "magic"], ["'magic'"]),
        (["search", "x", "--server", "http://127.0.0.1:9"], ["http://127.0.0.1:9", "stillweb serve"]),
        (["search", "x", "--snapshot", "nowhere"], ["nowhere", "stillweb corpus build"]),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    arguments: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLWEB_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(TINY_WEB.parent.parent))
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == 1, done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("reading ")]
    assert len(said) == 1, done.stderr
    assert said[0].startswith("stillweb: ")
    for word in words:
        assert word in done.stderr


def test_tasks_need_a_database_and_one_in_the_environment_will_do(tiny_path: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "stillweb", "serve", str(tiny_path), "--tasks", str(tmp_path / "none.jsonl")]
    told = [
        subprocess.run(line, capture_output=True, text=True, env={**os.environ, **named}).stderr
        for named in ({}, {"STILLWEB_DATABASE": str(tmp_path / "episodes.sqlite")})
    ]
    assert "--tasks needs --database" in told[0]
    assert "none.jsonl is no file" in told[1]


def test_a_port_in_use_is_named(tiny_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", tiny_path, "--port", str(port))
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr


def test_search_and_fetch_ask_the_server_and_print_for_people(server: str) -> None:
    found = run("search", "first lamp", "--server", server, "-k", "2").stdout
    assert found.startswith("1. ")
    assert "\n2. " in found
    page = run("fetch", LIGHTHOUSE, "--server", server, "--section", "the lamp").stdout
    assert page.startswith("## The lamp")
    missing = run("fetch", "https://tiny.example/nobody", "--server", server)
    assert missing.returncode == 1
    assert "tiny.example/nobody" in missing.stderr


def test_a_server_and_a_folder_give_the_same_json(server: str, tiny_path: Path) -> None:
    for verb, what in (
        ("search", "kelp bread"),
        ("fetch", LIGHTHOUSE),
        ("fetch", open_snapshot(tiny_path).store.doc_id(3)),
    ):
        asked = run(verb, what, "--json", "--server", server).stdout
        assert json.loads(asked) == json.loads(run(verb, what, "--json", "--snapshot", tiny_path).stdout)


def test_a_server_with_a_token_is_asked_with_it(tiny_path: Path) -> None:
    with running_server(tiny_path, token="s3cret") as url:
        assert "unauthorized" not in run("search", "lamp", "--server", url, "--token", "s3cret").stderr
        refused = run("search", "lamp", "--server", url)
        assert refused.returncode == 1
        assert "STILLWEB_TOKEN" in refused.stderr
        # A browser asks its user for a password and sends it as Basic.
        assert httpx.get(url, auth=("anyone", "s3cret")).status_code == 200
        assert httpx.get(url, auth=("anyone", "wrong")).status_code == 401


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_damaged_snapshot_is_told_in_a_line_before_anything_starts(
    tiny_path: Path, tmp_path: Path, workers: str
) -> None:
    copy = Path(shutil.copytree(tiny_path, tmp_path / "copy"))
    (copy / "graph" / "out_places.npy").unlink()
    done = run("serve", copy, "--workers", workers)
    assert done.returncode == 1
    assert done.stderr.startswith("stillweb: ")
    assert "graph/out_places.npy" in done.stderr
