"""What "he", "it" and "the town" mean at a place of a page of a generated world."""

from __future__ import annotations

import re
from collections.abc import Mapping

from corpus.facts.second_gazetteer import Gazetteer, Thing
from corpus.facts.second_grammar import COMMON_NOUNS, Kinds
from corpus.facts.second_sentences import LETTERS, SLOT, Sentence, Slot

# "It was in 1990 that" and "it all began" speak of nothing.
_PRONOUN = re.compile(
    r"\b(?:He|She|he|she|His|Her|his|her|Its|its)\b"
    r"|\b[Ii]t\b(?! was (?:in|at) | was ‹| all began| lives on:| is based,)"
)


class Topics:
    """What "he", "it" and "the town" mean at a place of a page."""

    def __init__(self, names: Gazetteer, topic: Thing | None, nouns: Mapping[str, Kinds]) -> None:
        self.fixed = topic
        self._names = names
        self._nouns = {**COMMON_NOUNS, **nouns}
        self._person = topic if topic and topic.kind == "person" else None
        self._thing = topic if topic and topic.kind != "person" else None
        self._last = topic
        self._headed: list[Thing] = []
        self._of_kind: dict[str, Thing] = {}

    @property
    def main(self) -> Thing | None:
        """What a sentence without a subject speaks of."""
        return self.fixed or self._last

    def heading(self, sentence: Sentence) -> None:
        if self.fixed is None:
            things = [self._names.things[slot.doc_id] for slot in sentence.slots if slot.doc_id]
            # "Notes from around Spigithia": news are about no country.
            self._headed = [thing for thing in things if thing.kind != "country"]
            if self._headed:
                self.heard(sentence)

    def another_speaks(self) -> None:
        """In a thread, what "it" and "this paper" mean ends with the post."""
        self._last = self._person = self._thing = None
        self._headed, self._of_kind = [], {}

    def heard(self, sentence: Sentence) -> None:
        """A page about nothing in particular speaks on of what it named last, first in its sentence."""
        if self.fixed is not None:
            return
        order = [sentence.slots[int(match[2])] for match in SLOT.finditer(sentence.form)]
        things = [self._names.things[slot.doc_id] for slot in order if slot.doc_id]
        # What the page is headed with stays what it speaks of, as long as it is spoken of.
        things.sort(key=lambda thing: thing not in self._headed)
        if not things:
            return
        self._last = things[0]
        for thing in reversed(things):
            self._of_kind[thing.kind] = thing
        self._person = next((thing for thing in things if thing.kind == "person"), self._person)
        self._thing = next((thing for thing in things if thing.kind != "person"), self._thing)

    def _spoken_of(self, kinds: tuple[str, ...]) -> Thing | None:
        headed = [thing for thing in self._headed if thing.kind in kinds]
        near = [self.fixed, *(headed if len(headed) == 1 else ()), self._thing, self._person]
        return next((t for t in (*near, *map(self._of_kind.get, kinds)) if t and t.kind in kinds), None)

    def resolved(self, sentence: Sentence) -> Sentence:
        """The sentence with slots for its pronouns and its "the town"."""
        slots = list(sentence.slots)

        def slot_for(thing: Thing) -> str:
            slots.append(Slot(thing.kind, thing.doc_id, "", sentence.start, sentence.start))
            return f"‹{LETTERS[thing.kind]}{len(slots) - 1}›"

        def pronoun(match: re.Match[str]) -> str:
            word = match.group().lower()
            personal = word in ("he", "she", "his", "her", "him")
            thing: Thing | None = self._person if personal else self._thing
            before = [sentence.slots[int(found[2])] for found in SLOT.finditer(match.string[: match.start()])
                      if int(found[2]) < len(sentence.slots)]  # fmt: skip
            if self.fixed is None and ", where " not in match.string[: match.start()]:
                named = [slot for slot in before if slot.doc_id and (slot.kind == "person") is personal]
                thing = self._names.things[named[0].doc_id] if named else thing
            if thing is None:
                return match.group()
            return slot_for(thing) + ("'s" if word in ("his", "her", "its") else "")

        def noun(match: re.Match[str]) -> str:
            said = match["noun"].split(" ")
            for count in range(len(said), 0, -1):
                kinds = self._nouns.get(" ".join(said[:count]))
                rest = said[count] if count < len(said) else match.string[match.end() :][:4].strip()  # " of ‹"
                thing = self._spoken_of(kinds) if kinds else None
                if thing and rest not in ("money", "of", "of ‹"):
                    return " ".join([slot_for(thing), *said[count:]])
            return match.group()

        form = re.sub(
            r"\b(?:[Tt]he|[Tt]his) (?P<noun>[a-z]+(?: (?!of\b|this\b|the\b)[a-z]+){0,2})", noun, sentence.form
        )
        form = _PRONOUN.sub(pronoun, form)
        return Sentence(sentence.start, sentence.end, form, tuple(slots))
