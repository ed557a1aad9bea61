"""A request that has been let in, as the steps behind access see it."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from env_server.addressing import Served
from env_server.dialects.dialect import Dialect
from env_server.weather.groups import NATIVE, RouteGroup, group_of


def canonical_of(scope: MutableMapping[str, Any], content_type: bytes, told: tuple[bytes, ...], body: bytes) -> bytes:
    """A request as the bytes that tell it from every other; `told` as in `Asking`."""
    path = scope["path"].encode("unicode_escape")  # a NUL in it would move the borders between these parts
    return b"\0".join((scope["method"].encode(), path, scope["query_string"], content_type, *told, body))


@dataclass(slots=True)
class Asking:
    """A request that has been let in, with what the steps behind access need of it."""

    scope: MutableMapping[str, Any]
    body: bytes
    served: Served
    dialect: Dialect | None
    content_type: bytes
    told: tuple[bytes, ...] = ()
    """What else changes its answer: see `front.py`."""
    _canonical: bytes = b""

    @property
    def name(self) -> str:
        return NATIVE if self.dialect is None else self.dialect.name

    @property
    def group(self) -> RouteGroup:
        return group_of(self.name, self.scope["path"], self.body)

    @property
    def canonical(self) -> bytes:
        """What the cache's key is made of, without snapshot and view."""
        if not self._canonical:  # an episode's call is asked for it three times
            self._canonical = canonical_of(self.scope, self.content_type, self.told, self.body)
        return self._canonical
