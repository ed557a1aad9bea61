"""Files of rows as JSON lines: written whole or not at all, read with every bad line named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

T = TypeVar("T")


def write_lines(lines: Iterable[bytes], path: Path, wrong: type[Exception]) -> int:
    """Write a file of lines, whole or not at all; returns how many. Raises `wrong`, and writes nothing, for none."""
    count = 0
    if path.is_dir():
        raise wrong(f"{path} is a folder. Name a file.")
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            for line in lines:
                file.write(line + b"\n")
                count += 1
        if not count:
            raise wrong(f"Not one row could be made for {path}. The counts say what was left out.")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def read_lines(path: Path, read: Callable[[bytes], T], wrong: type[Exception], page: str) -> Iterator[T]:
    """What `read` makes of each line, in the file's order. Raises `wrong`, which names the line and the page to see."""
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield read(line)
                except ValidationError as error:
                    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
                    where = ".".join(map(str, first["loc"])) or "the line"
                    # The cause would quote the answer.
                    raise wrong(f"{path}, line {number}: {where}: {first['msg']}. See {page}.") from None
    except OSError as error:
        raise wrong(f"{path} cannot be read: {error.strerror}. Check the path.") from error
