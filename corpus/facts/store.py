"""The file of a snapshot's facts: columns, so that a million facts open in seconds.

One zstd-packed file: strings once, and columns of numbers that point at them. It is written under another name first,
so that a file of the right name is whole.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import zstandard

from corpus.facts.base import FactBase
from corpus.facts.records import Entity, Fact, Relation, Support, Value

FORMAT = 1


class _Strings:
    """Each string once, by number; -1 is None."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def of(self, text: str | None) -> int:
        return -1 if text is None else self.numbers.setdefault(text, len(self.numbers))


def write_facts(facts: FactBase, path: Path) -> None:
    """Write one file, whole or not at all."""
    strings = _Strings()
    values: dict[Value, int] = {}

    def number_of(value: Value | None) -> int:
        return -1 if value is None else values.setdefault(value, len(values))

    rows = [
        (
            strings.of(f.subject), strings.of(f.relation), strings.of(f.object), number_of(f.value), f.conflict,
            len(f.supports), len(f.amounts),
        )
        for f in facts.facts
    ]  # fmt: skip
    supports = [
        (strings.of(s.doc_id), s.start, s.end, s.inverse + 2 * s.scanned) for f in facts.facts for s in f.supports
    ]
    amounts = [number_of(amount) for f in facts.facts for amount in f.amounts]
    head = {
        "format": FORMAT,
        "snapshot_id": facts.snapshot_id,
        "extractor": facts.extractor,
        "relations": [asdict(relation) for _, relation in sorted(facts.relations.items())],
        "entities": [[e.doc_id, e.name, e.kind, list(e.aliases)] for _, e in sorted(facts.entities.items())],
        "links": [[strings.of(page), [strings.of(t) for t in to]] for page, to in sorted(facts.links.items())],
        "values": [[v.kind, v.text, v.number, v.unit, v.date] for v in values],
        "strings": list(strings.numbers),
    }
    parts = [orjson.dumps(head), _column(rows, 7), _column(supports, 4), np.array(amounts, dtype="<i4").tobytes()]
    lengths = np.array([len(part) for part in parts], dtype="<u8").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    with open(half, "wb") as file:
        file.write(zstandard.ZstdCompressor(level=3).compress(lengths + b"".join(parts)))
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def read_facts(path: Path) -> FactBase | None:
    """The facts of a file; None where there is none, or it is cut short or of another format: it is made again then."""
    if not path.is_file():
        return None
    try:
        data = zstandard.ZstdDecompressor().decompress(path.read_bytes())
    except zstandard.ZstdError:
        return None
    lengths = np.frombuffer(data, dtype="<u8", count=4).tolist()
    ends = np.cumsum([32, *lengths]).tolist()
    head = orjson.loads(data[ends[0] : ends[1]])
    if head["format"] != FORMAT:
        return None
    # A million new objects at once: the collector would go through them again and again and find nothing.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _base(head, *(np.frombuffer(data[a:b], dtype="<i4") for a, b in pairwise(ends[1:])))
    finally:
        if collecting:
            gc.enable()


def _base(head: dict[str, Any], *columns: npt.NDArray[np.int32]) -> FactBase:
    rows, spans, amounts = columns
    strings: list[Any] = [*head["strings"], None]  # -1 is the last
    values: list[Any] = [*(Value(*value) for value in head["values"]), None]
    flags = [(bool(flag & 1), bool(flag & 2)) for flag in range(4)]
    supports = [
        Support(strings[doc], start, end, *flags[flag]) for doc, start, end, flag in spans.reshape(-1, 4).tolist()
    ]
    said = [values[number] for number in amounts.tolist()]
    facts = []
    at = more = 0
    for subject, relation, target, value, conflict, count, extra in rows.reshape(-1, 7).tolist():
        facts.append(
            Fact(
                strings[subject], strings[relation], strings[target], values[value],
                tuple(supports[at : at + count]), bool(conflict),
                tuple(said[more : more + extra]) if extra else (),
            )
        )  # fmt: skip
        at, more = at + count, more + extra
    relations = [
        Relation(**{**row, "subject_kinds": tuple(row["subject_kinds"]), "object_kinds": tuple(row["object_kinds"])})
        for row in head["relations"]
    ]
    return FactBase(
        head["snapshot_id"],
        head["extractor"],
        {row[0]: Entity(row[0], row[1], row[2], tuple(row[3])) for row in head["entities"]},
        {relation.name: relation for relation in relations},
        tuple(facts),
        {strings[page]: tuple(strings[t] for t in to) for page, to in head["links"]},
    )


def _column(rows: Iterable[tuple[int, ...]], width: int) -> bytes:
    return np.array(list(rows), dtype="<i4").reshape(-1, width).tobytes()
