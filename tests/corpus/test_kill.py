"""Killed outright (kill -9) at moments spread over the whole run, every command that makes a snapshot ends well.

After each kill nothing looks finished that is not; started again the command finishes, with the ids of a run that
nobody disturbed. STILLWEB_KILLS says how many kills each command gets (3; `make full` sets 20).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import orjson
import pytest

from corpus import Snapshot, open_snapshot, read_manifest
from corpus.errors import CorpusError
from corpus.export import export_rows
from corpus.manifest import check_files
from corpus.transport import pack
from tests.conftest import TINY_WEB

KILLS = int(os.environ.get("STILLWEB_KILLS", "3"))
SEED = 1
_CHILD = """
import sys
import corpus.cli, corpus.cli_transport, corpus.export, corpus.lexical, corpus.remote, stillweb
sys.argv = ["stillweb", "corpus", *sys.argv[1:]]
print("go", flush=True)
stillweb.main()
"""
"""Imports first and says when it begins: the moments are then spread over the work and not over the imports."""


@dataclass(frozen=True)
class Case:
    """A command, and the folder in which a finished snapshot may appear."""

    words: tuple[str | Path, ...]
    out: Path


MakeCase = Callable[[Path, Path], Case]
"""(folder with pages.jsonl, the snapshot `web` and `web.tar.zst`, a fresh folder to write in) -> the case."""

CASES: dict[str, MakeCase] = {
    "build": lambda web, new: Case(("build", web / "pages.jsonl", "--out", new / "out"), new / "out"),
    "add": lambda web, new: Case(("add", web / "web", TINY_WEB, "--out", new / "out"), new / "out"),
    "unpack": lambda web, new: Case(("unpack", web / "web.tar.zst", "--out", new / "out"), new / "out"),
    "pull": lambda web, new: Case(("pull", f"file://{web / 'web'}", "--out", new / "out"), new / "out"),
    "pull-packed": lambda web, new: Case(("pull", web / "web.tar.zst", "--out", new / "out"), new / "out"),
    "push": lambda web, new: Case(("push", web / "web", f"file://{new / 'out'}"), new / "out"),
}


@pytest.fixture(scope="module")
def web(factbook: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    (folder / "web").symlink_to(factbook.path)
    pack(factbook.path, folder / "web.tar.zst")
    rows = islice(export_rows(factbook), 80)
    (folder / "pages.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return folder


def begin(case: Case) -> subprocess.Popen[str]:
    """The command, just begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD, *map(str, case.words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # one pipe, read to its end: a second one could fill up unread
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    return process


def finish(case: Case) -> tuple[str, float]:
    """Run a command to its end: what it printed, and the seconds that its work took."""
    process = begin(case)
    began = time.monotonic()
    assert process.stdout is not None
    # Not communicate(), which does not know what readline() has taken in ahead.
    printed = process.stdout.read()
    assert process.wait(timeout=120) == 0, printed
    return printed.split()[-1], time.monotonic() - began


def kill_after(case: Case, seconds: float) -> bool:
    """Run a command and kill it; whether the kill came before the end."""
    process = begin(case)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def whole_or_refused(out: Path) -> bool:
    """Whether a snapshot opens there; one that does must be right to the last byte."""
    try:
        snapshot = open_snapshot(out)
    except CorpusError:
        return False
    check_files(out, snapshot.manifest)
    return True


@pytest.mark.parametrize("name", CASES)
def test_a_command_killed_at_any_moment_ends_well(name: str, web: Path, tmp_path: Path) -> None:
    draw = random.Random(f"{SEED} {name}")
    undisturbed = CASES[name](web, tmp_path / "undisturbed")
    snapshot_id, duration_s = finish(undisturbed)
    content_id = read_manifest(undisturbed.out).content_id
    hits = unfinished = 0
    for kill in range(KILLS):
        # Every second kill strikes the run that goes on from what the kill before has left.
        folder = tmp_path / str(kill // 2)
        case = CASES[name](web, folder)
        moment_s = duration_s * (kill + draw.random()) / KILLS
        hit = kill_after(case, moment_s)
        while kill == 0 and whole_or_refused(case.out):  # a stall may have made the undisturbed run the slower one
            shutil.rmtree(folder)
            moment_s /= 2
            hit = kill_after(case, moment_s)
        hits += hit
        unfinished += not whole_or_refused(case.out)
        if kill % 2 or kill == KILLS - 1:
            assert finish(case)[0] == snapshot_id
            assert whole_or_refused(case.out)
            assert read_manifest(case.out).content_id == content_id
            assert not [path.name for path in folder.iterdir() if path != case.out], "nothing is left beside it"
            assert not {".build", ".pull", "pushing.json"} & {path.name for path in case.out.iterdir()}
            shutil.rmtree(folder)
    print(f"{name}: {hits} of {KILLS} kills struck before the end of {duration_s:.2f} s, {unfinished} left no snapshot")
    assert hits, "no kill struck: nothing was shown"
    assert unfinished
