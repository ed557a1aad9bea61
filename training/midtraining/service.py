"""A simulated service: invented tools over an invented table, all of it made of a seed.

    service = Service(seed)      service.tools, service.call(name, arguments) -> JSON value

Equal calls give equal returns until something is written, and a write is seen by every later call. Names of tools,
arguments and fields are drawn from synonyms, so that no two services need to look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.tools.schema import Schema, checked, object_of

Record = dict[str, Any]

_THINGS = (
    "parcel parcels, ticket tickets, booking bookings, invoice invoices, sensor sensors, vehicle vehicles, "
    "course courses, patient patients, order orders, specimen specimens, permit permits, loan loans, route routes, "
    "greenhouse greenhouses, turbine turbines, manuscript manuscripts, container containers, meeting meetings"
)
# Field -> its values, or (least, most) of a number; names of a field that mean the same are drawn from.
_CHOICES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("status", "state", "stage"), ("open", "waiting", "approved", "closed", "cancelled")),
    (("site", "depot", "branch", "location"), ("north", "harbour", "old town", "hillside", "airport")),
    (("priority", "urgency"), ("low", "normal", "high")),
    (("owner", "assignee", "contact"), ("Ines", "Tomas", "Bahar", "Oleg", "Ruth", "Kenji")),
    (("category", "type", "class"), ("standard", "fragile", "bulk", "express")),
)
_NUMBERS: tuple[tuple[tuple[str, ...], int, int], ...] = (
    (("weight_kg", "mass_kg"), 1, 900),
    (("cost_eur", "price_eur", "amount_eur"), 5, 5000),
    (("age_days", "days_open"), 0, 400),
    (("quantity", "units", "items"), 1, 250),
    (("distance_km", "range_km"), 1, 1200),
)
_FIND = ("list", "search", "find", "query")
_GET = ("get", "read", "show", "fetch")
_SET = ("update", "change", "set", "edit")
_COUNT = ("count", "tally", "number_of")
_SUM = ("sum", "total", "add_up")
_DISTRACTORS = (
    ("convert_currency", "Convert an amount from one currency to another.", {"amount": "number", "to": "string"}),
    ("send_reminder", "Send a reminder to a person.", {"person": "string", "text": "string"}),
    ("weather_forecast", "Forecast for a place and a day.", {"place": "string", "day": "string"}),
    ("translate_text", "Translate a text.", {"text": "string", "language": "string"}),
)


@dataclass(frozen=True, slots=True)
class Names:
    """What things are called in one service."""

    thing: str
    things: str
    id: str
    choices: tuple[tuple[str, tuple[str, ...]], ...]
    """Fields with few values; the last one can be changed."""
    numbers: tuple[tuple[str, int, int], ...]
    find: str
    get: str
    set: str
    count: str
    sum: str
    at_least: str
    """Prefix of a lower bound's argument."""
    limit: str


