"""The things of one block, from (options, number of the block) alone: names, years, places, numbers.

A block is a part of a country some hundred kilometres across. Blocks lie along a line that winds over the map, so that
neighbours in number are neighbours on it. Nothing here looks at another block; `claims.py` joins them.
"""

from __future__ import annotations

from collections.abc import Callable

from corpus.world.making.makers import make_company, make_institution, make_person, make_region, make_river, make_town
from corpus.world.making.makers_of_works import make_award, make_event, make_paper, make_product, make_work
from corpus.world.making.mould import HOW_MANY, Block, Draw, Mould
from corpus.world.making.things import BLOCKS_PER_COUNTRY, COUNTS, Thing

_MAKERS: dict[str, Callable[[Mould, Block, int, int, str, Draw], Thing]] = {
    "region": make_region,
    "town": make_town,
    "river": make_river,
    "university": make_institution,
    "museum": make_institution,
    "society": make_institution,
    "company": make_company,
    "person": make_person,
    "event": make_event,
    "award": make_award,
    "paper": make_paper,
    "product": make_product,
}


def make_block(mould: Mould, block: int) -> Block:
    """Every thing of a block."""
    draw = mould.random("block", block).random
    things: Block = {}
    if block % BLOCKS_PER_COUNTRY == 0:
        things["country"] = [mould.country(block)]
    for kind, count in COUNTS:
        make = _MAKERS.get(kind, make_work)
        made = things[kind] = []
        for n in range(count):  # a person must see those before it
            made.append(make(mould, things, block, n, kind, draw))
    return things


def regions_of(mould: Mould, block: int) -> list[Thing]:
    """The regions of a block, without the rest of it."""
    draw = mould.random("block", block).random
    return [make_region(mould, {}, block, n, "region", draw) for n in range(HOW_MANY["region"])]
