"""What blocks are made with: draws, coined names, places on the map."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from corpus.world.making.names import coiner, given_name, slug_of
from corpus.world.making.things import BLOCKS_PER_COUNTRY, COUNTS, Thing, date, number, words
from corpus.world.making.vocabulary import CURRENCIES
from corpus.world.options import WorldOptions

HOW_MANY = dict(COUNTS)
ENCYCLOPEDIA = "https://www.gazetteer-and-lives.example/entry/"
FAMILIES = 16
"""Surnames of a block."""
PAPERS = "https://papers.openrecord.example/abs/"
Draw = Callable[[], float]
"""Gives numbers from 0 up to 1: the one thing that is drawn, since every version of Python draws it alike."""
Block = dict[str, list[Thing]]
"""Things by kind, in the order of their numbers."""


class Mould:
    """What the making of all blocks of one world shares. Equal options make equal blocks."""

    def __init__(self, options: WorldOptions) -> None:
        self.options = options
        self.coin: Callable[[str, int], str] = coiner(options.seed)
        self._columns = math.isqrt(options.blocks - 1) + 1
        self._rows = -(-options.blocks // self._columns)
        step = min(1.2, 110 / self._rows, 300 / self._columns)
        self._step = step
        self.scale = step / 1.2
        """Distances inside a block, compared with those of a world that has room enough on the globe."""
        self._people: dict[int, list[tuple[str, str, bool]]] = {}

    def random(self, *what: object) -> Random:
        """A source of draws of its own for whatever is named; strings are hashed the same in every process."""
        return Random("/".join(map(str, (self.options.seed, *what))))

    def centre(self, block: int) -> tuple[float, float]:
        """Longitude and latitude of the middle of a block."""
        row, column = divmod(block, self._columns)
        if row % 2:  # back again, so that the line never jumps
            column = self._columns - 1 - column
        middle = min(40.0, 62 - self._rows * self._step / 2)
        return (column - self._columns / 2 + 0.5) * self._step, middle + (row - self._rows / 2 + 0.5) * self._step

    def people(self, block: int) -> list[tuple[str, str, bool]]:
        """First name, surname, whether a woman, of the people of a block, were nobody named after another.

        No two of one surname share an initial: "K. Renquist" must mean one person.
        """
        if block not in self._people:
            draw = self.random("people", block).random
            found: dict[tuple[str, str], tuple[str, str, bool]] = {}
            for n in range(HOW_MANY["person"]):
                surname, female = self.coin("surname", block * FAMILIES + n % FAMILIES), draw() < 0.5
                given = given_name(draw, female)
                while (given[0], surname) in found:
                    given = given_name(draw, female)
                found[given[0], surname] = given, surname, female
            while len(self._people) > 3:
                del self._people[next(iter(self._people))]
            self._people[block] = list(found.values())
        return self._people[block]

    def country(self, block: int) -> Thing:
        """The country that a block lies in; its page is in the country's first block."""
        home = block - block % BLOCKS_PER_COUNTRY
        draw = self.random("country", home).random
        name = self.coin("country", home // BLOCKS_PER_COUNTRY)
        form = pick_one(draw, ("Republic of {}", "Kingdom of {}", "Federation of {}", "Commonwealth of {}"))
        country = Thing(home, "country", 0, name, ENCYCLOPEDIA + slug_of(name), name, name, "the country")
        country.aliases = (form.format(name),)
        country.start = 1600 + int(draw() * 320)
        country.x, country.y = self.centre(home)
        country.say("also_called", words(country.aliases[0]))
        country.say("founded_on", date(str(country.start)))
        country.say("population", number(400_000 + int(draw() * 3_000_000), "persons"))
        country.say("area", number(9_000 + int(draw() * 30_000), "km2"))
        country.say("currency", words(f"{self.coin('title', home * 50 + 42)} {pick_one(draw, CURRENCIES)}"))
        return country

    def town_name(self, block: int, n: int) -> str:
        return self.coin("town", 2 * (block * HOW_MANY["town"] + n))

    def borrowed(self, kind: str, block: int, n: int) -> bool:
        """Whether a thing bears the name of one of the block before. Odd ones borrow, even ones are borrowed from, so
        that it never goes on."""
        count = HOW_MANY[kind]
        if block == 0 or n % 2 == 0:
            return False
        chance = self.random("namesake", kind, block, n).random() if self.options.namesakes else 1.0
        return count > 0 and chance < 2 * self.options.namesakes


def pick_one(draw: Draw, choices: tuple[str, ...]) -> str:
    return choices[int(draw() * len(choices))]
