"""What a world is made of in memory, and the plan of a block: how many of which kind, at which place."""

from __future__ import annotations

from dataclasses import dataclass, field

from corpus.facts.records import Value
from corpus.records import doc_id_of

COUNTS = (
    ("region", 3),
    ("town", 18),
    ("river", 3),
    ("university", 3),
    ("museum", 2),
    ("society", 4),
    ("company", 6),
    ("person", 48),
    ("novel", 8),
    ("painting", 8),
    ("film", 4),
    ("opera", 4),
    ("event", 6),
    ("award", 4),
    ("paper", 17),
    ("product", 9),
)
"""Things of a block, by kind. Every third block has a country before them."""
BLOCKS_PER_COUNTRY = 3
TODAY = 2024
"""The year in which the world's pages were collected. Nothing in it happens later."""


@dataclass(slots=True, eq=False)
class Thing:
    """Something with a page of its own. Two things are the same only where they are one object of one block."""

    block: int
    kind: str
    number: int
    """Among the things of its kind in its block."""
    name: str
    url: str
    title: str
    short: str = ""
    """How a page calls it once it is known: a surname, a company without "Ltd"."""
    noun: str = ""
    """What it is, in a word or two: "the town", "the novelist"."""
    aliases: tuple[str, ...] = ()
    the: bool = False
    """Whether its name has an article in running text."""
    female: bool = False
    start: int = 0
    """Year of birth, of foundation, of completion."""
    end: int = TODAY - 1
    """Last year in which it can do something."""
    x: float = 0.0
    y: float = 0.0
    """Longitude and latitude, in degrees."""
    word: str = ""
    """Occupation, industry, genre, field: what the name and the prose draw on."""
    maker: Thing | None = None
    """Who created a work, in the first place."""
    like: int = -1
    """Number of the thing of its kind that this one is nearly the same as; -1 where it is made like none."""
    namesake: bool = False
    """Whether it bears the name of a thing of the block before, of the number before its own."""
    facts: list[tuple[str, Value]] = field(default_factory=list)

    @property
    def key(self) -> tuple[int, str, int]:
        return self.block, self.kind, self.number

    @property
    def doc_id(self) -> str:
        return doc_id_of(self.url)

    def say(self, relation: str, value: Value) -> None:
        self.facts.append((relation, value))


@dataclass(slots=True, eq=False)
class Claim:
    """One thing that is so, in the direction of its relation. `year` is when it came to be, 0 where that is unsaid."""

    relation: str
    subject: Thing
    object: Thing | None
    value: Value | None
    year: int = 0

    def is_of(self, thing: Thing) -> bool:
        """Whether `thing` is the subject. Countries and regions may be made twice, so keys are compared."""
        return self.subject is thing or self.subject.key == thing.key

    def other(self, thing: Thing) -> Thing | None:
        """What `thing` is joined to."""
        return self.object if self.is_of(thing) else self.subject


def number(amount: float, unit: str) -> Value:
    """A number in its normal form: "1240 km"."""
    shown = f"{amount:.3f}" if isinstance(amount, float) else str(amount)
    return Value("number", f"{shown} {unit}".strip(), float(shown), unit)


def words(text: str) -> Value:
    return Value("text", text)


def date(iso: str) -> Value:
    return Value("date", iso, date=iso)
