"""Pages about no one thing: directories, profiles, news, forum threads, news in brief; and pages of no use at all."""

from __future__ import annotations

from collections.abc import Sequence

from corpus.world.making.mould import Block, Draw
from corpus.world.making.names import slug_of
from corpus.world.making.plan import DIRECTORIES, INVERSE, ThirdPage
from corpus.world.making.things import TODAY, Claim, Thing
from corpus.world.prose import chatter
from corpus.world.prose.chatter import BRIEF_TITLES, DIRECTORY_TITLES, HANDLES, LEADS, QUESTIONS, QUOTES
from corpus.world.prose.writing import Page, pick, spelled, spelled_date
from corpus.world.schema import RELATIONS

_PAPERS = ("herald", "courier", "evening-post", "observer", "gazette")


def write_third(draw: Draw, third: ThirdPage, block: int, things: Block, country: Thing) -> Page:
    """The page of one of the shapes of `plan`."""
    if third.shape == "news":
        return _news(draw, third, block, country)
    if third.shape == "profile":
        return _profile(draw, third, block)
    if third.shape == "forum":
        return _forum(draw, third, block, things)
    if third.shape == "brief":
        return _brief(draw, third, block, country)
    return _directory(draw, third, block, things)


def _state(page: Page, claim: Claim, about: Thing | None = None) -> None:
    """One sentence that names both sides, from the side of what the page is about, else from whichever."""
    if claim.value is not None:
        page.tell(claim.relation, claim.subject, claim.value, linked=True)
        return
    assert claim.object is not None
    inverse = INVERSE[claim.relation]
    inward = 0.35 if about is None else 0.0 if claim.is_of(about) else 0.8
    if inverse and page.draw() < inward:
        page.say(inverse, claim.object, [claim.subject], claim.year, linked=True)
    else:
        page.say(claim.relation, claim.subject, [claim.object], claim.year, linked=True)


def _day(draw: Draw, first: int) -> str:
    year = max(first, 2003 + int(draw() * (TODAY - 2003)))
    return f"{min(year, TODAY - 1)}-{1 + int(draw() * 12):02}-{1 + int(draw() * 28):02}"


def _newest(claims: Sequence[Claim]) -> int:
    """No page can tell of what has not happened yet."""
    years = [claim.year for claim in claims]
    years += [int(claim.value.date[:4]) + 1 for claim in claims if claim.value and claim.value.date]
    years += [t.start for c in claims for t in (c.subject, c.object) if t is not None and t.kind != "person"]
    return max(years, default=0)


def _news(draw: Draw, third: ThirdPage, block: int, country: Thing) -> Page:
    about = third.about
    assert about is not None
    day = _day(draw, _newest(third.claims))
    title = pick(draw, LEADS.get(about.kind, LEADS["other"])).format(name=about.name)
    paper = pick(draw, _PAPERS)
    site = f"https://www.{slug_of(country.name)}-{paper}.example/{day.replace('-', '/')}/"
    page = Page(draw, f"{site}{slug_of(title)[:60].rstrip('-')}-{block}{third.number:02}", title, day)
    page.heading(title, 1)
    page.plain(f"*{spelled_date(day, page.style % 2)}*" if draw() < 0.6 else f"{country.name}, {spelled_date(day, 0)}.")
    page.paragraph()
    page.remark(chatter.TEASERS)
    if draw() < 0.5:
        page.paragraph()
    for place, claim in enumerate(third.claims):
        if place and place % 2 == 0 and draw() < 0.7:
            if draw() < 0.5:
                page.remark(QUOTES)
            page.paragraph()
        _state(page, claim, about)
    if draw() < 0.7:
        page.paragraph()
        page.remark(chatter.ASIDES)
    return page


def _profile(draw: Draw, third: ThirdPage, block: int) -> Page:
    about = third.about
    assert about is not None
    page = Page(
        draw, f"https://people.whoswhere.example/{slug_of(about.name)}-{block}{third.number}", f"{about.name} | Profile"
    )
    page.heading(about.name, 1)
    page.plain(f"Profile no. {block * 7 + third.number + 1}.")
    page.paragraph()
    for place, claim in enumerate(third.claims):
        if place and place % 3 == 0:
            page.paragraph()
        _state(page, claim, about)
    return page


