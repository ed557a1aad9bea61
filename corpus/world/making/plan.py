"""Which page says what: on the subject's page, on the object's, on a third one, or on several of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from corpus.facts.records import Value
from corpus.world.making.mould import Block, Draw, Mould
from corpus.world.making.things import COUNTS, Claim, Thing, date, number
from corpus.world.schema import RELATIONS

Key = tuple[int, str, int]
ALWAYS_OWN = frozenset({"occupation", "genre", "also_called", "latitude", "longitude"})
"""What a page could not do without, or nobody else would write."""


@dataclass(slots=True)
class ThirdPage:
    """A page that is about no one thing. `claims` in the order in which it says them."""

    shape: str
    number: int
    about: Thing | None = None
    claims: list[Claim] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """What one block puts on which page.

    `own` has, for each thing (also of the next blocks), the claims its page states. `wrong` are claims that contradict
    a true one, with the true value; they are among `third`'s claims too.
    """

    own: dict[Key, list[Claim]]
    third: list[ThirdPage]
    wrong: dict[int, Value]
    """By id() of the wrong claim."""


DIRECTORIES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("companies", ("company",), ("based_in", "founded_on", "employees", "industry", "owned_by")),
    ("towns", ("town",), ("population", "elevation", "founded_on", "known_for", "in_region", "on_river")),
    ("people", ("person",), ("occupation", "born_in", "born_on", "lives_in")),
    ("laureates", ("person",), ("received",)),
    ("bibliography", ("paper",), ("written_by", "published_on", "citation_count", "studies", "field")),
    ("collection", ("painting", "novel", "film", "opera"), ("created_by", "completed_on", "held_by", "premiered_at")),
    (
        "institutions",
        ("university", "museum", "society"),
        ("based_in", "founded_on", "students", "visitors", "membership"),
    ),
    ("products", ("product",), ("made_by", "price", "weight", "released_on")),
)
"""Name, kinds of the rows, relations of the columns."""
_PROFILES, _FORUMS, _BRIEFS = 7, 6, 3
_STORY = 6
"""Claims of a news story at most."""


def third_pages(size: int, noise: float, stale: float, countries: int) -> tuple[int, int, int]:
    """How many pages of a block of `size` are (about no one thing, old editions, noise)."""
    old, idle = int(size * stale), int(size * noise)
    return size - sum(count for _, count in COUNTS) - countries - old - idle, old, idle


def make_plan(mould: Mould, block: int, things: Block, joined: Sequence[Claim], pages: int) -> Plan:
    """Place every claim of a block. `pages` is how many pages about no one thing it has."""
    draw = mould.random("plan", block).random
    own: dict[Key, list[Claim]] = {}
    third: list[Claim] = []
    wrong: dict[int, Value] = {}
    for claim in joined:
        roll = draw()
        # Thirds: at the subject's, at the object's, elsewhere; one claim in three at two of them.
        if roll < 0.36 or 0.62 <= roll < 0.9:
            own.setdefault(claim.subject.key, []).append(claim)
        if claim.object and (0.36 <= roll < 0.62 or 0.72 <= roll < 0.82):
            own.setdefault(claim.object.key, []).append(claim)
        if roll >= 0.78:
            third.append(claim)
    for kind in things:
        for thing in things[kind]:
            for relation, value in thing.facts:
                claim = Claim(relation, thing, None, value)
                roll = draw()
                if roll < 0.78 or relation in ALWAYS_OWN:
                    own.setdefault(thing.key, []).append(claim)
                planted = value.kind != "text" and relation not in ALWAYS_OWN and draw() < mould.options.conflicts
                if planted:
                    false = Claim(relation, thing, None, falsified(value, draw()))
                    if false.value != value:
                        wrong[id(false)] = value
                        third.append(false)
                        if roll >= 0.78:  # the true one must be said, too
                            own.setdefault(thing.key, []).append(claim)
                elif (roll >= 0.66 and relation not in ALWAYS_OWN) or (relation == "occupation" and roll < 0.2):
                    third.append(claim)
    return Plan(own, _distribute(mould, block, things, third, own, pages), wrong)


def falsified(value: Value, roll: float) -> Value:
    """Another value of the same kind, near the true one."""
    if value.kind == "date":
        year, rest = value.text[:4], value.text[4:]
        return date(f"{int(year) + (-3, -2, -1, 1, 2, 3)[int(roll * 6)]}{rest}")
    share = (0.82, 0.9, 1.1, 1.25)[int(roll * 4)]
    return number(round((value.number or 0) * share), value.unit)


def older(value: Value, roll: float) -> Value:
    """What a changing number was some years ago."""
    return number(max(1, round((value.number or 0) * (0.6 + 0.3 * roll))), value.unit)


def _distribute(
    mould: Mould, block: int, things: Block, claims: list[Claim], own: dict[Key, list[Claim]], pages: int
) -> list[ThirdPage]:
    roll = mould.random("third", block).random
    found = [ThirdPage(name, n) for n, (name, _, _) in enumerate(DIRECTORIES)]
    left: list[Claim] = []
    columns = [(page, kinds, set(relations)) for page, (_, kinds, relations) in zip(found, DIRECTORIES, strict=True)]
    for claim in claims:
        for page, kinds, relations in columns:
            if (
                claim.relation in relations
                and claim.subject.kind in kinds
                and claim.subject.block == block
                and roll() < 0.6
            ):
                page.claims.append(claim)
                break
        else:
            left.append(claim)
    people = things["person"]
    profiles = [ThirdPage("profile", n, people[(n * 7 + int(roll() * 7)) % len(people)]) for n in range(_PROFILES)]
    staff = {page.about.key: page for page in profiles if page.about}
    rest: list[Claim] = []
    for claim in left:
        profile = staff.get(claim.subject.key)
        (profile.claims if profile else rest).append(claim)
    for page in profiles:
        assert page.about is not None
        known = [claim for claim in own.get(page.about.key, ()) if claim.subject is page.about]
        page.claims += [claim for claim in known if claim not in page.claims and roll() < 0.5]
    stories = max(0, pages - len(found) - len(profiles) - _FORUMS - _BRIEFS)
    news, rest = _stories(rest, stories, things, own, block, roll)
    others = [ThirdPage("forum", n) for n in range(_FORUMS)] + [ThirdPage("brief", n) for n in range(_BRIEFS)]
    # Side by side what is about the same thing, so that a thread keeps to its subjects.
    rest.sort(key=lambda claim: (claim.object or claim.subject).key)
    for n, claim in enumerate(rest):
        others[n * len(others) // len(rest)].claims.append(claim)
    return [*found, *profiles, *others, *news][:pages]


def _stories(
    claims: list[Claim], count: int, things: Block, own: dict[Key, list[Claim]], block: int, roll: Draw
) -> tuple[list[ThirdPage], list[Claim]]:
    """News, each about one thing: those of which most is still unsaid come first. And what no story took up."""
    about: dict[Key, list[Claim]] = {}
    whose: dict[Key, Thing] = {}
    for claim in claims:
        for thing in (claim.subject, claim.object):
            if thing is not None:
                about.setdefault(thing.key, []).append(claim)
                whose[thing.key] = thing
    order = sorted(about, key=lambda key: (-len(about[key]), key))
    taken: set[int] = set()
    news: list[ThirdPage] = []
    for key in order:
        if len(news) == count:
            break
        fit = [claim for claim in about[key] if id(claim) not in taken][:_STORY]
        if len(fit) < 2:
            continue
        # What the story's thing is known for anyway stands in it again.
        fit += [claim for claim in own.get(key, ()) if claim not in fit and claim.subject.key == key][: 5 - len(fit)]
        taken.update(id(claim) for claim in fit)
        news.append(ThirdPage("news", len(news), whose[key], fit))
    things_ = [thing for kind in ("person", "town", "company", "event") for thing in things[kind]]
    while len(news) < count:  # a world of few claims and many pages: its news says again what is known
        thing = things_[(len(news) * 13 + block) % len(things_)]
        news.append(ThirdPage("news", len(news), thing, list(own.get(thing.key, ())[:4])))
    return news, [claim for claim in claims if id(claim) not in taken]


INVERSE = {name: relation.inverse for name, relation in RELATIONS.items()}
