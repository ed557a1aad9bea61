"""What DeepForge mode keeps of entities and chains, and its rows as DeepForge publishes them, one JSON object a line.

    Known    what is known of an entity: its kind, what it is (properties), what it is joined to (ties)
    Chain    entities joined one to the next; the first is the answer
    Row      {entity, question, answer, depth, extra_info: {entity_dict, transition_path}}

Source of the outer fields: DeepForge (OffSeeker); what is inside `extra_info` is published by name alone, so its inner
fields are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field

from training.row_files import read_lines, write_lines
from training.synthesis.predicates import Predicate


class BadRows(Exception):
    """A file of rows cannot be read or made; the message names what is wrong and the remedy."""


@dataclass(frozen=True, slots=True)
class Saying:
    """A verb phrase about an entity, without its name, and what a machine can check of it (None: nothing)."""

    phrase: str
    predicate: Predicate | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """`sayings` go from vague to vaguer and are empty where there is no way to say it vaguely."""

    label: str
    text: str
    """As the page, or the fact, has it."""
    url: str
    sayings: tuple[Saying, ...] = ()


@dataclass(frozen=True, slots=True)
class Tie:
    """A relation to another entity. `doc_id` is None where no page of it was found."""

    name: str
    doc_id: str | None
    text: str
    """How it is said: words of the page before the name, or a relation's label."""
    url: str
    relation: str = ""
    """Name of the typed relation; "" where words are all there is."""


@dataclass(frozen=True, slots=True)
class Known:
    name: str
    doc_id: str | None = None
    url: str = ""
    kind: str = ""
    """A noun; "" where nothing tells it."""
    properties: tuple[Property, ...] = ()
    ties: tuple[Tie, ...] = ()
    typed: bool = False
    """Kind, properties and ties are facts of a snapshot, with predicates."""


@dataclass(frozen=True, slots=True)
class Chain:
    """`ties[i]` joins `nodes[i]` to `nodes[i + 1]`."""

    nodes: tuple[Known, ...]
    ties: tuple[Tie, ...]

    @property
    def depth(self) -> int:
        return len(self.ties)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Said(_Part):
    text: str
    url: str
    """Of the page that says it."""


class EntityRecord(_Part):
    url: str
    """"" where no page of it was found."""
    kind: str
    entity_self: dict[str, Said]
    """Its properties, by label."""
    entity_relations: dict[str, Said]
    """What it is joined to, by name."""


class ExtraInfo(_Part):
    entity_dict: dict[str, EntityRecord]
    """Entities of the chain, by name."""
    transition_path: tuple[tuple[str, str, str], ...]
    """(entity, relation, entity), from the answer on."""


class Row(_Part):
    entity: str
    """Where the walk began."""
    question: str
    answer: str
    """The same entity's name, without a note in brackets that tells namesakes apart."""
    depth: int = Field(ge=1, le=4)
    """Relations walked."""
    extra_info: ExtraInfo


def row_of(chain: Chain, question: str) -> Row:
    """The row of a chain; its answer is the name of the first entity."""
    names = [node.name for node in chain.nodes]
    path = tuple((names[at], tie.text, names[at + 1]) for at, tie in enumerate(chain.ties))
    entities = {node.name: _record(node) for node in chain.nodes}
    return Row(
        entity=names[0],
        question=question,
        answer=bare(names[0]),
        depth=chain.depth,
        extra_info=ExtraInfo(entity_dict=entities, transition_path=path),
    )


def bare(name: str) -> str:
    """A title without a note in brackets at its end, or a site's name behind a bar: "Ada Hale (poet)" is "Ada Hale"."""
    return name.partition(" | ")[0].partition(" (")[0].strip() or name


def check_out(path: Path) -> None:
    """Find out before the work that its file could not be written after it. Raises BadRows or OSError."""
    if path.is_dir():
        raise BadRows(f"{path} is a folder. Name a file.")
    part = path.with_name(path.name + ".part")
    open(part, "wb").close()
    part.unlink()


def write_rows(rows: Iterable[Row], path: Path) -> int:
    """Write a file of rows, whole or not at all; returns how many. Raises BadRows, and writes nothing, for none."""
    return write_lines((orjson.dumps(row.model_dump(mode="json")) for row in rows), path, BadRows)


def read_rows(path: Path) -> Iterator[Row]:
    """Rows in the file's order. Raises BadRows, which names the line."""
    return read_lines(path, Row.model_validate_json, BadRows, "docs/deepforge.md")


def _record(node: Known) -> EntityRecord:
    return EntityRecord(
        url=node.url,
        kind=node.kind,
        entity_self={one.label: Said(text=one.text, url=one.url) for one in node.properties},
        entity_relations={tie.name: Said(text=tie.text, url=tie.url) for tie in node.ties},
    )