def _forum(draw: Draw, third: ThirdPage, block: int, things: Block) -> Page:
    claims = third.claims
    topic = claims[0].subject if claims else things["town"][third.number]
    last = claims[-1].subject if claims else topic
    title = pick(draw, QUESTIONS).format(name=topic.name, other=last.name, n=block * 6 + third.number + 1)
    day = _day(draw, _newest(claims))
    page = Page(
        draw,
        f"https://talk.crossroads.example/t/{slug_of(title)[:50].rstrip('-')}/{block * 10 + third.number}",
        title,
        day,
    )
    page.heading(title, 1)
    _post(page, day)
    page.remark(chatter.ASKING)
    for claim in claims:
        if draw() < 0.75:
            _post(page, day)
            if draw() < 0.8:
                page.remark(chatter.ANSWERS)
        _state(page, claim)
        if draw() < 0.2:
            page.remark(chatter.REPLYING)
    return page


def _post(page: Page, day: str) -> None:
    page.paragraph()
    page.put(f"**{pick(page.draw, HANDLES)}{int(page.draw() * 90) + 10}** · {day}\n\n")
    page.fresh()


def _brief(draw: Draw, third: ThirdPage, block: int, country: Thing) -> Page:
    day = _day(draw, _newest(third.claims))
    title = pick(draw, BRIEF_TITLES).format(country=country.name, day=spelled_date(day, 0))
    site = f"https://www.{slug_of(country.name)}-{pick(draw, _PAPERS)}.example/in-brief/"
    page = Page(draw, f"{site}{day}-{block}{third.number}", title, day)
    page.heading(title, 1)
    for claim in third.claims:
        page.paragraph()
        _state(page, claim)
        if draw() < 0.25:
            page.remark(QUOTES)
    return page


def _directory(draw: Draw, third: ThirdPage, block: int, things: Block) -> Page:
    name, _, columns = DIRECTORIES[third.number]
    region = things["region"][third.number % 3]
    title = pick(draw, DIRECTORY_TITLES[name]).format(region=region.name)
    page = Page(draw, f"https://directory.{slug_of(region.name)}.example/{name}", title)
    page.heading(title, 1)
    page.remark(chatter.COMPILED)
    page.paragraph()
    rows: dict[Thing, dict[str, list[Claim]]] = {}
    for claim in third.claims:
        rows.setdefault(claim.subject, {}).setdefault(claim.relation, []).append(claim)
    used = [column for column in columns if any(column in row for row in rows.values())]
    if not used:
        return page
    page.put("| Name | " + " | ".join(_label(column) for column in used) + " |\n")
    page.put("|---" * (len(used) + 1) + "|\n")
    for thing, row in rows.items():
        start = page.length
        page.put("| ")
        page.mention(thing, bare=True)
        said: list[Claim] = []
        for column in used:
            page.put(" | ")
            for place, claim in enumerate(row.get(column, ())):
                page.put(", " if place else "")
                said.append(claim)
                if claim.object is not None:
                    page.mention(claim.object, bare=True)
                    page.put(f" ({claim.year})" if claim.year else "")
                elif claim.value is not None:
                    page.put(spelled(claim.value, page.style))
        page.put(" |")
        page.said += [(thing, claim.relation, claim.object, claim.value, start, page.length) for claim in said]
        page.put("\n")
    return page


def _label(relation: str) -> str:
    kind = RELATIONS[relation]
    return {"born_on": "Born", "founded_on": "Founded", "completed_on": "Year", "citation_count": "Citations"}.get(
        relation,
        relation.replace("_", " ").capitalize() + (f" ({kind.unit})" if kind.unit in ("m", "usd", "g") else ""),
    )


def write_noise(draw: Draw, block: int, n: int, things: Block) -> Page:
    """A page that states nothing: recipes, notices, small talk, with a link or two."""
    title, *rest = pick(draw, chatter.IDLE_TITLES).split(" / ")
    page = Page(
        draw, f"https://{pick(draw, rest or ['notes'])}.littlepages.example/{slug_of(title)}-{block}-{n}", title
    )
    page.heading(title, 1)
    for paragraph in range(2 + int(draw() * 3)):
        if paragraph:
            page.paragraph()
        for _ in range(3 + int(draw() * 3)):
            page.remark(chatter.TALK)
    if draw() < 0.4:
        page.paragraph()
        page.put("Posted from ")
        towns = things["town"]
        page.mention(towns[int(draw() * len(towns))])
        page.put(".")
    return page
