"""Several workers at one port: the kernel gives each of them a share of the connections."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest

from env_server.listening import claimed, shared_by_workers
from tests.env_server.test_command import run
from tests.env_server.test_determinism import running_server
from tests.ports import free_port, listening_at, wait_until_listening

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers share one socket")


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_connections_made_at_once_are_spread_over_all_that_listen() -> None:
    with ExitStack() as stack:
        first = socket.socket()
        first.bind(("127.0.0.1", 0))
        shared = stack.enter_context(shared_by_workers(first))
        # As multiprocessing hands a worker its arguments.
        workers = [stack.enter_context(ForkingPickler.loads(ForkingPickler.dumps(shared))) for _ in range(2)]
        for worker in workers:
            worker.listen(64)
            worker.setblocking(False)
        for _ in range(64):
            stack.enter_context(socket.create_connection(shared.getsockname()))
        taken = [0, 0]
        for number, worker in enumerate(workers):
            with suppress(BlockingIOError):
                while True:
                    worker.accept()[0].close()
                    taken[number] += 1
        assert sum(taken) == 64
        assert min(taken) > 0  # all 64 at one of them: once in 2 to the 63


def test_whoever_does_not_share_is_refused() -> None:
    first = socket.socket()
    first.bind(("127.0.0.1", 0))
    stranger = socket.socket()
    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server does
    in_use = pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE))
    with shared_by_workers(first) as shared, stranger, in_use:
        stranger.bind(shared.getsockname())


def test_an_address_is_claimed_by_one_server_at_a_time() -> None:
    in_use = pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE))
    with claimed("127.0.0.1", 1), claimed("127.0.0.2", 1), in_use, claimed("127.0.0.1", 1):
        pass
    with claimed("127.0.0.1", 1):
        pass


def test_a_second_server_is_refused_while_the_workers_of_the_first_are_not_there_yet(tiny_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "stillweb", "serve", str(tiny_path), "--port", str(port), "--workers", "2"]
    # The first one's workers are held before they listen: they find no interpreter's start.
    hold = "import sys, time\nif '--multiprocessing-fork' in sys.orig_argv: time.sleep(3600)\n"
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "sitecustomize.py").write_text(hold)
        first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": place})
        try:
            assert first.stderr is not None
            assert f":{port}" in first.stderr.readline()
            deadline = time.monotonic() + 60
            while not children_of(first.pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert listening_at(port) == 0
            for workers in ("1", "2"):
                command[-1] = workers
                second = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120)
                assert second.returncode == 1, second.stderr
                assert f"127.0.0.1:{port}" in second.stderr
        finally:
            held = children_of(first.pid)
            first.kill()
            first.wait()
            for pid in held:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def test_each_worker_of_a_server_listens_by_itself_and_a_second_server_is_refused(tiny_path: Path) -> None:
    with running_server(tiny_path, workers="2") as url:
        port = int(url.rpartition(":")[2])
        wait_until_listening(port, 2)
        second = run("serve", tiny_path, "--port", str(port), "--workers", "2")
        assert second.returncode == 1
        assert f"127.0.0.1:{port}" in second.stderr
    assert listening_at(port) == 0
