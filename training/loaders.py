"""Other people's question files as tasks. The files are the user's: none is shipped.

    stillweb        stillweb.task/1, as training/tasks.py has it
    wtq             JSON lines: id, question, answer[], evidence_urls[]
    browsecomp      JSON lines or CSV: problem (or question, query, prompt), answer; with `canary` they are decrypted
    browsecomp_plus JSON lines: query_id, query, answer, gold_docs[], evidence_docs[], negative_docs[] {docid, url}
    hotpotqa, 2wiki a JSON array or JSON lines: _id (or id), question, answer, supporting_facts; 2Wiki: answer_aliases
    musique         JSON lines: id, question, answer, answer_aliases, paragraphs[] {title, is_supporting}, answerable
    frames          TSV or CSV: Prompt, Answer, wiki_links

Evidence is named by URL, or by title where the format has titles alone: the title's page in the English Wikipedia.
Any file may be packed (.gz, .bz2, .zst). `placed` finds the evidence in a snapshot and gives tasks their families.
"""

from __future__ import annotations

import ast
import base64
import binascii
import csv
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import zstandard

from corpus.errors import BadUrl
from corpus.judgements import self_contained
from corpus.records import doc_id_of
from corpus.scoring.words import tokens
from corpus.snapshot import Snapshot
from corpus.sources.lines import open_packed
from corpus.urls import canonical_url
from training.tasks import BadTasks, Task

Row = dict[str, Any]
_QUESTIONS = ("problem", "question", "query", "prompt", "Prompt")
_IDS = ("id", "_id", "query_id", "task_id", "qid")
_CSV_CHARS = 10_000_000
_COMMON = frozenset(
    "about after also been first from have into last list many more most much next only over part same season some "
    "than that their them then there they this total under very were what when where which while whose with year "
    "years".split()
)
"""Words of four letters and more that name no topic."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a file has it: evidence and near misses by URL."""

    id: str
    question: str
    answer: str | tuple[str, ...]
    aliases: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    distractors: tuple[str, ...] = ()
    meta: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many questions were left out, and why."""

    unanswerable: int = 0
    no_evidence: int = 0
    not_alone: int = 0
    unnamed: int = 0


def load(path: Path, form: str) -> list[Asked]:
    """Questions of a file in the file's order. Raises BadTasks, which names format, row and remedy."""
    if form not in READERS:
        raise BadTasks(f"There is no format {form!r}. Use one of {', '.join(FORMATS)}.")
    found: dict[str, Asked] = {}
    for number, row in enumerate(_rows(path, form), 1):
        where = f"{path}, row {number}"
        try:
            asked = READERS[form](row, number)
        except (KeyError, TypeError, ValueError, AttributeError, SyntaxError) as error:
            told = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else type(error).__name__
            raise BadTasks(f"{where} is no row of {form} ({told}). docs/evaluation.md has the formats.") from None
        if asked is None:
            continue
        if not asked.question.strip() or not asked.answer:
            raise BadTasks(f"{where} has no question or no answer. Remove the row, or choose another --from.")
        if asked.id in found:
            raise BadTasks(f"{where}: the id {asked.id[:80]!r} is used already. Give each question its own.")
        found[asked.id] = asked
    if not found:
        raise BadTasks(f"{path} holds no question that can be answered.")
    return list(found.values())


