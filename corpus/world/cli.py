"""`stillweb corpus world-truth`: what is true in a generated world, as JSON lines. Progress to stderr."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from corpus.cli import fail
from corpus.errors import BadSource, BuildRefused, CorpusError
from corpus.world.options import parse_options


def world_truth(
    world: Annotated[str, typer.Argument(help="The source that was built: world:seed=7,pages=5000")],
    out: Annotated[Path, typer.Option(help="File to write, one JSON object a line; beside the snapshot, never in it.")],
) -> None:
    """Write what the pages of a generated world are about, what they say where, and what was planted."""
    try:
        if not world.startswith("world:"):
            raise BadSource(f"{world} is no generated world.", "Name it as it was built: world:seed=7,pages=5000.")
        if out.exists():
            raise BuildRefused(f"{out} is there already.", "Choose another name, or remove it.")
        args = world.removeprefix("world:")
        parse_options(args)  # raises before a file is made
        counts: Counter[str] = Counter()
        part = out.with_name(out.name + ".part")
        with open(part, "wb") as file:
            for row in _rows(args):
                counts[row["row"]] += 1
                file.write(orjson.dumps(row) + b"\n")
        part.rename(out)
    except CorpusError as error:
        fail(error)
    print(", ".join(f"{count:,} {row}" for row, count in counts.items()))


def _rows(args: str) -> Iterator[dict[str, Any]]:
    from corpus.world.schema import RELATIONS
    from corpus.world.truth import entities, papers, places, statements, truth

    for relation in RELATIONS.values():
        yield {"row": "relation", **asdict(relation)}
    for entity in entities(args):
        yield {"row": "entity", **asdict(entity)}
    for statement in statements(args):
        yield {"row": "statement", **asdict(statement)}
    for planted in truth(args):
        yield {"row": "planted", **asdict(planted)}
    for place in places(args):
        yield {"row": "place", **asdict(place)}
    for paper in papers(args):
        yield {"row": "paper", **asdict(paper)}
