"""Intent-anchored grounding: an intent, pages of which most are distractors, and the facts that the pages state.

    entity -> facts that one or two pages state -> intent that asks for just these -> pages that search gives for the
    intent and that state none of them -> all of it mixed -> the facts, each with the words that state it

Source of the task: REDSearcher (arXiv 2602.14234), mid-training I-a, where a model extracts facts from pages; here they
are those of `corpus.facts`, so that each is known to be stated, and where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from corpus.facts.base import FactBase
from corpus.facts.records import Fact, Support
from corpus.scoring.words import tokens
from corpus.snapshot import Snapshot
from training.midtraining.rows import SHORT_TOKENS, Excerpt, Grounded, GroundingRow, Message, reckoned, row_id
from training.synthesis.predicates import UNKNOWN_KINDS
from training.synthesis.spans import span_flaw
from training.synthesis.verify import Ground

EXCERPT_CHARS = 6_000
FACTS = (2, 5)
RELEVANT = 2
DISTRACTORS = (3, 8)
"""Least and most."""
_SEARCHED = 30
_INTENTS = (
    "I am collecting what is known of {name}. Complete these from the pages, and say which words tell it:\n{blanks}",
    "Which of these pages help to fill in the following about {name}? Give the values and quote the pages.\n{blanks}",
    "For an entry on {name} I still need:\n{blanks}\nFind them in the search results above; quote what you rest on.",
    "{name}: what do the results say for\n{blanks}\nUse nothing else, and show the sentence for each.",
)


def make_grounding(
    web: Snapshot, facts: FactBase, *, count: int, seed: int = 0, tokens_limit: int = SHORT_TOKENS, counts: Counter[str]
) -> Iterator[GroundingRow]:
    """Rows of entities in an order of the seed, until there are `count`. `counts` is told what was left out."""
    ids = sorted(doc_id for doc_id, one in facts.entities.items() if one.kind not in UNKNOWN_KINDS)
    made = 0
    for at in np.random.default_rng([seed, 11]).permutation(len(ids)):
        if made == count:
            return
        row = grounding_row(web, facts, ids[at], np.random.default_rng([seed, 12, int(at)]), tokens_limit)
        if isinstance(row, str):
            counts[row] += 1
            continue
        made += 1
        counts["rows"] += 1
        counts["facts"] += len(row.facts)
        counts["pages"] += len(row.context)
        yield row


def grounding_row(
    web: Snapshot, facts: FactBase, subject: str, rng: np.random.Generator, tokens_limit: int
) -> GroundingRow | str:
    """The row of one entity, or a few words that say why there is none."""
    found = _chosen(facts, subject, web, rng)
    if len(found) < FACTS[0]:
        return "too few facts"
    chosen = [fact for fact, _, _ in found]
    variant = int(rng.integers(len(_INTENTS)))
    intent = intent_of(facts, subject, chosen, variant)
    relevant = {one.doc_id: page for _, one, page in found}
    grounded = [one for _, one, _ in found]
    if any(value_stands(facts, fact, intent) for fact in chosen):
        return "value in the intent"
    distractors: list[Excerpt] = []
    for hit in web.search(f"{facts.entities[subject].name} {intent.partition(chr(10))[2]}", k=_SEARCHED).hits:
        if len(distractors) == DISTRACTORS[1]:
            break
        if hit.doc_id in relevant:
            continue
        excerpt = _excerpt(web, hit.doc_id, 0)
        if excerpt is None or any(one.quote in excerpt.text for one in grounded):
            continue  # "It was founded in 1641." says it of something else there, and reads the same
        if not any(states(facts, fact, excerpt) for fact in chosen):
            distractors.append(excerpt)
    while len(distractors) >= DISTRACTORS[0]:
        pages = [*relevant.values(), *distractors]
        mixed = [pages[at] for at in rng.permutation(len(pages))]
        messages = messages_of(facts, mixed, intent, grounded)
        size = reckoned(messages)
        if size <= tokens_limit:
            name = row_id("grounding", web.snapshot_id, subject, intent, [page.doc_id for page in mixed])
            return GroundingRow(
                id=name, tokens=size, messages=messages, snapshot_id=web.snapshot_id, subject=subject,
                variant=variant, intent=intent, context=mixed, facts=grounded,
            )  # fmt: skip
        distractors.pop()
    return "too few distractors"


def intent_of(facts: FactBase, subject: str, chosen: list[Fact], variant: int) -> str:
    name = facts.entities[subject].name
    labels = dict.fromkeys(facts.relations[fact.relation].label for fact in chosen)
    return _INTENTS[variant].format(name=name, blanks="\n".join(f"- {name} {label} ..." for label in labels))


def messages_of(facts: FactBase, context: list[Excerpt], intent: str, grounded: list[Grounded]) -> list[Message]:
    """The pages and the intent, and the facts as the reply: a pure function of the row's fields."""
    shown = "\n\n".join(f"[{at}] {page.title}\n{page.url}\n{page.text}" for at, page in enumerate(context, 1))
    number = {page.doc_id: at for at, page in enumerate(context, 1)}
    lines = []
    for one in grounded:
        name, label = facts.entities[one.subject].name, facts.relations[one.relation].label
        value = facts.entities[one.object].name if one.object else one.value
        lines.append(f"- {name} {label} {value} [{number[one.doc_id]}]: “{one.quote}”")
    used = sorted({number[one.doc_id] for one in grounded})
    head = f"Of these results, {', '.join(f'[{at}]' for at in used)} {'helps' if len(used) == 1 else 'help'}."
    return [
        {"role": "user", "content": f"Search results:\n\n{shown}\n\n{intent}"},
        {"role": "assistant", "content": "\n".join([head, *lines])},
    ]