def placed(
    asked: Sequence[Asked],
    form: str,
    web: Snapshot | None = None,
    *,
    alone: bool = False,
    named: bool = False,
) -> tuple[list[Task], Dropped]:
    """Tasks of questions; with a snapshot, only those of which every evidence page is in it.

    `alone` keeps questions that can be asked without the page they were written beside (`self_contained`), `named`
    those that share a word with the title of an evidence page (which needs the snapshot): "who scored most?" names
    nothing. Tasks that share evidence, directly or over others, are one family.
    """
    kept: list[tuple[Asked, tuple[str, ...], tuple[str, ...]]] = []
    counts = {"no_evidence": 0, "not_alone": 0, "unnamed": 0}
    for one in asked:
        if alone and not self_contained(one.question):
            counts["not_alone"] += 1
            continue
        evidence = _ids(one.evidence, web)
        if web is not None and (None in evidence or not evidence):
            counts["no_evidence"] += 1
            continue
        found = tuple(sorted({doc_id for doc_id in evidence if doc_id}))
        if named and web is not None and not _names(one.question, _titles(found, web)):
            counts["unnamed"] += 1
            continue
        near = {doc_id for doc_id in _ids(one.distractors, web) if doc_id} - set(found)
        kept.append((one, found, tuple(sorted(near))))
    families = _families([evidence for _, evidence, _ in kept])
    tasks = [
        Task(
            task_id=one.id,
            question=one.question,
            answer=one.answer,
            aliases=one.aliases,
            evidence=evidence,
            distractors=near,
            snapshot_id=web.snapshot_id if web else None,
            content_id=web.manifest.content_id if web else None,
            family=family,
            meta={"from": form, **dict(one.meta)},
        )
        for (one, evidence, near), family in zip(kept, families, strict=True)
    ]
    return tasks, replace(Dropped(), **counts)


def _wtq(row: Row, number: int) -> Asked:
    answers = [str(one) for one in row["answer"]]
    answer = answers[0] if len(answers) == 1 else tuple(answers)
    return Asked(str(row["id"]), str(row["question"]), answer, evidence=tuple(map(str, row["evidence_urls"])))


def _browsecomp(row: Row, number: int) -> Asked:
    question, answer = str(_first(row, _QUESTIONS)), str(row["answer"])
    if row.get("canary"):
        # As the benchmark keeps its rows off search engines: XOR with sha256 of the canary, in base64.
        question, answer = (_decrypted(text, str(row["canary"])) for text in (question, answer))
    named = any(row.get(key) not in (None, "") for key in _IDS)
    return Asked(str(_first(row, _IDS)) if named else f"browsecomp-{number}", question, answer)


def _browsecomp_plus(row: Row, number: int) -> Asked:
    def urls(name: str) -> tuple[str, ...]:
        return tuple(str(doc["url"]) for doc in row.get(name) or ())

    evidence = tuple(dict.fromkeys((*urls("gold_docs"), *urls("evidence_docs"))))
    return Asked(
        str(row["query_id"]), str(row["query"]), str(row["answer"]), evidence=evidence,
        distractors=urls("negative_docs"),
    )  # fmt: skip


def _hotpotqa(row: Row, number: int) -> Asked:
    facts = row["supporting_facts"]
    titles = facts["title"] if isinstance(facts, dict) else [title for title, _ in facts]
    aliases = tuple(str(one) for one in row.get("answer_aliases") or ())
    meta = tuple((key, row[key]) for key in ("type", "level") if row.get(key))
    return Asked(
        str(_first(row, _IDS)), str(row["question"]), str(row["answer"]), aliases, _articles(titles), meta=meta
    )


def _musique(row: Row, number: int) -> Asked | None:
    if row.get("answerable") is False:
        return None
    paragraphs = row["paragraphs"]
    evidence = _articles([one["title"] for one in paragraphs if one["is_supporting"]])
    near = _articles([one["title"] for one in paragraphs if not one["is_supporting"]])
    aliases = tuple(map(str, row.get("answer_aliases") or ()))
    return Asked(str(row["id"]), str(row["question"]), str(row["answer"]), aliases, evidence, near)


def _frames(row: Row, number: int) -> Asked:
    links = row.get("wiki_links") or "[]"
    listed = links if isinstance(links, list) else ast.literal_eval(links)
    meta = (("reasoning_types", row["reasoning_types"]),) if row.get("reasoning_types") else ()
    name = row.get("") or row.get("Unnamed: 0") or number - 1
    return Asked(f"frames-{name}", str(row["Prompt"]), str(row["Answer"]), evidence=tuple(map(str, listed)), meta=meta)


READERS: dict[str, Callable[[Row, int], Asked | None]] = {
    "wtq": _wtq,
    "browsecomp": _browsecomp,
    "browsecomp_plus": _browsecomp_plus,
    "hotpotqa": _hotpotqa,
    "2wiki": _hotpotqa,
    "musique": _musique,
    "frames": _frames,
}
FORMATS = ("stillweb", *READERS)


