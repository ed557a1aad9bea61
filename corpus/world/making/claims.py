"""What is so among the things of a block and those of the next: typed, dated, and with no hub.

People fall into six circles, each around a few towns, a company, a society and an event, so that those who share one
thing often share two: triangles, 4-cycles and K4 come of that.
"""

from __future__ import annotations

from itertools import combinations, pairwise

from corpus.world.making.blocks import regions_of
from corpus.world.making.mould import Block, Mould
from corpus.world.making.things import BLOCKS_PER_COUNTRY, TODAY, Claim, Thing
from corpus.world.making.vocabulary import CREATORS
from corpus.world.making.weaver import Weaver


def weave(mould: Mould, block: int, things: Block, after: Block | None) -> list[Claim]:
    """The claims of one block. `things` are its own, `after` those of the next, None at the end of the world.

    In this order: what every thing must have first, then what there is room for."""
    w = Weaver(mould, block, things, after)
    _land(w)
    _seats(w)
    _lives(w)
    _works(w)
    _papers(w)
    _products(w)
    _ties(w)
    return w.claims


def _land(w: Weaver) -> None:
    regions, towns, rivers = w.things["region"], w.things["town"], w.things["river"]
    country = w.mould.country(w.block)
    if w.block % BLOCKS_PER_COUNTRY == 0:
        _countries(w, country)
    for n, region in enumerate(regions):
        w.join("borders", region, regions[(n + 1) % 3])
        if w.after and n:
            w.join("borders", region, w.after["region"][0])
    for n, town in enumerate(towns):
        w.join("in_region", town, regions[n % 3])
        if w.draw() < 0.6:
            w.join("on_river", town, rivers[n % 3])
    for n, river in enumerate(rivers):
        w.join("rises_in", river, regions[(n + 1) % 3])
    for n, town in enumerate(towns):
        if w.draw() < 0.7:  # the next place around the middle of the same region
            w.join("near", town, towns[(n + 3) % len(towns)])
        if w.after and n % 4 == 0:
            w.join("twinned_with", town, w.some(w.after["town"]), 1958, 2019)
        elif w.draw() < 0.25:
            w.join("twinned_with", town, towns[(n * 7 + 2) % len(towns)], 1958, 2019)


def _countries(w: Weaver, country: Thing) -> None:
    """A country's regions, its capital, and the country behind it, claimed by its first block."""
    options = w.mould.options
    for block in range(w.block, min(w.block + BLOCKS_PER_COUNTRY, options.blocks)):
        regions = w.things["region"] if block == w.block else regions_of(w.mould, block)
        for region in regions:
            w.claims.append(Claim("part_of", region, country, None))
            w.count(region)
    w.claims.append(Claim("capital_of", w.things["town"][0], country, None))
    w.count(w.things["town"][0])
    if w.block + BLOCKS_PER_COUNTRY < options.blocks:
        w.claims.append(Claim("borders", country, w.mould.country(w.block + BLOCKS_PER_COUNTRY), None))


def _seats(w: Weaver) -> None:
    towns, events = w.things["town"], w.things["event"]
    for kind in ("company", "university", "museum", "society"):
        for n, thing in enumerate(w.things[kind]):
            w.join("based_in", thing, towns[(n * 3 + int(w.draw() * 3)) % len(towns)])
            if w.draw() < 0.5:
                event = events[n % len(events)] if w.draw() < 0.7 else w.near("event", n)
                w.join("sponsors", thing, event, max(thing.start, event.start) + 1, TODAY - 1)
    for n, event in enumerate(events):
        w.join("held_in", event, towns[(n * 3 + int(w.draw() * 3)) % len(towns)])
    for n, award in enumerate(w.things["award"]):
        w.join("presented_at", award, events[n])
        w.join("given_by", award, w.things["society"][n])
    companies = w.things["company"]
    for n, company in enumerate(companies):
        other = w.some(w.after["company"]) if w.after and n == 5 else companies[(n + 1) % 6]
        since = max(company.start, other.start) + 3
        if n % 3 == 1:
            w.join("owned_by", company, other, max(since, 1960), TODAY - 1)
        else:
            w.join("partner_of", company, other, max(since, 1975), TODAY - 1)

    for n, product in enumerate(w.things["product"]):
        w.join("made_by", product, companies[(n * 2 + 1) % 6])
        for event in events[n % 6 :: 2]:
            if event.start < product.start and w.join("launched_at", product, event):
                break


