"""Whom a request is for: which snapshot and which dialect, from Host, path and authorization header alone.

    /s/NAME/e/ID/DIALECT/...   each part optional, in that order, and taken off
    Host of a vendor           that vendor's dialect, whatever the path
    Host of the corpus         the page at that address
    a path or key of one vendor at the root (`dialects/root.py`)

Where these do not tell, the application looks at the names of the parameters.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import overload
from urllib.parse import quote

from env_server.dialects.dialect import Dialect
from env_server.dialects.root import by_path
from env_server.errors import Problem

ORIGIN = "origin"
"""The dialect that answers with the pages themselves, at their own addresses."""


@dataclass(frozen=True, slots=True)
class Served:
    """What the front knows of a snapshot."""

    name: str
    snapshot_id: str
    content_id: str
    hosts: Container[str] = frozenset()
    """Hosts of its pages."""


@dataclass(frozen=True, slots=True)
class Address:
    served: Served
    path: str
    """Behind what was taken off, percent-decoded."""
    raw_path: bytes
    """The same as sent."""
    dialect: Dialect | None = None
    host: str = ""
    """For the dialect `origin`: the host whose page is asked for, with its port if one was given."""
    episode: str = ""
    """The id in the path."""


class Addresses:
    """Reads addresses. Not thread-safe; one per worker."""

    def __init__(self, snapshots: Mapping[str, Served], dialects: Mapping[str, Dialect]) -> None:
        self.snapshots = snapshots
        self._dialects = dialects
        self._default = next(iter(snapshots.values()))
        self._vendors = {host: (d, before) for d in dialects.values() for host, before in d.hosts.items()}
        self._native_hosts: dict[bytes, None] = {b"": None}

    def is_native(self, host: bytes) -> bool:
        """Whether a Host header is known to name this server, and no vendor's or page's."""
        return host in self._native_hosts

    def read(
        self, host: bytes, path: str, raw_path: bytes, key: str, *, page: str = "", only: str | None = None
    ) -> Address | Problem:
        """`key` is a value of `VENDOR_KEYS` or "".

        `page` is what a gateway says (X-Stillweb-Origin): `/`, `/s/NAME` or `/s/NAME/e/ID`. Whatever host is no
        vendor's then means a page of that host, and the path is the host's own. `only` is the dialect that has the
        port to itself.
        """
        if page:
            before = self._take_off(page, b"/")
            if isinstance(before, Problem):
                return before
            named = before.served if page.startswith("/s/") else None
            page_of = self._by_host(host, path, raw_path, named) or self._by_host(host, path, raw_path, self._default)
            return replace(page_of, episode=before.episode)
        if only is None and host not in self._native_hosts:
            found = self._by_host(host, path, raw_path, None)
            if found is not None:
                return found
        if only is None and path.startswith("/v1/"):  # most requests; no vendor's at the root
            return Address(self._default, path, raw_path)
        address = self._take_off(path, raw_path)
        if isinstance(address, Problem):
            return address
        served, path, raw_path, episode = address.served, address.path, address.raw_path, address.episode
        if only is not None:
            return Address(served, path, raw_path, self._dialects[only], episode=episode)
        dialect = self._dialects.get(path[1:].partition("/")[0])
        if dialect is not None and dialect.name != ORIGIN:
            rest = path[1 + len(dialect.name) :]
            return Address(served, rest or "/", _behind(raw_path, 1), dialect, episode=episode)
        name_at_root = by_path(path, key)
        dialect = self._dialects.get(name_at_root) if name_at_root else None
        return Address(served, path, raw_path, dialect, episode=episode)

    def _take_off(self, path: str, raw_path: bytes) -> Address | Problem:
        """A path without /s/NAME and /e/ID."""
        served = self._default
        if path.startswith("/s/"):
            name, _, rest = path[3:].partition("/")
            path, raw_path = "/" + rest, _behind(raw_path, 2)
            known = self.snapshots.get(name)
            if known is None:
                names = ", ".join(self.snapshots)
                return Problem(
                    404, "unknown_snapshot", f"No snapshot {name[:80]!r} is served here.", f"Served are: {names}."
                )
            served = known
        if path.startswith("/e/"):
            episode, _, rest = path[3:].partition("/")
            return Address(served, "/" + rest, _behind(raw_path, 2), episode=episode or "/")
        return Address(served, path, raw_path)

    @overload
    def _by_host(self, host: bytes, path: str, raw_path: bytes, wanted: None) -> Address | None: ...
    @overload
    def _by_host(self, host: bytes, path: str, raw_path: bytes, wanted: Served) -> Address: ...
    def _by_host(self, host: bytes, path: str, raw_path: bytes, wanted: Served | None) -> Address | None:
        """`wanted` is the snapshot to use, whatever the host; None asks for one that has pages of the host."""
        name = _host_name(host)
        vendor = self._vendors.get(name)
        if vendor is not None:
            dialect, before = vendor
            return Address(wanted or self._default, before + path, before.encode() + raw_path, dialect)
        local = _is_local(name)
        for served in [wanted] if wanted else self.snapshots.values():
            if wanted or (not local and name in served.hosts):
                return Address(served, path, raw_path, self._dialects[ORIGIN], host.decode("latin-1").lower())
        if len(self._native_hosts) < 1000 and len(host) < 300:  # a client that invents hosts must not fill the memory
            self._native_hosts[host] = None
        return None


def raw_path_of(scope: Mapping[str, object]) -> bytes:
    """The path as sent; servers that do not tell it get one that means the same."""
    raw = scope.get("raw_path")
    return raw if isinstance(raw, bytes) and raw else quote(str(scope["path"]), safe="/:@!$&'()*+,;=~").encode()


def _behind(raw_path: bytes, segments: int) -> bytes:
    """A raw path without its first segments; they may be escaped, so their length is not that of the decoded ones."""
    rest = raw_path.split(b"/", segments + 1)
    return b"/" + rest[segments + 1] if len(rest) > segments + 1 else b"/"


def _host_name(host: bytes) -> str:
    """Of a Host header, lower-case, without port and final dot."""
    name = host.decode("latin-1").lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0].rstrip(".")


def _is_local(name: str) -> bool:
    """Whether a name is that of a machine rather than of a site: localhost, a bare name, an address."""
    if "." not in name or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
