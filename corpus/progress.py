"""How long work shows how far it is: a function that items pass through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Passes items on and shows how far it is; `corpus.cli.progress_bar` is one. `total` is None where nobody knows."""

    def __call__(self, items: Iterator[T], stage: str, total: int | None) -> Iterator[T]: ...


def silent(items: Iterator[T], stage: str, total: int | None) -> Iterator[T]:
    return items
