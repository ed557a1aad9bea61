"""Equal answers on other machines, as far as one machine can play them; docs/determinism.md says what it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from corpus import BuildOptions, Snapshot, build_snapshot
from tests.bench.bench_machines import EMULATED, MACHINES, ONNX, Machine, Played, differences, play
from tests.conftest import TINY_WEB
from tests.env_server.mixed_requests import HardWeb, build_hard_web

QUERIES = 60
LEAST = MACHINES[-1]
VECTOR_BOUND = 1e-6
"""Of a coordinate of a MiniLM query vector; 1.8e-7 was seen. One step of a cosine's rounding is 1e-4."""
needs_qemu = pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="qemu-user is not installed")


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> HardWeb:
    return build_hard_web(tmp_path_factory.mktemp("hard"))


@pytest.fixture(scope="module")
def usual(factbook: Snapshot, hard: HardWeb) -> list[tuple[Path, Played]]:
    """What this machine answers as it is, for the demo and for the web in which most things tie."""
    return [(path, play(MACHINES[0], path, QUERIES)) for path in (factbook.path, hard.split.path)]


def check_nothing_changes(usual: list[tuple[Path, Played]], machine: Machine) -> None:
    for path, here in usual:
        there = differences(here, play(machine, path, QUERIES))
        assert there["logarithms"] == 0
        assert there["vector"] == 0.0, "the static encoder adds in 64 bits and an order of its own"
        assert {kind: changed["bodies"] for kind, changed in there["changed"].items() if changed["bodies"]} == {}


def test_the_least_of_processors_answers_in_the_same_bytes(usual: list[tuple[Path, Played]]) -> None:
    check_nothing_changes(usual, LEAST)


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES[:-1], ids=lambda machine: machine.name)
def test_no_thread_count_kernel_or_instruction_set_changes_a_byte(
    usual: list[tuple[Path, Played]], machine: Machine
) -> None:
    check_nothing_changes(usual, machine)


@pytest.mark.slow
@needs_qemu
@pytest.mark.parametrize("machine", EMULATED, ids=lambda machine: machine.name)
def test_no_emulated_processor_changes_a_byte(usual: list[tuple[Path, Played]], machine: Machine) -> None:
    check_nothing_changes(usual, machine)


def test_the_settings_really_reach_the_libraries(hard: HardWeb) -> None:
    """Or equal bytes would show nothing: FAISS says which instructions it uses."""
    played = play(Machine("no SIMD", {"FAISS_SIMD_LEVEL": "NONE"}), hard.one.path, 1)
    assert played.faiss == "NONE"


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Played]:
    out = tmp_path_factory.mktemp("minilm") / "out"
    build_snapshot([str(TINY_WEB)], out, BuildOptions(encoder="minilm"))
    return out, play(MACHINES[0], out, QUERIES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "machine",
    [*MACHINES, *ONNX, *(pytest.param(machine, marks=needs_qemu) for machine in EMULATED)],
    ids=lambda machine: machine.name,
)
def test_minilm_moves_less_than_its_rounding(minilm: tuple[Path, Played], machine: Machine) -> None:
    """Its query vectors may differ in the last bits where another kernel computes them; orders stay."""
    path, here = minilm
    there = differences(here, play(machine, path, QUERIES))
    assert there["vector"] <= VECTOR_BOUND
    if machine in MACHINES:
        assert there["vector"] == 0.0, "nothing here reaches ONNX Runtime"
    assert all(changed["score"] <= 2e-4 for changed in there["changed"].values())
    assert sum(changed["orders"] for changed in there["changed"].values()) == 0
    assert np.isfinite(here.vectors).all()
