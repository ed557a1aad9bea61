"""A server for the time of a run, in a process of its own, and what its ledger says."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from agent.calls import Call
from agent.client import Client
from agent.errors import EnvError

START_S = 120.0


class NotServed(Exception):
    """The server did not come up; the message names the snapshot."""


@dataclass(frozen=True)
class Server:
    url: str

    def ledger(self) -> dict[str, float]:
        """Since the server's start: calls, different pages opened, dollars that they would have cost as Serper."""
        with Client(self.url) as client:
            told = client.ask(Call("GET", "/v1/ledger?as=serper", None, lambda body, kind, delivery: _json(body)))
        pages = sum(run["distinct_pages"] for run in told["runs"])
        total = told["total"]
        return {"calls": total["calls"], "distinct_pages": pages, "avoided_usd": total["avoided_micro_usd"] / 1e6}


@contextmanager
def serving(snapshot: Path, *options: str) -> Iterator[Server]:
    """Serve a snapshot at a free port of loopback; `options` are those of `stillweb serve`. Raises NotServed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = snapshot.parent / "server.log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stillweb", "serve", str(snapshot), "--port", str(port), *options],
            stdout=said, stderr=said,
        )  # fmt: skip
        try:
            _wait(url, process, snapshot, log)
            yield Server(url)
        finally:
            process.terminate()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], snapshot: Path, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(EnvError), Client(url, timeout_s=5) as client:
            if client.ready().status == "ready":
                return
        time.sleep(0.1)
    raise NotServed(f"No server for {snapshot} within {START_S:g} s. What it said is in {log}.")


def _json(body: bytes) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(body)
    return told
