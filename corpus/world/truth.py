"""What is true in a world, for those who check what is made of it. Never part of a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from corpus.facts.records import Entity, Statement, Value
from corpus.records import doc_id_of
from corpus.world.making.things import Thing
from corpus.world.options import parse_options
from corpus.world.prose.writing import Page
from corpus.world.source import World


@dataclass(frozen=True, slots=True)
class Place:
    """A town on the map: degrees north of the equator and east of the first meridian."""

    doc_id: str
    name: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as an index of papers has it. `citations` counts all that cite it, not only those with pages."""

    doc_id: str
    title: str
    authors: tuple[str, ...]
    year: int
    citations: int


@dataclass(frozen=True, slots=True)
class Planted:
    """Something put there to mislead, and what is true instead.

    conflict    `statement` says another value than `true`, which other pages state
    stale       `statement` is an old edition's; `true` is today's value
    namesake    the page `doc_id` is about something with the name of what `other` is about
    near_miss   the page `doc_id` is about a person much like the one that `other` is about
    noise       the page `doc_id` states nothing
    """

    kind: Literal["conflict", "stale", "namesake", "near_miss", "noise"]
    doc_id: str
    other: str = ""
    statement: Statement | None = None
    true: Value | None = None


def entities(args: str) -> Iterator[Entity]:
    """Everything that has a page of its own, in the order of the pages. Raises BadSource for options that cannot be."""
    world = World(parse_options(args))
    for block in range(world.options.blocks):
        for thing in _things(world, block):
            other = (thing.title,) if thing.title != thing.name else ()
            yield Entity(thing.doc_id, thing.name, thing.kind, (*thing.aliases, *other))


def statements(args: str) -> Iterator[Statement]:
    """Every span of every page that says a thing, also what is planted or out of date, page by page.

    A span is a sentence, a row of a table or an item of a list; it contains the anchor that names the object, or the
    value as it is written. Offsets are into `Document.text`. Raises BadSource for options that cannot be.
    """
    world = World(parse_options(args))
    for block in range(world.options.blocks):
        for page in world.pages(block):
            yield from _statements(page)


def truth(args: str) -> Iterator[Planted]:
    """What was planted, block by block. Everything else that `statements` gives is so."""
    world = World(parse_options(args))
    for block in range(world.options.blocks):
        yield from _alike(world, block)
        facts = {(t.doc_id, r): v for t in _things(world, block) for r, v in t.facts}
        for page in world.pages(block):
            if page.noise:
                yield Planted("noise", doc_id_of(page.url))
            for statement in _statements(page):
                true = (
                    facts.get((statement.subject, statement.relation)) if statement.relation != "also_called" else None
                )
                if true is not None and statement.value != true:
                    yield Planted("stale" if page.edition else "conflict", statement.doc_id, "", statement, true)


def places(args: str) -> Iterator[Place]:
    """Every town with its coordinates, in the order of the pages."""
    world = World(parse_options(args))
    for block in range(world.options.blocks):
        for town in world.things(block)["town"]:
            yield Place(town.doc_id, town.name, town.y, town.x)


def papers(args: str) -> Iterator[Paper]:
    """Every paper, in the order of the pages. Authors in the order in which the world names them."""
    world = World(parse_options(args))
    for block in range(world.options.blocks):
        authors: dict[str, list[str]] = {}
        for claim in world.claims(block):
            if claim.relation == "written_by" and claim.object is not None:
                authors.setdefault(claim.subject.doc_id, []).append(claim.object.name)
        for paper in world.things(block)["paper"]:
            count = dict(paper.facts)["citation_count"].number or 0
            names = tuple(authors.get(paper.doc_id, ()))
            yield Paper(paper.doc_id, paper.name, names, paper.start, int(count))


def _things(world: World, block: int) -> Iterator[Thing]:
    things = world.things(block)
    return (thing for kind in things for thing in things[kind])


def _alike(world: World, block: int) -> Iterator[Planted]:
    for thing in _things(world, block):
        if thing.namesake:
            other = world.things(block - 1)[thing.kind][thing.number - 1]
            yield Planted("namesake", thing.doc_id, other.doc_id)
        if thing.like >= 0:
            yield Planted("near_miss", thing.doc_id, world.things(block)[thing.kind][thing.like].doc_id)


def _statements(page: Page) -> Iterator[Statement]:
    doc_id = doc_id_of(page.url)
    for subject, relation, other, value, start, end in page.said:
        yield Statement(subject.doc_id, relation, other.doc_id if other else None, value, doc_id, start, end)
