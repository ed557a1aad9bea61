"""Ports for servers that tests and benchmarks start.

Port 0 would do for a socket that stays open. A server is told its port and binds it a second later, and the kernel may
have given the number to somebody's connection by then. So these lie below all that it gives away (Linux: from 32,768),
and each of pytest's workers has a stretch of its own.
"""

from __future__ import annotations

import os
import socket
import time
from itertools import cycle
from pathlib import Path

_LISTENING = "0A"
_FIRST, _EACH, _STRETCHES = 20_000, 1_000, 12


def _numbers() -> cycle[int]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    first = _FIRST + _EACH * (int(worker or 0) % _STRETCHES)
    start = os.getpid() * 37 % _EACH  # where two sessions run at once, they begin apart
    return cycle([first + (start + number) % _EACH for number in range(_EACH)])


_next = _numbers()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens at, and that is not given out again before a thousand others."""
    while True:
        port = next(_next)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def listening_at(port: int) -> int:
    """How many sockets of this machine listen at a port (Linux)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == _LISTENING for row in rows)


def wait_until_listening(port: int, sockets: int) -> None:
    """Wait until so many listen there, as each of a server's workers does. Raises AssertionError after a minute."""
    deadline = time.monotonic() + 60
    while listening_at(port) != sockets:
        assert time.monotonic() < deadline, f"{listening_at(port)} of {sockets} listen at {port}"
        time.sleep(0.05)
