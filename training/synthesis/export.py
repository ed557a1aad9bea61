"""Tasks in other people's forms. Answers are in all of them but `questions`: they are for trainers, never for agents.

trl          prompt (messages), task_id, answer, aliases, evidence (doc_ids): a data set for GRPO and the like
redsearcher  problem, answer, difficulty, as REDSearcher's RL set has it
browsecomp   query_id, query, answer, gold_docs, evidence_docs, negative_docs, as BrowseComp-Plus has it
questions    id and question alone
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from training.tasks import Task

Row = dict[str, Any]
UrlOf = Callable[[str], str]
"""doc_id to URL."""


def write_export(tasks: Iterable[Task], out: Path, to: str, url_of: UrlOf = str) -> int:
    """Write one row a task as JSON lines, whole or not at all; returns how many. Raises ValueError for another form."""
    if to not in FORMS:
        raise ValueError(f"There is no form {to!r}. Use one of {', '.join(FORMS)}.")
    part = out.with_name(out.name + ".part")
    count = 0
    with open(part, "wb") as file:
        for task in tasks:
            file.write(orjson.dumps(FORMS[to](task, url_of)) + b"\n")
            count += 1
    part.replace(out)
    return count


def difficulty_of(task: Task) -> str:
    """easy, medium or hard: by the measured pass rate where there is one, else by treewidth and pages."""
    rate = task.meta.get("pass_rate")
    if rate is not None:
        return "easy" if rate > 2 / 3 else "medium" if rate > 1 / 3 else "hard"
    width, pages = task.meta.get("treewidth", 1), len(task.evidence)
    return "hard" if width >= 3 or pages >= 6 else "medium" if width == 2 or pages >= 4 else "easy"


def _trl(task: Task, url_of: UrlOf) -> Row:
    return {
        "prompt": [{"role": "user", "content": task.question}],
        "task_id": task.task_id,
        "answer": _answer(task),
        "aliases": list(task.aliases),
        "evidence": list(task.evidence),
        "snapshot_id": task.snapshot_id,
    }


def _redsearcher(task: Task, url_of: UrlOf) -> Row:
    return {"problem": task.question, "answer": _answer(task), "difficulty": difficulty_of(task)}


def _browsecomp(task: Task, url_of: UrlOf) -> Row:
    evidence = [{"docid": doc_id, "url": url_of(doc_id)} for doc_id in task.evidence]
    proof = task.proof or {}
    answer = proof.get("base", proof).get("solution", [""])[0]  # a proof with tools holds the one it was made from
    return {
        "query_id": task.task_id,
        "query": task.question,
        "answer": _answer(task),
        "gold_docs": [row for row in evidence if row["docid"] == answer] or evidence,
        "evidence_docs": evidence,
        "negative_docs": [{"docid": doc_id, "url": url_of(doc_id)} for doc_id in task.distractors],
    }


def _questions(task: Task, url_of: UrlOf) -> Row:
    return {"id": task.task_id, "question": task.question}


def _answer(task: Task) -> str:
    return task.answer if isinstance(task.answer, str) else ", ".join(task.answer)


FORMS: Mapping[str, Callable[[Task, UrlOf], Row]] = {
    "trl": _trl,
    "redsearcher": _redsearcher,
    "browsecomp": _browsecomp,
    "questions": _questions,
}
