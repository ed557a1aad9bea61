"""Shared by the tests of other people's clients: servers, a tap before each, environments, rows of the table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from corpus import Snapshot
from tests.clients.adapter_parts import played, tasked, written  # noqa: F401 - fixtures
from tests.clients.environments import HERE, HOME, ROOT, Environment, node_with, python_with
from tests.clients.tap import Tap
from tests.env_server.test_determinism import running_server
from tests.ports import free_port

ROWS = HOME / "rows"
TOKEN = "s3cret-of-the-tests"


@pytest.fixture(scope="session")
def site(factbook: Snapshot) -> Iterator[str]:
    """The demo, every dialect under its prefix. Without a cache, so that what is asked twice is made twice."""
    with running_server(factbook.path, cache_mb="0") as url:
        yield url


@pytest.fixture(scope="session")
def firecrawl_site(factbook: Snapshot) -> Iterator[str]:
    """Firecrawl's dialect on a port of its own, since Firecrawl's sync client drops a path prefix."""
    port = free_port()
    with running_server(factbook.path, also=f"firecrawl={port}"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def guarded(factbook: Snapshot) -> Iterator[str]:
    """The demo behind a token."""
    with running_server(factbook.path, token=TOKEN) as url:
        yield url


@pytest.fixture(scope="session")
def overloaded(factbook: Snapshot) -> Iterator[str]:
    """The demo on a server that refuses every request, since the one it has room for never ends."""
    port = free_port()
    command = [sys.executable, "-m", "tests.clients.held_server", str(factbook.path), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n", "the server did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # it holds a request on purpose, so it would not leave by itself
        process.wait(20)


@pytest.fixture
def tap(site: str) -> Iterator[Tap]:
    with Tap(site) as tap:
        yield tap


@pytest.fixture
def firecrawl_tap(firecrawl_site: str) -> Iterator[Tap]:
    with Tap(firecrawl_site) as tap:
        yield tap


@pytest.fixture(scope="session")
def environment() -> Callable[[str], Environment]:
    """`environment("exa1")`: made once a session, cached between sessions. "node" is Node's."""
    made: dict[str, Environment] = {}

    def get(name: str) -> Environment:
        if name not in made:
            made[name] = node_with() if name == "node" else python_with(name)
        return made[name]

    return get


Ask = Callable[..., Any]


@pytest.fixture
def ask(environment: Callable[[str], Environment]) -> Ask:
    """`ask("main", "ask_tavily.py", "sync", url)`: what the script saw; its two calls must have seen the same."""

    def asked(name: str, script: str, *arguments: str, **options: Any) -> Any:
        seen = environment(name).run(script, *arguments, **options)
        assert seen["first"] == seen["second"]
        return seen["first"]

    return asked


@pytest.fixture
def ask_hard_coded(ask: Ask) -> Ask:
    """`ask`, for a client that cannot be pointed anywhere: under `stillweb run --server URL`, the URL as last word."""

    def asked(name: str, script: str, *arguments: str, server: str, **options: Any) -> Any:
        through = [sys.executable, "-P", "-m", "stillweb", "run", "--server", server, "--"]
        return ask(name, script, *arguments, through=through, **options)

    return asked


# --- rows of the table in docs/clients.md ---


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Write down how a test with a `row` ended: a file each, which tests/clients/render.py merges."""
    report = yield
    row = item.get_closest_marker("row")
    if row is not None and (report.when == "call" or report.failed):
        ROWS.mkdir(parents=True, exist_ok=True)
        client, environment = row.args
        told = {
            "client": client,
            "version": _pinned(client, environment),
            **row.kwargs,
            "test": item.nodeid,
            "result": report.outcome,
        }
        name = re.sub(r"\W+", "-", item.nodeid)
        (ROWS / f"{name}.json").write_text(json.dumps(told, indent=2) + "\n")
    return report


def _pinned(client: str, environment: str) -> str:
    """The version of a client in its environment: what is pinned is what is installed."""
    if environment == "node":
        packages: dict[str, str] = json.loads((HERE / "node" / "package.json").read_text())["dependencies"]
        return packages[client]
    for line in (HERE / "requirements" / f"{environment}.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if name == client:
            return version
    raise KeyError(f"{client} is not pinned in requirements/{environment}.txt")
