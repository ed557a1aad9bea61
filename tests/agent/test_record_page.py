"""docs/episode-record.md tells of every field of the record, and of no other schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from agent.records import Episode

PAGE = (Path(__file__).parent.parent.parent / "docs" / "episode-record.md").read_text("utf-8")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def fields_of(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, str]]:
    """(model, field) as they stand in JSON, of a model and all that it is made of."""
    seen.add(model)
    for name, field in model.model_fields.items():
        yield model.__name__, field.alias or name
        for part in models_in(field.annotation):
            if part not in seen:
                yield from fields_of(part, seen)


FIELDS = list(fields_of(Episode, set()))


@pytest.mark.parametrize(("model", "field"), FIELDS, ids=[".".join(pair) for pair in FIELDS])
def test_every_field_of_a_record_is_told_of(model: str, field: str) -> None:
    assert f"`{field}`" in PAGE


def test_the_page_and_the_record_name_one_schema() -> None:
    assert f"`{Episode.model_fields['schema_'].default}`" in PAGE
    assert len(FIELDS) > 80
