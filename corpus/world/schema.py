"""The closed world's relations: what can be so between its things, and from which side it can be said."""

from __future__ import annotations

from typing import Literal

from corpus.facts.records import Relation

PLACES = ("town", "river")
ORGANISATIONS = ("company", "university", "museum", "society")
WORKS = ("novel", "painting", "film", "opera")
KINDS = ("country", "region", *PLACES, *ORGANISATIONS, "person", *WORKS, "event", "award", "paper", "product")

_T, _P, _O, _W = ("town",), ("person",), ORGANISATIONS, WORKS

# name, label, subjects, objects, inverse name, inverse label, at most one object, at most one subject
_Kinds = tuple[str, ...]
_JOINING: tuple[tuple[str, str, _Kinds, _Kinds, str, str, bool, bool], ...] = (
    ("part_of", "is part of", ("region",), ("country",), "has_region", "includes the region", True, False),
    ("capital_of", "is the capital of", _T, ("country",), "has_capital", "has its capital in", True, True),
    ("in_region", "lies in the region", _T, ("region",), "has_town", "has the town", True, False),
    ("on_river", "lies on the river", _T, ("river",), "flows_through", "flows through", False, False),
    ("rises_in", "rises in", ("river",), ("region",), "source_of", "has the source of", True, False),
    ("born_in", "was born in", _P, _T, "birthplace_of", "is the birthplace of", True, False),
    ("lives_in", "made a home in", _P, _T, "home_of", "is home to", True, False),
    ("educated_at", "studied at", _P, ("university",), "alma_mater_of", "counts among its graduates", False, False),
    ("works_for", "has worked for", _P, ("company", "university", "museum"), "employs", "has employed", False, False),
    ("member_of", "is a member of", _P, ("society",), "has_member", "has as a member", False, False),
    ("student_of", "was taught by", _P, _P, "teacher_of", "taught", False, False),
    ("founded", "founded", _P, ("company", "society"), "founded_by", "was founded by", False, False),
    ("received", "received", _P, ("award",), "received_by", "was awarded to", False, False),
    ("took_part_in", "took part in", _P, ("event",), "had_guest", "had as a guest", False, False),
    ("based_in", "is based in", _O, _T, "seat_of", "is the seat of", True, False),
    ("owned_by", "is owned by", ("company",), ("company",), "owns", "owns", True, False),
    ("sponsors", "sponsors", _O, ("event",), "sponsored_by", "is sponsored by", False, False),
    ("held_in", "is held in", ("event",), _T, "hosts", "hosts", True, False),
    ("presented_at", "is presented at", ("award",), ("event",), "presents", "is the occasion of", True, False),
    ("given_by", "is given by", ("award",), ("society",), "gives", "gives", True, False),
    ("created_by", "was created by", _W, _P, "created", "created", False, False),
    ("depicts", "is set in or shows", _W, PLACES, "depicted_in", "is shown in", False, False),
    ("held_by", "belongs to the collection of", ("painting",), ("museum",), "holds", "has on show", True, False),
    ("published_by", "was published by", ("novel",), ("company",), "publishes", "published", True, False),
    ("premiered_at", "was first shown at", ("film", "opera"), ("event",), "saw_premiere_of", "saw first", True, False),
    ("inspired_by", "was inspired by", _W, _W, "inspired", "inspired", False, False),
    ("launched_at", "was launched at", ("product",), ("event",), "saw_launch_of", "saw the launch of", True, False),
    ("written_by", "was written by", ("paper",), _P, "wrote", "wrote the paper", False, False),
    ("cites", "cites", ("paper",), ("paper",), "cited_by", "is cited by", False, False),
    ("studies", "studies", ("paper",), PLACES, "studied_in", "is studied in", False, False),
    ("made_by", "is made by", ("product",), ("company",), "makes", "makes", True, False),
    ("designed_by", "was designed by", ("product",), _P, "designed", "designed", False, False),
    ("replaces", "replaces", ("product",), ("product",), "replaced_by", "was replaced by", True, True),
)  # fmt: skip
_MUTUAL: tuple[tuple[str, str, _Kinds, bool], ...] = (
    ("borders", "shares a border with", ("region", "country"), False),
    ("near", "is a neighbour of", _T, False),
    ("twinned_with", "is twinned with", _T, False),
    ("collaborated_with", "has worked together with", _P, False),
    ("married_to", "is married to", _P, True),
    ("partner_of", "is a partner of", ("company",), False),
)
_NAMED = (*_O, "town", "award")
# name, label, subjects, value kind, unit
_VALUED: tuple[tuple[str, str, _Kinds, Literal["text", "number", "date"], str], ...] = (
    ("also_called", "is also called", KINDS, "text", ""),
    ("born_on", "was born on", _P, "date", ""),
    ("died_on", "died on", _P, "date", ""),
    ("occupation", "works as", _P, "text", ""),
    ("population", "has a population of", ("town", "region", "country"), "number", "persons"),
    ("area", "covers an area of", ("region", "country"), "number", "km2"),
    ("elevation", "lies at an elevation of", _T, "number", "m"),
    ("latitude", "lies at the latitude", _T, "number", "degrees"),
    ("longitude", "lies at the longitude", _T, "number", "degrees"),
    ("known_for", "is known for", _T, "text", ""),
    ("currency", "has the currency", ("country",), "text", ""),
    ("founded_on", "was founded in", (*_NAMED, "country"), "date", ""),
    ("length", "has a length of", ("river",), "number", "km"),
    ("industry", "makes its money with", ("company",), "text", ""),
    ("employees", "has as many employees", ("company",), "number", "persons"),
    ("students", "has as many students", ("university",), "number", "persons"),
    ("visitors", "has as many visitors a year", ("museum",), "number", "persons"),
    ("membership", "has as many members", ("society",), "number", "persons"),
    ("genre", "is of the genre", _W, "text", ""),
    ("completed_on", "was completed in", _W, "date", ""),
    ("page_count", "has as many pages", ("novel",), "number", "pages"),
    ("running_time", "runs for", ("film", "opera"), "number", "min"),
    ("first_held", "was first held in", ("event",), "date", ""),
    ("attendance", "draws as many visitors", ("event",), "number", "persons"),
    ("month_held", "takes place in", ("event",), "text", ""),
    ("prize_money", "comes with", ("award",), "number", "usd"),
    ("published_on", "was published in", ("paper",), "date", ""),
    ("citation_count", "has been cited", ("paper",), "number", ""),
    ("field", "belongs to the field of", ("paper", "award"), "text", ""),
    ("released_on", "was released in", ("product",), "date", ""),
    ("price", "costs", ("product",), "number", "usd"),
    ("weight", "weighs", ("product",), "number", "g"),
)


def _relations() -> dict[str, Relation]:
    found: dict[str, Relation] = {}
    for name, label, subjects, objects, inverse, inverse_label, one_object, one_subject in _JOINING:
        found[name] = Relation(name, label, subjects, "entity", objects, inverse, one_object)
        found[inverse] = Relation(inverse, inverse_label, objects, "entity", subjects, name, one_subject)
    for name, label, kinds, one in _MUTUAL:
        found[name] = Relation(name, label, kinds, "entity", kinds, name, one)
    for name, label, kinds, kind, unit in _VALUED:
        found[name] = Relation(name, label, kinds, kind, functional=name != "also_called", unit=unit)
    return found


RELATIONS: dict[str, Relation] = _relations()
FORWARD = frozenset((*(row[0] for row in _JOINING), *(row[0] for row in _MUTUAL)))
"""Relations between things in the direction in which claims are made."""
CHANGING = frozenset(
    {"population", "employees", "students", "visitors", "membership", "attendance", "citation_count", "price"}
)
"""What an old edition has another value of."""
