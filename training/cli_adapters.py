"""`stillweb adapters`: a thin verb over `training.adapters`. The list and the lines to stdout, paths to stderr."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer

from training.terminal import fail


def adapters(
    name: Annotated[str | None, typer.Argument(help="One of them; without it all are listed.")] = None,
    write: Annotated[Path | None, typer.Option(help="Folder to write the adapter's files to.")] = None,
    force: Annotated[bool, typer.Option(help="Write over files that say something else.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the trainers and evaluations that Stillweb has adapters for, with the lines each needs."""
    from training.adapters import bundling
    from training.adapters.catalogue import ADAPTERS, SERVE

    if name is None:
        if write is not None:
            fail("There are files for one adapter at a time: `stillweb adapters NAME --write FOLDER`.")
        every = [asdict(adapter) for adapter in ADAPTERS.values()]
        print(orjson.dumps(every, option=orjson.OPT_INDENT_2).decode() if as_json else bundling.as_text(ADAPTERS))
        return
    if name not in ADAPTERS:
        fail(f"There is no adapter {name[:60]!r}. There are {', '.join(ADAPTERS)}.")
    adapter = ADAPTERS[name]
    if write is not None:
        if not adapter.files:
            fail(f"{name} needs no file: `stillweb adapters {name}` shows its lines.")
        try:
            for path in bundling.write(adapter, write, force=force):
                print(path, file=sys.stderr)
        except bundling.CannotWrite as error:
            fail(str(error))
    if as_json:
        print(orjson.dumps(asdict(adapter), option=orjson.OPT_INDENT_2).decode())
        return
    if write is None:
        print(f"# {adapter.package}: {adapter.gives}")
        print(f"# server: {SERVE}\n")
        print(adapter.lines.strip())
        for trap in adapter.traps:
            print(f"\n- {trap}")
