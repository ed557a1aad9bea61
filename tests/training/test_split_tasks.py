from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from corpus.answers import score_answer
from tests.training.made_records import a_task
from tests.training.small_world import SmallWorld
from training.cli_task_files import decontaminate, export
from training.cli_task_files import split as split_verb
from training.loaders import load
from training.synthesis.decontaminate import met, read_questions_of
from training.synthesis.export import difficulty_of, write_export
from training.synthesis.split import parts_of, shared, split
from training.tasks import BadTasks, Task, read_tasks, write_tasks


def islands(count: int, size: int) -> list[Task]:
    """`count` sets of tasks; within a set each shares a page with the next."""
    return [
        a_task(f"{i}-{at}", f"Answer {i} {at}", (f"{i:08x}{at:08x}", f"{i:08x}{at + 1:08x}"))
        for at in range(size)
        for i in range(count)
    ]


def test_tasks_that_share_a_page_or_an_answer_hang_together() -> None:
    tasks = [
        a_task("a", "Wien", ("1" * 16,)),
        a_task("b", "Rome", ("2" * 16,)),
        a_task("c", "Graz", ("2" * 16, "3" * 16)),
        a_task("d", "Linz", ("4" * 16,), aliases=("wien",)),
    ]
    assert parts_of(tasks) == [[0, 3], [1, 2]]


@pytest.mark.parametrize("seed", range(4))
def test_train_and_test_share_nothing_and_no_task_is_lost(seed: int) -> None:
    tasks = islands(10, 5)
    found = split(tasks, test=15, seed=seed)
    assert (len(found.test), len(found.train), found.left_out) == (15, 35, ())
    assert not shared(found.train, found.test)
    assert (found.parts, found.largest) == (10, 5)
    assert split(tasks, test=15, seed=seed) == found


def test_another_seed_splits_otherwise() -> None:
    tasks = islands(10, 5)
    drawn = {tuple(task.task_id for task in split(tasks, test=15, seed=seed).test) for seed in range(6)}
    assert len(drawn) > 1


def test_where_all_hang_together_a_cut_leaves_out_those_that_join_the_two() -> None:
    tasks = islands(1, 60)
    assert split(tasks, test=12).test == ()
    found = split(tasks, test=12, cut=True)
    assert len(found.test) == 12
    assert not shared(found.train, found.test)
    assert 0 < len(found.left_out) <= 24
    assert len(found.train) + len(found.test) + len(found.left_out) == 60


@pytest.mark.parametrize("test", [0, 60])
def test_a_test_set_of_nothing_or_of_all_is_refused(test: int) -> None:
    with pytest.raises(ValueError, match="no two sets"):
        split(islands(1, 60), test=test)


def test_the_verb_writes_two_files_or_says_how_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, train, test = (tmp_path / name for name in ("tasks.jsonl", "train.jsonl", "test.jsonl"))
    write_tasks(islands(1, 60), file)
    with pytest.raises(typer.Exit) as stopped:
        split_verb(file, train, test)
    assert stopped.value.exit_code == 2
    assert "--cut" in capsys.readouterr().err
    assert not train.exists()
    split_verb(file, train, test, cut=True)
    sides = list(read_tasks(train)), list(read_tasks(test))
    assert capsys.readouterr().out == f"{len(sides[0])} {len(sides[1])}\n"
    assert {task.split for task in sides[0]} == {"train"}
    assert {task.split for task in sides[1]} == {"test"}
    assert not shared(*sides)


def test_proven_tasks_are_split_without_a_shared_page(world: SmallWorld) -> None:
    found = split(world.tasks, test=3, cut=True)
    assert found.test
    assert not {page for task in found.train for page in task.evidence} & {
        p for task in found.test for p in task.evidence
    }


def test_a_browsecomp_export_is_read_again_as_the_same_questions_and_evidence(
    world: SmallWorld, tmp_path: Path
) -> None:
    file, out = tmp_path / "tasks.jsonl", tmp_path / "out.jsonl"
    write_tasks(world.tasks, file)
    export(file, "browsecomp", out, world.path)
    again = load(out, "browsecomp_plus")
    for task, asked in zip(world.tasks, again.values() if isinstance(again, dict) else again, strict=True):
        assert (asked.id, asked.question) == (task.task_id, task.question)
        assert score_answer(
            str(task.answer), str(asked.answer if isinstance(asked.answer, str) else asked.answer[0])
        ).correct
    row = json.loads(out.read_text().splitlines()[0])
    assert [world.web.document(url=doc["url"]).doc_id for doc in row["evidence_docs"]] == list(world.tasks[0].evidence)
    assert {doc["docid"] for doc in row["negative_docs"]} == set(world.tasks[0].distractors)


