"""The facts of a snapshot: read from its pages, kept beside it, held in memory.

    facts = open_facts(Path("snapshots/demo"))
    for fact in facts.about(doc_id): ...

`facts_of` makes the same from documents alone. What an extractor finds is in `corpus.facts.first`, what follows from
it in `closing`, the files in `store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path

from corpus.errors import BadQuery, BuildRefused
from corpus.facts.closing import close_statements
from corpus.facts.reading import Reading
from corpus.facts.records import Entity, Fact, Relation
from corpus.facts.scan import with_scanned
from corpus.records import Document

# Extractor -> the module whose `read_pages(documents, worlds) -> Reading` and `VERSION` make it. The second is written
# apart from the first and checks it; they share records and relations alone.
EXTRACTORS: dict[str, str] = {"first": "corpus.facts.first", "second": "corpus.facts.second"}


@dataclass(frozen=True)
class FactBase:
    """All facts of a snapshot as one extractor reads it.

    `facts` are sorted by key, and hold both directions of every relation that has an inverse. `entities` are the pages
    by doc_id, and what typed links of two pages or more name without a page of its own here (kind "outside").
    `links` are the plain hyperlinks between pages, each target once, sorted.
    """

    snapshot_id: str
    extractor: str
    entities: Mapping[str, Entity]
    relations: Mapping[str, Relation]
    facts: tuple[Fact, ...]
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def about(self, doc_id: str) -> tuple[Fact, ...]:
        """Facts whose subject it is."""
        span = self._spans.get(doc_id)
        return self.facts[span[0] : span[1]] if span else ()

    def naming(self, doc_id: str) -> tuple[Fact, ...]:
        """Facts whose object it is."""
        return self._naming.get(doc_id, ())

    def of(self, relation: str) -> tuple[Fact, ...]:
        """Facts of one relation."""
        return self._of.get(relation, ())

    @property
    def conflicts(self) -> tuple[Fact, ...]:
        """Facts that something in the corpus contradicts."""
        return tuple(fact for fact in self.facts if fact.conflict)

    @cached_property
    def namesakes(self) -> Mapping[str, tuple[str, ...]]:
        """Entities whose name, case aside, others have too: {doc_id: the others, sorted}."""
        owners: dict[str, list[str]] = {}
        for doc_id in sorted(self.entities):
            owners.setdefault(self.entities[doc_id].name.casefold(), []).append(doc_id)
        shared = [who for who in owners.values() if len(who) > 1]
        return {one: tuple(other for other in who if other != one) for who in shared for one in who}

    @cached_property
    def _spans(self) -> dict[str, tuple[int, int]]:
        spans: dict[str, tuple[int, int]] = {}
        for at, fact in enumerate(self.facts):
            first, _ = spans.get(fact.subject, (at, 0))
            spans[fact.subject] = first, at + 1
        return spans

    @cached_property
    def _naming(self) -> dict[str, tuple[Fact, ...]]:
        return _grouped(self.facts, lambda fact: fact.object)

    @cached_property
    def _of(self) -> dict[str, tuple[Fact, ...]]:
        return _grouped(self.facts, lambda fact: fact.relation)


def facts_of(
    documents: Sequence[Document], *, extractor: str = "first", snapshot_id: str = "", worlds: Sequence[str] = ()
) -> FactBase:
    """Read documents and close what they say. They are gone through several times, so a sequence may read from disk.

    `worlds` are the arguments ("seed=7,pages=5000") of the generated worlds some of them are pages of. Raises BadQuery
    for an unknown extractor.
    """
    reading = _reader(extractor)(documents, worlds)
    facts = close_statements(reading.statements, reading.relations)
    searched = [page for page in documents if page.doc_id not in reading.complete] if reading.complete else documents
    facts = with_scanned(facts, searched, reading.entities, reading.relations)
    return FactBase(snapshot_id, extractor, reading.entities, reading.relations, facts, reading.links)


def open_facts(snapshot: Path, *, extractor: str = "first") -> FactBase:
    """The facts kept beside a snapshot; they are built first where there are none of this snapshot and version.

    Raises SnapshotIncomplete and its like, and BadQuery for an unknown extractor.
    """
    kept = kept_facts(snapshot, extractor=extractor)
    return kept if kept is not None else build_facts(snapshot, extractor=extractor)


def kept_facts(snapshot: Path, *, extractor: str = "first") -> FactBase | None:
    """The facts kept beside a snapshot, or None. Raises as `open_facts` does."""
    from corpus.facts.store import read_facts
    from corpus.manifest import read_manifest

    return read_facts(facts_path(snapshot, read_manifest(snapshot).snapshot_id, extractor))


def build_facts(snapshot: Path, *, extractor: str = "first") -> FactBase:
    """Read every page of a snapshot and keep what was found in the folder `<snapshot>.facts` beside it.

    Raises BuildRefused where that folder cannot be written, and as `open_facts` does.
    """
    from corpus.facts.store import write_facts
    from corpus.snapshot import open_snapshot

    web = open_snapshot(snapshot)
    pages = _StoredPages(web.store.document, len(web.store))
    worlds = [record.name.removeprefix("world:") for record in web.manifest.sources if record.kind == "world"]
    facts = facts_of(pages, extractor=extractor, snapshot_id=web.snapshot_id, worlds=worlds)
    try:
        write_facts(facts, facts_path(snapshot, web.snapshot_id, extractor))
    except OSError as error:
        raise BuildRefused(
            f"The facts of {snapshot} cannot be written beside it: {error}.",
            "Copy the snapshot to a folder that can be written.",
        ) from error
    return facts


def facts_path(snapshot: Path, snapshot_id: str, extractor: str) -> Path:
    """The file of one extractor's facts: its name holds the snapshot's id and the extractor's version."""
    version = import_module(_module(extractor)).VERSION
    folder = snapshot.resolve()
    return folder.parent / f"{folder.name}.facts" / f"{snapshot_id}.{extractor}-{version}.facts"


def _module(extractor: str) -> str:
    if extractor not in EXTRACTORS:
        raise BadQuery(f"There is no extractor {extractor!r}.", f"Use {' or '.join(EXTRACTORS)}.")
    return EXTRACTORS[extractor]


def _reader(extractor: str) -> Callable[[Sequence[Document], Sequence[str]], Reading]:
    reader: Callable[[Sequence[Document], Sequence[str]], Reading] = import_module(_module(extractor)).read_pages
    return reader


class _StoredPages(Sequence[Document]):
    """The pages of a snapshot, read when asked for: the texts of a large one outgrow memory."""

    def __init__(self, read: Callable[[int], Document], count: int) -> None:
        self._read = read
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: int) -> Document:  # type: ignore[override]
        if not 0 <= at < self._count:
            raise IndexError(at)
        return self._read(at)

    def __iter__(self) -> Iterator[Document]:
        return map(self._read, range(self._count))


def _grouped(facts: Sequence[Fact], key: Callable[[Fact], str | None]) -> dict[str, tuple[Fact, ...]]:
    groups: dict[str, list[Fact]] = {}
    for fact in facts:
        name = key(fact)
        if name is not None:
            groups.setdefault(name, []).append(fact)
    return {name: tuple(group) for name, group in groups.items()}
