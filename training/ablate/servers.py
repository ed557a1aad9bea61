"""Servers of an ablation: one for each snapshot asked for, started on a free port and ended with the run."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import yaml

from agent.answers import Delivery
from agent.calls import Call
from agent.client import AsyncClient, Client
from agent.errors import EnvError
from corpus.errors import CorpusError
from corpus.manifest import read_manifest
from training.ablate.cells import Spent
from training.ablate.config import BadConfig, Environment

READY_S = 120.0
END_S = 20.0


class ServerGone(Exception):
    """A server did not start; the message has what it said last."""


class Servers:
    """Started when first asked for. `folder`: for databases and logs of this process's servers."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack = folder, ExitStack()
        self._urls: dict[str, str] = {}

    def url(self, environment: Environment, *, whole_server: bool = False) -> str:
        """`whole_server`: weather and addresses are the server's own, for callers that open no episodes.

        Raises ServerGone, BadConfig.
        """
        if environment.server is not None:
            return environment.server
        own: dict[str, Any] = {"snapshot": str(_snapshot(environment))}
        if whole_server:
            own |= {"weather": environment.profile(), "obfuscate": environment.obfuscation_seed}
        key = orjson.dumps(own, option=orjson.OPT_SORT_KEYS).decode()
        if key not in self._urls:
            folder = self._folder / f"server-{len(self._urls)}"
            self._urls[key] = self._stack.enter_context(serving(folder, **own))
        return self._urls[key]

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *about: object) -> None:
        self._stack.close()


@contextmanager
def serving(
    folder: Path, snapshot: str, weather: str | dict[str, Any] | None = None, obfuscate: int | None = None
) -> Iterator[str]:
    """`stillweb serve` in a process of its own: the URL of it, once it is ready. Latency is told, not waited for."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["serve", f"web={snapshot}", "--port", str(port), "--virtual-time"]
    words += ["--database", str(folder / "episodes.sqlite")]
    if isinstance(weather, dict):
        (folder / "weather.yaml").write_text(yaml.safe_dump(weather))
        words += ["--weather", str(folder / "weather.yaml")]
    elif weather is not None:
        words += ["--weather", weather]
    if obfuscate is not None:
        words += ["--obfuscate", str(obfuscate)]
    # Settings of whoever starts the ablation are not those of its arms. -P: a folder named `agent` may lie here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STILLWEB_")}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stillweb", *words], stderr=log, stdout=log, env=environment
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url, folder / "server.log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def client_of(url: str, run: str) -> AsyncClient:
    """The server's ledger counts its calls under a name of their own."""
    return AsyncClient(url, connections=64, run=run)


def served_id(environment: Environment) -> str:
    """The snapshot's id, from its manifest or from the server that was named. Raises BadConfig."""
    if environment.server is None:
        try:
            return read_manifest(_snapshot(environment)).snapshot_id
        except CorpusError as error:
            raise BadConfig(str(error)) from error
    try:
        with Client(environment.server) as client:
            return client.snapshot().snapshot_id
    except (EnvError, ValueError) as error:
        raise BadConfig(f"The server says: {error}") from error


def spent_at(url: str, run: str | None = None) -> Spent:
    """What the server's ledger has of a run, or of all. Raises EnvError."""
    call = Call("GET", "/v1/ledger" + (f"?run={quote(run)}" if run else ""), None, _json)
    with Client(url) as client:
        total = client.ask(call)["total"]
    names = ("calls", "faults", "tokens", "avoided_micro_usd", "unpriced_calls")
    return Spent(**{name: int(total[name]) for name in names})


def since(now: Spent, before: Spent) -> Spent:
    return Spent(**{name: value - getattr(before, name) for name, value in now.model_dump().items()})


def _snapshot(environment: Environment) -> Path:
    if environment.snapshot is None:
        raise BadConfig("No snapshot is named. Give --snapshot DIR, or `environment: {snapshot: DIR}` in the file.")
    return environment.snapshot


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + READY_S
    with Client(url, timeout_s=5) as client:
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(EnvError):
                if client.ready().status == "ready":
                    return
            time.sleep(0.05)
    said = log.read_text("utf-8", "replace").strip().splitlines()[-3:]
    raise ServerGone(f"The server for the arm did not start: {' '.join(said) or 'it said nothing'}")


def _json(data: bytes, kind: str, delivery: Delivery) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(data)
    return value
