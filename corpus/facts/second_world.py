"""The pages of a generated world as prose: names by gazetteer, sentences by a regular grammar over typed names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from corpus.facts.reading import Reading
from corpus.facts.records import Entity, Statement, Value
from corpus.facts.second_gazetteer import Gazetteer, Thing, gazetteer
from corpus.facts.second_grammar import (
    ALSO_CALLED,
    DATES,
    DIRECTED,
    JOINING,
    MONTH_HELD,
    NUMBERS,
    TERMS,
)
from corpus.facts.second_rows import Words, number_value, stated_in_rows, term_patterns, vocabulary
from corpus.facts.second_sentences import LETTERS, SLOT, Sentence, Slot, names_in, sentences
from corpus.facts.second_topics import Topics
from corpus.records import Document, doc_id_of
from corpus.world.schema import RELATIONS


def read_world_pages(documents: Sequence[Document]) -> Reading:
    """Read every page of generated worlds: first names and vocabularies, then sentences and rows."""
    names = gazetteer(documents)
    words = vocabulary(documents, names)
    patterns = term_patterns(words)
    statements: list[Statement] = []
    links: dict[str, tuple[str, ...]] = {}
    for page in documents:
        statements += read_page(page, names, words, patterns)
    things = names.things.values()
    entities = {thing.doc_id: Entity(thing.doc_id, thing.name, thing.kind, thing.aliases) for thing in things}
    for page in documents:
        entities.setdefault(page.doc_id, Entity(page.doc_id, page.title, "page"))
    return Reading(entities, RELATIONS, statements, links, frozenset(entities))


def read_page(
    page: Document, names: Gazetteer, words: Words, patterns: dict[str, re.Pattern[str]]
) -> Iterator[Statement]:
    """The statements of one page."""
    topic = names.things.get(page.doc_id) or _edition_of(page, names)
    slots = names_in(page, names, topic)
    about = Topics(names, topic, words.nouns)
    for sentence in sentences(page.text, slots):
        if page.text[sentence.start] == "|":
            continue
        if page.text.startswith("**", sentence.start):
            about.another_speaks()
            continue
        if sentence.form.startswith("#"):
            about.heading(sentence)
            continue
        spoken = about.resolved(sentence)
        yield from _joined(page.doc_id, spoken, about)
        yield from _valued(page, spoken, about, patterns)
        about.heard(spoken)
    yield from stated_in_rows(page, slots, topic, names)


def _joined(doc_id: str, sentence: Sentence, about: Topics) -> Iterator[Statement]:
    found = list(_pairs(sentence, about))
    main = about.main
    if not found and main and about.fixed and all(slot.doc_id != main.doc_id for slot in sentence.slots):
        at = len(sentence.slots)
        slot = Slot(main.kind, main.doc_id, "", sentence.start, sentence.start)
        form = f"‹{LETTERS[main.kind]}{at}› {sentence.form}"
        found = list(_pairs(Sentence(sentence.start, sentence.end, form, (*sentence.slots, slot)), about))
    for relation, subject, object_ in dict.fromkeys(found):
        if subject == object_:
            continue
        # The words name the object: where they speak of it as "it", what is said is said from its side.
        if any(slot.doc_id == object_ and slot.text for slot in sentence.slots):
            yield Statement(subject, relation, object_, None, doc_id, sentence.start, sentence.end)
        else:
            inverse = RELATIONS[relation].inverse
            if inverse:
                yield Statement(object_, inverse, subject, None, doc_id, sentence.start, sentence.end)


def _pairs(sentence: Sentence, about: Topics) -> Iterator[tuple[str, str, str]]:
    order = [int(match[2]) for match in SLOT.finditer(sentence.form)]
    named = [sentence.slots[at] for at in order if sentence.slots[at].kind not in "#@"]
    cue = SLOT.sub("‹›", sentence.form)
    done: set[tuple[str, ...]] = set()
    for relation, kinds, patterns in _DIRECTED:
        if sum(slot.kind in kinds for slot in named) < 2:
            continue
        for pattern, turned in patterns:
            match = pattern.search(sentence.form)
            if match:
                done.add((kinds[0], kinds[0]))
                for left in _slots_of(match["A"], sentence) if "A" in pattern.groupindex else _main_slot(about):
                    for right in _slots_of(match["B"], sentence):
                        if left.doc_id and right.doc_id:
                            pair = (right.doc_id, left.doc_id) if turned else (left.doc_id, right.doc_id)
                            yield relation, *pair
                break
    for relation, kinds, others, word in _JOINING:
        subjects = [slot for slot in named if slot.kind in kinds]
        objects = [slot for slot in named if slot.kind in others]
        if not subjects or not objects or not word.search(cue):
            continue
        if kinds == others:
            if len(subjects) < 2 or (kinds[0], kinds[0]) in done:
                continue
            fixed = about.fixed.doc_id if about.fixed else ""
            main = next((slot for slot in subjects if slot.doc_id == fixed), subjects[0])
            done.add((kinds[0], kinds[0]))
            for slot in subjects:
                if slot is not main and slot.doc_id and main.doc_id:
                    yield relation, main.doc_id, slot.doc_id
            continue
        for one in subjects:
            for other in objects:
                key = (one.kind, other.kind)
                if (relation, *key) in done or key not in done:
                    done |= {key, (relation, *key)}
                    if one.doc_id and other.doc_id:
                        yield relation, one.doc_id, other.doc_id


def _valued(
    page: Document, sentence: Sentence, about: Topics, patterns: dict[str, re.Pattern[str]]
) -> Iterator[Statement]:
    def said(relation: str, kinds: tuple[str, ...], value: Value | None) -> Iterator[Statement]:
        subject = _subject(sentence, kinds, about)
        if subject and value:
            yield Statement(subject, relation, None, value, page.doc_id, sentence.start, sentence.end)

    for relation, kinds, pattern in _NUMBERS:
        match = pattern.search(sentence.form)
        if match:
            slot = sentence.slots[int(next(group for group in match.groups() if group))]
            yield from said(relation, kinds, number_value(relation, slot.text))
    place = re.search(r"‹#(\d+)›°, ‹#(\d+)›°", sentence.form)
    if place:
        for relation, group in (("latitude", 1), ("longitude", 2)):
            yield from said(relation, ("town",), number_value(relation, sentence.slots[int(place[group])].text))
    for relation, kinds, pattern in _DATES:
        match = pattern.search(sentence.form)
        if match:
            slot = sentence.slots[int(next(group for group in match.groups() if group))]
            yield from said(relation, kinds, Value("date", slot.text, date=slot.text))
    for relation, kinds, _ in TERMS:
        match = patterns[relation].search(sentence.form) if relation in patterns else None
        if match:
            term = next(group for group in match.groups() if group)
            yield from said(relation, kinds, Value("text", term))
    month = MONTH_HELD.search(sentence.form)
    if month:
        yield from said("month_held", ("event",), Value("text", month[1]))
    called = ALSO_CALLED.search(page.text, sentence.start, sentence.end)
    if called:
        before = [slot for slot in sentence.slots if slot.kind not in "#@" and slot.start < called.start("name")]
        subject = before[0].doc_id if before else about.main.doc_id if about.main else ""
        name = called["name"].strip()
        if subject and all(slot.text != name or slot.start >= called.start("name") for slot in before):
            yield Statement(
                subject, "also_called", None, Value("text", name), page.doc_id, sentence.start, sentence.end
            )


def _subject(sentence: Sentence, kinds: tuple[str, ...], about: Topics) -> str:
    order = [sentence.slots[int(match[2])] for match in SLOT.finditer(sentence.form)]
    fitting = [slot for slot in order if slot.kind in kinds]
    fixed = about.fixed.doc_id if about.fixed and about.fixed.kind in kinds else ""
    if fixed and (not fitting or any(slot.doc_id == fixed for slot in fitting)):
        return fixed
    if fitting:
        return fitting[0].doc_id
    alone = about.fixed or not any(slot.doc_id for slot in order)
    return about.main.doc_id if alone and about.main and about.main.kind in kinds else ""


def _edition_of(page: Document, names: Gazetteer) -> Thing | None:
    """What an old edition is an edition of: its address ends in the slug and two numbers."""
    if page.title.endswith(" | Profile"):
        bearers = names.bearers.get(page.title.removesuffix(" | Profile"), [])
        linked = [doc_id for doc_id in (doc_id_of(link.url) for link in page.links) if doc_id in bearers]
        sure = linked or (bearers if len(bearers) == 1 else [])
        return names.things[sure[0]] if sure else None
    match = re.match(r"https://archive\.[^/]+/entry/\d{4}/(.+?)(?:-\d+-\d+)?$", page.url)
    if not match:
        return None
    title = re.sub(r" \(edition of \d{4}\)$", "", page.title)
    for found in (names.slugs.get(match[1], []), names.bearers.get(title, [])):
        if len(found) == 1:
            return names.things[found[0]]
    return None


def _slots_of(words: str, sentence: Sentence) -> list[Slot]:
    return [sentence.slots[int(match[2])] for match in SLOT.finditer(words)]


def _main_slot(about: Topics) -> list[Slot]:
    return [Slot(about.main.kind, about.main.doc_id, "", 0, 0)] if about.main else []


def _directed() -> list[tuple[str, tuple[str, ...], list[tuple[re.Pattern[str], bool]]]]:
    rows = []
    for relation, kinds, templates in DIRECTED:
        compiled = [(_pattern(template.rstrip("#"), kinds), template.endswith("#")) for template in templates]
        rows.append((relation, kinds, compiled))
    return rows


def _pattern(template: str, kinds: tuple[str, ...]) -> re.Pattern[str]:
    one = f"‹[{''.join(LETTERS[kind] for kind in kinds)}]\\d+›"
    many = f"{one}(?:, {one})*(?:,? and {one})?"
    return re.compile(re.sub(r"\b([AB])\b", rf"(?P<\1>{many})".replace("\\d", r"\\d"), template))


_DIRECTED = _directed()
_JOINING = [(relation, kinds, others, re.compile(word, re.IGNORECASE)) for relation, kinds, others, word in JOINING]
_NUMBERS = [
    (relation, kinds, re.compile(pattern.replace("{N}", r"‹[#@](\d+)›"))) for relation, kinds, pattern, _ in NUMBERS
]
_DATES = [(relation, kinds, re.compile(pattern.replace("{D}", r"‹@(\d+)›"))) for relation, kinds, pattern in DATES]