def _lives(w: Weaver) -> None:
    people = w.things["person"]
    for n, person in enumerate(people):
        circle = n // 8
        twin = people[person.like] if person.like >= 0 else None
        grown = person.start + 22
        for relation, kind, chance, first in (
            ("born_in", "town", 1.0, 0),
            ("educated_at", "university", 0.62, person.start + 19),
            ("works_for", "company", 0.5, grown),
            ("member_of", "society", 0.55, grown + 5),
            ("lives_in", "town", 0.6, 0),
            ("took_part_in", "event", 0.55, grown + 2),
        ):
            copied = w.objects(relation, twin) if twin and kind != "company" and relation != "took_part_in" else []
            if copied or w.draw() < chance:
                target = copied[0] if copied else w.near(kind, circle)
                if kind == "society" and not copied:
                    target = w.things[kind][circle % 4]
                last = person.start + 27 if relation == "educated_at" else min(person.end, grown + 38)
                w.join(relation, person, target, max(first, target.start + 1) if first else 0, last if first else 0)
        for kind in ("university", "museum"):
            if person.word in ("hydrologist", "botanist", "historian", "linguist", "painter") and w.draw() < 0.3:
                target = w.near(kind, circle)
                w.join("works_for", person, target, max(grown + 3, target.start + 1), person.end)
    for kind in ("company", "society"):
        for n, thing in enumerate(w.things[kind]):
            fit = [p for p in people if p.start + 24 <= thing.start <= min(p.end, p.start + 55)]
            for person in fit[n % 3 :: 4][:2]:
                if w.join("founded", person, thing, thing.start, thing.start) and w.draw() < 0.6:
                    break
    for n, award in enumerate(w.things["award"]):
        event = w.things["event"][n]
        guests = w.objects("had_guest", event)
        for person in (*guests, *people[n * 11 : n * 11 + 5]):
            if person.block == w.block and len(w.objects("received_by", award)) < 6:
                w.join("received", person, award, max(award.start, person.start + 29), person.end)
        # Those who won come to where it is handed over, and have met each other.
        winners = w.objects("received_by", award)
        for person in winners:
            w.join("took_part_in", person, event, max(event.start, person.start + 24), person.end)
        for one, other in pairwise(winners):
            if abs(one.start - other.start) < 30:
                w.join("collaborated_with", one, other)


def _works(w: Weaver) -> None:
    people = w.things["person"]
    for kind, callings in CREATORS.items():
        makers = [p for p in people if p.word in callings] or people
        for n, work in enumerate(w.things[kind]):
            maker = work.maker or people[0]
            if not w.join("created_by", work, maker):
                able = [p for p in people if p.start + 22 <= work.start <= p.end and not w.full(p)]
                if able:
                    w.join("created_by", work, w.some(able))
            if kind in ("opera", "film") and w.draw() < 0.7:
                other = w.some(makers if kind == "film" else people)
                if other.start + 20 <= work.start <= other.end and w.join("created_by", work, other):
                    w.join("collaborated_with", maker, other)
            w.join("depicts", work, w.near("town", n) if w.draw() < 0.7 else w.some(w.things["river"]))
            if kind == "painting":
                w.join("held_by", work, w.some(w.things["museum"]) if n % 5 else w.near("museum", n))
            elif kind == "novel":
                house = w.things["company"][0]
                if work.start > house.start and n % 2:
                    w.join("published_by", work, house)
            else:
                event = w.near("event", n)
                if event.start <= work.start:
                    w.join("premiered_at", work, event)

    works = [work for kind in CREATORS for work in w.things[kind]]
    for n, work in enumerate(works):
        older = [one for one in works if one.start < work.start and w.degree(one) < 5]
        if older and (w.degree(work) < 3 or n % 4 == 0):
            w.join("inspired_by", work, w.some(older))
        # What nothing older could inspire, or what is still hardly known, may have a second model or place.
        if w.degree(work) < 3:
            w.join("depicts", work, w.things["river"][n % 3])
        if w.degree(work) < 3 and older:
            w.join("inspired_by", work, w.some(older))


