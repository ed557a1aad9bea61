"""What a world is asked to be: `seed=7,pages=5000,conflicts=0.01`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from corpus.errors import BadSource

MAX_PAGES = 10_000_000
CORE_PAGES = 184
"""Pages of a block that are no noise and no old edition."""


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """The arguments of a world. Shares are between 0 and what `_LIMITS` says."""

    seed: int = 0
    pages: int = 5000
    """How many pages, pictures not counted: as many as a block has (200 by default) up to ten million."""
    conflicts: float = 0.01
    """Share of facts with one true number or date that one page more states wrongly."""
    stale: float = 0.03
    """Share of pages that are old editions, with values of their time."""
    namesakes: float = 0.02
    """Share of people and towns that bear the name of another."""
    near_misses: float = 0.04
    """Share of people that agree with another in surname, occupation, birthplace, school and society."""
    noise: float = 0.05
    """Share of pages that state no fact."""
    images: float = 0.1
    """Pictures for each page."""

    @property
    def block_pages(self) -> int:
        """Pages of the smallest block."""
        return round(CORE_PAGES / (1 - self.noise - self.stale))

    @property
    def blocks(self) -> int:
        return self.pages // self.block_pages

    def pages_of(self, block: int) -> int:
        """Pages of a block: all have as many, but for the first ones, which may have one more."""
        return self.pages // self.blocks + (block < self.pages % self.blocks)

    def first_page(self, block: int) -> int:
        """How many pages the blocks before this one have."""
        return block * (self.pages // self.blocks) + min(block, self.pages % self.blocks)


_LIMITS = {"conflicts": 0.5, "stale": 0.2, "namesakes": 0.2, "near_misses": 0.3, "noise": 0.6, "images": 0.4}


def parse_options(args: str) -> WorldOptions:
    """The options in `seed=7,pages=5000`. Raises BadSource for one that is unknown, no number, or out of range."""
    known = {field.name for field in fields(WorldOptions)}
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in args.split(","))):
        name, equals, text = (piece.strip() for piece in part.partition("="))
        if name not in known or not equals:
            raise BadSource(
                f"A world has no option {part!r}.",
                f"Write NAME=NUMBER, with commas between, of {', '.join(sorted(known))}.",
            )
        if name in given:
            raise BadSource(f"The world's option {name} is given twice.", "Give it once.")
        given[name] = _number(name, text)
    options = WorldOptions(**given)  # type: ignore[arg-type]  # _number makes integers of the two that are
    if not options.block_pages <= options.pages <= MAX_PAGES:
        raise BadSource(
            f"A world of {options.pages} pages cannot be made.",
            f"With this much noise and stale, give pages from {options.block_pages} to {MAX_PAGES}.",
        )
    return options


def _number(name: str, text: str) -> float:
    whole = name in ("seed", "pages")
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        raise BadSource(
            f"The world's option {name} is {text!r}, which is no {'whole ' if whole else ''}number.",
            f"Write it as {name}={7 if whole else 0.05}.",
        ) from None
    limit = _LIMITS.get(name, 2**63 - 1)
    if not 0 <= value <= limit:
        raise BadSource(f"The world's option {name} is {text}.", f"Give a number from 0 to {limit}.")
    return value
