"""256 clients under storm for a while: no error that was not drawn, and memory that stays flat.

STILLWEB_SOAK_S says how many seconds (15; .ci/run sets 120, `make full` 1,800, see tests/bench/bench_soak.py).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from corpus import Snapshot
from tests.bench.bench_soak import CLIENTS, soak

SOAK_S = float(os.environ.get("STILLWEB_SOAK_S", "15"))


@pytest.mark.slow
def test_under_storm_every_error_of_256_clients_is_one_that_was_drawn_and_memory_stays_flat(
    factbook: Snapshot, tmp_path: Path
) -> None:
    found = soak(factbook.path, factbook, SOAK_S, tmp_path)
    assert found.undrawn == []
    assert found.calls > 8 * CLIENTS
    assert found.episodes > CLIENTS // 4
    assert {b"rate_limit", b"server_error", b"timeout", b"dead_page", b"stale", b"shuffled"} <= found.faults.keys()
    assert found.is_flat, found.anonymous_mib
