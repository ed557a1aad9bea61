"""The `stillweb` command: quick to tell what it can do, and slow to import anything."""

from __future__ import annotations

import importlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

import stillweb

HEAVY = ("torch", "faiss", "tantivy", "transformers", "onnxruntime", "sentence_transformers")


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "stillweb", *arguments], capture_output=True, text=True, check=check)


def cpu_s(*command: str, environment: Mapping[str, str] | None = None) -> float:
    """CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_takes_under_0_4_seconds() -> None:
    # The best of three: other people's load is no fault of ours.
    assert min(cpu_s("-m", "stillweb", "--help") for _ in range(3)) < 0.4


def test_the_server_imports_in_three_times_what_fastapi_takes(tmp_path: Path) -> None:
    """A ratio, since machines differ: 1.8 when this was written, 0.65 s of CPU where it was written.

    Both from bytecode of this test's own: whoever keeps none, or edits meanwhile, would have it compiled each time.
    """
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}

    def theirs_s() -> float:
        return cpu_s("-c", "import fastapi, uvicorn, typer", environment=environment)

    def ours_s() -> float:
        return cpu_s("-c", "import env_server.app, env_server.cli", environment=environment)

    theirs_s(), ours_s()  # not measured: they compile
    # In turns, so that a load that comes and goes falls on both, and the least of each, which has least of it.
    times = [(theirs_s(), ours_s()) for _ in range(5)]
    assert min(ours for _, ours in times) < 3 * min(theirs for theirs, _ in times)


def test_importing_the_server_loads_nothing_heavy() -> None:
    code = f"import sys, env_server.app, env_server.cli, corpus.cli; print([m for m in {HEAVY} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", sorted(stillweb.VERBS))
def test_every_verb_leads_to_a_function_with_help(verb: str) -> None:
    module, _, name = stillweb.VERBS[verb][0].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    started = time.perf_counter()
    assert f"stillweb {verb}" in run(*verb.split(), "--help").stdout
    assert time.perf_counter() - started < 20


def test_an_unknown_verb_is_named_and_answered_with_status_2() -> None:
    done = run("sreve", check=False)
    assert done.returncode == 2
    assert "'sreve'" in done.stderr
    assert "stillweb --help" in done.stderr


def test_half_a_verb_lists_its_other_halves() -> None:
    assert "stillweb corpus build" in run("corpus").stdout


def test_the_version_is_the_package_s() -> None:
    assert run("--version").stdout.startswith("stillweb 0.")
