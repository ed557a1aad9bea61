"""From claims to text: templates are taken apart once, then filled, and every span is known as it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

from corpus.facts.records import Value
from corpus.records import Image, Link
from corpus.world.making.mould import Draw
from corpus.world.making.things import Thing
from corpus.world.making.vocabulary import MONTHS
from corpus.world.prose.phrases_people import PEOPLE
from corpus.world.prose.phrases_things import THINGS
from corpus.world.prose.phrases_values import PAIRS, VALUES

Said = tuple[Thing, str, Thing | None, Value | None, int, int]
"""Subject, relation, object or value, and the span that says so."""
Template = tuple[str, ...]
"""Literal text and slots by turns; a slot is one of the letters in `_SLOTS` behind a NUL."""

_SLOT = re.compile(r"\{([SPNovwy])\}")
_CHOICE = re.compile(r"\[([^\]]*)\]")


def _templates(phrases: Sequence[str]) -> dict[tuple[bool, bool, bool], tuple[Template, ...]]:
    """By (several objects, year known, subject must be named), what can be said."""
    found: dict[tuple[bool, bool, bool], tuple[Template, ...]] = {}
    parsed: list[tuple[str, Template]] = []
    for phrase in phrases:
        number, text = (phrase[0], phrase[2:]) if phrase[:2] in ("1 ", "+ ") else ("", phrase)
        pieces = _CHOICE.split(text)
        choices = [piece.split("|") if place % 2 else [piece] for place, piece in enumerate(pieces)]
        for chosen in product(*choices):
            parts = _SLOT.split("".join(chosen))
            template = tuple("\0" + part if place % 2 else part for place, part in enumerate(parts))
            parsed.append((number, tuple(part for part in template if part)))
    for several in (False, True):
        for dated in (False, True):
            for named in (False, True):
                found[several, dated, named] = tuple(
                    template
                    for number, template in parsed
                    if number != ("1" if several else "+")
                    and ("\0y" not in template or (dated and not several))
                    and (not named or any(slot in template for slot in ("\0S", "\0P", "\0N")))
                )
    return found


_SINGLE: dict[str, tuple[str, ...]] = {**PEOPLE, **THINGS, **VALUES}
TEMPLATES = {relation: _templates(phrases) for relation, phrases in _SINGLE.items()}
PAIR_TEMPLATES = {pair: _templates(phrases) for pair, phrases in PAIRS.items()}


def pick(draw: Draw, choices: Sequence[str]) -> str:
    """One of them, with its own `[a|b]` chosen, too."""
    chosen = choices[int(draw() * len(choices))]
    if "[" not in chosen:
        return chosen
    pieces = _CHOICE.split(chosen)
    for place in range(1, len(pieces), 2):
        ways = pieces[place].split("|")
        pieces[place] = ways[int(draw() * len(ways))]
    return "".join(pieces)


def spelled(value: Value, style: int) -> str:
    """A value as a page of a style writes it, without its unit."""
    if value.kind == "number" and value.number is not None:
        if value.unit == "degrees":
            return f"{value.number:.3f}°"
        return f"{int(value.number):,}"
    if value.kind == "date":
        return spelled_date(value.text, style)
    return value.text


def spelled_date(iso: str, style: int) -> str:
    """A date in one of three ways; a year stays as it is."""
    year, month, day = [*iso.split("-"), "", ""][:3]
    if not month:
        return year
    name = MONTHS[int(month) - 1]
    if not day:
        return iso if style == 2 else f"{name} {year}"
    return (f"{int(day)} {name} {year}", f"{name} {int(day)}, {year}", iso)[style]


def written_forms(value: Value) -> tuple[str, ...]:
    """Every way in which pages of a world write a value."""
    return tuple(dict.fromkeys(spelled(value, style) for style in range(3)))


class Page:
    """A page as it is written: text, links and what is said where. `draw` decides how."""

    def __init__(self, draw: Draw, url: str, title: str, date: str | None = None) -> None:
        self.draw, self.url, self.title, self.date = draw, url, title, date
        self.style = int(draw() * 3)
        self.edition = self.noise = False
        self.images: list[Image] = []
        self.links: list[Link] = []
        self.said: list[Said] = []
        self._remarks: set[tuple[int, int]] = set()
        self._parts: list[str] = []
        self._length = 0
        self._fresh = True
        self._about: Thing | None = None
        self._clash = False
        self._nouns = True
        self._linked: set[int] = set()

    @property
    def text(self) -> str:
        return "".join(self._parts)

    @property
    def length(self) -> int:
        return self._length

    def know(self, thing: Thing) -> None:
        """The paragraph has named it: a pronoun will do."""
        self._about, self._clash = thing, False

    def fresh(self) -> None:
        """What follows starts a line."""
        self._fresh, self._about = True, None

    def put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def heading(self, text: str, level: int = 2) -> None:
        self.put(f"\n\n{'#' * level} {text}\n\n" if self._length else f"{'#' * level} {text}\n\n")
        self._fresh = True

    def paragraph(self) -> None:
        """What follows stands in a paragraph of its own."""
        if not self._fresh:
            self.put("\n\n")
        self._fresh, self._about = True, None

    def remark(self, choices: Sequence[str]) -> None:
        """A sentence that says nothing of the closed world, and none that the page has."""
        for _ in range(3):
            place = int(self.draw() * len(choices))
            if (id(choices), place) not in self._remarks:
                self._remarks.add((id(choices), place))
                self.plain(pick(self.draw, choices[place : place + 1]))
                return

    def plain(self, sentence: str) -> None:
        """A sentence that says nothing of the closed world."""
        self.put(sentence if self._fresh else " " + sentence)
        self._fresh = False

    def mention(self, thing: Thing, start_of_sentence: bool = False, bare: bool = False) -> None:
        """Write a thing's name with a link, as it stands in running text, or `bare` as in a table."""
        name = thing.name
        if thing.aliases and self.draw() < 0.14:
            name = thing.aliases[0]
        before, after = ("", "") if bare else _around(thing, start_of_sentence)
        self._parts.append(before)
        start = self._length + len(before)
        self._length = start + len(name)
        self._parts.append(name)
        self.links.append(Link(thing.url, name, start, self._length))
        self.put(after)

    def both(self, relation: str, subject: Thing, other: Thing, valued: str, value: Value) -> None:
        """One sentence that joins `subject` to `other` and says a value of it, for a pair that `PAIRS` has."""
        choices = PAIR_TEMPLATES[relation, valued][False, False, self._must_name(subject)]
        shown = spelled(value, self.style % 2)  # digits alone are for tables
        start = self._sentence(choices[int(self.draw() * len(choices))], subject, (other,), shown, 0, False)
        self.said.append((subject, relation, other, None, start, self._length))
        self.said.append((subject, valued, None, value, start, self._length))

    def say(self, relation: str, subject: Thing, objects: Sequence[Thing], year: int = 0, linked: bool = False) -> None:
        """One sentence that joins `subject` to each of `objects`. With `linked` the subject is named, with a link."""
        choices = TEMPLATES[relation][len(objects) > 1, year > 0, linked or self._must_name(subject)]
        start = self._sentence(choices[int(self.draw() * len(choices))], subject, objects, "", year, linked)
        for thing in objects:
            self.said.append((subject, relation, thing, None, start, self._length))

    def tell(self, relation: str, subject: Thing, value: Value, linked: bool = False) -> None:
        """One sentence that says a value of `subject`."""
        choices = TEMPLATES[relation][False, False, linked or self._must_name(subject)]
        shown = spelled(value, self.style % 2)  # digits alone are for tables
        self._nouns = relation not in ("occupation", "genre")  # "The painter made a living as a painter."
        start = self._sentence(choices[int(self.draw() * len(choices))], subject, (), shown, 0, linked)
        self.said.append((subject, relation, None, value, start, self._length))

    def _must_name(self, thing: Thing) -> bool:
        """Whether "it" or "she" would not do, or could be taken for another."""
        return self._about is not thing or self._clash

    def _sentence(
        self, template: Template, subject: Thing, objects: Sequence[Thing], value: str, year: int, linked: bool
    ) -> int:
        """Write it; returns where it starts."""
        if not self._fresh:
            self.put(" ")
        self._fresh = False
        start = self._length
        known = self._about is subject and not (linked and self._clash)
        for part in template:
            if part[0] != "\0":
                self.put(part)
                continue
            slot, first = part[1], self._length == start
            if slot == "o":
                self._list(objects, first)
            elif slot == "v":
                self.put(value[0].upper() + value[1:] if first else value)
            elif slot == "w":
                self.put(with_article(value))
            elif slot == "y":
                self.put(str(year))
            elif linked and not known and not (id(subject) in self._linked and self.draw() < 0.4):
                self.mention(subject, first)
                self._linked.add(id(subject))
                if slot == "P":
                    self.put("'s")
                known = True
            else:
                self.put(self._called(subject, slot, first, known))
                known = known or slot != "N"
        self._about, self._nouns = subject, True
        self._clash = any(_pronoun(thing) == _pronoun(subject) for thing in objects)
        return start

    def _list(self, objects: Sequence[Thing], first: bool) -> None:
        for place, thing in enumerate(objects):
            if place:
                self.put(" and " if place == len(objects) - 1 else ", ")
            self.mention(thing, first and not place)

    def _called(self, thing: Thing, slot: str, first: bool, known: bool) -> str:
        """Name, noun or pronoun, whichever fits the slot and what the paragraph has said already."""
        roll = self.draw()
        if known and slot != "N" and roll > 0.3 and not self._clash:
            name = _pronoun(thing)[slot == "P"]
            return name.capitalize() if first else name
        if known and thing.noun and self._nouns and roll < (0.7 if self._clash and thing.kind != "person" else 0.2):
            name = thing.noun
        elif thing.short[:4] in ("the ", "this") and (known or roll < 0.6 or thing.kind == "paper"):
            name = thing.short
        else:
            before, after = _around(thing, first)
            name = (
                f"{before}{thing.short if thing.short[:4] != 'the ' and (known or roll < 0.6) else thing.name}{after}"
            )
        if first and name[0].islower():
            name = name[0].upper() + name[1:]
        if slot == "P":
            return name + ("'" if name[-1] == "s" else "'s")
        return name


def _pronoun(thing: Thing) -> tuple[str, str]:
    """For a thing, and for what is a thing's."""
    if thing.kind != "person":
        return "it", "its"
    return ("she", "her") if thing.female else ("he", "his")


def _around(thing: Thing, first: bool) -> tuple[str, str]:
    """What stands before and behind a name in running text: an article, or the marks of a title."""
    if thing.kind == "paper":
        return "“", "”"
    if thing.kind in ("novel", "painting", "film", "opera"):
        return "*", "*"
    if thing.the:
        return ("The " if first else "the "), ""
    return "", ""


def with_article(words: str) -> str:
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"
