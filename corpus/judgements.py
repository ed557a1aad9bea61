"""Judged queries: what was asked, and which pages answer it. Three layouts, plain or packed (.gz, .bz2, .zst):

    BEIR       a folder with queries.jsonl {_id, text} and qrels/test.tsv, or the two files
    TREC       topics as `id<TAB>text` lines or <top> blocks; qrels as `query 0 document grade` lines
    questions  JSON lines {id, question, evidence_urls}: the evidence pages are the relevant ones

A question's answers are never read. Queries may also be JSON lines {id, question} beside a qrels file. A qrels file
with two columns of ids and one of grades may have a header (BEIR's) or none.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import orjson

from corpus.docstore import DocStore
from corpus.errors import BadJudgements, BadSource, BadUrl
from corpus.sources.lines import read_lines

_TOP = re.compile(r"<top>(.*?)</top>", re.DOTALL | re.IGNORECASE)
_FIELD = re.compile(r"<(num|title)>\s*(?:Number:|Topic:)?\s*([^<]*)", re.IGNORECASE)
_HEADERS = ({"query-id", "corpus-id", "score"}, {"query_id", "doc_id", "score"})
_NOT_ALONE = re.compile(
    r"\b(?:this|these|those|tables?|lists?|listed|charts?|above|below|shown"
    r"|he|she|his|her|him|they|their|them|it|its)\b",
    re.IGNORECASE,
)
_Query = tuple[str, str, str, list[str]]
"""(where it stands, id, text, URLs of its evidence)."""
_NAMED = 5
"""Ids that an error names."""
_HOSTS = ("beir", "passages")
"""Where `corpus.sources.jsonl` puts pages that have an id and no URL."""


@dataclass(frozen=True, slots=True)
class Judgements:
    """Queries with their judged documents as the files spell them. Query id -> text, and -> document id -> grade."""

    queries: dict[str, str]
    grades: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Judged:
    """The same against one snapshot: only queries with a relevant page, only pages that are there.

    `grades` holds document numbers; `names` how the judgements spell those documents. `judgements` counts the relevant
    ones and `matched` those of them whose page was found; `queries_left_out` had no relevant page at all.
    """

    queries: dict[str, str]
    grades: dict[str, dict[int, int]]
    names: dict[int, str]
    judgements: int
    matched: int
    queries_left_out: int


def self_contained(question: str) -> bool:
    """Whether a question can be asked without the page it was written beside.

    Not where it says this, these, those, table, list, listed, chart, above, below or shown, or has a pronoun of the
    third person. A coarse filter: "who has the most goals?" passes.
    """
    return not _NOT_ALONE.search(question)


def sampled(judgements: Judgements, *, alone: bool = False, sample: int | None = None, seed: int = 0) -> Judgements:
    """Queries without those that need their page (`alone`); of the judged among them, `sample` drawn by a seed."""
    kept = [query for query, text in judgements.queries.items() if not alone or self_contained(text)]
    if sample is not None:
        asked = sorted(query for query in kept if query in judgements.grades)
        chosen = set(random.Random(seed).sample(asked, min(sample, len(asked))))
        kept = [query for query in kept if query in chosen]
    return Judgements({query: judgements.queries[query] for query in kept}, judgements.grades)


def read_judgements(queries: Path, qrels: Path | None = None) -> Judgements:
    """Read queries, and qrels from a file of their own, a BEIR folder, or the questions. Raises BadJudgements."""
    if queries.is_dir():
        folder, queries = queries, queries / "queries.jsonl"
        qrels = qrels or folder / "qrels" / "test.tsv"
    if qrels is not None and qrels.is_dir():
        qrels = qrels / "qrels" / "test.tsv" if (qrels / "qrels").is_dir() else qrels / "test.tsv"
    texts, evidence = _read_queries(queries)
    if qrels is not None:
        return Judgements(texts, _read_qrels(qrels))
    if not evidence:
        raise BadJudgements(f"{queries} says of no query which pages answer it.", "Name a qrels file with --qrels.")
    return Judgements(texts, evidence)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """(where, line) as text. Raises BadJudgements."""
    try:
        for where, line in read_lines(str(path)):
            if isinstance(line, str):
                raise BadJudgements(f"{where}: {line}.", "Fetch or unpack the file again.")
            yield where, line.decode("utf-8", "replace").rstrip("\r\n")
    except BadSource as error:
        raise BadJudgements(str(error)) from error


def _read_queries(path: Path) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    texts: dict[str, str] = {}
    evidence: dict[str, dict[str, int]] = {}
    lines = list(_lines(path))
    if lines and lines[0][1].lstrip("\ufeff").startswith("{"):
        found: Iterable[_Query] = (_json_query(where, line) for where, line in lines)
    elif any("<top>" in line.lower() for _, line in lines[:20]):
        found = _topics(path, "\n".join(line for _, line in lines))
    else:
        found = (_tsv_query(where, line) for where, line in lines)
    for where, query, text, pages in found:
        if query in texts:
            raise BadJudgements(f"{where}: a second query with the id {query!r}.", "Give every query an id of its own.")
        texts[query] = text
        if pages:
            evidence[query] = dict.fromkeys(pages, 1)
    if not texts:
        raise BadJudgements(
            f"{path} holds no queries.", "Give JSON lines {_id, text}, id<TAB>text lines or TREC topics."
        )
    return texts, evidence


def _json_query(where: str, line: str) -> _Query:
    try:
        row: dict[str, Any] = orjson.loads(line.lstrip("\ufeff"))
        query = row["_id"] if "_id" in row else row["id"]
        text = row["text"] if "text" in row else row["question"]
        return where, str(query), str(text), [str(url) for url in row.get("evidence_urls") or ()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadJudgements(
            f"{where} is no query.", "Give JSON lines with _id (or id) and text (or question)."
        ) from error


def _tsv_query(where: str, line: str) -> _Query:
    query, tab, text = line.partition("\t")
    if not tab or not query.strip() or not text.strip():
        raise BadJudgements(f"{where} is no query.", "Give id<TAB>text lines, JSON lines or TREC topics.")
    return where, query.strip(), text.strip(), []


def _topics(path: Path, text: str) -> Iterator[_Query]:
    for number, match in enumerate(_TOP.finditer(text), 1):
        fields = {name.lower(): " ".join(value.split()) for name, value in _FIELD.findall(match[1])}
        if not fields.get("num") or not fields.get("title"):
            raise BadJudgements(f"{path}: topic {number} has no <num> or no <title>.", "Both are needed.")
        yield f"{path}: topic {number}", fields["num"], fields["title"], []


def _read_qrels(path: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    for number, (where, line) in enumerate(_lines(path)):
        # Tabs where there are any: a document id may then hold spaces.
        columns = [column.strip() for column in line.split("\t")] if "\t" in line else line.split()
        if number == 0 and set(columns) in _HEADERS:
            continue
        try:
            query, document, grade = columns if len(columns) == 3 else (columns[0], *columns[2:])
            grades.setdefault(query, {})[document] = int(grade)
        except ValueError as error:
            raise BadJudgements(
                f"{where} is no judgement.", "Give lines `query document grade` or `query 0 document grade`."
            ) from error
    if not grades:
        raise BadJudgements(
            f"{path} holds no judgements.", "Give lines `query document grade` or `query 0 document grade`."
        )
    return grades


def match_documents(judgements: Judgements, store: DocStore, *, partial: bool = False) -> Judged:
    """Find the judged documents in a snapshot: by doc_id, by URL or alias, or by the id in a URL's last part.

    The last part of a URL's path stands for its page, and so does what follows the last colon in it: `4983` finds
    https://www.semanticscholar.org/paper/CorpusID:4983, and BEIR's ids find https://beir.invalid/<id>. An id that two
    pages share finds neither. Raises BadJudgements where a relevant document is not found, unless `partial`; always
    where none is, and where no query is judged.
    """
    wanted = {q: grades for q, grades in judgements.grades.items() if q in judgements.queries}
    spelled = dict.fromkeys(name for grades in wanted.values() for name in grades)
    numbers = _find_documents(spelled, store)
    relevant = [(q, name) for q, grades in wanted.items() for name, grade in grades.items() if grade > 0]
    lost = list(dict.fromkeys(name for _, name in relevant if name not in numbers))
    if not relevant:
        raise BadJudgements("No query has a relevant document.", "Do the queries and the qrels belong together?")
    matched = sum(name in numbers for _, name in relevant)
    if lost and (not partial or not matched):
        shown = ", ".join(repr(name) for name in lost[:_NAMED]) + (", ..." if len(lost) > _NAMED else "")
        raise BadJudgements(
            f"{len(lost):,} judged documents are not in the snapshot ({matched / len(relevant):.1%} of the judgements "
            f"are): {shown}.",
            "A document is found by its doc_id, its URL or the id in its URL's last part. "
            + (
                "--partial leaves out those that are not there."
                if matched
                else "Is this the snapshot of the corpus that was judged?"
            ),
        )
    grades = {
        # The highest grade counts where two ids turn out to be one page.
        query: {numbers[n]: grade for n, grade in sorted(wanted[query].items(), key=lambda i: i[1]) if n in numbers}
        for query in judgements.queries
        if query in wanted
    }
    kept = {query: of for query, of in grades.items() if any(grade > 0 for grade in of.values())}
    return Judged(
        queries={query: judgements.queries[query] for query in kept},
        grades=kept,
        names={number: name for name, number in numbers.items()},
        judgements=len(relevant),
        matched=matched,
        queries_left_out=len(judgements.queries) - len(kept),
    )


def _find_documents(names: Iterable[str], store: DocStore) -> dict[str, int]:
    """Spelled id -> document number, for those that are found."""
    found: dict[str, int] = {}
    by_last_part: Mapping[str, int] | None = None
    for name in names:
        number = store.find_id(name)
        if number is None:
            number = _by_url(name, store)
        if number is None and "://" not in name:
            by_last_part = _last_parts(store) if by_last_part is None else by_last_part
            number = by_last_part.get(name)
        if number is not None:
            found[name] = number
    return found


def _by_url(name: str, store: DocStore) -> int | None:
    spellings = [name] if "://" in name else [f"https://{host}.invalid/{quote(name, safe='')}" for host in _HOSTS]
    for url in spellings:
        try:
            number = store.find_url(url)
        except BadUrl:
            continue
        if number is not None:
            return number
    return None


def _last_parts(store: DocStore) -> dict[str, int]:
    """What stands last in a page's URL -> its number, where it stands for one page alone."""
    parts: dict[str, int | None] = {}
    for number in range(len(store)):
        last = unquote(urlsplit(store.head(number)[0]).path.rstrip("/").rpartition("/")[2])
        for part in {last, last.rpartition(":")[2]} - {""}:
            parts[part] = None if part in parts else number
    return {part: number for part, number in parts.items() if number is not None}
