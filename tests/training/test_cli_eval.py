"""`stillweb eval agent` on a run that was written as the runner writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import stillweb
from agent.records import Episode, encode
from agent.shards import Shards
from tests.training.made_records import A, a_task, an_episode, opened, searched
from training.tasks import write_tasks

Verb = Callable[..., tuple[int, str, str]]
TASKS = [a_task(str(number)) for number in range(4)]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """(exit code, stdout, stderr) of `stillweb WORDS`."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["stillweb", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            stillweb.main()
        out = capsys.readouterr()
        return int(ended.value.code or 0), out.out, out.err

    return run


def a_run(out: Path, episodes: Sequence[Episode]) -> Path:
    shards = Shards(out)
    shards.append([encode(one) for one in episodes])
    shards.close()
    return out


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_tasks(TASKS, tmp_path / "tasks.jsonl")
    a_run(tmp_path / "run", [an_episode(str(n), "Vienna" if n else "Graz", searched(A), opened(A)) for n in range(4)])
    a_run(tmp_path / "floor", [an_episode(str(n), None) for n in range(4)])
    a_run(tmp_path / "ceiling", [an_episode(str(n)) for n in range(4)])
    return tmp_path


def test_a_run_is_scored_compared_and_its_losses_told(verb: Verb, files: Path) -> None:
    words = ("eval", "agent", files / "run", "--tasks", files / "tasks.jsonl", "--against", files / "floor")
    bounds = ("--floor", files / "floor", "--ceiling", files / "ceiling")
    code, text, _ = verb(*words, *bounds, "--json")
    told = json.loads(text)
    assert code == 0
    assert told["rates"]["correct"]["mean"] == 0.75
    assert told["loss"]["captured"] == 0.75
    assert told["compared"][0]["part"] == "correct"
    assert told["compared"][0]["p"] == pytest.approx(2 / 2**3)
    code, tables, _ = verb(*words, *bounds)
    assert code == 0
    assert "75.0 %" in tables
    assert tables.count("etectable") == 5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--floor", "floor"), "--floor and --ceiling go together"),
        (("--judge", "http://127.0.0.1:9"), "name a file with --verdicts"),
        (("--verdicts", "v.jsonl"), "Whose verdicts?"),
        (("--verdicts", "v.jsonl", "--judge-model", "m"), "no verdict of m on 4 answers"),
        (("--snapshot", "x", "--server", "http://127.0.0.1:9"), "not both"),
        (("--snapshot", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(
    verb: Verb, files: Path, options: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    code, text, error = verb("eval", "agent", "run", "--tasks", "tasks.jsonl", *options)
    assert (code, text) == (2, "")
    assert told in error
    assert "Traceback" not in error


def test_a_run_of_other_tasks_and_a_folder_without_rows_are_refused(verb: Verb, files: Path, tmp_path: Path) -> None:
    write_tasks([a_task("other")], files / "other.jsonl")
    code, _, error = verb("eval", "agent", files / "run", "--tasks", files / "other.jsonl")
    assert (code, "4 are of tasks that the file does not have" in error) == (2, True)
    code, _, error = verb("eval", "agent", tmp_path / "nothing", "--tasks", files / "tasks.jsonl")
    assert code == 2
    assert "nothing" in error