def test_each_form_has_the_fields_that_its_readers_know(world: SmallWorld, tmp_path: Path) -> None:
    fields = {
        "trl": {"prompt", "task_id", "answer", "aliases", "evidence", "snapshot_id"},
        "redsearcher": {"problem", "answer", "difficulty"},
        "browsecomp": {"query_id", "query", "answer", "gold_docs", "evidence_docs", "negative_docs"},
        "questions": {"id", "question"},
    }
    for form, names in fields.items():
        assert write_export(world.tasks, tmp_path / form, form) == len(world.tasks)
        rows = [json.loads(line) for line in (tmp_path / form).read_text().splitlines()]
        assert all(row.keys() == names for row in rows)
        assert form != "trl" or rows[0]["prompt"] == [{"role": "user", "content": world.tasks[0].question}]
    answers = {str(task.answer) for task in world.tasks}
    assert not any(f'"{answer}"' in (tmp_path / "questions").read_text() for answer in answers)
    with pytest.raises(ValueError, match="'parquet'"):
        write_export(world.tasks, tmp_path / "x", "parquet")


def test_difficulty_is_the_measured_pass_rate_where_there_is_one() -> None:
    rates = {0.9: "easy", 0.5: "medium", 0.1: "hard"}
    assert {rate: difficulty_of(a_task(meta={"pass_rate": rate, "treewidth": 1})) for rate in rates} == rates
    assert difficulty_of(a_task(meta={"treewidth": 3})) == "hard"
    assert difficulty_of(a_task(meta={"treewidth": 1})) == "easy"


def test_a_task_that_a_question_file_has_is_dropped_and_told(
    world: SmallWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "tasks.jsonl", tmp_path / "out.jsonl"
    write_tasks(world.tasks, file)
    known, near = world.tasks[0], world.tasks[1]
    words = near.question.split()
    words[4] = "indeed"
    (tmp_path / "one.jsonl").write_text(json.dumps({"problem": f"Tell me. {known.question}"}) + "\n")
    (tmp_path / "two.txt").write_text("How tall is the tower?\n" + " ".join(words) + "\n")
    decontaminate(file, [tmp_path / "one.jsonl", tmp_path / "two.txt"], out)
    told = capsys.readouterr()
    assert told.out == "6\n"
    assert f"{known.task_id} is met by 13-gram" in told.err
    assert f"{near.task_id} is met by" in told.err
    assert [task.task_id for task in read_tasks(out)] == [task.task_id for task in world.tasks[2:]]


def test_words_in_another_order_are_met_by_the_encoder_and_other_questions_by_nothing() -> None:
    task = a_task().model_copy(
        update={"question": "Which river in the north of the country flows past the old glass works?"}
    )
    other = "Past the old glass works, which river in the north of the country flows?"
    (found,) = met([task], [("f", "When was the tower built?"), ("f", other)])
    assert (found.by, found.question) == ("embedding", other)
    assert found.score > 0.9
    assert met([task], [("f", "When was the tower built?")]) == []


def test_words_of_a_template_that_many_tasks_share_meet_nothing() -> None:
    frame = "All of the letters in this long question stand for different things and each is a page"
    tasks = [a_task(str(at)).model_copy(update={"question": f"{frame} {at * 7919}"}) for at in range(8)]
    assert met(tasks, [("f", f"{frame} of a book about the sea and its ships")], alike=2.0) == []
    assert len(met(tasks[:2], [("f", f"{frame} of a book about the sea and its ships")], alike=2.0)) == 2


@pytest.mark.parametrize("line", ["not json", '{"title": "x"}', '{"question": 3}'])
def test_a_line_without_a_question_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"question": "Who?"}\n' + line + "\n")
    with pytest.raises(BadTasks, match="line 2"):
        list(read_questions_of(tmp_path / "q.jsonl"))
