from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from corpus import Snapshot
from training.cli_tasks import make
from training.synthesis.proof import Proof
from training.tasks import read_tasks


def stillweb(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "stillweb", *words], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_tasks_are_made_from_the_factbook_by_one_command_and_again_the_same(factbook: Snapshot, tmp_path: Path) -> None:
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for out, processes in zip(files, ("1", "2"), strict=True):
        done = stillweb(
            "tasks", "make", "--snapshot", str(factbook.path), "--out", str(out), "--count", "6",
            "--treewidth", "1,2", "--dispersion", "3..6", "--processes", processes,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr
        assert "width 2: passed" in done.stderr
    assert files[0].read_bytes() == files[1].read_bytes()
    tasks = list(read_tasks(files[0]))
    proofs = [Proof.model_validate(task.proof) for task in tasks]
    assert sorted(proof.treewidth for proof in proofs) == [1, 1, 1, 2, 2, 2]
    assert all(3 <= proof.dispersion.minimum <= 6 for proof in proofs)
    for task, proof in zip(tasks, proofs, strict=True):
        assert task.snapshot_id == proof.snapshot_id == factbook.snapshot_id
        for said in (said for part in (*proof.edges, *proof.clues) for said in part.facts):
            for doc_id, start, end in said.supports:
                text = factbook.document(doc_id=doc_id).text
                assert 0 <= start < end <= len(text)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("treewidth", "two", "1,2,3"),
        ("treewidth", "9", "from 1 to 4"),
        ("dispersion", "6..3", "LOW"),
        ("dispersion", "many", "LOW..HIGH"),
        ("language", "tlh", "'tlh'"),
    ],
)
def test_an_option_that_cannot_be_is_told_with_what_can(
    option: str, value: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as stopped:
        make(tmp_path, tmp_path / "t", **{option: value})  # type: ignore[arg-type]
    assert stopped.value.exit_code == 2
    assert told in capsys.readouterr().err


def test_a_folder_that_is_no_snapshot_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped:
        make(tmp_path, tmp_path / "t")
    assert stopped.value.exit_code
    assert "manifest.json" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
