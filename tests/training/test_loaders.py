"""Question files of every format, a row or two of each written by hand in the shape their authors use."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

import stillweb
from agent.questions import read_questions
from corpus import Snapshot
from corpus.records import doc_id_of
from corpus.urls import canonical_url
from training.loaders import Asked, load, placed
from training.tasks import BadTasks, read_tasks

WIKI = "https://en.wikipedia.org/wiki/"
HOTPOT = {
    "_id": "h1", "question": "Were X and Y alike?", "answer": "yes", "type": "comparison", "level": "hard",
    "supporting_facts": [["Scott Derrickson", 0], ["Ed Wood (film)", 1], ["Ed Wood (film)", 2]],
    "context": [["Scott Derrickson", ["He is."]]],
}  # fmt: skip
MUSIQUE = {
    "id": "2hop__1", "question": "Who?", "answer": "Ann", "answer_aliases": ["Anna"], "answerable": True,
    "paragraphs": [
        {"idx": 0, "title": "One", "paragraph_text": "x", "is_supporting": True},
        {"idx": 1, "title": "Two", "paragraph_text": "y", "is_supporting": False},
    ],
}  # fmt: skip
PLUS = {
    "query_id": "769", "query": "Which?", "answer": "That", "gold_docs": [{"docid": "1", "url": "https://a.example/"}],
    "evidence_docs": [{"docid": "1", "url": "https://a.example/"}, {"docid": "2", "url": "https://b.example/"}],
    "negative_docs": [{"docid": "3", "url": "https://c.example/"}],
}  # fmt: skip


def hidden(text: str, canary: str) -> str:
    key = hashlib.sha256(canary.encode()).digest() * 100
    return base64.b64encode(bytes(a ^ b for a, b in zip(text.encode(), key, strict=False))).decode()


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_hotpotqa_comes_as_an_array_or_as_lines_with_titles_as_pages(tmp_path: Path) -> None:
    (tmp_path / "array.json").write_text(json.dumps([HOTPOT]))
    hub = {
        **HOTPOT,
        "id": "h1",
        "supporting_facts": {"title": ["Scott Derrickson", "Ed Wood (film)"], "sent_id": [0, 1]},
    }
    hub.pop("_id")
    array, rows = load(tmp_path / "array.json", "hotpotqa"), load(lines(tmp_path / "l.jsonl", hub), "hotpotqa")
    assert array == rows
    assert array[0].evidence == (f"{WIKI}Scott_Derrickson", f"{WIKI}Ed_Wood_(film)")
    assert dict(array[0].meta) == {"type": "comparison", "level": "hard"}


def test_2wiki_keeps_aliases_where_a_file_has_them(tmp_path: Path) -> None:
    row = {**HOTPOT, "answer_aliases": ["yep"], "evidences": [["X", "born", "1"]]}
    assert load(lines(tmp_path / "t.jsonl", row), "2wiki")[0].aliases == ("yep",)


def test_musique_has_evidence_distractors_and_leaves_out_what_cannot_be_answered(tmp_path: Path) -> None:
    file = lines(tmp_path / "m.jsonl", MUSIQUE, {**MUSIQUE, "id": "no", "answerable": False})
    assert load(file, "musique") == [Asked("2hop__1", "Who?", "Ann", ("Anna",), (f"{WIKI}One",), (f"{WIKI}Two",))]


def test_frames_comes_as_a_table_with_a_list_of_links(tmp_path: Path) -> None:
    file = tmp_path / "test.tsv"
    file.write_text(
        "\tPrompt\tAnswer\twikipedia_link_1\treasoning_types\twiki_links\n"
        f"0\t\"If my wife's\nname ...?\"\tJane Ballou\t{WIKI}A\tMultiple constraints\t\"['{WIKI}A', '{WIKI}B']\"\n"
    )
    (found,) = load(file, "frames")
    assert (found.id, found.question, found.answer) == ("frames-0", "If my wife's\nname ...?", "Jane Ballou")
    assert found.evidence == (f"{WIKI}A", f"{WIKI}B")


def test_browsecomp_is_plain_or_hidden_behind_its_canary(tmp_path: Path) -> None:
    plain = {"id": "7", "question": "Wer?", "answer": "Jürgen"}
    kept = {"problem": hidden("Who, née X?", "c"), "answer": hidden("Jürgen", "c"), "canary": "c"}
    first, second = load(lines(tmp_path / "b.jsonl", plain, kept), "browsecomp")
    assert (first.id, second.id) == ("7", "browsecomp-2")
    assert (second.question, first.answer, second.answer) == ("Who, née X?", "Jürgen", "Jürgen")
    (tmp_path / "b.csv").write_text(f"problem,answer,problem_topic,canary\n{kept['problem']},{kept['answer']},Art,c\n")
    assert load(tmp_path / "b.csv", "browsecomp")[0].question == "Who, née X?"


def test_browsecomp_plus_names_gold_evidence_and_hard_negatives(tmp_path: Path) -> None:
    tasks, _ = placed(load(lines(tmp_path / "p.jsonl", PLUS), "browsecomp_plus"), "browsecomp_plus")
    (task,) = tasks
    assert set(task.evidence) == {doc_id_of(canonical_url(f"https://{host}.example/")) for host in "ab"}
    assert task.distractors == (doc_id_of(canonical_url("https://c.example/")),)
    assert task.meta == {"from": "browsecomp_plus"}


def test_with_a_snapshot_questions_are_kept_whose_pages_are_there_that_stand_alone_and_name_them(
    tiny: Snapshot, tmp_path: Path
) -> None:
    ada = "https://tiny.example/people/ada"
    title = tiny.document(url=ada).title
    rows = [
        {"id": "named", "question": f"When did {title} draw?", "answer": ["1", "2"], "evidence_urls": [ada]},
        {"id": "unnamed", "question": "When was that?", "answer": ["1"], "evidence_urls": [ada]},
        {"id": "this", "question": f"When did {title} draw this?", "answer": ["1"], "evidence_urls": [ada]},
        {"id": "gone", "question": f"When did {title} go?", "answer": ["1"], "evidence_urls": ["https://x.example/"]},
    ]
    packed = tmp_path / "q.jsonl.zst"
    packed.write_bytes(zstandard.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    asked = load(packed, "wtq")
    kept, dropped = placed(asked, "wtq", tiny, alone=True, named=True)
    assert [task.task_id for task in kept] == ["named"]
    assert (dropped.not_alone, dropped.unnamed, dropped.no_evidence) == (1, 1, 1)
    assert (kept[0].answer, kept[0].snapshot_id) == (("1", "2"), tiny.snapshot_id)
    assert len(placed(asked, "wtq")[0]) == 4


def test_tasks_that_share_evidence_directly_or_over_others_are_one_family() -> None:
    urls = [f"https://x.example/{name}" for name in "abcd"]
    chained = [Asked("1", "q", "a", (), (urls[0], urls[1])), Asked("2", "q", "a", (), (urls[2],)),
               Asked("3", "q", "a", (), (urls[1], urls[3])), Asked("4", "q", "a")]  # fmt: skip
    first, second, third, fourth = (task.family for task in placed(chained, "wtq")[0])
    assert first == third != second
    assert fourth == ""


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        ("wtq", '{"id": 1}\n', "row 1 is no row of wtq \\(KeyError: 'answer'\\)"),
        ("wtq", "not json\n", "line 1 is no JSON"),
        ("musique", "[1]", "item 1 is no object"),
        ("browsecomp", '{"problem": "%%%", "answer": "x", "canary": "c"}\n', "row 1 is no row of browsecomp"),
        ("browsecomp", '{"problem": " ", "answer": "x"}\n', "has no question or no answer"),
        ("hotpotqa", "", "holds no question"),
        ("squad", "", "There is no format 'squad'. Use one of stillweb, wtq"),
    ],
)
def test_what_is_no_such_file_is_refused_with_row_and_remedy(tmp_path: Path, form: str, text: str, told: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(text)
    with pytest.raises(BadTasks, match=told):
        load(path, form)


def test_an_id_that_comes_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTasks, match="row 2: the id 'h1' is used already"):
        load(lines(tmp_path / "h.jsonl", HOTPOT, HOTPOT), "hotpotqa")


def test_the_verbs_import_tasks_and_write_questions_that_an_agent_accepts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def verb(*words: object) -> int | str | None:
        monkeypatch.setattr("sys.argv", ["stillweb", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            stillweb.main()
        return ended.value.code

    tasks, questions = tmp_path / "tasks.jsonl", tmp_path / "q.jsonl"
    file = lines(tmp_path / "h.jsonl", HOTPOT)
    assert verb("tasks", "import", file, "--from", "hotpotqa", "--out", tasks, "--split", "dev") == 0
    assert verb("tasks", "questions", tasks, "--out", questions) == 0
    assert capsys.readouterr().out.split() == [str(tasks), str(questions)]
    assert [(task.answer, task.split) for task in read_tasks(tasks)] == [("yes", "dev")]
    assert [(one.id, one.text) for one in read_questions(questions)] == [("h1", "Were X and Y alike?")]
    assert verb("tasks", "import", file, "--from", "wtq", "--out", tasks) == 2
    assert "is no row of wtq" in capsys.readouterr().err
    assert verb("tasks", "import", file, "--from", "hotpotqa", "--out", tasks, "--named") == 2
    assert verb("tasks", "questions", file, "--out", questions) == 2


@pytest.mark.shared_data
def test_every_real_question_is_read_and_a_fifth_stands_alone_and_names_its_page(shared_data: Path) -> None:
    asked = load(shared_data / "wtq" / "questions.train.jsonl.zst", "wtq")
    alone, dropped = placed(asked, "wtq", alone=True)
    assert (len(asked), len(alone), dropped.not_alone) == (14152, 11246, 2906)
