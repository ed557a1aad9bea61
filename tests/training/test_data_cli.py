"""`stillweb data ...` on a run that was written as the runner writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

import stillweb
from agent.records import Episode
from tests.training.data_parts import TASK, a_run
from training.tasks import write_tasks

Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """(exit code, stdout, stderr) of `stillweb WORDS`."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["stillweb", "data", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            stillweb.main()
        out = capsys.readouterr()
        return int(ended.value.code or 0), out.out, out.err

    return run


@pytest.fixture
def run(tmp_path: Path, episodes: dict[str, Episode]) -> Path:
    return a_run(tmp_path / "run", list(episodes.values()))[0]


def test_each_verb_writes_a_folder_and_says_where(verb: Verb, run: Path, tiny_path: Path) -> None:
    tasks = ("--tasks", run.parent / "tasks.jsonl")
    for words in (
        ("sft", run, "--calls", 2, "--snapshot", tiny_path),
        ("dpo", run, "--policy", "spoken"),
        ("rl", run, "--mix", "tasks=1", "--high", 1),
    ):
        out = run.parent / f"{words[0]}-set"
        code, told, counts = verb(*words, *tasks, "--out", out)
        assert (code, told) == (0, f"{out}\n"), counts
        assert orjson.loads(counts)["rollouts"] == 12
        assert (out / "README.md").is_file()
    card = orjson.loads((run.parent / "sft-set" / "card.json").read_bytes())
    assert list(card["licences_of_pages"].values()) == ["not stated"]
    assert card["settings"]["calls"] == 2


def test_forks_are_drawn_from_a_served_snapshot_and_paired(verb: Verb, run: Path, server: str) -> None:
    tasks, forks = ("--tasks", run.parent / "tasks.jsonl"), run.parent / "forks.jsonl"
    how = ("--model", "random", "--actions", 2, "--continuations", 1)
    code, told, counts = verb("forks", run, *tasks, "--out", forks, "--server", server, *how)
    assert (code, told) == (0, f"{forks}\n"), counts
    code, _, _ = verb("dpo", run, *tasks, "--out", run.parent / "set", "--forks", forks)
    assert code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sft", "nowhere"), "nowhere is no run"),
        (("dpo", "run", "--kinds", "step,nice"), "no such kind of pair"),
        (("dpo", "run", "--prefix", "words"), "take messages or calls"),
        (("rl", "run", "--mix", "tasks"), "write SOURCE=SHARE"),
        (("rl", "run", "--profile", "none"), "none"),
        (("sft", "run", "--snapshot", "nowhere"), "nowhere"),
        (("sft", "run", "--judge-model", "judge"), "go together"),
        (("dpo", "run", "--forks", "tasks.jsonl"), "line 1 is no fork"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(
    verb: Verb, run: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(run.parent)
    code, told, error = verb(*words, "--tasks", "tasks.jsonl", "--out", "set")
    assert (code, told) == (2, "")
    assert said in error
    assert sorted(path.name for path in run.parent.iterdir()) == ["run", "tasks.jsonl"]


def test_rollouts_of_other_tasks_leave_nothing_and_say_so(verb: Verb, run: Path) -> None:
    other = run.parent / "other.jsonl"
    write_tasks([TASK.model_copy(update={"task_id": "other"})], other)
    code, _, error = verb("sft", run, "--tasks", other, "--out", run.parent / "set")
    assert code == 2
    assert "of no task of the file 12" in error
