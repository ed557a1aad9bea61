"""An adapter as files that need nothing of Stillweb's: `web.py` is written into every one that uses it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from training.adapters.catalogue import Adapter

HERE = Path(__file__).parent
_WEB = "training.adapters.web"
_NOTE = "Written by `stillweb adapters` of Stillweb {}. It needs nothing of Stillweb's beside it."


class CannotWrite(Exception):
    """The message says which file and what to do."""


def files_of(adapter: Adapter) -> dict[str, str]:
    """What to write, by its path below the folder."""
    written = {}
    for ours, theirs in adapter.files:
        text = (HERE / ours).read_text("utf-8")
        written[theirs] = standalone(text) if ours.endswith(".py") else text
    return written


def standalone(text: str) -> str:
    """A module that imports names of `web.py`, with that module's code in the place of the import."""
    head, body = _split(text)
    web = _split((HERE / "web.py").read_text("utf-8"))[1]
    return f"{head}\n# {_NOTE.format(version('stillweb'))}\n\n{web}\n\n{body}"


def write(adapter: Adapter, folder: Path, *, force: bool = False) -> list[Path]:
    """Write its files; the paths. Raises CannotWrite for a file that is there and says something else."""
    wanted = {folder / name: text for name, text in files_of(adapter).items()}
    try:
        for path, text in wanted.items():
            if path.is_dir():
                raise CannotWrite(f"{path} is a folder. Choose another one to write to.")
            if path.exists() and not force and path.read_bytes() != text.encode():
                raise CannotWrite(f"{path} is there and says something else. Choose another folder, or add --force.")
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(path.name + ".part")
            part.write_text(text, "utf-8")
            part.replace(path)
    except OSError as error:
        raise CannotWrite(f"{error.filename} cannot be written: {error.strerror}. Choose another folder.") from error
    return list(wanted)


def as_text(adapters: Mapping[str, Adapter]) -> str:
    width = max(map(len, adapters)) + 2
    return "\n".join(
        f"{name:<{width}}{one.package.partition(' (')[0]:<20}{one.gives}" for name, one in adapters.items()
    )


def _split(text: str) -> tuple[str, str]:
    """The docstring, and the rest without `from __future__` and without what it imports of `web.py`.

    Annotations become types, not strings: inspect-ai loads a file without making a module known of it, and there
    dataclasses cannot look strings up.
    """
    first, *rest = ast.parse(text).body
    left_out = set(range(first.lineno, (first.end_lineno or 0) + 1))
    for node in rest:
        if isinstance(node, ast.ImportFrom) and node.module in ("__future__", _WEB):
            left_out |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = text.splitlines(keepends=True)
    kept = [line for number, line in enumerate(lines, 1) if number not in left_out]
    return "".join(lines[: first.end_lineno]), "".join(kept).strip("\n") + "\n"
