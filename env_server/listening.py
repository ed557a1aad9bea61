"""Where a server listens, and how several workers share it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SPREADS = sys.platform == "linux"
"""Whether the kernel spreads connections over all who listen at one port. Elsewhere SO_REUSEPORT means other things."""


class OwnSocket(socket.socket):
    """A bound socket that is pickled as its address: each worker that it is given to binds one of its own there.

    Workers that listen at one socket race for the connections that wait at it, and whoever wakes first takes all of
    them: a job that opens its connections at once would keep one worker busy and the others idle. Where each has a
    socket of its own, the kernel gives every connection to one of them by a hash of its two addresses.
    """

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _shared, (self.family, self.getsockname())


@contextmanager
def claimed(host: str, port: int) -> Iterator[None]:
    """A word to other servers of ours, for the time of a `with`: this address is taken. Raises OSError where one of
    them has said so before. Does nothing where the system has no such names.

    Two sockets that may reuse an address can both be bound to it for as long as neither listens, which takes seconds
    while indexes are opened; and kernels differ in what they let a second one do then.
    """
    with socket.socket(socket.AF_UNIX) as name:
        if SPREADS:
            name.bind(f"\0stillweb {host}:{port}")  # abstract: in no file system, and gone with the process
        yield


def shared_by_workers(bound: socket.socket) -> socket.socket:
    """For a socket that is bound and does not listen yet, one at the same address for workers in other processes.

    What is given is closed. The one returned holds the address while no worker does, and never listens itself. Raises
    OSError where somebody else has taken the address in between.
    """
    if not SPREADS:
        return bound
    family, address = bound.family, bound.getsockname()
    bound.close()
    one = _shared(family, address)
    # Without this, whoever starts before our workers listen would not be refused; one of ours would join them.
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return one


def _shared(family: int, address: Any) -> OwnSocket:
    one = OwnSocket(family)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(address)
    return one
