"""The page of one thing: an opening line, what is claimed of it in an order that reads, sometimes a table."""

from __future__ import annotations

from collections.abc import Sequence

from corpus.world.making.mould import Draw
from corpus.world.making.plan import INVERSE, older
from corpus.world.making.things import Claim, Thing
from corpus.world.prose.phrases_values import PAIRS
from corpus.world.prose.remarks import COORDINATES, HEADINGS, OPENINGS, REMARKS, WORK_KINDS
from corpus.world.prose.writing import Page, pick, spelled, with_article
from corpus.world.schema import CHANGING, RELATIONS

_ORDER = {
    name: place
    for place, names in enumerate(
        (
            (
                "born_on",
                "born_in",
                "died_on",
                "part_of",
                "in_region",
                "has_capital",
                "capital_of",
                "based_in",
                "held_in",
            ),
            (
                "founded_on",
                "founded_by",
                "first_held",
                "month_held",
                "published_on",
                "released_on",
                "completed_on",
                "created_by",
            ),
            (
                "area",
                "population",
                "length",
                "elevation",
                "latitude",
                "longitude",
                "industry",
                "field",
                "made_by",
                "written_by",
            ),
            (
                "educated_at",
                "student_of",
                "rises_in",
                "on_river",
                "flows_through",
                "near",
                "borders",
                "has_region",
                "has_town",
            ),
            (
                "works_for",
                "member_of",
                "founded",
                "collaborated_with",
                "teacher_of",
                "employs",
                "has_member",
                "alma_mater_of",
            ),
            (
                "created",
                "wrote",
                "designed",
                "designed_by",
                "makes",
                "depicts",
                "studies",
                "cites",
                "genre",
                "page_count",
            ),
            ("received", "took_part_in", "received_by", "prize_money", "given_by", "presented_at", "hosts", "seat_of"),
            ("sponsors", "sponsored_by", "owned_by", "owns", "partner_of", "holds", "publishes", "twinned_with"),
            ("married_to", "lives_in", "also_called", "birthplace_of", "home_of", "known_for", "replaces", "price"),
        )
    )
    for name in names
}
_UNITS = {"persons": "", "km2": " km²", "m": " m", "km": " km", "pages": "", "min": " min", "g": " g"}
_LABELS = {"founded_on": "Founded", "citation_count": "Citations", "prize_money": "Prize money", "page_count": "Pages"}


def write_entry(page: Page, thing: Thing, claims: Sequence[Claim], edition: int = 0) -> None:
    """Write the page of `thing`. With `edition`, a year, as it was then: changing numbers are of that time, and what
    came later is left out."""
    draw = page.draw
    layout = int(draw() * 4)  # 0 headings, 1 none, 2 a table and headings, 3 a table at the end
    if draw() < 0.85:
        page.heading(thing.title, 1)
    groups: dict[str, list[Claim]] = {}
    for claim in claims:
        if edition and max(claim.year, _year_of(claim)) > edition:
            continue
        relation = claim.relation if claim.is_of(thing) else INVERSE[claim.relation]
        groups.setdefault(relation or claim.relation, []).append(claim)
    table = [name for name in groups if groups[name][0].value and name not in ("occupation", "genre", "also_called")]
    table = table if layout >= 2 and len(table) > 1 else []
    if layout == 2:
        _table(page, thing, groups, table, edition)
    _opening(page, thing, groups)
    _pairs(page, thing, groups, table, edition)
    remarks = REMARKS["work" if thing.kind in WORK_KINDS else thing.kind]
    if draw() < 0.4:
        page.remark(remarks)
    names = sorted((name for name in groups if name not in table), key=lambda name: (_ORDER.get(name, 5), name))
    if draw() < 0.3:
        names = names[2:] + names[:2] if layout == 1 else names
    in_paragraph, section, sections = 1, 0, HEADINGS.get(thing.kind, HEADINGS["other"])
    for name in names:
        if in_paragraph >= 3 and draw() < 0.55:
            if draw() < 0.6:
                page.remark(remarks)
            if layout in (0, 2) and section < len(sections) and draw() < 0.7:
                page.heading(pick(draw, sections[section]))
                section += 1
            else:
                page.paragraph()
            in_paragraph = 0
        in_paragraph += _say(page, thing, name, groups[name], edition)
    if draw() < 0.3:
        page.paragraph()
    for _ in range(1 + int(draw() * 3.5)):
        page.remark(remarks)
    if layout == 3:
        page.paragraph()
        _table(page, thing, groups, table, edition)


