"""How claims about two things come to be: with room for both, once, and never against what is claimed already."""

from __future__ import annotations

from collections.abc import Sequence

from corpus.world.making.mould import Block, Draw, Mould
from corpus.world.making.things import Claim, Thing
from corpus.world.schema import FORWARD, RELATIONS

MAX_DEGREE = 12
"""No thing is in more claims about two things than this."""
_OWN = 10
"""What a block may use of it for its own things: the rest is kept for claims that the block before makes."""
_FROM_BEFORE = 2
_CIRCLES = 6


class Weaver:
    """Makes the claims of one block. `things` are its own, `after` those of the next block, or None at the end."""

    def __init__(self, mould: Mould, block: int, things: Block, after: Block | None) -> None:
        self.things, self.after, self.block = things, after, block
        self.claims: list[Claim] = []
        self.draw: Draw = mould.random("claims", block).random
        self.mould = mould
        self._degree: dict[tuple[int, str, int], int] = {}
        self._pairs: set[tuple[str, tuple[int, str, int], tuple[int, str, int]]] = set()
        self._of: dict[tuple[str, tuple[int, str, int]], list[Thing]] = {}

    def degree(self, thing: Thing) -> int:
        return self._degree.get(thing.key, 0)

    def objects(self, relation: str, subject: Thing) -> list[Thing]:
        """What the relation joins a thing to, either way round where it is mutual."""
        return self._of.get((relation, subject.key), [])

    def join(self, relation: str, subject: Thing, target: Thing, first: int = 0, last: int = 0) -> bool:
        """Claim it, unless one of the two has enough, it is claimed already, or a second one would contradict it.

        The year is drawn from `first` to `last`; nothing is claimed where there is none.
        """
        if first > last:
            return False
        kind = RELATIONS[relation]
        one, other = subject.key, target.key
        if one == other or (relation, one, other) in self._pairs or self.full(subject) or self.full(target):
            return False
        if kind.functional and self._of.get((relation, one)):
            return False
        back = kind.inverse
        if back and RELATIONS[back].functional and self._of.get((back, other)):
            return False
        year = first + int(self.draw() * (last - first + 1)) if first else 0
        self.claims.append(Claim(relation, subject, target, None, year))
        for a, b, name in ((one, other, relation), (other, one, back)):
            self._degree[a] = self._degree.get(a, 0) + 1
            if name:
                self._pairs.add((name, a, b))
        self._of.setdefault((relation, one), []).append(target)
        if back:
            self._of.setdefault((back, other), []).append(subject)
        return True

    def full(self, thing: Thing) -> bool:
        limit = _OWN if thing.block == self.block else _FROM_BEFORE
        return self._degree.get(thing.key, 0) >= limit

    def some(self, things: Sequence[Thing]) -> Thing:
        return things[int(self.draw() * len(things))]

    def near(self, kind: str, circle: int, chance: float = 0.72) -> Thing:
        """One of the circle's own, now and then one of another circle or of the next block."""
        things = self.things[kind]
        roll = self.draw()
        if roll < chance:
            per = max(1, len(things) // _CIRCLES)
            return things[(circle * per + int(self.draw() * per)) % len(things)]
        if roll > 0.93 and self.after:
            return self.some(self.after[kind])
        return self.some(things)

    def count(self, thing: Thing) -> None:
        """One claim more, made without asking for room."""
        self._degree[thing.key] = self.degree(thing) + 1


def degrees(claims: Sequence[Claim]) -> dict[tuple[int, str, int], int]:
    """In how many claims about two things each thing is."""
    found: dict[tuple[int, str, int], int] = {}
    for claim in claims:
        if claim.relation in FORWARD and claim.object:
            for thing in (claim.subject, claim.object):
                found[thing.key] = found.get(thing.key, 0) + 1
    return found
