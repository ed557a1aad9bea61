"""A plan in English: names for what has none, verb phrases in the order of the plan, a question around them."""

from __future__ import annotations

import re

import numpy as np

from training.synthesis.proof import TaskDraft
from training.synthesis.wording.english_clauses import EnglishClauses
from training.synthesis.wording.english_openings import (
    ASK,
    CASTS,
    CLOSE,
    CLOSE_ALONE,
    CLOSE_PERSON,
    LEADS,
    SOUGHT,
    TELL,
)
from training.synthesis.wording.kinds import ENGLISH, PEOPLE, plural, with_article
from training.synthesis.wording.lexicon import one
from training.synthesis.wording.marks import Marks, Wording, finished, unmarked
from training.synthesis.wording.plan import Clause, Plan, Sentence

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_LETTERS = "ABCDEFGHI"
_OF_THINGS = re.compile(r"\b[Ii]t (?:\{|is \{)|\bits name\b")
_OF_PEOPLE = re.compile(r"\bWho\b")


class EnglishWriter:
    """Writes one question. It remembers what has been mentioned, so it is used once."""

    def __init__(self, draft: TaskDraft, rng: np.random.Generator) -> None:
        self.draft, self.rng, self.marks = draft, rng, Marks()
        self.clauses = EnglishClauses(draft, rng)
        kinds = draft.proof.kinds
        nouns = {kind: one(ENGLISH.get(kind, (kind,)), rng) for kind in sorted(set(kinds))}
        self.noun = [nouns[kind] for kind in kinds]
        self.person = [kind in PEOPLE for kind in kinds]
        self.alone = [self.noun.count(noun) == 1 for noun in self.noun]
        self.lettered = self.noun.count(self.noun[0]) > 1 and rng.random() < 0.25
        self.sought = one(SOUGHT, rng)
        self.ordinal: dict[int, int] = {}
        self.seen: set[int] = set()
        self.kind_said: set[int] = set()
        self.nothing_said = True
        self.asked = False

    def write(self, plan: Plan) -> Wording:
        rows = list(plan.sentences)
        text = []
        if plan.cast:
            text.append(self._cast())
        elif rows[0].subject == 0:
            text.append(self._opening(rows.pop(0), plan.asks_first))
        last = plan.sentences[0] if text and not plan.cast else None
        for row in rows:
            text.append(self._telling(row, same=last is not None and self._is_clear(last, row.subject)))
            last = row
        if not plan.asks_first and not self.asked:
            text.append(self._closing())
        return finished(" ".join(map(_sentence, text)), self.marks.parts)

    def _opening(self, row: Sentence, asks: bool) -> str:
        """The sentence in which the answer is first spoken of, as the question or not."""
        unfit = _OF_THINGS if self.person[0] else _OF_PEOPLE
        options = [form for form in (ASK if asks else TELL) if not unfit.search(form)]
        form = one(options, self.rng)
        kind = self._kind(0)
        self.seen.add(0)
        self._number(0)
        said = [self._clause(clause) for clause in row.clauses]
        relative = "{relative}" in form
        body = self._joined(said, self._pronoun(0) if relative else "")
        self.nothing_said = False
        return form.format(kind=kind, a_kind=self._a(kind), said=body, relative=body)

    def _telling(self, row: Sentence, *, same: bool) -> str:
        subject = self._subject(row.subject, same)
        said = self._joined([self._clause(clause) for clause in row.clauses], "")
        lead = LEADS[0] if self.nothing_said else one(LEADS, self.rng)
        self.nothing_said = False
        return lead.format(subject=subject, said=said)

    def _closing(self) -> str:
        if self.alone[0]:
            options = CLOSE_ALONE + (CLOSE_PERSON if self.person[0] else ())
            return one(options, self.rng).format(kind=self.noun[0])
        return one(CLOSE, self.rng).format(kind=self.noun[0], sought=self._sought())

    def _cast(self) -> str:
        """Everything that plays a part, counted by noun."""
        if not self.alone[0] and not self.lettered:
            self.sought = "the first {kind}"
        groups: dict[str, list[int]] = {}
        for variable, noun in enumerate(self.noun):
            groups.setdefault(noun, []).append(variable)
        named = []
        for noun, members in groups.items():
            for variable in members:
                self.seen.add(variable)
                self._number(variable)
            counts = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
            text = with_article(noun) if len(members) == 1 else f"{counts[len(members)]} {plural(noun)}"
            for variable in members:
                if self.draft.proof.kinds[variable]:
                    text = self.marks.around(f"kind:{variable}", text)
                self.kind_said.add(variable)
            named.append(text)
        order = self.rng.permutation(len(named)).tolist()
        listed = _listed([named[at] for at in order], "and")
        # With letters "the town we want" says nothing yet, so that is asked at the end.
        form = one([form for form in CASTS if not (self.lettered and "{sought}" in form)], self.rng)
        self.asked = "{sought}" in form
        return form.format(listed=listed, sought=self._sought())

    def _is_clear(self, before: Sentence, subject: int) -> bool:
        """Whether "it" can only be the subject of the sentence before."""
        others = [clause.other for clause in before.clauses if clause.other is not None]
        others += [m.other for clause in before.clauses for m in clause.modifiers if m.other is not None]
        return before.subject == subject and all(self.person[other] for other in others)

    def _subject(self, variable: int, same: bool) -> str:
        if same and not self.person[variable] and self.rng.random() < 0.5:
            return "it"
        return self._again(variable) if variable in self.seen else self._first(variable)

    def _object(self, variable: int) -> str:
        return self._again(variable) if variable in self.seen else self._first(variable)

    def _first(self, variable: int) -> str:
        """The first mention of a variable."""
        self.seen.add(variable)
        kind = self._kind(variable)
        if variable == 0:
            self._number(variable)
            return self._a(kind) if self.alone[0] else self._sought(kind)
        at = self._number(variable)
        if self.alone[variable]:
            return self._a(kind)
        if self.lettered:
            return f"{kind} {_LETTERS[at]}" if self.rng.random() < 0.6 else f"{self._a(kind)}, {_LETTERS[at]},"
        word = _ORDINALS[at]
        if at == 0:
            return one((self._a(kind), f"one {kind}", f"a first {kind}"), self.rng)
        if at == 1:
            return one((f"another {kind}", f"a second {kind}"), self.rng)
        return one((f"a {word} {kind}", f"yet another {kind}, the {word},")[: 1 + (self.rng.random() < 0.1)], self.rng)

    def _again(self, variable: int) -> str:
        noun = self.noun[variable]
        if variable == 0 and (not self.alone[0] or self.rng.random() < 0.3):
            return self._sought()
        if self.alone[variable]:
            return one((f"the {noun}", f"that {noun}", f"this {noun}", f"the {noun}"), self.rng)
        at = self._number(variable)
        if self.lettered:
            return one((_LETTERS[at], f"{noun} {_LETTERS[at]}"), self.rng)
        group = [other for other, its in enumerate(self.noun) if its == noun]
        if len(group) == 2 and 0 in group and self.rng.random() < 0.5:
            return one((f"the other {noun}", f"that other {noun}"), self.rng)
        return (
            f"the {_ORDINALS[at]} {noun}"
            if self.person[variable] or self.rng.random() < 0.85
            else f"the {_ORDINALS[at]} of the {plural(noun)}"
        )

    def _sought(self, kind: str | None = None) -> str:
        return self.sought.format(kind=kind or self.noun[0])

    def _number(self, variable: int) -> int:
        """Place of a variable among those of its noun, or of all that have letters. The answer is the first, always."""
        if variable not in self.ordinal:
            before = [v for v in self.ordinal if v != 0]
            if self.lettered:
                # A letter stands alone at times, so no two nouns share one; the answer has none.
                at = sum(not self.alone[v] for v in before)
            else:
                ahead = self.noun[variable] == self.noun[0]
                at = sum(self.noun[v] == self.noun[variable] for v in before) + ahead
            self.ordinal[variable] = at if variable else 0
        return self.ordinal[variable]

    def _kind(self, variable: int) -> str:
        noun = self.noun[variable]
        if variable in self.kind_said or not self.draft.proof.kinds[variable]:
            return noun
        self.kind_said.add(variable)
        return self.marks.around(f"kind:{variable}", noun)

    def _a(self, kind: str) -> str:
        return with_article(unmarked(kind)).replace(unmarked(kind), kind)

    def _pronoun(self, variable: int) -> str:
        return "who" if self.person[variable] else one(("that", "which", "that"), self.rng)

    def _clause(self, clause: Clause) -> str:
        """A verb phrase, marked, with its object and what modifies that."""
        if clause.other is None:
            return self.marks.around(clause.part, self.clauses.clue(clause.part))
        thing = self._object(clause.other)
        if clause.modifiers:
            thing = f"{thing} {self._modified(clause)}"
        return self.marks.around(
            clause.part, self.clauses.edge(clause.part, clause.subject, thing, heavy=bool(clause.modifiers))
        )

    def _modified(self, clause: Clause) -> str:
        """Clauses of an object as relative clauses: "that borders Chad", "whose area is ...", "with a coast of ..."."""
        assert clause.other is not None
        with_: list[str] = []
        relative: list[str] = []
        for modifier in clause.modifiers:
            found = self.clauses.attribute(modifier.part) if modifier.other is None else None
            if found is None:
                relative.append(f"{self._pronoun(clause.other)} {self._clause(modifier)}")
            else:
                (with_ if found.startswith("with ") else relative).append(self.marks.around(modifier.part, found))
        return " ".join(part for part in (" and ".join(with_), " and ".join(relative)) if part)

    def _joined(self, said: list[str], pronoun: str) -> str:
        """Verb phrases as a list; each with its pronoun where they are relative."""
        if pronoun:
            again = self.rng.random() < 0.4
            said = [f"{pronoun} {text}" if at == 0 or again else text for at, text in enumerate(said)]
        return _listed(said, one(("and", "and", "and also"), self.rng) if len(said) > 1 else "and")


def _listed(said: list[str], word: str) -> str:
    if len(said) < 2:
        return "".join(said)
    return f"{', '.join(said[:-1])}{',' if len(said) > 2 else ''} {word} {said[-1]}"


def _sentence(text: str) -> str:
    """With a capital, no doubled commas, and a mark at its end."""
    # Marks may stand between a comma and what makes it needless.
    text = re.sub(r",([\ue000-\uf7ff\s]*)(?=[.?!,;])", r"\1", re.sub(r"\s+", " ", text)).strip()
    first = re.search(r"[A-Za-z\"]", text)
    if first:
        text = text[: first.start()] + first[0].upper() + text[first.end() :]
    return text