def _rows(path: Path, form: str) -> Iterator[Row]:
    names = [part.lstrip(".") for part in path.suffixes]
    text = _text(path)
    if "csv" in names or "tsv" in names:
        csv.field_size_limit(_CSV_CHARS)
        table = io.StringIO(text.decode("utf-8", "replace"), newline="")
        try:
            yield from csv.DictReader(table, delimiter="\t" if "tsv" in names else ",", strict=True)
        except csv.Error as error:
            raise BadTasks(f"{path} is no table: {error}. Give it as the benchmark has it, or as JSON lines.") from None
        return
    if text.startswith(b"["):
        rows: Iterable[tuple[str, Any]] = [
            (f"item {number}", row) for number, row in enumerate(_parsed(text, path, "the array"), 1)
        ]
    else:
        lines = ((number, line) for number, line in enumerate(text.split(b"\n"), 1) if line.strip())
        rows = ((f"line {number}", _parsed(line, path, f"line {number}")) for number, line in lines)
    for where, row in rows:
        if not isinstance(row, dict):
            raise BadTasks(f"{path}, {where} is no object. {form} has one a line, or an array of them.")
        yield row


def _text(path: Path) -> bytes:
    """The whole file, unpacked: the arrays of HotpotQA and 2Wiki stand on one line of half a gigabyte."""
    try:
        with open(path, "rb") as magic:
            first = magic.read(4)
        with open(path, "rb") as file:
            return open_packed(file, first).read().removeprefix(b"\xef\xbb\xbf").strip(b" \r\n")
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise BadTasks(f"{path} cannot be read: {error}. Check the path, or fetch it again.") from error


def _parsed(text: bytes, path: Path, where: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        raise BadTasks(f"{path}, {where} is no JSON. Is it the format you named with --from?") from None


def _first(row: Row, names: Iterable[str]) -> Any:
    wanted = tuple(names)
    for name in wanted:
        if row.get(name) not in (None, ""):
            return row[name]
    raise KeyError(" or ".join(wanted))


def _decrypted(text: str, canary: str) -> str:
    key = hashlib.sha256(canary.encode()).digest()
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    return bytes(byte ^ key[at % len(key)] for at, byte in enumerate(data)).decode()


def _articles(titles: Iterable[str]) -> tuple[str, ...]:
    """Wikipedia's pages of titles, each once."""
    return tuple(
        f"https://en.wikipedia.org/wiki/{quote(title.replace(' ', '_'), safe='/:@!$*(),;')}"
        for title in dict.fromkeys(titles)
    )


def _ids(urls: Iterable[str], web: Snapshot | None) -> list[str | None]:
    """doc_ids; None for what is not in the snapshot, or no URL."""
    found: list[str | None] = []
    for url in urls:
        try:
            if web is None:
                found.append(doc_id_of(canonical_url(url)))
            else:
                number = web.store.find_url(url)
                found.append(None if number is None else web.store.doc_id(number))
        except BadUrl:
            found.append(None)
    return found


def _titles(doc_ids: Iterable[str], web: Snapshot) -> list[str]:
    return [web.store.head(web.store.require(doc_id=doc_id))[1] for doc_id in doc_ids]


def _names(question: str, titles: Iterable[str]) -> bool:
    asked = _topic_words(question)
    return any(asked & _topic_words(title) for title in titles)


def _topic_words(text: str) -> set[str]:
    return {re.sub(r"s$", "", word) for word in tokens(text) if len(word) > 3 and not word.isdigit()} - _COMMON


def _families(evidence: Sequence[Sequence[str]]) -> list[str]:
    """One name for all that hang together by shared documents: the smallest doc_id of them; "" without evidence."""
    parent: dict[str, str] = {}

    def root(doc_id: str) -> str:
        while parent.setdefault(doc_id, doc_id) != doc_id:
            parent[doc_id] = parent[parent[doc_id]]
            doc_id = parent[doc_id]
        return doc_id

    for group in evidence:
        for doc_id in group[1:]:
            low, high = sorted((root(group[0]), root(doc_id)))
            parent[high] = low
    return [root(group[0]) if group else "" for group in evidence]