def _papers(w: Weaver) -> None:
    people, papers = w.things["person"], w.things["paper"]
    for n, paper in enumerate(papers):
        able = [p for p in people if p.start + 24 <= paper.start <= min(p.end, p.start + 55)]
        first = (n * 5) % len(able)
        team: list[Thing] = []
        for person in (*able[first:], *able[:first]):
            same = not team or person.number // 8 == team[0].number // 8
            if len(team) <= n % 3 and same and w.join("written_by", paper, person):
                team.append(person)
        for one, other in combinations(team, 2):
            w.join("collaborated_with", one, other)
        places = w.things["river"] if n % 3 == 0 else w.things["town"]
        w.join("studies", paper, places[(n * 5 + n // 3) % len(places)])
        for older in papers[max(0, n - 5) : n]:
            if w.draw() < 0.4 and older.start <= paper.start:
                w.join("cites", paper, older)
    for paper in papers[-3:]:
        older_ones = [p for p in w.after["paper"] if p.start <= paper.start] if w.after else []
        if older_ones:
            w.join("cites", paper, w.some(older_ones))
    for n, paper in enumerate(papers):
        for older in (*papers[max(0, n - 9) : n], *papers[n + 1 :]):
            if w.degree(paper) >= 3:
                break
            if older.start < paper.start:
                w.join("cites", paper, older)
            elif older.start > paper.start:
                w.join("cites", older, paper)


def _products(w: Weaver) -> None:
    products, people = w.things["product"], w.things["person"]
    for n, product in enumerate(products):
        maker = w.things["company"][(n * 2 + 1) % 6]
        able = [p for p in people if p.start + 22 <= product.start <= p.end]
        staff = [p for p in w.objects("employs", maker) if p in able]
        if able:
            w.join("designed_by", product, w.some(staff or able))
        for person in (*able[n::7], *able):
            if w.degree(product) >= 3:
                break
            w.join("designed_by", product, person)
        for older in products[:n]:
            if older.start < product.start and older.word == product.word and older.name[:4] == product.name[:4]:
                w.join("replaces", product, older)


def _ties(w: Weaver) -> None:
    """Between people; those who are in few claims get more of them."""
    people = w.things["person"]
    for n, person in enumerate(people):
        mates = [p for p in people[n // 8 * 8 : n // 8 * 8 + 8] if p is not person]
        for other in mates:
            gap = other.start - person.start
            married = w.objects("married_to", person) or w.objects("married_to", other)
            if abs(gap) < 9 and person.female != other.female and not married and w.draw() < 0.3:
                first = max(person.start, other.start) + 20
                w.join("married_to", person, other, first, min(first + 25, person.end, other.end))
            elif -45 < gap < -14 and w.draw() < 0.2 and other.end >= person.start + 20:
                w.join("student_of", person, other)
            elif abs(gap) < 35 and w.draw() < 0.22:
                w.join("collaborated_with", person, other)
        if w.after and n % 6 == 0:
            other = w.some(w.after["person"])
            if abs(other.start - person.start) < 35:
                w.join("collaborated_with", person, other)
    for museum in w.things["museum"]:
        for event in w.things["event"]:
            if w.degree(museum) < 3:
                w.join("sponsors", museum, event, max(museum.start, event.start) + 1, TODAY - 1)
    for work in (work for kind in CREATORS for work in w.things[kind]):
        for town in w.things["town"]:
            if w.degree(work) < 3:
                w.join("depicts", work, town)
    for person in people:
        for other in (*people[person.number % 5 :: 5], *people):
            if w.degree(person) >= 3:
                break
            if abs(other.start - person.start) < 35:
                w.join("collaborated_with", person, other)