def grounding_flaws(row: GroundingRow, ground: Ground, *, tokens_limit: int = SHORT_TOKENS) -> list[str]:
    """What is wrong with a row, against the snapshot and its facts; empty where nothing is."""
    facts = ground.facts
    if row.snapshot_id != facts.snapshot_id:
        return [f"it is of snapshot {row.snapshot_id}"]
    if row.subject not in facts.entities:
        return ["a fact is not one of the snapshot's"]
    flaws = []
    pages = {page.doc_id: page for page in row.context}
    if len(pages) != len(row.context):
        flaws.append("a page comes twice")
    for page in row.context:
        text = ground.text(page.doc_id)
        if text is None or not page.text or text[page.start : page.start + len(page.text)] != page.text:
            flaws.append(f"the words of {page.url} are not those of the page")
    known = []
    for one in row.facts:
        fact = ground.fact(one.subject, one.relation, one.object, one.value)
        if fact is None or fact.conflict or one.subject != row.subject:
            flaws.append("a fact is not one of the snapshot's")
            continue
        known.append(fact)
        support = pages.get(one.doc_id)
        text = ground.text(one.doc_id) or ""
        if support is None or one.quote not in support.text or text[one.start : one.end].strip() not in one.quote:
            flaws.append("a fact is not in the words quoted for it")
        elif not any((s.doc_id, s.start, s.end) == (one.doc_id, one.start, one.end) for s in fact.supports):
            flaws.append("a fact is not stated where the row says")
        elif span_flaw(text[one.start : one.end], fact, facts, one.doc_id):
            flaws.append("the words do not say the value")
    relevant = {one.doc_id for one in row.facts}
    distractors = [page for page in row.context if page.doc_id not in relevant]
    if len(distractors) < DISTRACTORS[0]:
        flaws.append("too few distractors")
    if any(states(facts, fact, page) for fact in known for page in distractors):
        flaws.append("a distractor states a fact")
    if any(one.quote in page.text for one in row.facts for page in distractors):
        flaws.append("a distractor has the words quoted for a fact")
    if len(known) == len(row.facts):
        if not FACTS[0] <= len(known):
            flaws.append("too few facts")
        if not 0 <= row.variant < len(_INTENTS) or row.intent != intent_of(facts, row.subject, known, row.variant):
            flaws.append("the intent does not ask for the facts")
        if any(value_stands(facts, fact, row.intent) for fact in known):
            flaws.append("the intent tells a value")
        if relevant <= pages.keys() and row.messages != messages_of(facts, row.context, row.intent, row.facts):
            flaws.append("the messages are not those of the fields")
    if row.tokens != reckoned(row.messages) or row.tokens > tokens_limit:
        flaws.append("it is longer than it may be")
    return flaws


