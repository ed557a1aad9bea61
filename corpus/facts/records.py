"""What is known of a snapshot's pages, and where it stands written.

    Entity      what a page is about: its name, other names, its kind
    Relation    how a relation reads, what it joins, and which relation says the same from the other side
    Statement   one span of one page that says one thing, as an extractor finds it
    Fact        one thing, with every span of every page that says it

Offsets are characters into `Document.text`, half-open. An entity is known by the doc_id of its page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ValueKind = Literal["text", "number", "date"]


@dataclass(frozen=True, slots=True, order=True)
class Value:
    """What is no page: a number with its unit, a date, or words.

    `text` is the normal form, and equal values have equal texts: "1240 km", "1987-03", "maize". `number` is in `unit`,
    which is a base unit (km, km2, m, kg, usd, percent, persons, years, ...) or "" for a bare number. `date` is ISO 8601
    and may be partial: of a date it is the same as `text`, of a number it says when the number held.
    """

    kind: ValueKind
    text: str
    number: float | None = None
    unit: str = ""
    date: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Support:
    """Where a fact is stated. `inverse` says that the words state it from the object's side.

    `scanned` says that no extractor read these words: a search over all pages found them, since they name both ends
    (or subject and value) beside a word of the relation. Such words count against dispersion and are no evidence.
    """

    doc_id: str
    start: int
    end: int
    inverse: bool = False
    scanned: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """One span that says one thing. Exactly one of `object` (a doc_id) and `value` is given.

    The span contains the anchor that names the object, or the value as it is written. `amount` is how much of it there
    is, where the same words say so: the length of a border, a partner's share of the exports.
    """

    subject: str
    relation: str
    object: str | None
    value: Value | None
    doc_id: str
    start: int
    end: int
    amount: Value | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is so, and everything that says it. Exactly one of `object` and `value` is given.

    `supports` is sorted and never empty; a page may stand in it twice. `conflict` marks what another page, or another
    place of the same page, contradicts: such a fact is kept for the report and has no part in a proof. `amounts` are
    all that is said of how much: several, as of the length of a border, are a contradiction too.
    """

    subject: str
    relation: str
    object: str | None
    value: Value | None
    supports: tuple[Support, ...]
    conflict: bool = False
    amounts: tuple[Value, ...] = ()

    @property
    def amount(self) -> Value | None:
        """How much, where the pages agree on it."""
        return self.amounts[0] if len(self.amounts) == 1 else None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two facts the same, and the order in which facts stand."""
        return self.subject, self.relation, self.object or "", self.value.text if self.value else ""


@dataclass(frozen=True, slots=True)
class Entity:
    """What a page is about. `aliases` are other names of it, without `name`; `kind` is a word such as "country"."""

    doc_id: str
    name: str
    kind: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """A kind of fact.

    `name` is snake_case and unique: "borders". `label` is how a reader would say it: "shares a border with".
    `inverse` names the relation that says the same from the object's side; a symmetric one names itself. `functional`
    says that a subject has one value at most, so that two are a contradiction. `typed` says that the relation is
    precise enough to be read in a sentence; bare links are not.
    """

    name: str
    label: str
    subject_kinds: tuple[str, ...]
    value_kind: Literal["entity", "text", "number", "date"]
    object_kinds: tuple[str, ...] = ()
    inverse: str | None = None
    functional: bool = False
    unit: str = ""
    typed: bool = True
