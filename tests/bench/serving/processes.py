"""Servers in processes of their own, and what they use: CPU time and memory, workers included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

TOKEN = "a-token-of-the-usual-length-0123456789"


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    pid: int
    port: int
    ready_s: float
    """From the start of the process to the first 200."""

    def pids(self) -> list[int]:
        """The process and those it started, and those they started."""
        found = [self.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found

    def workers(self) -> list[int]:
        """Those of its processes that serve: they have the libraries of the indexes mapped."""
        return [pid for pid in self.pids() if "tantivy" in Path(f"/proc/{pid}/maps").read_text()]

    def cpu_s(self) -> float:
        """CPU seconds used so far by all of them."""
        return sum(cpu_s(pid) for pid in self.pids())


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, all its threads, from the kernel's own clock for it."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_mib(pid: int) -> dict[str, float]:
    """`pss`, `uss` and the parts of the latter (dirty, clean), `anonymous`, `rss`, in MiB."""
    kib: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        kib[name] = int(value.split()[0])
    dirty, clean = kib["Private_Dirty"], kib["Private_Clean"]
    values = {"pss": kib["Pss"], "uss": dirty + clean, "uss_dirty": dirty, "uss_clean": clean}
    values |= {"anonymous": kib["Anonymous"], "rss": kib["Rss"]}
    return {name: round(value / 1024, 1) for name, value in values.items()}


@contextmanager
def started(command: Sequence[str], port: int, environment: Mapping[str, str], wait_s: float = 120) -> Iterator[Server]:
    """A server for the time of a `with`; it is there when /ready answers 200. Ended by SIGTERM."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdout=errors, stderr=errors, env={**os.environ, **environment}, start_new_session=True
        )
        try:
            while not _is_ready(port):
                if process.poll() is not None or time.perf_counter() - begun > wait_s:
                    errors.seek(0)
                    raise RuntimeError(f"{' '.join(command)} is not ready:\n{errors.read()[-3000:]}")
                time.sleep(0.005)
            yield Server(process.pid, port, time.perf_counter() - begun)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def stillweb(snapshot: Path, *options: str, **environment: str) -> AbstractContextManager[Server]:
    """`stillweb serve SNAPSHOT` with a token. Options as on the command line, settings as variables."""
    port = free_port()
    command = [sys.executable, "-m", "stillweb", "serve", str(snapshot), "--port", str(port), "--token", TOKEN]
    return started([*command, *options], port, environment)


def python_module(
    module: str, *arguments: str, python: str = sys.executable, **environment: str
) -> AbstractContextManager[Server]:
    """A module of ours that serves on the port it gets as its first argument."""
    port = free_port()
    return started([python, "-m", module, str(port), *arguments], port, environment)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