def _year_of(claim: Claim) -> int:
    if claim.value and claim.value.date:
        return int(claim.value.date[:4])
    other = claim.object
    newest = ("novel", "painting", "film", "opera", "paper", "product")
    return max((t.start for t in (claim.subject, other) if t is not None and t.kind in newest), default=0)


def _opening(page: Page, thing: Thing, groups: dict[str, list[Claim]]) -> None:
    """What it is: a person's occupation and a work's genre are said here, so the sentence counts as saying so."""
    draw = page.draw
    kind = "work" if thing.kind in WORK_KINDS else thing.kind
    said = next((groups.pop(word)[0] for word in ("occupation", "genre") if word in groups), None)
    what = with_article(said.value.text if said and said.value else thing.word)
    verb = "was" if any(relation == "died_on" for relation, _ in thing.facts) else "is"
    name = f"The {thing.name}" if thing.the else f"*{thing.name}*" if kind == "work" else thing.name
    opening = pick(draw, OPENINGS[kind])
    if not opening.startswith("{name}") and thing.the:
        name = f"the {thing.name}"
    start = page.length
    page.plain(opening.format(name=name, verb=verb, what=what, word=thing.word))
    if said:
        page.said.append((thing, said.relation, None, said.value, start, page.length))
    page.know(thing)


def _pairs(page: Page, thing: Thing, groups: dict[str, list[Claim]], table: Sequence[str], edition: int) -> None:
    """Sentences that say two things at once, now and then, of what has only one of each."""
    for (joins, valued), _ in PAIRS.items():
        if joins in groups and valued in groups and valued not in table and page.draw() < 0.75:
            one, other = groups[joins][0], groups[valued][0]
            target = one.other(thing)
            if len(groups[joins]) > 1 or target is None or other.value is None or (edition and valued in CHANGING):
                continue
            page.both(joins, thing, target, valued, other.value)
            del groups[joins], groups[valued]
    if "latitude" in groups and "longitude" in groups and "latitude" not in table:
        lat, lon = groups.pop("latitude")[0].value, groups.pop("longitude")[0].value
        assert lat is not None
        assert lon is not None
        shown = f"{spelled(lat, 0)}, {spelled(lon, 0)}"
        page.plain("")
        start = page.length
        page.put(pick(page.draw, COORDINATES).format(shown=shown))
        page.said += [(thing, name, None, v, start, page.length) for name, v in (("latitude", lat), ("longitude", lon))]


def _say(page: Page, thing: Thing, relation: str, claims: Sequence[Claim], edition: int) -> int:
    """Sentences for one relation; returns how many."""
    draw = page.draw
    if claims[0].value is not None:
        for claim in claims:
            assert claim.value is not None
            value = older(claim.value, draw()) if edition and relation in CHANGING else claim.value
            page.tell(relation, thing, value)
        return len(claims)
    objects = [other for other in (claim.other(thing) for claim in claims) if other is not None]
    if len(objects) > 2 or (len(objects) == 2 and draw() < 0.6):
        page.say(relation, thing, objects)
        return 1
    for other, claim in zip(objects, claims, strict=True):
        page.say(relation, thing, [other], claim.year)
    return len(objects)


def _table(page: Page, thing: Thing, groups: dict[str, list[Claim]], names: Sequence[str], edition: int) -> None:
    """Values as the rows of a table, each row a statement."""
    if not names:
        return
    page.put(f"| {thing.name} | |\n|---|---|\n")
    for name in names:
        for claim in groups[name]:
            assert claim.value is not None
            value = older(claim.value, page.draw()) if edition and name in CHANGING else claim.value
            start = page.length
            label = _LABELS.get(name) or RELATIONS[name].name.replace("_", " ").capitalize().removesuffix(" on")
            dollar = "$" if value.unit == "usd" else ""
            page.put(f"| {label} | {dollar}{spelled(value, page.style)}{_UNITS.get(value.unit, '')} |")
            page.said.append((thing, name, None, value, start, page.length))
            page.put("\n")
    page.put("\n")
    page.fresh()


def new_page(draw: Draw, thing: Thing) -> Page:
    return Page(draw, thing.url, thing.title)
