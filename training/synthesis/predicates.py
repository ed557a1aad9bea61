"""What a clue claims of one entity, in a form that a machine checks and that JSON keeps.

    Kind      it is a country
    Named     a relation joins it to an entity that the question names
    Some      a relation joins it to some entity of a kind
    Equal     a value, by its normal text
    Range     a number between two bounds, both included
    Period    a date between two years, both included: a year, a decade, a century
    Compare   its number or year is above or below that of an entity that the question names
    Amount    how much there is of one fact of a relation (the length of one border), between two bounds, both included
    Not       none of its values of a relation fits another predicate

`holds` reads the closed world: what no fact says is not so, and facts in conflict say nothing. `possible` reads the
open one: a fact in conflict may be so, an entity that should have a value and has none may have any, so may a fact of
which no page says how much there is, and a name that several entities have may mean any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from corpus.facts.records import Fact, Relation, Value

if TYPE_CHECKING:
    from corpus.facts.base import FactBase

OUTSIDE = "outside"
"""Kind of what pages name and has no page of its own here: of its true kind nothing is known."""
MEASURED = frozenset(
    {"borders", "exports_to", "export_partner_of", "imports_from", "import_partner_of"}
    | {"ethnic_group", "religion", "language", "river", "lake"}
)
"""Relations of whose amount a question may ask: those that `wording.measured` has words for."""
UNKNOWN_KINDS = frozenset(("", "page", "thing", OUTSIDE))
"""Kinds that say nothing; in the open world such an entity may be of any kind."""


class _Predicate(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Kind(_Predicate):
    op: Literal["kind"] = "kind"
    kind: str


class Named(_Predicate):
    op: Literal["named"] = "named"
    relation: str
    entity: str
    """doc_id."""


class Some(_Predicate):
    op: Literal["some"] = "some"
    relation: str
    kind: str


class Equal(_Predicate):
    op: Literal["equal"] = "equal"
    relation: str
    text: str
    """`Value.text`, the normal form."""


class Range(_Predicate):
    op: Literal["range"] = "range"
    relation: str
    low: float
    high: float
    unit: str = ""


class Period(_Predicate):
    op: Literal["period"] = "period"
    relation: str
    first: int
    """Year, included."""
    last: int
    """Year, included."""


class Compare(_Predicate):
    op: Literal["compare"] = "compare"
    relation: str
    sense: Literal["more", "less"]
    entity: str
    """doc_id of the entity whose only value of the relation is the bound, not included."""


class Amount(_Predicate):
    op: Literal["amount"] = "amount"
    relation: str
    low: float
    high: float
    unit: str


class Not(_Predicate):
    op: Literal["not"] = "not"
    of: Annotated[Named | Equal | Range | Period | Compare, Field(discriminator="op")]


Predicate: TypeAlias = Kind | Named | Some | Equal | Range | Period | Compare | Amount | Not
PREDICATE: TypeAdapter[Predicate] = TypeAdapter(Annotated[Predicate, Field(discriminator="op")])
"""Reads a predicate from JSON: `PREDICATE.validate_python({"op": "kind", "kind": "country"})`."""


def relation_of(predicate: Predicate) -> str | None:
    """Name of the relation it reads; None for Kind."""
    if isinstance(predicate, Not):
        return predicate.of.relation
    return None if isinstance(predicate, Kind) else predicate.relation


def names_of(predicate: Predicate) -> tuple[str, ...]:
    """doc_ids of the entities it names."""
    if isinstance(predicate, Not):
        return names_of(predicate.of)
    return (predicate.entity,) if isinstance(predicate, Named | Compare) else ()


def year_of(value: Value) -> int | None:
    """The year of a date; None for other values and for dates that begin with none."""
    if value.date is None:
        return None
    before_christ = value.date.startswith("-")
    digits = value.date.lstrip("-").partition("-")[0]
    if not digits.isdecimal():
        return None
    return -int(digits) if before_christ else int(digits)


def bound_of(facts: FactBase, relation: str, entity: str) -> float | None:
    """The number or year that Compare compares with; None where it is missing, in conflict or not the only one."""
    stated = [fact for fact in facts.about(entity) if fact.relation == relation]
    if len(stated) != 1 or stated[0].conflict or stated[0].value is None:
        return None
    value = stated[0].value
    return value.number if value.number is not None else year_of(value)


def holds(predicate: Predicate, entity: str, facts: FactBase) -> bool:
    """Whether it is so of the entity in the closed world."""
    if isinstance(predicate, Kind):
        return facts.entities[entity].kind == predicate.kind
    stated = [f for f in facts.about(entity) if f.relation == relation_of(predicate) and not f.conflict]
    if isinstance(predicate, Not):
        return bool(stated) and not any(_fits(predicate.of, fact, facts) for fact in stated)
    return any(_fits(predicate, fact, facts) for fact in stated)


def possible(predicate: Predicate, entity: str, facts: FactBase) -> bool:
    """Whether it may be so of the entity in the open world."""
    return any(_possible(one, entity, facts) for one in (predicate, *meant_too(predicate, facts)))


def meant_too(predicate: Predicate, facts: FactBase) -> tuple[Predicate, ...]:
    """The same of other entities that have the name which a question gives."""
    if isinstance(predicate, Not):
        return tuple(Not.model_validate({"of": of}) for of in meant_too(predicate.of, facts))
    if isinstance(predicate, Named | Compare):
        others = facts.namesakes.get(predicate.entity, ())
        return tuple(predicate.model_copy(update={"entity": other}) for other in others)
    return ()


def _possible(predicate: Predicate, entity: str, facts: FactBase) -> bool:
    kind = facts.entities[entity].kind
    if isinstance(predicate, Kind):
        return kind == predicate.kind or kind in UNKNOWN_KINDS
    name = relation_of(predicate)
    stated = [fact for fact in facts.about(entity) if fact.relation == name]
    if not stated:
        return name is not None and may_be_missing(facts.relations[name], kind)
    if isinstance(predicate, Not):
        return any(f.conflict for f in stated) or not any(_fits(predicate.of, fact, facts) for fact in stated)
    if isinstance(predicate, Amount):
        return any(not f.amounts or any(_within(predicate, amount) for amount in f.amounts) for f in stated)
    return any(_fits(predicate, fact, facts) for fact in stated)


def may_be_missing(relation: Relation, kind: str) -> bool:
    """Whether an entity of this kind without a fact of the relation may have one that no page states.

    So it is for values and for what a subject has one of at most (a birthplace). A list of entities (borders) is taken
    as whole: an island has none.
    """
    if relation.value_kind == "entity" and not relation.functional:
        return False
    return not relation.subject_kinds or kind in relation.subject_kinds or kind in UNKNOWN_KINDS


def _fits(predicate: Predicate, fact: Fact, facts: FactBase) -> bool:
    """Whether this one fact, of the right relation, makes a predicate other than Kind and Not true."""
    value = fact.value
    if isinstance(predicate, Named):
        return fact.object == predicate.entity
    if isinstance(predicate, Amount):
        return fact.amount is not None and _within(predicate, fact.amount)
    if isinstance(predicate, Some):
        return fact.object is not None and facts.entities[fact.object].kind == predicate.kind
    if value is None:
        return False
    if isinstance(predicate, Equal):
        return value.text == predicate.text
    if isinstance(predicate, Range):
        return _within(predicate, value)
    year = year_of(value)
    if isinstance(predicate, Period):
        return year is not None and predicate.first <= year <= predicate.last
    assert isinstance(predicate, Compare)
    bound = bound_of(facts, predicate.relation, predicate.entity)
    size = value.number if value.number is not None else year
    if bound is None or size is None:
        return False
    return size > bound if predicate.sense == "more" else size < bound


def _within(bounds: Range | Amount, value: Value) -> bool:
    return value.number is not None and value.unit == bounds.unit and bounds.low <= value.number <= bounds.high
