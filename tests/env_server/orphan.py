"""A worker whose parent dies before it can say that it wants to go with it: `python -m tests.env_server.orphan FILE`.

The worker writes into FILE whether it left.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

from env_server.app import _leave_with_the_parent


def worker(parent: int, path: Path) -> None:
    while os.getppid() == parent:
        time.sleep(0.01)
    try:
        _leave_with_the_parent()
    except SystemExit:
        said = "left"
    else:
        said = "stayed"
    part = path.with_suffix(".part")
    part.write_text(said)
    part.replace(path)


if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=worker, args=(os.getpid(), Path(sys.argv[1]))).start()
    os.kill(os.getpid(), signal.SIGKILL)