def states(facts: FactBase, fact: Fact, page: Excerpt) -> bool:
    """Whether a page states a fact: an extractor or the scan found it there, or its words have both ends of it."""
    if any(support.doc_id == page.doc_id for support in fact.supports):
        return True
    # A page of either end need not name itself.
    subject = page.doc_id == fact.subject or _named(facts, fact.subject, page.text)
    return subject and value_stands(facts, fact, page.text)


def value_stands(facts: FactBase, fact: Fact, text: str) -> bool:
    if fact.object is not None:
        return _named(facts, fact.object, text)
    assert fact.value is not None
    words = tokens(fact.value.text if fact.value.number is None else f"{fact.value.number:,.10g}")
    return bool(words) and f" {' '.join(words)} " in _plain(text)


def _named(facts: FactBase, doc_id: str, text: str) -> bool:
    entity = facts.entities.get(doc_id)
    said = _plain(text)
    names = () if entity is None else (entity.name, *entity.aliases)
    return any(f" {' '.join(words)} " in said for name in names if (words := tokens(name)))


@lru_cache(maxsize=4096)  # a page is asked about for each fact, and comes in many rows
def _plain(text: str) -> str:
    return f" {' '.join(tokens(text))} "


def _chosen(
    facts: FactBase, subject: str, web: Snapshot, rng: np.random.Generator
) -> list[tuple[Fact, Grounded, Excerpt]]:
    """Facts about the subject of different relations, on RELEVANT pages at most, each with its words and their page."""
    about = [
        fact
        for fact in facts.about(subject)
        if not fact.conflict and facts.relations[fact.relation].typed and fact.object != subject
    ]
    wanted = int(rng.integers(FACTS[0], FACTS[1] + 1))
    found: list[tuple[Fact, Grounded, Excerpt]] = []
    pages: dict[str, Excerpt] = {}
    values = Counter(fact.relation for fact in about)
    for at in rng.permutation(len(about)):
        fact = about[at]
        if values[fact.relation] > 1:  # the intent's blank would have several fillings
            continue
        for support in fact.supports:
            page = pages.get(support.doc_id)
            if page is None and len(pages) < RELEVANT and not support.scanned:
                page = _excerpt(web, support.doc_id, support.start)
            one = None if page is None or support.scanned else _grounded(fact, support, page)
            if page is not None and one is not None:
                pages[support.doc_id] = page
                found.append((fact, one, page))
                break
        if len(found) == wanted:
            break
    return found


def _excerpt(web: Snapshot, doc_id: str, needed: int) -> Excerpt | None:
    """A page from its beginning, or from the line before `needed` where that lies too far down."""
    number = web.store.find_id(doc_id)
    if number is None:
        return None
    text = web.store.text(number)
    url, title, _ = web.store.head(number)
    start = 0 if needed < EXCERPT_CHARS // 2 else text.rfind("\n", 0, max(0, needed - EXCERPT_CHARS // 4)) + 1
    shown = text[start : start + EXCERPT_CHARS]
    return Excerpt(doc_id=doc_id, url=url, title=title, start=start, text=shown) if shown.strip() else None


def _grounded(fact: Fact, support: Support, page: Excerpt) -> Grounded | None:
    start, end = support.start - page.start, support.end - page.start
    if start < 0 or end > len(page.text):
        return None
    low = max(page.text.rfind("\n", 0, start), page.text.rfind(". ", 0, start) + 1) + 1
    # A span may end with its sentence.
    after = end - page.text.endswith((".", ". "), start, end)
    stops = [at for at in (page.text.find("\n", after), page.text.find(". ", after) + 1) if at > 0]
    quote = page.text[low : max(end, min(stops, default=len(page.text)))].strip()
    if page.text[start:end].strip() not in quote:
        return None
    return Grounded(
        subject=fact.subject, relation=fact.relation, object=fact.object,
        value=fact.value.text if fact.value else None,
        doc_id=support.doc_id, start=support.start, end=support.end, quote=quote,
    )  # fmt: skip
