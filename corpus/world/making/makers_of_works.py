"""The things of a block that people make or hold: works, events, awards, papers, products."""

from __future__ import annotations

from corpus.world.making.mould import ENCYCLOPEDIA, PAPERS, Block, Draw, Mould, pick_one
from corpus.world.making.names import slug_of
from corpus.world.making.things import TODAY, Thing, date, number, words
from corpus.world.making.vocabulary import (
    ADJECTIVES,
    CREATORS,
    FESTIVALS,
    FIELDS,
    GENRES,
    INDUSTRIES,
    MONTHS,
    NOUNS,
    PAPER_METHODS,
    PAPER_TOPICS,
    PRIZE_FIELDS,
    PRIZES,
    TITLES,
)


def make_work(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    place = ("novel", "painting", "film", "opera").index(kind)
    coined = mould.coin("title", block * 50 + place * 8 + n)
    noun = NOUNS[int(draw() * len(NOUNS))]
    name = pick_one(draw, TITLES).format(
        a=pick_one(draw, ADJECTIVES), n=noun, ns=noun[:-1] + "ies" if noun[-1] == "y" else noun + "s", c=coined
    )
    thing = Thing(block, kind, n, name, ENCYCLOPEDIA + slug_of(f"{name} {kind}"), name, name, f"the {kind}")
    people = things["person"]
    makers = [p for p in people if p.word in CREATORS[kind] and p.end - p.start > 35] or people
    maker = thing.maker = makers[n % len(makers)]
    busy = max(1, min(maker.end, maker.start + 55, TODAY - 1) - maker.start - 23)
    thing.start, thing.word = maker.start + 24 + int(draw() * busy), pick_one(draw, GENRES[kind])
    thing.say("completed_on", date(str(thing.start)))
    thing.say("genre", words(thing.word))
    if kind == "novel":
        thing.say("page_count", number(120 + int(draw() * 600), "pages"))
    elif kind != "painting":
        thing.say("running_time", number(55 + int(draw() * 110), "min"))
    return thing


def make_event(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    coined = mould.coin("title", block * 50 + 32 + n)
    name = f"{coined} {FESTIVALS[(n + int(draw() * 2) * 5) % 10]}"
    thing = Thing(block, kind, n, name, f"https://www.{slug_of(name)}.example/", name, coined, "the festival")
    thing.url = ENCYCLOPEDIA + slug_of(name) if draw() < 0.5 else thing.url
    thing.start, thing.the, thing.short = 1900 + int(draw() * 95), True, name
    thing.say("first_held", date(str(thing.start)))
    thing.say("month_held", words(pick_one(draw, MONTHS)))
    thing.say("attendance", number(300 + int(draw() ** 2 * 60_000), "persons"))
    return thing


def make_award(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    which = n * 2 + int(draw() * 2)
    name = f"{mould.coin('title', block * 50 + 38 + n)} {PRIZES[which]}"
    thing = Thing(block, kind, n, name, ENCYCLOPEDIA + slug_of(name), name, name, "the prize", word=PRIZE_FIELDS[which])
    thing.start, thing.the = 1950 + int(draw() * 45), True
    thing.say("founded_on", date(str(thing.start)))
    thing.say("field", words(thing.word))
    thing.say("prize_money", number(500 * (2 + int(draw() * 90)), "usd"))
    return thing


def make_paper(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    places = things["river"] if n % 3 == 0 else things["town"]
    about = places[(n * 5 + n // 3) % len(places)]
    topics = PAPER_TOPICS[about.kind]
    # Every paper about rivers, and all but two about towns, have a topic of their own: no title comes twice.
    topic = topics[((n // 3 if n % 3 == 0 else n - n // 3) + block * 3) % len(topics)]
    where = f"along the {about.aliases[0]}" if about.kind == "river" else f"in {about.name}"
    name = f"{topic} {where}: {pick_one(draw, PAPER_METHODS)}"
    thing = Thing(block, kind, n, name, "", name, "this paper", "the paper", word=FIELDS[int(draw() * len(FIELDS))])
    thing.start = 1985 + n * 2 + int(draw() * 4)
    thing.url = f"{PAPERS}{thing.start}.{block:05}{n:02}"
    thing.say("published_on", date(str(thing.start)))
    thing.say("field", words(thing.word))
    thing.say("citation_count", number(12 + int(draw() ** 4 * 800), ""))
    return thing


def make_product(mould: Mould, things: Block, block: int, n: int, kind: str, draw: Draw) -> Thing:
    maker = things["company"][(n * 2 + 1) % 6]
    what = pick_one(draw, INDUSTRIES[int(maker.word)][2])
    model = f"{'ABKMRT'[int(draw() * 6)]}{(n + 1) * 10 + int(draw() * 9)}"
    name = f"{maker.short} {model}"
    thing = Thing(block, kind, n, name, f"https://shop.{slug_of(maker.short)}.example/{slug_of(model)}", name)
    thing.short, thing.noun, thing.word = f"the {model}", f"the {what}", what
    thing.start = max(maker.start + 5, 1996 + int(draw() * 26))
    thing.say("released_on", date(f"{thing.start}-{1 + int(draw() * 12):02}"))
    thing.say("price", number(15 + int(draw() ** 2 * 1_900), "usd"))
    thing.say("weight", number(90 + int(draw() * 14_000), "g"))
    return thing
