"""Where chance comes from: a number that depends on its name and on nothing else.

A generator that is asked for one number after another would give every later fault another number once an earlier one
is turned on. Here each number has a name (a seed, a request, what it decides), so that two runs which differ in one
fault share all other chances.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b

NUMBERS = 8
"""Numbers of one digest."""
_SCALE = 2.0**-52
_numbers = struct.Struct(f">{NUMBERS}Q").unpack


def base_of(seed: int, *names: bytes) -> bytes:
    """32 bytes to name numbers by. Different seeds or names (also `b"ab", b"c"` and `b"a", b"bc"`) give others."""
    digest = blake2b(b"%d" % seed, digest_size=32)
    for name in names:
        digest.update(b"|%d|" % len(name))
        digest.update(name)
    return digest.digest()


def unit(base: bytes, name: bytes) -> float:
    """A number in the open interval (0, 1), uniform over names: 52 bits of a BLAKE2b digest."""
    # Halfway between two steps, so that neither 0 nor 1 can come: logarithms are taken of it.
    return ((int.from_bytes(blake2b(base + name, digest_size=8).digest()) >> 12) + 0.5) * _SCALE


def raw_numbers(base: bytes, name: bytes) -> tuple[int, ...]:
    """Eight numbers of one name, for `unit_of` to make units of: one digest costs half of what eight bytes of it do."""
    return _numbers(blake2b(base + name).digest())


def unit_of(raw: int) -> float:
    """A raw number as one in the open interval (0, 1)."""
    return ((raw >> 12) + 0.5) * _SCALE


def pick(share: float, low: int, high: int) -> int:
    """The whole number from `low` to `high`, both included, that a number of (0, 1) stands for."""
    return low + int(share * (high - low + 1))


def choice(share: float, values: Sequence[int]) -> int:
    """The one of some values that a number of (0, 1) stands for."""
    return values[int(share * len(values))]