class Service:
    """One service and its state. Two of one seed are equal."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 21])
        self.names = _names(rng)
        self.records = _records(self.names, rng)
        self.schemas = _schemas(self.names, rng)
        self.written = 0
        """Writes so far."""

    @property
    def tools(self) -> list[dict[str, Any]]:
        """As chat completions take them."""
        return [
            {"type": "function", "function": {"name": name, "description": told, "parameters": schema}}
            for name, (told, schema) in self.schemas.items()
        ]

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """A JSON value. Raises ValueError for a tool that there is not, or arguments that its schema refuses."""
        if name not in self.schemas:
            raise ValueError(f"There is no tool {name}.")
        given, problem = checked(dict(arguments), self.schemas[name][1])
        if problem:
            raise ValueError(problem)
        names = self.names
        if name == names.find:
            found = [record for record in self.records if self._fits(record, given)]
            ids = [record[names.id] for record in found]
            return {"total": len(ids), names.things: ids[: given[names.limit]]}
        if name == names.count:
            field = given["by"]
            values = [record[field] for record in self.records]
            return {value: values.count(value) for value in sorted(set(values))}
        if name == names.sum:
            rows = [self._record(one) for one in given["ids"]]
            missing = [one for one, row in zip(given["ids"], rows, strict=True) if row is None]
            if missing:
                return {"error": "not_found", "ids": missing}
            return {"field": given["field"], "total": sum(row[given["field"]] for row in rows if row)}
        if name not in (names.get, names.set):
            return {"error": "unavailable", "message": f"{name} is out of service."}
        record = self._record(given[names.id])
        if record is None:
            return {"error": "not_found", "message": f"There is no {names.thing} {given[names.id]}."}
        if name == names.set:
            record[names.choices[-1][0]] = given["value"]
            self.written += 1
        return deepcopy(record)

    def _record(self, name: str) -> Record | None:
        return next((record for record in self.records if record[self.names.id] == name), None)

    def _fits(self, record: Record, given: Mapping[str, Any]) -> bool:
        for field, value in given.items():
            if value is None or field == self.names.limit:
                continue
            if field.startswith(self.names.at_least):
                if record[field.removeprefix(self.names.at_least)] < value:
                    return False
            elif record[field] != value:
                return False
        return True


def _names(rng: np.random.Generator) -> Names:
    def one(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    thing, things = one(tuple(_THINGS.split(", "))).split()
    choices = [_CHOICES[at] for at in rng.permutation(len(_CHOICES))[:3]]
    numbers = [_NUMBERS[at] for at in rng.permutation(len(_NUMBERS))[:2]]
    return Names(
        thing=thing,
        things=things,
        id=one(("id", f"{thing}_id", "reference", "code")),
        choices=tuple((one(names), values) for names, values in choices),
        numbers=tuple((one(names), low, high) for names, low, high in numbers),
        find=f"{one(_FIND)}_{things}",
        get=f"{one(_GET)}_{thing}",
        set=f"{one(_SET)}_{thing}",
        count=f"{one(_COUNT)}_{things}",
        sum=f"{one(_SUM)}_{things}",
        at_least=one(("min_", "at_least_", "from_")),
        limit=one(("limit", "max_results", "top")),
    )


def _records(names: Names, rng: np.random.Generator) -> list[Record]:
    count = int(rng.integers(12, 31))
    numbers = rng.choice(9000, count, replace=False) + 1000
    return [
        {
            names.id: f"{names.thing[:2].upper()}-{number}",
            **{field: values[int(rng.integers(len(values)))] for field, values in names.choices},
            **{field: int(rng.integers(low, high + 1)) for field, low, high in names.numbers},
        }
        for number in sorted(numbers.tolist())
    ]


def _schemas(names: Names, rng: np.random.Generator) -> dict[str, tuple[str, Schema]]:
    """Tool -> (what it does, schema of its arguments), in an order of the draw."""
    text: Schema = {"type": "string", "minLength": 1}
    filters: dict[str, Schema] = {field: {"type": "string", "enum": list(values)} for field, values in names.choices}
    filters |= {f"{names.at_least}{field}": {"type": "integer", "minimum": 0} for field, _, _ in names.numbers}
    filters[names.limit] = {"type": "integer", "minimum": 1, "maximum": 50, "default": 50}
    field, values = names.choices[-1]
    known: dict[str, tuple[str, Schema]] = {
        names.find: (f"Ids of {names.things} that fit all of the given filters.", object_of({}, filters)),
        names.get: (f"Everything about one {names.thing}.", object_of({names.id: text})),
        names.set: (
            f"Change the {field} of one {names.thing}; gives the {names.thing} as it is then.",
            object_of({names.id: text, "value": {"type": "string", "enum": list(values)}}),
        ),
        names.count: (
            f"How many {names.things} there are for each value of a field.",
            object_of({"by": {"type": "string", "enum": [name for name, _ in names.choices]}}),
        ),
        names.sum: (
            f"The sum of a figure over some {names.things}.",
            object_of(
                {
                    "ids": {"type": "array", "items": text, "minItems": 1},
                    "field": {"type": "string", "enum": [name for name, _, _ in names.numbers]},
                }
            ),
        ),
    }
    for at in rng.permutation(len(_DISTRACTORS))[: int(rng.integers(1, 4))]:
        name, told, arguments = _DISTRACTORS[at]
        known[name] = (told, object_of({key: {"type": kind} for key, kind in arguments.items()}))
    order = list(known)
    return {order[at]: known[order[at]] for at in rng.permutation(len(order))}
