"""The things of a block that are somewhere or are someone: places, organisations, people."""

from __future__ import annotations

import math

from corpus.world.making.mould import ENCYCLOPEDIA, FAMILIES, HOW_MANY, Block, Draw, Mould, pick_one
from corpus.world.making.names import slug_of
from corpus.world.making.things import TODAY, Thing, date, number, words
from corpus.world.making.vocabulary import (
    INDUSTRIES,
    LEARNED,
    MUSEUMS,
    OCCUPATIONS,
    PUBLISHING,
    TRADES,
)

_OCCUPATIONS = tuple(word for group in ("arts", "science", "trade") for word in OCCUPATIONS[group])


def make_region(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    name = mould.coin("region", block * 3 + n)
    thing = Thing(block, kind, n, name, ENCYCLOPEDIA + slug_of(name), name, name, "the region")
    x, y = mould.centre(block)
    thing.x, thing.y = x + (0.25, -0.25, 0.0)[n] * mould.scale, y + (0.2, 0.2, -0.25)[n] * mould.scale
    thing.start = 1500
    thing.say("area", number(800 + int(draw() * 4200), "km2"))
    thing.say("population", number(30_000 + int(draw() * 300_000), "persons"))
    return thing


def make_town(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    name, slug = mould.town_name(block, n), ""
    if mould.borrowed("town", block, n):
        name = mould.town_name(block - 1, n - 1)
        slug = "-" + things["region"][n % 3].name
    thing = Thing(block, kind, n, name, ENCYCLOPEDIA + slug_of(name + slug), name, name, "the town")
    region = things["region"][n % 3]
    if slug:
        thing.title, thing.namesake = f"{name} ({region.name})", True
    # Six places around the middle of a region, moved a little, so that no two towns lie on one spot.
    angle = n // 3 * math.pi / 3 + draw() * 0.7
    thing.x = round(region.x + (0.15 * math.cos(angle) + draw() * 0.03) * mould.scale, 3)
    thing.y = round(region.y + (0.15 * math.sin(angle) + draw() * 0.03) * mould.scale, 3)
    thing.start = 1050 + int(draw() * 750)
    thing.word = TRADES[int(draw() * len(TRADES))]
    if draw() < 0.2:
        thing.aliases = (mould.coin("town", 2 * (block * HOW_MANY["town"] + n) + 1),)
        thing.say("also_called", words(thing.aliases[0]))
    thing.say("founded_on", date(str(thing.start)))
    thing.say("population", number(1_200 + int(draw() ** 3 * 180_000), "persons"))
    thing.say("elevation", number(12 + int(draw() * 900), "m"))
    thing.say("latitude", number(float(thing.y), "degrees"))
    thing.say("longitude", number(float(thing.x), "degrees"))
    thing.say("known_for", words(thing.word))
    return thing


def make_river(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    name = mould.coin("river", block * 3 + n)
    thing = Thing(block, kind, n, f"River {name}", f"{ENCYCLOPEDIA}river-{slug_of(name)}", f"River {name}")
    thing.short, thing.noun, thing.aliases, thing.the = name, "the river", (name,), True
    thing.say("length", number(38 + int(draw() * 410), "km"))
    return thing


def make_institution(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    """A university, a museum or a society."""
    coined = mould.coin("institution", (block * 3 + ("university", "museum", "society").index(kind)) * 4 + n)
    if kind == "university":
        name = pick_one(draw, ("University of {}", "{} University", "{} Institute of Technology", "{} College")).format(
            coined
        )
        noun, start, span = "the university", 1650, 320
    elif kind == "museum":
        name, noun, start, span = f"{coined} {pick_one(draw, MUSEUMS)}", "the museum", 1840, 140
    else:
        name, noun, start, span = f"{coined} {LEARNED[(2 * n + int(draw() * 2)) % 8]}", "the society", 1860, 140
    slug = slug_of(name)
    thing = Thing(block, kind, n, name, f"https://www.{slug}.example/about", name, coined, noun)
    thing.the = kind != "university" or name.startswith("University") or "Institute" in name
    if thing.the:
        thing.short = name if " of " in name else coined + name[name.rindex(" ") :]
    if draw() < 0.4:  # elsewhere than on a site of its own
        thing.url = ENCYCLOPEDIA + slug
    thing.start = start + int(draw() * span)
    amount, what = {
        "university": (900 + int(draw() * 21_000), "students"),
        "museum": (4_000 + int(draw() * 240_000), "visitors"),
        "society": (40 + int(draw() * 1_900), "membership"),
    }[kind]
    thing.say("founded_on", date(str(thing.start)))
    thing.say(what, number(amount, "persons"))
    return thing


def make_company(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    brand = mould.coin("brand", block * 6 + n)
    industry = PUBLISHING if n == 0 else int(draw() * len(INDUSTRIES))
    what, word, _ = INDUSTRIES[industry]
    name = f"{brand} {word}"
    url = f"https://www.{slug_of(brand)}.example/company" if draw() < 0.5 else ENCYCLOPEDIA + slug_of(name)
    thing = Thing(block, kind, n, name, url, name, brand, "the company")
    thing.aliases = (f"{name} {pick_one(draw, ('Ltd', 'AG', 'plc', 'Group', '& Sons'))}",)
    thing.start, thing.word = 1880 + int(draw() * 120), str(industry)
    thing.say("also_called", words(thing.aliases[0]))
    thing.say("founded_on", date(str(thing.start)))
    thing.say("industry", words(what))
    thing.say("employees", number(14 + int(draw() ** 2 * 4_000), "persons"))
    return thing


def make_person(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    given, surname, female = mould.people(block)[n]
    name = f"{given} {surname}"
    word = _OCCUPATIONS[(n + int(draw() * 4) * 6) % len(_OCCUPATIONS)]
    # Three people share each surname: the second and third may be made like the one before.
    like = n - FAMILIES if n >= FAMILIES and draw() < 1.5 * mould.options.near_misses else -1
    if like >= 0:
        word = things["person"][like].word
    thing = Thing(block, kind, n, name, "", name, surname, f"the {word}")
    thing.female, thing.word, thing.like = female, word, like
    thing.start = 1930 + int(draw() * 62)
    thing.aliases = (f"{given[0]}. {surname}",) if draw() < 0.25 else ()
    if mould.borrowed("person", block, n):
        given, surname, thing.female = mould.people(block - 1)[n - 1]
        thing.name, thing.short, thing.aliases, thing.namesake = f"{given} {surname}", surname, (), True
        thing.title = f"{thing.name} ({word})"
    thing.url = ENCYCLOPEDIA + slug_of(f"{thing.title} {block}" if thing.title != thing.name else name)
    if thing.aliases:
        thing.say("also_called", words(thing.aliases[0]))
    thing.say("born_on", date(f"{thing.start}-{1 + int(draw() * 12):02}-{1 + int(draw() * 28):02}"))
    thing.say("occupation", words(word))
    if thing.start < 1952 and draw() < 0.45:
        died = thing.start + 62 + int(draw() * (TODAY - 1 - thing.start - 62))
        thing.say("died_on", date(f"{died}-{1 + int(draw() * 12):02}-{1 + int(draw() * 28):02}"))
        thing.end = died - 1
    thing.end = min(thing.end, thing.start + 70)
    return thing
