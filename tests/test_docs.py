"""Every command in the README and in docs/ that can run here is run, as written, against a server of its own.

A block fenced as `bash` is run, block after block, in one folder; `sh` marks what cannot run in a test (another
machine, a download, a server that does not end). Port 8080 is replaced by the test server's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus import Snapshot
from tests.env_server.test_determinism import running_server

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```bash\n(.*?)^```(?:\n+```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server(factbook: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(factbook.path, database=str(tmp_path_factory.mktemp("kept") / "episodes.sqlite")) as url:
        yield url


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_as_written(page: Path, server: str, tmp_path: Path) -> None:
    (tmp_path / "my-pages").mkdir()
    (tmp_path / "my-pages" / "index.html").write_text("<title>Mine</title><h1>Mine</h1><p>My own first page.</p>")
    (tmp_path / "more-pages").mkdir()
    (tmp_path / "more-pages" / "notes.md").write_text("# Notes\n\nA page that came later.\n")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, module in (("stillweb", "-m stillweb"), ("python", "")):
        (bin_ / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (bin_ / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "STILLWEB_URL": server,
        "COLUMNS": "120",
    }
    for commands, expected in BLOCK.findall(page.read_text()):
        script = commands.replace("http://127.0.0.1:8080", server).replace("http://localhost:8080", server)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        if expected:
            # What a page shows is what a reader gets; only the ends of long lines may be cut, with an ellipsis.
            shown = [line.rstrip() for line in done.stdout.strip().splitlines()]
            for line in expected.strip().splitlines():
                start = line.rstrip().removesuffix("...").rstrip()
                assert any(got.startswith(start) for got in shown), f"{line!r} is not in\n{done.stdout}"


def test_the_readme_has_commands_to_run() -> None:
    assert len(BLOCK.findall((ROOT / "README.md").read_text())) >= 3


def test_the_readme_s_figures_are_those_measured() -> None:
    """`python -m tests.bench.render_readme` writes them in; nobody types a figure."""
    from tests.bench.render_readme import rendered

    assert rendered() == (ROOT / "README.md").read_text()


def test_the_page_of_figures_is_what_was_last_measured() -> None:
    """`python -m tests.bench.render_docs` writes it."""
    from tests.bench.render_docs import PAGE, rendered

    assert rendered() == PAGE.read_text()


def test_the_tables_of_the_page_on_speed_are_those_measured() -> None:
    """`python -m tests.bench.render_speed` writes them in."""
    from tests.bench.render_speed import PAGE, rendered

    assert rendered() == PAGE.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_docs_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_makefile_s_targets_are_those_its_help_lists() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("serve", "test", "slow", "full", "figures", "bench"):
        assert f"make {target}" in shown


def test_the_tables_of_dialects_are_those_of_the_code() -> None:
    from tests.render_dialects import PAGE, rendered

    page = PAGE.read_text("utf-8")
    assert rendered(page) == page, "run python -m tests.render_dialects"
