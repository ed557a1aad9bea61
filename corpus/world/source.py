"""`world:seed=7,pages=5000`: the pages of a generated world, block by block, and what is true in it.

    options.py              what was asked for
    schema.py               relations
    making/blocks.py        the things of a block        (mould.py, makers*.py, names.py, vocabulary.py)
    making/claims.py        what is so among them        (weaver.py)
    making/plan.py          which page says what
    prose/entries.py        the page of one thing        (writing.py, phrases_*.py, remarks.py)
    prose/others.py         news, directories, forums    (chatter.py)
    prose/pictures.py       maps, flags, portraits
    tables.py               what a map and an index of papers have of it
    truth.py                what is true, for those who check

A page depends on its own block and its neighbours alone, so memory is that of a few blocks and any page can be reached
without those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from corpus.records import Document, Image, Picture
from corpus.world.making.blocks import make_block
from corpus.world.making.claims import weave
from corpus.world.making.mould import ENCYCLOPEDIA, Block, Mould
from corpus.world.making.names import slug_of
from corpus.world.making.plan import Plan, make_plan, third_pages
from corpus.world.making.things import Claim, Thing
from corpus.world.options import WorldOptions, parse_options
from corpus.world.prose.entries import write_entry
from corpus.world.prose.others import write_noise, write_third
from corpus.world.prose.pictures import caption_of, draw_picture
from corpus.world.prose.writing import Page
from corpus.world.schema import CHANGING
from corpus.world.tables import papers_of, place_of

_KEPT = 6
"""Blocks whose things, claims and plans are held: a page needs those of its own, two before and one after."""
_PICTURED = frozenset(
    {"country", "region", "town", "river", "person", "product", "painting", "film", "opera", "museum", "university"}
)
_TABLED = frozenset({"town", "paper"})
T = TypeVar("T")


def read_world(args: str, *, skip: int = 0) -> Iterator[Document | Picture]:
    """Pages and pictures of a world without the first `skip` of them; a picture comes right behind its page.

    Memory is that of a few blocks of some 200 pages. Raises BadSource at once for options that cannot be.
    """
    return World(parse_options(args)).items(skip)


class World:
    """One world. Everything is made when asked for and a little of it kept."""

    def __init__(self, options: WorldOptions) -> None:
        self.options = options
        self.mould = Mould(options)
        self._things: dict[int, Block] = {}
        self._claims: dict[int, list[Claim]] = {}
        self._plans: dict[int, Plan] = {}

    def things(self, block: int) -> Block:
        """A block's things. Their years of completion are known once its claims are made."""
        return _kept(self._things, block, lambda block: make_block(self.mould, block))

    def claims(self, block: int) -> list[Claim]:
        """What a block claims about two things."""

        def make(block: int) -> list[Claim]:
            after = self.things(block + 1) if block + 1 < self.options.blocks else None
            return weave(self.mould, block, self.things(block), after)

        return _kept(self._claims, block, make)

    def plan(self, block: int) -> Plan:
        def make(block: int) -> Plan:
            joined = self.claims(block)
            return make_plan(self.mould, block, self.things(block), joined, self._shares(block)[0])

        return _kept(self._plans, block, make)

    def _shares(self, block: int) -> tuple[int, int, int]:
        options = self.options
        return third_pages(options.pages_of(block), options.noise, options.stale, "country" in self.things(block))

    def said_on(self, block: int, thing: Thing) -> list[Claim]:
        """What the page of a thing states."""
        found: list[Claim] = []
        for other in range(max(0, block - 2), block + 1):
            found += self.plan(other).own.get(thing.key, ())
        return found

    def pages(self, block: int, first: int = 0) -> Iterator[Page]:
        """The pages of a block in order, without the first ones."""
        things, plan = self.things(block), self.plan(block)
        flat = [thing for kind in things for thing in things[kind]]
        third, old, _ = self._shares(block)
        for n in range(first, self.options.pages_of(block)):
            draw = self.mould.random("page", block, n).random
            if n < len(flat):
                page = Page(draw, flat[n].url, flat[n].title, _date_of(flat[n]))
                write_entry(page, flat[n], self.said_on(block, flat[n]))
            elif n < len(flat) + third:
                page = write_third(draw, plan.third[n - len(flat)], block, things, self.mould.country(block))
            elif n < len(flat) + third + old:
                page = self._edition(block, n - len(flat) - third, flat)
            else:
                page = write_noise(draw, block, n, things)
                page.noise = True
            yield page

    def _edition(self, block: int, n: int, flat: list[Thing]) -> Page:
        """An older page of a thing of which something changes."""
        draw = self.mould.random("edition", block, n).random
        changing = [thing for thing in flat if any(relation in CHANGING for relation, _ in thing.facts)]
        thing = changing[(n * 11 + int(draw() * 11)) % len(changing)]
        year = max(thing.start + 1, 2001) + int(draw() * max(1, 2019 - max(thing.start + 1, 2001)))
        url = f"{ENCYCLOPEDIA.replace('www', 'archive')}{year}/{slug_of(thing.title)}-{block}-{n}"
        page = Page(draw, url, f"{thing.title} (edition of {year})", str(year))
        page.edition = True
        claims = self.said_on(block, thing)
        stated = {claim.relation for claim in claims}
        claims += [Claim(r, thing, None, v) for r, v in thing.facts if r in CHANGING and r not in stated]
        write_entry(page, thing, claims, edition=year)
        return page

    def pictured(self, block: int) -> dict[int, Thing]:
        """By number of its page, what a block has pictures of: `images` for each of its pages, rounded down."""
        things = self.things(block)
        flat = [thing for kind in things for thing in things[kind]]
        fit = [n for n, thing in enumerate(flat) if thing.kind in _PICTURED]
        draw = self.mould.random("pictures", block).random
        order = sorted((draw(), n) for n in fit)
        return {n: flat[n] for _, n in order[: self._pictures(self.options.pages_of(block))]}

    def _pictures(self, pages: int) -> int:
        return int(pages * self.options.images)

    def items(self, skip: int = 0) -> Iterator[Document | Picture]:
        """Pages and pictures. What is passed over is counted, not made."""
        options = self.options
        small = options.pages // options.blocks
        large, few, many = options.pages % options.blocks, self._pictures(small), self._pictures(small + 1)
        before = large * (small + 1 + many)
        first = skip // (small + 1 + many) if skip < before else large + (skip - before) // (small + few)
        skip -= options.first_page(first) + min(first, large) * many + max(0, first - large) * few
        for block in range(first, options.blocks):
            yield from self._items(block, skip)
            skip = 0

    def _items(self, block: int, skip: int) -> Iterator[Document | Picture]:
        pictured = self.pictured(block)
        things = self.things(block)
        flat = [thing for kind in things for thing in things[kind]]
        papers = papers_of(things["paper"], self.claims(block))
        first = 0
        while skip > (first in pictured):
            skip -= 1 + (first in pictured)
            first += 1
        for n, page in enumerate(self.pages(block, first), first):
            thing = pictured.get(n)
            picture = None if thing is None else self._picture(thing, page, n)
            if not skip:
                document = document_of(page)
                about = flat[n] if n < len(flat) else None  # old editions and the pages of others have no row
                if about is not None and about.kind in _TABLED:
                    document = replace(document, place=place_of(about), paper=papers.get(about.key))
                yield document
            skip = 0
            if picture is not None:
                yield picture

    def _picture(self, thing: Thing, page: Page, n: int) -> Picture:
        draw = self.mould.random("picture", thing.block, n).random
        url = f"https://media.gazetteer-and-lives.example/{slug_of(thing.name)[:60]}-{thing.block}-{n}.png"
        page.images.append(Image(url, *caption_of(draw, thing)))
        return Picture(url, "image/png", draw_picture(draw, thing, self.things(thing.block)))


def _date_of(thing: Thing) -> str | None:
    facts = dict(thing.facts)
    value = facts.get("published_on") or facts.get("released_on")
    return value.date if value else None


def document_of(page: Page) -> Document:
    return Document(
        url=page.url,
        title=page.title,
        text=page.text.rstrip(),
        links=tuple(page.links),
        images=tuple(page.images),
        date=page.date,
        language="en",
    )


def _kept(store: dict[int, T], block: int, make: Callable[[int], T]) -> T:
    """From the store, or made and put there; the oldest goes."""
    found = store.get(block)
    if found is None:
        found = store[block] = make(block)
        if len(store) > _KEPT:
            del store[next(iter(store))]
    return found
