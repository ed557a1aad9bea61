"""What the application learns of a request beside HTTP, made from its address and kept for the next one like it.

Reading an address costs a hit from the cache a fifth of its time, and agents ask few addresses again and again. Kept
are those whose path is a route of a dialect as it stands; a path that holds a page's address or a query comes but once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from env_server.addressing import Address, Addresses
from env_server.dialects.dialect import Dialect
from env_server.dialects.root import SHARED_PATHS
from env_server.errors import Problem
from env_server.view import View

_KEPT = 1000
_KEPT_CHARS = 500
"""Of host and path together. Clients invent both, and must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Call:
    """Which snapshot, seen how, in which dialect. In scope["stillweb"]."""

    snapshot: str
    view: View
    dialect: Dialect | None = None
    key: str = ""
    """Which kind of vendor's key came along: a value of `VENDOR_KEYS`, or ""."""
    host: str = ""
    """For the dialect `origin`: the host whose page is asked for."""


@dataclass(frozen=True, slots=True)
class Called:
    """An address with all that follows from it alone."""

    address: Address
    call: Call
    episode: bytes
    """The id in the path."""
    told: tuple[bytes, ...] = ()
    """What of the address changes an answer: see `front.py`. The raw path, since some tell `%2F` from `/`."""

    def told_with(self, headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, ...]:
        """The same with the headers that the dialect declares."""
        dialect = self.call.dialect
        if dialect is None or not dialect.declared:
            return self.told
        declared = dialect.declared
        return (*self.told, *[name + b":" + value for name, value in headers if name in declared])


class Calls:
    """Reads addresses into calls under the view that nobody chose. Not thread-safe; one per worker."""

    def __init__(self, addresses: Addresses, view: View) -> None:
        self._addresses = addresses
        self._view = view
        self._native = {name: Call(name, view) for name in addresses.snapshots}
        self._kept: dict[tuple[bytes, str, bytes, str, str, str | None], Called] = {}

    def native(self, snapshot: str) -> Call:
        """The same object each time."""
        return self._native[snapshot]

    def read(self, host: bytes, path: str, raw_path: bytes, key: str, page: str, only: str | None) -> Called | Problem:
        """Arguments as of `Addresses.read`. Equal ones give equal calls, whatever came between."""
        known = (host, path, raw_path, key, page, only)
        called = self._kept.get(known)
        if called is None:
            address = self._addresses.read(host, path, raw_path, key, page=page, only=only)
            if isinstance(address, Problem):
                return address
            called = self._made(address, key)
            dialect = address.dialect
            repeats = address.path in SHARED_PATHS if dialect is None else address.path in dialect.exact
            if repeats and len(host) + len(path) + len(raw_path) + len(page) <= _KEPT_CHARS:
                if len(self._kept) >= _KEPT:
                    self._kept.clear()
                self._kept[known] = called
        return called

    def _made(self, address: Address, key: str) -> Called:
        name, dialect, episode = address.served.name, address.dialect, address.episode.encode()
        if dialect is None and address.path not in SHARED_PATHS:
            return Called(address, self._native[name], episode)
        call = Call(name, self._view, dialect, key, address.host)
        told = (key.encode(),) if dialect is None else (dialect.name.encode(), address.host.encode(), address.raw_path)
        return Called(address, call, episode, told)
